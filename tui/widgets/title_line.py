"""The line on top: what is watched, how much, how fast, how slow; or that the screen is paused."""

from __future__ import annotations

from dataclasses import dataclass

from rich.text import Text
from textual.widget import Widget

from bpf.event import printable
from bpf.source import ANY
from tui.core.column import Main
from tui.core.format import Glyphs, count_text, duration_text, rate_text
from tui.core.grouping import Grouping
from tui.core.rows import Rows
from tui.out.wall_clock import clock_text
from tui.telling import Situation

_PLURALS = {each: f"{each.value}{'es' if each is Grouping.PROCESS else 's'}" for each in Grouping}


@dataclass(frozen=True, slots=True)
class Status:
    """What the title says besides the totals."""

    situation: Situation
    note: str
    """What is special; empty: nothing."""
    wall_ns: int
    """Unix time, by the source's clock."""


class TitleLine(Widget):
    """One line. `draw` repaints it if its text changed; it never asks for a layout."""

    def __init__(self, rows: Rows, glyphs: Glyphs) -> None:
        super().__init__()
        self._rows = rows
        self._glyphs = glyphs
        self._text = ""

    def draw(self, status: Status) -> None:
        """Take over totals and status."""
        text = printable("  ".join(part for part in self._parts(status) if part))
        self.set_class(status.situation.is_paused, "-paused")
        if text != self._text:
            self._text = text
            self.refresh()

    def render(self) -> Text:
        """The text as it is: interface names are not markup."""
        return Text(self._text, no_wrap=True, overflow="ellipsis")

    def _parts(self, status: Status) -> list[str]:
        situation = status.situation
        parts = [*_what_is_shown(situation, status.wall_ns), status.note]
        if not situation.selection:
            return parts
        # Before the figures that they make doubtful: a narrow terminal cuts off the end.
        lost = sum(account.events_lost for account in situation.accounts)
        not_followed = sum(account.pending_full for account in situation.accounts)
        parts.append(f"{count_text(lost)} EVENTS LOST" if lost else "")
        parts.append(f"{count_text(not_followed)} NOT FOLLOWED" if not_followed else "")
        return [*parts, self._number_of_rows(), *self._totals()]

    def _totals(self) -> list[str]:
        totals, glyphs = self._rows.totals, self._glyphs
        if self._rows.main is Main.LIVE:
            live = totals.live
            return [
                f"{count_text(live.count)} open",
                f"median srtt {duration_text(live.srtt_ns, glyphs)}",
                f"max {duration_text(live.srtt_max_ns, glyphs)}",
            ]
        return [
            f"{rate_text(totals.rate)} conn/s",
            f"median {duration_text(totals.figures.quantile_ns(0.5), glyphs)}",
            f"p99 {duration_text(totals.figures.quantile_ns(0.99), glyphs)}",
        ]

    def _number_of_rows(self) -> str:
        shown, known, grouping = self._rows.shown, len(self._rows), self._rows.grouping
        what = grouping.value if known == 1 else _PLURALS[grouping]
        return (
            f"{count_text(shown)} of {count_text(known)} {what}"
            if shown != known
            else f"{count_text(known)} {what}"
        )


def _what_is_shown(situation: Situation, wall_ns: int) -> list[str]:
    playback = situation.playback
    if playback is None:
        attached = {account.attach for account in situation.accounts if account.attach}
        return [
            "PAUSED (still collecting; Space resumes)" if situation.is_paused else "tcplat",
            " ".join([",".join(situation.selection), *sorted(attached)]),
        ]
    state = "END" if playback.is_over else "tcplat"
    if situation.is_paused or (playback.is_paused and not playback.is_over):
        state = "PAUSED (Space resumes)"
    name = playback.title.rpartition("/")[2]
    chosen = "" if tuple(situation.selection) == (ANY,) else ",".join(situation.selection)
    speed = "" if playback.speed == 1 else f" x{playback.speed:g}"
    return [state, f"{name} {chosen}".strip(), clock_text(wall_ns) + speed, playback.trouble]
