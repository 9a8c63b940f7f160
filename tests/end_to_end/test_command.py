"""`tcplat` as a command on a real interface: its lines, its limits, its ends; nothing left behind."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from bpf.lab import Behaviour, Connection, Exchange, Host, Lab
from tests.end_to_end.attachments import attachments
from tests.end_to_end.commands import PATIENCE_S, Line, lines_of, streaming, tcplat

pytestmark = pytest.mark.kernel

COMM = Path("/proc/self/comm").read_text().strip()

V4 = "198.18.0."
V6 = "2001:db8:1::"


@pytest.fixture(autouse=True)
def nothing_stays_attached(request: pytest.FixtureRequest) -> Iterator[None]:
    name = "lab" if "lab" in request.fixturenames else "ethernet"
    network: Lab = request.getfixturevalue(name)
    yield
    assert attachments(network) == []


@pytest.fixture
def ethernet() -> Iterator[Lab]:
    """For what does not depend on the kind of interface."""
    with Lab("ethernet", [Host(f"{V4}1", delay_s=0.003)]) as network:
        yield network


def of(lines: list[Line], connection: Connection) -> Line:
    """The one line of a connection of ours."""
    key = (connection.address, connection.port, connection.local_port)
    (found,) = [
        line for line in lines if (line["remote_address"], line["remote_port"], line["local_port"]) == key
    ]
    return found


def assert_within_bounds(line: Line, connection: Connection, exchange: Exchange) -> None:
    floor_ns = exchange.latency_floor_ns
    assert floor_ns is not None
    assert floor_ns <= line["latency_ns"] <= connection.duration_ns
    assert line["connect_ns"] == line["latency_ns"]


def test_json_has_a_line_for_each_of_23_connections(lab: Lab) -> None:
    hosts = [Host(f"{prefix}{n}", delay_s=n * 0.004) for n in range(1, 12) for prefix in (V4, V6)]
    hosts.append(Host(f"{V4}200", delay_s=0))
    lab.add(*hosts)
    began_s = time.time()
    with streaming(lab, lab.device, "--json", "--count", "23") as child:
        connections = lab.connect_many([(host.address, 443) for host in hosts])
        out, err = child.communicate(timeout=PATIENCE_S)
    first, *lines, last = lines_of(out)
    assert (child.returncode, err, len(lines)) == (0, "", 23)
    for connection in connections:
        line = of(lines, connection)
        assert_within_bounds(line, connection, lab.exchange_of(connection))
        assert line["local_address"] == (lab.ipv6 if ":" in connection.address else lab.ipv4)
        assert (line["type"], line["interface"], line["direction"]) == ("handshake", lab.device, "outbound")
        assert (line["outcome"], line["answer_ns"]) == ("established", None)
        assert (line["retransmits"], line["ambiguous"]) == (0, False)
        assert (line["pid"], line["process"]) == (os.getpid(), COMM)
        assert began_s <= datetime.fromisoformat(line["time"][:26] + "+00:00").timestamp() <= time.time()
    for account, established in ((first, 0), (last, 23)):
        assert (account["type"], account["interface"], account["attach"]) == ("probe", lab.device, "tcx")
        assert (account["established"], account["events_lost"]) == (established, 0)


def test_log_has_the_first_programs_lines(lab: Lab) -> None:
    lab.add(Host(f"{V4}1", delay_s=0.003), Host(f"{V4}2", behaviour=Behaviour.REFUSES), Host(f"{V6}3"))
    with streaming(lab, lab.device, "--log", "--count", "3") as child:
        connection, *_ = [lab.connect(address) for address in (f"{V4}1", f"{V4}2", f"{V6}3")]
        out, _ = child.communicate(timeout=PATIENCE_S)
    matched, refused, ipv6 = out.splitlines()
    found = re.fullmatch(
        r"Matched SYN/SYN-ACK, Source: 198\.18\.0\.1, Destination: 192\.0\.2\.1, Latency ([\d.]+)ms", matched
    )
    assert found
    assert 3 <= float(found[1]) <= connection.duration_ns / 1e6
    assert refused == "Refused outbound SYN, Source: 198.18.0.2, Destination: 192.0.2.1"
    assert ipv6.startswith("Matched SYN/SYN-ACK, Source: 2001:db8:1::3, Destination: 2001:db8::1, Latency ")


def test_nobody_reading_any_more_ends_it_without_a_word(ethernet: Lab) -> None:
    program = shlex.join(tcplat(ethernet.device, "--log"))
    shell = f"{{ {program}; echo status $? >&2; }} | head -n 1"
    with subprocess.Popen(
        ethernet.command("sh", "-c", shell), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stderr and "watching" in child.stderr.readline()
        ethernet.connect(f"{V4}1")
        out, err = child.communicate(timeout=PATIENCE_S)
    assert out.count("\n") == 1
    assert err == "status 0\n"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_signal_ends_it_with_a_last_account(ethernet: Lab, number: signal.Signals, status: int) -> None:
    with streaming(ethernet, ethernet.device, "--json") as child:
        assert child.stdout and '"established":0' in child.stdout.readline()
        ethernet.connect(f"{V4}1")
        assert '"type":"handshake"' in child.stdout.readline()
        child.send_signal(number)
        out, err = child.communicate(timeout=PATIENCE_S)
    (last,) = lines_of(out)
    assert (child.returncode, err) == (status, "")
    assert (last["type"], last["established"]) == ("probe", 1)


def test_duration_ends_it(ethernet: Lab) -> None:
    with streaming(ethernet, ethernet.device, "--json", "--duration", "0.2") as child:
        out, err = child.communicate(timeout=PATIENCE_S)
    assert (child.returncode, err) == (0, "")
    assert [line["type"] for line in lines_of(out)] == ["probe", "probe"]


def test_interface_that_goes_and_returns_is_noted(ethernet: Lab) -> None:
    with streaming(ethernet, ethernet.device, "--json", "--count", "1") as child:
        assert child.stderr
        ethernet.unplug()
        assert child.stderr.readline() == "tcplat: lab0 is gone; waiting for it to return\n"
        ethernet.plug()
        assert child.stderr.readline() == "tcplat: lab0 is back\n"
        ethernet.connect(f"{V4}1")
        out, _ = child.communicate(timeout=PATIENCE_S)
    assert [line["type"] for line in lines_of(out)] == ["probe", "handshake", "probe"]


def test_loopback_shows_both_sides_of_a_connection(ethernet: Lab) -> None:
    with streaming(ethernet, "lo", "--json", "--count", "2") as child:
        with ethernet.entered(), socket.create_server(("127.0.0.1", 0)) as server:
            began_ns = time.monotonic_ns()
            with socket.create_connection(server.getsockname()) as client:
                took_ns = time.monotonic_ns() - began_ns
                ports = (client.getpeername()[1], client.getsockname()[1])
        out, _ = child.communicate(timeout=PATIENCE_S)
    _, *both, _ = lines_of(out)
    sides = {line["direction"]: line for line in both}
    assert sides.keys() == {"outbound", "inbound"}
    assert (sides["outbound"]["remote_port"], sides["outbound"]["local_port"]) == ports
    assert (sides["inbound"]["local_port"], sides["inbound"]["remote_port"]) == ports
    assert 0 < sides["outbound"]["latency_ns"] <= took_ns
    assert sides["inbound"]["latency_ns"] > 0


def test_missing_interface_names_those_of_the_namespace(ethernet: Lab) -> None:
    ended = subprocess.run(
        ethernet.command(*tcplat("lab1", "--json")), capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        "tcplat: no interface 'lab1'; choose one of: lo, lab0 (for example: tcplat lab0)\n"
    )
