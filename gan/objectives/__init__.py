"""Objectives: what the players want, a file for each family of losses."""

from __future__ import annotations

from minigrad.messages import shown

from . import minimax
from .objective import Objective

OBJECTIVES = {objective.name: objective for objective in (minimax.non_saturating, minimax.saturating)}


def named(name: str | Objective) -> Objective:
    """The objective of that name; an Objective stands for itself.

    Raises:
        ValueError: when there is none of that name.
        TypeError: when it is neither.
    """
    if isinstance(name, Objective):
        return name
    if not isinstance(name, str):
        raise TypeError(f"an objective is a name or an Objective, got {shown(name)}")
    if name not in OBJECTIVES:
        raise ValueError(f"objective '{name}' is not one of {', '.join(OBJECTIVES)}")
    return OBJECTIVES[name]


__all__ = ["OBJECTIVES", "Objective", "named"]
