"""minigrad: reverse-mode automatic differentiation on NumPy, small enough to be read in one sitting.

import minigrad as mg

x = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = (x**2).sum()
y.backward()
x.grad  # array([2., 4., 6.], dtype=float32)
"""

from numpy import float32, float64, int64

from . import backend, nn, optim
from .autograd import enable_grad, grad, hessian, hvp, jacobian, no_grad
from .gradcheck import GradcheckError, check_vjp, gradcheck, gradgradcheck
from .inspect import backward_steps, detect_anomaly, graph, profile
from .nn.init import manual_seed
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
    unsqueeze,
)
from .primitive import primitive
from .tensor import Tensor, tensor

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Called for names that are not here: says what is there instead."""
    import sys

    import numpy

    instead = {"cat": ": use concatenate", "dot": ": use matmul", "mm": ": use matmul"}.get(name, "")
    if not instead and not name.startswith("_") and hasattr(numpy, name):
        instead = f", NumPy has: numpy.{name}; minigrad.tensor makes tensors of arrays"
    raise AttributeError(f"minigrad has no '{name}'{instead}", name=name, obj=sys.modules[__name__])
