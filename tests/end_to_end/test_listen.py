"""`tcplat --listen` on a real interface: what is scraped is what the probe saw, and nothing is left behind."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bpf.lab import Behaviour, Client, Host, Lab
from tests.end_to_end.attachments import attachments
from tests.end_to_end.commands import PATIENCE_S, Line, Place, tcplat
from tests.end_to_end.open_connections import connected, settle, tcp_info
from tests.exporter.scraped import Series, series_of, text_families, total_of, value_of
from tui.exporter.counts import EDGES_NS

pytestmark = pytest.mark.kernel

DELAY_S = 0.004

V4 = "198.18.0."
V6 = "2001:db8:1::"
LATENCY, CONNECT = "tcplat_handshake_latency_seconds", "tcplat_connect_duration_seconds"
Child = subprocess.Popen[str]


@pytest.fixture(autouse=True)
def nothing_stays_attached(lab: Lab) -> Iterator[None]:
    yield
    assert attachments(lab) == []


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab("ethernet") as network:
        yield network


@contextmanager
def listening(place: Place, *arguments: str) -> Iterator[tuple[Child, str]]:
    """Run it, attached once the `with` begins; yield it, and where its metrics are."""
    words = place.command(*tcplat("--listen", ":0", *arguments))
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        try:
            assert child.stderr
            said = child.stderr.readline()
            assert said.startswith("tcplat: metrics at http://127.0.0.1:"), said + child.stderr.read()
            watching = child.stderr.readline()
            assert watching.startswith("tcplat: watching "), watching + child.stderr.read()
            yield child, said.split()[-1]
        finally:
            child.kill()


def scrape(lab: Lab, url: str) -> Series:
    with lab.entered(), urllib.request.urlopen(url, timeout=PATIENCE_S) as reply:
        return series_of(text_families(reply.read()))


def scrape_until(lab: Lab, url: str, wanted: Callable[[Series], bool]) -> Series:
    until = time.monotonic() + PATIENCE_S
    while not wanted(series := scrape(lab, url)):
        assert time.monotonic() < until, series
        time.sleep(0.2)
    return series


def ended(child: Child) -> tuple[int, str, str]:
    child.send_signal(signal.SIGTERM)
    out, err = child.communicate(timeout=PATIENCE_S)
    return child.returncode, out, err


def test_what_is_scraped_is_what_json_has(lab: Lab, tmp_path: Path) -> None:
    """Every figure is made anew from the lines that the same run recorded."""
    hosts = [Host(f"{prefix}{n}", delay_s=n * 0.004) for n in range(1, 8) for prefix in (V4, V6)]
    hosts += [
        Host(f"{V4}20", behaviour=Behaviour.REFUSES),
        Host(f"{V4}21", behaviour=Behaviour.UNREACHABLE),
        Host(f"{V4}22", behaviour=Behaviour.SILENT),
        Host(f"{V4}23", lost_syns=1),
        Host(f"{V4}24", lost_syns=1, timestamps=False),
    ]
    lab.add(*hosts)
    recording = tmp_path / "handshakes.jsonl"
    with lab.entered():
        listener = socket.create_server(("", 80))
    words = (lab.device, "--timeout", "1.5", "--no-flows", "--record", str(recording))
    with listener, listening(lab, *words) as (child, url):
        connections = lab.connect_many([(host.address, 443) for host in hosts] * 2, timeout_s=2.5)
        lab.connect_to_us(Client(f"{V4}30", ack_delay_s=0.02), 80)

        def is_whole(series: Series) -> bool:
            is_settled = not total_of(series, "tcplat_probe_pending")
            return is_settled and total_of(series, "tcplat_probe_syns_total") == len(connections) + 1

        series = scrape_until(lab, url, is_whole)
        assert ended(child) == (0, "", "")
    lines = [json.loads(line) for line in recording.read_text().splitlines()]
    assert_same(series, [line for line in lines if line["type"] == "handshake"])
    for field in ("syns", "established", "refused", "unreachable", "unanswered", "ambiguous", "late"):
        told = value_of(series, f"tcplat_probe_{field}_total", interface=lab.device)
        assert told == lines[-1][field], field
    assert value_of(series, "tcplat_probe_attached", interface=lab.device) == 1
    assert value_of(series, "tcplat_probe_events_lost_total", interface=lab.device) == 0
    assert total_of(series, "tcplat_ambiguous_handshakes_total") == 2


def assert_same(series: Series, lines: list[Line]) -> None:
    def of(have: dict[str, str]) -> list[Line]:
        key = (have["interface"], have["direction"], have["remote"])
        return [
            line for line in lines if (line["interface"], line["direction"], line["remote_address"]) == key
        ]

    outcomes = labelled(series, "tcplat_handshakes_total")
    assert sum(value for _, value in outcomes) == len(lines)
    for have, value in outcomes:
        assert value == sum(line["outcome"] == have["outcome"] for line in of(have)), have
    for name, field in ((LATENCY, "latency_ns"), (CONNECT, "connect_ns")):
        for have, count in labelled(series, f"{name}_count"):
            established = [line[field] for line in of(have) if line["outcome"] == "established"]
            times_ns = [each for each in established if each is not None]
            assert count == len(times_ns), (name, have)
            assert value_of(series, f"{name}_sum", **have) == sum(times_ns) / 1e9
            for edge_ns in EDGES_NS:
                inside = value_of(series, f"{name}_bucket", le=str(edge_ns / 1e9), **have)
                assert inside == sum(each <= edge_ns for each in times_ns)
    for have, value in labelled(series, "tcplat_syn_retransmits_total"):
        assert value == sum(line["retransmits"] for line in of(have)), have
    for have, value in labelled(series, "tcplat_ambiguous_handshakes_total"):
        assert value == sum(line["ambiguous"] for line in of(have)), have


def labelled(series: Series, name: str) -> list[tuple[dict[str, str], float]]:
    return [(dict(labels), value) for (each, labels), value in series.items() if each == name]


def test_open_connections_are_as_tcp_says(lab: Lab) -> None:
    # The handshake takes as long: it is the first round trip that srtt is made of.
    lab.add(Host(f"{V4}1", DELAY_S, data_delay_s=DELAY_S, loses_data_every=4))
    words = (lab.device, "--flow-interval", "0.1")
    with listening(lab, *words) as (child, url), connected(lab, f"{V4}1") as connection:

        def goes_on(wanted: Callable[[Series], bool]) -> Series:
            """Send one segment at a time, until a sample has what is wanted."""

            def sends(series: Series) -> bool:
                connection.send(b"x")
                settle(connection)
                return wanted(series)

            return scrape_until(lab, url, sends)

        goes_on(lambda series: total_of(series, "tcplat_open_connections") == 1)
        before = tcp_info(connection)
        for _ in range(20):
            connection.send(b"x")
            settle(connection)
        sent = tcp_info(connection).data_segs_out - before.data_segs_out
        series = goes_on(lambda series: total_of(series, "tcplat_connection_segments_total") >= sent)
        info = tcp_info(connection)
        assert value_of(series, "tcplat_open_connections", remote=f"{V4}1", direction="outbound") == 1
        median_s = total_of(series, "tcplat_connection_srtt_median_seconds")
        assert DELAY_S <= median_s <= info.rtt_us / 1e6 + 0.02
        assert total_of(series, "tcplat_connection_srtt_max_seconds") >= DELAY_S
        assert total_of(series, "tcplat_connection_min_rtt_median_seconds") == info.min_rtt_us / 1e6
        again = total_of(series, "tcplat_connection_retransmitted_segments_total")
        assert 0 < again <= info.total_retrans
        assert total_of(series, "tcplat_connection_segments_total") < info.data_segs_out
        assert total_of(series, "tcplat_probe_samples_total") >= 3
        connection.close()
        scrape_until(lab, url, lambda series: not total_of(series, "tcplat_open_connections"))
        assert ended(child) == (0, "", "")


def test_it_listens_on_loopback_only_and_ends_on_request(lab: Lab, tmp_path: Path) -> None:
    recording = tmp_path / "handshakes.jsonl"
    lab.add(Host(f"{V4}1"))
    with listening(lab, lab.device, "--record", str(recording)) as (child, url):
        port = int(url.split(":")[2].split("/")[0])
        with lab.entered():
            for address in (lab.ipv4, lab.ipv6):
                with pytest.raises(ConnectionRefusedError):
                    socket.create_connection((address, port), PATIENCE_S)
        lab.connect(f"{V4}1")
        scrape_until(lab, url, lambda series: total_of(series, f"{LATENCY}_count") == 1)
        assert ended(child) == (0, "", "")
    types = Counter(json.loads(line)["type"] for line in recording.read_text().splitlines())
    assert types == {"recording": 1, "probe": 2, "handshake": 1}


def test_it_can_be_told_to_listen_to_all(lab: Lab) -> None:
    words = lab.command(*tcplat(lab.device, "--listen", "0.0.0.0:0"))
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr
        url = child.stderr.readline().split()[-1]
        assert child.stderr.readline().startswith("tcplat: watching ")
        series = scrape(lab, url.replace("0.0.0.0", lab.ipv4))
        assert value_of(series, "tcplat_probe_attached", interface=lab.device) == 1
        child.send_signal(signal.SIGINT)
        assert child.wait(PATIENCE_S) == 130


def test_any_interface_has_its_own(lab: Lab) -> None:
    lab.add(Host(f"{V4}1"))
    with listening(lab, "any", "--label-by", "none") as (child, url):
        lab.connect(f"{V4}1")
        # A scrape is a connection too, on loopback.
        counts = f"{LATENCY}_count"
        series = scrape_until(
            lab, url, lambda series: all(total_of(series, counts, interface=each) for each in ("lab0", "lo"))
        )
        assert value_of(series, counts, interface="lab0", direction="outbound") == 1
        assert ended(child) == (0, "", "")


def test_the_demo_can_be_scraped_from_outside() -> None:
    class Here:
        def command(self, *words: str) -> list[str]:
            return list(words)

    with listening(Here(), "--demo") as (child, url):
        until = time.monotonic() + PATIENCE_S
        count = 0.0
        while not count:
            assert time.monotonic() < until
            with urllib.request.urlopen(url, timeout=PATIENCE_S) as reply:
                count = total_of(series_of(text_families(reply.read())), f"{LATENCY}_count")
        assert ended(child)[0] == 0
