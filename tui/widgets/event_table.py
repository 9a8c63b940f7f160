"""The table of handshakes as they come, newest on top; stands still as soon as someone looks at one of them."""

from __future__ import annotations

from textwrap import wrap
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.strip import Strip

from bpf.event import Handshake
from tui.core.event_columns import event_line, fit_events, rest_text
from tui.core.events import Event, Events
from tui.core.fields import Fitted, Writing, titles_of
from tui.core.runs import text_of
from tui.widgets.line_view import LineView

_HEADER_LINES = 1
_STATE_LINES = 1
_WHEEL_LINES = 3
_MOST_REST_LINES = 6


class EventTable(LineView, can_focus=True):
    """Rows of `Events`. At the top and without a cursor it follows; else what is in sight stays where it is."""

    COMPONENT_CLASSES = {
        "event-table--header",
        "event-table--cursor",
        "event-table--rest",
        "event-table--following",
        "event-table--behind",
        "event-table--message",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Next row", show=False, id="events.down"),
        Binding("up,k", "move(-1)", "Previous row", show=False, id="events.up"),
        Binding("pagedown", "page(1)", "Next page", show=False, id="events.page_down"),
        Binding("pageup", "page(-1)", "Previous page", show=False, id="events.page_up"),
        Binding("home,g", "follow", "Newest, and follow", show=False, id="events.follow"),
        Binding("end,G", "oldest", "Oldest", show=False, id="events.oldest"),
    ]

    def __init__(self, events: Events, writing: Writing) -> None:
        super().__init__()
        self._events = events
        self._writing = writing
        self._message = ""
        self._anchor: int | None = None
        """The number of the event on top; None: it follows."""
        self._selected: Event | None = None
        self._seen = -1
        """The number of the newest event that was in sight."""

    @property
    def selected(self) -> Handshake | None:
        """The handshake under the cursor."""
        return self._selected[1] if self._selected else None

    @property
    def is_following(self) -> bool:
        """Whether new events appear on top."""
        return self._anchor is None

    @property
    def unseen(self) -> int:
        """How many have come, above, since it stopped following."""
        return 0 if self.is_following else self._events.newer_than(self._seen)

    def write_with(self, writing: Writing) -> None:
        """Take over other names, or another offset of the clock, from the next `draw` on."""
        self._writing = writing

    def draw(self, message: str = "") -> None:
        """Format the visible rows, or `message` where there are none, and repaint the lines that changed."""
        self._message = message
        self.redraw()

    def clear_selection(self) -> bool:
        """Take the cursor away and follow; False if it did already."""
        was_behind = not self.is_following
        self.action_follow()
        return was_behind

    def action_follow(self) -> None:
        self._anchor = self._selected = None
        self.redraw()

    def action_oldest(self) -> None:
        self._select(self._events.shown - 1)

    def action_move(self, rows: int) -> None:
        place = self._place()
        self._select(self._top() if place is None else place + rows)

    def action_page(self, pages: int) -> None:
        place = self._place()
        self._select((self._top() if place is None else place) + pages * max(1, self._page_rows()))

    def on_mouse_scroll_down(self) -> None:
        self._scroll(_WHEEL_LINES)

    def on_mouse_scroll_up(self) -> None:
        self._scroll(-_WHEEL_LINES)

    def on_click(self, event: events.Click) -> None:
        row = event.y - _HEADER_LINES
        place = self._top() + row
        if 0 <= row < self._page_rows() and place < self._events.shown:
            self._select(place)

    def _rest_lines(self) -> list[str]:
        """What the columns do not show of the selected event."""
        if self._selected is None:
            return []
        width = self.size.width
        text = rest_text(self._selected[1], fit_events(width), self._writing)
        return wrap(text, max(1, width - 2))[:_MOST_REST_LINES] or ["nothing else is known of this one"]

    def _page_rows(self) -> int:
        # A key may come before the first layout: then about as many as there will be.
        height = self.size.height or self.app.size.height
        return max(0, height - _HEADER_LINES - _STATE_LINES - len(self._rest_lines()))

    def _place(self) -> int | None:
        return self._events.place(self._selected[0]) if self._selected else None

    def _top(self) -> int:
        """The place of the topmost row."""
        if self._anchor is None:
            return 0
        return max(0, min(self._events.newer_than(self._anchor), self._events.shown - self._page_rows()))

    def _stop_at(self, top: int) -> None:
        """Let the row at `top` stay the topmost."""
        if self.is_following:
            self._seen = max([self._seen, *(number for number, _ in self._events.rows(0, 1))])
        found = self._events.rows(top, top + 1)
        self._anchor = found[0][0] if found else None

    def _select(self, place: int) -> None:
        """Put the cursor on the row at `place`, and keep it in sight."""
        place = max(0, min(place, self._events.shown - 1))
        top = self._top()
        self._selected = next(iter(self._events.rows(place, place + 1)), None)
        if self._selected is None:
            self._anchor = None
        else:
            self._stop_at(min(max(top, place - self._page_rows() + 1), place))
        self.redraw()

    def _scroll(self, lines: int) -> None:
        """Look elsewhere without a cursor; back at the top it follows."""
        self._selected, before = None, self._top()
        top = max(0, min(before + lines, self._events.shown - self._page_rows()))
        if top:
            self._stop_at(top)
        else:
            self._anchor = None
        self.redraw()

    def format_lines(self, width: int, height: int) -> list[Strip]:
        """Header, rows, what the columns leave out of the selected one, state."""
        if self._selected and self._place() is None:
            self._selected = None
        columns, rest = fit_events(width), self._rest_lines()
        page_rows, top = self._page_rows(), self._top()
        rows = self._events.rows(top, top + page_rows)
        if rows and not top:
            self._seen = rows[0][0]
        body = [self._row(each, columns, width) for each in rows] or self.message_strips(
            self._message, width, page_rows, "event-table--message"
        )
        body += [Strip.blank(width, self.plain)] * (page_rows - len(body))
        below = [self._styled(f"  {each}", "event-table--rest", width) for each in rest]
        return [self._header(columns, width), *body[:page_rows], *below, self._state(width)]

    def _styled(self, text: str, component: str, width: int) -> Strip:
        style = self.get_component_rich_style(component)
        return Strip([Segment(text, style)]).adjust_cell_length(width, style)

    def _header(self, columns: Fitted[Handshake], width: int) -> Strip:
        return self._styled(titles_of(columns), "event-table--header", width)

    def _row(self, event: Event, columns: Fitted[Handshake], width: int) -> Strip:
        line = event_line(event[1], columns, self._writing)
        if self._selected and event[0] == self._selected[0]:
            return self._styled(text_of(line), "event-table--cursor", width)
        return self.strip_of(line, width)

    def _state(self, width: int) -> Strip:
        shown, kept = self._events.shown, len(self._events)
        number = f"{kept:,} handshakes" if kept == self._events.came else f"the last {kept:,} handshakes"
        if shown != kept:
            number = f"{shown:,} of {number}"
        if self.is_following:
            return self._styled(f"following  {number}", "event-table--following", width)
        mark = self._writing.glyphs.sort_marks[0]
        return self._styled(
            f"{mark} {self.unseen:,} new  g follows again  {number}", "event-table--behind", width
        )
