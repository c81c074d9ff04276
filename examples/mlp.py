"""A multilayer perceptron learns what a single one cannot: XOR, and to tell two interleaved half-moons apart.

    python examples/mlp.py

Prints how many points it decides rightly, and writes a picture of both decisions and a summary.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence

import numpy as np
from classifiers import Learned, accuracy, answers, check_loss, parse_arguments, run_example

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import nn, optim

SIZES = {"XOR": [2, 4, 1], "two moons": [2, 16, 16, 1]}


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
    x, y, losses = mg.tensor(points), mg.tensor(targets), []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    check_loss(losses[-1].item(), lr)
    return mg.stack(losses).tolist()


def learn(settings: argparse.Namespace) -> Iterator[Learned]:
    """Trains a network on each of the two."""
    rng = np.random.default_rng(settings.seed)
    problems = {"XOR": xor(), "two moons": two_moons(200, noise=0.1, rng=rng)}
    for name, (points, targets) in problems.items():
        model = nn.MLP(SIZES[name], nn.Tanh, output_activation=nn.Tanh, rng=rng)
        losses = train(model, points, targets, settings.steps, settings.lr)
        right = accuracy(answers(model, points), targets)
        print(f"{name:9}  {right:6.1%} of {len(points)} points right, mean squared error {losses[-1]:.2g}")
        note = f"layers of {'-'.join(map(str, SIZES[name]))}"
        yield Learned(name, model, points, targets, losses, note, {"points": len(points)})


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the example; returns 0, or 2 after one line about what was wrong with a setting."""
    helps = {"steps_help": "steps of Adam, each on all points", "seed_help": "of the starting weights and of the moons"}
    settings = parse_arguments(argv, __doc__, lr=0.02, out="out/mlp", **helps)
    return run_example(settings, learn, "mlp.png")


if __name__ == "__main__":
    sys.exit(main())
