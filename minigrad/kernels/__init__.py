"""What CuPy computes in one launch where NumPy computes step by step.

A launch takes 10 to 20 microseconds of the host's time, whatever it computes, so on a GPU their number is what counts.
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
from ..ops import normalisation as usual_normalisation
from . import convolution, elementwise, lists, losses, normalisation
from .launching import is_ours

__all__ = ["install"]


def install() -> None:
    """Puts the kernels into the places of what they stand in for."""
    for op, kernel in (elementwise.FORWARD | losses.FORWARD | normalisation.FORWARD).items():
        op.replace_forward(lambda usual, kernel=kernel: _either(usual, kernel))
    for op, kernel in (elementwise.BACKWARD | losses.BACKWARD).items():
        op.vjps = (_either(op.vjps[0], kernel), *op.vjps[1:])
    for module, kernels in ((usual_normalisation, normalisation), (usual_convolution, convolution)):
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
    arrays = [a for a in args if hasattr(a, "dtype")]
    return all(map(is_ours, arrays)) and len({a.dtype.char for a in arrays}) == 1


def _either(
    usual: Callable[..., Any], kernel: Callable[..., Any], fits: Callable[..., bool] = _are_ours
) -> Callable[..., Any]:
    """The kernel where it fits what is given, and else what is usual."""
    return functools.wraps(usual)(
        lambda *args, **options: (kernel if fits(*args, **options) else usual)(*args, **options)
    )
