"""Rules read off their source: those of the table are evaluated in test_steps.py, here is what a user may write."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.inspect.formula import Shaped, factor_of, read_rule, written

VECTOR = Shaped((3,), np.dtype(np.float64))


def text(rule, **values):
    expression = read_rule(
        rule, {"g": "dL/dy", "out": "y", "x": "x"}, {"g": VECTOR, "out": VECTOR, "x": VECTOR} | values
    )
    return None if expression is None else written(expression)


def local(rule):
    expression = read_rule(rule, {"g": "dL/dy", "out": "y", "x": "x"}, {"g": VECTOR, "out": VECTOR, "x": VECTOR})
    factor = factor_of("dL/dy", expression)
    return None if factor is None else written(factor)


def _slope(x):
    return 2.0 * x


def _of_two_kinds(x, is_square):
    if is_square:
        return 2.0 * x
    return 3.0 * x * x


def branching(g, out, x, *, exponent):
    """A rule with a docstring, a local variable and two ends."""
    if exponent == 0:
        return 0.0 * g
    slope = exponent * x ** (exponent - 1)
    return g * slope


def looping(g, out, x):
    for _ in range(3):
        g = g * x
    return g


def test_numbers_are_written_as_people_do():
    assert text(lambda g, out, x: g * 1.0) == "dL/dy"
    assert text(lambda g, out, x: 1.0 * g / 3.0) == "dL/dy / 3"
    assert text(lambda g, out, x: -1.0 * g * x**1) == "-dL/dy * x"
    assert text(lambda g, out, x: g * 0.123456789) == "dL/dy * 0.1235"
    assert text(lambda g, out, x: g * (-2.0) ** x) == "dL/dy * (-2) ** x"


def test_shapes_and_options_are_worked_out():
    assert text(lambda g, out, x: g / x.size) == "dL/dy / 3"
    assert text(lambda g, out, x: g.reshape(x.shape)) == "(dL/dy).reshape((3,))"
    assert text(lambda g, out, x: g[tuple(slice(1, n) for n in x.shape)]) == "(dL/dy)[1:3]"
    assert text(branching, exponent=3) == "dL/dy * (3 * x ** 2)"
    assert text(branching, exponent=2) == "dL/dy * (2 * x)"
    assert text(branching, exponent=0) == "0 * dL/dy"


def test_private_helpers_are_opened_and_others_are_named():
    assert text(lambda g, out, x: g * _slope(x)) == "dL/dy * (2 * x)"
    assert text(lambda g, out, x: g * _of_two_kinds(x, is_square=True)) == "dL/dy * (2 * x)"
    assert text(lambda g, out, x: g * _of_two_kinds(x, False)) == "dL/dy * (3 * x * x)"
    assert text(lambda g, out, x: g * mg.tanh(x)) == "dL/dy * mg.tanh(x)"


def test_variables_around_a_rule_are_known():
    scale, inner = 4.0, lambda x: x * x
    assert text(lambda g, out, x: g * scale * inner(x)) == "dL/dy * 4 * (x * x)"


def test_two_rules_in_one_line_are_told_apart():
    first, second = lambda g, out, x: g * x, lambda g, out, x: g * out
    assert (text(first), text(second)) == ("dL/dy * x", "dL/dy * y")


def test_what_cannot_be_read():
    assert text(looping) is None
    made = {}
    exec("rule = lambda g, out, x: g * x", made)  # there is no file to look it up in
    assert text(made["rule"]) is None


@pytest.mark.parametrize(
    ("rule", "factor"),
    [
        (lambda g, out, x: g, "1"),
        (lambda g, out, x: -g, "-1"),
        (lambda g, out, x: -g * out / x, "-y / x"),
        (lambda g, out, x: x * g, "x"),
        (lambda g, out, x: g * x + 2.0 * g, "x + 2"),
        (lambda g, out, x: mg.exp(g), None),
        (lambda g, out, x: g * g, None),
        (lambda g, out, x: x / g, None),
        (lambda g, out, x: g + x, None),
        (lambda g, out, x: g.sum() * x, None),
    ],
)
def test_the_factor(rule, factor):
    assert local(rule) == factor


def test_a_rule_of_ones_own_in_a_step():
    @mg.primitive
    def cube(x):
        return x**3

    cube.defvjps(lambda g, out, x: g * 3.0 * x**2)
    x = mg.tensor(2.0, requires_grad=True)
    (step,) = mg.backward_steps(cube(x))
    assert step.sends[0].formula == "dL/dv1 * 3 * x ** 2"
    assert step.sends[0].local == 12.0


def test_to_read_a_rule_does_not_run_what_has_effects():
    rng, drawn = np.random.default_rng(0), []

    def draw():
        drawn.append(rng.random())
        return drawn[-1]

    assert text(lambda g, out, x: g * rng.random()) == "dL/dy * rng.random()"
    assert text(lambda g, out, x: g * draw()) == "dL/dy * draw()"
    assert text(lambda g, out, x: g * np.random.rand()) == "dL/dy * np.random.rand()"  # noqa: NPY002
    assert not drawn
    assert rng.random() == np.random.default_rng(0).random()
