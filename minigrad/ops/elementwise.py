"""Ops that act on each element by itself: arithmetic, comparisons, functions of one variable.

Two arguments broadcast as in NumPy. A rule never undoes broadcasting: the engine does, for all ops at once.
"""

from __future__ import annotations

import math
from typing import Any

from ..backend import DEFAULT_FLOAT, Array, array_module, as_array, is_array, xp
from ..primitive import primitive

# ---------------------------------------------------------------- arithmetic


@primitive
def add(x: Array, y: Array) -> Array:
    """x + y."""
    return x + y


add.defvjps(lambda g, out, x, y: g, lambda g, out, x, y: g)


@primitive
def sub(x: Array, y: Array) -> Array:
    """x - y."""
    return x - y


sub.defvjps(lambda g, out, x, y: g, lambda g, out, x, y: -g)


@primitive
def mul(x: Array, y: Array) -> Array:
    """x * y."""
    return x * y


mul.defvjps(lambda g, out, x, y: g * y, lambda g, out, x, y: g * x)


@primitive
def div(x: Array, y: Array) -> Array:
    """x / y."""
    return x / y


div.defvjps(lambda g, out, x, y: g / y, lambda g, out, x, y: -g * out / y)


@primitive
def neg(x: Array) -> Array:
    """-x."""
    return -x


neg.defvjps(lambda g, out, x: -g)


@primitive
def _pow_number(x: Array, *, exponent: float) -> Array:
    """x ** exponent, for a Python number."""
    return x**exponent


def _pow_number_vjp(g, out, x, *, exponent):
    if exponent == 0:
        return 0.0 * g  # and not 0 * x**-1, which is nan at x = 0
    return g * (exponent * x ** (exponent - 1))


_pow_number.__name__ = "pow"  # what users called
_pow_number.defvjps(_pow_number_vjp)


@primitive
def _pow(x: Array, y: Array) -> Array:
    """x ** y."""
    return xp.power(x, y)


# Where x = 0 the result is 1 for y = 0 and 0 for every y > 0. The inner `where` keeps the power and the logarithm away
# from those points, so that no nan is made there: nan * 0 would be nan.
_pow.defvjps(
    lambda g, out, x, y: g * y * _pow(where((x == 0) * (y == 0), 1.0, x), y - 1.0),
    lambda g, out, x, y: where(x == 0, 0.0, g * out * log(where(x == 0, 1.0, x))),
)


@primitive
def _number_pow(y: Array, *, base: float) -> Array:
    return xp.power(base, y)


def _number_pow_vjp(g, out, y, *, base):
    log_base = math.log(base) if base > 0 else 0.0 if base == 0 else math.nan
    return g * (log_base * out)


_number_pow.__name__ = "pow"
_number_pow.defvjps(_number_pow_vjp)


def pow(x: Array | float, y: Array | float) -> Array:
    """x ** y. The derivative by x at y = 0, and by y at x = 0, is 0."""
    if isinstance(y, int | float | xp.generic):
        return _pow_number(x, exponent=y.item() if isinstance(y, xp.generic) else y)
    if isinstance(x, int | float | xp.generic):
        return _number_pow(y, base=x.item() if isinstance(x, xp.generic) else x)
    return _pow(x, y)


# ---------------------------------------------------------------- comparisons: no gradient flows through them


@primitive
def equal(x: Array, y: Array) -> Array:
    """x == y, as booleans."""
    return x == y


@primitive
def not_equal(x: Array, y: Array) -> Array:
    """x != y, as booleans."""
    return x != y


@primitive
def less(x: Array, y: Array) -> Array:
    """x < y, as booleans."""
    return x < y


@primitive
def less_equal(x: Array, y: Array) -> Array:
    """x <= y, as booleans."""
    return x <= y


@primitive
def greater(x: Array, y: Array) -> Array:
    """x > y, as booleans."""
    return x > y


@primitive
def greater_equal(x: Array, y: Array) -> Array:
    """x >= y, as booleans."""
    return x >= y


@primitive
def sign(x: Array) -> Array:
    """-1, 0 or 1; constant almost everywhere, so no gradient flows through it."""
    return xp.sign(x)


# ---------------------------------------------------------------- functions of one variable


@primitive
def exp(x: Array) -> Array:
    """e ** x."""
    return xp.exp(x)


exp.defvjps(lambda g, out, x: g * out)


@primitive
def expm1(x: Array) -> Array:
    """e ** x - 1, accurate near 0."""
    return xp.expm1(x)


expm1.defvjps(lambda g, out, x: g * (out + 1.0))


@primitive
def log(x: Array) -> Array:
    """The natural logarithm."""
    return xp.log(x)


log.defvjps(lambda g, out, x: g / x)


@primitive
def log1p(x: Array) -> Array:
    """log(1 + x), accurate near 0."""
    return xp.log1p(x)


log1p.defvjps(lambda g, out, x: g / (x + 1.0))


@primitive
def sqrt(x: Array) -> Array:
    """The square root; its derivative is infinite at 0."""
    return xp.sqrt(x)


sqrt.defvjps(lambda g, out, x: g / (2.0 * out))


@primitive
def sin(x: Array) -> Array:
    """The sine of x in radians."""
    return xp.sin(x)


sin.defvjps(lambda g, out, x: g * cos(x))


@primitive
def cos(x: Array) -> Array:
    """The cosine of x in radians."""
    return xp.cos(x)


cos.defvjps(lambda g, out, x: -g * sin(x))


@primitive
def tanh(x: Array) -> Array:
    """The hyperbolic tangent."""
    return xp.tanh(x)


tanh.defvjps(lambda g, out, x: g * (1.0 - out * out))


