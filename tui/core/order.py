"""The order of rows: those around what is in sight stay sorted while some change; the others are only counted.

Sorted they are in a SortedList. Of 8,000 places 80 moved take 0.12 ms in it, 0.18 in a list with bisect, 0.6 if all are
merged anew, 1.7 if sorted; of 2,000 places 20 take 0.03, 0.02, 0.12 and 0.3 (`tools.bench order`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import inf
from operator import itemgetter

from sortedcontainers import SortedList

from tui.core.grouping import RowKey

Place = tuple[float, float, RowKey]

MARGIN = 1000
"""At most so many places before and behind those in sight are sorted, too: on the next redraws others will be in
sight."""
_LEAST_MARGIN, _MARGIN_SHARE = 200, 8
"""At least so many; between these, one place in so many."""
_GROWN = 3
"""With so many times the margin, places are not kept in order any more where they are out of sight."""
_REBUILD_SHARE = 12
"""With more than one place in 12 to move, merging all anew is quicker than moving each (measured: 1 in 10 to 15)."""
_FIRST: Place = (-inf, -inf, ())
_END: Place = (inf, inf, (inf,))  # type: ignore[assignment]


class Order:
    """Places, not rows: a place is a value that cannot change while it is in the list.

    It leads back to its row by the key that it ends with.
    """

    def __init__(self, places: Callable[[], Iterable[Place]], margin: int = MARGIN) -> None:
        """`places`: all there are at the moment, whenever it is called."""
        self._all = places
        self._most = margin
        self._start = self._stop = 0
        """Which were asked for last."""
        self.rebuild()

    def rebuild(self) -> None:
        """All places may have changed."""
        self._sort_around(self._start, self._stop)

    def _sort_around(self, start: int, stop: int) -> None:
        """Keep those in order that may be asked for next; all, if there are few."""
        places = list(self._all())
        self._length = len(places)
        self._margin = min(self._most, max(_LEAST_MARGIN, self._length // _MARGIN_SHARE))
        self._first, self._end, self._before = _FIRST, _END, 0
        if len(places) > _GROWN * self._margin:
            values = sorted(map(itemgetter(0), places))
            # Of an order that got shorter the last ones may have been asked for.
            begin, end = min(start, len(places)) - self._margin, stop + self._margin
            if begin > 0:
                self._first = (values[begin], -inf, ())
                places = [place for place in places if place >= self._first]
                self._before = self._length - len(places)
            if end < len(values):
                self._end = (values[end], inf, ())
                places = [place for place in places if place < self._end]
        self._sorted = SortedList(places)

    @property
    def bounds(self) -> tuple[float, float]:
        """Places with a lesser value than the first, or a greater one than the second, are only counted."""
        return self._first[0], self._end[0]

    def move(self, stale: Sequence[Place], fresh: Sequence[Place]) -> None:
        """Take out places, which are there, and put in others."""
        first, end = self._first, self._end
        self._length += len(fresh) - len(stale)
        if (first, end) != (_FIRST, _END):
            self._before += sum(map(first.__gt__, fresh)) - sum(map(first.__gt__, stale))
            stale = [place for place in stale if first <= place < end]
            fresh = [place for place in fresh if first <= place < end]
        if max(len(fresh), len(stale)) * _REBUILD_SHARE > len(self._sorted):
            gone = set(stale)
            stay = [place for place in self._sorted if place not in gone]
            # Two sorted runs, which list.sort finds and merges in one pass.
            self._sorted = SortedList(stay + sorted(fresh))
        else:
            for place in stale:
                self._sorted.remove(place)
            self._sorted.update(fresh)
        if len(self._sorted) > _GROWN * self._margin:
            self._cut()

    def _cut(self) -> None:
        """Forget the order of those that are far from what is in sight."""
        begin = max(0, self._start - self._margin - self._before)
        end = min(self._stop + self._margin - self._before, len(self._sorted))
        if begin >= end:
            self.rebuild()
            return
        if end < len(self._sorted):
            self._end = self._sorted[end]
        if begin > 0:
            self._first = self._sorted[begin]
            self._before += begin
        self._sorted = SortedList(self._sorted.islice(begin, end))

    def keys(self, start: int, stop: int) -> list[RowKey]:
        """The keys of the rows in places `start` to `stop - 1`, fewer where it ends."""
        start, stop = max(0, start), min(stop, self._length)
        if start >= stop:
            return []
        if stop - start > self._most:  # Not a screen's.
            return [key for _, _, key in sorted(self._all())[start:stop]]
        self._start, self._stop = start, stop
        if start < self._before or stop > self._before + len(self._sorted):
            self._sort_around(start, stop)
        return [key for _, _, key in self._sorted.islice(start - self._before, stop - self._before)]

    def rank(self, place: Place) -> int:
        """How many places are before this one."""
        if self._first <= place < self._end:
            return self._before + int(self._sorted.bisect_left(place))
        return sum(map(place.__gt__, self._all()))

    def __len__(self) -> int:
        """How many places there are."""
        return self._length
