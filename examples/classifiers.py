"""What perceptron.py and mlp.py share: the command line, and what is written about models that have learned."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from decision_regions import draw_losses, draw_regions, new_figure

import minigrad as mg
from minigrad import nn
from minigrad.backend import add_backend_argument


@dataclasses.dataclass(frozen=True)
class Learned:
    """A model after its training on points (N, 2) with targets (N, 1)."""

    name: str
    model: nn.Module
    points: np.ndarray
    targets: np.ndarray
    losses: list[float]  # before each step
    note: str  # below the title of its picture
    figures: dict[str, object]  # for the summary, besides accuracy and loss


def parse_arguments(
    argv: Sequence[str] | None, description: str, *, lr: float, out: str, steps_help: str, seed_help: str
) -> argparse.Namespace:
    """The settings, all of which have defaults."""
    parser = argparse.ArgumentParser(
        description=description.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=500, help=steps_help)
    parser.add_argument("--lr", type=float, default=lr, help="learning rate")
    parser.add_argument("--seed", type=int, default=0, help=seed_help)
    add_backend_argument(parser)
    parser.add_argument("--out", type=Path, default=Path(out), help="folder for what is written")
    parser.add_argument("--show", action="store_true", help="open the picture in a window, too")
    return parser.parse_args(argv)


def answers(model: nn.Module, points: np.ndarray) -> np.ndarray:
    """The model's outputs as plain numbers."""
    return model(mg.tensor(points)).detach().numpy()


def accuracy(outputs: np.ndarray, targets: np.ndarray) -> float:
    """The share of outputs that are on their target's side of halfway between the two targets."""
    halfway = (targets.min() + targets.max()) / 2
    return float(((outputs > halfway) == (targets > halfway)).mean())


def check_loss(loss: float, lr: float) -> None:
    """Raises ValueError where the loss is not finite."""
    if not math.isfinite(loss):
        raise ValueError(f"the loss is {loss}: the learning rate {lr} is too large")


def run_example(
    settings: argparse.Namespace, learn: Callable[[argparse.Namespace], Iterator[Learned]], picture: str
) -> int:
    """Learns, writes the picture and the summary; returns 0, or 2 after one line about a wrong setting."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # a loss that is not finite has its own message
            _learn_and_write(settings, learn, picture)
    except (ValueError, OSError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"The picture and the figures are in {settings.out}")
    if settings.show:
        from matplotlib import pyplot

        pyplot.show()
    return 0


def _learn_and_write(
    settings: argparse.Namespace, learn: Callable[[argparse.Namespace], Iterator[Learned]], picture: str
) -> None:
    """Draws the decision of each of two models and the losses of both, and sums them up."""
    if settings.steps < 1:
        raise ValueError(f"steps must be at least 1, got {settings.steps}")
    mg.set_backend(settings.backend)
    started = time.perf_counter()
    figure = new_figure(16, 5.5, settings.show)
    axes = figure.subplots(1, 3)
    summary, losses = {}, {}
    for ax, one in zip(axes, learn(settings), strict=False):
        model = functools.partial(answers, one.model)
        right = accuracy(model(one.points), one.targets)
        draw_regions(ax, model, one.points, one.targets, f"{one.name}: {right:.0%} right\n{one.note}")
        losses[one.name] = one.losses
        summary[one.name] = {"accuracy": right, "loss": one.losses[-1], **one.figures}
    draw_losses(axes[2], losses)

    summary["seconds"] = time.perf_counter() - started
    summary["settings"] = {name: getattr(settings, name) for name in ("steps", "lr", "seed", "backend")}
    settings.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(settings.out / picture, dpi=100)
    (settings.out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
