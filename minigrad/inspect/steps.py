"""The backward pass, one node at a time: what comes in, by which rule it is passed on, and what has arrived where."""

from __future__ import annotations

import ast
import dataclasses
import functools
import html
import inspect
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..autograd import Sent, _walk, backward_walk
from ..backend import Array, array_module, as_array, to_numpy
from ..messages import shown
from ..primitive import Node
from ..tensor import Tensor
from .formula import Shaped, factor_of, read_rule, written
from .nodes import Names, callers_variables, nodes_behind
from .notation import expression, spread

_WIDTH = 100  # columns of a terminal
_LARGEST_SHOWN = 12  # elements of an array that are written out
_LARGEST_MATRIX = 64  # entries of a local derivative that are written out


def backward_steps(
    y: Tensor, gradient: Array | None = None, *, names: Mapping[str, Any] | None = None
) -> Iterator[Step]:
    """Goes backward from y as ``y.backward(gradient)`` does, one node at a time; ``print`` a step to read it.

    It is the same walk by the same rules: once the last step is taken, the leaves have the same ``.grad``, bit by bit.
    L stands for what the walk starts from, y or the sum of gradient * y. Tensors and modules have the names of the
    caller's variables, or those of names.

    Raises:
        TypeError: when y is not a tensor.
        ValueError, RuntimeError: while it is iterated, when ``y.backward(gradient)`` would.
    """
    if not isinstance(y, Node):
        raise TypeError(f"backward_steps: goes backward from a tensor, got {shown(y)}")
    called = Names(nodes_behind([y]), callers_variables(1) if names is None else names)
    return _steps(backward_walk(y, gradient), called)


def _steps(walk: Iterator[Sent], called: Names) -> Iterator[Step]:
    for number, (_, items) in enumerate(itertools.groupby(walk, key=lambda item: id(item[0])), 1):
        sends = tuple(
            Send(
                node,
                i,
                _array(upstream),
                sent := _array(gradient),
                sent if total is gradient else _array(total),
                called,
            )
            for node, i, upstream, gradient, total in items
        )
        yield Step(number, sends[0].node, sends[0].upstream, sends, called)


def _array(x: Array) -> np.ndarray:
    return to_numpy(as_array(x))


@dataclasses.dataclass(frozen=True)
class Send:
    """What a node sends back to one of its arguments: the gradient of the node times the local derivative.

    ``upstream``, the gradient of the node, has the node's shape; ``gradient``, which is what is sent, and ``total``,
    which is what has arrived at the argument so far, have the shape of the argument.
    """

    node: Tensor
    argument: int
    upstream: np.ndarray
    gradient: np.ndarray
    total: np.ndarray
    _called: Names = dataclasses.field(repr=False)

    @property
    def parent(self) -> Tensor:
        """The argument."""
        return self.node.args[self.argument]

    @property
    def name(self) -> str:
        """What the argument is called."""
        return self._called(self.parent)

    @property
    def _from(self) -> str:
        return f"dL/d{self._called(self.node)}"

    @functools.cached_property
    def _rule(self) -> ast.expr | None:
        """What the VJP returns, as its source says it, in the names of the tensors."""
        node, rule = self.node, self.node.op.vjps[self.argument]
        rule = inspect.unwrap(rule)  # and not the kernel that stands in for it on a GPU
        shown = [self._from, *map(self._called, (node, *node.args))]
        known = [Shaped(a.shape, a.dtype) if hasattr(a, "shape") else a for a in (node.value, node.value, *node.saved)]
        parameters = inspect.signature(rule).parameters.values()
        plain = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        rest = {p.name: tuple(known[len(plain) :]) for p in parameters if p.kind is p.VAR_POSITIONAL}
        values = {**node.options, **dict(zip(plain, known, strict=False)), **rest}
        return read_rule(rule, dict(zip(plain, shown, strict=False)), values)

    @functools.cached_property
    def formula(self) -> str:
        """The rule as its source says it, such as ``dL/dy * (1 - y * y)``."""
        if self._rule is None:
            return f"the rule of {self.node.op.__name__} applied to {self._from}"
        text = written(self._rule)
        if self.local_formula is None or self.parent.size >= self.node.size:
            return text
        summed = f"summed to {self.parent.shape}" if self.parent.ndim else "summed"  # the engine undoes broadcasting
        return f"{text}, {summed}"

    @functools.cached_property
    def local_formula(self) -> str | None:
        """The local derivative alone, such as ``1 - y * y``; None where it is no factor for each element."""
        factor = None if self._rule is None else factor_of(self._from, self._rule)
        return None if factor is None else written(factor)

    @functools.cached_property
    def local(self) -> np.ndarray:
        """The derivative of every element of the node by every element of the argument; the shapes, one after another.

        A 0-d array where both are single numbers. Each row is the rule applied to a unit vector.
        """
        rows = []
        for element in range(self.node.size):
            unit = array_module(self.node.value).zeros(self.node.size, self.node.dtype)
            unit[element] = 1.0
            sent = _walk({self.node: unit.reshape(self.node.shape)}, None, (), record=False)
            rows.append(next(_array(g) for _, i, _, g, _ in sent if i == self.argument))
        shape = self.node.shape + self.parent.shape
        return np.stack(rows).reshape(shape) if rows else np.zeros(shape, self.node.dtype)

    @property
    def line(self) -> str:
        """The chain rule for this argument: in names, in numbers where there are few, and the result."""
        line = f"dL/d{self.name} {self.sign} {self.formula}"
        if self.local_formula is not None and self.node.size == self.parent.size == 1:
            local = numbers(self.local.reshape(()))
            line += f" = {numbers(self.upstream)} * {local if self.local.item() >= 0 else f'({local})'}"
        sent, total = numbers(self.gradient), numbers(self.total)
        return f"{line} = {sent}" if self._is_first else f"{line} = {sent}, in all {total}"

    @property
    def _is_first(self) -> bool:
        return self.total is self.gradient

    @property
    def sign(self) -> str:
        """``=`` for what arrives first at the argument, ``+=`` for what is added to that."""
        return "=" if self._is_first else "+="


