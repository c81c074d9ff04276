"""Divergences against closed forms, reference values and SciPy; what all of them have in common; what is refused."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gan
from gan.data import Discrete, Mixture, Normal, Uniform
from gan.theory import LOG_4, best_value, chi_square, jsd, kl, reverse_kl, total_variation

LOG_2 = math.log(2.0)
X = np.linspace(-16.0, 16.0, 3201)
QUANTITIES = [kl, reverse_kl, jsd, chi_square, total_variation, best_value]
EACH = pytest.mark.parametrize("quantity", QUANTITIES, ids=lambda f: f.__name__)

means = st.floats(-3.0, 3.0)
stds = st.floats(0.5, 1.5)


@st.composite
def probabilities(draw, n):
    """Of n things, some of which may be impossible."""
    weights = np.array(draw(st.lists(st.sampled_from([0.0, 0.1, 1.0]) | st.floats(0.0, 1.0), min_size=n, max_size=n)))
    weights[draw(st.integers(0, n - 1))] += 0.5
    return weights / weights.sum()


pairs_of_probabilities = st.integers(2, 6).flatmap(lambda n: st.tuples(probabilities(n), probabilities(n)))


# ---------------------------------------------------------------- reference values


@pytest.mark.parametrize(
    ("mean", "in_nats", "in_bits"), [(0, 0.0, 0.0), (1, 0.11142, 0.16075), (2, 0.33683, 0.48594), (4, 0.63272, 0.91282)]
)
def test_reference_values(mean, in_nats, in_bits):
    divergence = jsd(Normal(), Normal(mean))
    assert divergence == pytest.approx(in_nats, abs=5.1e-6)
    assert divergence / LOG_2 == pytest.approx(in_bits, abs=5.1e-6)


def test_reference_value_at_the_start_of_the_example():
    assert jsd(Normal(4.0, 0.5), Normal()) == pytest.approx(0.68187, abs=5.1e-6)


def test_two_coins():
    """One shows heads half of the time, the other 7 times out of 10."""
    p, q = [0.5, 0.5], [0.7, 0.3]
    assert jsd(p, q) == pytest.approx(0.02101, abs=5.1e-6)
    assert kl(p, q) == pytest.approx(0.5 * math.log(0.5 / 0.7) + 0.5 * math.log(0.5 / 0.3), rel=1e-14)
    assert reverse_kl(p, q) == pytest.approx(0.7 * math.log(1.4) + 0.3 * math.log(0.6), rel=1e-14)
    assert chi_square(p, q) == pytest.approx(0.04 / 0.7 + 0.04 / 0.3, rel=1e-14)
    assert chi_square(q, p) == pytest.approx(0.16, rel=1e-14)
    assert total_variation(p, q) == pytest.approx(0.2, rel=1e-14)


# ---------------------------------------------------------------- closed forms


@given(means, stds, means, stds)
def test_kl_of_two_normals(m, s, n, t):
    expected = math.log(t / s) + (s**2 + (m - n) ** 2) / (2.0 * t**2) - 0.5
    p, q = Normal(m, s), Normal(n, t)
    assert kl(p, q) == pytest.approx(expected, rel=1e-9, abs=1e-11)
    assert reverse_kl(q, p) == pytest.approx(expected, rel=1e-9, abs=1e-11)
    x = np.linspace(m - 8.0 * s, m + 8.0 * s, 4001)
    assert kl(p.density(x), q.density(x), x) == pytest.approx(expected, rel=1e-9, abs=1e-11)


@given(st.floats(0.0, 4.0))
def test_shifted_normals(mu):
    p, q = Normal(), Normal(mu)
    assert chi_square(p, q) == pytest.approx(math.exp(mu**2) - 1.0, rel=1e-9, abs=1e-12)
    assert chi_square(q, p) == pytest.approx(math.exp(mu**2) - 1.0, rel=1e-9, abs=1e-12)
    assert total_variation(p, q) == pytest.approx(math.erf(mu / (2.0 * math.sqrt(2.0))), abs=1e-12)


@given(st.floats(0.3, 1.35), st.floats(-2.0, 2.0))
def test_chi_square_of_normals_of_different_widths(std, mu):
    """E_q (p / q) ** 2 is finite where std ** 2 < 2; mass that counts may lie where neither has any."""
    left = 2.0 - std**2
    expected = math.exp(mu**2 / left) / (std * math.sqrt(left)) - 1.0
    assert chi_square(Normal(mu, std), Normal()) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("std", [1.42, 1.5, 3.0])
def test_chi_square_without_end(std):
    """From twice the variance on, p ** 2 / q does not fall."""
    assert chi_square(Normal(0.5, std), Normal()) == math.inf
    assert chi_square(Normal(), Normal(0.5, std)) < math.inf


def overlap_of(p, q):
    return max(min(p.high, q.high) - max(p.low, q.low), 0.0)


@pytest.mark.parametrize("low", [-2.0, -0.5, 0.0, 0.3, 1.0, 5.0])
@pytest.mark.parametrize("width", [0.1, 0.5, 1.0, 3.0])
def test_two_uniforms(low, width):
    p, q = Uniform(0.0, 1.0), Uniform(low, low + width)
    overlap, there = overlap_of(p, q), 1.0 / width
    inside = math.isclose(overlap, 1.0)
    assert total_variation(p, q) == pytest.approx(1.0 - overlap * min(1.0, there), abs=1e-12)
    assert kl(p, q) == pytest.approx(math.log(width) if inside else math.inf, abs=1e-12)
    assert chi_square(p, q) == pytest.approx(width - 1.0 if inside else math.inf, abs=1e-12)
    both = overlap * (math.log(2.0 / (1.0 + there)) + there * math.log(2.0 * there / (1.0 + there)))
    alone = (1.0 - overlap) + (1.0 - overlap * there)
    assert jsd(p, q) == pytest.approx(0.5 * (both + alone * LOG_2), abs=1e-12)


def test_kl_is_infinite_where_samples_miss_data():
    x = np.linspace(-1.0, 3.0, 4001)
    wide, narrow = Uniform(0.0, 2.0), Uniform(0.0, 1.0)
    assert kl(wide, narrow) == kl(wide, narrow, x) == reverse_kl(narrow, wide) == math.inf
    assert kl(narrow, wide) == pytest.approx(LOG_2, rel=1e-12)
    assert kl(narrow, wide, x) == pytest.approx(LOG_2, rel=1.1e-3)  # the edge falls within a cell
    assert kl(narrow, Uniform(2.0, 3.0)) == math.inf
    assert kl(Uniform(-1.0, 2.0), narrow) == math.inf  # the jump at 0 has a point that weighs nothing
    assert kl([0.5, 0.5, 0.0], [0.5, 0.0, 0.5]) == chi_square([1.0, 0.0], [0.0, 1.0]) == math.inf


# ---------------------------------------------------------------- zeros, and what is nearly zero


def test_zeros_of_either():
    """By hand: 0 log 0 is 0, whatever the other one says there, and a thing that neither has does not count."""
    p, q = [0.5, 0.5, 0.0, 0.0], [0.25, 0.25, 0.5, 0.0]
    assert kl(p, q) == pytest.approx(LOG_2, rel=1e-15)
    assert reverse_kl(p, q) == math.inf
    assert chi_square(p, q) == pytest.approx(2 * 0.25**2 / 0.25 + 0.5, rel=1e-15)
    assert total_variation(p, q) == pytest.approx(0.5, rel=1e-15)
    expected = 0.5 * (math.log(0.5 / 0.375) + 0.5 * math.log(0.25 / 0.375) + 0.5 * LOG_2)
    assert jsd(p, q) == pytest.approx(expected, rel=1e-14)
    assert best_value(p, q) == pytest.approx(-LOG_4 + 2.0 * expected, rel=1e-14)


def test_densities_too_small_for_a_float():
    """N(50, 1) has exp(-1250) at 0, which is no float; its logarithm is."""
    assert kl(Normal(), Normal(50.0)) == pytest.approx(1250.0, rel=1e-12)
    assert reverse_kl(Normal(), Normal(50.0)) == pytest.approx(1250.0, rel=1e-12)
    assert kl(Normal(), Mixture([Normal(50.0), Normal(60.0)])) == pytest.approx(1250.0 + LOG_2, rel=1e-12)
    assert jsd(Normal(), Normal(50.0)) == pytest.approx(LOG_2, rel=1e-12)
    assert best_value(Normal(), Normal(50.0)) == pytest.approx(0.0, abs=1e-12)
    assert total_variation(Normal(), Normal(50.0)) == pytest.approx(1.0, rel=1e-12)


def test_disjoint_densities():
    p, q = Uniform(-2.0, -1.0).density(X), Uniform(1.0, 2.0).density(X)
    p, q = p / np.trapezoid(p, X), q / np.trapezoid(q, X)
    assert jsd(p, q, X) == jsd([1.0, 0.0], [0.0, 1.0]) == pytest.approx(LOG_2, rel=1e-12)
    assert best_value(p, q, X) == best_value([1.0, 0.0], [0.0, 1.0]) == pytest.approx(0.0, abs=1e-15)
    assert total_variation(p, q, X) == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("std", [1e-2, 1e-6])
def test_a_needle_beside_a_hill(std):
    """A mode of width std, far from the others, has its own share of every integral."""
    hill = Normal()
    both = Mixture([hill, Normal(30.0, std)], [0.75, 0.25])
    assert kl(hill, both) == pytest.approx(-math.log(0.75), rel=1e-12)
    assert total_variation(hill, both) == pytest.approx(0.25, abs=1e-9)
    on_hill = 0.5 * (math.log(1.0 / 0.875) + 0.75 * math.log(0.75 / 0.875))
    assert jsd(hill, both) == pytest.approx(on_hill + 0.5 * 0.25 * LOG_2, rel=1e-9)
    assert chi_square(hill, both) == pytest.approx(0.25**2 / 0.75 + 0.25, rel=1e-9)


def test_a_needle_on_a_hill():
    """By an integral that knows where it is."""
    integrate = pytest.importorskip("scipy.integrate")
    p, q = Mixture([Normal(), Normal(0.3, 1e-3)], [0.9, 0.1]), Normal(0.5, 1.2)

    def f(x):
        a, b = p.density(x), q.density(x)
        return a * np.log(a / b)

    parts = [-12.0, 0.29, 0.3, 0.31, 12.0]
    expected = sum(integrate.quad(f, *ends, epsabs=1e-12)[0] for ends in itertools.pairwise(parts))
    assert kl(p, q) == pytest.approx(expected, rel=1e-8)


# ---------------------------------------------------------------- every form of input


@EACH
def test_every_form_of_input_agrees(quantity):
    p, q = Normal(), Normal(1.0, 1.2)
    expected, error = quantity(p, q), 2e-5 if quantity is total_variation else 1e-7  # |p - q| has corners
    x = np.linspace(-12.0, 12.0, 24_001)
    of_p, of_q = p.density(x), q.density(x)
    forms = {"distribution": (p, q), "function": (p.density, q.density), "array": (of_p, of_q)}
    for a, _ in forms.values():
        for _, b in forms.values():
            assert quantity(a, b, x) == pytest.approx(expected, rel=error)
    x = np.concatenate([np.linspace(-12.0, 0.0, 9_001)[:-1], np.linspace(0.0, 12.0, 16_001)])  # not even
    assert quantity(p, q.density, x) == pytest.approx(expected, rel=10.0 * error)


@EACH
def test_probabilities_and_discrete_distributions_agree(quantity):
    p, q = np.array([0.1, 0.4, 0.5]), np.array([0.3, 0.3, 0.4])
    expected = quantity(p, q)
    assert quantity(Discrete([3.0, 1.0, 2.0], p), Discrete([3.0, 1.0, 2.0], q)) == pytest.approx(expected, rel=1e-14)
    assert quantity(p.reshape(3, 1), q.reshape(3, 1)) == pytest.approx(expected, rel=1e-14)
    assert quantity(p.tolist(), q.tolist()) == pytest.approx(expected, rel=1e-14)


def test_discrete_distributions_with_different_values():
    p, q = Discrete([0.0, 1.0]), Discrete([1.0, 2.0, 3.0], [0.5, 0.25, 0.25])
    assert total_variation(p, q) == pytest.approx(0.5, rel=1e-15)
    assert jsd(p, q) == pytest.approx(0.5 * LOG_2, rel=1e-14)
    assert kl(p, q) == reverse_kl(p, q) == math.inf


# ---------------------------------------------------------------- what they have in common


@given(means, stds, means, stds)
def test_jsd_of_normals(m, s, n, t):
    p, q = Normal(m, s), Normal(n, t)
    assert jsd(p, q) == pytest.approx(jsd(q, p), rel=1e-12, abs=1e-15)
    assert -1e-12 < jsd(p, q) < LOG_2 + 1e-12
    assert jsd(p, p) == pytest.approx(0.0, abs=1e-15)
    of_p, of_q = p.density(X), q.density(X)
    mixed = 0.5 * (of_p + of_q)
    assert jsd(p, q, X) == pytest.approx(0.5 * kl(of_p, mixed, X) + 0.5 * kl(of_q, mixed, X), rel=1e-9, abs=1e-12)


@given(pairs_of_probabilities)
def test_bounds(pair):
    p, q = pair
    variation = total_variation(p, q)
    assert -1e-15 <= jsd(p, q) <= LOG_2 + 1e-15
    assert jsd(p, q) == pytest.approx(jsd(q, p), abs=1e-15)
    assert reverse_kl(p, q) == kl(q, p)
    assert 0.0 <= variation <= 1.0 + 1e-15
    assert kl(p, q) >= 2.0 * variation**2 - 1e-12, "Pinsker"
    assert jsd(p, q) >= 0.5 * variation**2 - 1e-12
    assert jsd(p, q) <= variation * LOG_2 + 1e-12, "Lin 1991, theorem 3"
    assert chi_square(p, q) >= 4.0 * variation**2 - 1e-12, "Cauchy and Schwarz"
    assert math.log1p(chi_square(p, q)) >= kl(p, q) - 1e-12, "Jensen"


@given(pairs_of_probabilities, st.data())
def test_what_is_put_together_is_not_told_apart(pair, data):
    """Of two things that count as one, no divergence knows more than before: Csiszar 1967."""
    p, q = pair
    i = data.draw(st.integers(0, p.size - 2))
    merged = [np.add.reduceat(d, np.delete(np.arange(d.size), i + 1)) for d in (p, q)]
    for divergence in (kl, reverse_kl, jsd, chi_square, total_variation):
        assert divergence(*merged) <= divergence(p, q) * (1.0 + 1e-12) + 1e-12


@given(pairs_of_probabilities)
def test_scipy_agrees(pair):
    special, distance = pytest.importorskip("scipy.special"), pytest.importorskip("scipy.spatial.distance")
    p, q = pair
    assert kl(p, q) == pytest.approx(special.rel_entr(p, q).sum(), rel=1e-12, abs=1e-15)
    assert jsd(p, q) == pytest.approx(distance.jensenshannon(p, q) ** 2, rel=1e-9, abs=1e-14)


# ---------------------------------------------------------------- what is refused

HALF = np.full(2, 0.5)
MISTAKES = {
    r"kl: the grid x must be finite numbers that rise, got .* shape \(2,\)": lambda: kl(HALF, HALF, [1.0, 0.0]),
    r"jsd: the grid x must be finite numbers that rise, got .* shape \(2, 1\)": lambda: jsd(HALF, HALF, [[0.0], [1.0]]),
    r"jsd: p has shape \(2,\), x has \(3,\)": lambda: jsd(HALF, HALF, [0.0, 1.0, 2.0]),
    "reverse_kl: q must be densities, 0 or more, got values down to -0.5": lambda: reverse_kl([0.5, -0.5], HALF),
    "kl: q must be densities, 0 or more, got values down to nan": lambda: kl(HALF, [0.5, math.nan]),
    "total_variation: p is a function and needs the points x": lambda: total_variation(Normal().density, HALF),
    "chi_square: q is a distribution; give another one beside it, or the points x": lambda: chi_square(HALF, Normal()),
    "jsd: a discrete distribution has no density": lambda: jsd(Discrete([0.0]), Normal()),
    "kl: discrete distributions need no grid": lambda: kl(Discrete([0.0]), Discrete([1.0]), X),
    "jsd: p sums to 60; probabilities sum to 1, and densities need the grid x": lambda: jsd([10, 20, 30], [3, 20, 1]),
    r"kl: p has shape \(2,\), q has \(1,\); probabilities have the same": lambda: kl(HALF, [1.0]),
    "jsd: q has the mass 0.0228 on the grid x": lambda: jsd(Normal(), Normal(5.0), np.linspace(-3.0, 3.0, 601)),
    "kl: p sums to": lambda: kl([], []),
    "best_value: a discrete distribution has no density": lambda: best_value(HALF, Discrete([0.0, 1.0])),
    "is infinite somewhere": lambda: jsd([math.inf, 0.5], HALF),
}


@pytest.mark.parametrize("message", MISTAKES)
def test_a_mistake_is_named_in_one_line(message):
    with pytest.raises(ValueError, match=message) as error:
        MISTAKES[message]()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("wrong", ["normal", None, [1j, 0.0], Normal])
def test_what_is_no_density_is_refused(wrong):
    with pytest.raises(TypeError) as error:
        kl(HALF, wrong)
    assert "\n" not in str(error.value)


def test_the_module_is_found_from_the_package():
    assert gan.theory.jsd is jsd
