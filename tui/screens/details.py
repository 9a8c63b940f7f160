"""The details of a row, on the whole screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from tui.core.detail import Detail
from tui.core.event_columns import Writing
from tui.widgets.details import Details


class DetailsScreen(Screen[None]):
    """Asks for the details again whenever the app calls `draw`: once a second."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "dismiss", "Close", id="details.close"),
    ]

    def __init__(self, detail: Callable[[], Detail | None], writing: Writing) -> None:
        """`detail` is called in the UI thread; None: the row is gone."""
        super().__init__()
        self._detail = detail
        self._details = Details(writing)

    def compose(self) -> ComposeResult:
        yield self._details

    def on_mount(self) -> None:
        self._details.focus()
        self.draw()

    def draw(self) -> None:
        """Draw what is known by now."""
        self._details.draw(self._detail())
