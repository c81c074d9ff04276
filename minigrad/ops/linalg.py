"""Products of matrices, and of tensors by Einstein's rule."""

from __future__ import annotations

import math
import string

from ..backend import Array, array_module, xp
from ..messages import mixed, shown, two_backends
from ..primitive import as_arrays, primitive, raw_of
from .shaping import reshape, squeeze


@primitive
def mm(x: Array, y: Array) -> Array:
    """The product of two matrices, (N, K) and (K, M) to (N, M)."""
    return xp.dot(x, y)  # four times as fast as x @ y where K is 1


mm.__name__ = "matmul"  # what users called
mm.defvjps(lambda g, out, x, y: mm(g, y.T), lambda g, out, x, y: mm(x.T, g))


@primitive
def _matmul(x: Array, y: Array) -> Array:
    return x @ y


_matmul.defvjps(
    lambda g, out, x, y: g @ y.swapaxes(-1, -2),
    lambda g, out, x, y: x.swapaxes(-1, -2) @ g,
)


def matmul(x: Array, y: Array) -> Array:
    """The matrix product over the last two axes; axes before them broadcast, a 1-D argument is a row or a column.

    Raises:
        ValueError: when the first has not as many columns as the second has rows.
    """
    if not (hasattr(x, "ndim") and hasattr(y, "ndim")):
        x, y = as_arrays("matmul", x, y)
    if x.ndim == 0 or y.ndim == 0:
        raise ValueError(f"matmul: shapes {x.shape} and {y.shape} do not fit: a number is multiplied with *")
    if x.shape[-1] != y.shape[-2 if y.ndim > 1 else 0]:
        raise ValueError(
            f"matmul: shapes {x.shape} and {y.shape} do not fit: "
            f"the first has {x.shape[-1]} columns, the second {y.shape[-2 if y.ndim > 1 else 0]} rows"
        )
    if x.ndim == 2 and y.ndim == 2:
        return mm(x, y)
    row, column = x.ndim == 1, y.ndim == 1
    out = _matmul(reshape(x, 1, -1) if row else x, reshape(y, -1, 1) if column else y)
    if column:
        out = squeeze(out, -1)
    if row:
        out = squeeze(out, -1 if column else -2)
    return out


@primitive
def _linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    if weight.ndim != 2:
        raise ValueError(f"linear: weight must be a matrix (out, in), got shape {weight.shape}")
    features, expected = x.shape[1], weight.shape[1]
    if features != expected:
        raise ValueError(f"linear: input {x.shape} has {features} features, weight {weight.shape} expects {expected}")
    if bias is None:
        return xp.dot(x, weight.T)
    if bias.shape != weight.shape[:1]:
        raise ValueError(f"linear: bias {bias.shape} does not fit weight {weight.shape}, one for each row")
    return _affine(x, weight, bias)


def _affine(x: Array, weight: Array, bias: Array) -> Array:
    return xp.dot(x, weight.T) + bias


_linear.defvjps(
    lambda g, out, x, weight, bias=None: mm(g, weight),
    lambda g, out, x, weight, bias=None: mm(g.T, x),
    lambda g, out, x, weight, bias=None: g.sum(axis=0),
)


def linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    """x @ weight.T + bias in one node; x (..., in), weight (out, in), bias (out,) or None, result (..., out).

    Raises:
        ValueError: when the shapes do not fit.
    """
    if not (hasattr(x, "ndim") and hasattr(weight, "ndim")):
        x, weight = as_arrays("linear", x, weight)
    if x.ndim == 2:
        return _linear(x, weight, bias)
    if x.ndim == 0:
        raise ValueError(f"linear: input () has no features, weight {weight.shape} needs an axis of them")
    out = _linear(reshape(x, math.prod(x.shape[:-1]), x.shape[-1]), weight, bias)
    return reshape(out, *x.shape[:-1], out.shape[-1])


@primitive
def _einsum(*operands: Array, inputs: tuple[str, ...], output: str) -> Array:
    return xp.einsum(",".join(inputs) + "->" + output, *operands, optimize=len(operands) > 1)


def _einsum_vjp(i, g, out, *operands, inputs, output):
    """The same sum with g in the place of operand i.

    A letter that only operand i has is summed over alone: ones stand for it. A letter that operand i has twice is its
    diagonal: an identity matrix puts the gradient there.
    """
    target, sizes = inputs[i], dict(zip(inputs[i], operands[i].shape, strict=True))
    others = [(x, s) for j, (x, s) in enumerate(zip(operands, inputs, strict=True)) if j != i]
    terms = [(g, output), *others]
    seen = {letter for x, s in terms for letter, n in zip(s, x.shape, strict=True) if n == sizes.get(letter)}
    unused = iter(sorted(set(string.ascii_letters) - set("".join(inputs) + output)))
    module = array_module(raw_of(g))
    result = ""
    for letter in target:
        if letter in result:
            fresh = next(unused)
            terms.append((module.eye(sizes[letter], dtype=g.dtype), letter + fresh))
            letter = fresh
        elif letter not in seen:
            terms.append((module.ones(sizes[letter], dtype=g.dtype), letter))
        result += letter
    return _einsum(*(x for x, _ in terms), inputs=tuple(s for _, s in terms), output=result)


_einsum.defvjp_each(_einsum_vjp)


def einsum(equation: str, *operands: Array) -> Array:
    """A sum of products by Einstein's rule, ``einsum("ij,jk->ik", x, y)``, with all that NumPy's notation allows."""
    if not isinstance(equation, str):
        raise TypeError(f"einsum: the equation comes first, such as 'ij,jk->ik', got {shown(equation)}")
    operands = as_arrays("einsum", *operands)
    if mixed([raw_of(x) for x in operands]):  # CuPy would move what is NumPy's without a word
        raise two_backends("einsum")
    inputs, output = _spelled_out(equation, operands)
    return _einsum(*operands, inputs=inputs, output=output)


def _spelled_out(equation: str, operands: list) -> tuple[tuple[str, ...], str]:
    """The letters of each operand and of the result, with letters in the place of `...` and of a result left out."""
    terms, arrow, output = equation.replace(" ", "").partition("->")
    inputs = terms.split(",")
    if len(inputs) != len(operands):
        raise ValueError(f"einsum: '{equation}' names {len(inputs)} operands, got {len(operands)}")
    unused = [c for c in string.ascii_letters if c not in equation]
    hidden = [x.ndim - len(s.replace("...", "")) if "..." in s else 0 for x, s in zip(operands, inputs, strict=True)]
    for x, s, n in zip(operands, inputs, hidden, strict=True):
        if n < 0 or ("..." not in s and len(s) != x.ndim):
            raise ValueError(f"einsum: '{s}' in '{equation}' does not fit shape {x.shape}")
    most = max(hidden, default=0)
    dots = "".join(unused[:most])
    inputs = tuple(s.replace("...", dots[most - n :]) for s, n in zip(inputs, hidden, strict=True))
    if arrow and most and "..." not in output:
        raise ValueError(f"einsum: '{equation}' has ... among the operands and must have it in the result")
    if not arrow:
        letters = "".join(inputs)
        output = dots + "".join(sorted(c for c in set(letters) if letters.count(c) == 1 and c not in dots))
    return inputs, output.replace("...", dots)
