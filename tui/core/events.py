"""The last handshakes, newest first: bounded, narrowed by any predicate, standing still until told to go on."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import count, islice

from bpf.event import Handshake

Predicate = Callable[[Handshake], bool]
Event = tuple[int, Handshake]
"""A handshake, and its number in the order they came: greater is newer. Numbers are never used again."""
_FORGOTTEN_AT_ONCE = 100


class Events:
    """Handshakes as they came. One thread.

    Batches are kept as they are: what is not looked at is not decoded. Costs 1 us a batch; with a predicate, 0.6 us a
    handshake, and what that does: 0.4 us for `port:443`, 2 to 3 for a word.
    """

    def __init__(self, limit: int = 10_000) -> None:
        """`limit`: how many are kept, whether shown or not."""
        self._limit = limit
        self._predicate: Predicate | None = None
        self._arrived = 0
        self.reset()

    def reset(self) -> None:
        """Forget all. The predicate stays."""
        self._batches: list[Sequence[Handshake]] = []
        self._firsts: list[int] = []
        """The numbers of the first of each batch."""
        self._oldest = self._end = self._came_from = self._arrived
        """Kept are those from one number on, up to another, as of the last refresh; what came later is kept, too."""
        self._passing: deque[Event] = deque()
        """With a predicate: those that it lets through."""

    def ingest(self, handshakes: Sequence[Handshake]) -> None:
        """Take handshakes in the order they came; the batch is not to change. What is shown waits for `refresh`."""
        if handshakes:
            self._batches.append(handshakes)
            self._firsts.append(self._arrived)
            self._arrived += len(handshakes)
            self._forget()

    def _forget(self) -> None:
        """Let go of batches that are not shown, and will not be."""
        shown, shown_next = bisect_left(self._firsts, self._end), self._arrived - self._limit
        skipped = bisect_right(self._firsts, shown_next) - 1
        if skipped > shown + _FORGOTTEN_AT_ONCE:
            del self._batches[shown:skipped], self._firsts[shown:skipped]

    def refresh(self) -> None:
        """Show what has come up to now. As long as this is not called, rows stand still."""
        before, self._end = self._end, self._arrived
        self._oldest = max(self._oldest, self._end - self._limit)
        old = max(0, bisect_right(self._firsts, self._oldest) - 1)
        del self._batches[:old], self._firsts[:old]
        if self._predicate is None:
            return
        self._passing.extend(self._found(max(before, self._oldest), self._predicate))
        while self._passing and self._passing[0][0] < self._oldest:
            self._passing.popleft()

    def narrow(self, predicate: Predicate | None) -> None:
        """Show only those that pass; None: all. Asked once of every handshake kept, and of those to come."""
        self._predicate = predicate
        self._passing = deque() if predicate is None else deque(self._found(self._oldest, predicate))

    def _found(self, start: int, predicate: Predicate) -> Iterator[Event]:
        """Those kept from a number on that pass, oldest first."""
        for first, batch in zip(self._firsts, self._batches, strict=True):
            if first < self._end and first + len(batch) > start:
                skipped = max(0, start - first)
                events = zip(count(first + skipped), batch[skipped:])
                yield from (each for each in events if predicate(each[1]))

    def _event(self, number: int) -> Event:
        place = bisect_right(self._firsts, number) - 1
        return number, self._batches[place][number - self._firsts[place]]

    def rows(self, start: int, stop: int) -> list[Event]:
        """The events in places `start` to `stop - 1`, newest first; fewer where they end."""
        places = range(max(0, start), min(stop, self.shown))
        if self._predicate is None:
            return [self._event(self._end - 1 - place) for place in places]
        return [self._passing[-1 - place] for place in places]

    def latest(self, wanted: Predicate, at_most: int) -> list[Handshake]:
        """The newest of those kept that `wanted` says are, at most so many, newest first, whatever is shown."""
        kept = map(self._event, range(self._end - 1, self._oldest - 1, -1))
        return list(islice((each for _, each in kept if wanted(each)), at_most))

    def newer_than(self, number: int) -> int:
        """How many of those shown are newer: the place of the event with this number, if it is shown."""
        if self._predicate is None:
            return min(max(0, self._end - 1 - number), self.shown)
        return self.shown - bisect_right(self._passing, number, key=_number_of)

    def place(self, number: int) -> int | None:
        """The place of the event with this number; None: it is not shown, or no longer kept."""
        place = self.newer_than(number)
        found = self.rows(place, place + 1)
        return place if found and found[0][0] == number else None

    @property
    def shown(self) -> int:
        """How many the predicate lets through, as of the last refresh."""
        return len(self) if self._predicate is None else len(self._passing)

    @property
    def came(self) -> int:
        """How many have come since the start or the last reset, also those not kept any more, or not shown yet."""
        return self._arrived - self._came_from

    def __len__(self) -> int:
        """How many are kept, as of the last refresh."""
        return self._end - self._oldest


def _number_of(event: Event) -> int:
    return event[0]
