"""Mistakes that make every entry wrong in the same way, or that leave nothing to compare."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ..case import Case, Numeric

#: A step that rounding to float32 does not drown.
_COARSE = 3e-3


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


def kink(case: Case, i: int) -> str | None:
    """Wrong next to a kink, and nowhere else."""
    if case.comparable(i) and not (case.wrong(i) & ~case.at_kink(i)).any():
        return (
            "Only elements next to a kink disagree: the slopes of the two sides differ there, and what was given lies "
            "beyond both. Move the inputs off the kink to see whether the rest is right."
        )
    return None


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
    return f"Every entry is {number} times what it should be: a factor is wrong or missing."
