"""Penalties on the discriminator's slope, to be an objective's ``penalty``.

stable = dataclasses.replace(gan.objectives.named("non-saturating"), penalty=penalties.r1(10.0))
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import minigrad as mg
from minigrad import Tensor, nn
from minigrad.backend import Array
from minigrad.messages import check_numbers


def r1(gamma: float) -> Callable[[nn.Module, Mapping[str, Array]], Tensor]:
    """gamma / 2 times the mean over the data of |ds/dx| ** 2, for logits s(x): D is to be flat where the data are.

    Source: Mescheder et al. 2018, equation 9.

    Raises:
        ValueError: when gamma is not above 0, and where the discriminator has batch normalisation: the slope at one
            point then depends on all others, and cannot be had from the slope of the sum.
    """
    check_numbers("r1", gamma=gamma)
    if not 0 < gamma < math.inf:
        raise ValueError(f"r1: gamma must be above 0, got {gamma}")

    def penalty(discriminator: nn.Module, batch: Mapping[str, Array]) -> Tensor:
        if any(isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) for module in discriminator.modules()):
            raise ValueError("r1: the discriminator has batch normalisation; use layer or instance normalisation")
        real = mg.Tensor(batch["real"], requires_grad=True)
        (slope,) = mg.grad(discriminator(real).sum(), real, create_graph=True)
        return 0.5 * gamma * (slope**2).sum() / len(real)

    return penalty
