"""Ops that make one number of many, along some axes or all.

Reductions take ``dim`` (an axis, several, or None for all) and ``keepdim``, as in PyTorch; NumPy's ``axis`` and
``keepdims`` mean the same, as they do there.
"""

from __future__ import annotations

import math
from typing import Any

from ..backend import Array, xp
from ..messages import ndim_of
from ..primitive import primitive
from .elementwise import astype, exp, sqrt
from .shaping import Axes, _broadcast_to, axes_of, axis_of


def _options(op: str, x: Array, dim: Axes, keepdim: bool, axis: Axes, keepdims: bool) -> dict[str, Any]:
    """What the user asked for, as the primitives take it."""
    if dim is not None and axis is not None:
        raise TypeError(f"{op}: dim and axis mean the same, got both: {dim} and {axis}")
    return {"axes": axes_of(op, axis if dim is None else dim, ndim_of(op, x)), "keepdim": keepdim or keepdims}


def _kept(g: Array, x: Array, axes: tuple[int, ...], keepdim: bool) -> Array:
    """g, of the shape of a reduced x, with size 1 along the axes that were reduced."""
    if keepdim or len(axes) == x.ndim:  # a 0-d array broadcasts as it is
        return g
    return g.reshape(tuple(1 if i in axes else n for i, n in enumerate(x.shape)))


def _count(x: Array, axes: tuple[int, ...]) -> int:
    """How many elements make one."""
    return x.size if len(axes) == x.ndim else math.prod([x.shape[i] for i in axes])


@primitive
def _sum(x: Array, *, axes: tuple[int, ...], keepdim: bool) -> Array:
    return x.sum(axis=axes, keepdims=keepdim)


_sum.defvjps(lambda g, out, x, *, axes, keepdim: _broadcast_to(_kept(g, x, axes, keepdim), shape=x.shape))


def sum(x: Array, dim: Axes = None, keepdim: bool = False, *, axis: Axes = None, keepdims: bool = False) -> Array:
    """The sum of the elements."""
    return _sum(x, **_options("sum", x, dim, keepdim, axis, keepdims))


@primitive
def _mean(x: Array, *, axes: tuple[int, ...], keepdim: bool) -> Array:
    return xp.add.reduce(x, axes, keepdims=keepdim) * _inverse(_count(x, axes))


_mean.defvjps(
    lambda g, out, x, *, axes, keepdim: _broadcast_to(
        _kept(g, x, axes, keepdim) * _inverse(_count(x, axes)), shape=x.shape
    )
)


def _inverse(count: float) -> float:
    """1 / count, and nan for nothing: the mean of no elements is not a number."""
    return 1.0 / count if count > 0 else math.nan


def mean(x: Array, dim: Axes = None, keepdim: bool = False, *, axis: Axes = None, keepdims: bool = False) -> Array:
    """The mean of the elements; nan where there are none."""
    return _mean(x, **_options("mean", x, dim, keepdim, axis, keepdims))


@primitive
def _var(x: Array, *, axes: tuple[int, ...], keepdim: bool, correction: float) -> Array:
    centred = _centred(x, axes)
    return (centred * centred).sum(axis=axes, keepdims=keepdim) * _inverse(_count(x, axes) - correction)


def _centred(x: Array, axes: tuple[int, ...]) -> Array:
    return x - x.sum(axis=axes, keepdims=True) * _inverse(_count(x, axes))


_var.defvjps(
    lambda g, out, x, *, axes, keepdim, correction: (
        _kept(g, x, axes, keepdim) * (2.0 * _inverse(_count(x, axes) - correction)) * _centred(x, axes)
    )
)


def var(
    x: Array,
    dim: Axes = None,
    keepdim: bool = False,
    *,
    correction: float = 1,
    axis: Axes = None,
    keepdims: bool = False,
) -> Array:
    """The variance: squared distances from the mean, summed, divided by the count less correction.

    As in PyTorch, correction is 1 by default (the unbiased estimate); NumPy's default is 0.
    """
    return _var(x, correction=correction, **_options("var", x, dim, keepdim, axis, keepdims))


