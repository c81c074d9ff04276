"""Every statement holds, and fails once a mistake is planted: most are those that are printed, or made, in earnest."""

import ast
import dataclasses
import functools
import math
import types
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

import gan.theory
import minigrad as mg
import minigrad.nn.functional as F
from gan.data import Discrete, Mixture, Normal, Uniform
from gan.objectives import Objective, named
from gan.theory import (
    LOG_4,
    GeneratedDistribution,
    Statement,
    best_value,
    descent,
    dirac,
    duality,
    jsd,
    optimal_discriminator,
    other_losses,
    propositions,
    slopes,
    transport,
    value,
)
from gan.theory.descent import best_value_of, slope
from gan.theory.optimum import highest
from minigrad import nn

# ---------------------------------------------------------------- where statements come from, quickly

P = np.array([0.1, 0.2, 0.3, 0.4])
MU = (-3.0, -1.0, 0.5, 2.0)
Q = P[[3, 1, 0, 2]]  # the second is as in P


def narrow():
    """G(z) = z / 2 + 1 / 2."""
    generator = nn.Linear(1, 1)
    nn.init.constant_(generator.weight, 0.5)
    nn.init.constant_(generator.bias, 0.5)
    return generator


def trained():
    return propositions.trained_discriminator(
        Normal(), narrow(), steps=500, batch_size=256, lr=2e-2, seed=0, looks=6
    ).statements()


SOURCES = {
    "pointwise": lambda: propositions.pointwise_maximum(P, Q).statements(),
    "trained": trained,
    "criterion": lambda: propositions.criterion(
        Normal(), [Normal(mu) for mu in MU] + [Mixture([Normal(-2.0, 0.5), Normal(2.0, 0.5)])]
    ).statements(),
    "convexity": lambda: descent.convexity(P, points=10).statements(),
    "descent": lambda: descent.descend(P, P[::-1]).statements(),
    "parametrised": lambda: descent.parametrised_descent(steps=60).statements(),
    # Narrower samples than the data, as KL is the same both ways otherwise.
    "slopes": lambda: slopes.generator_slopes(np.linspace(0.0, 8.0, 17), 0.8).statements(),
    "dirac": lambda: dirac.play(steps=300).statements(),
    "smoothing": lambda: other_losses.label_smoothing(P, np.append(P[0], Q[1:])),
    "least squares": lambda: other_losses.least_squares(Normal(), Normal(1.0, 1.2)).statements(),
    "lines": lambda: duality.parallel_lines([-1.0, 0.0, 0.5], points=4).statements(),
    "duality": lambda: duality.three_ways(
        Discrete([0.0, 1.0, 2.0, 5.0], P), Discrete([0.5, 3.0, 4.0], [0.5, 0.3, 0.2])
    ).statements(),
    "normals": duality.wasserstein_of_normals,
}
NEED_SCIPY = ("lines", "duality")


def state(source):
    if source in NEED_SCIPY:
        pytest.importorskip("scipy")
    return {s.text: s for s in SOURCES[source]()}


right = functools.cache(state)

# ---------------------------------------------------------------- mistakes


def factor_forgotten(p, q, x=None):
    """C(G) = JSD(p || q) - log 4."""
    return jsd(p, q, x) - LOG_4


def in_both_terms(p, q, x=None):
    """E_p log D* + E_p log(1 - D*)."""
    x = np.linspace(-10.0, 10.0, 2001)
    return float(
        np.trapezoid(p.density(x) * np.log(optimal_discriminator(p, q, x) * optimal_discriminator(q, p, x)), x)
    )


def in_both_terms_of(p, q):
    """The same, to differentiate, for a discrete q."""
    return (p * (mg.log(p / (p + q)) + mg.log(q / (p + q)))).sum()


def undecided(p, q):
    """D = 1/2, whatever p and q are."""
    return np.full_like(p, 0.5)


