"""Distributions on the line: densities, samples, quantiles, what is refused."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan.data import Discrete, Mixture, Normal, Uniform

DISTRIBUTIONS = {
    "N(0, 1)": Normal(),
    "N(4, 0.5)": Normal(4.0, 0.5),
    "U(-1, 1)": Uniform(),
    "U(2, 2.5)": Uniform(2.0, 2.5),
    "equal mixture": Mixture([Normal(2.0, 0.4), Normal(5.0, 0.6)]),
    "unequal mixture": Mixture([Normal(-1.0, 0.3), Uniform(0.0, 2.0), Normal(4.0, 1.0)], [1.0, 2.0, 5.0]),
    "mixture of mixtures": Mixture([Mixture([Normal(), Normal(3.0)]), Uniform()], [3.0, 1.0]),
}
EACH = pytest.mark.parametrize("data", DISTRIBUTIONS.values(), ids=DISTRIBUTIONS.keys())
N = 100_000


def grid(data, points=200_001):
    low, high = data.support()
    return np.linspace(low - 1.0, high + 1.0, points)


@EACH
def test_density_integrates_to_1_with_the_mean_and_std_that_it_says(data):
    x = grid(data)
    p = data.density(x)
    assert p.min() >= 0.0
    moments = [np.trapezoid(x**i * p, x) for i in range(3)]
    assert moments[0] == pytest.approx(1.0, abs=1e-4)
    assert moments[1] == pytest.approx(data.mean, abs=1e-4)
    assert math.sqrt(moments[2] - moments[1] ** 2) == pytest.approx(data.std, abs=1e-3)


@EACH
def test_samples_have_that_mean_and_std(data):
    """Within 4.5 standard errors, of which that of the variance comes from the sample's fourth moment."""
    sample = data.sample(N, np.random.default_rng(0)).astype(float).ravel()
    assert abs(sample.mean() - data.mean) < 4.5 * data.std / math.sqrt(N)
    squares = (sample - data.mean) ** 2
    assert abs(squares.mean() - data.std**2) < 4.5 * squares.std() / math.sqrt(N)


@EACH
def test_samples_follow_the_quantiles(data):
    u = np.linspace(0.02, 0.98, 25)
    sample = data.sample(N, np.random.default_rng(1)).ravel()
    below = (sample[:, None] < data.quantile(u)).mean(axis=0)
    assert (np.abs(below - u) < 4.5 * np.sqrt(u * (1.0 - u) / N)).all()


@EACH
def test_quantiles_are_where_the_density_says(data):
    x = grid(data)
    p = data.density(x)
    below = np.append(0.0, np.cumsum(0.5 * (p[1:] + p[:-1]) * np.diff(x)))
    u = np.array([[1e-3, 0.1, 0.5], [0.75, 0.9, 0.999]])
    quantiles = data.quantile(u)
    assert quantiles.shape == u.shape
    np.testing.assert_allclose(np.interp(quantiles, x, below), u, atol=2e-4)


@EACH
@pytest.mark.parametrize(("n", "size"), [(5, 1), (1, 3), (0, 2), (7, 2)])
def test_samples_are_rows_of_float32(data, n, size):
    sample = data.sample(n, np.random.default_rng(0), size)
    assert (sample.shape, sample.dtype) == ((n, size), np.float32)
    np.testing.assert_array_equal(sample, data.sample(n, np.random.default_rng(0), size))


@EACH
def test_numbers_of_a_row_are_independent(data):
    sample = data.sample(N, np.random.default_rng(2), 2)
    assert abs(np.corrcoef(sample.T)[0, 1]) < 4.5 / math.sqrt(N)


@EACH
def test_the_support_holds_all(data):
    low, high = data.support()
    sample = data.sample(N, np.random.default_rng(3))
    assert low <= sample.min()
    assert sample.max() <= high
    np.testing.assert_allclose(data.density(np.array([low - 0.1, high + 0.1])), 0.0, atol=1e-13)


