"""The diagnosis names the mistake that was made, and no other: a table of functions and of mistakes in their backwards.

Every row states all causes that may be named. More than one stands there where they make the same numbers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigrad as mg


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    """Numbers from -3 to 3 or so, the same for each shape and seed."""
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


# ---------------------------------------------------------------- functions with their right backwards


@dataclasses.dataclass(frozen=True)
class Subject:
    """A function, its right backward, which returns a tuple, and inputs of several shapes."""

    f: Callable[..., Any]
    rule: Callable[..., tuple]
    inputs: list[tuple]


def to(shape, g):
    """g, summed over the axes along which an array of that shape is broadcast to it."""
    while g.ndim > len(shape):
        g = g.sum(axis=0)
    for axis, n in enumerate(shape):
        if n == 1:
            g = g.sum(axis=axis, keepdims=True)
    return g


def scatter(x, index, g):
    full = np.zeros_like(x)
    np.add.at(full, index, g)
    return full


LABELS = np.array([2, 0, 1, 1])
ROWS = [0, 0, 3, 1, 3]
SUBJECTS = {
    "linear": Subject(
        lambda x, w, b: x @ w.T + b,
        lambda g, out, x, w, b: (g @ w, g.T @ x, g.sum(axis=0)),
        [(normal(5, 3), normal(2, 3), normal(2)), (normal(4, 4), normal(4, 4, seed=1), normal(4))],
    ),
    "tanh": Subject(
        np.tanh,
        lambda g, out, x: (g * (1.0 - out * out),),
        [(normal(5, 3),), (normal(6),), (normal(3, 3),)],
    ),
    "add": Subject(
        lambda x, y: x + y,
        lambda g, out, x, y: (to(x.shape, g), to(y.shape, g)),
        [
            (normal(5, 3), normal(3)),
            (normal(5, 3), normal(5, 1)),
            (normal(4, 4), normal(4)),
            (normal(2, 3, 4), normal(3, 1)),
        ],
    ),
    "mse": Subject(
        lambda x, t: ((x - t) ** 2).mean(),
        lambda g, out, x, t: (2.0 * g * (x - t) / x.size, -2.0 * g * (x - t) / x.size),
        [(normal(5, 3), normal(5, 3, seed=1)), (normal(7), normal(7, seed=1)), (normal(3, 3), normal(3, 3, seed=1))],
    ),
    "cross entropy": Subject(
        lambda x, y: -np.log(softmax(x)[np.arange(len(x)), y]).mean(),
        lambda g, out, x, y: (g * (softmax(x) - np.eye(x.shape[1])[y]) / len(x),),
        [(normal(4, 3), LABELS), (normal(4, 5), LABELS), (normal(4, 4), LABELS)],
    ),
    "matmul": Subject(
        lambda a, b: a @ b,
        lambda g, out, a, b: (g @ b.T, a.T @ g),
        [(normal(5, 3), normal(3, 2)), (normal(3, 3), normal(3, 3, seed=1))],
    ),
    "relu": Subject(lambda x: np.maximum(x, 0.0), lambda g, out, x: (g * (x > 0),), [(normal(5, 3),), (normal(7),)]),
    "leaky relu": Subject(
        lambda x: np.where(x > 0, x, 0.1 * x),
        lambda g, out, x: (g * np.where(x > 0, 1.0, 0.1),),
        [(normal(5, 3),), (normal(7),)],
    ),
    "max": Subject(
        lambda x: x.max(axis=1),
        lambda g, out, x: (g[:, None] * (x == out[:, None]),),
        [(normal(5, 3),), (normal(4, 6),)],
    ),
    "maximum": Subject(
        np.maximum, lambda g, out, x, y: (g * (x > y), g * (x <= y)), [(normal(5, 3), normal(5, 3, seed=1))]
    ),
    "softmax": Subject(
        softmax,
        lambda g, out, x: (out * (g - (g * out).sum(axis=-1, keepdims=True)),),
        [(normal(5, 3),), (normal(4, 4),)],
    ),
    "exp": Subject(np.exp, lambda g, out, x: (g * out,), [(normal(5, 3),), (normal(6),)]),
    "divide": Subject(
        np.divide,
        lambda g, out, x, y: (g / y, -g * out / y),
        [(normal(5, 3), 3.0 + abs(normal(5, 3))), (normal(6), 3.0 + abs(normal(6)))],
    ),
    "gather": Subject(lambda x: x[ROWS], lambda g, out, x: (scatter(x, ROWS, g),), [(normal(4),), (normal(4, 3),)]),
    "two uses": Subject(
        lambda x: x * mg.exp(x), lambda g, out, x: (g * (np.exp(x) + out),), [(normal(5, 3),), (normal(6),)]
    ),
    "sum of rows": Subject(
        lambda x: x.sum(axis=0), lambda g, out, x: (np.broadcast_to(g, x.shape),), [(normal(5, 3),), (normal(4, 4),)]
    ),
}


def first_axis(inputs):
    return inputs[0].shape[0]


# ---------------------------------------------------------------- mistakes that any backward can have


def of_each(change):
    """The mistake that changes the gradient of each input."""
    return lambda rule: lambda *args: tuple(change(dx) for dx in rule(*args))


def at_end(factor):
    """The gradient with its last element that is not zero multiplied: by NaN, or by a number."""

    def change(dx):
        dx = np.array(dx)
        dx.flat[np.flatnonzero(dx)[-1]] *= factor
        return dx

    return change


def fails(rule):
    def vjp(*args):
        raise NotImplementedError("to be written")

    return vjp


GENERAL = {
    "sign": ("sign", of_each(lambda dx: -dx)),
    "twice": ("factor", of_each(lambda dx: 2.0 * dx)),
    "half": ("factor", of_each(lambda dx: dx / 2.0)),
    "minus three": ("factor", of_each(lambda dx: -3.0 * dx)),
    "times the batch": ("factor", lambda rule: lambda g, out, *xs: tuple(dx * len(xs[0]) for dx in rule(g, out, *xs))),
    "by the batch": ("factor", lambda rule: lambda g, out, *xs: tuple(dx / len(xs[0]) for dx in rule(g, out, *xs))),
    "g forgotten": ("upstream_ignored", lambda rule: lambda g, *args: rule(np.ones_like(g), *args)),
    "g squared": ("not_linear", lambda rule: lambda g, *args: rule(g * abs(g), *args)),
    "zero": ("no_gradient", of_each(lambda dx: 0.0 * dx)),
    "nan": ("not_finite", of_each(at_end(np.nan))),
    "infinite": ("not_finite", of_each(at_end(-np.inf))),
    "last entry": ("some_entries", of_each(at_end(3.0))),
    "none": ("missing", lambda rule: lambda *args: None),
    "ellipsis": ("missing", lambda rule: lambda *args: ...),
    "words": ("error", of_each(lambda dx: "g times x")),
    "raises": ("error", fails),
    "an axis more": ("shape", of_each(lambda dx: dx[None])),
    "one number": ("shape", of_each(np.sum)),
}

#: Where a mistake of the table above is also another one: the same numbers.
SAME_NUMBERS = {
    ("mse", "sign"): {"sign", "swapped"},
    ("linear", "one number"): {"shape", "wrong_axis"},  # of x and w, and of b
    ("add", "one number"): {"shape", "wrong_axis"},
}


def rows():
    for name, subject in SUBJECTS.items():
        for n, inputs in enumerate(subject.inputs):
            for mistake, (cause, plant) in GENERAL.items():
                expected = SAME_NUMBERS.get((name, mistake), {cause})
                yield pytest.param(subject.f, plant(subject.rule), inputs, expected, id=f"{name}-{n}-{mistake}")


def names(report):
    return {cause.name for cause in report.causes}


@pytest.mark.parametrize(("f", "vjp", "inputs", "expected"), list(rows()))
def test_a_mistake_that_any_backward_can_have_is_named_and_no_other(f, vjp, inputs, expected):
    report = mg.check_vjp(f, vjp, inputs)
    assert not report
    assert names(report) == expected


# ---------------------------------------------------------------- mistakes in the backward of one function


def only(i, rule, change):
    """The right backward for each input, and for input i what change makes of the same arguments."""
    count = rule.__code__.co_argcount - 2
    return [change if k == i else lambda *args, k=k: (*rule(*args), None)[k] for k in range(count)]


def assigned(g, out, x):
    full = np.zeros_like(x)
    for row, index in enumerate(ROWS):
        full[index] = g[row]
    return full


def one_hot(x, y):
    return np.eye(x.shape[1])[y]


#: function, number of its inputs (None: each), input, mistaken gradient of that input, causes
SPECIAL = [
    # the linear layer
    ("linear", None, 0, lambda g, out, x, w, b: -(g @ w), {"sign"}),
    ("linear", None, 1, lambda g, out, x, w, b: g.T @ x / len(x), {"factor"}),
    ("linear", None, 2, lambda g, out, x, w, b: g.mean(axis=0), {"factor"}),
    ("linear", None, 1, lambda g, out, x, w, b: np.ones_like(g).T @ x, {"upstream_ignored"}),
    ("linear", 1, 0, lambda g, out, x, w, b: g, {"upstream_only"}),
    ("linear", 0, 0, lambda g, out, x, w, b: g, {"upstream_only"}),
    ("linear", 1, 1, lambda g, out, x, w, b: g.T @ out, {"at_output"}),
    ("linear", None, 2, lambda g, out, x, w, b: g, {"not_summed"}),
    ("linear", None, 2, lambda g, out, x, w, b: g[0], {"not_summed"}),
    ("linear", None, 2, lambda g, out, x, w, b: g[-1], {"not_summed"}),
    ("linear", None, 2, lambda g, out, x, w, b: g.sum(axis=1), {"wrong_axis"}),
    ("linear", None, 2, lambda g, out, x, w, b: g.sum(axis=0, keepdims=True), {"shape"}),
    ("linear", None, 1, lambda g, out, x, w, b: x.T @ g, {"transposed"}),
    ("linear", None, 0, lambda g, out, x, w, b: g @ w.T, {"transposed"}),
    ("linear", None, 1, lambda g, out, x, w, b: g @ x, {"transposed"}),
    ("linear", 1, 0, lambda g, out, x, w, b: g.T @ x, {"swapped"}),
    ("linear", None, 1, lambda g, out, x, w, b: np.outer(g[-1], x[-1]), {"last_use"}),
    ("linear", None, 1, lambda g, out, x, w, b: np.outer(g[0], x[0]), {"last_use"}),
    ("linear", 0, 1, lambda g, out, x, w, b: np.roll(g.T @ x, 1, axis=1), {"shifted"}),
    ("linear", None, 0, lambda g, out, x, w, b: (g @ w) * (np.arange(len(x)) != 2)[:, None], {"some_entries"}),
    # tanh
    ("tanh", None, 0, lambda g, out, x: g * (out * out - 1.0), {"sign"}),
    ("tanh", None, 0, lambda g, out, x: 1.0 - out * out, {"upstream_ignored"}),
    ("tanh", None, 0, lambda g, out, x: g, {"upstream_only"}),
    ("tanh", None, 0, lambda g, out, x: g * (1.0 - np.tanh(out) ** 2), {"at_output"}),
    ("tanh", None, 0, lambda g, out, x: g * (1.0 - x * x), {"at_input"}),
    ("tanh", 2, 0, lambda g, out, x: (g * (1.0 - out * out)).T, {"transposed"}),
    ("tanh", 0, 0, lambda g, out, x: (g * (1.0 - out * out)).T, {"transposed"}),
    ("tanh", None, 0, lambda g, out, x: np.roll(g * (1.0 - out * out), 1, axis=0), {"shifted"}),
    ("tanh", None, 0, lambda g, out, x: np.roll(g, -1, axis=-1) * (1.0 - out * out), {"shifted"}),
    ("tanh", 1, 0, lambda g, out, x: np.append(0.0, (g * (1.0 - out * out))[:-1]), {"shifted"}),
    ("tanh", 1, 0, lambda g, out, x: np.append((g * (1.0 - out * out))[1:], 0.0), {"shifted"}),
    ("tanh", 0, 0, lambda g, out, x: g * (1.0 - out * out) * (np.arange(3) != 1), {"some_entries"}),
    ("tanh", None, 0, lambda g, out, x: g + (1.0 - out * out), {"not_linear"}),
    ("tanh", 2, 0, lambda g, out, x: g @ (1.0 - out * out), {"unknown"}),
    # a broadcast add
    ("add", None, 1, lambda g, out, x, y: g, {"not_summed"}),
    ("add", 0, 1, lambda g, out, x, y: g[-1], {"not_summed"}),
    ("add", 1, 1, lambda g, out, x, y: g[:, :1], {"not_summed"}),
    ("add", 3, 1, lambda g, out, x, y: g.sum(axis=0), {"not_summed"}),
    ("add", 0, 1, lambda g, out, x, y: g.sum(axis=1), {"wrong_axis"}),
    ("add", 2, 1, lambda g, out, x, y: g.sum(axis=1), {"wrong_axis"}),
    ("add", 1, 1, lambda g, out, x, y: g.sum(axis=0), {"wrong_axis"}),
    ("add", 3, 1, lambda g, out, x, y: g.sum(axis=(0, 1)), {"wrong_axis"}),
    ("add", 0, 1, lambda g, out, x, y: g.mean(axis=0), {"factor"}),
    ("add", 2, 0, lambda g, out, x, y: g.T, {"transposed"}),
    ("add", 1, 1, lambda g, out, x, y: g.sum(axis=1), {"shape"}),
    ("add", 0, 0, lambda g, out, x, y: np.roll(g, 1, axis=1), {"shifted"}),
    ("add", 0, 0, lambda g, out, x, y: g.sum(axis=0), {"shape"}),
    # mean squared error
    ("mse", None, 0, lambda g, out, x, t: 2.0 * g * (t - x) / x.size, {"sign", "swapped"}),
    ("mse", None, 0, lambda g, out, x, t: g * (x - t) / x.size, {"factor"}),
    ("mse", None, 0, lambda g, out, x, t: 2.0 * g * (x - t), {"factor"}),
    ("mse", 0, 0, lambda g, out, x, t: 2.0 * g * (x - t) / len(x), {"factor"}),
    ("mse", None, 0, lambda g, out, x, t: 2.0 * (x - t) / x.size, {"upstream_ignored"}),
    ("mse", None, 0, lambda g, out, x, t: g * np.ones_like(x), {"upstream_only"}),
    ("mse", None, 0, lambda g, out, x, t: 2.0 * g * (out - t) / x.size, {"at_output"}),
    ("mse", 2, 1, lambda g, out, x, t: (-2.0 * g * (x - t) / x.size).T, {"transposed"}),
    ("mse", None, 1, lambda g, out, x, t: np.roll(-2.0 * g * (x - t) / x.size, 1, axis=-1), {"shifted"}),
    ("mse", None, 1, lambda g, out, x, t: -2.0 * g * (np.roll(x, 1, axis=0) - t) / x.size, {"shifted"}),
    ("mse", 0, 0, lambda g, out, x, t: 2.0 * g * (x - t).sum(axis=0) / x.size, {"shape"}),
    # softmax cross-entropy
    ("cross entropy", None, 0, lambda g, out, x, y: g * (one_hot(x, y) - softmax(x)) / len(x), {"sign"}),
    ("cross entropy", None, 0, lambda g, out, x, y: g * (softmax(x) - one_hot(x, y)), {"factor"}),
    ("cross entropy", None, 0, lambda g, out, x, y: (softmax(x) - one_hot(x, y)) / len(x), {"upstream_ignored"}),
    ("cross entropy", None, 0, lambda g, out, x, y: g * np.ones_like(x), {"upstream_only"}),
    ("cross entropy", None, 0, lambda g, out, x, y: g * (x - one_hot(x, y)) / len(x), {"at_input"}),
    ("cross entropy", None, 0, lambda g, out, x, y: g * (softmax(x) - one_hot(x, np.roll(y, 1))) / 4, {"shifted"}),
    ("cross entropy", None, 0, lambda g, out, x, y: (g * (softmax(x) - one_hot(x, y)) / len(x)).T, {"transposed"}),
    ("cross entropy", 1, 0, lambda g, out, x, y: g * softmax(x) / len(x), {"some_entries"}),
    ("cross entropy", 2, 0, lambda g, out, x, y: g * (softmax(x, 0) - one_hot(x, y)) / len(x), {"unknown"}),
    # the matrix product
    ("matmul", None, 0, lambda g, out, a, b: -g @ b.T, {"sign"}),
    ("matmul", None, 1, lambda g, out, a, b: 2.0 * a.T @ g, {"factor"}),
    ("matmul", None, 0, lambda g, out, a, b: np.ones_like(g) @ b.T, {"upstream_ignored"}),
    ("matmul", 1, 0, lambda g, out, a, b: g, {"upstream_only"}),
    ("matmul", 1, 0, lambda g, out, a, b: g @ out.T, {"at_output"}),
    ("matmul", None, 0, lambda g, out, a, b: b @ g.T, {"transposed"}),
    ("matmul", None, 0, lambda g, out, a, b: g @ b, {"transposed"}),
    ("matmul", None, 1, lambda g, out, a, b: a @ g, {"transposed"}),
    ("matmul", 1, 1, lambda g, out, a, b: g @ b.T, {"swapped"}),
    ("matmul", None, 1, lambda g, out, a, b: np.outer(a[-1], g[-1]), {"last_use"}),
    ("matmul", None, 0, lambda g, out, a, b: np.outer(g[:, 0], b[:, 0]), {"last_use"}),
    ("matmul", None, 0, lambda g, out, a, b: np.roll(g @ b.T, 1, axis=0), {"shifted"}),
    ("matmul", 1, 0, lambda g, out, a, b: g * b, {"diagonal_only"}),
    ("matmul", 0, 1, lambda g, out, a, b: (a.T @ g) * [[1.0], [0.0], [1.0]], {"some_entries"}),
    # masks
    ("relu", None, 0, lambda g, out, x: g * (x < 0), {"mask_inverted"}),
    ("relu", None, 0, lambda g, out, x: g, {"upstream_only"}),
    ("relu", None, 0, lambda g, out, x: g * x * (x > 0), {"unknown"}),
    ("leaky relu", None, 0, lambda g, out, x: g * np.where(x > 0, 0.1, 1.0), {"mask_inverted"}),
    ("leaky relu", None, 0, lambda g, out, x: g * (x > 0), {"some_entries"}),
    ("max", None, 0, lambda g, out, x: g[:, None] * (x != out[:, None]), {"mask_inverted"}),
    ("max", None, 0, lambda g, out, x: g[:, None] * (x == x.min(axis=1, keepdims=True)), {"unknown"}),
    ("max", None, 0, lambda g, out, x: g[:, None] * np.ones_like(x), {"upstream_only", "wrong_axis"}),
    ("maximum", None, 0, lambda g, out, x, y: g * (x < y), {"mask_inverted", "swapped"}),
    # softmax
    ("softmax", None, 0, lambda g, out, x: g * out, {"diagonal_only"}),
    ("softmax", None, 0, lambda g, out, x: g * out * (1.0 - out), {"diagonal_only"}),
    ("softmax", None, 0, lambda g, out, x: out * (g - (g * out).sum(axis=0)), {"wrong_axis"}),
    ("softmax", None, 0, lambda g, out, x: x * (g - (g * x).sum(axis=-1, keepdims=True)), {"at_input"}),
    ("softmax", None, 0, lambda g, out, x: out * (g + (g * out).sum(axis=-1, keepdims=True)), {"unknown"}),
    # others
    ("exp", None, 0, lambda g, out, x: g * x, {"at_input"}),
    ("exp", None, 0, lambda g, out, x: g * np.exp(out), {"at_output"}),
    ("divide", None, 0, lambda g, out, x, y: -g * x / y**2, {"swapped"}),
    ("divide", None, 1, lambda g, out, x, y: g * out / y, {"sign"}),
    ("divide", None, 1, lambda g, out, x, y: -g * x / y, {"at_input"}),
    ("gather", None, 0, assigned, {"last_use"}),
    ("gather", None, 0, lambda g, out, x: np.stack([g[0], g[3], 0 * g[0], g[2]]), {"last_use"}),
    ("gather", None, 0, lambda g, out, x: np.roll(scatter(x, ROWS, g), 1, axis=0), {"shifted"}),
    ("two uses", None, 0, lambda g, out, x: g * np.exp(x), {"last_use"}),
    ("two uses", None, 0, lambda g, out, x: g * out, {"last_use"}),
    ("sum of rows", None, 0, lambda g, out, x: g.sum() * np.ones_like(x), {"wrong_axis"}),
    ("sum of rows", 1, 0, lambda g, out, x: np.repeat(g[:, None], 4, axis=1), {"transposed", "wrong_axis"}),
    ("sum of rows", None, 0, lambda g, out, x: g, {"shape"}),
]


def special_rows():
    for name, chosen, i, change, expected in SPECIAL:
        subject = SUBJECTS[name]
        for n, inputs in enumerate(subject.inputs):
            if chosen in (None, n):
                vjp = only(i, subject.rule, change)
                yield pytest.param(subject.f, vjp, inputs, i, expected, id=f"{name}-{n}-{'-'.join(sorted(expected))}")


@pytest.mark.parametrize(("f", "vjp", "inputs", "i", "expected"), list(special_rows()))
def test_a_mistake_in_the_gradient_of_one_input_is_named_there_and_no_other(f, vjp, inputs, i, expected):
    report = mg.check_vjp(f, vjp, inputs)
    assert not report
    assert names(report) == expected
    assert {cause.input for cause in report.causes} <= {i, None}


SWAPPED = ["linear", "add", "mse", "matmul", "maximum", "divide"]


@pytest.mark.parametrize("name", SWAPPED)
def test_exchanged_gradients_are_named_for_every_shape(name):
    subject = SUBJECTS[name]
    also = {"mse": {"sign"}, "maximum": {"mask_inverted"}}.get(name, set())
    for inputs in subject.inputs:

        def vjp(*args):
            first, second, *rest = subject.rule(*args)
            return second, first, *rest

        report = mg.check_vjp(subject.f, vjp, inputs)
        assert names(report) == {"swapped"} | also
        assert "inputs 0 and 1 are swapped" in str(report).replace("\n  ", " ")
        assert {cause.input for cause in report.causes} == {None}


#: Of twelve classical mistakes, those that cannot be made in a function, or cannot be told in it.
MEANINGLESS = {
    "linear": set(),
    "tanh": {"not_summed", "wrong_axis", "swapped", "last_use"},  # one input, used once, and nothing is summed
    "add": {"upstream_only", "elsewhere", "last_use"},  # the local derivative is 1
    "mse": {"not_summed", "wrong_axis", "last_use"},
    "cross entropy": {"not_summed", "wrong_axis", "swapped", "last_use"},  # the wrong axis of softmax: unknown
    "matmul": {"not_summed", "wrong_axis"},
}
CLASSICAL = {
    "sign",
    "factor",
    "upstream_ignored",
    "upstream_only",
    "elsewhere",
    "not_summed",
    "wrong_axis",
    "transposed",
}
CLASSICAL |= {"swapped", "last_use", "shifted", "some_entries"}


@pytest.mark.parametrize("name", MEANINGLESS)
def test_the_twelve_classical_mistakes_are_in_the_tables(name):
    planted = {cause for cause, _ in GENERAL.values()}
    for function, *_, expected in SPECIAL:
        if function == name:
            planted |= {"elsewhere" if cause in ("at_output", "at_input") else cause for cause in expected}
    if name in SWAPPED:
        planted.add("swapped")
    assert planted & CLASSICAL == CLASSICAL - MEANINGLESS[name]


# ---------------------------------------------------------------- the other causes


def x_of(*numbers):
    return np.array(numbers)


@pytest.mark.parametrize(
    ("f", "slope", "x"),
    [
        (np.tanh, lambda x: 1.0 - np.tanh(x) ** 2, normal(5, 3)),
        (np.exp, np.exp, normal(6)),
        (lambda x: (x**2).sum(), lambda x: 2.0 * x, normal(3, 4)),
    ],
)
def test_rounding_to_float32_is_named(f, slope, x):
    right = lambda g, out, x: g * slope(x)  # noqa: E731
    rounded = lambda g, out, x: (g * slope(x)).astype(np.float32)  # noqa: E731
    report = mg.check_vjp(lambda x: f(x.astype(np.float32)), right, x)
    assert names(report) == {"float32"}
    assert "the function rounds" in report.causes[0].text.lower()
    assert names(mg.check_vjp(f, rounded, x, atol=1e-11, rtol=1e-10)) == {"float32"}
    assert mg.check_vjp(f, rounded, x)
    for wrong in (lambda g, out, x: 1.1 * g * slope(x), lambda g, out, x: g * slope(x + 0.1)):
        assert names(mg.check_vjp(lambda x: f(x.astype(np.float32)), wrong, x)) - {"float32"}
        assert "float32" not in names(mg.check_vjp(f, lambda *a, wrong=wrong: wrong(*a).astype(np.float32), x))


KINKED = [
    (lambda x: np.maximum(x, 0.0), lambda x: x > 0, x_of(0.0, 1.0, -1.0)),
    (np.abs, np.sign, x_of(2e-7, 1.0, -1.0)),
    (lambda x: x.max(), lambda x: x == x.max(), x_of(2.0, 2.0, -1.0)),
]


@pytest.mark.parametrize(("f", "slope", "x"), KINKED)
def test_a_kink_is_a_note_where_the_gradient_lies_between_and_a_cause_where_it_does_not(f, slope, x):
    report = mg.check_vjp(f, lambda g, out, x: g * slope(x), x)
    assert report
    assert report.cause == "kink"
    assert len(report.at_kinks) == (x == x[0]).sum()
    assert report.compared == x.size - len(report.at_kinks)
    beyond = mg.check_vjp(f, lambda g, out, x: g * np.where(x == x[0], 7.0, slope(x)), x)
    assert not beyond
    assert names(beyond) == {"kink"}
    elsewhere = mg.check_vjp(f, lambda g, out, x: -g * slope(x), np.array([5.0, *x]))
    assert "sign" in names(elsewhere)


def test_where_the_first_nan_is():
    report = mg.check_vjp(
        np.sqrt, lambda g, out, x: g / (2.0 * out) * np.where(x > 3.0, np.nan, 1.0), x_of(1.0, 2.0, 4.0)
    )
    assert report.cause == "not_finite"
    assert "nan stands at [2] where the input is 4" in report.causes[0].text
    report = mg.check_vjp(np.log, lambda g, out, x: g / x, x_of(1.0, -2.0, 4.0))
    assert report.cause == "not_finite"
    assert "own result is nan at [1]" in report.causes[0].text
    report = mg.check_vjp(np.sqrt, lambda g, out, x: g / (2.0 * out), x_of(1.0, 0.0))
    assert report.cause == "not_finite"


def test_one_element_tells_less_and_several_causes_are_named():
    """A single number: every wrong rule is a factor of the right one."""
    assert names(mg.check_vjp(np.tanh, lambda g, out, x: -g * (1 - out**2), 0.5)) == {"sign"}
    assert names(mg.check_vjp(np.tanh, lambda g, out, x: g * (1 - x**2), 0.5)) == {"at_input"}
    assert names(mg.check_vjp(lambda x: x**3, lambda g, out, x: 2 * g * x**2, 0.7)) == {"unknown"}
    assert names(mg.check_vjp(lambda x: x * x, lambda g, out, x: g * x, 0.7)) == {"factor", "last_use"}
    assert names(mg.check_vjp(lambda x: 2.0 * x, lambda g, out, x: g, 0.7)) == {"factor", "upstream_only"}
    symmetric = np.array([[1.0, 0.5], [0.5, -2.0]])
    assert mg.check_vjp(lambda x: x @ symmetric, lambda g, out, x: g @ symmetric, normal(2, 2))


def test_the_numbers_in_another_order_tell_causes_apart_that_fit_by_chance():
    signs = x_of(0.7, -1.3, 2.1, -0.4)  # of a neighbour of the other sign, the mask is the inverted one
    assert names(mg.check_vjp(*RELU_INVERTED, signs)) == {"mask_inverted"}
    both = mg.check_vjp(*RELU_INVERTED, x_of(1.0, -1.0))
    assert names(both) == {"mask_inverted", "shifted"}
    assert "one of these (on these inputs they give the same numbers)" in str(both)


RELU_INVERTED = (lambda x: np.maximum(x, 0.0), lambda g, out, x: g * (x < 0))


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        (5.0, "too large by the factor 5, which is the size of axis 0 of input 0 (often the batch)"),
        (1 / 3, "too small by the factor 3, which is the size of axis 1 of input 0"),
        (1 / 15, "too small by the factor 15, which is the number of elements of input 0"),
        (2.0, "too large by the factor 2."),
        (-0.5, "too small by the factor 2, and the sign is flipped"),
        (0.75, "is 3/4 times what"),
        (0.123456, "is 0.123456 times what"),
    ],
)
def test_a_factor_is_said_in_words(ratio, words):
    report = mg.check_vjp(np.tanh, lambda g, out, x: ratio * g * (1.0 - out**2), normal(5, 3))
    assert names(report) == {"factor"}
    assert words in report.causes[0].text


def test_a_forgotten_use_among_three_is_named():
    f = lambda x: x + mg.exp(x) + mg.sin(x)  # noqa: E731
    for slope in (lambda x: 1.0 + np.cos(x), lambda x: 1.0 + np.exp(x), np.exp, np.cos):
        report = mg.check_vjp(f, lambda g, out, x, slope=slope: g * slope(x), normal(5))
        assert names(report) == {"last_use"}


def test_a_hypothesis_must_explain_the_error_and_not_only_be_near():
    """Moved by one place these gradients are within the tolerance of what was given, all but one of which are right."""
    x = x_of(1.0, 1.0004, 1.0008, 1.0012)
    report = mg.check_vjp(lambda x: (x**2).sum() / 2.0, lambda g, out, x: g * np.append(x[-1], x[1:]), x)
    assert names(report) == {"some_entries"}


def test_a_matrix_that_many_share_gets_the_sum():
    """The batch of a matrix product is broadcast, and has neither the shape of the result nor of another input."""
    rule = lambda g, out, a, b: (g @ b.T, a.swapaxes(1, 2) @ g)  # noqa: E731
    report = mg.check_vjp(np.matmul, rule, (normal(2, 3, 4), normal(4, 5)))
    assert [(cause.name, cause.input) for cause in report.causes] == [("not_summed", 1)]


def test_a_slope_near_one_is_not_a_forgotten_one():
    x = normal(4)
    degrees = mg.check_vjp(np.sin, lambda g, out, x: g * np.cos(x * np.pi / 180.0), x)
    assert names(degrees) == {"unknown"}
    assert names(mg.check_vjp(np.sin, lambda g, out, x: g, x)) == {"upstream_only"}


def test_an_upstream_gradient_to_be_reshaped_is_a_matter_of_shape():
    report = mg.check_vjp(lambda x: x.reshape(2, 3), lambda g, out, x: g, normal(6))
    assert names(report) == {"shape"}
    assert "The numbers are right" in report.causes[0].text


def test_a_constant_among_right_entries_is_a_wrong_entry():
    report = mg.check_vjp(np.tanh, lambda g, out, x: np.append((g * (1.0 - out * out))[:-1], 5.0), normal(6))
    assert names(report) == {"some_entries"}
    assert "wrong at [5]" in report.causes[0].text


def test_wrong_entries_are_said_in_few_words():
    for wrong, words in [
        ((1,), "wrong at row 1."),
        ((slice(None), [0, 2]), "wrong at column 0, 2."),
        (([0, 4], [1, 2]), "wrong at [0, 1], [4, 2]."),
    ]:
        factor = np.ones((5, 3))
        factor[wrong] = 3.0
        report = mg.check_vjp(np.tanh, lambda g, out, x, by=factor: by * g * (1.0 - out**2), normal(5, 3))
        assert words in report.causes[0].text
        assert {entry.index for entry in report.wrong} == {tuple(map(int, i)) for i in np.argwhere(factor == 3.0)}


# ---------------------------------------------------------------- what is right is not accused


NUMBERS = st.floats(-3.0, 3.0).filter(lambda x: abs(x) > 1e-3)


@pytest.mark.parametrize("name", SUBJECTS)
@given(data=st.data())
def test_a_right_backward_is_never_accused(name, data):
    subject = SUBJECTS[name]
    draw = data.draw
    n, m, k = (draw(st.integers(1, 4)) for _ in range(3))
    array = lambda *shape: draw(hnp.arrays(np.float64, shape, elements=NUMBERS))  # noqa: E731
    if name == "linear":
        inputs = array(n, m), array(k, m), array(k)
    elif name == "matmul":
        inputs = array(n, m), array(m, k)
    elif name == "cross entropy":
        inputs = array(n, m), draw(hnp.arrays(np.int64, n, elements=st.integers(0, m - 1)))
    elif name == "add":
        inputs = array(n, m), draw(st.sampled_from([array(m), array(1), array(n, 1), array(n, m)]))
    elif name == "gather":
        inputs = (array(4, m),)
    else:
        count = subject.rule.__code__.co_argcount - 2
        inputs = tuple(array(n, m) for _ in range(count))
    report = mg.check_vjp(subject.f, subject.rule, inputs)
    assert report or not report.compared, str(report)
    assert names(report) <= {"kink", "too_small"}


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (1,), (1, 1), (2, 1, 3)])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_odd_shapes_and_types_are_checked(shape, kind):
    x = normal(*shape).astype(kind)
    report = mg.check_vjp(np.tanh, lambda g, out, x: g * (1.0 - out * out), x, atol=1e-8, rtol=1e-8)
    assert report
    assert report.causes == ()
    assert report.compared == x.size
    assert bool(mg.check_vjp(np.tanh, lambda g, out, x: -g * (1.0 - out * out), x)) == (x.size == 0)


def test_large_numbers_are_not_accused():
    x = 1e6 * normal(4)
    assert mg.check_vjp(lambda x: x**2, lambda g, out, x: 2.0 * g * x, x)
    assert mg.check_vjp(np.sin, lambda g, out, x: g * np.cos(x), 100.0 * normal(4))


# ---------------------------------------------------------------- how it is called


def test_a_list_of_rules_and_tensors_will_do():
    rules = [lambda g, out, x, y: g * y, lambda g, out, x, y: g * x]
    x, y = normal(3), normal(3, seed=1)
    assert mg.check_vjp(np.multiply, rules, (x, y))
    assert mg.check_vjp(mg.mul, rules, [mg.tensor(x), mg.tensor(y)])
    assert mg.check_vjp(lambda x, y: mg.Tensor(x) * y, [lambda *a: mg.Tensor(rules[0](*a)), rules[1]], (x, y))
    report = mg.check_vjp(np.multiply, [rules[0], lambda *a: -rules[1](*a)], (x, y))
    assert [(cause.name, cause.input) for cause in report.causes] == [("sign", 1)]
    assert [(c.name, c.input) for c in mg.check_vjp(np.multiply, rules[:1], (x, y)).causes] == [("missing", 1)]
    assert mg.check_vjp(np.multiply, rules * 2, (x, y)).cause == "shape"
    for blank in (None, ...):
        report = mg.check_vjp(np.multiply, [rules[0], blank], (x, y))
        assert [(cause.name, cause.input) for cause in report.causes] == [("missing", 1)]


def test_an_input_of_integers_has_no_gradient_and_need_not_be_given_one():
    f, index = (lambda x, i: x[i]), np.array([2, 0])
    rule = lambda g, out, x, i: scatter(x, i, g)  # noqa: E731
    for vjp in (rule, lambda *a: (rule(*a),), lambda *a: (rule(*a), None), [rule, None], [rule]):
        report = mg.check_vjp(f, vjp, (normal(4), index))
        assert report
        assert set(report.numeric) == {0}


def writes_g(g, out, x):
    g[x < 0] = 0.0
    return g


def writes_out(g, out, x):
    out *= out
    return g * (1.0 - out)


def writes_x(g, out, x):
    x[:] = np.tanh(x)
    return g * (1.0 - x * x)


@pytest.mark.parametrize(
    ("f", "vjp", "what"),
    [
        (lambda x: np.maximum(x, 0.0), writes_g, "g"),
        (np.tanh, writes_out, "the output"),
        (np.tanh, writes_x, "input 0"),
    ],
)
def test_a_rule_that_writes_into_what_others_use(f, vjp, what):
    """The numbers are right in a check, and wrong in a graph, where another op has the same array."""
    x = normal(4)
    report = mg.check_vjp(f, vjp, x)
    assert not report
    assert report.cause == "writes_in_place"
    assert f"The rule writes into {what}, which others use" in str(report)
    np.testing.assert_array_equal(x, normal(4))


@pytest.mark.parametrize(("vjp", "what"), [(writes_g, "g"), (writes_out, "the output"), (writes_x, "argument 0")])
def test_a_rule_of_an_op_that_writes_into_what_others_use(vjp, what):
    @mg.primitive
    def squash(x):
        return np.tanh(x)

    squash.defvjps(vjp)
    x = np.array([1.0, -1.0, 2.0])
    with pytest.raises(mg.GradcheckError, match=f"`squash`: the rule of argument 0 writes into {what}, which") as error:
        mg.gradcheck(lambda x: squash(x) + x, x)
    assert error.value.report.cause == "writes_in_place"
    np.testing.assert_array_equal(x, [1.0, -1.0, 2.0])


def test_a_rule_that_may_write_into_its_own_arrays():
    def vjp(g, out, x):
        dx = g.copy()
        dx *= 1.0 - out * out
        return dx

    assert mg.check_vjp(np.tanh, vjp, normal(4))


ORDERS = [
    lambda x, out, g: g * (1.0 - out * out),
    lambda out, g, x: g * (1.0 - out * out),
    lambda x, g, out: g * (1.0 - out * out),
    lambda out, x, g: g * (1.0 - out * out),
]


@pytest.mark.parametrize("vjp", ORDERS)
@pytest.mark.parametrize("shape", [(4,), (2, 3)])
def test_arguments_in_another_order(vjp, shape):
    report = mg.check_vjp(np.tanh, vjp, normal(*shape))
    assert names(report) == {"argument_order"}


def test_a_rule_that_draws_random_numbers():
    rng = np.random.default_rng(0)
    report = mg.check_vjp(np.tanh, lambda g, out, x: g * (rng.random(x.shape) > 0.5), normal(4))
    assert names(report) == {"random"}


def test_nothing_could_be_compared():
    report = mg.check_vjp(lambda x: np.maximum(x, 0.0), lambda g, out, x: 0.3 * g, np.zeros(4))
    assert not report
    assert report.cause == "kink"
    assert "nothing could be compared, as every element lies next to a kink" in str(report)
    assert mg.check_vjp(np.tanh, lambda g, out, x: g, np.zeros((0, 3)))


def test_derivatives_that_are_too_small_to_tell():
    report = mg.check_vjp(lambda x: 1e-9 * x**2, lambda g, out, x: -2e-9 * g * x, normal(4))
    assert report
    assert report.cause == "too_small"
    assert "Note: All derivatives here are smaller than atol" in str(report)
    assert not mg.check_vjp(lambda x: 1e-9 * x**2, lambda g, out, x: -2e-9 * g * x, normal(4), atol=1e-13)


def test_an_error_names_the_line():
    def vjp(g, out, x):
        return g * slope  # noqa: F821

    report = mg.check_vjp(np.tanh, vjp, normal(4))
    assert report.causes[0].text == (
        "The rule raised NameError, in `return g * slope  # noqa: F821`: name 'slope' is not defined."
    )


def test_a_list_is_several_inputs():
    with pytest.raises(TypeError, match=r"f was called with 2 inputs; one input of several numbers is numpy.array"):
        mg.check_vjp(lambda x: np.tanh(x), lambda g, out, x: g * (1.0 - out * out), [0.5, 1.0])


def test_complex_numbers_are_named():
    assert "it returned an array of complex128." in str(mg.check_vjp(np.tanh, lambda g, out, x: 1j * g, normal(4)))


def test_what_a_rule_prints_is_not_repeated_by_the_diagnosis(capsys):
    def vjp(g, out, x):
        print("here")
        return g * np.tanh(x)

    assert mg.check_vjp(np.exp, vjp, normal(4)).cause == "unknown"
    assert capsys.readouterr().out.count("here") <= 3


ODD = [
    None,
    ...,
    [],
    (),
    "dx",
    {"x": 1.0},
    object(),
    [None],
    1j,
    np.array("a"),
    [[1.0], [2.0, 3.0]],
    True,
    np.nan,
    (1.0,) * 9,
]


@pytest.mark.parametrize("result", ODD, ids=[type(odd).__name__ + str(n) for n, odd in enumerate(ODD)])
def test_whatever_a_rule_returns_is_in_the_report(result):
    for inputs, f in (((normal(4, 3),), np.tanh), ((normal(3), normal(3, seed=1)), np.multiply)):
        report = mg.check_vjp(f, lambda *args: result, inputs)
        assert not report
        assert report.causes
        assert str(report)
        assert report._repr_html_()


@pytest.mark.parametrize(
    "error", [ValueError("two\nlines"), ZeroDivisionError(), NotImplementedError("todo"), IndexError("i")]
)
def test_whatever_a_rule_raises_is_in_the_report(error):
    def vjp(g, out, x):
        raise error

    report = mg.check_vjp(np.tanh, vjp, normal(4))
    assert report.cause == "error"
    assert type(error).__name__ in str(report)
    assert " ".join(str(error).split()) in str(report)


def test_a_rule_with_other_arguments_is_told_so():
    report = mg.check_vjp(np.tanh, lambda g, x: g, normal(4))
    assert report.cause == "error"
    assert "takes 2 positional arguments but 3 were given" in report.causes[0].text


@pytest.mark.parametrize(
    ("f", "vjp", "inputs", "error", "message"),
    [
        (3.0, np.tanh, 1.0, TypeError, "f must be a function of the inputs, got 3.0"),
        (np.tanh, 3.0, 1.0, TypeError, "vjp must be a function or a list of functions, got 3.0"),
        (np.tanh, lambda *a: a[0], 1, ValueError, "nothing to check: no input is of floats, such as 1.0"),
        (lambda x: (x, x), lambda *a: a[0], 1.0, TypeError, "f must return one array or number, got tuple"),
        (lambda x: None, lambda *a: a[0], 1.0, TypeError, "f must return one array or number, got None"),
        (lambda x: 1j * x, lambda *a: a[0], 1.0, TypeError, "f must return one array or number, got complex128"),
        (lambda x: np.array("a"), lambda *a: a[0], 1.0, TypeError, "f must return one array or number, got an array"),
        (lambda x: x * np.random.default_rng().random(), lambda *a: a[0], 1.0, ValueError, "fix its random numbers"),
    ],
)
def test_misuse_is_an_error(f, vjp, inputs, error, message):
    with pytest.raises(error, match=message):
        mg.check_vjp(f, vjp, inputs)


# ---------------------------------------------------------------- gradcheck names the op


def planted(forward, *rules):
    """An op of one or two arguments with rules of one's own."""

    def one(x):
        return forward(x)

    def two(x, y):
        return forward(x, y)

    op = mg.primitive(one if len(rules) == 1 else two)
    op.__name__ = "planted"
    op.defvjps(*rules)
    return op


