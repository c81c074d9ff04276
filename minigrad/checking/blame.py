"""Which op of a recorded graph is to blame for a wrong gradient, and why.

The chain rule is right, so a wrong gradient has one of two reasons: the rule of an op is wrong, or some of the function
is not in the graph. Each rule is judged alone, at the values that its op was given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..autograd import _fit, _walk
from ..backend import is_array, xp
from ..inspect.nodes import nodes_behind
from ..primitive import Node, raw_of
from ..tensor import Tensor
from .case import WRITES, Case, _copies
from .diagnosis import causes_of
from .report import Cause

#: An argument of more elements is not judged: it would take too long.
_LARGEST = 10_000


def recorded(outputs: Sequence[Tensor]) -> list[Tensor]:
    """All results of ops behind the outputs, the oldest first."""
    return [node for node in nodes_behind(outputs) if node.op is not None]


# ---------------------------------------------------------------- NaN and infinity


def first_not_finite(outputs: Sequence[Tensor], weights: Sequence[np.ndarray]) -> Cause | None:
    """The op that made the first value, or else the first gradient, which is NaN or infinite."""
    for node in recorded(outputs):
        if not xp.isfinite(node.value).all():
            return Cause(
                "not_finite", f"Going forward, `{node.op.__name__}` is the first op whose result {_first(node.value)}."
            )
    for y, weight in zip(outputs, weights, strict=True):
        for node, i, _, sent, _ in _walk({y: weight}, None, (), record=False):
            if not xp.isfinite(sent).all():
                where = f"`{node.op.__name__}`, for its argument {i}"
                at = f"where that is {node.saved[i][_index(sent)]:.6g}"
                return Cause(
                    "not_finite", f"Going backward, {where}, is the first whose gradient {_first(sent)}, {at}."
                )
    return None


def _index(x: np.ndarray) -> tuple[int, ...]:
    return tuple(int(n) for n in np.argwhere(~np.isfinite(x))[0])


def _first(x: np.ndarray) -> str:
    return f"is {x[_index(x)]} at {list(_index(x))}"


# ---------------------------------------------------------------- rules


def written_into(outputs: Sequence[Tensor], weights: Sequence[np.ndarray]) -> Cause | None:
    """The first rule that writes into what it is given, which other rules are given, too."""
    for y, weight in zip(outputs, weights, strict=True):
        upstreams = {id(y): weight}
        kept = {id(node): _copies([node.value, *node.saved]) for node in recorded([y])}
        for node, i, upstream, _, total in _walk({y: weight.copy()}, None, (), record=False):
            before, after = [upstreams[id(node)], *kept[id(node)]], [upstream, node.value, *node.saved]
            for n, (a, b) in enumerate(zip(before, after, strict=True)):
                if is_array(a) and not np.array_equal(a, b, equal_nan=True):
                    what = ("g", "the output")[n] if n < 2 else f"argument {n - 2}"
                    where = f"`{node.op.__name__}`: the rule of argument {i} writes into {what}"
                    return Cause("writes_in_place", WRITES.format(where))
            upstreams[id(node.args[i])] = raw_of(total).copy()
    return None


def wrong_rules(outputs: Sequence[Tensor], inputs: Sequence[Tensor], **settings: Any) -> list[Cause]:
    """What is wrong with the rules of the ops behind the outputs, each mistake once."""
    found: dict[tuple, Cause] = {}
    for node in recorded(outputs):
        for cause in causes_of(_case_of(node, **settings)):
            numbers = range(len(node.args)) if cause.input is None else [cause.input]
            of = [n for n, x in enumerate(inputs) if any(node.args[k] is x for k in numbers)]
            where = f"`{node.op.__name__}`" + ("" if cause.input is None else f", argument {cause.input}")
            text, number = f"{where}: {cause.text}", of[0] if len(of) == 1 else None
            found.setdefault((where, cause.name), Cause(cause.name, text, number, where))
    return list(found.values())


def _case_of(node: Tensor, **settings: Any) -> Case:
    """An op, and its rules as the engine uses them: broadcasting is undone for them."""
    op, options = node.op, node.options

    def rule(i, g, out, *args):
        vjp = op.vjps[i]
        return np.zeros_like(args[i]) if vjp is None else _fit(vjp(g, out, *args, **options), args[i], op, i)

    arrays = [x.astype(xp.float64) if is_array(x) and x.dtype.kind == "f" else x for x in node.saved]
    judged = [i for i, x in enumerate(node.args) if isinstance(x, Node) and x.tracked and x.size <= _LARGEST]
    return Case(lambda *args: op.__wrapped__(*args, **options), rule, arrays, judged, noun="argument", **settings)


# ---------------------------------------------------------------- what is not in the graph


def detached(f: Callable[..., list[Tensor]], inputs: Sequence[Tensor], checked: Sequence[int]) -> Cause | None:
    """The constants of the graph that are none: they change with an input."""
    before = f(*inputs)
    for i in checked:
        x = inputs[i].value
        by = 1e-4 * xp.maximum(1.0, abs(x)) * np.random.default_rng(0).uniform(-1.0, 1.0, x.shape)
        after = f(*inputs[:i], Tensor(x + by, requires_grad=True), *inputs[i + 1 :])
        if changed := list(_changes(before, after)):
            more = f", and so do {', '.join(changed[1:4])}" if changed[1:] else ""
            return Cause(
                "detached",
                f"A part of the function goes around the graph: {changed[0]} changes with input {i}, but is a constant "
                f"for autograd{more}. Look on the way for .data, detach(), item(), NumPy, or an op without defvjps.",
                i,
            )
    return None


def _changes(before: Sequence[Tensor], after: Sequence[Tensor]) -> Iterator[str]:
    nodes, others = recorded(before), recorded(after)
    if [node.op for node in nodes] != [node.op for node in others]:
        return
    for node, other in zip(nodes, others, strict=True):
        for n, (constant, changed) in enumerate(zip(_constants(node), _constants(other), strict=True)):
            if not np.array_equal(constant, changed):
                yield f"argument {n} of `{node.op.__name__}`"
    for y, other in zip(before, after, strict=True):
        if not y.tracked and not np.array_equal(y.value, other.value):
            yield "the result"


def _constants(node: Tensor) -> Iterator[Any]:
    """The arguments, with None for those that gradients flow through."""
    return (None if isinstance(x, Node) and x.tracked else raw_of(x) for x in node.args)
