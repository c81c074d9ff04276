"""The check itself: it passes what is right, and each of a list of planted mistakes must be caught."""

import numpy as np
import pytest

import minigrad as mg

X = np.array([0.7, -1.3, 2.1, -0.4])
M = np.array([[0.3, -1.2, 0.8], [1.5, 0.4, -0.6]])
N = np.array([[0.5, 1.1], [-0.7, 0.2], [0.9, -1.4]])


def op(forward, *rules):
    """A primitive of one or two arguments, with the rules given: right or wrong."""

    def one(x):
        return forward(x)

    def two(x, y):
        return forward(x, y)

    f = mg.primitive(one if len(rules) == 1 else two)
    f.defvjps(*rules)
    return f


# ---------------------------------------------------------------- what is right


@pytest.mark.parametrize(
    ("f", "inputs"),
    [
        (lambda x: mg.tanh(x) * x, X),
        (lambda x, y: x @ y, (M, N)),
        (lambda x, y: (x / (y * y + 1.0)).sum(dim=0), (M, X[:3])),
        (lambda x: (x**2, mg.exp(x).sum()), X),
        (lambda x: mg.logsumexp(x, 1), M),
        (lambda x: x[[0, 0, 3]] ** 3, X),
        (lambda x: 3.0 * x, np.array(2.0)),
        (lambda x: x * 2.0, np.zeros((0, 3))),
        (lambda x: x.sum() * 0.0 + 1.0, X),
        (lambda x: x > 0.5, X),
    ],
)
def test_right_derivatives_pass(f, inputs):
    for check in (mg.gradcheck, mg.gradgradcheck):
        report = check(f, inputs, atol=1e-7, rtol=1e-6)
        assert report
        assert not report.wrong
        assert not report.at_kinks
        assert report.largest_error < 1e-6
    assert "derivatives agree, largest error" in str(report)


def test_what_is_compared():
    """All float inputs; or those that require gradients, where some do."""
    a, b = mg.tensor(X, requires_grad=True), mg.tensor(X)
    assert mg.gradcheck(lambda x, y: x * y, (X, X)).compared == 8
    assert mg.gradcheck(lambda x, y: x * y, (a, b)).compared == 4
    assert mg.gradcheck(lambda x, y: x * y, [b, b]).compared == 8
    assert mg.gradgradcheck(lambda x, y: x * y, (a, b)).compared == 8  # x and the weight


def test_the_inputs_are_left_alone():
    x = mg.tensor(X, requires_grad=True)
    mg.gradcheck(lambda x: x**2, x)
    mg.gradgradcheck(lambda x: x**2, x)
    np.testing.assert_array_equal(x.data, X)
    assert x.grad is None


def test_float32_is_checked_in_float64():
    seen = set()

    def f(x):
        seen.add(x.dtype)
        return mg.exp(x) * x

    mg.gradcheck(f, X.astype(np.float32), atol=1e-8, rtol=1e-8)
    mg.gradgradcheck(f, mg.tensor(X.astype(np.float32)), atol=1e-6, rtol=1e-6)
    assert seen == {np.dtype(np.float64)}


def test_integers_pass_through():
    index = np.array([2, 0, 2])

    def f(x, i):
        assert i.dtype == np.int64
        return x[i] ** 2

    assert mg.gradcheck(f, (X, index)).compared == 4
    assert mg.gradgradcheck(f, (X, index)).compared == 7
    with pytest.raises(ValueError, match="nothing to check: no input is of floats"):
        mg.gradcheck(lambda i: i * 2, index)


def test_steps_grow_with_the_numbers():
    """A step of 1e-6 beside 1e9 would be lost in rounding."""
    for f, x in [(lambda x: x**2 * 1e-9, np.array([1e9, -3e8])), (mg.log, np.array([1e5, 1e-2]))]:
        assert not mg.gradcheck(f, x, atol=1e-9, rtol=1e-6).at_kinks


# ---------------------------------------------------------------- planted mistakes of first order


def scatter_without_adding(g, out, x):
    """Where an element is taken twice, one of the two is lost."""
    full = np.zeros_like(x)
    full[[0, 0, 3]] = g
    return full


def wrong_at_one_entry(g, out, x):
    """exp, but for the last entry."""
    return g * out * (np.arange(x.size) < x.size - 1)