def failing(check, f, inputs, **settings):
    with pytest.raises(mg.GradcheckError) as caught:
        check(f, inputs, **settings)
    return caught.value.report


OPS = [
    (planted(np.tanh, lambda g, out, x: g * (1.0 - x * x)), 0, {"at_input"}),
    (planted(np.exp, lambda g, out, x: -g * out), 0, {"sign"}),
    (planted(np.exp, lambda g, out, x: out), 0, {"upstream_ignored"}),
    (planted(np.add, lambda g, out, x, y: g, lambda g, out, x, y: 2.0 * g), 1, {"factor"}),
    (planted(np.multiply, lambda g, out, x, y: g * y, None), 1, {"no_gradient"}),
    (planted(np.matmul, lambda g, out, x, y: g @ y, lambda g, out, x, y: x.T @ g), 0, {"transposed"}),
]


@pytest.mark.parametrize(("op", "argument", "expected"), OPS)
def test_gradcheck_names_the_op_within_a_larger_function(op, argument, expected):
    def f(x, y):
        h = mg.sin(x) * 2.0
        h = op(h, y) if len(op.vjps) == 2 else op(h) + y
        return mg.softplus(h).sum(dim=0)

    report = failing(mg.gradcheck, f, (normal(3, 3), normal(3, 3, seed=1)))
    assert names(report) == expected
    assert all(cause.text.startswith(f"`planted`, argument {argument}: ") for cause in report.causes)


