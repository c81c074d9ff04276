"""What broadcasting does to shapes, for the hypotheses."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Iterator

import numpy as np

from ..case import Case, Numeric


def subsets(count: int) -> Iterator[tuple[int, ...]]:
    """All subsets of so many axes, the small ones first."""
    return itertools.chain.from_iterable(itertools.combinations(range(count), n) for n in range(count + 1))


def spreads(g: np.ndarray, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """All ways to bring g to a shape with nothing to multiply: reshaped, broadcast along new axes, or summed."""
    with contextlib.suppress(ValueError):
        if np.broadcast_shapes(shape, g.shape) == g.shape:
            yield unbroadcast(g, shape)
    for axes in subsets(len(shape)):
        kept = tuple(1 if axis in axes else n for axis, n in enumerate(shape))
        if math.prod(kept) == g.size:
            yield np.broadcast_to(g.reshape(kept), shape)


def unbroadcast(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """g summed along the axes in which it is wider than the shape: the adjoint of broadcasting."""
    return g.sum(axis=broadcast_axes(shape, g.shape), keepdims=True).reshape(shape)


def broadcast_axes(shape: tuple[int, ...], wide: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of the wide shape along which broadcasting repeats an array of the other shape."""
    extra = len(wide) - len(shape)
    return tuple(a for a, n in enumerate(wide) if a < extra or (shape[a - extra] == 1 and n != 1))


def widened(case: Case, i: int) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    """Shapes to which the function broadcasts input i, each with the gradients before they are summed."""
    x = case.inputs[i]
    given = [g.shape for g in case.given[i] or () if g.size > x.size]
    shapes = dict.fromkeys([case.out.shape, *(case.inputs[j].shape for j in case.checked), *given])
    for shape in shapes:
        try:
            wide = [*case.inputs[:i], np.broadcast_to(x, shape).copy(), *case.inputs[i + 1 :]]
            if shape == x.shape or not np.array_equal(case.f(*wide), case.out):
                continue
        except Exception:  # the function cannot be called so
            continue
        yield shape, Numeric(case.f, wide, i, case.upstream, case.eps).mean
