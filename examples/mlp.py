"""A multilayer perceptron learns what a single one cannot: XOR, and to tell two interleaved half-moons apart.

    python examples/mlp.py

Prints how many points it decides rightly, and writes a picture of both decisions and a summary.
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

SIZES = {"XOR": [2, 4, 1], "two moons": [2, 16, 16, 1]}


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The settings, all of which have defaults."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=500, help="steps of Adam, each on all points")
    parser.add_argument("--lr", type=float, default=0.02, help="learning rate")
    parser.add_argument("--seed", type=int, default=0, help="of the starting weights and of the moons")
    parser.add_argument("--out", type=Path, default=Path("out/mlp"), help="folder for what is written")
    parser.add_argument("--show", action="store_true", help="open the picture in a window, too")
    return parser.parse_args(argv)


def xor() -> tuple[np.ndarray, np.ndarray]:
    """The four inputs (4, 2), and as targets (4, 1) -1 for false and 1 for true."""
    return np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), np.array([[-1], [1], [1], [-1]], np.float32)


def two_moons(count: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points (count, 2) on two half-circles of radius 1, the second upside down and shifted into the first.

    noise is the standard deviation of what is added to both coordinates. Targets (count, 1) are -1 and 1.
    """
    second = np.arange(count) % 2 == 1
    angle = rng.uniform(0.0, math.pi, count)
    x = np.where(second, 1.0 - np.cos(angle), np.cos(angle))
    y = np.where(second, 0.5 - np.sin(angle), np.sin(angle))
    points = np.stack([x, y], axis=1) + noise * rng.standard_normal((count, 2))
    return points.astype(np.float32), np.where(second, 1.0, -1.0).astype(np.float32)[:, np.newaxis]


def train(model: nn.Module, points: np.ndarray, targets: np.ndarray, steps: int, lr: float) -> list[float]:
    """Learns the targets of the points; returns the loss before each step."""
    optimizer = optim.Adam(model.parameters(), lr)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.mse_loss(model(points), targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    if not math.isfinite(losses[-1]):
        raise ValueError(f"the loss is {losses[-1]}: the learning rate {lr} is too large")
    return losses


def answers(model: nn.Module, points: np.ndarray) -> np.ndarray:
    """The model's outputs as plain numbers; above 0 it decides for 1, below for -1."""
    return model(points).detach().numpy()


def run(settings: argparse.Namespace) -> dict[str, object]:
    """Trains a network on each of the two, writes the picture and the summary, and returns the summary."""
    if settings.steps < 1:
        raise ValueError(f"steps must be at least 1, got {settings.steps}")
    started = time.perf_counter()
    rng = np.random.default_rng(settings.seed)
    problems = {"XOR": xor(), "two moons": two_moons(200, noise=0.1, rng=rng)}
    figure = new_figure(16, 5.5, settings.show)
    axes = figure.subplots(1, 3)
    summary, losses = {}, {}
    for ax, (name, (points, targets)) in zip(axes, problems.items(), strict=False):
        model = nn.MLP(SIZES[name], nn.Tanh, output_activation=nn.Tanh, rng=rng)
        losses[name] = train(model, points, targets, settings.steps, settings.lr)
        accuracy = float(((answers(model, points) > 0) == (targets > 0)).mean())
        title = f"{name}: {accuracy:.0%} right\nlayers of {'-'.join(map(str, SIZES[name]))}"
        draw_regions(ax, lambda x, model=model: answers(model, x), points, targets, title)
        summary[name] = {"accuracy": accuracy, "loss": losses[name][-1], "points": len(points)}
        print(f"{name:9}  {accuracy:6.1%} of {len(points)} points right, mean squared error {losses[name][-1]:.2g}")
    draw_losses(axes[2], losses)

    summary["seconds"] = time.perf_counter() - started
    summary["settings"] = {name: getattr(settings, name) for name in ("steps", "lr", "seed")}
    settings.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(settings.out / "mlp.png", dpi=100)
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
