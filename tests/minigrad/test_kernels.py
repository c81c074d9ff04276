"""The kernels that stand in for code on a GPU: each is one launch, and its formula is C++ that computes the same."""

import re
from pathlib import Path

import numpy as np
import pytest
import strict_cupy
from strict_cupy import in_cpp

import minigrad as mg
import minigrad.nn.functional as F
from gan.averaging import WeightAverage
from minigrad import kernels, nn, optim
from minigrad.backend import move
from minigrad.kernels import convolution, launching, sums
from minigrad.kernels.launching import AT_ONCE


def launches(f):
    before = strict_cupy.counts["launches"]
    f()
    return strict_cupy.counts["launches"] - before


def images(cp, *shape):
    return cp.asarray(np.random.default_rng(0).standard_normal(shape).astype(np.float32))


# ---------------------------------------------------------------- how many launches

#: Of what a result and of what its gradient by x take; t is of the shape of x, w a weight.
OPS = {
    "sigmoid": (lambda x, t, w: mg.sigmoid(x), 1, 1),
    "tanh": (lambda x, t, w: mg.tanh(x), 1, 1),
    "relu": (lambda x, t, w: mg.relu(x), 1, 1),
    "leaky_relu": (lambda x, t, w: mg.leaky_relu(x, 0.2), 1, 1),
    "elu": (lambda x, t, w: mg.elu(x), 1, 1),
    "softplus": (lambda x, t, w: mg.softplus(x), 1, 1),
    "mean": (lambda x, t, w: mg.mean(x, dim=1), 1, 1),
    "bce": (lambda x, t, w: F.binary_cross_entropy_with_logits(x, t), 1, 1),
    "bce, each": (lambda x, t, w: F.binary_cross_entropy_with_logits(x, t, reduction="none"), 1, 1),
    "l1": (lambda x, t, w: F.l1_loss(x, t), 1, 1),
    "bce of probabilities": (lambda x, t, w: F.binary_cross_entropy(x, t), 1, 1),
    "mse": (lambda x, t, w: F.mse_loss(x, t), 1, 1),
    "cross_entropy": (lambda x, t, w: F.cross_entropy(x, t), 4, 4),
    "cross_entropy, each": (lambda x, t, w: F.cross_entropy(x, t, reduction="none"), 3, 4),
    "class numbers": (lambda x, t, w: F.cross_entropy(x, t[:, 0].astype(int)), 6, 4),  # 1 for the astype here
    "linear": (lambda x, t, w: mg.matmul(x[0, 0], t[0, 0]), 1, 3),  # the gradient by t, and by the index, too
    "conv2d": (lambda x, t, w: mg.conv2d(x, w, padding=1), 3, 4),  # the last for a copy of the gradient, a view
    "conv_transpose2d": (lambda x, t, w: mg.conv_transpose2d(x, w, stride=2), 3, 4),
    "interpolate": (lambda x, t, w: F.interpolate(x, scale_factor=2), 2, 4),
    "batch_norm": (lambda x, t, w: F.batch_norm(x, None, None, training=True), 2, 2),
    "batch_norm, tracked": (lambda x, t, w: F.batch_norm(x, t[0, 0, 0, :2], t[0, 0, 1, :2], training=True), 2, 2),
}


@pytest.mark.parametrize("name", OPS)
def test_how_many_launches_an_op_takes(stand_in, name):
    op, forward, backward = OPS[name]
    t, w = images(stand_in, 2, 2, 4, 4), images(stand_in, 2, 2, 3, 3)
    x = mg.Tensor(t, requires_grad=True)
    y = op(x, t, w)
    g = images(stand_in, *y.shape)
    assert launches(lambda: op(x, t, w)) <= forward
    assert launches(lambda: mg.grad(y, x, g)) <= backward


@pytest.mark.parametrize("layers", [1, 5, 40])
@pytest.mark.parametrize("make", [lambda p: optim.SGD(p, lr=0.1), lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
                                  optim.RMSprop, optim.Adam])  # fmt: skip
def test_one_launch_moves_all_parameters(stand_in, make, layers):
    net = nn.MLP([2] * (layers + 1), nn.Tanh).to("cupy")
    optimizer = make(list(net.parameters()))
    for _ in range(2):  # in the first step, zeros to remember are made
        net(images(stand_in, 3, 2)).sum().backward()
        taken = launches(optimizer.step)
    assert taken == -(-len(optimizer.params) // AT_ONCE)


def test_a_network_is_copied_averaged_and_loaded_at_once(stand_in):
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1)).to("cupy")
    average = WeightAverage(net)
    assert launches(net.state_dict) == 1
    state = net.state_dict()
    assert launches(lambda: net.load_state_dict(state)) == 1
    assert launches(average.update) == 4


