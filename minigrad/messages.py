"""What is said when something goes wrong: checks that many functions share, and errors told again with an op's name.

While all is well only the checks run: of settings, and of arguments that are neither tensors nor arrays.
"""

from __future__ import annotations

import numbers
import sys
from collections.abc import Sequence
from typing import Any

from .backend import array_module, is_array, xp

MISTAKES = (AttributeError, IndexError, TypeError, ValueError)  # errors that are told again


def shown(value: Any) -> str:
    """A number or a text as it is written; of anything else the type, with the package where it is a foreign one."""
    if value is None or isinstance(value, str):
        return repr(value)
    if isinstance(value, int | float):
        return str(value)
    if is_array(value) and value.dtype.kind not in "fiub":
        return f"an array of {value.dtype}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    package = type(value).__module__.partition(".")[0]
    name = type(value).__name__
    return f"{package}.{name}" if package in ("torch", "jax", "jaxlib", "tensorflow") else name


def check_integers(who: str, least: float, **values: Any) -> None:
    """Raises TypeError for a value that is not an integer, and ValueError for one below least."""
    for name, value in values.items():
        if not isinstance(value, numbers.Integral):
            raise TypeError(f"{who}: {name} must be an integer, got {shown(value)}")
        if value < least:
            raise ValueError(f"{who}: {name} must be at least {least}, got {value}")


def check_numbers(who: str, **values: Any) -> None:
    """Raises TypeError for a value that is not a real number."""
    for name, value in values.items():
        if not isinstance(value, numbers.Real):
            raise TypeError(f"{who}: {name} must be a number, got {shown(value)}")


# ---------------------------------------------------------------- errors within ops


def is_data(a: Any) -> bool:
    """Whether ops can compute with it: a number, or an array of numbers."""
    return isinstance(a, int | float) or ((is_array(a) or isinstance(a, xp.generic)) and a.dtype.kind in "fiub")


def not_data(op: str, a: Any, takes: str = "tensors, arrays and numbers") -> TypeError:
    """The error for an argument that an op cannot compute with."""
    cure = "; minigrad.tensor makes one of it" if isinstance(a, list | tuple) else ""
    return TypeError(f"{op}: takes {takes}, got {shown(a)}{cure}")


def ndim_of(op: str, x: Any) -> int:
    """The number of axes of a tensor or an array; raises TypeError for anything else."""
    try:
        return x.ndim
    except AttributeError:
        raise not_data(op, x, "a tensor or an array") from None


def mixed(raw: Sequence[Any]) -> bool:
    """Whether there are arrays of several backends."""
    return len({array_module(a) for a in raw if is_array(a)}) > 1


def two_backends(who: str) -> TypeError:
    """The error for arrays of which some are in memory and others on a GPU."""
    cure = "move one of them: mg.tensor(a).to('cupy') or mg.tensor(a).to('numpy')"
    return TypeError(f"{who}: arrays of NumPy and of CuPy do not mix; {cure}")


def _meets_within(message: str) -> str:
    """What CuPy says of an array of NumPy that it was given within an op, in words that say what would do."""
    if message.startswith(("Unsupported type <class 'numpy.ndarray'>", "Implicit conversion to a NumPy array")):
        return "an array of NumPy meets one of CuPy within it; make it of what is given, as np.zeros_like(x) does"
    return message


def explain(op: Any, raw: Sequence[Any], error: Exception) -> Exception:
    """The error again, with the op's name and what it was given."""
    kind = next(k for k in MISTAKES if isinstance(error, k))
    message = _meets_within(str(error))
    if message.startswith((f"{op.__name__}: ", f"{op.__name__}() ")):
        return kind(message)
    if mixed(raw):
        return two_backends(op.__name__)
    for a in raw:
        if kind is TypeError and not is_data(a):
            return not_data(op.__name__, a)
        if kind is AttributeError and error.name and a is error.obj and not is_array(a):  # None if raised by hand
            return not_data(op.__name__, a, "tensors and arrays")
    shapes = [str(a.shape) for a in raw if hasattr(a, "shape")]
    if kind is ValueError and "broadcast" in message and len(shapes) > 1:
        return ValueError(
            f"{op.__name__}: shapes {' and '.join(shapes)} do not broadcast: "
            "counted from the last axis, sizes must be equal or 1"
        )
    given = f" (given {', '.join(shapes)})" if shapes else ""
    return kind(f"{op.__name__}: {message.rstrip('. ')}{given}")


def explain_rule(op: Any, i: int, error: Exception) -> Exception:
    """The error that the VJP of argument i raised, or that came of what it returned, with the op's name."""
    rule = f"{op.__name__}: the VJP of argument {i}"
    message = _meets_within(str(error))
    if message.startswith(rule):
        return error
    if error.__traceback__.tb_next is None:  # not within the rule, but where it was called
        if isinstance(error, AttributeError):
            return TypeError(f"{rule} must return an array, it returned {shown(error.obj)}")
        message += "; it is called with g, out and the op's arguments"
    kind = next(k for k in MISTAKES if isinstance(error, k))
    return kind(f"{rule}: {message}")


# ---------------------------------------------------------------- names that are not here


def no_such_function(name: str) -> AttributeError:
    """The error for a name that minigrad does not have: what it is called here, or where else it is."""
    minigrad = sys.modules[__package__]
    instead = {"cat": ": use concatenate", "dot": ": use matmul", "mm": ": use matmul"}.get(name, "")
    if not instead and not name.startswith("_") and hasattr(xp, name):
        instead = f", NumPy has: numpy.{name}; minigrad.tensor makes tensors of arrays"
    return AttributeError(f"minigrad has no '{name}'{instead}", name=name, obj=minigrad)
