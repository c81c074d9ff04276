"""Convolution, pooling and resizing beyond op_table.py: layouts, PyTorch over a table of shapes, what is refused."""

import functools
import itertools

import numpy as np
import pytest
from refused import assert_refused

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import nn
from minigrad.ops import convolution

rng = np.random.default_rng(5)


def channels_last(x):
    """The same numbers, in the order N, H, W, C in memory."""
    return np.ascontiguousarray(np.moveaxis(x, 1, -1)).transpose(0, 3, 1, 2)


def is_channels_last(x):
    """Whether the channels of a pixel lie side by side."""
    return np.moveaxis(x, 1, -1).flags.c_contiguous


def normal(*shape):
    return rng.standard_normal(shape)


def assert_same_derivatives(f, g, *arrays, orders=2):
    """f of ours and g of PyTorch's: values, gradients and, unless orders is 1, gradients of those, to 9 digits."""
    torch = pytest.importorskip("torch")
    ours, theirs = ([make(x, requires_grad=True) for x in arrays] for make in (mg.tensor, torch.tensor))
    y, z = f(*ours), g(*theirs)
    np.testing.assert_allclose(y.data, z.detach().numpy(), rtol=1e-9, atol=1e-11, strict=True)
    w = normal(*y.shape)
    ours.append(mg.tensor(w, requires_grad=True))
    theirs.append(torch.tensor(w, requires_grad=True))
    y, z = (y * ours[-1]).sum(), (z * theirs[-1]).sum()
    for _ in range(orders):
        y = mg.grad(y, ours, create_graph=True, materialize_grads=True)
        z = torch.autograd.grad(z, theirs, create_graph=True, materialize_grads=True)
        for a, b in zip(y, z, strict=True):
            np.testing.assert_allclose(a.data, b.detach().numpy(), rtol=1e-9, atol=1e-9)
        y, z = (sum((a * a).sum() for a in gradients) for gradients in (y, z))


# ---------------------------------------------------------------- against PyTorch, over a table

