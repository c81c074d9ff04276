"""Calls of modules: which results of ops were made inside of each, so that a call can be one box of a graph."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from ..messages import shown
from ..nn.module import Module
from ..primitive import Node
from ..tensor import Tensor
from .nodes import nodes_behind

Fold = bool | Module | Sequence[Module]


@dataclasses.dataclass(frozen=True, eq=False)
class Call:
    """A call of a module: its result, and all results of ops from its arguments to there."""

    result: Tensor
    kind: type[Module]
    module: Module | None  # None once it is gone
    arguments: list[Any]
    inside: list[Tensor]


def folded_calls(nodes: list[Tensor], fold: Fold) -> list[Call]:
    """The outermost calls among nodes: of any module for True, else of the given ones.

    Raises:
        TypeError: when fold is not what it should be.
        ValueError: when a module was not called among nodes.
    """
    chosen = _modules(fold)
    calls: list[Call] = []
    taken: set[Tensor] = set()
    for node in reversed(nodes):  # a call returns after those within it
        if node.op is None or node in taken:
            continue
        call = next((_call(node, *found) for found in _calls_of(node) if chosen is None or found[1] in chosen), None)
        if call is not None:
            calls.append(call)
            taken.update(call.inside)
    for module in chosen or ():
        if not any(call.module is module for call in calls):
            raise ValueError(f"graph: no result of {type(module).__name__} to fold here, or it is inside another fold")
    return calls


def _modules(fold: Fold) -> list[Module] | None:
    """The modules to fold; None for all."""
    if isinstance(fold, bool):
        return None if fold else []
    modules = list(fold) if isinstance(fold, list | tuple) else [fold]
    for module in modules:
        if not isinstance(module, Module):
            raise TypeError(f"graph: fold is True, a module or a list of modules, got {shown(module)}")
    return modules


def _calls_of(node: Tensor) -> Iterator[tuple[type[Module], Module | None, list[Any]]]:
    """The calls that returned node, the outermost first, without those that only handed it on."""
    call = node.calls
    while call is not None:
        kind, module, args, call = call
        flat = [item for arg in args for item in (arg if isinstance(arg, list | tuple) else [arg])]
        if not any(arg is node for arg in flat):
            yield kind, module(), flat


def _call(result: Tensor, kind: type[Module], module: Module | None, arguments: list[Any]) -> Call:
    outside = set(nodes_behind(arg for arg in arguments if isinstance(arg, Node)))
    inside = [node for node in nodes_behind([result]) if node.op is not None and node not in outside]
    return Call(result, kind, module, arguments, inside)
