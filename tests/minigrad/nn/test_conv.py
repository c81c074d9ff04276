"""Convolutional layers, and those that resize images: how they start, what they compute, and what they refuse."""

import math

import numpy as np
import pytest
from refused import assert_refused

import minigrad as mg
from minigrad import nn

X = np.random.default_rng(0).standard_normal((2, 4, 6, 5))

#: How to make a layer of 4 channels, from minigrad's nn or from PyTorch's.
LAYERS = [
    lambda nn: nn.Conv2d(4, 6, 3),
    lambda nn: nn.Conv2d(4, 6, (3, 2), stride=2, padding=1, bias=False),
    lambda nn: nn.Conv2d(4, 6, 3, padding="same", dilation=2, groups=2),
    lambda nn: nn.Conv2d(4, 6, 4, 2, 1, 1, 2, False),
    lambda nn: nn.ConvTranspose2d(4, 6, 4, 2, 1),
    lambda nn: nn.ConvTranspose2d(4, 6, (3, 2), stride=(2, 1), padding=1, output_padding=(1, 0), bias=False),
    lambda nn: nn.ConvTranspose2d(4, 6, 3, 2, 0, 1, 2, True, 2),
    lambda nn: nn.MaxPool2d(2),
    lambda nn: nn.MaxPool2d(3, stride=2, padding=1),
    lambda nn: nn.MaxPool2d(2, 1, 0, 2),
    lambda nn: nn.AvgPool2d((3, 2)),
    lambda nn: nn.AvgPool2d(3, 1, 1),
    lambda nn: nn.Upsample(scale_factor=2),
    lambda nn: nn.Upsample(scale_factor=(2.1, 1.15)),  # so little more than 2 and 1 that it counts as these
    lambda nn: nn.Upsample((3, 8), mode="bilinear"),
    lambda nn: nn.Upsample(scale_factor=1.5, mode="bilinear", align_corners=True),
    lambda nn: nn.PixelShuffle(2),
    lambda nn: nn.Flatten(),
    lambda nn: nn.Flatten(2),
    lambda nn: nn.Unflatten(1, (2, -1)),
    lambda nn: nn.Sequential(nn.Conv2d(4, 2, 3, bias=False), nn.LeakyReLU(0.2), nn.ConvTranspose2d(2, 3, 4, 2, 1)),
]


def twin(make):
    """A layer in float64, and the same in PyTorch with the same weights."""
    torch = pytest.importorskip("torch")
    ours, theirs = make(nn).double(), make(torch.nn).double()
    theirs.load_state_dict({name: torch.tensor(array) for name, array in ours.state_dict().items()})
    return ours, theirs


