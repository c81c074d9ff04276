"""A derivative as text, read off the source of the very rule that computes it.

A VJP whose source says ``g * (exponent * x ** (exponent - 1))`` reads ``dL/dy * (3 * x ** 2)`` here: arguments have
their names, what depends on options and shapes alone is worked out, private helpers are replaced by what they return,
and the rest keeps the form that it has in the source.
"""

from __future__ import annotations

import ast
import copy
import functools
import inspect
import linecache
import math
from collections.abc import Callable, Mapping
from types import EllipsisType
from typing import Any

import numpy as np

_DEEPEST = 6  # helpers within helpers
_LONGEST_INDEX = 6
_HARMLESS = {"builtins", "itertools", "math", "minigrad", "numpy"}


class Shaped:
    """Stands for an array of which the shape is known and the elements are not."""

    __hash__ = None

    def __init__(self, shape: tuple[int, ...], dtype: Any):
        self.shape, self.ndim, self.size, self.dtype = shape, len(shape), math.prod(shape), dtype

    def _unknown(self, *_: Any) -> Any:
        raise TypeError("the elements are not known")

    __bool__ = __iter__ = __len__ = __eq__ = __ne__ = _unknown


def read_rule(rule: Callable[..., Any], names: Mapping[str, str], values: Mapping[str, Any]) -> ast.expr | None:
    """What a VJP returns; None where its source cannot be had, or is more than an expression.

    names says what its arguments are to be called; values has its options, and a Shaped for each array.
    """
    if isinstance(rule, functools.partial):  # of an op with any number of arguments: which one, stands first
        rule, values = rule.func, {**values, next(iter(inspect.signature(rule.func).parameters)): rule.args[0]}
    try:
        return _returned(rule, {name: ast.Name(shown) for name, shown in names.items()}, values, 0)
    except _CannotReadError:
        return None


def written(expression: ast.expr) -> str:
    """An expression as a line of text, with numbers of four digits and without factors of one."""
    return ast.unparse(_Tidy().visit(copy.deepcopy(expression)))


def factor_of(name: str, expression: ast.expr) -> ast.expr | None:
    """What the expression multiplies the name by, element by element; None where it does something else with it."""
    match expression:
        case ast.Name(id=found) if found == name:
            return ast.Constant(1)
        case ast.UnaryOp(op=ast.USub(), operand=operand) if factor := factor_of(name, operand):
            return ast.UnaryOp(ast.USub(), factor)
        case ast.BinOp(left=left, op=ast.Mult() | ast.Div() as op, right=right):
            if not _mentions(name, right) and (factor := factor_of(name, left)):
                return ast.BinOp(factor, op, right)
            if isinstance(op, ast.Mult) and not _mentions(name, left) and (factor := factor_of(name, right)):
                return ast.BinOp(left, op, factor)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
            if (first := factor_of(name, left)) and (second := factor_of(name, right)):
                return ast.BinOp(first, op, second)
        case ast.Call(func=ast.Name(id="where"), args=[condition, x, y]) if not _mentions(name, condition):
            factors = [c if _is_zero(c) else factor_of(name, c) for c in (x, y)]
            if all(factors):
                return ast.Call(ast.Name("where"), [condition, *factors], [])
    return None


def _mentions(name: str, expression: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(expression))


def _is_zero(expression: ast.expr) -> bool:
    return isinstance(expression, ast.Constant) and expression.value == 0


# ---------------------------------------------------------------- finding the source


class _CannotReadError(Exception):
    """Never leaves this file."""


def _source(function: Callable[..., Any]) -> ast.Lambda | ast.FunctionDef:
    """The function in the file, or the cell of a notebook, in which it was written."""
    code = function.__code__
    places = [(line, column) for line, _, column, end in code.co_positions() if end]
    for node in _functions_in(code.co_filename):
        body = node.body[-1] if isinstance(node, ast.FunctionDef) else node.body
        start, end = (body.lineno, body.col_offset), (body.end_lineno, body.end_col_offset)
        if getattr(node, "name", "<lambda>") == code.co_name and places and start <= places[-1] <= end:
            return copy.deepcopy(node)
    raise _CannotReadError


