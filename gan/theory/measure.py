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
MARGIN = 5  # on either side of both, in widths of both together


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
        """The integral, or the sum, of f.

        Raises:
            ValueError: when it is not defined, as where both densities are infinite.
        """
        total = float(weighted(self.weight, f).sum())
        if np.isnan(total):
            raise ValueError("a density is infinite at a point; gan.theory.GeneratedDistribution integrates over such")
        return total


def pair(who: str, p: Density, q: Density, x: np.ndarray | None = None) -> Pair:
    """p and q at the points of the grid x, or at points that fit them both where no grid is given.

    Raises:
        TypeError: for what is neither a distribution nor a function nor an array of numbers.
        ValueError: for another grid than x, a grid that does not rise, densities below 0, and for a discrete
            distribution beside one that has a density.
    """
    discrete = [isinstance(d, Discrete) for d in (p, q)]
    if any(discrete) and (not all(discrete) or x is not None):
        raise ValueError(f"{who}: a discrete distribution goes with another one, and needs no grid")
    if all(discrete):
        x = np.union1d(p.values, q.values)
        weight = np.ones(x.shape)
    elif x is not None:
        x = np.asarray(x, float)
        if x.ndim != 1 or x.size < 2 or not (np.diff(x) > 0).all():
            raise ValueError(f"{who}: the grid x must be numbers that rise, got shape {x.shape}")
        steps = np.diff(x, prepend=x[0], append=x[-1])
        weight = 0.5 * (steps[1:] + steps[:-1])
    elif isinstance(p, Distribution) and isinstance(q, Distribution):
        x, weight = quadrature(p, q)
    logs = log_densities(who, p, q, x)
    return Pair(*logs, np.ones(logs[0].shape) if x is None else weight, x)


def quadrature(p: Distribution, q: Distribution) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights for integrals over both: Gauss-Legendre points in cells that fit each of the two.

    Beyond both there is a wide margin, for ratios such as p ** 2 / q, whose mass may lie there.
    """
    lows, highs = zip(p.support(), q.support(), strict=True)
    low, high = min(lows), max(highs)
    margin = MARGIN * (high - low)
    wide = np.linspace(low - margin, high + margin, (2 * MARGIN + 1) * CELLS + 1)
    edges = np.unique(np.concatenate([p.grid(CELLS + 1), q.grid(CELLS + 1), wide]))
    nodes, weights = np.polynomial.legendre.leggauss(8)
    half = 0.5 * np.diff(edges)[:, None]
    return (edges[:-1, None] + half * (1.0 + nodes)).ravel(), (half * weights).ravel()


def log_densities(who: str, p: Density, q: Density, x: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """log p and log q at x, in any order and of any shape."""
    return np.broadcast_arrays(_log_density(who, "p", p, x), _log_density(who, "q", q, x))


def _log_density(who: str, name: str, density: Density, x: np.ndarray | None) -> np.ndarray:
    """The logarithm of one density at the points."""
    if isinstance(density, Distribution):
        if x is None:
            raise ValueError(f"{who}: {name} is a distribution and needs the points x here")
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
        raise ValueError(f"{who}: {name} must be densities, which are 0 or more")
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
