"""Between memory and the GPU: the only op that has its argument on one backend and its result on another."""

from __future__ import annotations

from ..backend import Array, array_module, backend_named, move
from ..primitive import primitive, raw_of


@primitive
def _moved(x: Array, *, backend: str) -> Array:
    return move(x, backend_named(backend))


_moved.__name__ = "to"  # what users called
_moved.defvjps(lambda g, out, x, *, backend: _moved(g, backend=array_module(raw_of(x)).__name__))


def moved(x: Array, backend: str) -> Array:
    """x on the backend "numpy" or "cupy"; the gradient goes back to where x is."""
    return _moved(x, backend=backend)
