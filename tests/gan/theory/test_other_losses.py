"""Smoothed labels, least squares and the Wasserstein distance, at other inputs than the example's and by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gan.data import Discrete, Mixture, Normal
from gan.theory import chi_square, wasserstein
from gan.theory.duality import parallel_lines, three_ways, wasserstein_of_normals
from gan.theory.optimum import highest
from gan.theory.other_losses import label_smoothing, least_squares, smoothed_discriminator

LOG_2 = math.log(2.0)


@given(st.floats(0.1, 1.0), st.lists(st.tuples(st.floats(0.01, 5.0), st.floats(0.01, 5.0)), max_size=4))
def test_smoothed_labels(alpha, others):
    p, q = np.array([(1.0, 1.0), *others]).T
    statements = label_smoothing(p, q, alpha)
    assert all(s.holds for s in statements)
    assert statements[1].left == pytest.approx(0.5 * alpha, rel=1e-9)
    np.testing.assert_allclose(smoothed_discriminator(p, q, alpha), alpha * p / (p + q), rtol=1e-15)


def test_reference_value_of_smoothed_labels():
    assert label_smoothing(np.ones(1), np.ones(1), 0.9)[1].left == pytest.approx(0.45, rel=1e-12)


@pytest.mark.parametrize("q", [Normal(2.0), Normal(0.3, 0.5), Mixture([Normal(-2.0, 0.7), Normal(2.0)])])
def test_least_squares(q):
    p = Normal()
    found = least_squares(p, q)
    assert all(s.holds for s in found.statements())
    share = p.density(found.x) / (p.density(found.x) + q.density(found.x))
    np.testing.assert_allclose(found.d, 2.0 * share - 1.0, atol=1e-9)
    both = Mixture([p, q])  # half of p + q, from which q is the chi-square that 2q is from p + q, over 2
    assert found.criterion == pytest.approx(2.0 * chi_square(q, both), rel=1e-6)


def test_least_squares_where_both_are_the_same():
    found = least_squares(Normal(), Normal())
    assert found.criterion == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_allclose(found.d, 0.0, atol=1e-12)


@pytest.mark.parametrize(("a", "b", "loss"), [(0.0, 1.0, 0.25), (-1.0, 1.0, 1.0)])
def test_the_loss_of_least_squares_at_the_end(a, b, loss):
    """Where p = q the best D is halfway between the labels, and the loss is a quarter of their difference squared."""
    best = highest(lambda d: -0.5 * (d - b) ** 2 - 0.5 * (d - a) ** 2, (), a, b).item()
    assert best == pytest.approx(0.5 * (a + b), abs=1e-12)
    assert 0.5 * (best - b) ** 2 + 0.5 * (best - a) ** 2 == pytest.approx(loss, rel=1e-12)


def test_two_lines():
    pytest.importorskip("scipy")
    theta = [0.0, 0.5, 1.0, 2.0, -3.0, 1e-3]
    found = parallel_lines(theta, points=5)
    np.testing.assert_allclose(found.distance, np.abs(theta), atol=1e-9)
    np.testing.assert_allclose(found.divergence, [0.0] + [LOG_2] * 5, atol=1e-12)
    assert all(s.holds for s in found.statements())


@settings(max_examples=20)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_duality(n, m, seed):
    pytest.importorskip("scipy")
    rng = np.random.default_rng(seed)
    p, q = (Discrete(rng.normal(shift, 1.0, size), rng.uniform(0.1, 1.0, size)) for shift, size in ((0.0, n), (1.0, m)))
    found = three_ways(p, q)
    assert all(s.holds for s in found.statements())
    assert found.transport.distance == pytest.approx(wasserstein(p, q), rel=1e-9, abs=1e-9)
    assert found.steepest == pytest.approx(1.0, abs=1e-9)  # where mass moves, and some does


@pytest.mark.parametrize("shift", [3.0, -0.5, 0.0])
def test_two_normals(shift):
    (statement,) = wasserstein_of_normals(shift)
    assert statement.holds
    assert statement.left == pytest.approx(abs(shift), abs=1e-12)
