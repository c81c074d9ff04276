"""Mistakes with axes and places: sums, transposes, exchanges, shifts."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..case import Case, Change
from .shapes import broadcast_axes, subsets, widened


def not_summed(case: Case, i: int) -> str | None:
    """The gradient of the input as if it were as large as broadcasting makes it, or one row of that."""
    shape = case.inputs[i].shape
    for wide, gradients in widened(case, i):
        axes = broadcast_axes(shape, wide)
        along = f"axis {axes[0]}" if len(axes) == 1 else f"axes {', '.join(map(str, axes))}"
        if case.predicted(i, gradients):
            return (
                f"Not summed over {along}: the input is broadcast there and used several times, "
                "and each use sends a gradient back."
            )
        for n in (-1, 0):
            part = gradients
            for a in axes:
                part = part.take([n], axis=a + 1)
            if case.predicted(i, part.reshape(-1, *shape)):
                return (
                    f"Only the {'first' if n == 0 else 'last'} one along {along} is counted. The input is broadcast "
                    "there, and all of its uses must be added up."
                )
        for some in subsets(len(wide)):
            if some and set(some) < set(axes) and _is_sum(case, i, gradients, some):
                left = sorted(set(axes) - set(some))
                return f"Summed over some of the broadcast axes only: {left} of {list(axes)} are missing."
    return None


def _is_sum(case: Case, i: int, gradients: np.ndarray, axes: tuple[int, ...]) -> bool:
    """Whether what was given are the gradients summed over axes, with these kept in the shape or not."""
    axes = tuple(a + 1 for a in axes)
    return any(case.predicted(i, gradients.sum(axis=axes, keepdims=keep)) for keep in (False, True))


def wrong_axis(case: Case, i: int) -> str | None:
    """Right, if rows are columns for the rule; or a sum over other axes than those that are broadcast."""
    text = "A sum (or a copy) runs along the wrong axis."
    if case.repaired(i, lambda g, out, xs: (_turned(g), _turned(out), [_turned(x) for x in xs]), _turned):
        return text
    for axes in subsets(case.inputs[i].ndim):
        right, along = case.right(i), tuple(a + 1 for a in axes)
        summed = right.sum(axis=along, keepdims=True)
        differs = not np.allclose(right, right.mean(axis=along, keepdims=True))  # else a sum is only a factor
        if axes and differs and case.predicted(i, np.broadcast_to(summed, case.right(i).shape)):
            return f"Summed over axis {', '.join(map(str, axes))}, where nothing has to be summed."
    for wide, gradients in widened(case, i):
        axes = broadcast_axes(case.inputs[i].shape, wide)
        for others in subsets(len(wide)):
            if others and not set(others) <= set(axes) and _is_sum(case, i, gradients, others):
                return (
                    f"Summed over axis {', '.join(map(str, others))}, but it is axis {', '.join(map(str, axes))} "
                    "along which the input is broadcast."
                )
    return None


def _turned(x: Any) -> Any:
    return x.T if getattr(x, "ndim", 0) == 2 else x


def transposed(case: Case, i: int) -> str | None:
    """The right numbers with axes exchanged; or right, if a matrix that the rule uses is transposed."""
    if case.given[i] is not None:
        for axes in itertools.permutations(range(1, case.inputs[i].ndim + 1)):
            if case.predicted(i, case.right(i).transpose(0, *axes)):
                return "The gradient is transposed: the numbers are right, and axes are exchanged (rows and columns)."
    for change, what in _transpositions(case, i):
        if case.repaired(i, change):
            return f"A factor is transposed, or should be: the rule is right when {what} is transposed first."
    return None


def _transpositions(case: Case, i: int) -> Iterator[tuple[Change, str]]:
    if case.inputs[i].ndim == 2:  # and not a vector, for which that is a sum over the wrong axis
        yield lambda g, out, xs: (_turned(g), out, xs), "the upstream gradient"
    for j in case.checked:
        if case.inputs[j].ndim == 2:
            yield lambda g, out, xs, j=j: (g, out, [*xs[:j], xs[j].T, *xs[j + 1 :]]), f"{case.noun} {j}"


def swapped(case: Case, i: int) -> str | None:
    """The gradient of another input, which got that of this one or has at least the same shape."""
    for j in case.checked:
        if j == i or not case.predicted(i, case.right(j)):
            continue
        if case.given[j] is not None and case.explains(j, zip(case.given[j], case.right(i), strict=True)):
            return f"The gradients of {case.noun}s {min(i, j)} and {max(i, j)} are swapped."
        if case.inputs[i].shape == case.inputs[j].shape:
            return f"This is the gradient of {case.noun} {j}, and not that of {case.noun} {i}."
    return None


def shifted(case: Case, i: int) -> str | None:
    """The right gradients, one place further along an axis, with or without wrapping around."""
    text = "Shifted by one: each entry stands next to its place along axis {}."
    right = case.right(i)
    for axis in range(case.inputs[i].ndim) if case.comparable(i) else ():
        for by in (1, -1):
            rolled = np.roll(right, by, axis + 1)
            if case.predicted(i, rolled):
                return text.format(axis)
            kept = np.ones(right.shape[1:], dtype=bool)
            np.moveaxis(kept, axis, 0)[0 if by == 1 else -1] = False
            inside = np.where(kept, rolled, case.given[i])
            told = case.wrong(i) & kept & (rolled[0] != 0)  # where only a shift explains it
            if np.count_nonzero(told) > 1 and case.predicted(i, inside):
                return text.format(axis)
    for roll, what in _rolls(case):
        if case.repaired(i, roll):
            return f"Shifted by one: each entry uses a neighbour's entry of {what}."
    return None


def _rolls(case: Case) -> Iterator[tuple[Change, str]]:
    """Changes of the rule's arguments by which one of them is moved by one place."""
    for axis, by in itertools.product(range(case.out.ndim), (1, -1)):
        yield lambda g, out, xs, axis=axis, by=by: (np.roll(g, by, axis), out, xs), "the upstream gradient"
        yield lambda g, out, xs, axis=axis, by=by: (g, np.roll(out, by, axis), xs), "the output"
    for j, x in enumerate(case.inputs):
        for axis, by in itertools.product(range(getattr(x, "ndim", 0)), (1, -1)):
            yield (
                lambda g, out, xs, j=j, axis=axis, by=by: (g, out, [*xs[:j], np.roll(xs[j], by, axis), *xs[j + 1 :]]),
                f"{case.noun} {j}",
            )


def wrong_shape(case: Case, i: int) -> str | None:
    """Not the shape of the input, for no reason that is known."""
    given, shape = case.given[i], case.inputs[i].shape
    if given[0].shape == shape:
        return None
    text = f"The gradient has shape {given[0].shape}; it must have the shape of the input, {shape}."
    if given[0].size == case.inputs[i].size and case.predicted(i, case.right(i).reshape(-1, *given[0].shape)):
        text += " The numbers are right (was keepdims one too many?)."
    return text
