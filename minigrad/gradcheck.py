"""Gradients against numbers: does the derivative that autograd computes agree with central differences?"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .autograd import enable_grad, grad
from .backend import to_numpy, xp
from .tensor import Tensor

#: One-sided slopes that differ by more than this, relative to the larger one or to 1, have a kink between them.
_KINK = 1e-3


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


@dataclasses.dataclass(frozen=True)
class Report:
    """What a check found: how many elements were compared, and those that disagree or lie next to a kink."""

    name: str
    compared: int
    largest_error: float
    wrong: tuple[Entry, ...]
    at_kinks: tuple[Entry, ...]

    def __bool__(self) -> bool:
        return not self.wrong

    def __str__(self) -> str:
        if not self.wrong:
            lines = [f"{self.name}: {self.compared} derivatives agree, largest error {self.largest_error:.1e}"]
        else:
            lines = [f"{self.name}: {len(self.wrong)} of {self.compared} derivatives disagree; the worst:"]
            lines += _table(sorted(self.wrong, key=lambda e: -e.badness)[:10])
        if self.at_kinks:
            lines.append(f"{len(self.at_kinks)} lie next to a kink, where the slopes of the two sides differ:")
            lines += _table(self.at_kinks[:5])
        return "\n".join(lines)


def _table(entries: Sequence[Entry]) -> list[str]:
    rows = [("input", "index", "analytic", "numeric", "error")]
    rows += [
        (str(e.input), str(list(e.index)), f"{e.analytic:.6g}", f"{e.numeric:.6g}", f"{e.error:.1e}") for e in entries
    ]
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return ["  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]


class GradcheckError(RuntimeError):
    """Derivatives disagree; ``report`` has the details that the message shows."""

    def __init__(self, report: Report):
        super().__init__(str(report))
        self.report = report


def gradcheck(
    f: Callable[..., Any],
    inputs: Any,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    *,
    seed: int = 0,
) -> Report:
    """Compares the gradients of f at inputs with central differences, in float64.

    f takes the inputs as Tensors and returns a Tensor or several; several elements are added up with random weights,
    as ones would hide what sums to nothing. Checked are the inputs that require gradients, or all of floats if none
    does. The step is eps, or eps times the element where that is larger. Elements with a kink of f within a step are
    reported and not counted as wrong, if the gradient lies between the slopes of the two sides.

    Raises:
        GradcheckError: when a derivative differs by more than atol + rtol * abs(numeric), with a table of the worst.
        ValueError: when f gives different results for the same inputs, or there is nothing to check.
    """
    check = _Check(f, inputs, seed)
    report = check.compare("gradcheck", eps, atol, rtol)
    if not report:
        raise GradcheckError(report)
    return report


def gradgradcheck(
    f: Callable[..., Any],
    inputs: Any,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    *,
    seed: int = 0,
) -> Report:
    """Compares the second derivatives of f: a ``gradcheck`` of the gradient, as a function of inputs and of weights.

    Raises:
        GradcheckError: when a derivative of the gradient differs, as in ``gradcheck``.
        ValueError: when f gives different results for the same inputs, or there is nothing to check.
    """
    check = _Check(f, inputs, seed)
    count = len(check.inputs)

    def gradient(*inputs_and_weights):
        xs, weights = inputs_and_weights[:count], inputs_and_weights[count:]
        checked = [xs[i] for i in check.checked]
        return grad(_as_list(f(*xs)), checked, weights, create_graph=True, materialize_grads=True)

    weights = [Tensor(w, requires_grad=True) for w in check.weights]
    report = _Check(gradient, [*check.inputs, *weights], seed).compare("gradgradcheck", eps, atol, rtol)
    if not report:
        raise GradcheckError(report)
    return report


class _Check:
    """f with float64 inputs, its outputs weighted at random."""

    def __init__(self, f: Callable[..., Any], inputs: Any, seed: int):
        self.f = f
        inputs = inputs if isinstance(inputs, list | tuple) else [inputs]
        arrays = [x.data if isinstance(x, Tensor) else xp.asarray(x) for x in inputs]
        floats = [i for i, x in enumerate(arrays) if x.dtype.kind == "f"]
        self.checked = [i for i in floats if getattr(inputs[i], "requires_grad", False)] or floats
        if not self.checked:
            raise ValueError("there is nothing to check: no input is of floats")
        self.inputs = [
            Tensor(xp.array(x, xp.float64 if i in floats else None), requires_grad=i in self.checked)
            for i, x in enumerate(arrays)
        ]
        rng = np.random.default_rng(seed)
        first, second = self.outputs(self.inputs), self.outputs(self.inputs)
        if any(not np.array_equal(a, b, equal_nan=True) for a, b in zip(first, second, strict=True)):
            raise ValueError("f gave different results for the same inputs: fix its random numbers, or call eval()")
        alone = len(first) == 1 and first[0].size == 1  # then the derivatives are shown as they are
        self.weights = [np.ones(y.shape) if alone else np.asarray(rng.standard_normal(y.shape)) for y in first]
        self.here = first

    def outputs(self, inputs: Sequence[Tensor]) -> list[np.ndarray]:
        """The values of f."""
        with enable_grad():
            return [to_numpy(y.data) for y in _as_list(self.f(*inputs))]

    def analytic(self) -> list[np.ndarray]:
        """The gradient of the weighted sum of f's outputs with respect to each checked input."""
        with enable_grad():
            ys = _as_list(self.f(*self.inputs))
        grads = grad(ys, [self.inputs[i] for i in self.checked], self.weights, materialize_grads=True)
        return [to_numpy(g.data) for g in grads]

    def slopes(self, i: int, index: tuple[int, ...], eps: float) -> tuple[float, float]:
        """The slopes of the weighted sum on the left and on the right of one element of input i."""
        x = self.inputs[i].data
        step = eps * max(1.0, abs(float(x[index])))
        below, above = (self.outputs(self._moved(i, index, by)) for by in (-step, step))
        return self._weighted(self.here, below) / step, self._weighted(above, self.here) / step

    def _moved(self, i: int, index: tuple[int, ...], by: float) -> list[Tensor]:
        moved = self.inputs[i].data.copy()
        moved[index] += by
        return [*self.inputs[:i], Tensor(moved, requires_grad=True), *self.inputs[i + 1 :]]

    def _weighted(self, ys: list[np.ndarray], others: list[np.ndarray]) -> float:
        """The weighted sum of differences, which loses fewer digits than the difference of weighted sums."""
        return float(sum((w * (y - o)).sum() for w, y, o in zip(self.weights, ys, others, strict=True)))

    def compare(self, name: str, eps: float, atol: float, rtol: float) -> Report:
        """All derivatives computed in both ways."""
        wrong, at_kinks, compared, largest = [], [], 0, 0.0
        for i, gradient in zip(self.checked, self.analytic(), strict=True):
            for index in np.ndindex(gradient.shape):
                left, right = self.slopes(i, index, eps)
                entry = Entry(i, index, float(gradient[index]), (left + right) / 2.0)
                tolerance = atol + rtol * abs(entry.numeric)
                if entry.error <= tolerance:
                    largest = max(largest, entry.error)
                elif (
                    _is_kink(left, right)
                    and min(left, right) - tolerance <= entry.analytic <= max(left, right) + tolerance
                ):
                    at_kinks.append(entry)
                    continue
                else:
                    wrong.append(entry)
                compared += 1
        return Report(name, compared, largest, tuple(wrong), tuple(at_kinks))


def _is_kink(left: float, right: float) -> bool:
    return abs(left - right) > _KINK * max(1.0, abs(left), abs(right))


def _as_list(outputs: Any) -> list[Tensor]:
    outputs = list(outputs) if isinstance(outputs, list | tuple) else [outputs]
    for y in outputs:
        if not isinstance(y, Tensor):
            raise TypeError(
                f"f must return tensors, made by operators and minigrad's functions; got {type(y).__name__}"
            )
    return outputs
