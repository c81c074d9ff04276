"""Images made larger or smaller: interpolation, and channels turned into pixels. Composed of other ops."""

from __future__ import annotations

import functools
import math
from types import ModuleType

from ..backend import Array, array_module, move, xp
from ..messages import check_integers, check_numbers
from ..primitive import as_arrays, raw_of
from .convolution import Pair, _batched, _pair
from .elementwise import _as_floats
from .linalg import matmul
from .shaping import permute, reshape

Scale = float | tuple[float, float]


def interpolate(
    input: Array,
    size: Pair | None = None,
    scale_factor: Scale | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Array:
    """Images (N, C, H, W) in another size, or in floor(size * scale_factor), as in PyTorch.

    mode is "nearest", or "bilinear": then align_corners says whether the centres of the pixels in the corners stay
    where they are, or the corners of the image do. Each axis is a product with a matrix, of the weights that a pixel of
    the result gives to those of the image. Between pixels, images of integers are computed in float32.

    Raises:
        ValueError: when not exactly one of size and scale_factor is given, or something else does not fit.
    """
    (input,) = as_arrays("interpolate", input)
    if input.ndim != 4:
        raise ValueError(f"interpolate: input must be (N, C, H, W), got {input.shape}")
    sizes = _sizes(input.shape[2:], *_target("interpolate", size, scale_factor, mode, align_corners))
    images = permute(input if mode == "nearest" else _as_floats(input), 0, 2, 3, 1)
    count, height, _, channels = images.shape
    by_row, by_column = (
        _weights(n, out, ratio, mode, align_corners, images.dtype, array_module(raw_of(images)))
        for n, (out, ratio) in zip(input.shape[2:], sizes, strict=True)
    )
    images = matmul(by_column, images)
    images = matmul(by_row, reshape(images, count, height, len(by_column) * channels))
    return permute(reshape(images, count, len(by_row), len(by_column), channels), 0, 3, 1, 2)


def _target(
    op: str, size: Pair | None, scale_factor: Scale | None, mode: str, align_corners: bool | None
) -> tuple[tuple[int, int] | None, tuple[float, float] | None]:
    """The size, or the factors, for both axes; raises ValueError where what is asked for fits no image."""
    if (size is None) == (scale_factor is None):
        raise ValueError(f"{op}: needs one of size and scale_factor, got {size} and {scale_factor}")
    if mode not in ("nearest", "bilinear"):
        raise ValueError(f"{op}: mode '{mode}' is not one of nearest, bilinear")
    if mode == "nearest" and align_corners is not None:
        raise ValueError(f"{op}: align_corners is for mode 'bilinear'")
    if size is not None:
        return _pair(op, "size", size, 1), None
    factors = tuple(scale_factor) if isinstance(scale_factor, list | tuple) else (scale_factor,) * 2
    for factor in factors:
        check_numbers(op, scale_factor=factor)
    if len(factors) != 2 or not all(0.0 < f < math.inf for f in factors):
        raise ValueError(f"{op}: scale_factor is a number above 0, or a pair of them, got {scale_factor}")
    return None, factors


def _sizes(
    sizes: tuple[int, int], size: tuple[int, int] | None, factors: tuple[float, float] | None
) -> list[tuple[int, float]]:
    """For each axis the new size, and how far it is on the image from one pixel of the result to the next."""
    if size is not None:
        return [(out, n / out) for n, out in zip(sizes, size, strict=True)]
    if any(math.floor(n * f) < 1 for n, f in zip(sizes, factors, strict=True)):
        raise ValueError(f"interpolate: scale_factor {factors} leaves nothing of an image {sizes}")
    return [(math.floor(n * f), 1.0 / f) for n, f in zip(sizes, factors, strict=True)]


@functools.lru_cache(maxsize=64)
def _weights(
    n: int, out: int, ratio: float, mode: str, align_corners: bool | None, dtype: xp.dtype, module: ModuleType
) -> Array:
    """The matrix (out, n) that resizes an axis; a network asks for the same few again and again."""
    pixels = xp.arange(out)
    if mode == "nearest":
        if out in (n, 2 * n):  # as in PyTorch, even if the factor is 1.2 or 2.2
            ratio = n / out
        places = pixels.astype(xp.float32) * ratio  # in this precision, as in PyTorch
        first, share = places.astype(int), 0.0
    else:
        places = pixels * ((n - 1) / max(1, out - 1)) if align_corners else (pixels + 0.5) * ratio - 0.5
        places = xp.maximum(places, 0.0)
        first = places.astype(int)
        share = places - first
    matrix = xp.zeros((out, n))
    matrix[pixels, xp.minimum(first, n - 1)] += 1.0 - share
    matrix[pixels, xp.minimum(first + 1, n - 1)] += share
    matrix = matrix.astype(dtype)
    matrix.flags.writeable = False  # all who ask get the same one
    return move(matrix, module)


def pixel_shuffle(input: Array, upscale_factor: int) -> Array:
    """Channels turned into pixels: (N, C r^2, H, W) to (N, C, H r, W r) with r = upscale_factor, as in PyTorch.

    Source: Shi et al. 2016, equation 4.

    Raises:
        ValueError: when the number of channels is not divisible by r^2.
    """
    check_integers("pixel_shuffle", 1, upscale_factor=upscale_factor)
    (input,), r = as_arrays("pixel_shuffle", input), upscale_factor
    if input.ndim not in (3, 4) or input.shape[-3] % r**2:
        raise ValueError(
            f"pixel_shuffle: input must be (N, C, H, W) or (C, H, W) with C divisible by {r}^2, got {input.shape}"
        )
    return _batched(lambda x: _shuffled(x, r), input)


def _shuffled(x: Array, r: int) -> Array:
    """Reshaped as channels-last, so that the result, and the gradient, are that in memory."""
    count, channels, height, width = x.shape
    channels //= r * r
    x = permute(reshape(permute(x, 0, 2, 3, 1), count, height, width, channels, r, r), 0, 1, 4, 2, 5, 3)
    return permute(reshape(x, count, height * r, width * r, channels), 0, 3, 1, 2)
