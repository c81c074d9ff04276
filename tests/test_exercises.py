"""Each exercise on gradients: the blank is met with a helpful message, the solution passes, mistakes are told apart.

Such an exercise asks for the rule ``f_vjp`` of a function ``f``.
"""

from __future__ import annotations

import ast
import re

import pytest
from exercises import NOTEBOOKS, Exercise, read_all

#: How the layers of notebook 07 move.
HALVED = ", stride=2, padding=1"

#: What students write, for the body of each rule, and the cause that the report is to name.
WRONG = {
    "cube": [
        ("return 3 * x**2", "upstream_ignored"),
        ("return g * x**2", "factor"),
        ("return g", "upstream_only"),
    ],
    "tanh": [
        ("return g * (1 - x**2)", "at_input"),
        ("return g * (1 - np.tanh(out) ** 2)", "at_output"),
        ("return g * (out**2 - 1)", "sign"),
    ],
    "sigmoid": [
        ("return g * x * (1 - x)", "at_input"),
        ("return -g * out * (1 - out)", "sign"),
        ("return out * (1 - out)", "upstream_ignored"),
    ],
    "relu": [
        ("return g * (x < 0)", "mask_inverted"),
        ("return g", "upstream_only"),
        ("return 1.0 * (x > 0)", "upstream_ignored"),
    ],
    "multiply": [
        ("return g * x, g * y", "swapped"),
        ("return y, x", "upstream_ignored"),
        ("return g * y", "missing"),
    ],
    "add_bias": [
        ("return g, g", "not_summed"),
        ("return g, g.sum(axis=1)", "wrong_axis"),
        ("return g, g.mean(axis=0)", "factor"),
    ],
    "mse": [
        ("return g * 2 * (p - t), g * 2 * (t - p)", "factor"),
        ("return g * 2 * (p - t) / p.size, g * 2 * (p - t) / p.size", "sign"),
        ("return 2 * (p - t) / p.size, 2 * (t - p) / p.size", "upstream_ignored"),
    ],
    "linear": [
        ("return g @ w, x.T @ g, g.sum(axis=0)", "transposed"),
        ("return g @ w, g.T @ x, g", "not_summed"),
        ("return g @ w.T, g.T @ x, g.sum(axis=0)", "transposed"),
    ],
    "softmax": [
        ("return g * out * (1 - out)", "diagonal_only"),
        ("return out * (g - (g * out).sum(axis=0))", "wrong_axis"),
        ("return out * (1 - out)", "upstream_ignored"),
    ],
    "cross_entropy": [
        ("return g * (softmax(logits) - np.eye(3)[labels])", "factor"),
        ("return g * (np.eye(3)[labels] - softmax(logits)) / len(labels)", "sign"),
        ("return g * softmax(logits) / len(labels)", "some_entries"),
    ],
    "swish": [
        ("return g * mg.sigmoid(x)", "last_use"),
        ("s = mg.sigmoid(x)\nreturn s + x * s * (1 - s)", "upstream_ignored"),
    ],
    "take_rows": [
        ("dx = np.zeros_like(x)\ndx[index] += g\nreturn dx", "last_use"),
        ("return g", "upstream_only"),
    ],
    "patches": [
        (
            "dx = np.zeros_like(x)\nfor row, (i, j) in zip(g, np.ndindex(2, 2)):\n"
            "    dx[i : i + 3, j : j + 3] = row.reshape(3, 3)\nreturn dx",
            "last_use",
        ),
        ("return g", "upstream_only"),
    ],
    "look": [
        (f"return mg.conv_transpose2d(g, w{HALVED}), mg.conv2d_weight(x, w.shape, g{HALVED})", "shape"),
        (f"return mg.conv_transpose2d(g, w{HALVED}, output_padding=1), mg.conv2d_weight(x, w.shape, g)", "error"),
    ],
    "paint": [
        (f"return mg.conv2d(g, w{HALVED}), mg.conv2d_weight(y, w.shape, g{HALVED})", "error"),
        (f"return mg.conv2d(out, w{HALVED}), mg.conv2d_weight(out, w.shape, y{HALVED})", "argument_order"),
    ],
    "meet": [
        ("return mg.conv2d(x, g), mg.conv_transpose2d(y, g)", "swapped"),
        ("return -mg.conv_transpose2d(y, g), mg.conv2d(x, g)", "sign"),
    ],
}


