"""The same numbers as PyTorch: op by op, at ties, and for random graphs of many ops, in two orders of derivatives."""

import types

import numpy as np
import op_table
import pytest

import minigrad as mg
import minigrad.nn.functional as F
from minigrad.ops import elementwise, linalg, reduction, shaping

torch = pytest.importorskip("torch")


def assert_close(got, expected):
    """Equal to 9 digits, relative to each number or to the largest of the array."""
    largest = np.abs(expected).max(initial=0.0)
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12 * max(1.0, largest), equal_nan=False)


def both(arrays):
    """The same numbers as Tensors and as tensors of PyTorch."""
    ours = [mg.Tensor(x, requires_grad=True) for x in arrays]
    return ours, [torch.tensor(x, requires_grad=True) for x in arrays]


def torch_grad(y, xs, w):
    """PyTorch's gradient, zeros where there is none; it refuses outputs that depend on nothing."""
    if not y.requires_grad:
        return [torch.zeros_like(x) for x in xs]
    return torch.autograd.grad(y, xs, w, create_graph=True, materialize_grads=True)


def assert_same_derivatives(ours, theirs, f, g, second_order=True):
    """f of our leaves and g of theirs: the value, the gradients, and those of a weighted sum of the gradients."""
    y, z = f(*ours), g(*theirs)
    assert y.shape == tuple(z.shape)
    assert_close(y.data, z.numpy(force=True))
    rng = np.random.default_rng(3)
    (w,), (v,) = both([rng.standard_normal(y.shape)])
    first = mg.grad(y, ours, w, create_graph=True, materialize_grads=True)
    first_of_torch = torch_grad(z, theirs, v)
    for a, b in zip(first, first_of_torch, strict=True):
        assert_close(a.data, b.numpy(force=True))
    if second_order:
        weights = [rng.standard_normal(x.shape) for x in ours]
        s = sum((a * u).sum() for a, u in zip(first, weights, strict=True))
        t = sum((b * torch.tensor(u)).sum() for b, u in zip(first_of_torch, weights, strict=True))
        second = mg.grad(s, [*ours, w], materialize_grads=True)
        for a, b in zip(second, torch_grad(t, [*theirs, v], None), strict=True):
            assert_close(a.data, b.numpy(force=True))


# ---------------------------------------------------------------- op by op

#: By these targets PyTorch does not differentiate twice; test_ops.py does.
ONCE_ONLY = {"binary_cross_entropy"}


IN_TORCH = [parameter for parameter in op_table.params(differentiable=True) if parameter.values[0].torch is not None]


@pytest.mark.parametrize(("row", "call"), IN_TORCH)
def test_op(row, call):
    ours, theirs = both(call.arrays)
    assert_same_derivatives(
        ours,
        theirs,
        lambda *xs: row.op(*xs, **call.options),
        lambda *xs: row.oracle(*xs, **call.options),
        second_order=row.name not in ONCE_ONLY,
    )


@pytest.mark.parametrize(("row", "call"), op_table.params("ties"))
def test_ties(row, call):
    """max and maximum share the gradient, relu and abs have none at 0, clip passes it at its bounds."""
    test_op(row, call)


@pytest.mark.parametrize(("row", "call"), op_table.params(differentiable=False))
def test_op_without_derivative(row, call):
    ours, theirs = both(call.arrays)
    y = row.op(*ours, **call.options)
    np.testing.assert_array_equal(y.data, row.oracle(*theirs, **call.options).detach())


# ---------------------------------------------------------------- random graphs


def shared_max(x, dim=None, keepdim=False):
    """amax, whose gradient is shared in float64: for three that tie, PyTorch's own has 1 / 3 in float32."""
    dim = tuple(range(x.ndim)) if dim is None else dim
    largest = torch.amax(x, dim, keepdim=True).detach()
    wins = (x == largest).double()
    share = (x * wins).sum(dim, keepdim) / wins.sum(dim, keepdim)
    return (largest if keepdim else torch.amax(x, dim).detach()) + share - share.detach()


