"""A round of a GAN, and the DCGAN that plays it. Knows no PyTorch, so that minigrad can be measured without it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

import minigrad as mg
import minigrad.nn.functional as F
from gan.models.dcgan import Discriminator, Generator
from minigrad import nn, optim
from minigrad.backend import default_module, move

Step = Callable[[], tuple[Any, ...]]
DCGAN = {"size": 32, "width": 64, "batch": 64}


def normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """N(0, 1) in float32."""
    return rng.standard_normal(shape, dtype=np.float32)


def a_round(
    G: Any, D: Any, optimizer: Callable, batches: Iterator[tuple], no_grad: Callable, softplus: Callable
) -> Step:
    """A step of D, then a step of G, during which D is frozen: in either library, with its own no_grad and softplus."""
    d_params = list(D.parameters())
    g_step, d_step = optimizer(G.parameters()), optimizer(d_params)

    def learn(step, loss):
        value = loss.detach()
        step.zero_grad()
        loss.backward()
        del loss  # its graph goes before the optimizer's step, as it does in the games of gan
        step.step()
        return value

    def play_round():
        real, noise, fresh_noise = next(batches)
        with no_grad():
            fake = G(noise)
        d_loss = learn(d_step, softplus(-D(real)).mean() + softplus(D(fake)).mean())

        for p in d_params:
            p.requires_grad = False
        g_loss = learn(g_step, softplus(-D(G(fresh_noise))).mean())
        for p in d_params:
            p.requires_grad = True
        return d_loss, g_loss

    return play_round


def minigrad_round(G: nn.Module, D: nn.Module, optimizer: Callable, batches: Iterator[tuple]) -> Step:
    """The round in minigrad."""
    return a_round(G, D, optimizer, batches, mg.no_grad, F.softplus)


def dcgan(size: int, width: int, batch: int) -> tuple[list[nn.Module], list[tuple[np.ndarray, ...]]]:
    """G and D for images of 3 channels, and four batches: real images, and noise for either step."""
    rng = np.random.default_rng(0)
    networks = [Generator(size, 3, width, rng=rng), Discriminator(size, 3, width, rng=rng)]
    real = np.tanh(normal(rng, 4, batch, 3, size, size))
    return networks, list(zip(real, normal(rng, 4, batch, 100), normal(rng, 4, batch, 100), strict=True))


def minigrad_dcgan(networks: list[nn.Module], batches: list[tuple[np.ndarray, ...]]) -> Step:
    """A round of what ``dcgan`` made, with Adam, in minigrad."""
    here = itertools.cycle(in_minigrad(batches))
    return minigrad_round(*networks, lambda params: optim.Adam(params, lr=2e-4, betas=(0.5, 0.999)), here)


def in_minigrad(batches: Iterable[tuple[np.ndarray, ...]]) -> list[tuple]:
    """The batches where minigrad makes its networks: in memory or on a GPU."""
    return [tuple(move(array, default_module()) for array in batch) for batch in batches]
