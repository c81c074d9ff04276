"""Checks of arguments that many functions share, and what was given in words."""

from __future__ import annotations

import numbers
from typing import Any

from .backend import is_array


def shown(value: Any) -> str:
    """A number or a text as it is written; of anything else the type, with the package where it is a foreign one."""
    if value is None or isinstance(value, str):
        return repr(value)
    if isinstance(value, int | float):
        return str(value)
    if is_array(value) and value.dtype.kind not in "fiub":
        return f"an array of {value.dtype}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    package = type(value).__module__.partition(".")[0]
    name = type(value).__name__
    return f"{package}.{name}" if package in ("torch", "jax", "jaxlib", "tensorflow") else name


def check_integers(who: str, least: int, **values: Any) -> None:
    """Raises TypeError for a value that is not an integer, and ValueError for one below least."""
    for name, value in values.items():
        if not isinstance(value, numbers.Integral):
            raise TypeError(f"{who}: {name} must be an integer, got {shown(value)}")
        if value < least:
            raise ValueError(f"{who}: {name} must be at least {least}, got {value}")


def check_numbers(who: str, **values: Any) -> None:
    """Raises TypeError for a value that is not a real number."""
    for name, value in values.items():
        if not isinstance(value, numbers.Real):
            raise TypeError(f"{who}: {name} must be a number, got {shown(value)}")
