"""Kernels: their formulas, which are C++ and Python alike but for the types in front of names, computed by NumPy."""

from __future__ import annotations

import collections
import itertools
import re
from types import SimpleNamespace
from typing import Any

import numpy as np

from .arrays import at_address, counts, ndarray, raw, wrapped

_FUNCTIONS = {name: getattr(np, name) for name in ("exp", "expm1", "log", "log1p", "sqrt", "tanh", "fabs")}
_DECLARED = re.compile(r"^(?:const )?(?:T|bool|int|long long) (?=\w+ =)")


def _statements(text: str) -> list[Any]:
    """The parts of a formula, compiled as Python."""
    lines = [_DECLARED.sub("", part.strip()) for part in text.split(";") if part.strip()]
    return [compile(line, "<a kernel>", "exec") for line in lines]


def _functions(preamble: str) -> dict[str, Any]:
    """Those of CUDA, and those that the preamble defines."""
    return {**_FUNCTIONS, **({"where": np.where} if "T where(bool c, T a, T b)" in preamble else {})}


def _run(statements: list[Any], values: dict[str, Any]) -> None:
    with np.errstate(all="ignore"):
        for statement in statements:
            exec(statement, {"__builtins__": {}}, values)


class _Parameters:
    """``raw T x, int32 n``: the types and names of what a kernel gets or gives. One letter is any type."""

    def __init__(self, text: str):
        parts = [p.split() for p in text.split(",")]
        self.names = [p[-1] for p in parts]
        self.types = [p[-2] for p in parts]
        self.raw = [p[0] == "raw" for p in parts]
        if not all(len(t) == 1 or t in ("int32", "int64") for t in self.types):
            raise ValueError(f"Wrong type in {text}")


def _types(parameters: list[_Parameters], args: Any) -> dict[str, Any]:
    """What each letter stands for: the one type of the arrays of that type; CuPy raises TypeError where they differ."""
    found = collections.defaultdict(set)
    for a, t in zip(args, itertools.chain(*(p.types for p in parameters)), strict=False):
        if isinstance(a, ndarray):
            found[t].add(a.dtype.type)
    if "T" not in found or any(len(types) > 1 for types in found.values()):
        raise TypeError(f"Type is mismatched. {dict(found)}")
    return {"int32": np.int32, "int64": np.int64, **{t: types.pop() for t, types in found.items()}}


def _given(parameters: _Parameters, args: Any, types: dict[str, Any]) -> dict[str, Any]:
    """The arguments by name, numbers in the type that the kernel declares."""
    if len(args) != len(parameters.names):
        raise TypeError(f"Wrong number of arguments: {len(args)} for {parameters.names}")
    given = {}
    for name, kind, is_raw, a in zip(parameters.names, parameters.types, parameters.raw, args, strict=True):
        value = raw(a)
        given[name] = value.ravel() if is_raw else value if isinstance(a, ndarray) else types[kind](value)
    return given


class ElementwiseKernel:
    """One statement after the other, for all elements at once. As in C, ``/`` of integers drops what is left over."""

    def __init__(self, in_params: str, out_params: str, operation: str, name: str = "kernel", preamble: str = ""):
        self.inputs, self.outputs = _Parameters(in_params), _Parameters(out_params)
        self.statements, self.functions = _statements(operation), _functions(preamble)
        self.name = name

    def __call__(self, *args: Any) -> Any:
        count = len(self.inputs.names)
        given, outs = args[:count], args[count:]
        types = _types([self.inputs, self.outputs], args)
        values = {**self.functions, **_given(self.inputs, given, types), "T": types["T"]}
        elementwise = [values[n].shape for n, r in zip(self.inputs.names, self.inputs.raw, strict=True)
                       if not r and isinstance(values[n], np.ndarray)]  # fmt: skip
        shape = np.broadcast_shapes(*elementwise, *(out.shape for out in outs))
        if any(out.shape != shape for out in outs):
            raise ValueError("Out shape is mismatched")
        values["i"] = _Integer(np.arange(np.prod(shape, dtype=int)).reshape(shape))
        _run(self.statements, values)
        counts["launches"] += 1
        results = [np.broadcast_to(values[n], shape).astype(types["T"], order="C") for n in self.outputs.names]
        for out, result in zip(outs, results, strict=False):
            out._a[...] = result
        results = list(outs) or [ndarray(result) for result in results]
        return results[0] if len(results) == 1 else tuple(results)


class _Integer(np.ndarray):
    """Integers of C: what is left over from a division is dropped, towards zero."""

    def __new__(cls, a: np.ndarray) -> _Integer:
        return a.view(cls)

    def __truediv__(self, other: Any) -> _Integer:
        return np.trunc(np.asarray(self) / np.asarray(other)).astype(int).view(_Integer)

    def __mod__(self, other: Any) -> _Integer:
        return np.fmod(np.asarray(self), np.asarray(other)).view(_Integer)


class ReductionKernel:
    """The sum of a formula along some axes, and what becomes of it."""

    def __init__(self, in_params: str, out_params: str, map_expr: str, reduce_expr: str, post_map_expr: str,
                 identity: str, name: str = "kernel", preamble: str = ""):  # fmt: skip
        if (out_params, reduce_expr, identity) != ("T out", "a + b", "0"):
            raise NotImplementedError("the stand-in knows sums alone")
        self.inputs, self.name, self.functions = _Parameters(in_params), name, _functions(preamble)
        self.formula, self.after = _statements(f"mapped = {map_expr}"), _statements(post_map_expr)

    def __call__(self, *args: Any, axis: Any = None, keepdims: bool = False) -> ndarray:
        types = _types([self.inputs], args)
        values = {**self.functions, **_given(self.inputs, args, types), "T": types["T"]}
        shape = np.broadcast_shapes(*(np.shape(values[name]) for name in self.inputs.names))
        _run(self.formula, values)
        values["a"] = np.sum(np.broadcast_to(values["mapped"], shape), axis=axis, keepdims=keepdims)
        _run(self.after, values)
        return wrapped(np.asarray(values["out"], types["T"]))


class RawKernel:
    """A loop over the elements j of the arrays at place k = blockIdx.y of lists, whose addresses are in a struct.

    The addresses must be of arrays that are alive and lie row by row in memory; threads beyond their elements have
    nothing to do. The loop is computed for all elements of an array at once.
    """

    def __init__(self, code: str, name: str):
        if f'extern "C" __global__ void {name}(const Lists lists)' not in code:
            raise ValueError(f"no kernel {name}")
        before, _, loop = code.partition("for (")
        self.settings = _statements(before.partition("int k = blockIdx.y;")[2])
        self.statements = _statements(loop.partition("{")[2].partition("}")[0])
        self.name = name

    def __call__(self, grid: tuple, block: tuple, args: tuple) -> None:
        (given,) = args
        if not isinstance(given, np.ndarray) or given.size != 1:
            raise TypeError("a struct is passed by value as a NumPy array of one element")
        if given.nbytes > 4096 or grid[0] * block[0] < 1:
            raise ValueError("CUDA_ERROR_INVALID_VALUE")
        char = given["settings"].dtype.char
        for k in range(grid[1]):
            size = int(given["sizes"][k])
            at = [{k: at_address(int(addresses[k]), size, char)} for addresses in given["at"]]
            values = {**_FUNCTIONS, "k": k, "j": np.arange(size), "T": np.dtype(char).type}
            values["lists"] = SimpleNamespace(at=at, settings=given["settings"])
            _run(self.settings + self.statements, values)
        counts["launches"] += 1
