"""Convolution: three maps, each linear in both of its arguments, and each one's two rules are the other two.

    conv2d            (x, w) to y      what a filter sees at every place
    conv_transpose2d  (y, w) to x      every place paints its filter
    conv2d_weight     (x, y) to w      how often what lies under each tap of the filter meets the result

They are the derivatives by y, by x and by w of one sum, over all of n, o, c, i, j, u and v, of
``y[n, o, i, j] * w[o, c, u, v] * x[n, c, i * stride + u * dilation - padding, ...]``, so gradients of every order are
convolutions again.

Shapes are PyTorch's: x (N, C, H, W), w (O, C / groups, KH, KW), y (N, O, OH, OW). Memory is channels-last, N, H, W, C:
what lies under a filter is then a few long runs, and the result of a matrix product is in its place already.
"""

from __future__ import annotations

import itertools
import math
import numbers
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from ..backend import Array, array_module, empty, xp
from ..primitive import as_arrays, primitive
from .shaping import pad, squeeze, unsqueeze

Pair = int | tuple[int, int]

#: The patches of a chunk of the batch take about so many bytes: what is written is in the cache still when it is read.
_CHUNK_BYTES = 4 << 20


class Geometry(NamedTuple):
    """How a filter moves over an image; pairs are (height, width)."""

    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1

    def __repr__(self) -> str:
        """What is not as usual, for graphs and messages."""
        usual = self._field_defaults
        return "({})".format(", ".join(f"{name}={v}" for name, v in self._asdict().items() if v != usual[name]))


def _places(sizes: Sequence[int], kernel: Sequence[int], geometry: Geometry) -> tuple[int, int]:
    """(OH, OW): at how many places a filter (KH, KW) fits on an image (H, W)."""
    along = zip(sizes, kernel, geometry.stride, geometry.padding, geometry.dilation, strict=True)
    return tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in along)


# ---------------------------------------------------------------- the three maps


@primitive
def _conv2d(x: Array, w: Array, bias: Array | None = None, *, geometry: Geometry) -> Array:
    x, w, bias = _of_one_type(x, w, bias)
    out = _each_group(_correlate, x, w, geometry)
    if bias is not None:
        out += bias
    return _channels_first(out)


@primitive
def _conv_transpose2d(
    y: Array, w: Array, bias: Array | None = None, *, size: tuple[int, int], geometry: Geometry
) -> Array:
    """The adjoint of _conv2d in x, which has the given size (H, W)."""
    y, w, bias = _of_one_type(y, w, bias)
    out = _each_group(_paint, y, w, geometry, size)
    if bias is not None:
        out += bias
    return _channels_first(out)


@primitive
def _conv2d_weight(x: Array, y: Array, *, kernel: tuple[int, int], geometry: Geometry) -> Array:
    """The adjoint of _conv2d in w, which has the given size (KH, KW)."""
    x, y = _of_one_type(x, y)
    return _each_group(_meet, x, y, geometry, kernel).transpose(3, 0, 1, 2)


def _sum_over_places(g):
    return g.sum(axis=(0, 2, 3))


_conv2d.defvjps(
    lambda g, out, x, w, bias=None, *, geometry: _conv_transpose2d(g, w, size=x.shape[2:], geometry=geometry),
    lambda g, out, x, w, bias=None, *, geometry: _conv2d_weight(x, g, kernel=w.shape[2:], geometry=geometry),
    lambda g, out, x, w, bias=None, *, geometry: _sum_over_places(g),
)
_conv_transpose2d.defvjps(
    lambda g, out, y, w, bias=None, *, size, geometry: _conv2d(g, w, geometry=geometry),
    lambda g, out, y, w, bias=None, *, size, geometry: _conv2d_weight(g, y, kernel=w.shape[2:], geometry=geometry),
    lambda g, out, y, w, bias=None, *, size, geometry: _sum_over_places(g),
)
_conv2d_weight.defvjps(
    lambda g, out, x, y, *, kernel, geometry: _conv_transpose2d(y, g, size=x.shape[2:], geometry=geometry),
    lambda g, out, x, y, *, kernel, geometry: _conv2d(x, g, geometry=geometry),
)