FIRST_ORDER = {
    "sign": (np.exp, [lambda g, out, x: -g * out], [X]),
    "factor 2": (np.exp, [lambda g, out, x: 2.0 * g * out], [X]),
    "factor forgotten": (np.square, [lambda g, out, x: g * x], [X]),
    "a hundredth too much": (np.exp, [lambda g, out, x: 1.01 * g * out], [X]),
    "chain factor missing": (lambda x: np.sin(3.0 * x), [lambda g, out, x: g * np.cos(3.0 * x)], [X]),
    "input in the place of output": (np.tanh, [lambda g, out, x: g * (1.0 - x * x)], [X]),
    "transposed": (lambda x, y: x @ y, [lambda g, out, x, y: g @ y, lambda g, out, x, y: x.T @ g], [M @ N, M @ N]),
    "arguments exchanged": (np.divide, [lambda g, out, x, y: -g * x / y**2, lambda g, out, x, y: g / y], [X, X + 3.0]),
    "the second argument only": (
        np.divide,
        [lambda g, out, x, y: g / y, lambda g, out, x, y: g * x / y**2],
        [X, X + 3],
    ),
    "does not depend on g": (np.exp, [lambda g, out, x: out], [X]),
    "g squared": (np.exp, [lambda g, out, x: g * g * out], [X]),
    "wrong at one entry": (np.exp, [wrong_at_one_entry], [X]),
    "mask inverted": (lambda x: np.maximum(x, 0.0), [lambda g, out, x: g * (x < 0)], [X]),
    "no mask": (lambda x: np.maximum(x, 0.0), [lambda g, out, x: g], [X]),
    "index off by one": (lambda x: x[1:], [lambda g, out, x: np.append(g, 0.0)], [X]),
    "rolled the same way": (lambda x: np.roll(x, 1), [lambda g, out, x: np.roll(g, 1)], [X]),
    "accumulation lost": (lambda x: x[[0, 0, 3]], [scatter_without_adding], [X]),
    "mean not divided": (np.mean, [lambda g, out, x: g * np.ones_like(x)], [X]),
    "mean over another count": (
        lambda x: x.mean(axis=0),
        [lambda g, out, x: np.broadcast_to(g / x.shape[1], x.shape)],
        [M],
    ),
    "sum over the wrong axis": (lambda x: x.sum(axis=0), [lambda g, out, x: g.sum() * np.ones_like(x)], [M]),
    "softmax without its inner sum": (
        lambda x: np.exp(x) / np.exp(x).sum(),
        [lambda g, out, x: g * out],
        [X],
    ),
    "softmax that only ones would pass": (
        lambda x: np.exp(x) / np.exp(x).sum(),
        [lambda g, out, x: 0.0 * g],
        [X],
    ),
    "bias for one row": (lambda x, b: x + b, [lambda g, out, x, b: g, lambda g, out, x, b: g[0]], [M, M[0]]),
    "not a number": (np.exp, [lambda g, out, x: g * np.nan], [X]),
    "not a number at one entry": (np.exp, [lambda g, out, x: g * np.where(x > 2.0, np.nan, out)], [X]),
    "infinite": (np.exp, [lambda g, out, x: g * np.inf], [X]),
    "zero": (np.exp, [lambda g, out, x: 0.0 * g], [X]),
}


@pytest.mark.parametrize("name", FIRST_ORDER)
def test_a_mistake_of_first_order_is_caught(name):
    forward, rules, inputs = FIRST_ORDER[name]
    with pytest.raises(mg.GradcheckError, match="derivatives disagree"):
        mg.gradcheck(op(forward, *rules), inputs)


def test_an_input_that_gets_no_gradient_is_caught():
    with pytest.raises(mg.GradcheckError):
        mg.gradcheck(lambda x: x * mg.Tensor(x.data), X)
    with pytest.raises(mg.GradcheckError):
        mg.gradcheck(lambda x: mg.exp(x.detach()) + 0.0 * x, X)


# ---------------------------------------------------------------- planted mistakes of second order


def detached(t):
    """The values, as a constant."""
    return t.data if isinstance(t, mg.Tensor) else t


SECOND_ORDER = {
    "output detached": (np.exp, [lambda g, out, x: g * detached(out)], [X]),
    "input detached": (np.square, [lambda g, out, x: g * (2.0 * detached(x))], [X]),
    "one of two factors detached": (lambda x: x**3, [lambda g, out, x: 3.0 * g * x * detached(x)], [X]),
    "other argument detached": (
        np.multiply,
        [lambda g, out, x, y: g * detached(y), lambda g, out, x, y: g * detached(x)],
        [X, X + 3.0],
    ),
    "output detached in one argument only": (
        np.divide,
        [lambda g, out, x, y: g / y, lambda g, out, x, y: -g * detached(out) / y],
        [X, X + 3.0],
    ),
    "gradient detached": (np.exp, [lambda g, out, x: detached(g) * out], [X]),
    "gradient detached in a linear op": (lambda x: 2.0 * x, [lambda g, out, x: 2.0 * mg.Tensor(detached(g))], [X]),
}


