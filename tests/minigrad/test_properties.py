"""Shapes, axes, indices and equations that nobody thought of, against NumPy and against adjoints by hand."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigrad as mg
from minigrad.backend import default_module, move, to_numpy

pytestmark = pytest.mark.usefixtures("anywhere")

shapes = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
seeds = st.integers(0, 2**16)


def numbers(seed, shape, lowest=0.5, highest=2.0):
    """Distinct numbers, away from 0."""
    return np.random.default_rng(seed).uniform(lowest, highest, shape)


def here(array):
    """An array of NumPy where new tensors are made."""
    return move(array, default_module())


def values(tensor):
    """What is in a tensor, as an array of NumPy."""
    assert isinstance(tensor.data, default_module().ndarray)
    return to_numpy(tensor.data)


def gradients(y, xs, w):
    """The gradients of both modes, which must be equal."""
    w = None if w is None else here(w)
    raw, recorded = mg.grad(y, xs, w), mg.grad(y, xs, w, create_graph=True)
    for a, b in zip(raw, recorded, strict=True):
        np.testing.assert_array_equal(values(a), values(b))
    return [values(g) for g in raw]


def check_by_differences(check, f, arrays):
    """With ``gradcheck`` or ``gradgradcheck``, in memory alone: it takes long, and rules are the same everywhere."""
    if default_module() is np:
        check(f, arrays, atol=1e-6, rtol=1e-6)


def leaves(*arrays):
    """Tensors that require gradients."""
    return [mg.Tensor(here(x), requires_grad=True) for x in arrays]


# ---------------------------------------------------------------- broadcasting

BINARY = [
    (mg.add, np.add, lambda x, y: (1.0, 1.0)),
    (mg.sub, np.subtract, lambda x, y: (1.0, -1.0)),
    (mg.mul, np.multiply, lambda x, y: (y, x)),
    (mg.div, np.divide, lambda x, y: (1.0 / y, -x / y**2)),
    (mg.pow, np.power, lambda x, y: (y * x ** (y - 1.0), x**y * np.log(x))),
    (mg.maximum, np.maximum, lambda x, y: (1.0 * (x > y), 1.0 * (y > x))),
    (mg.minimum, np.minimum, lambda x, y: (1.0 * (x < y), 1.0 * (y < x))),
    (
        lambda x, y: mg.where(x > 1.0, x, y),
        lambda x, y: np.where(x > 1.0, x, y),
        lambda x, y: (1.0 * (x > 1.0), 1.0 * (x <= 1.0)),
    ),
]


def summed_to(full, shape):
    """By the definition: each element of full is added to the element of the shape that it came from."""
    out = np.zeros(shape)
    for index in np.ndindex(full.shape):
        own = index[full.ndim - len(shape) :]
        out[tuple(0 if n == 1 else i for i, n in zip(own, shape, strict=True))] += full[index]
    return out


@pytest.mark.parametrize(("f", "reference", "partials"), BINARY, ids=[r.__name__ for _, r, _ in BINARY])
@given(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, min_side=0, max_side=3), seeds)
def test_broadcasting_is_undone(f, reference, partials, shapes, seed):
    x, y = (numbers((seed, i), shape) for i, shape in enumerate(shapes.input_shapes))
    a, b = leaves(x, y)
    out = f(a, b)
    np.testing.assert_allclose(values(out), reference(x, y), rtol=1e-13, strict=False)
    assert out.shape == shapes.result_shape
    w = numbers((seed, 2), out.shape)
    for got, partial, value in zip(gradients(out, [a, b], w), partials(x, y), (x, y), strict=True):
        assert got.shape == value.shape
        np.testing.assert_allclose(got, summed_to(w * partial, value.shape), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("anywhere", ["numpy"], indirect=True)
@given(hnp.mutually_broadcastable_shapes(num_shapes=3, max_dims=3, max_side=3), seeds)
def test_second_derivatives_of_what_broadcasts(shapes, seed):
    arrays = [numbers((seed, i), shape) for i, shape in enumerate(shapes.input_shapes)]
    assume(sum(x.size for x in arrays) <= 30)
    mg.gradgradcheck(lambda x, y, z: x * y / z, arrays, atol=1e-6, rtol=1e-6)


# ---------------------------------------------------------------- reductions

REDUCTIONS = [
    (mg.sum, np.sum),
    (mg.mean, np.mean),
    (mg.max, np.max),
    (mg.min, np.min),
    (mg.var, lambda x, axis, keepdims: np.var(x, axis, keepdims=keepdims, ddof=1)),
    (mg.std, lambda x, axis, keepdims: np.std(x, axis, keepdims=keepdims, ddof=1)),
    (mg.logsumexp, lambda x, axis, keepdims: np.log(np.exp(x).sum(axis, keepdims=keepdims))),
]


@st.composite
def arrays_and_axes(draw):
    """A shape, and axes of it in any order, counted from either end: None, one, or several."""
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4))
    axes = draw(st.lists(st.integers(0, len(shape) - 1), unique=True, min_size=1))
    axes = tuple(a - len(shape) * draw(st.booleans()) for a in axes)
    return shape, draw(st.sampled_from([None, axes[0], axes]))


@pytest.mark.parametrize(("f", "reference"), REDUCTIONS, ids=[f.__name__ for f, _ in REDUCTIONS])
@given(arrays_and_axes(), st.booleans(), seeds)
def test_reductions_along_any_axes(f, reference, shape_and_axes, keepdim, seed):
    shape, axes = shape_and_axes
    count = math.prod(shape[a] for a in (range(len(shape)) if axes is None else np.atleast_1d(axes)))
    assume(count > 1 or f not in (mg.var, mg.std))
    x = numbers(seed, shape)
    (a,) = leaves(x)
    out = f(a, axes, keepdim)
    np.testing.assert_allclose(values(out), reference(x, axis=axes, keepdims=keepdim), rtol=1e-11)
    v, step = numbers((seed, 1), shape, -1.0, 1.0), 1e-6
    w = numbers((seed, 2), out.shape, -1.0, 1.0)
    (g,) = gradients(out, [a], w)
    ahead, behind = (reference(x + s * v, axis=axes, keepdims=keepdim) for s in (step, -step))
    np.testing.assert_allclose((g * v).sum(), (w * (ahead - behind)).sum() / (2 * step), rtol=1e-5, atol=1e-7)


# ---------------------------------------------------------------- indexing


@st.composite
def arrays_and_indices(draw):
    """A shape and what NumPy takes between brackets: slices and integers with `...` and None, or arrays of them."""
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=5))
    basic = hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True)
    integers = hnp.integer_array_indices(shape, result_shape=hnp.array_shapes(min_dims=0, max_dims=2, max_side=4))
    masks = hnp.arrays(bool, shape)
    mixed = st.tuples(
        *(
            st.one_of(
                st.just(slice(None)),
                st.integers(-n, n - 1),
                st.lists(st.integers(-n, n - 1), min_size=2, max_size=2),
                st.lists(st.integers(-n, n - 1), min_size=2, max_size=2).map(np.array),
            )
            for n in shape
        )
    )
    return shape, draw(st.one_of(basic, integers, masks, mixed))


@given(arrays_and_indices(), seeds)
def test_indexing_and_its_adjoint(shape_and_index, seed):
    """The gradient, by hand: each element of the result adds its weight to the element that it was taken from."""
    shape, index = shape_and_index
    x = numbers(seed, shape)
    (a,) = leaves(x)
    out = a[index]
    np.testing.assert_array_equal(values(out), x[index], strict=False)
    assert out.shape == np.shape(x[index])
    w = numbers((seed, 1), out.shape)
    came_from = np.asarray(np.arange(x.size).reshape(shape)[index]).reshape(-1)
    expected = np.bincount(came_from, weights=w.reshape(-1), minlength=x.size).reshape(shape)
    np.testing.assert_allclose(gradients(out, [a], w)[0], expected, rtol=1e-12)


@given(arrays_and_indices(), seeds)
def test_the_derivative_of_indexing_is_linear_in_the_gradient(shape_and_index, seed):
    shape, index = shape_and_index
    (a,) = leaves(numbers(seed, shape))
    out = a[index]
    w, u = numbers((seed, 1), out.shape), numbers((seed, 2), shape)
    (tensor,) = leaves(w)
    (g,) = mg.grad(out, a, tensor, create_graph=True)
    np.testing.assert_array_equal(values(mg.grad(g, tensor, here(u))[0]), np.asarray(u[index]))


# ---------------------------------------------------------------- shaping


@given(shapes, seeds, st.data())
def test_permutations_and_reshapes(shape, seed, data):
    x = numbers(seed, shape)
    order = data.draw(st.permutations(range(len(shape))))
    flat = data.draw(st.permutations([*x.transpose(order).shape]))
    order = [i - len(shape) * data.draw(st.booleans()) for i in order]
    (a,) = leaves(x)
    out = a.permute(order).reshape(flat)
    np.testing.assert_array_equal(values(out), x.transpose(order).reshape(flat))
    w = numbers((seed, 1), out.shape)
    places = np.arange(x.size).reshape(shape).transpose(order).reshape(-1)
    expected = np.empty(x.size)
    expected[places] = w.reshape(-1)
    np.testing.assert_array_equal(gradients(out, [a], w)[0], expected.reshape(shape))


@given(hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=3), seeds, st.data())
def test_joining_and_splitting(shape, seed, data):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    sizes = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=4))
    parts = [
        numbers((seed, i), [n if j == axis % len(shape) else m for j, m in enumerate(shape)])
        for i, n in enumerate(sizes)
    ]
    tensors = leaves(*parts)
    out = mg.concatenate(tensors, axis)
    np.testing.assert_array_equal(values(out), np.concatenate(parts, axis))
    w = numbers((seed, 9), out.shape)
    for g, expected in zip(gradients(out, tensors, w), np.split(w, np.cumsum(sizes)[:-1], axis), strict=True):
        np.testing.assert_array_equal(g, expected)


@given(hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=3), seeds, st.data())
def test_padding_and_cutting(shape, seed, data):
    count = data.draw(st.integers(0, len(shape)))
    pad = data.draw(st.lists(st.integers(0, 2), min_size=2 * count, max_size=2 * count))
    widths = [(0, 0)] * (len(shape) - count) + [tuple(pad[2 * i : 2 * i + 2]) for i in reversed(range(count))]
    x = numbers(seed, shape)
    (a,) = leaves(x)
    out = mg.pad(a, pad, value=-7.0)
    np.testing.assert_array_equal(values(out), np.pad(x, widths, constant_values=-7.0))
    w = numbers((seed, 1), out.shape)
    inside = tuple(slice(before, before + n) for (before, _), n in zip(widths, shape, strict=True))
    np.testing.assert_array_equal(gradients(out, [a], w)[0], w[inside])


# ---------------------------------------------------------------- products


@st.composite
def equations(draw):
    """An equation of one to three operands of up to three letters, with repeats, and shapes to match."""
    sizes = {letter: draw(st.integers(1, 3)) for letter in "abcd"}
    terms = draw(st.lists(st.text("abcd", max_size=3), min_size=1, max_size=3))
    present = sorted(set("".join(terms)))
    output = "".join(draw(st.permutations(present))[: draw(st.integers(0, len(present)))])
    implicit = draw(st.booleans())
    return ",".join(terms) + ("" if implicit else f"->{output}"), [tuple(sizes[c] for c in term) for term in terms]


@given(equations(), seeds)
def test_einsum(equation_and_shapes, seed):
    equation, shapes = equation_and_shapes
    arrays = [numbers((seed, i), shape) for i, shape in enumerate(shapes)]
    tensors = leaves(*arrays)
    out = mg.einsum(equation, *tensors)
    np.testing.assert_allclose(values(out), np.einsum(equation, *arrays), rtol=1e-12)
    w = numbers((seed, 9), out.shape)
    gradients(out, tensors, w)
    check_by_differences(mg.gradcheck, lambda *xs: mg.einsum(equation, *xs), arrays)
    if sum(x.size for x in arrays) <= 20:
        check_by_differences(mg.gradgradcheck, lambda *xs: mg.einsum(equation, *xs), arrays)


@given(equations(), st.integers(1, 3), st.lists(st.booleans(), min_size=3, max_size=3), seeds)
def test_einsum_with_ellipsis(equation_and_shapes, batch, dotted, seed):
    """With `...` before the letters of some operands: a new axis, which broadcasts."""
    equation, shapes = equation_and_shapes
    terms, arrow, output = equation.partition("->")
    assume(arrow)
    terms = terms.split(",")
    dotted = dotted[: len(terms)]
    equation = ",".join("..." * d + t for t, d in zip(terms, dotted, strict=True)) + "->..." + output
    assume(any(dotted))
    shapes = [(batch, *s) if d else s for s, d in zip(shapes, dotted, strict=True)]
    arrays = [numbers((seed, i), shape) for i, shape in enumerate(shapes)]
    out = mg.einsum(equation, *leaves(*arrays))
    np.testing.assert_allclose(values(out), np.einsum(equation, *arrays), rtol=1e-12)
    check_by_differences(mg.gradcheck, lambda *xs: mg.einsum(equation, *xs), arrays)


@given(
    hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=2, max_side=3),
    *[st.integers(0, 3) for _ in range(3)],
    st.booleans(),
    st.booleans(),
    seeds,
)
def test_matmul(batches, n, k, m, row, column, seed):
    """Adjoints by NumPy's einsum, summed over the axes that broadcast; a 1-D argument is a row or a column."""
    first, second = batches.input_shapes
    x = numbers((seed, 0), (k,) if row else (*first, n, k))
    y = numbers((seed, 1), (k,) if column else (*second, k, m))
    tensors = leaves(x, y)
    out = mg.matmul(*tensors)
    np.testing.assert_allclose(values(out), np.matmul(x, y), rtol=1e-12)
    w = numbers((seed, 2), out.shape)
    full_w = w
    if column:
        full_w = full_w[..., None]
    if row:
        full_w = full_w[..., None, :]
    full_x, full_y = x[None] if row else x, y[:, None] if column else y
    by_x = summed_to(full_w @ np.swapaxes(full_y, -1, -2), full_x.shape).reshape(x.shape)
    by_y = summed_to(np.swapaxes(full_x, -1, -2) @ full_w, full_y.shape).reshape(y.shape)
    for g, expected in zip(gradients(out, tensors, w), (by_x, by_y), strict=True):
        np.testing.assert_allclose(g, expected, rtol=1e-12, atol=1e-14)


