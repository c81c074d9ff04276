"""Kernels out of formulas: of elements, of sums of elements, and of all elements of many arrays."""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy

from ..backend import Array

_PREAMBLE = "template<typename T> __device__ T where(bool c, T a, T b) { return c ? a : b; }"


def is_ours(x: Any) -> bool:
    """Whether x is an array for kernels: of CuPy, of float32 or float64, with elements."""
    return type(x).__module__ == "cupy" and x.dtype.char in "fd" and x.size > 0


@functools.cache
def _compiled(kind: str, module: Any, name: str, *formula: str) -> Any:
    return getattr(module, kind)(*formula, name=f"minigrad_{name}", preamble=_PREAMBLE)


def _one_line(formula: str) -> str:
    return "; ".join(line.strip() for line in formula.strip().splitlines())


def kernel(name: str, inputs: str, outputs: str, formula: str) -> Callable[..., Any]:
    """A function of arrays and numbers, which broadcast; formula computes an element of each of the outputs."""
    parts = inputs, outputs, _one_line(formula)
    return lambda *args: _compiled("ElementwiseKernel", sys.modules["cupy"], name, *parts)(*args)


def sum_of(name: str, inputs: str, formula: str) -> Callable[..., Array]:
    """A function of arrays and numbers, which broadcast, and of ``each``: each * the sum of formula along some axes."""
    parts = f"{inputs}, T each", "T out", formula, "a + b", "out = each * a", "0"

    def compute(*args: Any, axis: Any, each: float = 1.0, keepdims: bool = False) -> Array:
        run = _compiled("ReductionKernel", sys.modules["cupy"], name, *parts)
        return run(*args, each, axis=axis, keepdims=keepdims)

    return compute


# ---------------------------------------------------------------- many arrays

#: Of so many arrays a launch takes care: the addresses go with its arguments, which may have 4 KiB.
AT_ONCE = 64
_THREADS, _MOST_BLOCKS = 256, 1024

_FOR_EACH = """
typedef {type} T;
struct Lists {{ T* at[{lists}][{at_once}]; long long sizes[{at_once}]; T settings[{settings}]; }};

extern "C" __global__ void minigrad_{name}(const Lists lists) {{
    int k = blockIdx.y;
    {given};
    for (long long j = blockIdx.x * blockDim.x + threadIdx.x; j < lists.sizes[k]; j += gridDim.x * blockDim.x) {{
        {loaded};
        {formula};
        {stored};
    }}
}}
"""


def for_each(name: str, inputs: str, outputs: str, settings: str, formula: str) -> Callable[..., None]:
    """A function of lists, one for each of the inputs and then the outputs, and of numbers, the settings.

    The arrays are of one type and lie row by row in memory. Those at the same place of the lists have the same shape,
    and formula computes an element of each of the outputs, which is written into them.
    """
    inputs, outputs, settings = (names.split(", ") if names else [] for names in (inputs, outputs, settings))
    names = list(dict.fromkeys(inputs + outputs))
    parts = {
        "name": name,
        "lists": len(names),
        "at_once": AT_ONCE,
        "settings": max(1, len(settings)),
        "given": "; ".join(f"T {setting} = lists.settings[{n}]" for n, setting in enumerate(settings)),
        "loaded": "; ".join(f"T {name} = lists.at[{names.index(name)}][k][j]" for name in inputs),
        "formula": _one_line(formula),
        "stored": "; ".join(f"lists.at[{names.index(name)}][k][j] = {name}" for name in outputs),
    }

    def run(lists: Sequence[Sequence[Array]], *numbers: float) -> None:
        launch = _compiled_for_each(sys.modules["cupy"], lists[0][0].dtype.char, **parts)
        for start in range(0, len(lists[0]), AT_ONCE):
            launch([of[start : start + AT_ONCE] for of in lists], numbers)

    return run


@functools.cache
def _compiled_for_each(module: Any, char: str, **parts: Any) -> Callable[..., None]:
    source = _FOR_EACH.format(type={"f": "float", "d": "double"}[char], **parts)
    compiled = module.RawKernel(source, f"minigrad_{parts['name']}")
    fields = ("at", "u8", (parts["lists"], AT_ONCE)), ("sizes", "i8", AT_ONCE), ("settings", char, parts["settings"])
    struct = numpy.dtype(list(fields), align=True)

    def launch(lists: Sequence[Sequence[Array]], numbers: Sequence[float]) -> None:
        count = len(lists[0])
        sizes = [a.size for a in lists[0]]
        given = numpy.zeros((), struct)
        given["at"][:, :count] = [[a.data.ptr for a in arrays] for arrays in lists]
        given["sizes"][:count] = sizes
        given["settings"][: len(numbers)] = numbers
        blocks = min(math.ceil(max(sizes) / _THREADS), _MOST_BLOCKS)
        compiled((blocks, count), (_THREADS,), (given,))

    return launch