#: PyTorch's functions under minigrad's names, where those differ.
TORCH = types.SimpleNamespace(**{name: getattr(torch, name) for name in vars(mg) if hasattr(torch, name)})
TORCH.leaky_relu, TORCH.elu = torch.nn.functional.leaky_relu, torch.nn.functional.elu
TORCH.softplus, TORCH.linear = torch.nn.functional.softplus, torch.nn.functional.linear
TORCH.max, TORCH.min = shared_max, lambda x, **options: -shared_max(-x, **options)
TORCH.sum, TORCH.mean, TORCH.logsumexp = map(op_table.torch_reduction, ["sum", "mean", "logsumexp"])
TORCH.pad = lambda x, pad, value: torch.nn.functional.pad(x, pad, value=value)
TORCH.index = op_table.torch_getitem
TORCH.astype = lambda x: x.to(x.dtype, copy=True)
OURS = types.SimpleNamespace(**vars(mg))
OURS.linear, OURS.index, OURS.astype = F.linear, op_table.take, mg.Tensor.clone


def some_axis(rng, x):
    """An axis of x, counted from the front or from the back."""
    return int(rng.integers(-x.ndim, x.ndim)) if x.ndim else None


def some_axes(rng, x):
    """Options for a reduction."""
    axes = tuple(int(i) for i in rng.permutation(x.ndim)[: rng.integers(0, x.ndim + 1)])
    return {"dim": axes or None, "keepdim": bool(rng.random() < 0.5)}


def some_index(rng, x):
    """Integers, slices, arrays with repeats, masks and new axes."""
    choices = [
        lambda n: int(rng.integers(-n, n)),
        lambda n: slice(None, None, int(rng.integers(1, 3))),
        lambda n: rng.integers(-n, n, 3),
        lambda n: np.arange(n) % 2 == 0,
        lambda n: None,
        lambda n: slice(0, n - 1) if n > 1 else slice(None),
    ]
    return choices[rng.integers(len(choices))](x.shape[0]) if x.ndim else None


#: One argument and a generator: what is drawn depends on shapes alone, so that both libraries draw the same.
UNARY = [
    lambda m, rng, x: -x,
    lambda m, rng, x: m.exp(m.sin(x)),
    lambda m, rng, x: m.expm1(m.cos(x)),
    lambda m, rng, x: m.log(x * x + 0.5),
    lambda m, rng, x: m.log1p(x**2),
    lambda m, rng, x: m.sqrt(x * x + 1.0),
    lambda m, rng, x: m.tanh(x) ** 3,
    lambda m, rng, x: m.sigmoid(x),
    lambda m, rng, x: m.softplus(x),
    lambda m, rng, x: m.abs(x),
    lambda m, rng, x: m.relu(x),
    lambda m, rng, x: m.leaky_relu(x, negative_slope=0.2),
    lambda m, rng, x: m.elu(x, alpha=0.7),
    lambda m, rng, x: m.clip(x, -0.4, 0.6),
    lambda m, rng, x: 1.5 ** m.tanh(x),
    lambda m, rng, x: 1.0 / (2.0 + m.sigmoid(x)),
    lambda m, rng, x: m.astype(x) - m.sign(x),
    lambda m, rng, x: m.sum(x, **some_axes(rng, x)) * 0.3,
    lambda m, rng, x: m.mean(x, **some_axes(rng, x)),
    lambda m, rng, x: m.max(x, **(some_axes(rng, x) if x.ndim else {})) if x.ndim else x,
    lambda m, rng, x: m.min(x, dim=some_axis(rng, x)) if x.ndim else x,
    lambda m, rng, x: m.logsumexp(x, **some_axes(rng, x)),
    lambda m, rng, x: m.var(m.stack([x, 0.5 * x, x * x]), dim=0, correction=int(rng.integers(2))),
    lambda m, rng, x: m.softmax(x, dim=some_axis(rng, x)) if x.ndim else x,
    lambda m, rng, x: m.log_softmax(x, dim=some_axis(rng, x)) * 0.3 if x.ndim else x,
    lambda m, rng, x: x.reshape(x.shape[::-1]),
    lambda m, rng, x: m.permute(x, tuple(int(i) for i in rng.permutation(x.ndim))),
    lambda m, rng, x: m.unsqueeze(x, 0) if x.ndim < 3 else m.flatten(x, 0, 1),
    lambda m, rng, x: m.broadcast_to(x, (2, *x.shape)) if x.ndim < 3 else m.squeeze(x),
    lambda m, rng, x: m.flip(x, (some_axis(rng, x),)) if x.ndim else x,
    lambda m, rng, x: m.pad(x, (1, 2), value=0.5) if x.ndim and x.shape[-1] < 5 else x,
    lambda m, rng, x: m.index(x, some_index(rng, x)),
    lambda m, rng, x: m.einsum("...i->...", x) * 0.3 if x.ndim else x,
    lambda m, rng, x: m.matmul(x, m.transpose(x, -1, -2)) * 0.2 if x.ndim > 1 else x,
]

