"""Boxes with real exporters, and a real Prometheus that scrapes them, on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tools.prometheus_server import PrometheusServer
from tools.synthetic_boxes import SyntheticBox
from tui.fleet.address import server_address
from tui.fleet.server import Server

INTERVAL_S = 1.0


@dataclass
class Fleet:
    """Three boxes called a, b and c (by the label `box`)."""

    boxes: dict[str, SyntheticBox]
    prometheus: PrometheusServer

    @property
    def server(self) -> Server:
        return Server(server_address(self.prometheus.url), box_label="box")

    def wait_until_scraped(self, established: int) -> None:
        """Until the server knows so many handshakes, of all boxes."""
        wanted = 'sum(tcplat_handshakes_total{outcome="established"})'
        self.prometheus.wait_until(wanted, lambda value: value == established)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with ExitStack() as stack:
        boxes = {name: stack.enter_context(SyntheticBox()) for name in "abc"}
        targets = [{"targets": [box.target], "labels": {"box": name}} for name, box in boxes.items()]
        job = {"job_name": "tcplat", "static_configs": targets}
        prometheus = PrometheusServer(tmp_path / "prometheus", [job], interval_s=INTERVAL_S)
        yield Fleet(boxes, stack.enter_context(prometheus))
