"""Starting values of parameters, as PyTorch's: each function gives a tensor new data and returns it.

Fans are those of PyTorch's layout: a weight (out, in, KH, KW) has fan_in = in * KH * KW, fan_out = out * KH * KW.
Every function takes ``rng``, a ``numpy.random.Generator`` or a seed. Left out, it is the one of ``manual_seed``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from ..backend import array_module, move
from ..messages import check_numbers, shown
from ..tensor import Tensor

Rng: TypeAlias = "np.random.Generator | int | None"

_default: np.random.Generator | None = None  # made when first needed: importing numpy.random takes time


def manual_seed(seed: int) -> None:
    """Makes what is drawn without an ``rng`` of its own repeatable: starting values and dropout."""
    global _default
    _default = _seeded(seed)


def generator(rng: Rng) -> np.random.Generator:
    """The generator that an ``rng`` argument stands for."""
    global _default
    if rng is not None:
        return _seeded(rng)
    if _default is None:
        _default = np.random.default_rng()
    return _default


def _seeded(seed: Rng) -> np.random.Generator:
    try:
        return np.random.default_rng(seed)
    except (TypeError, ValueError) as error:
        given = f"a numpy.random.Generator or a seed, an integer from 0 up, got {shown(seed)}"
        raise type(error)(f"random numbers come from {given}") from None


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which a nonlinearity wants its weights larger; param is the slope of ``leaky_relu``.

    Raises:
        ValueError: when the nonlinearity is not known.
    """
    check_numbers("calculate_gain", param=0.0 if param is None else param)
    gains = {
        "linear": 1.0,
        "sigmoid": 1.0,
        "tanh": 5.0 / 3.0,
        "relu": math.sqrt(2.0),
        "leaky_relu": math.sqrt(2.0 / (1.0 + (0.01 if param is None else param) ** 2)),
    }
    if not isinstance(nonlinearity, str) or nonlinearity not in gains:
        raise ValueError(f"calculate_gain: {shown(nonlinearity)} is not one of {', '.join(gains)}")
    return gains[nonlinearity]


def _fans(tensor: Tensor) -> tuple[int, int]:
    _check_tensor(tensor)
    if tensor.ndim < 2:
        raise ValueError(f"fan in and fan out need at least two axes, got shape {tensor.shape}")
    receptive_field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * receptive_field, tensor.shape[0] * receptive_field


def _check_tensor(tensor: Tensor) -> None:
    if not isinstance(tensor, Tensor):
        raise TypeError(f"init: fills a tensor, such as module.weight, got {shown(tensor)}")


def _fill(tensor: Tensor, values: Callable[[tuple[int, ...]], np.ndarray], **settings: float) -> Tensor:
    """Gives the tensor values(shape); settings are what they are made from."""
    _check_tensor(tensor)
    check_numbers("init", **settings)
    tensor.data = move(values(tensor.shape).astype(tensor.dtype), array_module(tensor.value))
    return tensor


def constant_(tensor: Tensor, val: float) -> Tensor:
    """val everywhere."""
    return _fill(tensor, lambda shape: np.full(shape, val), val=val)


def zeros_(tensor: Tensor) -> Tensor:
    """0 everywhere."""
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """1 everywhere."""
    return constant_(tensor, 1.0)


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, *, rng: Rng = None) -> Tensor:
    """U(a, b)."""
    return _fill(tensor, lambda shape: generator(rng).uniform(a, b, shape), a=a, b=b)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, *, rng: Rng = None) -> Tensor:
    """N(mean, std ** 2)."""
    return _fill(tensor, lambda shape: mean + std * generator(rng).standard_normal(shape), mean=mean, std=std)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, *, rng: Rng = None) -> Tensor:
    """U(-a, a) with a = gain * sqrt(6 / (fan_in + fan_out)). Source: Glorot and Bengio 2010, equation 16."""
    bound = gain * math.sqrt(6.0 / sum(_fans(tensor)))
    return uniform_(tensor, -bound, bound, rng=rng)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, *, rng: Rng = None) -> Tensor:
    """N(0, std ** 2) with std = gain * sqrt(2 / (fan_in + fan_out)). Source: Glorot and Bengio 2010, section 4.2."""
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / sum(_fans(tensor))), rng=rng)


def kaiming_uniform_(tensor: Tensor, a: float = 0.0, *, nonlinearity: str = "leaky_relu", rng: Rng = None) -> Tensor:
    """U(-b, b) with b = gain * sqrt(3 / fan_in). Source: He et al. 2015, section 2.2."""
    bound = calculate_gain(nonlinearity, a) * math.sqrt(3.0 / _fans(tensor)[0])
    return uniform_(tensor, -bound, bound, rng=rng)


def kaiming_normal_(tensor: Tensor, a: float = 0.0, *, nonlinearity: str = "leaky_relu", rng: Rng = None) -> Tensor:
    """N(0, std ** 2) with std = gain / sqrt(fan_in). Source: He et al. 2015, equation 10."""
    return normal_(tensor, 0.0, calculate_gain(nonlinearity, a) / math.sqrt(_fans(tensor)[0]), rng=rng)
