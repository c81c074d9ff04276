"""The exact distributions of generators: densities in closed form, the JSD from the data, what looking leaves alone."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from gan.data import Mixture, Normal, Uniform
from gan.theory import LOG_4, GeneratedDistribution, jsd, logits, value
from minigrad import nn

LOG_2 = math.log(2.0)
X = np.linspace(-16.0, 16.0, 3201)
NORMAL = Normal()


means = st.floats(-3.0, 3.0)
stds = st.floats(0.5, 1.5)


# ---------------------------------------------------------------- densities of generators


def phi(z):
    return np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)


def folded_sine(x, rate=2.0):
    """The density of sin(rate z) for normal z: all z with that sine."""
    first = np.arcsin(x)
    turns = 2.0 * math.pi * np.arange(-8, 9)[:, None]
    places = np.concatenate([first + turns, math.pi - first + turns]) / rate
    return phi(places).sum(axis=0) / (rate * np.sqrt(1.0 - x * x))


def cubic_with_two_turns(x):
    """z ** 3 - 3 z turns at -1 and 1: between -2 and 2 three z have the same x."""
    density = np.zeros_like(x)
    for i, at in enumerate(x):
        roots = np.roots([1.0, 0.0, -3.0, -at])
        z = roots[np.abs(roots.imag) < 1e-9].real
        density[i] = (phi(z) / np.abs(3.0 * z * z - 3.0)).sum()
    return density


#: A generator, its density for normal noise, and where to look: away from points where the density is infinite.
MAPS = {
    "affine": (lambda z: 2.0 * z + 1.0, lambda x: phi((x - 1.0) / 2.0) / 2.0, (-7.0, 9.0)),
    "affine, falling": (lambda z: 1.0 - 0.5 * z, lambda x: phi((x - 1.0) / 0.5) / 0.5, (-2.0, 4.0)),
    "square": (lambda z: z**2, lambda x: np.exp(-0.5 * x) / np.sqrt(2.0 * math.pi * x), (0.01, 30.0)),
    "abs": (abs, lambda x: 2.0 * phi(x), (0.01, 6.0)),
    "exp": (mg.exp, lambda x: phi(np.log(x)) / x, (0.01, 50.0)),
    "cube": (lambda z: z**3, lambda x: phi(np.cbrt(x)) / (3.0 * np.cbrt(x) ** 2), (0.01, 200.0)),
    "cube, left": (lambda z: z**3, lambda x: phi(np.cbrt(x)) / (3.0 * np.cbrt(x) ** 2), (-200.0, -0.01)),
    "sine": (lambda z: mg.sin(2.0 * z), folded_sine, (-0.99, 0.99)),
    "two turns": (lambda z: z**3 - 3.0 * z, cubic_with_two_turns, (-1.98, 1.98)),
    "two turns, outside": (lambda z: z**3 - 3.0 * z, cubic_with_two_turns, (2.01, 50.0)),
    "kinked": (
        lambda z: mg.where(z.data > 0, z, 2.0 * z),
        lambda x: np.where(x > 0, phi(x), phi(x / 2.0) / 2.0),
        (-9.99, 5.0),
    ),
}


@pytest.mark.parametrize("name", MAPS)
def test_density_in_closed_form(name):
    generator, density, (low, high) = MAPS[name]
    x = np.linspace(low, high, 501)
    made = GeneratedDistribution(generator, NORMAL)
    np.testing.assert_allclose(made.density(x), density(x), rtol=2e-4, atol=1e-12)


@pytest.mark.parametrize("name", MAPS)
def test_nothing_where_the_generator_does_not_reach(name):
    made = GeneratedDistribution(MAPS[name][0], NORMAL)
    beyond = np.array([made.x.min() - 1e-6, made.x.max() + 1e-6, -1e9, 1e9])
    np.testing.assert_array_equal(made.density(beyond), 0.0)


def cells(made):
    """The middles and widths of small cells, from the lowest x to the highest, smaller still where the generator turns.

    No middle is where the density is infinite.
    """
    cuts = np.unique(made.x[np.append(True, np.diff(np.sign(np.diff(made.x))) != 0).nonzero()[0]])
    cuts = np.unique([made.x.min(), *cuts, made.x.max()])
    fine = 0.5 - 0.5 * np.cos(np.linspace(0.0, math.pi, 4001))  # quadratic at the ends, as the inverse of a root is
    x = np.unique(np.concatenate([low + (high - low) * fine for low, high in itertools.pairwise(cuts)]))
    return 0.5 * (x[1:] + x[:-1]), np.diff(x)


SMOOTH = ["affine", "affine, falling", "square", "abs", "exp", "sine", "kinked"]


@pytest.mark.parametrize("name", SMOOTH)
def test_density_integrates_to_1(name):
    made = GeneratedDistribution(MAPS[name][0], NORMAL)
    middles, widths = cells(made)
    assert made.density(middles) @ widths == pytest.approx(1.0, abs=2e-3)


@pytest.mark.parametrize(
    ("generator", "mean", "std"),
    [
        (lambda z: 2.0 * z + 1.0, 1.0, 2.0),
        (lambda z: z**2, 1.0, math.sqrt(2.0)),
        (lambda z: z**3, 0.0, math.sqrt(15.0)),
        (abs, math.sqrt(2.0 / math.pi), math.sqrt(1.0 - 2.0 / math.pi)),
        (mg.exp, math.exp(0.5), math.sqrt(math.e * (math.e - 1.0))),
        (lambda z: 0.0 * z + 3.0, 3.0, 0.0),
    ],
)
def test_mean_and_std(generator, mean, std):
    made = GeneratedDistribution(generator, NORMAL)
    assert (made.mean, made.std) == pytest.approx((mean, std), abs=1e-5)


@pytest.mark.parametrize("prior", [NORMAL, Uniform(), Mixture([Normal(-1.0, 0.5), Normal(2.0, 1.0)], [1.0, 3.0])])
def test_the_identity_has_the_density_of_the_noise(prior):
    made = GeneratedDistribution(lambda z: 1.0 * z, prior)
    x = np.linspace(-4.0, 4.0, 803)
    np.testing.assert_allclose(made.density(x), prior.density(x), rtol=1e-12, atol=1e-300)
    assert (made.mean, made.std) == pytest.approx((prior.mean, prior.std), abs=1e-6)
    assert made.jsd(prior) == pytest.approx(0.0, abs=1e-9)


def test_a_sample_looks_like_the_density():
    """Counts in cells against the density's integral: a check of the whole, with the errors that samples have."""
    generator = nn.MLP([1, 8, 1], nn.Tanh, rng=3)
    made = GeneratedDistribution(generator, NORMAL)
    n = 200_000
    sample = generator(NORMAL.sample(n, np.random.default_rng(0))).data.ravel()
    edges = np.linspace(*np.quantile(sample, [0.02, 0.98]), 21)
    counts = np.histogram(sample, edges)[0]
    fine = np.linspace(edges[0], edges[-1], 20 * 200 + 1)
    p = made.density(fine)
    cumulative = np.append(0.0, np.cumsum(0.5 * (p[1:] + p[:-1]) * np.diff(fine)))
    expected = n * np.diff(cumulative[::200])
    assert np.abs((counts - expected) / np.sqrt(expected)).max() < 4.5


