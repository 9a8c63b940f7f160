"""The real screen in a real terminal over the test network; and however it ends, the terminal is left as it was."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bpf.lab import Host, Lab
from tests.end_to_end.attachments import attachments
from tests.end_to_end.commands import lines_of, tcplat
from tests.end_to_end.terminal import Terminal
from tests.tui.played import Played, handshake
from tui.names import service_of
from tui.out.jsonl import handshake_line

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(not shutil.which("tmux"), reason="make setup-test installs tmux"),
]

FAST, MIDDLE, SLOW = "198.18.0.1", "2001:db8:1::2", "198.18.7.3"
NEW = "198.18.9.9"


@pytest.fixture
def network() -> Iterator[Lab]:
    hosts = [Host(FAST, 0.005), Host(MIDDLE, 0.040), Host(SLOW, 0.090), Host(NEW, 0.150)]
    with Lab("ethernet", hosts) as lab:
        yield lab
        assert attachments(lab) == []


@pytest.fixture
def terminal(network: Lab) -> Iterator[Terminal]:
    with Terminal(network) as terminal:
        yield terminal


def hosts(terminal: Terminal) -> list[str]:
    """The addresses in the table, from the top."""
    known = (FAST, MIDDLE, SLOW, NEW, "127.0.0.1")
    words = [line.split()[0] for line in terminal.lines if line.split()]
    return [word for word in words if word in known]


def start(terminal: Terminal, network: Lab) -> None:
    """Start the program and wait until it watches."""
    terminal.run(*tcplat(network.device))
    terminal.shows("No handshake on lab0 yet.")
    assert len(attachments(network)) == 2


def test_session_from_start_to_quit(terminal: Terminal, network: Lab) -> None:
    start(terminal, network)
    network.connect_many([(address, 443) for address in (FAST, MIDDLE, SLOW)])
    terminal.until(lambda: hosts(terminal) == [SLOW, MIDDLE, FAST])
    terminal.until(lambda: terminal.lines[0].startswith("tcplat  lab0 tcx  3 hosts"))

    terminal.press("S")
    terminal.until(lambda: hosts(terminal) == [FAST, MIDDLE, SLOW])
    terminal.press("S")
    terminal.press("a")
    terminal.shows(f"{FAST}:{service_of(443) or 443}")
    terminal.press(*"aaaa")
    terminal.until(lambda: hosts(terminal) == [SLOW, MIDDLE, FAST])

    terminal.press("/", *"p95>20ms", "Space", "7", ".")
    terminal.until(lambda: hosts(terminal) == [SLOW])
    terminal.until(lambda: "1 of 3 hosts" in terminal.lines[0])
    terminal.press("Escape")
    terminal.until(lambda: len(hosts(terminal)) == 3)

    terminal.press("Space")
    terminal.shows("PAUSED")
    network.connect(NEW)
    terminal.press("Space")
    terminal.until(lambda: hosts(terminal) == [NEW, SLOW, MIDDLE, FAST])

    terminal.press("j", "j", "Enter")
    terminal.shows(f"host {SLOW}")
    terminal.shows("distribution")
    terminal.press("3")
    terminal.shows("following  4 handshakes")
    terminal.press("5")
    terminal.shows("seen on both sides of the hook")
    terminal.press("Escape")
    terminal.until(lambda: len(hosts(terminal)) == 4)

    terminal.press("i")
    terminal.shows("* lab0")
    terminal.press("k", "Enter")
    terminal.shows("No handshake on lo yet.")
    with network.entered(), socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
    terminal.until(lambda: hosts(terminal) == ["127.0.0.1"])
    terminal.press("b")
    terminal.shows("No handshake on lab0 yet.")

    terminal.press("?")
    terminal.shows("keys: everywhere")
    terminal.resize(40, 10)
    terminal.press("Escape")
    terminal.shows("lab0 tcx")
    terminal.press("q")
    terminal.shows("status=0")
    assert terminal.is_sane()
    assert attachments(network) == []


def test_filter_of_the_command_line(terminal: Terminal, network: Lab) -> None:
    terminal.run(*tcplat(network.device, "--filter", "min>20ms"))
    terminal.shows("No handshake on lab0 yet.")
    for _ in range(5):  # On a busy machine one of them is as quick as it should be.
        network.connect_many([(address, 443) for address in (FAST, MIDDLE, SLOW)])
    terminal.until(lambda: hosts(terminal) == [SLOW, MIDDLE])
    terminal.shows("2 of 3")
    terminal.press("Escape")
    terminal.until(lambda: hosts(terminal) == [SLOW, MIDDLE, FAST])
    terminal.press("q")
    terminal.shows("status=0")


def test_no_color_sends_no_colour_and_lang_c_no_unicode(terminal: Terminal, network: Lab) -> None:
    terminal.type(f"NO_COLOR=1 LC_ALL=C {shlex.join(tcplat(network.device))}")
    terminal.shows("No handshake on lab0 yet.")
    network.connect_many([(address, 443) for address in (FAST, MIDDLE, SLOW)])
    terminal.until(lambda: len(hosts(terminal)) == 3)
    for key in "j2345":
        terminal.press(key)
        terminal.until(lambda: terminal.text.strip())
        assert not re.search("\x1b\\[[0-9;]*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;|m)", terminal.painted)
        assert terminal.text.isascii()
    terminal.press("q")
    terminal.shows("status=0")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signal_leaves_the_terminal_as_it_was(
    terminal: Terminal, network: Lab, number: signal.Signals
) -> None:
    start(terminal, network)
    assert not terminal.is_sane()
    os.kill(terminal.child, number)
    terminal.shows("status=0")
    assert terminal.is_sane()
    assert "Traceback" not in terminal.text
    assert attachments(network) == []


@pytest.mark.parametrize("by", ["C-z", "SIGTSTP", "SIGSTOP"])
def test_suspended_it_leaves_the_terminal_and_comes_back(terminal: Terminal, network: Lab, by: str) -> None:
    start(terminal, network)
    pid = terminal.child
    if by == "C-z":
        terminal.press(by)
    else:
        os.kill(pid, signal.Signals[by])
    terminal.until(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")
    if by != "SIGSTOP":  # Which nobody can hear of.
        terminal.shows("status=")
        assert terminal.is_sane()
    network.connect_many([(address, 443) for address in (FAST, SLOW)])
    terminal.press("C-j")  # Not Enter: after a SIGSTOP the terminal may be as the program had it.
    terminal.type("fg", end="C-j")
    terminal.until(lambda: hosts(terminal) == [SLOW, FAST])
    terminal.press("S")
    terminal.until(lambda: hosts(terminal) == [FAST, SLOW])
    terminal.press("q")
    terminal.shows("status=0")
    assert terminal.is_sane()


def test_tiny_terminal_is_borne(terminal: Terminal, network: Lab) -> None:
    start(terminal, network)
    network.connect(FAST, 443)
    terminal.until(lambda: hosts(terminal) == [FAST])
    for size in ((10, 3), (1, 1), (10, 3)):
        terminal.resize(*size)
        # No Escape: a key that follows soon would be taken for one with Alt.
        for key in ("?", "?", "i", "2", "3", "5", "1", "s", "S"):
            terminal.press(key)
    terminal.resize(80, 24)
    terminal.press("1")
    terminal.until(lambda: FAST in terminal.text)
    terminal.press("q")
    terminal.shows("status=0")


def test_control_c_quits_even_while_typing_a_filter(terminal: Terminal, network: Lab) -> None:
    start(terminal, network)
    terminal.press("/", "x", "C-c")
    terminal.shows("status=0")
    assert terminal.is_sane()


def test_lost_terminal_ends_it(terminal: Terminal, network: Lab) -> None:
    start(terminal, network)
    process = Path(f"/proc/{terminal.child}")
    terminal.hang_up()
    terminal.until(lambda: not process.exists())
    assert attachments(network) == []


def test_lost_terminal_ends_it_though_nobody_says_so(terminal: Terminal, network: Lab) -> None:
    """In a session of its own it gets no SIGHUP."""
    terminal.run("setsid", "--wait", *tcplat(network.device))
    terminal.shows("No handshake on lab0 yet.")
    waiting = terminal.child
    (pid,) = Path(f"/proc/{waiting}/task/{waiting}/children").read_text().split()
    process = Path(f"/proc/{pid}")
    terminal.hang_up()
    terminal.until(lambda: not process.exists())
    assert attachments(network) == []


def test_what_was_seen_is_saved_after_the_fact(terminal: Terminal, network: Lab, tmp_path: Path) -> None:
    program = shlex.join(tcplat(network.device))
    terminal.type(f"cd {tmp_path} && PYTHONPATH={Path.cwd()} {program}")
    terminal.shows("No handshake on lab0 yet.")
    network.connect_many([(address, 443) for address in (FAST, MIDDLE, SLOW)])
    terminal.until(lambda: len(hosts(terminal)) == 3)
    terminal.press("E")
    terminal.shows("export to a new file")
    terminal.press("G", "Enter")
    terminal.shows("Saved the last")
    terminal.press("q")
    terminal.shows("status=0")
    (saved,) = tmp_path.iterdir()
    done = subprocess.run(tcplat("--read", str(saved), "--json"), capture_output=True, text=True, check=True)
    seen = [line for line in lines_of(done.stdout) if line["type"] == "handshake"]
    assert {line["remote_address"] for line in seen} == {FAST, MIDDLE, SLOW}
    assert {line["interface"] for line in seen} == {"lab0"}


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A named pipe, and a descriptor to write to it."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = os.open(path, os.O_RDWR)
    yield path, writer
    os.close(writer)


def test_pipe_is_shown_as_it_comes_while_keys_come_from_the_terminal(
    terminal: Terminal, pipe: tuple[Path, int]
) -> None:
    path, writer = pipe
    terminal.type(f"{shlex.join(tcplat('--read', '-'))} < {path}")
    terminal.shows(" stdin ")
    for address in (FAST, SLOW):
        os.write(writer, handshake_line(handshake(address), Played(), time.time_ns()).encode())
        terminal.shows(address)
    assert "stdin" in terminal.lines[0]
    terminal.press("/", "7", ".")
    terminal.until(lambda: hosts(terminal) == [SLOW])
    terminal.press("C-c")
    terminal.shows("status=0")
    assert terminal.is_sane()


def test_waiting_for_a_pipe_can_be_quit(terminal: Terminal, pipe: tuple[Path, int]) -> None:
    terminal.type(f"{shlex.join(tcplat('--read', '-'))} < {pipe[0]}")
    terminal.shows(" stdin ")  # In the title: it is being read, and nothing comes.
    terminal.press("q")
    terminal.shows("status=0")


def test_failure_is_still_there_to_read_after_quitting(terminal: Terminal, network: Lab) -> None:
    terminal.run(*tcplat())
    terminal.shows("there is no default route")
    terminal.press("q")
    terminal.shows("status=1")
    assert "tcplat: there is no default route, so no interface to watch by default" in terminal.text
    assert terminal.is_sane()
