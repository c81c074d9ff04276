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
from gan.averaging import WeightAverage
from gan.checkpoint import Settings, Stateful, load_checkpoint, save_checkpoint
from gan.data.digits import Digits
from gan.data.glyphs import Glyphs
from gan.data.images import Images
from gan.data.mnist import MNIST
from gan.judge import Verdict, cached_classifier, judge
from gan.models.dcgan import Discriminator, Generator
from gan.training import Stopped
from gan.viz.images import grid, interpolation
from gan.viz.recording import Recording
from minigrad import optim, set_backend
from minigrad.backend import add_backend_argument

STEPS = {"glyphs": 2000, "mnist": 4500, "digits": 2000}
PICTURES = 40  # of the animation
MEASURED = 20  # rounds from one look at the discriminator to the next
SHOWN = 64  # images of a grid
JUDGED = 2000  # images
CHECKPOINT = "checkpoint.safetensors"


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The settings, all of which have defaults."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=STEPS, default="glyphs", help="what to learn (default: glyphs)")
    parser.add_argument("--data-dir", type=Path, help="folder with MNIST's IDX files; without one they are downloaded")
    parser.add_argument("--size", type=int, default=32, help="pixels of a side: 16, 32 or 64 (default: 32)")
    parser.add_argument("--width", type=int, default=32, help="channels at half the size (default: 32)")
    parser.add_argument("--steps", type=int, help=f"rounds (default: {_listed(STEPS)})")
    parser.add_argument("--batch", type=int, default=32, help="images in a minibatch (default: 32)")
    parser.add_argument("--lr", type=float, default=1e-3, help="learning rate, which falls to 0 (default: 0.001)")
    parser.add_argument("--seed", type=int, default=0, help="of all random numbers (default: 0)")
    add_backend_argument(parser)
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("out/dcgan"),
        help="folder (default: out/dcgan); the classifier is kept beside it",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on from the checkpoint in the folder; the animation is of what is left",
    )
    return parser.parse_args(argv)


def _listed(steps: Mapping[str, int]) -> str:
    return ", ".join(f"{number} for {name}" for name, number in steps.items())


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
        names = ("data", "size", "width", "steps", "batch", "lr", "seed")
        settings = Settings(**{name: getattr(self.settings, name) for name in names})
        return {"settings": settings, "game": self.game, "average": self.average}

    def run(self) -> None:
        """All rounds that are left; the checkpoint is written after Ctrl-C, too, unless it cuts a round short."""
        steps, every = self.settings.steps, max(1, self.settings.steps // PICTURES)
        if self.settings.resume:
            self.history = load_checkpoint(self.settings.out / CHECKPOINT, self.rng, **self.parts())
            done = max(0, len(self.history) - 1)
            self.recording.add(grid(self.generate(self.noise)), f"round {done}")  # the only one if no round is left

        def look(done: int, losses: Mapping[str, float]) -> dict[str, float] | None:
            if done:
                self.average.update()
            if done % every == 0 or done == steps:
                self.recording.add(grid(self.generate(self.noise)), f"round {done}")
            return self.game.confidence() if done % MEASURED == 0 or done == steps else None

        batch = self.settings.batch
        try:
            gan.train(self.game, self.data, steps, batch_size=batch, seed=self.rng, callback=look, history=self.history)
        except Stopped:
            self.save()
            raise
        self.save()

    def save(self) -> None:
        """Writes the checkpoint; only between two rounds, so that none is lost or played twice."""
        save_checkpoint(self.settings.out / CHECKPOINT, self.history, self.rng, **self.parts())

    def generate(self, noise: np.ndarray) -> np.ndarray:
        """What the average of the generators makes of noise."""
        return self.average.network.draw(noise)


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
    return judge(classifier, images, training.data, rng)


def run(settings: argparse.Namespace) -> dict[str, object]:
    """Trains, writes everything, and returns the summary."""
    started = time.perf_counter()
    settings.steps = STEPS[settings.data] if settings.steps is None else settings.steps
    for name in ("steps", "batch", "width"):
        if getattr(settings, name) < 1:
            raise ValueError(f"{name} must be at least 1, got {getattr(settings, name)}")
    set_backend(settings.backend)
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
    except (ValueError, FloatingPointError, OSError, ImportError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        path = settings.out / CHECKPOINT
        print("stopped" + (f"; --resume goes on from {path}" if path.exists() else ""), file=sys.stderr)
        return 130
    score, real = summary["score"], summary["real_score"]
    print(f"classifier score: {score:.2f}, real images {real:.2f} ({score / real:.0%})")
    print(f"Frechet distance: {summary['frechet']:.1f}, real images {summary['real_frechet']:.1f}")
    print(f"rarest class:     {summary['rarest']:.1%}")
    print(f"{summary['seconds']:.0f} seconds; pictures and figures are in {settings.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