def _rules(exercises: dict[str, Exercise]) -> dict[str, Exercise]:
    """Those that ask for a rule, by the names of the functions whose rule it is."""
    return {name.removesuffix("_vjp"): exercise for name, exercise in exercises.items() if name.endswith("_vjp")}


BLANK, SOLVED = _rules(read_all(NOTEBOOKS)), _rules(read_all(NOTEBOOKS / "solutions"))
each_exercise = pytest.mark.parametrize("name", BLANK)
each_mistake = pytest.mark.parametrize(
    ("name", "body", "cause"), [(name, *mistake) for name, mistakes in WRONG.items() for mistake in mistakes]
)


def _check(name: str, body: str):
    """What the check cell shows when the student has written this body."""
    space: dict = {}
    cells = [exercise.cell for exercise in BLANK.values() if exercise.notebook == BLANK[name].notebook]
    *statements, last = BLANK[name].check_cell.strip().splitlines()
    exec("\n".join([BLANK[name].preparation, *cells, BLANK[name].with_body(body), *statements]), space)
    return eval(last, space)


def _names(report) -> list[str]:
    """All causes that explain the numbers; on some inputs several do."""
    return [cause.name for cause in report.causes]


def _shown(report) -> str:
    return f"{report}\n{report._repr_html_()}".replace(" ", "")


def _parts(body: str) -> list[str]:
    """All products, sums and calls that a solution is made of, without spaces."""
    nodes = [node for node in ast.walk(ast.parse(body)) if isinstance(node, ast.BinOp | ast.Call | ast.Compare)]
    return [ast.unparse(node).replace(" ", "") for node in nodes]


def test_there_are_enough_exercises():
    assert len(BLANK) >= 12
    titles = [[(exercise.notebook, exercise.title) for exercise in book.values()] for book in (BLANK, SOLVED)]
    assert titles[0] == titles[1]


@each_exercise
def test_the_solution_is_one_of_the_same_exercise(name):
    blank, solved = BLANK[name], SOLVED[name]
    assert solved.with_body("return ...") == blank.with_body("return ...")
    assert solved.check_cell == blank.check_cell


@each_exercise
def test_a_check_is_short(name):
    assert len(BLANK[name].check_cell.strip().splitlines()) <= 3


@each_exercise
def test_the_blank_is_met_with_a_helpful_message(name):
    body = BLANK[name].body
    assert re.fullmatch(r"return (\.\.\.|\(\.\.\.(, \.\.\.)+\))", body)
    report = _check(name, body)
    assert not report
    assert {cause.name for cause in report.causes} == {"missing"}
    assert "The rule returns ... so far: write the gradient in its place." in str(report)


@each_exercise
def test_the_solution_passes(name):
    report = _check(name, SOLVED[name].body)
    assert report, report
    assert report.cause is None
    assert report.compared


@each_exercise
def test_there_are_typical_mistakes_with_different_causes(name):
    assert len({cause for _, cause in WRONG.get(name, [])}) >= 2


@each_mistake
def test_a_mistake_is_named_and_told_from_the_others(name, body, cause):
    report = _check(name, body)
    assert not report
    assert cause in _names(report), report
    others = [other for other, other_cause in WRONG[name] if other_cause != cause]
    assert _names(report) not in [_names(_check(name, other)) for other in others]


@each_mistake
def test_the_report_does_not_give_the_answer_away(name, body, cause):
    shown = _shown(_check(name, body))
    assert [part for part in _parts(SOLVED[name].body) if part in shown] == []


@each_exercise
def test_hints_come_in_steps_and_stop_short_of_the_answer(name):
    hints = BLANK[name].hints
    assert [int(number) for number, _ in hints] == list(range(1, len(hints) + 1))
    assert len(hints) >= 2
    text = "".join(text for _, text in hints).replace(" ", "")
    answer = [line.removeprefix("return ").replace(" ", "") for line in SOLVED[name].body.splitlines()]
    assert not all(line in text for line in answer)
