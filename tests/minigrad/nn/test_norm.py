"""Normalising layers: running statistics, options, training and use, and what is refused."""

import numpy as np
import pytest
from refused import assert_refused

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import nn

rng = np.random.default_rng(3)

#: A layer of minigrad's nn or of PyTorch's, and the shapes that it takes.
BATCH_NORMS = [
    (lambda nn, **options: nn.BatchNorm1d(3, **options), (5, 3)),
    (lambda nn, **options: nn.BatchNorm1d(3, **options), (2, 3, 5)),
    (lambda nn, **options: nn.BatchNorm2d(3, **options), (4, 3, 5, 3)),
    (lambda nn, **options: nn.BatchNorm2d(3, **options), (2, 3, 1, 1)),
    (lambda nn, **options: nn.BatchNorm2d(3, **options), (1, 3, 2, 2)),
]
OPTIONS = [
    {},
    {"eps": 0.1, "momentum": 0.3},
    {"momentum": None},
    {"affine": False},
    {"track_running_stats": False},
    {"affine": False, "track_running_stats": False},
]
OTHERS = [
    (lambda nn: nn.LayerNorm(4), (2, 3, 4)),
    (lambda nn: nn.LayerNorm((3, 4), eps=0.1), (2, 3, 4)),
    (lambda nn: nn.LayerNorm([3, 4], elementwise_affine=False), (2, 3, 4)),
    (lambda nn: nn.LayerNorm(4, bias=False), (5, 4)),
    (lambda nn: nn.InstanceNorm2d(3), (2, 3, 5, 4)),
    (lambda nn: nn.InstanceNorm2d(3, eps=0.1, affine=True), (2, 3, 5, 4)),
]


def twin(make):
    """A layer in float64, and the same in PyTorch, with weights of its own that are not 1 and 0."""
    torch = pytest.importorskip("torch")
    ours, theirs = make(nn).double(), make(torch.nn).double()
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        p.data = rng.standard_normal(p.shape)
        q.data = torch.tensor(p.data)
    assert {n: a.shape for n, a in ours.state_dict().items()} == {
        n: tuple(a.shape) for n, a in theirs.state_dict().items()
    }
    return ours, theirs


def assert_same(ours, theirs, x):
    """The value, the gradients of a loss of it and of its gradient, and all that is saved."""
    torch = pytest.importorskip("torch")
    x, z = mg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    ours.zero_grad()
    theirs.zero_grad()
    y, t = ours(x), theirs(z)
    np.testing.assert_allclose(y.data, t.detach().numpy(), rtol=1e-9, atol=1e-12, strict=True)
    w = np.cos(np.arange(y.size)).reshape(y.shape)
    (g,) = mg.grad((y**2 * w).sum(), x, create_graph=True)
    (h,) = torch.autograd.grad((t**2 * torch.tensor(w)).sum(), z, create_graph=True)
    np.testing.assert_allclose(g.data, h.detach().numpy(), rtol=1e-8, atol=1e-9)
    ((g**2).sum() + (y**3).sum()).backward()
    ((h**2).sum() + (t**3).sum()).backward()
    np.testing.assert_allclose(x.grad, z.grad.numpy(), rtol=1e-8, atol=1e-8)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.grad, q.grad.numpy(), rtol=1e-8, atol=1e-8)
    for (name, a), b in zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True):
        np.testing.assert_allclose(a, b.numpy(), rtol=1e-9, err_msg=name)


# ---------------------------------------------------------------- against PyTorch


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize(("make", "shape"), BATCH_NORMS)
def test_batch_norm_is_pytorchs(make, shape, options):
    """Over three batches in training, then in use, then in training again."""
    ours, theirs = twin(lambda nn: make(nn, **options))
    for mode in (True, True, True, False, True):
        assert_same(ours.train(mode), theirs.train(mode), 2.0 + 3.0 * rng.standard_normal(shape))


@pytest.mark.parametrize(("make", "shape"), OTHERS)
def test_other_norms_are_pytorchs(make, shape):
    ours, theirs = twin(make)
    for mode in (True, False):
        assert_same(ours.train(mode), theirs.train(mode), 2.0 + 3.0 * rng.standard_normal(shape))


def test_batch_norm_between_layers_is_pytorchs():
    """Two in a row with a convolution between, so that gradients go through one on their way to the other."""
    assert_same(
        *twin(lambda nn: nn.Sequential(nn.BatchNorm2d(2), nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Tanh())),
        rng.standard_normal((3, 2, 5, 4)),
    )


# ---------------------------------------------------------------- by hand, and by numbers


def test_batch_norm_by_hand():
    layer = nn.BatchNorm1d(2, eps=0.0)
    y = layer(np.float32([[1.0, 10.0], [3.0, 30.0]]))
    np.testing.assert_allclose(y.data, [[-1.0, -1.0], [1.0, 1.0]])
    np.testing.assert_allclose(layer.running_mean, [0.2, 2.0])  # 0.1 of the way from 0 to 2, and to 20
    np.testing.assert_allclose(layer.running_var, [0.9 + 0.1 * 2.0, 0.9 + 0.1 * 200.0], rtol=1e-6)  # divided by n - 1
    assert layer.num_batches_tracked == 1
    assert layer.num_batches_tracked.dtype == np.int64