@given(st.floats(-100.0, 100.0), st.floats(0.01, 100.0), st.floats(0.001, 0.999))
def test_normal_and_uniform_in_closed_form(mean, std, u):
    normal = Normal(mean, std)
    assert normal.density(np.array(mean + std)) == pytest.approx(math.exp(-0.5) / (std * math.sqrt(2.0 * math.pi)))
    at = normal.quantile(np.array(u))
    assert 0.5 * math.erfc((mean - at) / (std * math.sqrt(2.0))) == pytest.approx(u, rel=1e-9)
    uniform = Uniform(mean, mean + std)
    assert uniform.quantile(np.array(u)) == pytest.approx(mean + u * std)
    assert (uniform.mean, uniform.std) == pytest.approx((mean + 0.5 * std, std / math.sqrt(12.0)))
    ends = np.array([uniform.low, uniform.high])
    np.testing.assert_allclose(uniform.density(ends), 1.0 / (uniform.high - uniform.low))
    np.testing.assert_array_equal(uniform.density(np.array([mean - 0.01, mean + std + 0.01])), 0.0)


def test_weights_of_a_mixture():
    data = Mixture([Uniform(0.0, 1.0), Uniform(2.0, 3.0), Uniform(4.0, 5.0)], [1.0, 2.0, 5.0])
    np.testing.assert_allclose(data.weights, [0.125, 0.25, 0.625])
    np.testing.assert_allclose(data.density(np.array([0.5, 1.5, 2.5, 4.5])), [0.125, 0.0, 0.25, 0.625])
    sample = data.sample(N, np.random.default_rng(0))
    for low, share in zip((0.0, 2.0, 4.0), data.weights, strict=True):
        got = ((sample >= low) & (sample <= low + 1.0)).mean()
        assert abs(got - share) < 4.5 * math.sqrt(share * (1.0 - share) / N)
    np.testing.assert_array_equal(Mixture([Normal(), Normal(1.0)]).weights, [0.5, 0.5])


@EACH
def test_log_density_and_grid(data):
    x = np.append(grid(data, 101), data.mean)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(data.log_density(x), np.log(data.density(x)), rtol=1e-9)
    points = data.grid(2001)
    assert len(points) >= 2001
    assert (np.diff(points) > 0).all()
    assert np.trapezoid(data.density(points), points) == pytest.approx(1.0, abs=2e-6)


def test_log_densities_too_small_for_a_float():
    assert Normal(1.0, 0.5).log_density(np.array(101.0)) == pytest.approx(
        -20000.0 - math.log(0.5 * math.sqrt(2 * math.pi))
    )
    both = Mixture([Normal(), Normal(10.0)], [0.25, 0.75])
    assert both.density(np.array(-50.0)) == 0.0
    expected = Normal().log_density(np.array(-50.0)) + math.log(0.25)
    assert both.log_density(np.array(-50.0)) == pytest.approx(expected, rel=1e-12)
    np.testing.assert_array_equal(Uniform().log_density(np.array([-2.0, 0.0])), [-math.inf, -math.log(2.0)])


def test_the_grid_of_a_mixture_sees_a_needle():
    both = Mixture([Normal(), Normal(3.0, 1e-4)], [0.5, 0.5])
    x = both.grid(201)
    assert np.trapezoid(both.density(x), x) == pytest.approx(1.0, abs=1e-3)


# ---------------------------------------------------------------- one of several numbers

DICE = Discrete([3.0, 1.0, 2.0, 1.0], [2.0, 1.0, 4.0, 1.0])  # 1 stands there twice


