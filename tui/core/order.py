"""The order of rows: places that stay sorted while a few of them, or all, change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sortedcontainers import SortedList

from tui.core.grouping import RowKey

Place = tuple[float, float, RowKey]

_REBUILD_SHARE = 12
"""With more than one row in 12 to move, merging all anew is quicker than moving each (measured: 1 in 10 to 15)."""


class Order:
    """A sorted list of places, not of rows: a place is a value that cannot change while it is in the list.

    It leads back to its row by the key that it ends with.
    """

    def __init__(self, places: Iterable[Place] = ()) -> None:
        self._places = SortedList(places)

    def move(self, stale: Sequence[Place], fresh: Sequence[Place]) -> None:
        """Take out places, which are there, and put in others."""
        if max(len(fresh), len(stale)) * _REBUILD_SHARE > len(self._places):
            gone = set(stale)
            stay = [place for place in self._places if place not in gone]
            # Two sorted runs, which list.sort finds and merges in one pass.
            self._places = SortedList(stay + sorted(fresh))
            return
        for place in stale:
            self._places.remove(place)
        self._places.update(fresh)

    def keys(self, start: int, stop: int) -> list[RowKey]:
        """The keys of the rows in places `start` to `stop - 1`, fewer where it ends."""
        return [key for _, _, key in self._places.islice(max(0, start), max(0, stop))]

    def rank(self, place: Place) -> int:
        """How many places are before this one."""
        return int(self._places.bisect_left(place))

    def __len__(self) -> int:
        """How many places there are."""
        return len(self._places)
