"""A tensor as a guest: in the hands of NumPy's functions, and of programs that were written for PyTorch."""

from __future__ import annotations

import sys
from typing import Any

from .backend import xp
from .ops import elementwise, linalg


class _Elsewhere:
    """Stands where PyTorch or NumPy has an attribute that tensors lack, and says what does the same.

    A ``__getattr__`` could say it of any name, but a class that has one is slow in all its attributes.
    """

    def __init__(self, instead: str):
        self.instead = instead

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, tensor: Guest | None, owner: type) -> Any:
        raise AttributeError(f"a tensor has no '{self.name}': {self.instead}")


class Guest:
    """What a tensor says to NumPy and to those who take it for a tensor of PyTorch; a base of Tensor."""

    __slots__ = ()

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """``array * tensor`` is the tensor's to compute; NumPy's other functions are refused.

        CuPy asks NumPy in turn, so that this holds for its arrays too.
        """
        if "out" in options:
            raise TypeError(f"numpy.{ufunc.__name__}: a tensor is not written into an array; make a new one")
        if ufunc not in _OPERATORS or method != "__call__" or options:
            raise _not_for_tensors(ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}")
        return _OPERATORS[ufunc](*inputs)

    def __array_function__(self, function: Any, types: Any, args: tuple, options: dict) -> Any:
        """Refuses what NumPy would hand to a method of this class, with arguments that it has not."""
        if function.__name__ in ("sum", "mean", "max", "min", "std", "var"):
            raise _not_for_tensors(function.__name__)
        return xp.empty(0).__array_function__(function, (), args, options)  # as for any other object

    # What programs for PyTorch and NumPy ask for.
    astype = _Elsewhere("use to")
    cpu = _Elsewhere("use to('numpy')")
    cuda = _Elsewhere("use to('cupy')")
    device = _Elsewhere("minigrad.backend.array_module(tensor.data) is what it is computed with")
    dim = _Elsewhere("use ndim")
    dot = _Elsewhere("use matmul, or @")
    expand = _Elsewhere("use broadcast_to")
    mm = _Elsewhere("use matmul, or @")
    t = _Elsewhere("use T")
    view = _Elsewhere("use reshape")
    zero_ = _Elsewhere("no op writes in place; forget a gradient with t.grad = None, set a leaf with t.data = array")


#: What NumPy calls the operators.
_OPERATORS = {
    xp.add: elementwise.add,
    xp.subtract: elementwise.sub,
    xp.multiply: elementwise.mul,
    xp.divide: elementwise.div,
    xp.power: elementwise.pow,
    xp.matmul: linalg.matmul,
    xp.equal: elementwise.equal,
    xp.not_equal: elementwise.not_equal,
    xp.less: elementwise.less,
    xp.less_equal: elementwise.less_equal,
    xp.greater: elementwise.greater,
    xp.greater_equal: elementwise.greater_equal,
}


def _has(name: str) -> bool:
    """Whether minigrad has a function of that name."""
    return callable(vars(sys.modules[__package__]).get(name))


def _not_for_tensors(name: str) -> TypeError:
    """The error for a function of NumPy that was given a tensor."""
    here = "abs" if name == "absolute" else name
    cure = f"use minigrad.{here}" if _has(here) else "give it the values, tensor.detach().numpy()"
    return TypeError(f"numpy.{name} takes no tensors, as no gradient would follow: {cure}")
