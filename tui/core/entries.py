"""Entries: handshakes of one cell before they are counted, 16 bytes each: when it ended, and its latency or failure.

They are what lies at the beginning of a record in the ring, so that thousands are moved without a look at any.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator, Sequence

from bpf.event import Handshake
from tui.core.codes import NO_LATENCY, RETRANSMITS
from tui.core.histogram import bucket_of
from tui.core.trend import SLICE_NS

ENTRY = struct.Struct("=QQ")
"""Time; below `FAILURE` a latency, 0 if there is none, above it an outcome and how often the SYN was sent again."""
FAILURE = 1 << 63
_OUTCOME_SHIFT = 56
_TIME_END, _LATENCY_END, _RETRANSMITS_END = 1 << 64, 1 << _OUTCOME_SHIFT, 1 << 16
TOP = 8 + struct.pack("=Q", FAILURE).index(0x80)
"""Which byte of an entry is 0 unless it is a failure."""


def entry_of(handshake: Handshake) -> bytes | None:
    """What is to be counted of a handshake; None: more than an entry can say."""
    outcome, retransmits = handshake.outcome, handshake.retransmits
    word = handshake.latency_ns
    if outcome:
        word = FAILURE | outcome << _OUTCOME_SHIFT | retransmits
    elif retransmits:
        return None
    if (
        handshake.time_ns >= _TIME_END
        or handshake.latency_ns >= _LATENCY_END
        or retransmits >= _RETRANSMITS_END
    ):
        return None
    return ENTRY.pack(handshake.time_ns, word)


def failures_in(entries: bytes | bytearray) -> int:
    """How many are failures."""
    return len(entries) // ENTRY.size - entries[TOP :: ENTRY.size].count(0)


def columns(entries: bytes | bytearray) -> tuple[list[int], list[int]]:
    """Times, and what stands beside them."""
    words = memoryview(entries).cast("Q")
    return words[::2].tolist(), words[1::2].tolist()


def failures_of(times_ns: Sequence[int], words: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """What failures count as, slices, codes and counts: each itself, and how often its SYN was sent again."""
    for time_ns, word in zip(times_ns, words, strict=True):
        if word >= FAILURE:
            code, retransmits = _failure_of(word)
            yield time_ns // SLICE_NS, code, 1
            if retransmits:
                yield time_ns // SLICE_NS, RETRANSMITS, retransmits


def words_of(entries: bytearray) -> array[int]:
    """What stands beside the times."""
    return array("Q", entries)[1::2]


def times_of(entries: bytes | bytearray) -> list[int]:
    """When they ended."""
    times_ns: list[int] = memoryview(entries).cast("Q").tolist()[::2]
    return times_ns


def _failure_of(word: int) -> tuple[int, int]:
    return NO_LATENCY + (word >> _OUTCOME_SHIFT & 0x7F), word & (_RETRANSMITS_END - 1)


def table_of(entries: bytes | bytearray, first_slice: int = 0) -> dict[int, int]:
    """Counts by code, from a slice on."""
    counts: dict[int, int] = {}
    first_ns = first_slice * SLICE_NS
    for time_ns, word in zip(*columns(entries), strict=True):
        if time_ns < first_ns:
            continue
        code = bucket_of(word) if word else NO_LATENCY
        if word >= FAILURE:
            code, retransmits = _failure_of(word)
            if retransmits:
                counts[RETRANSMITS] = counts.get(RETRANSMITS, 0) + retransmits
        counts[code] = counts.get(code, 0) + 1
    return counts


def latest(times_ns: list[int], latencies_ns: list[int], newest_ns: int) -> int:
    """The latency of the one that ended at `newest_ns`, the latest time; of several at the same time, the greatest."""
    if times_ns.count(newest_ns) == 1:
        return latencies_ns[times_ns.index(newest_ns)]
    return max(ns for at, ns in zip(times_ns, latencies_ns, strict=True) if at == newest_ns)
