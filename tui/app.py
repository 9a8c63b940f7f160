"""The screen: one source's rows, sorted and filtered from the keyboard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.worker import get_current_worker

from bpf.source import Source
from tui.collector import (
    AccountsRead,
    BatchArrived,
    Collector,
    CommandFailed,
    PlaybackChanged,
    SourceFailed,
    WatchBegan,
)
from tui.core.column import Main
from tui.core.row import Row
from tui.exporting import HEADER, cells
from tui.model import Model
from tui.options import DEFAULTS, ScreenOptions
from tui.shell import Shell, let_others
from tui.steering import Steering
from tui.telling import Situation, empty_text, note_text
from tui.views import Views
from tui.widgets.account_line import AccountLine
from tui.widgets.filter_line import FilterLine
from tui.widgets.title_line import Status, TitleLine

if TYPE_CHECKING:
    # Not needed before the first paint.
    from bpf.interfaces import Interface
    from tui.core.filter import Filter
    from tui.out.table import Cell
    from tui.widgets.interface_table import InterfaceTable

_OF_PLAYBACK = ("app.back", "app.ahead", "app.slower", "app.faster")


class TcplatApp(Steering, Shell):
    """Draws once a second what a worker thread collects. All state here belongs to the UI thread."""

    views: Views
    title_line: TitleLine
    account_line: AccountLine
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
        Binding(
            "ctrl+z",
            "suspend_process",
            "Suspend; fg brings it back",
            id="app.suspend",
            show=False,
            priority=True,
        ),
        Binding("escape", "back_out", "Clear the filter, then go back", id="app.clear", show=False),
    ]

    def __init__(
        self,
        open_source: Callable[[], Source],
        list_interfaces: Callable[[], Sequence[Interface]],
        options: ScreenOptions = DEFAULTS,
    ) -> None:
        """`open_source` and `list_interfaces` are called in other threads."""
        super().__init__(options)
        self.list_interfaces = list_interfaces
        self.collector = Collector(open_source, self.post_message, options.takers)
        self.collector.redraw_interval_s = self.interval_s
        self.model = Model(self.collector, options)
        self.views = Views(self.model, options, self.draw)
        self.title_line = TitleLine(self.model.rows, options.glyphs)
        self.filter_line = FilterLine(self.model.known_values, options.filter)
        self.account_line = AccountLine()
        self.situation = Situation(options.opening)

    @property
    def failure(self) -> str:
        """Why the source could not be opened, or ended; empty: it did not."""
        return self.situation.failure

    def begin(self) -> None:
        self.run_worker(self._collect, thread=True)

    def on_unmount(self) -> None:
        self.collector.end()
        self.model.close()

    def _collect(self) -> None:
        worker = get_current_worker()
        self.collector.run(lambda: worker.is_cancelled)

    @on(BatchArrived)
    async def _ingest(self, message: BatchArrived) -> None:
        await let_others()
        self.collector.taken()
        if self._exit:
            return
        is_first = not len(self.model.rows)
        self.model.ingest(message)
        if is_first:
            self.redraw()
        elif self.model.rows.has_much:
            self._take_over()

    @on(WatchBegan)
    def _begin(self, message: WatchBegan) -> None:
        self.situation.begin(message.selection, message.accounts)
        self.model.reset(message.began_ns)
        self.redraw()

    @on(PlaybackChanged)
    def _take_playback(self, message: PlaybackChanged) -> None:
        is_first, self.situation.playback = self.situation.playback is None, message.playback
        if is_first:
            self.refresh_bindings()
        self.draw()

    @on(AccountsRead)
    def _take_accounts(self, message: AccountsRead) -> None:
        situation = self.situation
        situation.selection, situation.accounts, situation.gone = (
            message.selection,
            message.accounts,
            message.gone,
        )
        if self.views.current == "probe":
            self.views.probe.draw(message.accounts)

    @on(CommandFailed)
    def _tell_command_failed(self, message: CommandFailed) -> None:
        self.notify(str(message.error), severity="error", markup=False)

    @on(SourceFailed)
    def _tell_source_failed(self, message: SourceFailed) -> None:
        self.situation.failure = message.reason
        self.redraw()

    def action_interval(self, step: int) -> None:
        super().action_interval(step)
        self.collector.redraw_interval_s = self.interval_s

    def _take_over(self) -> None:
        if not self.situation.is_paused and self.model.refresh():
            self.bell()

    def redraw(self) -> None:
        self._take_over()
        # Without rows: is it because the interface is down?
        if self.views.current == "interfaces" or (self.situation.selection and not len(self.model.rows)):
            self.read_interfaces()
        self.draw()

    def draw(self) -> None:
        situation, rows = self.situation, self.model.rows
        wall_ns = self.model.now_ns() + self.model.wall_offset_ns()
        self.views.draw(empty_text(situation, rows, str(self.model.filter), wall_ns))
        note = note_text(situation, rows, self.options.recording_trouble())
        self.title_line.draw(Status(situation, note, wall_ns))
        self.filter_line.draw(rows.shown, len(rows))
        self.account_line.draw(situation.accounts, rows.main)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("seek", "change_speed"):
            return self.situation.has_player
        return super().check_action(action, parameters)

    def is_of_use(self, binding: Binding) -> bool:
        return self.situation.has_player or binding.id not in _OF_PLAYBACK

    def action_view(self, name: str) -> None:
        if name == "interfaces":
            self.views.interfaces.begin()
        if name == "probe":
            self.views.probe.draw(self.situation.accounts)
        super().action_view(name)

    def on_interface_table_chosen(self, message: InterfaceTable.Chosen) -> None:
        self.switch(message.name)
        self.action_view("table")

    def action_pause(self) -> None:
        if self.situation.has_player:
            self.collector.steer(lambda player: player.pause())
            return
        self.situation.is_paused = not self.situation.is_paused
        self.redraw()

    def action_turn(self) -> None:
        rows = self.model.rows
        rows.turn_to(Main.LIVE if rows.main is Main.HANDSHAKE else Main.HANDSHAKE)
        self.draw()

    def action_names(self) -> None:
        self.model.toggle_names()
        self.redraw()

    def action_reset(self) -> None:
        self.model.reset(self.model.now_ns())
        self.redraw()

    def taken_along(self, rows: Sequence[Row]) -> tuple[Sequence[str], list[Sequence[Cell]]]:
        return HEADER, [cells(row) for row in rows]

    def narrow(self, filter_: Filter) -> None:
        self.model.narrow(filter_)
