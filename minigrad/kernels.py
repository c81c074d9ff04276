"""What CuPy computes in one launch where NumPy computes step by step.

A launch takes 10 to 20 microseconds of the host's time, whatever it computes, so on a GPU their number is what counts.
Each kernel here stands in for code elsewhere, which says what it computes and is what runs on NumPy: ``install`` puts
it there when CuPy is used for the first time. It is then given arrays of CuPy, of float32 or float64; all else goes to
the code that was there, also the Tensors of a gradient that is itself to be differentiated.

A formula is a few assignments in C++ that are Python, too, but for the types in front of names; T is the type of the
elements. That is how it is tested where there is no GPU.
"""

from __future__ import annotations

import functools
import itertools
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from . import optim
from .backend import Array, empty, when_cupy_is_used, xp
from .nn import functional as F
from .ops import convolution, elementwise, normalisation
from .ops.convolution import Geometry

_PREAMBLE = "template<typename T> __device__ T where(bool c, T a, T b) { return c ? a : b; }"


@functools.cache
def _compiled(kind: str, module: Any, name: str, *formula: str) -> Any:
    options = {"preamble": _PREAMBLE} if kind == "ElementwiseKernel" else {}
    return getattr(module, kind)(*formula, name=f"minigrad_{name}", **options)


def _kernel(name: str, inputs: str, outputs: str, formula: str) -> Callable[..., Any]:
    """A function of arrays and numbers, which broadcast; formula computes an element of each of the outputs."""
    formula = "; ".join(line.strip() for line in formula.strip().splitlines())
    return lambda *args: _compiled("ElementwiseKernel", sys.modules["cupy"], name, inputs, outputs, formula)(*args)


def _sum_of(name: str, inputs: str, formula: str) -> Callable[..., Any]:
    """A function of arrays and numbers, which broadcast: the sum of formula along some axes."""
    parts = inputs, "T out", formula, "a + b", "out = a", "0"
    return lambda *args, axis: _compiled("ReductionKernel", sys.modules["cupy"], name, *parts)(*args, axis=axis)


# ---------------------------------------------------------------- activations and losses

_SIGMOID = _kernel("sigmoid", "T x", "T out", """
    T small = exp(-fabs(x))
    out = where(x >= 0, T(1), small) / (1 + small)
""")  # fmt: skip
_LEAKY = _kernel("leaky_relu", "T x, T slope", "T out", "out = where(x > 0, x, slope * x)")
_ELU = _kernel("elu", "T x, T alpha", "T out", "out = where(x > 0, x, alpha * expm1(where(x > 0, T(0), x)))")
_BCE = _kernel("bce", "T x, T t", "T out", "out = where(x > 0, x, T(0)) - x * t + log1p(exp(-fabs(x)))")
_MSE = _kernel("mse", "T x, T t", "T out", "out = (x - t) * (x - t)")

_BY_TANH = _kernel("by_tanh", "T g, T y", "T out", "out = g * (1 - y * y)")
_BY_RELU = _kernel("by_relu", "T g, T y", "T out", "out = g * (y > 0)")
_BY_SIGMOID = _kernel("by_sigmoid", "T g, T y", "T out", "out = g * y * (1 - y)")
_BY_SOFTPLUS = _kernel("by_softplus", "T g, T y", "T out", "out = -g * expm1(-y)")
_BY_LEAKY = _kernel("by_leaky_relu", "T g, T x, T slope", "T out", "out = g * (slope + (1 - slope) * (x > 0))")
_BY_ELU = _kernel("by_elu", "T g, T x, T alpha", "T out",
                  "out = where(x > 0, g, g * alpha * exp(where(x > 0, T(0), x)))")  # fmt: skip
_BY_BCE = _kernel("by_bce", "T g, T x, T t, T weight", "T out", """
    T small = exp(-fabs(x))
    out = g * weight * (where(x >= 0, T(1), small) / (1 + small) - t)
""")  # fmt: skip
_BY_MSE = _kernel("by_mse", "T g, T x, T t, T weight", "T out", "out = g * weight * 2 * (x - t)")

FORWARD = {
    elementwise.sigmoid: _SIGMOID,
    elementwise._leaky_relu: lambda x, *, negative_slope: _LEAKY(x, negative_slope),
    elementwise._elu: lambda x, *, alpha: _ELU(x, alpha),
    F._bce_with_logits: lambda x, t, *, reduction: F._reduced(_BCE(x, t), reduction),
    F._mse: lambda x, t, *, reduction: F._reduced(_MSE(x, t), reduction),
}

