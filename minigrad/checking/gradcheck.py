"""Gradients against numbers: does what autograd computes, or a backward by hand, agree with central differences?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..autograd import enable_grad, grad
from ..backend import array_module, is_array, to_numpy, xp
from ..messages import check_numbers, is_data, shown
from ..primitive import raw_of
from ..tensor import Tensor
from .blame import detached, first_not_finite, written_into, wrong_rules
from .case import Case, Numeric, UnusableError, is_kink
from .diagnosis import AT_KINK, ON_GPU, UNKNOWN, causes_of, report_on
from .report import Cause, Entry, GradcheckError, Report


def gradcheck(
    f: Callable[..., Any],
    inputs: Any,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    *,
    seed: int = 0,
) -> Report:
    """Compares the gradients of f at inputs with central differences, in float64; f computes where the inputs are.

    f takes the inputs as Tensors and returns a Tensor or several; several elements are added up with random weights,
    as ones would hide what sums to nothing. Checked are the inputs that require gradients, or all of floats if none
    does. The step is eps, or eps times the element where that is larger. Elements with a kink of f within a step are
    reported and not counted as wrong, if the gradient lies between the slopes of the two sides. The report of an error
    names the op whose rule is wrong, and the mistake in it; or the place where something goes around the graph.

    Raises:
        GradcheckError: when a derivative differs by more than atol + rtol * abs(numeric); it has the report.
        TypeError: when f cannot be called, or does not return tensors.
        ValueError: when f gives different results for the same inputs, nothing is to check, or eps is not above 0.
    """
    _refuse_odd_settings("gradcheck", f, eps, atol, rtol)
    return _Check("gradcheck", f, inputs, seed).compare(eps, atol, rtol)


def gradgradcheck(
    f: Callable[..., Any],
    inputs: Any,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    *,
    seed: int = 0,
) -> Report:
    """Compares the second derivatives of f: a ``gradcheck`` of the gradient, as a function of inputs and of weights.

    Raises:
        GradcheckError: when a derivative of the gradient differs.
        TypeError, ValueError: as in ``gradcheck``.
    """
    _refuse_odd_settings("gradgradcheck", f, eps, atol, rtol)
    check = _Check("gradgradcheck", f, inputs, seed)
    count = len(check.inputs)

    def gradient(*inputs_and_weights):
        xs, weights = inputs_and_weights[:count], inputs_and_weights[count:]
        checked = [xs[i] for i in check.checked]
        return grad(check.recorded(*xs), checked, weights, create_graph=True, materialize_grads=True)

    weights = [Tensor(w, requires_grad=True) for w in check.weights]
    return _Check("gradgradcheck", gradient, [*check.inputs, *weights], seed).compare(eps, atol, rtol)


def check_vjp(
    f: Callable[..., Any],
    vjp: Any,
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    seed: int = 0,
) -> Report:
    """Compares a hand-written backward with central differences, and says which mistake explains the difference.

    f takes the inputs as float64 arrays (integers stay integers) and returns an array or a number. The backward is in
    the convention of ``defvjps``: ``vjp(g, out, *inputs)`` gets the upstream gradient g, of the shape of the output
    out, and returns the gradient of the one input, or a tuple with one for each; or vjp is a list of such functions,
    one for each input. A gradient has the shape of its input: broadcasting has to be undone. Where several inputs are
    given they are a tuple or a list. Elements are right or wrong as in ``gradcheck``, for random upstream gradients.

    Whatever is wrong with vjp is in the report, which is false then. To find the mistake vjp is called again, with
    other arguments; what it prints then is not shown.

    Raises:
        TypeError: when f or vjp cannot be called, or f does not return an array or a number.
        ValueError: when f gives different results for the same inputs, nothing is to check, or eps is not above 0.
    """
    _refuse_odd_settings("check_vjp", f, eps, atol, rtol)
    inputs = inputs if isinstance(inputs, list | tuple) else [inputs]
    arrays = [to_numpy(raw_of(x)) for x in inputs]
    checked = [i for i, x in enumerate(arrays) if x.dtype.kind == "f"]
    if not checked:
        raise ValueError("check_vjp: there is nothing to check: no input is of floats, such as 1.0")
    rule = _rule(vjp, checked, len(arrays))
    arrays = [xp.array(x, xp.float64 if i in checked else None) for i, x in enumerate(arrays)]
    _refuse_odd_result(f, arrays)
    return report_on(Case(f, rule, arrays, checked, eps=eps, atol=atol, rtol=rtol, seed=seed), "check_vjp")


def _refuse_odd_settings(who: str, f: Any, eps: float, atol: float, rtol: float) -> None:
    if not callable(f):
        raise TypeError(f"{who}: f must be a function of the inputs, got {shown(f)}")
    check_numbers(who, eps=eps, atol=atol, rtol=rtol)
    if not eps > 0:
        raise ValueError(f"{who}: eps, the step, must be above 0, got {eps}")


def _refuse_odd_result(f: Callable[..., Any], arrays: list) -> None:
    with np.errstate(all="ignore"):
        try:
            first, second = (raw_of(f(*(x.copy() for x in arrays))) for _ in range(2))
        except TypeError as error:
            if len(arrays) == 1:
                raise
            several = f"f was called with {len(arrays)} inputs; one input of several numbers is numpy.array([...])"
            raise TypeError(f"check_vjp: {error}; {several}") from None
    if not is_data(first):
        raise TypeError(f"check_vjp: f must return one array or number, got {shown(first)}")
    if not np.array_equal(first, second, equal_nan=True):
        raise ValueError("check_vjp: f gave different results for the same inputs: fix its random numbers")


def _rule(vjp: Any, checked: list[int], count: int) -> Callable[..., Any]:
    """The backward as a function of the input's number and of what a VJP gets."""
    if isinstance(vjp, list | tuple):

        def rule(i, *args):
            vjp_of_input = _gradient_of(i, vjp, checked, count)
            return vjp_of_input(*args) if callable(vjp_of_input) else vjp_of_input

    elif callable(vjp):

        def rule(i, *args):
            return _gradient_of(i, vjp(*args), checked, count)

    else:
        raise TypeError(f"check_vjp: vjp must be a function or a list of functions, got {shown(vjp)}")
    return rule


