"""What is asked of a real Prometheus that scrapes real exporters: held against what it says itself, and the truth."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import ceil, isclose
from pathlib import Path

import pytest

from bpf.event import Direction
from tests.fleet.conftest import INTERVAL_S, Fleet, new_fleet
from tui.core.window import Window
from tui.fleet.answer import Answer
from tui.fleet.asking import Asking
from tui.fleet.asking_detail import detail_of, trends_of
from tui.fleet.buckets import Estimate
from tui.fleet.promql import HANDSHAKES, Asked
from tui.fleet.question import FleetGrouping, Question
from tui.fleet.reading import buckets_of

pytestmark = pytest.mark.xdist_group("test_asking")

MS = 1_000_000
NEAR, FAR, SIX = "192.0.2.1", "203.0.113.9", "2001:db8::7"
ALL = Question(FleetGrouping.PAIR, Window.ALL)


@contextmanager
def asking(fleet: Fleet, rows_max: int = 2000) -> Iterator[Asking]:
    http, api = fleet.server.connect()
    yield Asking(api, "box", rows_max)
    http.close()


def ask(fleet: Fleet, question: Question) -> Answer:
    with asking(fleet) as asks:
        return asks.answer(question)


def latencies_ns(chance: random.Random, ms: float, count: int) -> list[int]:
    return [round(ms * chance.lognormvariate(0, 0.5) * MS) for _ in range(count)]


def quantile_ns(latencies_ns: Sequence[int], q: float) -> int:
    return sorted(latencies_ns)[max(1, ceil(round(q * len(latencies_ns), 6))) - 1]


def holds(estimate: Estimate, ns: int) -> bool:
    return estimate.low_ns < ns and (estimate.high_ns is None or ns <= estimate.high_ns)


def test_figures_are_those_of_the_server_and_the_truth_is_in_their_bucket(fleet: Fleet) -> None:
    chance = random.Random(3)
    truth = {
        (box, remote): latencies_ns(chance, ms, count)
        for box, remote, ms, count in [
            ("a", NEAR, 0.5, 200),
            ("a", FAR, 90, 50),
            ("b", FAR, 300, 120),
            ("b", SIX, 20, 7),
            ("c", FAR, 60, 1),
            ("c", NEAR, 30_000, 5),
        ]
    }
    for (box, remote), each in truth.items():
        fleet.boxes[box].count(remote, each)
    fleet.wait_until_scraped(sum(map(len, truth.values())))
    for grouping, by in [
        (FleetGrouping.PAIR, "box,remote"),
        (FleetGrouping.REMOTE, "remote"),
        (FleetGrouping.BOX, "box"),
    ]:
        answer = ask(fleet, Question(grouping, Window.ALL))
        wanted: dict[tuple[str, str], list[int]] = {}
        for (box, remote), each in truth.items():
            key = (box if grouping.has_box else "", remote if grouping.has_remote else "")
            wanted.setdefault(key, []).extend(each)
        assert {key: counts.established for key, counts in answer.rows.items()} == {
            key: len(each) for key, each in wanted.items()
        }
        for q in (0.5, 0.95, 0.99):
            told = fleet.prometheus.query(
                f"histogram_quantile({q}, sum by (le,{by}) (tcplat_handshake_latency_seconds_bucket))"
            )
            told_of = {
                (dict(labels).get("box", ""), dict(labels).get("remote", "")): value
                for labels, value in told.items()
            }
            for key, each in wanted.items():
                estimate = answer.rows[key].latencies.quantile(q)
                assert estimate
                assert isclose(estimate.ns / 1e9, told_of[key], rel_tol=1e-6)
                assert holds(estimate, quantile_ns(each, q))


def test_outcomes_and_retransmits(fleet: Fleet) -> None:
    fleet.boxes["a"].count(NEAR, [5 * MS] * 3, refused=2, unanswered=1, retransmits=4)
    fleet.boxes["b"].count(FAR, refused=7)
    fleet.wait_until_scraped(3)
    fleet.prometheus.wait_until('sum(tcplat_handshakes_total{outcome="refused"})', lambda value: value == 9)
    answer = ask(fleet, ALL)
    near, far = answer.rows["a", NEAR], answer.rows["b", FAR]
    assert (near.established, near.outcomes["refused"], near.outcomes["unanswered"], near.failed) == (
        3,
        2,
        1,
        3,
    )
    assert (near.retransmits, near.latencies.count) == (4, 3)
    assert (far.established, far.failed, far.latencies.quantile(0.5)) == (0, 7, None)


def test_one_direction(fleet: Fleet) -> None:
    fleet.boxes["a"].count(NEAR, [5 * MS] * 3)
    fleet.boxes["a"].count(NEAR, [5 * MS] * 2, direction=Direction.INBOUND)
    fleet.wait_until_scraped(5)
    for direction, count in ((None, 5), (Direction.OUTBOUND, 3), (Direction.INBOUND, 2)):
        answer = ask(fleet, Question(FleetGrouping.PAIR, Window.ALL, direction))
        assert answer.rows["a", NEAR].established == count


def test_a_window_is_what_increase_makes_of_it(fleet: Fleet) -> None:
    box = fleet.boxes["a"]
    box.count(NEAR, [5 * MS])
    fleet.wait_until_scraped(1)
    box.count(NEAR, [5 * MS] * 99)
    fleet.wait_until_scraped(100)
    answer = ask(fleet, Question(FleetGrouping.PAIR, Window.MINUTE))
    assert (answer.window_s, answer.question.window) == (60, Window.MINUTE)
    told = fleet.prometheus.value(
        'sum(increase(tcplat_handshakes_total{outcome="established"}[1m]))', time=answer.at_s
    )
    assert told and isclose(answer.rows["a", NEAR].established, told, rel_tol=1e-9)
    # It extends what it saw to where the window, or the series, may have begun.
    assert 99 <= told <= 2 * 99


def counted(fleet: Fleet, window_s: float) -> dict[tuple[str, str], float]:
    """Established handshakes by box and remote, as they are asked for."""
    told = fleet.prometheus.query(Asked("box", window_s).sum(HANDSHAKES, ("box", "remote", "outcome")))
    by_label = [(dict(labels), value) for labels, value in told.items()]
    return {
        (labels["box"], labels["remote"]): value
        for labels, value in by_label
        if labels["outcome"] == "established"
    }


def test_who_was_not_there_when_the_window_began_is_counted_to_the_last_handshake(fleet: Fleet) -> None:
    """`increase()` knows nothing of what a series began with: a remote that is met once would be in no window."""
    fleet.boxes["a"].count(NEAR, [5 * MS] * 7)
    fleet.wait_until_scraped(7)
    fleet.prometheus.wait_until(
        "min(time() - min_over_time(timestamp(tcplat_handshakes_total)[1m:500ms])) > 6"
    )
    fleet.boxes["a"].count(FAR, [5 * MS])
    fleet.wait_until_scraped(8)
    assert counted(fleet, window_s=5) == {("a", NEAR): 0, ("a", FAR): 1}


def test_what_an_exporter_had_counted_when_it_was_first_scraped_is_in_no_window(tmp_path: Path) -> None:
    with new_fleet(tmp_path) as fleet:
        fleet.boxes["a"].count(NEAR, [5 * MS] * 1000)
        fleet.wait_until_scraped(1000)
        assert counted(fleet, window_s=60).get(("a", NEAR), 0) == 0
        samples = "min(count_over_time(tcplat_build_info[1m]))"
        fleet.prometheus.wait_until(samples, lambda value: (value or 0) > 3)
        assert counted(fleet, window_s=60) == {("a", NEAR): 0}


def test_the_scrape_interval_is_found_out_and_a_window_holds_four(fleet: Fleet) -> None:
    fleet.boxes["a"].count(NEAR, [5 * MS])
    fleet.prometheus.wait_until("min(count_over_time(tcplat_build_info[1m]))", lambda value: (value or 0) > 4)
    answer = ask(fleet, Question(FleetGrouping.PAIR, Window.MINUTE))
    assert isclose(answer.scrape_interval_s, INTERVAL_S, rel_tol=0.5)


def test_boxes_that_are_down_are_told_and_what_is_known_of_them_stays(fleet: Fleet) -> None:
    for name, box in fleet.boxes.items():
        box.count(NEAR, [5 * MS] * (3 if name == "b" else 1))
    fleet.wait_until_scraped(5)
    fleet.boxes["b"].close()
    fleet.prometheus.wait_until('up{box="b"}', lambda value: value == 0)
    answer = ask(fleet, Question(FleetGrouping.BOX, Window.MINUTE))
    assert [(box.name, box.is_up) for box in answer.boxes] == [("a", True), ("b", False), ("c", True)]
    assert answer.down == ["b"]


def test_a_box_that_was_never_there_is_down_too(fleet: Fleet) -> None:
    fleet.boxes["a"].count(NEAR, [5 * MS])
    fleet.wait_until_scraped(1)
    targets = [
        {"targets": [fleet.boxes["a"].target], "labels": {"box": "a"}},
        {"targets": ["127.0.0.1:1"], "labels": {"box": "never"}},
    ]
    fleet.prometheus.set_targets([{"job_name": "tcplat", "static_configs": targets}])
    fleet.prometheus.wait_until('up{box="never"}', lambda value: value == 0)
    assert "never" in ask(fleet, ALL).down


def test_of_too_many_rows_there_are_the_busiest(fleet: Fleet) -> None:
    for number in range(1, 10):
        fleet.boxes["a"].count(f"192.0.2.{number}", [5 * MS] * number)
    fleet.wait_until_scraped(45)
    with asking(fleet, rows_max=3) as asks:
        answer = asks.answer(ALL)
    assert {remote for _, remote in answer.rows} == {"192.0.2.7", "192.0.2.8", "192.0.2.9"}
    assert answer.known == 9
    assert all(counts.latencies.count == counts.established for counts in answer.rows.values())


def test_a_box_that_two_jobs_scrape_is_told(fleet: Fleet) -> None:
    fleet.boxes["a"].count(NEAR, [5 * MS])
    fleet.wait_until_scraped(1)
    assert ask(fleet, ALL).doubled == []
    targets = [{"targets": [fleet.boxes["a"].target], "labels": {"box": "a"}}]
    fleet.prometheus.set_targets(
        [{"job_name": name, "static_configs": targets} for name in ("tcplat", "again")]
    )
    fleet.prometheus.wait_until('count(tcplat_build_info{job="again"})')
    assert ask(fleet, ALL).doubled == [fleet.boxes["a"].target]


def test_lost_events_are_told(fleet: Fleet) -> None:
    fleet.boxes["a"].count(NEAR, [5 * MS])
    fleet.boxes["b"].count(NEAR, [5 * MS], lost=12)
    fleet.wait_until_scraped(2)
    assert ask(fleet, ALL).events_lost == 12


def test_trends_are_of_the_rows_that_are_asked_for(fleet: Fleet) -> None:
    box = fleet.boxes["a"]
    for remote, ms in ((NEAR, 2), (FAR, 200), (SIX, 20)):
        box.count(remote, [ms * MS])
    fleet.wait_until_scraped(3)
    for remote, ms in ((NEAR, 2), (FAR, 200), (SIX, 20)):
        box.count(remote, [ms * MS] * 10)
    fleet.wait_until_scraped(33)
    http, api = fleet.server.connect()
    keys = [("a", NEAR), ("a", FAR), ("b", FAR)]
    with asking(fleet) as asks:
        # Whole steps of 5 s are shown: the next one that is over holds them all.
        at_s = fleet.prometheus.value("vector(time())")
        assert at_s
        fleet.prometheus.wait_until(f"vector(time() > bool {at_s // 5 * 5 + 5.1})")
        answer = asks.answer(ALL)
        found = trends_of(api, "box", answer, keys)
    http.close()
    assert list(found) == keys
    assert {len(levels) for levels in found.values()} == {24}
    assert max(found["a", NEAR]) == 3  # 1 to 3 ms
    assert max(found["a", FAR]) == 7  # 100 to 300 ms
    assert max(found["b", FAR]) == 0


def test_details_of_a_remote_tell_boxes_directions_and_times(fleet: Fleet) -> None:
    fleet.boxes["a"].count(FAR, [20 * MS] * 9)
    fleet.boxes["b"].count(FAR, [400 * MS] * 4, refused=2)
    fleet.boxes["b"].count(FAR, [400 * MS] * 3, direction=Direction.INBOUND)
    fleet.boxes["c"].count(NEAR, [1 * MS] * 50)
    fleet.wait_until_scraped(66)
    question = Question(FleetGrouping.REMOTE, Window.ALL)
    http, api = fleet.server.connect()
    with asking(fleet) as asks:
        answer = asks.answer(question)
        detail = detail_of(api, "box", answer, ("", FAR))
    http.close()
    assert detail.counts.established == 16 and detail.counts.failed == 2
    assert detail.connects.count == 13
    by = {split.by: {part.label: part.counts.established for part in split.parts} for split in detail.splits}
    assert by == {
        "box": {"a": 9, "b": 7},
        "direction": {"outbound": 13, "inbound": 3},
        "interface": {"eth0": 16},
    }
    slow = next(part for part in detail.splits[0].parts if part.label == "b")
    assert slow.counts.failed == 2
    median = slow.counts.latencies.quantile(0.5)
    assert median and holds(median, 400 * MS)


def test_labels_are_never_taken_for_promql(fleet: Fleet) -> None:
    """Whoever names a target or a remote must not be able to ask for something else."""
    odd = 'x"} or vector(1) #\\'
    fleet.prometheus.set_targets(
        [
            {
                "job_name": "tcplat",
                "static_configs": [{"targets": [fleet.boxes["a"].target], "labels": {"box": odd}}],
            }
        ]
    )
    fleet.boxes["a"].count(NEAR, [5 * MS])
    fleet.prometheus.wait_until("count(tcplat_handshakes_total{box=~'x.*'})")
    fleet.boxes["a"].count(NEAR, [5 * MS])
    answer = ask(fleet, ALL)
    assert (odd, NEAR) in answer.rows
    http, api = fleet.server.connect()
    detail = detail_of(api, "box", answer, (odd, NEAR))
    assert set(trends_of(api, "box", answer, [(odd, NEAR), ("a.b|c", NEAR)])) == {
        (odd, NEAR),
        ("a.b|c", NEAR),
    }
    http.close()
    assert detail.counts.established >= 1


def test_edges_that_are_no_numbers_are_left_out() -> None:
    assert buckets_of({"0.1": 1, "junk": 5, "NaN": 5, "+Inf": 2}).counts == [1, 1]