# ---------------------------------------------------------------- laws


@given(seeds, st.integers(1, 4), st.integers(1, 4))
def test_the_hessian_is_symmetric_and_hvp_is_its_product(seed, n, m):
    w = numbers(seed, (n, m), -1.0, 1.0)

    def f(x):
        return (mg.tanh(x @ here(w)) ** 2).sum() + mg.logsumexp(x) * x.mean()

    x, v = numbers((seed, 1), n, -1.0, 1.0), numbers((seed, 2), n, -1.0, 1.0)
    h = values(mg.hessian(f, here(x)))
    np.testing.assert_allclose(h, h.T, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(values(mg.hvp(f, here(x), here(v))), h @ v, rtol=1e-10, atol=1e-12)


@given(seeds, st.lists(st.integers(0, 2), min_size=1, max_size=12))
def test_gradients_add_up_however_a_value_is_used(seed, uses):
    """A value used many times gets the sum of what it would get from each use alone."""
    functions = [mg.exp, mg.sin, lambda x: x * x]
    x = numbers(seed, 3)
    (a,) = leaves(x)
    together = sum((functions[k](a) for k in uses), 0.0)
    alone = [gradients(functions[k](a), [a], np.ones(3))[0] for k in uses]
    np.testing.assert_allclose(gradients(together, [a], np.ones(3))[0], sum(alone), rtol=1e-12)


@given(seeds, st.lists(st.sampled_from("xy"), min_size=2, max_size=8))
def test_a_product_of_powers(seed, letters):
    """Written as one multiplication after another, in any order: n x ** (n - 1) y ** m."""
    x, y = leaves(numbers((seed, 0), ()), numbers((seed, 1), ()))
    assume(set(letters) == {"x", "y"})
    out = None
    for letter in letters:
        factor = x if letter == "x" else y
        out = factor if out is None else out * factor
    n, m = letters.count("x"), letters.count("y")
    by_x, by_y = gradients(out, [x, y], None)
    x, y = values(x), values(y)
    np.testing.assert_allclose(by_x, n * x ** (n - 1) * y**m, rtol=1e-12)
    np.testing.assert_allclose(by_y, m * y ** (m - 1) * x**n, rtol=1e-12)


@given(st.lists(st.integers(0, 2), min_size=2, max_size=6), seeds)
def test_grad_by_some_inputs_is_the_same_as_by_all(uses, seed):
    """Leaving out what is not asked for changes no number."""
    tensors = leaves(*(numbers((seed, i), 2) for i in range(3)))
    out = tensors[uses[0]]
    for k in uses[1:]:
        out = mg.sin(out) * tensors[k] + out
    every = mg.grad(out.sum(), tensors, materialize_grads=True)
    for chosen in itertools.combinations(range(3), 2):
        some = mg.grad(out.sum(), [tensors[k] for k in chosen], materialize_grads=True)
        for k, g in zip(chosen, some, strict=True):
            np.testing.assert_array_equal(values(g), values(every[k]))