def test_a_rule_that_forgets_the_upstream_gradient_is_found_where_that_is_one():
    loss = planted(lambda x: np.square(x).mean(), lambda g, out, x: 2.0 * x / x.size)
    assert failing(mg.gradcheck, loss, normal(4)).cause == "upstream_ignored"


def test_the_input_that_an_argument_is_has_its_number():
    op = planted(np.multiply, lambda g, out, x, y: g * y, lambda g, out, x, y: -g * x)
    report = failing(mg.gradcheck, lambda x, y: op(y, x), (normal(3), normal(3, seed=1)))
    assert [(cause.name, cause.input) for cause in report.causes] == [("sign", 0)]


def test_two_wrong_rules_are_not_said_to_be_one_or_the_other():
    first = planted(np.tanh, lambda g, out, x: -g * (1.0 - out * out))
    second = planted(np.exp, lambda g, out, x: 2.0 * g * out)
    second.__name__ = "second"
    report = failing(mg.gradcheck, lambda x: second(mg.sin(first(mg.sin(x)))), normal(4))
    assert [(cause.name, cause.rule) for cause in report.causes] == [
        ("sign", "`planted`, argument 0"),
        ("factor", "`second`, argument 0"),
    ]
    assert str(report).count("Likely cause: ") == 2


def test_a_search_for_the_cause_leaves_gradients_of_others_alone():
    w = mg.tensor(normal(4), requires_grad=True)
    assert not mg.check_vjp(lambda x: w * x, lambda g, out, x: g * x * x, normal(4))
    with np.errstate(all="ignore"):
        failing(mg.gradcheck, lambda x: (w * x, mg.sqrt(0.0 * x)), normal(4))
    assert w.grad is None


