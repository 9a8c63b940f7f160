"""The settings. This one table drives what is read, what is refused, and what --print-config prints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tui.config.keys import KeyTable
from tui.config.kinds import Choice, Flag, Kind, Known, Names, Number

_AN_HOUR_MS = 3_600_000
_A_MICROSECOND_MS = 0.001


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of the file, which is also a field of `Config`."""

    name: str
    kind: Kind
    help: str
    example: Callable[[Known], object] = lambda known: None
    """What --print-config shows, commented out, where the default is no value that could be written."""


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "interface",
        Names('["eth0"]'),
        'What to watch where the command line names nothing; "any" is all that are up. Not set: the default '
        "route's interface.",
        lambda _: ["eth0"],
    ),
    Setting(
        "columns",
        Names('["host", "p95"]', lambda known: known.columns),
        "The columns, from the left, of handshakes and of open connections. Not set: all of either, in this order.",
        lambda known: list(known.columns),
    ),
    Setting("sort", Choice(lambda known: known.sortable), "The column that rows are ordered by."),
    Setting("reverse", Flag(), "Order them the other way round than that column starts with, as S does."),
    Setting("live", Flag(), "Begin with open connections, as f does, instead of handshakes."),
    Setting("window", Choice(lambda _: ("all", "1m", "5m", "15m")), "The time that figures are about."),
    Setting(
        "group",
        Choice(lambda _: ("host", "service", "network", "process", "interface")),
        "What a row is.",
    ),
    Setting("names", Flag(), "Show names instead of addresses where they are known."),
    Setting("interval_s", Number(0.2, 60), "Seconds from one redraw to the next."),
    Setting(
        "warn_ms",
        Number(_A_MICROSECOND_MS, _AN_HOUR_MS),
        "Latencies of so many milliseconds and more are marked.",
        lambda _: 100.0,
    ),
    Setting(
        "bad_ms",
        Number(_A_MICROSECOND_MS, _AN_HOUR_MS),
        "Those of so many are marked more strongly; not less than warn_ms.",
        lambda _: 300.0,
    ),
    Setting("bell", Flag(), "Ring the terminal's bell when something turns bad."),
    Setting(
        "theme",
        Choice(lambda known: ("auto", *known.themes)),
        "The colours. auto: the terminal's own, or none if NO_COLOR is set or the terminal has none.",
    ),
    Setting(
        "keys",
        KeyTable(),
        'Other keys: "x", "ctrl+x", "f5", "pageup", or a list of keys. Those shown are the ones without this.',
    ),
)
