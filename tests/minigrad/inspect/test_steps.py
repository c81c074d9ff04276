"""The backward pass step by step: the same walk as backward, and formulas that say what it computes."""

import re

import numpy as np
import pytest
from op_table import ROWS

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import nn
from minigrad.inspect.nodes import nodes_behind
from minigrad.inspect.steps import backward_steps
from minigrad.ops import convolution, elementwise, linalg, moving, normalisation, pooling, reduction, shaping


def lines(y, gradient=None, **names):
    """All that the steps print, without indentation and with single spaces."""
    text = "\n".join(map(str, backward_steps(y, gradient, names=names)))
    return [" ".join(line.split()) for line in text.splitlines()]


# ---------------------------------------------------------------- the text


def test_a_perceptron():
    w, x, b = (mg.tensor(value, requires_grad=True) for value in (0.5, 2.0, -0.4))
    u = w * x
    s = u + b
    y = mg.tanh(s)
    assert "\n".join(map(str, backward_steps(y))) == (
        "step 1:  y = tanh(s) = 0.537                         dL/dy = 1\n"
        "    dL/ds = dL/dy * (1 - y * y) = 1 * 0.7116 = 0.7116\n"
        "step 2:  s = u + b = 0.6                             dL/ds = 0.7116\n"
        "    dL/du = dL/ds = 0.7116 * 1 = 0.7116\n"
        "    dL/db = dL/ds = 0.7116 * 1 = 0.7116\n"
        "step 3:  u = w * x = 1                               dL/du = 0.7116\n"
        "    dL/dw = dL/du * x = 0.7116 * 2 = 1.423\n"
        "    dL/dx = dL/du * w = 0.7116 * 0.5 = 0.3558"
    )


def test_what_arrives_later_is_added():
    x = mg.tensor(3.0, requires_grad=True)
    assert lines(x * x - mg.exp(x), x=x) == [
        "step 1: v3 = v1 - v2 = -11.09 dL/dv3 = 1",
        "dL/dv1 = dL/dv3 = 1 * 1 = 1",
        "dL/dv2 = -dL/dv3 = 1 * (-1) = -1",
        "step 2: v2 = exp(x) = 20.09 dL/dv2 = -1",
        "dL/dx = dL/dv2 * v2 = -1 * 20.09 = -20.09",
        "step 3: v1 = x * x = 9 dL/dv1 = 1",
        "dL/dx += dL/dv1 * x = 1 * 3 = 3, in all -17.09",
        "dL/dx += dL/dv1 * x = 1 * 3 = 3, in all -14.09",
    ]


def test_a_broadcast_argument_gets_a_sum():
    m, b = mg.tensor(np.ones((2, 3)), requires_grad=True), mg.tensor(np.ones(3), requires_grad=True)
    one = mg.tensor(1.0, requires_grad=True)
    text = lines(m * b, np.ones((2, 3)), m=m, b=b)
    assert "dL/db = dL/dv1 * m, summed to (3,) = [2, 2, 2]" in text
    assert "dL/dm = dL/dv1 * b = [[1, 1, 1], [1, 1, 1]]" in text
    assert "dL/done = dL/dv1 * m, summed = 6" in lines(m * one, np.ones((2, 3)), m=m, one=one)


def shared_weight_network():
    """Three layers, the first two with the same weight."""
    rng = np.random.default_rng(0)
    x, t = rng.standard_normal((4, 2)), rng.standard_normal((4, 1))
    weight = mg.tensor(rng.standard_normal((2, 2)), requires_grad=True)
    last = nn.Linear(2, 1, rng=0).double()
    loss = F.mse_loss(last(mg.tanh(mg.tanh(x @ weight) @ weight)), t)
    return loss, {"x": x, "t": t, "weight": weight, "last": last}


def test_a_shared_weight_on_one_screen():
    loss, names = shared_weight_network()
    text = "\n".join(map(str, backward_steps(loss, names=names)))
    assert len(text.splitlines()) <= 24
    assert max(map(len, text.splitlines())) <= 100
    assert text.isascii()
    assert "dL/dlast.weight = (dL/dv5).T @ v4" in text
    assert len(re.findall(r"dL/dweight \+?=", text)) == 2
    assert re.search(r"dL/dweight \+= x\.T @ dL/dv1\n? +=? .*, in all \[\[", text)


