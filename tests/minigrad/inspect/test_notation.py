"""How ops, numbers and gradients are written, and what tensors are called."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.inspect.nodes import Names, callers_variables, nodes_behind
from minigrad.inspect.notation import digits, expression, gradient_line, summary

X = mg.tensor(np.arange(1.0, 7.0).reshape(2, 3), requires_grad=True)
Y = mg.tensor(np.ones((2, 3)), requires_grad=True)


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (X + Y, "x + y"),
        (X - 1.5, "x - 1.5"),
        (2 - X, "2 - x"),
        (X * (1 / 3), "x * 0.3333"),
        (X / Y, "x / y"),
        (X**2, "x ** 2"),
        (2**X, "2 ** x"),
        (X**Y, "x ** y"),
        (-X, "-x"),
        (X @ Y.data.T, "x @ array(3, 2)"),
        (mg.tanh(X), "tanh(x)"),
        (X.sum(), "sum(x)"),
        (X.sum(0), "sum(x, axes=(0,))"),
        (X.sum(0, keepdim=True), "sum(x, axes=(0,), keepdim=True)"),
        (mg.softmax(X, 0), "softmax(x, axis=0)"),
        (X[0], "x[0]"),
        (X[:, 1], "x[:, 1]"),
        (X[..., 1:3], "x[..., 1:3]"),
        (X[:, ::2], "x[:, ::2]"),
        (X[np.array([1, 0])], "x[[1, 0]]"),
        (X[np.arange(10) % 2], "x[array(10)]"),
        (X.float(), "to(x, dtype=float32)"),
        (X * [1.0, 2.0, 0.05], "x * [1, 2, 0.05]"),
        (mg.stack([X, Y]).sum(), "sum(v3)"),
    ],
    ids=str,
)
def test_ops_are_written_as_in_python(result, text):
    assert expression(result, Names(nodes_behind([result]), {"x": X, "y": Y})) == text


def test_an_op_of_the_user_with_the_name_of_one_of_ours():
    @mg.primitive
    def mul(x):
        return x + x

    mul.defvjps(lambda g, out, x: 2.0 * g)
    assert expression(mul(X), lambda value: "x") == "mul(x)"


def test_numbers():
    assert digits(1234.5678) == "1235"
    assert digits(np.array([[0.12345, -2.0], [1e-9, np.nan]])) == "[[0.123, -2], [1e-09, nan]]"
    assert summary(np.array(0.5)) == "0.5"
    assert summary(np.array([0.5])) == "(1,) [0.5]"
    assert summary(np.ones((2, 3))) == "(2, 3)"
    assert gradient_line(None) == ""
    assert gradient_line(np.array(-0.25)) == "grad -0.25"
    assert gradient_line(np.linspace(-1, 2, 9)) == "grad from -1 to 2"


def names_of(result, **variables):
    names = Names(nodes_behind([result]), variables)
    return [names(node) for node in nodes_behind([result])]


def test_results_without_a_variable_are_numbered_by_age():
    x = mg.tensor(1.0, requires_grad=True)
    y = mg.tanh(x) * mg.exp(x)
    assert names_of(y, x=x) == ["x", "v1", "v2", "v3"]
    assert names_of(y, x=x, y=y) == ["x", "v1", "v2", "y"]


def test_a_number_that_a_variable_has_is_left_out():
    x = mg.tensor(1.0, requires_grad=True)
    v1 = mg.tanh(x)
    v3 = mg.tanh(v1)
    assert names_of(mg.tanh(mg.tanh(v3)), x=x, v1=v1, v3=v3) == ["x", "v1", "v3", "v2", "v4"]


def test_leaves_without_a_variable_are_called_by_what_they_are_for():
    y = mg.tensor(np.ones((2, 9)), requires_grad=True) @ mg.tensor(np.ones((9, 2)))
    assert names_of(y) == ["x", "y", "v1"]
    z = mg.tensor(1.0, requires_grad=True) * mg.tensor(2.0, requires_grad=True) * mg.tensor(0.5)
    assert names_of(z) == ["x", "y", "0.5", "v1", "v2"]


def test_a_name_that_is_taken_gets_a_number():
    nets = [nn.Linear(2, 2, bias=False, rng=seed) for seed in range(3)]
    y = nets[2](nets[1](nets[0](np.ones((1, 2), np.float32))))
    assert names_of(y) == ["Linear.weight", "Linear2.weight", "Linear3.weight", "v1", "v2", "v3"]
    assert names_of(y, Linear=nets[1])[:3] == ["Linear2.weight", "Linear.weight", "Linear3.weight"]
    x, x2 = (mg.tensor(value, requires_grad=True) for value in (1.0, 2.0))
    assert names_of(mg.exp(mg.tensor(3.0, requires_grad=True)) + x2, x=x, x2=x2)[:2] == ["x3", "x2"]


def test_parameters_of_a_module_without_a_variable_have_the_name_of_its_class():
    nets = [nn.MLP([2, 2, 1], nn.Tanh(), rng=0), nn.MLP([1, 1], nn.Tanh(), rng=1)]
    y = nets[1](nets[0](np.ones((1, 2), np.float32)))
    assert [name for name in names_of(y) if "weight" in name] == ["MLP.0.weight", "MLP.2.weight", "MLP2.0.weight"]


def test_the_name_within_a_function_comes_before_the_one_outside():
    def name_within(inner):
        return names_of(mg.exp(inner), **callers_variables(0))[0]

    assert name_within(X) == "inner"


def test_only_what_can_be_named_is_kept_alive():
    x = mg.tensor(1.0, requires_grad=True)
    assert Names([x], {"x": x, "text": "x", "number": 1.0, "_hidden": x, "made": object()}).variables == {"x": x}


def test_variables_that_are_meant_to_be_hidden_give_no_names():
    x = mg.tensor(1.0, requires_grad=True)
    assert names_of(x * x, _=x, _1=x, value=x) == ["value", "v1"]
