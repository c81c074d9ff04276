"""The exact distribution of what a generator makes of noise, on the line, and its JSD from the data."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np

import minigrad as mg
from minigrad import nn
from minigrad.messages import check_integers, shown

from ..data import Discrete, Distribution
from ..places import in_memory
from .discriminator import optimal_discriminator
from .integrals import log_ratio, pair, weighted


class GeneratedDistribution:
    """The exact distribution of G(z) for a generator from one number to one, by change of variables.

        p_g(x) = sum over all z with G(z) = x of p_z(z) / |G'(z)|

    G' comes from autograd, in float64. G is cut where it turns, and on each piece between turns the z of an x is found
    by interpolation and a step of Newton's method: no histogram, no kernel estimate. An expectation over p_g is one
    over z, E f(G(z)), which stays accurate where p_g has a spike or is infinite, as it is where G turns.

    Raises:
        ValueError: when the generator is not from one number to one.
    """

    def __init__(self, generator: nn.Module, prior: Distribution, points: int = 4001):
        if isinstance(generator, type) or not callable(generator):
            raise TypeError(f"GeneratedDistribution: the generator must be a module, got {shown(generator)}")
        _check_distribution("GeneratedDistribution", prior)
        check_integers("GeneratedDistribution", 2, points=points)
        self.generator, self.prior = in_memory(generator), prior
        self.z = np.linspace(*prior.support(), points)
        self.x, _ = self._value_and_slope(self.z)
        weight = np.gradient(self.z) * prior.density(self.z)
        weight[[0, -1]] *= 0.5
        self.weight = weight / weight.sum()
        self._pieces = _monotone_pieces(self.z, self.x)
        same = np.diff(self.x) == 0.0
        self._flat = np.append(same, False) | np.append(False, same)

    def _value_and_slope(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """G and G' at each z."""
        z = mg.Tensor(z.reshape(-1, 1), requires_grad=True)
        with mg.enable_grad(), in_use(self.generator):
            x = self.generator(z)
            if x.shape != z.shape:
                raise ValueError(f"the density needs a generator from one number to one: {z.shape} became {x.shape}")
        return x.data.ravel(), mg.grad(x, z, np.ones_like(x.data))[0].data.ravel()

    def expectation(self, f: np.ndarray) -> float:
        """E f(x) under p_g, for the values of f at the points ``x``."""
        return float(self.weight @ f)

    @property
    def mean(self) -> float:
        """E x."""
        return self.expectation(self.x)

    @property
    def std(self) -> float:
        """The root of E (x - E x) ** 2."""
        return self.expectation((self.x - self.mean) ** 2) ** 0.5

    def density(self, x: np.ndarray) -> np.ndarray:
        """p_g at each x: 0 where G does not reach, infinite where G is flat."""
        x = np.asarray(x, float)
        total = np.zeros_like(x)
        for zs, xs in self._pieces:
            inside = (x >= xs[0]) & (x <= xs[-1])
            target = x[inside]
            z = np.interp(target, xs, zs)
            reached, slope = self._value_and_slope(z)
            with np.errstate(divide="ignore", invalid="ignore"):
                step = np.nan_to_num((target - reached) / slope, nan=0.0, posinf=0.0, neginf=0.0)
            z = np.clip(z + step, zs.min(), zs.max())
            _, slope = self._value_and_slope(z)
            with np.errstate(divide="ignore"):
                total[inside] += self.prior.density(z) / np.abs(slope)
        total[np.isin(x, self.x[self._flat])] = np.inf
        return total

    def _grid(self, data: Distribution, points: int = 2001) -> np.ndarray:
        """Points fine enough for both: of the data evenly, of p_g where its mass is, and on both sides of each jump."""
        ends = np.array([*data.support(), *(end for _, xs in self._pieces for end in (xs[0], xs[-1]))])
        beside = [np.nextafter(ends, -np.inf), np.nextafter(ends, np.inf)]
        return np.unique(np.concatenate([np.linspace(*data.support(), points), self.x, *beside]))

    def jsd(self, data: Distribution) -> float:
        """The exact Jensen-Shannon divergence between data and p_g, in nats."""
        _check_distribution("jsd", data)
        x = self._grid(data)
        q = self.density(x)
        finite = np.isfinite(q)  # where G turns p_g is not, but all integrals are
        both = pair("jsd", data, q[finite], x[finite])
        log_d = log_ratio(both.log_p, np.logaddexp(both.log_p, both.log_q))
        on_data = both.integral(weighted(both.p, np.log(2.0) + log_d))
        doubt = optimal_discriminator(q, data, x)  # 1 - D*, with every digit where D* is nearly 1
        with np.errstate(divide="ignore"):
            on_samples = weighted(self.weight, np.log(2.0 * np.interp(self.x, x, doubt)))
        return 0.5 * (on_data + float(on_samples.sum()))

    def value(self, discriminator: nn.Module, data: Distribution) -> float:
        """V(D, G) in nats, exact but for the grid, for a discriminator that returns logits."""
        _check_distribution("value", data)
        x = np.linspace(*data.support(), 2001)
        real = -np.logaddexp(0.0, -logits(discriminator, x))
        fake = -np.logaddexp(0.0, logits(discriminator, self.x))
        return float(np.trapezoid(data.density(x) * real, x)) + self.expectation(fake)


def _check_distribution(who: str, value: Distribution) -> None:
    if not isinstance(value, Distribution) or isinstance(value, Discrete):
        raise TypeError(f"{who}: needs a distribution with a density, such as gan.data.Normal(), got {shown(value)}")


def logits(discriminator: nn.Module, x: np.ndarray) -> np.ndarray:
    """The discriminator's output at each x of a grid, in float64; D(x) is its sigmoid."""
    discriminator = in_memory(discriminator)
    with mg.no_grad(), in_use(discriminator):
        return discriminator(mg.Tensor(np.asarray(x, float).reshape(-1, 1))).data.ravel()


@contextlib.contextmanager
def in_use(*networks: nn.Module) -> Iterator[None]:
    """Within this context networks behave as in use, not as in training: to look at a game must not change it.

    A network may also be a plain function, which has no such difference.
    """
    modules = [module for network in networks if isinstance(network, nn.Module) for module in network.modules()]
    training = {module: module.training for module in modules}
    try:
        for module in modules:
            module.training = False
        yield
    finally:
        for module, mode in training.items():
            module.training = mode


def _monotone_pieces(z: np.ndarray, x: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The points (z, x) cut where x turns, each piece by rising x; flat stretches are left out."""
    direction = np.sign(np.diff(x))
    cuts = np.flatnonzero(np.diff(direction)) + 1
    pieces = []
    for steps in np.split(np.arange(direction.size), cuts):
        up = direction[steps[0]]
        if up != 0:
            nodes = slice(steps[0], steps[-1] + 2)
            pieces.append((z[nodes], x[nodes]) if up > 0 else (z[nodes][::-1], x[nodes][::-1]))
    return pieces
