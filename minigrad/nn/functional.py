"""Stateless layers and losses.

A loss takes ``reduction``: "mean" over all elements, "sum", or "none" for one number for each element. Losses are in
nats. Input and target must have the same shape: a column beside a row would broadcast to a matrix, silently.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..backend import Array, array_module, at_hand, move, xp
from ..messages import check_integers, check_numbers
from ..ops.convolution import conv2d, conv_transpose2d
from ..ops.elementwise import astype, elu, leaky_relu, log, maximum, relu, sigmoid, sign, softplus, tanh, where
from ..ops.linalg import linear
from ..ops.normalisation import batch_norm, instance_norm, layer_norm
from ..ops.pooling import avg_pool2d, max_pool2d
from ..ops.reduction import log_softmax, softmax
from ..ops.resizing import interpolate, pixel_shuffle
from ..ops.shaping import getitem, pad
from ..primitive import as_arrays, primitive, raw_of
from ..tensor import Tensor
from .init import Rng, generator

__all__ = [
    "avg_pool2d",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "conv2d",
    "conv_transpose2d",
    "cross_entropy",
    "dropout",
    "elu",
    "embedding",
    "instance_norm",
    "interpolate",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "max_pool2d",
    "mse_loss",
    "pad",
    "pixel_shuffle",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
    "tanh",
]

# ---------------------------------------------------------------- losses: the shape they share


def _weight(reduction: str, count: int) -> float:
    """What each element's loss is multiplied by."""
    return 1.0 / count if reduction == "mean" and count else math.nan if reduction == "mean" else 1.0


def _reduced(values: Array, reduction: str) -> Array:
    return values if reduction == "none" else values.sum() * _weight(reduction, values.size)


def _checked(name: str, input: Array, target: Array, reduction: str) -> list[Array]:
    """Input and target as arrays, a target of booleans made one of floats."""
    input, target = as_arrays(name, input, target)
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{name}: reduction '{reduction}' is not one of mean, sum, none")
    if input.shape != target.shape:
        raise ValueError(f"{name}: input {input.shape} and target {target.shape} must have the same shape")
    return [input, astype(target, dtype=input.dtype) if target.dtype.kind == "b" else target]


def _elementwise_loss(
    name: str, loss: Callable[..., Array], by_input: Callable[..., Array], by_target: Callable[..., Array]
) -> Any:
    """An op that reduces loss(input, target), from its derivatives by the one and by the other."""

    def forward(input, target, *, reduction):
        return _reduced(loss(input, target), reduction)

    forward.__name__ = name
    op = primitive(forward)
    op.defvjps(
        lambda g, out, x, t, *, reduction: g * _weight(reduction, x.size) * by_input(x, t),
        lambda g, out, x, t, *, reduction: g * _weight(reduction, x.size) * by_target(x, t),
    )
    return op


# ---------------------------------------------------------------- losses


def _squared_difference(x, t):
    return (x - t) ** 2


def _absolute_difference(x, t):
    return xp.abs(x - t)


#: Logarithms of probabilities go no lower, as in PyTorch, so that a sure and wrong answer has a finite loss.
_LOWEST_LOG = -100.0


def _log(p):
    """log p, not below -100; 1e-45, whose logarithm is below, is the smallest number that is not 0 in float32."""
    return maximum(log(maximum(p, 1e-45)), _LOWEST_LOG)


def _bernoulli(p, t):
    with xp.errstate(divide="ignore"):
        return -(t * xp.maximum(xp.log(p), _LOWEST_LOG) + (1.0 - t) * xp.maximum(xp.log1p(-p), _LOWEST_LOG))


def _bernoulli_with_logits(x, t):
    return xp.maximum(x, 0.0) - x * t + xp.log1p(xp.exp(-xp.abs(x)))


_mse = _elementwise_loss("mse_loss", _squared_difference, lambda x, t: 2.0 * (x - t), lambda x, t: 2.0 * (t - x))
_l1 = _elementwise_loss("l1_loss", _absolute_difference, lambda x, t: sign(x - t), lambda x, t: sign(t - x))
_bce = _elementwise_loss(
    "binary_cross_entropy",
    _bernoulli,
    lambda p, t: (p - t) / maximum(p * (1.0 - p), 1e-12),
    lambda p, t: _log(1.0 - p) - _log(p),
)
_bce_with_logits = _elementwise_loss(
    "binary_cross_entropy_with_logits", _bernoulli_with_logits, lambda x, t: sigmoid(x) - t, lambda x, t: -x
)


