"""`tcplat --demo`: every kind of host shows as it was told to be, and nothing is left of it however it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bpf.demo import cast, demo
from bpf.demo.scene import Call, Caller, Scene, Server, Spell
from bpf.interfaces import default_interface, interfaces
from bpf.lab import Host
from tests.end_to_end.commands import PATIENCE_S, Line, lines_of, tcplat

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


def network_of(pid: int | str) -> str:
    """The network namespace a process is in; empty: it is none any more."""
    try:
        return str(Path(f"/proc/{pid}/ns/net").readlink())
    except OSError:
        return ""


def inhabitants(network: str) -> set[int]:
    pids = {int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()}
    return {pid for pid in pids if network_of(pid) == network}


def children_of(pid: int) -> set[int]:
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def outside() -> tuple[object, ...]:
    """What a machine has that the demonstration must not touch."""
    named = Path("/run/netns")
    return (
        {(each.name, each.index, each.is_up) for each in interfaces()},
        sorted(path.name for path in named.iterdir()) if named.is_dir() else [],
        subprocess.run(["ip", "address"], check=True, capture_output=True, text=True).stdout.count("inet"),
        Path("/proc/net/route").read_text(),
        Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(),
    )


def until(wanted: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not wanted():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def running() -> Iterator[subprocess.Popen[str]]:
    """The program in a process group of its own, once it has shown a handshake."""
    command = tcplat("--demo", "--json")
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    ) as child:
        try:
            assert child.stdout
            lines = iter(child.stdout.readline, "")
            assert any('"handshake"' in line for line in lines)
            yield child
        finally:
            child.kill()


@pytest.mark.parametrize(
    ("number", "is_to_group"),
    [(signal.SIGKILL, False), (signal.SIGTERM, False), (signal.SIGINT, False), (signal.SIGINT, True)],
)
def test_nothing_is_left_however_it_ends(number: signal.Signals, is_to_group: bool) -> None:
    before = outside()
    with running() as child:
        network = network_of(child.pid)
        assert network != network_of("self")
        children = children_of(child.pid)
        assert len(children) == 1 + len(cast.CALLERS) + len(cast.SERVERS)
        assert inhabitants(network) == {child.pid, *children}
        assert outside() == before
        for one in children:
            assert {Path(f"/proc/{one}/fd/{stream}").readlink() for stream in (0, 1, 2)} == {Path(os.devnull)}
        (os.killpg if is_to_group else os.kill)(child.pid, number)
        child.communicate(timeout=PATIENCE_S)
        until(lambda: not inhabitants(network))
        assert not {one for one in children if network_of(one) == network}
    assert outside() == before


def test_it_survives_its_children() -> None:
    with running() as child:
        for one in children_of(child.pid):
            os.kill(one, signal.SIGKILL)
        until(lambda: not any(map(network_of, children_of(child.pid))))
        child.terminate()
        assert child.stdout
        last = lines_of(child.stdout.read())[-1]
        assert child.wait(PATIENCE_S) == 0
        assert (last["type"], last["interface"], last["is_gone"]) == ("probe", "demo0", True)


def descriptors() -> list[str]:
    return sorted(str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink())


def test_the_caller_goes_and_comes_back() -> None:
    before = network_of("self"), descriptors(), children_of(os.getpid())
    with demo() as name:
        assert network_of("self") != before[0]
        assert default_interface() == name
        assert {each.name for each in interfaces()} == {"lo", name}
    assert (network_of("self"), descriptors(), children_of(os.getpid())) == before
    with pytest.raises(ZeroDivisionError), demo():
        _ = 1 / 0
    assert (network_of("self"), descriptors(), children_of(os.getpid())) == before


def test_a_machine_without_ipv6_has_a_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    with demo() as name:
        shown = subprocess.run(
            ["ip", "-o", "address", "show", name], check=True, capture_output=True, text=True
        )
        assert "192.0.2.1/24" in shown.stdout
        assert "2001:db8" not in shown.stdout
        socket.create_connection(("192.0.2.11", 6379), PATIENCE_S).close()


def test_a_spell_comes_and_goes_and_servers_listen() -> None:
    address, slow_s = "198.51.100.1", 0.06
    scene = Scene(
        hosts=(Host(address, 0.001),),
        callers=(Caller("caller", (Call(address, 80, 10),)),),
        servers=(Server("server", (8080,)),),
        visits=(),
        spells=(Spell(Host(address, slow_s), first_s=0.3, lasts_s=0.3, every_s=60),),
    )
    with demo(scene):
        socket.create_connection(("::1", 8080), PATIENCE_S).close()

        def is_slow() -> bool:
            began_s = time.monotonic()
            socket.create_connection((address, 443), PATIENCE_S).close()
            return time.monotonic() - began_s >= slow_s

        assert not is_slow()
        until(is_slow)
        until(lambda: not is_slow())


WITHOUT = {
    "CAP_SYS_ADMIN": (["setpriv", "--bounding-set=-sys_admin"], "needs a network namespace of its own"),
    "/dev/net/tun": (
        ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /dev/net && exec "$@"', "sh"],
        "needs /dev/net/tun (No such file or directory); load it with: sudo modprobe tun",
    ),
    "ip": (["env", "PATH=/nowhere"], "needs the command ip; install the package iproute2"),
}


@pytest.mark.parametrize("what", WITHOUT)
def test_what_is_missing_is_said(what: str) -> None:
    prefix, expected = WITHOUT[what]
    script = "from bpf.demo import demo; demo().__enter__()"
    done = subprocess.run(
        [*prefix, sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    *_, said = done.stderr.splitlines()
    assert said.startswith("bpf.errors.")
    assert expected in said


def test_only_the_demo_imports_the_network_of_known_hosts() -> None:
    script = """
import sys, tui.app, tui.headless, tui.__main__, bpf.probe
print([name for name in sys.modules if name[:8] in ("bpf.demo", "bpf.lab")])"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
