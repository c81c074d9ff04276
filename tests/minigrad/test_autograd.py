"""The walk backwards: what gets a gradient, which rules run, what is refused, and derivatives against closed forms."""

import threading

import numpy as np
import pytest

import minigrad as mg


def leaf(*values, shape=None, dtype=np.float64):
    """A Tensor that requires gradients."""
    return mg.Tensor(
        np.array(values, dtype=dtype).reshape((len(values),) if shape is None else shape), requires_grad=True
    )


def number(value):
    """A 0-d Tensor that requires gradients."""
    return leaf(value, shape=())


def assert_equal(got, expected):
    """Up to rounding; got may be a Tensor."""
    np.testing.assert_allclose(got.data if isinstance(got, mg.Tensor) else got, expected, rtol=1e-12, atol=1e-14)


BOTH_MODES = pytest.mark.parametrize("create_graph", [False, True], ids=["raw", "recorded"])


# ---------------------------------------------------------------- backward


def test_backward_by_hand():
    x, y = leaf(1.0, 2.0), leaf(3.0, -1.0)
    (x * y + mg.exp(x)).sum().backward()
    assert_equal(x.grad, y.data + np.exp(x.data))
    assert_equal(y.grad, x.data)


def test_backward_takes_a_gradient():
    x = leaf(1.0, 2.0)
    (x**2).backward(np.array([10.0, 100.0]))
    assert_equal(x.grad, [20.0, 400.0])
    x.grad = None
    (x**2).backward(mg.tensor([10.0, 100.0]))
    assert_equal(x.grad, [20.0, 400.0])
    assert x.grad.dtype == np.float64


def test_backward_twice_doubles_the_gradients_of_leaves_and_nothing_else():
    x = leaf(1.0, 2.0)
    hidden = x * 3.0
    y = (hidden**2).sum()
    y.backward()
    once = x.grad.copy()
    assert_equal(once, 18.0 * x.data)
    y.backward()
    assert_equal(x.grad, 2.0 * once)
    assert hidden.grad is None
    assert y.grad is None
    assert_equal(y, 9.0 + 36.0)


@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_grad_is_an_array_also_of_a_single_number(times, dtype):
    x = leaf(2.0, shape=(), dtype=dtype)
    for _ in range(times):
        (x * x).backward()
    assert type(x.grad) is np.ndarray
    assert x.grad.dtype == dtype
    x.grad[...] += 1.0
    assert_equal(x.grad, 4.0 * times + 1.0)


def test_a_leaf_goes_backward_to_itself():
    x = number(3.0)
    x.backward()
    assert_equal(x.grad, 1.0)


def test_only_leaves_that_require_gradients_get_one():
    x, frozen, constant = leaf(1.0, 2.0), leaf(3.0, 4.0).requires_grad_(False), mg.tensor([5.0, 6.0])
    (x * frozen * constant).sum().backward()
    assert_equal(x.grad, [15.0, 24.0])
    assert frozen.grad is None
    assert constant.grad is None


# ---------------------------------------------------------------- nobody else holds .grad


def test_the_leaves_of_an_addition_do_not_share_a_gradient():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (x + y).backward(np.ones(2))
    x.grad += 10.0
    assert_equal(y.grad, [1.0, 1.0])


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x,
        lambda x: x + 0.0,
        lambda x: x.reshape(2, 2).reshape(4),
        lambda x: x[::-1][::-1],
        lambda x: mg.flip(x, 0),
        lambda x: mg.concatenate([x]),
        lambda x: x.clone(),
        lambda x: x.sum(dim=(), keepdim=True),
        lambda x: mg.broadcast_to(x, (4,)),
    ],
)
def test_the_callers_gradient_is_copied(f):
    x = leaf(1.0, 2.0, 3.0, 4.0)
    given = np.arange(4.0)
    f(x).backward(given)
    assert not np.shares_memory(x.grad, given)
    (g,) = mg.grad(f(x), x, given)
    assert not np.shares_memory(g.data, given)
    x.grad += 1.0
    g.data[...] += 1.0
    assert_equal(given, np.arange(4.0))


def test_gradients_of_several_inputs_do_not_share_memory():
    x, y, z = leaf(1.0, 2.0), leaf(3.0, 4.0), leaf(1.0, 2.0, shape=(1, 2))
    grads = mg.grad(x + y + z, [x, y, z], np.ones((1, 2)))
    for i, g in enumerate(grads):
        assert not any(np.shares_memory(g.data, other.data) for other in grads[:i])


