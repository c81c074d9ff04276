"""Formulas as they are printed in notes, slides and posts, and wrong: each beside the right one, where they part.

An erratum has an input on which the two differ, and what a computation that uses neither of them gives there. Most
agree at q = p, where all is said and done: whoever checks there only finds nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

import minigrad as mg
from minigrad import Tensor, nn, optim

from ..data import Normal, Uniform
from ..game import two_player
from ..objectives import named
from .discriminator import LOG_4, best_value, optimal_discriminator, optimal_logits, sampled_value
from .divergences import chi_square, jsd, kl
from .optimum import highest, highest_value
from .other_losses import least_squares
from .slopes import divergence_slopes, loss_slope
from .transport import wasserstein

LOG_2 = 0.5 * LOG_4
P, Q = Normal(), Normal(2.0)
AT = "p = N(0, 1), q = N(2, 1)"
THREE = np.array([[-1.0], [0.5], [2.0]])


@dataclasses.dataclass(frozen=True)
class Erratum:
    """What is printed and what is right, as text and as numbers at one input, and what is measured there."""

    printed: str
    right: str
    where: str
    printed_value: Callable[[], float]
    right_value: Callable[[], float]
    measured: Callable[[], float]
    tolerance: float = 1e-6  # of right against measured

    def parts(self) -> tuple[float, float, float]:
        """The printed formula's number, the right one's, and the measured one."""
        return float(self.printed_value()), float(self.right_value()), float(self.measured())

    @property
    def exposed(self) -> bool:
        """Whether the measurement agrees with the right formula, and not with the printed one."""
        printed, right, measured = self.parts()
        return abs(right - measured) <= self.tolerance and abs(printed - measured) > 10.0 * self.tolerance


# ---------------------------------------------------------------- what is measured, where it takes more than a line


def _value_of_the_best() -> float:
    """V at the D that is best at each point, found from the slope of V alone."""
    return highest_value(P, Q, np.linspace(-8.0, 10.0, 1801))


def _in_both_terms() -> float:
    """E_p log D* + E_p log(1 - D*)."""
    x = np.linspace(-8.0, 10.0, 1801)
    best, doubt = optimal_discriminator(P, Q, x), optimal_discriminator(Q, P, x)
    return float(np.trapezoid(P.density(x) * (np.log(best) + np.log(doubt)), x))


def _smoothed(real: float, fake_share: float) -> float:
    """The best D where p = q, when the data's log D weighs real and their log(1 - D) weighs fake_share."""
    return highest(lambda d: real * mg.log(d) + (fake_share + 1.0) * mg.log(1.0 - d), ()).item()


def _loss_at_the_end(generator: bool) -> float:
    """The loss of a player when D says 1/2 to everything."""
    undecided, objective = mg.Tensor(np.zeros((4, 1))), named("non-saturating")
    loss = objective.generator_loss(undecided) if generator else objective.discriminator_loss(undecided, undecided)
    return loss.item()


def _least_squares_at_the_end() -> float:
    """The least that LSGAN's L_D = E_p (D - 1) ** 2 / 2 + E_q D ** 2 / 2 can be where p = q."""

    def loss(d: Tensor) -> Tensor:
        return 0.5 * (d - 1.0) ** 2 + 0.5 * d**2

    return loss(mg.Tensor(highest(lambda d: -loss(d), ()))).item()


def _clipped_critic() -> float:
    """E_p f - E_q f for the critic f(x) = w x that gradient ascent finds for N(3, 1) and N(0, 1), |w| held at 0.01."""
    w = nn.Parameter(np.array(0.0))
    ascent = optim.RMSprop([w], 1e-3)
    for _ in range(100):
        ascent.zero_grad()
        (-w * (3.0 - 0.0)).backward()  # E f is w times the mean
        ascent.step()
        w.data = np.clip(w.data, -0.01, 0.01)
    return w.item() * 3.0


def _critic_with_a_sigmoid() -> float:
    """E_p sigmoid(f) - E_q sigmoid(f) for N(3, 1) and N(0, 1), with the best f of slope 1, f(x) = x - 3 / 2."""
    x = np.linspace(-8.0, 11.0, 1901)
    return float(np.trapezoid((Normal(3.0).density(x) - P.density(x)) * mg.sigmoid(x - 1.5), x))


