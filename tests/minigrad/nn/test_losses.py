"""Losses: numbers computed by hand, PyTorch's values and gradients, numeric gradients, and what is at the ends."""

import math

import numpy as np
import pytest

import minigrad as mg
import minigrad.nn.functional as F

REDUCTIONS = ["mean", "sum", "none"]
ELEMENTWISE = ["mse_loss", "l1_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits"]


def elementwise_inputs(name, shape=(4, 3)):
    """Input and target for a loss, in float64: probabilities where it takes them."""
    rng = np.random.default_rng(0)
    if name == "binary_cross_entropy":
        return rng.uniform(0.05, 0.95, shape), rng.uniform(0.0, 1.0, shape)
    if name == "binary_cross_entropy_with_logits":
        return 3.0 * rng.standard_normal(shape), rng.uniform(0.0, 1.0, shape)
    return rng.standard_normal(shape), rng.standard_normal(shape)


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


#: What cross_entropy is given: logits, and class numbers or probabilities.
CROSS_ENTROPY = {
    "(N, C)": lambda rng: (rng.standard_normal((5, 3)), rng.integers(0, 3, 5)),
    "(C,)": lambda rng: (rng.standard_normal(4), np.array(2)),
    "(N, C, d1)": lambda rng: (rng.standard_normal((2, 3, 4)), rng.integers(0, 3, (2, 4))),
    "(N, C, d1, d2)": lambda rng: (rng.standard_normal((2, 3, 2, 2)), rng.integers(0, 3, (2, 2, 2))),
    "probabilities (N, C)": lambda rng: (rng.standard_normal((5, 3)), softmax(rng.standard_normal((5, 3)))),
    "sums other than 1 (N, C)": lambda rng: (rng.standard_normal((5, 3)), rng.uniform(0.0, 1.0, (5, 3))),
    "probabilities (C,)": lambda rng: (rng.standard_normal(4), softmax(rng.standard_normal(4))),
    "probabilities (N, C, d1)": lambda rng: (
        rng.standard_normal((2, 3, 4)),
        softmax(rng.standard_normal((2, 3, 4)), axis=1),
    ),
}


def losses_by_hand():
    """Name, input, target and the loss of each element, from the formula."""
    log2, log4 = math.log(2.0), math.log(4.0)
    yield "mse_loss", [1.0, 2.0, -1.0], [0.0, 4.0, -1.0], [1.0, 4.0, 0.0]
    yield "l1_loss", [1.0, 2.0, -1.0], [0.0, 4.0, -1.0], [1.0, 2.0, 0.0]
    yield "binary_cross_entropy", [0.5, 0.25, 0.75], [1.0, 1.0, 0.0], [log2, log4, log4]
    # The probabilities are 1/2, 1/4 and 3/4 again.
    yield "binary_cross_entropy_with_logits", [0.0, -math.log(3), math.log(3)], [1.0, 1.0, 0.0], [log2, log4, log4]
    # softmax is 1/4, 1/4, 1/2
    rows = [[0.0, 0.0, log2], [0.0, 0.0, log2], [5.0, 5.0, 5.0 + log2]]
    yield "cross_entropy", rows, [0, 2, 2], [log4, log2, log2]
    yield "cross_entropy", rows, [[1.0, 0, 0], [0.5, 0.5, 0.0], [0, 0, 1.0]], [log4, log4, log2]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("name", "input", "target", "each"), list(losses_by_hand()))
def test_by_hand(name, input, target, each, reduction):
    loss = getattr(F, name)(mg.tensor(input, dtype=np.float64), np.array(target), reduction=reduction)
    expected = {"mean": np.mean, "sum": np.sum, "none": np.asarray}[reduction](each)
    np.testing.assert_allclose(loss.data, expected, rtol=1e-14, strict=True)


def test_the_default_is_the_mean():
    for name in ELEMENTWISE:
        x, t = elementwise_inputs(name)
        assert getattr(F, name)(x, t) == getattr(F, name)(x, t, reduction="mean")
    x, t = np.zeros((4, 3)), np.zeros(4, np.int64)
    assert F.cross_entropy(x, t) == pytest.approx(math.log(3), rel=1e-15)