SIZES = [(5, 7), (8, 6)]
CASES = [
    (kernel, {"stride": stride, "padding": padding, "dilation": dilation, "groups": 1 + i % 2})
    for i, (kernel, stride, padding, dilation) in enumerate(
        itertools.product([(1, 1), (3, 2), (4, 4)], [1, (2, 3), 2], [0, (1, 2)], [1, (2, 1)])
    )
]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(("kernel", "options"), CASES, ids=str)
def test_conv2d_is_pytorchs(kernel, options, size):
    torch = pytest.importorskip("torch")
    arrays = [normal(2, 4, *size), normal(6, 4 // options["groups"], *kernel), normal(6)]
    try:
        torch.nn.functional.conv2d(*map(torch.tensor, arrays), **options)
    except RuntimeError:  # the filter does not fit: refused here, too
        with pytest.raises(ValueError, match="conv2d"):
            mg.conv2d(*arrays, **options)
        return
    assert_same_derivatives(
        lambda *xs: mg.conv2d(*xs, **options), lambda *xs: torch.nn.functional.conv2d(*xs, **options), *arrays
    )


@pytest.mark.parametrize("output_padding", [0, (1, 0), (1, 2)], ids=str)
@pytest.mark.parametrize(("kernel", "options"), CASES, ids=str)
def test_conv_transpose2d_is_pytorchs(kernel, options, output_padding):
    torch = pytest.importorskip("torch")
    options = {**options, "output_padding": output_padding}
    arrays = [normal(2, 4, 3, 4), normal(4, 3, *kernel), normal(3 * options["groups"])]
    try:
        torch.nn.functional.conv_transpose2d(*map(torch.tensor, arrays), **options)
    except RuntimeError:  # output_padding is too large, or padding leaves nothing: refused here, too
        with pytest.raises(ValueError, match="conv_transpose2d"):
            mg.conv_transpose2d(*arrays, **options)
        return
    assert_same_derivatives(
        lambda *xs: mg.conv_transpose2d(*xs, **options),
        lambda *xs: torch.nn.functional.conv_transpose2d(*xs, **options),
        *arrays,
        orders=1 if output_padding else 2,  # PyTorch raises where it should differentiate twice through output_padding
    )


def test_second_order_through_the_weight_gradient():
    """A penalty on the gradient by the weights, through a layer before and one behind."""
    torch = pytest.importorskip("torch")

    def penalty(m, grad, x, w, v):
        y = m.conv_transpose2d(m.leaky_relu(m.conv2d(x, w, None, 2, 1), 0.2), v, None, 2, 1) ** 2
        by_w, by_v = grad(y.sum(), (w, v), create_graph=True)
        return (by_w**2).sum() + (by_v**3).sum()

    assert_same_derivatives(
        lambda *xs: penalty(F, mg.grad, *xs),
        lambda *xs: penalty(torch.nn.functional, torch.autograd.grad, *xs),
        normal(2, 2, 6, 5),
        0.3 * normal(3, 2, 4, 4),
        0.3 * normal(3, 2, 4, 4),
    )


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("kernel", [(3, 3), (2, 3), (4, 1)])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_padding_by_a_word(kernel, dilation, padding):
    torch = pytest.importorskip("torch")
    options = {"padding": padding, "dilation": dilation}
    assert_same_derivatives(
        lambda x, w: mg.conv2d(x, w, **options),
        lambda x, w: torch.nn.functional.conv2d(x, w, **options),
        normal(2, 2, 8, 7),
        normal(3, 2, *kernel),
    )


POOLS = [
    {"kernel_size": k, "stride": s, "padding": p} for k in (2, 3, (3, 2)) for s in (None, 1, (2, 3)) for p in (0, 1)
]


@pytest.mark.parametrize("options", POOLS, ids=str)
def test_pooling_is_pytorchs(options):
    """Small whole numbers tie in most windows: the gradient goes where PyTorch's goes."""
    torch = pytest.importorskip("torch")
    for size in SIZES:
        ties = rng.integers(-1, 2, (2, 3, *size)).astype(float)
        for name, more in [("max_pool2d", {}), ("max_pool2d", {"dilation": 2}), ("avg_pool2d", {})]:
            ours, theirs = (functools.partial(getattr(m, name), **options, **more) for m in (F, torch.nn.functional))
            try:
                theirs(torch.tensor(ties))
            except RuntimeError:  # the window does not fit: refused here, too
                with pytest.raises(ValueError, match=name):
                    ours(ties)
                continue
            assert_same_derivatives(ours, theirs, ties)


def test_pooling_with_more_taps_than_fit_in_a_byte():
    x = mg.tensor(rng.permutation(np.arange(400.0)).reshape(1, 1, 20, 20), requires_grad=True)
    F.max_pool2d(x, 20).sum().backward()
    np.testing.assert_array_equal(x.grad, x.data == 399)


@pytest.mark.parametrize("nans", [[3], [0], [3, 10]])
def test_a_nan_is_the_largest_and_gets_the_gradient(nans):
    """One in a window, as in PyTorch."""
    torch = pytest.importorskip("torch")
    row = np.arange(12.0)
    row[nans] = np.nan
    x, z = (make(row.reshape(1, 1, 3, 4), requires_grad=True) for make in (mg.tensor, torch.tensor))
    y, t = F.max_pool2d(x, (1, 2)), torch.nn.functional.max_pool2d(z, (1, 2))
    y.sum().backward()
    t.sum().backward()
    np.testing.assert_array_equal(y.data, t.detach().numpy())
    np.testing.assert_array_equal(x.grad, z.grad.numpy())


@pytest.mark.parametrize("kind", ["int8", "int64", "uint8", "bool"])
def test_images_of_integers_are_pooled(kind):
    """The padding never wins, even over the least that there is; means are no integers, and do not overflow."""
    least = 0 if kind == "bool" else np.iinfo(kind).min
    image = np.full((1, 1, 3, 3), least, dtype=kind)
    for x in (image, mg.Tensor(image)):
        most = F.max_pool2d(x, 2, 2, 1)
        assert most.dtype == kind
        np.testing.assert_array_equal(mg.tensor(most).data, image[:, :, :2, :2])
    image = np.array([[[[True, False, True, True]]]]) if kind == "bool" else np.full((1, 1, 1, 4), 101, dtype=kind)
    for x in (image, mg.Tensor(image)):
        middle = F.avg_pool2d(x, (1, 4))
        assert middle.dtype == "float32"
        assert middle.item() == pytest.approx(image.mean())


RESIZED = [{"size": (3, 9)}, {"size": 1}, {"size": (12, 2)}, {"scale_factor": 2}, {"scale_factor": (0.6, 1.7)}]
MODES = [{"mode": "nearest"}, {"mode": "bilinear"}, {"mode": "bilinear", "align_corners": True}]


@pytest.mark.parametrize("mode", MODES, ids=str)
@pytest.mark.parametrize("target", RESIZED, ids=str)
def test_interpolate_is_pytorchs(target, mode):
    torch = pytest.importorskip("torch")
    for size in [(5, 7), (2, 4), (6, 3)]:
        assert_same_derivatives(
            lambda x: F.interpolate(x, **target, **mode),
            lambda x: torch.nn.functional.interpolate(x, **target, **mode),
            normal(2, 2, *size),
        )


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_images_of_bytes_are_resized(mode):
    row = np.array([0, 10, 20, 30], dtype=np.uint8).reshape(1, 1, 1, 4)
    expected = F.interpolate(row.astype("float32"), (1, 8), mode=mode)
    for x in (row, mg.Tensor(row)):
        resized = F.interpolate(x, (1, 8), mode=mode)
        assert resized.dtype == ("uint8" if mode == "nearest" else "float32")
        np.testing.assert_array_equal(mg.tensor(resized).data, expected)
    assert expected[0, 0, 0, 3] == (10.0 if mode == "nearest" else 12.5)


def test_nearest_takes_the_pixels_that_pytorch_takes():
    torch = pytest.importorskip("torch")
    for n, out in itertools.product(range(1, 25), range(1, 60)):
        row = np.arange(n, dtype=np.float32).reshape(1, 1, 1, n)
        expected = torch.nn.functional.interpolate(torch.tensor(row), size=(1, out)).numpy()
        np.testing.assert_array_equal(F.interpolate(row, size=(1, out)), expected)


# ---------------------------------------------------------------- the three maps


def test_the_three_are_adjoints_of_one_sum():
    """<y, conv2d(x, w)> = <conv_transpose2d(y, w), x> = <conv2d_weight(x, y), w>, by the definitions of all three."""
    options = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2), "groups": 2}
    x, w = normal(2, 4, 6, 5), normal(6, 2, 3, 2)
    y = normal(*mg.conv2d(x, w, **options).shape)
    by_x = mg.conv_transpose2d(y, w, output_padding=(1, 0), **options)
    by_w = mg.conv2d_weight(x, w.shape, y, **options)
    expected = (y * mg.conv2d(x, w, **options)).sum()
    np.testing.assert_allclose([(by_x * x).sum(), (by_w * w).sum()], expected, rtol=1e-12)


