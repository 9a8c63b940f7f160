"""What a fleet costs Prometheus: boxes in one process, scraped by a real one, and what was measured of both.

    python -m tools.fleet_simulation --boxes 200 --remotes 25 --duration 330

Series change between any two scrapes, as on a busy box. What is printed was measured in this run; nothing is scaled.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from prometheus_client.parser import text_string_to_metric_families

from tools.prometheus_server import PATIENCE_S, PrometheusServer
from tools.simulated_box import Box

RULES = sorted((Path(__file__).resolve().parents[1] / "prometheus").glob("tcplat.*.yml"))
QUERIES = {
    "fleet p95, from all series": (
        "histogram_quantile(0.95, sum by (le) (rate(tcplat_handshake_latency_seconds_bucket[5m])))"
    ),
    "fleet p95, recorded by box": (
        "histogram_quantile(0.95, sum by (le) (instance:tcplat_handshake_latency_seconds_bucket:rate5m))"
    ),
    "fleet p95, recorded": "histogram_quantile(0.95, job:tcplat_handshake_latency_seconds_bucket:rate5m)",
    "20 slowest, from all series": (
        "topk(20, histogram_quantile(0.95, rate(tcplat_handshake_latency_seconds_bucket[5m])))"
    ),
    "20 slowest, recorded": "topk(20, remote:tcplat_handshake_latency_seconds:p95_15m)",
    "all remotes of one box": (
        'histogram_quantile(0.95, rate(tcplat_handshake_latency_seconds_bucket{instance="BOX"}[5m]))'
    ),
    "one remote, seen from all boxes": (
        "histogram_quantile(0.95, sum by (instance, le) "
        '(rate(tcplat_handshake_latency_seconds_bucket{remote="10.0.0.0"}[5m])))'
    ),
}
RECORDED = '{__name__=~"(instance|job):tcplat_.+"}'
_APPENDED = "prometheus_tsdb_head_samples_appended_total"
_TRIES = 5
_Figures = dict[str, float]
_Done = TypeVar("_Done")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it as typed, and print a figure a line."""
    parser = argparse.ArgumentParser(prog="python -m tools.fleet_simulation", description=__doc__)
    parser.add_argument("--boxes", type=int, default=200)
    parser.add_argument("--remotes", type=int, default=25, help="of each box")
    parser.add_argument(
        "--interval", type=float, default=15.0, help="between two scrapes of a box, in seconds"
    )
    parser.add_argument(
        "--duration", type=float, default=330.0, help="to measure, in seconds; rules read 5 minutes"
    )
    options = parser.parse_args(arguments)
    for name, value in simulated(options.boxes, options.remotes, options.interval, options.duration):
        print(f"{name:<48} {value:>14,.{_digits(value)}f}", flush=True)


