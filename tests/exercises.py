"""The exercises of the notebooks' sources, and their solutions.

An exercise is a heading "### Exercise 1: title", a cell that ends with a function to fill in, a cell that checks it,
and hints. What all exercises of a notebook need stands in its first cell, and between the heading of their section
and the first of them.
"""

from __future__ import annotations

import ast
import dataclasses
import re
import textwrap
from pathlib import Path

import pytest

jupytext = pytest.importorskip("jupytext", reason="jupytext is not installed: pip install -e .[test]")

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
HEADING = re.compile(r"^### Exercise (\d+): (.+)$", re.MULTILINE)
CODE = re.compile(r"^```\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Exercise:
    """One exercise, from a notebook or from its solutions."""

    notebook: str
    preparation: str
    title: str
    text: str
    cell: str
    check_cell: str

    @property
    def name(self) -> str:
        """The function that is asked for."""
        return self._function().name

    @property
    def body(self) -> str:
        """The statements of the function."""
        return "\n".join(map(ast.unparse, self._function().body))

    @property
    def hints(self) -> list[tuple[str, str]]:
        """The number and the text of each hint."""
        return re.findall(r"<details><summary>Hint (\d)</summary>\n\n(.+?)\n\n</details>", self.text, re.DOTALL)

    def with_body(self, body: str) -> str:
        """The cell with another body of the function."""
        lines, function = self.cell.splitlines(), self._function()
        return "\n".join([*lines[: function.lineno], textwrap.indent(body, "    "), *lines[function.end_lineno :]])

    def _function(self) -> ast.FunctionDef:
        return [node for node in ast.parse(self.cell).body if isinstance(node, ast.FunctionDef)][-1]


def _read(path: Path) -> dict[str, Exercise]:
    """All exercises of a notebook by the names of their functions."""
    cells = jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent").cells
    text = "\n\n".join(cell.source if cell.cell_type == "markdown" else f"```\n{cell.source}\n```" for cell in cells)
    headings = [*HEADING.finditer(text)]
    section_start = text.rfind("\n## ", 0, headings[0].start())
    preparation = [CODE.search(text)[1], *CODE.findall(text[max(section_start, 0) : headings[0].start()])]
    exercises = {}
    for heading in headings:
        section = re.split(r"^##", text[heading.end() :], maxsplit=1, flags=re.MULTILINE)[0]
        cell, check_cell, *_ = CODE.findall(section)
        exercise = Exercise(path.stem, "\n".join(preparation), heading[0], section, cell, check_cell)
        exercises[exercise.name] = exercise
    assert len(exercises) == len(headings), "two exercises have the same function"
    return exercises


def read_all(folder: Path) -> dict[str, Exercise]:
    """The exercises of all notebooks that have solutions; no two have a function of the same name."""
    books = [_read(folder / path.name) for path in sorted(NOTEBOOKS.glob("solutions/*.py"))]
    exercises = {name: exercise for book in books for name, exercise in book.items()}
    assert len(exercises) == sum(map(len, books)), "two notebooks have exercises with the same function"
    return exercises
