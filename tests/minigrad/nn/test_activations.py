"""Activations: PyTorch's values, their derivatives, how they are drawn."""

import math

import numpy as np
import pytest

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import nn

#: Each activation, with its derivative written out.
ACTIVATIONS = {
    "ReLU()": (nn.ReLU(), lambda x: np.where(x > 0, 1.0, 0.0)),
    "LeakyReLU(negative_slope=0.01)": (nn.LeakyReLU(), lambda x: np.where(x > 0, 1.0, 0.01)),
    "LeakyReLU(negative_slope=0.2)": (nn.LeakyReLU(0.2), lambda x: np.where(x > 0, 1.0, 0.2)),
    "ELU(alpha=1.0)": (nn.ELU(), lambda x: np.where(x > 0, 1.0, np.exp(x))),
    "ELU(alpha=0.5)": (nn.ELU(0.5), lambda x: np.where(x > 0, 1.0, 0.5 * np.exp(x))),
    "Tanh()": (nn.Tanh(), lambda x: 1.0 / np.cosh(x) ** 2),
    "Sigmoid()": (nn.Sigmoid(), lambda x: 1.0 / (2.0 + np.exp(x) + np.exp(-x))),
    "Softplus()": (nn.Softplus(), lambda x: 1.0 / (1.0 + np.exp(-x))),
    "Identity()": (nn.Identity(), np.ones_like),
}
every_activation = pytest.mark.parametrize(
    ("activation", "derivative"), [pytest.param(*pair, id=name) for name, pair in ACTIVATIONS.items()]
)
POINTS = np.array([-30.0, -3.0, -1.0, -1e-3, 1e-3, 0.5, 2.0, 30.0])


def in_pytorch(torch, activation):
    settings = {name: v for name, v in vars(activation).items() if name in ("negative_slope", "alpha", "dim")}
    return getattr(torch.nn, type(activation).__name__)(**settings)


@every_activation
def test_values_agree_with_pytorch(activation, derivative):
    torch = pytest.importorskip("torch")
    theirs = in_pytorch(torch, activation)(torch.tensor(POINTS))
    # PyTorch's softplus returns x itself from 20 on, which is off by 2e-9 there.
    np.testing.assert_allclose(activation(mg.tensor(POINTS)).data, theirs.numpy(), rtol=1e-9, atol=1e-14)


@every_activation
def test_gradients_at_zero_agree_with_pytorch(activation, derivative):
    torch = pytest.importorskip("torch")
    x = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    in_pytorch(torch, activation)(x).backward()
    np.testing.assert_allclose(activation.derivative(np.zeros(1)), x.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_softmax_agrees_with_pytorch(dim):
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).standard_normal((3, 4, 2))
    softmax = nn.Softmax(dim)
    np.testing.assert_allclose(softmax(mg.tensor(x)).data, in_pytorch(torch, softmax)(torch.tensor(x)), rtol=1e-9)
    assert repr(softmax) == f"Softmax(dim={dim})"


def test_by_hand():
    x = np.array([-1.0, 0.0, 2.0])
    np.testing.assert_array_equal(nn.ReLU()(x), [0.0, 0.0, 2.0])
    np.testing.assert_array_equal(nn.LeakyReLU(0.5)(x), [-0.5, 0.0, 2.0])
    np.testing.assert_allclose(nn.ELU(2.0)(x), [2.0 / math.e - 2.0, 0.0, 2.0], rtol=1e-15)
    np.testing.assert_allclose(nn.Sigmoid()(x), [1 / (1 + math.e), 0.5, 1 / (1 + math.exp(-2))], rtol=1e-15)
    np.testing.assert_allclose(nn.Softplus()(x)[1], math.log(2), rtol=1e-15)
    np.testing.assert_allclose(nn.Softmax(0)(np.log([1.0, 2.0, 5.0])), [0.125, 0.25, 0.625], rtol=1e-15)
    assert nn.Identity()(x) is x


@every_activation
def test_derivative_is_the_one_in_the_textbook(activation, derivative):
    np.testing.assert_allclose(activation.derivative(POINTS), derivative(POINTS), rtol=1e-9, atol=1e-14)
    assert activation.derivative(POINTS.astype(np.float32)).dtype == np.float32
    assert activation.derivative(POINTS.reshape(2, 4)).shape == (2, 4)


@every_activation
def test_gradients_of_both_orders(activation, derivative):
    x = np.array([-2.0, -0.5, 0.5, 2.0])
    mg.gradcheck(activation, x)
    mg.gradgradcheck(activation, x)


@every_activation
def test_float32_is_kept(activation, derivative):
    x = mg.tensor(POINTS, dtype=np.float32, requires_grad=True)
    y = activation(x)
    y.sum().backward()
    assert y.dtype == x.grad.dtype == np.float32


@every_activation
def test_large_inputs_are_finite(activation, derivative):
    for dtype in (np.float32, np.float64):
        x = np.array([-1000.0, 1000.0], dtype)
        assert np.isfinite(activation(x)).all()
        assert np.isfinite(activation.derivative(x)).all()


@every_activation
def test_repr_shows_the_settings(activation, derivative):
    assert ACTIVATIONS[repr(activation)][0] is activation


def test_functions_and_modules_are_the_same():
    np.testing.assert_array_equal(nn.LeakyReLU(0.3)(POINTS), F.leaky_relu(POINTS, negative_slope=0.3))
    np.testing.assert_array_equal(nn.ELU(0.3)(POINTS), F.elu(POINTS, alpha=0.3))


# ---------------------------------------------------------------- drawing


def new_axes():
    """Axes that need no display."""
    return pytest.importorskip("matplotlib.figure").Figure().subplots()


@every_activation
def test_plot_draws_the_function_and_its_derivative(activation, derivative):
    ax = new_axes()
    assert activation.plot(ax, low=-2.0, high=3.0) is ax
    drawn = {line.get_label(): line for line in ax.get_lines() if not line.get_label().startswith("_")}
    assert len(drawn) == 2
    function, slope = drawn.values()
    x = function.get_xdata()
    assert (x[0], x[-1]) == (-2.0, 3.0)
    np.testing.assert_allclose(function.get_ydata(), activation(x))
    np.testing.assert_allclose(slope.get_ydata(), activation.derivative(x))
    assert function.get_linestyle() != slope.get_linestyle()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(drawn)
    assert ax.get_title() == repr(activation)
    ax.figure.canvas.draw()
