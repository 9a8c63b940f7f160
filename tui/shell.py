"""What every screen of tcplat has, whatever its rows are of: a title, a view, a filter, keys; redrawn by a timer."""

from __future__ import annotations

import asyncio
import signal
import time
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual import events, on
from textual.app import App, ComposeResult
from textual.filter import LineFilter
from textual.widget import Widget
from textual.widgets import ContentSwitcher
from textual.widgets._toast import ToastHolder

from tui import themes
from tui.cells import cells_only
from tui.commands import Commands
from tui.core.format import ASCII
from tui.driver import QuietMouseDriver
from tui.exporting import Exporting
from tui.garbage import Garbage
from tui.options import ScreenOptions
from tui.switched import Switched
from tui.widgets.filter_line import FilterLine
from tui.widgets.key_line import KeyLine
from tui.widgets.row_table import Listing

if TYPE_CHECKING:
    from rich.console import RenderableType
    from textual.screen import Screen

    from tui.core.filter import Filter

_INTERVALS_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_TIDY_INTERVAL_S = 1.0


async def let_others() -> None:
    """Let whatever else this thread does have its turn: signals, and what draws.

    Textual does not while an app has messages, and a busy machine may have them for minutes.
    """
    await asyncio.sleep(0)


class Shell(Commands, Exporting, App[None]):
    """Made with what it shows by who knows that. All state here belongs to the UI thread."""

    # Textual looks beside the module of the app itself, wherever that is.
    CSS_PATH = [Path(__file__).with_name(name) for name in ("app.tcss", "views.tcss")]
    TITLE = "tcplat"
    views: Switched
    title_line: Widget
    account_line: Widget
    """One line, below the view."""
    filter_line: FilterLine

    def __init__(self, options: ScreenOptions) -> None:
        super().__init__(driver_class=QuietMouseDriver)
        themes.apply(self, options.theme)
        self.stylesheet.set_variables(self.get_css_variables())
        self.options = options
        self.interval_s = options.redraw_interval_s
        """From one redraw to the next."""
        self._garbage = Garbage()
        self._styled_for = options.theme
        """The theme whose colours the styles have."""

    @abstractmethod
    def begin(self) -> None:
        """Begin to collect: the screen is drawn."""

    @abstractmethod
    def redraw(self) -> None:
        """Take over what came, and draw."""

    @abstractmethod
    def draw(self) -> None:
        """Draw what is known, without taking over anything new."""

    @abstractmethod
    def narrow(self, filter_: Filter) -> None:
        """Show only what a filter lets through."""

    def compose(self) -> ComposeResult:
        yield self.title_line
        with ContentSwitcher(initial="table"):
            yield self.views.table_view
        yield self.filter_line
        yield self.account_line
        yield KeyLine()

    def on_mount(self) -> None:
        self.set_keymap(dict(self.options.keymap))
        self.set_class(self.options.glyphs is ASCII, "-ascii")
        self.views.focus()
        self._exit_on_signals()
        self.redraw()
        self._timer = self.set_interval(self.interval_s, self.redraw)
        self.set_interval(_TIDY_INTERVAL_S, self._tidy)
        # What it begins takes the processor from the first paint.
        self.call_after_refresh(self.begin)

    def _exit_on_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.exit)
            # Once more was posted to the loop than its pipe holds, asyncio loses signals. Python itself does not.
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(self.exit))
        # ... and need not complain, on the screen.
        signal.set_wakeup_fd(signal.set_wakeup_fd(-1), warn_on_full_buffer=False)

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.InputEvent):
            await let_others()
            # What was typed after the key that ends it would be done to what is being taken away.
            if self._exit:
                return
        await super().on_event(event)

    def _tidy(self) -> None:
        """However rarely it is redrawn: what keys leave behind does not wait for that."""
        if not self.screen_stack:  # Timers may still fire when it has ended.
            return
        driver = self._driver
        if isinstance(driver, QuietMouseDriver):
            if driver.is_gone:
                self.exit()
            elif driver.has_gap and driver.is_idle:
                driver.has_gap = False
                self._display(self.screen, self.screen._compositor.render_full_update())
        self._drop_empty_toasts()
        self._garbage.look(time.monotonic())

    def _drop_empty_toasts(self) -> None:
        # Where a notification expires as another comes, Textual (8.2) removes it, but not the container it is in.
        for holder in self.screen.query(ToastHolder):
            if holder.is_mounted and not holder.children:
                holder.remove()

    def refresh_css(self, animate: bool = True) -> None:
        # Textual parses all styles and applies them anew when it starts, for a theme that may have been set meanwhile.
        if self.theme != self._styled_for:
            self._styled_for = self.theme
            super().refresh_css(animate)

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        super()._display(screen, cells_only(renderable))

    def get_line_filters(self) -> Sequence[LineFilter]:
        return themes.filters(self.theme, super().get_line_filters())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("filter", "next_view"):
            # Elsewhere, "/" is a letter like others, and Tab completes.
            return len(self.screen_stack) == 1 and not self.filter_line.is_typed_in
        return super().check_action(action, parameters)

    def action_view(self, name: str) -> None:
        self.views.show(name)
        self.redraw()

    def action_next_view(self, step: int) -> None:
        self.action_view(self.views.after(step))

    @on(Listing.RowChosen)
    def _show_details(self) -> None:
        self.action_view("details")

    def action_interval(self, step: int) -> None:
        nearest = min(range(len(_INTERVALS_S)), key=lambda at: abs(_INTERVALS_S[at] - self.interval_s))
        self.interval_s = _INTERVALS_S[min(max(0, nearest + step), len(_INTERVALS_S) - 1)]
        self._timer.stop()
        self._timer = self.set_interval(self.interval_s, self.redraw)
        self.redraw()
        self.notify(f"Redrawn every {self.interval_s:g} s", timeout=2, markup=False)

    def action_theme(self) -> None:
        names = themes.names()
        at = names.index(self.theme) if self.theme in names else -1
        themes.apply(self, names[(at + 1) % len(names)])
        self.notify(f"Theme {self.theme}", timeout=2, markup=False)

    def action_filter(self) -> None:
        self.filter_line.open()

    def action_back_out(self) -> None:
        if self.filter_line.value or self.filter_line.is_typed_in:
            self.filter_line.clear_and_close()
            self.views.focus()
        elif self.views.current != "table":
            self.action_view("table")
        else:
            self.views.table.clear_selection()
            self.draw()

    @on(FilterLine.Narrowed)
    def _narrow(self, message: FilterLine.Narrowed) -> None:
        self.narrow(message.filter)
        self.draw()

    def action_keep_filter(self) -> None:
        self.filter_line.keep()
        self.views.focus()
