"""What latencies count as, however far they lie apart."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from tui.core.codes import NO_LATENCY, codes_of
from tui.core.histogram import bucket_of

GREATEST = (1 << 63) - 1


@given(st.integers(0, 63).flatmap(lambda bits: st.lists(st.integers(0, (1 << bits) - 1), min_size=1)))
@example([64, (64 << 14) - 1])
@example([128, (128 << 13) - 1, 128 << 13])
@example([1 << 62, GREATEST])
@example([0, GREATEST])
def test_codes_are_buckets(latencies_ns: list[int]) -> None:
    found = codes_of(latencies_ns, min(latencies_ns), max(latencies_ns))
    assert found == [bucket_of(ns) if ns else NO_LATENCY for ns in latencies_ns]


@given(st.integers(7, 62), st.data())
def test_codes_of_latencies_of_one_size_are_buckets(bits: int, data: st.DataObject) -> None:
    spread = st.integers(1 << bits, min(GREATEST, (1 << bits + 8) - 1))
    latencies_ns = data.draw(st.lists(spread, min_size=1))
    assert codes_of(latencies_ns, min(latencies_ns), max(latencies_ns)) == list(map(bucket_of, latencies_ns))