#: By the first argument of each op.
BACKWARD = {
    elementwise.tanh: lambda g, out, x: _BY_TANH(g, out),
    elementwise.relu: lambda g, out, x: _BY_RELU(g, out),
    elementwise.sigmoid: lambda g, out, x: _BY_SIGMOID(g, out),
    elementwise.softplus: lambda g, out, x: _BY_SOFTPLUS(g, out),
    elementwise._leaky_relu: lambda g, out, x, *, negative_slope: _BY_LEAKY(g, x, negative_slope),
    elementwise._elu: lambda g, out, x, *, alpha: _BY_ELU(g, x, alpha),
    F._bce_with_logits: lambda g, out, x, t, *, reduction: _BY_BCE(g, x, t, F._weight(reduction, x.size)),
    F._mse: lambda g, out, x, t, *, reduction: _BY_MSE(g, x, t, F._weight(reduction, x.size)),
}


# ---------------------------------------------------------------- batch normalisation

_SQUARES = _sum_of("squares", "T x, T mean", "(x - mean) * (x - mean)")
_PRODUCTS = _sum_of("products", "T g, T x, T mean", "g * (x - mean)")
_NORMED = _kernel("batch_norm", "T x, T mean, T scale, T weight, T bias", "T out",
                  "out = (x - mean) * (scale * weight) + bias")  # fmt: skip
_BY_NORMED = _kernel(
    "by_batch_norm",
    "T g, T x, T mean, T scale, T weight, T sum_g, T sum_gx, T each",
    "T out",
    "out = scale * weight * (g - sum_g * each - (x - mean) * (scale * scale * sum_gx * each))",
)


def _along(v: Any, x: Array) -> Any:
    """Numbers for each channel, (C,), as they broadcast beside x; a number for all as it is."""
    return v.reshape(-1, *(1,) * (x.ndim - 2)) if hasattr(v, "ndim") and v.ndim else v


def mean_and_variance(x: Array) -> tuple[Array, Array]:
    """``normalisation._mean_and_variance``."""
    places, each = normalisation._places(x), normalisation._share(x)
    mean = x.sum(axis=places) * each
    return mean, _SQUARES(x, _along(mean, x), axis=places) * each


def batch_norm(x: Array, weight: Array, bias: Array, *, moments: normalisation.Moments) -> Array:
    """``normalisation._batch_norm``."""
    return _NORMED(x, *(_along(v, x) for v in (moments.mean, moments.scale, weight, bias)))


def batch_norm_input(g: Array, x: Array, weight: Array, *, moments: normalisation.Moments) -> Array:
    """``normalisation._batch_norm_input``."""
    places, mean = normalisation._places(x), _along(moments.mean, x)
    sums = g.sum(axis=places), _PRODUCTS(g, x, mean, axis=places)
    scale, weight, *sums = (_along(v, x) for v in (moments.scale, weight, *sums))
    return _BY_NORMED(g, x, mean, scale, weight, *sums, normalisation._share(x))


def batch_norm_weight(g: Array, x: Array, *, moments: normalisation.Moments) -> Array:
    """``normalisation._batch_norm_weight``."""
    return _PRODUCTS(g, x, _along(moments.mean, x), axis=normalisation._places(x)) * moments.scale


FORWARD |= {
    normalisation._batch_norm: batch_norm,
    normalisation._batch_norm_input: batch_norm_input,
    normalisation._batch_norm_weight: batch_norm_weight,
}


# ---------------------------------------------------------------- convolution: patches beside each other, one product

#: The patches of a part of the batch take at most so many bytes.
_PART_BYTES = 1 << 29

# Patches are a matrix (C * KH * KW, N * OH * OW): threads beside each other read, and write, pixels beside each other.


@functools.cache
def _patches_kernel(sizes: Sequence[int], kernel: Sequence[int], places: Sequence[int], geometry: Geometry) -> Any:
    """What lies under each tap at each place of images (N, C, H, W): ``patches(x, channels, out)``."""
    (h, w), (kh, kw), (oh, ow) = sizes, kernel, places
    (sh, sw), (ph, pw), (dh, dw), _ = geometry
    formula = f"""
        int place = i % (count * {oh * ow})
        int tap = i / (count * {oh * ow})
        int row = place / {ow} % {oh} * {sh} + tap / {kw} % {kh} * {dh} - {ph}
        int column = place % {ow} * {sw} + tap % {kw} * {dw} - {pw}
        int image = place / {oh * ow} * channels + tap / {kh * kw}
        bool inside = (row >= 0) * (row < {h}) * (column >= 0) * (column < {w})
        out = where(inside, x[inside * ((image * {h} + row) * {w} + column)], T(0))"""
    return _kernel("patches", "raw T x, int32 count, int32 channels", "T out", formula)


