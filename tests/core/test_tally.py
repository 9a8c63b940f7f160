"""Tallies: sums of their parts, in bounded memory, whatever the order and however much at once."""

from __future__ import annotations

import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bpf.event import Handshake, Outcome
from tests.core.handshakes import MS, S, handshake
from tests.core.tallies import tally_of
from tui.core.codes import CODE_BITS, NO_LATENCY, Delta
from tui.core.entries import ENTRY
from tui.core.histogram import bucket_of
from tui.core.tally import _FEW, Tally
from tui.core.window import Moment, Window, first_fine_slice, first_slice

SLICE_NS = 5 * S
BEGAN_NS = 10**6 * S
HANDSHAKES = st.lists(
    st.builds(
        handshake,
        address=st.just("10.0.0.1"),
        time_ns=st.integers(BEGAN_NS, BEGAN_NS + 1200 * S),
        latency_ns=st.integers(0, 10**9) | st.sampled_from([0, MS, 2 * MS]),
        outcome=st.sampled_from([Outcome.ESTABLISHED, *Outcome]),
        retransmits=st.integers(0, 2),
    ),
    max_size=30,
)


def state(tally: Tally) -> list[object]:
    """All that can be asked of it, at the end of `HANDSHAKES`."""
    now = (BEGAN_NS + 1200 * S) // SLICE_NS
    firsts = [0, *(first_slice(now, each) for each in Window if each is not Window.ALL)]
    exact = tally.all_time
    return [
        tally.counts,
        (tally.established, tally.failed, tally.last_seen_ns, tally.last_latency_ns),
        (exact.min_ns, exact.max_ns, exact.jitter_ns, exact.quantile_ns(0.5)),
        [(tally.since(each), tally.recent(each)) for each in firsts[1:]],
        [tally.has_between(first, first + 6) for first in firsts[1:]],
        tally.levels(now),
    ]


def recent_bytes(tally: Tally) -> int:
    assert tally._counted
    past = tally._counted.past
    return sum(len(each) * each.itemsize for each in (past._packed, past._codes, past._begins))


@given(HANDSHAKES, st.lists(st.integers(0, 30), max_size=3), st.randoms(use_true_random=False))
def test_in_any_order_and_in_any_parts_it_is_the_same(
    handshakes: list[Handshake], cuts: list[int], chance: random.Random
) -> None:
    expected = state(tally_of(handshakes))
    chance.shuffle(handshakes)
    parts = [handshakes[at:to] for at, to in pairwise([0, *sorted(cuts), 31])]
    assert state(tally_of(*parts)) == expected
    merged = Tally()
    for part in parts:
        merged.merge(tally_of(part))
    assert state(merged) == expected
    one_by_one = Tally()
    for part in parts:
        one_by_one.apply(tally_of(*([each] for each in part)))
    assert state(one_by_one) == expected


