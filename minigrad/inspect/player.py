"""A player for a graph: its values appear one by one, and then gradients go back along its edges."""

from __future__ import annotations

import contextlib
import dataclasses
import html
import re
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from ..backend import Array
from ..tensor import Tensor
from .drawing import columns
from .nodes import nodes_behind
from .notation import gradient_line
from .page import player
from .steps import Step, backward_steps

if TYPE_CHECKING:
    from .graph import Graph

_VALUE = 1  # the line of a box that shows the value; the last one shows the gradient
_CAPTION = (
    "position: sticky; bottom: 2.6em; min-height: 4.2em; margin: 0; padding: 6px 12px; font: 14px/1.4 monospace; "
    "color: #222; background: #fff; white-space: pre-wrap"
)


@dataclasses.dataclass(frozen=True)
class Moment:
    """What happens at once: a caption, the box and the edge that stand out, and lines of boxes that become others."""

    caption: str
    box: int | None = None
    edge: int | None = None
    changes: tuple[tuple[int, int, str], ...] = ()  # box, line, text


class Player:
    """The moments of a forward and a backward pass over a graph; see ``Graph.animate``."""

    def __init__(self, graph: Graph, gradient: Array | None = None):
        if len(graph.outputs) != 1:
            raise ValueError(f"animate: goes backward from one tensor, the graph is that of {len(graph.outputs)}")
        self.graph = graph
        self._lines = [self._before(i) for i in range(len(graph.boxes))]
        with _gradients_kept(graph.outputs):
            steps = list(backward_steps(*graph.outputs, gradient, names=graph.names.variables))
        self.moments = [*self._forward(), *(moment for step in steps for moment in self._backward(step))]

    # ---------------------------------------------------------------- the moments

    def _before(self, number: int) -> list[str]:
        """The lines of a box before anything has happened: empty where a value and a gradient are to come."""
        box = self.graph.boxes[number]
        lines = [box.title, "" if box.expression else box.summary]
        lines += [box.parameters] if box.parameters else []
        return lines if box.kind == "data" else [*lines, ""]

    def _forward(self) -> Iterator[Moment]:
        blank = ((i, line, text) for i, lines in enumerate(self._lines) for line, text in enumerate(lines) if line)
        yield Moment("forward: from what is given ...", changes=tuple(blank))
        for i, box in enumerate(self.graph.boxes):
            if box.expression:
                yield Moment(f"forward: {box.name} = {box.expression}", i, changes=((i, _VALUE, box.summary),))

    def _backward(self, step: Step) -> Iterator[Moment]:
        """The node lights up, and then one edge after the other; what goes on inside of a module is not shown."""
        head = re.sub("  +", "   ", str(step).partition("\n")[0])
        shown = self.graph.box_showing(step.node)
        if shown is not None:
            yield Moment(head, shown, changes=self._gradient(step.node, step.upstream))
        for send in step.sends:
            edge = self.graph.edge_to(step.node, send.argument)
            if edge is not None:
                changes = self._gradient(send.parent, send.total)
                yield Moment(f"{head}\n    {send.line}", self.graph.box_of(step.node), edge, changes)

    def _gradient(self, node: Tensor, gradient: Array) -> tuple[tuple[int, int, str], ...]:
        number = self.graph.box_showing(node)
        return () if number is None else ((number, len(self._lines[number]) - 1, gradient_line(gradient)),)

    # ---------------------------------------------------------------- the page

    def _repr_html_(self) -> str:
        """A piece of HTML that needs nothing else; where no script runs, it shows the last moment."""
        lines = [list(lines) for lines in self._lines]
        room = [0] * len(lines)
        for box, line, text in (change for moment in self.moments for change in moment.changes):
            lines[box][line] = text
            room[box] = max(room[box], columns(text))
        drawn = f'<div style="overflow-x: auto">\n{self.graph.draw(lines, room)}</div>'
        caption = f'<pre style="{_CAPTION}">{html.escape(self.moments[-1].caption)}</pre>'
        script = resources.files(__package__).joinpath("player.js").read_text(encoding="utf-8")
        moments = [dataclasses.astuple(moment) for moment in self.moments]
        return player(f"{drawn}\n{caption}", moments, script, milliseconds=900)

    def save(self, path: Path | str) -> None:
        """Writes a page (.html) that needs no other file and no network.

        Raises:
            ValueError: when the name does not end in .html.
        """
        path = Path(path)
        if path.suffix != ".html":
            raise ValueError(f"animate: a player is saved as .html, got '{path.name}'")
        head = '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>Forward and backward</title>\n'
        body = f'<body style="margin: 1rem; background: white">\n{self._repr_html_()}</body>\n</html>\n'
        path.write_text(head + body, encoding="utf-8")


@contextlib.contextmanager
def _gradients_kept(outputs: Sequence[Tensor]) -> Iterator[None]:
    """Within this context gradients may be left at leaves; afterwards the leaves have those from before."""
    before = [(node, node.grad) for node in nodes_behind(outputs)]
    try:
        yield
    finally:
        for node, grad in before:
            node.grad = grad
