"""From the network to a query: what Prometheus makes of a scraped box is what the box's own table would say."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from bpf.lab import Host, Lab
from tests.end_to_end.test_listen import LATENCY, ended, listening
from tools.prometheus_server import PrometheusServer
from tui.core.figures import Figures
from tui.core.histogram import bucket_of
from tui.exporter.counts import EDGES_NS

pytestmark = pytest.mark.kernel

QUANTILES = (0.5, 0.9, 0.95, 0.99)
ROUNDS = 45
"""No quantile of so many lies between two: a rate draws out each counter by some of its own, and could tell either."""
HOSTS = [
    Host("198.18.0.1", delays_s=(0.001, 0.002, 0.004, 0.008, 0.016)),
    Host("198.18.0.2", delays_s=(*(0.003,) * 9, 0.12)),
    Host("198.18.0.3"),
    Host("2001:db8:1::4", delays_s=tuple(number / 1000 for number in range(1, 60))),
    Host("198.18.0.5", delays_s=(0.12, *(0.003,) * ROUNDS)),
]
TARGETS = [(host.address, 443) for host in HOSTS]


def bounds_s(latency_ns: int) -> tuple[float, float]:
    """Of the bucket that a latency is counted in."""
    place = bisect_left(EDGES_NS, latency_ns)
    return (EDGES_NS[place - 1] if place else 0) / 1e9, EDGES_NS[place] / 1e9


def quantile_ns(latencies_ns: Sequence[int], q: float) -> int:
    """By nearest rank, exactly."""
    return sorted(latencies_ns)[-(-round(q * len(latencies_ns) * 100) // 100) - 1]


def test_quantiles_are_those_of_the_table_but_for_the_width_of_a_bucket(tmp_path: Path) -> None:
    recording = tmp_path / "handshakes.jsonl"
    words = ("--no-flows", "--record", str(recording))
    with Lab("ethernet") as lab, listening(lab, lab.device, *words) as (child, url):
        lab.add(*HOSTS)
        with PrometheusServer(tmp_path / "prometheus", [url.split("/")[2]], network=lab) as prometheus:
            # Of a series that is not there yet, no increase is known.
            lab.connect_many(TARGETS)
            prometheus.wait_until(f"sum({LATENCY}_count)", lambda count: count == len(TARGETS))
            begun = prometheus.wait_until(f"max(timestamp({LATENCY}_count))")
            lab.connect_many(TARGETS * ROUNDS)
            prometheus.wait_until(f"sum({LATENCY}_count)", lambda count: count == len(TARGETS) * (1 + ROUNDS))
            now = prometheus.wait_until(f"max(timestamp({LATENCY}_count))")
            assert ended(child) == (0, "", "")
            ever = by_remote(recording)
            assert {len(each) for each in ever.values()} == {1 + ROUNDS}
            # From that scrape on: a rate goes on beyond what was scraped, but by counter, to where each would be 0.
            window = f"{round((now - begun) * 1000) + 1}ms"
            lately = {remote: latencies_ns[1:] for remote, latencies_ns in ever.items()}
            for q in QUANTILES:
                assert_alike(prometheus, f"histogram_quantile({q}, {LATENCY}_bucket)", now, ever, q)
                assert_alike(
                    prometheus, f"histogram_quantile({q}, rate({LATENCY}_bucket[{window}]))", now, lately, q
                )
            total_s = sum(map(sum, ever.values())) / 1e9
            assert prometheus.value(f"sum({LATENCY}_sum)", time=now) == pytest.approx(total_s)


def by_remote(recording: Path) -> dict[str, list[int]]:
    """The latencies that were recorded, in order."""
    lines = [json.loads(line) for line in recording.read_text().splitlines()]
    handshakes = [line for line in lines if line["type"] == "handshake"]
    found: dict[str, list[int]] = {}
    for line in handshakes:
        found.setdefault(line["remote_address"], []).append(line["latency_ns"])
    return found


def assert_alike(
    prometheus: PrometheusServer, expression: str, now: float, latencies_ns: dict[str, list[int]], q: float
) -> None:
    estimates_s = {
        dict(labels)["remote"]: value for labels, value in prometheus.query(expression, time=now).items()
    }
    assert estimates_s.keys() == latencies_ns.keys()
    for remote, estimate_s in estimates_s.items():
        true_ns = quantile_ns(latencies_ns[remote], q)
        low_s, high_s = bounds_s(true_ns)
        assert low_s <= estimate_s <= high_s, (remote, q, true_ns)
        shown_ns = Figures(Counter(map(bucket_of, latencies_ns[remote]))).quantile_ns(q)
        assert shown_ns is not None and abs(estimate_s - shown_ns / 1e9) <= high_s - low_s + 0.01 * high_s
