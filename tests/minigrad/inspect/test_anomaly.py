"""The first NaN or infinity raises, and the message says which op made it, from what, and where."""

import gc
import linecache
import re
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.primitive import observers

FLOATS = [np.float32, np.float64]


@pytest.fixture(autouse=True)
def nothing_stays():
    """Whatever happens in a test, nobody looks on after it."""
    yield
    assert observers == []


def leaf(*values, dtype=np.float64):
    """A tensor that requires gradients; one value makes a single number."""
    return mg.tensor(values[0] if len(values) == 1 else values, dtype=dtype, requires_grad=True)


def message_of(f):
    """The lines of the message that f ends in when it is watched."""
    with pytest.raises(RuntimeError) as error, mg.detect_anomaly():
        f()
    return [line.strip() for line in str(error.value).split("\n")]


def line_with(mark):
    """The number of the line of this file that ends in a comment with the mark."""
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    (number,) = (n for n, line in enumerate(lines, 1) if line.endswith(f"# {mark}"))
    return number


def assert_line(message, mark, function):
    """The message names the marked line of this file, and the function that it is in."""
    text = Path(__file__).read_text(encoding="utf-8").splitlines()[line_with(mark) - 1].strip()
    assert message[-1].startswith("line: ")
    assert message[-1].endswith(f"test_anomaly.py:{line_with(mark)}, in {function}: {text}")


# ---------------------------------------------------------------- forward


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_message_has_the_op_the_ranges_and_the_line(dtype):
    x = mg.tensor([[1.0, -0.5], [2.0, 0.0]], dtype=dtype)

    def f():
        return mg.log(x)  # log here

    message = message_of(f)
    assert message[:-1] == [
        "log made nan and -inf at 2 of 4 elements, first at [0, 1]",
        f"x: {np.dtype(dtype)} of shape (2, 2), from -0.5 to 2",
    ]
    assert_line(message, "log here", f"{test_the_message_has_the_op_the_ranges_and_the_line.__name__}.<locals>.f")


@pytest.mark.parametrize(
    ("f", "first"),
    [
        (lambda: mg.log(leaf(0.0)), "log made -inf"),
        (lambda: mg.log(leaf(-1.0)), "log made nan"),
        (lambda: mg.exp(leaf(1.0, 1000.0)), "exp made inf at 1 of 2 elements, first at [1]"),
        (lambda: mg.exp(leaf(100.0, dtype=np.float32)), "exp made inf"),
        (lambda: leaf(0.0) / 0.0, "div made nan"),
        (lambda: leaf(1.0, -1.0) / leaf(0.0, 0.0), "div made inf and -inf at 2 of 2 elements, first at [0]"),
        (lambda: leaf(2.0, 0.0) ** -1, "pow made inf at 1 of 2 elements, first at [1]"),
        (lambda: leaf(1e200) * leaf(1e200), "mul made inf"),
        (lambda: leaf(1e300, 1e300).to(np.float32), "to made inf at 2 of 2 elements, first at [0]"),
        (lambda: mg.tensor([]).mean(), "mean made nan"),
        (lambda: mg.pad(leaf(1.0, 2.0), (1, 0), value=-np.inf), "pad made -inf at 1 of 3 elements, first at [0]"),
        (lambda: mg.exp(mg.tensor([1000])), "exp made inf"),
        (lambda: nn.Sequential(nn.ReLU(), mg.log)(leaf(-1.0, 1.0)), "log made -inf at 1 of 2 elements, first at [0]"),
    ],
)
def test_what_ops_make(f, first):
    assert message_of(f)[0] == first


def test_numbers_among_arguments_and_options_are_shown():
    assert message_of(lambda: leaf(3.0, 0.0) ** -1)[1:3] == ["x: float64 of shape (2,), from 0 to 3", "exponent: -1"]
    assert message_of(lambda: leaf(3.0, 0.0) / 0.0)[1:3] == ["x: float64 of shape (2,), from 0 to 3", "y: 0.0"]
    message = message_of(lambda: mg.tensor(np.zeros((0, 2))).mean())
    assert message[1] == "x: float64 of shape (0, 2), no elements"
    assert len(message) == 3  # axes and keepdim are not numbers


@pytest.mark.parametrize(
    ("f", "first", "described"),
    [
        (
            lambda: mg.tensor([1.0, 2.0]) + np.array([3.0, np.nan]),
            "add was given y with nan at 1 of 2 elements, first at [1]",
            "y: float64 of shape (2,), 3, nan at 1 of 2 elements, first at [1]",
        ),
        (lambda: leaf(np.nan, np.nan) * 2.0, "mul was given x with nan at 2 of 2 elements, first at [0]", None),
        (lambda: mg.where(np.array([True, False]), leaf(1.0, 2.0), -np.inf), "where was given y with -inf", "y: -inf"),
        (
            lambda: mg.concatenate([leaf(1.0, 2.0), np.array([np.inf])]),
            "concatenate was given xs with inf",
            "xs: float64 of shape (1,), inf",
        ),
    ],
)
def test_what_came_in_is_not_blamed_on_the_op(f, first, described):
    message = message_of(f)
    assert message[0] == f"{first}; it came in with the data, as a constant, or from before detect_anomaly()"
    assert described is None or described in message