def mse_loss(input: Array, target: Array, reduction: str = "mean") -> Tensor:
    """The squared difference, (input - target) ** 2: its mean, its sum, or each one."""
    input, target = _checked("mse_loss", input, target, reduction)
    return _mse(input, target, reduction=reduction)


def l1_loss(input: Array, target: Array, reduction: str = "mean") -> Tensor:
    """The absolute difference, abs(input - target); its derivative is 0 where they are equal."""
    input, target = _checked("l1_loss", input, target, reduction)
    return _l1(input, target, reduction=reduction)


def binary_cross_entropy(input: Array, target: Array, reduction: str = "mean") -> Tensor:
    """-(t log p + (1 - t) log(1 - p)) in nats, for probabilities p = input; the logarithms go down to -100.

    Raises:
        ValueError: when shapes differ, or input is not within [0, 1]; on a GPU the loss is nan then.
    """
    input, target = _checked("binary_cross_entropy", input, target, reduction)
    values = raw_of(input)
    if at_hand(values) and values.size and not (values.min() >= 0 and values.max() <= 1):
        raise ValueError(
            f"binary_cross_entropy: input must be probabilities, got values from {values.min()} to {values.max()}; "
            "use binary_cross_entropy_with_logits, or apply sigmoid first"
        )
    return _bce(input, target, reduction=reduction)


def binary_cross_entropy_with_logits(input: Array, target: Array, reduction: str = "mean") -> Tensor:
    """-(t log p + (1 - t) log(1 - p)) in nats with p = sigmoid(input), for any finite input without overflow."""
    input, target = _checked("binary_cross_entropy_with_logits", input, target, reduction)
    return _bce_with_logits(input, target, reduction=reduction)


@primitive
def _cross_entropy(x: Array, t: Array, *, axis: int, reduction: str) -> Array:
    log_p = log_softmax(x, axis)
    log_p = xp.where(t == 0, 0.0, log_p)  # a class of probability 0 costs nothing, even where log_p = -inf
    return _reduced(-(t * log_p).sum(axis=axis), reduction)