@pytest.mark.parametrize("make", LAYERS)
def test_layers_are_pytorchs(make):
    """Values, and the gradients of a penalty on the gradient, by input and by parameters."""
    torch = pytest.importorskip("torch")
    ours, theirs = twin(make)
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    x, z = mg.tensor(X, requires_grad=True), torch.tensor(X, requires_grad=True)
    y, t = ours(x), theirs(z)
    np.testing.assert_allclose(y.data, t.detach().numpy(), rtol=1e-9, atol=1e-12, strict=True)
    (g,) = mg.grad((y**2).sum(), x, create_graph=True)
    (h,) = torch.autograd.grad((t**2).sum(), z, create_graph=True)
    ((g**2).sum() + y.sum()).backward()
    ((h**2).sum() + t.sum()).backward()
    np.testing.assert_allclose(x.grad, z.grad.numpy(), rtol=1e-9, atol=1e-9)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.grad, q.grad.numpy(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("make", LAYERS[:7])
def test_convolutions_are_printed_as_pytorchs(make):
    torch = pytest.importorskip("torch")
    assert repr(make(nn)) == repr(make(torch.nn))


ATTRIBUTES = [
    (lambda nn: nn.Linear(4, 6), ["in_features", "out_features"]),
    (lambda nn: nn.Conv2d(4, 6, 3, padding="same", groups=2), ["in_channels", "out_channels", "padding", "groups"]),
    (lambda nn: nn.ConvTranspose2d(4, 6, (3, 2), 2), ["kernel_size", "stride", "dilation", "output_padding"]),
    (lambda nn: nn.BatchNorm2d(4, affine=False), ["num_features", "eps", "momentum", "affine", "track_running_stats"]),
    (lambda nn: nn.BatchNorm1d(4, track_running_stats=False), ["affine", "track_running_stats"]),
    (lambda nn: nn.InstanceNorm2d(4, affine=True), ["num_features", "eps", "affine"]),
    (lambda nn: nn.LayerNorm(4, elementwise_affine=False), ["normalized_shape", "eps", "elementwise_affine"]),
    (lambda nn: nn.MaxPool2d(2), ["kernel_size", "stride", "padding", "dilation"]),
    (lambda nn: nn.Embedding(5, 2, -1), ["num_embeddings", "embedding_dim", "padding_idx"]),
    (lambda nn: nn.Unflatten(1, (2, -1)), ["dim", "unflattened_size"]),
]


@pytest.mark.parametrize(("make", "names"), ATTRIBUTES)
def test_settings_have_pytorchs_names(make, names):
    torch = pytest.importorskip("torch")
    ours, theirs = make(nn), make(torch.nn)
    assert {name: getattr(ours, name) for name in names} == {name: getattr(theirs, name) for name in names}


def test_other_layers_are_printed():
    layers = nn.Sequential(nn.MaxPool2d(2), nn.AvgPool2d(3, 1), nn.Upsample(scale_factor=2), nn.Unflatten(1, (2, 2)))
    assert repr(layers) == (
        "Sequential(\n"
        "  (0): MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1)\n"
        "  (1): AvgPool2d(kernel_size=3, stride=1, padding=0)\n"
        "  (2): Upsample(scale_factor=2, mode='nearest')\n"
        "  (3): Unflatten(dim=1, unflattened_size=(2, 2))\n"
        ")"
    )


# ---------------------------------------------------------------- starting values


@pytest.mark.parametrize(
    ("make", "fan"),
    [
        (lambda nn, **rng: nn.Conv2d(8, 400, (3, 2), **rng), 8 * 6),
        (lambda nn, **rng: nn.Conv2d(8, 400, 3, groups=4, **rng), 2 * 9),
        (lambda nn, **rng: nn.ConvTranspose2d(200, 400, 2, **rng), 400 * 4),  # and not 200 * 4
        (lambda nn, **rng: nn.ConvTranspose2d(200, 400, 2, groups=4, **rng), 100 * 4),
    ],
)
def test_start_uniform_within_1_over_the_root_of_the_fan(make, fan):
    torch = pytest.importorskip("torch")
    ours, theirs = make(nn, rng=0), make(torch.nn)
    for name in ("weight", "bias"):
        values, others = getattr(ours, name).data * math.sqrt(fan), getattr(theirs, name).detach().numpy()
        assert values.dtype == np.float32
        assert 0.98 < np.abs(values).max() <= 1.0001
        # U(-1, 1): four standard errors of the mean and of the variance 1/3.
        assert abs(values.mean()) < 4 * math.sqrt(1 / 3 / values.size)
        assert values.var() == pytest.approx(1 / 3, abs=4 * math.sqrt(4 / 45 / values.size))
        assert np.abs(others).max() * math.sqrt(fan) == pytest.approx(1.0, abs=0.02)


def test_starting_values_are_reproducible():
    for make in (lambda: nn.Conv2d(3, 4, 3, rng=1), lambda: nn.ConvTranspose2d(3, 4, 3, rng=1)):
        for a, b in zip(make().parameters(), make().parameters(), strict=True):
            np.testing.assert_array_equal(a.data, b.data)
    mg.manual_seed(1)
    np.testing.assert_array_equal(nn.Conv2d(3, 4, 3).weight.data, nn.Conv2d(3, 4, 3, rng=1).weight.data)


# ---------------------------------------------------------------- embedding

NUMBERS = np.array([[0, 3, 3], [1, 3, 2]])


@pytest.mark.parametrize("padding_idx", [None, 3, -2])
def test_embedding_is_pytorchs(padding_idx):
    """Number 3 is named three times: its gradients add up, or are none where it is the padding."""
    torch = pytest.importorskip("torch")
    ours, theirs = twin(lambda nn: nn.Embedding(5, 2, padding_idx=padding_idx))
    weights = np.random.default_rng(0).standard_normal((2, 3, 2))
    y, z = ours(NUMBERS), theirs(torch.tensor(NUMBERS))
    np.testing.assert_array_equal(y.data, z.detach().numpy(), strict=True)
    (y**3 * weights).sum().backward()
    (z**3 * torch.tensor(weights)).sum().backward()
    np.testing.assert_allclose(ours.weight.grad, theirs.weight.grad.numpy(), rtol=1e-12)
    assert ours.padding_idx == theirs.padding_idx
    assert repr(ours) == repr(theirs)


def test_embedding_starts_normal_and_its_padding_at_zero():
    weight = nn.Embedding(200, 100, padding_idx=7, rng=0).weight.data
    assert weight.dtype == np.float32
    assert not weight[7].any()
    others = np.delete(weight, 7, axis=0)
    assert abs(others.mean()) < 4 / math.sqrt(others.size)
    assert others.var() == pytest.approx(1.0, abs=4 * math.sqrt(2 / others.size))


def test_embedding_of_tensors_lists_and_nothing():
    layer = nn.Embedding(5, 2, rng=0)
    for numbers in (NUMBERS, NUMBERS.tolist(), mg.tensor(NUMBERS), NUMBERS.astype(np.uint8)):
        np.testing.assert_array_equal(layer(numbers).data, layer.weight.data[NUMBERS])
    assert layer(np.zeros((0, 3), int)).shape == (0, 3, 2)
    assert layer(4).shape == (2,)


# ---------------------------------------------------------------- refused

REFUSED = [
    (lambda: nn.Conv2d(0, 4, 3), "Conv2d: in_channels must be at least 1 and divisible by groups 1, got 0"),
    (lambda: nn.Conv2d(4, 3, 3, groups=2), "Conv2d: out_channels must be at least 1 and divisible by groups 2, got 3"),
    (lambda: nn.ConvTranspose2d(3, 4, 3, groups=2), "ConvTranspose2d: in_channels must be at least 1 and divisible"),
    (lambda: nn.Conv2d(3, 4, 0), "Conv2d: kernel_size is a whole number from 1 up, or a pair of them, got 0"),
    (lambda: nn.Conv2d(3, 4, 3, stride=0), "Conv2d: stride is a whole number from 1 up, or a pair of them, got 0"),
    (lambda: nn.Conv2d(3, 4, 3)(X), "conv2d: input has 4 channels, weight (4, 3, 3, 3) expects 3"),
    (lambda: nn.Embedding(0, 2), "Embedding: num_embeddings must be at least 1, got 0"),
    (lambda: nn.Embedding(5, 2, padding_idx=5), "embedding: padding_idx must be one of 5 rows, got 5"),
    (lambda: nn.Unflatten(1, (3, 2))(X), "unflatten: axis 1 of shape (2, 4, 6, 5) cannot be made (3, 2)"),
    (lambda: nn.Unflatten(1, (3, -1))(X), "unflatten: axis 1 of shape (2, 4, 6, 5) cannot be made (3, -1)"),
    (lambda: nn.Unflatten(1, (-1, -1))(X[:, :0]), "unflatten: axis 1 of shape (2, 0, 6, 5) cannot be made (-1, -1)"),
    (lambda: nn.Unflatten(1, (2, -2))(X), "unflatten: size must be at least -1, got -2"),
    (lambda: nn.Conv2d(3, 4, 3, 2, "same"), "Conv2d: padding 'same' needs a stride of 1, got (2, 2)"),
    (lambda: nn.Conv2d(3, 4, 3, padding="full"), "Conv2d: padding is a whole number from 0 up, or a pair of them, got"),
    (lambda: nn.ConvTranspose2d(3, 4, 3, padding="same"), "ConvTranspose2d: padding is a whole number from 0 up, or"),
    (lambda: nn.PixelShuffle(0), "PixelShuffle: upscale_factor must be at least 1, got 0"),
    (lambda: nn.MaxPool2d(0), "MaxPool2d: kernel_size is a whole number from 1 up, or a pair of them, got 0"),
    (lambda: nn.MaxPool2d(2, 0), "MaxPool2d: stride is a whole number from 1 up, or a pair of them, got 0"),
    (lambda: nn.MaxPool2d(2, padding=2), "MaxPool2d: padding (2, 2) is more than half of the window (2, 2)"),
    (lambda: nn.MaxPool2d(2, dilation=0), "MaxPool2d: dilation is a whole number from 1 up, or a pair of them, got 0"),
    (lambda: nn.AvgPool2d((2, 0)), "AvgPool2d: kernel_size is a whole number from 1 up, or a pair of them, got (2, 0)"),
    (lambda: nn.AvgPool2d(2, padding=-1), "AvgPool2d: padding is a whole number from 0 up, or a pair of them, got -1"),
    (lambda: nn.Upsample(), "Upsample: needs one of size and scale_factor, got None and None"),
    (lambda: nn.Upsample(0), "Upsample: size is a whole number from 1 up, or a pair of them, got 0"),
    (lambda: nn.Upsample(scale_factor=0), "Upsample: scale_factor is a number above 0, or a pair of them, got 0"),
    (lambda: nn.Upsample(2, mode="cubic"), "Upsample: mode 'cubic' is not one of nearest, bilinear"),
    (lambda: nn.Upsample(2, align_corners=True), "Upsample: align_corners is for mode 'bilinear'"),
    (
        lambda: nn.ConvTranspose2d(3, 4, 3, 2, output_padding=2),
        "ConvTranspose2d: output_padding (2, 2) must be smaller than stride (2, 2) or dilation (1, 1)",
    ),
]
NO_NUMBERS = [
    (lambda: nn.Conv2d("3", 4, 3), "Conv2d: in_channels must be an integer, got '3'"),
    (lambda: nn.Embedding(5.0, 2), "Embedding: num_embeddings must be an integer, got 5.0"),
    (lambda: nn.Embedding(5, 2, "0"), "embedding: padding_idx must be an integer, got '0'"),
    (lambda: nn.PixelShuffle(2.0), "PixelShuffle: upscale_factor must be an integer, got 2.0"),
    (lambda: nn.Upsample(scale_factor="2"), "Upsample: scale_factor must be a number, got '2'"),
    (lambda: nn.Unflatten(1, 4), "Unflatten: sizes are several, such as (64, 4, 4), got 4"),
    (lambda: nn.Unflatten(1, (2.0, 2))(X), "unflatten: size must be an integer, got 2.0"),
]


@pytest.mark.parametrize(("f", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_refused_in_one_line(f, message):
    assert_refused(f, message)


@pytest.mark.parametrize(("f", "message"), NO_NUMBERS, ids=[message for _, message in NO_NUMBERS])
def test_what_is_no_number_is_named(f, message):
    with pytest.raises(TypeError) as error:
        f()
    assert str(error.value) == message


def test_unflatten_of_an_empty_batch():
    assert nn.Unflatten(1, (2, -1))(X[:0]).shape == (0, 2, 2, 6, 5)
    with pytest.raises(ValueError, match="cannot be made"):
        nn.Unflatten(1, (3, 2))(X[:0])


@pytest.mark.parametrize("numbers", [[-1, 0], [0, 5]])
def test_numbers_that_an_embedding_does_not_have(numbers):
    with pytest.raises(IndexError, match=r"embedding: numbers go from 0 to 4, got -?\d to \d"):
        nn.Embedding(5, 2)(numbers)
    with pytest.raises(TypeError, match="embedding: input must be of integers, got float"):
        nn.Embedding(5, 2)([0.5])
