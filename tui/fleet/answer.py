"""What the server said, as values: rows as they were counted, boxes, and what makes either doubtful."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tui.fleet.buckets import Buckets
from tui.fleet.question import Question, RowKey

OUTCOMES = ("established", "refused", "unreachable", "unanswered")
FAILURES = OUTCOMES[1:]


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted of a row. In a window these are what `increase()` makes of scrapes: fractions, too."""

    latencies: Buckets = field(default_factory=Buckets)
    outcomes: Mapping[str, float] = field(default_factory=dict)
    retransmits: float = 0.0
    recent: float = 0.0
    """Established handshakes that the rate is made of."""

    @property
    def established(self) -> float:
        """Those without a latency included."""
        return self.outcomes.get("established", 0.0)

    @property
    def failed(self) -> float:
        """Refused, unreachable or unanswered."""
        return sum(self.outcomes.get(each, 0.0) for each in FAILURES)


@dataclass(frozen=True, slots=True)
class Box:
    """A machine that is, or was within a day, scraped."""

    name: str
    """By its label; printable."""
    is_up: bool
    """Whether it was scraped just now: within four intervals, and no scrape failed since."""
    scraped_s: float | None
    """When that was, by the server's clock; None: not within the last minutes."""
    since_s: float | None
    """When that was first, of the time that rates are averages over; None: not within that."""


@dataclass(frozen=True, slots=True)
class Answer:
    """All that was asked for at one moment."""

    question: Question
    at_s: float
    """When it was so: Unix seconds of the server's clock."""
    window_s: float | None
    """What the window became; None: everything that was counted."""
    rate_s: float
    scrape_interval_s: float
    is_interval_known: bool
    """Else it is what most have."""
    rows: Mapping[RowKey, Counts]
    known: int
    """How many rows there are; more than are here: these are those with most handshakes."""
    boxes: Sequence[Box] = ()
    events_lost: float = 0.0
    evicting: Sequence[str] = ()
    """Boxes that gave up remotes within the window; printable."""
    doubled: Sequence[str] = ()
    """Processes that several jobs scrape, so that sums have them several times; printable."""
    warnings: Sequence[str] = ()
    """The server's: why the answer may be part of the truth only."""

    def covered_s(self, box: Box) -> float:
        """For how much of the time that rates are averages over a box has been scraped; at least one interval."""
        since_s = self.at_s - self.rate_s if box.since_s is None else box.since_s
        return min(self.rate_s, max(self.scrape_interval_s, self.at_s - since_s))

    @property
    def down(self) -> Sequence[str]:
        """Boxes that cannot be scraped now."""
        return [box.name for box in self.boxes if not box.is_up]
