"""What `tcplat --demo` does to the machine: nothing, however it ends; and what it says where it cannot be."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bpf.demo import cast, demo
from bpf.demo.scene import Call, Caller, Scene, Server, Spell
from bpf.interfaces import default_interface, interfaces
from bpf.lab import Host
from tests.end_to_end.commands import PATIENCE_S, lines_of, tcplat

pytestmark = pytest.mark.kernel


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
import sys, tui.app, tui.headless, tui.command_line, bpf.probe
print([name for name in sys.modules if name[:8] in ("bpf.demo", "bpf.lab")])"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
