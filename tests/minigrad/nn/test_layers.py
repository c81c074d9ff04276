"""Layers: how they start, what they compute, and what they refuse."""

import copy
import math

import numpy as np
import pytest

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import nn


def twin(layer):
    """The same network in PyTorch, in float64, with the same weights."""
    torch = pytest.importorskip("torch")
    kinds = {nn.Linear: lambda m: torch.nn.Linear(*m.weight.shape[::-1], bias=m.bias is not None)}
    kinds |= {kind: lambda m: getattr(torch.nn, type(m).__name__)() for kind in (nn.Tanh, nn.ReLU, nn.Sigmoid)}
    layers = list(layer) if isinstance(layer, nn.Sequential) else [layer]
    made = [kinds[type(one)](one) for one in layers]
    theirs = torch.nn.Sequential(*made) if isinstance(layer, nn.Sequential) else made[0]
    theirs.double().load_state_dict({name: torch.tensor(array) for name, array in layer.state_dict().items()})
    return theirs


def assert_close(ours, theirs):
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-9, atol=1e-13)


# ---------------------------------------------------------------- linear


def test_linear_by_hand():
    layer = nn.Linear(2, 3)
    layer.load_state_dict({"weight": np.array([[1.0, 0.0], [0.0, 1.0], [1.0, -1.0]]), "bias": np.array([0.0, 10, 0])})
    np.testing.assert_array_equal(layer(np.array([[2.0, 5.0]], np.float32)).data, [[2.0, 15.0, -3.0]])


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("in_features", [1, 4, 100])
def test_linear_starts_uniform_within_1_over_the_root_of_in(in_features, bias):
    layer = nn.Linear(in_features, 20_000 // in_features, bias=bias, rng=0)
    bound = 1.0 / math.sqrt(in_features)
    for parameter in layer.parameters():
        assert parameter.dtype == np.float32
        assert np.abs(parameter.data).max() <= np.float32(bound)
    values = layer.weight.data / bound
    assert values.min() < -0.999
    assert values.max() > 0.999
    # 20,000 draws of U(-1, 1): four standard errors of the mean and of the variance 1/3.
    assert abs(values.mean()) < 4 * math.sqrt(1 / 3 / 20_000)
    assert values.var() == pytest.approx(1 / 3, abs=4 * math.sqrt(4 / 45 / 20_000))
    assert (layer.bias is not None) == bias


def test_linear_starts_as_widely_as_pytorchs():
    torch = pytest.importorskip("torch")
    ours, theirs = nn.Linear(50, 400, rng=0), torch.nn.Linear(50, 400)
    for name in ("weight", "bias"):
        a, b = getattr(ours, name).data, getattr(theirs, name).detach().numpy()
        assert np.abs(a).max() == pytest.approx(np.abs(b).max(), rel=0.05)
        assert a.std() == pytest.approx(b.std(), rel=0.1)


@pytest.mark.parametrize(
    "make", [lambda rng: nn.Linear(3, 4, rng=rng), lambda rng: nn.MLP([3, 4, 4], nn.ReLU, rng=rng)]
)
def test_starting_values_are_reproducible(make):
    def start(rng=None):
        return np.concatenate([p.data.ravel() for p in make(rng).parameters()])

    np.testing.assert_array_equal(start(7), start(7))
    np.testing.assert_array_equal(start(7), start(np.random.default_rng(7)))
    assert not np.array_equal(start(7), start(8))
    mg.manual_seed(7)
    first, second = start(), start()
    np.testing.assert_array_equal(first, start(7))
    assert not np.array_equal(first, second)
    mg.manual_seed(7)
    np.testing.assert_array_equal(start(), first)


def test_a_generator_goes_on_from_layer_to_layer():
    a, _, b = nn.MLP([3, 3, 3], nn.ReLU, rng=0)
    assert not np.array_equal(a.weight.data, b.weight.data)


@pytest.mark.parametrize("shape", [(4,), (5, 4), (2, 3, 4)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear_agrees_with_pytorch(shape, bias):
    torch = pytest.importorskip("torch")
    ours = nn.Linear(4, 3, bias=bias).double()
    theirs = twin(ours)
    values = np.random.default_rng(0).standard_normal(shape)
    x, torch_x = mg.tensor(values, requires_grad=True), torch.tensor(values, requires_grad=True)
    y, torch_y = ours(x), theirs(torch_x)
    assert_close(y, torch_y)
    (y**2).sum().backward()
    (torch_y**2).sum().backward()
    np.testing.assert_allclose(x.grad, torch_x.grad.numpy(), rtol=1e-9)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.grad, q.grad.numpy(), rtol=1e-9, atol=1e-13)


def test_an_mlps_second_order_agrees_with_pytorch():
    """The gradient, by the weights, of a penalty on the gradient by the input: what WGAN-GP needs."""
    torch = pytest.importorskip("torch")
    ours = nn.MLP([3, 6, 5, 1], nn.Tanh, rng=0).double()
    theirs = twin(ours)
    values = np.random.default_rng(0).standard_normal((4, 3))
    x, torch_x = mg.tensor(values, requires_grad=True), torch.tensor(values, requires_grad=True)
    (g,) = mg.grad(ours(x).sum(), x, create_graph=True)
    (torch_g,) = torch.autograd.grad(theirs(torch_x).sum(), torch_x, create_graph=True)
    assert_close(g, torch_g)
    ((((g * g).sum(1) + 1e-12).sqrt() - 1) ** 2).mean().backward()
    ((((torch_g * torch_g).sum(1) + 1e-12).sqrt() - 1) ** 2).mean().backward()
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        if name == "4.bias":  # it has no part in the gradient
            assert p.grad is None or not p.grad.any()
            continue
        np.testing.assert_allclose(p.grad, q.grad.numpy(), rtol=1e-9, atol=1e-13)


def test_gradients_of_a_perceptron_and_an_mlp_against_numbers():
    x = np.random.default_rng(0).standard_normal((3, 2))
    for module in (nn.Perceptron(2, nn.Tanh, rng=0).double(), nn.MLP([2, 3, 2], nn.Softplus, nn.Tanh, rng=0).double()):
        names = [name for name, _ in module.named_parameters()]

        def call(x, *values, module=module, names=names):
            return nn.functional_call(module, dict(zip(names, values, strict=True)), x)

        inputs = [x, *(p.data for p in module.parameters())]
        mg.gradcheck(call, inputs)
        mg.gradgradcheck(call, inputs)


@pytest.mark.parametrize(
    ("sizes", "name"), [((0, 1), "in_features"), ((2, 0), "out_features"), ((-1, 1), "in_features")]
)
def test_linear_refuses_sizes_below_1(sizes, name):
    with pytest.raises(ValueError, match=f"Linear: {name} must be at least 1"):
        nn.Linear(*sizes)


def test_linear_refuses_an_input_of_another_size():
    with pytest.raises(ValueError, match=r"linear: input \(5, 3\) has 3 features, weight \(2, 4\) expects 4"):
        nn.Linear(4, 2)(mg.tensor(np.zeros((5, 3), np.float32)))


# ---------------------------------------------------------------- perceptron and MLP


def test_perceptron_by_hand():
    perceptron = nn.Perceptron(2)
    perceptron.load_state_dict({"weight": np.array([[1.0, -2.0]]), "bias": np.array([0.5])})
    y = perceptron(np.array([[0.0, 0.25], [3.0, 1.0]], np.float32))
    np.testing.assert_allclose(y.data, [[0.5], [1 / (1 + math.exp(-1.5))]], rtol=1e-6)


@pytest.mark.parametrize("activation", [nn.Tanh, nn.Tanh(), F.tanh, mg.tanh])
def test_an_activation_is_a_class_an_object_or_a_function(activation):
    x = np.random.default_rng(0).standard_normal((5, 2)).astype(np.float32)
    perceptron = nn.Perceptron(2, activation, rng=0)
    weight, bias = perceptron.weight.data, perceptron.bias.data
    np.testing.assert_allclose(perceptron(x).data, np.tanh(x @ weight.T + bias), rtol=1e-5)

    mlp = nn.MLP([2, 3, 1], activation, output_activation=activation, rng=0)
    expected = np.tanh(np.tanh(x @ mlp[0].weight.data.T + mlp[0].bias.data) @ mlp[2].weight.data.T + mlp[2].bias.data)
    np.testing.assert_allclose(mlp(x).data, expected, rtol=1e-5)
    assert [name for name, _ in mlp.named_parameters()] == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_an_mlp_has_the_sizes_it_is_given():
    mlp = nn.MLP([3, 4, 5, 2], nn.ReLU())
    assert [p.shape for p in mlp.parameters()] == [(4, 3), (4,), (5, 4), (5,), (2, 5), (2,)]
    assert [type(layer) for layer in mlp] == [nn.Linear, nn.ReLU, nn.Linear, nn.ReLU, nn.Linear]
    assert mlp(np.zeros((7, 3), np.float32)).shape == (7, 2)
    assert [type(layer) for layer in nn.MLP([2, 1], nn.ReLU)] == [nn.Linear]
    assert [type(layer) for layer in nn.MLP([2, 1], nn.ReLU, nn.Sigmoid)] == [nn.Linear, nn.Sigmoid]


@pytest.mark.parametrize("sizes", [[], [3]])
def test_an_mlp_needs_an_input_and_an_output(sizes):
    with pytest.raises(ValueError, match="MLP: sizes need an input and an output"):
        nn.MLP(sizes, nn.ReLU)


# ---------------------------------------------------------------- sequential


def test_sequential_takes_functions():
    layer = nn.Linear(2, 1, rng=0)
    model = nn.Sequential(layer, F.tanh, lambda y: 2.0 * y)
    x = np.ones((1, 2), np.float32)
    np.testing.assert_array_equal(model(x).data, 2.0 * np.tanh(layer(x).data))
    assert len(model) == 3
    assert model[0] is layer
    assert list(model)[1] is F.tanh


def test_an_empty_sequential_returns_its_input():
    x = np.ones(3)
    assert nn.Sequential()(x) is x


@pytest.mark.parametrize(("layer", "shown"), [(nn.Tanh, "Tanh"), (3, "3"), (None, "None")])
def test_sequential_refuses_classes_and_what_cannot_be_called(layer, shown):
    with pytest.raises(TypeError, match=f"Sequential: layer 1 must be a module or a function, got .*{shown}"):
        nn.Sequential(nn.Linear(2, 1), layer)


# ---------------------------------------------------------------- dropout


def test_dropout_keeps_the_mean():
    x = np.ones((400, 100), np.float32)
    for p in (0.1, 0.5, 0.9):
        y = nn.Dropout(p, rng=0)(x)
        error = math.sqrt(p * (1 - p) / x.size)
        assert (y == 0).mean() == pytest.approx(p, abs=4 * error)
        assert y.mean() == pytest.approx(1.0, abs=4 * error / (1 - p))
        np.testing.assert_allclose(y[y != 0], 1 / (1 - p), rtol=1e-6)
        assert y.dtype == np.float32


def test_dropout_scales_and_cuts_gradients_alike():
    x = mg.tensor(np.full(100, 3.0), requires_grad=True)
    y = nn.Dropout(0.25, rng=0)(x)
    y.sum().backward()
    np.testing.assert_allclose(x.grad * 3.0, y.data)


def test_dropout_in_use_does_nothing():
    x = mg.tensor([1.0, 2.0])
    assert nn.Dropout(0.5).eval()(x) is x
    assert nn.Dropout(0.0)(x) is x
    assert F.dropout(x, 0.5, training=False) is x
    model = nn.Sequential(nn.Dropout(1.0)).eval()
    assert model(x) is x


def test_dropout_of_everything():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    y = nn.Dropout(1.0)(x)
    y.sum().backward()
    np.testing.assert_array_equal(y.data, [0.0, 0.0])
    np.testing.assert_array_equal(x.grad, [0.0, 0.0])


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan])
def test_dropout_refuses_what_is_no_probability(p):
    with pytest.raises(ValueError, match=r"Dropout: p must be within \[0, 1\]"):
        nn.Dropout(p)
    with pytest.raises(ValueError, match=r"dropout: p must be within \[0, 1\]"):
        F.dropout(np.ones(2), p)


def test_dropout_is_reproducible():
    x = np.ones(50)
    layer, same = nn.Dropout(rng=3), nn.Dropout(rng=np.random.default_rng(3))
    first, second = layer(x), layer(x)
    np.testing.assert_array_equal(first, same(x))
    assert not np.array_equal(first, second)
    copied = copy.deepcopy(layer)
    np.testing.assert_array_equal(layer(x), copied(x))
    np.testing.assert_array_equal(F.dropout(x, rng=3), first)
    mg.manual_seed(3)
    np.testing.assert_array_equal(nn.Dropout()(x), first)
