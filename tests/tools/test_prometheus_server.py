"""The Prometheus of the tests: it scrapes, keeps what it had when it is started again, and does not outlive us."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest

from bpf.lab import Lab
from bpf.source import Account, Batch
from tests.exporter.scraped import Interfaces
from tools.prometheus_server import PATIENCE_S, PrometheusServer
from tui.exporter.address import address
from tui.exporter.exporter import Exporter
from tui.exporter.label_sets import LabelBy
from tui.exporter.server import MetricsServer

ATTACHED = "tcplat_probe_attached"


@pytest.fixture
def target() -> Iterator[str]:
    """HOST:PORT of an exporter of one interface."""
    exporter = Exporter("1.2.3", LabelBy.HOST, 10)
    exporter.take(Batch([], [Account("eth0", "tcx")]), Interfaces(), 0)
    server = MetricsServer(address(":0"), exporter)
    server.start()
    yield server.url.split("/")[2]
    server.close()


def test_it_scrapes_and_evaluates_rules(target: str, tmp_path: Path) -> None:
    rules = tmp_path / "rules.json"
    group = {"name": "a", "rules": [{"record": "twice", "expr": f"2 * {ATTACHED}"}]}
    rules.write_text(json.dumps({"groups": [group]}))
    with PrometheusServer(tmp_path / "prometheus", [target], rules=[rules]) as prometheus:
        assert prometheus.wait_until("twice") == 2
        labels = {"job": "tcplat", "instance": target, "interface": "eth0"}
        assert prometheus.wait_for(ATTACHED) == {frozenset(labels.items()): 1}
        with pytest.raises(urllib.error.HTTPError, match="parse error"):
            prometheus.query("up{")


def test_it_can_be_stopped_and_started_again(target: str, tmp_path: Path) -> None:
    prometheus = PrometheusServer(tmp_path, [target])
    with prometheus:
        first = prometheus.wait_until(f"timestamp({ATTACHED})")
        url = prometheus.url
        prometheus.stop()
        with pytest.raises(urllib.error.URLError):
            prometheus.query("up")
        prometheus.start()
        assert prometheus.url == url
        prometheus.kill()
        prometheus.set_targets([])
        prometheus.start()
        assert prometheus.value(f"count_over_time({ATTACHED}[5m])", time=first) == 1
    assert prometheus.pid == 0


@pytest.mark.kernel
def test_it_listens_on_loopback_only(tmp_path: Path) -> None:
    with Lab("ethernet") as lab, PrometheusServer(tmp_path, network=lab) as prometheus:
        words = lab.command("ss", "--no-header", "--listening", "--tcp", "--udp", "--numeric")
        sockets = subprocess.run(words, capture_output=True, text=True, check=True, timeout=PATIENCE_S).stdout
        port = prometheus.url.rpartition(":")[2]
        assert [line.split()[4] for line in sockets.splitlines()] == [f"127.0.0.1:{port}"]


def test_what_it_cannot_start_with_is_told(tmp_path: Path) -> None:
    prometheus = PrometheusServer(tmp_path, settings={"no_such_setting": 1})
    with pytest.raises(RuntimeError, match="no_such_setting"):
        prometheus.start()


def test_it_does_not_outlive_whoever_started_it(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from tools.prometheus_server import PrometheusServer
prometheus = PrometheusServer(Path({str(tmp_path)!r}))
prometheus.start()
print(prometheus.pid, flush=True)
input()
"""
    words = [sys.executable, "-c", code]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        pid = int(child.stdout.readline())
        with open(f"/proc/{pid}/cmdline") as file:
            assert "prometheus" in file.read()
        ended = os.pidfd_open(pid)
        child.kill()
        with open(ended):
            assert select.select([ended], [], [], PATIENCE_S)[0]
