"""Convolutional layers. Shapes, names and starting values are PyTorch's."""

from __future__ import annotations

import math

from ..backend import Array
from ..messages import check_integers
from ..ops.convolution import Geometry, Pair, _geometry, _output_padding, _pair
from ..tensor import Tensor
from . import functional as F
from . import init
from .layers import _parameter
from .module import Module


class _Convolution(Module):
    """What the two have in common: a weight whose last axes are the filter's, and a bias."""

    padding_words: tuple[str, ...] = ()  # what padding may be beside numbers

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair,
        padding: Pair | str,
        dilation: Pair,
        groups: int,
    ):
        super().__init__()
        name = type(self).__name__
        word = padding if padding in self.padding_words else None
        geometry = _geometry(name, stride, 0 if word else padding, dilation, groups)
        if word == "same" and geometry.stride != (1, 1):
            raise ValueError(f"{name}: padding 'same' needs a stride of 1, got {geometry.stride}")
        for what, size in (("in_channels", in_channels), ("out_channels", out_channels)):
            check_integers(name, -math.inf, **{what: size})
            if size < 1 or size % groups:
                raise ValueError(f"{name}: {what} must be at least 1 and divisible by groups {groups}, got {size}")
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = _pair(name, "kernel_size", kernel_size, 1)
        self.stride, self.dilation, self.groups = geometry.stride, geometry.dilation, geometry.groups
        self.padding = word or geometry.padding

    def _start(self, rows: int, columns: int, bias: bool, rng: init.Rng) -> None:
        """Weight (rows, columns, KH, KW) and bias, both U(-b, b) with b = 1 / sqrt(columns KH KW)."""
        rng = init.generator(rng)
        bound = 1.0 / math.sqrt(columns * math.prod(self.kernel_size))
        self.weight = init.uniform_(_parameter(rows, columns, *self.kernel_size), -bound, bound, rng=rng)
        self.bias = init.uniform_(_parameter(self.out_channels), -bound, bound, rng=rng) if bias else None

    def extra_repr(self) -> str:
        """The sizes, and what is not as usual."""
        usual = {"padding": (0, 0), "dilation": (1, 1), "output_padding": (0, 0), "groups": 1}
        shown = {name: getattr(self, name, default) for name, default in usual.items()}
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        parts += [f"{name}={value}" for name, value in shown.items() if value != usual[name]]
        return ", ".join(parts if self.bias is not None else [*parts, "bias=False"])


class Conv2d(_Convolution):
    """Filters at every place of an image.

    Weight (out_channels, in_channels / groups, KH, KW) and bias (out_channels,) start as U(-b, b) with
    b = 1 / sqrt(in_channels / groups KH KW), as in PyTorch.
    """

    padding_words = ("valid", "same")

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Pair | str = 0,
        dilation: Pair = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        rng: init.Rng = None,
    ):
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups)
        self._start(out_channels, in_channels // groups, bias, rng)

    def forward(self, x: Array) -> Tensor:
        """x (N, in_channels, H, W) to (N, out_channels, OH, OW); see ``conv2d``."""
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class ConvTranspose2d(_Convolution):
    """Every place of an image paints its filter: the adjoint of a Conv2d that goes from out_channels to in_channels.

    Weight (in_channels, out_channels / groups, KH, KW) and bias (out_channels,) start as U(-b, b) with
    b = 1 / sqrt(out_channels / groups KH KW), as in PyTorch.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Pair = 0,
        output_padding: Pair = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Pair = 1,
        *,
        rng: init.Rng = None,
    ):
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups)
        geometry = Geometry(self.stride, self.padding, self.dilation)
        self.output_padding = _output_padding("ConvTranspose2d", output_padding, geometry)
        self._start(in_channels, out_channels // groups, bias, rng)

    def forward(self, x: Array) -> Tensor:
        """x (N, in_channels, H, W) to (N, out_channels, OH, OW); see ``conv_transpose2d``."""
        return F.conv_transpose2d(
            x, self.weight, self.bias, self.stride, self.padding, self.output_padding, self.groups, self.dilation
        )
