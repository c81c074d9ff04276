"""Layers that make images smaller or larger and learn nothing."""

from __future__ import annotations

from ..backend import Array
from ..messages import check_integers
from ..ops.convolution import Pair
from ..ops.pooling import _window
from ..ops.resizing import Scale, _target
from ..tensor import Tensor
from . import functional as F
from .module import Module


class MaxPool2d(Module):
    """The largest value under each window; the stride is the size of the window unless given."""

    def __init__(self, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0, dilation: Pair = 1):
        super().__init__()
        _window("MaxPool2d", kernel_size, stride, padding, dilation)
        self.kernel_size, self.padding, self.dilation = kernel_size, padding, dilation
        self.stride = kernel_size if stride is None else stride

    def forward(self, x: Array) -> Tensor:
        """x (N, C, H, W) to (N, C, OH, OW); see ``max_pool2d``."""
        return F.max_pool2d(x, self.kernel_size, self.stride, self.padding, self.dilation)

    def extra_repr(self) -> str:
        """The window."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}"


class AvgPool2d(Module):
    """The mean of what lies under each window; the stride is the size of the window unless given."""

    def __init__(self, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0):
        super().__init__()
        _window("AvgPool2d", kernel_size, stride, padding, 1)
        self.kernel_size, self.padding = kernel_size, padding
        self.stride = kernel_size if stride is None else stride

    def forward(self, x: Array) -> Tensor:
        """x (N, C, H, W) to (N, C, OH, OW); see ``avg_pool2d``."""
        return F.avg_pool2d(x, self.kernel_size, self.stride, self.padding)

    def extra_repr(self) -> str:
        """The window."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class Upsample(Module):
    """Images in another size, by the nearest pixel or between pixels; see ``interpolate``."""

    def __init__(
        self,
        size: Pair | None = None,
        scale_factor: Scale | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
    ):
        super().__init__()
        _target("Upsample", size, scale_factor, mode, align_corners)
        self.size, self.scale_factor, self.mode, self.align_corners = size, scale_factor, mode, align_corners

    def forward(self, x: Array) -> Tensor:
        """x (N, C, H, W) to (N, C, OH, OW)."""
        return F.interpolate(x, self.size, self.scale_factor, self.mode, self.align_corners)

    def extra_repr(self) -> str:
        """The size or the factor, and the mode."""
        target = f"size={self.size}" if self.scale_factor is None else f"scale_factor={self.scale_factor}"
        return f"{target}, mode={self.mode!r}"


class PixelShuffle(Module):
    """Channels turned into pixels; see ``pixel_shuffle``."""

    def __init__(self, upscale_factor: int):
        super().__init__()
        check_integers("PixelShuffle", 1, upscale_factor=upscale_factor)
        self.upscale_factor = upscale_factor

    def forward(self, x: Array) -> Tensor:
        """x (N, C r^2, H, W) to (N, C, H r, W r) with r = upscale_factor."""
        return F.pixel_shuffle(x, self.upscale_factor)

    def extra_repr(self) -> str:
        """The factor."""
        return f"upscale_factor={self.upscale_factor}"
