"""The same training steps in minigrad and in PyTorch, each written as a user of that library would write it.

A workload builds both sides with equal starting weights and equal data, which is drawn beforehand, so that what is
timed is the networks. A side is a function that takes one step and returns its losses.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from benchmarks.rounds import DCGAN, Step, a_round, dcgan, in_minigrad, minigrad_dcgan, minigrad_round, normal

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import nn, optim
from minigrad.backend import to_numpy


@dataclasses.dataclass(frozen=True)
class Workload:
    """What is timed, and which ratio of minigrad's time to PyTorch's is asked for and aimed at."""

    name: str
    title: str
    build: Callable[[], tuple[Step, Step]]  # minigrad's side and PyTorch's
    asked: float
    aim: float
    rtol: float = 1e-3  # to which the losses agree: Adam makes large steps of small differences


def in_pytorch(network: nn.Sequential) -> torch.nn.Sequential:
    """The same layers with the same weights."""

    def layer(ours: nn.Module) -> torch.nn.Module:
        kind = getattr(torch.nn, type(ours).__name__)
        match ours:
            case nn.Linear():
                return kind(*reversed(ours.weight.shape))
            case nn.Conv2d() | nn.ConvTranspose2d():
                sizes = ours.in_channels, ours.out_channels, ours.kernel_size, ours.stride, ours.padding
                return kind(*sizes, bias=ours.bias is not None)
            case nn.BatchNorm2d():
                return kind(ours.weight.size)
            case nn.LeakyReLU():
                return kind(ours.negative_slope)
            case nn.Unflatten():
                return kind(ours.dim, ours.unflattened_size)
        return kind()

    theirs = torch.nn.Sequential(*(layer(ours) for ours in network))
    theirs.load_state_dict({name: torch.from_numpy(to_numpy(v)) for name, v in network.state_dict().items()})
    return theirs


def in_turn(*arrays: np.ndarray) -> tuple[Iterator[tuple], Iterator[tuple]]:
    """Batches of the arrays, which have one axis more, again and again: for minigrad, and for PyTorch."""
    batches = list(zip(*arrays, strict=True))
    return itertools.cycle(in_minigrad(batches)), itertools.cycle(there(batches))


def there(batches: Iterable[tuple[np.ndarray, ...]]) -> list[tuple[torch.Tensor, ...]]:
    """The batches where PyTorch makes its networks: in memory or on a GPU."""
    device = torch.get_default_device()
    return [tuple(torch.from_numpy(array).to(device) for array in batch) for batch in batches]


# ---------------------------------------------------------------- a round of a GAN: a step of D, then a step of G


def gan_round() -> tuple[Step, Step]:
    """G and D 1-32-32-1 tanh, batch 128, SGD."""
    rng = np.random.default_rng(0)
    networks = nn.MLP([1, 32, 32, 1], nn.Tanh, rng=rng), nn.MLP([1, 32, 32, 1], nn.Tanh, rng=rng)
    batches, torch_batches = in_turn(
        4 + 0.5 * normal(rng, 32, 128, 1), normal(rng, 32, 128, 1), normal(rng, 32, 128, 1)
    )
    ours = minigrad_round(*networks, lambda params: optim.SGD(params, lr=0.05), batches)
    torch_networks = map(in_pytorch, networks)
    return ours, torch_round(*torch_networks, lambda params: torch.optim.SGD(params, lr=0.05), torch_batches)


def dcgan_round(channels_last: bool = False, **sizes: int) -> tuple[Step, Step]:
    """32 x 32 pixels, 3 channels, width 64, batch 64, Adam, but for other sizes."""
    networks, batches = dcgan(**{**DCGAN, **sizes})
    theirs = torch_dcgan(networks, batches, channels_last)
    return minigrad_dcgan(networks, batches), theirs


def torch_dcgan(
    networks: Iterable[nn.Sequential], batches: Iterable[tuple[np.ndarray, ...]], channels_last: bool = False
) -> Step:
    """The same as ``minigrad_dcgan``."""
    torch_networks = map(in_pytorch, networks)
    torch_batches = there(batches)
    if channels_last:
        torch_networks = [network.to(memory_format=torch.channels_last) for network in torch_networks]
        torch_batches = [(x.to(memory_format=torch.channels_last), *noise) for x, *noise in torch_batches]
    adam = lambda params: torch.optim.Adam(params, lr=2e-4, betas=(0.5, 0.999))  # noqa: E731
    return torch_round(*torch_networks, adam, itertools.cycle(torch_batches))


def torch_round(G: torch.nn.Module, D: torch.nn.Module, optimizer: Callable, batches: Iterator[tuple]) -> Step:
    """The same as ``minigrad_round``."""
    return a_round(G, D, optimizer, batches, torch.no_grad, torch.nn.functional.softplus)


# ---------------------------------------------------------------- one convolution


def convolution() -> tuple[Step, Step]:
    """3 x 3, stride 1, 32 to 64 channels, 64 images of 28 x 28: forward, and both gradients.

    minigrad is fed arrays that are channels-last in memory, as its ops make them; PyTorch those of its own layout,
    channels-first.
    """
    rng = np.random.default_rng(0)
    w = 0.1 * normal(rng, 64, 32, 3, 3)
    batches, torch_batches = in_turn(normal(rng, 3, 64, 32, 28, 28), normal(rng, 3, 64, 64, 28, 28))
    inside = itertools.cycle([[channels_last(a) for a in next(batches)] for _ in range(3)])
    weight, torch_weight = mg.Tensor(w, requires_grad=True), torch.from_numpy(w).requires_grad_()

    def minigrad_step():
        x, g = next(inside)
        image = mg.Tensor(x, requires_grad=True)
        by_image, by_weight = mg.grad(mg.conv2d(image, weight, padding=1), [image, weight], g)
        return by_image[0, 0, 0, 0], by_weight[0, 0, 0, 0]

    def torch_step():
        x, g = next(torch_batches)
        image = x.detach().requires_grad_()
        y = torch.nn.functional.conv2d(image, torch_weight, padding=1)
        by_image, by_weight = torch.autograd.grad(y, [image, torch_weight], g)
        return by_image[0, 0, 0, 0], by_weight[0, 0, 0, 0]

    return minigrad_step, torch_step


def channels_last(x: np.ndarray) -> np.ndarray:
    """The same, with the memory that the ops of a network give it."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


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
    Workload("dcgan", "DCGAN round, 32x32, width 64, batch 64, Adam", dcgan_round, 1.00, 0.85, rtol=1e-2),
    Workload("dcgan-cl", "the same, PyTorch channels-last", lambda: dcgan_round(True), 1.20, 1.00, rtol=1e-2),
    Workload("conv", "3x3 convolution and gradients, 32 to 64, 28x28, batch 64", convolution, asked=1.00, aim=0.70),
    Workload("mlp", "MLP step, 784-256-128-10, batch 128, SGD", mlp_step, asked=0.90, aim=0.75),
    Workload("wgan-gp", "WGAN-GP critic, 2-128-128-128-1, batch 256, Adam", wgan_gp_step, asked=0.70, aim=0.50),
]