# ---------------------------------------------------------------- how they are computed: products of matrices


def _channels_last(x: Array) -> Array:
    return x.transpose(0, 2, 3, 1)


def _channels_first(x: Array) -> Array:
    return x.transpose(0, 3, 1, 2)


def _each_group(kernel: Callable[..., Array], first: Array, second: Array, geometry: Geometry, *more: Any) -> Array:
    """What the kernel makes of each group, one after the other along the last axis.

    Images and results are split along their channels; filters, beside which there is an image or a result, along O.
    """
    if geometry.groups == 1:
        return kernel(first, second, geometry, *more)
    size = [first.shape[1] // geometry.groups, second.shape[kernel is _meet] // geometry.groups]
    firsts = [first[:, i : i + size[0]] for i in range(0, first.shape[1], size[0])]
    seconds = xp.split(second, geometry.groups, axis=1 if kernel is _meet else 0)
    parts = [kernel(a, b, geometry, *more) for a, b in zip(firsts, seconds, strict=True)]
    return xp.concatenate(parts, axis=-1)


def _of_one_type(*arrays: Array | None) -> list[Array | None]:
    """The arrays in the type that holds them all, as the kernels write one into the other."""
    if len({array.dtype for array in arrays if array is not None}) == 1:
        return list(arrays)
    widest = xp.result_type(*(array for array in arrays if array is not None))
    return [array if array is None else array.astype(widest, copy=False) for array in arrays]


def _patches(x: Array, kernel: tuple[int, int], geometry: Geometry) -> Iterator[tuple[slice, Array]]:
    """What lies under the filter, chunk by chunk of the batch: which images, and a matrix (n * OH * OW, KH * KW * C).

    The matrix is overwritten by the next one.
    """
    (count, channels, *sizes), (ph, pw) = x.shape, geometry.padding
    oh, ow = _places(sizes, kernel, geometry)
    patch = (oh, ow, *kernel, channels)
    step = _chunk(count, math.prod(patch) * x.itemsize)
    padded = empty((step, sizes[0] + 2 * ph, sizes[1] + 2 * pw, channels), like=x)
    padded.fill(0)
    columns = empty((step, *patch), like=x)
    image, row, pixel, channel = padded.strides
    (sh, sw), (dh, dw) = geometry.stride, geometry.dilation
    steps = (image, row * sh, pixel * sw, row * dh, pixel * dw, channel)
    under = array_module(x).lib.stride_tricks.as_strided(padded, columns.shape, steps)
    for start in range(0, count, step):
        images = slice(start, min(start + step, count))
        n = images.stop - start
        padded[:n, ph : ph + sizes[0], pw : pw + sizes[1]] = _channels_last(x)[images]
        columns[:n] = under[:n]
        yield images, columns[:n].reshape(n * oh * ow, -1)


def _chunk(count: int, bytes_each: int) -> int:
    """How many images make a chunk: as many as fit, in chunks of about one size, as a small one wastes a product."""
    chunks = -(-count // max(1, _CHUNK_BYTES // max(1, bytes_each)))
    return max(1, -(-count // max(1, chunks)))


def _correlate(x: Array, w: Array, geometry: Geometry) -> Array:
    """conv2d of one group, channels-last."""
    filters, kernel = w.shape[0], w.shape[2:]
    out = empty((x.shape[0], *_places(x.shape[2:], kernel, geometry), filters), like=x)
    matrix = _channels_last(w).reshape(filters, -1)
    for images, patches in _patches(x, kernel, geometry):
        xp.dot(patches, matrix.T, out=out[images].reshape(-1, filters))
    return out


def _meet(x: Array, y: Array, geometry: Geometry, kernel: tuple[int, int]) -> Array:
    """conv2d_weight of one group, of shape (C, KH, KW, O)."""
    channels, filters = x.shape[1], y.shape[1]
    total = empty((filters, *kernel, channels), like=x)
    total.fill(0)
    results = _channels_last(y)
    for images, patches in _patches(x, kernel, geometry):
        total += xp.dot(results[images].reshape(-1, filters).T, patches).reshape(total.shape)
    return total.transpose(3, 1, 2, 0)


def _paint(y: Array, w: Array, geometry: Geometry, size: tuple[int, int]) -> Array:
    """conv_transpose2d of one group, channels-last.

    One product gives all that is painted. The image is laid out in tiles as large as the stride, one for each place,
    and taps beside each other that fall into one tile are added for all places in one go.

    Where an image keeps its size there is a faster way: each place gathers what reaches it, which is a correlation
    with the filters turned by half a turn.
    """
    if geometry.stride == (1, 1) and size == y.shape[2:]:
        return _correlate(y, xp.flip(w, (2, 3)).swapaxes(0, 1), geometry)
    (count, filters, *places), (channels, *kernel), (sh, sw) = y.shape, w.shape[1:], geometry.stride
    results, matrix = _channels_last(y), _channels_last(w).reshape(filters, -1)
    rows, columns = -(-size[0] // sh), -(-size[1] // sw)
    strokes = list(itertools.product(*map(_strokes, kernel, *geometry[:3], places, (rows, columns))))
    strokes.sort(key=_fills, reverse=True)
    step = _chunk(count, math.prod(places) * matrix.shape[1] * y.itemsize)
    painted = empty((step, *places, *kernel, channels), like=y)
    canvas = empty((count, rows, sh, columns, sw, channels), like=y)
    for start in range(0, count, step):
        images = slice(start, min(start + step, count))
        n = images.stop - start
        xp.dot(results[images].reshape(-1, filters), matrix, out=painted[:n].reshape(-1, matrix.shape[1]))
        _add_strokes(strokes, painted[:n], canvas[images])
    whole = canvas.reshape(count, rows * sh, columns * sw, channels)
    return array_module(y).ascontiguousarray(whole[:, : size[0], : size[1]])


class _Stroke(NamedTuple):
    """Taps beside each other that fall into one tile, along one axis."""

    taps: slice
    inside: slice  # where in the tile
    places: slice  # whose tile is on the image
    tiles: slice  # into which these paint
    fills: bool  # whether they leave nothing of the image blank


def _strokes(kernel: int, stride: int, padding: int, dilation: int, places: int, tiles: int) -> list[_Stroke]:
    """The taps of a filter by the tile that they fall into: that of their place, or so many tiles before or after."""
    strokes = []
    where = [divmod(tap * dilation - padding, stride) for tap in range(kernel)]
    for shift, group in itertools.groupby(range(kernel), lambda tap: where[tap][0]):
        taps = list(group)
        inside = slice(where[taps[0]][1], where[taps[-1]][1] + 1, dilation)
        begin, end = max(0, -shift), min(places, tiles - shift)
        if begin < end:
            fills = len(taps) == stride and (begin + shift, end + shift) == (0, tiles)
            along = slice(begin, end), slice(begin + shift, end + shift)
            strokes.append(_Stroke(slice(taps[0], taps[-1] + 1), inside, *along, fills))
    return strokes


def _fills(stroke: tuple[_Stroke, _Stroke]) -> bool:
    return all(along.fills for along in stroke)


def _add_strokes(strokes: list[tuple[_Stroke, _Stroke]], painted: Array, canvas: Array) -> None:
    """Painted (n, OH, OW, KH, KW, C) on a canvas (n, rows, SH, columns, SW, C); one that fills it comes first."""
    filled = bool(strokes) and _fills(strokes[0])
    if not filled:
        canvas.fill(0)
    for i, (down, across) in enumerate(strokes):
        brush = painted[:, down.places, across.places, down.taps, across.taps].swapaxes(2, 3)
        target = canvas[:, down.tiles, down.inside, across.tiles, across.inside]
        if filled and i == 0:
            target[...] = brush
        else:
            target += brush


# ---------------------------------------------------------------- as users call them


def _is_whole(n: Any, least: int) -> bool:
    return isinstance(n, numbers.Integral) and not isinstance(n, bool) and n >= least


def _pair(op: str, name: str, value: Any, least: int) -> tuple[int, int]:
    """One number for both axes, or two."""
    pair = value if isinstance(value, tuple | list) else (value, value)
    if len(pair) != 2 or not all(_is_whole(n, least) for n in pair):
        raise ValueError(f"{op}: {name} is a whole number from {least} up, or a pair of them, got {value!r}")
    return int(pair[0]), int(pair[1])


def _geometry(op: str, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Geometry:
    if not _is_whole(groups, 1):
        raise ValueError(f"{op}: groups is a whole number from 1 up, got {groups!r}")
    stride, dilation = _pair(op, "stride", stride, 1), _pair(op, "dilation", dilation, 1)
    return Geometry(stride, _pair(op, "padding", padding, 0), dilation, int(groups))


def _checked(
    op: str, input: Array, weight: tuple[int, ...], bias: Sequence[Array], groups: int, *, transposed: bool
) -> None:
    """Raises ValueError where the channels of input, of a weight of this shape and of bias, if any, do not fit."""
    if input.ndim not in (3, 4) or len(weight) != 4:
        raise ValueError(
            f"{op}: input must be (N, C, H, W) or (C, H, W) and weight have four axes, got {input.shape} and {weight}"
        )
    if 0 in weight[2:]:
        raise ValueError(f"{op}: weight {weight} has filters of no size")
    if weight[0] % groups:
        raise ValueError(f"{op}: weight {weight} cannot be split into {groups} groups")
    filters, channels = weight[0], weight[1] * groups
    expected, out = (filters, channels) if transposed else (channels, filters)
    if input.shape[-3] != expected:
        raise ValueError(f"{op}: input has {input.shape[-3]} channels, weight {weight} expects {expected}")
    for b in bias:
        if b.shape != (out,):
            raise ValueError(f"{op}: bias {b.shape} does not fit weight {weight}, it needs {out} elements")


def _fitting_places(op: str, input: Array, weight: tuple[int, ...], geometry: Geometry) -> tuple[int, int]:
    """(OH, OW); raises ValueError where there are none."""
    places = _places(input.shape[-2:], weight[2:], geometry)
    if min(places) < 1:
        raise ValueError(
            f"{op}: input {input.shape} with padding {geometry.padding} is smaller than the filter of weight "
            f"{weight} with dilation {geometry.dilation}"
        )
    return places


def _output_padding(op: str, output_padding: Pair, geometry: Geometry) -> tuple[int, int]:
    """For both axes; raises ValueError where it is not smaller than stride or dilation."""
    extra = _pair(op, "output_padding", output_padding, 0)
    if any(e >= max(s, d) for e, s, d in zip(extra, geometry.stride, geometry.dilation, strict=True)):
        raise ValueError(
            f"{op}: output_padding {extra} must be smaller than stride {geometry.stride} or dilation "
            f"{geometry.dilation}"
        )
    return extra


def conv2d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Pair = 1,
    padding: Pair | str = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Array:
    """Every filter at every place: (N, C, H, W) and weight (O, C / groups, KH, KW) to (N, O, OH, OW), as in PyTorch.

    OH = (H + 2 padding - dilation (KH - 1) - 1) // stride + 1. The padding is zeros; "valid" means none, and "same" as
    many as keep the size, for a stride of 1. An image alone, (C, H, W), is taken too.

    Raises:
        ValueError: when shapes do not fit, or the filter is larger than the padded image.
    """
    input, weight, *bias = as_arrays("conv2d", input, weight, *_given(bias))
    geometry = _geometry("conv2d", stride, 0 if isinstance(padding, str) else padding, dilation, groups)
    _checked("conv2d", input, weight.shape, bias, groups, transposed=False)
    if isinstance(padding, str):
        input, geometry = _padded(input, weight.shape[2:], padding, geometry)
    _fitting_places("conv2d", input, weight.shape, geometry)
    return _batched(lambda x: _conv2d(x, weight, *bias, geometry=geometry), input)


def conv_transpose2d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Pair = 1,
    padding: Pair = 0,
    output_padding: Pair = 0,
    groups: int = 1,
    dilation: Pair = 1,
) -> Array:
    """The adjoint of conv2d: (N, I, H, W) and weight (I, O / groups, KH, KW) to (N, O, OH, OW), as in PyTorch.

    OH = (H - 1) stride - 2 padding + dilation (KH - 1) + output_padding + 1; output_padding chooses among the sizes
    that conv2d would make H of.

    Raises:
        ValueError: when shapes do not fit, or output_padding is not smaller than stride or dilation.
    """
    input, weight, *bias = as_arrays("conv_transpose2d", input, weight, *_given(bias))
    geometry = _geometry("conv_transpose2d", stride, padding, dilation, groups)
    _checked("conv_transpose2d", input, weight.shape, bias, groups, transposed=True)
    extra = _output_padding("conv_transpose2d", output_padding, geometry)
    along = zip(input.shape[-2:], weight.shape[2:], extra, *geometry[:3], strict=True)
    size = tuple((n - 1) * s - 2 * p + d * (k - 1) + e + 1 for n, k, e, s, p, d in along)
    if min(size) < 1:
        raise ValueError(f"conv_transpose2d: input {input.shape} with padding {geometry.padding} leaves no output")
    missing = [n - m for n, m in zip(_places(size, weight.shape[2:], geometry), input.shape[-2:], strict=True)]
    if any(missing):  # where output_padding is a stride or more: zeros paint nothing
        input = pad(input, (0, missing[1], 0, missing[0]))
    return _batched(lambda x: _conv_transpose2d(x, weight, *bias, size=size, geometry=geometry), input)


def conv2d_weight(
    input: Array,
    weight_size: tuple[int, int, int, int],
    grad_output: Array,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Array:
    """The gradient of conv2d by its weight: input (N, C, H, W) and grad_output (N, O, OH, OW) to weight_size.

    It is ``torch.nn.grad.conv2d_weight``. weight_size is (O, C / groups, KH, KW), and grad_output has the shape of
    conv2d's result. An image alone and its result, (C, H, W) and (O, OH, OW), are taken too.

    Raises:
        ValueError: when shapes do not fit, or the filter is larger than the padded image.
    """
    input, grad_output = as_arrays("conv2d_weight", input, grad_output)
    size = tuple(weight_size)
    if len(size) != 4 or not all(_is_whole(n, 1) for n in size):
        raise ValueError(f"conv2d_weight: weight_size is four whole numbers from 1 up, got {weight_size!r}")
    geometry = _geometry("conv2d_weight", stride, padding, dilation, groups)
    _checked("conv2d_weight", input, size, (), groups, transposed=False)
    expected = (*input.shape[:-3], size[0], *_fitting_places("conv2d_weight", input, size, geometry))
    if grad_output.shape != expected:
        raise ValueError(
            f"conv2d_weight: grad_output {grad_output.shape} must have the shape of conv2d's result, {expected}"
        )
    if input.ndim == 3:
        input, grad_output = unsqueeze(input, 0), unsqueeze(grad_output, 0)
    return _conv2d_weight(input, grad_output, kernel=size[2:], geometry=geometry)


def _given(bias: Array | None) -> tuple:
    return () if bias is None else (bias,)


def _batched(op: Callable[[Array], Array], input: Array) -> Array:
    """The op on a batch, also for an image alone."""
    return op(input) if input.ndim == 4 else squeeze(op(unsqueeze(input, 0)), 0)


def _padded(input: Array, kernel: tuple[int, int], padding: str, geometry: Geometry) -> tuple[Array, Geometry]:
    """The padding that a word stands for; where it is odd, the extra row or column is put below or on the right."""
    if padding == "valid":
        return input, geometry
    if padding != "same" or geometry.stride != (1, 1):
        raise ValueError(f"conv2d: padding is numbers, 'valid', or with a stride of 1 'same', got {padding!r}")
    total = [d * (k - 1) for k, d in zip(kernel, geometry.dilation, strict=True)]
    if any(n % 2 for n in total):
        input = pad(input, (0, total[1] % 2, 0, total[0] % 2))
    return input, geometry._replace(padding=(total[0] // 2, total[1] // 2))
