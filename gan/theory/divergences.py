"""How far apart two distributions are: divergences, in nats where they are logarithms.

p and q are given as ``integrals`` says: distributions, functions, arrays on a grid x, or probabilities without a grid.
Where a density is 0, 0 log 0 counts as 0.
"""

from __future__ import annotations

import math

import numpy as np

from ..data import Discrete
from .integrals import Density, Pair, log_ratio, pair, weighted


def _kl(both: Pair) -> float:
    return both.integral(weighted(both.p, log_ratio(both.log_p, both.log_q)))


def kl(p: Density, q: Density, x: np.ndarray | None = None) -> float:
    """KL(p || q) = E_p log(p / q) in nats; infinite where p has mass and q has none."""
    return _kl(pair("kl", p, q, x))


def reverse_kl(p: Density, q: Density, x: np.ndarray | None = None) -> float:
    """KL(q || p) = E_q log(q / p) in nats; infinite where q has mass and p has none."""
    return _kl(pair("reverse_kl", q, p, x))


def jsd(p: Density, q: Density, x: np.ndarray | None = None) -> float:
    """The Jensen-Shannon divergence, KL(p || m) / 2 + KL(q || m) / 2 with m = (p + q) / 2, in nats: from 0 to log 2.

    Source: Lin 1991, with equal weights; Goodfellow et al. 2014, section 4.1.
    """
    both = pair("jsd", p, q, x)
    log_m = np.logaddexp(both.log_p, both.log_q) - np.log(2.0)
    halves = (Pair(log_density, log_m, both.weight, both.x) for log_density in (both.log_p, both.log_q))
    return 0.5 * sum(_kl(half) for half in halves)


def chi_square(p: Density, q: Density, x: np.ndarray | None = None) -> float:
    """Pearson's chi-square of p from q, the integral of (p - q) ** 2 / q; infinite where p has mass and q has none.

    It is infinite, too, where the ratio has no end: for normals, when p has nearly twice the variance of q, or more.

    Source: Pearson 1900, p observed and q expected. Nowozin et al. 2016, table 1, and Mao et al. 2017, section 3.2,
    divide by the density that they write first.
    """
    both = pair("chi_square", p, q, x, margin=5)
    ratio = squared_ratio(both)
    on_the_line = x is None and both.x is not None and not isinstance(p, Discrete)
    if on_the_line and max(ratio[0], ratio[-1]) > 1e-9 * ratio.max():
        return math.inf  # far beyond both distributions it has not come to an end
    return both.integral(ratio)


def squared_ratio(both: Pair) -> np.ndarray:
    """(p - q) ** 2 / q."""
    with np.errstate(over="ignore", invalid="ignore"):
        root = np.exp(both.log_p - 0.5 * both.log_q) - np.exp(0.5 * both.log_q)
        return np.where(both.log_p == -np.inf, both.q, root**2)


def total_variation(p: Density, q: Density, x: np.ndarray | None = None) -> float:
    """Half the integral of |p - q|: the largest difference of the two probabilities of one event, from 0 to 1.

    Its relative error is about 1e-5, for distributions: |p - q| has a corner where p = q.
    """
    both = pair("total_variation", p, q, x)
    return 0.5 * both.integral(abs(both.p - both.q))
