"""Which mistake explains a wrong gradient? Each known one is a hypothesis, and is tested against numbers.

A ``Case`` is a function with a rule for its gradient, at given inputs. Its numeric gradient is what the rule should
give, for several upstream gradients at once, so that a coincidence with one of them does not count. A hypothesis looks
at one input. It predicts what the mistake would have made of the right gradient and compares that with what was given;
or it repairs the mistake, by calling the rule again with other arguments, and compares the result with what is right.
It returns a sentence for the student, or None where it does not fit.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from .autograd import backward_walk, enable_grad
from .primitive import raw_of
from .report import Cause, Entry, Report
from .tensor import Tensor

#: One-sided slopes that differ by more than this, relative to the larger one or to 1, have a kink between them.
KINK = 1e-3
#: A Jacobian of more elements is not kept.
_LARGEST = 1_000_000


class UnusableError(Exception):
    """What the rule returned for an input is no gradient; says why, as a cause."""

    def __init__(self, name: str, text: str):
        super().__init__(text)
        self.name, self.text = name, text


def is_kink(left: float, right: float) -> bool:
    """Whether one-sided slopes are so different that there is no derivative."""
    return abs(left - right) > KINK * max(1.0, abs(left), abs(right))


class Numeric:
    """Slopes of f by one input on either side of each element, weighted by several upstream gradients.

    ``left`` and ``right`` have the shape of the upstream gradients' count, then of the input. ``jacobian`` has a row
    for each element of the output and a column for each of the input; it is None where that would be large.
    """

    def __init__(
        self, f: Callable[..., Any], inputs: Sequence[Any], i: int, upstream: Sequence[np.ndarray], eps: float
    ):
        x, here = inputs[i], f(*inputs)
        weights = np.stack([g.ravel() for g in upstream])
        self.left, self.right = np.empty((2, len(weights), x.size))
        self.jacobian = np.empty((here.size, x.size)) if here.size * x.size <= _LARGEST else None
        for n, index in enumerate(np.ndindex(x.shape)):
            step = eps * max(1.0, abs(float(x[index])))
            below, above = ((f(*_moved(inputs, i, index, by)) - here).ravel() / step for by in (-step, step))
            self.left[:, n], self.right[:, n] = weights @ -below, weights @ above
            if self.jacobian is not None:
                self.jacobian[:, n] = (above - below) / 2.0
        self.left, self.right = (slopes.reshape(-1, *x.shape) for slopes in (self.left, self.right))

    @property
    def mean(self) -> np.ndarray:
        """Central differences: the gradient for each upstream gradient."""
        return (self.left + self.right) / 2.0


def _moved(inputs: Sequence[Any], i: int, index: tuple[int, ...], by: float) -> list[Any]:
    moved = inputs[i].copy()
    moved[index] += by
    return [*inputs[:i], moved, *inputs[i + 1 :]]


class Case:
    """A function of arrays, a rule for its gradient, and the numbers by which the rule is judged.

    f takes inputs as raw arrays and returns one; ``rule(i, g, out, *inputs)`` returns the gradient for input i. Checked
    are the float64 arrays among the inputs whose numbers are in ``checked``.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        rule: Callable[..., Any],
        inputs: Sequence[Any],
        checked: Sequence[int],
        *,
        eps: float = 1e-6,
        atol: float = 1e-5,
        rtol: float = 1e-3,
        seed: int = 0,
    ):
        self.function, self.rule, self.inputs, self.checked = f, rule, list(inputs), list(checked)
        self.eps, self.atol, self.rtol = eps, atol, rtol
        self.out = self.f(*self.inputs)
        self.upstream = _upstream(self.out, np.random.default_rng(seed))
        self.numeric = {i: Numeric(self.f, self.inputs, i, self.upstream, eps) for i in self.checked}
        self.trouble: dict[int, Cause] = {}
        self.given = {i: self._given(i) for i in self.checked}

    def f(self, *inputs: Any) -> np.ndarray:
        """The function's values in float64; it gets copies, and may write into them."""
        with np.errstate(all="ignore"):
            return np.array(raw_of(self.function(*_copies(inputs))), dtype=np.float64)

    def call(self, i: int, g: np.ndarray, out: np.ndarray, inputs: Sequence[Any]) -> np.ndarray:
        """What the rule returns for input i, as an array of its own type; raises UnusableError where it is none."""
        try:
            with np.errstate(all="ignore"):
                result = self.rule(i, *_copies((g, out)), *_copies(inputs))
        except UnusableError:
            raise
        except Exception as error:  # the rule is a student's: whatever it raises is part of the report
            message = " ".join(str(error).split())
            raise UnusableError("error", f"The rule raised {type(error).__name__}: {message or 'no message'}") from None
        return _as_gradient(raw_of(result))

    def _given(self, i: int) -> list[np.ndarray] | None:
        try:
            return [self.call(i, g, self.out, self.inputs) for g in self.upstream]
        except UnusableError as why:
            self.trouble[i] = Cause(why.name, why.text, i)
            return None

    # ---------------------------------------------------------------- what is wrong

    def right(self, i: int) -> np.ndarray:
        """The right gradients of input i, one for each upstream gradient."""
        return self.numeric[i].mean

    def comparable(self, i: int) -> bool:
        """Whether what was given for input i has the input's shape."""
        return self.given[i] is not None and self.given[i][0].shape == self.inputs[i].shape

    def is_right(self, i: int, k: int) -> np.ndarray:
        """For each element of input i, whether it is right for upstream gradient k."""
        right, given = self.right(i)[k], self.given[i][k]
        return np.abs(given - right) <= self.atol + self.rtol * np.abs(right)

    def at_kink(self, i: int) -> np.ndarray:
        """For each element of input i, whether it lies next to a kink, for any upstream gradient."""
        left, right = self.numeric[i].left, self.numeric[i].right
        return (np.abs(left - right) > KINK * np.maximum(1.0, np.maximum(np.abs(left), np.abs(right)))).any(axis=0)

    def between(self, i: int, k: int) -> np.ndarray:
        """For each element of input i, whether what was given lies between the slopes of the two sides."""
        sides = self.numeric[i].left[k], self.numeric[i].right[k]
        tolerance = self.atol + self.rtol * np.abs(self.right(i)[k])
        given = self.given[i][k]
        return (np.minimum(*sides) - tolerance <= given) & (given <= np.maximum(*sides) + tolerance)

    def wrong(self, i: int) -> np.ndarray:
        """For each element of input i, whether it is wrong for any upstream gradient."""
        return np.any([self._wrong_for(i, k) for k in range(len(self.upstream))], axis=0)

    def _wrong_for(self, i: int, k: int) -> np.ndarray:
        return ~self.is_right(i, k) & ~(self.at_kink(i) & self.between(i, k))

    def is_wrong(self, i: int) -> bool:
        """Whether the gradient of input i is not right, whatever the reason."""
        return not self.comparable(i) or bool(self.wrong(i).any())

    # ---------------------------------------------------------------- comparing with a hypothesis

    def explains(self, i: int, pairs: Iterable[tuple[Any, Any]]) -> bool:
        """Whether both of each pair are equal, and far closer than what was given is to what is right.

        A pair is for one upstream gradient. Elements of input i next to a kink are left out.
        """
        nearly, smooth = 0.01 * self._error(i), ~self.at_kink(i)
        for a, b in pairs:
            if a.shape != b.shape:
                return False
            if a.shape == smooth.shape:
                a, b = a[smooth], b[smooth]
            difference = np.abs(a - b)
            if not np.all((difference <= self.atol + self.rtol * np.abs(b)) & (difference <= nearly)):
                return False
        return True

    def _error(self, i: int) -> float:
        """The largest difference between given and right; of other shapes, the largest element that is right."""
        right, smooth = self.right(i), ~self.at_kink(i)
        difference = np.array(self.given[i]) - right if self.comparable(i) else right
        return float(np.abs(difference[:, smooth]).max(initial=0.0))

    def predicted(self, i: int, predictions: Iterable[np.ndarray]) -> bool:
        """Whether what was given are the predictions, one for each upstream gradient."""
        return self.explains(i, zip(self.given[i], predictions, strict=True))

    def repaired(self, i: int, change: Callable[..., tuple], back: Callable[..., Any] = np.array) -> bool:
        """Whether the rule is right once its arguments are changed; back undoes the change in its result.

        change gets and returns g, out and the list of inputs.
        """
        with contextlib.redirect_stdout(io.StringIO()):
            try:
                results = [back(self.call(i, *change(g, self.out, list(self.inputs)))) for g in self.upstream]
            except Exception:  # the change does not fit the shapes, or not the rule
                return False
        return self.explains(i, zip(results, self.right(i), strict=True))

    # ---------------------------------------------------------------- the report

    def report(self, name: str) -> Report:
        """All entries for the first upstream gradient for which something is wrong, and the causes."""
        usable = [i for i in self.checked if self.comparable(i)]
        k = next((k for k in range(len(self.upstream)) if any(self._wrong_for(i, k).any() for i in usable)), 0)
        wrong, kinks, largest, compared = [], [], 0.0, 0
        for i in usable:
            bad, right = self._wrong_for(i, k), self.is_right(i, k)
            entries = [
                (
                    bad[index],
                    right[index],
                    Entry(i, index, float(self.given[i][k][index]), float(self.right(i)[k][index])),
                )
                for index in np.ndindex(bad.shape)
            ]
            wrong += [entry for bad, _, entry in entries if bad]
            kinks += [entry for bad, right, entry in entries if not bad and not right]
            largest = max([largest, *(entry.error for _, right, entry in entries if right)])
            compared += len(entries)
        return Report(
            name,
            compared - len(kinks),
            largest,
            tuple(wrong),
            tuple(kinks),
            tuple(self.causes(bool(kinks))),
            {i: None if self.given[i] is None else self.given[i][k] for i in self.checked},
            {i: self.right(i)[k] for i in self.checked},
            self.upstream[k],
        )

    def causes(self, kinks: bool = False) -> list[Cause]:
        """What explains the wrong inputs, one after the other; a note about kinks where nothing is wrong."""
        wrong = [i for i in self.checked if self.is_wrong(i)]
        causes = {i: diagnose(self, i) for i in wrong}
        common = causes[wrong[0]] if len(wrong) > 1 else []
        common = [c for c in common if all(_has(causes[i], c) for i in wrong)]
        if common:
            return [Cause(c.name, c.text) for c in common]
        if not wrong and kinks:
            return [Cause("kink", _AT_KINK)]
        return [cause for i in wrong for cause in causes[i]]


