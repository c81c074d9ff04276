"""Proposition 2 of the 2014 paper, which is about descent on q itself, and what is left of it where q has parameters.

Proposition 2: C is convex in q, and gradient descent on q itself, with D* at each step, leads to p. In practice q has
parameters: C need not be convex in them, and descent may end somewhere else.

p is the density of the data, q that of the samples. Source: Goodfellow et al. 2014, section 4.2.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import Tensor, nn

from ..data import Mixture, Normal
from .discriminator import LOG_4, best_value, optimal_discriminator
from .statement import Statement


def value_at(p: np.ndarray, q: Tensor, d: np.ndarray | Tensor) -> Tensor:
    """V(D, G) = sum p log D + sum q log(1 - D) for probabilities p and q of the same few things, to differentiate."""
    return (p * mg.log(d) + q * mg.log(1.0 - d)).sum()


def best_value_of(p: np.ndarray, q: Tensor) -> Tensor:
    """C(G) = V(D*, G), as a function of the probabilities q."""
    return value_at(p, q, p / (p + q))


@dataclasses.dataclass(frozen=True)
class Convexity:
    """C at points q of the simplex: its curvature, its slope, and how it lies below its chords."""

    hessian: np.ndarray  # (points, n, n): of C by q
    formula: np.ndarray  # (points, n, n): diag(p / (q (p + q)))
    below_chord: np.ndarray  # (points,): how far C lies below the middle of a chord
    slope: np.ndarray  # (points, n): of C
    slope_of_value: np.ndarray  # (points, n): of V, with D* held fixed

    def statements(self) -> list[Statement]:
        """Proposition 2, its first half: C is convex, and D* may be held fixed."""
        lowest = np.linalg.eigvalsh(self.hessian).min()
        return [
            Statement("C is convex in q: lowest curvature above 0", 0.0, lowest, "<"),
            Statement.everywhere("its Hessian is diag(p / (q (p + q)))", self.hessian, self.formula, 1e-6),
            Statement("C lies below its chords", 0.0, self.below_chord.min(), "<"),
            Statement.everywhere("dC/dq = dV/dq with D* held fixed", self.slope, self.slope_of_value, 1e-12),
        ]


def convexity(p: np.ndarray, *, points: int = 50, seed: int | np.random.Generator = 0) -> Convexity:
    """Looks at C at random points of the simplex, for the probabilities p of a discrete distribution.

    Raises:
        ValueError: when p is not above 0 everywhere.
    """
    p = np.asarray(p, float)
    if not (p > 0).all():
        raise ValueError(f"convexity: probabilities must be above 0, got {p}")
    ends = nn.init.generator(seed).dirichlet(np.ones(p.size), (points, 2))
    qs = 0.9 * ends[:, 0] + 0.1 / p.size  # not too near to the simplex's rim, where curvatures are infinite
    values = [[best_value_of(p, q).item() for q in (*pair, pair.mean(axis=0))] for pair in ends]
    return Convexity(
        np.array([mg.hessian(lambda q: best_value_of(p, q), mg.Tensor(q)).data for q in qs]),
        np.array([np.diag(p / (q * (p + q))) for q in qs]),
        np.array([0.5 * (one + other) - middle for one, other, middle in values]),
        np.array([slope(best_value_of, p, q) for q in qs]),
        np.array([slope(value_at, p, q, p / (p + q)) for q in qs]),
    )


def slope(f: Callable[..., Tensor], p: np.ndarray, q: np.ndarray, *d: np.ndarray) -> np.ndarray:
    """The gradient of f(p, q, ...) by q."""
    q = mg.Tensor(q, requires_grad=True)
    return mg.grad(f(p, q, *d), q)[0].data


@dataclasses.dataclass(frozen=True)
class Descent:
    """Gradient descent on a discrete q: the path and C along it, a row for each step and one for the start."""

    p: np.ndarray
    path: np.ndarray
    best: np.ndarray

    def statements(self) -> list[Statement]:
        """Proposition 2, its second half: the descent converges to p."""
        return [
            Statement(
                "descent on q ends at p (total variation)", 0.5 * abs(self.path[-1] - self.p).sum(), 0.0, "=", 1e-6
            ),
            Statement("there C = -log 4", self.best[-1], -LOG_4),
            Statement("no step raises C", np.diff(self.best).max(), 0.0, "<="),
        ]


def descend(p: np.ndarray, start: np.ndarray, *, lr: float = 0.05, steps: int = 300) -> Descent:
    """Gradient descent on the probabilities q themselves: D* at each step, then a step of q down V with D* fixed.

    After each step q is put back to the nearest point of the simplex.

    Raises:
        ValueError: when q is not above 0 everywhere, as after too long a step: where q is 0 V's slope is infinite.
    """
    q = np.array(start, float)
    path = [q]
    for _ in range(steps):
        if not (q > 0).all():
            raise ValueError(f"descend: q must stay above 0; start inside, or take a lower lr than {lr:g}")
        d_star = optimal_discriminator(p, q)
        q = nearest_probabilities(q - lr * slope(value_at, p, q, d_star))
        path.append(q)
    return Descent(p, np.array(path), np.array([best_value(p, q) for q in path]))


def nearest_probabilities(v: np.ndarray) -> np.ndarray:
    """The probabilities nearest to v: all lowered by the same amount, and those that would be negative set to 0.

    Source: Held, Wolfe and Crowder 1974.
    """
    falling = np.sort(v)[::-1]
    excess = (np.cumsum(falling) - 1.0) / np.arange(1, v.size + 1)
    return np.maximum(v - excess[falling > excess][-1], 0.0)


# ---------------------------------------------------------------- and in practice


@dataclasses.dataclass(frozen=True)
class ParametrisedDescent:
    """C as a function of the one parameter mu of q = N(mu, std ** 2), and where descent on mu ends from two starts."""

    mu: np.ndarray
    best: np.ndarray
    curvature: np.ndarray
    paths: np.ndarray  # (starts, steps + 1)
    ends: np.ndarray  # C at the end of each path

    def statements(self) -> list[Statement]:
        """Where the argument of the paper, which is about q itself, does not reach."""
        return [
            Statement("with a parameter C is not convex", self.curvature.min(), 0.0, "<", 1e-3),
            Statement("one start ends at the lowest C", self.ends.min(), self.best.min(), "=", 1e-3),
            Statement("another one ends higher", self.ends.min(), self.ends.max(), "<", 0.05),
        ]


def parametrised_descent(
    starts: Sequence[float] = (4.5, -4.5), *, lr: float = 0.5, steps: int = 200
) -> ParametrisedDescent:
    """Descent on the mean mu of samples N(mu, 0.6 ** 2), for data with modes at 2 (70 %) and -2 (30 %)."""
    data, std = Mixture([Normal(-2.0, 0.6), Normal(2.0, 0.6)], [0.3, 0.7]), 0.6
    x = np.linspace(-8.0, 8.0, 1601)
    log_p = data.log_density(x)

    def best(mu: Tensor) -> Tensor:
        log_q = -0.5 * ((x - mu) / std) ** 2 - np.log(std * np.sqrt(2.0 * np.pi))
        terms = -np.exp(log_p) * F.softplus(log_q - log_p) - mg.exp(log_q) * F.softplus(log_p - log_q)
        return terms.sum(axis=-1) * (x[1] - x[0])

    mu = mg.Tensor(np.linspace(-5.0, 5.0, 401).reshape(-1, 1), requires_grad=True)
    curve = best(mu)
    (first,) = mg.grad(curve.sum(), mu, create_graph=True)
    (second,) = mg.grad(first.sum(), mu)
    places = [np.array(starts, float).reshape(-1, 1)]
    for _ in range(steps):
        now = mg.Tensor(places[-1], requires_grad=True)
        places.append(places[-1] - lr * mg.grad(best(now).sum(), now)[0].data)
    paths = np.concatenate(places, axis=1)
    ends = best(mg.Tensor(places[-1])).data
    return ParametrisedDescent(mu.data.ravel(), curve.data, second.data.ravel(), paths, ends)
