"""An op is a primitive: a forward function on raw arrays and, for each argument, a vector-Jacobian product (VJP).

    @primitive
    def mul(x, y):
        return x * y
    mul.defvjps(lambda g, out, x, y: g * y,
                lambda g, out, x, y: g * x)

A VJP receives the gradient g of the loss with respect to the op's output, the output itself, the op's arguments and
its options, and returns the gradient with respect to its own argument. It may use operators, array methods and
minigrad's functions: what raw arrays and Tensors share. An ordinary backward pass hands it raw arrays, and it runs at
NumPy's speed. Under ``create_graph=True`` it is handed Tensors, and the same line records itself, so that the gradient
can be differentiated again. Broadcasting is undone by the engine, once, for all ops.

This file knows how a call is recorded; ``autograd.py`` knows how the record is walked backwards.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import threading
from collections.abc import Callable, Sequence
from typing import Any

from .backend import DEFAULT_FLOAT, Array, array_module, at_hand, default_module, is_array, move, xp
from .messages import MISTAKES, explain, is_data, not_data, shown


class Node:
    """A value and its place in the graph: the op that made it, from which arguments, and when.

    Parents are the arguments that are Nodes. A node points to its parents only, never to its children, so a graph has
    no reference cycles and is gone the moment its last output is dropped.
    """

    __slots__ = (
        "value",  # the raw array
        "tracked",  # whether gradients flow through here
        "_grad",  # the accumulated gradient of a leaf, a raw array or None; set through Tensor.grad, which looks at it
        "op",  # the primitive that made it; None for a leaf
        "args",  # that primitive's arguments: Nodes and constants
        "saved",  # the same as raw arrays, as they were when the op ran
        "options",  # its keyword arguments, through which no gradient flows
        "serial",  # creation order, which is a topological order
        "calls",  # the last call of a module that returned it, if any: class, module, arguments, the call before
        "__weakref__",
    )

    #: What ops return; tensor.py sets it to Tensor.
    result_type: type[Node]


class _GradMode(threading.local):
    enabled = True

    def __init__(self) -> None:
        self.outer: list[bool] = []  # what to go back to at the end of each context that is open in this thread


grad_mode = _GradMode()
_serials = itertools.count()

#: What looks on, in every thread: has ``forward(op, run, *raw, **options)``, which returns run(*raw, **options), and
#: ``backward(walk)``, which returns an iterator with the items of walk. See ``inspect``.
observers: list[Any] = []
_new, _ndarray, _scalar = object.__new__, xp.ndarray, xp.generic
_NUMBERS = frozenset({bool, int, float, type(None)})  # constants that never widen a result


def primitive(forward: Callable[..., Any]) -> Any:
    """Turns a function on raw arrays into an op on raw arrays and Tensors.

    Positional arguments are what the op may be differentiated by; keyword arguments are its options. Given raw arrays
    alone, the op returns a raw array. Given at least one Tensor it returns a Tensor, and records itself if one of them
    requires gradients. The rules are added with ``op.defvjps(...)``, or ``op.defvjp_each(...)`` for an op that takes
    any number of arguments. An op with no rules gives results that require no gradient. In messages it is called by
    the function's name, without a leading underscore.

    Raises:
        TypeError: when forward is not a function of Python, whose arguments can be counted.
    """
    if not hasattr(forward, "__code__"):
        raise TypeError(f"primitive: takes a function written with def or lambda, got {shown(forward)}")

    @functools.wraps(forward)
    def op(*args, **options):
        if options:
            _refuse_tensors(op, options)
        for a in args:
            if isinstance(a, Node):
                break
        else:
            try:
                return forward(*args, **options)
            except MISTAKES as error:
                raise explain(op, args, error).with_traceback(error.__traceback__) from None

        raw, tracked, odd_constant, integers_only = [], False, False, False
        for a in args:
            if isinstance(a, Node):
                value = a.value
                if a.tracked:
                    tracked = True
                elif value.dtype.kind != "f":
                    odd_constant = True
                raw.append(value)
            else:
                raw.append(a)
                if not (type(a) in _NUMBERS or (isinstance(a, _ndarray) and a.dtype.kind == "f" and a.ndim)):
                    odd_constant = True
        if odd_constant:
            args, integers_only = _adapt_constants(op, args, raw)
        run = functools.partial(_of_integers, forward) if integers_only else forward
        if observers:
            run = _observed(op, run)
        try:
            value = run(*raw, **options)
        except MISTAKES as error:
            raise explain(op, raw, error).with_traceback(error.__traceback__) from None
        if not isinstance(value, _ndarray):
            value = _one_array(op, value)

        out = _new(Node.result_type)
        out.value = value
        out._grad = None
        if tracked and grad_mode.enabled and op.vjps is not None:
            out.tracked = True
            out.op = op
            out.args = args
            out.saved = raw
            out.options = options
            out.serial = next(_serials)
            out.calls = None
        else:
            out.tracked = False
            out.op = None
            out.args = ()
        return out

    def replace_forward(change: Callable[..., Any]) -> None:
        nonlocal forward
        forward = change(forward)

    op.__name__ = forward.__name__.lstrip("_")
    op.vjps = None
    op.replace_forward = replace_forward
    op.defvjps = functools.partial(_define_vjps, op)
    op.defvjp_each = functools.partial(_define_vjp_each, op)
    return op


def _observed(op: Any, run: Callable[..., Any]) -> Callable[..., Any]:
    for observer in observers:
        run = functools.partial(observer.forward, op, run)
    return run


def _one_array(op: Any, value: Any) -> Array:
    """What an op returned, as the array that it must be."""
    if isinstance(value, _scalar):  # NumPy makes scalars of 0-d results
        return xp.asarray(value)
    if not is_array(value):
        several = "; several results are several ops" if isinstance(value, list | tuple) else ""
        raise TypeError(f"{op.__name__}: an op returns one array, this one returned {shown(value)}{several}")
    return value


def _refuse_tensors(op: Any, options: dict[str, Any]) -> None:
    for name, option in options.items():
        if isinstance(option, Node):
            raise TypeError(f"{op.__name__}: tensors are given by position, {name} is one given by name")


def _define_vjps(op: Any, *vjps: Callable[..., Any] | None) -> None:
    """One VJP for each argument, in order; None where an argument has no derivative by design."""
    if op.__wrapped__.__code__.co_flags & inspect.CO_VARARGS:
        raise TypeError(f"{op.__name__}: takes any number of arguments; defvjp_each defines the one VJP of them all")
    for vjp in vjps:
        if not (vjp is None or callable(vjp)):
            raise TypeError(f"{op.__name__}: a VJP is a function or None, got {shown(vjp)}")
    count = op.__wrapped__.__code__.co_argcount
    if len(vjps) != count:
        raise TypeError(f"{op.__name__}: defvjps needs one function for each of {count} arguments, got {len(vjps)}")
    op.vjps = vjps


def _define_vjp_each(op: Any, vjp: Callable[..., Any]) -> None:
    """The VJP of an op with any number of arguments: ``vjp(i, g, out, *args, **options)`` serves argument i."""
    op.vjps = _EachArgument(vjp)


class _EachArgument:
    """Stands where a tuple of VJPs stands otherwise."""

    def __init__(self, vjp: Callable[..., Any]):
        self.vjp = vjp

    def __getitem__(self, i: int) -> Callable[..., Any]:
        return functools.partial(self.vjp, i)


def _adapt_constants(op: Any, args: tuple, raw: list) -> tuple[tuple, bool]:
    """Keeps constants from widening a result: PyTorch's promotion where it differs from NumPy's.

    NumPy scalars and 0-d arrays count as Python numbers, integer arrays take the float type of the arrays beside them,
    and so do 0-d arrays of a GPU, which are not read; lists become arrays. Changes raw in place; returns the
    arguments, and whether no array among them is of floats.
    """
    args = list(args)
    for i, a in enumerate(raw):
        if isinstance(a, xp.generic) or (_counts_as_number(a, args[i]) and at_hand(a)):
            args[i] = raw[i] = a.item()
        if isinstance(raw[i], complex):
            raise TypeError(f"{op.__name__}: complex numbers have no gradients here, got {a}")
        if not (isinstance(raw[i], list | tuple | None) or is_data(raw[i])):
            raise not_data(op.__name__, a)
    arrays = [a for a, arg in zip(raw, args, strict=True) if hasattr(a, "dtype") and not _counts_as_number(a, arg)]
    floats = [a.dtype for a in arrays if a.dtype.kind == "f"]
    for i, a in enumerate(raw):
        if isinstance(a, list | tuple):
            a = args[i] = raw[i] = _array_beside(op.__name__, raw, a)
        fits = not hasattr(a, "dtype") or not (a.dtype.kind in "iu" or _counts_as_number(a, args[i]))
        if floats and not fits and _is_differentiable(op, i):
            args[i] = raw[i] = a.astype(xp.result_type(*floats))
    return tuple(args), not floats


def _counts_as_number(a: Any, arg: Any) -> bool:
    """Whether it is an array without axes, and not the value of a Tensor."""
    return hasattr(a, "ndim") and a.ndim == 0 and not isinstance(arg, Node)


def _array_beside(op: str, others: Sequence[Any], data: Any) -> Array:
    """A list or a number as an array, where those beside it are, and if it is of floats, of their type."""
    array = xp.asarray(data)
    if not is_data(array):
        raise not_data(op, data)
    arrays = [raw_of(a) for a in others if hasattr(a, "dtype")]
    if array.dtype.kind == "f":
        array = array.astype(next((a.dtype for a in arrays if a.dtype.kind == "f"), DEFAULT_FLOAT))
    return move(array, array_module(arrays[0]) if arrays else default_module())


def _of_integers(forward: Callable[..., Any], /, *raw: Any, **options: Any) -> Any:
    """The op's result where no array is of floats; if it is of floats itself, then of the default ones.

    NumPy would compute in float16 for bytes and in float64 for others, and would not take booleans everywhere.
    """
    try:
        with xp.errstate(all="ignore"):
            value = forward(*raw, **options)
        if not hasattr(value, "dtype") or value.dtype.kind != "f" or "dtype" in options:  # a cast is told its type
            return value
    except TypeError:
        pass
    return forward(*(a.astype(DEFAULT_FLOAT) if hasattr(a, "dtype") else a for a in raw), **options).astype(
        DEFAULT_FLOAT
    )


def as_arrays(op: str, *args: Any) -> list:
    """The arguments with lists and numbers made arrays, for an op that must know shapes before it calls a primitive.

    Raises:
        TypeError: when one of them is not numeric, or an array of a foreign package.
    """
    for a in args:
        if hasattr(a, "ndim") and not (isinstance(a, Node) or is_data(a)):
            raise not_data(op, a)
    return [a if hasattr(a, "ndim") else _array_beside(op, args, a) for a in args]


def raw_of(x: Any) -> Any:
    """The raw array of a Tensor; anything else as it is."""
    return x.value if isinstance(x, Node) else x


def _is_differentiable(op: Any, i: int) -> bool:
    return op.vjps is not None and op.vjps[i] is not None