# ---------------------------------------------------------------- their divergences


def jsd_of_uniforms(p, q):
    """The JSD of two uniform distributions: log 2 where only one has mass, and the overlap's own part."""
    overlap = max(min(p.high, q.high) - max(p.low, q.low), 0.0)
    total = 0.0
    for one, other in ((p, q), (q, p)):
        here, there = 1.0 / (one.high - one.low), 1.0 / (other.high - other.low)
        total += 0.5 * (overlap * here * math.log(2.0 * here / (here + there)) + (1.0 - overlap * here) * LOG_2)
    return total


@pytest.mark.parametrize(
    ("low", "high"),
    [(0.5, 1.5), (-0.5, 0.5), (0.0, 2.0), (-1.0, 0.5), (0.0, 1.0), (2.0, 3.0), (-4.0, -3.0), (0.3, 0.5)],
)
def test_jsd_of_uniforms(low, high):
    data, target = Uniform(0.0, 1.0), Uniform(low, high)
    made = GeneratedDistribution(lambda z: target.mean + 0.5 * (high - low) * z, Uniform(-1.0, 1.0))
    assert made.jsd(data) == pytest.approx(jsd_of_uniforms(data, target), abs=1e-4)
    assert made.jsd(data) <= LOG_2 + 1e-12


@pytest.mark.parametrize(
    ("generator", "data", "divergence"),
    [
        (lambda z: z + 0.0, NORMAL, 0.0),
        (lambda z: z + 1.0, NORMAL, 0.11142),
        (lambda z: z + 2.0, NORMAL, 0.33683),
        (lambda z: z + 4.0, NORMAL, 0.63272),
        (lambda z: 1.0 * z, Normal(4.0, 0.5), 0.68187),
    ],
)
def test_reference_values(generator, data, divergence):
    assert GeneratedDistribution(generator, NORMAL).jsd(data) == pytest.approx(divergence, abs=5.1e-6)


