"""NumPy or CuPy: the one place that knows the difference.

``xp`` is NumPy. Its functions hand a CuPy array on to CuPy by themselves (NEP 13 for ufuncs, NEP 18 for the rest), so
every op is written once, with ``xp``. What that dispatch cannot decide is a function here.

An op computes where its arrays are, on the CPU (NumPy) or on the GPU (CuPy), and never moves one by itself. What has
no array to go by, such as a new parameter, is made with the module that ``set_backend`` chose.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy
import numpy as xp

Array = Any  # numpy.ndarray or cupy.ndarray: neither knows of the other, so no static type covers both

#: What a Python float becomes, as in PyTorch.
DEFAULT_FLOAT = numpy.float32

BACKENDS = ("numpy", "cupy")

_NUMPY_TYPES = (numpy.ndarray, numpy.generic)

__all__ = [
    "BACKENDS",
    "DEFAULT_FLOAT",
    "Array",
    "add_backend_argument",
    "array_module",
    "as_array",
    "at_hand",
    "backend_named",
    "default_module",
    "empty",
    "is_array",
    "move",
    "scatter_add",
    "set_backend",
    "synchronize",
    "to_numpy",
    "when_cupy_is_used",
    "xp",
]

# ---------------------------------------------------------------- which one


def set_backend(name: str) -> str:
    """Chooses what new tensors and parameters are made with, and returns its name: "numpy" or "cupy".

    "auto" is CuPy where it can be used, and else NumPy, with a line in the log that says why. At the start it is what
    the environment variable MINIGRAD_BACKEND says, or NumPy. What has been made stays where it is: see ``to``.

    Raises:
        ValueError: when there is no backend of that name.
        RuntimeError: when CuPy cannot be used: it is not installed, or there is no GPU or no driver for it.
    """
    global _default
    if name == "auto":
        try:
            _default = _usable_cupy()
        except RuntimeError as error:
            import logging  # here alone, as it takes time

            logging.getLogger("minigrad").warning("numpy is used: %s", error)
            _default = numpy
    elif name in BACKENDS:
        _default = backend_named(name)
    else:
        raise ValueError(f"backend {name!r} is not one of {', '.join((*BACKENDS, 'auto'))}")
    return _default.__name__


def backend_named(name: str) -> ModuleType:
    """The module that computes, ready for use; the errors are those of ``set_backend``."""
    if name not in BACKENDS:
        raise ValueError(f"backend {name!r} is not one of {', '.join(BACKENDS)}")
    return numpy if name == "numpy" else _usable_cupy()


def add_backend_argument(parser: Any) -> None:
    """Gives a program's parser, of argparse, the option --backend, whose value is for ``set_backend``."""
    what = "memory (numpy), a GPU (cupy), or a GPU if there is one (auto) (default: %(default)s)"
    parser.add_argument("--backend", choices=(*BACKENDS, "auto"), default=_default.__name__, help=what)


def default_module() -> ModuleType:
    """The module, ``numpy`` or ``cupy``, that new arrays are made with."""
    return _default


def _usable_cupy() -> ModuleType:
    """CuPy, after it has computed something: that it can be imported says little."""
    global _proven
    if _proven is not None and sys.modules.get("cupy") is _proven:
        return _proven
    try:
        import cupy
    except ImportError as error:
        raise RuntimeError(
            f"cupy cannot be used: it cannot be imported ({_first_line(error)}); "
            "python -m pip install 'cupy-cuda12x[ctk]', or use numpy"
        ) from None
    try:
        one = cupy.ones((2, 2), numpy.float32)
        (one @ one + one).sum().item()  # needs a driver, a device, the compiler and the library of products
    except Exception as error:  # whatever it is, of CUDA's or the system's
        raise RuntimeError(
            f"cupy cannot be used: a product on the GPU failed ({_first_line(error)}); "
            "it needs an NVIDIA GPU, its driver and CUDA's libraries, which 'cupy-cuda12x[ctk]' brings, or use numpy"
        ) from None
    _proven = cupy
    while _when_used:
        _when_used.pop()()
    return cupy


def when_cupy_is_used(prepare: Callable[[], None]) -> None:
    """Calls prepare when CuPy is used for the first time, or now, if it has been."""
    if _proven is None:
        _when_used.append(prepare)
    else:
        prepare()


def _first_line(error: Exception) -> str:
    """What an error says: after CuPy's "Original error:", if it has one, or in its first line of words."""
    text = str(error).rpartition("Original error:")[2]
    lines = [line.strip() for line in text.splitlines() if any(letter.isalpha() for letter in line)]
    return lines[0] if lines else type(error).__name__


def synchronize() -> None:
    """Waits until a GPU, if one is used, has computed all that it was told to; for whoever reads a clock."""
    if _proven is not None:
        _proven.cuda.Device().synchronize()


# ---------------------------------------------------------------- what differs


def array_module(x: Array) -> ModuleType:
    """The module, ``numpy`` or ``cupy``, that the array x belongs to."""
    if isinstance(x, _NUMPY_TYPES):
        return numpy
    return sys.modules["cupy"] if type(x).__module__.partition(".")[0] == "cupy" else numpy


def is_array(x: object) -> bool:
    """Whether x is a raw array of NumPy or CuPy."""
    return isinstance(x, array_module(x).ndarray)


def as_array(x: Array) -> Array:
    """x as an array, where it is; NumPy's functions make scalars of 0-d arrays."""
    return x if is_array(x) else numpy.asarray(x)


def empty(shape: tuple[int, ...], like: Array) -> Array:
    """An array whose elements are not set, in the module and of the type of like, which may be a NumPy scalar."""
    return array_module(like).empty(shape, like.dtype)


def to_numpy(x: Array) -> numpy.ndarray:
    """The values of x as a NumPy array; a copy only where x lives on a GPU."""
    return numpy.asarray(x) if array_module(x) is numpy else array_module(x).asnumpy(x)


def move(x: Array, module: ModuleType) -> Array:
    """The array x as one of the module; x itself where it is one."""
    if array_module(x) is module:
        return x
    return to_numpy(x) if module is numpy else module.asarray(x)


def at_hand(x: Array) -> bool:
    """Whether the values of x can be looked at for nothing. On a GPU the host would have to wait for them."""
    return array_module(x) is numpy


def scatter_add(target: Array, index: Any, values: Array) -> None:
    """``target[index] += values`` in place, where an element that index names twice receives both values."""
    array_module(target).add.at(target, index, values)


_proven: ModuleType | None = None  # the CuPy that has computed something
_when_used: list[Callable[[], None]] = []
_default: ModuleType = numpy
try:
    set_backend(os.environ.get("MINIGRAD_BACKEND") or "numpy")
except (ValueError, RuntimeError) as error:
    raise type(error)(f"MINIGRAD_BACKEND: {error}") from None
