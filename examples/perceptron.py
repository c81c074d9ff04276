"""A perceptron learns OR, and cannot learn XOR: no straight line has XOR's ones on one side and its zeros on the other.

    python examples/perceptron.py

Prints what it answers for each of the four inputs, and writes a picture of both decisions and a summary.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

import numpy as np
from classifiers import Learned, accuracy, answers, check_loss, parse_arguments, run_example

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import nn, optim

INPUTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
TARGETS = {
    "OR": np.array([[0], [1], [1], [1]], np.float32),
    "XOR": np.array([[0], [1], [1], [0]], np.float32),
}


def train(model: nn.Module, targets: np.ndarray, steps: int, lr: float) -> list[float]:
    """Learns the targets of the four inputs; returns the loss before each step."""
    optimizer = optim.SGD(model.parameters(), lr)
    x, y, losses = mg.tensor(INPUTS), mg.tensor(targets), []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y, reduction="sum")
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    check_loss(losses[-1].item(), lr)
    return mg.stack(losses).tolist()


def learn(settings: argparse.Namespace) -> Iterator[Learned]:
    """Trains a perceptron on each of the two."""
    rng = np.random.default_rng(settings.seed)
    for name, targets in TARGETS.items():
        perceptron = nn.Perceptron(2, rng=rng)
        losses = train(perceptron, targets, settings.steps, settings.lr)
        outputs = answers(perceptron, INPUTS)
        print_answers(name, outputs, targets)
        note = f"outputs {outputs.min():.2f} to {outputs.max():.2f}"
        yield Learned(name, perceptron, INPUTS, targets, losses, note, {"outputs": outputs[:, 0].tolist()})


def print_answers(name: str, outputs: np.ndarray, targets: np.ndarray) -> None:
    """A line for each input."""
    print(f"{name}\nx1 x2  target  output  answer")
    for (x1, x2), (target,), (output,) in zip(INPUTS, targets, outputs, strict=True):
        verdict = "right" if (output > 0.5) == (target > 0.5) else "wrong"
        print(f"{x1:2.0f} {x2:2.0f}  {target:6.0f}  {output:6.3f}  {output > 0.5:2d} {verdict}")
    print(f"accuracy {accuracy(outputs, targets):.0%}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the example; returns 0, or 2 after one line about what was wrong with a setting."""
    helps = {"steps_help": "steps of gradient descent", "seed_help": "of the starting weights"}
    settings = parse_arguments(argv, __doc__, lr=0.2, out="out/perceptron", **helps)
    return run_example(settings, learn, "perceptron.png")


if __name__ == "__main__":
    sys.exit(main())
