"""What an objective is: a loss for each of two players, and what else the discriminator is to keep small."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from minigrad import Tensor, nn
from minigrad.backend import Array


@dataclasses.dataclass(frozen=True)
class Objective:
    """The losses of a discriminator and a generator, both functions of the discriminator's outputs (logits).

    A penalty is a function of the discriminator and the batch, and is added to the discriminator's loss before the
    one backward pass.
    """

    name: str
    discriminator_loss: Callable[[Tensor, Tensor], Tensor]
    generator_loss: Callable[[Tensor], Tensor]
    penalty: Callable[[nn.Module, Mapping[str, Array]], Tensor] | None = None
