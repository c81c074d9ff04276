"""Activations, which have a formula for the value and one for the derivative, and means."""

from __future__ import annotations

from ..backend import Array, empty
from ..ops import elementwise, reduction
from . import broadcasting, sums
from .launching import kernel

_TANH = kernel("tanh", "x", "out = tanh(x)")
_RELU = kernel("relu", "x", "out = where(x < 0, T(0), x)")
_SOFTPLUS = kernel("softplus", "x", "out = where(x > 0, x, T(0)) + log1p(exp(-fabs(x)))")
_SIGMOID = kernel("sigmoid", "x", """
    T small = exp(-fabs(x))
    out = where(x >= 0, T(1), small) / (1 + small)
""")  # fmt: skip
_LEAKY = kernel("leaky_relu", "x, slope", "out = where(x > 0, x, slope * x)")
_ELU = kernel("elu", "x, alpha", "out = where(x > 0, x, alpha * expm1(where(x > 0, T(0), x)))")

_BY_TANH = kernel("by_tanh", "y, g", "out = g * (1 - y * y)")
_BY_RELU = kernel("by_relu", "y, g", "out = g * (y > 0)")
_BY_SIGMOID = kernel("by_sigmoid", "y, g", "out = g * y * (1 - y)")
_BY_SOFTPLUS = kernel("by_softplus", "y, g", "out = -g * expm1(-y)")
_BY_LEAKY = kernel("by_leaky_relu", "x, g, slope", "out = g * (slope + (1 - slope) * (x > 0))")
_BY_ELU = kernel("by_elu", "x, g, alpha", "out = where(x > 0, g, g * alpha * exp(where(x > 0, T(0), x)))")

_SUM = broadcasting.sum_of("sum", "T x", "x")
_SPREAD = broadcasting.kernel("spread", "T g, T each", "T out", "out = g * each")


def _mean(x: Array, *, axes: tuple[int, ...], keepdim: bool) -> Array:
    each = reduction._inverse(reduction._count(x, axes))
    if len(axes) < x.ndim:
        return _SUM(x, axis=axes, each=each, keepdims=keepdim)
    mean = sums.of_all(x, each)
    return mean.reshape((1,) * x.ndim) if keepdim else mean


def _by_mean(g: Array, out: Array, x: Array, *, axes: tuple[int, ...], keepdim: bool) -> Array:
    each = reduction._inverse(reduction._count(x, axes))
    return _SPREAD(reduction._kept(g, x, axes, keepdim), each, empty(x.shape, like=x))


FORWARD = {
    elementwise.tanh: _TANH,
    elementwise.relu: _RELU,
    elementwise.softplus: _SOFTPLUS,
    elementwise.sigmoid: _SIGMOID,
    elementwise._leaky_relu: lambda x, *, negative_slope: _LEAKY(x, negative_slope),
    elementwise._elu: lambda x, *, alpha: _ELU(x, alpha),
    reduction._mean: _mean,
}

#: By an op and which of its arguments.
BACKWARD = {
    (elementwise.tanh, 0): lambda g, out, x: _BY_TANH(out, g),
    (elementwise.relu, 0): lambda g, out, x: _BY_RELU(out, g),
    (elementwise.sigmoid, 0): lambda g, out, x: _BY_SIGMOID(out, g),
    (elementwise.softplus, 0): lambda g, out, x: _BY_SOFTPLUS(out, g),
    (elementwise._leaky_relu, 0): lambda g, out, x, *, negative_slope: _BY_LEAKY(x, g, negative_slope),
    (elementwise._elu, 0): lambda g, out, x, *, alpha: _BY_ELU(x, g, alpha),
    (reduction._mean, 0): _by_mean,
}
