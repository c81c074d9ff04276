"""Normalising layers. Names, starting values and running statistics are PyTorch's."""

from __future__ import annotations

import numbers
from collections.abc import Sequence

from ..backend import DEFAULT_FLOAT, Array, default_module, xp
from ..messages import check_integers, check_numbers, ndim_of
from ..tensor import Tensor
from . import functional as F
from . import init
from .layers import _parameter
from .module import Module, Parameter


def _scale_and_shift(shape: tuple[int, ...], weight: bool, bias: bool) -> tuple[Parameter | None, Parameter | None]:
    """A weight of ones and a bias of zeros, or None."""
    return init.ones_(_parameter(*shape)) if weight else None, init.zeros_(_parameter(*shape)) if bias else None


class _Channels(Module):
    """What normalises each of num_features channels."""

    shapes: tuple[str, ...]  # what an input may be

    def __init__(self, num_features: int, eps: float, affine: bool):
        super().__init__()
        check_integers(type(self).__name__, 1, num_features=num_features)
        check_numbers(type(self).__name__, eps=eps)
        self.num_features, self.eps, self.affine = num_features, eps, affine
        self.weight, self.bias = _scale_and_shift((num_features,), affine, affine)

    def _check(self, x: Array) -> None:
        name, known = type(self).__name__, {shape.count(",") + 1 for shape in self.shapes}
        if ndim_of(name, x) not in known or x.shape[1] != self.num_features:
            shapes = " or ".join(self.shapes)
            raise ValueError(f"{name}: input must be {shapes} with C = {self.num_features}, got {x.shape}")


class _BatchNorm(_Channels):
    """Each channel brought to mean 0 and variance 1: in training those of the batch, in use the running ones.

    Parameters: weight and bias (num_features,), which start at 1 and 0, unless affine is False. Buffers: running_mean,
    running_var and num_batches_tracked, unless track_running_stats is False: then each batch is its own measure in use,
    too. With momentum None, the running statistics are the mean over all batches.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
    ):
        super().__init__(num_features, eps, affine)
        if momentum is not None:
            check_numbers(type(self).__name__, momentum=momentum)
        self.momentum, self.track_running_stats = momentum, track_running_stats
        self.running_mean = self.running_var = self.num_batches_tracked = None
        if track_running_stats:
            module = default_module()
            self.register_buffer("running_mean", module.zeros(num_features, DEFAULT_FLOAT))
            self.register_buffer("running_var", module.ones(num_features, DEFAULT_FLOAT))
            self.register_buffer("num_batches_tracked", xp.zeros((), "int64"))  # a counter, which stays in memory

    def forward(self, x: Array) -> Tensor:
        """Of the shape of x."""
        self._check(x)
        momentum = self.momentum
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked += 1
            momentum = 1.0 / int(self.num_batches_tracked) if momentum is None else momentum
        return F.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or self.running_mean is None,
            momentum,
            self.eps,
        )

    def extra_repr(self) -> str:
        """The number of channels, and the options."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of vectors (N, C), or of sequences (N, C, L)."""

    shapes = ("(N, C)", "(N, C, L)")


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of images (N, C, H, W)."""

    shapes = ("(N, C, H, W)",)


class InstanceNorm2d(_Channels):
    """Each channel of each image brought to mean 0 and variance 1; keeps no running statistics.

    Parameters, with affine: weight and bias (num_features,), which start at 1 and 0.
    """

    shapes = ("(N, C, H, W)",)

    def __init__(self, num_features: int, eps: float = 1e-5, *, affine: bool = False):
        super().__init__(num_features, eps, affine)

    def forward(self, x: Array) -> Tensor:
        """Of the shape of x."""
        self._check(x)
        return F.instance_norm(x, weight=self.weight, bias=self.bias, eps=self.eps)

    def extra_repr(self) -> str:
        """The number of channels, and the options."""
        return f"{self.num_features}, eps={self.eps}, affine={self.affine}"


class LayerNorm(Module):
    """The last axes, of shape normalized_shape, brought to mean 0 and variance 1 together.

    Parameters: weight and bias of shape normalized_shape, which start at 1 and 0; neither, without elementwise_affine.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
    ):
        super().__init__()
        alone = isinstance(normalized_shape, numbers.Number)
        self.normalized_shape = (normalized_shape,) if alone else tuple(normalized_shape)
        for size in self.normalized_shape:
            check_integers("LayerNorm", 1, normalized_shape=size)
        check_numbers("LayerNorm", eps=eps)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self.weight, self.bias = _scale_and_shift(
            self.normalized_shape, elementwise_affine, elementwise_affine and bias
        )

    def forward(self, x: Array) -> Tensor:
        """Of the shape of x."""
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The shape, and the options."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )
