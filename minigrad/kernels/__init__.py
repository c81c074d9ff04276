"""What CuPy computes in one launch where NumPy computes step by step.

A launch takes the host some 10 microseconds, whatever it computes, so for small networks their number is what counts.
Each kernel here stands in for code elsewhere, which says what it computes and is what runs on NumPy: ``install`` puts
it there when CuPy is used for the first time. It is then given arrays of CuPy, of float32 or float64; all else goes to
the code that was there, also the Tensors of a gradient that is itself to be differentiated.

A formula is a few assignments in C++ that are Python, too, but for the types in front of names; T is the type of the
elements. That is how it is tested where there is no GPU.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .. import foreach, optim
from ..nn import functional
from ..ops import convolution as usual_convolution
from ..ops import linalg
from ..ops import normalisation as usual_normalisation
from . import convolution, elementwise, lists, losses, normalisation, products
from .launching import is_ours

__all__ = ["install"]


def install() -> None:
    """Puts the kernels into the places of what they stand in for."""
    for kernels in (elementwise, losses, normalisation, products):
        for op, kernel in kernels.FORWARD.items():
            op.replace_forward(lambda usual, kernel=kernel: _either(usual, kernel))
    for kernels in (elementwise, losses, normalisation, products, convolution):
        for (op, i), kernel in kernels.BACKWARD.items():
            op.vjps = (*op.vjps[:i], _either(op.vjps[i], kernel), *op.vjps[i + 1 :])
    places = {linalg: products, usual_normalisation: normalisation, usual_convolution: convolution}
    for module, kernels in places.items():
        for name, kernel in kernels.FUNCTIONS.items():
            setattr(module, name, _either(getattr(module, name), kernel))
    functional._hot = _either(functional._hot, losses.hot, losses.fits_hot)
    foreach.copy, foreach.lerp = lists.copy, lists.lerp
    usual_step = optim.Optimizer.step
    optim.Optimizer.step = functools.wraps(usual_step)(
        lambda optimizer: lists.step(optimizer) if lists.are_ours(optimizer) else usual_step(optimizer)
    )


def _are_ours(*args: Any, **options: Any) -> bool:
    """Whether all arrays are of CuPy, of floats of one type and not empty."""
    dtype = None
    for a in args:
        if hasattr(a, "dtype"):
            if not is_ours(a) or (dtype is not None and a.dtype != dtype):
                return False
            dtype = a.dtype
    return dtype is not None


def _either(
    usual: Callable[..., Any], kernel: Callable[..., Any], fits: Callable[..., bool] = _are_ours
) -> Callable[..., Any]:
    """The kernel where it fits what is given, and else what is usual."""
    return functools.wraps(usual)(
        lambda *args, **options: (kernel if fits(*args, **options) else usual)(*args, **options)
    )
