"""A terminal that takes nothing for a while, or never again: the program goes on, and ends when it is told to."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator

import pytest

from bpf.lab import Host, Lab
from tests.end_to_end.attachments import attachments
from tests.end_to_end.commands import PATIENCE_S, tcplat

pytestmark = pytest.mark.kernel

HOSTS = [f"198.18.0.{number}" for number in range(1, 41)]
STALL_S = 4.0


class Stalling:
    """The program in a terminal that is read only when somebody wants to."""

    def __init__(self, lab: Lab) -> None:
        self._terminal, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 160, 0, 0))
        words = ["setsid", "--ctty", "env", "TERM=xterm-256color", "LANG=C.UTF-8", *tcplat(lab.device)]
        self.child = subprocess.Popen(lab.command(*words), stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)

    def read_until(self, text: bytes) -> bytes:
        """Read until a text came; return all of it."""
        deadline, read = time.monotonic() + PATIENCE_S, b""
        while text not in read:
            assert time.monotonic() < deadline, read
            if select.select([self._terminal], [], [], 0.1)[0]:
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
        stalling.read_until(b"No handshake on")
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
    network.connect(HOSTS[-1], 443)
    stalling.read_until(HOSTS[-1].encode())
    stalling.press(b"q")
    stalling.read_until(b"\x1b[?1049l")
    assert stalling.child.wait(PATIENCE_S) == 0
