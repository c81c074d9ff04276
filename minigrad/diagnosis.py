"""Which mistake explains a wrong gradient? Each known one is a hypothesis, and is tested against numbers.

The numeric gradient of a ``Case`` is what the rule should give, for several upstream gradients at once, so that a
coincidence with one of them does not count. A hypothesis looks at one input. It predicts what the mistake would have
made of the right gradient and compares that with what was given; or it repairs the mistake, by calling the rule again
with other arguments, and compares the result with what is right. It returns a sentence for the student, or None where
it does not fit.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from .autograd import backward_walk, enable_grad
from .case import Case, Change, Numeric
from .report import Cause, Entry, Report
from .tensor import Tensor

# ---------------------------------------------------------------- before all others: no value to speak of


def not_finite(case: Case, i: int) -> str | None:
    """NaN or infinity: no other hypothesis can be tested."""
    if not np.isfinite(case.out).all():
        index = [int(n) for n in np.argwhere(~np.isfinite(case.out))[0]]
        return f"The function's own result is {case.out[tuple(index)]} at {index}: check it at other inputs."
    for k in range(len(case.upstream)):
        for which, x in (("numeric", case.right(i)[k]), ("given", case.given[i][k])):
            bad = np.argwhere(~np.isfinite(x))
            if not len(bad):
                continue
            index = tuple(int(n) for n in bad[0])
            at = f" where the input is {case.inputs[i][index]:.6g}" if x.shape == case.inputs[i].shape else ""
            if which == "numeric":
                return f"The function itself has no finite slope at {list(index)}{at}: check it at other inputs."
            return f"The gradient is not finite: the first {x[index]} stands at {list(index)}{at}."
    return None


def float32(case: Case, i: int) -> str | None:
    """Right, but for the rounding of float32, in the rule or in the function."""
    if not case.comparable(i):
        return None
    given, right = np.array(case.given[i]), case.right(i)
    error, size = np.abs(given - right).max(), np.abs(right).max()
    if np.array_equal(given, given.astype(np.float32)) and error <= 1e-5 * size:
        return "The gradient is right to six digits, but it is rounded to float32: compute in float64 for this check."
    coarse = Numeric(case.f, case.inputs, i, case.upstream, _COARSE).mean
    if np.abs(given - coarse).max() <= min(0.1 * error, 0.01 * np.abs(coarse).max()):
        return (
            "The gradient is right: with a larger step the numbers agree with it. The function rounds to float32 (or "
            "as coarsely), which drowns a small step; compute in float64, or choose eps=1e-3."
        )
    return None


#: A step that rounding to float32 does not drown.
_COARSE = 3e-3

UNKNOWN = Cause("unknown", "No single mistake that is known explains these numbers.")

#: A note in a report where nothing is wrong.
AT_KINK = Cause(
    "kink",
    "Some elements lie next to a kink of the function, where any slope between those of the two sides is right.",
)


def kink(case: Case, i: int) -> str | None:
    """Wrong next to a kink, and nowhere else."""
    if case.comparable(i) and not (case.wrong(i) & ~case.at_kink(i)).any():
        return (
            "Only elements next to a kink disagree: the slopes of the two sides differ there, and what was given lies "
            "beyond both. Move the inputs off the kink to see whether the rest is right."
        )
    return None


# ---------------------------------------------------------------- the whole gradient by one number, or by none


def no_gradient(case: Case, i: int) -> str | None:
    """Zero where it should not be."""
    if case.comparable(i) and not np.any(case.given[i]):
        return "The gradient is zero everywhere, although the output changes with this input."
    return None


def sign(case: Case, i: int) -> str | None:
    """The negative of what is right."""
    if case.predicted(i, -case.right(i)):
        return "The sign is flipped: every entry has the right size, and points the other way."
    return None


def _ratio(case: Case, i: int) -> float | None:
    """The number that all entries are too large by; None where they have none in common, or it is 1, -1 or 0."""
    if not case.comparable(i):
        return None
    right = case.right(i)[:, ~case.at_kink(i)]
    if not right.size or not np.abs(right).max() > 0:
        return None
    where = np.unravel_index(np.abs(right).argmax(), right.shape)
    ratio = float(np.array(case.given[i])[:, ~case.at_kink(i)][where] / right[where])
    fits = case.predicted(i, ratio * case.right(i))
    return ratio if fits and min(abs(ratio - c) for c in (0, 1, -1)) > 1e-6 else None


def _sizes(case: Case) -> dict[str, int]:
    """What a factor may be: counts of rows, columns and elements, with words for them."""
    sizes = {}
    for j in case.checked:
        x = case.inputs[j]
        for axis, n in enumerate(x.shape):
            sizes[f"the size of axis {axis} of {case.noun} {j}" + (" (often the batch)" if axis == 0 else "")] = n
        sizes[f"the number of elements of {case.noun} {j}"] = x.size
    for axis, n in enumerate(case.out.shape):
        sizes[f"the size of axis {axis} of the output"] = n
    sizes["the number of elements of the output"] = case.out.size
    return {name: n for name, n in sizes.items() if n > 1}


def factor(case: Case, i: int) -> str | None:
    """Off by a number that means something: 2, the batch size, the number of elements, or one over it."""
    ratio = _ratio(case, i)
    if ratio is None:
        return None
    flipped = ", and the sign is flipped" if ratio < 0 else ""
    for number, words in ((abs(ratio), "too large by the factor"), (1.0 / abs(ratio), "too small by the factor")):
        roles = [name for name, n in _sizes(case).items() if abs(n - number) < 1e-4 * number]
        if roles or abs(number - 2.0) < 1e-4:
            return f"Every entry is {words} {round(number)}{_which(roles)}{flipped}."
    return None


def _which(roles: list[str]) -> str:
    return f", which is {' and '.join(roles[:2])}" if roles else ""


def odd_factor(case: Case, i: int) -> str | None:
    """Off by any other number, as long as there are several entries to tell it by."""
    ratio = _ratio(case, i)
    if ratio is None or np.count_nonzero(np.abs(case.right(i)[0]) > case.atol) < 2:
        return None
    fraction = Fraction(ratio).limit_denominator(24)
    number = str(fraction) if abs(float(fraction) - ratio) < 1e-5 * abs(ratio) else f"{ratio:.6g}"
    return f"Every entry is {number} times what it should be: a constant factor is wrong."


# ---------------------------------------------------------------- the chain rule: upstream times local


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
    if some_entries(case, i):
        return None
    doubled = case.again(i, lambda g, out, xs: (2.0 * g, out, xs))
    if doubled is None or np.allclose(doubled, 2.0 * np.array(case.given[i]), rtol=1e-6):
        return None
    return "When the upstream gradient g doubles, the gradient must double, and this one does not."


def _spreads(g: np.ndarray, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """All ways to bring g to a shape without calculating: broadcast along new axes, or summed as broadcasting is."""
    with contextlib.suppress(ValueError):
        if np.broadcast_shapes(shape, g.shape) == g.shape:
            yield _unbroadcast(g, shape)
    for axes in _subsets(len(shape)):
        kept = tuple(1 if axis in axes else n for axis, n in enumerate(shape))
        if axes and math.prod(kept) == g.size:
            yield np.broadcast_to(g.reshape(kept), shape)


def _subsets(count: int) -> Iterator[tuple[int, ...]]:
    """All subsets of so many axes, the small ones first."""
    return itertools.chain.from_iterable(itertools.combinations(range(count), n) for n in range(count + 1))


def _unbroadcast(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return g.sum(axis=_broadcast_axes(shape, g.shape), keepdims=True).reshape(shape)


def _broadcast_axes(shape: tuple[int, ...], wide: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of the wide shape along which broadcasting repeats an array of the other shape."""
    extra = len(wide) - len(shape)
    return tuple(a for a, n in enumerate(wide) if a < extra or (shape[a - extra] == 1 and n != 1))