# ---------------------------------------------------------------- what they do not touch


def test_nan_goes_through(stand_in):
    for f in (mg.sigmoid, mg.tanh, mg.relu, mg.leaky_relu, mg.elu, mg.softplus, lambda x: F.mse_loss(x, x * 0.0),
              lambda x: F.binary_cross_entropy_with_logits(x, x * 0.0)):  # fmt: skip
        assert np.isnan(f(mg.Tensor(stand_in.asarray([np.nan], np.float32))).item())


def test_other_types_and_no_elements_go_to_the_usual_code(stand_in):
    for dtype in (np.float16, np.float32):
        assert mg.sigmoid(stand_in.zeros((2,), dtype)).get().tolist() == [0.5, 0.5]
    assert mg.sigmoid(stand_in.zeros((0, 2), np.float32)).shape == (0, 2)
    assert mg.sigmoid(np.float32(0.0)) == 0.5
    assert mg.sigmoid(0.0) == 0.5


def test_running_moments_move_in_place_wherever_they_lie(stand_in):
    def moved(module):
        running = module.zeros((3, 2), np.float64)
        F.batch_norm(move(X, module), running[:, 0], running[:, 1], training=True)
        return move(running, np)

    X = np.random.default_rng(0).standard_normal((4, 3, 2))
    np.testing.assert_allclose(moved(stand_in), moved(np), rtol=1e-12)


def test_parameters_that_do_not_step_together_step_one_by_one(stand_in):
    def trained(module):
        a, b = (mg.Tensor(move(np.ones(2, np.float32), module), requires_grad=True) for _ in range(2))
        optimizer = optim.Adam([a, b], lr=0.1)
        for loss in (lambda: (a * a).sum(), lambda: (a * b).sum()):  # b moves for the first time when a does again
            optimizer.zero_grad()
            loss().backward()
            optimizer.step()
        return [move(p.data, np) for p in (a, b)]

    np.testing.assert_allclose(trained(stand_in), trained(np), rtol=1e-5)


def test_an_optimizer_of_ones_own_steps_as_it_says(stand_in):
    class Signs(optim.Optimizer):
        def direction(self, g, state):
            return np.sign(g)

    p = mg.Tensor(stand_in.ones(2, np.float32), requires_grad=True)
    (p * p).sum().backward()
    Signs([p], lr=0.25).step()
    assert p.data.tolist() == [0.75, 0.75]


def test_a_subclass_steps_as_it_says(stand_in):
    class Backwards(optim.SGD):
        def direction(self, g, state):
            return -g

    p = mg.Tensor(stand_in.ones(2, np.float32), requires_grad=True)
    (p * p).sum().backward()
    Backwards([p], lr=0.25).step()
    assert p.data.tolist() == [1.5, 1.5]


def test_parameters_and_gradients_of_two_types(stand_in):
    """Each has a launch of its own, and what is remembered follows when a type changes."""

    def trained(module):
        a, b = (mg.Tensor(move(np.ones(2, d), module), requires_grad=True) for d in (np.float32, np.float64))
        optimizer = optim.Adam([a, b], lr=0.1)
        for dtype in (np.float32, np.float64, np.float32):
            a.data = a.data.astype(dtype)
            a.grad, b.grad = (move(np.array([1.0, -2.0], p.dtype), module) for p in (a, b))
            optimizer.step()
        assert a.dtype == np.float32
        return [move(p.data, np) for p in (a, b)]

    for x, y in zip(trained(stand_in), trained(np), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5, strict=True)


def test_a_state_of_another_shape_is_not_written_past(stand_in):
    small, large = (mg.Tensor(stand_in.ones(n, np.float32), requires_grad=True) for n in (2, 5))
    optimizers = [optim.Adam([p]) for p in (small, large)]
    (small * small).sum().backward()
    (large * large).sum().backward()
    optimizers[0].step()
    optimizers[1].load_state_dict(optimizers[0].state_dict())
    with pytest.raises(ValueError, match=r"^the state has mean of shape \(2,\) for a parameter of \(5,\)"):
        optimizers[1].step()


def test_pairs_that_do_not_fit_go_to_the_usual_code(stand_in):
    three, one, double = (move(a, stand_in) for a in (np.ones(3, "f"), np.zeros((), "f"), np.zeros(3)))
    for target in (one, double):
        assert mg.foreach.lerp([three], [target], 0.25)[0].tolist() == [0.75] * 3


def test_a_gradient_on_the_other_backend(stand_in):
    p = mg.Tensor(np.ones(2, np.float32), requires_grad=True)
    p.grad = np.ones(2, np.float32)
    p.data = stand_in.ones(2, np.float32)
    with pytest.raises(TypeError, match=r"^Adam: a parameter and its gradient: arrays of NumPy and of CuPy do not mix"):
        optim.Adam([p]).step()


