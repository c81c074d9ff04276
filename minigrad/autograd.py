"""Reverse-mode differentiation: the chain rule, walked from outputs to inputs.

Every gradient, of any order, comes out of ``_walk``. Handed raw arrays it computes numbers; handed Tensors, the VJPs
record themselves, and the gradients can be differentiated again.
"""

from __future__ import annotations

import contextlib
import inspect
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from operator import attrgetter
from typing import Any

from .backend import Array, array_module, as_array, is_array, move, xp
from .messages import MISTAKES, explain_rule, mixed, shown, two_backends
from .ops.elementwise import astype
from .primitive import Node, grad_mode, observers, raw_of
from .tensor import Tensor

# ---------------------------------------------------------------- the walk


#: One factor of the chain rule, applied: a node, the number of an argument, the gradient of the node, what its VJP made
#: of that for the argument, and all that has arrived at the argument so far.
Sent = tuple["Tensor", int, Any, Any, Any]


def _walk(
    grads: dict[Tensor, Any],
    wanted: set[Tensor] | None,
    kept: Collection[Tensor],
    record: bool,
    stepwise: bool = True,
) -> Iterator[Sent]:
    """Sends gradients back from the nodes in grads to those in wanted, or to all that are tracked, one at a time.

    grads maps nodes to gradients and changes in place: raw arrays, or Tensors where record is set. At the end it holds
    the gradients of leaves and of the nodes in kept. Where nobody looks on, stepwise is false, and it goes in one go.

    The newest node goes first. All that was made from it is newer, so its gradient is complete when its turn comes.
    """
    waiting = [(-node.serial, node) for node in grads if node.op is not None]
    heapify(waiting)
    while waiting:
        node = heappop(waiting)[1]
        g = grads[node] if node in kept else grads.pop(node)
        op, saved, options = node.op, node.saved, node.options
        out, args = (node, node.args) if record else (node.value, saved)
        for i, parent in enumerate(node.args):
            if not isinstance(parent, Node):
                continue
            value = parent.value
            if value is not saved[i]:
                raise _stale(node, i)
            if not (parent.tracked if wanted is None else parent in wanted):
                continue
            vjp = op.vjps[i]
            if vjp is None:
                continue
            try:
                grad = vjp(g, out, *args, **options)
                if grad.dtype is not value.dtype or grad.shape != value.shape:
                    grad = _fit(grad, value, op, i)
            except MISTAKES as error:
                raise explain_rule(op, i, error).with_traceback(error.__traceback__) from None
            total = grads.get(parent)
            if total is None:
                total = grad
                if parent.op is not None:
                    heappush(waiting, (-parent.serial, parent))
            else:
                total = total + grad  # not `+=`: a rule may hand the same array to two parents
            grads[parent] = total
            if stepwise:
                yield node, i, g, grad, total


def _observed(walk: Iterator[Sent]) -> Iterator[Sent]:
    for observer in observers:
        walk = observer.backward(walk)
    return walk


def _run(walk: Iterator[Sent]) -> None:
    """Goes through a walk to its end."""
    deque(walk, maxlen=0)


def _on_a_path(outputs: Sequence[Tensor], inputs: Sequence[Tensor]) -> set[Tensor]:
    """The nodes between outputs and inputs, both ends included: nothing else needs a gradient."""
    found, results = set(outputs), []
    stack = list(found)
    while stack:
        node = stack.pop()
        if node.op is None:
            continue
        results.append(node)
        for parent in node.args:
            if isinstance(parent, Node) and parent.tracked and parent not in found:
                found.add(parent)
                stack.append(parent)
    on_path = {x for x in inputs if x.tracked}
    for node in sorted(results, key=attrgetter("serial")):
        if any(isinstance(parent, Node) and parent in on_path for parent in node.args):
            on_path.add(node)
    return on_path


