"""Which mistake explains a wrong gradient? All that are known are tried, the most specific ones first."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from .case import Case
from .mistakes.axes import not_summed, shifted, swapped, transposed, wrong_axis, wrong_shape
from .mistakes.chain import argument_order, at_input, at_output, not_linear, upstream_ignored, upstream_only
from .mistakes.numbers import factor, float32, kink, no_gradient, not_finite, odd_factor, sign
from .mistakes.parts import diagonal_only, last_use, mask_inverted, some_entries
from .report import Cause, Entry, Report

UNKNOWN = Cause("unknown", "No single mistake that is known explains these numbers.")
ON_GPU = Cause("gpu", "Which mistake it is can be told in memory alone: check the same with NumPy's arrays.")
#: Notes in a report where nothing is wrong.
AT_KINK = Cause(
    "kink",
    "Some elements lie next to a kink of the function, where any slope between those of the two sides is right.",
)

TOO_SMALL = Cause(
    "too_small",
    "All derivatives here are smaller than atol, so that wrong ones would pass, too: choose other inputs, or a "
    "smaller atol.",
)

#: Names and hypotheses. All of a group are tested, and the first group of which one fits decides.
GROUPS: list[list[tuple[str, Callable[[Case, int], str | None]]]] = [
    [("not_finite", not_finite)],
    [("float32", float32)],
    [("argument_order", argument_order)],
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


def notes(case: Case, kinks: list[Entry]) -> tuple[Cause, ...]:
    """What is worth knowing where nothing is wrong."""
    largest = max((np.abs(case.right(i)).max(initial=0.0) for i in case.checked), default=0.0)
    says_zero = not any(np.any(case.given[i]) for i in case.checked)  # and then small numbers are noise
    found = [AT_KINK] if kinks else []
    return tuple(found) if says_zero or largest >= case.atol else (*found, TOO_SMALL)


def report_on(case: Case, name: str) -> Report:
    """All elements for the first upstream gradient for which something is wrong, and the causes."""
    usable = [i for i in case.checked if case.comparable(i)]
    k = next((k for k in range(len(case.upstream)) if any(case.wrong_for(i, k).any() for i in usable)), 0)
    wrong, kinks, errors = [], [], []
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
        compared=len(wrong) + len(errors),
        largest_error=max(errors, default=0.0),
        wrong=tuple(wrong),
        at_kinks=tuple(kinks),
        causes=tuple(causes_of(case)) or notes(case, kinks),
        analytic={i: None if case.given[i] is None else case.given[i][k] for i in case.checked},
        numeric={i: case.right(i)[k] for i in case.checked},
        upstream=case.upstream[k],
    )
