"""A function, a rule for its gradient, and the numbers by which the rule is judged."""

from __future__ import annotations

import contextlib
import io
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..messages import shown
from ..primitive import raw_of

#: Turns g, out and the list of inputs into others, for a rule to be called with.
Change = Callable[[Any, Any, list], tuple[Any, Any, list]]
#: One-sided slopes that differ by more than this, relative to the larger one or to 1, have a kink between them.
KINK = 1e-3
#: A Jacobian of more elements is not kept.
_LARGEST = 1_000_000


#: What is wrong with writing into an argument of a rule.
WRITES = "{}, which others use, too: compute a new array, with * or where, or write into a copy."


class UnusableError(Exception):
    """What the rule returned for an input is no gradient; says why, as a cause."""

    def __init__(self, name: str, text: str):
        super().__init__(text)
        self.name, self.text = name, text


def is_kink(left: Any, right: Any) -> Any:
    """Whether one-sided slopes, numbers or arrays of them, are so different that there is no derivative."""
    return np.abs(left - right) > KINK * np.maximum(1.0, np.maximum(np.abs(left), np.abs(right)))


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
        self.left, self.right = (slopes.reshape(len(weights), *x.shape) for slopes in (self.left, self.right))

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
    are the float64 arrays among the inputs whose numbers are in ``checked``. noun is what the inputs are called.
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
        noun: str = "input",
    ):
        self.function, self.rule, self.inputs, self.checked = f, rule, list(inputs), list(checked)
        self.eps, self.atol, self.rtol, self.noun = eps, atol, rtol, noun
        self.out = self.f(*self.inputs)
        self.upstream = _upstream(self.out, np.random.default_rng(seed))
        self.numeric = {i: Numeric(self.f, self.inputs, i, self.upstream, eps) for i in self.checked}
        self.trouble: dict[int, UnusableError] = {}
        self.given = {i: self._given(i) for i in self.checked}

    def f(self, *inputs: Any) -> np.ndarray:
        """The function's values in float64; it gets copies, and may write into them."""
        with np.errstate(all="ignore"):
            return np.array(raw_of(self.function(*_copies(inputs))), dtype=np.float64)

    def call(self, i: int, g: np.ndarray, out: np.ndarray, inputs: Sequence[Any]) -> np.ndarray:
        """What the rule returns for input i, as an array of its own type; raises UnusableError where it is none."""
        given = [g, out, *inputs]
        handed = _copies(given)
        try:
            with np.errstate(all="ignore"):
                result = self.rule(i, *handed)
        except UnusableError:
            raise
        except Exception as error:  # the rule is a student's: whatever it raises is part of the report
            raise UnusableError("error", _told(error)) from None
        for n, (before, after) in enumerate(zip(given, handed, strict=True)):
            if isinstance(before, np.ndarray) and not np.array_equal(before, after, equal_nan=True):
                what = ("g", "the output")[n] if n < 2 else f"{self.noun} {n - 2}"
                raise UnusableError("writes_in_place", WRITES.format(f"The rule writes into {what}"))
        return _as_gradient(raw_of(result))

    def _given(self, i: int) -> list[np.ndarray] | None:
        try:
            given = [self.call(i, g, self.out, self.inputs) for g in self.upstream]
            if len({x.shape for x in given}) > 1:
                raise UnusableError("error", "The rule returns another shape each time it is called.")
            with contextlib.redirect_stdout(io.StringIO()):
                once_more = self.call(i, self.upstream[0], self.out, self.inputs)
            if not np.array_equal(given[0], once_more, equal_nan=True):
                raise UnusableError("random", "The rule returns something else when it is called again with the same.")
            return given
        except UnusableError as why:
            self.trouble[i] = why
            return None

    def shuffled(self) -> Case:
        """The same with the numbers of each checked input in another order: chance patterns in them are gone."""
        rng = np.random.default_rng(0)
        inputs = [rng.permuted(x) if i in self.checked else x for i, x in enumerate(self.inputs)]
        settings = {"eps": self.eps, "atol": self.atol, "rtol": self.rtol, "noun": self.noun}
        with contextlib.redirect_stdout(io.StringIO()):
            return Case(self.function, self.rule, inputs, self.checked, **settings)

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
        return is_kink(self.numeric[i].left, self.numeric[i].right).any(axis=0)

    def between(self, i: int, k: int) -> np.ndarray:
        """For each element of input i, whether what was given lies between the slopes of the two sides."""
        sides = self.numeric[i].left[k], self.numeric[i].right[k]
        tolerance = self.atol + self.rtol * np.abs(self.right(i)[k])
        given = self.given[i][k]
        return (np.minimum(*sides) - tolerance <= given) & (given <= np.maximum(*sides) + tolerance)

    def wrong(self, i: int) -> np.ndarray:
        """For each element of input i, whether it is wrong for any upstream gradient."""
        return np.any([self.wrong_for(i, k) for k in range(len(self.upstream))], axis=0)

    def wrong_for(self, i: int, k: int) -> np.ndarray:
        """For each element of input i, whether it is wrong for upstream gradient k: beyond the sides of a kink, too."""
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

    def repaired(self, i: int, change: Change, back: Callable[..., Any] = np.array) -> bool:
        """Whether the rule is right once its arguments are changed; back undoes the change in its result."""
        results = self.again(i, change)
        return results is not None and self.explains(i, zip(map(back, results), self.right(i), strict=True))

    def again(self, i: int, change: Change) -> list[np.ndarray] | None:
        """What the rule returns with other arguments, for each upstream gradient; None where it cannot take them.

        change gets and returns g, out and the list of inputs. What a rule prints is seen in the first call only.
        """
        with contextlib.redirect_stdout(io.StringIO()):
            try:
                return [self.call(i, *change(g, self.out, list(self.inputs))) for g in self.upstream]
            except Exception:  # of other shapes than the rule was written for, or of a student's own kind
                return None


def _upstream(out: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Upstream gradients by which a rule is judged: random ones, and ones.

    A single number is first shown as it is, with the upstream gradient 1; among those of several, that is the last.
    """
    ones = np.ones(out.shape)
    if out.size == 1:
        return [ones, ones * (1.5 + rng.random())]
    return [rng.standard_normal(out.shape), rng.standard_normal(out.shape), ones]


def _told(error: Exception) -> str:
    """What a student's rule raised, and in which line of it."""
    message = " ".join(str(error).split()).rstrip(".")
    package, numpy = Path(__file__).parents[1], Path(np.__file__).parent
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not any(Path(frame.filename).is_relative_to(folder) for folder in (package, numpy))
    ]
    where = f", in `{frames[-1].line}`" if frames and frames[-1].line else ""
    return f"The rule raised {type(error).__name__}{where}: {message or 'no message'}."


def _copies(values: Iterable[Any]) -> list[Any]:
    return [v.copy() if isinstance(v, np.ndarray) else v for v in values]


def _as_gradient(result: Any) -> np.ndarray:
    if result is Ellipsis:
        raise UnusableError("missing", "The rule returns ... so far: write the gradient in its place.")
    if result is None:
        raise UnusableError("missing", "The rule returned None, and no gradient: does it end in a return?")
    try:
        gradient = np.asarray(result)
    except ValueError:
        gradient = np.asarray(None)
    if gradient.dtype.kind not in "fiub":
        what = shown(gradient if gradient.dtype.kind == "c" else result)
        raise UnusableError("error", f"The rule must return an array of real numbers, it returned {what}.")
    return gradient if gradient.dtype.kind == "f" else gradient.astype(np.float64)