@dataclasses.dataclass(frozen=True)
class Step:
    """One node of the backward pass: its gradient is complete, and it sends a share of it to each of its arguments."""

    number: int
    node: Tensor
    upstream: np.ndarray
    sends: tuple[Send, ...]
    _called: Names = dataclasses.field(repr=False)

    @property
    def name(self) -> str:
        """What the node is called."""
        return self._called(self.node)

    @property
    def op(self) -> str:
        """The op that made the node."""
        return self.node.op.__name__

    def __str__(self) -> str:
        made = equation(self.node, self._called)
        if self.node.size == 1:
            made += f" = {numbers(self.node.value)}"
        head = f"step {self.number}:  {made:<42}  dL/d{self.name} = "
        upstream = numbers(self.upstream)
        fits = self.upstream.size <= 1 or len(head) + len(upstream) <= _WIDTH
        head += upstream if fits else _shape_and_spread(self.upstream)
        return "\n".join([head, *(_wrapped(f"    {send.line}") for send in self.sends)])

    def _repr_html_(self) -> str:
        made = html.escape(equation(self.node, self._called))
        rows = "".join(_html_row(send) for send in self.sends)
        return (
            f"<p>step {self.number}: <code>{made}</code> with {_d(self.name)} = {_html_array(self.upstream)}</p>"
            "<table><tr><th>to</th><th>chain rule</th><th>local derivative</th><th>sent</th><th>there so far</th></tr>"
            f"{rows}</table>"
        )


# ---------------------------------------------------------------- as text


def equation(node: Tensor, called: Names) -> str:
    """How the node was made: ``s = u + b``, ``y = tanh(s)``."""
    return f"{called(node)} = {expression(node, called)}"


def numbers(array: np.ndarray) -> str:
    """An array in one line: its elements if they are few, else its shape and range."""
    if array.size > _LARGEST_SHOWN:
        return _shape_and_spread(array)
    if array.ndim == 0:
        return f"{array.item():.4g}"
    text = np.array2string(array, separator=", ", formatter={"all": lambda x: f"{x:.3g}"}, max_line_width=10_000)
    return " ".join(text.split())


def _shape_and_spread(array: np.ndarray) -> str:
    return f"{array.shape} {spread(array)}"


def _wrapped(line: str) -> str:
    """A line that is too long for a terminal, broken before the result."""
    if len(line) <= _WIDTH:
        return line
    line, equals, result = line.rpartition(" = ")
    return f"{line}\n        {equals.lstrip()}{result}"


# ---------------------------------------------------------------- as HTML


def _d(name: str) -> str:
    return f"∂L/∂{html.escape(name)}"


def _html_row(send: Send) -> str:
    rule = f"{_d(send.name)} {send.sign} {html.escape(send.formula).replace('dL/d', '∂L/∂')}"
    cells = [f"<code>{html.escape(send.name)}</code>", f"<code>{rule}</code>", _html_local(send)]
    cells += [_html_array(send.gradient), _html_array(send.total)]
    return "<tr>" + "".join(f'<td style="text-align: left">{cell}</td>' for cell in cells) + "</tr>"


def _html_local(send: Send) -> str:
    """The local derivative as a formula, and as a number or a matrix if that is small."""
    formula = "" if send.local_formula is None else f"<code>{html.escape(send.local_formula)}</code>"
    shape = send.node.size, send.parent.size
    if shape == (1, 1):
        number = numbers(send.local.reshape(()))
        return number if send.local_formula in (None, number) else f"{formula} = {number}"
    if 0 < send.node.size * send.parent.size <= _LARGEST_MATRIX:
        return formula + _html_array(send.local.reshape(shape))
    return formula or f"a matrix {shape}"


def _html_array(array: np.ndarray) -> str:
    """A number, a small table, or for large arrays a shape and a range."""
    if array.size > _LARGEST_MATRIX or array.ndim > 2:
        return numbers(array)
    if array.ndim == 0:
        return f"{array.item():.4g}"
    rows = ("".join(f"<td>{x:.3g}</td>" for x in row) for row in np.atleast_2d(array))
    return "<table>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>"