def _stale(node: Tensor, i: int) -> RuntimeError:
    """A rule reads the values that its op was given; once one of them is replaced, what it returns means nothing."""
    return RuntimeError(
        f"{node.op.__name__}: argument {i}, of shape {node.saved[i].shape}, was given other data after the op used it; "
        "compute the result again before going backward, or go backward before changing the data"
    )


def _fit(grad: Any, value: Array, op: Any, i: int) -> Any:
    """The gradient with the shape and the type of the argument that it is for: the adjoint of broadcasting."""
    shape = value.shape
    extra = len(grad.shape) - len(shape)
    stretched = [k for k, n in enumerate(shape) if n == 1 and extra >= 0 and grad.shape[k + extra] != 1]
    if extra < 0 or any(grad.shape[k + extra] != n for k, n in enumerate(shape) if k not in stretched):
        raise ValueError(
            f"{op.__name__}: the VJP of argument {i} returned shape {tuple(grad.shape)}, the argument has {shape}"
        )
    if grad.shape != shape:
        axes = (*range(extra), *(k + extra for k in stretched))
        grad = grad.sum(axis=axes, keepdims=True).reshape(shape)
    return grad if grad.dtype == value.dtype else astype(grad, dtype=value.dtype)


# ---------------------------------------------------------------- gradients


def _seed(y: Tensor, gradient: Any, what: str) -> Any:
    """The gradient to start from at output y: the one given, or 1 for a single element. A Tensor stays one."""
    if gradient is None:
        if y.size != 1:
            raise ValueError(
                f"{what}: an output of shape {y.shape} needs a gradient of that shape; "
                "or take the gradient of a single number, such as .sum() or .mean()"
            )
        return array_module(y.value).ones(y.shape, y.dtype)
    if not isinstance(gradient, Node):
        gradient = gradient if is_array(gradient) else move(xp.asarray(gradient), array_module(y.value))
    if gradient.shape != y.shape:
        raise ValueError(f"{what}: the gradient has shape {gradient.shape}, the output {y.shape}")
    if mixed([raw_of(gradient), y.value]):
        raise two_backends(what)
    if gradient.dtype.kind not in "fiub":
        raise TypeError(f"{what}: the gradient is of numbers, got {shown(gradient)}")
    return gradient if gradient.dtype == y.dtype else astype(gradient, dtype=y.dtype)


def backward(y: Tensor, gradient: Array | None = None) -> None:
    """Adds the gradient of y to the ``.grad`` of every leaf behind it; see ``Tensor.backward``."""
    _run(backward_walk(y, gradient, stepwise=bool(observers)))


def backward_walk(y: Tensor, gradient: Array | None = None, stepwise: bool = True) -> Iterator[Sent]:
    """``backward``, which happens as this is iterated: one factor of the chain rule at a time."""
    if not y.tracked:
        raise RuntimeError(
            "backward: the tensor does not require gradients: it was made of what requires none, within no_grad, "
            "or by an op that has no VJPs"
        )
    seed = _seed(y, gradient, "backward")
    grads = {y: raw_of(seed)}
    given_out = {id(grads[y])}
    yield from _observed(_walk(grads, None, (), record=False, stepwise=stepwise))
    for leaf, g in grads.items():
        leaf._grad = _own(g, given_out) if leaf._grad is None else as_array(leaf._grad + g)


