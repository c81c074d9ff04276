"""Neural networks: modules, layers, activations, losses and starting values, by PyTorch's names."""

from . import functional, init
from .activations import ELU, Activation, Identity, LeakyReLU, ReLU, Sigmoid, Softmax, Softplus, Tanh
from .conv import Conv2d, ConvTranspose2d
from .layers import MLP, Dropout, Embedding, Flatten, Linear, Perceptron, Sequential, Unflatten
from .module import Module, Parameter, functional_call
from .norm import BatchNorm1d, BatchNorm2d, InstanceNorm2d, LayerNorm
from .resizing import AvgPool2d, MaxPool2d, PixelShuffle, Upsample

__all__ = [
    "ELU",
    "MLP",
    "Activation",
    "AvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "Conv2d",
    "ConvTranspose2d",
    "Dropout",
    "Embedding",
    "Flatten",
    "Identity",
    "InstanceNorm2d",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "MaxPool2d",
    "Module",
    "Parameter",
    "Perceptron",
    "PixelShuffle",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "Unflatten",
    "Upsample",
    "functional",
    "functional_call",
    "init",
]


def __getattr__(name: str) -> object:
    """Called for names that are not here: says what is there instead."""
    import sys

    instead = ""
    if name.endswith("Loss"):
        instead = ": losses are functions, such as minigrad.nn.functional.mse_loss"
    elif name == "ModuleList":
        instead = ": a list of modules is an attribute like any other, self.layers = [...]"
    elif name in functional.__all__:
        instead = f": it is a function, minigrad.nn.functional.{name}"
    raise AttributeError(f"minigrad.nn has no '{name}'{instead}", name=name, obj=sys.modules[__name__])
