"""Open connections on the real screen, over the real probe: what it shows is what `ss` says in the same second."""

from __future__ import annotations

import re
import shutil
import socket
import statistics
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

import pytest

from bpf.lab import Host, Lab
from tests.end_to_end.attachments import attachments
from tests.end_to_end.commands import tcplat
from tests.end_to_end.open_connections import V4, connected
from tests.end_to_end.terminal import Terminal

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(not shutil.which("tmux"), reason="make setup-test installs tmux"),
]

CONNECTIONS = 3
UNITS_MS = {"µs": 1e-3, "ms": 1.0}


@contextmanager
def sending(connections: Sequence[socket.socket]) -> Iterator[None]:
    """Send a little through each, ten times a second."""
    over = threading.Event()

    def send() -> None:
        while not over.wait(0.1):
            for each in connections:
                each.send(b"x")

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def told_by_ss(lab: Lab) -> list[float]:
    """The smoothed round trips of all connections to the host, in ms."""
    said = subprocess.run(
        lab.command("ss", "-tinH", "dst", V4), capture_output=True, text=True, check=True
    ).stdout
    return [float(each) for each in re.findall(r"\brtt:([0-9.]+)/", said)]


def told_by_screen(terminal: Terminal) -> tuple[int, float] | None:
    """How many connections the host's row has, and their median srtt in ms; None: it has none yet."""
    for line in terminal.lines:
        found = re.match(re.escape(V4) + r" +([0-9]+) +([0-9.]+)(µs|ms) ", line)
        if found:
            return int(found[1]), float(found[2]) * UNITS_MS[found[3]]
    return None


def agrees(terminal: Terminal, lab: Lab, at_least_ms: float) -> bool:
    """Whether both say the same at the same moment, within 5% or 0.1 ms, and it is as much as expected."""
    before, screen, after = told_by_ss(lab), told_by_screen(terminal), told_by_ss(lab)
    if screen is None or screen[0] != CONNECTIONS or min(before) < at_least_ms:
        return False
    bounds = sorted((statistics.median(before), statistics.median(after)))
    off_ms = max(bounds[0] - screen[1], screen[1] - bounds[1], 0)
    return off_ms <= max(0.1, 0.05 * bounds[0])


def test_srtt_on_the_screen_is_what_ss_says_while_the_delay_changes() -> None:
    with ExitStack() as stack:
        lab = stack.enter_context(Lab("ethernet", [Host(V4, data_delay_s=0.004)]))
        terminal = stack.enter_context(Terminal(lab, 100, 24))
        terminal.run(*tcplat(lab.device))
        terminal.shows("No handshake on lab0 yet.")
        connections = [connected(lab) for _ in range(CONNECTIONS)]
        terminal.press("f")
        with sending(connections):
            for delay_s in (0.004, 0.025):
                lab.add(Host(V4, data_delay_s=delay_s))
                terminal.until(partial(agrees, terminal, lab, delay_s * 1e3))
            terminal.press("Enter")
            terminal.shows("srtt over time")
            terminal.until(lambda: sum(f"{V4}:443" in line for line in terminal.lines) >= CONNECTIONS)
            terminal.press("Escape")
        for each in connections:
            each.close()
        terminal.until(lambda: re.search(re.escape(V4) + r" +0 +- ", terminal.text))
        terminal.press("q")
        terminal.shows("status=0")
        assert attachments(lab) == []


def test_without_samples_there_are_none() -> None:
    with Lab("ethernet", [Host(V4)]) as lab, Terminal(lab, 100, 24) as terminal:
        terminal.run(*tcplat(lab.device, "--no-flows"))
        terminal.shows("No handshake on lab0 yet.")
        with connected(lab) as connection, sending([connection]):
            terminal.press("f")
            terminal.until(lambda: "  0 open  " in terminal.lines[0] and V4 in terminal.text)
            terminal.shows("0 samples")
        terminal.press("q")
        terminal.shows("status=0")
