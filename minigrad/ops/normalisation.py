"""Normalisation: every channel, image or row brought to mean 0 and variance 1, then scaled and shifted.

Batch normalisation is what convolutional networks spend their time on beside convolutions. So it has kernels of its
own, three that are closed under differentiation, but for means and variances. For each channel, with n values x, m and
s the mean and 1 / standard deviation of these, h = (x - m) s, and v as any x:

    _batch_norm(x, w, b)          w h + b
    _batch_norm_input(v, x, w)    w s (v - mean(v) - h mean(v h))     its derivative by x, times v
    _batch_norm_weight(v, x)      sum(v h)                            its derivative by w, times v

The other kinds are composed of ops, and so are their derivatives.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from ..backend import Array, array_module, xp
from ..messages import mixed, ndim_of, two_backends
from ..primitive import as_arrays, primitive, raw_of
from .elementwise import _as_floats, sqrt
from .reduction import mean, var
from .shaping import reshape

# ---------------------------------------------------------------- over a batch: kernels on rows, one for each place


class Moments(NamedTuple):
    """What x has in each channel, as raw arrays (C,), computed once for all that needs it."""

    mean: Array
    scale: Array  # 1 / sqrt(variance + eps)
    eps: float

    def __repr__(self) -> str:
        return "those of the batch"


def _rows(x: Array) -> Array:
    """(N, C, ...) as a matrix (N * ..., C), a row for each place: a view where memory is channels-last."""
    return xp.moveaxis(x, 1, -1).reshape(_count(x), x.shape[1])


def _images(rows: Array, shape: tuple[int, ...]) -> Array:
    """What _rows was made of."""
    return xp.moveaxis(rows.reshape(shape[0], *shape[2:], shape[1]), -1, 1)


def _count(x: Array) -> int:
    """How many values each channel has."""
    return x.shape[0] * math.prod(x.shape[2:])


def _share(x: Array) -> float:
    """What each value counts in a mean; a mean of nothing is 0 here."""
    return 1.0 / max(1, _count(x))


def _places(x: Array) -> tuple[int, ...]:
    """All axes but that of the channels."""
    return (0, *range(2, x.ndim))


def _sum_of_rows(rows: Array) -> Array:
    return xp.dot(array_module(rows).ones(len(rows), rows.dtype), rows)  # four times as fast as rows.sum(axis=0)


def _dot_of_rows(a: Array, b: Array) -> Array:
    return xp.einsum("rc,rc->c", a, b)


def _mean_and_variance(x: Array) -> tuple[Array, Array]:
    """Of each channel of a raw array; the variance is divided by n. Of no values both are 0."""
    rows = _rows(x)
    each = _share(x)
    average = _sum_of_rows(rows) * each
    centred = rows - average
    shift = _sum_of_rows(centred) * each  # what rounding took from the mean
    return average + shift, _dot_of_rows(centred, centred) * each - shift * shift


@primitive
def _batch_norm(x: Array, weight: Array, bias: Array, *, moments: Moments) -> Array:
    # The mean goes first: far from zero, x * factor + (bias - mean * factor) would be a difference of large numbers.
    out = xp.subtract(_rows(x), moments.mean, dtype=xp.result_type(x, weight, bias))
    out *= moments.scale * weight
    out += bias
    return _images(out, x.shape)


@primitive
def _batch_norm_input(g: Array, x: Array, weight: Array, *, moments: Moments) -> Array:
    g, out, each = _rows(g), _rows(x) - moments.mean, _share(x)
    out *= _dot_of_rows(g, out) * moments.scale**2 * -each
    out += g
    out -= _sum_of_rows(g) * each
    out *= moments.scale * weight
    return _images(out, x.shape)


@primitive
def _batch_norm_weight(g: Array, x: Array, *, moments: Moments) -> Array:
    return _dot_of_rows(_rows(g), _rows(x) - moments.mean) * moments.scale


def _input_of_input(gg, out, g, x, weight, *, moments):
    """The derivative by x of sum(gg * _batch_norm_input(g, x, weight)), a sum that has g and gg in equal roles.

    It is n w s (cov(g, gg) - a b), where a and b are mean(g h) and mean(gg h). The derivatives of s, a and b by x are
    those that the kernels compute: -s^2 h / n, and the derivatives of h along g / n and gg / n.
    """
    places, each = _places(x), _share(x)
    s = 1.0 / sqrt(var(x, places, correction=0) + moments.eps)  # and not moments.scale, a constant: s depends on x
    a, b = (_batch_norm_weight(v, x, moments=moments) * each for v in (g, gg))
    covariance = mean(g * gg, places) - mean(g, places) * mean(gg, places)
    by_s = _batch_norm(x, -weight * s * s * (covariance - a * b), 0.0, moments=moments)
    by_a = _batch_norm_input(g, x, -weight * s * b, moments=moments)
    by_b = _batch_norm_input(gg, x, -weight * s * a, moments=moments)
    return by_s + by_a + by_b


_batch_norm.defvjps(
    lambda g, out, x, weight, bias, *, moments: _batch_norm_input(g, x, weight, moments=moments),
    lambda g, out, x, weight, bias, *, moments: _batch_norm_weight(g, x, moments=moments),
    lambda g, out, x, weight, bias, *, moments: g.sum(axis=_places(x)),
)
_batch_norm_input.defvjps(
    lambda gg, out, g, x, weight, *, moments: _batch_norm_input(gg, x, weight, moments=moments),
    _input_of_input,
    lambda gg, out, g, x, weight, *, moments: (gg * _batch_norm_input(g, x, 1.0, moments=moments)).sum(axis=_places(x)),
)
_batch_norm_weight.defvjps(
    lambda gg, out, g, x, *, moments: _batch_norm(x, gg, 0.0, moments=moments),
    lambda gg, out, g, x, *, moments: _batch_norm_input(g, x, gg, moments=moments),
)


def _per_channel(v: Array, x: Array) -> Array:
    """One number for each channel, (C,), so that it broadcasts beside x (N, C, ...)."""
    return reshape(v, (-1, *(1,) * (x.ndim - 2)))


def _arrays(op: str, input: Array, *others: Array | None) -> list[Array | None]:
    """The input, of floats, and what is given beside it, as arrays."""
    (input,) = as_arrays(op, input)
    input = _as_floats(input)
    return [input, *(v if v is None else as_arrays(op, input, v)[1] for v in others)]


def _check_sizes(op: str, size: int, given: dict[str, Array | None]) -> None:
    for name, array in given.items():
        if array is not None and (ndim_of(op, array) != 1 or len(array) != size):
            raise ValueError(f"{op}: {name} has shape {tuple(array.shape)}, input has {size} channels")


def batch_norm(
    input: Array,
    running_mean: Array | None,
    running_var: Array | None,
    weight: Array | None = None,
    bias: Array | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Array:
    """(x - mean) / sqrt(variance + eps) * weight + bias for each channel of x (N, C) or (N, C, ...), as in PyTorch.

    In training, mean and variance are those of the batch, and the arrays running_mean and running_var (C,), where they
    are given, move towards them in place by the share momentum; the variance divided by n - 1 is what running_var
    gets. In use they are the running ones. Source: Ioffe and Szegedy 2015, algorithm 1.

    Raises:
        ValueError: when shapes do not fit, a channel has a single value in training, or there is nothing to use.
    """
    input, weight, bias = _arrays("batch_norm", input, weight, bias)
    if input.ndim < 2:
        raise ValueError(f"batch_norm: input must be (N, C) or (N, C, ...), got {input.shape}")
    running = {"running_mean": running_mean, "running_var": running_var}
    _check_sizes("batch_norm", input.shape[1], {**running, "weight": weight, "bias": bias})
    weight, bias = 1.0 if weight is None else weight, 0.0 if bias is None else bias
    if training:
        moments = _moments_of_batch(input, running_mean, running_var, momentum, eps)
        return _batch_norm(input, weight, bias, moments=moments)
    if running_mean is None or running_var is None:
        raise ValueError("batch_norm: running_mean and running_var are needed unless training is True")
    average, variance = (raw_of(v).astype(input.dtype, copy=False) for v in (running_mean, running_var))
    scale = weight * (variance + eps) ** -0.5
    shift = bias - average * scale
    return input * _per_channel(scale, input) + _per_channel(shift, input)


def _moments_of_batch(
    input: Array, running_mean: Array | None, running_var: Array | None, momentum: float, eps: float
) -> Moments:
    """The moments of a batch, towards which the running ones move, in place."""
    n = _count(input)
    if n == 1:
        raise ValueError(f"batch_norm: needs more than one value for each channel in training, got input {input.shape}")
    running = [None if v is None or not n else raw_of(v) for v in (running_mean, running_var)]
    if mixed([raw_of(input), *running]):
        raise two_backends("batch_norm")
    average, scale = _track(raw_of(input), *running, share=momentum, eps=eps)
    return Moments(average, scale, eps)


def _track(
    x: Array, running_mean: Array | None, running_var: Array | None, *, share: float, eps: float
) -> tuple[Array, Array]:
    """Mean and 1 / standard deviation of each channel; the running moments, if any, move by the share, in place."""
    n = _count(x)
    average, variance = _mean_and_variance(x)
    for running, new in ((running_mean, average), (running_var, variance * (n / max(1, n - 1)))):
        if running is not None:
            running *= 1.0 - share
            running += share * new
    return average, (variance + eps) ** -0.5


# ---------------------------------------------------------------- over each image or row: composed of ops


def _standardised(x: Array, axes: tuple[int, ...], eps: float) -> Array:
    """Mean 0 and variance 1 along some axes."""
    centred = x - mean(x, axes, keepdim=True)
    return centred / sqrt(mean(centred * centred, axes, keepdim=True) + eps)


def _scaled(x: Array, weight: Array | None, bias: Array | None) -> Array:
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


def layer_norm(
    input: Array,
    normalized_shape: Sequence[int],
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
) -> Array:
    """(x - mean) / sqrt(variance + eps) * weight + bias over the last axes, which have the shape normalized_shape.

    weight and bias have that shape, too. Source: Ba, Kiros and Hinton 2016, section 3.

    Raises:
        ValueError: when shapes do not fit.
    """
    (input, weight, bias), shape = _arrays("layer_norm", input, weight, bias), tuple(normalized_shape)
    if not shape or tuple(input.shape[-len(shape) :]) != shape:
        raise ValueError(f"layer_norm: input {input.shape} does not end in normalized_shape {shape}")
    for name, array in (("weight", weight), ("bias", bias)):
        if array is not None and tuple(array.shape) != shape:
            raise ValueError(f"layer_norm: {name} has shape {tuple(array.shape)}, normalized_shape is {shape}")
    return _scaled(_standardised(input, tuple(range(-len(shape), 0)), eps), weight, bias)


def instance_norm(input: Array, *, weight: Array | None = None, bias: Array | None = None, eps: float = 1e-5) -> Array:
    """(x - mean) / sqrt(variance + eps) * weight + bias for each channel of each image of x (N, C, H, W).

    weight and bias have shape (C,). Source: Ulyanov, Vedaldi and Lempitsky 2016, equation 1.

    Raises:
        ValueError: when shapes do not fit, or an image has a single element.
    """
    input, weight, bias = _arrays("instance_norm", input, weight, bias)
    if input.ndim < 3:
        raise ValueError(f"instance_norm: input must be (N, C, ...), got {input.shape}")
    if math.prod(input.shape[2:]) == 1:
        raise ValueError(f"instance_norm: needs more than one element in each image, got input {input.shape}")
    _check_sizes("instance_norm", input.shape[1], {"weight": weight, "bias": bias})
    weight, bias = (v if v is None else _per_channel(v, input) for v in (weight, bias))
    return _scaled(_standardised(input, tuple(range(2, input.ndim)), eps), weight, bias)