@pytest.mark.parametrize("name", SECOND_ORDER)
def test_a_mistake_of_second_order_alone_is_caught_by_gradgradcheck(name):
    forward, rules, inputs = SECOND_ORDER[name]

    f = op(forward, *rules)
    mg.gradcheck(f, inputs, atol=1e-7, rtol=1e-6)  # the value is right
    with pytest.raises(mg.GradcheckError, match=r"gradgradcheck: .* derivatives disagree"):
        mg.gradgradcheck(f, inputs)


# ---------------------------------------------------------------- functions that cannot be checked


def test_a_function_that_is_not_deterministic_is_named():
    rng = np.random.default_rng(0)
    for check in (mg.gradcheck, mg.gradgradcheck):
        with pytest.raises(ValueError, match="different results for the same inputs: fix its random numbers"):
            check(lambda x: x * rng.standard_normal(4), X)


@pytest.mark.parametrize("check", [mg.gradcheck, mg.gradgradcheck])
@pytest.mark.parametrize(
    ("f", "settings", "error", "message"),
    [
        (3.0, {}, TypeError, "f must be a function of the inputs, got 3.0"),
        (lambda x: x.data, {}, TypeError, "f must return tensors, made by operators and .* functions; got ndarray"),
        (lambda x: [], {}, TypeError, "f must return tensors, made by operators and .* functions; got list"),
        (mg.exp, {"eps": 0}, ValueError, "eps, the step, must be above 0, got 0"),
        (mg.exp, {"rtol": "small"}, TypeError, "rtol must be a number, got 'small'"),
    ],
)
def test_misuse_is_an_error(check, f, settings, error, message):
    with pytest.raises(error, match=f"^{check.__name__}: {message}$"):
        check(f, X, **settings)


# ---------------------------------------------------------------- kinks

KINKED = [
    (mg.relu, np.array([0.0, 1.0, -1.0]), 1),
    (mg.relu, np.array([1e-9, -2e-7, 1.0]), 2),
    (mg.abs, np.array([0.0, 1.0, -1.0]), 0),  # 0 is what both sides give on average
    (mg.abs, np.array([3e-7, 1.0, -1.0]), 1),
    (lambda x: mg.leaky_relu(x, negative_slope=0.2), np.array([0.0, 1.0]), 1),
    (lambda x: mg.clip(x, 0.0, 1.0), np.array([0.0, 0.5, 1.0]), 2),
    (mg.max, np.array([1.0, 3.0, 3.0, 3.0]), 3),
    (lambda x: mg.max(x, dim=1), np.array([[1.0, 3.0, 3.0 + 1e-8]]), 2),
    (lambda x: mg.maximum(x, 1.0), np.array([1.0 + 1e-8, 2.0]), 1),
]


@pytest.mark.parametrize(("f", "x", "kinks"), KINKED)
def test_kinks_are_reported_and_not_counted_as_wrong(f, x, kinks):
    report = mg.gradcheck(f, x)
    assert report
    assert len(report.at_kinks) == kinks
    assert report.compared == x.size - kinks
    if kinks:
        assert (
            f"{kinks} {'lies' if kinks == 1 else 'lie'} next to a kink, where the slopes of the two sides differ"
            in str(report)
        )


def planted_relu(mask):
    """relu with a mask of one's own."""

    @mg.primitive
    def planted(x):
        return np.maximum(x, 0.0)

    planted.defvjps(lambda g, out, x: g * mask(x))
    return planted


@pytest.mark.parametrize("mask", [lambda x: x < 0, lambda x: x > 0.5, lambda x: x > -0.5])
def test_a_wrong_mask_away_from_the_kink_is_wrong(mask):
    with pytest.raises(mg.GradcheckError) as error:
        mg.gradcheck(planted_relu(mask), np.array([0.0, 0.3, -0.3]))
    wrong = {entry.index for entry in error.value.report.wrong}
    assert wrong <= {(1,), (2,)}
    assert wrong


def test_either_side_is_right_at_a_kink_and_nothing_beyond():
    for value in (0.0, 0.5, 1.0):
        mg.gradcheck(planted_relu(lambda x, v=value: np.where(x == 0, v, x > 0)), np.array([0.0, 1.0]))
    for value in (-0.5, 1.5, np.nan):
        with pytest.raises(mg.GradcheckError):
            mg.gradcheck(planted_relu(lambda x, v=value: np.where(x == 0, v, x > 0)), np.array([0.0, 1.0]))