def upstream_only(case: Case, i: int) -> str | None:
    """The upstream gradient, passed straight through where there is something to multiply it by."""
    spread = list(zip(*(_spreads(g, case.inputs[i].shape) for g in case.upstream), strict=True))
    if any(case.explains(i, zip(gs, case.right(i), strict=True)) for gs in spread):
        return None
    if any(case.predicted(i, gs) for gs in [case.upstream, *spread]):
        return "The upstream gradient g is passed straight through: the local derivative is missing from the product."
    return None


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


# ---------------------------------------------------------------- axes


def _widened(case: Case, i: int) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    """Shapes to which the function broadcasts input i, each with the gradients before they are summed."""
    x = case.inputs[i]
    shapes = dict.fromkeys([case.out.shape, *(case.inputs[j].shape for j in case.checked)])
    for shape in shapes:
        try:
            wide = [*case.inputs[:i], np.broadcast_to(x, shape).copy(), *case.inputs[i + 1 :]]
            if shape == x.shape or not np.array_equal(case.f(*wide), case.out):
                continue
        except Exception:  # the function cannot be called so
            continue
        yield shape, Numeric(case.f, wide, i, case.upstream, case.eps).mean


def not_summed(case: Case, i: int) -> str | None:
    """The gradient of the input as if it were as large as broadcasting makes it, or one row of that."""
    shape = case.inputs[i].shape
    for wide, gradients in _widened(case, i):
        axes = _broadcast_axes(shape, wide)
        along = f"axis {axes[0]}" if len(axes) == 1 else f"axes {', '.join(map(str, axes))}"
        if case.predicted(i, gradients):
            return (
                f"Not summed over {along}: the input is broadcast there and used several times, "
                "and each use sends a gradient back."
            )
        for n in (-1, 0):
            part = gradients
            for a in axes:
                part = part.take([n], axis=a + 1)
            if case.predicted(i, part.reshape(-1, *shape)):
                return (
                    f"Only the {'first' if n == 0 else 'last'} one along {along} is counted. The input is broadcast "
                    "there, and all of its uses must be added up."
                )
        for some in _subsets(len(wide)):
            if some and set(some) < set(axes) and _is_sum(case, i, gradients, some):
                left = sorted(set(axes) - set(some))
                return f"Summed over some of the broadcast axes only: {left} of {list(axes)} are missing."
    return None


