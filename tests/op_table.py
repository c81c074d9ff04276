"""The ops, once: each row says what an op should compute, and the tests say what must hold for every row.

A row's functions take float arrays, by which the op is differentiated, and then options. Arrays of the table are
read-only: an op that wrote into its input would raise in any test. Unless they are in ``ties``, they lie well away from
kinks, so that numeric derivatives exist. A new op needs a row: ``test_ops.py`` looks for primitives that have none.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
import minigrad.nn.functional as F
from minigrad.ops import elementwise, moving, reduction

try:
    import torch
except ImportError:  # the rows are checked against NumPy and numeric derivatives all the same
    torch = None

rng = np.random.default_rng(20140610)


@dataclasses.dataclass(frozen=True)
class Call:
    """Float arrays to call an op with, and its options."""

    arrays: tuple[np.ndarray, ...]
    options: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def id(self) -> str:
        """The shapes and the options, for the name of a test."""
        options = ",".join(f"{k}={v.tolist() if hasattr(v, 'tolist') else v}" for k, v in self.options.items())
        return "+".join("x".join(map(str, x.shape)) or "()" for x in self.arrays) + (f",{options}" if options else "")


@dataclasses.dataclass(frozen=True)
class Row:
    """An op, its references and the calls to try. ``torch`` is None where PyTorch has no counterpart."""

    name: str
    op: Callable[..., Any]
    numpy: Callable[..., Any]
    torch: Callable[..., Any] | str | None
    calls: list[Call]
    ties: list[Call] = dataclasses.field(default_factory=list)  # at kinks, where the op must do as PyTorch does
    differentiable: bool = True
    covers: Any = None  # the primitive behind an op that is not differentiable, if it is not the op itself

    def oracle(self, *tensors: Any, **options: Any) -> Any:
        """The op as PyTorch has it; a string is the name of a function of PyTorch."""
        f = self.torch
        if isinstance(f, str):
            f = getattr(torch.nn.functional, f, None) or getattr(torch, f)
        return f(*tensors, **options)


# ---------------------------------------------------------------- arrays


def fixed(x: Any) -> np.ndarray:
    """A read-only float64 array."""
    x = np.array(x, dtype=np.float64)
    x.setflags(write=False)
    return x


def normal(*shape: int) -> np.ndarray:
    """Numbers from -3 to 3 or so."""
    return fixed(rng.standard_normal(shape))


def positive(*shape: int) -> np.ndarray:
    """Numbers from 0.5 to 2.5."""
    return fixed(rng.uniform(0.5, 2.5, shape))


def off_zero(*shape: int) -> np.ndarray:
    """Numbers of either sign, at least 0.2 from 0: from the kink, or from the pole."""
    return fixed(rng.uniform(0.2, 2.0, shape) * rng.choice([-1.0, 1.0], shape))


def distinct(*shape: int) -> np.ndarray:
    """Numbers from -0.5 up that are 0.1 apart, so that none of them ties."""
    return fixed(rng.permutation(math.prod(shape)).reshape(shape) * 0.1 - 0.5)


def in_between(*shape: int) -> np.ndarray:
    """Numbers that tie neither with each other nor with those of distinct."""
    return fixed(distinct(*shape) + 0.05)


def probability(*shape: int) -> np.ndarray:
    """Numbers from 0.1 to 0.9."""
    return fixed(rng.uniform(0.1, 0.9, shape))


SHAPES = [(), (5,), (3, 4), (2, 1, 3), (0, 3)]
PAIRS = [
    [(), ()],
    [(3, 4), (3, 4)],
    [(3, 1), (1, 4)],
    [(), (3,)],
    [(3,), ()],
    [(4,), (2, 3, 4)],
    [(2, 1, 4), (3, 1)],
    [(1, 3), (0, 3)],
]


def each(make: Callable[..., np.ndarray], shapes: list[tuple[int, ...]] = SHAPES, **options: Any) -> list[Call]:
    """One-argument calls."""
    return [Call((make(*shape),), options) for shape in shapes]


def pairs(first: Callable[..., np.ndarray], second: Callable[..., np.ndarray]) -> list[Call]:
    """Two-argument calls that broadcast in all ways."""
    return [Call((first(*a), second(*b))) for a, b in PAIRS]


# ---------------------------------------------------------------- elementwise

ZERO_AND_BESIDE = fixed([-1.0, 0.0, 0.0, 2.0])
PAIR_WITH_TIES = Call((fixed([1.0, 2.0, 3.0, -1.0]), fixed([1.0, 0.0, 3.0, 5.0])))

ARITHMETIC = [
    Row("add", mg.add, np.add, "add", pairs(normal, normal)),
    Row("sub", mg.sub, np.subtract, "sub", pairs(normal, normal)),
    Row("mul", mg.mul, np.multiply, "mul", pairs(normal, normal)),
    Row("div", mg.div, np.divide, "div", pairs(normal, off_zero)),
    Row("neg", mg.neg, np.negative, "neg", each(normal)),
    Row("pow", mg.pow, np.power, "pow", pairs(positive, normal)),
    Row(
        "pow_number",
        lambda x, exponent: x**exponent,
        lambda x, exponent: x**exponent,
        lambda x, exponent: x**exponent,
        [
            *each(normal, exponent=2),
            *each(off_zero, [(3, 4)], exponent=3.0),
            *each(off_zero, [(4,)], exponent=-2),
            *each(positive, [(), (4,)], exponent=0.5),
            *each(normal, [(), (4,)], exponent=1),
            *each(normal, [(), (4,)], exponent=0),
        ],
        ties=[Call((ZERO_AND_BESIDE,), {"exponent": n}) for n in (0, 1, 2, 3)],
    ),
    Row(
        "pow_base",
        lambda x, base: base**x,
        lambda x, base: base**x,
        lambda x, base: base**x,
        [*each(normal, base=2), *each(normal, [(), (3,)], base=0.3)],
    ),
]

NUMBER_PAIRS = [*pairs(distinct, in_between), PAIR_WITH_TIES]

COMPARISONS = [
    Row(name, getattr(elementwise, name), getattr(np, name), oracle, NUMBER_PAIRS, differentiable=False)
    for name, oracle in [
        ("equal", "eq"),
        ("not_equal", "ne"),
        ("less", "lt"),
        ("less_equal", "le"),
        ("greater", "gt"),
        ("greater_equal", "ge"),
    ]
] + [Row("sign", mg.sign, np.sign, "sign", [*each(normal), Call((ZERO_AND_BESIDE,))], differentiable=False)]


def np_elu(x, alpha=1.0):
    """By the definition, without a thought of overflow."""
    return np.where(x > 0, x, alpha * (np.exp(x) - 1.0))


FUNCTIONS = [
    Row("exp", mg.exp, np.exp, "exp", each(normal)),
    Row("expm1", mg.expm1, np.expm1, "expm1", each(normal)),
    Row("log", mg.log, np.log, "log", each(positive)),
    Row("log1p", mg.log1p, np.log1p, "log1p", each(positive)),
    Row("sqrt", mg.sqrt, np.sqrt, "sqrt", each(positive)),
    Row("sin", mg.sin, np.sin, "sin", each(normal)),
    Row("cos", mg.cos, np.cos, "cos", each(normal)),
    Row("tanh", mg.tanh, np.tanh, "tanh", each(normal)),
    Row("sigmoid", mg.sigmoid, lambda x: 1.0 / (1.0 + np.exp(-x)), "sigmoid", each(normal)),
    Row("softplus", mg.softplus, lambda x: np.log(1.0 + np.exp(x)), "softplus", each(normal)),
    Row("abs", mg.abs, np.abs, "abs", each(off_zero), ties=[Call((ZERO_AND_BESIDE,))]),
    Row("relu", mg.relu, lambda x: x * (x > 0), "relu", each(off_zero), ties=[Call((ZERO_AND_BESIDE,))]),
    Row(
        "leaky_relu",
        mg.leaky_relu,
        lambda x, negative_slope=0.01: np.where(x > 0, x, negative_slope * x),
        "leaky_relu",
        [*each(off_zero), *[c for s in (0.2, 0.0, 1.5, -0.5) for c in each(off_zero, [(3, 4)], negative_slope=s)]],
        ties=[Call((ZERO_AND_BESIDE,)), Call((ZERO_AND_BESIDE,), {"negative_slope": 0.2})],
    ),
    Row(
        "slope",
        lambda x, negative_slope: elementwise._slope(x, negative_slope=negative_slope),
        lambda x, negative_slope: np.where(x > 0, np.ones_like(x), x.dtype.type(negative_slope)),
        lambda x, negative_slope: torch.where(x > 0, 1.0, negative_slope).double(),
        [*each(off_zero, negative_slope=0.25), Call((ZERO_AND_BESIDE,), {"negative_slope": 0.5})],
        differentiable=False,
        covers=elementwise._slope,
    ),
    Row(
        "elu",
        mg.elu,
        np_elu,
        "elu",
        [*each(off_zero), *each(off_zero, [(3, 4)], alpha=0.5)],
        ties=[Call((ZERO_AND_BESIDE,)), Call((ZERO_AND_BESIDE,), {"alpha": 0.5})],
    ),
    Row(
        "astype",
        lambda x: elementwise.astype(x, dtype=x.dtype),
        lambda x: x.copy(),
        lambda x: x.to(x.dtype, copy=True),
        each(normal),
    ),
    Row(
        "to_integers",
        lambda x: elementwise.astype(x, dtype=np.int64),
        lambda x: x.astype(np.int64),
        lambda x: x.to(torch.int64),
        each(normal),
        differentiable=False,
        covers=elementwise._as_integers,
    ),
    Row("to_numpy", lambda x: moving.moved(x, "numpy"), np.copy, "clone", each(normal)),
    Row("clone", lambda x: x.clone() if isinstance(x, mg.Tensor) else x, np.copy, "clone", each(normal, [(3, 4)])),
]


def condition(*shape: int) -> np.ndarray:
    """Booleans of both kinds."""
    return rng.permutation(np.arange(math.prod(shape)) % 2 == 0).reshape(shape)


CHOICES = [
    Row(
        "where",
        lambda x, y, condition: mg.where(condition, x, y),
        lambda x, y, condition: np.where(condition, x, y),
        lambda x, y, condition: torch.where(torch.as_tensor(condition), x, y),
        [
            Call((normal(3, 4), normal(3, 4)), {"condition": condition(3, 4)}),
            Call((normal(3, 1), normal(1, 4)), {"condition": condition(4)}),
            Call((normal(), normal(3)), {"condition": condition(2, 1)}),
            Call((normal(), normal()), {"condition": np.array(True)}),
            Call((normal(0, 3), normal(3)), {"condition": condition(3)}),
            Call((normal(3, 1), normal(1, 4)), {"condition": True}),
            Call((normal(), normal(2)), {"condition": False}),
        ],
    ),
    Row(
        "where_number",
        lambda x, condition: mg.where(condition, 0.5, x),
        lambda x, condition: np.where(condition, 0.5, x),
        lambda x, condition: torch.where(torch.from_numpy(condition), 0.5, x),
        [Call((normal(3, 4),), {"condition": condition(4)})],
    ),
    Row("maximum", mg.maximum, np.maximum, "maximum", pairs(distinct, in_between), ties=[PAIR_WITH_TIES]),
    Row("minimum", mg.minimum, np.minimum, "minimum", pairs(distinct, in_between), ties=[PAIR_WITH_TIES]),
    Row(
        "clip",
        mg.clip,
        lambda x, min=-np.inf, max=np.inf: np.clip(x, min, max),
        "clip",
        [
            *each(off_zero, min=-0.1, max=0.1),
            *[c for s in [(), (3, 4)] for c in each(off_zero, [s], min=0)],
            *each(off_zero, [(4,)], max=0.0),
            *each(off_zero, [(4,)], min=-3, max=np.float64(0.1)),
        ],
        ties=[
            Call((ZERO_AND_BESIDE,), {"min": 0.0, "max": 2.0}),
            Call((ZERO_AND_BESIDE,), {"min": 0.0}),
            Call((ZERO_AND_BESIDE,), {"max": 0.0}),
        ],
    ),
]

# ---------------------------------------------------------------- reductions

AXES = [
    ((), {}),
    ((4,), {"dim": 0}),
    ((3, 4), {}),
    ((3, 4), {"dim": 0}),
    ((3, 4), {"dim": -1}),
    ((3, 4), {"dim": 1, "keepdim": True}),
    ((3, 4), {"keepdim": True}),
    ((2, 3, 4), {"dim": (0, 2)}),
    ((2, 3, 4), {"dim": (-1, 0), "keepdim": True}),
    ((2, 3, 4), {"dim": [1]}),
    ((1, 3), {"dim": 0}),
]
EMPTY_RESULT = [((0, 3), {"dim": 1}), ((3, 0), {"dim": 0, "keepdim": True})]
SUM_OF_NOTHING = [((0, 3), {}), ((0, 3), {"dim": 0})]
TWO_OR_MORE = [((4,), {}), ((3, 4), {"dim": -1}), ((2, 3, 4), {"dim": (0, 2), "keepdim": True}), ((2, 3), {"dim": 0})]


def reductions(make: Callable[..., np.ndarray], cases: list) -> list[Call]:
    """Calls with shapes and options."""
    return [Call((make(*shape),), options) for shape, options in cases]


def along(dim: Any) -> Any:
    """NumPy's axis: a tuple, and not a list."""
    return tuple(dim) if isinstance(dim, list) else dim