#: Two arguments whose shapes broadcast.
BINARY = [
    lambda m, x, y: x + y,
    lambda m, x, y: x - y,
    lambda m, x, y: m.tanh(x) * y,
    lambda m, x, y: x / (y * y + 1.0),
    lambda m, x, y: (x * x + 0.5) ** m.tanh(y),
    lambda m, x, y: m.maximum(x, y),
    lambda m, x, y: m.minimum(x, y),
    lambda m, x, y: m.where(x > y, m.sin(x), y),
    lambda m, x, y: m.einsum("...,...->...", m.tanh(x), y),
]

#: Two arguments of the same shape, with at least one axis.
OF_ONE_SHAPE = [
    lambda m, x, y: m.concatenate([x, y], 0),
    lambda m, x, y: m.stack([x, y, x], -1) if x.ndim < 3 else x - 0.5 * y,
    lambda m, x, y: m.matmul(x, m.transpose(y, -1, -2)) * 0.3 if x.ndim > 1 else m.matmul(x, y),
    lambda m, x, y: m.linear(x, y, y[:, 0]) * 0.3 if x.ndim == 2 else x + 2.0 * y,
]


def random_graph(m, seed, leaves):
    """5 to 15 steps, each of what the leaves and the steps before it gave; at the end, a few results in a row."""
    rng = np.random.default_rng(seed)
    values = list(leaves)
    for _ in range(rng.integers(5, 16)):
        x = values[rng.integers(len(values))]
        fit = [y for y in values if broadcast(x, y)]
        same = [y for y in values if y.shape == x.shape]
        kind = rng.random()
        if kind < 0.6:
            new = UNARY[rng.integers(len(UNARY))](m, rng, x)
        elif kind < 0.85 or not x.ndim:
            new = BINARY[rng.integers(len(BINARY))](m, x, fit[rng.integers(len(fit))])
        else:
            new = OF_ONE_SHAPE[rng.integers(len(OF_ONE_SHAPE))](m, x, same[rng.integers(len(same))])
        size = int(np.prod(new.shape))
        if 0 < size <= 400:
            values.append(new)
    return m.concatenate([v.reshape(-1) for v in values[len(leaves) :]])


def broadcast(x, y):
    """Whether the shapes fit."""
    try:
        np.broadcast_shapes(tuple(x.shape), tuple(y.shape))
    except ValueError:
        return False
    return True


def random_leaves(seed):
    """Shapes that broadcast with each other, of 0 to 3 axes."""
    rng = np.random.default_rng((seed, 1))
    shapes = [(2, 3), (3,), (), (2, 1), (4, 2, 3), (1, 3)]
    return [rng.standard_normal(shapes[i]) for i in rng.permutation(len(shapes))[:4]]


SEEDS = range(150)


@pytest.mark.parametrize("seed", SEEDS)
def test_random_graph(seed):
    ours, theirs = both(random_leaves(seed))
    y = random_graph(OURS, seed, ours)
    assert np.isfinite(y.data).all()
    assert np.abs(y.data).max() < 1e4
    assert_same_derivatives(
        ours, theirs, lambda *xs: random_graph(OURS, seed, xs), lambda *xs: random_graph(TORCH, seed, xs)
    )


def test_random_graphs_reach_every_op():
    reached = set()
    for seed in SEEDS:
        waiting = [random_graph(OURS, seed, [mg.Tensor(x, requires_grad=True) for x in random_leaves(seed)])]
        while waiting:
            node = waiting.pop()
            if isinstance(node, mg.Tensor) and node.op is not None:
                reached.add(node.op)
                waiting.extend(node.args)
    ops = op_table.primitives(elementwise, linalg, reduction, shaping).items()
    missing = {name for name, op in ops if op.vjps is not None and op not in reached}
    assert missing == {"minigrad.ops.shaping._scatter"}, "which the derivative of getitem is made of"
