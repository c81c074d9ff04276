"""What must hold for every op: its value, its derivatives of two orders, its types; op_table.py has the ops."""

import importlib
import operator
import pkgutil
import types

import numpy as np
import op_table
import pytest

import minigrad as mg
import minigrad.autograd
import minigrad.nn.functional as F
import minigrad.ops

each_call = pytest.mark.parametrize(("row", "call"), op_table.params())
each_differentiable_call = pytest.mark.parametrize(("row", "call"), op_table.params(differentiable=True))
FLOATS = [np.float32, np.float64]


def leaves(call, dtype=np.float64):
    """The arrays of a call as Tensors that require gradients; the arrays are not copied where the type is the same."""
    return [mg.Tensor(x.astype(dtype, copy=False), requires_grad=True) for x in call.arrays]


def weight_for(y, dtype=None):
    """Random numbers by which the elements of y are added up: ones would hide what sums to nothing."""
    return np.random.default_rng(7).standard_normal(y.shape).astype(dtype or y.dtype)


def two_orders(row, call, dtype):
    """The result, its gradients, and the gradients of a weighted sum of those, by all inputs and by the weight."""
    xs = leaves(call, dtype)
    y = row.op(*xs, **call.options)
    w = mg.Tensor(weight_for(y), requires_grad=True)
    first = mg.grad(y, xs, w, create_graph=True)
    second = mg.grad(first, [*xs, w], [weight_for(g) for g in first], materialize_grads=True)
    return y, first, second


# ---------------------------------------------------------------- numbers


@each_call
def test_value_is_numpys(row, call):
    expected = row.numpy(*call.arrays, **call.options)
    y = row.op(*leaves(call), **call.options)
    assert isinstance(y, mg.Tensor)
    assert isinstance(y.data, np.ndarray)
    assert y.requires_grad == row.differentiable
    np.testing.assert_allclose(y.data, np.asarray(expected), rtol=1e-12, atol=1e-14, strict=True)


@each_call
def test_raw_arrays_in_raw_arrays_out(row, call):
    y = row.op(*call.arrays, **call.options)
    assert isinstance(y, np.ndarray | np.generic)
    np.testing.assert_array_equal(y, row.op(*leaves(call), **call.options).data)


@each_differentiable_call
def test_first_derivatives_agree_with_numbers(row, call):
    report = mg.gradcheck(lambda *xs: row.op(*xs, **call.options), call.arrays, atol=1e-7, rtol=1e-6)
    assert report.compared == sum(x.size for x in call.arrays)
    assert not report.at_kinks


@each_differentiable_call
def test_second_derivatives_agree_with_numbers(row, call):
    report = mg.gradgradcheck(lambda *xs: row.op(*xs, **call.options), call.arrays, atol=1e-6, rtol=1e-6)
    assert not report.at_kinks


@pytest.mark.parametrize(("row", "call"), op_table.params("ties"))
def test_ties_are_reported_as_kinks(row, call):
    mg.gradcheck(lambda *xs: row.op(*xs, **call.options), call.arrays, atol=1e-5)


# ---------------------------------------------------------------- types and modes


def refuse_to_cast(g, *, dtype):
    """In the place of the cast by which the engine would hide that a rule computed in float64, in twice the memory."""
    raise AssertionError(f"a gradient of {g.dtype} must be cast to {dtype}")


@each_call
def test_float32_stays_float32(row, call, monkeypatch):
    monkeypatch.setattr(minigrad.autograd, "astype", refuse_to_cast)
    if not row.differentiable:
        y = row.op(*leaves(call, np.float32), **call.options)
        assert y.dtype == row.numpy(*(x.astype(np.float32) for x in call.arrays), **call.options).dtype
        return
    y, first, second = two_orders(row, call, np.float32)
    xs = leaves(call, np.float32)
    assert row.op(*(x.data for x in xs), **call.options).dtype == np.float32
    raw = mg.grad(row.op(*xs, **call.options), xs, weight_for(y))
    assert {t.dtype for t in (y, *first, *second, *raw)} == {np.dtype(np.float32)}