@given(st.floats(-3.0, 3.0), st.floats(0.3, 3.0), means, stds)
def test_jsd_of_an_affine_generator(shift, scale, mean, std):
    made = GeneratedDistribution(lambda z: shift - scale * z, NORMAL)
    x = np.linspace(-30.0, 30.0, 6001)
    expected = jsd(Normal(mean, std).density(x), Normal(shift, scale).density(x), x)
    assert made.jsd(Normal(mean, std)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("scale", "prior", "data"),
    [
        (20.0, NORMAL, Normal(158.0, 0.3)),
        (1e-3, NORMAL, Normal(0.0, 1.0)),
        (1.0, NORMAL, Normal(20.0, 0.3)),
        (1.0, Mixture([Normal(-30.0, 0.5), Normal(30.0, 0.5)]), Normal(30.0, 1.0)),
    ],
)
def test_densities_of_very_different_sizes(scale, prior, data):
    """Where one density is 1e-300 of the other, D* is 0 or 1 in floats, and its logarithm still has a part to play."""
    made = GeneratedDistribution(lambda z: scale * z, prior)
    x = np.union1d(scale * np.linspace(*prior.support(), 40_001), np.linspace(*data.support(), 40_001))
    expected = jsd(data.density(x), prior.density(x / scale) / scale, x)
    assert made.jsd(data) == pytest.approx(expected, abs=1e-5)
    assert 0.2 < expected < LOG_2 + 1e-12


def jsd_through_z(q, of_z, x_slope, z, beyond):
    """The JSD of N(1, 1) with density q, by integrals over z of x = G(z); beyond is the data's mass elsewhere."""
    x = of_z(z)
    p, q = phi(x - 1.0), q(x)
    both = p * np.log(2.0 * p / (p + q)) + q * np.log(2.0 * q / (p + q))
    return 0.5 * (np.trapezoid(both * x_slope(z), z) + beyond * LOG_2)


BELOW_0 = 0.5 * math.erfc(1.0 / math.sqrt(2.0))  # the mass of N(1, 1) below 0
OUTSIDE_1 = 1.0 - 0.5 * math.erf(2.0 / math.sqrt(2.0))  # and outside [-1, 1]
U = np.linspace(-0.5 * math.pi, 0.5 * math.pi, 20001)[1:-1]
Z = np.linspace(1e-6, 6.0, 200001)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("abs", lambda: jsd_through_z(MAPS["abs"][1], lambda z: z, np.ones_like, Z, BELOW_0)),
        ("square", lambda: jsd_through_z(MAPS["square"][1], lambda z: z * z, lambda z: 2.0 * z, Z, BELOW_0)),
        ("sine", lambda: jsd_through_z(folded_sine, np.sin, np.cos, U, OUTSIDE_1)),
    ],
)
def test_jsd_of_folds(name, expected):
    """Where G turns p_g is infinite, and the JSD is as finite as ever."""
    made = GeneratedDistribution(MAPS[name][0], NORMAL)
    assert made.jsd(Normal(1.0, 1.0)) == pytest.approx(expected(), abs=5e-4)


def test_a_constant_generator():
    made = GeneratedDistribution(lambda z: 0.0 * z + 4.0, NORMAL)
    data = Normal(4.0, 0.5)
    assert made.jsd(data) == pytest.approx(LOG_2, abs=1e-6)
    np.testing.assert_array_equal(made.density(np.array([3.0, 4.0, 5.0])), [0.0, np.inf, 0.0])
    assert made.value(lambda x: 0.0 * x, data) == pytest.approx(-LOG_4, abs=1e-12)


