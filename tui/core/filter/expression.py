"""A whole filter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.core.filter.nodes import Node
    from tui.core.filter.subject import Predicate


@dataclass(frozen=True, slots=True)
class Filter:
    """What `parse` makes of a text. Two that are written differently and mean the same word for word are equal."""

    root: Node | None = None
    """None: everything passes."""

    def __str__(self) -> str:
        """The canonical text, which parses to an equal filter."""
        if self.root is None:
            return ""
        from tui.core.filter.printing import text_of

        return text_of(self.root)

    def predicate(self) -> Predicate:
        """A function that tells whether a subject passes: to be made once and called for each."""
        from tui.core.filter.predicate import predicate_of

        return predicate_of(self.root)