def _steps_in_a_round(player: str, k: int) -> int:
    """How many steps of a player Algorithm 1 takes, counted."""
    game = two_player(nn.MLP([1, 2, 1], nn.Tanh, rng=0), nn.MLP([1, 2, 1], nn.Tanh, rng=1), k=k)
    rng, steps = np.random.default_rng(0), []
    step = game.step
    game.step = lambda name, batch: steps.append(name) or step(name, batch)
    game.play_round(lambda: {"real": P.sample(4, rng), "noise": P.sample(4, rng)})
    return steps.count(player)


def _slope_of_the_first_term() -> float:
    """What E log D(x) adds to the slope of V by theta, for the D that is best against G(z) = theta + z at theta = 2."""
    rng = np.random.default_rng(0)
    real, noise = (P.sample(100, rng) for _ in range(2))
    theta = mg.Tensor(np.array(2.0), requires_grad=True)
    of_real, of_fake = (2.0 - 2.0 * x for x in (mg.Tensor(real), theta + noise))  # log p - log q
    both = -named("saturating").discriminator_loss(of_real, of_fake)
    alone = named("saturating").generator_loss(of_fake)
    return mg.grad(both, theta)[0].item() - mg.grad(alone, theta)[0].item()


def _critic_with_batch_norm(x: Tensor) -> Tensor:
    critic = nn.Sequential(nn.Linear(1, 4, rng=0), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 1, rng=1))
    return critic.double().to("numpy")(x)


def _slope_at_the_first(of: Callable[[Tensor], Tensor]) -> float:
    """The slope by the first of three points of what is made of the critic's three outputs."""
    x = mg.Tensor(THREE, requires_grad=True)
    return mg.grad(of(_critic_with_batch_norm(x)), x)[0].data[0].item()


def _slope_by_differences(h: float = 1e-5) -> float:
    """How much the critic's first output changes when the first of three points moves."""
    ends = [_critic_with_batch_norm(mg.Tensor(THREE + np.array([[move], [0.0], [0.0]])))[0] for move in (h, -h)]
    return (ends[0] - ends[1]).item() / (2.0 * h)


def _sampled(n: int) -> float:
    """V(D*, G), estimated from n samples of each."""
    rng = np.random.default_rng(1)
    real, fake = (optimal_logits(P, Q, source.sample(n, rng)) for source in (P, Q))
    return sampled_value(real, fake).value


def _histogram_jsd(n: int = 150, cells: int = 30) -> float:
    """The JSD of the histograms of two samples of the same distribution in the plane, in cells x cells cells."""
    rng, edges = np.random.default_rng(0), np.linspace(-3.0, 3.0, cells + 1)
    counts = [np.histogram2d(*rng.standard_normal((2, n)), bins=(edges, edges))[0] for _ in range(2)]
    return jsd(*(c / c.sum() for c in counts))


def _midway(x: np.ndarray) -> np.ndarray:
    """The density (p + q) / 2."""
    return 0.5 * (P.density(x) + Q.density(x))


GRID = np.linspace(-10.0, 12.0, 2201)

