"""The pictures of the theory show the numbers that they are given."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from gan.data import Discrete, Normal
from gan.theory import Transport, descent, duality, propositions
from gan.viz import theory as draw
from minigrad import nn


def _up(mu):
    return mu


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (lambda mu: None, "must return a number for each mu: at -1 it returns None"),
        (lambda mu: np.zeros(3), "must return a number for each mu: at -1 it returns ndarray"),
        (lambda mu: "1", "must return a number for each mu: at -1 it returns '1'"),
        (lambda mu: mu if mu < 1 else np.nan, "must return a finite number for each mu: at 1 it returns nan"),
        (lambda mu: mu if mu < 1 else ..., "returns ... so far: type the printed formula in its place"),
    ],
)
def test_what_cannot_be_compared_is_said(answer, problem):
    answer.__name__ = "formula"
    figure = Figure()
    assert draw.compare(figure, answer, _up, mu=(-1.0, 0.0, 1.0)) == f"formula {problem}"
    assert [line.get_label() for line in figure.axes[0].lines] == ["measured"]


@pytest.mark.parametrize("kind", [int, float, np.float32, np.float64, np.array])
def test_any_number_can_be_compared(kind):
    assert draw.compare(Figure(), lambda mu: kind(mu), _up, mu=(-1.0, 0.0, 1.0)).endswith("no residual")


def test_a_comparison_names_the_worst_place():
    assert draw.compare(Figure(), lambda mu: mu + 0.25 * (mu > 0), _up).endswith("a residual of as much as 0.25")


def test_bands_go_from_where_mass_is_to_where_it_is_needed_and_are_as_broad_as_their_mass():
    figure = Figure()
    result = duality.Duality(
        Discrete([0.0, 3.0], [0.75, 0.25]),
        Discrete([1.0, 4.0], [0.5, 0.5]),
        Transport(1.5, np.array([[0.5, 0.25], [0.0, 0.25]]), np.array([2.0, -1.0]), np.array([1.0, -2.0])),
        1.5,
    )
    draw.duality(figure, result)
    plan, potential = figure.axes
    bands = [(*line.get_xdata(), line.get_linewidth()) for line in plan.lines]
    assert bands == [(0.0, 1.0, 20.0), (0.0, 4.0, 10.0), (3.0, 4.0, 10.0)]
    assert [text.get_text() for text in plan.texts] == ["0.5", "0.25", "0.25"]
    assert "1.5" in plan.get_title()
    assert potential.lines[0].get_xydata().tolist() == [[0.0, 2.0], [1.0, 1.0], [3.0, -1.0], [4.0, -2.0]]
    assert "1.75" in potential.get_title()


def test_descent_is_shown_until_it_is_there():
    figure = Figure()
    result = descent.descend(np.array([0.25, 0.75]), np.array([0.5, 0.5]))
    draw.descent(figure, result)
    last = figure.axes[0].get_xlim()[1]
    assert 0 < last < len(result.path) - 1
    assert np.allclose(result.path[int(last)], result.p, atol=1e-3)


def test_the_picture_of_a_discriminator_reaches_beyond_the_samples():
    figure, still = Figure(), nn.Linear(1, 1, rng=0)
    result = propositions.trained_discriminator(Normal(), still, steps=2, batch_size=4, looks=2)
    draw.trained_discriminator(figure, result)
    low, high = figure.axes[0].get_xlim()
    seen = result.x[result.p + result.q > 1e-3]
    assert low < seen[0] - 1.0
    assert high > seen[-1] + 1.0
