"""Interpolation and arithmetic with the noise of a DCGAN: bold 3 - thin 3 + thin 5 = bold 5.

    python examples/dcgan.py
    python examples/latent.py

Takes what the first of these has learned; where there is nothing, it trains a small DCGAN itself. Writes the ways
between images, the sums, and walks along a direction of the noise, as pictures, and prints how often they come out
right. Source: Radford et al. 2016, sections 6.1 and 6.3.2, figures 4, 7 and 8.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import dcgan
import numpy as np
from PIL import Image

from gan.checkpoint import load_states
from gan.data.images import Images
from gan.judge import Classifier, cached_classifier
from gan.metrics import frechet_distance
from gan.models.dcgan import Generator
from gan.viz.images import between, grid, joined, text
from minigrad import set_backend
from minigrad.backend import add_backend_argument

CHECKPOINT = Path("out/dcgan/checkpoint.safetensors")
SMALL = ["--size", "16", "--steps", "1000"]  # a DCGAN that takes a minute
POOL = 4000  # noise vectors to choose from
SURE = 0.9  # the probability from which on an image counts as one of a class
EACH = 9  # the paper averages 3; see the table
PAIRS = 2000
REPEATS = 3  # of each sum, with other images


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The settings, all of which have defaults."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, help=f"of examples/dcgan.py (default: {CHECKPOINT})")
    parser.add_argument("--data-dir", type=Path, help="folder with MNIST's IDX files, if that is what it learned")
    parser.add_argument("--seed", type=int, default=0, help="of all random numbers (default: 0)")
    add_backend_argument(parser)
    parser.add_argument("--out", type=Path, default=Path("out/latent"), help="folder (default: out/latent)")
    return parser.parse_args(argv)


# ---------------------------------------------------------------- what was learned


def find_checkpoint(settings: argparse.Namespace) -> Path:
    """The checkpoint that was asked for, or that of the DCGAN example, or one of a small DCGAN that is trained here."""
    chosen = settings.checkpoint or CHECKPOINT
    if chosen.exists():
        return chosen
    if settings.checkpoint:
        raise FileNotFoundError(f"there is no {chosen}; `python examples/dcgan.py` makes {CHECKPOINT}")
    small = settings.out / "dcgan"
    if not (small / "summary.json").exists():  # which is the last thing to be written
        print(f"There is no {chosen}, so a small DCGAN is trained first, which takes about a minute.")
        print("For better images run `python examples/dcgan.py`, which takes about five, and then this again.")
        resume = ["--resume"] if (small / chosen.name).exists() else []
        dcgan.run(dcgan.parse_arguments([*SMALL, "--out", str(small), *resume]))
    return small / chosen.name


@dataclasses.dataclass(frozen=True)
class Model:
    """A generator, images of the kind that it learned from, and their classifier."""

    generator: Generator
    data: Images
    classifier: Classifier

    def generate(self, noise: np.ndarray) -> np.ndarray:
        """Images (n, c, h, w) of noise (n, noise_size)."""
        return self.generator.draw(noise.astype(np.float32))


def load_model(path: Path, settings: argparse.Namespace) -> Model:
    """What a checkpoint of the DCGAN example is of: the averaged generator, in eval mode.

    Raises:
        ValueError: when it is another checkpoint.
    """
    states = load_states(path)
    if not {"settings", "average"} <= states.keys():
        raise ValueError(f"{path} is no checkpoint of examples/dcgan.py: it has {', '.join(states)}")
    learned = argparse.Namespace(**states["settings"], data_dir=settings.data_dir)
    data = dcgan.load_data(learned)
    generator = Generator(learned.size, data.shape[0], learned.width).eval()
    generator.load_state_dict(states["average"]["network"])
    # dcgan.py keeps its classifier there
    return Model(generator, data, cached_classifier(data, path.parent.parent / "classifiers"))


# ---------------------------------------------------------------- from one image to another


def straight(start: np.ndarray, end: np.ndarray, steps: int) -> np.ndarray:
    """The straight way from each row of start to that of end, as ``between`` is the way on the sphere."""
    return start[:, None] + np.linspace(0.0, 1.0, steps)[:, None] * (end - start)[:, None]


WAYS = {"straight": straight, "on the sphere": between}


def halfway(model: Model, rng: np.random.Generator) -> dict[str, dict[str, float]]:
    """What the images halfway between two others are like, on either way, beside those that they lie between.

    Normal noise of 100 numbers has a length near 10 (the square root of 100), nearly always between 8 and 12. Halfway
    on the straight way it is 7, where the generator has never been: the contrast fades, and parts of the image with it.
    """
    start, end = rng.standard_normal((2, PAIRS, model.generator.noise_size))
    noises = {"at the ends": start} | {name: way(start, end, 3)[:, 1] for name, way in WAYS.items()}
    real = model.classifier.look(model.data.sample(PAIRS, rng))[0]
    rows = {}
    for name, noise in noises.items():
        images = model.generate(noise)
        rows[name] = {
            "length": float(np.linalg.norm(noise, axis=1).mean()),
            "white": float(ink(images).mean()),
            "frechet": frechet_distance(model.classifier.look(images)[0], real),
        }
    return rows


def draw_ways(model: Model, pool: Pool, rng: np.random.Generator, pairs: int = 3, steps: int = 9) -> Image.Image:
    """Both ways between the same images; above each image the length of its noise."""
    start, end = pool.draw_sure(pairs, rng), pool.draw_sure(pairs, rng)
    pictures = []
    for name, way in WAYS.items():
        noise = way(start, end, steps).reshape(pairs * steps, -1)
        lengths = [f"{length:.1f}" for length in np.linalg.norm(noise, axis=1)]
        pictures += [text(f"{name}, and the length of the noise"), grid(model.generate(noise), steps, labels=lengths)]
    return joined(pictures, down=True)


# ---------------------------------------------------------------- attributes


def ink(images: np.ndarray) -> np.ndarray:
    """The share of white pixels of each image, (n,)."""
    return (images.mean(axis=1) > 0.0).mean(axis=(1, 2))


def slant(images: np.ndarray) -> np.ndarray:
    """How far what is white leans to the right for each unit of height, (n,): cov(x, y) / var(y)."""
    white = (images.mean(axis=1) > 0.0).astype(np.float64)
    height, width = white.shape[1:]
    white += 1e-9  # an image that is all black leans neither way
    white /= white.sum(axis=(1, 2), keepdims=True)
    y, x = np.arange(height)[::-1, None] + np.zeros(width), np.arange(width) + np.zeros((height, 1))
    x, y = (place - (white * place).sum(axis=(1, 2), keepdims=True) for place in (x, y))
    return (white * x * y).sum(axis=(1, 2)) / (white * y * y).sum(axis=(1, 2))


class Attribute(NamedTuple):
    """What images of one class differ in, and how it is measured."""

    little: str
    much: str
    measure: Callable[[np.ndarray], np.ndarray]


ATTRIBUTES = {"weight": Attribute("thin", "bold", ink), "slant": Attribute("left-leaning", "right-leaning", slant)}


class Pool(NamedTuple):
    """Noise (n, noise_size), its images, and their classes (n,): -1 where the classifier is not sure."""

    noise: np.ndarray
    images: np.ndarray
    classes: np.ndarray

    def draw_sure(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """n noise vectors out of those whose classes are sure, which make the better pictures."""
        return self.noise[rng.choice(np.flatnonzero(self.classes >= 0), n, replace=False)]


def draw_pool(model: Model, rng: np.random.Generator) -> Pool:
    """Noise to choose from: nobody said which noise is a bold 3, so one looks at what it becomes."""
    noise = rng.standard_normal((POOL, model.generator.noise_size))
    images = model.generate(noise)
    probabilities = model.classifier.look(images)[1]
    return Pool(noise, images, np.where(probabilities.max(axis=1) > SURE, probabilities.argmax(axis=1), -1))


class Members(NamedTuple):
    """Which images of the pool are of one class: the fifth that has least of an attribute, the most, and all."""

    least: np.ndarray
    most: np.ndarray
    all: np.ndarray


def members(pool: Pool, attribute: Attribute) -> dict[int, Members]:
    """Those of each class of which there are enough images.

    Raises:
        ValueError: when there are fewer than two such classes.
    """
    values, found = attribute.measure(pool.images), {}
    for label in range(pool.classes.max() + 1):
        (of_class,) = np.nonzero(pool.classes == label)
        fifth = len(of_class) // 5
        if fifth >= EACH:
            order = of_class[np.argsort(values[of_class])]
            found[label] = Members(order[:fifth], order[-fifth:], order)
    if len(found) < 2:
        raise ValueError(f"of {len(found)} classes there are images that the classifier is sure of; train for longer")
    return found


# ---------------------------------------------------------------- arithmetic


def draw_terms(
    first: dict[int, Members],
    second: dict[int, Members],
    pairs: Sequence[tuple[int, int]],
    n: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """For each pair A, B of classes n images that have most in the first's A, least there, least in the second's B.

    They are places in the pool, (pairs, 3, n).
    """
    groups = [(first[a].most, first[a].least, second[b].least) for a, b in pairs]
    return np.array([[rng.choice(group, n, replace=False) for group in three] for three in groups])


def arithmetic(source: np.ndarray, terms: np.ndarray) -> np.ndarray:
    """most A - least A + least B, each the mean of its images: of their noise, or of their pixels."""
    most_a, least_a, least_b = source[terms].mean(axis=2).swapaxes(0, 1)
    return most_a - least_a + least_b


def on_sphere(noise: np.ndarray) -> np.ndarray:
    """Noise (n, size) with the length sqrt(size), which normal noise has about.

    The sum of three means of n has variance 3/n in each number, which is right for the paper's n = 3 and for no other.
    """
    return noise * np.sqrt(noise.shape[-1]) / np.linalg.norm(noise, axis=-1, keepdims=True)


def try_arithmetic(
    model: Model, pool: Pool, attribute: Attribute, rng: np.random.Generator
) -> dict[str, dict[str, float]]:
    """How often the sums come out right, over all pairs of classes, and how often other sums do."""
    groups = members(pool, attribute)
    any_of = {label: Members(group.all, group.all, group.all) for label, group in groups.items()}
    pairs = [*itertools.permutations(groups, 2)] * REPEATS

    def from_noise(first: dict[int, Members], n: int) -> np.ndarray:
        return model.generate(on_sphere(arithmetic(pool.noise, draw_terms(first, groups, pairs, n, rng))))

    results = {f"noise, means of {n}": from_noise(groups, n) for n in (1, 3, EACH)}
    results[f"noise, any A - any A instead, means of {EACH}"] = from_noise(any_of, EACH)
    pixels = arithmetic(pool.images, draw_terms(groups, groups, pairs, EACH, rng))
    results[f"pixels, means of {EACH}"] = np.clip(pixels, -1.0, 1.0)
    values, wanted = attribute.measure(pool.images), np.array([b for _, b in pairs])
    border = {b: (values[group.least].mean() + values[group.most].mean()) / 2 for b, group in groups.items()}
    borders = np.array([border[b] for b in wanted])
    return {how: judge_results(model, images, attribute, wanted, borders) for how, images in results.items()}


def judge_results(
    model: Model, images: np.ndarray, attribute: Attribute, wanted: np.ndarray, borders: np.ndarray
) -> dict[str, float]:
    """Shares of the images that are of the wanted class, that have more of the attribute than the border, and of both.

    ``grey`` is the share of pixels that are neither black nor white, of which sharp images have few.
    """
    is_class = model.classifier.look(images)[1].argmax(axis=1) == wanted
    has_attribute = attribute.measure(images) > borders
    grey = np.abs(images) < 0.5
    shares = {"class": is_class, "attribute": has_attribute, "both": is_class & has_attribute, "grey": grey}
    return {name: float(share.mean()) for name, share in shares.items()}


def draw_arithmetic(model: Model, pool: Pool, attribute: Attribute, rng: np.random.Generator) -> Image.Image:
    """One sum: above the images that are averaged, below what the mean of their noise becomes, at the right the result.

    Around the result is what becomes of it with a little more noise, uniform within 0.25, as in the paper's figure 7.
    """
    groups = members(pool, attribute)
    a, b = rng.choice([*groups], 2, replace=False)
    terms = draw_terms(groups, groups, [(a, b)], EACH, rng)
    around = on_sphere(arithmetic(pool.noise, terms)) + rng.uniform(-0.25, 0.25, (9, pool.noise.shape[1]))
    around[4] = on_sphere(arithmetic(pool.noise, terms))[0]
    means = model.generate(on_sphere(pool.noise[terms[0]].mean(axis=1)))
    zoom = max(1, 32 // model.data.shape[-1])
    class_a, class_b = model.data.classes[a], model.data.classes[b]
    names = (f"{attribute.much} {class_a}", f"{attribute.little} {class_a}", f"{attribute.little} {class_b}")
    boxes = [
        joined([text(name), grid(pool.images[chosen], 3, zoom=zoom), grid(mean[None], zoom=3 * zoom)], down=True)
        for name, chosen, mean in zip(names, terms[0], means, strict=True)
    ]
    result = joined([text(f"{attribute.much} {class_b}?"), grid(model.generate(around), 3, zoom=2 * zoom)], down=True)
    minus, plus, equals = (text(sign, 24) for sign in "-+=")
    return joined([boxes[0], minus, boxes[1], plus, boxes[2], equals, result])


# ---------------------------------------------------------------- a direction


def direction(pool: Pool, attribute: Attribute) -> np.ndarray:
    """The unit vector from little to much of an attribute: the mean over the classes of most - least."""
    groups = members(pool, attribute).values()
    mean = np.mean([pool.noise[g.most].mean(axis=0) - pool.noise[g.least].mean(axis=0) for g in groups], axis=0)
    return mean / np.linalg.norm(mean)


def walk(noise: np.ndarray, along: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Noise (n, size) moved by each of the steps, in standard deviations of the noise: (n, len(steps), size)."""
    return noise[:, None] + steps[:, None] * along