def test_chunks_of_the_batch_do_not_show(monkeypatch):
    x, w = normal(7, 2, 6, 6), normal(3, 2, 3, 3)

    def everything():
        t, u = mg.tensor(x, requires_grad=True), mg.tensor(w, requires_grad=True)
        (mg.conv2d(t, u, None, 2, 1) ** 2).sum().backward()
        return t.grad, u.grad

    expected = everything()
    for size in (1, 3000, 10_000):
        monkeypatch.setattr(convolution, "_CHUNK_BYTES", size)
        for got, right in zip(everything(), expected, strict=True):
            np.testing.assert_allclose(got, right, rtol=1e-12, atol=1e-13)


# ---------------------------------------------------------------- memory

IMAGE_OPS = [
    lambda x: mg.conv2d(x, np.ones((4, 4, 3, 3), x.dtype), None, 1, 1),
    lambda x: mg.conv_transpose2d(x, np.ones((4, 5, 4, 4), x.dtype), None, 2, 1),
    lambda x: F.batch_norm(x, None, None, np.ones(4, x.dtype), np.zeros(4, x.dtype), training=True),
    lambda x: F.batch_norm(x, np.zeros(4, x.dtype), np.ones(4, x.dtype)),
    lambda x: F.instance_norm(x),
    lambda x: F.layer_norm(x, x.shape[1:]),
    lambda x: F.max_pool2d(x, 2),
    lambda x: F.max_pool2d(x, 3, 2, 1),
    lambda x: F.avg_pool2d(x, 3, 1, 1),
    lambda x: F.interpolate(x, scale_factor=2),
    lambda x: F.interpolate(x, size=3, mode="bilinear"),
    lambda x: F.pixel_shuffle(x, 2),
    lambda x: F.relu(x),
    lambda x: F.leaky_relu(x, 0.2),
    lambda x: F.elu(x),
    lambda x: mg.sigmoid(x),
    lambda x: mg.tanh(x),
    lambda x: x * 2.0 + x,
]