def test_what_is_finite_again_does_not_raise():
    x = leaf(1.0, -np.inf)
    with mg.detect_anomaly():
        assert mg.softmax(x, 0).data[1] == 0.0
        assert not (x > 0.0).data[1]
        assert mg.argmax(x).item() == 0


# ---------------------------------------------------------------- backward


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("create_graph", [False, True])
def test_the_message_has_the_rule_the_upstream_gradient_and_the_line_of_the_op(dtype, create_graph):
    x = leaf(4.0, 0.0, dtype=dtype)

    def root():
        return mg.sqrt(x)  # sqrt here

    def f():
        y = root()
        mg.grad((y * 3.0).sum(), x, create_graph=create_graph)

    message = message_of(f)
    assert message[:-1] == [
        "backward of sqrt made a gradient of x with inf at 1 of 2 elements, first at [1]",
        f"upstream gradient: {np.dtype(dtype)} of shape (2,), 3",
        f"x: {np.dtype(dtype)} of shape (2,), from 0 to 4",
    ]
    assert "root: return mg.sqrt(x)" in message[-1]
    assert f"test_anomaly.py:{line_with('sqrt here')}, " in message[-1]


def test_in_the_steps_of_a_backward_pass():
    with mg.detect_anomaly():
        steps = mg.backward_steps(mg.sqrt(leaf(0.0)))
        with pytest.raises(RuntimeError, match=r"^backward of sqrt made a gradient of x with inf"):
            next(steps)


def test_the_argument_is_named():
    x, y = leaf(1.0), leaf(1e-200)
    assert message_of(lambda: (x / y).backward())[0] == "backward of div made a gradient of y with -inf"


def test_no_gradient_is_left_behind():
    x, y = leaf(0.0), leaf(1.0)
    message_of(lambda: (y * 2.0 + mg.sqrt(x)).backward())
    assert x.grad is None
    assert y.grad is None


def test_an_upstream_gradient_that_was_given():
    x = leaf(1.0, 2.0)
    message = message_of(lambda: (x * 2.0).backward(np.array([np.nan, 1.0])))
    assert message[0] == (
        "backward of mul was given a gradient with nan at 1 of 2 elements, first at [0]; "
        "it was passed to backward or grad"
    )
    assert message[1] == "upstream gradient: float64 of shape (2,), 1, nan at 1 of 2 elements, first at [0]"


def test_gradients_that_overflow_when_they_are_added_up():
    x = leaf(1.0)

    def f():
        y = x * 1.0
        (y * 1e-200 + y * 1e-200).backward(np.array(1.5e308))

    with mg.detect_anomaly():
        f()
    message = message_of(lambda: (mg.neg(x) + mg.neg(x)).backward(np.array(1.5e308)))
    assert message[0] == "backward of neg added a gradient of x to those before, which makes -inf"


@pytest.mark.parametrize("create_graph", [False, True])
def test_what_a_rule_makes_on_its_way_and_does_not_return(create_graph):
    @mg.primitive
    def f(x):
        return 2.0 * x

    f.defvjps(lambda g, out, x: mg.where(x == 0.0, g, g * mg.log(x)))
    x = leaf(1.0, 0.0)
    with mg.detect_anomaly():
        (g,) = mg.grad(f(x).sum(), x, create_graph=create_graph)
    np.testing.assert_array_equal(g.data, [0.0, 1.0])


def test_second_order():
    x = leaf(0.0)

    def f():
        y = x**1.5
        (g,) = mg.grad(y, x, create_graph=True)  # first order here
        g.backward()

    message = message_of(f)
    assert message[0] == "backward of pow made a gradient of x with inf"
    assert "exponent: 0.5" in message
    assert f"test_anomaly.py:{line_with('first order here')}, " in message[-1]


# ---------------------------------------------------------------- the line


class Inner(nn.Module):
    """A module of the user's."""

    def forward(self, x):
        """The logarithm of something negative."""
        return mg.log(-mg.exp(x))  # inner here


class Outer(nn.Module):
    """A module of the user's with others in it."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 2, rng=0), Inner())

    def forward(self, x):
        """Through minigrad's own modules."""
        return self.net(x)


def test_the_line_within_nested_modules():
    assert_line(message_of(lambda: Outer()(np.ones((1, 2)))), "inner here", "Inner.forward")


