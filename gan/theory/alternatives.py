"""Beyond the 2014 paper: smoothed labels, least squares, and the Wasserstein distance, each against its formula."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

import minigrad as mg
from minigrad.messages import shown

from ..data import Discrete, Normal
from .divergences import jsd, squared_ratio
from .measure import Density, Pair, log_ratio, pair
from .propositions import highest
from .statement import Statement
from .transport import Transport, optimal_transport, wasserstein


def smoothed_discriminator(p: np.ndarray, q: np.ndarray, alpha: float) -> np.ndarray:
    """The D that is best when data are labelled alpha instead of 1, for densities p and q: alpha p / (p + q).

    Source: Salimans et al. 2016, section 3.4, with samples labelled 0.

    Raises:
        ValueError: when alpha is not above 0, or above 1.
    """
    if not 0.0 < alpha <= 1.0:
        raise ValueError(f"smoothed_discriminator: alpha must be above 0 and at most 1, got {alpha}")
    return alpha * p / (p + q)


def label_smoothing(p: np.ndarray, q: np.ndarray, alpha: float = 0.9) -> list[Statement]:
    """The best D with smoothed labels, found from the slope of its cross-entropy alone, against the formula.

    p and q are densities above 0, the first of which are equal.
    """
    best = highest(lambda y: alpha * p * mg.log(y) + ((1.0 - alpha) * p + q) * mg.log(1.0 - y), p.shape)
    formula = smoothed_discriminator(p, q, alpha)
    return [
        Statement.everywhere(f"labels {alpha:g} and 0: D* = {alpha:g} p / (p + q)", best, formula, 1e-12),
        Statement("then D* is not 1/2 where p = q, but", best[0], 0.5 * alpha, "=", 1e-12),
    ]


@dataclasses.dataclass(frozen=True)
class LeastSquares:
    """What LSGAN's discriminator and criterion come to, at points x."""

    x: np.ndarray | None
    d: np.ndarray  # the best D, found from the slope of its loss
    formula: np.ndarray  # (p - q) / (p + q)
    criterion: float  # 2 C(G), at that D
    chi_square: float

    def statements(self) -> list[Statement]:
        """The best D, and the divergence that G then goes down."""
        return [
            Statement.everywhere("LSGAN: D* = (p - q) / (p + q)", self.d, self.formula),
            Statement("LSGAN: 2 C(G) = chi-square of 2q from p + q", self.criterion, self.chi_square),
        ]


def least_squares(p: Density, q: Density, x: np.ndarray | None = None) -> LeastSquares:
    """LSGAN with labels 1 for data and -1 for samples, of which G wants D to say 0; p and q as ``measure`` says.

    L_D = E_p (D - 1) ** 2 / 2 + E_q (D + 1) ** 2 / 2 and C(G) = E_p D* ** 2 / 2 + E_q D* ** 2 / 2. Where neither has
    mass, D* is 0.

    Source: Mao et al. 2017, section 3.2.
    """
    both = pair("least_squares", p, q, x)
    log_sum = np.logaddexp(both.log_p, both.log_q)
    share = np.exp(-np.logaddexp(0.0, np.where(log_sum == -np.inf, 0.0, log_ratio(both.log_q, both.log_p))))
    d = highest(lambda y: -0.5 * share * (y - 1.0) ** 2 - 0.5 * (1.0 - share) * (y + 1.0) ** 2, share.shape, -1.0, 1.0)
    total = both.p + both.q
    formula = (both.p - both.q) / np.where(total == 0.0, 1.0, total)
    double = Pair(both.log_q + np.log(2.0), log_sum, both.weight, both.x)
    return LeastSquares(both.x, d, formula, both.integral(total * d**2), both.integral(squared_ratio(double)))


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


def duality(p: Discrete, q: Discrete) -> Duality:
    """W1 between two discrete distributions on the line, in three ways. It needs SciPy."""
    if not (isinstance(p, Discrete) and isinstance(q, Discrete)):
        raise TypeError(f"duality: p and q must be gan.data.Discrete, got {shown(p)} and {shown(q)}")
    solved = optimal_transport(p.probabilities, p.values, q.probabilities, q.values)
    return Duality(p, q, solved, wasserstein(p, q))


def wasserstein_of_normals(shift: float = 3.0) -> list[Statement]:
    """W1 of N(0, 1) and N(shift, 1), all of whose quantiles are apart by the shift."""
    return [Statement("W1 of N(0, 1), N(mu, 1) = |mu|", wasserstein(Normal(), Normal(shift)), abs(shift))]
