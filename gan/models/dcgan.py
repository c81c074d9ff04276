"""DCGAN: a generator and a discriminator made of convolutions alone.

The rules of Radford et al. 2016, section 3: strided convolutions in the place of pooling and upsampling, batch
normalisation but for the generator's output and the discriminator's input, no hidden fully connected layers, ReLU and a
final tanh in the generator, LeakyReLU of slope 0.2 in the discriminator, weights from N(0, 0.02).
"""

from __future__ import annotations

import itertools

import numpy as np

from minigrad import nn, no_grad
from minigrad.backend import Array
from minigrad.nn import init

from ..places import beside

SMALLEST = 4  # pixels along a side of what the generator starts with, and the discriminator ends with


def _widths(size: int, width: int) -> list[int]:
    """Channels inside: width where the image has half its size, and twice as many each time that it is halved again."""
    if size < 2 * SMALLEST or size & (size - 1):
        raise ValueError(f"DCGAN: size must be a power of 2 from {2 * SMALLEST} up, got {size}")
    return [width * 2**i for i in range((size // SMALLEST).bit_length() - 1)]


class Generator(nn.Sequential):
    """Noise (N, noise_size) to images (N, channels, size, size) within [-1, 1], by transposed convolutions.

    Raises:
        ValueError: when size is not a power of 2 from 8 up.
    """

    def __init__(
        self, size: int = 32, channels: int = 1, width: int = 32, noise_size: int = 100, *, rng: init.Rng = None
    ):
        inside = _widths(size, width)[::-1]
        layers = [
            nn.Unflatten(1, (noise_size, 1, 1)),
            nn.ConvTranspose2d(noise_size, inside[0], SMALLEST, bias=False),
            nn.BatchNorm2d(inside[0]),
            nn.ReLU(),
        ]
        for before, after in itertools.pairwise(inside):
            doubled = nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False)
            layers += [doubled, nn.BatchNorm2d(after), nn.ReLU()]
        last = nn.ConvTranspose2d(inside[-1], channels, 4, stride=2, padding=1, bias=False)
        super().__init__(*layers, last, nn.Tanh())
        self.noise_size = noise_size
        initialize(self, rng=rng)

    def draw(self, noise: Array) -> np.ndarray:
        """Images of any amount of noise, made in parts and without a graph; call ``eval()`` before."""
        with no_grad():
            parts = (beside(self, noise[i : i + 256]) for i in range(0, len(noise), 256))
            return np.concatenate([self(part).numpy() for part in parts])


class Discriminator(nn.Sequential):
    """Images (N, channels, size, size) to logits (N, 1), by strided convolutions.

    Raises:
        ValueError: when size is not a power of 2 from 8 up.
    """

    def __init__(self, size: int = 32, channels: int = 1, width: int = 32, *, rng: init.Rng = None):
        inside = _widths(size, width)
        layers = [nn.Conv2d(channels, inside[0], 4, stride=2, padding=1, bias=False), nn.LeakyReLU(0.2)]
        for before, after in itertools.pairwise(inside):
            halved = nn.Conv2d(before, after, 4, stride=2, padding=1, bias=False)
            layers += [halved, nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]
        super().__init__(*layers, nn.Conv2d(inside[-1], 1, SMALLEST, bias=False), nn.Flatten())
        initialize(self, rng=rng)


def initialize(network: nn.Module, *, rng: init.Rng = None) -> None:
    """Weights of convolutions from N(0, 0.02), scales of batch normalisation from N(1, 0.02)."""
    rng = init.generator(rng)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            init.normal_(module.weight, 0.0, 0.02, rng=rng)
        elif isinstance(module, nn.BatchNorm2d):
            init.normal_(module.weight, 1.0, 0.02, rng=rng)
