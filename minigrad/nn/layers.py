"""Layers: the perceptron, fully connected layers, and modules one after the other."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..backend import DEFAULT_FLOAT, Array, default_module
from ..messages import check_integers, check_numbers, shown
from ..ops.shaping import flatten, unflatten
from ..tensor import Tensor
from . import functional as F
from . import init
from .activations import Sigmoid
from .module import Module, Parameter


class Linear(Module):
    """y = x W^T + b, for x of shape (..., in_features); y has shape (..., out_features).

    Parameters: weight (out_features, in_features) and bias (out_features,), both U(-1/sqrt(in), 1/sqrt(in)), as in
    PyTorch.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, *, rng: init.Rng = None):
        super().__init__()
        check_integers(type(self).__name__, 1, in_features=in_features, out_features=out_features)
        rng = init.generator(rng)
        bound = 1.0 / math.sqrt(in_features)
        self.in_features, self.out_features = in_features, out_features
        self.weight = _parameter(out_features, in_features)
        init.uniform_(self.weight, -bound, bound, rng=rng)
        self.bias = init.uniform_(_parameter(out_features), -bound, bound, rng=rng) if bias else None

    def forward(self, x: Array) -> Tensor:
        """x (..., in_features) to (..., out_features)."""
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        """The sizes."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


def _parameter(*shape: int) -> Parameter:
    return Parameter(default_module().empty(shape, DEFAULT_FLOAT))


class Sequential(Module):
    """Modules, or any functions, applied one after the other; parameters are called ``0.weight``, ``2.bias``, ..."""

    def __init__(self, *layers: Callable[[Any], Any]):
        super().__init__()
        for i, layer in enumerate(layers):
            if isinstance(layer, type) or not callable(layer):
                unpack = "; write Sequential(*layers)" if isinstance(layer, list | tuple) else ""
                raise TypeError(f"Sequential: layer {i} must be a module or a function, got {shown(layer)}{unpack}")
        self._layers = layers

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules among the layers, by position, and what a subclass holds beside them."""
        for name, child in super().named_children():
            yield name.removeprefix("_layers."), child

    def forward(self, x: Any) -> Any:
        """The last layer's result."""
        for layer in self._layers:
            x = layer(x)
        return x

    def __len__(self) -> int:
        return len(self._layers)

    def __getitem__(self, i: int) -> Callable[[Any], Any]:
        try:
            return self._layers[i]
        except IndexError:
            raise IndexError(f"{type(self).__name__}: there is no layer {i}, of {len(self)} layers") from None


class Perceptron(Linear):
    """The perceptron of the lecture notes: y = activation(w . x + b), one number for each row of x (N, in_features).

    Parameters: weight (1, in_features) and bias (1,). The result has shape (N, 1). The activation is a sigmoid unless
    another is given.
    """

    def __init__(self, in_features: int, activation: Callable[[Any], Any] = Sigmoid, *, rng: init.Rng = None):
        super().__init__(in_features, 1, rng=rng)
        self.activation = _activation(activation)

    def forward(self, x: Array) -> Tensor:
        """x (N, in_features) to (N, 1)."""
        return self.activation(super().forward(x))


class MLP(Sequential):
    """The multilayer perceptron: fully connected layers of the given sizes with an activation between them.

    ``MLP([3, 4, 4, 1], nn.Tanh())`` has three inputs, two hidden layers of four and one output. The output is a plain
    number unless output_activation says otherwise. An activation is a module, a class of modules or a function.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: Callable[[Any], Any],
        output_activation: Callable[[Any], Any] | None = None,
        *,
        rng: init.Rng = None,
    ):
        if not isinstance(sizes, list | tuple):
            raise TypeError(f"MLP: sizes are a list, such as [2, 8, 1], got {shown(sizes)}")
        if len(sizes) < 2:
            raise ValueError(f"MLP: sizes need an input and an output at least, got {list(sizes)}")
        rng = init.generator(rng)
        layers: list[Callable[[Any], Any]] = []
        for in_features, out_features in itertools.pairwise(sizes):
            layers += [Linear(in_features, out_features, rng=rng), _activation(activation)]
        layers.pop()
        if output_activation is not None:
            layers.append(_activation(output_activation))
        super().__init__(*layers)


def _activation(activation: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """``nn.Tanh`` and ``nn.Tanh()`` mean the same."""
    if not callable(activation):
        raise TypeError(
            f"an activation is a module, its class or a function, such as nn.Tanh(), got {shown(activation)}"
        )
    return activation() if isinstance(activation, type) else activation


class Dropout(Module):
    """In training, each element is 0 with probability p and else divided by 1 - p. In use, nothing.

    Source: Srivastava et al. 2014, section 4, with the scale applied in training.
    """

    def __init__(self, p: float = 0.5, *, rng: init.Rng = None):
        super().__init__()
        check_numbers("Dropout", p=p)
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"Dropout: p must be within [0, 1], got {p}")
        self.p = p
        self.rng = None if rng is None else init.generator(rng)

    def forward(self, x: Array) -> Tensor:
        """Of the shape of x."""
        return F.dropout(x, self.p, self.training, rng=self.rng)

    def extra_repr(self) -> str:
        """The probability."""
        return f"p={self.p}"


class Embedding(Module):
    """A table of vectors, looked up by number: weight (num_embeddings, embedding_dim), which starts as N(0, 1).

    The vector of padding_idx, where it is given, starts at 0 and gets no gradient.
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, *, rng: init.Rng = None
    ):
        super().__init__()
        check_integers("Embedding", 1, num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.weight = init.normal_(_parameter(num_embeddings, embedding_dim), rng=rng)
        self.padding_idx = None if padding_idx is None else F._padding_row(padding_idx, num_embeddings)
        if padding_idx is not None:
            self.weight.data[padding_idx] = 0.0

    def forward(self, x: Array) -> Tensor:
        """Integers of any shape (...) to (..., embedding_dim)."""
        return F.embedding(x, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        """The sizes."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"


class Flatten(Module):
    """Axes start_dim to end_dim made one: by default all but that of the batch."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1):
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Array) -> Tensor:
        """x (N, C, H, W) to (N, C H W), by default."""
        return flatten(x, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """The axes."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Axis dim made several, of the sizes given, of which one may be -1: the opposite of Flatten."""

    def __init__(self, dim: int, unflattened_size: Sequence[int]):
        super().__init__()
        if not isinstance(unflattened_size, list | tuple):
            raise TypeError(f"Unflatten: sizes are several, such as (64, 4, 4), got {shown(unflattened_size)}")
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, x: Array) -> Tensor:
        """x (N, C H W) to (N, C, H, W), for dim 1 and sizes (C, H, W)."""
        return unflatten(x, self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        """The axis and its sizes."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
