"""Convolution: patches beside each other, and one product of matrices."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence

from ..backend import Array, empty, xp
from ..ops import convolution as usual
from ..ops.convolution import Geometry
from . import sums
from .launching import by_rows, loop
from .products import dot

#: The patches, images and results of a part of the batch take at most so many bytes: 32 bits are enough to count them.
_PART_BYTES = 1 << 29

# Patches are a matrix (C * KH * KW, N * OH * OW): threads beside each other read, and write, pixels beside each other.

_SWAPPED = loop("swapped", "const T* x, T* out, int a, int b, int inner", """
    int first = i / inner % a
    int second = i / inner / a
    out[i] = x[(first * b + second) * inner + i % inner]
""")  # fmt: skip


def _swapped(x: Array) -> Array:
    """x (A, B, ...) with its first two axes exchanged, in memory, too."""
    a, b, *rest = x.shape
    out = empty((b, a, *rest), like=x)
    _SWAPPED(by_rows(x), out, a, b, math.prod(rest), x.size)
    return out


@functools.cache
def _patches_kernel(
    sizes: Sequence[int], kernel: Sequence[int], places: Sequence[int], geometry: Geometry
) -> Callable[..., None]:
    """What lies under each tap at each place of images (N, C, H, W): ``patches(x, out, N, C, size of out)``."""
    (h, w), (kh, kw), (oh, ow) = sizes, kernel, places
    (sh, sw), (ph, pw), (dh, dw), _ = geometry
    formula = f"""
        int place = i % (count * {oh * ow})
        int tap = i / (count * {oh * ow})
        int row = place / {ow} % {oh} * {sh} + tap / {kw} % {kh} * {dh} - {ph}
        int column = place % {ow} * {sw} + tap % {kw} * {dw} - {pw}
        int image = place / {oh * ow} * channels + tap / {kh * kw}
        bool inside = (row >= 0) * (row < {h}) * (column >= 0) * (column < {w})
        out[i] = where(inside, x[inside * ((image * {h} + row) * {w} + column)], T(0))"""
    return loop("patches", "const T* x, T* out, int count, int channels", formula)


@functools.cache
def _painting_kernel(
    sizes: Sequence[int], kernel: Sequence[int], places: Sequence[int], geometry: Geometry
) -> Callable[..., None]:
    """The adjoint: every pixel adds up what was painted on it; ``painting(painted, out, N, C, size of out)``."""
    (h, w), (kh, kw), (oh, ow) = sizes, kernel, places
    stride, (ph, pw), dilation, _ = geometry
    rows, columns = (_reaching(*axis) for axis in zip("yx", kernel, stride, dilation, places, strict=True))
    lines = [
        f"int x = i % {w} + {pw}",
        f"int y = i / {w} % {h} + {ph}",
        f"int channel = i / {h * w} % channels",
        f"int image = i / {h * w} / channels",
        "T total = 0",
        *itertools.chain(*rows, *columns),
    ]
    for a, b in itertools.product(range(len(rows)), range(len(columns))):
        lines += [
            f"bool inside{a}_{b} = reached_y{a} * reached_x{b}",
            f"int place{a}_{b} = ((channel * {kh * kw} + tap_y{a} * {kw} + tap_x{b}) * count + image) * {oh * ow}"
            f" + place_y{a} * {ow} + place_x{b}",
            f"total += where(inside{a}_{b}, painted[inside{a}_{b} * place{a}_{b}], T(0))",
        ]
    return loop("painting", "const T* painted, T* out, int count, int channels", "\n".join([*lines, "out[i] = total"]))


def _reaching(axis: str, kernel: int, stride: int, dilation: int, places: int) -> list[list[str]]:
    """Along an axis: each tap that may have reached a pixel, from which place, and whether it did.

    Places are as far from each other as the stride, so of the taps beside each other one in a stride did.
    """
    few = [f"{axis} % {stride} + {n}" for n in range(0, kernel, stride)]
    taps = few if dilation == 1 else [str(tap) for tap in range(kernel)]
    return [
        [
            f"int tap_{axis}{n} = {tap}",
            f"int from_{axis}{n} = {axis} - tap_{axis}{n} * {dilation}",
            f"int place_{axis}{n} = from_{axis}{n} / {stride}",
            f"bool reached_{axis}{n} = (tap_{axis}{n} < {kernel}) * (from_{axis}{n} >= 0)"
            f" * (from_{axis}{n} % {stride} == 0) * (place_{axis}{n} < {places})",
        ]
        for n, tap in enumerate(taps)
    ]


def _parts(count: int, bytes_each: int) -> list[slice]:
    """Parts of the batch that are not too large."""
    step = max(1, _PART_BYTES // max(1, bytes_each))
    return [slice(i, min(i + step, count)) for i in range(0, count, step)]


def _patches(x: Array, filters: int, kernel: Sequence[int], geometry: Geometry) -> Iterator[tuple[slice, Array]]:
    """For each part of the batch the matrix of what lies under each of so many filters."""
    count, channels, *sizes = x.shape
    places = usual._places(sizes, kernel, geometry)
    rows = channels * math.prod(kernel)
    compute = _patches_kernel(tuple(sizes), tuple(kernel), places, geometry)
    x = by_rows(x)
    most = max(max(rows, filters) * math.prod(places), channels * math.prod(sizes))
    for part in _parts(count, most * x.itemsize):
        n = part.stop - part.start
        out = empty((rows, n * math.prod(places)), like=x)
        compute(x[part], out, n, channels, out.size)
        yield part, out


def correlate(x: Array, w: Array, geometry: Geometry) -> Array:
    """``convolution._correlate``."""
    filters, _, *kernel = w.shape
    places = usual._places(x.shape[2:], kernel, geometry)
    matrix = w.reshape(filters, -1)
    out = [
        _swapped(dot(matrix, patches).reshape(filters, -1, *places))
        for _, patches in _patches(x, filters, kernel, geometry)
    ]
    return (out[0] if len(out) == 1 else xp.concatenate(out)).transpose(0, 2, 3, 1)


def meet(x: Array, y: Array, geometry: Geometry, kernel: tuple[int, int]) -> Array:
    """``convolution._meet``."""
    filters, channels = y.shape[1], x.shape[1]
    products = [
        dot(_swapped(y[part]).reshape(filters, -1), patches.T)
        for part, patches in _patches(x, filters, kernel, geometry)
    ]
    return functools.reduce(lambda a, b: a + b, products).reshape(filters, channels, *kernel).transpose(1, 2, 3, 0)


def paint(y: Array, w: Array, geometry: Geometry, size: tuple[int, int]) -> Array:
    """``convolution._paint``."""
    (count, filters, *places), (channels, *kernel) = y.shape, w.shape[1:]
    compute = _painting_kernel(tuple(size), tuple(kernel), tuple(places), geometry)
    out, matrix = empty((count, channels, *size), like=y), w.reshape(filters, -1).T
    most = max(max(channels * math.prod(kernel), filters) * math.prod(places), channels * math.prod(size))
    for part in _parts(count, most * y.itemsize):
        painted = dot(matrix, _swapped(y[part]).reshape(filters, -1))
        compute(painted, out[part], part.stop - part.start, channels, out[part].size)
    return out.transpose(0, 2, 3, 1)


FUNCTIONS = {"_correlate": correlate, "_meet": meet, "_paint": paint}

#: By an op and which of its arguments.
BACKWARD = {
    (usual._conv2d, 2): lambda g, out, x, w, bias=None, **options: sums.of_channels(g),
    (usual._conv_transpose2d, 2): lambda g, out, y, w, bias=None, **options: sums.of_channels(g),
}
