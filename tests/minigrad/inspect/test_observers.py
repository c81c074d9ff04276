"""Who looks on sees each op and each step of the walk once, and changes nothing."""

import contextlib

import numpy as np
import op_table
import pytest

import minigrad as mg
from minigrad.inspect.nodes import nodes_behind
from minigrad.primitive import observers

each_call = pytest.mark.parametrize(("row", "call"), op_table.params())
each_differentiable_call = pytest.mark.parametrize(("row", "call"), op_table.params(differentiable=True))


class Witness:
    """Writes down what it sees."""

    def __init__(self):
        self.ops, self.sent = [], []

    def forward(self, op, run, *raw, **options):
        """An op is called."""
        value = run(*raw, **options)
        self.ops.append((op, raw, options, value))
        return value

    def backward(self, walk):
        """A walk begins."""
        for sent in walk:
            self.sent.append(sent)
            yield sent


@contextlib.contextmanager
def watched_by(*witnesses):
    """The witnesses look on."""
    observers.extend(witnesses)
    try:
        yield
    finally:
        del observers[-len(witnesses) :]


@pytest.fixture
def all_tools(capsys):
    """Everything of minigrad's that looks on, at once."""

    @contextlib.contextmanager
    def open_all():
        with mg.detect_anomaly(), mg.profile(), watched_by(Witness()):
            yield

    return open_all


def leaves(call):
    """The arrays of a call as tensors that require gradients."""
    return [mg.Tensor(x, requires_grad=True) for x in call.arrays]


def test_nobody_looks_on_unless_asked():
    assert observers == []


@each_differentiable_call
def test_each_op_and_each_step_is_seen_once(row, call):
    witness, second = Witness(), Witness()
    xs = leaves(call)
    with watched_by(witness, second):
        y = row.op(*xs, **call.options)
        mg.grad(y, xs, np.ones(y.shape), materialize_grads=True)
    nodes = [node for node in nodes_behind([y]) if node.op is not None]
    recorded = [seen for seen in witness.ops if seen[0].vjps is not None]  # comparisons are in no graph
    assert [op for op, *_ in recorded] == [node.op for node in nodes]
    for (_, raw, options, value), node in zip(recorded, nodes, strict=True):
        assert list(map(id, raw)) == list(map(id, node.saved))
        assert options == node.options or "index" in options  # an array is not equal to itself
        np.testing.assert_array_equal(value, node.value)
    edges = {
        (id(node), i)
        for node in nodes
        for i, parent in enumerate(node.args)
        if isinstance(parent, mg.Tensor) and parent.requires_grad
    }
    assert len(witness.sent) == len(edges)
    assert {(id(node), i) for node, i, *_ in witness.sent} == edges
    assert [seen[0] for seen in second.ops] == [seen[0] for seen in witness.ops]
    assert len(second.sent) == len(witness.sent)


def test_steps_are_seen_as_backward_is():
    x, witness = mg.tensor(2.0, requires_grad=True), Witness()
    y = x * x
    with watched_by(witness):
        steps = list(mg.backward_steps(y))
    assert [(node, i) for node, i, *_ in witness.sent] == [(y, 0), (y, 1)]
    assert [send.node for step in steps for send in step.sends] == [y, y]


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, bool])
def test_an_op_on_integers_is_seen_once_with_its_result(dtype):
    witness = Witness()
    with watched_by(witness):
        y = mg.exp(mg.tensor(np.ones(3), dtype=dtype))
    ((op, _, _, value),) = witness.ops
    assert op is mg.exp
    assert value is y.data


def outcome(row, call, create_graph):
    """The result and, where there are any, the gradients."""
    xs = leaves(call)
    y = row.op(*xs, **call.options)
    if not row.differentiable:
        return [y.data]
    weights = np.random.default_rng(7).standard_normal(y.shape)
    gradients = mg.grad(y, xs, weights, create_graph=create_graph, materialize_grads=True)
    return [y.data, *(g.data for g in gradients)]


@each_call
def test_results_are_the_same_to_the_bit(row, call, all_tools):
    for create_graph in (False, True):
        alone = outcome(row, call, create_graph)
        with all_tools():
            watched = outcome(row, call, create_graph)
        for a, b in zip(alone, watched, strict=True):
            np.testing.assert_array_equal(a, b, strict=True)
            assert a.strides == b.strides


@pytest.mark.parametrize(
    "fail",
    [
        lambda x: x + np.ones(4),
        lambda x: mg.log(x - 1.0),
        lambda x: mg.sqrt(x - 1.0).sum().backward(),
        lambda x: x.backward(),
        lambda x: (x * 2.0).backward(np.full(3, np.nan)),
    ],
)
def test_nobody_looks_on_after_an_exception(fail, all_tools, capsys):
    x = mg.tensor(np.ones(3), requires_grad=True)
    with pytest.raises((RuntimeError, ValueError)), all_tools():
        fail(x)
    assert observers == []
    assert capsys.readouterr().out == ""


def test_messages_of_ops_stay_the_same(all_tools):
    def message():
        with pytest.raises(ValueError, match="do not broadcast") as error:
            mg.tensor(np.ones(3)) + np.ones(4)
        return str(error.value)

    alone = message()
    with all_tools():
        assert message() == alone
