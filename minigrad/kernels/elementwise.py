"""Activations, which have a formula for the value and one for the derivative."""

from __future__ import annotations

from ..backend import Array, empty
from ..ops import elementwise, reduction
from .launching import kernel, sum_of

_SIGMOID = kernel("sigmoid", "T x", "T out", """
    T small = exp(-fabs(x))
    out = where(x >= 0, T(1), small) / (1 + small)
""")  # fmt: skip
_LEAKY = kernel("leaky_relu", "T x, T slope", "T out", "out = where(x > 0, x, slope * x)")
_ELU = kernel("elu", "T x, T alpha", "T out", "out = where(x > 0, x, alpha * expm1(where(x > 0, T(0), x)))")

_BY_TANH = kernel("by_tanh", "T g, T y", "T out", "out = g * (1 - y * y)")
_BY_RELU = kernel("by_relu", "T g, T y", "T out", "out = g * (y > 0)")
_BY_SIGMOID = kernel("by_sigmoid", "T g, T y", "T out", "out = g * y * (1 - y)")
_BY_SOFTPLUS = kernel("by_softplus", "T g, T y", "T out", "out = -g * expm1(-y)")
_BY_LEAKY = kernel("by_leaky_relu", "T g, T x, T slope", "T out", "out = g * (slope + (1 - slope) * (x > 0))")
_BY_ELU = kernel("by_elu", "T g, T x, T alpha", "T out",
                 "out = where(x > 0, g, g * alpha * exp(where(x > 0, T(0), x)))")  # fmt: skip

_SUM = sum_of("sum", "T x", "x")
_SPREAD = kernel("spread", "T g, T each", "T out", "out = g * each")


def _mean(x: Array, *, axes: tuple[int, ...], keepdim: bool) -> Array:
    return _SUM(x, axis=axes, each=reduction._inverse(reduction._count(x, axes)), keepdims=keepdim)


def _by_mean(g: Array, out: Array, x: Array, *, axes: tuple[int, ...], keepdim: bool) -> Array:
    each = reduction._inverse(reduction._count(x, axes))
    return _SPREAD(reduction._kept(g, x, axes, keepdim), each, empty(x.shape, like=x))


FORWARD = {
    elementwise.sigmoid: _SIGMOID,
    elementwise._leaky_relu: lambda x, *, negative_slope: _LEAKY(x, negative_slope),
    elementwise._elu: lambda x, *, alpha: _ELU(x, alpha),
    reduction._mean: _mean,
}

#: By the first argument of each op.
BACKWARD = {
    elementwise.tanh: lambda g, out, x: _BY_TANH(g, out),
    elementwise.relu: lambda g, out, x: _BY_RELU(g, out),
    elementwise.sigmoid: lambda g, out, x: _BY_SIGMOID(g, out),
    elementwise.softplus: lambda g, out, x: _BY_SOFTPLUS(g, out),
    elementwise._leaky_relu: lambda g, out, x, *, negative_slope: _BY_LEAKY(g, x, negative_slope),
    elementwise._elu: lambda g, out, x, *, alpha: _BY_ELU(g, x, alpha),
    reduction._mean: _by_mean,
}