def np_reduction(f: Callable[..., Any]) -> Callable[..., Any]:
    """NumPy's reduction with PyTorch's names for the options."""
    return lambda x, dim=None, keepdim=False, **options: f(x, axis=along(dim), keepdims=keepdim, **options)


def torch_amax(x, dim=(), keepdim=False):
    """All axes for none."""
    return torch.amax(x, dim, keepdim)


def torch_amin(x, dim=(), keepdim=False):
    """All axes for none."""
    return torch.amin(x, dim, keepdim)


def torch_reduction(name: str) -> Callable[..., Any]:
    """PyTorch's reduction, which wants to be told all axes where keepdim is given."""
    return lambda x, dim=None, keepdim=False: getattr(torch, name)(
        x, dim=tuple(range(x.ndim)) if dim is None else dim, keepdim=keepdim
    )


def np_logsumexp(x, axis, keepdims):
    """By the definition, without a thought of overflow."""
    return np.log(np.exp(x).sum(axis=axis, keepdims=keepdims))


def np_softmax(x, dim):
    """By the definition."""
    return np.exp(x) / np.exp(x).sum(axis=dim, keepdims=True)


VARIANCES = [Call((normal(3, 4),), {"dim": 1, "correction": c}) for c in (0, 1, 2)]
ALONG_ONE_AXIS = [*each(normal, [(4,), (3, 4), (0, 4)], dim=-1), *each(normal, [(2, 3, 2)], dim=1)]
MATRIX_WITH_TIES = fixed(
    [[1.0, 3.0, 3.0], [1.0, 2.0, 0.0], [-1.0, -1.0, 2.0]]
)  # in pairs: PyTorch has 1 / 3 in float32
TIES = [Call((MATRIX_WITH_TIES,), o) for o in ({"dim": 1}, {"dim": 0, "keepdim": True}, {}, {"dim": (0, 1)})]

