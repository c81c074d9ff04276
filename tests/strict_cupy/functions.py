"""The functions of CuPy's modules: NumPy's, but for what they are given and how often the host waits."""

from __future__ import annotations

from typing import Any

import numpy as np

from .arrays import Ufunc, counts, ndarray, raw, refuse_unknown, wrapped
from .kernels import ElementwiseKernel, RawKernel, ReductionKernel

#: Functions that take a sequence of arrays; the first argument of all others is an array.
_TAKE_SEQUENCES = {"concatenate", "stack", "vstack", "hstack", "broadcast_arrays"}

#: Functions that look at shapes and types alone, and give what is no array.
_TAKE_ANYTHING = {"result_type", "broadcast_shapes", "can_cast", "shares_memory", "may_share_memory", "promote_types"}

#: Functions that give new arrays of a given shape.
_CREATE = {"empty", "zeros", "ones", "full", "eye", "identity", "arange"}

#: Functions whose result has a size that the host must be told.
_WAIT = {"nonzero", "flatnonzero", "argwhere", "unique", "array_equal", "allclose"}


def public(module: str, name: str, kind: Any) -> Any:
    """What ``cupy.<module>.<name>`` is."""
    if not module and name in _OWN:
        return _OWN[name]
    if module.startswith("cuda"):
        return _CUDA[name]
    of_numpy = np
    for part in (*filter(None, module.split(".")), name):
        of_numpy = getattr(of_numpy, part, None)
    if of_numpy is None:
        raise NotImplementedError(f"cupy.{name} is left out of the stand-in")
    if isinstance(of_numpy, np.ufunc):
        return Ufunc(of_numpy)
    if isinstance(kind, list):
        return _function(name, of_numpy, kind)
    return of_numpy  # numbers, and the types of elements


def _function(name: str, of_numpy: Any, parameters: list[str]) -> Any:
    def function(*args, **options):
        refuse_unknown(name, parameters, args, options)
        if args and name not in _CREATE | _TAKE_ANYTHING and not isinstance(args[0], str):
            _check_arrays(args[0] if name in _TAKE_SEQUENCES and isinstance(args[0], list | tuple) else args[:1])
        sources = [a for a in args if isinstance(a, ndarray)]
        counts["waits"] += name in _WAIT
        plain = [_plain(a, name) for a in args]
        with np.errstate(all="ignore"):
            result = of_numpy(*plain, **{k: _plain(v, name) for k, v in options.items()})
        out = options.get("out")
        if out is not None:
            counts["launches"] += 1
            return out
        counts["launches"] -= name == "empty"
        if name in ("concatenate", "stack"):
            _count_joining(plain[0])
        return wrapped(result, *sources)

    function.__name__ = name
    return function


def _count_joining(arrays: Any) -> None:
    """A launch for each of a few arrays, or of large ones; else one, for which three small arrays go up."""
    if len(arrays) <= 8 or sum(a.nbytes for a in arrays) >= len(arrays) << 21:
        counts["launches"] += len(arrays) - 1
    else:
        counts.update(uploads=3, uploaded=len(arrays) * 24)


def _check_arrays(arrays: Any) -> None:
    for a in arrays:
        if not isinstance(a, ndarray):
            raise TypeError(f"Unsupported type {type(a)}")


def _plain(x: Any, name: str) -> Any:
    """The argument as NumPy takes it; arrays of NumPy are refused, lists are shapes, or sequences of arrays."""
    if isinstance(x, np.ndarray) and name not in _TAKE_ANYTHING:
        raise TypeError(f"Unsupported type {type(x)}")
    if isinstance(x, list | tuple):
        return type(x)(_plain(item, name) for item in x)
    return x._a if isinstance(x, ndarray) else x


# ---------------------------------------------------------------- between host and device


def upload(a: Any, dtype: Any = None, *, order: str = "K") -> ndarray:
    """A new array on the device."""
    on_host = np.array(a, dtype=dtype, order=order)
    if on_host.dtype.kind not in "fiubc":
        raise ValueError(f"Unsupported dtype {on_host.dtype}")
    counts.update(uploads=1, uploaded=on_host.nbytes)
    return ndarray(on_host)


def array(
    obj: Any, dtype: Any = None, copy: bool = True, order: str = "K", subok: bool = False, ndmin: int = 0
) -> ndarray:
    """A copy on the device."""
    if isinstance(obj, ndarray):
        return obj.astype(obj.dtype if dtype is None else dtype, order=order, copy=copy)
    if isinstance(obj, list | tuple) and any(isinstance(a, ndarray) for a in obj):
        return wrapped(np.array([raw(a) for a in obj], dtype=dtype))
    return upload(obj, dtype, order=order)


def asarray(
    a: Any, dtype: Any = None, order: str | None = None, *, copy: Any = None, blocking: bool = False
) -> ndarray:
    """On the device, without a copy where it is there."""
    return array(a, dtype, copy=bool(copy), order=order or "K")


def ascontiguousarray(a: Any, dtype: Any = None) -> ndarray:
    """Row by row in memory, without a copy where it is so."""
    a = asarray(a, dtype)
    return a if a._a.flags.c_contiguous else a.copy()


def asnumpy(a: Any, stream: Any = None, order: str = "C", out: Any = None, *, blocking: bool = True) -> np.ndarray:
    """On the host."""
    return a.get(order=order) if isinstance(a, ndarray) else np.asarray(a, order=order)


def copy(a: ndarray, order: str = "K") -> ndarray:
    """A copy."""
    return a.copy(order=order)


def like(fill: Any) -> Any:
    """``empty_like``, ``zeros_like`` and ``ones_like``: in the order that the prototype has in memory."""

    def function(a, /, dtype=None, order="K", subok=None, shape=None):
        _check_arrays([a])
        out = np.empty_like(a._a, dtype, order, shape=shape)
        out.fill(fill)
        counts["launches"] += fill is not _UNSET
        return ndarray(out)

    return function


_UNSET = -99  # what "empty" memory has here

_OWN = {
    "array": array,
    "asarray": asarray,
    "asanyarray": asarray,
    "ascontiguousarray": ascontiguousarray,
    "asnumpy": asnumpy,
    "copy": copy,
    "empty_like": like(_UNSET),
    "zeros_like": like(0),
    "ones_like": like(1),
    "is_available": lambda: True,
    "ElementwiseKernel": ElementwiseKernel,
    "ReductionKernel": ReductionKernel,
    "RawKernel": RawKernel,
    "ndarray": ndarray,
    "__version__": "14.2.0",
}


class Device:
    """The one device; waiting for it is a wait."""

    def synchronize(self) -> None:
        counts["waits"] += 1


_CUDA = {"Device": Device, "getDeviceCount": lambda: 1}
