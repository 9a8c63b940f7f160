"""What the screen says in words: what is going on, and why there is nothing to see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bpf.source import ANY, Account, Playback
from tui.core.grouping import direction_text
from tui.core.rows import Rows
from tui.core.window import Window
from tui.out.wall_clock import clock_text

_NO_TRAFFIC = """\
No handshake on {interface} yet.

A row appears as soon as this machine opens a TCP connection through it, or is connected to."""
_NOTHING_PLAYED = """\
No handshake in {title}{until}.

] goes ahead, [ back; 4 chooses the interface."""


@dataclass(slots=True)
class Situation:
    """What the source does at this moment. The UI thread's."""

    opening: str
    """What is being done until there is a source."""
    selection: Sequence[str] = ()
    """What is watched; nothing: the source is not open yet."""
    accounts: Sequence[Account] = ()
    gone: frozenset[str] = field(default_factory=frozenset)
    down: Mapping[str, str] = field(default_factory=dict)
    """Of what is watched, the interfaces that can carry nothing now, and why."""
    failure: str = ""
    """Why there is no source (any more); empty: there is."""
    is_paused: bool = False
    playback: Playback | None = None
    """How what is shown is played; None: it is happening."""

    @property
    def detached(self) -> list[str]:
        """The interfaces that somebody has taken our programs off."""
        return [each.interface for each in self.accounts if each.is_detached]

    @property
    def has_player(self) -> bool:
        """Whether what is shown can be paused at its source, and sought in."""
        return self.playback is not None and not self.playback.is_live

    def begin(self, selection: Sequence[str], accounts: Sequence[Account]) -> None:
        """Something else is watched from now on."""
        self.selection, self.accounts, self.gone, self.down = selection, accounts, frozenset(), {}
        self.is_paused = False


def note_text(situation: Situation, rows: Rows, recording_trouble: str) -> str:
    """What is special about what is shown, for the title; empty: nothing."""
    if situation.failure:
        return "stopped"
    if not situation.selection:
        return situation.opening
    detached = situation.detached
    notes = [
        f"GONE: waiting for {', '.join(sorted(situation.gone))} to return" if situation.gone else "",
        f"DETACHED from {', '.join(detached)} by somebody: i Enter attaches again" if detached else "",
        recording_trouble,
        "" if rows.window is Window.ALL else f"last {rows.window.value}",
        "" if rows.direction is None else f"{direction_text(rows.direction)} only",
        "ORDER HELD" if rows.is_frozen else "",
        "" if rows.marked_ns is None else f"baseline {(rows.now_ns - rows.marked_ns) // 1_000_000_000} s ago",
    ]
    return "  ".join(filter(None, notes))


def empty_text(situation: Situation, rows: Rows, filter_: str, wall_ns: int) -> str:
    """Why there is no row, and what to do about it. `wall_ns`: Unix time, by the source."""
    if situation.failure:
        return f"{situation.failure}\n\nq quits"
    if not situation.selection:
        return f"{situation.opening.capitalize()}..."
    if len(rows):
        return f"The filter {filter_!r} hides all {len(rows)} rows.\n\nEsc clears it."
    if rows.direction is not None:
        return f"No {direction_text(rows.direction)}bound handshake yet.\n\nd shows other directions."
    names = "any interface" if tuple(situation.selection) == (ANY,) else ", ".join(situation.selection)
    playback = situation.playback
    if playback:
        until = "" if playback.is_over else f" up to {clock_text(wall_ns)}"
        return _NOTHING_PLAYED.format(title=playback.title, until=until)
    if situation.gone.issuperset(situation.selection):
        return f"{names} is gone.\n\nWaiting for it to return; i watches another interface."
    for name in situation.detached:
        return f"Somebody has detached tcplat from {name}.\n\nNothing is seen until it is attached again: i, Enter."
    for name, state in situation.down.items():
        return f"{name} is {state}.\n\nNothing passes until it is up; i watches another interface."
    return _NO_TRAFFIC.format(interface=names)
