"""The four propositions: what is found is what can be worked out otherwise, also at other inputs than the example's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from gan.data import Discrete, Mixture, Normal, Uniform
from gan.theory import LOG_4, jsd, optimal_discriminator
from gan.theory.descent import best_value_of, convexity, descend, nearest_probabilities, parametrised_descent
from gan.theory.optimum import highest, highest_value
from gan.theory.propositions import criterion, pointwise_maximum, trained_discriminator
from minigrad import nn


def narrow():
    """G(z) = z / 2 + 1 / 2, whose samples lie too close together."""
    generator = nn.Linear(1, 1)
    nn.init.constant_(generator.weight, 0.5)
    nn.init.constant_(generator.bias, 0.5)
    return generator


# ---------------------------------------------------------------- 1: the best discriminator


@given(st.lists(st.tuples(st.floats(1e-3, 10.0), st.floats(1e-3, 10.0)), min_size=1, max_size=5))
def test_the_maximum_of_a_log_y_plus_b_log_1_minus_y(weights):
    a, b = np.array(weights).T
    found = pointwise_maximum(a, b)
    np.testing.assert_allclose(found.y, a / (a + b), rtol=1e-12)
    np.testing.assert_allclose(found.curvature, -((a + b) ** 3) / (a * b), rtol=1e-9)  # -a / y^2 - b / (1 - y)^2
    f = a * np.log(found.y) + b * np.log(1.0 - found.y)
    for y in (0.999 * found.y, 1.0 - 0.999 * (1.0 - found.y), np.full(a.shape, 0.5)):
        assert (a * np.log(y) + b * np.log(1.0 - y) <= f + 1e-12).all()


def test_highest_between_ends():
    """Within, at either end, and for several at once."""
    tops = np.array([-3.0, 0.25, 1.5, 7.0])
    np.testing.assert_allclose(
        highest(lambda y: -((y - tops) ** 2), (4,), -1.0, 2.0), [-1.0, 0.25, 1.5, 2.0], atol=1e-12
    )
    assert highest(lambda y: mg.log(y) * 1e20 + mg.log(1.0 - y), ()) == pytest.approx(1.0, rel=1e-15)


@pytest.mark.parametrize(("mean", "best"), [(1.0, -1.16345), (4.0, -0.12085)])
def test_highest_value(mean, best):
    x = np.linspace(-10.0, 14.0, 2401)
    assert highest_value(Normal(), Normal(mean), x) == pytest.approx(best, abs=5.1e-6)


@pytest.fixture(scope="module")
def trained():
    generator = narrow()
    return generator, trained_discriminator(Normal(), generator, seed=7)


def test_a_trained_discriminator_comes_near(trained):
    _, found = trained
    assert found.distance[-1] < 0.05
    assert found.value.max() <= found.best + 1e-9
    assert all(s.holds for s in found.statements())


def test_what_is_told_of_the_training(trained):
    generator, found = trained
    assert (found.steps[0], found.steps[-1], len(found.steps)) == (0, 1500, 41)
    assert (np.diff(found.steps) > 0).all()
    samples = Normal(0.5, 0.5)
    np.testing.assert_allclose(found.q, samples.density(found.x), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found.d_star, optimal_discriminator(Normal(), samples, found.x), atol=1e-6)
    seen = Normal().density(found.x) + samples.density(found.x) > 1e-3
    assert found.distance[-1] == pytest.approx(abs(found.d - found.d_star)[seen].max(), rel=1e-9)
    assert found.best == pytest.approx(-LOG_4 + 2.0 * jsd(Normal(), samples), abs=1e-6)
    assert found.distance[0] > 0.2
    assert found.value[-1] > found.value[0] + 0.1
    assert [p.item() for p in generator.parameters()] == [0.5, 0.5]
    assert all(p.requires_grad and p.grad is None for p in generator.parameters())


def test_far_out_too_the_distance_counts_but_not_where_nobody_is():
    """After one step D is worst in the tails."""
    found = trained_discriminator(Normal(), narrow(), steps=1, looks=2)
    off, both = abs(found.d - found.d_star), found.p + found.q
    assert found.distance[-1] == pytest.approx(off[both > 1e-3].max(), rel=1e-9)
    assert off[both > 1e-2].max() < found.distance[-1] < off.max()


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 105))
def test_a_trained_discriminator_over_seeds(seed):
    found = trained_discriminator(Normal(), narrow(), seed=seed)
    print(f"\nseed {seed}: |D - D*| at most {found.distance[-1]:.4f}, C - V {found.best - found.value[-1]:.6f}", end="")
    assert all(s.holds for s in found.statements())


# ---------------------------------------------------------------- 2: C(G) = -log 4 + 2 JSD

FAMILIES = {
    "widths": (Normal(), [Normal(0.0, s) for s in (0.3, 0.8, 1.5, 3.0)], None),
    "all sorts": (Mixture([Normal(-2.0), Uniform(0.0, 1.0)]), [Normal(), Uniform(), Normal(9.0)], None),
    "probabilities": (np.array([0.5, 0.5]), [np.array([q, 1.0 - q]) for q in (0.0, 0.1, 0.7, 1.0)], None),
    "discrete": (Discrete([0.0, 1.0]), [Discrete([0.0, 2.0]), Discrete([1.0]), Discrete([5.0])], None),
    "grid": (Normal().density, [Normal(1.0).density, Normal(2.0).density], np.linspace(-10.0, 12.0, 1101)),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_c_is_a_line_over_any_family(name):
    found = criterion(*FAMILIES[name])
    assert found.line == pytest.approx((2.0, -LOG_4), abs=1e-9)
    assert all(s.holds for s in found.statements())


def test_a_family_with_p_in_it_has_no_more_room():
    """TV is 0 there, and C not larger: the bound is met."""
    found = criterion(Normal(), [Normal(), Normal(1.0)])
    assert found.variation[0] == 0.0
    assert found.best[0] == pytest.approx(-LOG_4, rel=1e-12)


# ---------------------------------------------------------------- 3: descent on q itself


@given(st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_the_discriminator_of_each_q_gives_c(n, seed):
    p, q = np.random.default_rng(seed).dirichlet(np.ones(n), 2)
    assert best_value_of(p, mg.Tensor(q)).item() == pytest.approx(-LOG_4 + 2.0 * jsd(p, q), abs=1e-9)


@pytest.mark.parametrize("seed", range(5, 8))
def test_c_is_convex_for_any_p(seed):
    p = np.random.default_rng(seed).dirichlet(np.full(5, 5.0))
    found = convexity(p, points=10, seed=seed)
    assert all(s.holds for s in found.statements())


@pytest.mark.parametrize("n", [2, 3, 7])
def test_descent_ends_at_p_from_anywhere(n):
    rng = np.random.default_rng(n)
    p, start = 0.5 / n + 0.5 * rng.dirichlet(np.ones(n)), 0.2 / n + 0.8 * rng.dirichlet(np.ones(n))
    found = descend(p, start)
    assert (found.path.shape, found.best.shape) == ((301, n), (301,))
    np.testing.assert_array_equal(found.path[0], start)
    np.testing.assert_allclose(found.path.sum(axis=1), 1.0, rtol=1e-12)
    assert all(s.holds for s in found.statements())


def test_a_step_of_descent_by_hand():
    """The slope of V by q is log(1 - D*); on the line q_1 + q_2 = 1 what counts is the difference of two."""
    p, start, lr = np.array([0.5, 0.5]), np.array([0.7, 0.3]), 0.1
    found = descend(p, start, lr=lr, steps=1)
    slopes = np.log([0.7 / 1.2, 0.3 / 0.8])
    np.testing.assert_allclose(found.path[1], start - lr * (slopes - slopes.mean()), rtol=1e-12)


@pytest.mark.parametrize(("start", "lr"), [([1.0, 0.0, 0.0], 0.05), ([0.1, 0.1, 0.8], 5.0)])
def test_descent_that_reaches_the_edge_says_so(start, lr):
    with pytest.raises(ValueError, match="descend: q must stay above 0; start inside, or take a lower lr") as error:
        descend(np.array([0.5, 0.3, 0.2]), np.array(start), lr=lr)
    assert "\n" not in str(error.value)


@given(st.lists(st.floats(-3.0, 3.0), min_size=1, max_size=8), st.integers(0, 2**32 - 1))
def test_nearest_probabilities(values, seed):
    """They are probabilities, and the way to any others leads away: (v - q) (r - q) is 0 at most for each r."""
    v = np.array(values)
    q = nearest_probabilities(v)
    assert (q >= 0.0).all()
    assert q.sum() == pytest.approx(1.0, rel=1e-12)
    others = [*np.eye(v.size), *np.random.default_rng(seed).dirichlet(np.ones(v.size), 5)]
    assert all((v - q) @ (r - q) <= 1e-9 for r in others)
    np.testing.assert_allclose(nearest_probabilities(q), q, atol=1e-12)


# ---------------------------------------------------------------- 4: descent on a parameter


def test_c_of_a_parameter_is_that_of_the_distribution():
    found = parametrised_descent(steps=1)
    data = Mixture([Normal(-2.0, 0.6), Normal(2.0, 0.6)], [0.3, 0.7])
    for i in (0, 100, 200, 330):
        expected = -LOG_4 + 2.0 * jsd(data, Normal(found.mu[i], 0.6))
        assert found.best[i] == pytest.approx(expected, abs=1e-7)
    h = found.mu[1] - found.mu[0]
    differences = np.diff(found.best, 2) / h**2
    np.testing.assert_allclose(found.curvature[1:-1], differences, atol=5e-3)


def test_two_starts_and_two_ends():
    found = parametrised_descent()
    assert found.paths.shape == (2, 201)
    np.testing.assert_array_equal(found.paths[:, 0], [4.5, -4.5])
    assert found.paths[0, -1] == pytest.approx(2.0, abs=0.05)
    assert found.paths[1, -1] == pytest.approx(-2.0, abs=0.2)
    assert found.ends[0] < found.ends[1] - 0.3
