"""The graph behind a result, as boxes and the edges between them: listed, drawn, or for Mermaid and Graphviz."""

from __future__ import annotations

import dataclasses
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..backend import Array, is_array
from ..messages import shown
from ..primitive import Node, raw_of
from ..tensor import Tensor
from . import drawing
from .folding import Call, Fold, folded_calls
from .nodes import Names, callers_variables, nodes_behind
from .notation import expression, gradient_line, is_small, summary
from .player import Player

#: What a box can be, and its colours: inside and border.
KINDS = {
    "learns": ("#fff3c4", "#b58900"),  # a leaf that gradients flow to
    "data": ("#e3eefb", "#5b8ac5"),  # a leaf that none flow to, or an array
    "result": ("#ffffff", "#555555"),
    "later": ("#f0e6fa", "#8a5fb5"),  # a result that the first output does not depend on
    "module": ("#e2f3e4", "#3f8f4f"),
}
_LONGEST_TITLE = 28  # characters, beyond which the arguments are left to the edges
_LONGEST_SUMMARY = 36
_WIDEST_COLUMN = 48  # characters of a line of text, beyond which what follows is moved
_MOST_IN_A_ROW = 12  # boxes that Mermaid draws from left to right
_MOST_DRAWN = 300


def graph(y: Tensor | Sequence[Tensor], *, fold: Fold = False, names: Mapping[str, Any] | None = None) -> Graph:
    """The graph behind y: ``print`` it, let a notebook draw it, or ``save`` it.

    Of several tensors, the results that the first one does not depend on stand out: ``mg.graph([y, slope])`` shows what
    ``create_graph=True`` has added. fold makes one box of each call of the given modules, or with True of every module
    that is not called by another. Tensors and modules have the names of the caller's variables, or those of names.
    Values and gradients are those of now: a gradient is shown at a leaf once ``backward`` has left one there. In a
    picture leaves that learn are yellow, other leaves and arrays blue, results white, or violet where the first tensor
    does not depend on them, and modules green.

    Raises:
        TypeError: when y is not a tensor, or fold not a module.
        ValueError: when y is an empty list, or a module in fold has no call behind y.
    """
    outputs = list(y) if isinstance(y, list | tuple) else [y]
    if not outputs:
        raise ValueError("graph: y is an empty list, give it one tensor at least")
    for output in outputs:
        if not isinstance(output, Node):
            raise TypeError(f"graph: y is a tensor or a list of tensors, got {shown(output)}")
    return Graph(outputs, fold, callers_variables(1) if names is None else names)


@dataclasses.dataclass(frozen=True)
class Box:
    """A leaf, the result of an op, or the call of a module."""

    kind: str  # one of KINDS
    name: str
    expression: str  # how it was computed, from the names of other boxes; empty for a leaf
    value: Array
    op: str = ""
    gradient: Array | None = None
    module: str = ""  # such as "net: MLP"
    parameters: str = ""  # how many are inside

    @property
    def title(self) -> str:
        """The name, and how it was computed if that is short."""
        if self.module or not self.expression:
            return self.module or self.name
        whole = f"{self.name} = {self.expression}"
        return whole if len(whole) <= _LONGEST_TITLE else f"{self.name} = {self.op}(...)"

    @property
    def summary(self) -> str:
        """The value, or its shape where it would be long, with the name of a module's result."""
        named = f"{self.name} " if self.module else ""
        whole = named + summary(self.value)
        return whole if len(whole) <= _LONGEST_SUMMARY else f"{named}{self.value.shape}"

    @property
    def lines(self) -> list[str]:
        """What stands in the box."""
        return [line for line in (self.title, self.summary, self.parameters, gradient_line(self.gradient)) if line]


@dataclasses.dataclass(frozen=True)
class Edge:
    """From a box to one that was computed from it, both by number."""

    source: int
    target: int
    argument: int  # its number among those of the op


