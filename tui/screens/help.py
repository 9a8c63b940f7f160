"""The help screen: made from the bindings and the columns, so that it cannot be out of date."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.core.columns import COLUMNS

_MEASURED = """\
Each figure is the far side's answer, timed in the kernel where packets cross this interface. \
Outbound: from our SYN going out to its SYN-ACK coming in. Inbound: from our SYN-ACK going out to the first segment \
that acknowledges it. Where a SYN (or SYN-ACK) was retransmitted it is unknown which one was answered: such a \
handshake is counted and has no latency. Percentiles are over all handshakes since the start, within 1%."""


class HelpScreen(ModalScreen[None]):
    """Keys, columns, and what exactly is measured."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "dismiss", "Close", id="help.close"),
    ]

    def __init__(self, bindings: Iterable[Binding]) -> None:
        super().__init__()
        self._bindings_described = list(bindings)

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help") as scroll:
            scroll.border_title = "tcplat: keys, columns, what is measured"
            scroll.border_subtitle = "Esc closes"
            yield Static(self._keys())
            yield Static(_two_columns((column.title, column.help) for column in COLUMNS))
            yield Static(Text(_MEASURED))

    def on_mount(self) -> None:
        self.query_one("#help").focus()

    def _keys(self) -> Table:
        keys: dict[str, list[str]] = {}
        for binding in self._bindings_described:
            shown = [self.app.get_key_display(each) for each in binding.make_bindings([binding])]
            keys.setdefault(binding.description, []).extend(shown)
        return _two_columns((" ".join(shown), description) for description, shown in keys.items())


def _two_columns(rows: Iterable[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    for left, right in rows:
        table.add_row(Text(left), Text(right))
    table.add_row("", "")
    return table