@functools.cache
def _painting_kernel(sizes: Sequence[int], kernel: Sequence[int], places: Sequence[int], geometry: Geometry) -> Any:
    """The adjoint: every pixel adds up what was painted on it."""
    (h, w), (kh, kw), (oh, ow) = sizes, kernel, places
    (sh, sw), (ph, pw), (dh, dw), _ = geometry
    lines = [
        f"int x = i % {w} + {pw}",
        f"int y = i / {w} % {h} + {ph}",
        f"int channel = i / {h * w} % channels",
        f"int image = i / {h * w} / channels",
        "T total = 0",
    ]
    for tap in range(kh * kw):
        u, v = divmod(tap, kw)
        lines += [
            f"int row{tap} = (y - {u * dh}) / {sh}",
            f"int column{tap} = (x - {v * dw}) / {sw}",
            f"bool inside{tap} = (y >= {u * dh}) * ((y - {u * dh}) % {sh} == 0) * (row{tap} < {oh})"
            f" * (x >= {v * dw}) * ((x - {v * dw}) % {sw} == 0) * (column{tap} < {ow})",
            f"total += where(inside{tap}, painted[inside{tap} * (((channel * {kh * kw} + {tap}) * count + image)"
            f" * {oh * ow} + row{tap} * {ow} + column{tap})], T(0))",
        ]
    return _kernel(
        "painting", "raw T painted, int32 count, int32 channels", "T out", "\n".join([*lines, "out = total"])
    )