def value_in_both_terms(self, discriminator, data):
    """V(D, G) with the data in both terms, for a network D."""
    x = data.grid(2001)
    s = gan.theory.logits(discriminator, x)
    return float(np.trapezoid(data.density(x) * -(np.logaddexp(0.0, -s) + np.logaddexp(0.0, s)), x))


right_jsd = GeneratedDistribution.jsd
right_player = propositions.two_player
right_program = transport._linear_program
right_log = mg.log
right_r1 = dirac.r1

SMOOTHED = Objective(
    "smoothed",
    lambda real, fake: (0.9 * F.softplus(-real) + 0.1 * F.softplus(real)).mean() + F.softplus(fake).mean(),
    named("saturating").generator_loss,
)


def any_plan(p, q, cost):
    """As much from each point to each point as they hold."""
    return np.outer(p, q), right_program(p, q, cost)[1]


def to_the_nearest(p, q, cost):
    """All mass goes to the nearest point, whatever is to be there."""
    return p[:, None] * (cost == cost.min(axis=1, keepdims=True)), right_program(p, q, cost)[1]


def minus_the_price(p, q, cost):
    """The dual with its sign turned round."""
    plan, price = right_program(p, q, cost)
    return plan, -price


def squared(v, axis=-1):
    """Distance as its square, which is the cost of W2."""
    return (v**2).sum(axis=axis)


def kl_the_wrong_way_round(mu, std):
    """d/dmu of 2 JSD and of KL(p || q) - 2 JSD."""
    of_jsd, _ = slopes_of_divergences(mu, std)
    return of_jsd, mu / std**2 - of_jsd


def other_way_round(both):
    """(p - q) ** 2 / p."""
    return (both.p - both.q) ** 2 / both.p


slopes_of_divergences = slopes.divergence_slopes
alternate, at_once = (
    functools.partial(lambda how, *args, **options: right_player(*args, **(options | {"simultaneous": how})), how)
    for how in (False, True)
)

