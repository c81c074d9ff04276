"""The Wasserstein-1 distance: the least work that makes one distribution of another, mass times distance.

On the line it is an integral over quantiles; between points anywhere it is a linear program, whose dual is the critic
of a WGAN.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from minigrad.messages import shown

from ..data import Discrete, Distribution
from ..data.distributions import mass_below
from .integrals import Density, pair

POINTS = 20_001  # of the grid of a distribution that has a density


def wasserstein(p: Density, q: Density, x: np.ndarray | None = None) -> float:
    """W1(p, q) = integral over u from 0 to 1 of |F_p^-1(u) - F_q^-1(u)|, in the unit of x.

    Exact for two discrete distributions, such as two samples; else to about 1e-7 standard deviations. On a grid x,
    where p and q may be functions and arrays too, it is the same area seen from the side: that between F_p and F_q.

    Source: Vallender 1974.

    Raises:
        TypeError: for what is not one of gan.data's distributions, where there is no grid.
    """
    if x is not None:
        both = pair("wasserstein", p, q, x)
        if min(both.integral(both.p), both.integral(both.q)) <= 0.0:
            raise ValueError("wasserstein: p or q has no mass on the grid x")
        return both.integral(abs(mass_below(both.p, both.x) - mass_below(both.q, both.x)))
    for name, distribution in {"p": p, "q": q}.items():
        if not isinstance(distribution, Distribution):
            raise TypeError(
                f"wasserstein: {name} must be a distribution, such as gan.data.Normal() or, for a sample, "
                f"gan.data.Discrete(sample), or there be a grid x; got {shown(distribution)}"
            )
    u = np.union1d(_shares(p), _shares(q))
    middle = np.minimum(0.5 * (u[1:] + u[:-1]), np.nextafter(1.0, 0.0))  # rounded to 1, it would have no quantile
    return float(abs(p.quantile(middle) - q.quantile(middle)) @ np.diff(u))


def _shares(distribution: Distribution) -> np.ndarray:
    """The mass at or below each of the values, or each point of a grid, from 0 to 1: fine where quantiles are steep."""
    if isinstance(distribution, Discrete):
        return np.append(0.0, np.cumsum(distribution.probabilities)) / distribution.probabilities.sum()
    x = distribution.grid(POINTS)
    return mass_below(distribution.density(x), x)


@dataclasses.dataclass(frozen=True)
class Transport:
    """The solution of an optimal transport problem between n points that hold p and m points that hold q.

    The potential is a function whose slope is nowhere above 1, with E_p f - E_q f as large as that allows: as large
    as the distance (Kantorovich and Rubinstein 1958).
    """

    distance: float
    plan: np.ndarray  # (n, m): how much mass goes from each point of p to each point of q
    potential_p: np.ndarray  # (n,): f at the points of p
    potential_q: np.ndarray  # (m,): and at the points of q

    @property
    def dual(self) -> float:
        """E_p f - E_q f, by the shares that the plan takes from and brings to each point."""
        return float(self.plan.sum(axis=1) @ self.potential_p - self.plan.sum(axis=0) @ self.potential_q)


def optimal_transport(p: np.ndarray, x: np.ndarray, q: np.ndarray, y: np.ndarray) -> Transport:
    """The cheapest plan that takes the mass p (n,) at the points x to the mass q (m,) at the points y, and its dual.

    Points are numbers, (n,), or rows, (n, dimensions); the cost of a move is its length. The linear program has n m
    unknowns: some hundred points are a matter of seconds. It needs SciPy.

    Raises:
        ValueError: when the masses differ in sum or are below 0, or the shapes do not fit.
        ModuleNotFoundError: when SciPy is not installed.
    """
    p, q = (np.asarray(mass, float) for mass in (p, q))
    x, y = (np.asarray(points, float).reshape(len(points), -1) for points in (x, y))
    if p.shape != (len(x),) or q.shape != (len(y),) or x.shape[1] != y.shape[1]:
        raise ValueError(f"optimal_transport: masses {p.shape}, {q.shape} do not fit points {x.shape}, {y.shape}")
    if not min(p.min(), q.min()) >= 0:
        raise ValueError(f"optimal_transport: masses are 0 or more, got {min(p.min(), q.min()):g}")
    if not (p.sum() > 0 and math.isclose(p.sum(), q.sum(), rel_tol=1e-9)):
        raise ValueError(f"optimal_transport: masses have equal sums above 0, got {p.sum():g} and {q.sum():g}")
    cost = np.linalg.norm(x[:, None] - y, axis=-1)
    plan, price = _linear_program(p, q, cost)
    # Whatever the prices at the points of q, this f has no slope above 1, and it is the best of all with those prices.
    at_p, at_q = (np.min(np.linalg.norm(z[:, None] - y, axis=-1) - price, axis=1) for z in (x, y))
    return Transport(float((plan * cost).sum()), plan, at_p, at_q)


def _linear_program(p: np.ndarray, q: np.ndarray, cost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The plan (n, m) with rows of sum p and columns of sum q that costs least, and the price of mass at each of q."""
    try:
        from scipy import optimize, sparse
    except ModuleNotFoundError:
        raise ModuleNotFoundError("optimal_transport needs SciPy: python -m pip install scipy") from None
    n, m = cost.shape
    rows = sparse.kron(sparse.eye(n), np.ones((1, m)))
    columns = sparse.kron(np.ones((1, n)), sparse.eye(m))
    sums = np.concatenate([p, q * (p.sum() / q.sum())])
    solved = optimize.linprog(cost.ravel(), A_eq=sparse.vstack([rows, columns]), b_eq=sums, method="highs")
    if solved.status != 0:
        raise ValueError(f"optimal_transport: {solved.message}")
    return solved.x.reshape(n, m), solved.eqlin.marginals[n:]