def _parts(count: int, bytes_each: int) -> list[slice]:
    """Parts of the batch whose patches fit in memory."""
    step = max(1, _PART_BYTES // max(1, bytes_each))
    return [slice(i, min(i + step, count)) for i in range(0, count, step)]


def _patches(x: Array, kernel: Sequence[int], geometry: Geometry) -> Iterator[tuple[slice, Array]]:
    """For each part of the batch the matrix of what lies under the filter."""
    count, channels, *sizes = x.shape
    places = convolution._places(sizes, kernel, geometry)
    rows = channels * math.prod(kernel)
    compute = _patches_kernel(tuple(sizes), tuple(kernel), places, geometry)
    for part in _parts(count, rows * math.prod(places) * x.itemsize):
        n = part.stop - part.start
        out = empty((rows, n * math.prod(places)), like=x)
        yield part, compute(x[part], n, channels, out)


def correlate(x: Array, w: Array, geometry: Geometry) -> Array:
    """``convolution._correlate``."""
    filters, _, *kernel = w.shape
    places = convolution._places(x.shape[2:], kernel, geometry)
    out = [w.reshape(filters, -1) @ patches for _, patches in _patches(x, kernel, geometry)]
    out = out[0] if len(out) == 1 else xp.concatenate(out, axis=1)
    return out.reshape(filters, len(x), *places).transpose(1, 2, 3, 0)


def meet(x: Array, y: Array, geometry: Geometry, kernel: tuple[int, int]) -> Array:
    """``convolution._meet``."""
    filters, channels = y.shape[1], x.shape[1]
    products = [
        y[part].transpose(1, 0, 2, 3).reshape(filters, -1) @ patches.T
        for part, patches in _patches(x, kernel, geometry)
    ]
    return functools.reduce(lambda a, b: a + b, products).reshape(filters, channels, *kernel).transpose(1, 2, 3, 0)


def paint(y: Array, w: Array, geometry: Geometry, size: tuple[int, int]) -> Array:
    """``convolution._paint``."""
    (count, filters, *places), (channels, *kernel) = y.shape, w.shape[1:]
    compute = _painting_kernel(tuple(size), tuple(kernel), tuple(places), geometry)
    out = empty((count, channels, *size), like=y)
    for part in _parts(count, channels * math.prod(kernel) * math.prod(places) * y.itemsize):
        painted = w.reshape(filters, -1).T @ y[part].transpose(1, 0, 2, 3).reshape(filters, -1)
        compute(painted, part.stop - part.start, channels, out[part])
    return out.transpose(0, 2, 3, 1)


# ---------------------------------------------------------------- optimizers: one launch for each parameter

_DESCENT = _kernel("descent", "T p, T g, T lr, T decay", "T new_p", "new_p = p - lr * (g + decay * p)")
_MOMENTUM = _kernel("momentum", "T p, T g, T v, T lr, T decay, T momentum, T ahead", "T new_p, T new_v", """
    T slope = g + decay * p
    new_v = momentum * v + slope
    new_p = p - lr * (ahead * slope + (ahead * momentum + 1 - ahead) * new_v)
""")  # fmt: skip
_RMSPROP = _kernel("rmsprop", "T p, T g, T v, T lr, T decay, T alpha, T rest, T eps", "T new_p, T new_v", """
    T slope = g + decay * p
    new_v = alpha * v + rest * slope * slope
    new_p = p - lr * slope / (sqrt(new_v) + eps)
""")  # fmt: skip
_ADAM = _kernel(
    "adam",
    "T p, T g, T m, T v, T lr, T decay, T beta1, T rest1, T far1, T beta2, T rest2, T far2, T eps",
    "T new_p, T new_m, T new_v", """
    T slope = g + decay * p
    new_m = beta1 * m + rest1 * slope
    new_v = beta2 * v + rest2 * slope * slope
    new_p = p - lr * (new_m / far1) / (sqrt(new_v / far2) + eps)
""")  # fmt: skip


def _sgd(o: optim.SGD, t: int) -> tuple:
    return (_MOMENTUM, ("velocity",), (o.momentum, float(o.nesterov))) if o.momentum else (_DESCENT, (), ())


def _rmsprop(o: optim.RMSprop, t: int) -> tuple:
    return _RMSPROP, ("square",), (o.alpha, 1.0 - o.alpha, o.eps)


def _adam(o: optim.Adam, t: int) -> tuple:
    of_each = ((beta, 1.0 - beta, 1.0 - beta**t) for beta in o.betas)
    return _ADAM, ("mean", "square"), (*itertools.chain(*of_each), o.eps)


#: By the class: the kernel, what is remembered of each parameter, and the settings, at step t.
OPTIMIZERS = {optim.SGD: _sgd, optim.RMSprop: _rmsprop, optim.Adam: _adam}


def step(optimizer: optim.Optimizer) -> None:
    """``Optimizer.step``, of one of these classes: one launch for each parameter."""
    optimizer._follow()
    for p, state in zip(optimizer.params, optimizer.state, strict=True):
        if p._grad is None:
            continue
        t = state.get("step", 0) + 1
        kernel, names, settings = OPTIMIZERS[type(optimizer)](optimizer, t)
        remembered = [state[name] if name in state else xp.zeros_like(p.value) for name in names]
        new = kernel(p.value, optimizer._checked(p), *remembered, optimizer.lr, optimizer.weight_decay, *settings)
        p.value, *remembered = new if names else (new,)
        state.update(zip(names, remembered, strict=True))
        if isinstance(optimizer, optim.Adam):
            state["step"] = t


def _are_ours(optimizer: optim.Optimizer) -> bool:
    return type(optimizer) in OPTIMIZERS and all(_is_ours(p.value) for p in optimizer.params if p._grad is not None)


# ---------------------------------------------------------------- into the places of the code that they stand in for


def _is_ours(x: Any) -> bool:
    return type(x).__module__ == "cupy" and x.dtype.char in "fd" and x.size > 0


def _either(usual: Callable[..., Any], kernel: Callable[..., Any]) -> Callable[..., Any]:
    """The kernel where all arrays are of CuPy, of floats of one type and not empty, and else what is usual."""

    @functools.wraps(usual)
    def either(*args, **options):
        arrays = [a for a in args if hasattr(a, "dtype")]
        if all(map(_is_ours, arrays)) and len({a.dtype.char for a in arrays}) == 1:
            return kernel(*args, **options)
        return usual(*args, **options)

    return either


def install() -> None:
    """Puts the kernels into the places of what they stand in for."""
    for op, kernel in FORWARD.items():
        op.replace_forward(lambda usual, kernel=kernel: _either(usual, kernel))
    for op, kernel in BACKWARD.items():
        op.vjps = (_either(op.vjps[0], kernel), *op.vjps[1:])
    normalisation._mean_and_variance = _either(normalisation._mean_and_variance, mean_and_variance)
    for name, kernel in {"_correlate": correlate, "_meet": meet, "_paint": paint}.items():
        setattr(convolution, name, _either(getattr(convolution, name), kernel))
    usual_step = optim.Optimizer.step
    optim.Optimizer.step = functools.wraps(usual_step)(
        lambda optimizer: step(optimizer) if _are_ours(optimizer) else usual_step(optimizer)
    )


when_cupy_is_used(install)