@functools.cache
def _functions_in(filename: str) -> list[ast.Lambda | ast.FunctionDef]:
    """All functions in a file, those within others first."""
    try:
        tree = ast.parse("".join(linecache.getlines(filename)))
    except SyntaxError:  # a cell with commands of the notebook's own
        return []
    return [node for node in ast.walk(tree) if isinstance(node, ast.Lambda | ast.FunctionDef)][::-1]


# ---------------------------------------------------------------- reading it


def _returned(
    function: Callable[..., Any], shown: Mapping[str, ast.expr], values: Mapping[str, Any], depth: int
) -> ast.expr:
    """What the function returns, in terms of what its arguments stand for."""
    source, reader = _source(function), _Reader(function, shown, values, depth)
    return reader.visit(source.body) if isinstance(source, ast.Lambda) else reader.run(source.body)


class _Reader(ast.NodeTransformer):
    """Reads the body of one function: expressions to show, and values as far as they are known."""

    def __init__(
        self, function: Callable[..., Any], shown: Mapping[str, ast.expr], values: Mapping[str, Any], depth: int
    ):
        cells = function.__closure__ or ()
        free = dict(zip(function.__code__.co_freevars, (cell.cell_contents for cell in cells), strict=True))
        self.values = {**function.__globals__, **free, **values}
        self.shown, self.depth = dict(shown), depth

    def run(self, statements: list[ast.stmt]) -> ast.expr:
        """What is returned, on the way that the known values lead to."""
        for statement in statements:
            match statement:
                case ast.Expr(value=ast.Constant()):  # a docstring
                    continue
                case ast.Assign(targets=[ast.Name(id=name)], value=expression):
                    value = self._value(expression)
                    self.shown[name], self.values[name] = self.visit(expression), value
                case ast.If(test=test, body=body, orelse=[]):
                    if self._known(test):
                        return self.run(body)
                case ast.Return(value=ast.expr() as expression):
                    return self.visit(expression)
                case _:
                    break
        raise _CannotReadError

    def visit(self, node: ast.AST) -> ast.AST:
        """The expression, worked out if all in it is known, or else with its parts worked out."""
        if isinstance(node, ast.expr):
            try:
                return _literal(self._known(node))
            except _CannotReadError:
                pass
        return super().visit(node)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """What the name stands for."""
        return self.shown.get(node.id, ast.Name(node.id.lstrip("_")))

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        """The side that is chosen."""
        return self.visit(node.body if self._known(node.test) else node.orelse)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """What a private helper returns; other calls as they are."""
        function = self._value(node.func)
        if _is_helper(function) and self.depth < _DEEPEST:
            try:
                return self._inlined(function, node)
            except (_CannotReadError, TypeError):  # it is more than an expression, or has arguments with a star
                pass
        node = self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "mm":
            return ast.BinOp(node.args[0], ast.MatMult(), node.args[1])
        return node

    def _inlined(self, function: Callable[..., Any], call: ast.Call) -> ast.expr:
        named = {keyword.arg: keyword.value for keyword in call.keywords}
        given = inspect.signature(function).bind(*call.args, **named).arguments
        values = {name: self._value(argument) for name, argument in given.items()}
        shown = {name: self.visit(copy.deepcopy(argument)) for name, argument in given.items()}
        return _returned(function, shown, values, self.depth + 1)

    def _value(self, expression: ast.expr) -> Any:
        """The value of an expression, or an object that nothing can be done with.

        Nothing is called that may have effects: to print a step must not draw from a rule's random numbers.
        """
        calls = (node for node in ast.walk(expression) if isinstance(node, ast.Call))
        if not all(_is_harmless(self._value(call.func)) for call in calls):
            return object()
        try:
            whole = ast.fix_missing_locations(ast.Expression(copy.deepcopy(expression)))
            return eval(compile(whole, "<rule>", "eval"), self.values)
        except Exception:  # whatever an op says to a Shaped: the value depends on elements
            return object()

    def _known(self, expression: ast.expr) -> Any:
        """The value of an expression that can be written down."""
        value = self._value(expression)
        _literal(value)
        return value