def test_large_sums_are_shared_by_blocks(stand_in, monkeypatch):
    x, t = np.random.default_rng(0).standard_normal((2, 5, 7))
    results = []
    for few in (1 << 16, 8):
        monkeypatch.setattr(sums, "FEW", few)
        a = mg.Tensor(stand_in.asarray(x))
        losses = (
            F.mse_loss(a, stand_in.asarray(t)),
            F.cross_entropy(a, stand_in.asarray(t)),
            a.mean(),
            a.mean(keepdim=True),
        )
        results.append([loss.item() for loss in losses])
    np.testing.assert_allclose(*results, rtol=1e-12)
    np.testing.assert_allclose(results[0][0], ((x - t) ** 2).mean(), rtol=1e-12)


def test_what_32_bits_cannot_count_goes_to_the_usual_code(stand_in, monkeypatch):
    x = stand_in.zeros(8, np.float32)
    assert launching.is_ours(x)
    monkeypatch.setattr(launching, "_MOST_ELEMENTS", 8)
    assert not launching.is_ours(x)


def test_a_batch_whose_patches_are_too_many_goes_in_parts(stand_in, monkeypatch):
    def results(module):
        x, w = (mg.Tensor(move(a, module), requires_grad=True) for a in (X, W))
        y = mg.conv2d(x, w, stride=2, padding=1)
        return [move(t.data, np) for t in (y, *mg.grad(y, [x, w], y.data))]

    X, W = (np.random.default_rng(i).standard_normal(s) for i, s in enumerate([(5, 2, 6, 6), (3, 2, 3, 3)]))
    monkeypatch.setattr(convolution, "_PART_BYTES", 3000)
    for a, b in zip(results(stand_in), results(np), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)


# ---------------------------------------------------------------- the formulas as C++


def use_every_kernel(cp):
    for dtype in (np.float32, np.float64):
        x = mg.Tensor(images(cp, 2, 2, 6, 6).astype(dtype), requires_grad=True)
        t, w = cp.ones((2, 2, 6, 6), dtype), mg.Tensor(images(cp, 3, 2, 3, 3).astype(dtype), requires_grad=True)
        y = mg.leaky_relu(mg.elu(mg.softplus(mg.tanh(mg.relu(x)))))
        y = mg.conv2d(mg.sigmoid(y), w, stride=2, padding=1) + mg.conv2d(x, w, dilation=(2, 1), padding=1)[:, :, :3, :3]
        weight = mg.Tensor(cp.ones(3, dtype), requires_grad=True)
        y = F.linear(y.reshape(18, 3), w[0, 0].detach().requires_grad_(), mg.Tensor(cp.ones(3, dtype), True)).reshape(
            2, 3, 3, 3
        )
        y = F.batch_norm(y, cp.zeros(3, dtype), cp.ones(3, dtype), weight, None, training=True)
        loss = y.mean() + y.mean(dim=1).sum() + F.cross_entropy(x, cp.asarray(np.zeros((2, 6, 6), int)))
        for reduction in ("mean", "none"):
            for f in (F.mse_loss, F.l1_loss, F.binary_cross_entropy_with_logits):
                loss = loss + f(x, t, reduction).sum()
            loss = loss + F.binary_cross_entropy(mg.sigmoid(x), t, reduction).sum()
        loss.backward()
        for make in (optim.SGD, lambda p: optim.SGD(p, momentum=0.9), optim.RMSprop, optim.Adam):
            make([x, w]).step()
        mg.foreach.lerp(mg.foreach.copy([x.data, w.data]), [x.data, w.data], 0.3)


@pytest.mark.skipif(in_cpp.COMPILER is None, reason="needs a compiler of C++")
def test_the_formulas_are_cpp_that_computes_the_same(stand_in, monkeypatch, tmp_path):
    calls = in_cpp.note_calls(stand_in, monkeypatch)
    use_every_kernel(stand_in)
    sources = [path.read_text(encoding="utf-8") for path in Path(kernels.__file__).parent.glob("*.py")]
    names = re.findall(r'(?:kernel|sum_of|loop|for_each|for_channels|over_all)\(\s*"(\w+)"', "".join(sources))
    assert {call.kernel.removeprefix("minigrad_") for call in calls} >= set(names)
    in_cpp.run(calls, tmp_path)
    for call in calls:
        tolerance = 1e-4 if call.expected[0].dtype == np.float32 else 1e-11
        for got, expected in zip(call.results, call.expected, strict=True):
            np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance, err_msg=call.kernel)
