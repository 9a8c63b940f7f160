"""The dashboard: Grafana finds its panels in order, and Prometheus finds data for every one of them."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import pytest

from tests.prometheus.conftest import SHIPPED
from tests.prometheus.fed import REMOTE
from tools.prometheus_server import PrometheusServer

pytestmark = pytest.mark.xdist_group("prometheus")

DASHBOARD: dict[str, Any] = json.loads((SHIPPED / "grafana.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
CHARTS = [panel for panel in PANELS if panel["type"] != "row"]
VARIABLES: list[dict[str, Any]] = DASHBOARD["templating"]["list"]
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
VALUES = {"job": "tcplat", "instance": ".+", "remote": REMOTE, "__rate_interval": "1m"}
"""What Grafana would put in for a person who looks at all boxes and one host."""
TARGETS = [
    pytest.param(target, id=f"{panel['title']} {target['refId']}")
    for panel in CHARTS
    for target in panel["targets"]
]


def filled(expression: str) -> str:
    return re.sub(r"\$(\w+)", lambda name: VALUES[name[1]], expression)


def test_rows_are_the_fleet_the_box_and_the_host() -> None:
    rows = [panel["title"] for panel in PANELS if panel["type"] == "row"]
    assert rows == ["The fleet", "The box: $instance", "The host: $remote"]
    assert PANELS[0]["type"] == "row"


def test_panels_are_told_apart_and_lie_side_by_side() -> None:
    assert max(Counter(panel["id"] for panel in PANELS).values()) == 1
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        place = panel["gridPos"]
        assert place["x"] >= 0 and place["x"] + place["w"] <= 24 and place["h"] > 0
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells, panel["title"]
        taken |= cells


@pytest.mark.parametrize("panel", CHARTS, ids=lambda panel: str(panel["title"]))
def test_a_panel_is_whole(panel: dict[str, Any]) -> None:
    assert panel["type"] in {"timeseries", "heatmap", "stat", "table"}
    assert panel["datasource"] == SOURCE and panel["fieldConfig"]["defaults"]["unit"]
    references = [target["refId"] for target in panel["targets"]]
    assert references and len(set(references)) == len(references)
    assert all(target["datasource"] == SOURCE for target in panel["targets"])
    is_instant = [target.get("instant", False) for target in panel["targets"]]
    assert all(is_instant) if panel["type"] in {"stat", "table"} else not any(is_instant)


def test_variables_are_those_that_are_used() -> None:
    names = [variable["name"] for variable in VARIABLES]
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(DASHBOARD))) - {"__rate_interval"}
    assert names == ["datasource", "job", "instance", "remote"] and used == set(names)
    assert VARIABLES[0]["type"] == "datasource" and VARIABLES[0]["query"] == "prometheus"


@pytest.mark.parametrize("variable", VARIABLES[1:], ids=lambda variable: str(variable["name"]))
def test_a_variable_has_values(variable: dict[str, Any], prometheus: PrometheusServer) -> None:
    asked = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
    assert asked and asked[2] == variable["name"] and variable["datasource"] == SOURCE
    values = {dict(labels).get(asked[2]) for labels in prometheus.wait_for(filled(asked[1]))}
    assert None not in values


@pytest.mark.parametrize("target", TARGETS)
def test_a_chart_has_data(target: dict[str, Any], prometheus: PrometheusServer) -> None:
    values = prometheus.wait_for(filled(target["expr"]))
    needed = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
    assert all(needed <= set(dict(labels)) for labels in values)


def test_alerts_are_marked(prometheus: PrometheusServer) -> None:
    (alerts,) = DASHBOARD["annotations"]["list"]
    assert alerts["datasource"] == SOURCE
    prometheus.query(filled(alerts["expr"]))
