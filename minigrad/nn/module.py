"""Module: parameters, buffers and other modules, held as plain attributes and found by walking over them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any
from weakref import ref

from .. import foreach
from ..backend import BACKENDS, Array, array_module, backend_named, is_array, move, xp
from ..messages import shown
from ..primitive import raw_of
from ..tensor import Tensor, dtype_of

_SEVERAL = {list, tuple}


def _kept_of(given: tuple, out: Tensor) -> tuple | None:
    """What was given to a module, without lists, that may get its result; None where the result was only handed on.

    Otherwise it would hold itself.
    """
    flat = tuple(item for arg in given for item in (arg if type(arg) in _SEVERAL else (arg,)))
    return None if any(item is out for item in flat) else flat


class Parameter(Tensor):
    """A tensor that a module learns: it requires gradients, and ``module.parameters()`` finds it.

    An array stays where it is, whatever ``set_backend`` says; a list goes where that says, and ``module.to`` moves all.
    """

    __slots__ = ()

    def __init__(self, data: Array | Tensor, requires_grad: bool = True):
        super().__init__(data.value if isinstance(data, Tensor) else data, requires_grad)


class Module:
    """The base of everything with parameters. A subclass sets attributes in ``__init__`` and defines ``forward``.

    A Parameter as an attribute is a parameter, a Module (or a list of them) is a child, an array registered with
    ``register_buffer`` is state that is saved but not learned. Names are PyTorch's: ``hidden.0.weight``.
    """

    def __init__(self) -> None:
        self.training = True
        self.buffer_names: list[str] = []

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """What the module computes; a subclass defines it."""
        raise NotImplementedError(f"{type(self).__name__} does not define forward")

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        out = self.forward(*args, **kwargs)
        if type(out) is Tensor and out.op is not None:
            given = (*args, *kwargs.values()) if kwargs else args
            for arg in given:
                if arg is out or type(arg) in _SEVERAL:
                    given = _kept_of(given, out)
                    break
            if given is not None:
                out.calls = (self.__class__, ref(self), given, out.calls)
        return out

    def __setattr__(self, name: str, value: Any) -> None:
        """Refuses what would drop a parameter, or what is inside, in silence."""
        if isinstance(self.__dict__.get(name), Parameter) and not isinstance(value, Parameter | None):
            raise TypeError(
                f"{type(self).__name__}.{name} is a parameter, got {shown(value)}: "
                f"assign an nn.Parameter, or new values, module.{name}.data = array"
            )
        if isinstance(value, Parameter | Module) and "training" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__} must call super().__init__() first")
        object.__setattr__(self, name, value)

    # ---------------------------------------------------------------- what is inside

    def _attributes(self) -> Mapping[str, Any]:
        if "training" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__} must call super().__init__() first")
        for name, value in self.__dict__.items():
            _refuse_hidden(f"{type(self).__name__}.{name}", value)
        return self.__dict__

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly inside, by name."""
        for name, value in self._attributes().items():
            if isinstance(value, Module):
                yield name, value
            elif isinstance(value, list | tuple):
                for i, item in enumerate(value):
                    if isinstance(item, Module):
                        yield f"{name}.{i}", item

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module and all inside it, each with its name seen from here."""
        yield prefix, self
        for name, child in self.named_children():
            yield from child.named_modules(f"{prefix}.{name}" if prefix else name)

    def modules(self) -> Iterator[Module]:
        """This module and all inside it."""
        return (module for _, module in self.named_modules())

    def _named_tensors(self) -> Iterator[tuple[str, Module, str]]:
        """Every parameter and buffer: its full name, the module that has it, its name there."""
        for prefix, module in self.named_modules():
            parameters = [n for n, value in module._attributes().items() if isinstance(value, Parameter)]
            for name in parameters + module.buffer_names:
                yield f"{prefix}.{name}" if prefix else name, module, name

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Every parameter with its name; one that is used twice is given once, as PyTorch does."""
        seen: set[Parameter] = set()
        for full_name, module, name in self._named_tensors():
            value = getattr(module, name)
            if isinstance(value, Parameter) and value not in seen:
                seen.add(value)
                yield full_name, value

    def parameters(self) -> Iterator[Parameter]:
        """Every parameter, once."""
        return (parameter for _, parameter in self.named_parameters())

    def register_buffer(self, name: str, array: Array) -> None:
        """Makes an array an attribute that is saved with the module and not learned."""
        if name not in self.buffer_names:
            self.buffer_names.append(name)
        setattr(self, name, raw_of(array))

    def named_buffers(self) -> Iterator[tuple[str, Array]]:
        """Every buffer with its name."""
        for full_name, module, name in self._named_tensors():
            if name in module.buffer_names:
                yield full_name, getattr(module, name)

    # ---------------------------------------------------------------- saving and loading

    def state_dict(self) -> dict[str, Array]:
        """Copies of all parameters and buffers, raw arrays by name."""
        arrays = {full: raw_of(getattr(module, name)) for full, module, name in self._named_tensors()}
        return dict(zip(arrays, foreach.copy(list(arrays.values())), strict=True))

    def load_state_dict(self, state: Mapping[str, Array | Tensor]) -> None:
        """Takes over the values of all parameters and buffers, in the type and on the backend that each has here.

        Raises:
            ValueError: when a name is missing or unknown, or a shape differs; nothing is changed then.
        """
        if not isinstance(state, Mapping):
            raise TypeError(f"load_state_dict: takes a dict of arrays, as state_dict() returns, got {shown(state)}")
        places = {full: (module, name) for full, module, name in self._named_tensors()}
        missing, unknown = sorted(places.keys() - state.keys()), sorted(state.keys() - places.keys())
        if missing or unknown:
            raise ValueError(f"load_state_dict: missing {missing or 'nothing'}, unknown {unknown or 'nothing'}")
        for full, (module, name) in places.items():
            if not hasattr(state[full], "shape"):
                raise TypeError(f"load_state_dict: {full} must be an array, got {shown(state[full])}")
            here, given = raw_of(getattr(module, name)).shape, tuple(state[full].shape)
            if here != given:
                raise ValueError(f"load_state_dict: {full} has shape {here}, the state has {given}")
        given = [_beside(raw_of(getattr(*place)), state[full]) for full, place in places.items()]
        for place, array in zip(places.values(), foreach.copy(given), strict=True):
            _set_value(*place, array)

    # ---------------------------------------------------------------- switching

    def train(self, mode: bool = True) -> Module:
        """Training behaviour, for this module and all inside it: dropout drops."""
        if not isinstance(mode, bool):
            raise TypeError(f"train: mode is True or False, got {shown(mode)}")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Module:
        """Behaviour in use, the opposite of ``train``."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Module:
        """Freezes all parameters, or lets them learn again."""
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def zero_grad(self) -> None:
        """Forgets the gradients of all parameters."""
        for parameter in self.parameters():
            parameter._grad = None

    def to(self, what: Any) -> Module:
        """All parameters and buffers on another backend, or those of floats in another type of floats.

        Changes the module and returns it. ``to("cupy")`` is on the GPU, ``to("numpy")`` in memory. What optimizers
        remember follows at their next step. Counters, integers without axes, stay in memory, where to count costs
        nothing.

        Raises:
            TypeError: when what is neither the name of a backend nor a dtype of floats.
            RuntimeError: when CuPy cannot be used.
        """
        if what in BACKENDS:
            for _, module, name in self._named_tensors():
                value = raw_of(getattr(module, name))
                if value.ndim or value.dtype.kind == "f":
                    _set_value(module, name, move(value, backend_named(what)))
            return self
        dtype = dtype_of("to", what)
        if dtype.kind != "f":
            raise TypeError(f"to: parameters are floats, got {dtype}")
        for _, module, name in self._named_tensors():
            value = raw_of(getattr(module, name))
            if value.dtype.kind == "f":
                _set_value(module, name, value.astype(dtype))
        return self

    def float(self) -> Module:
        """The module in float32."""
        return self.to(xp.float32)

    def double(self) -> Module:
        """The module in float64."""
        return self.to(xp.float64)

    # ---------------------------------------------------------------- printing

    def extra_repr(self) -> str:
        """What stands between the brackets when the module is printed."""
        return ""

    def __repr__(self) -> str:
        children = [f"({name}): {child!r}".replace("\n", "\n  ") for name, child in self.named_children()]
        lines = [line for line in (self.extra_repr(), *children) if line]
        inside = "\n  " + "\n  ".join(lines) + "\n" if children else self.extra_repr()
        return f"{type(self).__name__}({inside})"


def _refuse_hidden(name: str, value: Any) -> None:
    """Raises TypeError for what would be forgotten in silence: parameters in containers, modules in dicts."""
    for item in value if isinstance(value, list | tuple) else value.values() if isinstance(value, dict) else ():
        if isinstance(item, Parameter) or (isinstance(item, Module) and isinstance(value, dict)):
            raise TypeError(f"{name} hides a {type(item).__name__} in a {type(value).__name__}; make it an attribute")


def _beside(here: Array, given: Any) -> Array:
    """What is given as an array where the one that is here is, and of its type."""
    given = raw_of(given)
    given = given if is_array(given) else xp.asarray(given)
    return move(given, array_module(here)).astype(here.dtype, copy=False)


def _set_value(module: Module, name: str, array: Array) -> None:
    """New values for a parameter, which stays the same object, or for a buffer, which is replaced."""
    value = getattr(module, name)
    if isinstance(value, Parameter):
        value.data = array
        if value.grad is not None:
            value.grad = move(value.grad, array_module(array)).astype(array.dtype)
    else:
        setattr(module, name, array)


@contextlib.contextmanager
def _swapped(module: Module, tensors: Mapping[str, Tensor]) -> Iterator[None]:
    """Within this context the named parameters are other tensors, wherever the module uses them."""
    if not isinstance(module, Module):
        raise TypeError(f"functional_call: takes a module, got {shown(module)}")
    if not isinstance(tensors, Mapping):
        raise TypeError(f"functional_call: parameters are a dict of tensors by name, got {shown(tensors)}")
    places = {full: (owner, name) for full, owner, name in module._named_tensors()}
    unknown = sorted(tensors.keys() - places.keys())
    if unknown:
        raise ValueError(f"functional_call: no parameter is called {', '.join(unknown)}; there is {', '.join(places)}")
    instead = {id(getattr(*places[full])): tensor for full, tensor in tensors.items()}
    before = {place: getattr(*place) for place in places.values() if id(getattr(*place)) in instead}
    try:
        for place, value in before.items():
            object.__setattr__(*place, instead[id(value)])
        yield
    finally:
        for place, value in before.items():
            object.__setattr__(*place, value)


def functional_call(module: Module, parameters: Mapping[str, Tensor], *args: Any, **kwargs: Any) -> Tensor:
    """What the module would return if the named parameters were these tensors; gradients flow into them.

    Raises:
        ValueError: when a name is not one of ``module.named_parameters()``.
    """
    with _swapped(module, parameters):
        return module(*args, **kwargs)
