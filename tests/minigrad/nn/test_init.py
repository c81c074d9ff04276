"""Starting values: the spread that each function promises, PyTorch's gains, reproducibility."""

import math

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.nn import init

SHAPE = (60, 40, 3, 3)  # fan_in 360, fan_out 540, 21,600 elements
FAN_IN, FAN_OUT, COUNT = 360, 540, 60 * 40 * 9

#: A call, and the width of U(-width, width).
UNIFORM = {
    "xavier": (lambda t, rng: init.xavier_uniform_(t, rng=rng), math.sqrt(6 / (FAN_IN + FAN_OUT))),
    "xavier, gain": (lambda t, rng: init.xavier_uniform_(t, 2.0, rng=rng), 2 * math.sqrt(6 / (FAN_IN + FAN_OUT))),
    "kaiming": (lambda t, rng: init.kaiming_uniform_(t, rng=rng), math.sqrt(6 / FAN_IN)),
    "kaiming, slope": (lambda t, rng: init.kaiming_uniform_(t, 1.0, rng=rng), math.sqrt(3 / FAN_IN)),
    "kaiming, tanh": (
        lambda t, rng: init.kaiming_uniform_(t, nonlinearity="tanh", rng=rng),
        5 / 3 * math.sqrt(3 / FAN_IN),
    ),
}

#: A call, and the standard deviation.
NORMAL = {
    "normal": (lambda t, rng: init.normal_(t, rng=rng), 1.0),
    "normal, 0.02": (lambda t, rng: init.normal_(t, 0.0, 0.02, rng=rng), 0.02),
    "xavier": (lambda t, rng: init.xavier_normal_(t, rng=rng), math.sqrt(2 / (FAN_IN + FAN_OUT))),
    "kaiming": (lambda t, rng: init.kaiming_normal_(t, rng=rng), math.sqrt(2 / FAN_IN)),
    "kaiming, relu": (lambda t, rng: init.kaiming_normal_(t, nonlinearity="relu", rng=rng), math.sqrt(2 / FAN_IN)),
}


def empty(*shape, dtype=np.float32):
    return nn.Parameter(np.zeros(shape, dtype))


@pytest.mark.parametrize(("fill", "width"), UNIFORM.values(), ids=UNIFORM)
def test_uniform_bounds(fill, width):
    tensor = empty(*SHAPE)
    assert fill(tensor, 0) is tensor
    values = tensor.data / width
    assert np.abs(values).max() <= 1.0 + 1e-6
    assert np.abs(values).max() > 0.999
    assert abs(values.mean()) < 4 * math.sqrt(1 / 3 / COUNT)
    assert values.var() == pytest.approx(1 / 3, abs=4 * math.sqrt(4 / 45 / COUNT))


@pytest.mark.parametrize(("fill", "std"), NORMAL.values(), ids=NORMAL)
def test_normal_spread(fill, std):
    tensor = empty(*SHAPE)
    assert fill(tensor, 0) is tensor
    values = tensor.data / std
    assert abs(values.mean()) < 4 / math.sqrt(COUNT)
    assert values.std() == pytest.approx(1.0, abs=4 / math.sqrt(2 * COUNT))
    assert (values**4).mean() == pytest.approx(3.0, abs=4 * math.sqrt(96 / COUNT))


def test_mean_and_bounds():
    assert init.normal_(empty(COUNT), 5.0, 0.1, rng=0).data.mean() == pytest.approx(5.0, abs=0.4 / math.sqrt(COUNT))
    values = init.uniform_(empty(COUNT), 2.0, 3.0, rng=0).data
    assert 2.0 <= values.min() < 2.001
    assert 2.999 < values.max() <= 3.0
    values = init.uniform_(empty(COUNT), rng=0).data
    assert 0.0 <= values.min() < 0.001
    assert 0.999 < values.max() <= 1.0


def test_constants():
    np.testing.assert_array_equal(init.constant_(empty(2), 0.5).data, [0.5, 0.5])
    np.testing.assert_array_equal(init.zeros_(init.ones_(empty(2))).data, [0.0, 0.0])
    np.testing.assert_array_equal(init.ones_(empty(2)).data, [1.0, 1.0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_type_is_kept_and_the_old_array_is_left_alone(dtype):
    tensor = empty(3, 4, dtype=dtype)
    old = tensor.data
    for fill in (init.ones_, init.uniform_, init.normal_, init.xavier_uniform_, init.kaiming_normal_):
        assert fill(tensor).dtype == dtype
    np.testing.assert_array_equal(old, np.zeros((3, 4)))


@pytest.mark.parametrize("fill", [init.uniform_, init.normal_, init.xavier_normal_, init.kaiming_uniform_])
def test_reproducible(fill):
    def start(rng=None):
        return fill(empty(3, 4), rng=rng).data

    np.testing.assert_array_equal(start(5), start(np.random.default_rng(5)))
    mg.manual_seed(5)
    np.testing.assert_array_equal(start(), start(5))
    assert not np.array_equal(start(), start(5))


@pytest.mark.parametrize(
    ("nonlinearity", "param"),
    [("linear", None), ("sigmoid", None), ("tanh", None), ("relu", None)]
    + [("leaky_relu", slope) for slope in (None, 0.0, 0.2, 1.0)],
)
def test_gains_are_pytorchs(nonlinearity, param):
    torch = pytest.importorskip("torch")
    gain = torch.nn.init.calculate_gain(nonlinearity, param)
    assert init.calculate_gain(nonlinearity, param) == pytest.approx(gain, rel=1e-15)


def test_gains():
    assert init.calculate_gain("tanh") == 5 / 3
    assert init.calculate_gain("relu") == math.sqrt(2)
    with pytest.raises(ValueError, match="calculate_gain: 'swish' is not one of linear, sigmoid, tanh, relu"):
        init.calculate_gain("swish")


@pytest.mark.parametrize("fill", [init.xavier_uniform_, init.xavier_normal_, init.kaiming_uniform_])
def test_fans_need_two_axes(fill):
    with pytest.raises(ValueError, match=r"need at least two axes, got shape \(3,\)"):
        fill(empty(3))
