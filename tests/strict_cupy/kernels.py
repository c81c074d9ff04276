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
    """``T x, int64 n``: the types and names of what a kernel gets or gives. One letter is any type."""

    def __init__(self, text: str):
        self.types, self.names = zip(*(p.split() for p in text.split(",")), strict=True)
        if not all(len(t) == 1 or t == "int64" for t in self.types):
            raise ValueError(f"Wrong type in {text}")


def _types(parameters: list[_Parameters], args: Any) -> dict[str, Any]:
    """What each letter stands for: the one type of the arrays of that type; CuPy raises TypeError where they differ."""
    found = collections.defaultdict(set)
    for a, t in zip(args, itertools.chain(*(p.types for p in parameters)), strict=False):
        if isinstance(a, ndarray):
            found[t].add(a.dtype.type)
    if "T" not in found or any(len(types) > 1 for types in found.values()):
        raise TypeError(f"Type is mismatched. {dict(found)}")
    return {"int64": np.int64, **{t: types.pop() for t, types in found.items()}}


def _given(parameters: _Parameters, args: Any, types: dict[str, Any]) -> dict[str, Any]:
    """The arguments by name, numbers in the type that the kernel declares."""
    if len(args) != len(parameters.names):
        raise TypeError(f"Wrong number of arguments: {len(args)} for {parameters.names}")
    values = (
        (raw(a) if isinstance(a, ndarray) else types[t](raw(a))) for t, a in zip(parameters.types, args, strict=True)
    )
    return dict(zip(parameters.names, values, strict=True))


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
        shape = np.broadcast_shapes(
            *(np.shape(values[name]) for name in self.inputs.names), *(out.shape for out in outs)
        )
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

    def __truediv__(self, other: Any) -> np.ndarray:
        return _quotient(np.asarray(self), np.asarray(other))

    def __rtruediv__(self, other: Any) -> np.ndarray:
        return _quotient(np.asarray(other), np.asarray(self))

    def __mod__(self, other: Any) -> _Integer:
        return np.fmod(np.asarray(self), np.asarray(other)).view(_Integer)


def _quotient(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if a.dtype.kind == "f" or b.dtype.kind == "f":
        return (a / b).astype(np.result_type(*(x for x in (a, b) if x.dtype.kind == "f")), copy=False)
    return np.trunc(a / b).astype(int).view(_Integer)


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


_SIGNATURE = re.compile(r'extern "C" __global__ void (\w+)\(([^)]*)\) \{')
_PARTS = re.compile(r"\s*(?:for \(([^{]*)\) \{([^{}]*)\}|if \(threadIdx\.x == 0\) \{([^{}]*)\}|([^;{}]+);)")
_EACH = re.compile(r"(?:int|long long) (\w+) = (.+); \1 < ([\w.\[\]]+); \1 \+= (.+)")

#: How threads share a loop, and how far on each goes.
_SHARED = {
    "blockIdx.x * blockDim.x + threadIdx.x": "gridDim.x * blockDim.x",
    "threadIdx.x": "blockDim.x",
}


class RawKernel:
    """A program, each of whose loops is shared by the threads; it is computed for all of them at once.

    Where a block has a channel, blockIdx.x is all channels, one below the other, and ``block_sum`` the sum of each row.
    Where it has an array of a list, blockIdx.y says which. Addresses must be of arrays that are alive and lie row by
    row in memory.
    """

    def __init__(self, code: str, name: str):
        signature = next((m for m in _SIGNATURE.finditer(code) if m[1] == name), None)
        if signature is None:
            raise ValueError(f"no kernel {name}")
        self.name = name
        self.parameters = [p.strip().rpartition(" ")[::2] for p in signature[2].split(",")]
        self.functions = {**_FUNCTIONS, "where": np.where}
        if "__device__ T block_sum(T value)" in code:
            self.functions["block_sum"] = lambda value: value.sum(axis=-1, keepdims=True)
        body = re.sub(r"#pragma.*", "", code[signature.end() : code.rindex("}")])
        self.parts = [self._part(*found.groups()) for found in _PARTS.finditer(body)]

    def _part(self, header: str | None, loop: str | None, first_thread: str | None, statement: str | None) -> tuple:
        """The name that a loop counts with, its limit, and statements."""
        if header is None:
            return None, None, _statements(f"{first_thread or statement};")
        name, start, limit, step = _EACH.fullmatch(header).groups()
        if _SHARED[start] != step:
            raise ValueError(f"{self.name}: a thread begins at {start} and goes on by {step}")
        return name, compile(limit, "<a kernel>", "eval"), _statements(loop)

    def __call__(self, grid: tuple, block: tuple, args: tuple) -> None:
        if len(args) != len(self.parameters) or not (min(grid) > 0 and 0 < block[0] <= 1024):
            raise ValueError("CUDA_ERROR_INVALID_VALUE")
        chars = {a.dtype.char for a in args if isinstance(a, ndarray)} | {
            a["settings"].dtype.char for a in args if isinstance(a, np.ndarray)
        }
        (char,) = chars - {"i"}
        for k in range(grid[1] if len(grid) > 1 else 1):
            values = {**self.functions, "T": np.dtype(char).type}
            values["blockIdx"] = SimpleNamespace(x=_Integer(np.arange(grid[0]))[:, None], y=k)
            values |= {
                name: self._given(kind, a, char, k) for (kind, name), a in zip(self.parameters, args, strict=True)
            }
            for name, limit, statements in self.parts:
                if name is not None:
                    values[name] = _Integer(np.arange(eval(limit, {"__builtins__": {}}, values)))
                _run(statements, values)
        counts["launches"] += 1

    def _given(self, kind: str, a: Any, char: str, k: int) -> Any:
        """An argument as the program sees it; what is of another type would be read as nonsense."""
        match kind:
            case "const T*" | "T*" if isinstance(a, ndarray) and a.dtype.char == char and a._a.flags.c_contiguous:
                return a._a.reshape(-1)
            case "T" if type(a) is np.dtype(char).type:
                return a
            case "int" if type(a) is np.int32:
                return _Integer(np.asarray(a))
            case "const Lists" if isinstance(a, np.ndarray) and a.size == 1 and a.nbytes <= 4096:
                size = int(a["sizes"][k])
                at = [{k: at_address(int(addresses[k]), size, char)} for addresses in a["at"]]
                return SimpleNamespace(at=at, sizes=a["sizes"], settings=a["settings"])
        raise TypeError(f"{self.name}: {kind} is given {type(a)}")