def std(
    x: Array,
    dim: Axes = None,
    keepdim: bool = False,
    *,
    correction: float = 1,
    axis: Axes = None,
    keepdims: bool = False,
) -> Array:
    """The standard deviation, sqrt(var)."""
    return sqrt(var(x, dim, keepdim, correction=correction, axis=axis, keepdims=keepdims))


@primitive
def _max(x: Array, *, axes: tuple[int, ...], keepdim: bool) -> Array:
    return x.max(axis=axes, keepdims=keepdim)


def _share_of_best(g, out, x, *, axes, keepdim):
    wins = astype(x == _kept(out, x, axes, keepdim), dtype=x.dtype)
    return _kept(g, x, axes, keepdim) * (wins / wins.sum(axis=axes, keepdims=True))


@primitive
def _min(x: Array, *, axes: tuple[int, ...], keepdim: bool) -> Array:
    return x.min(axis=axes, keepdims=keepdim)


_max.defvjps(_share_of_best)
_min.defvjps(_share_of_best)


def max(x: Array, dim: Axes = None, keepdim: bool = False, *, axis: Axes = None, keepdims: bool = False) -> Array:
    """The largest element, without its index; where several are largest they share the gradient evenly.

    As PyTorch's amax; argmax gives the index.
    """
    return _max(x, **_options("max", x, dim, keepdim, axis, keepdims))


def min(x: Array, dim: Axes = None, keepdim: bool = False, *, axis: Axes = None, keepdims: bool = False) -> Array:
    """The smallest element; where several are smallest they share the gradient evenly."""
    return _min(x, **_options("min", x, dim, keepdim, axis, keepdims))


@primitive
def _argmax(x: Array, *, axis: int | None, keepdim: bool) -> Array:
    return xp.argmax(x, axis=axis, keepdims=keepdim)


def argmax(x: Array, dim: int | None = None, keepdim: bool = False) -> Array:
    """The index of the first largest element along dim, or among all elements in row-major order."""
    return _argmax(x, axis=None if dim is None else axis_of("argmax", dim, ndim_of("argmax", x)), keepdim=keepdim)


@primitive
def _logsumexp(x: Array, *, axes: tuple[int, ...], keepdim: bool) -> Array:
    largest = x.max(axis=axes, keepdims=True)
    largest = xp.where(xp.isfinite(largest), largest, 0.0)
    out = xp.log(xp.exp(x - largest).sum(axis=axes, keepdims=True)) + largest
    return out if keepdim else out.squeeze(axes)


_logsumexp.defvjps(
    lambda g, out, x, *, axes, keepdim: _kept(g, x, axes, keepdim) * exp(x - _kept(out, x, axes, keepdim))
)


def logsumexp(x: Array, dim: Axes = None, keepdim: bool = False, *, axis: Axes = None, keepdims: bool = False) -> Array:
    """log(sum(exp(x))), without overflow."""
    return _logsumexp(x, **_options("logsumexp", x, dim, keepdim, axis, keepdims))


@primitive
def _softmax(x: Array, *, axis: int) -> Array:
    e = xp.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


_softmax.defvjps(lambda g, out, x, *, axis: out * (g - (g * out).sum(axis=axis, keepdims=True)))


def softmax(x: Array, dim: int) -> Array:
    """exp(x) / sum(exp(x)) along dim, without overflow."""
    return _softmax(x, axis=axis_of("softmax", dim, ndim_of("softmax", x)))


@primitive
def _log_softmax(x: Array, *, axis: int) -> Array:
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - xp.log(xp.exp(shifted).sum(axis=axis, keepdims=True))


_log_softmax.defvjps(lambda g, out, x, *, axis: g - exp(out) * g.sum(axis=axis, keepdims=True))


def log_softmax(x: Array, dim: int) -> Array:
    """log(softmax(x)) along dim, accurate where the softmax is near 0."""
    return _log_softmax(x, axis=axis_of("log_softmax", dim, ndim_of("log_softmax", x)))
