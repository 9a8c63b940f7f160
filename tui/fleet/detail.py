"""All about one row of a fleet: the values that its page of details is drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tui.fleet.answer import Counts
from tui.fleet.buckets import Buckets
from tui.fleet.question import Question, RowKey

STEPS = 60
"""So many are asked for."""


@dataclass(frozen=True, slots=True)
class Step:
    """What was counted within one step of time, as `increase()` makes it of scrapes."""

    end_s: float
    """By the server's clock."""
    latencies: Buckets
    failures: float


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the row."""

    label: str
    """Printable."""
    counts: Counts


@dataclass(frozen=True, slots=True)
class Split:
    """The row's handshakes, split by something; the busiest first."""

    by: str
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True)
class FleetDetail:
    """What is known about one row at one moment."""

    question: Question
    key: RowKey
    at_s: float
    window_s: float | None
    """None: everything that was counted."""
    counts: Counts
    connects: Buckets
    """How long connect() took, outbound."""
    step_s: float
    steps: Sequence[Step]
    """Oldest first; one without handshakes may be missing."""
    splits: Sequence[Split]