def test_an_accumulated_gradient_is_a_new_array():
    x = leaf(1.0, 2.0)
    (x * 2.0).sum().backward()
    before = x.grad
    (x * 3.0).sum().backward()
    assert_equal(before, [2.0, 2.0])
    assert_equal(x.grad, [5.0, 5.0])


# ---------------------------------------------------------------- the shape of the graph


@BOTH_MODES
def test_a_value_used_three_times(create_graph):
    x = leaf(1.0, 2.0)
    (g,) = mg.grad((x * x * x + x + x).sum(), x, create_graph=create_graph)
    assert_equal(g, 3.0 * x.data**2 + 2.0)


@BOTH_MODES
def test_the_same_tensor_as_both_arguments(create_graph):
    x = leaf(1.0, 2.0)
    for y, expected in [(x * x, 2.0 * x.data), (x + x, [2.0, 2.0]), (x - x, [0.0, 0.0]), (x / x, [0.0, 0.0])]:
        assert_equal(mg.grad(y.sum(), x, create_graph=create_graph)[0], expected)


@BOTH_MODES
def test_ten_thousand_diamonds_take_linear_time(create_graph):
    """An engine that went along each path by itself would need 2 ** 10,000 steps."""
    x = number(1.5)
    y = x
    for _ in range(10_000):
        y = (y + y) / 2.0
    assert_equal(y, 1.5)
    assert_equal(mg.grad(y, x, create_graph=create_graph)[0], 1.0)


@BOTH_MODES
def test_a_late_branch_waits_for_an_early_one(create_graph):
    """The gradient of h is complete only when the long way round has come back to it."""
    x = number(0.5)
    h = x * 2.0
    long = h
    for _ in range(5):
        long = mg.sin(long)
    y = long * h + h

    def f(v):
        long = h = 2.0 * v
        for _ in range(5):
            long = np.sin(long)
        return long * h + h

    numeric = (f(0.5 + 1e-6) - f(0.5 - 1e-6)) / 2e-6
    np.testing.assert_allclose(mg.grad(y, x, create_graph=create_graph)[0].item(), numeric, rtol=1e-8)


# ---------------------------------------------------------------- grad


@BOTH_MODES
def test_grad_leaves_dot_grad_alone(create_graph):
    x = leaf(1.0, 2.0)
    (g,) = mg.grad((x**2).sum(), x, create_graph=create_graph)
    assert isinstance(g, mg.Tensor)
    assert g.requires_grad == create_graph
    assert x.grad is None


@BOTH_MODES
def test_grad_by_intermediates_and_by_what_is_behind_them(create_graph):
    x = leaf(1.0, 2.0)
    h = x**2
    k = mg.sin(h)
    by_x, by_k, by_h = mg.grad((k * 3.0).sum(), [x, k, h], create_graph=create_graph)
    assert_equal(by_k, [3.0, 3.0])
    assert_equal(by_h, 3.0 * np.cos(h.data))
    assert_equal(by_x, 3.0 * np.cos(h.data) * 2.0 * x.data)


@BOTH_MODES
def test_grad_of_an_output_by_itself(create_graph):
    x = number(2.0)
    y = x**2
    by_y, by_x = mg.grad(y, [y, x], create_graph=create_graph)
    assert_equal(by_y, 1.0)
    assert_equal(by_x, 4.0)


@BOTH_MODES
def test_several_outputs_are_added_up(create_graph):
    x = leaf(1.0, 2.0)
    y, z = x**2, mg.exp(x).sum()
    (g,) = mg.grad([y, z], x, [np.array([10.0, 20.0]), None], create_graph=create_graph)
    assert_equal(g, np.array([20.0, 80.0]) + np.exp(x.data))
    (g,) = mg.grad([z, z], x, create_graph=create_graph)
    assert_equal(g, 2.0 * np.exp(x.data))
    (g,) = mg.grad([z, z * 2.0, x.sum()], x, create_graph=create_graph)
    assert_equal(g, 3.0 * np.exp(x.data) + 1.0)