def simulated(
    boxes: int, remotes: int, interval_s: float, duration_s: float, rules: Sequence[Path] = RULES
) -> Iterator[tuple[str, float]]:
    """Run it; yield what was measured. Raises TimeoutError."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tcplat-fleet-")))
        fleet = [Box(number, remotes) for number in range(boxes)]
        for box in fleet:
            stack.enter_context(box)
        stack.enter_context(_happening(fleet, interval_s / 8))
        yield from _of_a_box(fleet[0])
        far = stack.enter_context(
            PrometheusServer(directory / "far", arguments=["--web.enable-remote-write-receiver"])
        )
        server = PrometheusServer(
            directory / "near",
            [box.target for box in fleet],
            rules=rules,
            interval_s=interval_s,
            arguments=["--web.enable-admin-api"],
            settings={"remote_write": [_only_recorded(f"{far.url}/api/v1/write")]},
        )
        stack.enter_context(server)
        _wait(lambda: server.value("count(count_over_time(up[1h]) >= 2)") == boxes, 60 + 4 * interval_s)
        before = _figures(server)
        begun_s = time.monotonic()
        time.sleep(duration_s)
        yield from _of_prometheus(before, _figures(server), time.monotonic() - begun_s)
        yield "boxes up at the end", server.value("sum(up)") or 0
        yield from _of_queries(server, fleet[0])
        yield from _of_federation(server)
        yield from _of_storage(server, directory / "near")


def _only_recorded(url: str) -> dict[str, object]:
    """What is sent to another Prometheus: a few series a box."""
    kept = {"source_labels": ["__name__"], "regex": "(instance|job):tcplat_.+", "action": "keep"}
    return {"url": url, "write_relabel_configs": [kept]}


@contextmanager
def _happening(fleet: Iterable[Box], pause_s: float) -> Iterator[None]:
    """Something happens on every box between any two scrapes."""
    is_over = threading.Event()

    def happen() -> None:
        while not is_over.wait(pause_s):
            for box in fleet:
                box.happen()

    thread = threading.Thread(target=happen)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _of_a_box(box: Box) -> Iterator[tuple[str, float]]:
    url = f"http://{box.target}/metrics"
    took_s, body = _median(lambda: _read(url))
    yield "box: series", sum(1 for line in body.splitlines() if not line.startswith(b"#"))
    yield "box: bytes of a scrape", len(body)
    yield "box: bytes of a scrape, as gzip", len(gzip.compress(body))
    yield "box: seconds of a scrape", took_s


def _of_prometheus(before: _Figures, after: _Figures, seconds: float) -> Iterator[tuple[str, float]]:
    def rate(name: str) -> float:
        return (after[name] - before[name]) / seconds

    yield "prometheus: series", after["prometheus_tsdb_head_series"]
    yield "prometheus: samples a second", rate(_APPENDED)
    yield "prometheus: memory, MB", after["process_resident_memory_bytes"] / 1e6
    yield "prometheus: cores", rate("process_cpu_seconds_total")
    yield "prometheus: seconds to evaluate all rules", after["prometheus_rule_group_last_duration_seconds"]
    sent = rate("prometheus_remote_storage_samples_total")
    yield "remote write of what is recorded: samples a second", sent
    yield "remote write of what is recorded: kB a second", rate("prometheus_remote_storage_bytes_total") / 1e3


def _of_queries(server: PrometheusServer, box: Box) -> Iterator[tuple[str, float]]:
    for name, query in QUERIES.items():
        took_s, found = _median(partial(server.query, query.replace("BOX", box.target)))
        if not found:
            raise RuntimeError(f"{query} found nothing")
        yield f"seconds: {name}", took_s


def _of_federation(server: PrometheusServer) -> Iterator[tuple[str, float]]:
    url = f"{server.url}/federate?{urllib.parse.urlencode({'match[]': RECORDED})}"
    took_s, body = _median(lambda: _read(url))
    yield (
        "federation of what is recorded: series",
        sum(1 for line in body.splitlines() if not line.startswith(b"#")),
    )
    yield "federation of what is recorded: bytes", len(body)
    yield "federation of what is recorded: seconds", took_s


def _figures(server: PrometheusServer) -> _Figures:
    """What Prometheus says of itself; sums over all labels."""
    text = _read(f"{server.url}/metrics").decode()
    found: _Figures = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0) + sample.value
    return found


def _of_storage(server: PrometheusServer, directory: Path) -> Iterator[tuple[str, float]]:
    """What a block of the samples of this run takes on the disk."""
    log_bytes = _size(directory / "data" / "wal")
    yield "disk: log of the run, bytes a sample", log_bytes / _figures(server)[_APPENDED]
    _read(f"{server.url}/api/v1/admin/tsdb/snapshot", b"-")
    for meta in (directory / "data" / "snapshots").glob("*/*/meta.json"):
        stats = json.loads(meta.read_text())["stats"]
        yield "disk: samples of a series in a block", stats["numSamples"] / stats["numSeries"]
        yield "disk: bytes of chunks a sample", _size(meta.parent / "chunks") / stats["numSamples"]
        yield "disk: bytes of index a series", (meta.parent / "index").stat().st_size / stats["numSeries"]


def _size(directory: Path) -> int:
    return sum(each.stat().st_size for each in directory.rglob("*") if each.is_file())


def _read(url: str, body: bytes | None = None) -> bytes:
    with urllib.request.urlopen(url, body, timeout=PATIENCE_S) as reply:
        content: bytes = reply.read()
    return content


def _median(act: Callable[[], _Done]) -> tuple[float, _Done]:
    """The median of how long it takes, in seconds, and what came of it last."""
    took_s = []
    for _ in range(_TRIES):
        begun_s = time.perf_counter()
        done = act()
        took_s.append(time.perf_counter() - begun_s)
    return statistics.median(took_s), done


def _wait(is_so: Callable[[], bool], patience_s: float) -> None:
    until = time.monotonic() + patience_s
    while not is_so():
        if time.monotonic() > until:
            raise TimeoutError("not all boxes are scraped")
        time.sleep(0.5)


def _digits(value: float) -> int:
    return 0 if value >= 1000 else 1 if value >= 10 else 4


if __name__ == "__main__":
    main()
