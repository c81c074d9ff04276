"""Kernels out of formulas: of elements, of sums for each channel, and of all elements of many arrays.

They are CuPy's raw kernels, whose launch takes a third of the time that one of its elementwise kernels does, and a
tenth of a reduction's; in return they want arrays that lie row by row in memory, and broadcast little.
"""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy

from ..backend import Array

_NUMBERS = (int, float, numpy.generic)

#: Threads of a block; blocks for elements; threads that add up what is of one channel.
_THREADS, _MOST_BLOCKS, _ADDING = 256, 4096, 1024

#: Elements are counted with 32 bits, as divisions of 64 would take longer than all the rest.
_MOST_ELEMENTS = 1 << 30

_SOURCE = """
typedef {type} T;
__device__ inline T where(bool c, T a, T b) {{ return c ? a : b; }}
{preamble}
extern "C" __global__ void minigrad_{name}({parameters}) {{
{body}
}}
"""


def is_ours(x: Any) -> bool:
    """Whether x is an array for kernels: of CuPy, of float32 or float64, with elements, and not too many."""
    return type(x).__module__ == "cupy" and x.dtype.char in "fd" and 0 < x.size < _MOST_ELEMENTS


def by_rows(a: Array) -> Array:
    """The array as it lies row by row in memory; a copy where it does not."""
    return sys.modules["cupy"].ascontiguousarray(a)


@functools.cache
def _compiled(module: Any, name: str, char: str, parameters: str, body: str, preamble: str = "") -> Callable[..., None]:
    kind = {"f": "float", "d": "double"}[char]
    source = _SOURCE.format(type=kind, name=name, parameters=parameters, body=body, preamble=preamble)
    return module.RawKernel(source, f"minigrad_{name}")


def _names(text: str) -> list[str]:
    return text.split(", ") if text else []


def lines(*statements: str) -> str:
    """Statements, or several of them in a text, as the lines of a program."""
    parts = (line.strip() for text in statements for line in text.strip().splitlines())
    return "\n".join(f"    {line};" for line in parts if line)


# ---------------------------------------------------------------- elements

_LOOP = """    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {{
{inside}
    }}"""


