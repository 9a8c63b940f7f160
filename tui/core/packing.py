"""The recent past of a tally, packed: 8 bytes for each slice and code that something was counted of."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from tui.core.codes import BUCKETS, CODE_BITS, CODE_MASK, ESTABLISHED_END
from tui.core.trend import LEVELS, SLICES
from tui.core.window import COARSE

COUNT_BITS = 20
COUNT_MASK = (1 << COUNT_BITS) - 1
SLICE_SHIFT = CODE_BITS + COUNT_BITS
_CODE_AND_COUNT = (1 << SLICE_SHIFT) - 1
_LATENCIES_END, _ESTABLISHED_END = BUCKETS << COUNT_BITS, ESTABLISHED_END << COUNT_BITS
LAST_SLICE = (1 << 64 - SLICE_SHIFT) - 1
"""170 years: what is stamped later, in a file that lies, is counted there."""


@dataclass(frozen=True, slots=True)
class Slice:
    """What was counted in some seconds of the past."""

    first: int
    """The number of its first slice of 5 s."""
    slices: int
    counts: Mapping[int, int]
    """By code."""


def append_entry(entries: array[int], place: int, count: int) -> None:
    """Add a count. `place`: slice and code."""
    while count > COUNT_MASK:
        entries.append(place << COUNT_BITS | COUNT_MASK)
        count -= COUNT_MASK
    entries.append(place << COUNT_BITS | count)


def append_entries(entries: array[int], base: int, counts: Mapping[int, int]) -> None:
    """Add counts; `base` is to be added to what they are counts of, to make places of these."""
    if max(counts.values(), default=0) > COUNT_MASK:
        for place, count in counts.items():
            append_entry(entries, base | place, count)
    else:
        entries.extend([(base | place) << COUNT_BITS | count for place, count in counts.items()])


def packed(entries: Iterable[int], fine_from: int) -> array[int]:
    """The same, in order, one of each slice and code; before `fine_from`, of each half minute."""
    sums: dict[int, int] = {}
    for entry in entries:
        place = entry >> COUNT_BITS
        slice_ = place >> CODE_BITS
        if slice_ < fine_from:
            place -= slice_ % COARSE << CODE_BITS
        sums[place] = sums.get(place, 0) + (entry & COUNT_MASK)
    packed = array("Q")
    append_entries(packed, 0, dict(sorted(sums.items())))
    return packed


def established_of(entries: Iterable[int]) -> int:
    """How many established handshakes they count."""
    return sum([entry & COUNT_MASK for entry in entries if entry & _CODE_AND_COUNT < _ESTABLISHED_END])


def levels_of(entries: array[int], first: int) -> bytes:
    """The level of the slowest handshake of each slice, of as many as a sparkline has; `entries` begin with `first`."""
    levels = bytearray(SLICES)
    begin = 0
    for place in range(SLICES):
        end = bisect_left(entries, first + place + 1 << SLICE_SHIFT, begin)
        some = entries[begin:end]
        if some and max(some) & _CODE_AND_COUNT >= _LATENCIES_END:
            some = array("Q", [entry for entry in some if entry & _CODE_AND_COUNT < _LATENCIES_END])
        if some:
            levels[place] = LEVELS[max(some) >> COUNT_BITS & CODE_MASK]
        begin = end
    return bytes(levels)


def established_in(codes: array[int]) -> int:
    """How many established handshakes are among those kept one by one."""
    if not codes or max(codes) < ESTABLISHED_END:
        return len(codes)
    return sum(map(ESTABLISHED_END.__gt__, codes))


def level_of_codes(codes: Collection[int]) -> int:
    """The level of the slowest; 0: none had a latency."""
    slowest = max(codes, default=0)
    if slowest >= BUCKETS:
        slowest = max([code for code in codes if code < BUCKETS], default=0)
    return LEVELS[slowest] if slowest else 0
