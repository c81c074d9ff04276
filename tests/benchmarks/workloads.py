"""The same training steps in minigrad and in PyTorch, each written as a user of that library would write it.

A workload builds both sides with equal starting weights and equal data, which is drawn beforehand, so that what is
timed is the networks. A side is a function that takes one step and returns its losses.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import nn, optim

Step = Callable[[], tuple[Any, ...]]


@dataclasses.dataclass(frozen=True)
class Workload:
    """What is timed, and which ratio of minigrad's time to PyTorch's is asked for and aimed at."""

    name: str
    title: str
    build: Callable[[], tuple[Step, Step]]  # minigrad's side and PyTorch's
    asked: float
    aim: float


def in_pytorch(mlp: nn.MLP) -> torch.nn.Sequential:
    """The same layers with the same weights."""

    def layer(ours: nn.Module) -> torch.nn.Module:
        if isinstance(ours, nn.Linear):
            return torch.nn.Linear(*reversed(ours.weight.shape))
        return getattr(torch.nn, type(ours).__name__)()

    theirs = torch.nn.Sequential(*(layer(ours) for ours in mlp))
    theirs.load_state_dict({name: torch.from_numpy(values) for name, values in mlp.state_dict().items()})
    return theirs


def in_turn(*arrays: np.ndarray) -> tuple[Iterator[tuple], Iterator[tuple]]:
    """Batches of the arrays, which have one axis more, again and again: for minigrad, and for PyTorch."""
    batches = list(zip(*arrays, strict=True))
    return itertools.cycle(batches), itertools.cycle([tuple(map(torch.from_numpy, batch)) for batch in batches])


def normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """N(0, 1) in float32."""
    return rng.standard_normal(shape, dtype=np.float32)


# ---------------------------------------------------------------- 1-D GAN: a step of D, then a step of G


def gan_round() -> tuple[Step, Step]:
    """G and D 1-32-32-1 tanh, batch 128, SGD; D is frozen while G learns."""
    rng = np.random.default_rng(0)
    G, D = nn.MLP([1, 32, 32, 1], nn.Tanh, rng=rng), nn.MLP([1, 32, 32, 1], nn.Tanh, rng=rng)
    torch_G, torch_D = in_pytorch(G), in_pytorch(D)
    batches, torch_batches = in_turn(
        4 + 0.5 * normal(rng, 32, 128, 1), normal(rng, 32, 128, 1), normal(rng, 32, 128, 1)
    )

    d_params = list(D.parameters())
    g_step, d_step = optim.SGD(G.parameters(), lr=0.05), optim.SGD(d_params, lr=0.05)

    def minigrad_round():
        real, noise, fresh_noise = next(batches)
        with mg.no_grad():
            fake = G(noise)
        d_step.zero_grad()
        d_loss = F.softplus(-D(real)).mean() + F.softplus(D(fake)).mean()
        d_loss.backward()
        d_step.step()

        for p in d_params:
            p.requires_grad = False
        g_step.zero_grad()
        g_loss = F.softplus(-D(G(fresh_noise))).mean()
        g_loss.backward()
        g_step.step()
        for p in d_params:
            p.requires_grad = True
        return d_loss, g_loss

    torch_d_params = list(torch_D.parameters())
    torch_g_step = torch.optim.SGD(torch_G.parameters(), lr=0.05)
    torch_d_step = torch.optim.SGD(torch_d_params, lr=0.05)
    softplus = torch.nn.functional.softplus

    def torch_round():
        real, noise, fresh_noise = next(torch_batches)
        with torch.no_grad():
            fake = torch_G(noise)
        torch_d_step.zero_grad()
        d_loss = softplus(-torch_D(real)).mean() + softplus(torch_D(fake)).mean()
        d_loss.backward()
        torch_d_step.step()

        for p in torch_d_params:
            p.requires_grad = False
        torch_g_step.zero_grad()
        g_loss = softplus(-torch_D(torch_G(fresh_noise))).mean()
        g_loss.backward()
        torch_g_step.step()
        for p in torch_d_params:
            p.requires_grad = True
        return d_loss, g_loss

    return minigrad_round, torch_round


# ---------------------------------------------------------------- a classifier


def mlp_step() -> tuple[Step, Step]:
    """784-256-128-10 tanh, batch 128, cross-entropy, SGD."""
    rng = np.random.default_rng(0)
    model = nn.MLP([784, 256, 128, 10], nn.Tanh, rng=rng)
    torch_model = in_pytorch(model)
    batches, torch_batches = in_turn(normal(rng, 32, 128, 784), rng.integers(0, 10, (32, 128)))
    optimizer = optim.SGD(model.parameters(), lr=0.05)

    def minigrad_step():
        images, labels = next(batches)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return (loss,)

    torch_optimizer = torch.optim.SGD(torch_model.parameters(), lr=0.05)

    def torch_step():
        images, labels = next(torch_batches)
        torch_optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(torch_model(images), labels)
        loss.backward()
        torch_optimizer.step()
        return (loss,)

    return minigrad_step, torch_step


# ---------------------------------------------------------------- a critic with a gradient penalty: second order


def wgan_gp_step() -> tuple[Step, Step]:
    """The critic's step of WGAN-GP: 2-128-128-128-1 ReLU, batch 256, Adam."""
    rng = np.random.default_rng(0)
    critic = nn.MLP([2, 128, 128, 128, 1], nn.ReLU, rng=rng)
    torch_critic = in_pytorch(critic)
    batches, torch_batches = in_turn(
        normal(rng, 32, 256, 2), 2.0 + normal(rng, 32, 256, 2), rng.random((32, 256, 1), dtype=np.float32)
    )
    settings = {"lr": 1e-4, "betas": (0.0, 0.9)}
    optimizer = optim.Adam(critic.parameters(), **settings)

    def minigrad_step():
        real, fake, share = next(batches)
        between = mg.Tensor(share * real + (1.0 - share) * fake, requires_grad=True)
        (slope,) = mg.grad(critic(between).sum(), between, create_graph=True)
        norm = ((slope * slope).sum(1) + 1e-12).sqrt()
        optimizer.zero_grad()
        loss = critic(fake).mean() - critic(real).mean() + 10.0 * ((norm - 1.0) ** 2).mean()
        loss.backward()
        optimizer.step()
        return (loss,)

    torch_optimizer = torch.optim.Adam(torch_critic.parameters(), **settings)

    def torch_step():
        real, fake, share = next(torch_batches)
        between = (share * real + (1.0 - share) * fake).requires_grad_()
        (slope,) = torch.autograd.grad(torch_critic(between).sum(), between, create_graph=True)
        norm = ((slope * slope).sum(1) + 1e-12).sqrt()
        torch_optimizer.zero_grad()
        loss = torch_critic(fake).mean() - torch_critic(real).mean() + 10.0 * ((norm - 1.0) ** 2).mean()
        loss.backward()
        torch_optimizer.step()
        return (loss,)

    return minigrad_step, torch_step


WORKLOADS = [
    Workload("gan", "1-D GAN round, G and D 1-32-32-1, batch 128, SGD", gan_round, asked=0.40, aim=0.30),
    Workload("mlp", "MLP step, 784-256-128-10, batch 128, SGD", mlp_step, asked=0.90, aim=0.75),
    Workload("wgan-gp", "WGAN-GP critic, 2-128-128-128-1, batch 256, Adam", wgan_gp_step, asked=0.70, aim=0.50),
]