def test_the_third_derivatives_of_batch_norm():
    """By numbers: PyTorch's, which takes the batch's mean and variance for constants by then, are others."""
    x, w, b, u = (mg.tensor(rng.standard_normal(s), requires_grad=True) for s in ((4, 2), (2,), (2,), (4, 2)))

    def gradients(x, w, b, u):
        return mg.grad(F.batch_norm(x, None, None, w, b, training=True), (x, w), u, create_graph=True)

    mg.gradgradcheck(gradients, (x, w, b, u), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(("mean", "deviation"), [(100, 0.1), (1000, 1), (1000, 0.1), (1000.1, 0.1)])
def test_far_from_zero_no_digits_are_lost(mean, deviation):
    """In float32 as in float64, with 65,536 values in each channel, but for half of the mean's last digit."""
    x = (mean + deviation * rng.standard_normal((64, 2, 32, 32))).astype(np.float32)
    u = rng.standard_normal(x.shape).astype(np.float32)
    results = []
    for dtype in (np.float32, np.float64):
        values, average, variance = mg.tensor(x, dtype=dtype, requires_grad=True), np.zeros(2), np.ones(2)
        y = F.batch_norm(values, average, variance, training=True, momentum=1.0)
        results.append((y.data, deviation * mg.grad(y, values, u.astype(dtype))[0].data, average, variance))
    digit = 6e-8 * mean / deviation  # in y, whose deviation is 1
    for seen, expected, rtol, atol in zip(*results, (0, 0, 1e-7, 1e-4), (digit, digit, 0, 0), strict=True):
        np.testing.assert_allclose(seen, expected, rtol=rtol, atol=atol)


# ---------------------------------------------------------------- running statistics


def test_running_statistics_stay_out_of_the_graph():
    layer = nn.BatchNorm2d(3)
    x = mg.tensor(rng.standard_normal((2, 3, 4, 4)), requires_grad=True)
    with mg.no_grad():
        layer(x)
    assert layer.num_batches_tracked == 1
    assert isinstance(layer.running_mean, np.ndarray)
    layer.eval()
    before = layer.state_dict()
    y = layer(x)
    assert y.requires_grad
    layer.train()(x)  # changes the running statistics after they were used
    (g,) = mg.grad(y.sum(), x)
    scale = 1.0 / np.sqrt(before["running_var"] + 1e-5)
    np.testing.assert_allclose(g.data, np.broadcast_to(scale[:, None, None], x.shape), rtol=1e-6)


def test_in_use_a_batch_of_one_will_do():
    layer = nn.BatchNorm1d(3).eval()
    assert layer(np.float32([[1.0, 2.0, 3.0]])).data[0].tolist() == pytest.approx([1.0, 2.0, 3.0], rel=1e-4)
    assert layer.num_batches_tracked == 0


def test_an_empty_batch_leaves_the_running_statistics_alone():
    layer = nn.BatchNorm2d(3)
    x = mg.tensor(np.zeros((0, 3, 2, 2)), requires_grad=True)
    y = layer(x)
    y.sum().backward()
    assert y.shape == x.grad.shape == (0, 3, 2, 2)
    assert not layer.weight.grad.any()
    assert layer.running_mean.tolist() == [0, 0, 0]
    assert layer.running_var.tolist() == [1, 1, 1]


def test_functional_forms_change_the_arrays_that_they_are_given():
    mean, var = np.zeros(2), np.ones(2)
    x = np.array([[0.0, 1.0], [2.0, 5.0]])
    F.batch_norm(x, mean, var, training=True, momentum=0.5)
    np.testing.assert_allclose([mean, var], [[0.5, 1.5], [1.5, 4.5]])


@pytest.mark.parametrize("kind", ["uint8", "int64"])
def test_images_of_integers_are_normalised_as_floats(kind):
    x = rng.integers(0, 200, (4, 3, 5, 5)).astype(kind)
    running = np.float32([99.5, 100.25, 0.5]), np.float32([0.5, 1000.0, 0.25])
    for training in (True, False):
        expected = F.batch_norm(x.astype("float32"), *(v.copy() for v in running), training=training)
        for image in (x, mg.Tensor(x)):
            seen = F.batch_norm(image, *(v.copy() for v in running), training=training)
            assert seen.dtype == "float32"
            np.testing.assert_allclose(mg.tensor(seen).data, expected, rtol=1e-6)


@pytest.mark.parametrize(
    "norm",
    [
        lambda x, *scale: F.batch_norm(x, None, None, *scale, training=True),
        lambda x, *scale: F.batch_norm(x, np.zeros(3), np.ones(3), *scale),
        lambda x, *scale: F.layer_norm(x.reshape(4, 5, 3), (3,), *scale),
        lambda x, weight, bias: F.instance_norm(x, weight=weight, bias=bias),
    ],
)
def test_lists_will_do_for_weight_and_bias(norm):
    x, weight, bias = rng.standard_normal((4, 3, 5)).astype(np.float32), [1.0, 2.0, 3.0], [0.5, 0.0, -1.0]
    expected = norm(x, np.float32(weight), np.float32(bias))
    for values in (x, mg.Tensor(x, requires_grad=True)):
        seen = norm(values, weight, bias)
        assert seen.dtype == "float32"
        np.testing.assert_array_equal(mg.tensor(seen).data, expected)


def test_a_weight_of_a_wider_type_is_not_cast_down():
    x = rng.standard_normal((4, 3)).astype(np.float32)
    for scale in ((np.ones(3), None), (None, np.zeros(3))):
        assert F.batch_norm(x, None, None, *scale, training=True).dtype == "float64"


# ---------------------------------------------------------------- refused

X = np.ones((2, 3, 4, 4))
REFUSED = [
    (lambda: nn.BatchNorm2d(3)(X[0, 0]), "BatchNorm2d: input must be (N, C, H, W) with C = 3, got (4, 4)"),
    (lambda: nn.BatchNorm2d(4)(X), "BatchNorm2d: input must be (N, C, H, W) with C = 4, got (2, 3, 4, 4)"),
    (lambda: nn.BatchNorm1d(3)(X), "BatchNorm1d: input must be (N, C) or (N, C, L) with C = 3, got (2, 3, 4, 4)"),
    (lambda: nn.InstanceNorm2d(3)(X[0]), "InstanceNorm2d: input must be (N, C, H, W) with C = 3, got (3, 4, 4)"),
    (lambda: nn.InstanceNorm2d(3)(X[:, :, :1, :1]), "instance_norm: needs more than one element in each image"),
    (lambda: nn.LayerNorm((3, 4))(X), "layer_norm: input (2, 3, 4, 4) does not end in normalized_shape (3, 4)"),
    (lambda: nn.BatchNorm1d(3)(X[:1, :, 0, 0]), "batch_norm: needs more than one value for each channel in training"),
    (lambda: F.batch_norm(X, None, None), "batch_norm: running_mean and running_var are needed unless training"),
    (lambda: F.batch_norm(X, np.ones(2), np.ones(3)), "batch_norm: running_mean has shape (2,), input has 3 channels"),
    (lambda: F.batch_norm(X[0, 0, 0], None, None), "batch_norm: input must be (N, C) or (N, C, ...), got (4,)"),
    (lambda: F.layer_norm(X, (4,), np.ones(3)), "layer_norm: weight has shape (3,), normalized_shape is (4,)"),
    (lambda: nn.BatchNorm2d(0), "BatchNorm2d: num_features must be at least 1, got 0"),
    (lambda: nn.LayerNorm((4, 0)), "LayerNorm: normalized_shape must be at least 1, got 0"),
]
NO_NUMBERS = [
    (lambda: nn.BatchNorm1d("3"), "BatchNorm1d: num_features must be an integer, got '3'"),
    (lambda: nn.InstanceNorm2d(2.5), "InstanceNorm2d: num_features must be an integer, got 2.5"),
    (lambda: nn.BatchNorm2d(3, None), "BatchNorm2d: eps must be a number, got None"),
    (lambda: nn.BatchNorm2d(3, momentum="0.1"), "BatchNorm2d: momentum must be a number, got '0.1'"),
    (lambda: nn.LayerNorm(2.5), "LayerNorm: normalized_shape must be an integer, got 2.5"),
    (
        lambda: F.batch_norm(X, [0.0] * 3, [1.0] * 3),
        "batch_norm: takes a tensor or an array, got list; minigrad.tensor",
    ),
    (
        lambda: nn.BatchNorm1d(2)([[1.0, 2.0]]),
        "BatchNorm1d: takes a tensor or an array, got list; minigrad.tensor makes",
    ),
]


@pytest.mark.parametrize(("f", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_refused_in_one_line(f, message):
    assert_refused(f, message)


@pytest.mark.parametrize(("f", "message"), NO_NUMBERS, ids=[message for _, message in NO_NUMBERS])
def test_what_is_no_number_is_named(f, message):
    with pytest.raises(TypeError) as error:
        f()
    assert str(error.value).startswith(message)


def test_printed():
    assert repr(nn.BatchNorm2d(3)) == "BatchNorm2d(3, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)"
    assert repr(nn.LayerNorm(4)) == "LayerNorm((4,), eps=1e-05, elementwise_affine=True, bias=True)"
    assert repr(nn.LayerNorm(4, bias=False)) == "LayerNorm((4,), eps=1e-05, elementwise_affine=True, bias=False)"
    assert repr(nn.InstanceNorm2d(2)) == "InstanceNorm2d(2, eps=1e-05, affine=False)"
