"""A perceptron learns OR, and cannot learn XOR: no straight line has XOR's ones on one side and its zeros on the other.

    python examples/perceptron.py

Prints what it answers for each of the four inputs, and writes a picture of both decisions and a summary.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from decision_regions import draw_losses, draw_regions, new_figure

import minigrad.nn.functional as F
from minigrad import nn, optim

INPUTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
TARGETS = {
    "OR": np.array([[0], [1], [1], [1]], np.float32),
    "XOR": np.array([[0], [1], [1], [0]], np.float32),
}


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The settings, all of which have defaults."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=500, help="steps of gradient descent")
    parser.add_argument("--lr", type=float, default=0.2, help="learning rate")
    parser.add_argument("--seed", type=int, default=0, help="of the starting weights")
    parser.add_argument("--out", type=Path, default=Path("out/perceptron"), help="folder for what is written")
    parser.add_argument("--show", action="store_true", help="open the picture in a window, too")
    return parser.parse_args(argv)


def train(model: nn.Module, targets: np.ndarray, steps: int, lr: float) -> list[float]:
    """Learns the targets of the four inputs; returns the loss before each step."""
    optimizer = optim.SGD(model.parameters(), lr)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.mse_loss(model(INPUTS), targets, reduction="sum")
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    if not math.isfinite(losses[-1]):
        raise ValueError(f"the loss is {losses[-1]}: the learning rate {lr} is too large")
    return losses


def answers(model: nn.Module, inputs: np.ndarray) -> np.ndarray:
    """The model's outputs as plain numbers."""
    return model(inputs).detach().numpy()


def accuracy(outputs: np.ndarray, targets: np.ndarray) -> float:
    """The share of outputs that are on the right side of 0.5."""
    return float(((outputs > 0.5) == (targets > 0.5)).mean())


def print_answers(name: str, outputs: np.ndarray, targets: np.ndarray) -> None:
    """A line for each input."""
    print(f"{name}\nx1 x2  target  output  answer")
    for (x1, x2), (target,), (output,) in zip(INPUTS, targets, outputs, strict=True):
        verdict = "right" if (output > 0.5) == (target > 0.5) else "wrong"
        print(f"{x1:2.0f} {x2:2.0f}  {target:6.0f}  {output:6.3f}  {output > 0.5:2d} {verdict}")
    print(f"accuracy {accuracy(outputs, targets):.0%}\n")


def run(settings: argparse.Namespace) -> dict[str, object]:
    """Trains a perceptron on each of the two, writes the picture and the summary, and returns the summary."""
    if settings.steps < 1:
        raise ValueError(f"steps must be at least 1, got {settings.steps}")
    started = time.perf_counter()
    rng = np.random.default_rng(settings.seed)
    figure = new_figure(16, 5.5, settings.show)
    axes = figure.subplots(1, 3)
    summary, losses = {}, {}
    for ax, (name, targets) in zip(axes, TARGETS.items(), strict=False):
        perceptron = nn.Perceptron(2, rng=rng)
        losses[name] = train(perceptron, targets, settings.steps, settings.lr)
        outputs = answers(perceptron, INPUTS)
        print_answers(name, outputs, targets)
        right = accuracy(outputs, targets)
        title = f"{name}: {right:.0%} right\noutputs {outputs.min():.2f} to {outputs.max():.2f}"
        draw_regions(ax, lambda x, model=perceptron: answers(model, x), INPUTS, targets, title)
        summary[name] = {"accuracy": right, "loss": losses[name][-1], "outputs": outputs[:, 0].tolist()}
    draw_losses(axes[2], losses)

    summary["seconds"] = time.perf_counter() - started
    summary["settings"] = {name: getattr(settings, name) for name in ("steps", "lr", "seed")}
    settings.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(settings.out / "perceptron.png", dpi=100)
    (settings.out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return summary


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the example; returns 0, or 2 after one line about what was wrong with a setting."""
    settings = parse_arguments(argv)
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # a loss that is not finite has its own message
            run(settings)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"The picture and the figures are in {settings.out}")
    if settings.show:
        from matplotlib import pyplot

        pyplot.show()
    return 0


if __name__ == "__main__":
    sys.exit(main())
