"""The help screen: made from the bindings and the columns, so that it cannot be out of date."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.core.columns import COLUMNS
from tui.core.filter.keys import KEYS, Key

MEASURED = """\
Each figure is the far side's answer, timed in the kernel where packets cross this interface. \
Outbound: from our SYN going out to its SYN-ACK coming in. Inbound: from our SYN-ACK going out to the first segment \
that acknowledges it. Where a SYN (or SYN-ACK) was retransmitted it is unknown which one was answered: such a \
handshake is counted and has no latency. Percentiles are those of the window (w), within 1%. A dim figure is made of \
too few handshakes to mean much; a dim row has been quiet for a minute.

Open connections (f) are another figure: what TCP on this machine itself measures of each (srtt, min RTT, segments \
sent again), read as it sends, at most once a second. They are never mixed into those of handshakes. There, a row is \
dim where no connection is known to be open."""
FILTER_SIGNS = [
    ("> >= < <=", "compare: p95>80ms; numbers without a unit are milliseconds"),
    ("or not ! ( )", "combine; a space is and: dir:out !ip:10.0.0.0/8 p95>80ms or retx>0"),
]


@dataclass(frozen=True, slots=True)
class Told:
    """What a screen's help says besides keys."""

    columns: Sequence[tuple[str, str]]
    """Titles, and what they are."""
    filter_keys: Sequence[Key]
    measured: str
    """What exactly the figures are."""


HERE = Told([(each.title, each.help) for each in COLUMNS], KEYS, MEASURED)
"""Of the screen of what is seen here."""


class HelpScreen(ModalScreen[None]):
    """Keys, columns, and what exactly is measured."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "dismiss", "Close", id="help.close"),
    ]

    def __init__(self, keys: Mapping[str, Sequence[tuple[str, str]]], told: Told) -> None:
        """`keys`: where they are of use, and for each the keys and what they do."""
        super().__init__()
        self._told = told
        self._sections = keys

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help") as scroll:
            scroll.border_title = "tcplat: keys, columns, what is measured"
            scroll.border_subtitle = "Esc closes"
            for title, keys in self._sections.items():
                yield Static(_two_columns(f"keys: {title}", merged(keys)))
            yield Static(_two_columns("columns", self._told.columns))
            examples = [(key.name, f"{key.help}: {key.example}") for key in self._told.filter_keys]
            yield Static(_two_columns("filter: words, /patterns/, and these", [*examples, *FILTER_SIGNS]))
            yield Static(_two_columns("what is measured", []))
            yield Static(Text(self._told.measured))

    def on_mount(self) -> None:
        self.query_one("#help").focus()


def merged(keys: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """A line for what several bindings do."""
    found: dict[str, list[str]] = {}
    for shown, description in keys:
        found.setdefault(description, []).append(shown)
    return [(" ".join(shown), description) for description, shown in found.items()]


def _two_columns(title: str, rows: Iterable[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold", min_width=12)
    table.add_column()
    table.title, table.title_justify = Text(title, "bold underline"), "left"
    for left, right in rows:
        table.add_row(Text(left), Text(right))
    table.add_row("", "")
    return table