def test_large_arrays_are_told_by_shape_and_range():
    x = mg.tensor(np.linspace(-1.0, 1.0, 300).reshape(3, 100), requires_grad=True)
    assert "dL/dx = dL/dv1 * (2 * x) = (3, 100) from -2 to 2" in lines(x**2, np.ones((3, 100)), x=x)


def test_a_number_stays_a_number_however_long_the_names_are():
    x = mg.tensor(2.0, requires_grad=True)
    (step,) = backward_steps(mg.exp(x), names={"x" * 90: x})
    assert str(step).splitlines()[0].endswith(" dL/dv1 = 1")


def test_in_a_notebook():
    w, b = mg.tensor(0.5, requires_grad=True), mg.tensor([1.0, 2.0], requires_grad=True)
    (step,) = backward_steps(w * b, [1.0, 1.0])
    page = step._repr_html_()
    assert "∂L/∂w" in page
    assert "∂L/∂v1 * b, summed" in page
    assert page.count("<table") == page.count("</table>")
    assert "<code>w</code>" in page


def test_names_are_escaped_in_a_notebook():
    x = mg.tensor(2.0, requires_grad=True)
    (step,) = backward_steps(mg.exp(x), names={"<script>": x})
    assert "<script>" not in step._repr_html_()


# ---------------------------------------------------------------- the same walk


def test_the_same_gradients_as_backward_bit_by_bit():
    gradients = []
    for go_back in (lambda y: y.backward(), lambda y: list(backward_steps(y))):
        loss, names = shared_weight_network()
        go_back(loss)
        gradients.append([names["weight"].grad, *(p.grad for p in names["last"].parameters())])
    for one, other in zip(*gradients, strict=True):
        np.testing.assert_array_equal(one, other, strict=True)


def test_gradients_arrive_with_the_last_step_and_add_to_what_is_there():
    x = mg.tensor(3.0, requires_grad=True)
    steps = backward_steps(mg.exp(x) * x)
    next(steps)
    assert x.grad is None
    list(steps)
    np.testing.assert_allclose(x.grad, 4.0 * np.exp(3.0), rtol=1e-6)
    list(backward_steps(2.0 * x))
    np.testing.assert_allclose(x.grad, 4.0 * np.exp(3.0) + 2.0, rtol=1e-6)


def test_what_a_step_holds():
    loss, names = shared_weight_network()
    weight = names["weight"]
    steps = list(backward_steps(loss, names=names))
    assert [step.number for step in steps] == [1, 2, 3, 4, 5, 6]
    assert [step.op for step in steps] == ["mse_loss", "linear", "tanh", "matmul", "tanh", "matmul"]
    serials = [step.node.serial for step in steps]
    assert serials == sorted(serials, reverse=True)
    arrived = {}
    for step in steps:
        if step.number > 1:
            np.testing.assert_array_equal(step.upstream, arrived[step.node])
        for send in step.sends:
            earlier = arrived.get(send.parent)
            np.testing.assert_array_equal(send.total, send.gradient if earlier is None else earlier + send.gradient)
            arrived[send.parent] = send.total
    np.testing.assert_array_equal(arrived[weight], weight.grad)


def test_errors_are_those_of_backward():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    for y, error in ((x * 2.0, ValueError), (mg.tensor(1.0), RuntimeError)):
        with pytest.raises(error) as given:
            y.backward()
        with pytest.raises(error) as stepped:
            next(backward_steps(y))
        assert str(stepped.value) == str(given.value)


@pytest.mark.parametrize(("y", "got"), [(1.5, "1.5"), (None, "None"), (np.ones(2), "ndarray"), ([], "list")])
def test_what_is_no_tensor_is_refused(y, got):
    with pytest.raises(TypeError, match=f"^backward_steps: goes backward from a tensor, got {got}$"):
        backward_steps(y)


