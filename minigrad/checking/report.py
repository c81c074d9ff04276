"""What a check of gradients found, for a terminal and for a notebook."""

from __future__ import annotations

import dataclasses
import html
import textwrap
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

#: How many entries of an input are listed, worst first.
_SHOWN = 10
#: Arrays of at most so many rows and columns are shown whole in a notebook.
_WHOLE = 8
_WIDTH = 100


@dataclasses.dataclass(frozen=True)
class Entry:
    """One element of one input, with its derivative computed in both ways."""

    input: int
    index: tuple[int, ...]
    analytic: float
    numeric: float

    @property
    def error(self) -> float:
        """The absolute difference."""
        return abs(self.analytic - self.numeric)

    @property
    def badness(self) -> float:
        """The error by which entries are put in order: not a number comes first."""
        return float("inf") if np.isnan(self.error) else self.error

    @property
    def ratio(self) -> float:
        """Analytic by numeric; nan where the numeric one is zero."""
        return self.analytic / self.numeric if self.numeric else float("nan")


#: Causes that accuse nobody.
NOTES = ("kink", "too_small")


@dataclasses.dataclass(frozen=True)
class Cause:
    """A mistake that explains what was found: a short name, plain words, and the input (None: all that are wrong).

    Where a rule of an op is to blame, ``rule`` says which; causes in different rules do not exclude each other.
    """

    name: str
    text: str
    input: int | None = None
    rule: str | None = None


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Report:
    """What a check found; it is true where nothing is wrong.

    ``compared`` counts the elements, ``wrong`` are those that disagree, ``at_kinks`` those that lie next to a kink.
    ``analytic`` and ``numeric`` hold the gradient of each checked input, by its number; an analytic one is None where
    there is nothing that could be compared, and has another shape where it was given so. ``upstream`` is the gradient
    of the output that they belong to, where it is an array. ``causes`` are all that explain the numbers of an input,
    or of an op's rule, equally well, the most specific first.
    """

    name: str
    compared: int
    largest_error: float
    wrong: tuple[Entry, ...]
    at_kinks: tuple[Entry, ...]
    causes: tuple[Cause, ...]
    analytic: Mapping[int, np.ndarray | None]
    numeric: Mapping[int, np.ndarray]
    upstream: np.ndarray | None = None

    @property
    def cause(self) -> str | None:
        """The name of the most specific cause; None where nothing is wrong or worth a note."""
        return self.causes[0].name if self.causes else None

    @property
    def unusable(self) -> tuple[int, ...]:
        """The inputs that got no gradient, or one of another shape."""
        return tuple(
            i for i, x in self.numeric.items() if self.analytic[i] is None or self.analytic[i].shape != x.shape
        )

    def __bool__(self) -> bool:
        accused = self.wrong or self.unusable or any(cause.name not in NOTES for cause in self.causes)
        return not accused and not self._nothing_compared

    @property
    def _nothing_compared(self) -> bool:
        return bool(self.at_kinks) and not self.compared

    # ---------------------------------------------------------------- in a terminal

    def __str__(self) -> str:
        lines = [self._verdict(), *self._upstream_line()]
        for i in self._wrong_inputs():
            lines += [self._heading(i), *_table(self._worst(i))]
        if self.at_kinks:
            lines += [self._kink_line(), *_table(self.at_kinks[:5], "input")]
        for line in self._cause_lines():
            lines += textwrap.wrap(line, _WIDTH, subsequent_indent="  ")
        return "\n".join(lines)

    __repr__ = __str__  # for a notebook that shows no HTML

    def _verdict(self) -> str:
        if self:
            return f"{self.name}: {self.compared} derivatives agree, largest error {self.largest_error:.1e}"
        if self._nothing_compared and not self.unusable:
            return f"{self.name}: nothing could be compared, as every element lies next to a kink: choose other inputs"
        parts = [f"{len(self.wrong)} of {self.compared} derivatives disagree"] if self.wrong else []
        none = [str(i) for i in self.unusable if self.analytic[i] is None]
        other = [str(i) for i in self.unusable if self.analytic[i] is not None]
        parts += [f"there is no gradient of input {', '.join(none)}"] if none else []
        parts += [f"the gradient of input {', '.join(other)} has the wrong shape"] if other else []
        return f"{self.name}: {'; '.join(parts) or 'the numbers agree, and a rule is wrong'}"

    def _upstream_line(self) -> list[str]:
        if not self.wrong or self.upstream is None or np.array_equal(self.upstream, np.ones_like(self.upstream)):
            return []
        numbers = ", ".join(f"{g:.4g}" for g in self.upstream.ravel()[:6])
        more = ", ..." if self.upstream.size > 6 else ""
        return [f"upstream gradient g, drawn at random: {numbers}{more}"]

    def _kink_line(self) -> str:
        count = len(self.at_kinks)
        return f"{count} {'lies' if count == 1 else 'lie'} next to a kink, where the slopes of the two sides differ:"

    def _wrong_inputs(self) -> list[int]:
        return sorted({entry.input for entry in self.wrong} | set(self.unusable))

    def _heading(self, i: int, whole: bool = False) -> str:
        shape, given = self.numeric[i].shape, self.analytic[i]
        if given is None:
            return f"input {i}, shape {shape}: no gradient"
        if given.shape != shape:
            return f"input {i}, shape {shape}: the gradient has shape {given.shape}"
        count = sum(entry.input == i for entry in self.wrong)
        worst = f"; the worst {_SHOWN}" if count > _SHOWN and not whole else ""
        return f"input {i}, shape {shape}: {count} of {given.size} wrong{worst}"

    def _worst(self, i: int) -> list[Entry]:
        return sorted((e for e in self.wrong if e.input == i), key=lambda e: -e.badness)[:_SHOWN]

    def _cause_lines(self) -> Iterable[str]:
        """One cause for an input or a rule on a line of its own; several as a list. A note is not repeated."""
        if self or self._nothing_compared:
            yield from (f"Note: {cause.text}" for cause in self.causes if cause.name != "kink")
            return
        for i, rule in dict.fromkeys((cause.input, cause.rule) for cause in self.causes):
            texts = [cause.text for cause in self.causes if (cause.input, cause.rule) == (i, rule)]
            of = "" if i is None or len(self.numeric) == 1 else f" for input {i}"
            if len(texts) == 1:
                yield f"Likely cause{of}: {texts[0]}"
            else:
                yield f"Likely cause{of}, one of these (on these inputs they give the same numbers):"
                yield from (f"- {text}" for text in texts)

    # ---------------------------------------------------------------- in a notebook

    def _repr_html_(self) -> str:
        tone = _GOOD if self else _BAD
        parts = [f'<p style="border-left:4px solid {tone};padding-left:.6em;margin:.3em 0"><b>']
        parts += [html.escape(self._verdict()), "</b></p>"]
        parts += [f"<p>{html.escape(line)}</p>" for line in self._upstream_line()]
        for i in self._wrong_inputs():
            whole = self._arrays_html(i)
            parts.append(f'<p style="margin:.8em 0 .2em">{html.escape(self._heading(i, whole=bool(whole)))}</p>')
            parts.append(whole or _entries_html(self._worst(i)))
        if self.at_kinks:
            parts.append(f"<p>{self._kink_line()}</p>")
            parts.append(_entries_html(self.at_kinks[:5], "input"))
        parts += [f'<p style="margin:.6em 0">{html.escape(line)}</p>' for line in self._cause_lines()]
        return f'<div style="max-width:60em">{"".join(parts)}</div>'

    def _arrays_html(self, i: int) -> str:
        """Both gradients whole, side by side, where they are small."""
        both = [self.analytic[i], self.numeric[i]]
        if any(x is None or x.ndim > 2 or max(x.shape, default=0) > _WHOLE for x in both):
            return ""
        wrong = {e.index for e in self.wrong if e.input == i}
        kinks = {e.index for e in self.at_kinks if e.input == i}
        tables = [
            f"<figure style='margin:0'><figcaption>{title}</figcaption>{_grid_html(x, wrong, kinks)}</figure>"
            for title, x in zip(("analytic", "numeric"), both, strict=True)
        ]
        return f"<div style='display:flex;gap:2em;flex-wrap:wrap'>{''.join(tables)}</div>"