#: Of each statement: where it comes from, and each name that is replaced, in which module, by what.
WRONG = {
    # Labels the wrong way round: D says how sure it is of a fake.
    "a log y + b log(1 - y) is largest at a / (a + b)": (
        "pointwise",
        (propositions, "highest", lambda f, shape: highest(lambda y: f(1.0 - y), shape)),
    ),
    # V made small: the sign of the loss.
    "it is a maximum: curvature below 0": ("pointwise", (mg, "log", lambda y: -right_log(y))),
    # Smoothed labels leave D* as it is.
    "trained D is near D*: largest |D - D*| below 0.05": (
        "trained",
        (propositions, "two_player", lambda g, d, **options: right_player(g, d, SMOOTHED, **options)),
    ),
    "at no time is V(D, G) above C(G)": (
        "trained",
        (GeneratedDistribution, "jsd", lambda self, data: 0.5 * right_jsd(self, data)),
    ),
    "at the end V(D, G) is nearly C(G)": ("trained", (GeneratedDistribution, "value", value_in_both_terms)),
    "C against JSD is a line of slope 2": ("criterion", (propositions, "best_value", factor_forgotten)),
    # A mean of two terms for their sum.
    "and of intercept -log 4": (
        "criterion",
        (propositions, "best_value", lambda p, q, x: 0.5 * best_value(p, q, x)),
    ),
    # D* for labels 0.9.
    "C = -log 4 where q = p": (
        "criterion",
        (propositions, "best_value", lambda p, q, x: value(p, q, lambda x: 0.9 * optimal_discriminator(p, q, x))),
    ),
    "elsewhere C is larger, by TV^2 or more": ("criterion", (propositions, "best_value", in_both_terms)),
    "C is convex in q: lowest curvature above 0": ("convexity", (descent, "best_value_of", in_both_terms_of)),
    "its Hessian is diag(p / (q (p + q)))": (
        "convexity",
        (descent, "best_value_of", lambda p, q: 0.5 * (best_value_of(p, q) - LOG_4)),
    ),
    # G makes V large.
    "C lies below its chords": ("convexity", (descent, "best_value_of", lambda p, q: -best_value_of(p, q))),
    # D* held fixed, where D is not D*.
    "dC/dq = dV/dq with D* held fixed": (
        "convexity",
        (descent, "best_value_of", lambda p, q: descent.value_at(p, q, 0.9 * p / (p + q))),
    ),
    # D is made once, and learns nothing more.
    "descent on q ends at p (total variation)": ("descent", (descent, "optimal_discriminator", undecided)),
    "there C = -log 4": ("descent", (descent, "optimal_discriminator", undecided)),
    # Up instead of down, though not as far as to where q is 0.
    "no step raises C": ("descent", (descent, "slope", lambda *args: -1e-3 * slope(*args))),
    # One mode, and KL(p || q) + KL(q || p) in place of the JSD: a parabola.
    "with a parameter C is not convex": (
        "parametrised",
        (descent, "Mixture", lambda components, weights: Normal(0.0, 0.6)),
        (descent.F, "softplus", lambda s: s),
    ),
    # Up instead of down.
    "one start ends at the lowest C": (
        "parametrised",
        (
            descent,
            "mg",
            types.SimpleNamespace(**vars(mg) | {"grad": lambda *a, **o: [-g for g in mg.grad(*a, **o)]}),
        ),
    ),
    # Data without a second mode.
    "another one ends higher": (
        "parametrised",
        (descent, "Mixture", lambda components, weights: Normal(0.0, 3.0)),
    ),
    # Either loss for the other one.
    "slope of the saturating loss = d(2 JSD)": (
        "slopes",
        (slopes, "named", lambda name: named("non-saturating")),
    ),
    "slope of the non-saturating loss = d(KL(q||p) - 2 JSD)": (
        "slopes",
        (slopes, "divergence_slopes", kl_the_wrong_way_round),
    ),
    "far away the saturating slope dies": ("slopes", (slopes, "named", lambda name: named("non-saturating"))),
    "far away the other one grows": ("slopes", (slopes, "named", lambda name: named("saturating"))),
    "Dirac, simultaneous: growth a step = sqrt(1 + h^2/4)": ("dirac", (dirac, "two_player", alternate)),
    "Dirac, alternating: goes round on an ellipse": ("dirac", (dirac, "two_player", at_once)),
    # gamma for gamma / 2.
    "Dirac, R1: comes in as fast as computed": ("dirac", (dirac, "r1", lambda gamma: right_r1(2.0 * gamma))),
    "Dirac, R1: comes in": ("dirac", (dirac, "r1", lambda gamma: None)),
    # A weight on log D, 0.95 p / (0.95 p + q), is not a smoothed label.
    "labels 0.9 and 0: D* = 0.9 p / (p + q)": (
        "smoothing",
        (other_losses, "smoothed_discriminator", lambda p, q, alpha: alpha * p / (alpha * p + q)),
    ),
    # Labels 0.9 leave D* = 1/2.
    "then D* is not 1/2 where p = q, but": (
        "smoothing",
        (other_losses, "highest", lambda f, shape: np.full(shape, 0.5)),
    ),
    # A sigmoid, which keeps D between 0 and 1.
    "LSGAN: D* = (p - q) / (p + q)": (
        "least squares",
        (other_losses, "highest", lambda f, shape, low, high: highest(f, shape, 0.0, 1.0)),
    ),
    "LSGAN: 2 C(G) = chi-square of 2q from p + q": (
        "least squares",
        (other_losses, "squared_ratio", other_way_round),
    ),
    "two lines: W1 = |theta|": ("lines", (transport, "_linear_program", any_plan)),
    # Bits.
    "two lines: JSD = log 2, however near": ("lines", (duality, "jsd", lambda p, q: jsd(p, q) / math.log(2.0))),
    # p + q for (p + q) / 2.
    "two lines: JSD = 0 if they are one": ("lines", (duality, "jsd", lambda p, q: 0.5 * best_value(p, q))),
    "W1: cheapest plan = best potential": ("duality", (transport, "_linear_program", minus_the_price)),
    # The distance of the means, which misses what goes to the left and what goes to the right.
    "W1: cheapest plan = integral over quantiles": (
        "duality",
        (duality, "wasserstein", lambda p, q: abs(p.mean - q.mean)),
    ),
    "W1: the plan takes p to q": ("duality", (transport, "_linear_program", to_the_nearest)),
    "W1: the potential's slope is 1 at most": ("duality", (np.linalg, "norm", squared)),
    # Quantiles of N(0, 1), whatever the mean.
    "W1 of N(0, 1), N(mu, 1) = |mu|": (
        "normals",
        (Normal, "quantile", lambda self, u: np.array([NormalDist().inv_cdf(v) for v in u])),
    ),
}


