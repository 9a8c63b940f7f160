"""The screen of a fleet: rows of many boxes, as a server knows them, sorted and filtered from the keyboard."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget

from bpf.event import printable
from tui.app import TcplatApp
from tui.fleet.poller import News, Poller, Wanted
from tui.fleet.screen.model import FleetModel
from tui.fleet.screen.views import FleetViews
from tui.fleet.server import Server
from tui.fleet.status import account_text, empty_text, title_text
from tui.options import ScreenOptions
from tui.shell import Shell
from tui.widgets.filter_line import FilterLine

if TYPE_CHECKING:
    from tui.core.filter import Filter
    from tui.fleet.row import FleetRow
    from tui.out.table import Cell
    from tui.screens.help import Told

_SHARED = (
    *("quit", "interrupt", "help", "filter", "pause", "table", "details", "next_view", "previous_view"),
    *("names", "copy", "slower_redraw", "faster_redraw", "theme", "suspend", "clear"),
)
_LINE_MAX = 2000
"""No terminal is so wide."""
_ELSEWHERE = "f,3,4,5,i,b,B,left_square_bracket,right_square_bracket,left_curly_bracket,right_curly_bracket"


@dataclass
class NewsCame(Message):
    """The worker thread has found something out."""

    news: News


class TextLine(Widget):
    """One line; `draw` repaints it if its text changed."""

    def __init__(self) -> None:
        super().__init__()
        self._text = ""

    def draw(self, text: str) -> None:
        """Show a text, whatever is in it, and however long it is."""
        if (shown := printable(text[:_LINE_MAX])) != self._text:
            self._text = shown
            self.refresh()

    def render(self) -> Text:
        """The text as it is."""
        return Text(self._text, no_wrap=True, overflow="ellipsis")


class FleetTitle(TextLine):
    """On top."""


class FleetAccount(TextLine):
    """Below the view."""


class FleetApp(Shell):
    """Draws once a second what a worker thread asks of a server. All state here belongs to the UI thread."""

    views: FleetViews
    title_line: FleetTitle
    account_line: FleetAccount
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            each
            for each in TcplatApp.BINDINGS
            if isinstance(each, Binding) and (each.id or "").removeprefix("app.") in _SHARED
        ),
        Binding("E", "export", "Export what is shown", id="app.export", show=False),
        Binding("ctrl+r", "ask", "Ask the server now", id="app.reset", show=False),
        Binding(_ELSEWHERE, "elsewhere", "Nothing here: of the screen on a box itself", show=False),
    ]

    def __init__(self, server: Server, options: ScreenOptions) -> None:
        super().__init__(options)
        self.model = FleetModel(server.name, options)
        self.poller = Poller(server, lambda news: self.post_message(NewsCame(news)))
        self.views = FleetViews(self.model, options, self.draw)
        self.title_line = FleetTitle()
        self.filter_line = FilterLine(self.model.known_values, options.filter)
        self.account_line = FleetAccount()

    def begin(self) -> None:
        self._want()
        self.poller.start()

    def on_unmount(self) -> None:
        self.poller.end()
        self.model.close()

    @on(NewsCame)
    def _take(self, message: NewsCame) -> None:
        self.model.take(message.news)
        self.draw()

    def redraw(self) -> None:
        self.model.refresh()
        self.draw()

    def draw(self) -> None:
        model, now_s = self.model, time.monotonic()
        standing, rows = model.standing, model.rows
        self.views.draw(empty_text(standing, rows, str(model.filter)))
        self.title_line.draw(title_text(standing, rows, now_s, self.options.glyphs))
        self.title_line.set_class(standing.is_paused, "-paused")
        self.title_line.set_class(bool(standing.trouble), "-trouble")
        self.filter_line.draw(rows.shown, len(rows))
        self.account_line.draw(account_text(standing, rows))
        self._want()

    def _want(self) -> None:
        model, views = self.model, self.views
        in_sight = views.fleet_table.in_sight if views.current == "table" else ()
        self.poller.want(Wanted(model.standing.wanted, in_sight, views.detailed, self.interval_s))

    def narrow(self, filter_: Filter) -> None:
        self.model.narrow(filter_)

    def taken_along(self, rows: Sequence[FleetRow]) -> tuple[Sequence[str], list[Sequence[Cell]]]:
        from tui.fleet.taking import HEADER, cells

        return HEADER, [cells(row) for row in rows]

    def told(self) -> Told:
        from tui.fleet.screen.told import told

        return told()

    def is_of_use(self, binding: Binding) -> bool:
        return binding.action != "elsewhere"

    def action_pause(self) -> None:
        self.model.pause()
        self.draw()

    def action_names(self) -> None:
        self.model.toggle_names()
        self.draw()

    def action_ask(self) -> None:
        self.poller.ask_now()

    def action_elsewhere(self) -> None:
        self.notify("Not of a fleet: start tcplat on the box itself for that.", timeout=3, markup=False)
