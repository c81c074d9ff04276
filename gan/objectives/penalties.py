"""Penalties on the discriminator's slope, to be an objective's ``penalty``.

stable = dataclasses.replace(gan.objectives.named("non-saturating"), penalty=penalties.r1(10.0))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import minigrad as mg
from minigrad import Tensor, nn
from minigrad.backend import Array
from minigrad.messages import check_numbers


def r1(gamma: float) -> Callable[[nn.Module, Mapping[str, Array]], Tensor]:
    """gamma / 2 times the mean over the data of |ds/dx| ** 2, for logits s(x): D is to be flat where the data are.

    Source: Mescheder et al. 2018, equation 9.

    Raises:
        ValueError: when gamma is not above 0.
    """
    check_numbers("r1", gamma=gamma)
    if not gamma > 0:
        raise ValueError(f"r1: gamma must be above 0, got {gamma}")

    def penalty(discriminator: nn.Module, batch: Mapping[str, Array]) -> Tensor:
        real = mg.Tensor(batch["real"], requires_grad=True)
        (slope,) = mg.grad(discriminator(real).sum(), real, create_graph=True)
        return 0.5 * gamma * (slope**2).sum() / len(real)

    return penalty