def _is_sum(case: Case, i: int, gradients: np.ndarray, axes: tuple[int, ...]) -> bool:
    """Whether what was given are the gradients summed over axes, with these kept in the shape or not."""
    axes = tuple(a + 1 for a in axes)
    return any(case.predicted(i, gradients.sum(axis=axes, keepdims=keep)) for keep in (False, True))


def wrong_axis(case: Case, i: int) -> str | None:
    """Right, if rows are columns for the rule; or a sum over other axes than those that are broadcast."""
    text = "A sum (or a copy) runs along the wrong axis."
    if case.repaired(i, lambda g, out, xs: (_turned(g), _turned(out), [_turned(x) for x in xs]), _turned):
        return text
    for axes in _subsets(case.inputs[i].ndim):
        summed = case.right(i).sum(axis=tuple(a + 1 for a in axes), keepdims=True)
        if axes and case.predicted(i, np.broadcast_to(summed, case.right(i).shape)):
            return f"Summed over axis {', '.join(map(str, axes))}, where nothing has to be summed."
    for wide, gradients in _widened(case, i):
        axes = _broadcast_axes(case.inputs[i].shape, wide)
        for others in _subsets(len(wide)):
            if others and not set(others) <= set(axes) and _is_sum(case, i, gradients, others):
                return (
                    f"Summed over axis {', '.join(map(str, others))}, but it is axis {', '.join(map(str, axes))} "
                    "along which the input is broadcast."
                )
    return None


def _turned(x: Any) -> Any:
    return x.T if getattr(x, "ndim", 0) == 2 else x


def transposed(case: Case, i: int) -> str | None:
    """The right numbers with axes exchanged; or right, if a matrix that the rule uses is transposed."""
    if case.given[i] is not None:
        for axes in itertools.permutations(range(1, case.inputs[i].ndim + 1)):
            if case.predicted(i, case.right(i).transpose(0, *axes)):
                return "The gradient is transposed: the numbers are right, and axes are exchanged (rows and columns)."
    for change, what in _transpositions(case, i):
        if case.repaired(i, change):
            return f"A factor is transposed, or should be: the rule is right when {what} is transposed first."
    return None


