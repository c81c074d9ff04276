"""A statement of the theory as two numbers, computed in two ways, and how they are said to compare."""

from __future__ import annotations

import dataclasses
import operator

import numpy as np


@dataclasses.dataclass(frozen=True)
class Statement:
    """left = right to within the tolerance, left <= right but for it, or left < right by more than it."""

    text: str
    left: float
    right: float
    relation: str = "="  # or "<=", "<"
    tolerance: float = 1e-9

    @classmethod
    def everywhere(cls, text: str, left: np.ndarray, right: np.ndarray, tolerance: float = 1e-9) -> Statement:
        """left = right for all elements of two arrays: the pair that differs most, or the largest if none differs.

        Rounding alone does not choose, as it is another one on each machine.
        """
        left, right = np.ravel(left), np.ravel(right)
        off = np.abs(left - right)
        i = off.argmax() if not off.max() <= tolerance else np.argmax(right)
        return cls(text, left[i], right[i], "=", tolerance)

    @property
    def difference(self) -> float:
        """left - right."""
        return self.left - self.right

    @property
    def holds(self) -> bool:
        """Whether the numbers bear it out; a number that is none bears nothing out."""
        compare, margin = {
            "=": (operator.le, self.tolerance),
            "<=": (operator.le, self.tolerance),
            "<": (operator.lt, -self.tolerance),
        }[self.relation]
        return bool(compare(abs(self.difference) if self.relation == "=" else self.difference, margin))

    def __str__(self) -> str:
        """A line of a table: text, left, relation, right, difference and verdict, in columns of fixed width."""
        verdict = "holds" if self.holds else "FAILS"
        sides = f"{self.left:11.6f} {self.relation:>2s} {self.right:10.6f}"
        return f"{self.text:56s}{sides}  {self.difference:10.1e}  {verdict}"