REDUCTIONS = [
    Row(
        "sum",
        mg.sum,
        np_reduction(np.sum),
        torch_reduction("sum"),
        reductions(normal, AXES + EMPTY_RESULT + SUM_OF_NOTHING),
    ),
    Row("mean", mg.mean, np_reduction(np.mean), torch_reduction("mean"), reductions(normal, AXES + EMPTY_RESULT)),
    Row(
        "var",
        mg.var,
        lambda x, correction=1, **options: np_reduction(np.var)(x, ddof=correction, **options),
        "var",
        [*reductions(normal, TWO_OR_MORE), *VARIANCES],
    ),
    Row(
        "std",
        mg.std,
        lambda x, correction=1, **options: np_reduction(np.std)(x, ddof=correction, **options),
        "std",
        [*reductions(normal, TWO_OR_MORE), *VARIANCES],
    ),
    Row("max", mg.max, np_reduction(np.max), torch_amax, reductions(distinct, AXES), ties=TIES),
    Row("min", mg.min, np_reduction(np.min), torch_amin, reductions(distinct, AXES), ties=TIES),
    Row("logsumexp", mg.logsumexp, np_reduction(np_logsumexp), torch_reduction("logsumexp"), reductions(normal, AXES)),
    Row("softmax", mg.softmax, np_softmax, "softmax", ALONG_ONE_AXIS),
    Row("log_softmax", mg.log_softmax, lambda x, dim: np.log(np_softmax(x, dim)), "log_softmax", ALONG_ONE_AXIS),
    Row(
        "argmax",
        mg.argmax,
        np_reduction(np.argmax),
        "argmax",
        [Call((distinct(3, 4),), o) for o in ({}, {"dim": 0}, {"dim": -1, "keepdim": True})],
        differentiable=False,
        covers=reduction._argmax,
    ),
]

# ---------------------------------------------------------------- shaping

INDICES = [
    ((4,), 2),
    ((3, 4), -1),
    ((3, 4), np.int64(1)),
    ((3, 4), (1, 2)),
    ((3, 4), slice(1, None)),
    ((5, 4), (slice(None, None, -1), slice(3, 0, -2))),
    ((6,), slice(-5, None, 3)),
    ((3, 4), slice(2, 2)),
    ((3, 4), None),
    ((3, 4), (None, 1, None)),
    ((2, 3, 4), ...),
    ((2, 3, 4), (..., 1)),
    ((2, 3, 4), (0, ..., slice(1, 3))),
    ((), ()),
    ((), ...),
    ((), None),
    ((5,), np.array([0, 0, 3, -1, 3])),
    ((5,), [0, 0, 2]),
    ((5,), ((0, 0, 2),)),
    ((5,), range(1, 4)),
    ((5, 2), np.array([[0, 1], [1, 0]])),
    ((5,), np.array([], dtype=int)),
    ((5,), []),
    ((3, 4), (np.array([0, 0, 2]), np.array([1, 1, 3]))),
    ((3, 4), (np.array([[0], [2]]), np.array([1, 1]))),
    ((3, 4), (slice(None), np.array([1, 1, 0]))),
    ((2, 3, 4), (np.array([0, 0]), slice(None), np.array([1, 1]))),
    ((2, 3, 4), (1, slice(None), [0, 0, 3])),
    ((2, 3, 4), (..., None, [1, 1])),
    ((3, 4), np.array([True, False, True])),
    ((3, 4), (slice(None), [True, False, True, True])),
    ((3, 4), np.arange(12).reshape(3, 4) % 3 == 0),
    ((3, 4), (np.array([True, False, True]), np.array([1, 1]))),
    ((3,), True),
    ((3,), np.zeros(3, dtype=bool)),
    ((0, 3), (slice(None), 1)),
]


