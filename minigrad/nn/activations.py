"""Activation functions as modules, each of which can be plotted beside its derivative."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..autograd import enable_grad, grad
from ..backend import Array, xp
from ..messages import check_integers, check_numbers, shown
from ..tensor import Tensor
from . import functional as F
from .module import Module

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Activation(Module):
    """A module without parameters that acts on each element by itself."""

    def __init__(self, *given: Any):
        super().__init__()
        if given:
            name = type(self).__name__
            raise TypeError(f"{name} is made without arguments and then applied, {name}()(x); got {shown(given[0])}")

    def derivative(self, x: Array) -> Array:
        """The derivative at each element of the array x, by autograd."""
        x = Tensor(x, requires_grad=True)
        with enable_grad():
            return grad(self(x), x, xp.ones_like(x.data))[0].data

    def plot(self, ax: Axes | None = None, low: float = -4.0, high: float = 4.0) -> Axes:
        """Draws the function, solid, and its derivative, dashed; needs matplotlib. Returns the axes."""
        if ax is None:
            from matplotlib import pyplot

            ax = pyplot.subplots(figsize=(4, 3), layout="constrained")[1]
        x = xp.linspace(low, high, 801)
        ax.axhline(0.0, color="0.8", linewidth=0.8)
        ax.axvline(0.0, color="0.8", linewidth=0.8)
        ax.plot(x, self(x), color="C0", label="f(x)")
        ax.plot(x, self.derivative(x), color="C3", linestyle="--", label="f '(x)")
        ax.set(title=repr(self), xlabel="x", xlim=(low, high))
        ax.legend(frameon=False)
        return ax


class ReLU(Activation):
    """max(x, 0)."""

    def forward(self, x: Array) -> Tensor:
        return F.relu(x)


class LeakyReLU(Activation):
    """x where x > 0 and negative_slope * x elsewhere."""

    def __init__(self, negative_slope: float = 0.01):
        super().__init__()
        check_numbers("LeakyReLU", negative_slope=negative_slope)
        self.negative_slope = negative_slope

    def forward(self, x: Array) -> Tensor:
        return F.leaky_relu(x, negative_slope=self.negative_slope)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}"


class ELU(Activation):
    """x where x > 0 and alpha * (e ** x - 1) elsewhere."""

    def __init__(self, alpha: float = 1.0):
        super().__init__()
        check_numbers("ELU", alpha=alpha)
        self.alpha = alpha

    def forward(self, x: Array) -> Tensor:
        return F.elu(x, alpha=self.alpha)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}"


class Tanh(Activation):
    """The hyperbolic tangent."""

    def forward(self, x: Array) -> Tensor:
        return F.tanh(x)


class Sigmoid(Activation):
    """1 / (1 + e ** -x)."""

    def forward(self, x: Array) -> Tensor:
        return F.sigmoid(x)


class Softplus(Activation):
    """log(1 + e ** x)."""

    def forward(self, x: Array) -> Tensor:
        return F.softplus(x)


class Identity(Activation):
    """x itself."""

    def forward(self, x: Array) -> Any:
        return x


class Softmax(Module):
    """exp(x) / sum(exp(x)) along dim: probabilities."""

    def __init__(self, dim: int):
        super().__init__()
        check_integers("Softmax", -xp.inf, dim=dim)
        self.dim = dim

    def forward(self, x: Array) -> Tensor:
        return F.softmax(x, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"
