"""Ops that move elements without changing them: views, indexing, joining, padding.

Each one is linear, and its rule is the move back.
"""

from __future__ import annotations

import itertools
import math
import numbers
from collections.abc import Sequence
from typing import Any

from ..backend import Array, array_module, at_hand, empty, is_array, move, scatter_add, xp
from ..messages import check_integers, ndim_of, shown
from ..primitive import as_arrays, primitive, raw_of

Axes = int | Sequence[int] | None


def axis_of(op: str, axis: int, ndim: int) -> int:
    """The axis counted from the front; raises IndexError where there is no such axis, TypeError for no integer."""
    if not isinstance(axis, numbers.Integral):
        raise TypeError(f"{op}: an axis is an integer, got {shown(axis)}")
    if not -ndim <= axis < ndim:
        raise IndexError(f"{op}: axis {axis} does not exist, the tensor has {ndim}")
    return axis % ndim


def axes_of(op: str, axes: Axes, ndim: int) -> tuple[int, ...]:
    """All axes for None, else each one counted from the front; raises ValueError where one is named twice."""
    if axes is None:
        return tuple(range(ndim))
    found = tuple(axis_of(op, a, ndim) for a in (axes if isinstance(axes, list | tuple) else (axes,)))
    if len(set(found)) < len(found):
        raise ValueError(f"{op}: axes {axes} name one axis twice")
    return found


def _shape_argument(sizes: tuple) -> tuple[int, ...]:
    """f(2, 3) and f((2, 3)) mean the same."""
    return tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], list | tuple) else sizes


# ---------------------------------------------------------------- views


@primitive
def _reshape(x: Array, *, shape: tuple[int, ...]) -> Array:
    return x.reshape(shape)


_reshape.defvjps(lambda g, out, x, *, shape: g.reshape(x.shape))


def reshape(x: Array, *shape: int | Sequence[int]) -> Array:
    """The same elements in another shape, in row-major order; one size may be -1."""
    return _reshape(x, shape=_shape_argument(shape))


def flatten(x: Array, start_dim: int = 0, end_dim: int = -1) -> Array:
    """Axes start_dim to end_dim made one."""
    ndim = ndim_of("flatten", x)
    if ndim == 0:
        x, ndim = reshape(x, 1), 1
    start, end = axis_of("flatten", start_dim, ndim), axis_of("flatten", end_dim, ndim)
    if start > end:
        raise ValueError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim} in shape {x.shape}")
    return reshape(x, (*x.shape[:start], math.prod(x.shape[start : end + 1]), *x.shape[end + 1 :]))