def _own(g: Any, given_out: set[int]) -> Array:
    """g as an array that nobody else holds, so that a user may write into it."""
    g = as_array(g)
    if g.base is not None or id(g) in given_out:
        g = g.copy(order="K")
    given_out.add(id(g))
    return g


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Array | Sequence[Array | None] | None = None,
    create_graph: bool = False,
    *,
    materialize_grads: bool = False,
) -> tuple[Tensor, ...]:
    """The gradients of sum(grad_outputs * outputs) with respect to each input; ``.grad`` is left alone.

    With create_graph they can be differentiated again. Only the derivatives on a path to the inputs are computed.
    materialize_grads returns zeros for an input that the outputs do not depend on.

    Raises:
        ValueError: when an output has several elements and no gradient in grad_outputs, or shapes do not match.
        RuntimeError: when an input has no part in the outputs, or a value was replaced since it was used.
    """
    outputs, inputs = _tensors("outputs", outputs), _tensors("inputs", inputs)
    given = [None] * len(outputs) if grad_outputs is None else grad_outputs
    given = list(given) if isinstance(given, list | tuple) else [given]
    if len(given) != len(outputs):
        raise ValueError(f"grad: {len(outputs)} outputs need as many grad_outputs, got {len(given)}")
    seeds = [_seed(y, g, "grad") for y, g in zip(outputs, given, strict=True)]
    grads = _gradients(outputs, inputs, seeds, create_graph)
    if not create_graph:
        given_out = {id(raw_of(g)) for g in given}
        grads = {x: Tensor(_own(g, given_out)) for x, g in grads.items()}
    return tuple(_result(grads, x, i, materialize_grads, outputs) for i, x in enumerate(inputs))


def _tensors(what: str, given: Any) -> list[Tensor]:
    """The outputs or the inputs of ``grad`` as a list."""
    several = isinstance(given, Iterable) and not (isinstance(given, Node | str) or is_array(given))
    tensors = list(given) if several else [given]
    for x in tensors:
        if not isinstance(x, Node):
            cure = "give it what that returns" if what == "outputs" else "a module's are module.parameters()"
            raise TypeError(f"grad: {what} are tensors, got {shown(x)}{'; ' + cure if callable(x) else ''}")
    return tensors


def _gradients(outputs: list[Tensor], inputs: list[Tensor], seeds: list, record: bool) -> dict[Tensor, Any]:
    wanted = _on_a_path([y for y in outputs if y.tracked], inputs)
    grads: dict[Tensor, Any] = {}
    with enable_grad() if record else contextlib.nullcontext():
        for y, g in zip(outputs, seeds, strict=True):
            if y in wanted:
                g = _as_tensor(g) if record else raw_of(g)
                grads[y] = grads[y] + g if y in grads else g
        _run(_observed(_walk(grads, wanted, set(inputs), record, stepwise=bool(observers))))
    return grads


def _as_tensor(g: Any) -> Tensor:
    return g if isinstance(g, Node) else Tensor(g)


def _result(grads: dict[Tensor, Tensor], x: Tensor, i: int, zeros: bool, outputs: list[Tensor]) -> Tensor:
    if x in grads:
        return grads[x]
    if zeros:
        return Tensor(xp.zeros_like(x.value))
    if not x.tracked:
        why = "does not require gradients; materialize_grads=True returns zeros for it"
    elif not any(y.tracked for y in outputs):
        why = "has no part in the outputs: they require no gradients; a gradient does after create_graph=True"
    else:
        why = "has no part in the outputs; materialize_grads=True returns zeros for it"
    raise RuntimeError(f"grad: input {i}, of shape {x.shape}, {why}")


# ---------------------------------------------------------------- switching recording off and on


class _Recording(contextlib.ContextDecorator):
    def __init__(self, *given: Any) -> None:
        if given:
            name = type(self).__name__
            raise TypeError(f"{name} takes no arguments: write @{name}() above a function, or with {name}():")

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.isgeneratorfunction(function):  # its body runs after the call has returned
            name = type(self).__name__
            raise TypeError(f"{name} cannot decorate a generator function: write with {name}(): inside, between yields")
        return super().__call__(function)

    def __enter__(self) -> None:
        grad_mode.outer.append(grad_mode.enabled)
        grad_mode.enabled = self.enabled

    def __exit__(self, *exception: object) -> None:
        grad_mode.enabled = grad_mode.outer.pop()


class no_grad(_Recording):  # noqa: N801, PyTorch's name
    """Within this context, or the function it decorates, ops are not recorded."""

    enabled = False


class enable_grad(_Recording):  # noqa: N801, PyTorch's name
    """Within this context ops are recorded again, inside ``no_grad``."""

    enabled = True
