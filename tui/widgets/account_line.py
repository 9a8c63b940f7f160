"""The line below the table: what became of every SYN the probe saw, or of every sample, over all interfaces watched."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.widget import Widget

from bpf.source import Account
from tui.core.column import Main

_PARTS = (
    ("established", "established"),
    ("refused", "refused"),
    ("unreachable", "unreachable"),
    ("unanswered", "unanswered"),
    ("superseded", "superseded"),
    ("unresolved", "unresolved"),
    ("pending_full", "not followed"),
    ("pending", "under way"),
)


def account_text(accounts: Sequence[Account]) -> str:
    """Write the parts that are not zero. Those counted as unanswered that ended after all are in their own part."""
    sums = {name: sum(getattr(account, name) for account in accounts) for name, _ in _PARTS}
    sums["unanswered"] -= sum(account.late for account in accounts)
    parts = [f"{sums[name]:,} {title}" for name, title in _PARTS if sums[name] or name == "established"]
    ambiguous = sum(account.ambiguous for account in accounts)
    if ambiguous:
        parts[0] += f" ({ambiguous:,} ambiguous)"
    return f"{sum(account.syns for account in accounts):,} SYNs: {', '.join(parts)}"


def samples_text(accounts: Sequence[Account]) -> str:
    """Write how many samples of open connections were taken, and how many were not."""
    troubles = [account.flow_trouble for account in accounts if account.flow_trouble]
    if troubles:
        return troubles[0]
    parts = {
        "samples": sum(account.samples for account in accounts),
        "put off or left out, there being so many": sum(account.samples_thinned for account in accounts),
        "LOST": sum(account.samples_lost for account in accounts),
    }
    return ", ".join(f"{count:,} {what}" for what, count in parts.items() if count or what == "samples")


class AccountLine(Widget):
    """One line; `draw` repaints it if its text changed."""

    def __init__(self) -> None:
        super().__init__()
        self._text = ""

    def draw(self, accounts: Sequence[Account], main: Main) -> None:
        """Take over the accounts; none: nothing is said. `main`: what the table is about."""
        write = samples_text if main is Main.LIVE else account_text
        text = write(accounts) if accounts else ""
        if text != self._text:
            self._text = text
            self.refresh()

    def render(self) -> Text:
        """The text as it is."""
        return Text(self._text, no_wrap=True, overflow="ellipsis")