@each_differentiable_call
def test_float32_gradients_are_those_of_float64(row, call):
    single, double = two_orders(row, call, np.float32), two_orders(row, call, np.float64)
    for a, b in zip([*single[1], *single[2]], [*double[1], *double[2]], strict=True):
        np.testing.assert_allclose(a.data, b.data, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("row", "call"), [*op_table.params(differentiable=True), *op_table.params("ties")])
@pytest.mark.parametrize("dtype", FLOATS)
def test_both_modes_give_the_same_bits(row, call, dtype):
    xs = leaves(call, dtype)
    y = row.op(*xs, **call.options)
    w = weight_for(y)
    raw, recorded = mg.grad(y, xs, w), mg.grad(y, xs, w, create_graph=True)
    y.backward(w)
    for x, a, b in zip(xs, raw, recorded, strict=True):
        assert a.shape == b.shape == x.grad.shape == x.shape
        assert np.array_equal(a.data, b.data)
        assert np.array_equal(a.data, x.grad)


# ---------------------------------------------------------------- memory layouts


def fortran(x):
    """Columns first, which is also how a transposed matrix lies."""
    return x.copy(order="F")


def strided(x):
    """Negative strides, over every second element of a larger array."""
    return np.flip(np.repeat(np.flip(x), 2, axis=-1)[..., ::2]) if x.ndim else x


@each_call
def test_memory_layout_does_not_matter(row, call):
    def everything(arrays):
        call_of_them = op_table.Call(arrays, call.options)
        if not row.differentiable:
            return [row.op(*leaves(call_of_them), **call.options)]
        y, first, second = two_orders(row, call_of_them, np.float64)
        return [y, *first, *second]

    expected = everything(call.arrays)
    for layout in (fortran, strided):
        for got, right in zip(everything(tuple(map(layout, call.arrays))), expected, strict=True):
            np.testing.assert_allclose(got.data, right.data, rtol=1e-12, atol=1e-13, strict=True)


@each_differentiable_call
def test_inputs_and_gradient_are_left_alone(row, call):
    """The table's arrays refuse to be written; the gradient that comes in, and the options, must stay too."""
    xs = leaves(call)
    options = {k: np.array(v, copy=True) for k, v in call.options.items() if isinstance(v, np.ndarray)}
    y = row.op(*xs, **call.options)
    w = weight_for(y)
    w.setflags(write=False)
    value = y.data.copy()
    y.backward(w)
    mg.grad(y, xs, w, create_graph=True)
    np.testing.assert_array_equal(y.data, value)
    for k, v in options.items():
        np.testing.assert_array_equal(call.options[k], v)
    for x in xs:
        assert not any(np.shares_memory(x.grad, other) for other in (w, y.data, *(z.data for z in xs)))
        x.grad += 1.0


# ---------------------------------------------------------------- constants beside a float32 tensor

NEAR_ONE = np.float32([1.0, 1.5, 2.0])
OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, mg.maximum, mg.minimum]
CONSTANTS = [
    2,
    2.5,
    True,
    np.float64(2.5),
    np.sqrt(2),
    np.int64(2),
    np.array([1, 2, 3]),
    np.array([True, True, True]),
    np.float32([0.5, 1.5, 2.5]),
    mg.tensor([1, 2, 3]),
]


