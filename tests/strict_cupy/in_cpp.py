"""Kernels of the stand-in that note what a compiler of C++ makes of their formulas, beside what Python made of them."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .arrays import at_address, ndarray
from .kernels import ElementwiseKernel, RawKernel, ReductionKernel

COMPILER = next(filter(None, map(shutil.which, ("g++", "clang++", "c++"))), None)
ON_THE_HOST = """
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>
using namespace std;
#define __device__
#define __global__
#define __shared__ static
struct Place { unsigned x, y; };
static Place blockIdx, blockDim, gridDim;
static thread_local Place threadIdx;

static mutex gate;
static condition_variable opened;
static unsigned waiting, generation;
static void __syncthreads() {
    unique_lock<mutex> lock(gate);
    unsigned mine = generation;
    if (++waiting == blockDim.x) { waiting = 0; ++generation; opened.notify_all(); }
    else opened.wait(lock, [=] { return generation != mine; });
}
"""
ELEMENTWISE = """
namespace {name}_ {{
{types}
{preamble}
extern "C" void {name}(const long long *count, {parameters}) {{
    for (long long i = 0; i < *count; ++i) {{ {elements} {operation}; }}
}}
}}
"""
RAW = """
namespace {name}_ {{
{code}
extern "C" void {name}(const unsigned *sizes, {declared}) {{
    gridDim = {{sizes[0], sizes[1]}}, blockDim = {{{threads}, 1}};
    for (blockIdx.x = 0; blockIdx.x < gridDim.x; ++blockIdx.x)
        for (blockIdx.y = 0; blockIdx.y < gridDim.y; ++blockIdx.y) {{
            vector<thread> threads;
            for (unsigned t = 0; t < blockDim.x; ++t)
                threads.emplace_back([&, t] {{ threadIdx = {{t, 0}}; {kernel}({given}); }});
            for (thread &t : threads) t.join();
        }}
}}
}}
"""
C_NAMES = {"f": "float", "d": "double", "i": "int", "l": "long long", "q": "long long"}


class Call(NamedTuple):
    """A kernel that was launched: a function of C++ that does the same, and what comes of it."""

    kernel: str
    source: Callable[[str], str]  # by the name that the function is to have
    args: list[np.ndarray]
    results: list[np.ndarray]  # what the function writes into, and
    expected: list[np.ndarray]


def in_memory(args):
    return [np.array(a.get()) if isinstance(a, ndarray) else a for a in args]


class Elementwise(ElementwiseKernel):
    """A kernel whose calls are noted."""

    calls: list[Call] = []  # noqa: RUF012, set anew by note_calls

    def __init__(self, in_params, out_params, operation, name="kernel", preamble=""):
        super().__init__(in_params, out_params, operation, name, preamble)
        self.operation, self.preamble = operation, preamble

    def __call__(self, *args):
        given = in_memory(args[: len(self.inputs.names)])
        results = super().__call__(*args)
        self.calls.append(self.call(given, in_memory(results if isinstance(results, tuple) else (results,))))
        return results

    def call(self, given, expected):
        shape, arrays, parameters, elements = expected[0].shape, [], [], []
        letters = {"T": expected[0].dtype.char, "int64": "q"}
        for parameter, kind, a in zip(self.inputs.names, self.inputs.types, given, strict=True):
            if not isinstance(a, np.ndarray):
                elements.append(f"const {C_NAMES[letters[kind]]} {parameter} = {a!r};")
                continue
            letters[kind] = a.dtype.char
            arrays.append(np.ascontiguousarray(np.broadcast_to(a, shape)))
            parameters.append(f"const {kind}* {parameter}_")
            elements.append(f"const {kind} &{parameter} = {parameter}_[i];")
        results = [np.full_like(a, -1.0) for a in expected]
        parameters += [f"T* {parameter}_" for parameter in self.outputs.names]
        elements += [f"T &{parameter} = {parameter}_[i];" for parameter in self.outputs.names]
        types = "\n".join(f"typedef {C_NAMES[char]} {kind};" for kind, char in letters.items() if len(kind) == 1)
        parts = {"types": types, "preamble": self.preamble, "parameters": ", ".join(parameters),
                 "elements": " ".join(elements), "operation": self.operation}  # fmt: skip
        args = [np.array([expected[0].size]), *arrays, *results]
        return Call(self.name, lambda name: ELEMENTWISE.format(name=name, **parts), args, results, expected)


class Reduction(ReductionKernel):
    """What is summed up, and what becomes of a sum, is noted for each element."""

    def __init__(self, in_params, out_params, formula, add, after, zero, name="kernel", preamble=""):
        super().__init__(in_params, out_params, formula, add, after, zero, name, preamble)
        self.each = Elementwise(in_params, out_params, f"T a = {formula}; {after}", name, preamble)

    def __call__(self, *args, **options):
        self.each(*args)
        return super().__call__(*args, **options)


class Raw(RawKernel):
    """A kernel whose calls are noted; here a block that adds up has eight threads, and others have a single one."""

    def __init__(self, code, name):
        super().__init__(code, name)
        self.code = code

    def __call__(self, grid, block, args):
        sizes = np.array([*grid, 1][:2], np.uint32)
        given, arrays, results = [sizes], [], []
        for a in args:
            if isinstance(a, ndarray):
                found = [a._a.reshape(-1)]
                same = [copy for known, copy in zip(arrays, results, strict=True) if known.ctypes.data == a.data.ptr]
                copies = same[:1] or [found[0].copy()]
                given += copies
            elif a.dtype.names:
                found, struct = self.of_lists(a, sizes[1]), a.copy()
                copies = [of_list.copy() for of_list in found]
                struct["at"][:, : sizes[1]] = np.reshape([copy.ctypes.data for copy in copies], (-1, sizes[1]))
                given.append(struct)
            else:
                found, copies, given = [], [], [*given, np.array(a)]
            arrays, results = arrays + found, results + copies
        super().__call__(grid, block, args)
        Elementwise.calls.append(Call(self.name, self.source, given, results, [a.copy() for a in arrays]))

    def of_lists(self, struct, count):
        char, sizes = struct["settings"].dtype.char, struct["sizes"][:count]
        places = (
            (int(address), int(size)) for of in struct["at"] for address, size in zip(of[:count], sizes, strict=True)
        )
        return [at_address(*place, char) for place in places]

    def source(self, name):
        kernel = f"{name}_{self.name}"
        declared = [f"{kind.rstrip('*')} *p{i}" for i, (kind, _) in enumerate(self.parameters)]
        given = [f"p{i}" if kind.endswith("*") else f"*p{i}" for i, (kind, _) in enumerate(self.parameters)]
        threads = 8 if "block_sum" in self.code else 1
        code = self.code.replace(self.name, kernel)
        parts = {"declared": ", ".join(declared), "given": ", ".join(given), "threads": threads}
        return RAW.format(name=name, code=code, kernel=kernel, **parts)


def note_calls(module: Any, monkeypatch: Any) -> list[Call]:
    """The calls of all kernels of the stand-in that are launched from now on."""
    monkeypatch.setattr(Elementwise, "calls", [])
    for name, noting in {"ElementwiseKernel": Elementwise, "ReductionKernel": Reduction, "RawKernel": Raw}.items():
        monkeypatch.setattr(module, name, noting)
    return Elementwise.calls


def run(calls: list[Call], folder: Path) -> None:
    """Compiles the calls as one library in the folder, and makes them; their results are written into them."""
    source, library = folder / "kernels.cpp", folder / "kernels.so"
    source.write_text(ON_THE_HOST + "".join(call.source(f"f{n}") for n, call in enumerate(calls)), encoding="utf-8")
    subprocess.run([COMPILER, "-shared", "-fPIC", "-pthread", "-o", library, source], check=True)
    functions = ctypes.CDLL(str(library))
    for n, call in enumerate(calls):
        getattr(functions, f"f{n}")(*(a.ctypes.data_as(ctypes.c_void_p) for a in call.args))