@pytest.mark.parametrize("text", WRONG)
def test_it_holds_and_fails_with_a_mistake(monkeypatch, text):
    source, *mistakes = WRONG[text]
    assert right(source)[text].holds
    for module, name, wrong in mistakes:
        monkeypatch.setattr(module, name, wrong)
    assert not state(source)[text].holds


def test_every_statement_has_a_mistake():
    """Those that are made here, and, by the source code, there are no others."""
    made = [text for source in SOURCES for text in right(source)]
    assert sorted(made) == sorted(WRONG)
    files = Path(gan.theory.__file__).parent.glob("*.py")
    trees = [ast.walk(ast.parse(file.read_text(encoding="utf-8"))) for file in files]
    calls = [ast.unparse(node.func) for tree in trees for node in tree if isinstance(node, ast.Call)]
    assert sum(call in ("Statement", "Statement.everywhere") for call in calls) == len(WRONG)


# ---------------------------------------------------------------- one thing wrong among many that are right


def failing(result):
    return [s.text for s in result.statements() if not s.holds]


def spoilt(result, name, place, by):
    """The result with one number changed."""
    array = getattr(result, name).copy()
    array[place] += by
    return dataclasses.replace(result, **{name: array})


CONVEX, DOWN = descent.convexity(P, points=5), descent.descend(P, P[::-1])
FAMILY = propositions.criterion(Normal(), [Normal(mu) for mu in MU])


@pytest.mark.parametrize(
    ("result", "name", "place", "by", "text"),
    [
        (CONVEX, "hessian", (3, 1, 1), -50.0, "C is convex in q: lowest curvature above 0"),
        (CONVEX, "hessian", (2, 0, 1), 1e-3, "its Hessian is diag(p / (q (p + q)))"),
        (CONVEX, "below_chord", 1, -1.0, "C lies below its chords"),
        (CONVEX, "slope", (0, 2), 1e-6, "dC/dq = dV/dq with D* held fixed"),
        (CONVEX, "slope", (1, 2), math.nan, "dC/dq = dV/dq with D* held fixed"),
        (DOWN, "best", 7, 0.1, "no step raises C"),
        (FAMILY, "best", 2, -0.2, "elsewhere C is larger, by TV^2 or more"),
    ],
)
def test_one_wrong_number_is_enough(result, name, place, by, text):
    assert not failing(result)
    assert text in failing(spoilt(result, name, place, by))


def test_v_is_not_above_c_at_any_time():
    x = np.linspace(-1.0, 1.0, 5)
    steps = np.arange(3)
    values, distances = np.array([-1.2, -1.0, -1.0]), np.array([0.5, 0.1, 0.01])
    result = propositions.TrainedDiscriminator(x, x, x, x, x, steps, values, distances, -1.0)
    assert not failing(result)
    assert failing(spoilt(result, "value", 1, 0.1)) == ["at no time is V(D, G) above C(G)"]