def test_a_generator_that_is_flat_for_half_of_the_noise():
    """relu(z): one half of the samples lie on one point, where the data have no mass."""
    made = GeneratedDistribution(mg.relu, NORMAL)
    atom = 0.5 * 0.5 * LOG_2
    expected = jsd_through_z(phi, lambda z: z, np.ones_like, Z, BELOW_0) + atom
    assert made.jsd(Normal(1.0, 1.0)) == pytest.approx(expected, abs=5e-4)
    np.testing.assert_allclose(made.density(np.array([-1.0, 0.0, 1.0])), [0.0, np.inf, phi(1.0)], rtol=1e-9)


@pytest.mark.parametrize("activation", [nn.Tanh, nn.Softplus])
@pytest.mark.parametrize("seed", range(4))
def test_jsd_of_networks(activation, seed):
    """Sums over cells of x agree, for a generator that rises and for one that may turn."""
    network = nn.MLP([1, 8, 8, 1], activation, rng=seed)
    for generator, error in ((lambda z: z + 0.5 * network(z), 1e-5), (network, 5e-4)):
        made = GeneratedDistribution(generator, NORMAL)
        data = Normal(made.mean + 0.3 * made.std, 1.5 * made.std)
        middles, widths = cells(made)
        p, q = data.density(middles), made.density(middles)
        total = (p * np.log(2.0 * p / (p + q)) + q * np.log(2.0 * q / (p + q))) @ widths
        assert made.jsd(data) == pytest.approx(0.5 * (total + (1.0 - p @ widths) * LOG_2), abs=error)


# ---------------------------------------------------------------- V of a discriminator


def test_value_of_a_discriminator():
    data, made = Normal(1.0, 0.7), GeneratedDistribution(lambda z: 1.3 * z - 0.4, NORMAL)
    p, q = Normal(1.0, 0.7).density(X), Normal(-0.4, 1.3).density(X)
    network = nn.MLP([1, 8, 1], nn.Tanh, rng=0)
    d = mg.sigmoid(logits(network, X))
    assert made.value(network, data) == pytest.approx(value(p, q, d, X), abs=1e-8)
    best = made.value(lambda x: mg.Tensor(np.log(data.density(x.data) / Normal(-0.4, 1.3).density(x.data))), data)
    assert best == pytest.approx(-LOG_4 + 2.0 * made.jsd(data), abs=1e-6)
    sure = made.value(lambda x: 0.0 * x + 1000.0, data)
    assert sure == pytest.approx(-1000.0, rel=1e-9)


# ---------------------------------------------------------------- manners


def test_measuring_leaves_no_trace():
    generator, discriminator = nn.MLP([1, 4, 1], nn.Tanh, rng=0), nn.MLP([1, 4, 1], nn.Tanh, rng=1)
    x = np.linspace(-2.0, 2.0, 101)

    def measure():
        made = GeneratedDistribution(generator, NORMAL)
        return made.jsd(NORMAL), made.value(discriminator, NORMAL), made.mean, made.std, made.density(x).sum()

    plain = measure()
    for network in (generator, discriminator):
        for p in network.parameters():
            p.grad = np.full_like(p.data, 7.0)
    with mg.no_grad():
        assert measure() == plain
    generator.requires_grad_(False)
    assert measure() == plain
    assert not any(p.requires_grad for p in generator.parameters())
    for network in (generator, discriminator):
        assert all((p.grad == 7.0).all() for p in network.parameters())
        assert {p.dtype for p in network.parameters()} == {np.dtype(np.float32)}


def test_networks_in_float32_are_measured_in_float64():
    single, double = nn.MLP([1, 8, 1], nn.Tanh, rng=0), nn.MLP([1, 8, 1], nn.Tanh, rng=0).double()
    x = np.linspace(-1.0, 1.0, 11)
    made, again = (GeneratedDistribution(generator, NORMAL) for generator in (single, double))
    assert made.x.dtype == made.density(x).dtype == logits(single, x).dtype == np.float64
    np.testing.assert_allclose(made.density(x), again.density(x), rtol=1e-12)
    assert made.jsd(NORMAL) == pytest.approx(again.jsd(NORMAL), rel=1e-12)


@pytest.mark.parametrize("sizes", [[1, 4, 2], [2, 4, 1]])
def test_more_than_one_number_is_refused(sizes):
    with pytest.raises(ValueError) as error:
        GeneratedDistribution(nn.MLP(sizes, nn.Tanh, rng=0), NORMAL)
    assert "\n" not in str(error.value)
    assert sizes[0] == 2 or "from one number to one: (4001, 1) became (4001, 2)" in str(error.value)
