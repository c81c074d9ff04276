"""Pooling: one number for what lies under a window, as it moves over an image.

Two maps, each linear and the adjoint of the other, are all that derivatives of pooling are made of:

    _collect   (N, C, H, W) to (N, C, OH, OW)    the sum of what lies under each window
    _spread    (N, C, OH, OW) to (N, C, H, W)    every number is added to all that lies under its window

Where ``winners`` says which tap of its window was largest, the sum is of that tap alone: that is max pooling.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

from ..backend import Array, xp
from ..primitive import as_arrays, primitive, raw_of
from .convolution import Geometry, Pair, _batched, _geometry, _pair, _places
from .elementwise import _as_floats


def _under_each_tap(
    image: Array, kernel: tuple[int, int], places: tuple[int, int], geometry: Geometry
) -> Iterator[Array]:
    """For each tap of the window, row by row, what lies under it at all places: views (N, C, OH, OW) of the image."""
    (sh, sw), (dh, dw), (oh, ow) = geometry.stride, geometry.dilation, places
    for u, v in itertools.product(range(kernel[0]), range(kernel[1])):
        rows = slice(u * dh, u * dh + (oh - 1) * sh + 1, sh)
        columns = slice(v * dw, v * dw + (ow - 1) * sw + 1, sw)
        yield image[:, :, rows, columns]


def _bordered(x: Array, geometry: Geometry, value: float) -> Array:
    """x with its padding, in the order of memory that x has; x itself where there is none."""
    ph, pw = geometry.padding
    if ph == pw == 0:
        return x
    height, width = x.shape[2:]
    image = xp.empty_like(x, shape=(*x.shape[:2], height + 2 * ph, width + 2 * pw))
    image.fill(value)
    image[:, :, ph : ph + height, pw : pw + width] = x
    return image


@primitive
def _collect(x: Array, *, winners: Array | None, kernel: tuple[int, int], geometry: Geometry) -> Array:
    places = _places(x.shape[2:], kernel, geometry)
    out = xp.empty_like(x, shape=(*x.shape[:2], *places))
    out.fill(0.0)
    for i, tap in enumerate(_under_each_tap(_bordered(x, geometry, 0.0), kernel, places, geometry)):
        out += tap if winners is None else tap * (winners == i)
    return out


@primitive
def _spread(
    y: Array, *, winners: Array | None, size: tuple[int, int], kernel: tuple[int, int], geometry: Geometry
) -> Array:
    (height, width), (ph, pw) = size, geometry.padding
    image = xp.empty_like(y, shape=(*y.shape[:2], height + 2 * ph, width + 2 * pw))
    image.fill(0.0)
    for i, tap in enumerate(_under_each_tap(image, kernel, y.shape[2:], geometry)):
        tap += y if winners is None else y * (winners == i)
    return image[:, :, ph : ph + height, pw : pw + width]


_collect.defvjps(
    lambda g, out, x, *, winners, kernel, geometry: _spread(
        g, winners=winners, size=x.shape[2:], kernel=kernel, geometry=geometry
    )
)
_spread.defvjps(
    lambda g, out, y, *, winners, size, kernel, geometry: _collect(g, winners=winners, kernel=kernel, geometry=geometry)
)


def _least(x: Array) -> float:
    """What no value of x is less than."""
    if x.dtype.kind == "f":
        return -math.inf
    return False if x.dtype.kind == "b" else xp.iinfo(x.dtype).min


@primitive
def _max_pool2d(x: Array, *, kernel: tuple[int, int], geometry: Geometry) -> Array:
    places = _places(x.shape[2:], kernel, geometry)
    taps = _under_each_tap(_bordered(x, geometry, _least(x)), kernel, places, geometry)
    out = next(taps).copy(order="K")
    for tap in taps:
        xp.maximum(out, tap, out=out)
    return out


def _winners(x: Array, out: Array, kernel: tuple[int, int], geometry: Geometry) -> Array:
    """The number of the first tap under which the largest value lies, as in PyTorch: constant almost everywhere."""
    x, out = raw_of(x), raw_of(out)
    winners = xp.zeros_like(out, dtype=xp.min_scalar_type(math.prod(kernel)))
    none_yet = xp.ones_like(out, dtype=bool)
    for tap in _under_each_tap(_bordered(x, geometry, _least(x)), kernel, out.shape[2:], geometry):
        none_yet &= (tap != out) & ~xp.isnan(tap)  # where there is a NaN, the largest is NaN
        winners += none_yet
    return winners


_max_pool2d.defvjps(
    lambda g, out, x, *, kernel, geometry: _spread(
        g,
        winners=_winners(x, out, kernel, geometry),
        size=x.shape[2:],
        kernel=kernel,
        geometry=geometry,
    )
)


# ---------------------------------------------------------------- as users call them


def _window(
    op: str, kernel_size: Pair, stride: Pair | None, padding: Pair, dilation: Pair
) -> tuple[tuple[int, int], Geometry]:
    """The window's size and how it moves; raises ValueError where that fits no input."""
    kernel = _pair(op, "kernel_size", kernel_size, 1)
    geometry = _geometry(op, kernel if stride is None else stride, padding, dilation, 1)
    if any(2 * p > d * (k - 1) + 1 for k, p, d in zip(kernel, geometry.padding, geometry.dilation, strict=True)):
        raise ValueError(f"{op}: padding {geometry.padding} is more than half of the window {kernel}")
    return kernel, geometry


def _window_on(
    input: Array, op: str, kernel_size: Pair, stride: Pair | None, padding: Pair, dilation: Pair
) -> tuple[tuple[int, int], Geometry]:
    """The same; raises ValueError where it does not fit on the input."""
    if input.ndim not in (3, 4):
        raise ValueError(f"{op}: input must be (N, C, H, W) or (C, H, W), got {input.shape}")
    kernel, geometry = _window(op, kernel_size, stride, padding, dilation)
    if min(_places(input.shape[-2:], kernel, geometry)) < 1:
        raise ValueError(f"{op}: input {input.shape} with padding {geometry.padding} is smaller than window {kernel}")
    return kernel, geometry


def max_pool2d(
    input: Array, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0, dilation: Pair = 1
) -> Array:
    """The largest value under each window: (N, C, H, W) to (N, C, OH, OW), as in PyTorch.

    OH = (H + 2 padding - dilation (KH - 1) - 1) // stride + 1; the stride is the size of the window unless given. The
    padding never wins. Of several that are largest, the first gets the gradient; a NaN is larger than any number.

    Raises:
        ValueError: when the window is larger than the image, or the padding more than half of the window.
    """
    (input,) = as_arrays("max_pool2d", input)
    kernel, geometry = _window_on(input, "max_pool2d", kernel_size, stride, padding, dilation)
    return _batched(lambda x: _max_pool2d(x, kernel=kernel, geometry=geometry), input)


def avg_pool2d(input: Array, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0) -> Array:
    """The mean of what lies under each window: (N, C, H, W) to (N, C, OH, OW), as in PyTorch.

    OH = (H + 2 padding - KH) // stride + 1; the stride is the size of the window unless given. The padding counts, as
    zeros. Images of integers are computed in float32.

    Raises:
        ValueError: when the window is larger than the image, or the padding more than half of the window.
    """
    (input,) = as_arrays("avg_pool2d", input)
    input = _as_floats(input)
    kernel, geometry = _window_on(input, "avg_pool2d", kernel_size, stride, padding, 1)
    share = 1.0 / math.prod(kernel)
    return _batched(lambda x: _collect(x, winners=None, kernel=kernel, geometry=geometry) * share, input)