@BOTH_MODES
def test_the_same_input_twice(create_graph):
    x = leaf(1.0, 2.0)
    a, b = mg.grad((x**2).sum(), [x, x], create_graph=create_graph)
    assert_equal(a, 2.0 * x.data)
    assert_equal(b, 2.0 * x.data)


def test_a_gradient_given_as_a_tensor_can_be_differentiated_by():
    """Twice backward is forward: the derivative of J^T v by v, times u, is J u."""
    x, v = leaf(1.0, 2.0, 3.0), leaf(0.0, 0.0)
    y = mg.stack([x[0] * x[1], mg.sin(x[2])])
    (vjp,) = mg.grad(y, x, v, create_graph=True)
    u = np.array([1.0, 10.0, 100.0])
    (jvp,) = mg.grad(vjp, v, u)
    assert_equal(jvp, [2.0 * 1.0 + 1.0 * 10.0, np.cos(3.0) * 100.0])


@BOTH_MODES
def test_an_input_without_a_part_in_the_output(create_graph):
    x, unused, frozen = leaf(1.0, 2.0), leaf(1.0, 2.0, 3.0, shape=(3, 1)), mg.tensor([1.0])
    y = (x * frozen).sum()
    with pytest.raises(
        RuntimeError, match=r"input 1, of shape \(3, 1\), has no part in the outputs; materialize_grads"
    ):
        mg.grad(y, [x, unused], create_graph=create_graph)
    with pytest.raises(RuntimeError, match=r"input 0, of shape \(1,\), does not require gradients; materialize_grads"):
        mg.grad(y, frozen, create_graph=create_graph)
    g, none, zero = mg.grad(y, [x, unused, frozen], create_graph=create_graph, materialize_grads=True)
    assert_equal(g, [1.0, 1.0])
    assert_equal(none, np.zeros((3, 1)))
    assert_equal(zero, [0.0])
    assert none.dtype == np.float64
    assert zero.dtype == np.float32


def test_gradients_that_do_not_fit_are_refused():
    x = leaf(1.0, 2.0)
    with pytest.raises(ValueError, match=r"grad: the gradient has shape \(3,\), the output \(2,\)"):
        mg.grad(x * 2.0, x, np.ones(3))
    with pytest.raises(ValueError, match=r"grad: the gradient has shape \(\), the output \(2,\)"):
        mg.grad(x * 2.0, x, 1.0)
    with pytest.raises(ValueError, match=r"grad: an output of shape \(2,\) needs a gradient of that shape"):
        mg.grad(x * 2.0, x)
    with pytest.raises(ValueError, match="grad: 2 outputs need as many grad_outputs, got 1"):
        mg.grad([x * 2.0, x * 3.0], x, [np.ones(2)])


# ---------------------------------------------------------------- higher orders


def test_third_order():
    x = leaf(0.3, -1.2, 2.0)
    (first,) = mg.grad((x**5).sum(), x, create_graph=True)
    (second,) = mg.grad(first.sum(), x, create_graph=True)
    (third,) = mg.grad(second.sum(), x, create_graph=True)
    (fourth,) = mg.grad(third.sum(), x)
    assert_equal(second, 20.0 * x.data**3)
    assert_equal(third, 60.0 * x.data**2)
    assert_equal(fourth, 120.0 * x.data)


@pytest.mark.parametrize(
    ("f", "derivatives"),
    [
        (mg.sin, [np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x)]),
        (mg.exp, [np.exp, np.exp, np.exp]),
        (mg.log, [lambda x: 1 / x, lambda x: -1 / x**2, lambda x: 2 / x**3]),
        (lambda x: 1.0 / x, [lambda x: -1 / x**2, lambda x: 2 / x**3, lambda x: -6 / x**4]),
        (
            mg.tanh,
            [
                lambda x: 1 - np.tanh(x) ** 2,
                lambda x: -2 * np.tanh(x) * (1 - np.tanh(x) ** 2),
                lambda x: (1 - np.tanh(x) ** 2) * (6 * np.tanh(x) ** 2 - 2),
            ],
        ),
    ],
)
def test_three_orders_against_closed_forms(f, derivatives):
    x = leaf(0.4, 1.1, 2.3)
    y = f(x)
    for expected in derivatives:
        (y,) = mg.grad(y.sum(), x, create_graph=True)
        np.testing.assert_allclose(y.data, expected(x.data), rtol=1e-11)


