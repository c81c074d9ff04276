"""Proposition 1 and theorem 1 of the 2014 paper: computations that return what they found, and what it says of them.

Proposition 1: for a fixed G, D* = p / (p + q) makes V largest, at each point by itself and where a network learns it.
Theorem 1: C(G) = V(D*, G) = -log 4 + 2 JSD(p || q), and so it is least, -log 4, where q = p and nowhere else.

p is the density of the data, q that of the samples. Source: Goodfellow et al. 2014, section 4.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence

import numpy as np

import minigrad as mg
from minigrad import Tensor, nn, optim

from ..data import Distribution
from ..game import Game, two_player
from ..training import train
from .discriminator import LOG_4, best_value, optimal_discriminator
from .divergences import jsd, total_variation
from .generated import GeneratedDistribution, logits
from .integrals import Density
from .optimum import highest
from .statement import Statement

# ---------------------------------------------------------------- proposition 1


@dataclasses.dataclass(frozen=True)
class PointwiseMaximum:
    """Where f(y) = a log y + b log(1 - y) is largest, for arrays of weights a and b, and its curvature there."""

    a: np.ndarray
    b: np.ndarray
    y: np.ndarray
    curvature: np.ndarray

    def statements(self) -> list[Statement]:
        """Proposition 1, at each point by itself."""
        best = self.a / (self.a + self.b)
        return [
            Statement.everywhere("a log y + b log(1 - y) is largest at a / (a + b)", self.y, best, 1e-12),
            Statement("it is a maximum: curvature below 0", self.curvature.max(), 0.0, "<"),
        ]


def pointwise_maximum(a: np.ndarray, b: np.ndarray) -> PointwiseMaximum:
    """Finds the maximum of a log y + b log(1 - y) from its slope alone, for a and b above 0."""

    def f(y: Tensor) -> Tensor:
        return a * mg.log(y) + b * mg.log(1.0 - y)

    y = highest(f, np.shape(a))
    place = mg.Tensor(y, requires_grad=True)
    (slope,) = mg.grad(f(place).sum(), place, create_graph=True)
    return PointwiseMaximum(a, b, y, mg.grad(slope.sum(), place)[0].data)


@dataclasses.dataclass(frozen=True)
class TrainedDiscriminator:
    """A discriminator that learned against a frozen G: what it says at the end, and how it came to that."""

    x: np.ndarray
    p: np.ndarray
    q: np.ndarray
    d: np.ndarray
    d_star: np.ndarray
    steps: np.ndarray  # at which the following were measured
    value: np.ndarray  # V(D, G)
    distance: np.ndarray  # the largest |D - D*| where p + q > 1e-3
    best: float  # C(G)

    def statements(self) -> list[Statement]:
        """Proposition 1, where a network has to find it."""
        return [
            Statement("trained D is near D*: largest |D - D*| below 0.05", self.distance[-1], 0.05, "<"),
            Statement("at no time is V(D, G) above C(G)", self.value.max(), self.best, "<="),
            Statement("at the end V(D, G) is nearly C(G)", self.value[-1], self.best, "=", 1e-3),
        ]


def trained_discriminator(
    data: Distribution,
    generator: nn.Module,
    *,
    steps: int = 1500,
    batch_size: int = 256,  # larger products would be shared among threads, which wait for each other on a busy machine
    lr: float = 1e-2,
    seed: int | np.random.Generator = 0,
    looks: int = 41,
) -> TrainedDiscriminator:
    """Trains a small discriminator against a generator that stays as it is, and compares it with D*.

    The game has one player; the loop is that of ``gan.train``. D has two hidden layers of 32 units, and Adam's learning
    rate falls to 0 along a cosine.
    """
    rng = nn.init.generator(seed)
    generator = copy.deepcopy(generator)
    discriminator = nn.MLP([1, 32, 32, 1], nn.Tanh, rng=rng)
    both = two_player(
        generator,
        discriminator,
        optimizer=lambda parameters: optim.Adam(parameters, lr),
        schedule=lambda optimizer: optim.CosineAnnealingLR(optimizer, steps),
    )
    game = Game([both.players["discriminator"]], both.prior, both.noise_size)
    generator.requires_grad_(False)
    made = GeneratedDistribution(generator, both.prior)
    x = np.union1d(data.grid(1001), made.x)
    p, q = data.density(x), made.density(x)
    d_star, seen = optimal_discriminator(p, q), p + q > 1e-3
    moments = set(np.linspace(0, steps, looks).astype(int).tolist())
    measured = []

    def look(done: int, losses: object) -> None:
        if done in moments:
            d = mg.sigmoid(logits(discriminator, x))
            measured.append((done, made.value(discriminator, data), abs(d - d_star)[seen].max()))

    train(game, data, steps, batch_size=batch_size, seed=rng, callback=look, progress=False)
    d = mg.sigmoid(logits(discriminator, x))
    best = -LOG_4 + 2.0 * made.jsd(data)
    return TrainedDiscriminator(x, p, q, d, d_star, *np.array(measured).T, best)


# ---------------------------------------------------------------- theorem 1


@dataclasses.dataclass(frozen=True)
class Criterion:
    """C(G) and the JSD for each of a family of q, other than p, and C for q = p."""

    best: np.ndarray  # C(G) = V(D*, G)
    divergence: np.ndarray  # JSD(p || q), by way of two KLs
    variation: np.ndarray  # the total variation distance
    at_p: float

    @property
    def line(self) -> tuple[float, float]:
        """Slope and intercept of C against the JSD, by least squares; raises ValueError where all JSD are alike."""
        if not np.ptp(self.divergence) > 1e-6:
            raise ValueError("criterion: a line needs samples at two different distances from the data")
        slope, intercept = np.polyfit(self.divergence, self.best, 1)
        return float(slope), float(intercept)

    def statements(self) -> list[Statement]:
        """Theorem 1. The last line says "only there" in numbers: the JSD is at least half the square of TV."""
        slope, intercept = self.line
        tight = (self.best + LOG_4 - self.variation**2).argmin()
        return [
            Statement("C against JSD is a line of slope 2", slope, 2.0, "=", 1e-6),
            Statement("and of intercept -log 4", intercept, -LOG_4, "=", 1e-6),
            Statement("C = -log 4 where q = p", self.at_p, -LOG_4),
            Statement(
                "elsewhere C is larger, by TV^2 or more", self.variation[tight] ** 2, self.best[tight] + LOG_4, "<="
            ),
        ]


def criterion(p: Density, family: Sequence[Density], x: np.ndarray | None = None) -> Criterion:
    """C(G) and JSD(p || q) for each q of the family, none of which is p; all are given as ``integrals`` says."""
    best = np.array([best_value(p, q, x) for q in family])
    divergence = np.array([jsd(p, q, x) for q in family])
    return Criterion(best, divergence, np.array([total_variation(p, q, x) for q in family]), best_value(p, p, x))