def _blocks(count: int) -> int:
    return min(-(-count // _THREADS), _MOST_BLOCKS)


def loop(name: str, parameters: str, formula: str) -> Callable[..., None]:
    """A function of arrays and numbers as the parameters are declared, that runs formula for each i below n.

    n is the last parameter; the first argument says what type T is.
    """
    body = _LOOP.format(inside=lines(formula))
    parameters = f"{parameters}, int n"

    def run(first: Array, *args: Any) -> None:
        launch = _compiled(sys.modules["cupy"], name, first.dtype.char, parameters, body)
        integers = (numpy.int32(a) if isinstance(a, int) else a for a in args)
        launch((_blocks(args[-1]),), (_THREADS,), (first, *integers))

    return run


#: How an input is read: an array of all elements, of one for each channel, of one alone, or a number.
_READ = {
    "a": "T {0} = {0}_[i]",
    "c": "T {0} = {0}_[i / inner % channels]",
    "1": "T {0} = {0}_[0]",
    "n": "T {0} = {0}_",
}


def kernel(name: str, inputs: str, formula: str) -> Callable[..., Array]:
    """A function of arrays and numbers; formula computes an element of the result, ``out``.

    The first input is an array of the shape of the result. The others are, too, or have one element, or one for each
    channel, (C,), beside the first, (N, C, ...), or are numbers. The result is new, or the array given as ``out``.
    """
    inputs = _names(inputs)

    def run(x: Array, *others: Any, out: Array | None = None) -> Array:
        shape, number, module = x.shape, x.dtype.type, sys.modules["cupy"]
        kinds, given = "a", [by_rows(x)]
        for other in others:
            kind = _kind(name, other, shape)
            kinds += kind
            given.append(number(other) if kind == "n" else by_rows(other))
        out = module.empty(shape, x.dtype) if out is None else out
        launch = compiled(module, x.dtype.char, kinds)
        launch((_blocks(x.size),), (_THREADS,), (*given, out, *_sizes(shape)))
        return out

    @functools.cache
    def compiled(module: Any, char: str, kinds: str) -> Callable[..., None]:
        declared = [f"T {a}_" if kind == "n" else f"const T* {a}_" for a, kind in zip(inputs, kinds, strict=True)]
        declared += ["T* out_", "int inner", "int channels", "int n"]
        inside = lines(
            *(_READ[kind].format(a) for a, kind in zip(inputs, kinds, strict=True)),
            "T out = 0",
            formula,
            "out_[i] = out",
        )
        return _compiled(module, name, char, ", ".join(declared), _LOOP.format(inside=inside))

    return run


def _kind(name: str, a: Any, shape: tuple[int, ...]) -> str:
    if isinstance(a, _NUMBERS):
        return "n"
    if a.shape == shape:
        return "a"
    if a.size == 1:
        return "1"
    if a.shape == shape[1:2]:
        return "c"
    raise ValueError(f"{name}: an array of shape {a.shape} beside one of {shape}")


@functools.lru_cache(maxsize=1024)
def _sizes(shape: tuple[int, ...]) -> tuple[numpy.int32, ...]:
    """How many elements there are of a channel in a row, how many channels, and how many elements in all."""
    channels = shape[1] if len(shape) > 1 else 1
    return numpy.int32(math.prod(shape[2:])), numpy.int32(channels), numpy.int32(math.prod(shape))


# ---------------------------------------------------------------- channels

_BLOCK_SUM = f"""
__device__ T block_sum(T value) {{
    __shared__ T parts[{_ADDING}];
    parts[threadIdx.x] = value;
    __syncthreads();
    for (int half = blockDim.x / 2; half > 0; half /= 2) {{
        if (threadIdx.x < half) parts[threadIdx.x] += parts[threadIdx.x + half];
        __syncthreads();
    }}
    T total = parts[0];
    __syncthreads();
    return total;
}}
"""
_PASS = """    #pragma unroll 4
    for (int j = threadIdx.x; j < count; j += blockDim.x) {{
    int i = (j / inner * channels + c) * inner + j % inner;
{inside}
    }}"""


def for_channels(
    name: str, inputs: str, sums: Sequence[Mapping[str, str]], outputs: str, formula: str = "", of_channels: str = "",
    numbers: str = "",
) -> Callable[..., None]:  # fmt: skip
    """A function of inputs (N, C, ...), arrays (C,) and numbers in this order, which writes into outputs (C,).

    sums are names for sums over the elements of a channel, of which there are ``count``; those that stand together are
    computed together, those that come later may use the ones before. formula computes the outputs from them, if they
    are not sums themselves. What is of channels and among the outputs, too, is changed, and given once.
    """
    inputs, of_channels, numbers, outputs = map(_names, (inputs, of_channels, numbers, outputs))
    new = [a for a in outputs if a not in of_channels]
    declared = [f"const T* {a}_" for a in inputs]
    declared += [f"T* {a}_" if a in outputs else f"const T* {a}_" for a in of_channels]
    declared += [f"T {a}" for a in numbers] + [f"T* {a}_" for a in new] + ["int inner", "int channels", "int count"]
    body = ["    int c = blockIdx.x;", lines(*(f"T {a} = {a}_[c]" for a in of_channels))]
    for together in sums:
        read = [f"T {a} = {a}_[i]" for a in inputs]
        added = [f"{total} += {term}" for total, term in together.items()]
        body += [lines(*(f"T {total} = 0" for total in together)), _PASS.format(inside=lines(*read, *added))]
        body += [lines(*(f"{total} = block_sum({total})" for total in together))]
    known = {*of_channels, *(total for together in sums for total in together)}
    body += [lines(*(f"T {a} = 0" for a in new if a not in known), formula)]
    body += ["    if (threadIdx.x == 0) {", lines(*(f"{a}_[c] = {a}" for a in outputs)), "    }"]
    parameters, body = ", ".join(declared), "\n".join(filter(None, body))

    def run(*args: Any, shape: tuple[int, ...] | None = None) -> None:
        first = args[0]
        inner, channels, size = _sizes(shape or first.shape)
        number = first.dtype.type
        launch = _compiled(sys.modules["cupy"], name, first.dtype.char, parameters, body, _BLOCK_SUM)
        given = (number(a) if isinstance(a, _NUMBERS) else by_rows(a) for a in args)
        launch((int(channels),), (_ADDING,), (*given, inner, channels, size // channels))

    return run


# ---------------------------------------------------------------- many arrays

#: Of so many arrays a launch takes care: the addresses go with its arguments, which may have 4 KiB.
AT_ONCE = 64

_LISTS = "struct Lists {{ T* at[{lists}][{at_once}]; long long sizes[{at_once}]; T settings[{settings}]; }};"
_FOR_EACH = """    int k = blockIdx.y;
    long long n = lists.sizes[k];
{given}
    for (long long i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {{
{inside}
    }}"""


def for_each(name: str, inputs: str, outputs: str, settings: str, formula: str) -> Callable[..., None]:
    """A function of lists, one for each of the inputs and then the outputs, and of numbers, the settings.

    The arrays are of one type and lie row by row in memory. Those at the same place of the lists have the same shape,
    and formula computes an element of each of the outputs, which is written into them.
    """
    inputs, outputs, settings = map(_names, (inputs, outputs, settings))
    names = list(dict.fromkeys(inputs + outputs))
    counts = {"lists": len(names), "at_once": AT_ONCE, "settings": max(1, len(settings))}
    inside = lines(
        *(f"T {a} = lists.at[{names.index(a)}][k][i]" for a in inputs),
        *(f"T {a} = 0" for a in outputs if a not in inputs),
        formula,
        *(f"lists.at[{names.index(a)}][k][i] = {a}" for a in outputs),
    )
    given = lines(*(f"T {setting} = lists.settings[{n}]" for n, setting in enumerate(settings)))
    body, struct = _FOR_EACH.format(given=given, inside=inside), _LISTS.format(**counts)
    fields = ("at", "u8", (len(names), AT_ONCE)), ("sizes", "i8", AT_ONCE)
    structs = {T: numpy.dtype([*fields, ("settings", T, counts["settings"])], align=True) for T in "fd"}

    def run(lists: Sequence[Sequence[Array]], *numbers: float) -> None:
        char = lists[0][0].dtype.char
        launch = _compiled(sys.modules["cupy"], name, char, "const Lists lists", body, struct)
        for start in range(0, len(lists[0]), AT_ONCE):
            part = [of[start : start + AT_ONCE] for of in lists]
            given, count, largest = packed(char, part, numbers)
            launch((_blocks(largest), count), (_THREADS,), (given,))

    def packed(char: str, lists: Sequence[Sequence[Array]], numbers: Sequence[float]) -> tuple[Any, int, int]:
        """The struct, how many arrays a list has, and how many elements the largest has."""
        count, sizes = len(lists[0]), [a.size for a in lists[0]]
        given = numpy.zeros((), structs[char])
        given["at"][:, :count] = [[a.data.ptr for a in arrays] for arrays in lists]
        given["sizes"][:count] = sizes
        given["settings"][: len(numbers)] = numbers
        return given, count, max(sizes)

    return run