def _transpositions(case: Case, i: int) -> Iterator[tuple[Change, str]]:
    if case.inputs[i].ndim == 2:  # and not a vector, for which that is a sum over the wrong axis
        yield lambda g, out, xs: (_turned(g), out, xs), "the upstream gradient"
    for j in case.checked:
        if case.inputs[j].ndim == 2:
            yield lambda g, out, xs, j=j: (g, out, [*xs[:j], xs[j].T, *xs[j + 1 :]]), f"{case.noun} {j}"


def swapped(case: Case, i: int) -> str | None:
    """The gradient of another input, which got that of this one or has at least the same shape."""
    for j in case.checked:
        if j == i or not case.predicted(i, case.right(j)):
            continue
        if case.given[j] is not None and case.explains(j, zip(case.given[j], case.right(i), strict=True)):
            return f"The gradients of {case.noun}s {min(i, j)} and {max(i, j)} are swapped."
        if case.inputs[i].shape == case.inputs[j].shape:
            return f"This is the gradient of {case.noun} {j}, and not that of {case.noun} {i}."
    return None


def shifted(case: Case, i: int) -> str | None:
    """The right gradients, one place further along an axis, with or without wrapping around."""
    text = "Shifted by one: each entry stands next to its place along axis {}."
    right = case.right(i)
    for axis in range(case.inputs[i].ndim) if case.comparable(i) else ():
        for by in (1, -1):
            rolled = np.roll(right, by, axis + 1)
            if case.predicted(i, rolled):
                return text.format(axis)
            kept = np.ones(right.shape[1:], dtype=bool)
            np.moveaxis(kept, axis, 0)[0 if by == 1 else -1] = False
            inside = np.where(kept, rolled, case.given[i])
            told = case.wrong(i) & kept & (rolled[0] != 0)  # where only a shift explains it
            if np.count_nonzero(told) > 1 and case.predicted(i, inside):
                return text.format(axis)
    for roll, what in _rolls(case):
        if case.repaired(i, roll):
            return f"Shifted by one: each entry uses a neighbour's entry of {what}."
    return None


def _rolls(case: Case) -> Iterator[tuple[Change, str]]:
    """Changes of the rule's arguments by which one of them is moved by one place."""
    for axis, by in itertools.product(range(case.out.ndim), (1, -1)):
        yield lambda g, out, xs, axis=axis, by=by: (np.roll(g, by, axis), out, xs), "the upstream gradient"
        yield lambda g, out, xs, axis=axis, by=by: (g, np.roll(out, by, axis), xs), "the output"
    for j, x in enumerate(case.inputs):
        for axis, by in itertools.product(range(getattr(x, "ndim", 0)), (1, -1)):
            yield (
                lambda g, out, xs, j=j, axis=axis, by=by: (g, out, [*xs[:j], np.roll(xs[j], by, axis), *xs[j + 1 :]]),
                f"{case.noun} {j}",
            )


# ---------------------------------------------------------------- parts of the gradient


def mask_inverted(case: Case, i: int) -> str | None:
    """Two slopes, one on either side of a kink, and each where the other belongs."""
    for gs in zip(*(_spreads(g, case.inputs[i].shape) for g in case.upstream), strict=True):
        g = np.array(gs)
        slopes = case.right(i)[0] / g[0]
        low, high = slopes.min(initial=np.inf), slopes.max(initial=-np.inf)
        is_low, is_high = (np.isclose(slopes, slope, rtol=1e-5, atol=1e-7) for slope in (low, high))
        two = not np.isclose(low, high, rtol=1e-3) and np.all(is_low | is_high | case.at_kink(i))
        if two and case.predicted(i, g * np.where(is_low, high, low)):
            return "The mask is inverted: the slope of one side of the kink is used on the other side."
    return None


def last_use(case: Case, i: int) -> str | None:
    """Some uses of the input counted and not others: assigned, where gradients have to be added up."""
    text = "{} of several uses of the input is counted; the gradients of all uses have to be added, not assigned."
    uses = _uses(case, i)
    if len(uses) > 1:
        for name, chosen in {"Only the first": uses[:1], "Only the last": uses[-1:]}.items():
            if case.predicted(i, sum(chosen)):
                return text.format(name)
        for n in range(len(uses)):
            if case.predicted(i, uses[n]) or case.predicted(i, sum(uses) - uses[n]):
                return text.format("Only a part")
    for word, kept in _kept_uses(case, i):
        weights = case.numeric[i].jacobian * kept
        if case.predicted(i, [(g.ravel() @ weights).reshape(case.inputs[i].shape) for g in case.upstream]):
            return text.format(f"Only the {word}")
    return None


