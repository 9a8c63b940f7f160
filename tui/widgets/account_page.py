"""View 5: the probe's account of itself, interface by interface: everything it saw, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.console import Group
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from bpf.event import printable
from bpf.source import Account

_ROWS = (
    ("packets", "packets", "seen on both sides of the hook"),
    ("syns", "SYNs", "first ones, out and in; what follows adds up to them"),
    ("established", "= established", "the figures of the table are made of these"),
    ("refused", "+ refused", "a RST answered"),
    ("unreachable", "+ unreachable", "an ICMP error answered"),
    ("unanswered", "+ unanswered", "nothing came within the timeout"),
    ("late", "- late", "of those, ended in some other way after all"),
    ("superseded", "+ superseded", "given up for another connection of the same ports"),
    ("unresolved", "+ unresolved", "inbound with Fast Open data, end not seen"),
    ("pending_full", "+ not followed", "the table of handshakes under way was full"),
    ("pending", "+ under way", "when this was read"),
    ("ambiguous", "ambiguous", "established, but which SYN was answered is unknown: no latency"),
    ("syn_retransmits", "SYN retransmits", "SYNs sent or received again"),
    ("unsolicited", "unsolicited", "SYN-ACKs that answer no SYN known: duplicates, scans, too late"),
    ("events_lost", "events lost", "ended and counted, but the ring to this program was full"),
    ("samples", "samples", "taken of open connections as they sent"),
    (
        "samples_thinned",
        "samples thinned",
        "put off, or left out at the end: there were more than can be looked at",
    ),
    ("samples_lost", "samples lost", "taken, but the ring to this program was full"),
    ("truncated", "truncated", "looked like part of a handshake, ended before their headers did"),
    ("malformed", "malformed", "... with headers that contradict themselves"),
    ("fragments", "fragments", "... later fragments, which carry no TCP header"),
    ("too_deep", "too deep", "... with more than eight IPv6 extension headers"),
    ("programs_ahead", "programs ahead", "of others, before ours on the hook; they may keep packets from it"),
)


class AccountPage(VerticalScroll, can_focus=True):
    """A page that is drawn anew whenever accounts were read."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "Down", show=False, id="probe.down"),
        Binding("k", "scroll_up", "Up", show=False, id="probe.up"),
        Binding("g", "scroll_home", "Top", show=False, id="probe.top"),
        Binding("G", "scroll_end", "Bottom", show=False, id="probe.bottom"),
    ]

    def __init__(self) -> None:
        super().__init__(id="probe")
        self._before: dict[str, Account] = {}
        self._text = Static()

    def compose(self) -> ComposeResult:
        yield self._text

    def draw(self, accounts: Sequence[Account]) -> None:
        """Take over the accounts, a second after those before."""
        if not accounts:
            self._text.update("There is no account yet.")
            return
        tables = [_table(account, self._before.get(account.interface)) for account in accounts]
        self._before = {account.interface: account for account in accounts}
        self._text.update(Group(*tables))


def _table(account: Account, before: Account | None) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True, style="bold")
    table.add_column()
    state = _state(account)
    trouble = "  ".join(filter(None, (account.trouble, account.flow_trouble)))
    table.add_row(Text(printable(account.interface), style="bold reverse"), state, Text(trouble))
    for name, title, help_ in _ROWS:
        table.add_row(title, f"{getattr(account, name):,}", help_)
    table.add_row("time per packet", *_time_per_packet(account))
    table.add_row("share of a core", *_share_of_a_core(account, before))
    table.add_row("", "", "")
    return table


def _state(account: Account) -> str:
    if account.is_detached:
        return "detached by somebody else"
    return "gone" if account.is_gone else account.attach or "not watched"


_NO_STATISTICS = "kernel statistics are off: sysctl kernel.bpf_stats_enabled=1"


def _time_per_packet(account: Account) -> tuple[str, str]:
    if not account.run_time_ns or not account.run_count:
        return "-", _NO_STATISTICS
    return f"{account.run_time_ns / account.run_count:.0f}ns", f"over {account.run_count:,} packets"


def _share_of_a_core(account: Account, before: Account | None) -> tuple[str, str]:
    if account.run_time_ns is None:
        return "-", _NO_STATISTICS
    if before is None or before.run_time_ns is None or account.read_ns <= before.read_ns:
        return "-", "in a second"
    share = (account.run_time_ns - before.run_time_ns) / (account.read_ns - before.read_ns)
    return f"{share:.2%}", "spent in the probe's program, over the last second"
