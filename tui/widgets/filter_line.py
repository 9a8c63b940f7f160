"""The line that `/` opens to narrow the table."""

from __future__ import annotations

from textual.widgets import Input


class FilterLine(Input):
    """The line that `/` opens. It stays in sight while it holds a filter."""

    def __init__(self) -> None:
        super().__init__(placeholder="part of an address; Enter keeps it, Esc clears it", compact=True)

    def open(self) -> None:
        """Show it and take the keys from now on (`focus()` would let those already on their way pass)."""
        self.add_class("-open")
        self.screen.set_focus(self)

    def close_if_empty(self) -> None:
        """Hide it unless it holds a filter."""
        self.set_class(bool(self.value), "-open")

    def clear_and_close(self) -> None:
        """Drop the filter and hide."""
        self.value = ""
        self.remove_class("-open")