def try_walk(model: Model, pool: Pool, attribute: Attribute, rng: np.random.Generator) -> list[dict[str, float]]:
    """What new images become on the way: the mean of the attribute, and how many are still of the class they were."""
    noise = rng.standard_normal((PAIRS // 4, model.generator.noise_size))
    before = model.classifier.look(model.generate(noise))[1].argmax(axis=1)
    rows = []
    for step in np.linspace(-2.0, 2.0, 5):
        images = model.generate(walk(noise, direction(pool, attribute), np.array([step]))[:, 0])
        kept = model.classifier.look(images)[1].argmax(axis=1) == before
        rows.append({"step": step, "mean": float(attribute.measure(images).mean()), "kept": float(kept.mean())})
    return rows


def draw_walks(model: Model, pool: Pool, attribute: Attribute, rng: np.random.Generator, rows: int = 3) -> Image.Image:
    """Some new images on the way, from little to much of the attribute; above each image how much it has."""
    steps = np.linspace(-2.0, 2.0, 9)
    noise = walk(pool.draw_sure(rows, rng), direction(pool, attribute), steps)
    images = model.generate(noise.reshape(rows * len(steps), -1))
    labels = [f"{value:.2f}" for value in attribute.measure(images)]
    heading = f"from {attribute.little} to {attribute.much}: {attribute.measure.__name__}"
    return joined([text(heading), grid(images, len(steps), labels=labels)], down=True)


# ---------------------------------------------------------------- all of it


def report(summary: dict) -> None:
    """Prints the figures as tables."""
    print("\nHalfway between two images         length of noise    white pixels    Frechet distance")
    for name, row in summary["halfway"].items():
        print(f"  {name:32s} {row['length']:15.1f} {row['white']:15.1%} {row['frechet']:19.1f}")
    for name, (little, much, measure) in ATTRIBUTES.items():
        print(f"\n{f'{much} A - {little} A + {little} B':54s} class B  {much:>13s}   both   grey pixels")
        for how, row in summary["arithmetic"][name].items():
            print(f"  {how:52s} {row['class']:7.0%} {row['attribute']:14.0%} {row['both']:6.0%} {row['grey']:13.0%}")
        print(f"\n{f'from {little} to {much}':40s} mean {measure.__name__}   class kept")
        for row in summary["walk"][name]:
            print(f"  moved by {row['step']:+.0f} {row['mean']:38.3f} {row['kept']:12.0%}")


def run(settings: argparse.Namespace) -> dict[str, object]:
    """Measures and draws everything, and returns the summary."""
    set_backend(settings.backend)
    checkpoint = find_checkpoint(settings)
    started = time.perf_counter()
    settings.out.mkdir(parents=True, exist_ok=True)
    model, rng = load_model(checkpoint, settings), np.random.default_rng(settings.seed)
    pool, attributes = draw_pool(model, rng), ATTRIBUTES.values()
    summary = {
        "checkpoint": str(checkpoint),
        "halfway": halfway(model, rng),
        "arithmetic": {name: try_arithmetic(model, pool, a, rng) for name, a in ATTRIBUTES.items()},
        "walk": {name: try_walk(model, pool, a, rng) for name, a in ATTRIBUTES.items()},
    }
    draw_ways(model, pool, rng).save(settings.out / "interpolation.png")
    joined([draw_arithmetic(model, pool, a, rng) for a in attributes], down=True).save(settings.out / "arithmetic.png")
    joined([draw_walks(model, pool, a, rng) for a in attributes], down=True).save(settings.out / "walk.png")
    summary |= {"seed": settings.seed, "seconds": time.perf_counter() - started}
    (settings.out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return summary


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the example; returns 0, or 2 after one line about what was wrong with a setting."""
    settings = parse_arguments(argv)
    try:
        summary = run(settings)
    except (ValueError, OSError, ImportError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    report(summary)
    print(f"\n{summary['seconds']:.0f} seconds; pictures and figures are in {settings.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