def test_a_gradient_penalty():
    """(|w| - 1) ** 2 for D(x) = w x, whose gradient by w is 2 (|w| - 1) w / |w|."""
    w, x = leaf(3.0, 4.0), leaf(0.1, 0.2, 0.3, 0.4, shape=(2, 2))
    (g,) = mg.grad((x @ w).sum(), x, create_graph=True)
    penalty = ((mg.sqrt((g**2).sum(dim=1)) - 1.0) ** 2).mean()
    penalty.backward()
    assert_equal(penalty, 16.0)
    assert_equal(w.grad, 8.0 * w.data / 5.0)
    assert x.grad is None


A = np.array([[2.0, 1.0, 0.0], [0.5, 3.0, -1.0], [1.0, 0.0, 4.0]])


def quadratic(x):
    """x^T A x, whose Hessian is A + A^T."""
    return x @ A @ x


def test_jacobian_hessian_and_hvp_against_closed_forms():
    x, v = np.array([1.0, -2.0, 0.5]), np.array([0.3, 0.2, -1.0])
    assert_equal(mg.jacobian(lambda x: A @ x, x), A)
    assert_equal(mg.jacobian(lambda x: x**3, x), np.diag(3.0 * x**2))
    assert_equal(mg.jacobian(quadratic, x), (A + A.T) @ x)
    assert_equal(mg.hessian(quadratic, x), A + A.T)
    assert_equal(mg.hvp(quadratic, x, v), (A + A.T) @ v)
    assert_equal(mg.hvp(lambda x: mg.exp(x).sum(), mg.tensor(x), mg.tensor(v)), np.exp(x) * v)
    assert_equal(
        mg.hessian(lambda x: mg.sin(x).sum() + x[0] * x[1], x), np.diag(-np.sin(x)) + np.eye(3)[[1, 0, 2]] * [1, 1, 0]
    )


def test_shapes_of_jacobian_and_hessian():
    x = np.arange(6.0).reshape(2, 3)
    jacobian = mg.jacobian(lambda x: x.T @ x, x)
    assert jacobian.shape == (3, 3, 2, 3)
    assert mg.hessian(lambda x: (x**3).sum(), x).shape == (2, 3, 2, 3)
    assert mg.jacobian(lambda x: x[:0], x).shape == (0, 3, 2, 3)
    assert mg.jacobian(lambda x: x.sum(), x).shape == (2, 3)
    numeric = np.stack(
        [((x + d).T @ (x + d) - (x - d).T @ (x - d)) / 2e-6 for d in 1e-6 * np.eye(6).reshape(6, 2, 3)], axis=-1
    )
    np.testing.assert_allclose(jacobian.data.reshape(3, 3, 6), numeric, atol=1e-8)


def test_derivatives_of_what_does_not_depend_on_the_input_are_zero():
    x = np.ones(2)
    assert_equal(mg.jacobian(lambda x: mg.tensor([1.0, 2.0, 3.0]), x), np.zeros((3, 2)))
    assert_equal(mg.hessian(lambda x: x.sum(), x), np.zeros((2, 2)))
    assert_equal(mg.hvp(lambda x: x.sum(), x, x), np.zeros(2))


def test_jacobian_leaves_the_tensor_given_alone():
    x = leaf(1.0, 2.0)
    mg.jacobian(lambda x: x**2, x)
    mg.hvp(lambda x: (x**2).sum(), x, x)
    assert x.grad is None
    with mg.no_grad():
        assert_equal(mg.hessian(lambda x: (x**2).sum(), x), 2.0 * np.eye(2))


# ---------------------------------------------------------------- recording off and on


def test_no_grad_and_enable_grad_nest():
    x = leaf(1.0)
    with mg.no_grad():
        assert not (x * 2.0).requires_grad
        with mg.enable_grad():
            assert (x * 2.0).requires_grad
            with mg.no_grad():
                assert not (x * 2.0).requires_grad
            assert (x * 2.0).requires_grad
        assert not (x * 2.0).requires_grad
    assert (x * 2.0).requires_grad


def test_recording_goes_on_after_an_exception():
    x = leaf(1.0)
    with pytest.raises(ZeroDivisionError), mg.no_grad():
        raise ZeroDivisionError
    assert (x * 2.0).requires_grad


