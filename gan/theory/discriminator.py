"""The best discriminator D*, the value V(D, G) of the game, and what the best D makes of it, C(G) = V(D*, G).

p is the density of the data and q that of the samples, given as ``integrals`` says. All values are in nats.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from minigrad import nn

from .integrals import Density, log_densities, log_ratio, pair, points_of, weighted

LOG_4 = 2.0 * math.log(2.0)


def optimal_logits(p: Density, q: Density, x: np.ndarray | None = None) -> np.ndarray:
    """log p - log q, the logits of D*, at each x, such as samples; 0 where both densities are 0."""
    return _log_odds("optimal_logits", p, q, x)


def optimal_discriminator(p: Density, q: Density, x: np.ndarray | None = None) -> np.ndarray:
    """D* = p / (p + q) at each x; 1/2 where both densities are 0, for want of a reason.

    Source: Goodfellow et al. 2014, proposition 1.
    """
    with np.errstate(invalid="ignore"):  # what is no number stays none
        return np.exp(-np.logaddexp(0.0, -_log_odds("optimal_discriminator", p, q, x)))


def _log_odds(who: str, p: Density, q: Density, x: np.ndarray | None) -> np.ndarray:
    log_p, log_q = log_densities(who, p, q, None if x is None else points_of(who, x))
    return np.where((log_p == -np.inf) & (log_q == -np.inf), 0.0, log_ratio(log_p, log_q))


def value(
    p: Density, q: Density, d: np.ndarray | Callable[[np.ndarray], np.ndarray], x: np.ndarray | None = None
) -> float:
    """V(D, G) = E_p log D + E_q log(1 - D), for the probabilities D = d at the points, or d as a function of them.

    Source: Goodfellow et al. 2014, equation 1.

    Raises:
        ValueError: when d has another shape than the points, or is not between 0 and 1.
    """
    both = pair("value", p, q, x)
    if isinstance(d, nn.Module):
        raise TypeError(
            "value: d must be probabilities at x, got a network; take gan.theory.GeneratedDistribution(...).value, or "
            "lambda x: minigrad.sigmoid(gan.theory.logits(network, x))"
        )
    if callable(d) and both.x is None:
        raise ValueError("value: d is a function and needs the points x")
    d = np.asarray(d(both.x) if callable(d) else d, float)
    if d.ndim and d.shape != both.weight.shape:
        raise ValueError(f"value: d has shape {d.shape}, the points have {both.weight.shape}")
    if not ((d >= 0) & (d <= 1)).all():
        raise ValueError("value: d must be probabilities, between 0 and 1")
    # D* rounds to 0 or 1 where one density is below 2e-16 of the other. A weight as small as that counts as 0.
    real = np.where((d == 0.0) & (both.p < 2e-16 * both.q), 0.0, both.p)
    fake = np.where((d == 1.0) & (both.q < 2e-16 * both.p), 0.0, both.q)
    with np.errstate(divide="ignore"):
        return both.integral(weighted(real, np.log(d)) + weighted(fake, np.log(1.0 - d)))


def best_value(p: Density, q: Density, x: np.ndarray | None = None) -> float:
    """C(G) = V(D*, G), the most that any D can reach: E_p log(p / (p + q)) + E_q log(q / (p + q)).

    Source: Goodfellow et al. 2014, equation 4.
    """
    both = pair("best_value", p, q, x)
    log_sum = np.logaddexp(both.log_p, both.log_q)
    log_d, log_not_d = log_ratio(both.log_p, log_sum), log_ratio(both.log_q, log_sum)
    return both.integral(weighted(both.p, log_d) + weighted(both.q, log_not_d))


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A mean of samples, and how far from the truth such a mean is, typically."""

    value: float
    standard_error: float


def sampled_value(real: np.ndarray, fake: np.ndarray) -> Estimate:
    """V(D, G) estimated from logits of D on samples of the data and on samples of G, of any shape.

    The standard error is the root of var / n of both means together.

    Raises:
        ValueError: when there are fewer than two of either.
    """
    terms = [-np.logaddexp(0.0, -np.asarray(real, float)), -np.logaddexp(0.0, np.asarray(fake, float))]
    if min(term.size for term in terms) < 2:
        raise ValueError("sampled_value: needs two samples or more of the data and of the generator")
    variance = sum(term.var(ddof=1) / term.size for term in terms)
    return Estimate(float(sum(term.mean() for term in terms)), math.sqrt(variance))
