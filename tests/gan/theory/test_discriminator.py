"""D*, V and C(G): by hand, for every form of input, and estimated from samples, many times over."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from gan.data import Discrete, Mixture, Normal, Uniform
from gan.theory import LOG_4, best_value, jsd, optimal_discriminator, optimal_logits, sampled_value, value

X = np.linspace(-16.0, 16.0, 3201)

means = st.floats(-3.0, 3.0)
stds = st.floats(0.5, 1.5)


# ---------------------------------------------------------------- D*


def test_optimal_discriminator():
    p, q = np.array([0.0, 0.0, 1.0, 3.0, 2.0, 1e300]), np.array([0.0, 2.0, 0.0, 1.0, np.inf, 1e300])
    np.testing.assert_allclose(optimal_discriminator(p, q), [0.5, 0.0, 1.0, 0.75, 0.0, 0.5], rtol=1e-15)
    np.testing.assert_allclose(optimal_logits(p, q)[:4], [0.0, -np.inf, np.inf, math.log(3.0)], rtol=1e-15)
    assert optimal_discriminator(1.0, 3.0) == pytest.approx(0.25, rel=1e-15)
    np.testing.assert_allclose(optimal_discriminator(np.array([1, 3]), 1), [0.5, 0.75], rtol=1e-15)


def test_two_coins():
    p, q = np.array([0.5, 0.5]), np.array([0.7, 0.3])
    np.testing.assert_allclose(optimal_discriminator(p, q), [0.4167, 0.625], atol=5.1e-5)
    assert best_value(p, q) == pytest.approx(-1.34428, abs=5.1e-6)
    by_hand = 0.5 * math.log(5 / 12) + 0.5 * math.log(5 / 8) + 0.7 * math.log(7 / 12) + 0.3 * math.log(3 / 8)
    assert best_value(p, q) == pytest.approx(by_hand, rel=1e-14)
    assert value(p, q, [5 / 12, 5 / 8]) == pytest.approx(by_hand, rel=1e-14)


def test_at_points_in_any_order_and_of_any_shape():
    """Such as samples; and far from both, where neither density is a float."""
    p, q = Normal(), Normal(2.0)
    x = np.array([[3.0, -1.0], [60.0, 1.0]])
    np.testing.assert_allclose(optimal_logits(p, q, x), 2.0 - 2.0 * x, rtol=1e-12)
    np.testing.assert_allclose(optimal_discriminator(p, q, x), 1.0 / (1.0 + np.exp(2.0 * x - 2.0)), rtol=1e-12)
    np.testing.assert_allclose(optimal_logits(p, q.density, x[0]), 2.0 - 2.0 * x[0], rtol=1e-12)
    sample = p.sample(5, np.random.default_rng(0))
    assert optimal_logits(p, q, sample).shape == (5, 1)
    assert optimal_discriminator(p, q, 1.0) == pytest.approx(0.5, rel=1e-15)


@pytest.mark.parametrize("far", [39.0, 100.0, 1e4])
def test_where_no_density_is_a_float(far):
    """N(0, 1) at 39 is exp(-760), 0 in floats; the logarithms know which one is larger, and by how much."""
    p, q = Normal(), Normal(2.0)
    assert optimal_logits(p, q, far) == pytest.approx(2.0 - 2.0 * far, rel=1e-12)
    assert optimal_discriminator(p, q, -far) == pytest.approx(1.0, rel=1e-15)


# ---------------------------------------------------------------- V, and C(G)


@pytest.mark.parametrize(("mean", "best"), [(0, -1.38629), (1, -1.16345), (2, -0.71263), (4, -0.12085)])
def test_reference_values(mean, best):
    p, q = Normal(), Normal(mean)
    assert best_value(p, q) == pytest.approx(best, abs=5.1e-6)
    assert best_value(p.density(X), q.density(X), X) == pytest.approx(best, abs=5.1e-6)
    assert value(p, q, lambda x: optimal_discriminator(p, q, x)) == pytest.approx(best, abs=5.1e-6)


def test_reference_value_at_the_start_of_the_example():
    assert best_value(Normal(4.0, 0.5), Normal()) == pytest.approx(-0.02255, abs=5.1e-6)


@given(means, stds, means, stds, st.integers(0, 2**32 - 1))
def test_the_best_value_is_minus_log_4_plus_2_jsd_and_nothing_is_above(m, s, n, t, seed):
    p, q = Normal(m, s).density(X), Normal(n, t).density(X)
    best = best_value(p, q, X)
    d_star = optimal_discriminator(p, q)
    assert value(p, q, d_star, X) == pytest.approx(best, rel=1e-12, abs=1e-12)
    assert best == pytest.approx(-LOG_4 + 2.0 * jsd(p, q, X), rel=1e-12, abs=1e-12)
    rng = np.random.default_rng(seed)
    anything = rng.uniform(0.001, 0.999, X.size)
    nearly = np.clip(d_star + 0.01 * rng.standard_normal(X.size), 1e-6, 1.0 - 1e-6)
    for d in (anything, nearly, np.full(X.size, rng.uniform(0.01, 0.99))):
        assert value(p, q, d, X) < best


def test_units_are_nats():
    """log 4 and log 2 in bits are 2 and 1; the slope of V(D*) by the divergence is 2 in any unit."""
    divergences, values = (np.array([f(Normal(), Normal(m)) for m in (0.5, 1.0, 2.0, 3.0)]) for f in (jsd, best_value))
    slope, intercept = np.polyfit(divergences, values, 1)
    assert (slope, intercept) == pytest.approx((2.0, -2.0 * math.log(2.0)), abs=1e-9)


def test_an_undecided_discriminator():
    """D = 1/2 has the value -log 4 whatever p and q are: as a number, an array or a function."""
    p, q = Mixture([Normal(-2.0, 0.5), Uniform(0.0, 1.0)]), Normal(1.0)
    for d in (0.5, lambda x: np.full_like(x, 0.5), lambda x: 0.5):
        assert value(p, q, d) == pytest.approx(-LOG_4, rel=1e-9)
    assert value([0.2, 0.8], [0.9, 0.1], [0.5, 0.5]) == pytest.approx(-LOG_4, rel=1e-14)


def test_a_discriminator_that_is_surely_wrong():
    p, q = Normal().density(X), Normal(1.0).density(X)
    assert value(p, q, np.zeros_like(X), X) == -math.inf
    assert value(p, q, np.ones_like(X), X) == -math.inf
    assert value(p, 0.0 * q, np.ones_like(X), X) == 0.0
    assert value([1.0, 0.0], [0.0, 1.0], [1.0, 0.0]) == 0.0
    assert value([1.0, 0.0], [1e-3, 0.999], [1.0, 0.0]) == -math.inf


def test_d_star_that_rounds_to_1_is_not_surely_wrong():
    """p = N(0, 1), q = N(12, 1): at 0 D* is 1 - exp(-72), which is 1 in floats, and q is not 0."""
    p, q = Normal(), Normal(12.0)
    d = optimal_discriminator(p, q, np.array([0.0]))
    assert d == 1.0
    assert q.density(0.0) > 0.0
    got = value(p, q, lambda x: optimal_discriminator(p, q, x))
    assert got == pytest.approx(best_value(p, q), abs=1e-12)
    assert -1e-7 < got < 0.0


@pytest.mark.parametrize(
    ("d", "message"),
    [
        (np.full(4, 0.5), r"value: d has shape \(4,\), the points have \(3201,\)"),
        (1.5, "value: d must be probabilities, between 0 and 1"),
        (-0.1, "value: d must be probabilities, between 0 and 1"),
        (lambda x: np.full_like(x, np.nan), "value: d must be probabilities, between 0 and 1"),
    ],
)
def test_what_is_no_discriminator_is_refused(d, message):
    with pytest.raises(ValueError, match=message) as error:
        value(Normal(), Normal(), d, X)
    assert "\n" not in str(error.value)


# ---------------------------------------------------------------- estimated from samples


def test_sampled_value_by_hand():
    """Logits log 3 and -log 3 are probabilities 3/4 and 1/4; a variance is divided by n - 1, and one by n."""
    s = math.log(3.0)
    found = sampled_value(np.array([[s], [-s]]), np.array([s, -s, -s, -s]))
    log_d = np.log([3 / 4, 1 / 4])
    log_not_d = np.log([1 / 4, 3 / 4, 3 / 4, 3 / 4])
    assert found.value == pytest.approx(log_d.mean() + log_not_d.mean(), rel=1e-14)
    expected = math.sqrt(log_d.var(ddof=1) / 2 + log_not_d.var(ddof=1) / 4)
    assert found.standard_error == pytest.approx(expected, rel=1e-14)


def test_sampled_value_of_sure_logits():
    found = sampled_value(np.array([1000.0, -1000.0]), np.array([-1000.0, -1000.0]))
    assert found.value == pytest.approx(-500.0, rel=1e-12)
    assert found.standard_error == pytest.approx(500.0, rel=1e-12)


PAIRS = {
    "normals": (Normal(), Normal(2.0)),
    "widths": (Normal(0.0, 0.7), Normal(0.5, 1.5)),
    "mixture": (Mixture([Normal(-2.0, 0.5), Normal(2.0, 0.5)]), Normal(1.0)),
    "discrete": (Discrete([0.0, 1.0, 2.0], [0.5, 0.3, 0.2]), Discrete([0.0, 1.0, 2.0], [0.1, 0.3, 0.6])),
}


@pytest.mark.parametrize("seed", range(10, 13))
@pytest.mark.parametrize("name", PAIRS)
def test_samples_agree_with_the_integral_within_their_error(name, seed):
    """400 estimates from 300 samples of the data and 200 of the generator: right on average, and as wide as they say.

    An average of 400 is off by 4.5 standard errors once in 150,000 times; a standard deviation is known to 3.5 %.
    """
    (p, q), rng, repeats = PAIRS[name], np.random.default_rng(seed), 400
    real, fake = (optimal_logits(p, q, source.sample(repeats, rng, n)) for source, n in ((p, 300), (q, 200)))
    found = [sampled_value(*rows) for rows in zip(real, fake, strict=True)]
    values, errors = (np.array([getattr(e, key) for e in found]) for key in ("value", "standard_error"))
    assert abs(values.mean() - best_value(p, q)) < 4.5 * errors.mean() / math.sqrt(repeats)
    assert values.std(ddof=1) == pytest.approx(errors.mean(), rel=0.16)


@pytest.mark.parametrize(("real", "fake"), [([0.0], [0.0, 1.0]), ([0.0, 1.0], [0.0]), ([], [0.0, 1.0])])
def test_one_sample_has_no_standard_error(real, fake):
    with pytest.raises(ValueError, match="sampled_value: needs two samples or more"):
        sampled_value(real, fake)


def test_samples_of_points_that_float32_rounds():
    """Samples are float32, in which 0.1 is another number."""
    values = [0.1, 0.7]
    p, q = Discrete(values, [0.3, 0.7]), Discrete(values, [0.8, 0.2])
    rng = np.random.default_rng(0)
    logits = [optimal_logits(p, q, source.sample(100_000, rng)) for source in (p, q)]
    estimate = sampled_value(*logits)
    assert estimate.value == pytest.approx(best_value(p, q), abs=5.0 * estimate.standard_error)
    assert 0.0 < estimate.standard_error < 0.01


def test_what_is_no_number_stays_none():
    """The samples of a generator that has diverged must not look like the end of a perfect game."""
    assert np.isnan(optimal_discriminator(Normal(), Normal(2.0), np.array([np.nan, 0.0]))).tolist() == [True, False]


def test_a_discrete_distribution_beside_a_density_is_refused():
    with pytest.raises(ValueError, match="optimal_discriminator: a discrete distribution has no density"):
        optimal_discriminator(Discrete([0.0]), Normal(), [0.0])


def test_a_network_for_its_probabilities():
    with pytest.raises(TypeError, match="value: d must be probabilities at x, got a network"):
        value(Normal(), Normal(1.0), mg.nn.Linear(1, 1))
