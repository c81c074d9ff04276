"""NumPy or CuPy: the one place that knows the difference.

``xp`` is NumPy. Its functions hand a CuPy array on to CuPy by themselves (NEP 13 for ufuncs, NEP 18 and NEP 35 for
the rest), so every op is written once, with ``xp``. What that dispatch cannot decide is a function here.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy
import numpy as xp

Array = Any  # numpy.ndarray or cupy.ndarray: neither knows of the other, so no static type covers both

#: What a Python float becomes, as in PyTorch.
DEFAULT_FLOAT = numpy.float32

_NUMPY_TYPES = (numpy.ndarray, numpy.generic)

__all__ = ["DEFAULT_FLOAT", "Array", "array_module", "empty", "is_array", "scatter_add", "to_numpy", "xp"]


def array_module(x: Array) -> ModuleType:
    """The module, ``numpy`` or ``cupy``, that the array x belongs to."""
    if isinstance(x, _NUMPY_TYPES):
        return numpy
    return sys.modules["cupy"] if type(x).__module__.partition(".")[0] == "cupy" else numpy


def is_array(x: object) -> bool:
    """Whether x is a raw array of NumPy or CuPy."""
    return isinstance(x, array_module(x).ndarray)


def empty(shape: tuple[int, ...], like: Array) -> Array:
    """An array whose elements are not set, in the module and of the type of like, which may be a NumPy scalar."""
    return array_module(like).empty(shape, like.dtype)


def to_numpy(x: Array) -> numpy.ndarray:
    """The values of x as a NumPy array; a copy only where x lives on a GPU."""
    return numpy.asarray(x) if array_module(x) is numpy else array_module(x).asnumpy(x)


def scatter_add(target: Array, index: Any, values: Array) -> None:
    """``target[index] += values`` in place, where an element that index names twice receives both values."""
    array_module(target).add.at(target, index, values)