class Graph:
    """Boxes and the edges between them; see ``graph``."""

    def __init__(self, outputs: list[Tensor], fold: Fold, variables: Mapping[str, Any]):
        nodes = nodes_behind(outputs)
        self.outputs = outputs
        self.names = Names(nodes, variables)
        self.boxes: list[Box] = []
        self.edges: list[Edge] = []
        self._calls = folded_calls(nodes, fold)
        self._call_around = {id(node): call for call in self._calls for node in call.inside}
        self._number: dict[int, int] = {}  # of the box of a tensor or an array, by identity
        self._edge: dict[tuple[int, int], int] = {}  # the number of the edge to a node from an argument
        self._add_boxes(nodes)
        self._add_edges(nodes)

    # ---------------------------------------------------------------- from nodes to boxes

    def _add_boxes(self, nodes: list[Tensor]) -> None:
        before = set(nodes_behind(self.outputs[:1]))
        for leaf in self._leaves(nodes):
            kind = "learns" if isinstance(leaf, Node) and leaf.tracked else "data"
            self._add(leaf, Box(kind, self.names(leaf), "", raw_of(leaf), gradient=getattr(leaf, "grad", None)))
        for node in nodes:
            call = self._call_around.get(id(node))
            if call is not None and call.result is node:
                self._add(node, self._folded(call))
            elif call is None and node.op is not None:
                kind = "result" if node in before else "later"
                self._add(node, Box(kind, self.names(node), expression(node, self.names), node.value, node.op.__name__))

    def _add(self, value: Tensor | Array, box: Box) -> None:
        self._number[id(value)] = len(self.boxes)
        self.boxes.append(box)

    def _leaves(self, nodes: list[Tensor]) -> Iterable[Tensor | Array]:
        """Leaves and arrays with a box of their own: those that are not inside of the calls of one module alone."""
        values: dict[int, Any] = {id(y): y for y in self.outputs if y.op is None}
        users: dict[int, list[Call | None]] = defaultdict(list)
        users.update({number: [None] for number in values})
        for node in nodes:
            for arg in node.args:
                if self._has_box(arg) and getattr(arg, "op", None) is None:
                    values[id(arg)] = arg
                    users[id(arg)].append(self._call_around.get(id(node)))
        return [value for number, value in values.items() if not _inside_one_module(value, users[number])]

    def _has_box(self, arg: Any) -> bool:
        """Whether an argument is more than a number or a few of them that nobody gave a name."""
        return arg in self.names or (is_array(arg) and not is_small(arg))

    def _folded(self, call: Call) -> Box:
        names, kind = self.names, call.kind.__name__
        name = names(call.module) if call.module in names else kind
        arguments = ", ".join(names(arg) for arg in call.arguments)
        count = sum(parameter.size for parameter in call.module.parameters()) if call.module is not None else 0
        counted = f"{count:,} parameter{'' if count == 1 else 's'}" if count else ""
        shared = ", shared" if sum(other.module is call.module for other in self._calls) > 1 else ""
        return Box(
            "module",
            names(call.result),
            f"{name}({arguments})",
            call.result.value,
            module=name if name == kind else f"{name}: {kind}",
            parameters=counted and counted + shared,
        )

    # ---------------------------------------------------------------- from arguments to edges

    def _add_edges(self, nodes: list[Tensor]) -> None:
        """An edge for each argument of an op; what a module uses several times goes into it once."""
        into_modules: dict[tuple[int, int], int] = {}
        for node in nodes:
            target = self.box_of(node)
            for i, arg in enumerate(node.args):
                source = self.box_of(arg)
                if source is None or source == target:
                    continue
                number = into_modules.get((source, target), len(self.edges))
                if number == len(self.edges):
                    self.edges.append(Edge(source, target, i))
                if self.boxes[target].module:
                    into_modules[source, target] = number
                self._edge[id(node), i] = number

    def box_of(self, value: Any) -> int | None:
        """The number of the box that a tensor or an array is, or is inside of; None where it has none."""
        call = self._call_around.get(id(value))
        return self._number.get(id(value if call is None else call.result))

    def box_showing(self, value: Any) -> int | None:
        """The number of the box that shows a tensor or an array; None for what is inside of a module."""
        return self._number.get(id(value))

    def edge_to(self, node: Tensor, argument: int) -> int | None:
        """The number of the edge to the op that made node from an argument; None where there is none."""
        return self._edge.get((id(node), argument))

    # ---------------------------------------------------------------- text

    def __repr__(self) -> str:
        """A line for each box: how it was computed, its shape and elements, what it is, its gradient."""
        rows = [(_definition(box), summary(box.value), _remark(box)) for box in self.boxes]
        first, second = (min(max(len(row[i]) for row in rows), _WIDEST_COLUMN) for i in (0, 1))
        return "\n".join(f"{a:<{first}}   {b:<{second}}   {c}".rstrip() for a, b, c in rows)

    def mermaid(self) -> str:
        """The graph as a flowchart for Mermaid, which Markdown on GitHub draws."""
        lines = [f"flowchart {'LR' if len(self.boxes) <= _MOST_IN_A_ROW else 'TD'}"]
        for i, box in enumerate(self.boxes):
            lines.append(f'    n{i}["{"<br/>".join(map(_for_mermaid, box.lines))}"]:::{box.kind}')
        lines += [f"    n{edge.source} --> n{edge.target}" for edge in self.edges]
        for kind, (fill, stroke) in KINDS.items():
            lines.append(f"    classDef {kind} fill:{fill},stroke:{stroke},color:#111111")
        return "\n".join(lines) + "\n"

    def dot(self) -> str:
        """The graph in the language of Graphviz."""
        lines = ["digraph {", '    node [shape=box, style="filled,rounded", fontname="monospace", fontsize=11]']
        for i, box in enumerate(self.boxes):
            fill, stroke = KINDS[box.kind]
            label = "\\n".join(map(_for_dot, box.lines))
            lines.append(f'    n{i} [label="{label}", fillcolor="{fill}", color="{stroke}"]')
        lines += [f"    n{edge.source} -> n{edge.target}" for edge in self.edges]
        return "\n".join([*lines, "}"]) + "\n"

    # ---------------------------------------------------------------- pictures

    def svg(self) -> str:
        """The graph as a picture.

        Raises:
            ValueError: when it has too many boxes to be looked at.
        """
        return self.draw([box.lines for box in self.boxes])

    def draw(self, lines: Sequence[Sequence[str]], columns: Sequence[int] | None = None) -> str:
        """The picture with other lines in the boxes, and room for columns of characters in each; see ``svg``."""
        self._refuse_if_large()
        room = [0] * len(self.boxes) if columns is None else columns
        colours = (KINDS[box.kind] for box in self.boxes)
        cards = [drawing.Card(*card) for card in zip(lines, colours, room, strict=True)]
        return drawing.svg(cards, [(edge.source, edge.target) for edge in self.edges])

    def animate(self, gradient: Array | None = None) -> Player:
        """The computation and then its backward pass, moment by moment: a notebook shows it, ``save`` writes a page.

        gradient is what ``y.backward`` takes. The ``.grad`` of the leaves is left as it is.

        Raises:
            ValueError: when the graph is not that of one tensor, or has too many boxes to be looked at.
            ValueError, RuntimeError: when ``y.backward(gradient)`` would.
        """
        self._refuse_if_large()
        return Player(self, gradient)

    def _refuse_if_large(self) -> None:
        if len(self.boxes) > _MOST_DRAWN:
            raise ValueError(
                f"graph: {len(self.boxes)} boxes are too many to draw, {_MOST_DRAWN} at most: "
                "fold modules with fold=True, or print the graph"
            )

    def _repr_svg_(self) -> str | None:
        return self.svg() if len(self.boxes) <= _MOST_DRAWN else None  # a notebook then shows the lines

    def save(self, path: Path | str) -> None:
        """Writes a picture (.svg), or text for Mermaid (.mmd), for Graphviz (.dot) or to read (.txt).

        Raises:
            ValueError: when the name ends otherwise, or a picture would have too many boxes.
        """
        writers = {".svg": self.svg, ".mmd": self.mermaid, ".dot": self.dot, ".txt": lambda: f"{self}\n"}
        path = Path(path)
        if path.suffix not in writers:
            raise ValueError(f"graph: a file ends in {', '.join(writers)}, got '{path.name}'")
        path.write_text(writers[path.suffix](), encoding="utf-8")


def _definition(box: Box) -> str:
    return f"{box.name} = {box.expression}" if box.expression else box.name


def _remark(box: Box) -> str:
    said = {"learns": "learns", "data": "data", "module": box.parameters}.get(box.kind, "")
    return ", ".join(part for part in (said, gradient_line(box.gradient)) if part)


def _for_mermaid(line: str) -> str:
    """A line of a label, with a number in the place of every sign that Mermaid might read as its own."""
    return re.sub(r"[^\w ,.()=]|_", lambda sign: f"#{ord(sign[0])};", line)


def _for_dot(line: str) -> str:
    return line.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")


def _inside_one_module(leaf: Tensor | Array, users: list[Call | None]) -> bool:
    """Whether a leaf is seen by calls of one module alone, and was not handed to it."""
    if any(call is None or any(arg is leaf for arg in call.arguments) for call in users):
        return False
    return all(call is users[0] or (call.module is not None and call.module is users[0].module) for call in users)
