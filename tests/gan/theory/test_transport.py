"""W1 by quantiles against closed forms and SciPy, the linear program against W1, what plans and potentials are."""

import importlib.util
import math
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gan.data import Discrete, Mixture, Normal, Uniform
from gan.theory import optimal_transport, wasserstein

LOW_HALF = math.sqrt(2.0 / math.pi)  # E |z| of normal z, so that the mean of those below 0 is minus this


@st.composite
def discretes(draw):
    n = draw(st.integers(1, 8))
    values = draw(st.lists(st.floats(-10.0, 10.0), min_size=n, max_size=n))
    return Discrete(values, draw(st.lists(st.floats(0.01, 1.0), min_size=n, max_size=n)))


# ---------------------------------------------------------------- by quantiles


@settings(max_examples=20)
@given(st.floats(-5.0, 5.0), st.floats(0.1, 3.0), st.floats(-5.0, 5.0), st.floats(0.1, 3.0))
def test_two_normals(m, s, n, t):
    """All quantiles differ by a normal number: |mean| of N(m - n, (s - t) ** 2), the mean of a folded normal."""
    shift, spread = m - n, abs(s - t)
    expected = abs(shift)
    if spread > 1e-9:
        tail = math.exp(-0.5 * (shift / spread) ** 2)
        expected = spread * LOW_HALF * tail + shift * math.erf(shift / spread / math.sqrt(2.0))
    assert wasserstein(Normal(m, s), Normal(n, t)) == pytest.approx(expected, rel=1e-7, abs=3e-7)


@pytest.mark.parametrize(
    ("p", "q", "distance"),
    [
        (Uniform(0.0, 1.0), Uniform(2.0, 3.0), 2.0),
        (Uniform(0.0, 1.0), Uniform(0.0, 2.0), 0.5),
        (Uniform(-1.0, 1.0), Uniform(-3.0, 3.0), 1.0),
        (Uniform(0.0, 1.0), Discrete([0.0]), 0.5),
        (Uniform(0.0, 1.0), Discrete([0.0, 1.0]), 0.25),
        (Discrete([0.5]), Normal(0.5, 2.0), 2.0 * LOW_HALF),
        (Discrete([0.0, 1.0]), Discrete([0.0, 1.0], [0.25, 0.75]), 0.25),
        (Discrete([0.0, 5.0]), Discrete([1.0, 3.0, 9.0], [0.25, 0.25, 0.5]), 3.0),
    ],
)
def test_by_hand(p, q, distance):
    assert wasserstein(p, q) == pytest.approx(distance, abs=5e-7)
    assert wasserstein(q, p) == pytest.approx(distance, abs=5e-7)


def test_two_narrow_modes():
    """From N(0, 0.1 ** 2) one half goes to each: quantiles leap where u = 1/2, and there many cells have to be."""
    modes = Mixture([Normal(-3.0, 0.1), Normal(3.0, 0.1)])
    assert wasserstein(modes, Normal(0.0, 0.1)) == pytest.approx(3.0 - 0.1 * LOW_HALF, abs=3e-7)


def test_a_distribution_function_in_place_of_quantiles():
    """W1 is also the integral over x of |F_p - F_q|."""
    special = pytest.importorskip("scipy.special")
    p, q = Mixture([Normal(-3.0, 0.1), Uniform(3.0, 5.0)], [0.3, 0.7]), Normal()
    x = np.linspace(-10.0, 10.0, 400_001)
    of_p = 0.3 * special.ndtr((x + 3.0) / 0.1) + 0.7 * np.clip(0.5 * (x - 3.0), 0.0, 1.0)
    expected = np.trapezoid(abs(of_p - special.ndtr(x)), x)
    assert wasserstein(p, q) == pytest.approx(expected, abs=3e-7)


def test_probabilities_that_round_to_less_than_1():
    """Ten times 0.1 is 1 - 1e-16: between that and 1 there is no number whose quantile could be asked for."""
    p = Discrete(range(11), [0.1] * 10 + [0.0])
    assert wasserstein(p, Normal()) == pytest.approx(4.5, abs=1e-2)


