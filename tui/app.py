"""The screen: one source's hosts, sorted and filtered from the keyboard."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.drivers.linux_driver import LinuxDriver
from textual.widgets import Footer, Input
from textual.worker import get_current_worker

from bpf.errors import TcplatError
from bpf.source import ANY, Account, Playback, Source, Taker
from tui.collector import (
    AccountsRead,
    Collector,
    CommandFailed,
    HandshakesArrived,
    PlaybackChanged,
    SourceFailed,
    WatchBegan,
)
from tui.core.columns import COLUMNS
from tui.core.format import UNICODE, Glyphs
from tui.core.hosts import Hosts
from tui.out.wall_clock import clock_text
from tui.screens.account import AccountScreen
from tui.screens.help import HelpScreen
from tui.widgets.account_line import AccountLine
from tui.widgets.filter_line import FilterLine
from tui.widgets.host_table import HostTable
from tui.widgets.title_line import Status, TitleLine

if TYPE_CHECKING:  # Importing it would import pyroute2, which takes 0.15 s before the first paint.
    from bpf.interfaces import Interface

_SORTABLE = [column.id for column in COLUMNS if column.value]
_FIRST_SORT = "p95"
_NOTHING_PLAYED = """\
No handshake in {title}{until}.

] goes ahead, [ back; i chooses the interface."""
_SEEK_NS = 10_000_000_000
_NO_TRAFFIC = """\
No handshake on {interface} yet.

A row appears as soon as this machine opens a TCP connection through it, or is connected to."""


@dataclass(frozen=True, slots=True)
class ScreenOptions:
    """What may differ from one screen to another."""

    glyphs: Glyphs = UNICODE
    opening: str = "compiling the probe and attaching it"
    """What is being done until there is a source."""
    takers: Sequence[Taker] = ()
    """Recorders: given all that comes."""
    save_recent: Callable[[], str] | None = None
    """Write the last minutes to a file, and return one line that tells. Blocks; raises TcplatError. None: cannot."""
    recording_trouble: Callable[[], str] = str
    """What the recording lacks; empty: nothing. From any thread."""
    redraw_interval_s: float = 1.0


DEFAULTS = ScreenOptions()


class QuietMouseDriver(LinuxDriver):
    """Clicks and wheel only: told of every motion, a moving mouse costs half a megabyte a second over SSH."""

    def write(self, data: str) -> None:
        """Write to the terminal, but for the request for motion events."""
        super().write(data.replace("\x1b[?1003h", ""))


class TcplatApp(App[None]):
    """Draws once a second what a worker thread collects. All state here belongs to the UI thread."""

    CSS_PATH = "app.tcss"
    TITLE = "tcplat"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit", id="app.quit"),
        # Before any screen or input takes it to copy text: this key ends a program.
        Binding("ctrl+c", "quit", "Quit", id="app.interrupt", show=False, priority=True),
        Binding("question_mark", "help", "Help", id="app.help"),
        # Done before the next key is handed on: what is typed right after it belongs to the filter.
        Binding("slash", "filter", "Filter", id="app.filter", priority=True),
        Binding("s", "sort", "Sort", id="app.sort"),
        Binding("S", "reverse", "Reverse", id="app.reverse"),
        Binding("space", "pause", "Pause", id="app.pause"),
        Binding("i", "interfaces", "Interface", id="app.interfaces"),
        Binding("5", "account", "Probe", id="app.account"),
        Binding("left_square_bracket", "seek(-1)", "Back", id="app.back"),
        Binding("right_square_bracket", "seek(1)", "Ahead", id="app.ahead"),
        Binding("left_curly_bracket", "change_speed(0.5)", "Slower", id="app.slower"),
        Binding("right_curly_bracket", "change_speed(2)", "Faster", id="app.faster"),
        Binding("E", "save_recent", "Save the last 15 min", id="app.save_recent", show=False),
        Binding("ctrl+r", "reset", "Reset", id="app.reset", show=False),
        Binding("escape", "clear", "Clear filter, then cursor", id="app.clear", show=False),
    ]

    def __init__(
        self,
        open_source: Callable[[], Source],
        list_interfaces: Callable[[], Sequence[Interface]],
        options: ScreenOptions = DEFAULTS,
    ) -> None:
        """`open_source` and `list_interfaces` are called in other threads."""
        super().__init__(driver_class=QuietMouseDriver)
        self._list_interfaces = list_interfaces
        self._options = options
        self._collector = Collector(open_source, self.post_message, options.takers)
        self._now_ns = self._collector.now_ns
        self._hosts = Hosts(self._now_ns())
        self._hosts.sort_by(_FIRST_SORT)
        self._table = HostTable(self._hosts, options.glyphs)
        self._title_line = TitleLine(self._hosts, options.glyphs)
        self._filter_line = FilterLine()
        self._account_line = AccountLine()
        self._selection: Sequence[str] = ()
        self._accounts: Sequence[Account] = ()
        self._gone: frozenset[str] = frozenset()
        self._failure = ""
        self._playback: Playback | None = None
        self._is_paused = False

    @property
    def failure(self) -> str:
        """Why the source could not be opened, or ended; empty: it did not."""
        return self._failure

    def compose(self) -> ComposeResult:
        yield self._title_line
        yield self._table
        yield self._filter_line
        yield self._account_line
        yield Footer(compact=True)

    def on_mount(self) -> None:
        self.theme = "ansi-dark"
        self._table.focus()
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self.exit)
        self._redraw()
        self.set_interval(self._options.redraw_interval_s, self._redraw)
        # Compiling the probe takes the processor from the first paint.
        self.call_after_refresh(self.run_worker, self._collect, thread=True)

    def _collect(self) -> None:
        worker = get_current_worker()
        self._collector.run(lambda: worker.is_cancelled)

    @on(HandshakesArrived)
    def _ingest(self, message: HandshakesArrived) -> None:
        is_first = not len(self._hosts)
        self._hosts.ingest(message.handshakes)
        if is_first:
            self._redraw()

    @on(WatchBegan)
    def _begin(self, message: WatchBegan) -> None:
        self._selection, self._accounts, self._gone = message.selection, message.accounts, frozenset()
        self._hosts.reset(message.began_ns)
        self._is_paused = False
        self._redraw()

    @on(PlaybackChanged)
    def _take_playback(self, message: PlaybackChanged) -> None:
        is_first, self._playback = self._playback is None, message.playback
        if is_first:
            self.refresh_bindings()
        self._draw()

    @on(AccountsRead)
    def _take_accounts(self, message: AccountsRead) -> None:
        self._accounts, self._gone = message.accounts, message.gone
        if isinstance(self.screen, AccountScreen):
            self.screen.draw(self._accounts)

    @on(CommandFailed)
    def _tell_command_failed(self, message: CommandFailed) -> None:
        self.notify(str(message.error), severity="error", markup=False)

    @on(SourceFailed)
    def _tell_source_failed(self, message: SourceFailed) -> None:
        self._failure = message.reason
        self._redraw()

    def _redraw(self) -> None:
        if not self._is_paused:
            self._hosts.refresh(self._now_ns())
        self._draw()

    def _draw(self) -> None:
        """Draw what the model shows, without taking over anything new."""
        self._table.draw(self._empty_text())
        note, now_ns = self._note(), self._now_ns()
        status = Status(self._selection, self._accounts, note, self._is_paused, now_ns, self._playback)
        self._title_line.draw(status)
        self._account_line.draw(self._accounts)

    def _note(self) -> str:
        if self._failure:
            return "stopped"
        if not self._selection:
            return self._options.opening
        notes = [f"GONE: waiting for {', '.join(sorted(self._gone))} to return"] if self._gone else []
        return "  ".join(filter(None, [*notes, self._options.recording_trouble()]))

    def _empty_text(self) -> str:
        if self._failure:
            return f"{self._failure}\n\nq quits"
        if not self._selection:
            return f"{self._options.opening.capitalize()}..."
        if len(self._hosts):
            return f"The filter {self._filter_line.value!r} hides all {len(self._hosts)} hosts.\n\nEsc clears it."
        names = "any interface" if tuple(self._selection) == (ANY,) else ", ".join(self._selection)
        if self._playback:
            return _NOTHING_PLAYED.format(
                title=self._playback.title,
                until="" if self._playback.is_over else f" up to {clock_text(self._now_ns())}",
            )
        if self._gone.issuperset(self._selection):
            return f"{names} is gone.\n\nWaiting for it to return; i watches another interface."
        return _NO_TRAFFIC.format(interface=names)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("seek", "change_speed"):
            return self._playback is not None and not self._playback.is_live
        if action == "save_recent":
            return self._options.save_recent is not None
        if action == "filter":
            # Elsewhere, "/" is a letter like others.
            return len(self.screen_stack) == 1 and self.focused is not self._filter_line
        return super().check_action(action, parameters)

    def action_help(self) -> None:
        described = [*self.BINDINGS, *HostTable.BINDINGS]
        self.push_screen(HelpScreen([each for each in described if isinstance(each, Binding)]))

    def action_sort(self) -> None:
        column_id, _ = self._hosts.sorting
        following = _SORTABLE[(_SORTABLE.index(column_id) + 1) % len(_SORTABLE)]
        self._hosts.sort_by(following)
        self._draw()

    def action_reverse(self) -> None:
        column_id, descending = self._hosts.sorting
        self._hosts.sort_by(column_id, not descending)
        self._draw()

    @on(HostTable.HeaderClicked)
    def _sort_by_click(self, message: HostTable.HeaderClicked) -> None:
        if message.column_id == self._hosts.sorting[0]:
            self.action_reverse()
        elif message.column_id in _SORTABLE:
            self._hosts.sort_by(message.column_id)
            self._draw()

    def action_pause(self) -> None:
        if self._playback and not self._playback.is_live:
            self._collector.steer(lambda player: player.pause())
            return
        self._is_paused = not self._is_paused
        self._redraw()

    def action_save_recent(self) -> None:
        self.run_worker(self._save_recent())

    async def _save_recent(self) -> None:
        assert self._options.save_recent
        try:
            self.notify(await asyncio.to_thread(self._options.save_recent), markup=False)
        except TcplatError as error:
            self.notify(str(error), severity="error", markup=False)

    def action_seek(self, steps: int) -> None:
        self._collector.steer(lambda player: player.seek(steps * _SEEK_NS))

    def action_change_speed(self, factor: float) -> None:
        self._collector.steer(lambda player: player.change_speed(factor))

    def action_reset(self) -> None:
        self._hosts.reset(self._now_ns())
        self._redraw()

    def action_filter(self) -> None:
        self._filter_line.open()

    def action_clear(self) -> None:
        if self._filter_line.value or self._filter_line.has_focus:
            self._filter_line.clear_and_close()
            self._table.focus()
        else:
            self._table.clear_selection()
            self._draw()

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        self._hosts.narrow(event.value)
        self._draw()

    @on(Input.Submitted)
    def _keep_filter(self) -> None:
        self._filter_line.close_if_empty()
        self._table.focus()

    async def action_interfaces(self) -> None:
        from tui.screens.interfaces import InterfaceScreen

        interfaces = await asyncio.to_thread(self._list_interfaces)
        self.push_screen(InterfaceScreen(interfaces, self._selection), self._switch)

    def _switch(self, chosen: str | None) -> None:
        if chosen and (chosen,) != tuple(self._selection):
            self._collector.switch((chosen,))

    def action_account(self) -> None:
        self.push_screen(AccountScreen(self._accounts))