def _for_each_class(g, x, axis, reduction):
    """The gradient of the reduced loss, for each row of classes."""
    if reduction == "none":
        return g.reshape((*x.shape[:axis], 1, *x.shape[axis + 1 :]))
    return g * _weight(reduction, math.prod(x.shape) // x.shape[axis])


_cross_entropy.defvjps(
    lambda g, out, x, t, *, axis, reduction: (
        _for_each_class(g, x, axis, reduction) * (softmax(x, axis) * t.sum(axis=axis, keepdims=True) - t)
    ),
    lambda g, out, x, t, *, axis, reduction: -_for_each_class(g, x, axis, reduction) * log_softmax(x, axis),
)


def cross_entropy(input: Array, target: Array, reduction: str = "mean") -> Tensor:
    """-log softmax(input)[target] in nats, without overflow for any finite input.

    Shapes: input (N, C), (N, C, d1, ...) or (C,), of logits; target the same without C, of class numbers, or the same
    with C, of probabilities. The mean is over everything but C.

    Raises:
        ValueError: when shapes do not fit.
        IndexError: when a class number is not from 0 to C - 1; on a GPU the loss is nan then.
    """
    input, target = as_arrays("cross_entropy", input, target)
    if input.ndim == 0:
        raise ValueError("cross_entropy: input must have an axis of classes, got a single number")
    axis = 0 if input.ndim == 1 else 1
    if input.shape[axis] == 1:
        raise ValueError(
            f"cross_entropy: input {input.shape} has one class, of which the loss is always 0; "
            "for one logit each there is binary_cross_entropy_with_logits"
        )
    if target.dtype.kind in "iu":
        target = _one_hot(raw_of(target), input, axis)
    elif target.ndim < input.ndim:
        raise ValueError(f"cross_entropy: class numbers are integers, got {target.dtype} of shape {target.shape}")
    _checked("cross_entropy", input, target, reduction)
    return _cross_entropy(input, target, axis=axis, reduction=reduction)


def _one_hot(classes: Array, input: Array, axis: int) -> Array:
    count = input.shape[axis]
    if classes.shape != input.shape[:axis] + input.shape[axis + 1 :]:
        raise ValueError(f"cross_entropy: input {input.shape} and class numbers {classes.shape} do not fit")
    if at_hand(classes) and classes.size and not (classes.min() >= 0 and classes.max() < count):
        raise IndexError(
            f"cross_entropy: class numbers go from 0 to {count - 1}, got {classes.min()} to {classes.max()}"
        )
    return _hot(classes, raw_of(input), axis)


def _hot(classes: Array, x: Array, axis: int) -> Array:
    """1 for the class of each row of x and 0 for the others; on a GPU nan for a class that there is not."""
    count = x.shape[axis]
    numbers = array_module(classes).arange(count).reshape((count,) + (1,) * (x.ndim - axis - 1))
    classes = xp.expand_dims(classes, axis)
    hot = (classes == numbers).astype(x.dtype)
    return hot if at_hand(classes) else _nan_unless(hot, (classes >= 0) & (classes < count))


def _nan_unless(values: Array, valid: Array) -> Array:
    """What says on a GPU that numbers are out of range: to look at them, and raise, the host would have to wait."""
    return where(valid, values, math.nan)


# ---------------------------------------------------------------- layers


def dropout(x: Array, p: float = 0.5, training: bool = True, *, rng: Rng = None) -> Tensor:
    """Each element 0 with probability p, else divided by 1 - p; in use, or with p = 0, x as it is.

    The random numbers are drawn in memory: for x on a GPU a mask of its size is copied up.

    Raises:
        ValueError: when p is not within [0, 1].
        TypeError: when x is not of floats.
    """
    check_numbers("dropout", p=p)
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout: p must be within [0, 1], got {p}")
    (x,) = as_arrays("dropout", x)
    if x.dtype.kind != "f":
        raise TypeError(f"dropout: needs floats, got {x.dtype}")
    if not training or p == 0.0:
        return x
    scale = 0.0 if p == 1.0 else 1.0 / (1.0 - p)
    kept = generator(rng).random(x.shape) >= p
    return x * move((kept * scale).astype(x.dtype), array_module(raw_of(x)))


def embedding(input: Array, weight: Array, padding_idx: int | None = None) -> Tensor:
    """The rows of weight (V, D) that input names: integers of any shape (...) to (..., D).

    A row that is named several times gets the sum of the gradients; the row padding_idx gets none.

    Raises:
        IndexError: when a number is not from 0 to V - 1; on a GPU its row is nan then.
        TypeError: when input is not of integers.
        ValueError: when weight is not a matrix, or padding_idx none of its rows.
    """
    numbers = raw_of(as_arrays("embedding", input)[0])
    if numbers.dtype.kind not in "iu":
        raise TypeError(f"embedding: input must be of integers, got {numbers.dtype}")
    if weight.ndim != 2:
        raise ValueError(f"embedding: weight must be a matrix (V, D), got {weight.shape}")
    if at_hand(numbers) and numbers.size and not (numbers.min() >= 0 and numbers.max() < len(weight)):
        raise IndexError(f"embedding: numbers go from 0 to {len(weight) - 1}, got {numbers.min()} to {numbers.max()}")
    rows = getitem(weight, numbers)
    if not at_hand(numbers):
        rows = _nan_unless(rows, ((numbers >= 0) & (numbers < len(weight)))[..., None])
    if padding_idx is None:
        return rows
    padding = numbers == _padding_row(padding_idx, len(weight))
    return where(padding[..., None], raw_of(rows), rows)


def _padding_row(padding_idx: int, count: int) -> int:
    check_integers("embedding", -math.inf, padding_idx=padding_idx)
    if not -count <= padding_idx < count:
        raise ValueError(f"embedding: padding_idx must be one of {count} rows, got {padding_idx}")
    return padding_idx % count
