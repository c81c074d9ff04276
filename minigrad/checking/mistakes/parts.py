"""Mistakes in parts of a gradient: masks, forgotten uses, single entries, cross terms."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...autograd import _walk, enable_grad
from ...tensor import Tensor
from ..case import Case
from .shapes import spreads, widened


def mask_inverted(case: Case, i: int) -> str | None:
    """Two slopes, one on either side of a kink, and each where the other belongs."""
    for gs in zip(*(spreads(g, case.inputs[i].shape) for g in case.upstream), strict=True):
        g = np.array(gs)
        slopes = case.right(i)[0] / g[0]
        low, high = slopes.min(initial=np.inf), slopes.max(initial=-np.inf)
        is_low, is_high = (np.isclose(slopes, slope, rtol=1e-5, atol=1e-7) for slope in (low, high))
        two = not np.isclose(low, high, rtol=1e-3) and np.all(is_low | is_high | case.at_kink(i))
        if two and case.predicted(i, g * np.where(is_low, high, low)):
            return "The mask is inverted: the slope of one side of the kink is used on the other side."
    return None


def last_use(case: Case, i: int) -> str | None:
    """Some uses of the input counted and not others: assigned, where gradients have to be added up."""
    text = "{} of several uses of the input is counted; the gradients of all uses have to be added, not assigned."
    uses = _uses(case, i)
    if len(uses) > 1:
        for name, chosen in {"Only the first": uses[:1], "Only the last": uses[-1:]}.items():
            if case.predicted(i, sum(chosen)):
                return text.format(name)
        for n in range(len(uses)):
            if case.predicted(i, uses[n]) or case.predicted(i, sum(uses) - uses[n]):
                return text.format("Only a part")
    for word, kept in _kept_uses(case, i):
        weights = case.numeric[i].jacobian * kept
        if case.predicted(i, [(g.ravel() @ weights).reshape(case.inputs[i].shape) for g in case.upstream]):
            return text.format(f"Only the {word}")
    return None


def _kept_uses(case: Case, i: int) -> Iterator[tuple[str, np.ndarray]]:
    """Of the elements of the output that use an element of input i, the last or the first: a mask of the Jacobian.

    Those are single elements where each is a copy of one of the input, and else what has one index along an axis.
    """
    jacobian = case.numeric[i].jacobian
    if jacobian is None or not jacobian.size or next(widened(case, i), None):
        return
    used = jacobian != 0
    if used.sum(axis=0).max() < 2:
        return
    rows = np.arange(len(used))[:, None]
    if used.sum(axis=1).max() == 1:
        yield "last", rows == np.where(used, rows, -1).max(axis=0)
        yield "first", rows == np.where(used, rows, len(rows)).min(axis=0)
    elif used.sum(axis=0).min() > 1:
        for axis, n in enumerate(case.out.shape):
            index = np.indices(case.out.shape)[axis].reshape(-1, 1)
            yield "last", np.broadcast_to(index == n - 1, used.shape)
            yield "first", np.broadcast_to(index == 0, used.shape)


def _uses(case: Case, i: int) -> list[np.ndarray]:
    """What each use of input i sends back to it, in the order of use, for each upstream gradient.

    Empty where the function does not take tensors.
    """
    leaf = Tensor(case.inputs[i].copy(), requires_grad=True)
    try:
        with enable_grad():
            y = case.function(*case.inputs[:i], leaf, *case.inputs[i + 1 :])
            walks = [list(_walk({y: g}, None, (), record=False)) for g in case.upstream]  # and sets no .grad
    except Exception:  # a function of arrays alone: nothing is known of its uses
        return []
    arrived = [[sent for node, n, _, sent, _ in walk if node.args[n] is leaf] for walk in walks]
    return [np.array(use) for use in zip(*(reversed(uses) for uses in arrived), strict=True)]


def some_entries(case: Case, i: int) -> str | None:
    """Right, but for some entries."""
    if not case.comparable(i):
        return None
    wrong = case.wrong(i)
    if not np.any(np.abs(case.right(i)[0][~wrong]) > case.atol):  # zeros are right by chance
        return None
    zero = " They are zero there." if not np.any(np.array(case.given[i])[:, wrong]) else ""
    return f"Right at {wrong.size - wrong.sum()} of {wrong.size} entries, wrong at {_places(wrong)}.{zero}"


def _places(wrong: np.ndarray) -> str:
    """Where, in few words: whole rows or columns, or the first indices."""
    for axis in range(wrong.ndim) if wrong.ndim > 1 else ():
        lines = np.moveaxis(wrong, axis, 0).reshape(wrong.shape[axis], -1)
        if np.array_equal(lines.any(axis=1), lines.all(axis=1)):
            word = ("row", "column")[axis] if wrong.ndim == 2 else f"index along axis {axis}"
            return f"{word} {', '.join(str(n) for n in np.flatnonzero(lines.all(axis=1))[:6])}"
    indices = [str([int(n) for n in index]) for index in np.argwhere(wrong)]
    return ", ".join(indices[:6]) + (f" and {len(indices) - 6} more" if len(indices) > 6 else "")


def diagonal_only(case: Case, i: int) -> str | None:
    """Each entry made of one entry of g alone, where the function mixes them."""
    jacobian, x = case.numeric[i].jacobian, case.inputs[i]
    if jacobian is None or x.shape != case.out.shape or not case.comparable(i):
        return None
    mixed = jacobian - np.diag(np.diag(jacobian))
    local = case.given[i][-1]  # for g = 1
    elementwise = case.predicted(i, [local * g for g in case.upstream])
    if not elementwise or not np.abs(mixed).max(initial=0.0) > case.atol or np.allclose(local, 1.0):
        return None
    return (
        "The cross terms are missing: each entry uses its own entry of g alone, but an input of this function changes "
        "several outputs."
    )
