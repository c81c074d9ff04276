"""The tools that look on, at arrays of CuPy or of its stand-in: they say what they say of NumPy's."""

import numpy as np
import pytest
import strict_cupy

import minigrad as mg
from minigrad import nn
from minigrad.backend import default_module, move

X = np.random.default_rng(0).standard_normal((1, 2, 4, 4))


def network():
    """Convolution, batch normalisation, pooling; one number comes out, with two axes."""
    rng = np.random.default_rng(1)
    return nn.Sequential(
        nn.Conv2d(2, 2, 3, padding=1, bias=False, rng=rng), nn.BatchNorm2d(2), nn.LeakyReLU(0.2), nn.MaxPool2d(2),
        nn.ConvTranspose2d(2, 1, 2, rng=rng), nn.Softplus(), nn.Flatten(), nn.Linear(9, 1, rng=rng), nn.Tanh(),
    ).double()  # fmt: skip


def leaf(array):
    """A tensor that requires gradients, where new ones are made."""
    return mg.Tensor(move(array, default_module()), requires_grad=True)


def everywhere(cupy, f):
    """What f returns where NumPy computes, and where CuPy does."""
    here = f()
    mg.set_backend("cupy")
    return here, f()


def a_graph():
    y = network()(leaf(X))
    y.sum().backward()
    graphs = mg.graph(y, names={}), mg.graph(y, fold=True, names={})
    return [text for g in graphs for text in (repr(g), g.svg(), g.mermaid(), g.dot())]


def an_animation():
    return mg.graph(network()(leaf(X)), names={}).animate().moments


def the_steps():
    steps = mg.backward_steps(network()(leaf(X)), names={})
    return [(str(step), step._repr_html_(), [send.local_formula for send in step.sends]) for step in steps]


def calls():
    with mg.profile() as profile:
        network()(leaf(X)).sum().backward()
    return sorted((row.op, row.forward_calls, row.backward_calls) for row in profile.rows)


@pytest.mark.parametrize("look", [a_graph, an_animation, the_steps, calls])
def test_what_is_seen_is_the_same(cupy, look):
    here, there = everywhere(cupy, look)
    assert here == there


def test_the_rule_is_shown_and_not_the_kernel_in_its_place(cupy):
    mg.set_backend("cupy")
    x = leaf(X)
    y = mg.tanh(x)
    (step,) = mg.backward_steps(y, y.data)
    assert step.sends[0].formula == "dL/dy * (1 - y * y)"


def test_local_derivatives(cupy):
    """Those of a convolution and of a batch normalisation are whole matrices."""

    def matrices():
        y = nn.Sequential(*network()[:2])(leaf(X))
        return [send.local for step in mg.backward_steps(y, move(X, default_module())) for send in step.sends]

    here, there = everywhere(cupy, matrices)
    for a, b in zip(here, there, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-12, strict=True)


ANOMALIES = {
    "forward": lambda x: mg.log(x),
    "forward, given": lambda x: x * np.nan,
    "in a layer": lambda x: nn.Sequential(mg.exp, mg.exp)(9.0 * x),
    "backward": lambda x: mg.sqrt(x * (x > 0)).sum().backward(),
    "backward, recorded": lambda x: mg.grad(mg.sqrt(x * (x > 0)).sum(), x, create_graph=True),
    "backward, given": lambda x: mg.tanh(x).backward(x.data * np.inf),
}


@pytest.mark.parametrize("name", ANOMALIES)
def test_an_anomaly_is_found(cupy, name):
    def message():
        with pytest.raises(RuntimeError) as error, mg.detect_anomaly():
            ANOMALIES[name](leaf(X))
        return str(error.value)

    here, there = everywhere(cupy, message)
    assert here == there
    assert "test_cupy.py:" in here


def test_a_profile_waits_for_the_gpu(capsys):
    with strict_cupy.installed():
        x = mg.Tensor(np.ones(3, np.float32), requires_grad=True).to("cupy").detach().requires_grad_()
        strict_cupy.counts.clear()
        with mg.profile():
            mg.tanh(x).sum().backward()
        assert strict_cupy.counts["waits"] >= 4
    assert "tanh" in capsys.readouterr().out
