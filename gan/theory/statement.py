"""A statement of the theory as two numbers, computed in two ways, and how they are said to compare."""

from __future__ import annotations

import dataclasses
import operator


@dataclasses.dataclass(frozen=True)
class Statement:
    """left = right to within the tolerance, left <= right but for it, or left < right by more than it."""

    text: str
    left: float
    right: float
    relation: str = "="  # or "<=", "<"
    tolerance: float = 1e-9

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