def unflatten(x: Array, dim: int, sizes: Sequence[int]) -> Array:
    """Axis dim made several, of the sizes given, of which one may be -1: what is left for it.

    Raises:
        ValueError: when the product of the sizes is not the size of the axis.
    """
    dim = axis_of("unflatten", dim, ndim_of("unflatten", x))
    whole, sizes = x.shape[dim], _shape_argument((sizes,))
    for size in sizes:
        check_integers("unflatten", -1, size=size)
    known = math.prod(n for n in sizes if n != -1)
    found = tuple(whole // max(1, known) if n == -1 else n for n in sizes)
    if not sizes or sizes.count(-1) > 1 or math.prod(found) != whole:
        raise ValueError(f"unflatten: axis {dim} of shape {x.shape} cannot be made {sizes}")
    return reshape(x, (*x.shape[:dim], *found, *x.shape[dim + 1 :]))


def squeeze(x: Array, dim: Axes = None) -> Array:
    """Without the axes of size 1: all of them, or those given, of which larger ones stay."""
    axes = axes_of("squeeze", dim, ndim_of("squeeze", x))
    return reshape(x, tuple(n for i, n in enumerate(x.shape) if n != 1 or i not in axes))


def unsqueeze(x: Array, dim: int) -> Array:
    """With an axis of size 1 put in at dim."""
    dim = axis_of("unsqueeze", dim, ndim_of("unsqueeze", x) + 1)
    return reshape(x, (*x.shape[:dim], 1, *x.shape[dim:]))


@primitive
def _permute(x: Array, *, axes: tuple[int, ...]) -> Array:
    return x.transpose(axes)


_permute.defvjps(lambda g, out, x, *, axes: permute(g, tuple(axes.index(i) for i in range(len(axes)))))


def permute(x: Array, *dims: int | Sequence[int]) -> Array:
    """Axes in another order: axis i of the result is axis dims[i] of x."""
    dims, ndim = _shape_argument(dims), ndim_of("permute", x)
    if len(dims) != ndim:
        raise ValueError(f"permute: got {len(dims)} axes for a tensor that has {ndim}")
    return _permute(x, axes=axes_of("permute", dims, ndim))


def transpose(x: Array, dim0: int, dim1: int) -> Array:
    """Two axes exchanged, as in PyTorch."""
    ndim = ndim_of("transpose", x)
    i, j = axis_of("transpose", dim0, ndim), axis_of("transpose", dim1, ndim)
    axes = list(range(ndim))
    axes[i], axes[j] = j, i
    return _permute(x, axes=tuple(axes))


@primitive
def _broadcast_to(x: Array, *, shape: tuple[int, ...]) -> Array:
    out = empty(shape, like=x)
    out[...] = x
    return out


_broadcast_to.defvjps(lambda g, out, x, *, shape: g)


def broadcast_to(x: Array, *shape: int | Sequence[int]) -> Array:
    """x repeated along new axes in front, and along axes of size 1."""
    shape, ndim = _shape_argument(shape), ndim_of("broadcast_to", x)
    if len(shape) < ndim:  # assignment, by which the op broadcasts, would drop leading axes of size 1
        raise ValueError(f"broadcast_to: {shape} has fewer axes than the tensor, whose shape is {x.shape}")
    return _broadcast_to(x, shape=shape)


@primitive
def _flip(x: Array, *, axes: tuple[int, ...]) -> Array:
    return xp.flip(x, axes)


_flip.defvjps(lambda g, out, x, *, axes: _flip(g, axes=axes))


def flip(x: Array, dims: int | Sequence[int]) -> Array:
    """The order of the elements reversed along dims."""
    return _flip(x, axes=axes_of("flip", dims, ndim_of("flip", x)))


# ---------------------------------------------------------------- indexing


@primitive
def _getitem(x: Array, *, index: Any) -> Array:
    return x[index]


@primitive
def _scatter(g: Array, *, index: Any, shape: tuple[int, ...]) -> Array:
    """The adjoint of indexing: zeros of the given shape, with g added at the index."""
    out = empty(shape, like=g)
    out.fill(0.0)
    if _may_repeat(index):
        scatter_add(out, index, g)
    else:
        out[index] = g
    return out


_getitem.defvjps(lambda g, out, x, *, index: _scatter(g, index=index, shape=x.shape))
_scatter.defvjps(lambda gg, out, g, *, index, shape: _getitem(gg, index=index))


def _may_repeat(index: Any) -> bool:
    """Only integer arrays can name an element twice."""
    return any(is_array(i) and i.dtype.kind in "iu" for i in (index if isinstance(index, tuple) else (index,)))


def _plain_index(i: Any, x: Array) -> Any:
    """A part of an index of x as NumPy takes it. Arrays are copied: backward needs them as they are now."""
    i = raw_of(i)
    if isinstance(i, list | tuple) or is_array(i):
        i = i.copy() if is_array(i) else xp.array(i)
        if i.size == 0 and i.dtype.kind == "f":  # an empty list
            i = i.astype(int)
        if i.dtype.kind not in "iub":
            raise IndexError(f"getitem: an index has integers or booleans, got {i.dtype}")
        if at_hand(x) and not at_hand(i):
            raise TypeError("getitem: the index is on a GPU and the tensor is not; move one: to('cupy') or to('numpy')")
        i = move(i, array_module(x))
    return i


def _check_range(x: Array, index: Any) -> None:
    """Raises IndexError for an index in memory of what is on a GPU: CuPy would begin again at the other end."""
    if at_hand(x):
        return
    parts = [raw_of(i) for i in (index if isinstance(index, tuple) else (index,))]
    if all(at_hand(i) for i in parts) and any(isinstance(i, list | tuple | float) or is_array(i) for i in parts):
        try:
            xp.broadcast_to(xp.int8(0), x.shape)[tuple(parts)]
        except IndexError as error:
            raise IndexError(f"getitem: {error}") from None


def getitem(x: Array, index: Any) -> Array:
    """x[index] with all of NumPy's indices: slices, integers, integer and boolean arrays, None and `...`.

    Raises:
        IndexError: when an index is out of range; one that is an array on a GPU wraps around then.
    """
    _check_range(raw_of(x), index)
    parts = tuple(_plain_index(i, raw_of(x)) for i in (index if isinstance(index, tuple) else (index,)))
    return _getitem(x, index=parts if isinstance(index, tuple) else parts[0])


# ---------------------------------------------------------------- joining and padding


@primitive
def _concatenate(*xs: Array, axis: int) -> Array:
    return xp.concatenate(xs, axis)


def _part_of_concatenation(i, g, out, *xs, axis):
    ends = list(itertools.accumulate((x.shape[axis] for x in xs), initial=0))
    return g[(slice(None),) * axis + (slice(ends[i], ends[i + 1]),)]


_concatenate.defvjp_each(_part_of_concatenation)


def _sequence(op: str, tensors: Any) -> list:
    if not isinstance(tensors, list | tuple):
        raise TypeError(f"{op}: takes a list of tensors, got {shown(tensors)}")
    if not tensors:
        raise ValueError(f"{op}: needs a list of tensors, at least one")
    return as_arrays(op, *tensors)


def concatenate(tensors: Sequence[Array], dim: int = 0, *, axis: int | None = None) -> Array:
    """Tensors joined along an axis they have; all other sizes must agree. `axis` is another name for dim."""
    tensors = _sequence("concatenate", tensors)
    return _concatenate(*tensors, axis=axis_of("concatenate", dim if axis is None else axis, tensors[0].ndim))


def stack(tensors: Sequence[Array], dim: int = 0, *, axis: int | None = None) -> Array:
    """Tensors of one shape joined along a new axis. `axis` is another name for dim."""
    tensors = _sequence("stack", tensors)
    shapes = {x.shape for x in tensors}
    if len(shapes) > 1:
        raise ValueError(f"stack: all shapes must be the same, got {', '.join(map(str, sorted(shapes)))}")
    dim = axis_of("stack", dim if axis is None else axis, tensors[0].ndim + 1)
    return _concatenate(*[unsqueeze(x, dim) for x in tensors], axis=dim)


@primitive
def _pad(x: Array, *, widths: tuple[tuple[int, int], ...], value: float) -> Array:
    return xp.pad(x, widths, constant_values=value)


_pad.defvjps(
    lambda g, out, x, *, widths, value: g[tuple(slice(w[0], w[0] + n) for w, n in zip(widths, x.shape, strict=True))]
)


def pad(x: Array, pad: Sequence[int], *, value: float = 0.0) -> Array:
    """x with a border of value. As in PyTorch, pad is (left, right, top, bottom, ...): the last axis comes first."""
    if not isinstance(pad, list | tuple) or not all(isinstance(n, numbers.Integral) for n in pad):
        raise TypeError(f"pad: the widths are a list of integers, such as (1, 1), got {pad!r}")
    if len(pad) % 2 or len(pad) > 2 * ndim_of("pad", x) or any(n < 0 for n in pad):
        raise ValueError(
            f"pad: {tuple(pad)} must be pairs of widths from 0 up, one pair for each of the last axes of {x.shape}"
        )
    pairs = list(zip(pad[::2], pad[1::2], strict=True))
    return _pad(x, widths=((0, 0),) * (x.ndim - len(pairs)) + tuple(pairs[::-1]), value=value)
