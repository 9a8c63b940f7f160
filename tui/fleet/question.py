"""What the screen wants to know: of whom, since when, in which direction; and how a row is told from others."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from tui.core.window import Window

SCRAPES = 4
"""So many scrapes a window has at least: of fewer, one that fails leaves nothing to make a rate of."""
RATE_S = 60.0
_SECONDS = {Window.MINUTE: 60.0, Window.MINUTES_5: 300.0, Window.MINUTES_15: 900.0}


class FleetGrouping(enum.Enum):
    """What a row stands for; in the order of the key that changes it."""

    PAIR = "box and remote"
    REMOTE = "remote"
    BOX = "box"

    @property
    def has_box(self) -> bool:
        """Whether rows are of one box each."""
        return self is not FleetGrouping.REMOTE

    @property
    def has_remote(self) -> bool:
        """Whether rows are of one remote each."""
        return self is not FleetGrouping.BOX


@dataclass(frozen=True, slots=True)
class Question:
    """What the table is to be made of."""

    grouping: FleetGrouping = FleetGrouping.PAIR
    window: Window = Window.MINUTES_5
    direction: int | None = None
    """None: both."""


RowKey = tuple[str, str]
"""Box and remote, as their labels have them; what a row is not told apart by is empty."""


def window_s(window: Window, scrape_interval_s: float) -> float | None:
    """How long a window is, so that it holds enough scrapes; None: since each box began to count."""
    return None if window is Window.ALL else max(_SECONDS[window], SCRAPES * scrape_interval_s)


def rate_s(window: Window, scrape_interval_s: float) -> float:
    """What rates are averages over: the window, or the last minute if that is all."""
    return window_s(window, scrape_interval_s) or max(RATE_S, SCRAPES * scrape_interval_s)
