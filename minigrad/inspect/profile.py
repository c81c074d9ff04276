"""Where the time goes: how often each op runs, forward and backward, and for how long."""

from __future__ import annotations

import dataclasses
import html
import threading
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

from ..autograd import Sent
from ..backend import Array, synchronize
from ..primitive import observers


@dataclasses.dataclass
class Row:
    """What one op has cost: calls, seconds forward and backward, and the bytes of the arrays that it made forward."""

    op: str
    forward_calls: int = 0
    forward_seconds: float = 0.0
    backward_calls: int = 0
    backward_seconds: float = 0.0
    made_bytes: int = 0

    @property
    def seconds(self) -> float:
        """In both directions."""
        return self.forward_seconds + self.backward_seconds


class profile:  # noqa: N801, a context like no_grad
    """Within this context each op is counted and timed; at its end a table is printed, the slowest op first.

    A forward call is an op applied to at least one tensor. A backward call is a rule run for one argument, with the
    summing over broadcast axes and the adding up that go with it. Ops that a rule calls under ``create_graph`` have
    their time on their own lines, and only there, so that the lines add up. The rest, "outside ops", is Python, the
    recording of the graph, raw arrays, optimizers, data, and the watching itself: some microseconds for each call.

    Only the thread that opened the context is watched. Opened again, it starts anew. Times are those of the clock on
    the wall; on a GPU, of the launch. Nothing is printed when an exception ends it.

    ``rows`` has the figures of each op, ``seconds`` the whole time, ``outside`` the seconds outside ops.

    Raises:
        RuntimeError: when the context is opened within itself.
    """

    def __init__(self) -> None:
        self._start_anew()

    def _start_anew(self) -> None:
        self._rows: dict[Any, Row] = {}
        self._claimed = 0.0  # seconds that are on one of the lines
        self._start = self._end = perf_counter()
        self._thread = threading.get_ident()

    def __enter__(self) -> profile:
        if self in observers:
            raise RuntimeError("profile: this one is running already; open another one, with mg.profile()")
        self._start_anew()
        observers.append(self)
        return self

    def __exit__(self, kind: type | None, *exception: object) -> None:
        self._end = perf_counter()
        observers.remove(self)
        if kind is None:
            print(self)

    # ---------------------------------------------------------------- looking on

    def forward(self, op: Any, run: Callable[..., Array], *raw: Any, **options: Any) -> Array:
        """Runs the op, and puts its time on its line."""
        if threading.get_ident() != self._thread:
            return run(*raw, **options)
        value, seconds = self._timed(run, *raw, **options)
        row = self._row(op, seconds)
        row.forward_calls += 1
        row.forward_seconds += seconds
        row.made_bytes += _bytes_made(value, raw)
        return value

    def backward(self, walk: Iterator[Sent]) -> Iterator[Sent]:
        """The walk, the time of each step of it on the line of the op."""
        if threading.get_ident() != self._thread:
            yield from walk
            return
        while True:
            sent, seconds = self._timed(next, walk, None)
            if sent is None:
                return
            row = self._row(sent[0].op, seconds)
            row.backward_calls += 1
            row.backward_seconds += seconds
            yield sent

    def _timed(self, run: Callable[..., Any], *args: Any, **options: Any) -> tuple[Any, float]:
        """What run returns, and the seconds it took, less those that went to lines of ops inside it."""
        claimed, start = self._claimed, perf_counter()
        result = run(*args, **options)
        synchronize()
        return result, perf_counter() - start - (self._claimed - claimed)

    def _row(self, op: Any, seconds: float) -> Row:
        """The line of the op, on which the seconds are going to be."""
        self._claimed += seconds
        return self._rows.setdefault(op, Row(op.__name__))

    # ---------------------------------------------------------------- the figures

    @property
    def rows(self) -> list[Row]:
        """A line for each op, the slowest first."""
        return sorted(self._rows.values(), key=lambda row: -row.seconds)

    @property
    def seconds(self) -> float:
        """The time that the context was open, until now if it still is."""
        return (perf_counter() if self in observers else self._end) - self._start

    @property
    def outside(self) -> float:
        """Seconds that are on no op's line."""
        return self.seconds - self._claimed

    def _table(self) -> list[tuple[str, ...]]:
        """Headings, a line for each op, and the sums."""
        rows, whole = self.rows, self.seconds
        lines = [*map(_cells, rows), _cells(_total(rows))]
        seconds = [row.seconds for row in rows] + [self._claimed, whole - self._claimed, whole]
        lines += [("outside ops", *[""] * 5), ("in all", *[""] * 5)]
        return [_HEADINGS] + [
            (*line, f"{1e3 * s:.2f}", f"{s / whole:.1%}" if whole else "")
            for line, s in zip(lines, seconds, strict=True)
        ]

    def __str__(self) -> str:
        table = self._table()
        widths = [max(len(line[k]) for line in table) for k in range(len(_HEADINGS))]
        return "\n".join("  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) for line in table)

    def _repr_html_(self) -> str:
        """The table, in a notebook."""
        heads, *lines = self._table()
        body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in line) + "</tr>" for line in lines)
        return f"<table><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>{body}</table>"


_HEADINGS = ("op", "calls", "forward ms", "made MB", "calls", "backward ms", "total ms", "share")


def _cells(row: Row) -> tuple[str, ...]:
    """A row as text, without its sum."""
    forward = str(row.forward_calls), f"{1e3 * row.forward_seconds:.2f}", f"{row.made_bytes / 1e6:.2f}"
    return row.op, *forward, str(row.backward_calls), f"{1e3 * row.backward_seconds:.2f}"


def _total(rows: list[Row]) -> Row:
    """The sums of the rows."""
    total = Row("all ops")
    for row in rows:
        total.forward_calls += row.forward_calls
        total.forward_seconds += row.forward_seconds
        total.backward_calls += row.backward_calls
        total.backward_seconds += row.backward_seconds
        total.made_bytes += row.made_bytes
    return total


def _bytes_made(value: Array, raw: tuple) -> int:
    """The size of a result; nothing for a view of an argument."""
    return 0 if any(_memory(value) is _memory(a) for a in raw) else value.nbytes


def _memory(x: Any) -> Any:
    """What holds the elements of an array: itself, or the array that it is a view of."""
    base = getattr(x, "base", None)
    return x if base is None else base


__all__ = ["Row", "profile"]
