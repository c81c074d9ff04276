"""A graph dies by reference count the moment its last output goes, however long it is and whatever went wrong."""

import gc
import tracemalloc
import weakref

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim


@pytest.fixture(autouse=True)
def no_garbage_collector():
    """What is gone within a test is gone without a search for cycles."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def big():
    """A leaf that makes large intermediates."""
    return mg.Tensor(np.linspace(0.1, 1.0, 1000), requires_grad=True)


def forward_only(x, y):
    """Nothing."""


def backward(x, y):
    """An ordinary gradient."""
    y.backward()
    x.grad = None


def second_order(x, y):
    """A gradient of the gradient, in both modes."""
    (g,) = mg.grad(y, x, create_graph=True)
    mg.grad((g**2).sum(), x, create_graph=True)
    (g**2).sum().backward()
    x.grad = None


@mg.primitive
def broken_rule(x):
    """2 x, with a rule that fails."""
    return 2.0 * x


def _fail(g, out, x):
    raise ZeroDivisionError


broken_rule.defvjps(_fail)


def exception_in_a_rule(x, y):
    """The walk stops halfway."""
    for create_graph in (False, True):
        with pytest.raises(ZeroDivisionError):
            mg.grad((broken_rule(x) * y).sum(), x, create_graph=create_graph)


def exception_in_a_forward(x, y):
    """Shapes that do not fit."""
    with pytest.raises(ValueError, match="do not broadcast"):
        y + x[:3] + x[:5]
    with pytest.raises(ValueError, match="matmul"):
        mg.matmul(x.reshape(10, 100) * y, x)


@pytest.mark.parametrize(
    "use", [forward_only, backward, second_order, exception_in_a_rule, exception_in_a_forward], ids=lambda f: f.__name__
)
def test_loss_and_intermediates_die_on_del(use):
    x = big()
    hidden = mg.sin(x * 2.0)
    loss = (hidden * mg.exp(hidden)).mean()
    watched = [weakref.ref(loss), weakref.ref(hidden), weakref.ref(hidden.data)]
    use(x, loss)
    del hidden
    assert all(ref() is not None for ref in watched)
    del loss
    assert [ref() for ref in watched] == [None, None, None]


def test_every_op_of_a_network_lets_go():
    x, target = mg.tensor(np.arange(24.0).reshape(8, 3)), np.zeros((8, 1))
    net = nn.MLP([3, 5, 1], mg.tanh).double()
    hidden = mg.concatenate([net(x), net(x)], 1)[:, [0, 0, 1]]
    loss = (
        mg.einsum("ij->", mg.logsumexp(hidden, 1, keepdim=True) - target) + mg.softmax(hidden, 1).max() * hidden.std()
    )
    watched = [weakref.ref(loss), weakref.ref(hidden), weakref.ref(hidden.data)]
    mg.grad(loss, net.parameters(), create_graph=True)
    del hidden, loss
    assert [ref() for ref in watched] == [None, None, None]


def test_the_graph_of_a_gradient_dies_with_the_gradient():
    x = big()
    (g,) = mg.grad((x**3).sum(), x, create_graph=True)
    watched = [weakref.ref(g), weakref.ref(next(a for a in g.args if isinstance(a, mg.Tensor)))]
    del g
    assert [ref() for ref in watched[:1]] == [None]
    assert x.grad is None


def test_a_gradient_without_create_graph_holds_no_graph():
    x = big()
    loss = mg.exp(x).sum()
    ref = weakref.ref(loss)
    (g,) = mg.grad(loss, x)
    loss.backward()
    del loss
    assert ref() is None
    assert g.is_leaf


def test_no_grad_holds_nothing():
    x = big()
    with mg.no_grad():
        hidden = mg.sin(x)
        ref = weakref.ref(hidden)
        result = hidden * 2.0
    del hidden
    assert ref() is None
    assert result.is_leaf


# ---------------------------------------------------------------- long graphs


def chain(x, length):
    """An op after an op."""
    y = x
    for _ in range(length):
        y = y * 1.0
    return y


def test_a_chain_of_100_000_ops_goes_backward_and_is_freed_without_recursion():
    x = mg.tensor(2.0, dtype=np.float64, requires_grad=True)
    y = chain(x, 100_000)
    ref = weakref.ref(y)
    y.backward()
    assert x.grad == 1.0
    assert mg.grad(y, x)[0].item() == 1.0
    del y
    assert ref() is None


def test_a_chain_of_20_000_ops_is_differentiated_with_create_graph():
    x = mg.tensor(2.0, dtype=np.float64, requires_grad=True)
    (g,) = mg.grad(chain(x, 20_000) ** 2, x, create_graph=True)
    assert g.item() == 4.0
    assert mg.grad(g, x)[0].item() == 2.0


# ---------------------------------------------------------------- training


def test_memory_is_flat_over_thousands_of_rounds():
    """With a penalty on the gradient, so that graphs of both orders come and go."""
    rng = np.random.default_rng(0)
    net = nn.MLP([2, 8, 1], mg.tanh)
    optimizer = optim.Adam(net.parameters(), lr=1e-3)

    def rounds(n):
        for _ in range(n):
            x = mg.tensor(rng.standard_normal((4, 2), dtype=np.float32), requires_grad=True)
            optimizer.zero_grad()
            y = net(x)
            (g,) = mg.grad(y.sum(), x, create_graph=True)
            ((y**2).mean() + ((g**2).sum(dim=1) - 1.0).mean() ** 2).backward()
            optimizer.step()

    rounds(50)
    gc.collect()
    tracemalloc.start()
    try:
        rounds(50)
        before = tracemalloc.get_traced_memory()[0]
        rounds(1000)
        assert gc.collect() == 0  # no cycles; and Python's stores of small objects for later use are emptied
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert after - before < 5_000  # bytes: 5 for each round