def _has(causes: Sequence[Cause], cause: Cause) -> bool:
    return any((c.name, c.text) == (cause.name, cause.text) for c in causes)


def _upstream(out: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Upstream gradients by which a rule is judged; the last is of ones.

    A single number is first shown as it is, with the upstream gradient 1.
    """
    ones = np.ones(out.shape)
    if out.size == 1:
        return [ones, ones * (1.5 + rng.random())]
    return [rng.standard_normal(out.shape), rng.standard_normal(out.shape), ones]


def _copies(values: Iterable[Any]) -> list[Any]:
    return [v.copy() if isinstance(v, np.ndarray) else v for v in values]


def _as_gradient(result: Any) -> np.ndarray:
    if result is None or result is Ellipsis:
        raise UnusableError("missing", f"The rule returned {'None' if result is None else '...'}, and no gradient.")
    try:
        gradient = np.asarray(result)
    except ValueError:
        gradient = np.asarray(None)
    if gradient.dtype.kind not in "fiub":
        raise UnusableError("error", f"The rule returned what is no array of numbers: {type(result).__name__}.")
    return gradient if gradient.dtype.kind == "f" else gradient.astype(np.float64)


# ---------------------------------------------------------------- before all others: no value to speak of


def not_finite(case: Case, i: int) -> str | None:
    """NaN or infinity: no other hypothesis can be tested."""
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


_AT_KINK = (
    "some elements lie next to a kink of the function, where any slope between those of the two sides is right; "
    "nothing can be said about them."
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
            sizes[f"the size of axis {axis} of input {j}{', often the batch' if axis == 0 else ''}"] = n
        sizes[f"the number of elements of input {j}"] = x.size
    for axis, n in enumerate(case.out.shape):
        sizes[f"the size of axis {axis} of the output"] = n
    return {name: n for name, n in sizes.items() if n > 1}


def _named_number(number: float, sizes: dict[str, int]) -> str | None:
    """A whole number in words: what has this size here; None for one that is nothing special."""
    whole = round(number)
    if abs(number - whole) > 1e-4 * number or whole < 2:
        return None
    roles = [name for name, n in sizes.items() if n == whole][:2]
    return f"{whole} ({' and '.join(roles)})" if roles else str(whole) if whole == 2 else None


def factor(case: Case, i: int) -> str | None:
    """Off by a number that means something: 2, the batch size, the number of elements, or one over it."""
    ratio = _ratio(case, i)
    if ratio is None:
        return None
    flipped = " and the sign is flipped" if ratio < 0 else ""
    sizes = _sizes(case)
    if times := _named_number(abs(ratio), sizes):
        return f"Every entry is too large by the factor {times}{flipped}."
    if times := _named_number(1.0 / abs(ratio), sizes):
        return f"Every entry is too small: it is right when multiplied by {times}{flipped}."
    return None


def odd_factor(case: Case, i: int) -> str | None:
    """Off by any other number, as long as there are several entries to tell it by."""
    ratio = _ratio(case, i)
    if ratio is None or np.count_nonzero(np.abs(case.right(i)[0]) > case.atol) < 2:
        return None
    return f"Every entry is {ratio:.6g} times what it should be: a constant factor is wrong."


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
    """The upstream gradient, passed straight through."""
    text = "The upstream gradient g is passed straight through: the local derivative is missing from the product."
    if case.given[i][0].shape == case.out.shape != case.inputs[i].shape:
        passed = case.predicted(i, case.upstream) and not not_summed(case, i)
        return text if passed else None
    spread = zip(*(list(_spreads(g, case.inputs[i].shape)) for g in case.upstream), strict=True)
    return text if any(case.predicted(i, gs) for gs in spread) else None


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
    return None


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
                return "The gradient is transposed: the numbers are right, and rows and columns are exchanged."
    for change, what in _transpositions(case):
        if case.repaired(i, change):
            return f"A factor is transposed, or should be: the rule is right when {what} is transposed first."
    return None


def _transpositions(case: Case) -> Iterator[tuple[Callable[..., tuple], str]]:
    yield lambda g, out, xs: (_turned(g), out, xs), "the upstream gradient"
    for j in case.checked:
        if case.inputs[j].ndim == 2:
            yield lambda g, out, xs, j=j: (g, out, [*xs[:j], xs[j].T, *xs[j + 1 :]]), f"input {j}"


def swapped(case: Case, i: int) -> str | None:
    """The gradient of another input."""
    others = [j for j in case.checked if j != i and case.predicted(i, case.right(j))]
    if not others:
        return None
    j = others[0]
    if case.given[j] is not None and case.explains(j, zip(case.given[j], case.right(i), strict=True)):
        return f"The gradients of inputs {min(i, j)} and {max(i, j)} are swapped."
    return f"This is the gradient of input {j}, and not that of input {i}."


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
            if np.count_nonzero(rolled[0][kept]) > 1 and case.predicted(i, inside):
                return text.format(axis)
    for axis in range(case.out.ndim):
        for by in (1, -1):
            if case.repaired(i, lambda g, out, xs, by=by, axis=axis: (np.roll(g, by, axis), out, xs)):
                return f"Shifted by one: the upstream gradient is used next to its place along axis {axis}."
    return None


# ---------------------------------------------------------------- parts of the gradient


def mask_inverted(case: Case, i: int) -> str | None:
    """Two slopes, one on either side of a kink, and each where the other belongs."""
    for gs in zip(*(list(_spreads(g, case.inputs[i].shape)) for g in case.upstream), strict=True):
        g = np.array(gs)
        with np.errstate(all="ignore"):
            slopes = np.where(g == 0, np.nan, case.right(i) / g)
        slopes = slopes[0]
        low, high = (float(s) for s in (np.nanmin(slopes), np.nanmax(slopes))) if slopes.size else (0.0, 0.0)
        near = [np.isclose(slopes, s, rtol=1e-5, atol=1e-7) for s in (low, high)]
        if np.isclose(low, high, rtol=1e-3) or not np.all(near[0] | near[1] | case.at_kink(i)):
            continue
        if case.predicted(i, g * np.where(near[0], high, low)):
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
    return None


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
    if not np.any(case.right(i)[0][~wrong]):
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
    [("factor", odd_factor), ("some_entries", some_entries)],
]


def diagnose(case: Case, i: int) -> list[Cause]:
    """All that explains the gradient given for input i equally well, the most specific first."""
    if i in case.trouble:
        turned = transposed(case, i) if case.trouble[i].name == "error" else None
        return [*([Cause("transposed", turned, i)] if turned else []), case.trouble[i]]
    for group in GROUPS:
        causes = [Cause(name, text, i) for name, hypothesis in group if (text := hypothesis(case, i))]
        if causes:
            return causes
    return [Cause("unknown", "No single mistake that is known explains these numbers.", i)]