def _kept_uses(case: Case, i: int) -> Iterator[tuple[str, np.ndarray]]:
    """Of the elements of the output that use an element of input i, the last or the first: a mask of the Jacobian.

    Those are single elements where each is a copy of one of the input, and else what has one index along an axis.
    """
    jacobian = case.numeric[i].jacobian
    if jacobian is None or not jacobian.size or next(_widened(case, i), None):
        return
    used = jacobian != 0
    if used.sum(axis=0).max() < 2:
        return
    rows = np.arange(len(used))[:, None]
    if used.sum(axis=1).max() == 1:
        yield "last", rows == np.where(used, rows, -1).max(axis=0)
        yield "first", rows == np.where(used, rows, len(rows)).min(axis=0)
    elif used.sum(axis=0).min() > 1:
        for axis, n in enumerate(case.out.shape):
            index = np.indices(case.out.shape)[axis].reshape(-1, 1)
            yield "last", np.broadcast_to(index == n - 1, used.shape)
            yield "first", np.broadcast_to(index == 0, used.shape)


def _uses(case: Case, i: int) -> list[np.ndarray]:
    """What each use of input i sends back to it, in the order of use, for each upstream gradient.

    Empty where the function does not take tensors.
    """
    leaf = Tensor(case.inputs[i].copy(), requires_grad=True)
    try:
        with enable_grad():
            y = case.function(*case.inputs[:i], leaf, *case.inputs[i + 1 :])
            walks = [list(backward_walk(y, g)) for g in case.upstream]
    except Exception:  # a function of arrays alone: nothing is known of its uses
        return []
    arrived = [[sent for node, n, _, sent, _ in walk if node.args[n] is leaf] for walk in walks]
    return [np.array(use) for use in zip(*(reversed(uses) for uses in arrived), strict=True)]


def some_entries(case: Case, i: int) -> str | None:
    """Right, but for some entries."""
    if not case.comparable(i):
        return None
    wrong = case.wrong(i)
    if not np.any(np.abs(case.right(i)[0][~wrong]) > case.atol):  # zeros are right by chance
        return None
    zero = " They are zero there." if not np.any(np.array(case.given[i])[:, wrong]) else ""
    return f"Right at {wrong.size - wrong.sum()} of {wrong.size} entries, wrong at {_places(wrong)}.{zero}"


def _places(wrong: np.ndarray) -> str:
    """Where, in few words: whole rows or columns, or the first indices."""
    for axis in range(wrong.ndim) if wrong.ndim > 1 else ():
        lines = np.moveaxis(wrong, axis, 0).reshape(wrong.shape[axis], -1)
        if np.array_equal(lines.any(axis=1), lines.all(axis=1)):
            word = ("row", "column")[axis] if wrong.ndim == 2 else f"index along axis {axis}"
            return f"{word} {', '.join(str(n) for n in np.flatnonzero(lines.all(axis=1))[:6])}"
    indices = [str([int(n) for n in index]) for index in np.argwhere(wrong)]
    return ", ".join(indices[:6]) + (f" and {len(indices) - 6} more" if len(indices) > 6 else "")


def diagonal_only(case: Case, i: int) -> str | None:
    """Each entry made of one entry of g alone, where the function mixes them."""
    jacobian, x = case.numeric[i].jacobian, case.inputs[i]
    if jacobian is None or x.shape != case.out.shape or not case.comparable(i):
        return None
    mixed = jacobian - np.diag(np.diag(jacobian))
    local = case.given[i][-1]  # for g = 1
    elementwise = case.predicted(i, [local * g for g in case.upstream])
    if not elementwise or not np.abs(mixed).max(initial=0.0) > case.atol or np.allclose(local, 1.0):
        return None
    return (
        "The cross terms are missing: each entry uses its own entry of g alone, but an input of this function changes "
        "several outputs."
    )


def wrong_shape(case: Case, i: int) -> str | None:
    """Not the shape of the input, for no reason that is known."""
    given, shape = case.given[i], case.inputs[i].shape
    if given[0].shape == shape:
        return None
    text = f"The gradient has shape {given[0].shape}; it must have the shape of the input, {shape}."
    if given[0].size == case.inputs[i].size and case.predicted(i, case.right(i).reshape(-1, *given[0].shape)):
        text += " The numbers are right (was keepdims one too many?)."
    return text


