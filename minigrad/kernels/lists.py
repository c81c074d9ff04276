"""Many arrays in one launch: optimizers, copies, and averages of weights."""

from __future__ import annotations

import collections
import itertools
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .. import optim
from ..backend import Array, empty
from ..foreach import copy as usual_copy
from ..foreach import lerp as usual_lerp
from .launching import by_rows, for_each, is_ours

# ---------------------------------------------------------------- optimizers

_DESCENT = for_each("descent", "p, g", "new_p", "lr, decay", "new_p = p - lr * (g + decay * p)")
_MOMENTUM = for_each("momentum", "p, g, v", "v, new_p", "lr, decay, momentum, ahead", """
    T slope = g + decay * p
    v = momentum * v + slope
    new_p = p - lr * (ahead * slope + (ahead * momentum + 1 - ahead) * v)
""")  # fmt: skip
_RMSPROP = for_each("rmsprop", "p, g, v", "v, new_p", "lr, decay, alpha, rest, eps", """
    T slope = g + decay * p
    v = alpha * v + rest * slope * slope
    new_p = p - lr * slope / (sqrt(v) + eps)
""")  # fmt: skip
_ADAM = for_each("adam", "p, g, m, v", "m, v, new_p", "lr, decay, beta1, rest1, far1, beta2, rest2, far2, eps", """
    T slope = g + decay * p
    m = beta1 * m + rest1 * slope
    v = beta2 * v + rest2 * slope * slope
    new_p = p - lr * (m / far1) / (sqrt(v / far2) + eps)
""")  # fmt: skip


def _sgd(o: optim.SGD, t: int) -> tuple:
    return (_MOMENTUM, ("velocity",), (o.momentum, float(o.nesterov))) if o.momentum else (_DESCENT, (), ())


def _rmsprop(o: optim.RMSprop, t: int) -> tuple:
    return _RMSPROP, ("square",), (o.alpha, 1.0 - o.alpha, o.eps)


def _adam(o: optim.Adam, t: int) -> tuple:
    of_each = ((beta, 1.0 - beta, 1.0 - beta**t) for beta in o.betas)
    return _ADAM, ("mean", "square"), (*itertools.chain(*of_each), o.eps)


#: By the class: the kernel, what is remembered of each parameter, and the settings, at step t.
OPTIMIZERS = {optim.SGD: _sgd, optim.RMSprop: _rmsprop, optim.Adam: _adam}


def are_ours(optimizer: optim.Optimizer) -> bool:
    """Whether ``step`` is for the optimizer and all that it would move."""
    return type(optimizer) in OPTIMIZERS and all(is_ours(p.value) for p in optimizer.params if p._grad is not None)


def step(optimizer: optim.Optimizer) -> None:
    """``Optimizer.step``: one launch for 64 parameters of one type that have made equally many steps."""
    optimizer._follow()
    moving = [(p, s) for p, s in zip(optimizer.params, optimizer.state, strict=True) if p._grad is not None]
    for (t, _), group in _grouped(moving, lambda pair: (pair[1].get("step", 0) + 1, pair[0].value.dtype)):
        kernel, names, settings = OPTIMIZERS[type(optimizer)](optimizer, t)
        old = [by_rows(p.value) for p, _ in group]
        gradients = [by_rows(optimizer._checked(p)) for p, _ in group]
        remembered = [[_remembered(state, name, p.value) for p, state in group] for name in names]
        new = [empty(p.value.shape, like=p.value) for p, _ in group]
        kernel([old, gradients, *remembered, new], optimizer.lr, optimizer.weight_decay, *settings)
        for (p, state), value in zip(group, new, strict=True):
            p.value = value
            if isinstance(optimizer, optim.Adam):
                state["step"] = t


def _remembered(state: dict[str, Any], name: str, value: Array) -> Array:
    """What the kernel writes into, of the type of the parameter, which may have changed; it starts at 0."""
    before = state[name] if name in state else sys.modules["cupy"].zeros(value.shape, value.dtype)
    if before.shape != value.shape:  # the kernel would go on past its end
        raise ValueError(f"the state has {name} of shape {before.shape} for a parameter of {value.shape}")
    state[name] = by_rows(before.astype(value.dtype, copy=False))
    return state[name]


def _grouped(items: Iterable[Any], key: Callable[[Any], Any]) -> Iterable[tuple[Any, list[Any]]]:
    groups = collections.defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups.items()


# ---------------------------------------------------------------- copies and averages

_COPY = for_each("copy", "x", "out", "", "out = x")
_LERP = for_each("lerp", "x, y", "out", "weight", "out = (1 - weight) * x + weight * y")


def copy(arrays: Sequence[Array]) -> list[Array]:
    """``foreach.copy``."""
    return _results(_COPY, lambda a: usual_copy([a])[0], [arrays])


def lerp(arrays: Sequence[Array], targets: Sequence[Array], weight: float) -> list[Array]:
    """``foreach.lerp``."""
    return _results(_LERP, lambda a, b: usual_lerp([a], [b], weight)[0], [arrays, targets], weight)


def _results(kernel: Callable[..., None], usual: Callable[..., Array], lists: Sequence[Sequence[Array]],
             *settings: float) -> list[Array]:  # fmt: skip
    """What the kernel makes of arrays at the same place of the lists, or else what is usual."""
    results, ours = [], []
    for arrays in zip(*lists, strict=True):
        if all(map(is_ours, arrays)) and len({(a.dtype, a.shape) for a in arrays}) == 1:
            results.append(empty(arrays[0].shape, like=arrays[0]))
            ours.append((*arrays, results[-1]))
        else:
            results.append(usual(*arrays))
    for _, group in _grouped(ours, lambda arrays: arrays[0].dtype):
        kernel([list(map(by_rows, of)) for of in zip(*group, strict=True)], *settings)
    return results
