"""What an objective is: a loss for each of two players."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from minigrad import Tensor


@dataclasses.dataclass(frozen=True)
class Objective:
    """The losses of a discriminator and a generator, both functions of the discriminator's outputs (logits)."""

    name: str
    discriminator_loss: Callable[[Tensor, Tensor], Tensor]
    generator_loss: Callable[[Tensor], Tensor]
