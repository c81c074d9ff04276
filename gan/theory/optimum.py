"""Where functions are highest, found from their slopes alone: what formulas for the best discriminator are held to."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import minigrad as mg
from minigrad import Tensor

from ..data import Distribution
from .discriminator import value


def highest(f: Callable[[Tensor], Tensor], shape: tuple[int, ...], low: float = 0.0, high: float = 1.0) -> np.ndarray:
    """Where a concave f is highest between low and high, for each element: halves the interval by the slope's sign."""
    low, high = np.full(shape, low), np.full(shape, high)
    for _ in range(52):  # one more might round to 1, where log(1 - y) is infinite
        middle = mg.Tensor(np.asarray(0.5 * (low + high)), requires_grad=True)
        rises = mg.grad(f(middle).sum(), middle)[0].data > 0
        low, high = np.where(rises, middle.data, low), np.where(rises, high, middle.data)
    return 0.5 * (low + high)


def highest_value(p: Distribution, q: Distribution, x: np.ndarray) -> float:
    """The most that V(D, G) can be, by the D that is best at each point of the grid x, found from V's slope alone."""
    of_p, of_q = p.density(x), q.density(x)
    best = highest(lambda d: of_p * mg.log(d) + of_q * mg.log(1.0 - d), x.shape)
    return value(of_p, of_q, best, x)
