"""Discriminators with other labels and other losses: which one is best, and what G then goes down."""

from __future__ import annotations

import dataclasses

import numpy as np

import minigrad as mg

from .divergences import squared_ratio
from .integrals import Density, Pair, log_ratio, pair
from .optimum import highest
from .statement import Statement


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
    """LSGAN with labels 1 for data and -1 for samples, of which G wants D to say 0; p and q as ``integrals`` says.

    L_D = E_p (D - 1) ** 2 / 2 + E_q (D + 1) ** 2 / 2 and C(G) = E_p D* ** 2 / 2 + E_q D* ** 2 / 2. Where neither has
    mass, D* is 0.

    Source: Mao et al. 2017, section 3.2.
    """
    both = pair("least_squares", p, q, x)
    log_sum = np.logaddexp(both.log_p, both.log_q)
    somewhere = log_sum > -np.inf
    of_p, of_q = (np.where(somewhere, np.exp(log_ratio(log, log_sum)), 0.5) for log in (both.log_p, both.log_q))
    d = highest(lambda y: -0.5 * of_p * (y - 1.0) ** 2 - 0.5 * of_q * (y + 1.0) ** 2, of_p.shape, -1.0, 1.0)
    criterion = both.integral((both.p + both.q) * d**2)
    double = Pair(both.log_q + np.log(2.0), log_sum, both.weight, both.x)
    return LeastSquares(both.x, d, of_p - of_q, criterion, both.integral(squared_ratio(double)))
