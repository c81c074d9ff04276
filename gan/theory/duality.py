"""The Wasserstein distance beside the JSD, and from both of its sides: what moving costs, and what a critic sees."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from minigrad.messages import shown

from ..data import Discrete, Normal
from .divergences import jsd
from .statement import Statement
from .transport import Transport, optimal_transport, wasserstein


@dataclasses.dataclass(frozen=True)
class ParallelLines:
    """Data on a vertical line, samples on another one at distance theta: what JSD and W1 make of it."""

    theta: np.ndarray
    divergence: np.ndarray
    distance: np.ndarray

    def statements(self) -> list[Statement]:
        """One distance says how far to go, the other one only that there is a way to go."""
        apart = self.theta != 0
        return [
            Statement.everywhere("two lines: W1 = |theta|", self.distance, abs(self.theta)),
            Statement("two lines: JSD = log 2, however near", self.divergence[apart].min(), np.log(2.0)),
            Statement("two lines: JSD = 0 if they are one", self.divergence[~apart].max(), 0.0),
        ]


def parallel_lines(theta: Sequence[float], points: int = 12) -> ParallelLines:
    """Both lines have the same number of points, all alike; theta has a 0 in it. It needs SciPy.

    Source: Arjovsky et al. 2017, example 1.
    """
    if 0.0 not in theta:
        raise ValueError("parallel_lines: theta must have a 0 in it, where the lines are one")
    height, mass = np.linspace(0.0, 1.0, points), np.full(points, 1.0 / points)
    divergences, distances = [], []
    for shift in theta:
        lines = np.array([[place, y] for place in (0.0, shift) for y in height])
        _, which = np.unique(lines, axis=0, return_inverse=True)
        p, q = (np.bincount(half, mass, minlength=which.max() + 1) for half in (which[:points], which[points:]))
        divergences.append(jsd(p, q))
        distances.append(optimal_transport(mass, lines[:points], mass, lines[points:]).distance)
    return ParallelLines(np.array(theta, float), np.array(divergences), np.array(distances))


@dataclasses.dataclass(frozen=True)
class Duality:
    """One distance in three ways: the cheapest plan, the best potential, and an integral over quantiles."""

    p: Discrete
    q: Discrete
    transport: Transport
    by_quantiles: float

    @property
    def steepest(self) -> float:
        """The largest slope of the potential between any two points."""
        x = np.concatenate([self.p.values, self.q.values])
        f = np.concatenate([self.transport.potential_p, self.transport.potential_q])
        apart = abs(x[:, None] - x)
        return float((abs(f[:, None] - f)[apart > 0] / apart[apart > 0]).max())

    def statements(self) -> list[Statement]:
        """Kantorovich and Rubinstein: what the best critic sees is what the cheapest plan costs."""
        taken, brought = self.transport.plan.sum(axis=1), self.transport.plan.sum(axis=0)
        moved = max(abs(taken - self.p.probabilities).max(), abs(brought - self.q.probabilities).max())
        return [
            Statement("W1: cheapest plan = best potential", self.transport.distance, self.transport.dual),
            Statement("W1: cheapest plan = integral over quantiles", self.transport.distance, self.by_quantiles),
            Statement("W1: the plan takes p to q", moved, 0.0),
            Statement("W1: the potential's slope is 1 at most", self.steepest, 1.0, "<="),
        ]


def three_ways(p: Discrete, q: Discrete) -> Duality:
    """W1 between two discrete distributions on the line, in three ways. It needs SciPy."""
    if not (isinstance(p, Discrete) and isinstance(q, Discrete)):
        raise TypeError(f"three_ways: p and q must be gan.data.Discrete, got {shown(p)} and {shown(q)}")
    solved = optimal_transport(p.probabilities, p.values, q.probabilities, q.values)
    return Duality(p, q, solved, wasserstein(p, q))


def wasserstein_of_normals(shift: float = 3.0) -> list[Statement]:
    """W1 of N(0, 1) and N(shift, 1), all of whose quantiles are apart by the shift."""
    return [Statement("W1 of N(0, 1), N(mu, 1) = |mu|", wasserstein(Normal(), Normal(shift)), abs(shift))]
