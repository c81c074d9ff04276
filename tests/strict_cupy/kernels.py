"""Kernels: their formulas, which are C++ and Python alike but for the types in front of names, computed by NumPy."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from .arrays import counts, ndarray, raw, wrapped

_FUNCTIONS = {name: getattr(np, name) for name in ("exp", "expm1", "log", "log1p", "sqrt", "tanh", "fabs", "where")}
_DECLARED = re.compile(r"^(?:const )?(?:T|bool|int|long long) (?=\w+ =)")


class _Parameters:
    """``raw T x, int32 n``: the types and names of what a kernel gets or gives."""

    def __init__(self, text: str):
        parts = [p.split() for p in text.split(",")]
        self.names = [p[-1] for p in parts]
        self.types = [p[-2] for p in parts]
        self.raw = [p[0] == "raw" for p in parts]
        if not all(t in ("T", "int32") for t in self.types):
            raise ValueError(f"Wrong type in {text}")


def _element_type(parameters: _Parameters, args: Any) -> Any:
    """T: the one type of the arrays of that type; CuPy raises TypeError where they differ."""
    found = {a.dtype for a, t in zip(args, parameters.types, strict=True) if t == "T" and isinstance(a, ndarray)}
    if len(found) != 1:
        raise TypeError(f"Type is mismatched. {found}")
    return found.pop().type


def _given(parameters: _Parameters, args: Any, T: Any) -> dict[str, Any]:
    """The arguments by name, numbers in the type that the kernel declares."""
    types = {"T": T, "int32": np.int32}
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
        self.statements = [_DECLARED.sub("", part.strip()) for part in operation.split(";") if part.strip()]
        self.name = name

    def __call__(self, *args: Any) -> Any:
        count = len(self.inputs.names)
        given, outs = args[:count], args[count:]
        T = _element_type(self.inputs, given)
        values = {**_FUNCTIONS, **_given(self.inputs, given, T), "T": T}
        elementwise = [values[n].shape for n, r in zip(self.inputs.names, self.inputs.raw, strict=True)
                       if not r and isinstance(values[n], np.ndarray)]  # fmt: skip
        shape = outs[0].shape if outs else np.broadcast_shapes(*elementwise)
        values["i"] = _Integer(np.arange(np.prod(shape, dtype=int)).reshape(shape))
        with np.errstate(all="ignore"):
            for statement in self.statements:
                exec(statement, {"__builtins__": {}}, values)
        counts["launches"] += 1
        results = [np.broadcast_to(values[n], shape).astype(T, order="C") for n in self.outputs.names]
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
    """The sum of a formula along some axes."""

    def __init__(self, in_params: str, out_params: str, map_expr: str, reduce_expr: str, post_map_expr: str,
                 identity: str, name: str = "kernel"):  # fmt: skip
        if (reduce_expr, post_map_expr, identity) != ("a + b", "out = a", "0"):
            raise NotImplementedError("the stand-in knows sums alone")
        self.inputs, self.formula = _Parameters(in_params), map_expr

    def __call__(self, *args: Any, axis: Any = None, keepdims: bool = False) -> ndarray:
        T = _element_type(self.inputs, args)
        values = {**_FUNCTIONS, **_given(self.inputs, args, T), "T": T}
        return wrapped(np.sum(eval(self.formula, {"__builtins__": {}}, values), axis=axis, keepdims=keepdims))
