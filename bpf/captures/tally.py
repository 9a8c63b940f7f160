"""The account of one interface whose packets the matcher in Python sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from bpf.matching import COUNTERS, Sweep
from bpf.source import Account

_COUNTED = {field.name for field in fields(Account)}.intersection(COUNTERS)


class Tally:
    """What sweeps found of one interface so far, to be put beside what the matcher counts. One thread."""

    def __init__(self, number: int) -> None:
        """`number`: the interface's index in the matcher."""
        self._number = number
        self._unanswered = self._unresolved = self._pending = 0

    def take(self, sweep: Sweep) -> None:
        """Count what a sweep found."""
        number = self._number
        self._unanswered += sum(1 for each in sweep.unanswered if each.ifindex == number)
        self._unresolved += sweep.unresolved[number]
        self._pending = sweep.pending[number]

    def account(self, account: Account, counters: Mapping[str, int]) -> Account:
        """Fill in the counts, which add up if the matcher's `counters` were read right after the last sweep."""
        counted: dict[str, Any] = {name: counters[name] for name in _COUNTED}
        return replace(
            account,
            unanswered=self._unanswered,
            unresolved=self._unresolved,
            pending=self._pending,
            **counted,
        )