def has_torch_form(index: Any) -> bool:
    """PyTorch has no negative steps, and reads a range, an empty list, an integer apart from a list in its own way."""
    parts = index if isinstance(index, tuple) else (index,)
    if isinstance(parts[0] if parts else None, int) and isinstance(parts[-1], list):
        return False
    return not any(
        isinstance(i, range)
        or (isinstance(i, slice) and (i.step or 1) < 0)
        or (isinstance(i, tuple | list) and len(i) == 0)
        for i in parts
    )


def torch_getitem(x, index):
    """Arrays of indices as tensors."""

    def convert(i):
        return torch.from_numpy(np.array(i)) if isinstance(i, np.ndarray | list | tuple) else i

    return x[tuple(map(convert, index)) if isinstance(index, tuple) else convert(index)]


def getitem_calls(in_torch: bool) -> list[Call]:
    """The indices of the table that PyTorch has too, or the others."""
    return [Call((normal(*s),), {"index": i}) for s, i in INDICES if has_torch_form(i) == in_torch]


def take(x, index):
    """x[index], by the operator."""
    return x[index]


def by_shape(f: Callable[..., Any]) -> Callable[..., Any]:
    """f(x, shape) of f(x, shape=...)."""
    return lambda x, shape: f(x, shape)


def of_list(f: Callable[..., Any]) -> Callable[..., Any]:
    """f(x, y, ...) of f([x, y, ...])."""
    return lambda *xs, **options: f(xs, **options)


