"""Windows of time: what of the past the figures on the screen are made of."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from tui.core.trend import RATE_SLICES, SLICE_NS, slice_of

COARSE = 6
"""Slices older than two minutes are kept by sixes: half a minute."""
KEPT_SLICES = 180
"""Fifteen minutes."""
FINE_SLICES = 24
"""Two minutes."""


class Window(enum.Enum):
    """The last minutes, in whole slices the last of which is not over yet; or everything since the start."""

    ALL = "all"
    MINUTE = "1m"
    MINUTES_5 = "5m"
    MINUTES_15 = "15m"


_SLICES = {Window.MINUTE: RATE_SLICES, Window.MINUTES_5: 60, Window.MINUTES_15: KEPT_SLICES}


@dataclass(slots=True)
class Moment:
    """When, and out of what, the figures on the screen are taken: one object, shared by all rows of a model."""

    slice: int
    """The slice that the last refresh fell into."""
    began_slice: int
    now_ns: int
    began_ns: int
    window: Window

    @classmethod
    def at(cls, now_ns: int, window: Window = Window.ALL) -> Moment:
        """The beginning."""
        return cls(slice_of(now_ns), slice_of(now_ns), now_ns, now_ns, window)

    def move_to(self, now_ns: int) -> bool:
        """Go on; whether another slice has begun."""
        before, self.slice, self.now_ns = self.slice, slice_of(now_ns), now_ns
        return before != self.slice

    @property
    def first_slice(self) -> int:
        """The oldest slice in the window; 0: all. Of the longer windows it is a whole half minute's first."""
        if self.window is Window.ALL:
            return 0
        return first_slice(self.slice, self.window)

    @property
    def rate_first_slice(self) -> int:
        """The oldest slice that rates are made of: the window's, but the last minute's for all."""
        return first_slice(self.slice, Window.MINUTE if self.window is Window.ALL else self.window)

    @property
    def rate_s(self) -> float:
        """How many seconds a rate is an average of: what its slices cover, or since the start; at least 1."""
        first_ns = self.rate_first_slice * SLICE_NS
        return max(1.0, min(self.now_ns - first_ns, self.now_ns - self.began_ns) / 1e9)


def first_fine_slice(newest: int) -> int:
    """The oldest slice that is kept as it is; those before are kept by half minutes, each of which is over then."""
    return max(0, (newest - FINE_SLICES) // COARSE * COARSE)


def first_slice(newest: int, window: Window) -> int:
    """The oldest slice of a window whose newest is `newest`."""
    slices = _SLICES[window]
    first = newest - slices + 1
    return first if slices <= FINE_SLICES else -(-first // COARSE) * COARSE
