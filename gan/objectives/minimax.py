"""The losses of the 2014 paper, written with logits s: D(x) = sigmoid(s(x)). All are in nats.

    V(D, G) = E log D(x) + E log(1 - D(G(z)))        Goodfellow et al. 2014, equation 1

With softplus(s) = log(1 + e ** s), log D = -softplus(-s) and log(1 - D) = -softplus(s), for any s without overflow.
"""

from __future__ import annotations

import minigrad.nn.functional as F
from minigrad import Tensor

from .objective import Objective


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """-V(D, G): what D makes small when it makes V large."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def saturating_loss(fake: Tensor) -> Tensor:
    """E log(1 - D(G(z))), the term of V that G has a part in. Flat where D is sure: its slope by s is -D."""
    return -F.softplus(fake).mean()


def non_saturating_loss(fake: Tensor) -> Tensor:
    """-E log D(G(z)), the paper's advice in section 3. Its slope by s is -(1 - D): steep where D is sure."""
    return F.softplus(-fake).mean()


saturating = Objective("saturating", discriminator_loss, saturating_loss)
non_saturating = Objective("non-saturating", discriminator_loss, non_saturating_loss)