def test_raw_arrays_give_a_raw_number():
    assert isinstance(F.mse_loss(np.ones(3), np.zeros(3)), np.float64)


# ---------------------------------------------------------------- against PyTorch


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_losses_agree_with_pytorch(name, reduction):
    torch = pytest.importorskip("torch")
    x, t = elementwise_inputs(name)
    if name == "l1_loss":
        t[0, 0] = x[0, 0]  # the kink
    ours = [mg.tensor(a, requires_grad=True) for a in (x, t)]
    theirs = [torch.tensor(a, requires_grad=True) for a in (x, t)]
    loss = getattr(F, name)(*ours, reduction=reduction)
    torch_loss = getattr(torch.nn.functional, name)(*theirs, reduction=reduction)
    np.testing.assert_allclose(loss.data, torch_loss.detach().numpy(), rtol=1e-9, strict=True)
    g = np.random.default_rng(1).standard_normal(loss.shape)
    loss.backward(g)
    torch_loss.backward(torch.tensor(g))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.grad, b.grad.numpy(), rtol=1e-9, atol=1e-14, strict=True)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("case", CROSS_ENTROPY)
def test_cross_entropy_agrees_with_pytorch(case, reduction):
    torch = pytest.importorskip("torch")
    x, t = CROSS_ENTROPY[case](np.random.default_rng(0))
    probabilities = t.dtype.kind == "f"
    ours = [mg.tensor(x, requires_grad=True), mg.tensor(t, requires_grad=probabilities)]
    theirs = [torch.tensor(x, requires_grad=True), torch.tensor(t, requires_grad=probabilities)]
    loss = F.cross_entropy(*ours, reduction=reduction)
    torch_loss = torch.nn.functional.cross_entropy(*theirs, reduction=reduction)
    if case == "probabilities (C,)":  # PyTorch keeps the shape of one sample's loss, ()
        torch_loss = torch_loss.reshape(())
    np.testing.assert_allclose(loss.data, torch_loss.detach().numpy(), rtol=1e-9, strict=True)
    g = np.random.default_rng(1).standard_normal(loss.shape)
    loss.backward(g)
    torch_loss.backward(torch.tensor(g))
    np.testing.assert_allclose(ours[0].grad, theirs[0].grad.numpy(), rtol=1e-9, atol=1e-14, strict=True)
    if probabilities:
        np.testing.assert_allclose(ours[1].grad, theirs[1].grad.numpy(), rtol=1e-9, atol=1e-14, strict=True)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_mean_and_sum_agree_with_pytorch_in_float32(name):
    torch = pytest.importorskip("torch")
    x, t = (a.astype(np.float32) for a in elementwise_inputs(name))
    for reduction in ("mean", "sum"):
        theirs = getattr(torch.nn.functional, name)(torch.tensor(x), torch.tensor(t), reduction=reduction)
        assert getattr(F, name)(x, t, reduction=reduction) == pytest.approx(theirs.item(), rel=1e-6)


# ---------------------------------------------------------------- against numbers


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_gradients_of_both_orders(name, reduction):
    x, t = elementwise_inputs(name, (3, 2))

    def loss(x, t):
        return getattr(F, name)(x, t, reduction=reduction)

    assert mg.gradcheck(loss, [x, t]).compared == 12
    assert mg.gradgradcheck(loss, [x, t]).compared > 12


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("case", CROSS_ENTROPY)
def test_cross_entropy_gradients_of_both_orders(case, reduction):
    x, t = CROSS_ENTROPY[case](np.random.default_rng(0))

    def loss(x, t):
        return F.cross_entropy(x, t, reduction=reduction)

    mg.gradcheck(loss, [x, t])
    mg.gradgradcheck(loss, [x, t])


def test_the_gradient_by_logits_is_probability_less_target():
    x = mg.tensor([[0.0, 0.0, math.log(2.0)]], dtype=np.float64, requires_grad=True)
    F.cross_entropy(x, np.array([2])).backward()
    np.testing.assert_allclose(x.grad, [[0.25, 0.25, -0.5]], rtol=1e-14)


def test_l1_has_no_slope_where_both_are_equal():
    x = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    F.l1_loss(x, np.array([2.0, 2.0, 2.0], np.float32), reduction="sum").backward()
    np.testing.assert_array_equal(x.grad, [-1.0, 0.0, 1.0])