def _is_harmless(function: Any) -> bool:
    """Whether a call does nothing but return a value: methods of plain values, and functions known not to do more."""
    if isinstance(getattr(function, "__self__", None), tuple | list | str | dict):
        return True
    module = getattr(function, "__module__", None) or ""
    return callable(function) and module.partition(".")[0] in _HARMLESS and "random" not in module


def _is_helper(function: Any) -> bool:
    """Whether a call says less than what it returns: a lambda, or a private function that is no op."""
    return inspect.isfunction(function) and function.__name__[0] in "_<" and not hasattr(function, "vjps")


def _literal(value: Any) -> ast.expr:
    """A value as it is written in a formula."""
    match value:
        case bool() | int() | float() | str() | None | EllipsisType():
            return ast.Constant(value)
        case tuple() if hasattr(value, "_fields"):
            return ast.Call(
                ast.Name(type(value).__name__),
                [],
                [ast.keyword(name, _literal(v)) for name, v in value._asdict().items()],
            )
        case tuple():
            return ast.Tuple([_literal(v) for v in value])
        case slice():
            parts = (value.start, value.stop, value.step)
            return ast.Slice(*(None if part is None else _literal(part) for part in parts))
        case np.ndarray() if value.dtype.kind in "iub" and value.size <= _LONGEST_INDEX:
            return ast.parse(str(value.tolist()), mode="eval").body
        case np.dtype():
            return ast.Name(value.name)
    raise _CannotReadError


class _Tidy(ast.NodeTransformer):
    """Writes numbers and signs as people do."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        """With brackets around dL/dy."""
        node.value = _bracketed(self.visit(node.value))
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        """With brackets around dL/dy, and with colons in the index; an index for one axis without a comma."""
        node.value = _bracketed(self.visit(node.value))
        match node.slice:
            case ast.Tuple(elts=[only]):
                node.slice = only
        return node

    def visit_Slice(self, node: ast.Slice) -> ast.expr:
        """As a call, where it is no index."""
        parts = [part or ast.Constant(None) for part in (node.lower, node.upper, node.step)]
        return ast.Call(ast.Name("slice"), parts if node.step else parts[:2], [])

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        """Four digits, none behind the point where there are none, and a sign that brackets can be put around."""
        if not isinstance(node.value, int | float) or isinstance(node.value, bool):
            return node
        if not math.isfinite(node.value):
            return ast.Name(str(node.value))
        size = abs(float(f"{node.value:.4g}") if isinstance(node.value, float) else node.value)
        number = ast.Constant(int(size) if size < 1e4 and size == int(size) else size)
        return ast.UnaryOp(ast.USub(), number) if node.value < 0 else number

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        """Without factors, divisors and exponents of one."""
        node = self.generic_visit(node)
        match node:
            case ast.BinOp(left=kept, op=ast.Mult() | ast.Div() | ast.Pow(), right=ast.Constant(value=1)):
                return kept
            case ast.BinOp(left=ast.Constant(value=1), op=ast.Mult(), right=kept):
                return kept
            case ast.BinOp(left=ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=1)), op=ast.Mult(), right=kept):
                return ast.UnaryOp(ast.USub(), kept)
        return node


def _bracketed(expression: ast.expr) -> ast.expr:
    is_quotient = isinstance(expression, ast.Name) and "/" in expression.id
    return ast.Name(f"({expression.id})") if is_quotient else expression