def _gradient_of(i: int, result: Any, checked: list[int], count: int) -> Any:
    """What belongs to input i, of one thing or of a tuple with one for each input, or for each input of floats."""
    if result is None or result is Ellipsis:
        return result
    several = list(result) if isinstance(result, list | tuple) else [result]
    if len(several) == count:
        return several[i]
    if count == 1:  # the elements of the gradient, in a list
        return result
    if len(several) > len(checked):
        raise UnusableError("shape", f"The rule returned {len(several)} gradients; there are {count} inputs.")
    place = checked.index(i)
    if place >= len(several):
        raise UnusableError("missing", f"The rule returned {len(several)} of {len(checked)} gradients: one is missing.")
    return several[place]


class _Check:
    """f with float64 inputs, its outputs weighted at random."""

    def __init__(self, name: str, f: Callable[..., Any], inputs: Any, seed: int):
        self.name, self.f = name, f
        inputs = inputs if isinstance(inputs, list | tuple) else [inputs]
        given = [x if is_array(x) else xp.asarray(x) for x in map(raw_of, inputs)]
        self.backends = [array_module(x).__name__ for x in given]
        arrays = list(map(to_numpy, given))
        floats = [i for i, x in enumerate(arrays) if x.dtype.kind == "f"]
        self.checked = [i for i in floats if getattr(inputs[i], "requires_grad", False)] or floats
        if not self.checked:
            raise ValueError(f"{name}: there is nothing to check: no input is of floats, such as 1.0")
        self.inputs = [
            Tensor(xp.array(x, xp.float64 if i in floats else None), requires_grad=i in self.checked)
            for i, x in enumerate(arrays)
        ]
        self.arrays = [x.value for x in self.inputs]
        rng = np.random.default_rng(seed)
        first, second = ([to_numpy(y.value) for y in self.recorded(*self.inputs)] for _ in range(2))
        if any(not np.array_equal(a, b, equal_nan=True) for a, b in zip(first, second, strict=True)):
            raise ValueError(
                f"{name}: f gave different results for the same inputs: fix its random numbers, or call eval()"
            )
        alone = len(first) == 1 and first[0].size == 1  # then the derivatives are shown as they are
        self.weights = [np.ones(y.shape) if alone else np.asarray(rng.standard_normal(y.shape)) for y in first]

    def recorded(self, *inputs: Tensor) -> list[Tensor]:
        """The outputs, with the graph behind them; f gets each input where the one that was given is."""
        with enable_grad():
            outputs = self.f(*(x.to(backend) for x, backend in zip(inputs, self.backends, strict=True)))
        outputs = list(outputs) if isinstance(outputs, list | tuple) else [outputs]
        for y in outputs or [outputs]:
            if not isinstance(y, Tensor):
                made = "made by operators and minigrad's functions"
                raise TypeError(f"{self.name}: f must return tensors, {made}; got {shown(y)}")
        return [y.to("numpy") for y in outputs]

    def values(self, *arrays: np.ndarray) -> np.ndarray:
        """The values of f in float64; several outputs are one row."""
        tensors = (Tensor(x, requires_grad=i in self.checked) for i, x in enumerate(arrays))
        ys = [to_numpy(y.value).astype(np.float64) for y in self.recorded(*tensors)]
        return ys[0] if len(ys) == 1 else _row(ys)

    def analytic(self) -> list[np.ndarray]:
        """The gradient of the weighted sum of f's outputs with respect to each checked input.

        It is taken of twice that sum, as a rule that forgets the upstream gradient is right where that is 1.
        """
        twice = [2.0 * w for w in self.weights]
        wanted = [self.inputs[i] for i in self.checked]
        grads = grad(self.recorded(*self.inputs), wanted, twice, materialize_grads=True)
        return [to_numpy(g.data) / 2.0 for g in grads]

    def compare(self, eps: float, atol: float, rtol: float) -> Report:
        """All derivatives computed in both ways; raises GradcheckError where they disagree."""
        wrong, at_kinks, compared, largest = [], [], 0, 0.0
        careless = self.written_into()
        analytic = dict(zip(self.checked, self.analytic(), strict=True))
        slopes = {i: Numeric(self.values, self.arrays, i, [_row(self.weights)], eps) for i in self.checked}
        numeric = {i: both.mean[0] for i, both in slopes.items()}
        for i, gradient in analytic.items():
            for index in np.ndindex(gradient.shape):
                left, right = slopes[i].left[0][index], slopes[i].right[0][index]
                entry = Entry(i, index, float(gradient[index]), float(numeric[i][index]))
                tolerance = atol + rtol * abs(entry.numeric)
                if entry.error <= tolerance:
                    largest = max(largest, entry.error)
                elif (
                    is_kink(left, right)
                    and min(left, right) - tolerance <= entry.analytic <= max(left, right) + tolerance
                ):
                    at_kinks.append(entry)
                    continue
                else:
                    wrong.append(entry)
                compared += 1
        causes = [AT_KINK] if at_kinks else []
        if careless:
            causes = [careless]
        elif wrong:
            causes = self.causes([*analytic.values(), *numeric.values()], eps, atol, rtol)
        found = tuple(wrong), tuple(at_kinks), tuple(causes)
        report = Report(self.name, compared, largest, *found, analytic, numeric)
        if not report:
            raise GradcheckError(report)
        return report

    # ---------------------------------------------------------------- why it is wrong

    def written_into(self) -> Cause | None:
        """A rule that writes into an array of others; looked for in a graph of its own, which it may spoil."""
        copies = [Tensor(x.copy(), requires_grad=i in self.checked) for i, x in enumerate(self.arrays)]
        with np.errstate(all="ignore"):
            return written_into(self.recorded(*copies), self.weights)

    def causes(self, gradients: list[np.ndarray], eps: float, atol: float, rtol: float) -> list[Cause]:
        """A rule of an op, a part that is not recorded, or else what the numbers of the whole look like."""
        with np.errstate(all="ignore"):
            return self._causes(gradients, eps, atol, rtol)

    def _causes(self, gradients: list[np.ndarray], eps: float, atol: float, rtol: float) -> list[Cause]:
        if set(self.backends) != {"numpy"}:
            return [ON_GPU]
        settings = {"eps": eps, "atol": max(atol, 1e-7), "rtol": max(rtol, 1e-6)}
        outputs = self.recorded(*self.inputs)
        if not all(np.isfinite(gradient).all() for gradient in gradients):
            cause = first_not_finite(outputs, self.weights)
            return [cause or UNKNOWN]
        if causes := wrong_rules(outputs, self.inputs, **settings):
            return causes
        if cause := detached(self.recorded, self.inputs, self.checked):
            return [cause]
        return causes_of(self.whole(**settings)) or [UNKNOWN]

    def whole(self, **settings: float) -> Case:
        """f as one op, whose rule is the backward pass; several outputs are one row."""

        def rule(i, g, out, *arrays):
            x = Tensor(arrays[i], requires_grad=True)
            ys = self.recorded(*map(Tensor, arrays[:i]), x, *map(Tensor, arrays[i + 1 :]))
            parts = np.split(g.ravel(), np.cumsum([y.size for y in ys])[:-1])
            weights = [part.reshape(y.shape) for part, y in zip(parts, ys, strict=True)]
            return grad(ys, x, weights, materialize_grads=True)[0]

        return Case(self.values, rule, self.arrays, self.checked, **settings)


def _row(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([x.ravel() for x in arrays])