def test_one_context_may_be_entered_again():
    x, off = leaf(1.0), mg.no_grad()
    with off, off:
        pass
    assert (x * 2.0).requires_grad
    with off:
        assert not (x * 2.0).requires_grad


def test_as_decorators_also_of_functions_that_call_themselves():
    x = leaf(1.0)

    @mg.no_grad()
    def off(depth):
        return x * 2.0 if depth == 0 else off(depth - 1)

    @mg.enable_grad()
    def on():
        return x * 2.0

    assert not off(3).requires_grad
    assert (x * 2.0).requires_grad
    with mg.no_grad():
        assert on().requires_grad
        assert not (x * 2.0).requires_grad


def test_recording_is_switched_for_each_thread_alone():
    """Two threads are inside one decorated function at a time, and leave it in the order in which they came."""
    x, seen = leaf(1.0), {}
    first_is_in, second_is_in, first_is_out = threading.Event(), threading.Event(), threading.Event()

    @mg.no_grad()
    def off(entered, may_leave):
        entered.set()
        may_leave.wait(5)
        return (x * 2.0).requires_grad

    def first():
        inside = off(first_is_in, second_is_in)
        seen["first"] = inside, (x * 2.0).requires_grad
        first_is_out.set()

    def second():
        first_is_in.wait(5)
        with mg.no_grad():
            off(second_is_in, first_is_out)
            seen["second, still off"] = (x * 2.0).requires_grad
        seen["second"] = (x * 2.0).requires_grad

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    for thread in threads:
        thread.start()
    with mg.no_grad():
        for thread in threads:
            thread.join()
    assert seen == {"first": (False, True), "second, still off": False, "second": True}


def test_gradients_can_be_taken_within_no_grad():
    x = leaf(1.0, 2.0)
    y = (x**3).sum()
    with mg.no_grad():
        (raw,) = mg.grad(y, x)
        (g,) = mg.grad(y, x, create_graph=True)
        y.backward()
    assert_equal(raw, 3.0 * x.data**2)
    assert_equal(x.grad, 3.0 * x.data**2)
    assert_equal(mg.grad(g.sum(), x)[0], 6.0 * x.data)


def test_results_within_no_grad_are_leaves():
    x = leaf(1.0)
    with mg.no_grad():
        y = x * 2.0
    assert y.is_leaf
    y.requires_grad = True
    (y * x).sum().backward()
    assert_equal(y.grad, [1.0])
    assert_equal(x.grad, [2.0])


def test_detach_cuts_the_graph_and_shares_the_values():
    x = leaf(1.0, 2.0)
    h = x**2
    d = h.detach()
    assert d.data is h.data
    assert d.is_leaf
    assert not d.requires_grad
    (h * d).sum().backward()
    assert_equal(x.grad, 2.0 * x.data**3)


# ---------------------------------------------------------------- which rules run


def counting(calls):
    """A product whose rules write down for which argument they ran."""

    @mg.primitive
    def product(x, y):
        return x * y

    def by_x(g, out, x, y):
        calls.append("x")
        return g * y

    def by_y(g, out, x, y):
        calls.append("y")
        return g * x

    product.defvjps(by_x, by_y)
    return product


def test_the_rule_of_a_frozen_argument_is_never_called():
    calls = []
    product = counting(calls)
    x, frozen = leaf(1.0, 2.0), leaf(3.0, 4.0).requires_grad_(False)
    product(x, frozen).sum().backward()
    assert calls == ["x"]
    calls.clear()
    product(2.0, x).sum().backward()
    assert calls == ["y"]


@BOTH_MODES
def test_grad_by_an_input_does_not_call_the_rules_of_weights(create_graph):
    calls = []
    product = counting(calls)
    x, w1, w2 = leaf(1.0, 2.0), leaf(3.0, 4.0), leaf(5.0, 6.0)
    y = product(product(x, w1), w2).sum()
    mg.grad(y, x, create_graph=create_graph)
    assert calls == ["x", "x"]
    calls.clear()
    mg.grad(y, w2, create_graph=create_graph)
    assert calls == ["y"]
    calls.clear()
    mg.grad(y, [x, w1, w2], create_graph=create_graph)
    assert sorted(calls) == ["x", "x", "y", "y"]


