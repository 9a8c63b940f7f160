"""A terminal that takes nothing for a while, or never again: the program goes on, and ends when it is told to."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pyte
import pytest

from bpf.lab import Host, Lab
from tests.end_to_end.attachments import attachments
from tests.end_to_end.commands import PATIENCE_S, tcplat

pytestmark = pytest.mark.kernel

HOSTS = [f"198.18.0.{number}" for number in range(1, 41)]
STALL_S = 4.0
LINES, COLUMNS = 50, 160


class Stalling:
    """The program in a terminal that is read only when somebody wants to."""

    def __init__(self, lab: Lab) -> None:
        self._terminal, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        # Pytest imports readline, which tells all children of its size of a terminal.
        environment = ["-u", "LINES", "-u", "COLUMNS", "TERM=xterm-256color", "LANG=C.UTF-8"]
        words = ["setsid", "--ctty", "env", *environment, *tcplat(lab.device)]
        self.child = subprocess.Popen(lab.command(*words), stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        self._screen = pyte.Screen(COLUMNS, LINES)
        self._stream = pyte.ByteStream(self._screen)

    @property
    def text(self) -> str:
        """What is on the screen. Not what was written last: that is only what changed."""
        return "\n".join(self._screen.display)

    def read_until(self, is_so: Callable[[], bool]) -> None:
        """Read until the screen is as it should be."""
        deadline = time.monotonic() + PATIENCE_S
        while not is_so():
            assert time.monotonic() < deadline, self.text
            if select.select([self._terminal], [], [], 0.1)[0]:
                self._stream.feed(os.read(self._terminal, 1 << 16))

    def read_to_the_end(self) -> bytes:
        """Read until the program closes the terminal; return all of it."""
        read = b""
        with suppress(OSError):
            while select.select([self._terminal], [], [], PATIENCE_S)[0]:
                read += os.read(self._terminal, 1 << 16)
        return read

    def press(self, keys: bytes) -> None:
        os.write(self._terminal, keys)

    def take_away(self) -> None:
        """Close the terminal, as a lost connection does."""
        os.close(self._terminal)
        self._terminal = -1

    def close(self) -> None:
        self.child.kill()
        self.child.wait()
        if self._terminal >= 0:
            os.close(self._terminal)


@pytest.fixture
def network() -> Iterator[Lab]:
    with Lab("ethernet", [Host(address, 0.002) for address in HOSTS]) as lab:
        yield lab
        assert attachments(lab) == []


@pytest.fixture
def stalling(network: Lab) -> Iterator[Stalling]:
    stalling = Stalling(network)
    try:
        stalling.read_until(lambda: "No handshake on" in stalling.text)
        yield stalling
    finally:
        stalling.close()


def keep_busy(network: Lab, stalling: Stalling) -> None:
    """More is drawn than a terminal holds that is not read."""
    until_s = time.monotonic() + STALL_S
    number = 0
    while time.monotonic() < until_s:
        network.connect_many([(address, 443) for address in HOSTS[: 1 + number % 39]], reset=True)
        stalling.press(b"S2131"[number % 5 : number % 5 + 1])
        number += 1
        time.sleep(0.05)


def assert_right_when_read(network: Lab, stalling: Stalling) -> None:
    """It shows all hosts, and can be quit."""
    for address in HOSTS:
        network.connect(address, 443)
    stalling.read_until(lambda: sorted(re.findall(r"198\.18\.0\.\d+", stalling.text)) == sorted(HOSTS))
    stalling.press(b"q")
    assert b"\x1b[?1049l" in stalling.read_to_the_end()
    assert stalling.child.wait(PATIENCE_S) == 0


def test_it_ends_though_nobody_reads(network: Lab, stalling: Stalling) -> None:
    keep_busy(network, stalling)
    began_s = time.monotonic()
    stalling.child.send_signal(signal.SIGTERM)
    assert stalling.child.wait(PATIENCE_S) == 0
    assert time.monotonic() - began_s < 8


def test_it_ends_when_the_terminal_goes_in_the_middle_of_that(network: Lab, stalling: Stalling) -> None:
    keep_busy(network, stalling)
    stalling.take_away()
    stalling.child.wait(PATIENCE_S)


def test_what_is_on_the_screen_is_right_again_when_it_is_read(network: Lab, stalling: Stalling) -> None:
    keep_busy(network, stalling)
    stalling.press(b"1")
    assert_right_when_read(network, stalling)


def test_stopped_and_let_go_on_time_and_again_it_is_right_when_it_is_read(
    network: Lab, stalling: Stalling
) -> None:
    for _ in range(300):
        stalling.child.send_signal(signal.SIGSTOP)
        stalling.child.send_signal(signal.SIGCONT)
        time.sleep(0.01)
    assert_right_when_read(network, stalling)