def test_what_a_discrete_distribution_is():
    np.testing.assert_array_equal(DICE.values, [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(DICE.probabilities, [0.25, 0.5, 0.25])
    assert (DICE.mean, DICE.std) == pytest.approx((2.0, math.sqrt(0.5)))
    assert DICE.support() == (1.0, 3.0)
    np.testing.assert_array_equal(
        DICE.density(np.array([[0.0, 1.0], [2.0, 2.5], [3.0, 4.0]])), [[0, 0.25], [0.5, 0], [0.25, 0]]
    )
    np.testing.assert_array_equal(DICE.log_density(np.array([0.0, 1.0])), [-math.inf, math.log(0.25)])
    np.testing.assert_array_equal(DICE.grid(100), DICE.values)


def test_values_alone_are_all_alike():
    data = Discrete([5.0, -1.0, 5.0, 2.0])
    np.testing.assert_array_equal(data.probabilities, [0.25, 0.25, 0.5])
    assert (data.mean, data.std) == pytest.approx((2.75, np.std([5.0, -1.0, 5.0, 2.0])))
    one = Discrete(4.0)
    assert (one.mean, one.std, one.quantile(np.array(0.3))) == (4.0, 0.0, 4.0)


def test_quantiles_of_a_discrete_distribution():
    u = np.array([[1e-9, 0.25, 0.2501], [0.75, 0.76, 1.0 - 1e-9]])
    np.testing.assert_array_equal(DICE.quantile(u), [[1.0, 1.0, 2.0], [2.0, 3.0, 3.0]])


def test_samples_of_a_discrete_distribution():
    sample = DICE.sample(N, np.random.default_rng(0), 2)
    assert (sample.shape, sample.dtype) == ((N, 2), np.float32)
    values, counts = np.unique(sample, return_counts=True)
    np.testing.assert_array_equal(values, DICE.values)
    share = DICE.probabilities
    assert (abs(counts / (2 * N) - share) < 4.5 * np.sqrt(share * (1.0 - share) / (2 * N))).all()
    assert abs(np.corrcoef(sample.T)[0, 1]) < 4.5 / math.sqrt(N)


def test_what_is_impossible_is_not_drawn():
    data = Discrete([0.0, 1.0], [0.0, 1.0])
    assert data.sample(100, np.random.default_rng(0)).min() == 1.0
    np.testing.assert_array_equal(data.density(np.array([0.0, 1.0])), [0.0, 1.0])


@given(st.lists(st.tuples(st.integers(-5, 5), st.floats(0.01, 1.0)), min_size=1, max_size=8), st.floats(0.001, 0.999))
def test_any_discrete_distribution(pairs, u):
    values, weights = np.array(pairs).T
    data = Discrete(values, weights)
    assert data.probabilities.sum() == pytest.approx(1.0, rel=1e-12)
    for value in range(-6, 7):
        expected = weights[values == value].sum() / weights.sum()
        assert data.density(np.array(float(value))) == pytest.approx(expected, rel=1e-12)
    at = data.quantile(np.array(u))
    below, to = (data.probabilities[data.values < at].sum(), data.probabilities[data.values <= at].sum())
    assert below <= u + 1e-12
    assert u <= to + 1e-12


MISTAKES = {
    "Normal: std must be above 0, got 0.0": lambda: Normal(0.0, 0.0),
    "Normal: std must be above 0, got -1.0": lambda: Normal(0.0, -1.0),
    "Normal: std must be above 0, got nan": lambda: Normal(0.0, math.nan),
    "Uniform: low must be below high, got 1.0 and 1.0": lambda: Uniform(1.0, 1.0),
    "Uniform: low must be below high, got 2.0 and 1.0": lambda: Uniform(2.0, 1.0),
    "2 components need as many weights above 0, got .1.": lambda: Mixture([Normal(), Normal()], [1.0]),
    "2 components need as many weights above 0, got .1. 0.": lambda: Mixture([Normal(), Normal()], [1.0, 0.0]),
    "1 components need as many weights above 0, got .nan": lambda: Mixture([Normal()], [math.nan]),
    "0 components need": lambda: Mixture([]),
    r"values are a list of numbers, got an array of shape \(0,\)": lambda: Discrete([]),
    r"values are a list of numbers, got an array of shape \(1, 2\)": lambda: Discrete([[0.0, 1.0]]),
    r"values are a list of numbers, got an array of shape \(2,\)": lambda: Discrete([0.0, math.inf]),
    "Discrete: 2 values need as many probabilities, 0 or more, got .1.": lambda: Discrete([0.0, 1.0], [1.0]),
    "Discrete: 2 values need as many probabilities, 0 or more, got . 1.5 -0.5": lambda: Discrete(
        [0.0, 1.0], [1.5, -0.5]
    ),
    "Discrete: 2 values need as many probabilities, 0 or more, got .0. 0.": lambda: Discrete([0.0, 1.0], [0.0, 0.0]),
    "Discrete: 1 values need as many probabilities, 0 or more, got .nan": lambda: Discrete([0.0], [math.nan]),
}


@pytest.mark.parametrize("message", MISTAKES)
def test_a_mistake_is_named_in_one_line(message):
    with pytest.raises(ValueError, match=message) as error:
        MISTAKES[message]()
    assert "\n" not in str(error.value)


def test_a_discrete_distribution_is_no_component_of_a_mixture():
    with pytest.raises(
        TypeError, match="components need a density, which a Discrete has not; give it all values at once"
    ):
        Mixture([Normal(), Discrete([0.0])])
