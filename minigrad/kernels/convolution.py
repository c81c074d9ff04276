"""Convolution: patches beside each other, and one product of matrices."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence

from ..backend import Array, empty, xp
from ..ops import convolution as usual
from ..ops.convolution import Geometry
from .launching import kernel as kernel_of

#: The patches, and the images, of a part of the batch take at most so many bytes: 32 bits are enough to count them.
_PART_BYTES = 1 << 29

# Patches are a matrix (C * KH * KW, N * OH * OW): threads beside each other read, and write, pixels beside each other.
# Divisions of 64 bits, such as those of the number i of an element, would take longer than all the rest.


@functools.cache
def _patches_kernel(
    sizes: Sequence[int], kernel: Sequence[int], places: Sequence[int], geometry: Geometry
) -> Callable[..., Array]:
    """What lies under each tap at each place of images (N, C, H, W): ``patches(x, channels, out)``."""
    (h, w), (kh, kw), (oh, ow) = sizes, kernel, places
    (sh, sw), (ph, pw), (dh, dw), _ = geometry
    formula = f"""
        int at = i
        int place = at % (count * {oh * ow})
        int tap = at / (count * {oh * ow})
        int row = place / {ow} % {oh} * {sh} + tap / {kw} % {kh} * {dh} - {ph}
        int column = place % {ow} * {sw} + tap % {kw} * {dw} - {pw}
        int image = place / {oh * ow} * channels + tap / {kh * kw}
        bool inside = (row >= 0) * (row < {h}) * (column >= 0) * (column < {w})
        out = where(inside, x[inside * ((image * {h} + row) * {w} + column)], T(0))"""
    return kernel_of("patches", "raw T x, int32 count, int32 channels", "T out", formula)


@functools.cache
def _painting_kernel(
    sizes: Sequence[int], kernel: Sequence[int], places: Sequence[int], geometry: Geometry
) -> Callable[..., Array]:
    """The adjoint: every pixel adds up what was painted on it."""
    (h, w), (kh, kw), (oh, ow) = sizes, kernel, places
    stride, (ph, pw), dilation, _ = geometry
    rows, columns = (_reaching(*axis) for axis in zip("yx", kernel, stride, dilation, places, strict=True))
    lines = [
        "int at = i",
        f"int x = at % {w} + {pw}",
        f"int y = at / {w} % {h} + {ph}",
        f"int channel = at / {h * w} % channels",
        f"int image = at / {h * w} / channels",
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
    return kernel_of(
        "painting", "raw T painted, int32 count, int32 channels", "T out", "\n".join([*lines, "out = total"])
    )


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


def _patches(x: Array, kernel: Sequence[int], geometry: Geometry) -> Iterator[tuple[slice, Array]]:
    """For each part of the batch the matrix of what lies under the filter."""
    count, channels, *sizes = x.shape
    places = usual._places(sizes, kernel, geometry)
    rows = channels * math.prod(kernel)
    compute = _patches_kernel(tuple(sizes), tuple(kernel), places, geometry)
    for part in _parts(count, max(rows * math.prod(places), channels * math.prod(sizes)) * x.itemsize):
        n = part.stop - part.start
        out = empty((rows, n * math.prod(places)), like=x)
        yield part, compute(x[part], n, channels, out)


def correlate(x: Array, w: Array, geometry: Geometry) -> Array:
    """``convolution._correlate``."""
    filters, _, *kernel = w.shape
    places = usual._places(x.shape[2:], kernel, geometry)
    out = [w.reshape(filters, -1) @ patches for _, patches in _patches(x, kernel, geometry)]
    out = out[0] if len(out) == 1 else xp.concatenate(out, axis=1)
    return out.reshape(filters, len(x), *places).transpose(1, 2, 3, 0)


def meet(x: Array, y: Array, geometry: Geometry, kernel: tuple[int, int]) -> Array:
    """``convolution._meet``."""
    filters, channels = y.shape[1], x.shape[1]
    products = [
        y[part].transpose(1, 0, 2, 3).reshape(filters, -1) @ patches.T
        for part, patches in _patches(x, kernel, geometry)
    ]
    return functools.reduce(lambda a, b: a + b, products).reshape(filters, channels, *kernel).transpose(1, 2, 3, 0)


def paint(y: Array, w: Array, geometry: Geometry, size: tuple[int, int]) -> Array:
    """``convolution._paint``."""
    (count, filters, *places), (channels, *kernel) = y.shape, w.shape[1:]
    compute = _painting_kernel(tuple(size), tuple(kernel), tuple(places), geometry)
    out = empty((count, channels, *size), like=y)
    for part in _parts(count, channels * max(math.prod(kernel) * math.prod(places), math.prod(size)) * y.itemsize):
        painted = w.reshape(filters, -1).T @ y[part].transpose(1, 0, 2, 3).reshape(filters, -1)
        compute(painted, part.stop - part.start, channels, out[part])
    return out.transpose(0, 2, 3, 1)


FUNCTIONS = {"_correlate": correlate, "_meet": meet, "_paint": paint}
