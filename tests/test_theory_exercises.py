"""Each exercise on a formula: a blank is met with a sentence, what is printed leaves a residual, what is right none."""

from __future__ import annotations

import ast
import functools

import matplotlib as mpl
import numpy as np
import pytest
from exercises import NOTEBOOKS, read_all
from matplotlib.figure import Figure

from gan.viz.theory import RED

#: What the notebook says is printed, for the last line of each function.
PRINTED = {
    "c_by_jsd": "return jsd(P, q) - LOG_4",
    "v_of_best": "return E(p, np.log(d)) + E(p, np.log(1 - d))",
    "c_by_kl": "return -LOG_4 + kl(p, (q + q) / 2, X) + kl(q, (p + q) / 2, X)",
    "c_in_units": "return -LOG_4 + 2 * (0.5 * E(p, np.log2(p / m)) + 0.5 * E(q, np.log2(q / m)))",
    "goes_down": "return 2 * jsd(P, q)",
    "twice_c": "return chi_square(p + q, 2 * q, X)",
}

BLANK, SOLVED = (
    {name: exercise for name, exercise in read_all(folder).items() if exercise.notebook == "10_theory"}
    for folder in (NOTEBOOKS, NOTEBOOKS / "solutions")
)
each_exercise = pytest.mark.parametrize("name", BLANK)


@functools.cache
def _preparation() -> dict[str, object]:
    """What is there before the first exercise; what is measured is measured once for all of them."""
    space: dict[str, object] = {}
    exec(next(iter(BLANK.values())).preparation, space)
    return {key: functools.cache(value) if key.startswith("measured") else value for key, value in space.items()}


def _check(name: str, body: str) -> tuple[str, Figure]:
    """The sentence and the figure of the check, when the student has written this body."""
    figure, sentences = Figure(), []
    space = {**_preparation(), "narrow": lambda: figure, "print": sentences.append}
    exec(BLANK[name].with_body(body) + "\n" + BLANK[name].check_cell.removesuffix("plt.show()\n"), space)
    (sentence,) = sentences
    assert figure.axes[0].get_title() == sentence
    return sentence, figure


def _with_last_line(name: str, line: str) -> str:
    return "\n".join([*BLANK[name].body.splitlines()[:-1], line])


def _red_area(figure: Figure) -> float:
    """How high the red area is, where it is highest."""
    if not figure.axes[0].collections:
        return 0.0
    (area,) = figure.axes[0].collections
    assert mpl.colors.same_color(area.get_facecolor()[0, :3], RED)
    points = area.get_paths()[0].vertices
    return max(np.ptp(points[points[:, 0] == x, 1]) for x in np.unique(points[:, 0]))


def test_the_exercises_are_those_of_the_solutions():
    assert len(BLANK) >= 5
    assert list(PRINTED) == list(BLANK) == list(SOLVED)
    assert [e.title for e in BLANK.values()] == [e.title for e in SOLVED.values()]


@each_exercise
def test_the_solution_is_one_of_the_same_exercise(name):
    blank, solved = BLANK[name], SOLVED[name]
    assert solved.with_body("return ...") == blank.with_body("return ...")
    assert solved.body.splitlines()[:-1] == blank.body.splitlines()[:-1]
    assert solved.check_cell == blank.check_cell


def test_the_solutions_measure_the_same():
    def functions(source: str) -> dict[str, str]:
        return {node.name: ast.unparse(node) for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}

    here, there = (functions(next(iter(book.values())).preparation) for book in (BLANK, SOLVED))
    assert there.items() <= here.items()


@each_exercise
def test_the_blank_is_met_with_a_helpful_sentence(name):
    assert BLANK[name].body.splitlines()[-1] == "return ..."
    sentence, figure = _check(name, BLANK[name].body)
    assert sentence == f"{name} returns ... so far: type the printed formula in its place"
    assert not figure.axes[0].collections
    assert [line.get_label() for line in figure.axes[0].lines] == ["measured"]


@each_exercise
def test_the_printed_formula_leaves_a_residual(name):
    sentence, figure = _check(name, _with_last_line(name, PRINTED[name]))
    worst = _red_area(figure)
    assert worst > 0.2
    assert sentence == f"{name}: a residual of as much as {worst:.3g}"


@each_exercise
def test_the_right_formula_leaves_none(name):
    sentence, figure = _check(name, SOLVED[name].body)
    assert sentence == f"{name}: no residual"
    assert _red_area(figure) < 1e-6


@each_exercise
def test_hints_come_in_steps_and_stop_short_of_the_answer(name):
    hints = BLANK[name].hints
    assert [int(number) for number, _ in hints] == [1, 2]
    answer = SOLVED[name].body.splitlines()[-1].removeprefix("return ").replace(" ", "")
    assert answer not in BLANK[name].text.replace(" ", "")
