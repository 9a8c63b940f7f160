"""Ranking: which rows are in sight, and in which order: a column's, a filter's, or held as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import inf

from tui.core.columns import column
from tui.core.entries import words_of
from tui.core.followed import Followed
from tui.core.grouping import REST, RowKey
from tui.core.histogram import bucket_of, end_ns
from tui.core.order import Order, Place
from tui.core.row import Changed, Row

_LAST: Place = (inf, inf, REST)


class Ranking:
    """Gives rows their places when told that they changed. One thread."""

    def __init__(self, column_id: str) -> None:
        self._column = column(column_id)
        self._descending = self._column.descending
        self._predicate: Callable[[Row], bool] | None = None
        self.begin({})

    def begin(self, rows: Mapping[RowKey, Row]) -> None:
        """Rank others: these, now and whenever there are more of them or fewer. Nothing is held."""
        self._rows = rows
        self._late: dict[Row, None] = {}
        """Rows that have another place by now than they were given, but not one where the order is kept."""
        self._followed: dict[Row, Followed] = {}
        """What the column's quantile of rows depends on, with all that has come of them since they got their places."""
        self._order = Order(self._places)
        self._is_frozen = False

    def _places(self) -> list[Place]:
        """Of all rows in sight that have been given one."""
        self._settle()
        return [row.place for row in self._rows.values() if row.matches and row.place is not None]

    def sort_by(self, column_id: str, descending: bool | None = None) -> None:
        """Choose a column (KeyError; ValueError for one that has no order), in its own direction if none is given."""
        chosen = column(column_id)
        if chosen.value is None:
            raise ValueError(f"cannot sort by {column_id}")
        self._column = chosen
        self._descending = chosen.descending if descending is None else descending
        self._is_frozen = False

    @property
    def sorting(self) -> tuple[str, bool]:
        """The sort column's id, and whether it is descending."""
        return self._column.id, self._descending

    @property
    def is_time_dependent(self) -> bool:
        """Whether places change with time alone, or what is in sight does: a filter may ask for an age."""
        return self._column.time_dependent or self._predicate is not None

    @property
    def has_filter(self) -> bool:
        """Whether rows have to be asked whether they are in sight."""
        return self._predicate is not None

    def freeze(self, is_frozen: bool) -> None:
        """Let rows stay where they are, or move again from the next `rebuild` on."""
        self._settle()
        self._is_frozen = is_frozen

    @property
    def is_frozen(self) -> bool:
        """Whether rows stay where they are whatever their figures."""
        return self._is_frozen

    def narrow(self, predicate: Callable[[Row], bool] | None) -> None:
        """Let only rows pass that `predicate` lets through; None: all."""
        self._predicate = predicate
        self.review()

    def review(self) -> None:
        """Ask about all rows anew, and give them their places of now."""
        predicate = self._predicate
        for row in self._rows.values():
            row.matches = predicate is None or (row.key != REST and predicate(row))
        self.rebuild()

    def move(self, rows: Changed) -> None:
        """Give rows that changed their places of now, and move those in sight to where they belong."""
        stale: list[Place] = []
        fresh: list[Place] = []
        if self._predicate is None and not self._is_frozen:
            self._find_moved(rows, stale, fresh)
        else:
            self._followed.clear()
            self._find_changed(rows, stale, fresh)
        self._order.move(stale, fresh)

    def _find_moved(self, rows: Changed, stale: list[Place], fresh: list[Place]) -> None:
        """Where all rows are in sight: the short way, as there may be thousands."""
        value_of, sign = self._column.value, -1 if self._descending else 1
        assert value_of is not None
        low, high = self._edges_ns()
        followed = self._followed
        for row, entries in rows.items():
            if (known := followed.get(row)) is not None:
                if entries is not None and known.stays(entries):
                    continue
                del followed[row]
            before = row.place
            if entries is not None and before is not None and not low <= before[0] * sign < high:
                words = words_of(entries)
                if max(words) < low if before[0] * sign < low else min(words) >= high:
                    self._late[row] = None
                    continue
            value = self._followed_ns(row) or (value_of(row) if row.key else None)
            if value is not None:
                value *= sign
                if before is not None and before[0] == value and not before[1]:
                    continue
                place: Place = (value, 0, row.key)
            else:
                place = self._place_of(row)
                if place == before:
                    continue
            row.place = place
            if before is not None:
                stale.append(before)
            fresh.append(place)

    def _followed_ns(self, row: Row) -> float | None:
        """The column's quantile, followed from now on; None: it is none, or is not followed."""
        quantile = self._column.quantile
        followed = row.follow(quantile) if quantile is not None and row.key else None
        if followed is None:
            return None
        self._followed[row] = followed
        return followed.value_ns

    def _edges_ns(self) -> tuple[float, float]:
        """Rows with a quantile below the first, or not below the second, stay there if all that comes is there, too.

        Nearest ranks from above never get less as there is more, and those from below neither. So these rows need not
        be asked where exactly they are before somebody looks. Of other columns there are no such edges.
        """
        if self._column.quantile is None:
            return -inf, inf
        begin, end = self._order.bounds
        least, greatest = (-end, -begin) if self._descending else (begin, end)
        # A quantile says no more than its bucket.
        low = end_ns(bucket_of(int(least)) - 1) if 0 < least < inf else -inf
        return low, end_ns(bucket_of(int(greatest))) if 0 <= greatest < inf else inf

    def _settle(self) -> None:
        """Give those rows their places: the order kept is the same with these."""
        late, self._late = self._late, {}
        for row in late:
            if self._rows.get(row.key) is row:
                row.place = self._place_of(row)

    def _find_changed(self, rows: Iterable[Row], stale: list[Place], fresh: list[Place]) -> None:
        predicate = self._predicate
        for row in rows:
            matched = row.matches
            row.matches = predicate is None or (row.key != REST and predicate(row))
            before, row.place = row.place, self._place_of(row)
            if row.place == before and matched == row.matches:
                continue
            if before is not None and matched:
                stale.append(before)
            if row.matches:
                fresh.append(row.place)

    def forget(self, rows: Iterable[Row]) -> None:
        """Leave out rows that are no more."""
        gone = [row for row in rows if row.place is not None and row.matches]
        for row in gone:
            self._followed.pop(row, None)
        self._order.move([row.place for row in gone if row.place is not None], [])

    def rebuild(self) -> None:
        """Give all rows their places of now."""
        self._late = {}
        self._followed = {}
        for row in self._rows.values():
            row.place = self._place_of(row)
        self._order.rebuild()

    def _place_of(self, row: Row) -> Place:
        if row.key == REST:
            return _LAST
        if self._is_frozen:
            # Where it is; if it is new, behind all others.
            return row.place or (inf, 1, row.key)
        assert self._column.value is not None
        value = self._column.value(row)
        if value is None:
            # No figure, but what fails is what to look at first.
            return (inf, -row.failed, row.key)
        return (-value if self._descending else value, 0, row.key)

    def keys(self, start: int, stop: int) -> list[RowKey]:
        """The keys of the rows in places `start` to `stop - 1`, fewer where it ends."""
        return self._order.keys(start, stop)

    def rank(self, row: Row) -> int | None:
        """The place of a row; None: it is not in sight."""
        if row in self._late:
            self._settle()
        return self._order.rank(row.place) if row.place is not None and row.matches else None

    def __len__(self) -> int:
        """How many rows are in sight."""
        return len(self._order)
