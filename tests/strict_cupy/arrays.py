"""The array: a NumPy array that says so little of itself that a program cannot tell it from one of CuPy."""

from __future__ import annotations

import collections
import functools
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from weakref import ref

import numpy as np

API = json.loads((Path(__file__).parents[1] / "data" / "cupy_api.json").read_text(encoding="utf-8"))

#: "launches", "waits" (of the host for the device), "uploads" and "uploaded" (bytes).
counts: collections.Counter[str] = collections.Counter()

_NUMBERS = bool | int | float | complex | np.bool_ | np.number
_chance = np.random.default_rng(0)
_given_away: dict[int, ref] = {}


def at_address(address: int, size: int, char: str) -> np.ndarray:
    """The elements of the array at an address; raises RuntimeError where a kernel would read what is not there."""
    a = _given_away[address]() if address in _given_away else None
    if a is None or (a.size, a.dtype.char) != (size, char) or not a.flags.c_contiguous:
        raise RuntimeError(f"CUDA_ERROR_ILLEGAL_ADDRESS: no array of {size} elements row by row")
    return a.reshape(-1)


class ndarray:  # noqa: N801, CuPy's name
    """An array on the device."""

    __slots__ = ("__weakref__", "_a", "base")
    __array_priority__ = 100
    __hash__ = None

    def __init__(self, a: np.ndarray, base: ndarray | None = None):
        self._a, self.base = a, base

    # ---------------------------------------------------------------- what it is

    shape = property(lambda self: self._a.shape)
    strides = property(lambda self: self._a.strides)
    dtype = property(lambda self: self._a.dtype)
    ndim = property(lambda self: self._a.ndim)
    size = property(lambda self: self._a.size)
    nbytes = property(lambda self: self._a.nbytes)
    itemsize = property(lambda self: self._a.itemsize)
    flags = property(lambda self: self._a.flags)
    T = property(lambda self: wrapped(self._a.T, self))
    __cuda_array_interface__ = property(lambda self: {"shape": self.shape})

    def __len__(self) -> int:
        return len(self._a)

    def __iter__(self) -> Any:
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    @property
    def data(self) -> SimpleNamespace:
        """Where it is; whoever asks may give the address to a kernel."""
        address = self._a.ctypes.data
        _given_away[address] = ref(self._a)
        return SimpleNamespace(ptr=address)

    # ---------------------------------------------------------------- leaving the device: the host waits

    def get(self, stream: Any = None, order: str = "C", out: Any = None, blocking: bool = True) -> np.ndarray:
        counts["waits"] += 1
        return np.array(self._a, order=order)

    def item(self) -> Any:
        if self.size != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        return self.get().item()

    def tolist(self) -> Any:
        return self.get().tolist()

    def __array__(self, dtype: Any = None) -> np.ndarray:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def __bool__(self) -> bool:
        return bool(self.get())

    def __int__(self) -> int:
        return int(self.get())

    def __float__(self) -> float:
        return float(self.get())

    def __repr__(self) -> str:
        return repr(self.get())

    def __str__(self) -> str:
        return str(self.get())

    def __format__(self, spec: str) -> str:
        return format(self.get(), spec)

    def __reduce__(self) -> tuple:
        from .functions import upload

        return upload, (self.get(),)

    # ---------------------------------------------------------------- NumPy's functions, given such an array

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if ufunc.__name__ not in API["modules"][""]:
            return NotImplemented
        for x in (*inputs, *options.get("out", ())):
            if not (isinstance(x, np.ndarray | _NUMBERS) or hasattr(x, "__cuda_array_interface__")):
                return NotImplemented
        if "out" in options:
            (options["out"],) = options["out"]
        here = Ufunc(ufunc)
        return getattr(here, method)(*inputs, **options)

    def __array_function__(self, function: Any, types: Any, args: tuple, options: dict) -> Any:
        import cupy

        try:
            here = functools.reduce(getattr, [*function.__module__.split(".")[1:], function.__name__], cupy)
        except AttributeError:
            return NotImplemented
        return here(*args, **options) if set(types) <= {ndarray, np.ndarray} else NotImplemented

    # ---------------------------------------------------------------- elements

    def __getitem__(self, index: Any) -> ndarray:
        return wrapped(self._a[_on_device(index, self.shape)], self)

    def __setitem__(self, index: Any, value: Any) -> None:
        counts["launches"] += 1
        if isinstance(value, np.ndarray) and value.ndim:
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        value, index = raw(value), _on_device(index, self.shape)
        if not any(isinstance(i, np.ndarray) for i in (index if isinstance(index, tuple) else (index,))):
            self._a[index] = value
            return
        places = np.arange(self.size).reshape(self.shape)[index]
        order = _chance.permutation(places.size)
        self._a[np.unravel_index(places.ravel()[order], self.shape)] = np.broadcast_to(value, places.shape).ravel()[
            order
        ]

    def fill(self, value: Any) -> None:
        counts["launches"] += 1
        self._a.fill(raw(value))

    def set(self, arr: np.ndarray, stream: Any = None) -> None:
        if not isinstance(arr, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if arr.dtype != self.dtype:
            raise TypeError(f"{arr.dtype} array cannot be set to {self.dtype} array")
        if arr.shape != self.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {arr.shape}")
        counts.update(uploads=1, uploaded=arr.nbytes)
        self._a[...] = arr

    # ---------------------------------------------------------------- copies

    def astype(
        self, dtype: Any, order: str = "K", casting: Any = None, subok: Any = None, copy: bool = True
    ) -> ndarray:
        if not copy and self.dtype == dtype:
            return self
        counts["launches"] += 1
        with np.errstate(all="ignore"):
            return ndarray(self._a.astype(dtype, order=order))

    def copy(self, order: str = "C") -> ndarray:
        counts["launches"] += 1
        return ndarray(self._a.copy(order=order))

    __copy__ = copy

    def __deepcopy__(self, memo: dict) -> ndarray:
        return self.copy()

    def view(self, dtype: Any = None, type: Any = None) -> ndarray:
        return ndarray(self._a.view() if dtype is None else self._a.view(dtype), _owner(self))

    def reshape(self, *shape: Any, order: str = "C", copy: Any = None) -> ndarray:
        return wrapped(self._a.reshape(*shape, order=order), self)


def wrapped(result: Any, *sources: ndarray) -> Any:
    """A result of NumPy as CuPy gives it: a view of one of the sources, or a new array, computed by a kernel."""
    if isinstance(result, tuple | list):
        return type(result)(wrapped(r, *sources) for r in result)
    if not isinstance(result, np.ndarray | np.generic):
        return result
    a = np.asarray(result)
    for source in sources:
        if a is source._a:
            return source
        if np.may_share_memory(a, source._a):
            return ndarray(a, _owner(source))
    counts["launches"] += 1
    return ndarray(np.ascontiguousarray(a).reshape(a.shape))


def _owner(array: ndarray) -> ndarray:
    """Whose memory it is."""
    return array if array.base is None else array.base


def raw(x: Any) -> Any:
    """What NumPy computes with; raises TypeError for what CuPy would have to copy up without being told."""
    if isinstance(x, ndarray):
        return x._a
    if x is None or isinstance(x, _NUMBERS):
        return x
    raise TypeError(f"Unsupported type {type(x)}")


def _on_device(index: Any, shape: tuple[int, ...]) -> Any:
    """An index whose arrays wrap around. Lists and NumPy arrays are copied up, and masks are counted first."""
    parts = list(map(_index_array, index if isinstance(index, tuple) else (index,)))
    if not any(isinstance(part, np.ndarray) for part in parts):
        return index
    if not any(part is Ellipsis for part in parts):
        parts.append(Ellipsis)
    left_out = len(shape) - sum(_axes_taken(part) for part in parts)
    axis = 0
    for i, part in enumerate(parts):
        if isinstance(part, np.ndarray) and part.dtype.kind in "iu":
            parts[i] = part % max(1, shape[axis])
        axis += left_out if part is Ellipsis else _axes_taken(part)
    return tuple(parts)


def _index_array(part: Any) -> Any:
    """A part of an index, with an array of NumPy in the place of what becomes an array on the device."""
    if isinstance(part, list) or (isinstance(part, np.ndarray) and part.ndim):
        part = np.asarray(part)
        counts.update(uploads=1, uploaded=part.nbytes)
    elif isinstance(part, ndarray):
        part = part._a
    counts["waits"] += isinstance(part, np.ndarray) and part.dtype.kind == "b"
    return part


def _axes_taken(part: Any) -> int:
    """How many axes a part of an index stands for."""
    if isinstance(part, np.ndarray) and part.dtype.kind == "b":
        return part.ndim
    return 0 if part is None or part is Ellipsis else 1


# ---------------------------------------------------------------- elementwise functions


class Ufunc:
    """An elementwise function; it takes arrays and numbers, and nothing else."""

    def __init__(self, of_numpy: np.ufunc):
        self._numpy = of_numpy
        self.__name__ = of_numpy.__name__
        self.nin = of_numpy.nin

    def __call__(self, *args: Any, out: ndarray | None = None, dtype: Any = None, **options: Any) -> ndarray:
        if options.keys() - {"casting"}:
            raise TypeError(f"Wrong arguments {options}")
        inputs = [raw(a) for a in args]
        if not (out is None or isinstance(out, ndarray)):
            raise TypeError("Output arguments type must be cupy.ndarray")
        with np.errstate(all="ignore"):  # a GPU never warns
            if out is None:
                return wrapped(self._numpy(*inputs, dtype=dtype, **options))
            self._numpy(*inputs, out=out._a, dtype=dtype, **options)
        counts["launches"] += 1
        return out

    def reduce(self, array: ndarray, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        if self.__name__ not in ("add", "multiply"):
            raise NotImplementedError(f"`cupy_{self.__name__}.reduce` is not supported yet")
        return wrapped(self._numpy.reduce(raw(array), axis, dtype, keepdims=keepdims))

    def at(self, a: ndarray, indices: Any, b: Any = None) -> None:
        if self.__name__ != "add":
            raise NotImplementedError(f"`cupy_{self.__name__}.at` is left out of the stand-in")
        counts["launches"] += 1
        self._numpy.at(a._a, _on_device(indices, a.shape), raw(b))


def _defers(other: Any) -> bool:
    """Whether CuPy leaves an operator to what stands on its right."""
    if hasattr(other, "__array_ufunc__"):
        return other.__array_ufunc__ is None
    return getattr(other, "__array_priority__", 0) > ndarray.__array_priority__


def _operator(name: str) -> tuple[Any, Any, Any]:
    of_numpy = getattr(np, name)

    def forward(x, y):
        if isinstance(y, ndarray):
            return Ufunc(of_numpy)(x, y)
        return NotImplemented if _defers(y) else of_numpy(x, y)

    return forward, lambda x, y: of_numpy(y, x), lambda x, y: Ufunc(of_numpy)(x, y, out=x)


_OPERATORS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "floordiv": "floor_divide",
    "mod": "remainder", "pow": "power", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
    "matmul": "matmul", "eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater",
    "ge": "greater_equal",
}  # fmt: skip

for _name, _ufunc in _OPERATORS.items():
    for _place, _method in zip(("", "r", "i"), _operator(_ufunc), strict=True):
        if f"__{_place}{_name}__" in API["ndarray"]:
            setattr(ndarray, f"__{_place}{_name}__", _method)


def _unary(of_numpy: np.ufunc) -> Any:
    return lambda x: Ufunc(of_numpy)(x)


for _name, _ufunc in {"neg": "negative", "abs": "absolute", "invert": "invert", "pos": "positive"}.items():
    setattr(ndarray, f"__{_name}__", _unary(getattr(np, _ufunc)))


# ---------------------------------------------------------------- methods that are NumPy's but for their parameters


def _method(name: str, parameters: list[str]) -> Any:
    def method(self, *args, **options):
        refuse_unknown(name, parameters, args, options)
        plain = {k: _plain(v) for k, v in options.items()}
        return wrapped(getattr(self._a, name)(*map(_plain, args), **plain), self)

    return method


def _plain(x: Any) -> Any:
    if isinstance(x, np.ndarray):
        raise TypeError(f"Unsupported type {type(x)}")
    return x._a if isinstance(x, ndarray) else x


def refuse_unknown(name: str, parameters: list[str], args: tuple, options: dict[str, Any]) -> None:
    """Raises TypeError for a parameter that CuPy's function has not."""
    if len(args) > len(parameters) and not any(p.startswith("*") for p in parameters):
        raise TypeError(f"{name}() takes {len(parameters)} positional arguments but {len(args)} were given")
    for option in options:
        if option not in parameters and not any(p.startswith("**") for p in parameters):
            raise TypeError(f"{name}() got an unexpected keyword argument '{option}'")


for _name in ("all", "any", "argmax", "argmin", "argsort", "clip", "cumsum", "dot", "flatten", "max", "mean", "min",
              "prod", "ravel", "repeat", "squeeze", "std", "sum", "swapaxes", "take", "transpose", "var"):  # fmt: skip
    setattr(ndarray, _name, _method(_name, API["ndarray"][_name]))

ndarray.__module__ = "cupy"