@pytest.mark.parametrize("f", OPERATORS)
@pytest.mark.parametrize("constant", CONSTANTS, ids=repr)
@pytest.mark.parametrize("reverse", [False, True])
def test_constants_do_not_widen_float32(f, constant, reverse):
    x = mg.Tensor(NEAR_ONE, requires_grad=True)

    def op(x):
        return f(constant, x) if reverse else f(x, constant)

    y = op(x)
    raw = constant.data if isinstance(constant, mg.Tensor) else constant
    double = NEAR_ONE.astype(np.float64)
    reference = {mg.maximum: np.maximum, mg.minimum: np.minimum}.get(f, f)
    expected = reference(raw, double) if reverse else reference(double, raw)
    assert isinstance(y, mg.Tensor)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.data, expected, rtol=1e-6)
    for create_graph in (False, True):
        (g,) = mg.grad(op(x).sum(), x, create_graph=create_graph)
        assert g.dtype == np.float32
    if f not in (mg.maximum, mg.minimum):  # which have kinks where the numbers are equal
        mg.gradcheck(op, double, atol=1e-7, rtol=1e-6)
        mg.gradgradcheck(op, double, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("f", [operator.add, operator.mul, mg.maximum, mg.matmul, lambda x, y: mg.einsum("i,i", x, y)])
def test_lists_take_the_type_of_the_tensor_beside_them(f):
    for dtype in FLOATS:
        x = mg.Tensor(NEAR_ONE.astype(dtype), requires_grad=True)
        for y in (f(x, [0.1, 0.2, 0.3]), f([0.1, 0.2, 0.3], x)):
            assert y.dtype == dtype
        np.testing.assert_array_equal(y.data, f(np.array([0.1, 0.2, 0.3], dtype), x.data))


def test_lists_are_joined_with_tensors():
    x = mg.Tensor(NEAR_ONE, requires_grad=True)
    assert mg.concatenate([x, [0.5, 1]]).dtype == np.float32
    assert mg.stack([x, [1, 2, 3]]).shape == (2, 3)
    assert mg.stack([x.sum(), 1.0]).data.tolist() == [4.5, 1.0]


@pytest.mark.parametrize(
    "f", [lambda x, y: x * y, lambda x, y: y + x, lambda x, y: x @ y, lambda x, y: mg.where(x > 1, x, y)]
)
def test_float64_arrays_beside_float32_give_float64_as_in_numpy(f):
    x = mg.Tensor(NEAR_ONE, requires_grad=True)
    y = f(x, np.array([0.1, 0.2, 0.3]))
    assert y.dtype == np.float64
    for create_graph in (False, True):
        assert mg.grad(y.sum(), x, create_graph=create_graph)[0].dtype == np.float32


def test_integer_tensors_alone():
    t = mg.tensor([1, 2, 4])
    assert (t + t).dtype == np.int64
    assert (t * 2).dtype == np.int64
    assert t.sum().dtype == np.int64
    for y in (t / 2, t * 0.5, t.mean(), mg.exp(t), mg.sqrt(t), mg.sigmoid(t), t**0.5):
        assert y.dtype == np.float32
    for y in (t.double(), t.to(np.float64), (t > 1).double(), t / np.array([1.0, 2.0, 4.0])):
        assert y.dtype == np.float64


@pytest.mark.parametrize("choose", [(0.0, "x"), ("x", 0.0), (1, "x"), (np.float64(1.5), "x"), (0.5, 2.0)])
def test_where_takes_numbers_beside_a_condition_that_is_a_tensor(choose):
    x = mg.Tensor(np.float32([-1.0, 2.0]), requires_grad=True)
    a, b = (x if c == "x" else c for c in choose)
    y = mg.where(x > 0, a, b)
    raw = [c.data if isinstance(c, mg.Tensor) else c for c in (a, b)]
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y.data, np.where(x.data > 0, *raw))


# ---------------------------------------------------------------- values that need care


def test_no_overflow_and_no_warning_far_out():
    """Warnings are errors here."""
    x = np.array([-1000.0, -50.0, 0.0, 50.0, 1000.0])
    np.testing.assert_allclose(mg.sigmoid(x), [0.0, np.exp(-50), 0.5, 1.0, 1.0], rtol=1e-14, atol=1e-300)
    np.testing.assert_allclose(mg.softplus(x), [0.0, np.exp(-50), np.log(2), 50.0, 1000.0], rtol=1e-14, atol=1e-300)
    np.testing.assert_allclose(mg.elu(x), [-1.0, -1.0, 0.0, 50.0, 1000.0])
    np.testing.assert_allclose(mg.logsumexp(x), 1000.0)
    np.testing.assert_allclose(mg.softmax(x, 0), [0, 0, 0, 0, 1], atol=1e-300)
    np.testing.assert_allclose(mg.log_softmax(x, 0), x - 1000.0)
    loss = F.binary_cross_entropy_with_logits(x, np.array([0.0, 0.0, 1.0, 1.0, 1.0]), reduction="none")
    np.testing.assert_allclose(loss, [0.0, np.exp(-50), np.log(2), np.exp(-50), 0.0], rtol=1e-14, atol=1e-300)
    t = mg.Tensor(x, requires_grad=True)
    for f in (mg.sigmoid, mg.softplus, mg.tanh, mg.elu, mg.logsumexp, mg.relu):
        (g,) = mg.grad(f(t).sum(), t, create_graph=True)
        (gg,) = mg.grad(g.sum(), t, materialize_grads=True)
        assert np.isfinite(g.data).all()
        assert np.isfinite(gg.data).all()