def test_variables_are_those_of_the_caller():
    parameter = mg.tensor(2.0, requires_grad=True)
    (step,) = backward_steps(mg.exp(parameter))
    assert step.sends[0].name == "parameter"


# ---------------------------------------------------------------- the local derivative, for every op

DIFFERENTIABLE = [row for row in ROWS if row.differentiable]


def _either(public, private):
    """What a formula means: an op that it names may be the public function or the primitive behind it."""

    def call(*args, **options):
        try:
            return public(*args, **options)
        except TypeError:
            return private(*args, **options)

    return call


OPS = (normalisation, pooling, convolution, reduction, linalg, elementwise, shaping, moving)
MODULES = [vars(module) for module in OPS]
PRIVATE = {name[1:]: f for module in MODULES for name, f in module.items() if name[0] == "_" and callable(f)}
PUBLIC = {name: f for module in MODULES for name, f in module.items() if name[0] != "_" and callable(f)}
FUNCTIONS = {name: _either(PUBLIC.get(name), PRIVATE.get(name)) for name in PRIVATE.keys() | PUBLIC.keys()}


def _scatter(g, index, shape):
    parts = tuple(shaping._plain_index(i, g) for i in (index if isinstance(index, tuple) else (index,)))
    return shaping._scatter(g, index=parts if isinstance(index, tuple) else parts[0], shape=shape)


FUNCTIONS["scatter"] = _scatter


def evaluated(text, send, values):
    known = {**FUNCTIONS, **send.node.options, **values, "g": send.upstream, "float64": np.float64}
    return eval(re.sub(r"dL/dn\d+", "g", text), known)


def all_sends(row, call):
    """Everything that is sent on the way back through a row's op, and the values of all names."""
    inputs = [mg.tensor(array, requires_grad=True) for array in call.arrays]
    y = row.op(*inputs, **call.options)
    nodes = nodes_behind([y])
    upstream = np.random.default_rng(1).standard_normal(y.shape)
    arrays = [arg for node in nodes for arg in node.args if isinstance(arg, np.ndarray)]
    names = {f"n{i}": value for i, value in enumerate([*nodes, *arrays])}
    values = {name: value.data if isinstance(value, mg.Tensor) else value for name, value in names.items()}
    for step in backward_steps(y, upstream, names=names):
        for send in step.sends:
            yield send, values


def calls_of(row):
    return [call for call in row.calls if all(array.size for array in call.arrays)][:3]


@pytest.mark.parametrize("row", DIFFERENTIABLE, ids=lambda row: row.name)
def test_the_local_derivative_times_what_comes_in_is_what_is_sent(row):
    for call in calls_of(row):
        for send, _ in all_sends(row, call):
            product = np.tensordot(send.upstream, send.local, axes=send.upstream.ndim)
            np.testing.assert_allclose(product, send.gradient, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("row", DIFFERENTIABLE, ids=lambda row: row.name)
def test_the_formula_computes_what_is_sent(row):
    for call in calls_of(row):
        for send, values in all_sends(row, call):
            if row.name == "einsum":
                assert send.formula.startswith("the rule of einsum applied to dL/dn")
                continue
            found = evaluated(send.formula.partition(", summed")[0], send, values)
            if "summed" in send.formula:
                found = _summed_to(send.gradient.shape, found)
            np.testing.assert_allclose(found, send.gradient, rtol=5e-3, atol=1e-9, err_msg=send.formula)


@pytest.mark.parametrize("row", DIFFERENTIABLE, ids=lambda row: row.name)
def test_the_local_formula_is_the_factor(row):
    for call in calls_of(row):
        for send, values in all_sends(row, call):
            if send.local_formula is None:
                continue
            found = evaluated(send.local_formula, send, values) * send.upstream
            np.testing.assert_allclose(
                _summed_to(send.gradient.shape, found), send.gradient, rtol=5e-3, atol=1e-9, err_msg=send.formula
            )


def _summed_to(shape, array):
    """The adjoint of broadcasting, written out once more."""
    extra = array.ndim - len(shape)
    array = array.sum(axis=tuple(range(extra)))
    return array.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True).reshape(shape)
