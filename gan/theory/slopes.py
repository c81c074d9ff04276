"""What the generator's two losses go down, when D is as good as can be: one dies far from the data, the other grows.

With D* held fixed, the saturating loss E log(1 - D*) has the gradient of 2 JSD(p || q), and the non-saturating one,
-E log D*, that of KL(q || p) - 2 JSD(p || q). Source: Arjovsky and Bottou 2017, theorem 2.5, for the second.
"""

from __future__ import annotations

import dataclasses

import numpy as np

import minigrad as mg

from ..data import Normal
from ..objectives import Objective, named
from .integrals import quadrature
from .statement import Statement


@dataclasses.dataclass(frozen=True)
class GeneratorSlopes:
    """Slopes by mu for p = N(0, 1) and q = N(mu, std ** 2), at several rising mu, in nats per unit of x."""

    std: float
    mu: np.ndarray
    saturating: np.ndarray  # of the losses, by autodiff through the generator mu + z
    non_saturating: np.ndarray
    jsd: np.ndarray  # of 2 JSD and of KL(q || p) - 2 JSD, by integrals
    kl_minus_jsd: np.ndarray

    def statements(self) -> list[Statement]:
        """Which divergence each loss goes down, and what becomes of it far away; mu has to reach 6 or so."""
        return [
            Statement.everywhere("slope of the saturating loss = d(2 JSD)", self.saturating, self.jsd),
            Statement.everywhere(
                "slope of the non-saturating loss = d(KL(q||p) - 2 JSD)", self.non_saturating, self.kl_minus_jsd
            ),
            Statement("far away the saturating slope dies", self.saturating[-1], 0.1 * self.saturating.max(), "<"),
            Statement("far away the other one grows", 0.0, np.diff(self.non_saturating).min(), "<"),
        ]


def generator_slopes(mu: np.ndarray, std: float = 1.0) -> GeneratorSlopes:
    """The slopes of both losses at each mu, against those of the divergences that they are said to belong to.

    Samples have the standard deviation std. Where it is 1, KL(q || p) and KL(p || q) have the same slope.
    """
    losses = [[loss_slope(named(name), m, std) for m in mu] for name in ("saturating", "non-saturating")]
    return GeneratorSlopes(std, mu, *map(np.array, losses), *np.array([divergence_slopes(m, std) for m in mu]).T)


def loss_slope(objective: Objective, mu: float, std: float = 1.0) -> float:
    """dL_G/dmu for G(z) = mu + std z and z from N(0, 1), with D* for N(0, 1) against N(mu, std ** 2) held fixed."""
    z, weight = quadrature(Normal(), Normal(-mu / std, 1.0 / std))  # where samples are, and where the data are
    place = mg.Tensor(np.array(float(mu)), requires_grad=True)
    x = place + std * z
    logits = 0.5 * ((x - mu) / std) ** 2 + np.log(std) - 0.5 * x**2  # log p - log q
    # An objective takes a plain mean of samples; these are points of an integral, each with its own weight.
    (by_logit,) = mg.grad(objective.generator_loss(logits) * z.size, logits)
    return mg.grad(logits, place, by_logit.data * weight * Normal().density(z))[0].item()


def divergence_slopes(mu: float, std: float = 1.0) -> tuple[float, float]:
    """d/dmu of 2 JSD and of KL(q || p) - 2 JSD, as integrals of dq/dmu = (x - mu) q / std ** 2 times a logarithm."""
    p, q = Normal(), Normal(mu, std)
    x, weight = quadrature(p, q)
    by_mu = (x - mu) / std**2 * q.density(x) * weight
    log_p, log_q = p.log_density(x), q.log_density(x)
    jsd = by_mu @ (np.log(2.0) + log_q - np.logaddexp(log_p, log_q))
    return float(jsd), float(by_mu @ (log_q - log_p) - jsd)
