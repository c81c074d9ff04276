"""Distributions on the line that can be both sampled and evaluated: data to learn, and noise to learn from."""

from __future__ import annotations

import abc
import dataclasses
import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from minigrad.messages import check_integers, check_numbers, shown


class Distribution(abc.ABC):
    """A distribution of one real number, with a density in closed form."""

    mean: float
    std: float

    @abc.abstractmethod
    def density(self, x: np.ndarray) -> np.ndarray:
        """The density at each element of x; of a discrete distribution the probability of each."""

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """The logarithm of the density at each element of x, minus infinity where it is 0."""
        with np.errstate(divide="ignore"):
            return np.log(self.density(x))

    @abc.abstractmethod
    def quantile(self, u: np.ndarray) -> np.ndarray:
        """The number below which a share u of the mass lies, for each element of u in (0, 1)."""

    @abc.abstractmethod
    def support(self) -> tuple[float, float]:
        """The interval outside which there is no mass, or less than 1e-14 of it."""

    def grid(self, points: int) -> np.ndarray:
        """So many points or more, increasing, on which sums come close to integrals of the density."""
        return np.linspace(*self.support(), points)

    @abc.abstractmethod
    def _draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """Independent samples."""

    def sample(self, n: int, rng: np.random.Generator, size: int = 1) -> np.ndarray:
        """n rows of size independent numbers each: (n, size), float32."""
        check_integers("sample", 0, n=n, size=size)
        if not isinstance(rng, np.random.Generator):
            raise TypeError(f"sample: rng must be a generator, such as numpy.random.default_rng(0), got {shown(rng)}")
        return self._draw((n, size), rng).astype(np.float32)


