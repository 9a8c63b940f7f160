"""The line below the table: what became of every SYN the probe saw, over all interfaces watched."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.widget import Widget

from bpf.source import Account

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


class AccountLine(Widget):
    """One line; `draw` repaints it if its text changed."""

    def __init__(self) -> None:
        super().__init__()
        self._text = ""

    def draw(self, accounts: Sequence[Account]) -> None:
        """Take over the accounts; none: nothing is said."""
        text = account_text(accounts) if accounts else ""
        if text != self._text:
            self._text = text
            self.refresh()

    def render(self) -> Text:
        """The text as it is."""
        return Text(self._text, no_wrap=True, overflow="ellipsis")
