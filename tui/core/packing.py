"""The recent past of a tally, packed: 8 bytes for each slice and code that something was counted of."""

from __future__ import annotations

from array import array
from collections.abc import Iterable

from tui.core.codes import CODE_BITS
from tui.core.window import COARSE

COUNT_BITS = 20
COUNT_MASK = (1 << COUNT_BITS) - 1
SLICE_SHIFT = CODE_BITS + COUNT_BITS
LAST_SLICE = (1 << 64 - SLICE_SHIFT) - 1
"""170 years: what is stamped later, in a file that lies, is counted there."""


def append_entry(entries: array[int], place: int, count: int) -> None:
    """Add a count. `place`: slice and code."""
    while count > COUNT_MASK:
        entries.append(place << COUNT_BITS | COUNT_MASK)
        count -= COUNT_MASK
    entries.append(place << COUNT_BITS | count)


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
    for place in sorted(sums):
        append_entry(packed, place, sums[place])
    return packed
