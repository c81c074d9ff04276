"""Neural networks: modules, layers, activations, losses and starting values, by PyTorch's names."""

from . import functional, init
from .activations import ELU, Activation, Identity, LeakyReLU, ReLU, Sigmoid, Softmax, Softplus, Tanh
from .layers import MLP, Dropout, Linear, Perceptron, Sequential
from .module import Module, Parameter, functional_call

__all__ = [
    "ELU",
    "MLP",
    "Activation",
    "Dropout",
    "Identity",
    "LeakyReLU",
    "Linear",
    "Module",
    "Parameter",
    "Perceptron",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
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
