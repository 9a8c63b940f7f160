"""SIGKILL at any moment: nothing stays, or what stays (a clsact filter) is removed by the next run."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from bpf.attach import AttachMode
from bpf.lab import Lab
from tests.end_to_end.attachments import attachments
from tests.end_to_end.commands import PATIENCE_S, tcplat
from tests.end_to_end.terminal import Terminal
from tests.rounds import rounds

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(not shutil.which("tmux"), reason="make setup-test installs tmux"),
]

MODES = [AttachMode.TCX, AttachMode.CLSACT]
NAMES = {"b": "as it switches", "q": "as it stops"}
START_S, SWITCH_S, STOP_S = 3.0, 0.15, 0.1
"""How long each takes at most, about: the moment is chosen from that."""


@pytest.fixture
def network() -> Iterator[Lab]:
    with Lab("ethernet") as lab:
        yield lab
        assert attachments(lab) == []


def settle(lab: Lab, mode: AttachMode) -> None:
    """See that nothing is left: by TCX at once, by clsact once another has run."""
    if mode is AttachMode.CLSACT:
        for device in (lab.device, "lo"):
            words = tcplat(device, "--attach", "clsact", "--json", "--duration", "0.1")
            subprocess.run(lab.command(*words), check=True, capture_output=True, timeout=PATIENCE_S)
    deadline = time.monotonic() + PATIENCE_S
    while attachments(lab):  # The kernel lets go of a process's descriptors after it is reaped.
        assert time.monotonic() < deadline, attachments(lab)
        time.sleep(0.05)


@pytest.mark.parametrize("mode", MODES)
def test_while_it_starts(network: Lab, mode: AttachMode, survived: Callable[[str], None]) -> None:
    chance, times = random.Random(1), rounds(4, 40)
    for _ in range(times):
        words = network.command(*tcplat(network.device, "--json", "--attach", mode.value))
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
            with suppress(subprocess.TimeoutExpired):
                child.wait(chance.uniform(0, START_S))
            child.kill()
    settle(network, mode)
    survived(f"killed {times} times as it starts, {mode.value}: nothing left")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("key", "takes_s"), [("b", SWITCH_S), ("q", STOP_S)])
def test_while_it_switches_or_stops(
    network: Lab, mode: AttachMode, key: str, takes_s: float, survived: Callable[[str], None]
) -> None:
    chance, times = random.Random(2), rounds(2, 20)
    for _ in range(times):
        with Terminal(network) as terminal:
            terminal.run(*tcplat(network.device, "--attach", mode.value))
            terminal.shows(f"No handshake on {network.device} yet.")
            pid = terminal.child
            terminal.press(key)
            time.sleep(chance.uniform(0, takes_s))
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            terminal.shows("status=")
    settle(network, mode)
    survived(f"killed {times} times {NAMES[key]}, {mode.value}: nothing left")