DETACHED = [
    (lambda x: x * mg.Tensor(x.data), "argument 1 of `mul`"),
    (lambda x: mg.exp(x.detach()) + 0.0 * x, "argument 0 of `add`"),
    (lambda x: mg.tanh(x) * float(x.data.sum()), "argument 1 of `mul`"),
    (lambda x: mg.Tensor(np.exp(x.data)), "the result"),
]


@pytest.mark.parametrize(("f", "where"), DETACHED)
def test_what_goes_around_the_graph_is_named(f, where):
    report = failing(mg.gradcheck, f, normal(4))
    assert names(report) == {"detached"}
    assert f"{where} changes with input 0" in report.causes[0].text


def test_all_that_goes_around_the_graph_is_named():
    """The largest number may be taken off as a constant; the sum may not."""
    shifted = lambda x: mg.exp(x - x.data.max())  # noqa: E731
    report = failing(mg.gradcheck, lambda x: shifted(x) / shifted(x).data.sum(), normal(4))
    words = "argument 1 of `sub` changes with input 0, but is a constant for autograd, and so do argument 1 of `div`."
    assert words in report.causes[0].text


def test_second_order_names_what_is_detached_in_a_rule():
    op = planted(np.exp, lambda g, out, x: g * (out.data if isinstance(out, mg.Tensor) else out))
    report = failing(mg.gradgradcheck, op, normal(4))
    assert names(report) == {"detached"}


