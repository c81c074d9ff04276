"""The nodes behind a result, and what they are called: by the user's variables, by modules, or by numbers."""

from __future__ import annotations

import itertools
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Any

from ..backend import is_array
from ..nn.module import Module
from ..primitive import Node, raw_of
from ..tensor import Tensor
from .notation import digits, is_small, written_array


def parents(node: Tensor) -> Iterator[tuple[int, Tensor]]:
    """The arguments of the op that made node which are tensors, each with its number among the arguments."""
    return ((i, arg) for i, arg in enumerate(node.args) if isinstance(arg, Node))


def nodes_behind(outputs: Iterable[Tensor]) -> list[Tensor]:
    """The outputs and all that they were made from: the leaves as they are met, then the results by age."""
    outputs = list(outputs)
    found, waiting = dict.fromkeys(outputs), outputs[::-1]
    while waiting:
        for _, parent in parents(waiting.pop()):
            if parent not in found:
                found[parent] = None
                waiting.append(parent)
    results = sorted((node for node in found if node.op is not None), key=attrgetter("serial"))
    leaves = dict.fromkeys(parent for node in results for _, parent in parents(node) if parent.op is None)
    return [*dict.fromkeys((*leaves, *(node for node in found if node.op is None))), *results]


def callers_variables(depth: int) -> dict[str, Any]:
    """The variables that are in sight depth calls further up, local ones first."""
    frame = sys._getframe(depth + 1)
    inner, outer = frame.f_locals, frame.f_globals
    return {**inner, **{name: value for name, value in outer.items() if name not in inner}}


class Names:
    """What each of the given nodes is called, and the constants and modules beside them.

    A tensor has the name of a variable, or the one that a module has for it after the name of the module's variable
    or class: ``net.0.weight``. Where there is neither, a result is called v1, v2, ... by age, as in a Wengert list,
    and a leaf by the argument that it is for an op; a small one that does not learn is written as its elements are.
    No two have the same name.
    """

    def __init__(self, nodes: Iterable[Tensor], variables: Mapping[str, Any]):
        self._nodes = list(nodes)
        #: The variables that can have a part in a graph; kept, as names are found by identity.
        self.variables = {name: value for name, value in variables.items() if _can_be_named(name, value)}
        self._names: dict[int, str] = {}
        self._taken: set[str] = set()
        self._namesakes: Counter[str] = Counter()  # how often a name was wanted that was taken
        self._name_by_variables()
        self._name_by_modules()
        for node in self._nodes:
            for i, parent in parents(node):
                if parent.op is None and (parent.tracked or not is_small(parent)):
                    self._name(parent, role(node.op, i))
        free = (name for name in map("v{}".format, itertools.count(1)) if name not in self._taken)
        for node in self._nodes:
            if node.op is not None and node not in self:
                self._name(node, next(free))

    def __call__(self, value: Any) -> str:
        """The name of a tensor, an array or a module; a number as it is written."""
        if value in self:
            return self._names[id(value)]
        value = raw_of(value)
        if is_array(value):
            return written_array(value)
        return digits(value) if isinstance(value, float) else str(value)

    def __contains__(self, value: Any) -> bool:
        return id(value) in self._names

    def _name(self, value: Any, name: str) -> None:
        """Calls value by the name, with a number behind it where another one is called so already."""
        if value in self:
            return
        free = name
        while free in self._taken:
            self._namesakes[name] += 1
            free = f"{name}{self._namesakes[name] + 1}"
        self._taken.add(free)
        self._names[id(value)] = free

    def _name_by_variables(self) -> None:
        for name, value in self.variables.items():
            if not isinstance(value, Module):
                self._name(value, name)
        for name, value in self.variables.items():
            if isinstance(value, Module):
                self._name_inside(value, name)

    def _name_by_modules(self) -> None:
        """Names the modules whose results are among the nodes by their classes, those inside of others after these."""
        modules = [node.calls[1]() for node in self._nodes if node.op is not None and node.calls is not None]
        modules = [module for module in modules if module is not None and module not in self]
        inside = {id(inner) for module in modules for inner in module.modules() if inner is not module}
        for module in modules:
            if id(module) not in inside:
                self._name(module, type(module).__name__)
                self._name_inside(module, self(module))

    def _name_inside(self, module: Module, name: str) -> None:
        """Names a module, the modules in it, and its parameters."""
        for inner_name, inner in module.named_modules(name):
            self._name(inner, inner_name)
        for parameter_name, parameter in module.named_parameters():
            self._name(parameter, f"{name}.{parameter_name}")


def _can_be_named(name: str, value: Any) -> bool:
    return not name.startswith("_") and (isinstance(value, Node | Module) or is_array(value))


def role(op: Any, i: int) -> str:
    """What an op calls its argument i."""
    code = op.__wrapped__.__code__
    if i < code.co_argcount:
        return code.co_varnames[i]
    return code.co_varnames[code.co_argcount + code.co_kwonlyargcount]  # where Python has the name of *args