# ---------------------------------------------------------------- the ends


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_logits_are_finite(dtype):
    x = mg.tensor(np.array([1000.0, 1000.0, -1000.0, -1000.0], dtype), requires_grad=True)
    loss = F.binary_cross_entropy_with_logits(x, np.array([1.0, 0.0, 1.0, 0.0], dtype), reduction="none")
    np.testing.assert_array_equal(loss.data, [0.0, 1000.0, 1000.0, 0.0])
    loss.sum().backward()
    np.testing.assert_array_equal(x.grad, [0.0, 1.0, -1.0, 0.0])

    x = mg.tensor(np.array([[1000.0, -1000.0, 0.0], [1000.0, -1000.0, 0.0]], dtype), requires_grad=True)
    loss = F.cross_entropy(x, np.array([0, 1]), reduction="none")
    np.testing.assert_array_equal(loss.data, [0.0, 2000.0])
    loss.sum().backward()
    np.testing.assert_array_equal(x.grad, [[0.0, 0.0, 0.0], [1.0, -1.0, 0.0]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sure_probabilities_are_finite_as_in_pytorch(dtype):
    x, t = np.array([0.0, 1.0, 0.0, 1.0, 0.0], dtype), np.array([0.0, 1.0, 1.0, 0.0, 0.5], dtype)
    ours = [mg.tensor(a, requires_grad=True) for a in (x, t)]
    loss = F.binary_cross_entropy(*ours, reduction="none")
    np.testing.assert_array_equal(loss.data, [0.0, 0.0, 100.0, 100.0, 50.0])
    loss.sum().backward()
    # PyTorch's gradient by the target is infinite here; this is the one of the loss as it is, with logarithms cut off.
    np.testing.assert_array_equal(ours[1].grad, [100.0, -100.0, 100.0, -100.0, 100.0])
    assert np.isfinite(ours[0].grad).all()

    torch = pytest.importorskip("torch")
    theirs = torch.tensor(x, requires_grad=True)
    torch_loss = torch.nn.functional.binary_cross_entropy(theirs, torch.tensor(t), reduction="none")
    np.testing.assert_array_equal(loss.data, torch_loss.detach().numpy())
    torch_loss.sum().backward()
    np.testing.assert_allclose(ours[0].grad, theirs.grad.numpy(), rtol=1e-6)


def test_small_probabilities_keep_their_loss():
    """log(1 - p) would be 0 for p = 1e-20."""
    p = np.array([1e-20, 1e-9])
    np.testing.assert_allclose(F.binary_cross_entropy(p, np.zeros(2), reduction="none"), [1e-20, 1e-9], rtol=1e-8)


@pytest.mark.parametrize("target", [np.array([0, 2]), np.array([[1.0, 0.0, 0.0], [0.5, 0.0, 0.5]])])
def test_another_class_may_be_impossible(target):
    """Logits of -inf mask classes out: their probability is 0, and so is what they add."""
    x = mg.tensor([[0.0, -np.inf, 0.0], [0.0, -np.inf, 0.0]], dtype=np.float64, requires_grad=True)
    loss = F.cross_entropy(x, target, reduction="none")
    np.testing.assert_allclose(loss.data, [math.log(2), math.log(2)], rtol=1e-15)
    loss.sum().backward()
    one_hot = target if target.ndim == 2 else np.eye(3)[target]
    np.testing.assert_allclose(x.grad, np.array([[0.5, 0.0, 0.5]] * 2) - one_hot, rtol=1e-15)


def test_the_class_that_is_right_may_be_impossible():
    assert F.cross_entropy(np.array([[0.0, -np.inf]]), np.array([1])) == np.inf


# ---------------------------------------------------------------- types


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_float32_is_kept(name, reduction):
    x, t = (mg.tensor(a, dtype=np.float32, requires_grad=True) for a in elementwise_inputs(name))
    loss = getattr(F, name)(x, t, reduction=reduction)
    loss.sum().backward()
    assert loss.dtype == x.grad.dtype == t.grad.dtype == np.float32


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("case", CROSS_ENTROPY)
def test_float32_is_kept_by_cross_entropy(case, reduction):
    x, t = CROSS_ENTROPY[case](np.random.default_rng(0))
    x = mg.tensor(x, dtype=np.float32, requires_grad=True)
    loss = F.cross_entropy(x, t.astype(np.float32) if t.dtype.kind == "f" else t, reduction=reduction)
    loss.sum().backward()
    assert loss.dtype == x.grad.dtype == np.float32


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_targets_may_be_integers(name):
    x, t = mg.tensor([0.25, 0.5], requires_grad=True), np.array([1, 0])
    expected = getattr(F, name)(x, t.astype(np.float32)).item()
    for target in (t, mg.tensor(t), t.astype(np.int32)):
        loss = getattr(F, name)(x, target)
        assert loss.item() == expected
        assert loss.dtype == np.float32


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_a_column_beside_a_row_is_refused(name):
    column, row = mg.tensor(np.full((3, 1), 0.5)), np.full(3, 0.5)
    with pytest.raises(ValueError, match=rf"{name}: input \(3, 1\) and target \(3,\) must have the same shape"):
        getattr(F, name)(column, row)


@pytest.mark.parametrize("name", [*ELEMENTWISE, "cross_entropy"])
def test_an_unknown_reduction_is_refused(name):
    x = np.full((2, 2), 0.5)
    with pytest.raises(ValueError, match=f"{name}: reduction 'average' is not one of mean, sum, none"):
        getattr(F, name)(x, x, reduction="average")


@pytest.mark.parametrize(
    ("input", "target", "error", "message"),
    [
        ((5, 3), np.array([0, 1, 2, 3, 0]), IndexError, "class numbers go from 0 to 2, got 0 to 3"),
        ((5, 3), np.array([0, 1, 2, -1, 0]), IndexError, "class numbers go from 0 to 2, got -1 to 2"),
        ((5, 3), np.array([0, 1]), ValueError, r"input \(5, 3\) and class numbers \(2,\) do not fit"),
        ((5, 3), np.zeros((5, 1), np.int64), ValueError, r"class numbers \(5, 1\) do not fit"),
        ((5, 3), np.zeros((5, 2)), ValueError, r"input \(5, 3\) and target \(5, 2\) must have the same shape"),
        ((5, 3), np.zeros(5), ValueError, r"class numbers are integers, got float64 of shape \(5,\)"),
    ],
)
def test_targets_that_do_not_fit_are_refused(input, target, error, message):
    with pytest.raises(error, match=f"cross_entropy: .*{message}"):
        F.cross_entropy(mg.tensor(np.zeros(input)), target)


@pytest.mark.parametrize("wrong", [-0.001, 1.001, np.nan, np.inf])
def test_what_is_no_probability_is_refused(wrong):
    with pytest.raises(ValueError, match=r"input must be probabilities, got .*binary_cross_entropy_with_logits"):
        F.binary_cross_entropy(mg.tensor([0.5, wrong]), np.array([0.0, 1.0]))


def test_the_mean_of_nothing_is_not_a_number():
    assert np.isnan(F.mse_loss(np.zeros(0), np.zeros(0)))
    assert F.mse_loss(np.zeros(0), np.zeros(0), reduction="sum") == 0.0


@pytest.mark.parametrize("loss", [F.binary_cross_entropy, F.binary_cross_entropy_with_logits, F.mse_loss])
def test_boolean_targets_keep_float32(loss):
    x = mg.tensor([0.25, 0.5], requires_grad=True)
    result = loss(x, np.array([True, False]))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result.item(), loss(x, np.array([1.0, 0.0], np.float32)).item(), rtol=1e-6)


def test_lists_are_targets():
    assert F.mse_loss(mg.tensor([1.0, 2.0]), [1.0, 4.0]).item() == 2.0


def test_dropout_of_integers_is_refused():
    with pytest.raises(TypeError, match="dropout: needs floats, got int64"):
        F.dropout(np.array([10, 20]), 0.2)


def test_cross_entropy_of_one_class_is_refused():
    with pytest.raises(ValueError, match="has one class, of which the loss is always 0"):
        F.cross_entropy(np.zeros((4, 1)), np.ones((4, 1)))