@pytest.mark.parametrize(
    ("f", "x", "words"),
    [
        (
            lambda x: mg.exp(mg.log(x)),
            x_of(1.0, -1.0),
            "Going forward, `log` is the first op whose result is nan at [1]",
        ),
        (lambda x: mg.sqrt(x * 0.0) * x, x_of(1.0, 2.0), "Going backward, `sqrt`, for its argument 0"),
    ],
)
def test_gradcheck_says_where_the_first_nan_is(f, x, words):
    with np.errstate(all="ignore"):
        report = failing(mg.gradcheck, f, x)
    assert names(report) == {"not_finite"}
    assert words in report.causes[0].text


def test_gradcheck_names_the_op_that_rounds():
    report = failing(mg.gradcheck, lambda x: mg.tanh(x.float()).double(), normal(8))
    assert names(report) == {"float32"}
    assert report.causes[0].text.startswith("`to`")


def test_gradcheck_notes_a_kink():
    report = mg.gradcheck(mg.relu, x_of(0.0, 1.0))
    assert report
    assert report.cause == "kink"
    assert mg.gradcheck(mg.relu, x_of(0.5, 1.0)).cause is None


# ---------------------------------------------------------------- what the report looks like


def a_report(**changes):
    subject = SUBJECTS["linear"]
    x, w, b = subject.inputs[0]
    rule = lambda g, out, x, w, b: (g @ w, -g.T @ x, g)  # noqa: E731
    return mg.check_vjp(subject.f, rule, (x, w, b), **changes)


