"""A DCGAN learns to draw: glyphs from fonts as it comes, or handwritten digits.

    python examples/dcgan.py
    python examples/dcgan.py --data mnist --data-dir folder/with/the/idx/files

Writes grids from noise that stays the same, as pictures and as one animation, the way between images, samples, what a
classifier makes of them, the history, and a checkpoint from which --resume goes on.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

import gan
import minigrad as mg
from gan.averaging import WeightAverage
from gan.checkpoint import Settings, Stateful, load_checkpoint, save_checkpoint
from gan.data.digits import Digits
from gan.data.glyphs import Glyphs
from gan.data.images import Images
from gan.data.mnist import MNIST
from gan.judge import Verdict, cached_classifier, judge
from gan.models.dcgan import Discriminator, Generator
from gan.viz.images import grid, interpolation
from gan.viz.recording import Recording
from minigrad import optim

STEPS = {"glyphs": 2200, "mnist": 4500, "digits": 2200}
PICTURES = 40  # of the animation
SHOWN = 64  # images of a grid
JUDGED = 2000  # images


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The settings, all of which have defaults."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--data", choices=STEPS, default="glyphs", help="what to learn")
    parser.add_argument("--data-dir", type=Path, help="folder with MNIST's IDX files; without one they are downloaded")
    parser.add_argument("--size", type=int, default=32, help="pixels of a side: 16, 32 or 64")
    parser.add_argument("--width", type=int, default=32, help="channels where the image has half its size")
    parser.add_argument("--steps", type=int, help=f"rounds (default: {STEPS})")
    parser.add_argument("--batch", type=int, default=32, help="images in a minibatch")
    parser.add_argument("--lr", type=float, default=1e-3, help="learning rate of both players, which falls to 0")
    parser.add_argument("--seed", type=int, default=0, help="of all random numbers")
    parser.add_argument("--out", type=Path, default=Path("out/dcgan"), help="folder for what is written")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in the folder")
    return parser.parse_args(argv)


def load_data(settings: argparse.Namespace) -> Images:
    """The images to learn from."""
    if settings.data == "mnist":
        return MNIST(settings.data_dir, size=settings.size)
    return Digits(settings.size) if settings.data == "digits" else Glyphs(size=settings.size)


class Training:
    """A game on image data, the average of the generator's weights, and what is looked at on the way."""

    def __init__(self, settings: argparse.Namespace):
        self.settings = settings
        self.rng = np.random.default_rng(settings.seed)
        self.data = load_data(settings)
        channels = self.data.shape[0]
        self.game = gan.two_player(
            Generator(settings.size, channels, settings.width, rng=self.rng),
            Discriminator(settings.size, channels, settings.width, rng=self.rng),
            optimizer=lambda params: optim.Adam(params, settings.lr, betas=(0.5, 0.999)),  # the paper's, section 4
            schedule=lambda optimizer: optim.CosineAnnealingLR(optimizer, settings.steps),
        )
        self.average = WeightAverage(self.game.generator)
        looking = np.random.default_rng(0)  # the same noise and images in each picture, whatever the seed
        self.noise = self.game.prior.sample(SHOWN, looking, self.game.noise_size)
        self.real = self.data.sample(SHOWN, looking)
        self.recording = Recording(grid(self.real))
        self.history = gan.History()

    def parts(self) -> dict[str, Stateful]:
        """What a checkpoint holds; the settings come first, so that others are refused before anything is changed."""
        settings = Settings(**{name: getattr(self.settings, name) for name in ("data", "size", "width")})
        return {"settings": settings, "game": self.game, "average": self.average}

    def run(self) -> None:
        """All rounds that are left; Ctrl-C ends it after a round, and the checkpoint is written all the same."""
        every = max(1, self.settings.steps // PICTURES)
        path = self.settings.out / "checkpoint.safetensors"
        if self.settings.resume:
            self.history = load_checkpoint(path, self.rng, **self.parts())
            done = max(0, len(self.history) - 1)
            self.recording.add(grid(self.generate(self.noise)), f"round {done}")  # the only one if no round is left

        def look(done: int, losses: Mapping[str, float]) -> dict[str, float] | None:
            if done:
                self.average.update()
            if done % every and done != self.settings.steps:
                return None
            self.recording.add(grid(self.generate(self.noise)), f"round {done}")
            return self.game.confidence()

        try:
            gan.train(
                self.game,
                self.data,
                self.settings.steps,
                batch_size=self.settings.batch,
                seed=self.rng,
                callback=look,
                history=self.history,
            )
        finally:
            save_checkpoint(path, self.history, self.rng, **self.parts())

    def generate(self, noise: np.ndarray) -> np.ndarray:
        """What the average of the generators makes of noise."""
        with mg.no_grad():
            parts = [self.average.network(noise[i : i + 256]) for i in range(0, len(noise), 256)]
        return np.concatenate([part.numpy() for part in parts])


def write_pictures(training: Training) -> None:
    """The last grid, all of them as an animation, real images to compare with, and ways between images."""
    out, rng = training.settings.out, np.random.default_rng(1)
    training.recording.write_png(out / "final.png")
    training.recording.write_gif(out / "animation.gif", seconds_per_picture=0.2)
    training.recording.write_html(out / "animation.html", f"A DCGAN learns to draw: {training.settings.data}")
    grid(training.real).save(out / "real.png")
    ends = training.game.prior.sample(12, rng, training.game.noise_size)
    interpolation(training.generate, ends[:6], ends[6:]).save(out / "interpolation.png")


def judged(training: Training) -> Verdict:
    """What a classifier of the data makes of new images; they are saved, too."""
    rng = np.random.default_rng(2)
    images = training.generate(training.game.prior.sample(JUDGED, rng, training.game.noise_size))
    np.savez_compressed(training.settings.out / "samples.npz", images=images)
    classifier = cached_classifier(training.data, training.settings.out.parent / "classifiers")
    return judge(classifier, images, training.data.sample(2 * JUDGED, rng))


def run(settings: argparse.Namespace) -> dict[str, object]:
    """Trains, writes everything, and returns the summary."""
    started = time.perf_counter()
    settings.steps = STEPS[settings.data] if settings.steps is None else settings.steps
    for name in ("steps", "batch", "width"):
        if getattr(settings, name) < 1:
            raise ValueError(f"{name} must be at least 1, got {getattr(settings, name)}")
    settings.out.mkdir(parents=True, exist_ok=True)
    training = Training(settings)
    training.run()
    training.history.write_csv(settings.out / "history.csv")
    write_pictures(training)
    verdict = judged(training)
    summary = {
        **dataclasses.asdict(verdict),
        "rarest": verdict.rarest,
        "seconds": time.perf_counter() - started,
        "settings": {name: str(value) if isinstance(value, Path) else value for name, value in vars(settings).items()},
    }
    (settings.out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return summary


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the example; returns 0, or 2 after one line about what was wrong with a setting."""
    settings = parse_arguments(argv)
    try:
        summary = run(settings)
    except (ValueError, FloatingPointError, OSError, ImportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"stopped; --resume goes on from {settings.out / 'checkpoint.safetensors'}", file=sys.stderr)
        return 130
    score, real = summary["score"], summary["real_score"]
    print(f"classifier score: {score:.2f}, real images {real:.2f} ({score / real:.0%})")
    print(f"Frechet distance: {summary['frechet']:.1f}, real images {summary['real_frechet']:.1f}")
    print(f"rarest class:     {summary['rarest']:.1%}")
    print(f"{summary['seconds']:.0f} seconds; pictures and figures are in {settings.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
