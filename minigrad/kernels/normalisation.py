"""Batch normalisation: four launches there, and five back."""

from __future__ import annotations

from typing import Any

from ..backend import Array, empty
from ..ops import normalisation as usual
from .launching import kernel, sum_of

_MEAN = sum_of("mean", "T x", "x")
_SQUARES = sum_of("squares", "T x, T mean", "(x - mean) * (x - mean)")
_PRODUCTS = sum_of("products", "T g, T x, T mean", "g * (x - mean)")
_BY_WEIGHT = sum_of("by_weight", "T g, T x, T mean, T scale", "g * (x - mean) * scale")
_STATISTICS = kernel(
    "statistics",
    "T mean, T variance, T running_mean, T running_var, T share, T unbiased, T eps",
    "T scale, T new_mean, T new_var",
    """
    scale = 1 / sqrt(variance + eps)
    new_mean = (1 - share) * running_mean + share * mean
    new_var = (1 - share) * running_var + share * unbiased * variance
    """,
)
_NORMED = kernel("batch_norm", "T x, T mean, T scale, T weight, T bias", "T out",
                 "out = (x - mean) * (scale * weight) + bias")  # fmt: skip
_BY_NORMED = kernel(
    "by_batch_norm",
    "T g, T x, T mean, T scale, T weight, T sum_g, T sum_gx, T each",
    "T out",
    "out = scale * weight * (g - sum_g * each - (x - mean) * (scale * scale * sum_gx * each))",
)


def _along(v: Any, x: Array) -> Any:
    """Numbers for each channel, (C,), as they broadcast beside x; a number for all as it is."""
    return v.reshape(-1, *(1,) * (x.ndim - 2)) if hasattr(v, "ndim") and v.ndim else v


def mean_and_variance(x: Array) -> tuple[Array, Array]:
    """``normalisation._mean_and_variance``."""
    places, each = usual._places(x), usual._share(x)
    mean = _MEAN(x, axis=places, each=each)
    return mean, _SQUARES(x, _along(mean, x), axis=places, each=each)


def scale_and_track(
    mean: Array, variance: Array, running_mean: Array | None, running_var: Array | None, *, share: float,
    unbiased: float, eps: float,
) -> Array:  # fmt: skip
    """``normalisation._scale_and_track``; what nobody tracks is computed, too, and dropped."""
    scale = empty(mean.shape, like=mean)
    running = [empty(mean.shape, like=mean) if r is None else r for r in (running_mean, running_var)]
    _STATISTICS(mean, variance, *running, share, unbiased, eps, scale, *running)
    return scale


def batch_norm(x: Array, weight: Array, bias: Array, *, moments: usual.Moments) -> Array:
    """``normalisation._batch_norm``."""
    return _NORMED(x, *(_along(v, x) for v in (moments.mean, moments.scale, weight, bias)))


def batch_norm_input(g: Array, x: Array, weight: Array, *, moments: usual.Moments) -> Array:
    """``normalisation._batch_norm_input``."""
    places, mean = usual._places(x), _along(moments.mean, x)
    sums = g.sum(axis=places), _PRODUCTS(g, x, mean, axis=places)
    scale, weight, *sums = (_along(v, x) for v in (moments.scale, weight, *sums))
    return _BY_NORMED(g, x, mean, scale, weight, *sums, usual._share(x))


def batch_norm_weight(g: Array, x: Array, *, moments: usual.Moments) -> Array:
    """``normalisation._batch_norm_weight``."""
    return _BY_WEIGHT(g, x, _along(moments.mean, x), _along(moments.scale, x), axis=usual._places(x))


FORWARD = {
    usual._batch_norm: batch_norm,
    usual._batch_norm_input: batch_norm_input,
    usual._batch_norm_weight: batch_norm_weight,
}
FUNCTIONS = {"_mean_and_variance": mean_and_variance, "_scale_and_track": scale_and_track}
