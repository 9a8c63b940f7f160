"""One Prometheus for all that is asked of rules and dashboard: it scrapes a box, and has the rules, but quick ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.prometheus.fed import fed
from tools.prometheus_server import PrometheusServer

SHIPPED = Path(__file__).parents[2] / "prometheus"
INTERVAL_S = 0.5


def quick_rules(directory: Path) -> list[Path]:
    """The rules that are shipped, but evaluated at each scrape; in new files."""
    rules = []
    for path in SHIPPED.glob("tcplat.*.yml"):
        text = re.sub(r"interval: \d+m", f"interval: {INTERVAL_S * 1000:.0f}ms", path.read_text())
        rules.append(directory / path.name)
        rules[-1].write_text(text)
    return rules


@pytest.fixture(scope="package")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    directory = tmp_path_factory.mktemp("prometheus")
    rules = quick_rules(directory)
    with (
        fed() as box,
        PrometheusServer(directory / "server", [box], rules=rules, interval_s=INTERVAL_S) as server,
    ):
        server.wait_until(f'count_over_time(up{{instance="{box}"}}[1m])', lambda count: (count or 0) > 4)
        server.wait_until("sum(job:tcplat_handshakes:rate5m)")
        yield server
