"""The line on top: what is watched, how much, how fast, how slow; or that the screen is paused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text
from textual.widget import Widget

from bpf.source import ANY, Account, Playback
from tui.core.format import Glyphs, count_text, duration_text, rate_text
from tui.core.hosts import Hosts
from tui.out.wall_clock import clock_text


@dataclass(frozen=True, slots=True)
class Status:
    """What the title says besides the totals."""

    selection: Sequence[str]
    """What is watched; nothing: the probe is not attached yet."""
    accounts: Sequence[Account]
    note: str
    """What is being waited for; empty: nothing."""
    is_paused: bool
    now_ns: int
    """On the source's clock."""
    playback: Playback | None = None
    """How what is shown is played; None: it is happening."""


class TitleLine(Widget):
    """One line. `draw` repaints it if its text changed; it never asks for a layout."""

    def __init__(self, hosts: Hosts, glyphs: Glyphs) -> None:
        super().__init__()
        self._hosts = hosts
        self._glyphs = glyphs
        self._text = ""

    def draw(self, status: Status) -> None:
        """Take over totals and status."""
        text = "  ".join(part for part in self._parts(status) if part)
        self.set_class(status.is_paused, "-paused")
        if text != self._text:
            self._text = text
            self.refresh()

    def render(self) -> Text:
        """The text as it is: interface names are not markup."""
        return Text(self._text, no_wrap=True, overflow="ellipsis")

    def _parts(self, status: Status) -> list[str]:
        totals, shown, known = self._hosts.totals, self._hosts.shown, len(self._hosts)
        parts = [*_what_is_shown(status), status.note]
        if not status.selection:
            return parts
        # Before the figures that they make doubtful: a narrow terminal cuts off the end.
        lost = sum(account.events_lost for account in status.accounts)
        not_followed = sum(account.pending_full for account in status.accounts)
        parts.append(f"{count_text(lost)} EVENTS LOST" if lost else "")
        parts.append(f"{count_text(not_followed)} NOT FOLLOWED" if not_followed else "")
        hosts = (
            f"{count_text(shown)} of {count_text(known)} hosts"
            if shown != known
            else f"{count_text(known)} hosts"
        )
        parts += [
            "1 host" if shown == known == 1 else hosts,
            f"{rate_text(totals.rate)} conn/s",
            f"median {duration_text(totals.p50_ns, self._glyphs)}",
            f"p99 {duration_text(totals.p99_ns, self._glyphs)}",
        ]
        return parts


def _what_is_shown(status: Status) -> list[str]:
    playback = status.playback
    if playback is None:
        attached = {account.attach for account in status.accounts if account.attach}
        return [
            "PAUSED (collecting goes on; Space resumes)" if status.is_paused else "tcplat",
            " ".join([",".join(status.selection), *sorted(attached)]),
        ]
    state = "END" if playback.is_over else "tcplat"
    if status.is_paused or (playback.is_paused and not playback.is_over):
        state = "PAUSED (Space resumes)"
    name = playback.title.rpartition("/")[2]
    chosen = "" if tuple(status.selection) == (ANY,) else ",".join(status.selection)
    speed = "" if playback.speed == 1 else f" x{playback.speed:g}"
    return [
        state,
        f"{name} {chosen}".strip(),
        clock_text(status.now_ns) + speed,
        playback.trouble,
    ]
