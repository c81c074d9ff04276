"""Losses: the number that reduces them is part of the formula, and so is the sum over all elements."""

from __future__ import annotations

import math
from collections.abc import Callable

from ..backend import Array, empty
from ..nn import functional as F
from . import broadcasting, sums
from .launching import is_ours, kernel


def _loss(name: str, formula: str) -> Callable[..., Array]:
    """A function of input and target, as those that F._elementwise_loss makes ops of."""
    of_each, total = kernel(f"{name}_of_each", "x, t", f"out = {formula}"), sums.over_all(name, "x, t", formula)

    def loss(x: Array, t: Array, *, reduction: str) -> Array:
        return of_each(x, t) if reduction == "none" else total(x, t, each=F._weight(reduction, x.size))

    return loss


_BY_MSE = kernel("by_mse", "x, t, g, weight", "out = g * weight * 2 * (x - t)")
_BY_L1 = kernel("by_l1", "x, t, g, weight", """
    T off = x - t
    out = g * weight * where(off > 0, T(1), where(off < 0, T(-1), off))
""")  # fmt: skip
_BY_BCE = kernel("by_bce", "x, t, g, weight", """
    T spread = x * (1 - x)
    out = g * weight * (x - t) / where(spread < T(1e-12), T(1e-12), spread)
""")  # fmt: skip
_BY_LOGITS = kernel("by_bce_with_logits", "x, t, g, weight", """
    T small = exp(-fabs(x))
    out = g * weight * (where(x >= 0, T(1), small) / (1 + small) - t)
""")  # fmt: skip


def _by_input(by: Callable[..., Array]) -> Callable[..., Array]:
    return lambda g, out, x, t, *, reduction: by(x, t, g, F._weight(reduction, x.size))


# ---------------------------------------------------------------- classes

_EXPS = broadcasting.sum_of("exps", "T x, T largest", "exp(x - largest)")
_SURPRISE = broadcasting.sum_of(
    "surprise", "T x, T t, T largest, T exps", "where(t == 0, T(0), t * (log(exps) - (x - largest)))"
)  # fmt: skip
_BY_CLASSES = broadcasting.kernel(
    "by_classes",
    "T g, T x, T t, T largest, T exps, T total, T weight",
    "T out",
    "out = g * weight * (exp(x - largest) / exps * total - t)",
)
_HOT = broadcasting.kernel("hot", "L label, int64 after, int64 count", "T out",
              "out = where((label >= 0) * (label < count), T(label == i / after % count), T(0) / T(0))")  # fmt: skip


def _softmax_of(x: Array, axis: int) -> tuple[Array, Array]:
    """The largest of each row of classes, and the sum of exp(x - largest)."""
    largest = x.max(axis=axis, keepdims=True)
    return largest, _EXPS(x, largest, axis=axis, keepdims=True)


def _cross_entropy(x: Array, t: Array, *, axis: int, reduction: str) -> Array:
    parts = x, t, *_softmax_of(x, axis)
    losses = _SURPRISE(*parts, axis=axis)
    return losses if reduction == "none" else sums.of_all(losses, F._weight(reduction, losses.size))


def _by_class_logits(g: Array, out: Array, x: Array, t: Array, *, axis: int, reduction: str) -> Array:
    weight = 1.0 if reduction == "none" else F._weight(reduction, x.size // x.shape[axis])
    g = g.reshape((*x.shape[:axis], 1, *x.shape[axis + 1 :])) if reduction == "none" else g
    return _BY_CLASSES(g, x, t, *_softmax_of(x, axis), t.sum(axis=axis, keepdims=True), weight)


def hot(classes: Array, x: Array, axis: int) -> Array:
    """``functional._hot``; it is given class numbers and the logits that they are beside."""
    after, label = math.prod(x.shape[axis + 1 :]), classes.reshape((*x.shape[:axis], 1, *x.shape[axis + 1 :]))
    return _HOT(label, after, x.shape[axis], empty(x.shape, like=x))


def fits_hot(classes: Array, x: Array, axis: int) -> bool:
    """Whether ``hot`` is for them."""
    return is_ours(x) and type(classes) is type(x)


FORWARD = {
    F._mse: _loss("mse", "(x - t) * (x - t)"),
    F._l1: _loss("l1", "fabs(x - t)"),
    F._bce: _loss("bce", "- t * where(log(x) < -100, T(-100), log(x))"
                         " - (1 - t) * where(log1p(-x) < -100, T(-100), log1p(-x))"),
    F._bce_with_logits: _loss("bce_with_logits", "where(x > 0, x, T(0)) - x * t + log1p(exp(-fabs(x)))"),
    F._cross_entropy: _cross_entropy,
}  # fmt: skip

#: By an op and which of its arguments.
BACKWARD = {
    (F._mse, 0): _by_input(_BY_MSE),
    (F._l1, 0): _by_input(_BY_L1),
    (F._bce, 0): _by_input(_BY_BCE),
    (F._bce_with_logits, 0): _by_input(_BY_LOGITS),
    (F._cross_entropy, 0): _by_class_logits,
}
