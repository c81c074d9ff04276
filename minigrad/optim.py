"""Optimizers, each of which takes ``.grad`` and moves the parameters, and schedules of their learning rates.

A step gives every parameter a new array and never writes into the old one, which a graph may still need.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from .backend import Array, array_module, is_array, move, xp
from .messages import check_integers, check_numbers, shown, two_backends
from .tensor import Tensor


class Optimizer:
    """The base: what to learn, how fast, and what is remembered of each parameter from step to step.

    A subclass defines ``direction(g, state)``: what to subtract, times the learning rate, for the gradient g.

    Raises:
        TypeError: when something to learn is not a tensor.
        ValueError: when there is nothing to learn, or a setting is out of range.
    """

    def __init__(self, params: Iterable[Tensor], lr: float, weight_decay: float = 0.0):
        several = isinstance(params, Iterable) and not isinstance(params, Tensor | Mapping)
        params = list(params) if several else [params]
        for p in params:
            if not isinstance(p, Tensor):
                cure = "a module's are module.parameters()"
                raise TypeError(f"{type(self).__name__}: params are tensors, got {shown(p)}; {cure}")
            if not p.is_leaf:
                raise ValueError(f"{type(self).__name__}: the result of {p.op.__name__} cannot learn, only leaves can")
        self.params = list(dict.fromkeys(params))  # one that is shared moves once
        if not self.params:
            raise ValueError(f"{type(self).__name__}: got no parameters; a module's are module.parameters()")
        self._at_least_0(lr=lr, weight_decay=weight_decay)
        self.lr = lr
        self.weight_decay = weight_decay
        self.state: list[dict[str, Any]] = [{} for _ in self.params]
        self._kinds = self._kinds_now()

    def _at_least_0(self, **settings: float) -> None:
        check_numbers(type(self).__name__, **settings)
        for name, value in settings.items():
            if not 0.0 <= value < math.inf:
                raise ValueError(f"{type(self).__name__}: {name} must be 0 or more and finite, got {value}")

    def direction(self, g: Array, state: dict[str, Any]) -> Array:
        """The step for the gradient g at learning rate 1; state is the parameter's own and may be changed."""
        raise NotImplementedError(f"{type(self).__name__} does not define direction")

    def step(self) -> None:
        """Moves every parameter that has a gradient."""
        self._follow()
        for p, state in zip(self.params, self.state, strict=True):
            if p._grad is None:
                continue
            g = self._checked(p)
            if self.weight_decay:
                g = g + self.weight_decay * p.value
            # `out` keeps the type, whatever the settings are, and makes an array of a single number's step, too.
            step = xp.multiply(self.direction(g, state), self.lr, out=xp.empty_like(g))
            p.value = xp.subtract(p.value, step, out=step)

    def _checked(self, p: Tensor) -> Array:
        g = p._grad
        if type(g) is not type(p.value) and array_module(g) is not array_module(p.value):
            raise two_backends(f"{type(self).__name__}: a parameter and its gradient")
        if g.shape != p.value.shape:
            raise ValueError(f"{type(self).__name__}: a parameter of shape {p.shape} has a gradient of {g.shape}")
        return g if g.dtype == p.value.dtype else g.astype(p.value.dtype)

    def _follow(self) -> None:
        """Brings what is remembered to where each parameter is, which a module's ``to`` may have moved."""
        kinds = self._kinds_now()
        if kinds != self._kinds:
            self.state = [_copied(state, p) for state, p in zip(self.state, self.params, strict=True)]
            self._kinds = kinds

    def _kinds_now(self) -> list[type]:
        """Of NumPy or of CuPy, as each parameter's array is."""
        return [type(p.value) for p in self.params]

    def zero_grad(self) -> None:
        """Forgets the gradients of all parameters."""
        for p in self.params:
            p._grad = None

    def state_dict(self) -> dict[str, Any]:
        """The learning rate, and copies of what is remembered of each parameter."""
        return {"lr": self.lr, "state": [_copied(s, p) for s, p in zip(self.state, self.params, strict=True)]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes over what ``state_dict`` gave; raises ValueError where the number of parameters differs."""
        if not isinstance(state, Mapping) or not {"lr", "state"} <= state.keys():
            raise TypeError(f"load_state_dict: takes what an optimizer's state_dict() returned, got {shown(state)}")
        if len(state["state"]) != len(self.params):
            raise ValueError(f"the state is of {len(state['state'])} parameters, there are {len(self.params)}")
        self.lr = state["lr"]
        self.state = [_copied(s, p) for s, p in zip(state["state"], self.params, strict=True)]


def _copied(state: dict[str, Any], p: Tensor) -> dict[str, Any]:
    """A copy of what is remembered of p, where p is."""
    module = array_module(p.value)
    return {name: move(v.copy(order="K"), module) if is_array(v) else v for name, v in state.items()}


class SGD(Optimizer):
    """Stochastic gradient descent: p <- p - lr * g, with momentum: v <- momentum * v + g, p <- p - lr * v.

    With nesterov, p <- p - lr * (g + momentum * v). weight_decay adds weight_decay * p to g.
    Source: Sutskever et al. 2013, section 2, in PyTorch's form.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ):
        super().__init__(params, lr, weight_decay)
        self._at_least_0(momentum=momentum)
        if nesterov and momentum == 0.0:
            raise ValueError("SGD: nesterov needs a momentum above 0")
        self.momentum, self.nesterov = momentum, nesterov

    def direction(self, g: Array, state: dict[str, Any]) -> Array:
        """g, or the velocity."""
        if self.momentum == 0.0:
            return g
        v = state["velocity"] = self.momentum * state["velocity"] + g if "velocity" in state else g.copy()
        return g + self.momentum * v if self.nesterov else v


class RMSprop(Optimizer):
    """v <- alpha * v + (1 - alpha) * g ** 2, p <- p - lr * g / (sqrt(v) + eps).

    Source: Hinton, Neural Networks for Machine Learning, lecture 6e, in PyTorch's form.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        super().__init__(params, lr, weight_decay)
        self._at_least_0(alpha=alpha, eps=eps)
        self.alpha, self.eps = alpha, eps

    def direction(self, g: Array, state: dict[str, Any]) -> Array:
        """g over the root of its running mean square."""
        v = _running_mean(state, "square", g * g, self.alpha)
        return g / (xp.sqrt(v) + self.eps)


class Adam(Optimizer):
    """m and v are running means of g and g ** 2, both corrected for starting at 0: p <- p - lr * m / (sqrt(v) + eps).

    Source: Kingma and Ba 2015, algorithm 1. weight_decay adds weight_decay * p to g, as in PyTorch's Adam.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        super().__init__(params, lr, weight_decay)
        if not isinstance(betas, list | tuple):
            raise TypeError(f"Adam: betas are two numbers, such as (0.9, 0.999), got {shown(betas)}")
        if len(betas) != 2:
            raise ValueError(f"Adam: betas are two numbers, got {tuple(betas)}")
        check_numbers("Adam", beta1=betas[0], beta2=betas[1])
        for beta in betas:
            if not 0.0 <= beta < 1.0:
                raise ValueError(f"Adam: betas must be within [0, 1), got {tuple(betas)}")
        self._at_least_0(eps=eps)
        self.betas, self.eps = tuple(betas), eps

    def direction(self, g: Array, state: dict[str, Any]) -> Array:
        """The corrected mean over the root of the corrected mean square."""
        beta1, beta2 = self.betas
        t = state["step"] = state.get("step", 0) + 1
        m = _running_mean(state, "mean", g, beta1)
        v = _running_mean(state, "square", g * g, beta2)
        root = xp.sqrt(v, out=xp.empty_like(v))
        root *= 1.0 / math.sqrt(1.0 - beta2**t)
        root += self.eps
        xp.divide(m, root, out=root)
        root *= 1.0 / (1.0 - beta1**t)
        return root


def _running_mean(state: dict[str, Any], name: str, value: Array, decay: float) -> Array:
    """decay * mean + (1 - decay) * value, kept in the state; the mean starts at 0."""
    if name not in state:
        state[name] = xp.zeros_like(value)
    mean = state[name]
    mean *= decay
    mean += (1.0 - decay) * value
    return mean


# ---------------------------------------------------------------- schedules


class Schedule:
    """The base: sets the learning rate of an optimizer by the number of times that ``step`` was called.

    A subclass defines ``rate(t)``: the learning rate after t steps, which is set at once for t = 0.
    """

    def __init__(self, optimizer: Optimizer):
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(self).__name__}: the optimizer comes first, got {shown(optimizer)}")
        self.optimizer = optimizer
        self.base_lr = optimizer.lr
        self.steps = 0
        optimizer.lr = self.rate(0)

    def rate(self, t: int) -> float:
        """The learning rate after t steps."""
        raise NotImplementedError(f"{type(self).__name__} does not define rate")

    def step(self) -> None:
        """One more step is done: sets the next learning rate."""
        self.steps += 1
        self.optimizer.lr = self.rate(self.steps)


