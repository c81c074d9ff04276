"""Batch normalisation: two launches there, and four back."""

from __future__ import annotations

from typing import Any

from ..backend import Array, empty
from ..ops import normalisation as usual
from . import sums
from .launching import by_rows, for_channels, kernel

_TRACK = for_channels(
    "track",
    "x",
    [{"mean": "x / count"}, {"variance": "(x - mean) * (x - mean) / count"}],
    "running_mean, running_var, mean, scale",
    """
    scale = 1 / sqrt(variance + eps)
    running_mean = (1 - share) * running_mean + share * mean
    running_var = (1 - share) * running_var + share * variance * unbiased
    """,
    of_channels="running_mean, running_var",
    numbers="share, unbiased, eps",
)
_SUMS = for_channels("sums", "g, x", [{"sum_g": "g", "sum_gx": "g * (x - mean)"}], "sum_g, sum_gx", of_channels="mean")
_BY_WEIGHT = for_channels(
    "by_weight", "g, x", [{"total": "g * (x - mean)"}], "out", "out = total * scale", of_channels="mean, scale"
)
_NORMED = kernel("batch_norm", "x, mean, scale, weight, bias", "out = (x - mean) * (scale * weight) + bias")
_BY_NORMED = kernel(
    "by_batch_norm",
    "x, g, mean, scale, weight, sum_g, sum_gx, each",
    "out = scale * weight * (g - sum_g * each - (x - mean) * (scale * scale * sum_gx * each))",
)


def track(x: Array, running_mean: Array | None, running_var: Array | None, *, share: float, eps: float) -> Any:
    """``normalisation._track``; what nobody tracks is computed, too, and dropped."""
    n = usual._count(x)
    mean, scale, *instead = (empty(x.shape[1:2], like=x) for _ in range(4))
    running = [new if r is None else r for r, new in zip((running_mean, running_var), instead, strict=True)]
    moved = [by_rows(r) for r in running]
    _TRACK(x, *moved, share, n / max(1, n - 1), eps, mean, scale)
    for r, new in zip(running, moved, strict=True):
        if new is not r:
            r[...] = new
    return mean, scale


def batch_norm(x: Array, weight: Any, bias: Any, *, moments: usual.Moments) -> Array:
    """``normalisation._batch_norm``."""
    return _NORMED(x, moments.mean, moments.scale, weight, bias)


def batch_norm_input(g: Array, x: Array, weight: Any, *, moments: usual.Moments) -> Array:
    """``normalisation._batch_norm_input``."""
    sum_g, sum_gx = empty(x.shape[1:2], like=x), empty(x.shape[1:2], like=x)
    _SUMS(g, x, moments.mean, sum_g, sum_gx)
    return _BY_NORMED(x, g, moments.mean, moments.scale, weight, sum_g, sum_gx, usual._share(x))


def batch_norm_weight(g: Array, x: Array, *, moments: usual.Moments) -> Array:
    """``normalisation._batch_norm_weight``."""
    out = empty(x.shape[1:2], like=x)
    _BY_WEIGHT(g, x, moments.mean, moments.scale, out)
    return out


FORWARD = {
    usual._batch_norm: batch_norm,
    usual._batch_norm_input: batch_norm_input,
    usual._batch_norm_weight: batch_norm_weight,
}
FUNCTIONS = {"_track": track}

#: By an op and which of its arguments.
BACKWARD = {(usual._batch_norm, 2): lambda g, out, x, weight, bias, *, moments: sums.of_channels(g)}
