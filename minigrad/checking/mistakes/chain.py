"""Mistakes in the chain rule: the upstream gradient times the local derivative, taken at the right place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..case import Case, Numeric
from .parts import some_entries
from .shapes import spreads


def argument_order(case: Case, i: int) -> str | None:
    """Right, if the rule is called with its arguments in another order; as it is, it does not scale with g."""
    if _is_linear(case, i):
        return None
    for j in case.checked:
        orders = [
            lambda g, out, xs: (out, g, xs),
            lambda g, out, xs, j=j: (xs[j], out, [*xs[:j], g, *xs[j + 1 :]]),
            lambda g, out, xs, j=j: (xs[j], g, [*xs[:j], out, *xs[j + 1 :]]),
            lambda g, out, xs, j=j: (out, xs[j], [*xs[:j], g, *xs[j + 1 :]]),
        ]
        if any(case.repaired(i, order) for order in orders):
            return f"The rule takes its arguments in another order: it is called with g, out and the {case.noun}s."
    return None


def _is_linear(case: Case, i: int) -> bool:
    """Whether the rule gives twice the gradient for twice the upstream gradient, or cannot be asked."""
    doubled = case.again(i, lambda g, out, xs: (2.0 * g, out, xs))
    return doubled is None or np.allclose(doubled, 2.0 * np.array(case.given[i]), rtol=1e-6)


def upstream_ignored(case: Case, i: int) -> str | None:
    """The same result for every upstream gradient."""
    first, *others = case.given[i]
    if not np.any(first) or any(not np.array_equal(first, other) for other in others):
        return None
    rest = ""
    if case.explains(i, [(first, Numeric(case.f, case.inputs, i, [np.ones(case.out.shape)], case.eps).mean[0])]):
        rest = " For g = 1 it would be right."
    return f"The upstream gradient g is ignored: the result stays the same when g changes.{rest}"


def not_linear(case: Case, i: int) -> str | None:
    """Not twice the gradient for twice the upstream gradient."""
    if some_entries(case, i) or _is_linear(case, i):
        return None
    return "When the upstream gradient g doubles, the gradient must double, and this one does not."


def upstream_only(case: Case, i: int) -> str | None:
    """The upstream gradient, passed straight through where there is something to multiply it by."""
    spread = list(zip(*(spreads(g, case.inputs[i].shape) for g in case.upstream), strict=True))
    if any(case.explains(i, zip(gs, case.right(i), strict=True)) for gs in spread):
        return None
    if any(_same(case.given[i], gs) for gs in [case.upstream, *spread]):
        return "The upstream gradient g is passed straight through: the local derivative is missing from the product."
    return None


def _same(given: Sequence[np.ndarray], gs: Sequence[np.ndarray]) -> bool:
    """Whether these are the same but for rounding, as nothing was computed: a slope that is nearly 1 is another."""
    return given[0].shape == gs[0].shape and np.allclose(given, gs, rtol=1e-6, atol=0.0)


def at_output(case: Case, i: int) -> str | None:
    """Right, if the rule finds the input where it looks for the output."""
    for j in case.checked:
        if case.repaired(i, lambda g, out, xs, j=j: (g, xs[j], xs)):
            return "The local derivative is taken at the output of the function; it belongs at the input."
    return None


def at_input(case: Case, i: int) -> str | None:
    """Right, if the rule finds the output where it looks for the input."""
    for j in case.checked:
        if case.repaired(i, lambda g, out, xs, j=j: (g, out, [*xs[:j], out, *xs[j + 1 :]])):
            return "The local derivative is taken at the input where the formula needs the output of the function."
        for squash in (_softmax, _sigmoid, np.tanh):
            if case.repaired(i, lambda g, out, xs, j=j, f=squash: (g, out, [*xs[:j], f(xs[j]), *xs[j + 1 :]])):
                return (
                    f"{case.noun.capitalize()} {j} stands where the formula needs what the function makes of it inside."
                )
    return None


def _softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 + 0.5 * np.tanh(0.5 * x)