def test_logsumexp_of_infinities():
    assert mg.logsumexp(np.array([-np.inf, 0.0])) == 0.0
    assert mg.logsumexp(np.array([np.inf, 0.0])) == np.inf


def test_functions_are_accurate_near_zero():
    for f, reference in [(mg.expm1, np.expm1), (mg.log1p, np.log1p)]:
        np.testing.assert_allclose(f(np.array([1e-12])), reference(1e-12), rtol=1e-15)
    x = mg.Tensor(np.array([-40.0, -20.0]), requires_grad=True)
    np.testing.assert_allclose(mg.grad(mg.softplus(x).sum(), x)[0].data, np.exp(x.data), rtol=1e-8)


def test_the_mean_of_nothing_is_not_a_number():
    assert np.isnan(mg.tensor(np.zeros((0, 3))).mean().item())


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0, 3.0])
def test_powers_of_zero(exponent):
    """No nan comes from the logarithm of 0 or from 0 ** -1, in any mode."""
    x = mg.Tensor(np.array([0.0, 2.0]), requires_grad=True)
    y = mg.Tensor(np.array([exponent, exponent]), requires_grad=True)
    by_x, by_y = mg.grad((x**y).sum(), [x, y], create_graph=True)
    np.testing.assert_allclose(by_x.data, [exponent * 0.0 ** (exponent - 1) if exponent else 0.0,
                                           exponent * 2.0 ** (exponent - 1)])  # fmt: skip
    np.testing.assert_allclose(by_y.data, [0.0, 2.0**exponent * np.log(2)])


def test_mixed_derivatives_of_a_power_agree_where_the_exponent_is_zero():
    """d/dy of y x ** (y - 1) is 1 / x there, and so is d/dx of x ** y log x."""
    x = mg.Tensor(np.array([0.5, 2.0, 3.0]), requires_grad=True)
    y = mg.Tensor(np.zeros(3), requires_grad=True)
    by_x, by_y = mg.grad((x**y).sum(), [x, y], create_graph=True)
    np.testing.assert_allclose(mg.grad(by_x.sum(), y)[0].data, 1.0 / x.data)
    np.testing.assert_allclose(mg.grad(by_y.sum(), x)[0].data, 1.0 / x.data)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_ties_share_evenly_to_the_last_bit_in_both_modes(count):
    for f in (mg.max, mg.min):
        x = mg.Tensor(np.full(count, 2.0), requires_grad=True)
        for create_graph in (False, True):
            np.testing.assert_array_equal(
                mg.grad(f(x), x, create_graph=create_graph)[0].data, np.full(count, 1 / count)
            )


def test_no_gradient_passes_through_integers():
    """A cast to integers is a staircase: its derivative is 0, and not the 1 that two casts in a row might suggest."""
    x = mg.Tensor(np.float32([1.5, 2.5]), requires_grad=True)
    for dtype in (np.int64, np.int32, bool):
        steps = x.to(dtype)
        assert steps.dtype == dtype
        assert not steps.requires_grad
    (g,) = mg.grad((x * x.to(np.int64)).sum(), x)
    np.testing.assert_array_equal(g.data, [1.0, 2.0])


def test_gradients_pass_between_float_types():
    x = mg.Tensor(np.float32([1.5, 2.5]), requires_grad=True)
    y = (x.double() ** 3).sum()
    assert y.dtype == np.float64
    (g,) = mg.grad(y, x, create_graph=True)
    (gg,) = mg.grad(g.sum(), x)
    assert g.dtype == gg.dtype == np.float32
    np.testing.assert_allclose(g.data, [6.75, 18.75])
    np.testing.assert_allclose(gg.data, [9.0, 15.0])
    assert x.float() is x


def test_an_array_used_as_index_may_change_afterwards():
    index = np.array([0, 1])
    x = mg.Tensor(np.zeros(3), requires_grad=True)
    y = x[index].sum()
    index[:] = 2
    np.testing.assert_array_equal(mg.grad(y, x)[0].data, [1.0, 1.0, 0.0])


