"""Where the first NaN or infinity came from: which op made it, from what, and in which line."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from traceback import FrameSummary
from typing import Any
from weakref import ref

import numpy as np

from ..autograd import Sent
from ..backend import Array, is_array, to_numpy, xp
from ..primitive import observers, raw_of
from .nodes import role

_MINIGRAD = __name__.partition(".")[0]


class _Here(threading.local):
    in_rule = False  # whether this thread is within a rule for a derivative


_here = _Here()


class detect_anomaly(contextlib.ContextDecorator):  # noqa: N801, PyTorch's name
    """Within this context, or the function it decorates, the first NaN or infinity raises and says where it was made.

    Forward, the message names the op, the ranges of its arguments and the line that called it; where an argument was
    not finite already, it says so. Backward, it names the op whose rule made it and for which argument, the ranges of
    the upstream gradient and of the op's arguments, and the line that called the op. The line is the innermost one
    outside minigrad: for an op in a loss of ``gan``, the line there. It is known for ops that were called within this
    context, so both the forward and the backward pass belong in it.

    An infinity that is made on purpose, as a mask is, raises too. What a rule makes on its way and does not return does
    not count, and what is computed on raw arrays, by NumPy or an optimizer, is not looked at. All threads are watched
    while the context is open. Each op takes some ten microseconds longer; NumPy's own warnings are silent within ops.

    Raises:
        RuntimeError: in place of the first result or gradient that is not finite.
    """

    def __init__(self) -> None:
        self._lines: dict[tuple[Any, int], tuple[FrameSummary, ref]] = {}  # by op and id of the result

    def __enter__(self) -> None:
        observers.append(self)

    def __exit__(self, *exception: object) -> None:
        observers.remove(self)
        if self not in observers:
            self._lines.clear()

    def forward(self, op: Any, run: Callable[..., Array], *raw: Any, **options: Any) -> Array:
        """Runs the op, looks at the result, and notes the line."""
        with xp.errstate(all="ignore"):
            value = run(*raw, **options)
        if isinstance(value, xp.generic):  # a scalar cannot be referred to weakly
            value = xp.asarray(value)
        line = _users_line()
        if not (_here.in_rule or _is_finite(value)):  # what a rule makes is judged by what it returns
            raise RuntimeError("\n  ".join(_forward_message(op, raw, options, value, line)))
        self._note(op, value, line)
        return value

    def _note(self, op: Any, value: Array, line: FrameSummary) -> None:
        """Remembers the line for as long as the value lives."""
        key = (op, id(value))  # the op too, as it may have returned its argument
        self._lines[key] = line, ref(value, lambda _: self._lines.pop(key, None))

    def backward(self, walk: Iterator[Sent]) -> Iterator[Sent]:
        """The walk, each step of it looked at."""
        while sent := _next(walk):
            node, *_, total = sent
            if not _is_finite(raw_of(total)):
                line, _ = self._lines.get((node.op, id(node.value)), (None, None))
                raise RuntimeError("\n  ".join(_backward_message(sent, line)))
            yield sent


def _next(walk: Iterator[Sent]) -> Sent | None:
    """The next step of the walk, None at its end."""
    outer, _here.in_rule = _here.in_rule, True
    try:
        with xp.errstate(all="ignore"):
            return next(walk, None)
    finally:
        _here.in_rule = outer


def _users_line() -> FrameSummary:
    """The innermost line that is not in minigrad. Its text is read when it is asked for."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == _MINIGRAD:
        frame = frame.f_back
    return FrameSummary(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_qualname, lookup_line=False)


def _is_finite(x: Array) -> bool:
    return bool(xp.isfinite(x).all())


# ---------------------------------------------------------------- what the messages say


def _forward_message(op: Any, raw: tuple, options: dict[str, Any], value: Array, line: FrameSummary) -> list[str]:
    for i, a in enumerate(raw):
        if what := _not_finite(a):
            first = (
                f"{op.__name__} was given {role(op, i)} with {what}; "
                "it came in with the data, as a constant, or from before detect_anomaly()"
            )
            break
    else:
        first = f"{op.__name__} made {_not_finite(value)}"
    return [first, *_arguments(op, raw, options), _line(line)]


def _backward_message(sent: Sent, line: FrameSummary | None) -> list[str]:
    node, i, *gradients = sent
    upstream, gradient, total = map(raw_of, gradients)
    op, name = node.op.__name__, role(node.op, i)
    if not _is_finite(upstream):  # all that the walk itself made was looked at before
        first = f"backward of {op} was given a gradient with {_not_finite(upstream)}; it was passed to backward or grad"
    elif not _is_finite(gradient):
        first = f"backward of {op} made a gradient of {name} with {_not_finite(gradient)}"
    else:
        first = f"backward of {op} added a gradient of {name} to those before, which makes {_not_finite(total)}"
    arguments = _arguments(node.op, node.saved, node.options)
    return [first, _described("upstream gradient", upstream), *arguments, _line(line)]


def _arguments(op: Any, raw: tuple | list, options: dict[str, Any]) -> list[str]:
    """A line for each argument, and for each option that is a number: an exponent of -1 explains an infinity."""
    numbers = {name: x for name, x in options.items() if isinstance(x, int | float) and not isinstance(x, bool)}
    given = [(role(op, i), a) for i, a in enumerate(raw)] + [*numbers.items()]
    return [_described(name, x) for name, x in given]


def _not_finite(x: Any) -> str:
    """What in x is not finite, and where; nothing for what is finite."""
    x = to_numpy(x)
    places = np.argwhere(~np.isfinite(x)) if x.dtype.kind == "f" else ()
    if not len(places):
        return ""
    kinds = {"nan": np.isnan, "inf": np.isposinf, "-inf": np.isneginf}
    found = " and ".join(kind for kind, is_it in kinds.items() if is_it(x).any())
    return found if x.size == 1 else f"{found} at {len(places)} of {x.size} elements, first at {places[0].tolist()}"


def _described(name: str, x: Any) -> str:
    """An array by its shape, its type and its range; a number as it is."""
    if not is_array(x):
        return f"{name}: {x}"
    x = to_numpy(x)
    finite = x[np.isfinite(x)]
    notes = [_range(float(finite.min()), float(finite.max()))] if finite.size else []
    notes += [what] if (what := _not_finite(x)) else []
    return f"{name}: {x.dtype} of shape {x.shape}, {', '.join(notes) or 'no elements'}"


def _range(lowest: float, highest: float) -> str:
    return f"from {lowest:.4g} to {highest:.4g}" if lowest < highest else f"{lowest:.4g}"


def _line(line: FrameSummary | None) -> str:
    if line is None:
        return "line: not known, as the op was called outside detect_anomaly()"
    if "ipykernel_" in line.filename:  # a file that the user has never seen
        place = f"{line.lineno} of a notebook cell"
    else:
        path, here = Path(line.filename), Path.cwd()
        place = f"{path.relative_to(here) if path.is_relative_to(here) else path}:{line.lineno}"
    return f"line: {place}, in {line.name}: {line.line}".removesuffix(": ")


__all__ = ["detect_anomaly"]