@pytest.mark.parametrize(
    ("provoke", "message"),
    [
        (lambda: descent.convexity([0.0, 1.0]), "convexity: probabilities must be above 0"),
        (lambda: propositions.criterion(Normal(), [Normal(1.0)]).line, "criterion: a line needs"),
        (lambda: duality.parallel_lines([0.5, 1.0]), "parallel_lines: theta must have a 0 in it"),
        (lambda: other_losses.smoothed_discriminator(P, Q, 5.0), "smoothed_discriminator: alpha must be"),
        (lambda: duality.three_ways(Normal(), Normal()), "three_ways: p and q must be gan.data.Discrete, got Normal"),
        (lambda: gan.theory.kl(Normal(), Normal(), "grid"), "kl: x must be an array of numbers, got 'grid'"),
        (lambda: dirac.play(h=4.0), "play: h must be above 0 and below 4"),
        (lambda: dirac.play(start=(0.0, 0.0)), "play: h must be above 0 and below 4, and the start not"),
        (lambda: dirac.play(steps=3, start=(3, 0)).statements(), "Dirac.statements: they are about"),
    ],
)
def test_what_cannot_be_stated_is_said_in_a_line(provoke, message):
    with pytest.raises((ValueError, TypeError)) as error:
        provoke()
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_least_squares_where_a_density_is_zero():
    """Nothing in common: D* is 1 or -1, and 2 C(G) is 2, the most it can be."""
    for p, q in (
        (Uniform(0.0, 1.0), Uniform(2.0, 3.0)),
        (Normal(), Normal(90.0)),
        (Discrete([0.0]), Discrete([1.0])),
        ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]),
    ):
        result = other_losses.least_squares(p, q)
        assert not failing(result)
        assert result.criterion == pytest.approx(2.0, abs=1e-6)


@pytest.mark.parametrize("std", [0.02, 50.0])
@pytest.mark.parametrize("mu", [0, 3])
def test_slopes_of_samples_of_any_width(mu, std):
    for name, expected in zip(("saturating", "non-saturating"), slopes.divergence_slopes(mu, std), strict=True):
        assert slopes.loss_slope(named(name), mu, std) == pytest.approx(expected, rel=1e-9, abs=1e-9)


# ---------------------------------------------------------------- what a statement is


@pytest.mark.parametrize(
    ("left", "shown"),
    [
        ([1.0, 3.0, 2.0], (3.0, 3.0, True)),
        ([1.0 + 1e-10, 3.0, 2.0], (3.0, 3.0, True)),  # rounding does not choose what is shown
        ([1.5, 3.0, 2.1], (1.5, 1.0, False)),
        ([1.0, 3.0, math.nan], (math.nan, 2.0, False)),
    ],
)
def test_a_statement_of_arrays(left, shown):
    statement = Statement.everywhere("", np.array(left), np.array([1.0, 3.0, 2.0]))
    assert (statement.left, statement.right, statement.holds) == pytest.approx(shown, nan_ok=True)


@pytest.mark.parametrize(
    ("left", "relation", "right", "tolerance", "holds"),
    [
        (1.0, "=", 1.0 + 1e-10, 1e-9, True),
        (1.0, "=", 1.0 + 2e-9, 1e-9, False),
        (1.0 + 2e-9, "=", 1.0, 1e-9, False),
        (1.0, "=", 1.5, 0.5, True),
        (1.0, "<=", 1.0, 0.0, True),
        (1.0 + 1e-10, "<=", 1.0, 1e-9, True),
        (1.0 + 2e-9, "<=", 1.0, 1e-9, False),
        (-5.0, "<=", 1.0, 1e-9, True),
        (1.0, "<", 1.0, 0.0, False),
        (1.0, "<", 1.0 + 1e-10, 1e-9, False),
        (1.0, "<", 1.0 + 2e-9, 1e-9, True),
        (2.0, "<", 1.0, 1e-9, False),
        (math.nan, "=", 1.0, 1e-9, False),
        (1.0, "<=", math.nan, 1e-9, False),
        (math.nan, "<", math.nan, 1e-9, False),
        (math.inf, "=", 1.0, 1e-9, False),
        (-math.inf, "<", 1.0, 1e-9, True),
    ],
)
def test_when_it_holds(left, relation, right, tolerance, holds):
    statement = Statement("", left, right, relation, tolerance)
    assert statement.holds is holds
    assert dataclasses.replace(statement, left=np.float64(left)).holds is holds
