"""Reading a capture to its end, and what holds of every one."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import BinaryIO

from bpf.captures import Capture
from bpf.event import Handshake
from bpf.sides import Network
from bpf.source import Account
from bpf.tape import Piece, Tape
from tests.bpf.passing import LOCAL


def play(data: bytes | BinaryIO, local: Sequence[Network] = LOCAL) -> tuple[list[Piece], Capture]:
    """Read it all, and check what holds of every capture."""
    stream = io.BytesIO(data) if isinstance(data, bytes) else data
    tape: Tape
    with Capture(stream, "x.pcap", local=local) as capture:
        tape = capture
        pieces = []
        while piece := tape.read():
            pieces.append(piece)
        assert tape.read() is None
    times_ns = [piece.time_ns for piece in pieces]
    assert times_ns == sorted(times_ns)
    assert all(each.time_ns <= piece.time_ns for piece in pieces for each in piece.handshakes)
    for piece in pieces:
        for account in piece.accounts:
            check(account)
    assert not pieces or pieces[-1].accounts
    assert set(capture.interfaces) == {account.interface for account in accounts(pieces)}
    assert stream.closed
    return pieces, capture


def check(account: Account) -> None:
    ends = account.established + account.refused + account.unreachable + account.unanswered - account.late
    left = account.superseded + account.unresolved + account.pending_full + account.pending
    assert account.syns == ends + left


def handshakes(pieces: Sequence[Piece]) -> list[Handshake]:
    return [each for piece in pieces for each in piece.handshakes]


def accounts(pieces: Sequence[Piece]) -> list[Account]:
    return pieces[-1].accounts if pieces else []
