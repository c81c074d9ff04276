"""A strict stand-in for CuPy, for machines without a GPU: it refuses what CuPy 14 refuses, and computes with NumPy.

What runs here, runs on CuPy, as far as a machine without a GPU can tell:

- there are only the names and parameters that CuPy has (``tests/data/cupy_api.json``);
- nothing is converted to a NumPy array by itself, and lists and NumPy arrays are refused where CuPy refuses them;
- a reduction gives a 0-d array, results lie in memory row by row, integer arrays wrap around as indices, and where an
  index names an element twice in an assignment, it is left to chance which value stays;
- ``counts`` has how many kernels were launched, at least, how often the host waited for the device, and what was copied
  up to it.

``installed()`` puts it into the place of CuPy.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from types import ModuleType

from .arrays import API, counts, ndarray
from .functions import public

__all__ = ["API", "Module", "counts", "installed", "ndarray"]


class Module(ModuleType):
    """A module of CuPy: it has the names that CuPy has, and no others."""

    def __init__(self, path: str = ""):
        super().__init__(f"cupy.{path}" if path else "cupy")
        self._path, self._names = path, API["modules"][path]

    def __getattr__(self, name: str) -> object:
        if name.startswith("_") or name not in self._names:
            raise AttributeError(f"module '{self.__name__}' has no attribute '{name}'")
        path = f"{self._path}.{name}" if self._path else name
        value = Module(path) if path in API["modules"] else public(self._path, name, self._names[name])
        setattr(self, name, value)
        return value


@contextlib.contextmanager
def installed() -> Iterator[Module]:
    """Within this context ``import cupy`` gives the stand-in."""
    before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "cupy"}
    for name in before:
        del sys.modules[name]
    sys.modules["cupy"] = module = Module()
    counts.clear()
    try:
        yield module
    finally:
        del sys.modules["cupy"]
        sys.modules.update(before)
