"""The simulation of a fleet: a small one, but all that it measures."""

from __future__ import annotations

from pathlib import Path

from tests.prometheus.conftest import quick_rules
from tools.fleet_simulation import QUERIES, simulated

BOXES, REMOTES = 3, 30
SERIES = 74
"""Of a remote that we connect to."""
SCRAPE_S = 1.0


def test_all_of_a_small_fleet_is_measured(tmp_path: Path) -> None:
    found = dict(simulated(BOXES, REMOTES, SCRAPE_S, 3 * SCRAPE_S, quick_rules(tmp_path)))
    assert found["boxes up at the end"] == BOXES
    assert 0 <= found["box: series"] - REMOTES * SERIES <= 50
    assert found["prometheus: series"] > BOXES * found["box: series"]
    assert 0 < found["prometheus: samples a second"] < 2 * BOXES * found["box: series"] / SCRAPE_S
    assert found["remote write of what is recorded: samples a second"] > 0
    assert found["federation of what is recorded: series"] > BOXES * 18
    assert {name.removeprefix("seconds: ") for name in found if name.startswith("seconds: ")} == set(QUERIES)
    assert all(value > 0 for value in found.values())