@pytest.mark.parametrize("i", range(len(IMAGE_OPS)))
def test_memory_stays_channels_last(i):
    """Forward and backward, the latter not through the means of instance and layer norm; float32 stays float32."""
    x = mg.Tensor(channels_last(normal(3, 4, 6, 6).astype(np.float32)), requires_grad=True)
    y = IMAGE_OPS[i](x)
    assert is_channels_last(y.data)
    upstream = channels_last(normal(*y.shape).astype(np.float32))
    (g,) = mg.grad(y, x, upstream, create_graph=True)
    # a view without its border is as good: what lies side by side is what counts
    assert g.data.strides[1] == g.data.itemsize or i in (4, 5)
    assert y.dtype == g.dtype == np.float32


@pytest.mark.parametrize("i", range(len(IMAGE_OPS)))
def test_the_order_in_memory_does_not_change_the_result(i):
    x = normal(3, 4, 6, 6)
    results = []
    for layout in (np.ascontiguousarray, channels_last, np.asfortranarray, lambda x: np.flip(np.flip(x).copy())):
        t = mg.Tensor(layout(x), requires_grad=True)
        y = IMAGE_OPS[i](t)
        results.append((y.data, mg.grad(y, t, np.cos(np.arange(y.size)).reshape(y.shape))[0].data))
    for got in results[1:]:
        for a, b in zip(got, results[0], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def test_an_image_alone_and_its_result():
    x, y = normal(4, 6, 6), normal(5, 3, 3)
    alone = mg.conv2d_weight(x, (5, 4, 4, 4), y)
    np.testing.assert_allclose(alone, mg.conv2d_weight(x[None], (5, 4, 4, 4), y[None]), rtol=1e-12)
    assert isinstance(mg.conv2d_weight(mg.tensor(x, requires_grad=True), (5, 4, 4, 4), y), mg.Tensor)


@pytest.mark.parametrize("op", [0, 1, 6, 8, 11])
def test_an_image_alone(op):
    x = normal(4, 6, 6)
    np.testing.assert_allclose(IMAGE_OPS[op](x), IMAGE_OPS[op](x[None])[0], rtol=1e-12)
    assert IMAGE_OPS[op](mg.tensor(x, requires_grad=True)).ndim == 3


# ---------------------------------------------------------------- refused

IMAGE, WEIGHT, RESULT = np.ones((2, 3, 5, 5)), np.ones((4, 3, 3, 3)), np.ones((2, 4, 3, 3))
REFUSED = [
    (lambda: mg.conv2d(IMAGE, np.ones((16, 1, 4, 4))), "conv2d: input has 3 channels, weight (16, 1, 4, 4) expects 1"),
    (lambda: mg.conv2d(IMAGE, np.ones((4, 3))), "conv2d: input must be (N, C, H, W) or (C, H, W) and weight have four"),
    (lambda: mg.conv2d(IMAGE[0, 0], WEIGHT), "conv2d: input must be (N, C, H, W) or (C, H, W) and weight have four"),
    (lambda: mg.conv2d(IMAGE, WEIGHT, np.ones(3)), "conv2d: bias (3,) does not fit weight (4, 3, 3, 3), it needs 4"),
    (lambda: mg.conv2d(IMAGE, np.ones((4, 3, 6, 6))), "conv2d: input (2, 3, 5, 5) with padding (0, 0) is smaller than"),
    (
        lambda: mg.conv2d(IMAGE, WEIGHT, stride=0),
        "conv2d: stride is a whole number from 1 up, or a pair of them, got 0",
    ),
    (lambda: mg.conv2d(IMAGE, WEIGHT, padding=-1), "conv2d: padding is a whole number from 0 up"),
    (lambda: mg.conv2d(IMAGE, WEIGHT, stride=(1, 2, 3)), "conv2d: stride is a whole number from 1 up, or a pair"),
    (lambda: mg.conv2d(IMAGE, WEIGHT, stride=1.5), "conv2d: stride is a whole number from 1 up"),
    (
        lambda: mg.conv2d(IMAGE, WEIGHT, stride=True),
        "conv2d: stride is a whole number from 1 up, or a pair of them, got",
    ),
    (lambda: mg.conv2d(IMAGE, WEIGHT, groups=True), "conv2d: groups is a whole number from 1 up, got True"),
    (lambda: mg.conv2d(IMAGE, np.ones((4, 3, 0, 3))), "conv2d: weight (4, 3, 0, 3) has filters of no size"),
    (lambda: mg.conv2d(IMAGE, WEIGHT, [1.0, 2.0]), "conv2d: bias (2,) does not fit weight (4, 3, 3, 3), it needs 4"),
    (
        lambda: mg.conv_transpose2d(IMAGE, np.ones((3, 2, 3, 0))),
        "conv_transpose2d: weight (3, 2, 3, 0) has filters of no size",
    ),
    (lambda: mg.conv2d(IMAGE, WEIGHT, groups=3), "conv2d: weight (4, 3, 3, 3) cannot be split into 3 groups"),
    (lambda: mg.conv2d(IMAGE, WEIGHT, groups=0), "conv2d: groups is a whole number from 1 up, got 0"),
    (
        lambda: mg.conv2d(IMAGE, WEIGHT, stride=2, padding="same"),
        "conv2d: padding is numbers, 'valid', or with",
    ),
    (
        lambda: mg.conv2d(IMAGE, WEIGHT, padding="full"),
        "conv2d: padding is numbers, 'valid', or with",
    ),
    (
        lambda: mg.conv_transpose2d(IMAGE, WEIGHT),
        "conv_transpose2d: input has 3 channels, weight (4, 3, 3, 3) expects",
    ),
    (
        lambda: mg.conv_transpose2d(IMAGE, np.ones((3, 2, 4, 4)), stride=2, output_padding=2),
        "conv_transpose2d: output_padding (2, 2) must be smaller than stride (2, 2) or dilation (1, 1)",
    ),
    (lambda: mg.conv_transpose2d(IMAGE, np.ones((3, 2, 1, 1)), padding=3), "conv_transpose2d: input (2, 3, 5, 5) with"),
    (
        lambda: mg.conv_transpose2d(IMAGE, WEIGHT, groups=0),
        "conv_transpose2d: groups is a whole number from 1 up, got 0",
    ),
    (
        lambda: mg.conv2d_weight(IMAGE, (4, 3, 3), RESULT),
        "conv2d_weight: weight_size is four whole numbers from 1 up, got (4, 3, 3)",
    ),
    (
        lambda: mg.conv2d_weight(IMAGE, (4, 3, 0, 3), RESULT),
        "conv2d_weight: weight_size is four whole numbers from 1 up, got (4, 3, 0, 3)",
    ),
    (
        lambda: mg.conv2d_weight(IMAGE, (4, 1, 3, 3), RESULT),
        "conv2d_weight: input has 3 channels, weight (4, 1, 3, 3) expects 1",
    ),
    (
        lambda: mg.conv2d_weight(IMAGE, (4, 1, 3, 3), RESULT, groups=3),
        "conv2d_weight: weight (4, 1, 3, 3) cannot be split into 3 groups",
    ),
    (
        lambda: mg.conv2d_weight(IMAGE, (4, 3, 6, 6), RESULT),
        "conv2d_weight: input (2, 3, 5, 5) with padding (0, 0) is smaller than the filter of weight (4, 3, 6, 6)",
    ),
    (
        lambda: mg.conv2d_weight(IMAGE, (4, 3, 3, 3), RESULT, padding=1),
        "conv2d_weight: grad_output (2, 4, 3, 3) must have the shape of conv2d's result, (2, 4, 5, 5)",
    ),
    (
        lambda: mg.conv2d_weight(IMAGE[0], (4, 3, 3, 3), RESULT),
        "conv2d_weight: grad_output (2, 4, 3, 3) must have the shape of conv2d's result, (4, 3, 3)",
    ),
    (
        lambda: F.max_pool2d(IMAGE, 6),
        "max_pool2d: input (2, 3, 5, 5) with padding (0, 0) is smaller than",
    ),
    (lambda: F.max_pool2d(IMAGE, 2, padding=2), "max_pool2d: padding (2, 2) is more than half of the window (2, 2)"),
    (lambda: F.avg_pool2d(IMAGE[0, 0], 2), "avg_pool2d: input must be (N, C, H, W) or (C, H, W), got (5, 5)"),
    (lambda: F.avg_pool2d(IMAGE, 0), "avg_pool2d: kernel_size is a whole number from 1 up, or a pair of them, got 0"),
    (lambda: F.interpolate(IMAGE), "interpolate: needs one of size and scale_factor, got None and None"),
    (lambda: F.interpolate(IMAGE, 3, 2), "interpolate: needs one of size and scale_factor, got 3 and 2"),
    (lambda: F.interpolate(IMAGE[0], 3), "interpolate: input must be (N, C, H, W), got (3, 5, 5)"),
    (lambda: F.interpolate(IMAGE, 3, mode="cubic"), "interpolate: mode 'cubic' is not one of nearest, bilinear"),
    (lambda: F.interpolate(IMAGE, 3, align_corners=True), "interpolate: align_corners is for mode 'bilinear'"),
    (lambda: F.interpolate(IMAGE, scale_factor=0.1), "interpolate: scale_factor (0.1, 0.1) leaves nothing of an"),
    *(
        (
            lambda factor=factor: F.interpolate(IMAGE, scale_factor=factor),
            f"interpolate: scale_factor is a number above 0, or a pair of them, got {factor}",
        )
        for factor in (np.nan, np.inf, -1.0, (2.0, np.nan), (1.0, 2.0, 3.0))
    ),
    (
        lambda: F.pixel_shuffle(IMAGE, 2),
        "pixel_shuffle: input must be (N, C, H, W) or (C, H, W) with C",
    ),
]


@pytest.mark.parametrize(("f", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_refused_in_one_line(f, message):
    assert_refused(f, message)


@pytest.mark.parametrize("types", [("float32", "float64"), ("float64", "float32"), ("uint8", "float32")])
def test_images_and_filters_of_two_types_are_computed_in_the_wider_one(types):
    rng = np.random.default_rng(0)
    x = (9 * rng.random((2, 3, 6, 6))).astype(types[0])
    w = rng.random((4, 3, 3, 3)).astype(types[1])
    widest = np.result_type(x, w)
    image, filters = mg.Tensor(x, requires_grad=types[0] != "uint8"), mg.Tensor(w, requires_grad=True)
    seen = mg.conv2d(image, filters)
    assert seen.dtype == mg.conv2d(x, w).dtype == widest
    np.testing.assert_allclose(seen.detach().numpy(), mg.conv2d(x.astype("float64"), w.astype("float64")), rtol=1e-5)
    assert mg.conv_transpose2d(seen, filters).dtype == widest
    seen.sum().backward()
    assert filters.grad.dtype == w.dtype
    assert image.grad is None or image.grad.dtype == x.dtype


@pytest.mark.parametrize("op", [mg.conv2d, mg.conv_transpose2d])
@pytest.mark.parametrize(
    ("types", "widest"),
    [
        (("float32", "float32", "float64"), "float64"),
        (("float32", "float32", "int64"), "float32"),
        (("uint8", "uint8", "float32"), "float32"),
    ],
)
def test_a_bias_of_another_type_is_added_in_the_type_that_holds_all(op, types, widest):
    """One that is trained keeps its type in its gradient."""
    rng = np.random.default_rng(0)
    shapes = [(2, 4, 6, 6), (4, 4, 3, 3), (4,)]
    x, w, b = ((3 * rng.random(shape)).astype(kind) for shape, kind in zip(shapes, types, strict=True))
    expected = op(*(v.astype("float64") for v in (x, w, b)))
    bias = mg.Tensor(b, requires_grad=b.dtype.kind == "f")
    seen = op(mg.Tensor(x), mg.Tensor(w), bias)
    assert seen.dtype == widest
    np.testing.assert_allclose(seen.data, expected, rtol=1e-12 if widest == "float64" else 1e-6)
    np.testing.assert_allclose(op(x, w, b), expected, rtol=1e-12 if widest == "float64" else 1e-6)
    if bias.requires_grad:
        seen.sum().backward()
        assert bias.grad.dtype == b.dtype


def test_a_list_will_do_for_a_bias():
    x, w = normal(2, 3, 5, 5).astype("float32"), normal(4, 3, 3, 3).astype("float32")
    bias = [0.5, 1.0, 0.0, -2.0]
    seen = mg.conv2d(mg.Tensor(x), w, bias)
    assert seen.dtype == "float32"
    np.testing.assert_array_equal(seen.data, mg.conv2d(x, w, np.float32(bias)))


def test_whole_numbers_of_numpy_will_do():
    x, w = normal(2, 4, 6, 6), normal(4, 2, 3, 3)
    options = {"stride": np.int64(2), "padding": (np.int8(1), 1), "dilation": np.uint8(1), "groups": np.int32(2)}
    expected = mg.conv2d(x, w, None, 2, 1, 1, 2)
    np.testing.assert_array_equal(mg.conv2d(x, w, **options), expected)
    size = tuple(np.array(w.shape))
    np.testing.assert_array_equal(
        mg.conv2d_weight(x, size, expected, **options), mg.conv2d_weight(x, w.shape, expected, 2, 1, 1, 2)
    )
    assert nn.Conv2d(4, 6, np.int64(3), np.int64(2)).kernel_size == (3, 3)


def test_a_geometry_shows_what_is_not_as_usual():
    image = mg.Tensor(np.ones((1, 1, 4, 4)), requires_grad=True)
    assert "geometry=(stride=(2, 2))" in str(mg.graph(mg.conv2d(image, np.ones((1, 1, 2, 2)), stride=2)))