def test_the_report_holds_both_gradients():
    report = a_report()
    assert set(report.analytic) == set(report.numeric) == {0, 1, 2}
    np.testing.assert_allclose(report.analytic[1], -report.numeric[1], atol=1e-7)
    assert report.analytic[2].shape == (5, 2)
    assert report.unusable == (2,)
    assert {entry.input for entry in report.wrong} == {1}
    np.testing.assert_allclose([entry.ratio for entry in report.wrong], -1.0, atol=1e-6)
    _, w, _ = SUBJECTS["linear"].inputs[0]
    np.testing.assert_allclose(report.numeric[0], report.upstream @ w, atol=1e-7)


def test_the_report_reads_well_in_a_terminal():
    report = a_report()
    text = str(report)
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 100
    lines = text.splitlines()
    assert lines[0] == "check_vjp: 6 of 21 derivatives disagree; the gradient of input 2 has the wrong shape"
    assert lines[1].startswith("upstream gradient g, drawn at random: ")
    assert lines[2] == "input 1, shape (2, 3): 6 of 6 wrong"
    assert lines[3].split() == ["index", "analytic", "numeric", "error", "ratio"]
    assert "input 2, shape (2,): the gradient has shape (5, 2)" in lines
    assert any(line.startswith("Likely cause for input 1: The sign") for line in lines)
    assert any(line.startswith("Likely cause for input 2: Not summed over axis 0") for line in lines)


def test_seeds_draw_other_upstream_gradients_and_find_the_same():
    reports = [a_report(seed=seed) for seed in range(3)]
    assert len({report.upstream.tobytes() for report in reports}) == 3
    assert len({report.causes for report in reports}) == 1


def test_the_report_is_a_table_in_a_notebook():
    html = a_report()._repr_html_()
    assert html.count("<table") == 4  # both gradients of two inputs
    assert html.count("font-weight:bold") == 12
    assert "Likely cause for input 1: The sign" in html
    large = mg.check_vjp(np.tanh, lambda g, out, x: -g, normal(20, 20))._repr_html_()
    assert large.count("<tr>") == 11  # the worst ten
    assert "<script" not in mg.check_vjp(np.tanh, lambda *a: {}["<script>"], 1.0)._repr_html_()
    right = mg.check_vjp(np.tanh, lambda g, out, x: g * (1.0 - out * out), normal(3))
    assert "3 derivatives agree" in right._repr_html_()
    assert "<table" not in right._repr_html_()