def test_tensors_as_index():
    x = mg.Tensor(np.arange(4.0), requires_grad=True)
    np.testing.assert_array_equal(x[mg.tensor([1, 1, 3])].data, [1.0, 1.0, 3.0])
    np.testing.assert_array_equal(x[x > 1].data, [2.0, 3.0])
    np.testing.assert_array_equal(mg.grad(x[mg.tensor([1, 1, 3])].sum(), x)[0].data, [0.0, 2.0, 0.0, 1.0])
    assert x[mg.tensor(2)].item() == 2.0


# ---------------------------------------------------------------- names


METHODS = [
    name for name in vars(mg.Tensor) if name[0] != "_" and callable(getattr(mg, name, None)) and name != "grad"
] + ["clamp"]
ARGUMENTS = {
    "maximum": (0.5,),
    "minimum": (0.5,),
    "clip": (0.1, 0.9),
    "clamp": (0.1, 0.9),
    "pow": (2,),
    "softmax": (0,),
    "log_softmax": (-1,),
    "broadcast_to": (2, 3, 3),
    "flip": (0,),
    "permute": (1, 0),
    "reshape": (9,),
    "transpose": (0, 1),
    "unsqueeze": (0,),
    "matmul": (np.float32([1.0, 2.0, 3.0]),),
}


@pytest.mark.parametrize("name", METHODS)
def test_methods_are_the_functions(name):
    x = mg.Tensor(np.random.default_rng(0).uniform(0.1, 0.9, (3, 3)).astype(np.float32), requires_grad=True)
    arguments = ARGUMENTS.get(name, ())
    function = getattr(mg, "clip" if name == "clamp" else name)
    np.testing.assert_array_equal(getattr(x, name)(*arguments).data, function(x, *arguments).data)


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "var", "std", "logsumexp"])
def test_numpys_names_for_the_options_of_reductions(name):
    x = mg.Tensor(op_table.distinct(2, 3, 4))
    f = getattr(mg, name)
    np.testing.assert_array_equal(f(x, axis=(0, 2), keepdims=True).data, f(x, dim=(0, 2), keepdim=True).data)


def test_axis_is_another_name_for_dim_when_joining():
    x = mg.Tensor(op_table.normal(2, 3))
    for f in (mg.concatenate, mg.stack):
        np.testing.assert_array_equal(f([x, x], axis=1).data, f([x, x], dim=1).data)


# ---------------------------------------------------------------- no op without a row


def graph(outputs):
    """All results of ops behind the outputs."""
    found, waiting = set(), list(outputs)
    while waiting:
        node = waiting.pop()
        if isinstance(node, mg.Tensor) and node.op is not None and node not in found:
            found.add(node)
            waiting.extend(node.args)
    return found


def rules_that_rows_use():
    """Each op and the number of an argument by which some row differentiates it, there or in its gradient."""
    used = set()
    for row in op_table.ROWS:
        if not row.differentiable:
            used.add((row.covers or row.op, 0))
            continue
        for call in row.calls:
            y, first, _ = two_orders(row, call, np.float64)
            for node in graph([y, *first]):
                used |= {(node.op, i) for i, a in enumerate(node.args) if isinstance(a, mg.Tensor) and a.requires_grad}
    return used


def modules_of_ops():
    """All of minigrad.ops, and the functions of the layers."""
    found = pkgutil.iter_modules(minigrad.ops.__path__, "minigrad.ops.")
    return [F, *(importlib.import_module(module.name) for module in found)]


def test_every_primitive_has_a_row_that_uses_each_of_its_rules():
    used = rules_that_rows_use()
    needed = [
        (f"{name}, argument {i}", (op, i))
        for name, op in op_table.primitives(*modules_of_ops()).items()
        for i, vjp in enumerate(op.vjps if isinstance(op.vjps, tuple) else [op.vjps])
        if vjp is not None or op.vjps is None
    ]
    missing = [what for what, rule in needed if rule not in used]
    assert not missing, f"tests/op_table.py has no row for {missing}"


def test_a_primitive_without_a_row_would_be_found():
    @mg.primitive
    def cube(x):
        return x**3

    module = types.SimpleNamespace(__name__=__name__, cube=cube)
    assert list(op_table.primitives(module)) == [f"{__name__}.cube"]
    assert (cube, 0) not in rules_that_rows_use()
