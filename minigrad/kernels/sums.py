"""Sums of a formula over all elements, and of an array over all but its channels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..backend import Array, empty
from .launching import for_channels, kernel

#: One block adds up so many elements; more are for CuPy's sum, whose many blocks share them.
FEW = 1 << 16

_OF_CHANNELS = for_channels("sum_of_channels", "x", [{"total": "x"}], "total")


def of_channels(x: Array) -> Array:
    """The sum over all axes of x (N, C, ...) but that of the channels, (C,)."""
    out = empty(x.shape[1:2], like=x)
    _OF_CHANNELS(x, out)
    return out


def over_all(name: str, inputs: str, formula: str) -> Callable[..., Array]:
    """A function of arrays of one shape and of ``each``: each * the sum of formula over all elements, ()."""
    few = for_channels(name, inputs, [{"total": formula}], "out", "out = each * total", numbers="each")
    many = kernel(f"{name}_of_each", inputs, f"out = {formula}")

    def compute(*args: Any, each: float = 1.0) -> Array:
        if args[0].size > FEW:
            return many(*args).sum() * each
        out = empty((), like=args[0])
        few(*args, each, out, shape=(1, 1, args[0].size))
        return out

    return compute


_ALL = over_all("sum_of_all", "x", "x")


def of_all(x: Array, each: float) -> Array:
    """each * the sum of all elements, ()."""
    return _ALL(x, each=each) if x.size <= FEW else x.sum() * each
