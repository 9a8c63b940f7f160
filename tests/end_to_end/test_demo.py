"""`tcplat --demo`: every kind of host shows as it was told to be, and nothing is left of it however it ends."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections import defaultdict

import pytest

from bpf.demo import cast
from tests.end_to_end.commands import Line, tcplat

pytestmark = pytest.mark.kernel

WATCHED_S = 8
"""Enough for the host with two paths to show both."""
EVERYBODY_S = 60
"""Everybody comes within some seconds; but on a busy machine that may be before the probe is there."""
TIMEOUT_S = 1.5
"""Longer than a repeated SYN waits, shorter than the SYN-ACK repeated twice."""
OVERHEAD_MS = 10
"""What answering may take beyond the delay: the process that answers must be woken, on a machine that is busy."""

Rows = dict[tuple[str, str], list[Line]]


@pytest.fixture(scope="module")
def rows() -> Rows:
    """What the program said until everybody had been seen, by remote address and direction."""
    found: Rows = defaultdict(list)
    command = tcplat("--demo", "--json", "--timeout", str(TIMEOUT_S), "--duration", str(EVERYBODY_S))
    began_s = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        for line in map(json.loads, child.stdout):
            if line["type"] == "handshake":
                assert line["interface"] == "demo0"
                found[line["remote_address"], line["direction"]].append(line)
            if time.monotonic() - began_s > WATCHED_S and has_everybody(found):
                child.terminate()
    return dict(found)


def has_everybody(rows: Rows) -> bool:
    remote = {host.address for host in cast.SCENE.hosts} | {visit.client.address for visit in cast.VISITS}
    lossy, ambiguous = (
        {(line["retransmits"], line["ambiguous"]) for line in rows.get((host.address, "outbound"), ())}
        for host in (cast.LOSSY, cast.LOSSY_WITHOUT_TIMESTAMPS)
    )
    return (
        {address for address, _ in rows} >= remote
        and len(callers(rows)) == len(cast.CALLERS)
        and lossy >= {(0, False), (1, False)}
        and ambiguous >= {(0, False), (1, True)}
    )


def callers(rows: Rows) -> set[tuple[str, int]]:
    """Names and ids of the processes; not of those that called before the probe was there, which are not known."""
    return {(line["process"], line["pid"]) for lines in rows.values() for line in lines if line["pid"]}


def of(rows: Rows, address: str, direction: str = "outbound") -> list[Line]:
    """All of one host; it takes part in one direction only."""
    assert {way for remote, way in rows if remote == address} == {direction}, address
    return rows[address, direction]


def outcomes(lines: list[Line]) -> set[str]:
    return {line["outcome"] for line in lines}


def latencies_ms(lines: list[Line]) -> list[float]:
    return [line["latency_ns"] / 1e6 for line in lines if line["latency_ns"] is not None]


def test_everybody_shows(rows: Rows) -> None:
    assert has_everybody(rows), sorted(rows)
    assert sum(map(len, rows.values())) > 20 * WATCHED_S


def test_near_and_far_hosts_take_as_long_as_they_promise(rows: Rows) -> None:
    promised = {host.address: host.delays_s for host in cast.SCENE.hosts}
    for address, median_ms in (cast.NEAR_MS | cast.REGIONAL_MS | cast.FAR_MS).items():
        lines = of(rows, address)
        assert outcomes(lines) == {"established"}
        assert min(latencies_ms(lines)) >= min(promised[address]) * 1e3
        assert statistics.median_low(latencies_ms(lines)) <= 1.5 * median_ms + OVERHEAD_MS
        assert min(latencies_ms(lines)) <= max(promised[address]) * 1e3 + OVERHEAD_MS


def test_two_paths_are_two_clusters(rows: Rows) -> None:
    measured = latencies_ms(of(rows, cast.TWO_PATHS.address))
    promised = sorted(delay_s * 1e3 for delay_s in cast.TWO_PATHS.delays_s)
    quick = [ms for ms in measured if ms < 12 * 1.5 + OVERHEAD_MS]
    assert 0 < len(quick) < len(measured)
    assert min(quick) >= promised[0]
    assert min(set(measured) - set(quick)) >= min(ms for ms in promised if ms > 12 * 1.5)


def test_lossy_hosts_show_retransmissions(rows: Rows) -> None:
    lossy = of(rows, cast.LOSSY.address)
    assert outcomes(lossy) == {"established"}
    assert {(line["retransmits"], line["ambiguous"]) for line in lossy} == {(0, False), (1, False)}
    assert min(latencies_ms(lossy)) >= cast.LOSSY.delay_s * 1e3
    ambiguous = [line for line in of(rows, cast.LOSSY_WITHOUT_TIMESTAMPS.address) if line["ambiguous"]]
    assert {(line["retransmits"], line["latency_ns"]) for line in ambiguous} == {(1, None)}


def test_failures_show_as_what_they_are(rows: Rows) -> None:
    for hosts, outcome in (
        (cast.REFUSING, "refused"),
        (cast.UNREACHABLE, "unreachable"),
        (cast.SILENT, "unanswered"),
    ):
        for host in hosts:
            lines = of(rows, host.address)
            assert outcomes(lines) == {outcome}, host
            assert latencies_ms(lines) == []


def test_visitors_are_inbound(rows: Rows) -> None:
    for visit in cast.VISITS:
        lines = of(rows, visit.client.address, "inbound")
        assert {line["local_port"] for line in lines} == {visit.port}
        refused, mute = visit.port == cast.CLOSED_PORT, not visit.client.acks
        assert outcomes(lines) == {"refused" if refused else "unanswered" if mute else "established"}, visit
        if outcomes(lines) == {"established"}:
            least_s = min(visit.ack_delays_s or (visit.client.ack_delay_s,))
            assert min(latencies_ms(lines)) >= least_s * 1e3
            assert min(latencies_ms(lines)) <= least_s * 3e3 + OVERHEAD_MS


def test_processes_have_names_and_ids_of_their_own(rows: Rows) -> None:
    seen = callers(rows)
    assert {name for name, _ in seen} == {caller.name for caller in cast.CALLERS}
    assert len(seen) == len(cast.CALLERS)
    assert len({pid for _, pid in seen}) == len(seen)


_WITHOUT_IPV6 = """
import bpf.demo.network as network
from bpf.lab.namespace import Namespace

def without_ipv6():
    namespace = Namespace()
    namespace.set_sysctl("ipv6/conf/default/disable_ipv6", 1)
    return namespace

network._namespace = without_ipv6
with network.demo() as device:
    print(device)
"""


def test_it_does_not_inherit_that_ipv6_is_off() -> None:
    done = subprocess.run([sys.executable, "-c", _WITHOUT_IPV6], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("demo0\n", "")