#: Half transparent, so that they stand on a light ground and on a dark one.
_BAD, _GOOD, _KINK = "rgba(220,50,47,.35)", "rgba(60,160,90,.6)", "rgba(230,160,0,.35)"
_CELL = "padding:.15em .6em;text-align:right;font-family:monospace;border:1px solid rgba(128,128,128,.4)"


def _grid_html(x: np.ndarray, wrong: set, kinks: set) -> str:
    rows = []
    for r in range(x.shape[0] if x.ndim == 2 else 1):
        cells = []
        for c in range(x.shape[-1] if x.ndim else 1):
            index = (r, c)[2 - x.ndim :]
            tone = f";background:{_BAD};font-weight:bold" if index in wrong else ""
            tone = tone or (f";background:{_KINK}" if index in kinks else "")
            cells.append(f'<td style="{_CELL}{tone}">{float(x[index]) + 0.0:.4g}</td>')
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return f'<table style="border-collapse:collapse">{"".join(rows)}</table>'


def _entries_html(entries: Sequence[Entry], *first: str) -> str:
    head, *rows = _cells(entries, *first)
    lines = ["".join(f'<th style="{_CELL}">{cell}</th>' for cell in head)]
    lines += ["".join(f'<td style="{_CELL}">{cell}</td>' for cell in row) for row in rows]
    table = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<table style="border-collapse:collapse">{table}</table>' if rows else ""


def _table(entries: Sequence[Entry], *first: str) -> list[str]:
    rows = _cells(entries, *first) if entries else []
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]


def _cells(entries: Sequence[Entry], *first: str) -> list[list[str]]:
    """A line with headings and one for each entry; the headings are those in first, if any, and what is compared."""
    columns = {
        "input": lambda e: str(e.input),
        "index": lambda e: str(list(e.index)),
        "analytic": lambda e: f"{e.analytic + 0.0:.6g}",
        "numeric": lambda e: f"{e.numeric + 0.0:.6g}",
        "error": lambda e: f"{e.error:.1e}",
        "ratio": lambda e: "" if np.isnan(e.ratio) else f"{e.ratio:.4g}",
    }
    names = [name for name in columns if name != "input" or name in first]
    return [names, *([columns[name](entry) for name in names] for entry in entries)]


class GradcheckError(RuntimeError):
    """Derivatives disagree; ``report`` has the details that the message shows."""

    def __init__(self, report: Report):
        super().__init__(str(report))
        self.report = report