#: Names and hypotheses. All of a group are tested, and the first group of which one fits decides.
GROUPS: list[list[tuple[str, Callable[[Case, int], str | None]]]] = [
    [("not_finite", not_finite)],
    [("float32", float32)],
    [("kink", kink), ("no_gradient", no_gradient), ("upstream_ignored", upstream_ignored)],
    [
        ("sign", sign),
        ("upstream_only", upstream_only),
        ("factor", factor),
        ("swapped", swapped),
        ("not_summed", not_summed),
        ("wrong_axis", wrong_axis),
        ("transposed", transposed),
        ("at_output", at_output),
        ("at_input", at_input),
        ("mask_inverted", mask_inverted),
        ("last_use", last_use),
        ("shifted", shifted),
        ("diagonal_only", diagonal_only),
    ],
    [("shape", wrong_shape)],
    [("factor", odd_factor), ("not_linear", not_linear), ("some_entries", some_entries)],
]


def diagnose(case: Case, i: int) -> list[Cause]:
    """All that explains the gradient given for input i equally well, the most specific first."""
    if i in case.trouble:
        trouble = case.trouble[i]
        if trouble.name == "error" and (cure := transposed(case, i)):
            return [Cause("transposed", f"{trouble.text} {cure}", i)]
        return [Cause(trouble.name, trouble.text, i)]
    causes = _fitting(case, i)
    return causes if len(causes) == 1 else _told_apart(case, i, causes)


def _fitting(case: Case, i: int) -> list[Cause]:
    for group in GROUPS:
        causes = [Cause(name, text, i) for name, hypothesis in group if (text := hypothesis(case, i))]
        if causes:
            return causes
    return [dataclasses.replace(UNKNOWN, input=i)]


def _told_apart(case: Case, i: int, causes: list[Cause]) -> list[Cause]:
    """Those of the causes that fit with the inputs' numbers in another order, too; all of them, if none does."""
    try:
        other = case.shuffled()
        names = {cause.name for cause in _fitting(other, i)} if other.is_wrong(i) else set()
    except Exception:  # the function cannot take them in another order
        return causes
    return [cause for cause in causes if cause.name in names] or causes


def causes_of(case: Case) -> list[Cause]:
    """What explains the inputs that are wrong: what they have in common, or else one input after the other."""
    with np.errstate(all="ignore"):
        wrong = {i: diagnose(case, i) for i in case.checked if case.is_wrong(i)}
    if len(wrong) > 1:
        said = [{(c.name, c.text) for c in causes} for causes in wrong.values()]
        common = set.intersection(*said)
        if common:
            first = next(iter(wrong.values()))
            return [Cause(c.name, c.text) for c in first if (c.name, c.text) in common]
    return [cause for causes in wrong.values() for cause in causes]


def report_on(case: Case, name: str) -> Report:
    """All elements for the first upstream gradient for which something is wrong, and the causes."""
    usable = [i for i in case.checked if case.comparable(i)]
    k = next((k for k in range(len(case.upstream)) if any(case.wrong_for(i, k).any() for i in usable)), 0)
    wrong, kinks, errors = [], [], [0.0]
    for i in usable:
        given, numeric, bad, right = case.given[i][k], case.right(i)[k], case.wrong_for(i, k), case.is_right(i, k)
        for index in np.ndindex(bad.shape):
            entry = Entry(i, index, float(given[index]), float(numeric[index]))
            if bad[index]:
                wrong.append(entry)
            elif right[index]:
                errors.append(entry.error)
            else:
                kinks.append(entry)
    return Report(
        name,
        compared=len(wrong) + len(errors) - 1,
        largest_error=max(errors),
        wrong=tuple(wrong),
        at_kinks=tuple(kinks),
        causes=tuple(causes_of(case)) or tuple(AT_KINK for _ in kinks[:1]),
        analytic={i: None if case.given[i] is None else case.given[i][k] for i in case.checked},
        numeric={i: case.right(i)[k] for i in case.checked},
        upstream=case.upstream[k],
    )
