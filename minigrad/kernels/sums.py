"""Sums of a formula over all elements, and of an array over all but its channels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..backend import Array, empty
from . import broadcasting
from .launching import for_channels

#: A block adds up so many elements; of more, CuPy's reductions take care, which several blocks share.
_FEW = 1 << 16

_OF_CHANNELS = for_channels("sum_of_channels", "x", [{"total": "x"}], "total")


def of_channels(x: Array) -> Array:
    """The sum over all axes of x (N, C, ...) but that of the channels, (C,)."""
    out = empty(x.shape[1:2], like=x)
    _OF_CHANNELS(x, out)
    return out


def over_all(name: str, inputs: str, formula: str) -> Callable[..., Array]:
    """A function of arrays of one shape and of ``each``: each * the sum of formula over all elements, (), or (1,)."""
    few = for_channels(name, inputs, [{"total": formula}], "out", "out = each * total", numbers="each")
    many = broadcasting.sum_of(name, ", ".join(f"T {a}" for a in inputs.split(", ")), formula)

    def compute(*args: Any, each: float = 1.0) -> Array:
        if args[0].size > _FEW:
            return many(*args, axis=None, each=each)
        out = empty((), like=args[0])
        few(*args, each, out, shape=(1, 1, args[0].size))
        return out

    return compute
