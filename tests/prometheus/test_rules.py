"""The rules and alerts, by Prometheus's own tool; and that all they ask for is there."""

from __future__ import annotations

import re
import subprocess
import urllib.request
from pathlib import Path

import pytest
import yaml

from tests.exporter.web.certificates import make_authority, make_certificate
from tests.prometheus.conftest import SHIPPED
from tests.prometheus.fed import REMOTE, fed
from tools.prometheus_server import PATIENCE_S, PrometheusServer, found
from tui.exporter.web.access import Access
from tui.exporter.web.config import web_config

pytestmark = pytest.mark.xdist_group("prometheus")

is_a_metric = re.compile(r"(?<![\w:])(?:\w+:)?tcplat_\w+(?::\w+)?")


def promtool(*words: str | Path, said: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [found("promtool"), *map(str, words)], input=said, capture_output=True, timeout=PATIENCE_S
    )


def expressions() -> list[str]:
    """Of all rules."""
    files = [yaml.safe_load(path.read_text()) for path in sorted(SHIPPED.glob("tcplat.*.yml"))]
    return [rule["expr"] for file in files for group in file["groups"] for rule in group["rules"]]


def recorded() -> set[str]:
    groups = yaml.safe_load((SHIPPED / "tcplat.rules.yml").read_text())["groups"]
    return {rule["record"] for group in groups for rule in group["rules"]}


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("tests/*.yml")), ids=lambda path: path.name)
def test_rules_do_what_their_tests_say(path: Path) -> None:
    done = promtool("test", "rules", path)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()


def test_the_example_of_a_configuration_is_one() -> None:
    done = promtool("check", "config", SHIPPED / "prometheus.yml")
    assert done.returncode == 0, (done.stdout + done.stderr).decode()


def test_the_example_of_a_web_configuration_is_one(tmp_path: Path) -> None:
    make_authority(tmp_path)
    make_certificate(tmp_path, "tcplat", "IP:127.0.0.1")
    path = tmp_path / "web.yml"
    text = (SHIPPED / "web.yml").read_text()
    path.write_text(text)
    assert Access(path).rules().tls and Access(path).rules().passwords
    done = promtool("check", "web-config", path)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    path.write_text(text.replace("# client_allowed_sans", "client_allowed_sans"))
    assert web_config(path.read_text(), tmp_path) != web_config(text, tmp_path)


def test_every_alert_has_a_test() -> None:
    rules = yaml.safe_load((SHIPPED / "tcplat.alerts.yml").read_text())["groups"][0]["rules"]
    tests = yaml.safe_load((SHIPPED / "tests/alerts.test.yml").read_text())["tests"]
    tried = [each for test in tests for each in test["alert_rule_test"]]
    assert {rule["alert"] for rule in rules} == {each["alertname"] for each in tried if each["exp_alerts"]}


def test_rules_ask_for_what_there_is(prometheus: PrometheusServer) -> None:
    exported = set(prometheus.get("label/__name__/values"))
    asked_for = {name for expression in expressions() for name in is_a_metric.findall(expression)}
    assert asked_for and asked_for <= exported | recorded()


@pytest.mark.parametrize(
    "record", sorted(recorded() - {"remote:tcplat_handshake_latency_seconds:p95_15m_median_1d"})
)
def test_what_is_recorded_comes_of_a_real_box(record: str, prometheus: PrometheusServer) -> None:
    series = prometheus.wait_for(record)
    assert all(("job", "tcplat") in labels for labels in series)


def test_the_box_is_healthy_but_for_what_it_is_fed(prometheus: PrometheusServer) -> None:
    # On a busy machine a scrape may take too long.
    firing = prometheus.wait_for('ALERTS{alertname!="TcplatDown"}')
    assert {(dict(labels)["alertname"], dict(labels)["remote"]) for labels in firing} == {
        ("TcplatHandshakesFail", REMOTE)
    }


def test_what_is_exported_is_as_prometheus_would_have_it() -> None:
    with fed() as box, urllib.request.urlopen(f"http://{box}/metrics", timeout=PATIENCE_S) as reply:
        done = promtool("check", "metrics", said=reply.read())
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
