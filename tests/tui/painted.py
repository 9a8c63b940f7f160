"""A screen with a bit of everything that has a colour: `python -m tests.tui.painted THEME` shows it in a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.filter import LineFilter
from textual.screen import ModalScreen
from textual.widgets import Button, DataTable, Footer, Input, OptionList, Static

from tui import themes


class Above(ModalScreen[None]):
    def compose(self) -> ComposeResult:
        yield Static("above", id="above")


class Painted(App[None]):
    """Shows everything, and a toast; Ctrl+O a screen above."""

    BINDINGS = [Binding("q", "quit", "Quit"), Binding("ctrl+o", "cover", "Cover")]
    CSS = """
    #table { text-style: bold; }
    .error { color: $error; }
    .warning { color: $warning; }
    .banner { background: $warning; color: ansi_black; }
    .dim { text-style: dim; }
    .half { opacity: 40%; color: $primary; }
    .tint { background: $primary 30%; text-opacity: 50%; }
    .muted { color: $text-muted; }
    .framed { border: round $secondary; height: 3; }
    VerticalScroll { height: 5; }
    Above { align: center middle; }
    #above { width: 20; border: round $secondary; }
    """

    def __init__(self, theme: str) -> None:
        super().__init__()
        self._starts_with = theme
        self.clicks = 0

    def compose(self) -> ComposeResult:
        for name in ("plain", "error", "warning", "banner", "dim", "half", "tint", "muted", "framed"):
            yield Static(f"[{name}]", classes=name, id=name, markup=False)
        yield Static("[@click=app.count]link[/] [bold red on blue]markup[/] [#123456]rgb[/]", id="link")
        yield VerticalScroll(Static("\n".join("many lines" for _ in range(40))))
        yield OptionList("first", "second")
        yield Input("typed", id="typed")
        yield Button("disabled", disabled=True)
        yield DataTable()
        yield Footer()

    def on_mount(self) -> None:
        themes.apply(self, self._starts_with)
        table = self.query_one(DataTable)
        table.add_columns("a", "b")
        table.add_row("1", "2")
        self.query_one("#typed").focus()
        self.notify("toast", severity="error")

    def get_line_filters(self) -> Sequence[LineFilter]:
        return themes.filters(self.theme, super().get_line_filters())

    def action_count(self) -> None:
        self.clicks += 1

    def action_cover(self) -> None:
        self.push_screen(Above())


if __name__ == "__main__":
    Painted(sys.argv[1]).run()
