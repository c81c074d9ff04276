"""Two distributions side by side: their densities at the same points, and what each point counts in an integral.

A distribution is given as one of gan.data's, as a function that returns densities, or as an array of densities on a
grid x. Without a grid, arrays are the probabilities of a discrete distribution, and integrals are sums. Densities are
kept as logarithms, which tell apart what is 0 from what is only too small for a float.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from minigrad.messages import shown

from ..data import Discrete, Distribution

Density = Distribution | Callable[[np.ndarray], np.ndarray] | np.ndarray

CELLS = 150  # across the support of each distribution


@dataclasses.dataclass(frozen=True)
class Pair:
    """The logarithms of the densities p and q at the same points, and each point's weight in an integral.

    x holds the points on the line, and is None for probabilities of things that have no place on it.
    """

    log_p: np.ndarray
    log_q: np.ndarray
    weight: np.ndarray
    x: np.ndarray | None

    @property
    def p(self) -> np.ndarray:
        """The densities of the first."""
        return np.exp(self.log_p)

    @property
    def q(self) -> np.ndarray:
        """The densities of the second."""
        return np.exp(self.log_q)

    def integral(self, f: np.ndarray) -> float:
        """The integral, or the sum, of f."""
        return float(weighted(self.weight, f).sum())


def pair(who: str, p: Density, q: Density, x: np.ndarray | None = None, *, margin: int = 0) -> Pair:
    """p and q at the points of the grid x, or at points that fit them both where no grid is given.

    Integrals on a grid are sums by the trapezoidal rule, and off by as much as a step where a density jumps. margin is
    that of ``quadrature``.

    Raises:
        TypeError: for what is neither a distribution nor a function nor an array of numbers.
        ValueError: for another grid than x, a grid that does not rise or does not hold a distribution's mass, for
            densities below 0, probabilities of different sums, and a discrete distribution beside one with a density.
    """
    discrete = isinstance(p, Discrete) and isinstance(q, Discrete)
    if discrete and x is not None:
        raise ValueError(f"{who}: discrete distributions need no grid")
    if discrete:
        x = np.union1d(p.values, q.values)
        weight = np.ones(x.shape)
    elif x is not None:
        x = points_of(who, x)
        if x.ndim != 1 or x.size < 2 or not np.isfinite(x).all() or not (np.diff(x) > 0).all():
            raise ValueError(f"{who}: the grid x must be finite numbers that rise, got an array of shape {x.shape}")
        steps = np.diff(x, prepend=x[0], append=x[-1])
        weight = 0.5 * (steps[1:] + steps[:-1])
    elif isinstance(p, Distribution) and isinstance(q, Distribution):
        x, weight = quadrature(p, q, margin=margin)
    logs = log_densities(who, p, q, x)
    if x is None and np.shape(p) != np.shape(q):
        raise ValueError(f"{who}: p has shape {np.shape(p)}, q has {np.shape(q)}; probabilities have the same")
    both = Pair(*logs, np.ones(logs[0].shape) if x is None else weight, x)
    _check_masses(who, p, q, both)
    return both


def _check_masses(who: str, p: Density, q: Density, both: Pair) -> None:
    """Raises ValueError for probabilities that do not sum to 1, a grid that misses mass, and infinite densities."""
    for name, given, log_density in (("p", p, both.log_p), ("q", q, both.log_q)):
        if np.isposinf(log_density).any():
            raise ValueError(f"{who}: {name} is infinite somewhere; gan.theory.GeneratedDistribution has its integrals")
        mass = both.integral(np.exp(log_density))
        if both.x is None and abs(mass - 1.0) > 1e-6:
            raise ValueError(f"{who}: {name} sums to {mass:.6g}; probabilities sum to 1, and densities need the grid x")
        if isinstance(given, Distribution) and abs(mass - 1.0) > 0.02:
            raise ValueError(
                f"{who}: {name} has the mass {mass:.3g} on the grid x, which must reach further or be finer"
            )


def quadrature(p: Distribution, q: Distribution, *, margin: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights for integrals over both: Gauss-Legendre points in cells that fit each of the two.

    The margin beyond both, in widths of both together, is for ratios such as p ** 2 / q, whose mass may lie there.
    """
    lows, highs = zip(p.support(), q.support(), strict=True)
    low, high = min(lows), max(highs)
    beyond = margin * (high - low)
    wide = np.linspace(low - beyond, high + beyond, (2 * margin + 1) * CELLS + 1)
    edges = np.unique(np.concatenate([p.grid(CELLS + 1), q.grid(CELLS + 1), wide]))
    nodes, weights = np.polynomial.legendre.leggauss(8)
    half = 0.5 * np.diff(edges)[:, None]
    return (edges[:-1, None] + half * (1.0 + nodes)).ravel(), (half * weights).ravel()


def points_of(who: str, x: np.ndarray) -> np.ndarray:
    """x as an array of floats; raises TypeError for what is not numbers."""
    points = np.asarray(x)
    if points.dtype.kind not in "fiu":
        raise TypeError(f"{who}: x must be an array of numbers, got {shown(x)}")
    return points if points.dtype.kind == "f" else points.astype(float)


def log_densities(who: str, p: Density, q: Density, x: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """log p and log q at x, in any order and of any shape; the errors are those of ``pair``."""
    if isinstance(p, Discrete) != isinstance(q, Discrete):
        raise ValueError(f"{who}: a discrete distribution has no density, and goes with another discrete one only")
    logs = [_log_density(who, name, density, x) for name, density in (("p", p), ("q", q))]
    try:
        return tuple(np.broadcast_arrays(*logs))
    except ValueError:
        raise ValueError(f"{who}: p has shape {logs[0].shape}, q has {logs[1].shape}") from None


def _log_density(who: str, name: str, density: Density, x: np.ndarray | None) -> np.ndarray:
    """The logarithm of one density at the points."""
    if isinstance(density, Distribution):
        if x is None:
            raise ValueError(f"{who}: {name} is a distribution; give another one beside it, or the points x")
        return density.log_density(x)
    if callable(density) and not isinstance(density, type):
        if x is None:
            raise ValueError(f"{who}: {name} is a function and needs the points x")
        density = density(x)
    values = np.asarray(density)
    if values.dtype.kind not in "fiub":
        raise TypeError(f"{who}: {name} is a distribution, a function of x or an array, got {shown(density)}")
    if x is not None and values.ndim and values.shape != x.shape:
        raise ValueError(f"{who}: {name} has shape {values.shape}, x has {x.shape}")
    if not (values >= 0).all():
        raise ValueError(f"{who}: {name} must be densities, 0 or more, got values down to {values.min():g}")
    with np.errstate(divide="ignore"):
        return np.log(values.astype(float))


def weighted(weight: np.ndarray, value: np.ndarray) -> np.ndarray:
    """weight * value, and 0 where the weight is 0, whatever the value."""
    with np.errstate(invalid="ignore"):
        return np.where(weight == 0, 0.0, weight * value)


def log_ratio(log_p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
    """log(p / q); where both are 0 it is no number, and weighs nothing."""
    with np.errstate(invalid="ignore"):
        return log_p - log_q
