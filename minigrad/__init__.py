"""minigrad: reverse-mode automatic differentiation on NumPy, small enough to be read in one sitting.

import minigrad as mg

x = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = (x**2).sum()
y.backward()
x.grad  # array([2., 4., 6.], dtype=float32)
"""

import importlib
from typing import TYPE_CHECKING

from numpy import float32, float64, int64

from . import backend, foreach, messages, nn, optim
from .autograd import enable_grad, grad, no_grad
from .backend import set_backend
from .derivatives import hessian, hvp, jacobian
from .io import load, save
from .nn.init import manual_seed
from .ops.convolution import conv2d, conv2d_weight, conv_transpose2d
from .ops.elementwise import (
    abs,
    add,
    clip,
    cos,
    div,
    elu,
    exp,
    expm1,
    leaky_relu,
    log,
    log1p,
    maximum,
    minimum,
    mul,
    neg,
    pow,
    relu,
    sigmoid,
    sign,
    sin,
    softplus,
    sqrt,
    sub,
    tanh,
    where,
)
from .ops.linalg import einsum, matmul
from .ops.reduction import argmax, log_softmax, logsumexp, max, mean, min, softmax, std, sum, var
from .ops.shaping import (
    broadcast_to,
    concatenate,
    flatten,
    flip,
    pad,
    permute,
    reshape,
    squeeze,
    stack,
    transpose,
    unflatten,
    unsqueeze,
)
from .primitive import primitive
from .tensor import Tensor, tensor

if TYPE_CHECKING:
    from .checking import GradcheckError, check_vjp, gradcheck, gradgradcheck
    from .inspect import backward_steps, detect_anomaly, graph, profile

__version__ = "0.1.0"

#: Imported when they are first asked for: the engine alone takes little longer to import than NumPy.
_TOOLS = {
    "checking": ("GradcheckError", "check_vjp", "gradcheck", "gradgradcheck"),
    "inspect": ("backward_steps", "detect_anomaly", "graph", "profile"),
}


def __getattr__(name: str) -> object:
    """Called for names that are not here yet: imports a tool, or says what is there instead."""
    for module, names in _TOOLS.items():
        if name in (module, *names):
            tools = importlib.import_module(f".{module}", __name__)
            globals().update({tool: getattr(tools, tool) for tool in names})
            return globals()[name]
    raise messages.no_such_function(name)


def __dir__() -> list[str]:
    return sorted({*globals(), *(name for names in _TOOLS.values() for name in names)})


def _install_kernels() -> None:
    importlib.import_module(".kernels", __name__).install()


backend.when_cupy_is_used(_install_kernels)
