"""What the kernel program and the matcher in Python have in common: what they count, and how they tell it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from bpf.event import Handshake

COUNTERS = (
    "packets",
    "syns",
    "syn_retransmits",
    "established",
    "refused",
    "unreachable",
    "ambiguous",
    "late",
    "superseded",
    "pending_full",
    "unsolicited",
    "emitted",
    "events_lost",
    "readable",
    "truncated",
    "malformed",
    "fragments",
    "too_deep",
    "samples",
    "samples_thinned",
    "samples_lost",
)
"""Of one interface; the order of `struct account` in handshake.bpf.c."""

FORGET_NS = 75_000_000_000
"""An unanswered SYN is remembered this long after its last.

Linux sends the next at most 64 s later, and it must not look new."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """What one look through the tables of handshakes under way found."""

    unanswered: list[Handshake]
    """Those that have waited for the timeout, each reported once."""
    unresolved: Counter[int]
    """By interface index: inbound ones whose end may have gone unseen, and of which nothing can be said."""
    pending: Counter[int]
    """By interface index: those still under way."""
