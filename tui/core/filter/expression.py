"""A whole filter."""

from __future__ import annotations

from dataclasses import dataclass

from tui.core.filter.nodes import Node
from tui.core.filter.predicate import Predicate, predicate_of
from tui.core.filter.printing import text_of


@dataclass(frozen=True, slots=True)
class Filter:
    """What `parse` makes of a text. Two that are written differently and mean the same word for word are equal."""

    root: Node | None = None
    """None: everything passes."""

    def __str__(self) -> str:
        """The canonical text, which parses to an equal filter."""
        return "" if self.root is None else text_of(self.root)

    def predicate(self) -> Predicate:
        """A function that tells whether a subject passes: to be made once and called for each."""
        return predicate_of(self.root)
