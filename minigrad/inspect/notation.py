"""How numbers, gradients and ops are written in a line of text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..backend import Array, is_array, to_numpy
from ..tensor import Tensor

_LONGEST_ARRAY = 4  # elements that are written out

# ---------------------------------------------------------------- numbers


def is_small(value: Any) -> bool:
    """Whether the elements of a tensor or an array are so few that they are written out."""
    return value.size <= _LONGEST_ARRAY


def digits(value: Any) -> str:
    """A number with four digits; an array, or nested lists of numbers, with three for each."""
    value = value.tolist() if is_array(value) else value
    return _bracketed(value) if isinstance(value, list) else f"{value:.4g}"


def _bracketed(value: Any) -> str:
    return f"[{', '.join(map(_bracketed, value))}]" if isinstance(value, list) else f"{value:.3g}"


def summary(array: Array) -> str:
    """The shape, unless it is a single number, and the elements where they are few."""
    shape = str(array.shape) if array.ndim else ""
    return f"{shape} {digits(to_numpy(array)) if is_small(array) else ''}".strip()


def gradient_line(gradient: Array | None) -> str:
    """The elements of a gradient where they are few, else how far they range."""
    if gradient is None:
        return ""
    gradient = to_numpy(gradient)
    if is_small(gradient):
        return f"grad {digits(gradient)}"
    return f"grad {spread(gradient)}"


def spread(array: Array) -> str:
    """From where to where the elements of an array go."""
    return f"from {array.min():.3g} to {array.max():.3g}"


def written_array(array: Array) -> str:
    """The elements of an array where they are few, else its shape."""
    return digits(array) if is_small(array) else f"array{array.shape}".replace(",)", ")")


# ---------------------------------------------------------------- ops

#: What is written between arguments, or before one, in the place of a function's name.
_SIGNS = {
    "add": "{} + {}",
    "sub": "{} - {}",
    "mul": "{} * {}",
    "div": "{} / {}",
    "pow": "{} ** {}",
    "matmul": "{} @ {}",
    "neg": "-{}",
}


def expression(node: Tensor, called: Callable[[Any], str]) -> str:
    """How a result was computed, such as ``v1 * x`` or ``sum(v2, axes=(0,))``."""
    op, arguments = node.op.__name__, [called(arg) for arg in node.args]
    before, after = ([called(node.options[name])] if name in node.options else [] for name in ("base", "exponent"))
    operands = [*before, *arguments, *after]
    if _SIGNS.get(op, "").count("{}") == len(operands):  # an op of the user's may have the name of one of ours
        return _SIGNS[op].format(*operands)
    if op == "getitem" and "index" in node.options:
        return f"{arguments[0]}[{_written_index(node.options['index'])}]"
    options = [f"{name}={_written(value)}" for name, value in node.options.items() if _tells(name, value, node)]
    return f"{op}({', '.join(arguments + options)})"


def _tells(option: str, value: Any, node: Tensor) -> bool:
    """Whether an option says what cannot be seen otherwise: that nothing is left says that all axes were reduced."""
    return value is not None and value is not False and not (option == "axes" and node.ndim == 0)


def _written(option: Any) -> str:
    if is_array(option):
        return written_array(option)
    return getattr(option, "__name__", str(option))


def _written_index(index: Any) -> str:
    """An index as it stands between brackets."""
    if isinstance(index, tuple):
        return ", ".join(map(_written_index, index))
    if isinstance(index, slice):
        start, stop, step = ("" if i is None else str(i) for i in (index.start, index.stop, index.step))
        return f"{start}:{stop}" + (f":{step}" if step else "")
    return "..." if index is Ellipsis else _written(index)