def test_a_jump_of_the_gradient_is_a_kink_of_second_order():
    report = mg.gradgradcheck(lambda x: mg.relu(x) * x, np.array([0.0, 1.0, -1.0]))
    assert report
    with pytest.raises(mg.GradcheckError):
        mg.gradgradcheck(lambda x: mg.relu(x) * detached(x), np.array([1.0, -1.0]))


# ---------------------------------------------------------------- the report


def test_the_error_shows_both_numbers_and_where_the_worst_is_first():
    @mg.primitive
    def broken(x, y):
        return x * y

    broken.defvjps(lambda g, out, x, y: g * y, lambda g, out, x, y: g * x * np.array([[1.0], [2.0]]))
    with pytest.raises(mg.GradcheckError) as error:
        mg.gradcheck(broken, (M, M + 2.0), seed=3)
    report = error.value.report
    assert not report
    assert report.compared == 12
    assert {entry.input for entry in report.wrong} == {1}
    assert {entry.index for entry in report.wrong} == {(1, 0), (1, 1), (1, 2)}
    weights = np.random.default_rng(3).standard_normal(M.shape)
    for entry in report.wrong:
        right = (weights * M)[entry.index]
        np.testing.assert_allclose([entry.analytic, entry.numeric], [2.0 * right, right], rtol=1e-6)
        np.testing.assert_allclose(entry.error, abs(right), rtol=1e-6)
    lines = str(error.value).splitlines()
    assert lines[0] == "gradcheck: 3 of 12 derivatives disagree"
    assert lines[1].startswith("input 1")
    assert lines[2].split() == ["index", "analytic", "numeric", "error", "ratio"]
    worst = max(report.wrong, key=lambda entry: entry.error)
    assert f"[{worst.index[0]}, {worst.index[1]}]" in lines[3]
    assert f"{worst.analytic:.6g}" in lines[3]
    assert f"{worst.numeric:.6g}" in lines[3]
    assert len({len(line) for line in lines[2:6]}) == 1


def test_of_many_wrong_entries_the_worst_ten_are_shown_and_nan_comes_first():
    @mg.primitive
    def broken(x):
        return x**2

    broken.defvjps(lambda g, out, x: g * np.where(np.arange(30) == 17, np.nan, 5.0))
    with pytest.raises(mg.GradcheckError) as error:
        mg.gradcheck(broken, np.linspace(1.0, 2.0, 30))
    lines = str(error.value).splitlines()
    assert lines[0].startswith("gradcheck: 30 of 30 derivatives disagree")
    assert sum(line.lstrip().startswith("[") for line in lines[3:13]) == 10
    assert "the worst 10" in lines[1]
    assert "Going backward, `broken`" in lines[13]
    assert "[17]" in lines[3]
    assert "nan" in lines[3]


def test_the_seed_sets_the_weights_and_nothing_else():
    reports = [mg.gradcheck(lambda x: mg.exp(x), X, seed=seed) for seed in (0, 1)]
    assert reports[0].largest_error != reports[1].largest_error
    state = np.random.get_state()[1].copy()  # noqa: NPY002, the state that must not be touched
    mg.gradcheck(mg.exp, X)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_tolerances_are_used():
    f = planted_relu(lambda x: (x > 0) * 1.001)
    mg.gradcheck(f, np.array([1.0]), rtol=0.01)
    mg.gradcheck(f, np.array([1.0]), atol=0.01, rtol=0.0)
    with pytest.raises(mg.GradcheckError):
        mg.gradcheck(f, np.array([1.0]), atol=1e-9, rtol=1e-6)


def test_the_derivative_of_one_number_is_shown_as_it_is():
    @mg.primitive
    def cube(x):
        return x**3

    cube.defvjps(lambda g, out, x: 2.0 * g * x**2)
    with pytest.raises(mg.GradcheckError) as caught:
        mg.gradcheck(cube, 2.0)
    (entry,) = caught.value.report.wrong
    assert entry.analytic == 8.0
    assert abs(entry.numeric - 12.0) < 1e-6


def test_an_op_whose_rules_were_forgotten_is_hinted_at():
    @mg.primitive
    def double(x):
        return 2.0 * x

    with pytest.raises(mg.GradcheckError, match="goes around the graph") as error:
        mg.gradcheck(lambda x: double(x) + x, X)
    (cause,) = error.value.report.causes
    assert cause.name == "detached"
    assert "or an op without defvjps" in cause.text
