"""Kernels of arrays that broadcast, and sums along any axes: CuPy's elementwise and reduction kernels."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from ..backend import Array

_PREAMBLE = "template<typename T> __device__ T where(bool c, T a, T b) { return c ? a : b; }"


@functools.cache
def _compiled(kind: str, module: Any, name: str, *formula: str) -> Any:
    return getattr(module, kind)(*formula, name=f"minigrad_{name}", preamble=_PREAMBLE)


def kernel(name: str, inputs: str, outputs: str, formula: str) -> Callable[..., Any]:
    """A function of arrays and numbers, which broadcast; formula computes an element of each of the outputs."""
    return lambda *args: _compiled("ElementwiseKernel", sys.modules["cupy"], name, inputs, outputs, formula)(*args)


def sum_of(name: str, inputs: str, formula: str) -> Callable[..., Array]:
    """A function of arrays and numbers, which broadcast, and of ``each``: each * the sum of formula along some axes."""
    parts = f"{inputs}, T each", "T out", formula, "a + b", "out = each * a", "0"

    def compute(*args: Any, axis: Any, each: float = 1.0, keepdims: bool = False) -> Array:
        run = _compiled("ReductionKernel", sys.modules["cupy"], name, *parts)
        return run(*args, each, axis=axis, keepdims=keepdims)

    return compute