@given(discretes(), discretes())
def test_scipy_agrees(p, q):
    stats = pytest.importorskip("scipy.stats")
    expected = stats.wasserstein_distance(p.values, q.values, p.probabilities, q.probabilities)
    assert wasserstein(p, q) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_two_samples():
    """Of as many numbers each: sorted, the first goes to the first."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.0, 1.0, 500), rng.normal(1.0, 2.0, 500)
    assert wasserstein(Discrete(a), Discrete(b)) == pytest.approx(abs(np.sort(a) - np.sort(b)).mean(), rel=1e-12)


@given(discretes(), discretes(), discretes())
def test_it_is_a_distance(p, q, r):
    assert wasserstein(p, q) == pytest.approx(wasserstein(q, p), rel=1e-12, abs=1e-12)
    assert wasserstein(p, p) == 0.0
    assert wasserstein(p, r) <= wasserstein(p, q) + wasserstein(q, r) + 1e-12
    assert wasserstein(p, q) >= abs(p.mean - q.mean) - 1e-12


@given(st.floats(-3.0, 3.0), st.floats(0.1, 5.0), discretes(), discretes())
def test_in_another_unit(shift, scale, p, q):
    moved = [Discrete(shift + scale * d.values, d.probabilities) for d in (p, q)]
    assert wasserstein(*moved) == pytest.approx(scale * wasserstein(p, q), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("wrong", [np.ones(3), [1.0, 2.0], lambda x: x, None])
def test_what_is_not_a_distribution_is_refused(wrong):
    with pytest.raises(TypeError, match=r"wasserstein: q must be a distribution, .* got ") as error:
        wasserstein(Normal(), wrong)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("p", "q"),
    [
        (Normal(), Normal(1.0, 2.0)),
        (Mixture([Normal(-2.0, 0.3), Normal(2.0, 0.5)], [1.0, 3.0]), Normal(0.5)),
        (Normal(), Normal(3.0)),
    ],
)
def test_on_a_grid(p, q):
    """Distributions, functions and arrays on a grid: the area between the distribution functions, by another way."""
    x = np.linspace(-20.0, 20.0, 8001)
    expected = wasserstein(p, q)
    for given_p, given_q in ((p, q), (p.density, q), (p.density(x), q.density), (p.density(x), q.density(x))):
        assert wasserstein(given_p, given_q, x) == pytest.approx(expected, abs=1e-5)
    assert wasserstein(2.0 * p.density(x), 0.5 * q.density(x), x) == pytest.approx(expected, abs=1e-5)
    assert wasserstein(p, p, x) == 0.0


# ---------------------------------------------------------------- as a linear program


NEEDS_SCIPY = pytest.mark.skipif(importlib.util.find_spec("scipy") is None, reason="could not import scipy")


@NEEDS_SCIPY
@given(discretes(), discretes())
def test_the_program_finds_what_quantiles_find(p, q):
    solved = optimal_transport(p.probabilities, p.values, q.probabilities, q.values)
    expected = wasserstein(p, q)
    assert solved.distance == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert solved.dual == pytest.approx(expected, rel=1e-9, abs=1e-9)
    dual = p.probabilities @ solved.potential_p - q.probabilities @ solved.potential_q
    assert dual == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert (solved.plan >= 0.0).all()
    np.testing.assert_allclose(solved.plan.sum(axis=1), p.probabilities, atol=1e-9)
    np.testing.assert_allclose(solved.plan.sum(axis=0), q.probabilities, atol=1e-9)


@NEEDS_SCIPY
@pytest.mark.parametrize("dimensions", [1, 2, 5])
def test_a_program_in_space(dimensions):
    """The potential's slope is 1 wherever mass is moved, and nowhere above."""
    rng = np.random.default_rng(dimensions)
    x, y = rng.standard_normal((7, dimensions)), 1.0 + rng.standard_normal((9, dimensions))
    p, q = rng.dirichlet(np.ones(7)), rng.dirichlet(np.ones(9))
    solved = optimal_transport(p, x, q, y)
    assert solved.plan.shape == (7, 9)
    points, f = np.concatenate([x, y]), np.concatenate([solved.potential_p, solved.potential_q])
    cost = np.sqrt(((points[:, None] - points) ** 2).sum(axis=-1))
    assert (abs(f[:, None] - f) <= cost + 1e-9).all()
    rises = (f[:7, None] - f[7:])[solved.plan > 1e-9]
    np.testing.assert_allclose(rises, cost[:7, 7:][solved.plan > 1e-9], atol=1e-9)
    assert solved.distance == pytest.approx((solved.plan * cost[:7, 7:]).sum(), rel=1e-12)
    assert solved.dual == pytest.approx(solved.distance, rel=1e-9)


@NEEDS_SCIPY
def test_a_program_by_hand():
    """Two corners of a square hold the mass, and go to the others: straight along the sides, 1 each."""
    corners = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([[0.0, 1.0], [1.0, 0.0]])
    half = np.full(2, 0.5)
    assert optimal_transport(half, corners[0], half, corners[1]).distance == pytest.approx(1.0, rel=1e-12)
    assert optimal_transport([3.0], [[0.0, 0.0]], [1.0, 2.0], [[3.0, 4.0], [0.0, 1.0]]).distance == pytest.approx(7.0)


MISTAKES = {
    r"masses \(2,\), \(1,\) do not fit points \(3, 1\), \(1, 1\)": ([0.5, 0.5], [0.0, 1.0, 2.0], [1.0], [0.0]),
    r"masses \(1,\), \(1,\) do not fit points \(1, 2\), \(1, 1\)": ([1.0], [[0.0, 0.0]], [1.0], [0.0]),
    "equal sums above 0, got 1 and 0.9": ([1.0], [0.0], [0.9], [0.0]),
    "masses are 0 or more, got -0.5": ([1.5, -0.5], [0.0, 1.0], [1.0], [0.0]),
    "equal sums above 0, got 0 and 0": ([0.0], [0.0], [0.0], [0.0]),
    "masses are 0 or more, got nan": ([math.nan], [0.0], [1.0], [0.0]),
}


@pytest.mark.parametrize("message", MISTAKES)
def test_a_mistake_is_named_in_one_line(message):
    with pytest.raises(ValueError, match=message) as error:
        optimal_transport(*MISTAKES[message])
    assert "\n" not in str(error.value)


def test_without_scipy_an_error_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(ModuleNotFoundError, match=r"optimal_transport needs SciPy: python -m pip install scipy"):
        optimal_transport([1.0], [0.0], [1.0], [0.0])