def np_pad(x, pad, value=0.0):
    """By writing x into the middle of a larger array."""
    pairs = [(0, 0)] * (x.ndim - len(pad) // 2) + [pad[i : i + 2] for i in range(0, len(pad), 2)][::-1]
    out = np.full([n + a + b for n, (a, b) in zip(x.shape, pairs, strict=True)], value, x.dtype)
    out[tuple(slice(a, a + n) for n, (a, _) in zip(x.shape, pairs, strict=True))] = x
    return out


def np_flatten(x, start_dim=0, end_dim=-1):
    """By the sizes."""
    if x.ndim == 0:
        return x.reshape(1)
    end = end_dim % x.ndim + 1
    return x.reshape((*x.shape[:start_dim], math.prod(x.shape[start_dim:end]), *x.shape[end:]))


def np_squeeze(x, dim=None):
    """PyTorch lets axes that are larger than 1 be."""
    dims = range(x.ndim) if dim is None else dim if isinstance(dim, tuple) else (dim,)
    return x.squeeze(tuple(i for i in dims if x.shape[i] == 1))


SHAPING = [
    Row(
        "reshape",
        by_shape(mg.reshape),
        np.reshape,
        by_shape(lambda x, shape: x.reshape(shape)),
        [
            Call((normal(3, 4),), {"shape": (2, 6)}),
            Call((normal(3, 4),), {"shape": (2, -1, 3)}),
            Call((normal(),), {"shape": (1, 1)}),
            Call((normal(1),), {"shape": ()}),
            Call((normal(0, 3),), {"shape": (3, 0)}),
        ],
    ),
    Row(
        "flatten",
        mg.flatten,
        np_flatten,
        "flatten",
        [
            *each(normal),
            Call((normal(2, 3, 4),), {"start_dim": 1}),
            Call((normal(2, 3, 4),), {"start_dim": 0, "end_dim": 1}),
            Call((normal(2, 3, 4),), {"start_dim": 1, "end_dim": -1}),
        ],
    ),
    Row(
        "unflatten",
        mg.unflatten,
        lambda x, dim, sizes: x.reshape(*x.shape[:dim], *sizes, *x.shape[dim:][1:]),
        "unflatten",
        [
            Call((normal(2, 6),), {"dim": 1, "sizes": (2, -1)}),
            Call((normal(4, 3),), {"dim": 0, "sizes": (2, 2)}),
        ],
    ),
    Row(
        "squeeze",
        mg.squeeze,
        np_squeeze,
        "squeeze",
        [
            *each(normal, [(1, 3, 1), (1,), (2, 3), (1, 0)]),
            *each(normal, [(1, 3, 1)], dim=0),
            *each(normal, [(1, 3, 1)], dim=-1),
            *each(normal, [(1, 3, 1)], dim=1),
            *each(normal, [(1, 3, 1)], dim=(0, 2)),
        ],
    ),
    Row(
        "unsqueeze",
        mg.unsqueeze,
        lambda x, dim: np.expand_dims(x, dim),
        "unsqueeze",
        [c for dim in (0, 1, -1) for c in each(normal, [(3,), (0, 2)], dim=dim)] + each(normal, [()], dim=0),
    ),
    Row(
        "permute",
        lambda x, dims: mg.permute(x, dims),
        lambda x, dims: x.transpose(dims),
        lambda x, dims: x.permute(dims),
        [
            Call((normal(2, 3, 4),), {"dims": (1, 2, 0)}),
            Call((normal(2, 3, 4),), {"dims": (2, 0, 1)}),
            Call((normal(2, 3, 4),), {"dims": [0, -1, 1]}),
            Call((normal(),), {"dims": ()}),
            Call((normal(0, 3),), {"dims": (1, 0)}),
        ],
    ),
    Row(
        "transpose",
        mg.transpose,
        lambda x, dim0, dim1: np.swapaxes(x, dim0, dim1),
        "transpose",
        [
            Call((normal(2, 3, 4),), {"dim0": 0, "dim1": -1}),
            Call((normal(2, 3, 4),), {"dim0": 2, "dim1": 1}),
            Call((normal(3),), {"dim0": 0, "dim1": 0}),
        ],
    ),
    Row(
        "broadcast_to",
        by_shape(mg.broadcast_to),
        by_shape(np.broadcast_to),
        by_shape(lambda x, shape: x.broadcast_to(shape)),
        [
            Call((normal(3, 1),), {"shape": (3, 4)}),
            Call((normal(3),), {"shape": (2, 2, 3)}),
            Call((normal(),), {"shape": (2, 3)}),
            Call((normal(),), {"shape": ()}),
            Call((normal(2, 3),), {"shape": (2, 3)}),
            Call((normal(1, 3),), {"shape": (0, 3)}),
        ],
    ),
    Row(
        "flip",
        mg.flip,
        lambda x, dims: np.flip(x, dims),
        "flip",
        [c for dims in ((0,), (-1,), (0, 1)) for c in each(normal, [(3, 4), (0, 3)], dims=dims)],
    ),
    Row("flip_int", mg.flip, lambda x, dims: np.flip(x, dims), None, each(normal, [(3, 4)], dims=1)),
    Row("getitem", take, lambda x, index: np.array(x[index]), torch_getitem, getitem_calls(in_torch=True)),
    Row("getitem_numpy", take, lambda x, index: np.array(x[index]), None, getitem_calls(in_torch=False)),
    Row(
        "concatenate",
        of_list(mg.concatenate),
        lambda *xs, dim=0: np.concatenate(xs, dim),
        of_list(lambda xs, dim=0: torch.concatenate(xs, dim)),
        [
            Call((normal(2), normal(3), normal(1))),
            Call((normal(2, 3),)),
            Call((normal(2, 3), normal(2, 1)), {"dim": 1}),
            Call((normal(2, 3, 2), normal(2, 0, 2), normal(2, 1, 2)), {"dim": -2}),
        ],
    ),
    Row(
        "stack",
        of_list(mg.stack),
        lambda *xs, dim=0: np.stack(xs, dim),
        of_list(lambda xs, dim=0: torch.stack(xs, dim)),
        [
            Call((normal(), normal())),
            Call((normal(2, 3), normal(2, 3)), {"dim": 1}),
            Call((normal(2, 3), normal(2, 3), normal(2, 3)), {"dim": -1}),
            Call((normal(0, 3), normal(0, 3))),
        ],
    ),
    Row(
        "pad",
        mg.pad,
        np_pad,
        lambda x, pad, value=0.0: torch.nn.functional.pad(x, pad, value=value),
        [
            Call((normal(3),), {"pad": (1, 2)}),
            Call((normal(2, 3),), {"pad": (0, 1), "value": -1.5}),
            Call((normal(2, 3),), {"pad": (1, 0, 2, 1)}),
            Call((normal(2, 2, 3),), {"pad": (1, 1, 0, 2), "value": 2}),
            Call((normal(2, 3),), {"pad": (0, 0)}),
            Call((normal(0, 3),), {"pad": (1, 1)}),
        ],
    ),
]

# ---------------------------------------------------------------- linear algebra

MATMUL_SHAPES = [
    ((3, 4), (4, 2)),
    ((3, 1), (1, 2)),
    ((4,), (4,)),
    ((3, 4), (4,)),
    ((4,), (4, 2)),
    ((2, 3, 4), (2, 4, 2)),
    ((2, 3, 4), (4, 2)),
    ((3, 4), (2, 4, 2)),
    ((2, 1, 3, 4), (5, 4, 2)),
    ((1, 3, 4), (2, 4, 2)),
    ((2, 3, 4), (4,)),
    ((4,), (2, 4, 3)),
    ((0, 4), (4, 2)),
    ((3, 0), (0, 2)),
    ((0, 3, 4), (4, 2)),
]

LINEAR_SHAPES = [
    ((5, 3), (2, 3), (2,)),
    ((3,), (2, 3), (2,)),
    ((2, 4, 3), (2, 3), (2,)),
    ((5, 1), (2, 1), (2,)),
    ((0, 3), (2, 3), (2,)),
    ((5, 3), (2, 3)),
    ((3,), (2, 3)),
    ((2, 4, 3), (2, 3)),
]

EQUATIONS = [
    ("ij,jk->ik", [(2, 3), (3, 4)]),
    ("ij,jk", [(2, 3), (3, 4)]),
    ("ba", [(2, 3)]),
    ("i,i->", [(3,), (3,)]),
    ("i,j->ij", [(2,), (3,)]),
    ("ij->ji", [(2, 3)]),
    ("ij->", [(2, 3)]),
    ("ii->", [(3, 3)]),
    ("ii", [(3, 3)]),
    ("ii->i", [(3, 3)]),
    ("iji->j", [(2, 3, 2)]),
    ("iii->i", [(2, 2, 2)]),
    ("ij,j->", [(2, 3), (3,)]),
    ("ij,k->j", [(2, 3), (4,)]),
    ("ii,ij->j", [(2, 2), (2, 3)]),
    ("bij,bjk->bik", [(2, 3, 4), (2, 4, 2)]),
    ("...ij,...jk->...ik", [(2, 3, 4), (4, 2)]),
    ("...ij,...jk->...ik", [(2, 1, 3, 2), (3, 2, 2)]),
    ("i...->...", [(2, 3, 4)]),
    ("...i,...i", [(2, 3), (3,)]),
    ("...ii->...i", [(2, 3, 3)]),
    ("ij, jk, kl -> il", [(2, 3), (3, 2), (2, 4)]),
    (",i->i", [(), (3,)]),
    ("ij,ij->ij", [(2, 3), (2, 3)]),
    ("ij,ij->i", [(2, 1), (2, 3)]),
    ("ij,ij->ij", [(1, 3), (2, 1)]),
    ("ij,j->i", [(0, 3), (3,)]),
]

LINEAR_ALGEBRA = [
    Row("matmul", mg.matmul, np.matmul, "matmul", [Call((normal(*a), normal(*b))) for a, b in MATMUL_SHAPES]),
    Row(
        "linear",
        F.linear,
        lambda x, weight, bias=0.0: x @ weight.T + bias,
        lambda *xs: torch.nn.functional.linear(*xs),
        [Call(tuple(normal(*s) for s in shapes)) for shapes in LINEAR_SHAPES],
    ),
    Row(
        "einsum",
        lambda *xs, equation: mg.einsum(equation, *xs),
        lambda *xs, equation: np.einsum(equation, *xs),
        lambda *xs, equation: torch.einsum(equation, *xs),
        [Call(tuple(normal(*s) for s in shapes), {"equation": e}) for e, shapes in EQUATIONS],
    ),
]

# ---------------------------------------------------------------- losses


def reduced(values: np.ndarray, reduction: str) -> Any:
    """The three reductions of a loss."""
    return {"mean": np.mean, "sum": np.sum, "none": np.asarray}[reduction](values)


def loss_row(name: str, values: Callable[..., np.ndarray], input: Callable, target: Callable, oracle: Any) -> Row:
    """A loss of input and target, element by element."""
    calls = [
        Call((input(*shape), target(*shape)), {"reduction": reduction})
        for reduction in ("mean", "sum", "none")
        for shape in [(5,), (3, 4)]
    ]
    return Row(name, getattr(F, name), lambda x, t, reduction: reduced(values(x, t), reduction), oracle, calls)


def np_bce(p, t):
    """By the definition."""
    return -(t * np.log(p) + (1.0 - t) * np.log(1.0 - p))


def np_cross_entropy(x, t, reduction):
    """By the definition, of probabilities; classes are axis 1."""
    return reduced(-(t * np.log(np_softmax(x, 1))).sum(axis=1), reduction)


LOSSES = [
    loss_row("mse_loss", lambda x, t: (x - t) ** 2, normal, normal, "mse_loss"),
    loss_row("l1_loss", lambda x, t: np.abs(x - t), distinct, in_between, "l1_loss"),
    loss_row("binary_cross_entropy", np_bce, probability, probability, "binary_cross_entropy"),
    loss_row(
        "binary_cross_entropy_with_logits",
        lambda x, t: np_bce(1.0 / (1.0 + np.exp(-x)), t),
        normal,
        probability,
        "binary_cross_entropy_with_logits",
    ),
    Row(
        "cross_entropy",
        F.cross_entropy,
        np_cross_entropy,
        lambda x, t, reduction: torch.nn.functional.cross_entropy(x, t, reduction=reduction),
        [
            Call((normal(*shape), probability(*shape)), {"reduction": reduction})
            for reduction in ("mean", "sum", "none")
            for shape in [(3, 4), (2, 3, 2)]
        ],
    ),
]

# ---------------------------------------------------------------- images


def both_axes(n: Any) -> tuple[int, int]:
    """One number for both axes, or two."""
    return n if isinstance(n, tuple) else (n, n)


def windows(height: int, width: int, kernel: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1) -> Any:
    """For each place, row by row, what a window covers: place, then rows and columns counted on the padded image."""
    along = []
    for axis, size in enumerate((height, width)):
        k, s, p, d = (both_axes(n)[axis] for n in (kernel, stride, padding, dilation))
        reach = d * (k - 1) + 1
        along.append([slice(start, start + reach, d) for start in range(0, size + 2 * p - reach + 1, s)])
    return [((i, j), (..., rows, columns)) for i, rows in enumerate(along[0]) for j, columns in enumerate(along[1])]


def bordered(x: np.ndarray, padding: Any, value: float = 0.0) -> np.ndarray:
    """The image with its padding."""
    (ph, pw), (height, width) = both_axes(padding), x.shape[-2:]
    out = np.full((*x.shape[:-2], height + 2 * ph, width + 2 * pw), value, x.dtype)
    out[..., ph : ph + height, pw : pw + width] = x
    return out


def channel_groups(x: np.ndarray, groups: int, axis: int = 1) -> list[np.ndarray]:
    """The channels that belong together."""
    return np.split(x, groups, axis=axis)


def np_conv2d(x, w, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """By the definition, place by place."""
    found = windows(*x.shape[2:], w.shape[2:], stride, padding, dilation)
    out = np.zeros((len(x), len(w), *(n + 1 for n in found[-1][0])), x.dtype)
    for (i, j), under in found:
        parts = zip(channel_groups(bordered(x, padding)[under], groups), channel_groups(w, groups, 0), strict=True)
        out[:, :, i, j] = np.concatenate([np.einsum("ncuv,ocuv->no", a, b) for a, b in parts], axis=1)
    return out if bias is None else out + bias[:, None, None]


def np_conv_transpose2d(y, w, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """By the definition: every place adds its number times the filter to what it covers."""
    along = zip(*map(both_axes, (stride, padding, dilation, output_padding)), y.shape[2:], w.shape[2:], strict=True)
    size = [(n - 1) * s - 2 * p + d * (k - 1) + e + 1 for s, p, d, e, n, k in along]
    image = bordered(np.zeros((len(y), w.shape[1] * groups, *size), y.dtype), padding)
    for (i, j), under in windows(*size, w.shape[2:], stride, padding, dilation):
        if i < y.shape[2] and j < y.shape[3]:
            parts = zip(channel_groups(y[:, :, i, j], groups), channel_groups(w, groups, 0), strict=True)
            image[under] += np.concatenate([np.einsum("no,ocuv->ncuv", a, b) for a, b in parts], axis=1)
    (ph, pw), (height, width) = both_axes(padding), size
    image = image[..., ph : ph + height, pw : pw + width]
    return image if bias is None else image + bias[:, None, None]


def np_conv2d_weight(x, weight_size, y, stride=1, padding=0, dilation=1, groups=1):
    """By the definition."""
    total = np.zeros(weight_size, x.dtype)
    for (i, j), under in windows(*x.shape[2:], weight_size[2:], stride, padding, dilation):
        parts = zip(channel_groups(bordered(x, padding)[under], groups), channel_groups(y, groups), strict=True)
        total += np.concatenate([np.einsum("ncuv,no->ocuv", a, b[:, :, i, j]) for a, b in parts])
    return total


def with_weight_size(f: Callable[..., Any]) -> Callable[..., Any]:
    """f(x, y, weight_size=..., ...) of conv2d_weight(x, weight_size, y, ...)."""
    return lambda x, y, weight_size, **options: f(x, weight_size, y, **options)


#: Shapes of image, weight and bias, if any, with sizes that leave something over, and how the filter moves.
CONVOLUTIONS = [
    ([(2, 2, 4, 5), (3, 2, 3, 2), (3,)], {}),
    ([(1, 1, 5, 4), (2, 1, 3, 3)], {"stride": 2, "padding": 1}),
    ([(2, 1, 5, 6), (2, 1, 4, 4)], {"stride": 2, "padding": 1}),
    ([(1, 2, 5, 6), (1, 2, 2, 3)], {"stride": (3, 1), "padding": (0, 2)}),
    ([(1, 1, 7, 6), (2, 1, 3, 2), (2,)], {"dilation": 2, "padding": 1}),
    ([(1, 1, 8, 7), (1, 1, 3, 2)], {"dilation": 2, "stride": 2, "padding": 1}),
    ([(1, 1, 6, 7), (1, 1, 2, 3)], {"stride": (2, 3), "dilation": (3, 1)}),
    ([(2, 4, 3, 4), (4, 2, 2, 2), (4,)], {"groups": 2}),
    ([(1, 3, 4, 4), (6, 1, 3, 3)], {"groups": 3, "stride": 2, "padding": 1}),
    ([(2, 3, 2, 2), (2, 3, 1, 1), (2,)], {"stride": 2}),
    ([(1, 2, 3, 3), (2, 2, 3, 3)], {}),
    ([(0, 2, 4, 4), (3, 2, 3, 3), (3,)], {"padding": 1}),
]
TRANSPOSED = [
    ([(2, 3, 2, 3), (3, 2, 3, 2), (2,)], {}),
    ([(2, 2, 2, 3), (2, 1, 4, 4), (1,)], {"stride": 2, "padding": 1}),
    ([(1, 2, 3, 2), (2, 2, 3, 3)], {"stride": 2, "padding": 1, "output_padding": 1}),
    ([(1, 1, 3, 2), (1, 2, 2, 3)], {"stride": (3, 1), "padding": (0, 1), "output_padding": (2, 0)}),
    ([(1, 2, 2, 2), (2, 1, 2, 3), (1,)], {"dilation": 2, "padding": 1, "output_padding": 1}),
    ([(2, 4, 2, 2), (4, 2, 2, 2), (4,)], {"groups": 2, "stride": (2, 3)}),
    ([(1, 2, 1, 1), (2, 3, 4, 4)], {}),
    ([(0, 2, 2, 2), (2, 1, 4, 4), (1,)], {"stride": 2}),
]
#: Shapes of image and result, of which some do not reach the image's last row and column.
WEIGHTS = [
    ([(2, 2, 4, 5), (2, 3, 2, 4)], {"weight_size": (3, 2, 3, 2)}),
    ([(1, 1, 6, 5), (1, 2, 3, 4)], {"weight_size": (2, 1, 3, 4), "stride": (2, 1), "padding": 1}),
    ([(2, 4, 5, 3), (2, 2, 3, 2)], {"weight_size": (2, 2, 2, 2), "padding": (1, 0), "dilation": (4, 1), "groups": 2}),
    ([(0, 2, 4, 4), (0, 3, 2, 2)], {"weight_size": (3, 2, 3, 3)}),
]


def np_max_pool2d(x, kernel_size, stride=None, padding=0, dilation=1):
    """By the definition, place by place."""
    found = windows(*x.shape[2:], kernel_size, kernel_size if stride is None else stride, padding, dilation)
    out = np.zeros((*x.shape[:2], *(n + 1 for n in found[-1][0])), x.dtype)
    for (i, j), under in found:
        out[..., i, j] = bordered(x, padding, -np.inf)[under].max(axis=(2, 3))
    return out


def np_avg_pool2d(x, kernel_size, stride=None, padding=0):
    """By the definition, place by place."""
    found = windows(*x.shape[2:], kernel_size, kernel_size if stride is None else stride, padding)
    out = np.zeros((*x.shape[:2], *(n + 1 for n in found[-1][0])), x.dtype)
    for (i, j), under in found:
        out[..., i, j] = bordered(x, padding)[under].mean(axis=(2, 3))
    return out


POOLS = [
    ((2, 1, 4, 4), {"kernel_size": 2}),
    ((1, 2, 5, 7), {"kernel_size": (2, 3)}),
    ((1, 1, 5, 6), {"kernel_size": 3, "stride": 2, "padding": 1}),
    ((1, 2, 4, 5), {"kernel_size": (3, 2), "stride": (1, 2), "padding": (1, 0)}),
    ((1, 1, 6, 6), {"kernel_size": 2, "stride": 3}),
    ((0, 1, 4, 4), {"kernel_size": 2}),
]
IMAGE_WITH_TIES = fixed(np.arange(30).reshape(1, 1, 6, 5) // 4 % 3)


def np_interpolate(x, size, mode="nearest", align_corners=False):
    """Each pixel by its place on the image."""
    out = np.zeros((*x.shape[:2], *size), x.dtype)
    for i, j in np.ndindex(*size):
        for (u, p), (v, q) in itertools.product(
            *map(neighbours, (i, j), x.shape[2:], size, [mode] * 2, [align_corners] * 2)
        ):
            out[..., i, j] += p * q * x[..., u, v]
    return out


def neighbours(i, n, out, mode, align_corners):
    """The pixels on an axis of n that make pixel i of out, with their shares."""
    if mode == "nearest":
        return [(i * n // out, 1.0)]
    place = i * (n - 1) / max(1, out - 1) if align_corners else max(0.0, (i + 0.5) * n / out - 0.5)
    first = int(place)
    return [(first, 1.0 - (place - first)), (min(first + 1, n - 1), place - first)]


def np_pixel_shuffle(x, upscale_factor):
    """Pixel by pixel."""
    n, c, h, w = x.shape
    r = upscale_factor
    out = np.zeros((n, c // r**2, h * r, w * r), x.dtype)
    for k, i, j in np.ndindex(*out.shape[1:]):
        out[:, k, i, j] = x[:, k * r * r + i % r * r + j % r, i // r, j // r]
    return out


def along_channels(v: np.ndarray, x: np.ndarray) -> np.ndarray:
    """One number for each channel, beside x."""
    return v.reshape(-1, *[1] * (x.ndim - 2))


def np_standardised(x, axes):
    """By the definition."""
    return (x - x.mean(axis=axes, keepdims=True)) / np.sqrt(x.var(axis=axes, keepdims=True) + 1e-5)


def np_batch_norm(x, weight=None, bias=None):
    """With the statistics of the batch."""
    out = np_standardised(x, (0, *range(2, x.ndim))) if x.size else x
    return out if weight is None else out * along_channels(weight, x) + along_channels(bias, x)


def np_layer_norm(x, weight=1.0, bias=0.0, *, normalized_shape):
    """Over the last axes."""
    return np_standardised(x, tuple(range(-len(normalized_shape), 0))) * weight + bias


def instance_norm(x, weight, bias):
    """Which takes weight and bias by name."""
    return F.instance_norm(x, weight=weight, bias=bias)


def np_instance_norm(x, weight, bias):
    """Over each image."""
    return np_standardised(x, tuple(range(2, x.ndim))) * along_channels(weight, x) + along_channels(bias, x)


RUNNING = {"running_mean": normal(3), "running_var": positive(3)}

IMAGES = [
    Row(
        "conv2d",
        lambda *xs, **options: mg.conv2d(*xs, **options),
        np_conv2d,
        "conv2d",
        [Call(tuple(normal(*s) for s in shapes), options) for shapes, options in CONVOLUTIONS],
    ),
    Row(
        "conv_transpose2d",
        lambda *xs, **options: mg.conv_transpose2d(*xs, **options),
        np_conv_transpose2d,
        "conv_transpose2d",
        [Call(tuple(normal(*s) for s in shapes), options) for shapes, options in TRANSPOSED],
    ),
    Row(
        "conv2d_weight",
        with_weight_size(mg.conv2d_weight),
        with_weight_size(np_conv2d_weight),
        with_weight_size(lambda *xs, **options: torch.nn.grad.conv2d_weight(*xs, **options)),
        [Call(tuple(normal(*s) for s in shapes), options) for shapes, options in WEIGHTS],
    ),
    Row(
        "max_pool2d",
        F.max_pool2d,
        np_max_pool2d,
        "max_pool2d",
        [*reductions(distinct, POOLS), *each(distinct, [(1, 1, 5, 6)], kernel_size=2, stride=1, padding=1, dilation=2)],
        ties=[Call((IMAGE_WITH_TIES,), options) for _, options in [*POOLS[:2], POOLS[4]]],
    ),
    Row("avg_pool2d", F.avg_pool2d, np_avg_pool2d, "avg_pool2d", reductions(normal, POOLS)),
    Row(
        "interpolate",
        F.interpolate,
        np_interpolate,
        "interpolate",
        [
            *each(normal, [(2, 1, 2, 3), (1, 2, 3, 1)], size=(4, 5)),
            *each(normal, [(1, 1, 5, 3)], size=(3, 7), mode="bilinear"),
            *each(normal, [(1, 2, 2, 4)], size=(4, 3), mode="bilinear", align_corners=True),
            *each(normal, [(0, 2, 2, 2)], size=(3, 3), mode="bilinear"),
        ],
    ),
    Row(
        "pixel_shuffle",
        F.pixel_shuffle,
        np_pixel_shuffle,
        "pixel_shuffle",
        [
            *each(normal, [(2, 8, 2, 1)], upscale_factor=2),
            *each(normal, [(1, 9, 1, 2)], upscale_factor=3),
        ],
    ),
    Row(
        "pixel_shuffle_of_nothing",
        F.pixel_shuffle,
        np_pixel_shuffle,
        None,
        each(normal, [(0, 4, 1, 1)], upscale_factor=2),
    ),
    Row(
        "batch_norm",
        lambda *xs: F.batch_norm(xs[0], None, None, *xs[1:], training=True),
        np_batch_norm,
        lambda *xs: torch.nn.functional.batch_norm(xs[0], None, None, *xs[1:], training=True),
        [
            *each(normal, [(3, 2, 2, 1), (4, 3)]),
            *[
                Call((normal(*shape), normal(shape[1]), normal(shape[1])))
                for shape in [(5, 2), (2, 3, 4), (2, 2, 3, 2), (0, 2, 1, 1)]
            ],
        ],
    ),
    Row(
        "batch_norm_in_use",
        lambda *xs, **running: F.batch_norm(xs[0], *running.values(), *xs[1:]),
        lambda x, w, b, running_mean, running_var: (
            (x - along_channels(running_mean, x))
            / np.sqrt(along_channels(running_var, x) + 1e-5)
            * along_channels(w, x)
            + along_channels(b, x)
        ),
        lambda *xs, **running: torch.nn.functional.batch_norm(
            xs[0], *(torch.tensor(v) for v in running.values()), *xs[1:]
        ),
        [Call((normal(*shape), normal(3), normal(3)), RUNNING) for shape in [(2, 3), (2, 3, 2, 2)]],
    ),
    Row(
        "layer_norm",
        lambda *xs, normalized_shape: F.layer_norm(xs[0], normalized_shape, *xs[1:]),
        np_layer_norm,
        lambda *xs, normalized_shape: torch.nn.functional.layer_norm(xs[0], normalized_shape, *xs[1:]),
        [
            Call((normal(4, 3),), {"normalized_shape": (3,)}),
            Call((normal(2, 3, 4), normal(3, 4), normal(3, 4)), {"normalized_shape": (3, 4)}),
            Call((normal(0, 3), normal(3), normal(3)), {"normalized_shape": (3,)}),
        ],
    ),
    Row(
        "instance_norm",
        instance_norm,
        np_instance_norm,
        lambda x, weight, bias: torch.nn.functional.instance_norm(x, weight=weight, bias=bias),
        [Call((normal(2, 2, 3, 2), normal(2), normal(2)))],
    ),
    Row(
        "instance_norm_of_nothing",
        instance_norm,
        np_instance_norm,
        None,
        [Call((normal(0, 2, 2, 2), normal(2), normal(2)))],
    ),
    Row(
        "embedding",
        lambda weight, numbers: F.embedding(numbers, weight),
        lambda weight, numbers: weight[numbers],
        lambda weight, numbers: torch.nn.functional.embedding(torch.tensor(numbers), weight),
        [Call((normal(4, 3),), {"numbers": np.array(n)}) for n in (2, [0, 3, 0], [[1, 1], [2, 1]])],
    ),
]

ROWS = ARITHMETIC + COMPARISONS + FUNCTIONS + CHOICES + REDUCTIONS + SHAPING + LINEAR_ALGEBRA + LOSSES + IMAGES


def params(kind: str = "calls", **wanted: Any) -> list[Any]:
    """Each call of each row, for parametrize: those of rows whose attributes are as wanted."""
    rows = [row for row in ROWS if all(getattr(row, name) == value for name, value in wanted.items())]
    return [pytest.param(row, call, id=f"{row.name}-{call.id}") for row in rows for call in getattr(row, kind)]


def primitives(*modules: Any) -> dict[str, Any]:
    """The primitives that modules define, by their full names."""
    return {
        f"{module.__name__}.{name}": value
        for module in modules
        for name, value in vars(module).items()
        if hasattr(value, "vjps") and value.__module__ == module.__name__
    }
