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
