"""Under a flood of handshake packets ours are measured, tables stay within bounds, and the account says it all."""

from __future__ import annotations

import re
import socket
import struct
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from bpf.event import Direction, Outcome
from bpf.lab import Host, Lab
from bpf.lab.packets import PROTOCOL_TCP, checksum
from bpf.source import Account
from tests.end_to_end.attachments import attachments
from tests.end_to_end.commands import tcplat
from tests.end_to_end.flood import SYN_ACKS, SYNS, flooding, frames
from tests.end_to_end.terminal import Terminal
from tests.end_to_end.watching import assert_within_bounds, of, watching
from tests.rounds import rounds

pytestmark = pytest.mark.kernel

COUNT = rounds(150_000, 1_000_000)
"""Packets of each kind."""
HOSTS = [f"198.18.0.{number}" for number in range(1, 101)]
PENDING_MAX = 65_536 + 4_096
KEY_S = 2.0
MEMORY_MB = 400
ZEROS = (0, 0xFFFF)
"""What the checksum of something with its checksum in it may be: both are 0 in ones' complement."""


@pytest.fixture
def network() -> Iterator[Lab]:
    with Lab("ethernet", [Host(address, 0.02) for address in HOSTS]) as lab:
        lab.set_sysctl("ipv4/tcp_syncookies", 2)
        yield lab
        assert attachments(lab) == []


@contextmanager
def listening(lab: Lab) -> Iterator[int]:
    """A port of ours that answers SYNs, and that nobody ever reaches."""
    with lab.entered():
        server = socket.create_server((lab.ipv4, 0), backlog=16)
    with server:
        yield server.getsockname()[1]


def ended(account: Account) -> int:
    """Of the SYNs of an account, those whose end is in it, or that are under way."""
    return (
        account.established
        + account.refused
        + account.unreachable
        + account.unanswered
        + account.superseded
        + account.unresolved
        + account.pending_full
        + account.pending
        - account.late
    )


@pytest.mark.parametrize("kind", [SYNS, SYN_ACKS])
def test_frames_have_right_sums(kind: str) -> None:
    for frame in frames(kind, 100, "192.0.2.1", 443):
        header, segment = frame[14:34], frame[34:]
        assert checksum(bytes(header)) in ZEROS
        pseudo_header = header[12:] + struct.pack("!HH", PROTOCOL_TCP, len(segment))
        assert checksum(bytes(pseudo_header + segment)) in ZEROS


@pytest.mark.parametrize("kind", [SYNS, SYN_ACKS])
def test_ours_are_measured_during_a_flood(network: Lab, kind: str, survived: Callable[[str], None]) -> None:
    connections = []
    with (
        listening(network) as port,
        watching(network, timeout_s=2.0) as watch,
        flooding(network, kind, COUNT, port) as flood,
        ThreadPoolExecutor(1) as pool,
    ):
        pending_max = 0
        while flood.poll() is None:
            made = pool.submit(network.connect_many, [(address, 443) for address in HOSTS], at_once=10)
            while not made.done():
                watch.drain()
            connections += made.result()
            pending_max = max(pending_max, watch.account.pending)
        watch.drain(0.1)
        account = watch.account
        ours = [each for each in watch.handshakes if each.direction == Direction.OUTBOUND]
        assert {each.outcome for each in ours} == {Outcome.ESTABLISHED}
        assert len(ours) == len(connections) >= len(HOSTS)
        for each in connections:
            assert_within_bounds(of(ours, each), each, network.exchange_of(each))
        assert pending_max <= PENDING_MAX
        assert account.events_lost == 0
        assert ended(account) == account.syns
        flooded = account.syns - len(ours) if kind == SYNS else account.unsolicited
        assert flooded == COUNT
        assert flood.stdout
        survived(
            f"{flooded:,} {kind} in {float(flood.stdout.read()):.1f} s: {len(ours)} of {len(connections)} handshakes "
            f"measured, at most {pending_max:,} under way, {account.pending_full:,} not followed, "
            f"{account.events_lost} records lost"
        )


def test_screen_answers_keys_during_a_flood_and_says_afterwards_what_happened(
    network: Lab, survived: Callable[[str], None]
) -> None:
    with listening(network) as port, Terminal(network, columns=120) as terminal:
        terminal.run(*tcplat(network.device, "--timeout", "1"))
        terminal.shows(f"No handshake on {network.device} yet.")
        slowest_s, heard = 0.0, 0
        with flooding(network, SYNS, COUNT, port) as flood:
            while flood.poll() is None or heard < 4:
                network.connect(HOSTS[0], 443)
                for key, text in (("?", "Esc"), ("Escape", "SYNs")):
                    began_s = time.monotonic()
                    terminal.press(key)
                    terminal.shows(text)
                    slowest_s = max(slowest_s, time.monotonic() - began_s)
                    heard += 1
        assert slowest_s < KEY_S
        terminal.until(lambda: re.search(r"[\d,]{6,} unanswered", terminal.text))
        if COUNT > PENDING_MAX:
            terminal.shows("not followed")
        status = Path(f"/proc/{terminal.child}/status").read_text()
        memory_mb = int(status.split("VmHWM:")[1].split()[0]) / 1e3
        assert memory_mb < MEMORY_MB
        terminal.press("q")
        terminal.shows("status=0")
    survived(
        f"{COUNT:,} syns before the screen: {heard} keys answered, within {slowest_s:.2f} s; {memory_mb:.0f} MB"
    )