def mass_below(density: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The share of the mass that lies below each point of a grid, of all that is on the grid."""
    mass = np.append(0.0, np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(x)))
    return mass / mass[-1]


@dataclasses.dataclass(frozen=True)
class Normal(Distribution):
    """N(mean, std ** 2)."""

    mean: float = 0.0
    std: float = 1.0

    def __post_init__(self) -> None:
        check_numbers("Normal", mean=self.mean, std=self.std)
        if not 0 < self.std < math.inf:
            raise ValueError(f"Normal: std must be above 0, got {self.std}")
        if not math.isfinite(self.mean):
            raise ValueError(f"Normal: mean must be finite, got {self.mean}")

    def density(self, x: np.ndarray) -> np.ndarray:
        """exp(-((x - mean) / std) ** 2 / 2) / (std sqrt(2 pi))."""
        return np.exp(-0.5 * ((x - self.mean) / self.std) ** 2) / (self.std * math.sqrt(2.0 * math.pi))

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Finite everywhere, also where the density is too small for a float."""
        return -0.5 * ((x - self.mean) / self.std) ** 2 - math.log(self.std * math.sqrt(2.0 * math.pi))

    def quantile(self, u: np.ndarray) -> np.ndarray:
        """The inverse of the distribution function."""
        inverse = np.vectorize(NormalDist(self.mean, self.std).inv_cdf, otypes=[float])
        return inverse(u)

    def support(self) -> tuple[float, float]:
        """Eight standard deviations to each side."""
        return self.mean - 8.0 * self.std, self.mean + 8.0 * self.std

    def _draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return self.mean + self.std * rng.standard_normal(shape)


@dataclasses.dataclass(frozen=True)
class Uniform(Distribution):
    """U(low, high)."""

    low: float = -1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        check_numbers("Uniform", low=self.low, high=self.high)
        if not -math.inf < self.low < self.high < math.inf:
            raise ValueError(f"Uniform: low must be below high, got {self.low} and {self.high}")

    @property
    def mean(self) -> float:
        """The middle."""
        return 0.5 * (self.low + self.high)

    @property
    def std(self) -> float:
        """The width over sqrt(12)."""
        return (self.high - self.low) / math.sqrt(12.0)

    def density(self, x: np.ndarray) -> np.ndarray:
        """1 / (high - low) inside, ends included, and 0 outside."""
        return np.where((x >= self.low) & (x <= self.high), 1.0 / (self.high - self.low), 0.0)

    def quantile(self, u: np.ndarray) -> np.ndarray:
        """low + u (high - low)."""
        return self.low + np.asarray(u) * (self.high - self.low)

    def support(self) -> tuple[float, float]:
        """low and high."""
        return self.low, self.high

    def grid(self, points: int) -> np.ndarray:
        """With a point on either side of each jump, as near as can be."""
        jumps = np.array(self.support())
        beyond = np.nextafter(jumps, [-np.inf, np.inf])
        return np.concatenate([beyond[:1], np.linspace(*jumps, points), beyond[1:]])

    def _draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return rng.uniform(self.low, self.high, shape)


class Mixture(Distribution):
    """One of several distributions, chosen with the given weights, which are scaled to sum to 1."""

    def __init__(self, components: Sequence[Distribution], weights: Sequence[float] | None = None):
        if not isinstance(components, list | tuple):
            raise TypeError(f"Mixture: takes a list of distributions, got {shown(components)}")
        for component in components:
            if not isinstance(component, Distribution):
                raise TypeError(f"Mixture: components are distributions, such as Normal(), got {shown(component)}")
            if isinstance(component, Discrete):
                raise TypeError(
                    "Mixture: components need a density, which a Discrete has not; give it all values at once"
                )
        weights = np.ones(len(components)) if weights is None else np.array(weights, float, ndmin=1)
        if len(weights) != len(components) or len(components) == 0 or not (weights > 0).all():
            raise ValueError(f"Mixture: {len(components)} components need as many weights above 0, got {weights}")
        self.components = tuple(components)
        self.weights = weights / weights.sum()
        means, stds = (np.array([getattr(c, name) for c in components]) for name in ("mean", "std"))
        self.mean = float(self.weights @ means)
        self.std = float(math.sqrt(self.weights @ (stds**2 + means**2) - self.mean**2))

    def density(self, x: np.ndarray) -> np.ndarray:
        """The weighted sum of the components' densities."""
        return sum(w * c.density(x) for w, c in zip(self.weights, self.components, strict=True))

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """The logarithm of the weighted sum, by way of the components' logarithms."""
        parts = [math.log(w) + c.log_density(x) for w, c in zip(self.weights, self.components, strict=True)]
        return np.logaddexp.reduce(parts)

    def grid(self, points: int) -> np.ndarray:
        """The components' points together, so that a narrow one is not missed."""
        return np.unique(np.concatenate([c.grid(points) for c in self.components]))

    def quantile(self, u: np.ndarray) -> np.ndarray:
        """The inverse of the distribution function, from the density summed on a grid of 20,001 points or more."""
        x = self.grid(20_001)
        return np.interp(u, mass_below(self.density(x), x), x)

    def support(self) -> tuple[float, float]:
        """From the lowest to the highest of the components' ends."""
        lows, highs = zip(*(c.support() for c in self.components), strict=True)
        return min(lows), max(highs)

    def _draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        chosen = rng.choice(len(self.components), size=shape, p=self.weights)
        draws = np.stack([c._draw(shape, rng) for c in self.components])
        return np.take_along_axis(draws, chosen[None], axis=0)[0]


class Discrete(Distribution):
    """One of several numbers, with the given probabilities, which are scaled to sum to 1; all alike if left out.

    Raises:
        ValueError: for values and probabilities that do not belong together.
    """

    def __init__(self, values: Sequence[float], probabilities: Sequence[float] | None = None):
        values = np.array(values, float, ndmin=1)
        weights = np.ones(values.shape) if probabilities is None else np.array(probabilities, float, ndmin=1)
        if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all():
            raise ValueError(f"Discrete: values are a list of numbers, got an array of shape {values.shape}")
        if weights.shape != values.shape or not (weights >= 0).all() or not 0 < weights.sum() < math.inf:
            raise ValueError(f"Discrete: {values.size} values need as many probabilities, 0 or more, got {weights}")
        self.values, where = np.unique(values, return_inverse=True)
        self.probabilities = np.bincount(where, weights) / weights.sum()
        self.mean = float(self.probabilities @ self.values)
        self.std = float(math.sqrt(self.probabilities @ (self.values - self.mean) ** 2))

    def density(self, x: np.ndarray) -> np.ndarray:
        """The probability of exactly x, in the precision of x: samples are float32."""
        x = np.asarray(x)
        values = self.values.astype(x.dtype if x.dtype.kind == "f" else float)
        place = np.minimum(np.searchsorted(values, x), values.size - 1)
        return np.where(values[place] == x, self.probabilities[place], 0.0)

    def quantile(self, u: np.ndarray) -> np.ndarray:
        """The lowest value that has a share u of the mass at or below it."""
        place = np.searchsorted(np.cumsum(self.probabilities), u)
        return self.values[np.minimum(place, self.values.size - 1)]

    def support(self) -> tuple[float, float]:
        """The lowest and the highest value."""
        return float(self.values[0]), float(self.values[-1])

    def grid(self, points: int) -> np.ndarray:
        """All values, and no others."""
        return self.values

    def _draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return rng.choice(self.values, size=shape, p=self.probabilities)