ERRATA = (
    Erratum(
        "C(G) = JSD(p || q) - log 4",
        "C(G) = 2 JSD(p || q) - log 4",
        AT,
        lambda: jsd(P, Q) - LOG_4,
        lambda: 2.0 * jsd(P, Q) - LOG_4,
        _value_of_the_best,
    ),
    Erratum(
        "V(D*, G) = E_p log D* + E_p log(1 - D*)",
        "V(D*, G) = E_p log D* + E_q log(1 - D*)",
        AT,
        _in_both_terms,
        lambda: best_value(P, Q),
        _value_of_the_best,
    ),
    Erratum(
        "C(G) = -log 4 + KL(p || (q + q)/2) + KL(q || (p + q)/2)",
        "C(G) = -log 4 + KL(p || (p + q)/2) + KL(q || (p + q)/2)",
        AT,
        lambda: -LOG_4 + kl(P, Q) + kl(Q, _midway, GRID),
        lambda: -LOG_4 + kl(P, _midway, GRID) + kl(Q, _midway, GRID),
        _value_of_the_best,
    ),
    Erratum(
        "C(G) = -log 4 + 2 JSD, with JSD in bits",
        "C(G) = -log 4 + 2 JSD, with JSD in nats",
        AT,
        lambda: -LOG_4 + 2.0 * jsd(P, Q) / LOG_2,
        lambda: -LOG_4 + 2.0 * jsd(P, Q),
        _value_of_the_best,
    ),
    Erratum(
        "JSD is 1 where p and q have nothing in common",
        "JSD is log 2 there, in nats",
        "U(0, 1), U(2, 3)",
        lambda: 1.0,
        lambda: LOG_2,
        lambda: jsd(Uniform(0.0, 1.0), Uniform(2.0, 3.0)),
    ),
    Erratum(
        "the non-saturating loss goes down 2 JSD",
        "it goes down KL(q || p) - 2 JSD",
        "slopes by mu, q = N(2, 1)",
        lambda: divergence_slopes(2.0)[0],
        lambda: divergence_slopes(2.0)[1],
        lambda: loss_slope(named("non-saturating"), 2.0),
    ),
    Erratum(
        "at the end L_D = -V = log 2",
        "at the end L_D = -V = log 4: a sum of two terms",
        "D = 1/2",
        lambda: LOG_2,
        lambda: LOG_4,
        lambda: _loss_at_the_end(generator=False),
    ),
    Erratum(
        "at the end L_D = log 4, whatever the GAN",
        "LSGAN's is 1/4 with labels 0 and 1 (WGAN's 0, the hinge's 2)",
        "q = p",
        lambda: LOG_4,
        lambda: 0.25,
        _least_squares_at_the_end,
    ),
    Erratum(
        "at the end L_G = 0",
        "at the end L_G = log 2, non-saturating",
        "D = 1/2",
        lambda: 0.0,
        lambda: LOG_2,
        lambda: _loss_at_the_end(generator=True),
    ),
    Erratum(
        "E log D(x) has a part in the slope of G, as in -dL_G/dx",
        "E log D(x) has none: theta is not in it",
        "slopes by theta, G(z) = theta + z, q = N(2, 1)",
        lambda: -loss_slope(named("non-saturating"), 2.0),
        lambda: 0.0,
        _slope_of_the_first_term,
    ),
    Erratum(
        "labels 0.9 for 1 leave D* = 1/2",
        "labels 0.9 for 1 make it 0.9 p / (p + q)",
        "q = p",
        lambda: 0.5,
        lambda: 0.45,
        lambda: _smoothed(0.9, 0.1),
    ),
    Erratum(
        "0.95 E_p log D leaves D* = 1/2",
        "0.95 E_p log D makes it 0.95 p / (0.95 p + q)",
        "q = p",
        lambda: 0.5,
        lambda: 0.95 / 1.95,
        lambda: _smoothed(0.95, 0.0),
    ),
    Erratum(
        "a critic with clipped weights finds W1",
        "it finds K W1 at most, and here just that: K = 0.01",
        "N(3, 1), N(0, 1), f(x) = w x",
        lambda: wasserstein(Normal(3.0), P),
        lambda: 0.01 * wasserstein(Normal(3.0), P),
        _clipped_critic,
    ),
    Erratum(
        "a WGAN's critic ends in a sigmoid",
        "it ends without: W1 has no upper bound",
        "N(3, 1), N(0, 1)",
        _critic_with_a_sigmoid,
        lambda: wasserstein(Normal(3.0), P),
        lambda: float(np.trapezoid((Normal(3.0).density(GRID) - P.density(GRID)) * GRID, GRID)),
    ),
    Erratum(
        "2 C(G) of LSGAN = chi-square of p + q from 2q",
        "2 C(G) of LSGAN = chi-square of 2q from p + q",
        AT,
        lambda: chi_square(lambda x: 2.0 * _midway(x), lambda x: 2.0 * Q.density(x), GRID),
        lambda: chi_square(lambda x: 2.0 * Q.density(x), lambda x: 2.0 * _midway(x), GRID),
        lambda: least_squares(P, Q).criterion,
    ),
    Erratum(
        "in a round G takes k steps",
        "in a round G takes one step, and D takes k",
        "k = 5",
        lambda: 5,
        lambda: 1,
        lambda: _steps_in_a_round("generator", 5),
    ),
    Erratum(
        "dD(x_1)/dx_1 by the gradient of sum D, with batch norm",
        "it is that of D(x_1): with batch norm all depend on x_1",
        "three points",
        lambda: _slope_at_the_first(lambda d: d.sum()),
        lambda: _slope_at_the_first(lambda d: d[0].sum()),
        _slope_by_differences,
    ),
    Erratum(
        "V of a batch of 64 is V(D*, G)",
        "it is so on average, with an error of sd / sqrt(n)",
        AT,
        lambda: _sampled(64),
        lambda: best_value(P, Q),
        lambda: _sampled(1_000_000),
        tolerance=3e-3,
    ),
    Erratum(
        "the JSD of two histograms is the JSD",
        "it is above, where cells have few samples: here 0",
        "150 of N(0, I) twice, 900 cells",
        _histogram_jsd,
        lambda: 0.0,
        lambda: jsd(P, P),
    ),
)