@BOTH_MODES
def test_branches_that_do_not_lead_to_the_input_are_not_walked(create_graph):
    calls = []
    product = counting(calls)
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    side = product(w, w)
    mg.grad((x * 2.0 + side).sum(), x, create_graph=create_graph)
    assert calls == []


@BOTH_MODES
def test_each_rule_runs_once_whichever_way_round_the_gradients_come(create_graph):
    """A node that went before its gradient was complete would go again: right, and exponentially slow."""
    calls = []
    product = counting(calls)
    x = leaf(1.0, 2.0)
    values = [x]
    for i in range(10):
        values.append(product(values[-1], values[i // 2]))
    outputs = [v.sum() for v in values[::-3]]
    mg.grad([*outputs, values[8], values[4]], x, [None] * len(outputs) + [np.ones(2)] * 2, create_graph=create_graph)
    assert len(calls) == 2 * 10


def test_rules_get_raw_arrays_and_tensors_under_create_graph():
    seen = []

    @mg.primitive
    def double(x, *, note):
        assert isinstance(x, np.ndarray)
        return 2.0 * x

    def rule(g, out, x, *, note):
        seen.append((type(g), type(out), type(x), note))
        return 2.0 * g

    double.defvjps(rule)
    x = leaf(1.0, 2.0)
    y = double(x, note="hello")
    mg.grad(y, x, np.ones(2))
    mg.grad(y, x, np.ones(2), create_graph=True)
    assert seen == [(np.ndarray,) * 3 + ("hello",), (mg.Tensor,) * 3 + ("hello",)]


# ---------------------------------------------------------------- rules that are wrong


def test_a_rule_that_returns_a_wrong_shape_is_named():
    @mg.primitive
    def broken(x, y):
        return x @ y

    broken.defvjps(lambda g, out, x, y: g @ y.T, lambda g, out, x, y: g.T @ x)
    x, y = leaf(*range(6), shape=(2, 3)), leaf(*range(12), shape=(3, 4))
    for create_graph in (False, True):
        with pytest.raises(ValueError) as error:
            mg.grad(broken(x, y).sum(), [x, y], create_graph=create_graph)
        assert str(error.value) == ("broken: the VJP of argument 1 returned shape (4, 3), the argument has (3, 4)")


@BOTH_MODES
@pytest.mark.parametrize("wrong", [lambda g: g[0], lambda g: g[:1], lambda g: g.reshape(1, 3), lambda g: g.sum()])
def test_a_gradient_that_only_broadcasts_to_the_argument_is_refused_or_summed_rightly(wrong, create_graph):
    """(1, 3) is summed over its first axis; fewer elements than the argument has are an error."""

    @mg.primitive
    def broken(x):
        return 2.0 * x

    broken.defvjps(lambda g, out, x: wrong(2.0 * g))
    x = leaf(1.0, 2.0, 3.0)
    y = broken(x)
    if wrong(np.ones(3)).shape == (1, 3):
        assert_equal(mg.grad(y, x, np.ones(3), create_graph=create_graph)[0], [2.0, 2.0, 2.0])
    else:
        with pytest.raises(ValueError, match=r"broken: the VJP of argument 0 returned shape"):
            mg.grad(y, x, np.ones(3), create_graph=create_graph)


def test_as_many_rules_as_arguments():
    def f(x, y):
        return x * y

    with pytest.raises(TypeError, match="f: defvjps needs one function for each of 2 arguments, got 1"):
        mg.primitive(f).defvjps(lambda g, out, x, y: g * y)
    with pytest.raises(TypeError, match="f: defvjps needs one function for each of 2 arguments, got 3"):
        mg.primitive(f).defvjps(None, None, None)


def test_an_op_without_rules_gives_constants():
    @mg.primitive
    def rounded(x):
        return np.round(x)

    x = leaf(1.4, 2.6)
    assert not rounded(x).requires_grad
    (x * rounded(x)).sum().backward()
    assert_equal(x.grad, [1.0, 3.0])


def test_none_stands_for_an_argument_without_a_derivative():
    @mg.primitive
    def scaled(x, by):
        return x * by

    scaled.defvjps(lambda g, out, x, by: g * by, None)
    x, by = leaf(1.0, 2.0), leaf(3.0, 4.0)
    scaled(x, by).sum().backward()
    assert_equal(x.grad, by.data)
    assert by.grad is None
    with pytest.raises(RuntimeError, match="input 0"):
        mg.grad(scaled(x, by).sum(), by)


def test_an_exception_in_a_rule_comes_out_and_leaves_no_gradient():
    @mg.primitive
    def broken(x):
        return 2.0 * x

    def rule(g, out, x):
        raise ZeroDivisionError("in the rule")

    broken.defvjps(rule)
    x, z = leaf(1.0), leaf(1.0)
    with pytest.raises(ZeroDivisionError, match="in the rule"):
        (broken(x) + z).sum().backward()
    assert x.grad is None
    assert z.grad is None
    y = broken(x).sum()
    with pytest.raises(ZeroDivisionError), mg.no_grad():
        mg.grad(y, x, create_graph=True)
    assert (x * 2.0).requires_grad


# ---------------------------------------------------------------- stale values


def set_data(w):
    """What an optimizer does."""
    w.data = w.data - 0.1


def subtract_from_data(w):
    """The same, into the array: Python reads `w.data`, writes into it, and sets `w.data`."""
    w.data -= 0.1


def go_backward(y, x, w):
    """The raw mode, into .grad."""
    y.backward()


def take_raw_gradient(y, x, w):
    """The raw mode, by one input."""
    mg.grad(y, x)


def take_recorded_gradient(y, x, w):
    """The recorded mode."""
    mg.grad(y, x, create_graph=True)


@pytest.mark.parametrize("change", [set_data, subtract_from_data])
@pytest.mark.parametrize("walk", [go_backward, take_raw_gradient, take_recorded_gradient])
@pytest.mark.parametrize("requires_grad", [True, False], ids=["leaf", "constant"])
@pytest.mark.parametrize(
    ("f", "name", "argument"),
    [
        (lambda x, w: x * w, "mul", 1),
        (lambda x, w: w / x, "div", 0),
        (lambda x, w: mg.maximum(x, w), "maximum", 1),
        (lambda x, w: mg.einsum("i,i->i", x, w), "einsum", 1),
        (lambda x, w: mg.concatenate([x, w * x]), "mul", 0),
    ],
)
def test_a_value_replaced_between_forward_and_backward(change, walk, requires_grad, f, name, argument):
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0).requires_grad_(requires_grad)
    y = f(x, w).sum()
    change(w)
    with pytest.raises(RuntimeError) as error:
        walk(y, x, w)
    message = str(error.value)
    assert message.startswith(f"{name}: argument {argument}, of shape (2,), was given other data after the op used it")
    assert "\n" not in message
    assert x.grad is None
    f(x, w).sum().backward()  # computed again, all is well
    assert x.grad is not None


def test_backward_before_the_change_is_fine_and_so_is_a_graph_that_did_not_use_the_value():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = (x * w).sum()
    z = (x * 2.0).sum()
    y.backward()
    w.data -= 0.1
    z.backward()
    assert_equal(x.grad, [5.0, 6.0])


def test_rounds_of_an_optimizer_are_no_stale_values():
    x, w = mg.tensor(np.ones(2)), leaf(3.0, 4.0)
    for _ in range(3):
        w.grad = None
        ((x * w) ** 2).sum().backward()
        w.data -= 0.1 * w.grad
    assert_equal(w, np.array([3.0, 4.0]) * 0.8**3)


def test_the_graph_of_a_gradient_notices_too():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (g,) = mg.grad((x**2 * w).sum(), x, create_graph=True)
    w.data = w.data * 2.0
    with pytest.raises(RuntimeError, match="was given other data after the op used it"):
        g.sum().backward()


def test_data_of_a_result_cannot_be_replaced():
    x = leaf(1.0, 2.0)
    y = x * 2.0
    with pytest.raises(RuntimeError, match=r"the result of mul cannot be given other data; call detach\(\) first"):
        y.data = np.zeros(2)
    with pytest.raises(RuntimeError, match="this is a result of mul"):
        y.requires_grad = False
    with pytest.raises(ValueError, match=r"data of shape \(3,\) cannot replace data of shape \(2,\)"):
        x.data = np.zeros(3)


def test_a_gradient_without_a_graph_is_named():
    x = leaf(1.0, 2.0)
    (g,) = mg.grad((x**3).sum(), x)
    with pytest.raises(RuntimeError, match="a gradient does after create_graph=True"):
        mg.grad(g.sum(), x)
