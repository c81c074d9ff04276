"""Functions of many arrays, such as all those of a network: on a GPU each is one launch, or a few.

They are named as what PyTorch has for lists of tensors, ``torch._foreach_copy_`` and ``torch._foreach_lerp``.
"""

from __future__ import annotations

from collections.abc import Sequence

from .backend import Array, xp

__all__ = ["copy", "lerp"]


def copy(arrays: Sequence[Array]) -> list[Array]:
    """A copy of each array."""
    return [xp.copy(a) for a in arrays]


def lerp(arrays: Sequence[Array], targets: Sequence[Array], weight: float) -> list[Array]:
    """(1 - weight) * array + weight * target of each pair, in its type; of what is not of floats a copy of the target.

    The arrays of a pair have one shape and one type.
    """
    return [
        (1.0 - weight) * a + weight * b if a.dtype.kind == "f" else xp.copy(b)
        for a, b in zip(arrays, targets, strict=True)
    ]
