"""Views of which one is shown at a time: going from one to the next, and giving it the keys."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from textual.widget import Widget
from textual.widgets import ContentSwitcher

from tui.widgets.row_table import Listing
from tui.widgets.table_view import ListingView


class Switched(ABC):
    """Views, of which one is shown. The UI thread's."""

    names: Sequence[str]
    """Also their ids, as widgets of a switcher."""
    table: Listing[Any]
    table_view: ListingView

    def __init__(self) -> None:
        self.current = "table"

    @abstractmethod
    def focused(self, name: str) -> Widget:
        """What has the keys of a view."""

    @abstractmethod
    def draw(self, empty: str) -> None:
        """Draw the view that is shown; `empty` says why there are no rows."""

    @property
    def with_keys(self) -> Sequence[tuple[str, Widget]]:
        """Which view has which keys, in the order of the help."""
        return [("table", self.table_view), *((name, self.focused(name)) for name in self.names)]

    def show(self, name: str) -> None:
        """Go to a view."""
        self.current = name
        switcher = self.table.app.query_one(ContentSwitcher)
        widget = self.focused(name)
        if not widget.is_attached:
            switcher.mount(widget)
        switcher.current = name
        self.focus()

    def after(self, step: int) -> str:
        """The view so many after the one that is shown."""
        return self.names[(self.names.index(self.current) + step) % len(self.names)]

    def focus(self) -> None:
        """Give the keys to the view that is shown."""
        widget = self.focused(self.current)
        widget.screen.set_focus(widget)