@given(HANDSHAKES)
def test_history_is_in_order_does_not_overlap_and_leaves_nothing_out(handshakes: list[Handshake]) -> None:
    tally = tally_of(sorted(handshakes, key=lambda each: each.time_ns))
    history = tally.history()
    for one, other in pairwise(history):
        assert one.first + one.slices <= other.first
    newest = max((each.time_ns // SLICE_NS for each in handshakes), default=0)
    kept = [each for each in handshakes if each.time_ns // SLICE_NS >= first_slice(newest, Window.MINUTES_15)]
    for each in kept:
        (slice_,) = [one for one in history if one.first <= each.time_ns // SLICE_NS < one.first + one.slices]
        code = (
            NO_LATENCY + each.outcome if each.outcome or not each.latency_ns else bucket_of(each.latency_ns)
        )
        assert slice_.counts[code]


def test_what_goes_on_from_the_newest_slice_over_the_next_ones_is_found_in_each() -> None:
    tally = Tally()
    for slices in ([10] * 2 * _FEW, [10] * _FEW + [11] * 2 + [12] * _FEW):
        tally.add(b"".join(ENTRY.pack(each * SLICE_NS, MS) for each in slices))
    assert [tally.recent(first) for first in (10, 11, 12, 13)] == [4 * _FEW + 2, _FEW + 2, _FEW, 0]
    assert [list(each.counts.values()) for each in tally.history()] == [[3 * _FEW], [2], [_FEW]]


def test_more_than_a_million_of_a_sort_in_one_slice() -> None:
    tally = Tally()
    many = 3 * 2**20 + 5
    for at in (0, 1, 0):
        delta = Delta([])
        delta.counts = {at << CODE_BITS | NO_LATENCY: many}
        tally.apply(delta)
    delta.counts = {50 << CODE_BITS | NO_LATENCY: 1}
    tally.apply(delta)
    assert tally.established == tally.recent(0) == 3 * many + 1
    assert [each.counts for each in tally.history()] == [{NO_LATENCY: 3 * many}, {NO_LATENCY: 1}]
    double = Tally()
    double.merge(tally)
    double.merge(tally)
    assert double.since(0) == {NO_LATENCY: 2 * (3 * many + 1)}


def test_what_is_stamped_in_the_far_future_or_at_once_after_boot_is_counted() -> None:
    tally = tally_of([handshake("10.0.0.1", ns, MS) for ns in (0, 1, 2**64 - 1, 2**70, 5)])
    assert tally.established == 5
    tally.apply(tally_of([handshake("10.0.0.1", 2**71, MS)]))
    assert (tally.established, tally.recent(0)) == (6, 1)
    assert tally_of([handshake("10.0.0.1", 0, MS)]).figures(Moment.at(0, Window.MINUTE)).established == 1


def steady(hours: float, period_ns: int, late_ns: int = 0) -> list[list[Handshake]]:
    """Batches of a second."""
    chance = random.Random(1)
    batches = []
    for second in range(int(hours * 3600)):
        base_ns = BEGAN_NS + second * S
        batches.append(
            [
                handshake(
                    "10.0.0.1",
                    base_ns + at - (late_ns if at % 3 == 0 else 0),
                    int(20 * MS * chance.lognormvariate(0, 0.3)),
                )
                for at in range(0, S, period_ns)
            ]
        )
    return batches


def test_memory_does_not_grow_with_hours_of_steady_traffic() -> None:
    for late_ns in (0, 7 * S, 200 * S):
        tally = Tally()
        sizes = []
        for second, batch in enumerate(steady(1.5, S // 4, late_ns)):
            tally.apply(Delta(batch))
            if second % 1800 == 1799:
                sizes.append(recent_bytes(tally))
        assert max(sizes) <= 1.1 * sizes[0]
        assert sizes[0] < 8 * 4 * 1200


def test_after_a_clock_that_lied_memory_does_not_grow_either() -> None:
    tally = tally_of([handshake("10.0.0.1", 2**64 - 1, MS)], *([each] for each in map(late, range(5000))))
    assert tally.established == 5001
    assert recent_bytes(tally) < 100


def late(number: int) -> Handshake:
    return handshake("10.0.0.1", BEGAN_NS + number * S, MS)


def test_half_minutes_older_than_two_minutes_are_put_together_and_old_ones_forgotten() -> None:
    latency_ns = 5 * MS
    times = range(BEGAN_NS, BEGAN_NS + 3600 * S, SLICE_NS)
    tally = tally_of(*([handshake("10.0.0.1", ns, latency_ns)] for ns in times))
    newest = times[-1] // SLICE_NS
    fine = newest - first_fine_slice(newest)
    assert 24 <= fine < 30
    assert recent_bytes(tally) <= (8 + 2) * fine + 8 * 32
    assert sum(sum(each.counts.values()) for each in tally.history()) in range(180, 187)
    for window, slices in ((Window.MINUTE, 12), (Window.MINUTES_5, 60), (Window.MINUTES_15, 180)):
        first = first_slice(newest, window)
        assert tally.recent(first) == newest - first + 1
        assert slices - 6 < tally.recent(first) <= slices


def test_of_thousands_of_tallies_memory_is_that_of_what_they_count() -> None:
    total = Tally()
    batches = steady(0.1, S)
    for _ in range(300):
        total.merge(tally_of(*batches))
    assert total.established == 300 * 360
    assert recent_bytes(total) < 8 * 2 * (360 + 1024)


def test_what_is_merged_later_does_not_hide_what_is_newer() -> None:
    """A failure is the last thing seen of one, which the latest latency is not of."""
    one = tally_of([handshake("10.0.0.1", 5 * S, MS), handshake("10.0.0.1", 10 * S, outcome=Outcome.REFUSED)])
    other = tally_of([handshake("10.0.0.1", 8 * S, 2 * MS)])
    for first, second in ((one, other), (other, one)):
        merged = Tally()
        merged.merge(first)
        merged.merge(second)
        assert (merged.last_latency_ns, merged.last_seen_ns) == (2 * MS, 10 * S)


def test_entries_that_go_back_and_forth_between_slices_are_counted_in_theirs() -> None:
    """As several CPUs report them; also where some are of a slice before the newest."""
    slices = [7, 8, 7, 9, 7, 8, 6]
    entries = b"".join(ENTRY.pack(each * SLICE_NS, MS) for each in slices)
    tally = Tally()
    for _ in range(60):
        tally.add(entries)
    recent = [tally.recent(first) for first in (6, 7, 8, 9, 10)]
    assert recent == [60 * each for each in (7, 6, 3, 1, 0)]
    assert [(each.first, sum(each.counts.values())) for each in tally.history()] == [
        (first, 60 * slices.count(first)) for first in (6, 7, 8, 9)
    ]
