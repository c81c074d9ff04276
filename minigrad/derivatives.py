"""Matrices of derivatives, and products with them, on top of ``grad``."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .autograd import enable_grad, grad
from .backend import Array, array_module, is_array, move, xp
from .messages import shown
from .primitive import Node, raw_of
from .tensor import Tensor


def _leaf(x: Array | Tensor) -> Tensor:
    return Tensor(raw_of(x), requires_grad=True)


def _result_of(f: Callable[[Tensor], Tensor], x: Tensor, what: str) -> Tensor:
    """f(x), recorded."""
    if not callable(f):
        raise TypeError(f"{what}: takes a function, such as lambda x: x**3, got {shown(f)}")
    with enable_grad():
        y = f(x)
    if not isinstance(y, Node):
        raise TypeError(f"{what}: the function must return a tensor, it returned {shown(y)}")
    return y


def _derivative_rows(y: Tensor, x: Tensor) -> Iterator[Array]:
    """The gradient of each element of y with respect to x."""
    for i in range(y.size):
        unit = array_module(y.value).zeros(y.size, dtype=y.dtype)
        unit[i] = 1.0
        yield grad(y, x, unit.reshape(y.shape), materialize_grads=True)[0].value


def jacobian(f: Callable[[Tensor], Tensor], x: Array | Tensor) -> Tensor:
    """All first derivatives of f at x; the shape is that of f(x) followed by that of x."""
    x = _leaf(x)
    y = _result_of(f, x, "jacobian")
    rows = list(_derivative_rows(y, x))
    return Tensor(
        xp.stack(rows).reshape(y.shape + x.shape) if rows else xp.zeros_like(x.value, shape=y.shape + x.shape)
    )


def _gradient_of(f: Callable[[Tensor], Tensor], x: Tensor, what: str) -> Tensor:
    y = _result_of(f, x, what)
    if y.size != 1:
        raise ValueError(f"{what}: the function must return one number, such as a .sum(), it returned shape {y.shape}")
    return grad(y, x, create_graph=True, materialize_grads=True)[0]


def hessian(f: Callable[[Tensor], Tensor], x: Array | Tensor) -> Tensor:
    """All second derivatives at x of f, whose result is a single number; the shape is that of x twice."""
    return jacobian(lambda x: _gradient_of(f, x, "hessian"), x)


def hvp(f: Callable[[Tensor], Tensor], x: Array | Tensor, v: Array | Tensor) -> Tensor:
    """The Hessian of f at x times v, of the shape of x, at the cost of two gradients and without the Hessian."""
    x = _leaf(x)
    v = v if isinstance(v, Node) or is_array(v) else move(xp.asarray(v), array_module(x.value))
    if v.shape != x.shape:
        raise ValueError(f"hvp: v must have the shape of x, {x.shape}, got {v.shape}")
    return grad(_gradient_of(f, x, "hvp"), x, v, materialize_grads=True)[0]
