"""Boxes with real exporters, and a real Prometheus that scrapes them, on loopback."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tools.prometheus_server import PrometheusServer
from tools.synthetic_boxes import SyntheticBox
from tui.fleet.address import server_address
from tui.fleet.server import Server

INTERVAL_S = 1.0
_AHEAD = 4


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


class Fleets:
    """New ones, begun before they are asked for: Prometheus looks at its targets after five seconds at the earliest."""

    def __init__(self, directory: Path, begun: ExitStack) -> None:
        self._directory, self._begun = directory, begun
        self._waiting: deque[tuple[Fleet, ExitStack]] = deque()
        self._number = 0

    @contextmanager
    def one(self) -> Iterator[Fleet]:
        """That which has waited longest, once all its boxes were scraped."""
        while len(self._waiting) <= _AHEAD:
            self._begin()
        fleet, stack = self._waiting.popleft()
        with stack:
            fleet.prometheus.wait_until("sum(up)", lambda up: up == len(fleet.boxes))
            yield fleet

    def _begin(self) -> None:
        self._number += 1
        with ExitStack() as stack:
            fleet = stack.enter_context(new_fleet(self._directory / str(self._number)))
            kept = stack.pop_all()
        self._begun.push(kept)
        self._waiting.append((fleet, kept))


@contextmanager
def new_fleet(directory: Path) -> Iterator[Fleet]:
    """Nothing was scraped yet."""
    with ExitStack() as stack:
        boxes = {name: stack.enter_context(SyntheticBox()) for name in "abc"}
        targets = [{"targets": [box.target], "labels": {"box": name}} for name, box in boxes.items()]
        job = {"job_name": "tcplat", "static_configs": targets}
        prometheus = PrometheusServer(directory, [job], interval_s=INTERVAL_S)
        yield Fleet(boxes, stack.enter_context(prometheus))


@pytest.fixture(scope="module")
def fleets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleets]:
    with ExitStack() as begun:
        yield Fleets(tmp_path_factory.mktemp("fleets"), begun)


@pytest.fixture
def fleet(fleets: Fleets) -> Iterator[Fleet]:
    """All boxes were scraped, but have counted nothing."""
    with fleets.one() as one:
        yield one