@primitive
def sigmoid(x: Array) -> Array:
    """1 / (1 + e ** -x), accurate at both ends: e is only ever raised to a negative number."""
    small = xp.exp(-xp.abs(x))
    return xp.where(x >= 0, xp.ones_like(small), small) / (1.0 + small)


sigmoid.defvjps(lambda g, out, x: g * out * (1.0 - out))


@primitive
def softplus(x: Array) -> Array:
    """log(1 + e ** x), without overflow."""
    return xp.logaddexp(x, 0.0)


softplus.defvjps(lambda g, out, x: -g * expm1(-out))  # sigmoid(x) = 1 - e ** -softplus(x), accurate at both ends


@primitive
def abs(x: Array) -> Array:
    """The absolute value; its derivative at 0 is taken to be 0."""
    return xp.abs(x)


abs.defvjps(lambda g, out, x: g * sign(x))


@primitive
def relu(x: Array) -> Array:
    """max(x, 0); its derivative at 0 is taken to be 0."""
    return xp.maximum(x, 0.0)


relu.defvjps(lambda g, out, x: g * (out > 0))


@primitive
def _leaky_relu(x: Array, *, negative_slope: float) -> Array:
    out = as_array(negative_slope * x)
    return (xp.maximum if negative_slope <= 1 else xp.minimum)(x, out, out=out)


@primitive
def _slope(x: Array, *, negative_slope: float) -> Array:
    """The derivative of leaky_relu: 1 where x > 0 and negative_slope elsewhere."""
    slope = as_array(xp.multiply(x > 0, 1.0 - negative_slope, dtype=x.dtype))  # `where` takes ten times as long
    slope += negative_slope
    return slope


_leaky_relu.defvjps(lambda g, out, x, *, negative_slope: g * _slope(x, negative_slope=negative_slope))


def leaky_relu(x: Array, negative_slope: float = 0.01) -> Array:
    """x where x > 0 and negative_slope * x elsewhere, where the derivative is negative_slope, 0 included."""
    return _leaky_relu(x, negative_slope=negative_slope)


@primitive
def _elu(x: Array, *, alpha: float) -> Array:
    return xp.where(x > 0, x, alpha * xp.expm1(xp.minimum(x, 0.0)))


_elu.defvjps(lambda g, out, x, *, alpha: where(x > 0, g, g * alpha * exp(where(x < 0, x, 0.0))))


def elu(x: Array, alpha: float = 1.0) -> Array:
    """x where x > 0 and alpha * (e ** x - 1) elsewhere. Source: Clevert et al. 2016, section 3."""
    return _elu(x, alpha=alpha)


@primitive
def _astype(x: Array, *, dtype: Any) -> Array:
    return x.astype(dtype)


_astype.__name__ = "to"  # what users called
_astype.defvjps(lambda g, out, x, *, dtype: astype(g, dtype=x.dtype))


@primitive
def _as_integers(x: Array, *, dtype: Any) -> Array:
    return x.astype(dtype)


_as_integers.__name__ = "to"


def astype(x: Array, *, dtype: Any) -> Array:
    """x with elements of another type; no gradient flows through integers and booleans."""
    return (_astype if xp.dtype(dtype).kind == "f" else _as_integers)(x, dtype=dtype)


def _as_floats(x: Array) -> Array:
    """x, of the default floats where it is of integers: means and weights of bytes are none."""
    return x if x.dtype.kind == "f" else astype(x, dtype=DEFAULT_FLOAT)


# ---------------------------------------------------------------- choosing


@primitive
def where(condition: Array, x: Array, y: Array) -> Array:
    """x where condition holds and y elsewhere; each side gets its gradient only where it was chosen."""
    if isinstance(condition, int | float | xp.generic):  # a number, such as True, is nothing that CuPy takes
        condition = array_module(x if is_array(x) else y).full((), bool(condition))
    return xp.where(condition, x, y)


where.defvjps(
    None,
    lambda g, out, condition, x, y: where(condition, g, 0.0),
    lambda g, out, condition, x, y: where(condition, 0.0, g),
)


def _share_of_winner(g, wins, ties):
    """The gradient where an argument was chosen, half of it where both were equal."""
    return g * wins + 0.5 * g * ties


@primitive
def maximum(x: Array, y: Array) -> Array:
    """The larger of x and y; where they are equal, each gets half of the gradient."""
    return xp.maximum(x, y)


maximum.defvjps(
    lambda g, out, x, y: _share_of_winner(g, x > y, x == y),
    lambda g, out, x, y: _share_of_winner(g, y > x, x == y),
)


@primitive
def minimum(x: Array, y: Array) -> Array:
    """The smaller of x and y; where they are equal, each gets half of the gradient."""
    return xp.minimum(x, y)


minimum.defvjps(
    lambda g, out, x, y: _share_of_winner(g, x < y, x == y),
    lambda g, out, x, y: _share_of_winner(g, y < x, x == y),
)


@primitive
def _clip(x: Array, *, lowest: float, highest: float) -> Array:
    return xp.clip(x, lowest, highest)


_clip.defvjps(lambda g, out, x, *, lowest, highest: g * (x >= lowest) * (x <= highest))


def clip(x: Array, min: float | None = None, max: float | None = None) -> Array:
    """x kept between two numbers, each of which may be None; the gradient passes between them and at both."""
    for bound in (min, max):
        if not isinstance(bound, int | float | xp.generic | None):
            raise TypeError(f"clip: bounds are numbers or None, got {type(bound).__name__}; see maximum and minimum")
    infinity = float("inf")
    return _clip(x, lowest=-infinity if min is None else float(min), highest=infinity if max is None else float(max))