def test_the_line_around_minigrads_modules():
    def f():
        net = nn.Sequential(nn.Linear(2, 2, rng=0), nn.ReLU())
        return net(np.full((1, 2), np.inf))  # net here

    assert f"test_anomaly.py:{line_with('net here')}, " in message_of(f)[-1]


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x.log(),
        lambda x: 1.0 / x,
        lambda x: np.vectorize(lambda _: mg.log(x).item())(0),
        lambda x: mg.no_grad()(lambda: mg.log(x))(),
        lambda x: mg.hessian(lambda x: mg.log(x), x),
        lambda x: mg.gradcheck(lambda x: mg.log(x), x),
    ],
)
def test_the_line_is_the_users_however_the_op_was_called(f):
    line = f.__code__.co_firstlineno
    assert f"test_anomaly.py:{line}, in <lambda>" in message_of(lambda: f(leaf(0.0)))[-1]


def test_the_line_of_an_op_that_returns_its_argument():
    @mg.primitive
    def reverse(x):
        return x

    reverse.defvjps(lambda g, out, x: -g)
    x = leaf(0.0)

    def f():
        y = mg.sqrt(x)  # root here
        y = reverse(y)
        y.backward()

    assert f"test_anomaly.py:{line_with('root here')}, " in message_of(f)[-1]


def test_an_op_that_was_called_outside():
    y = mg.sqrt(leaf(0.0))
    assert message_of(lambda: y.backward())[-1] == "line: not known, as the op was called outside detect_anomaly()"


def run_as(filename, source):
    """Runs source as if it were in the file."""
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    try:
        return message_of(lambda: exec(compile(source, filename, "exec"), {"mg": mg, "__name__": "__main__"}))[-1]
    finally:
        del linecache.cache[filename]


def test_the_line_of_a_notebook_cell():
    assert run_as("/tmp/ipykernel_12/345.py", "x = mg.tensor(0.0)\ny = mg.log(x)") == (
        "line: 2 of a notebook cell, in <module>: y = mg.log(x)"
    )


def test_a_file_below_the_working_directory_is_named_from_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = run_as(str(Path.cwd() / "train.py"), "mg.log(mg.tensor(0.0))")
    assert line == "line: train.py:1, in <module>: mg.log(mg.tensor(0.0))"


def test_a_line_whose_text_is_not_to_be_had():
    with pytest.raises(RuntimeError, match=r"\n  line: <string>:1, in <module>$"), mg.detect_anomaly():
        exec("mg.log(mg.tensor(0.0))", {"mg": mg})


# ---------------------------------------------------------------- around it


def test_numpys_warnings_of_other_work_still_come():
    with mg.detect_anomaly(), pytest.warns(RuntimeWarning, match="divide by zero"):
        np.log(np.zeros(1))


def test_outside_the_context_nothing_raises():
    with mg.detect_anomaly():
        pass
    with np.errstate(all="ignore"):
        assert mg.log(leaf(0.0)).item() == -np.inf
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        mg.log(leaf(0.0))


def test_contexts_nest():
    detector = mg.detect_anomaly()
    with detector:
        y = mg.sqrt(leaf(0.0))  # kept
        for inner in (mg.detect_anomaly(), detector):
            with inner:
                mg.exp(leaf(1.0))
            with pytest.raises(RuntimeError, match=r"^log made -inf"):
                mg.log(leaf(0.0))
        with pytest.raises(RuntimeError, match=rf"test_anomaly.py:{line_with('kept')}, "):
            y.backward()


def test_as_a_decorator():
    @mg.detect_anomaly()
    def f(depth):
        return mg.log(leaf(0.0)) if depth == 0 else f(depth - 1)

    for _ in range(2):
        with pytest.raises(RuntimeError, match=r"^log made -inf"):
            f(2)
        assert observers == []


def test_other_threads_are_watched():
    caught = []

    def work():
        try:
            mg.log(leaf(0.0))
        except RuntimeError as error:
            caught.append(str(error))

    with mg.detect_anomaly():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert re.match("log made -inf\n", caught[0])


def test_lines_go_with_their_graphs():
    gc.collect()
    gc.disable()
    try:
        detector = mg.detect_anomaly()
        with detector:
            x = leaf(1.0, 2.0)
            y = mg.exp(x * 2.0)
            y.sum().backward()
            assert len(detector._lines) == 2  # the sum is gone
            gone = weakref.ref(y)
            del y
            assert gone() is None
            assert len(detector._lines) == 0
            alive = mg.exp(x)
            assert len(detector._lines) == 1
        assert len(detector._lines) == 0
        gone = weakref.ref(detector)
        del detector
        assert gone() is None
        assert alive.shape == (2,)
    finally:
        gc.enable()


def test_training_goes_as_it_does_unwatched():
    def train():
        net = nn.MLP([2, 4, 1], nn.Tanh(), rng=0)
        x = np.random.default_rng(0).standard_normal((8, 2), dtype=np.float32)
        for _ in range(3):
            net.zero_grad()
            (net(x) ** 2).mean().backward()
            for p in net.parameters():
                p.data = p.data - 0.1 * p.grad
        return net.state_dict()

    unwatched = train()
    watched = mg.detect_anomaly()(train)()
    for name, value in unwatched.items():
        np.testing.assert_array_equal(watched[name], value, strict=True)
