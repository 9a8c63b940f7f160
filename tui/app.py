"""The screen: one source's rows, sorted and filtered from the keyboard."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.filter import LineFilter
from textual.widgets import ContentSwitcher
from textual.worker import get_current_worker

from bpf.source import Source
from tui import themes
from tui.cells import cells_only
from tui.collector import (
    AccountsRead,
    BatchArrived,
    Collector,
    CommandFailed,
    PlaybackChanged,
    SourceFailed,
    WatchBegan,
)
from tui.commands import Commands
from tui.core.column import Main
from tui.core.format import ASCII
from tui.driver import QuietMouseDriver
from tui.exporting import Exporting
from tui.model import Model
from tui.options import DEFAULTS, ScreenOptions
from tui.steering import Steering
from tui.telling import Situation, empty_text, note_text
from tui.views import Views
from tui.widgets.account_line import AccountLine
from tui.widgets.filter_line import FilterLine
from tui.widgets.key_line import KeyLine
from tui.widgets.row_table import RowTable
from tui.widgets.title_line import Status, TitleLine

if TYPE_CHECKING:
    from rich.console import RenderableType
    from textual.screen import Screen

    # Importing it would import pyroute2, which takes 0.15 s before the first paint.
    from bpf.interfaces import Interface
    from tui.widgets.interface_table import InterfaceTable

_INTERVALS_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class TcplatApp(Commands, Exporting, Steering, App[None]):
    """Draws once a second what a worker thread collects. All state here belongs to the UI thread."""

    CSS_PATH = ["app.tcss", "views.tcss"]
    TITLE = "tcplat"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit", id="app.quit"),
        # Before any screen or input takes it to copy text: this key ends a program.
        Binding("ctrl+c", "quit", "Quit", id="app.interrupt", show=False, priority=True),
        Binding("question_mark", "help", "Help", id="app.help"),
        # Done before the next key is handed on: what is typed right after it belongs to the filter.
        Binding("slash", "filter", "Filter", id="app.filter", priority=True),
        Binding("space", "pause", "Pause", id="app.pause"),
        Binding("f", "turn", "Live", id="app.turn", tooltip="Handshakes, or open connections"),
        Binding("1", "view('table')", "Table", id="app.table", show=False),
        Binding("2", "view('details')", "Details of the row", id="app.details", show=False),
        Binding("3", "view('events')", "Events", id="app.events", show=False),
        Binding("4,i", "view('interfaces')", "Interfaces", id="app.interfaces", show=False),
        Binding("5", "view('probe')", "Probe", id="app.probe", show=False),
        # Before the screen takes it to go from one widget to the next.
        Binding("tab", "next_view(1)", "View", id="app.next_view", priority=True),
        Binding(
            "shift+tab", "next_view(-1)", "View before", id="app.previous_view", show=False, priority=True
        ),
        Binding("b", "next_interface(1)", "Next interface", id="app.next_interface", show=False),
        Binding("B", "next_interface(-1)", "Interface before", id="app.previous_interface", show=False),
        Binding("left_square_bracket", "seek(-1)", "Back", id="app.back"),
        Binding("right_square_bracket", "seek(1)", "Ahead", id="app.ahead"),
        Binding("left_curly_bracket", "change_speed(0.5)", "Slower", id="app.slower"),
        Binding("right_curly_bracket", "change_speed(2)", "Faster", id="app.faster"),
        Binding("n", "names", "Names or addresses", id="app.names", show=False),
        Binding("c", "copy", "Copy the row, or all rows", id="app.copy", show=False),
        Binding("E", "export", "Export what is shown, or the last 15 min", id="app.export", show=False),
        Binding("plus,equals_sign", "interval(1)", "Redraw less often", id="app.slower_redraw", show=False),
        Binding("minus", "interval(-1)", "Redraw more often", id="app.faster_redraw", show=False),
        Binding("T", "theme", "Next theme", id="app.theme", show=False),
        Binding("ctrl+r", "reset", "Forget everything, begin anew", id="app.reset", show=False),
        Binding("escape", "back_out", "Clear the filter, then go back", id="app.clear", show=False),
    ]

    def __init__(
        self,
        open_source: Callable[[], Source],
        list_interfaces: Callable[[], Sequence[Interface]],
        options: ScreenOptions = DEFAULTS,
    ) -> None:
        """`open_source` and `list_interfaces` are called in other threads."""
        super().__init__(driver_class=QuietMouseDriver)
        themes.apply(self, options.theme)
        self.stylesheet.set_variables(self.get_css_variables())
        self.list_interfaces = list_interfaces
        self.options = options
        self.collector = Collector(open_source, self.post_message, options.takers)
        self.model = Model(self.collector, options)
        self.views = Views(self.model, options, self._draw)
        self._title_line = TitleLine(self.model.rows, options.glyphs)
        self._filter_line = FilterLine(self.model.known_values, options.filter)
        self._account_line = AccountLine()
        self.situation = Situation(options.opening)
        self._interval_s = options.redraw_interval_s
        self._styled_for = options.theme
        """The theme whose colours the styles have."""

    @property
    def failure(self) -> str:
        """Why the source could not be opened, or ended; empty: it did not."""
        return self.situation.failure

    def compose(self) -> ComposeResult:
        yield self._title_line
        with ContentSwitcher(initial="table"):
            yield self.views.table_view
        yield self._filter_line
        yield self._account_line
        yield KeyLine()

    def on_mount(self) -> None:
        self.set_keymap(dict(self.options.keymap))
        self.set_class(self.options.glyphs is ASCII, "-ascii")
        self.views.focus()
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self.exit)
        self._redraw()
        self._timer = self.set_interval(self._interval_s, self._redraw)
        # Compiling the probe takes the processor from the first paint.
        self.call_after_refresh(self.run_worker, self._collect, thread=True)

    def on_unmount(self) -> None:
        self.collector.end()
        self.model.close()

    def refresh_css(self, animate: bool = True) -> None:
        # Textual parses all styles and applies them anew when it starts, for a theme that may have been set meanwhile.
        if self.theme != self._styled_for:
            self._styled_for = self.theme
            super().refresh_css(animate)

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        super()._display(screen, cells_only(renderable))

    def get_line_filters(self) -> Sequence[LineFilter]:
        return themes.filters(self.theme, super().get_line_filters())

    def _collect(self) -> None:
        worker = get_current_worker()
        self.collector.run(lambda: worker.is_cancelled)

    @on(BatchArrived)
    def _ingest(self, message: BatchArrived) -> None:
        is_first = not len(self.model.rows)
        self.model.ingest(message)
        if is_first:
            self._redraw()
        elif self.model.rows.has_much:
            self._take_over()

    @on(WatchBegan)
    def _begin(self, message: WatchBegan) -> None:
        self.situation.begin(message.selection, message.accounts)
        self.model.reset(message.began_ns)
        self._redraw()

    @on(PlaybackChanged)
    def _take_playback(self, message: PlaybackChanged) -> None:
        is_first, self.situation.playback = self.situation.playback is None, message.playback
        if is_first:
            self.refresh_bindings()
        self._draw()

    @on(AccountsRead)
    def _take_accounts(self, message: AccountsRead) -> None:
        self.situation.accounts, self.situation.gone = message.accounts, message.gone
        if self.views.current == "probe":
            self.views.probe.draw(message.accounts)

    @on(CommandFailed)
    def _tell_command_failed(self, message: CommandFailed) -> None:
        self.notify(str(message.error), severity="error", markup=False)

    @on(SourceFailed)
    def _tell_source_failed(self, message: SourceFailed) -> None:
        self.situation.failure = message.reason
        self._redraw()

    def _take_over(self) -> None:
        if not self.situation.is_paused and self.model.refresh():
            self.bell()

    def _redraw(self) -> None:
        self._take_over()
        # Without rows: is it because the interface is down?
        if self.views.current == "interfaces" or (self.situation.selection and not len(self.model.rows)):
            self.read_interfaces()
        self._draw()

    def _draw(self) -> None:
        """Draw what the model shows, without taking over anything new."""
        situation, rows, now_ns = self.situation, self.model.rows, self.model.now_ns()
        self.views.draw(empty_text(situation, rows, str(self.model.filter), now_ns))
        note = note_text(situation, rows, self.options.recording_trouble())
        self._title_line.draw(Status(situation, note, now_ns))
        self._filter_line.draw(rows.shown, len(rows))
        self._account_line.draw(situation.accounts, rows.main)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("seek", "change_speed"):
            return self.situation.has_player
        if action in ("filter", "next_view"):
            # Elsewhere, "/" is a letter like others, and Tab completes.
            return len(self.screen_stack) == 1 and not self._filter_line.is_typed_in
        return super().check_action(action, parameters)

    def action_view(self, name: str) -> None:
        self.views.show(name)
        if name == "interfaces":
            self.views.interfaces.begin()
        if name == "probe":
            self.views.probe.draw(self.situation.accounts)
        self._redraw()

    def action_next_view(self, step: int) -> None:
        self.action_view(self.views.after(step))

    @on(RowTable.RowChosen)
    def _show_details(self) -> None:
        self.action_view("details")

    def on_interface_table_chosen(self, message: InterfaceTable.Chosen) -> None:
        self.switch(message.name)
        self.action_view("table")

    def action_pause(self) -> None:
        if self.situation.has_player:
            self.collector.steer(lambda player: player.pause())
            return
        self.situation.is_paused = not self.situation.is_paused
        self._redraw()

    def action_turn(self) -> None:
        rows = self.model.rows
        rows.turn_to(Main.LIVE if rows.main is Main.HANDSHAKE else Main.HANDSHAKE)
        self._draw()

    def action_names(self) -> None:
        self.model.toggle_names()
        self._redraw()

    def action_interval(self, step: int) -> None:
        nearest = min(range(len(_INTERVALS_S)), key=lambda at: abs(_INTERVALS_S[at] - self._interval_s))
        self._interval_s = _INTERVALS_S[min(max(0, nearest + step), len(_INTERVALS_S) - 1)]
        self._timer.stop()
        self._timer = self.set_interval(self._interval_s, self._redraw)
        self.notify(f"Redrawn every {self._interval_s:g} s", timeout=2, markup=False)

    def action_theme(self) -> None:
        names = themes.names()
        at = names.index(self.theme) if self.theme in names else -1
        themes.apply(self, names[(at + 1) % len(names)])
        self.notify(f"Theme {self.theme}", timeout=2, markup=False)

    def action_reset(self) -> None:
        self.model.reset(self.model.now_ns())
        self._redraw()

    def action_filter(self) -> None:
        self._filter_line.open()

    def action_back_out(self) -> None:
        if self._filter_line.value or self._filter_line.is_typed_in:
            self._filter_line.clear_and_close()
            self.views.focus()
        elif self.views.current != "table":
            self.action_view("table")
        else:
            self.views.table.clear_selection()
            self._draw()

    @on(FilterLine.Narrowed)
    def _narrow(self, message: FilterLine.Narrowed) -> None:
        self.model.narrow(message.filter)
        self._draw()

    @on(FilterLine.Left)
    def _leave_filter(self) -> None:
        self.views.focus()
