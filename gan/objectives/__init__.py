"""Objectives: what the players want, a file for each family of losses."""

from __future__ import annotations

from . import minimax
from .objective import Objective

OBJECTIVES = {objective.name: objective for objective in (minimax.non_saturating, minimax.saturating)}


def named(name: str | Objective) -> Objective:
    """The objective of that name; an Objective stands for itself.

    Raises:
        ValueError: when there is none of that name.
    """
    if isinstance(name, Objective):
        return name
    if name not in OBJECTIVES:
        raise ValueError(f"objective '{name}' is not one of {', '.join(OBJECTIVES)}")
    return OBJECTIVES[name]


__all__ = ["OBJECTIVES", "Objective", "named"]