class StepLR(Schedule):
    """The rate times gamma after every step_size steps."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1):
        check_integers("StepLR", 1, step_size=step_size)
        check_numbers("StepLR", gamma=gamma)
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer)

    def rate(self, t: int) -> float:
        """The learning rate after t steps."""
        return self.base_lr * self.gamma ** (t // self.step_size)


class LinearLR(Schedule):
    """The rate times a factor that goes in a line from start_factor to end_factor in total_iters steps, then stays."""

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1.0 / 3.0, end_factor: float = 1.0, total_iters: int = 5
    ):
        check_integers("LinearLR", 1, total_iters=total_iters)
        check_numbers("LinearLR", start_factor=start_factor, end_factor=end_factor)
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer)

    def rate(self, t: int) -> float:
        """The learning rate after t steps."""
        done = min(t, self.total_iters) / self.total_iters
        return self.base_lr * (self.start_factor + (self.end_factor - self.start_factor) * done)


class CosineAnnealingLR(Schedule):
    """The rate from where it is to eta_min in T_max steps, along half a cosine.

    Source: Loshchilov and Hutter 2017, equation 5, without restarts.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0):
        check_integers("CosineAnnealingLR", 1, T_max=T_max)
        check_numbers("CosineAnnealingLR", eta_min=eta_min)
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer)

    def rate(self, t: int) -> float:
        """The learning rate after t steps."""
        return self.eta_min + (self.base_lr - self.eta_min) * (1.0 + math.cos(math.pi * t / self.T_max)) / 2.0
