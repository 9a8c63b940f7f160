"""Tallies for tests, made of handshakes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from bpf.event import Handshake
from tests.core.handshakes import S, handshake
from tui.core.codes import Delta
from tui.core.figures import Figures
from tui.core.histogram import bucket_of
from tui.core.tally import Tally


def tally_of(*batches: Iterable[Handshake]) -> Tally:
    """Each batch applied at once."""
    tally = Tally()
    for batch in batches:
        tally.apply(Delta(batch))
    return tally


def figures_of(latencies_ns: Iterable[int]) -> Figures:
    """Of everything: extremes and jitter are exact."""
    return tally_of(handshake("10.0.0.1", S, ns) for ns in latencies_ns).all_time


def windowed(latencies_ns: Iterable[int]) -> Figures:
    """Of a window: all is of buckets."""
    return Figures(Counter(map(bucket_of, latencies_ns)))
