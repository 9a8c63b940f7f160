"""Tape: the one protocol between what reads a file, whatever its format, and the source that plays it."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import NamedTuple, Protocol

from bpf.event import Flow, Handshake
from bpf.source import Account, Names


class Piece(NamedTuple):
    """What a tape yields at a time. Its times are Unix time in nanoseconds, as stamped when recorded."""

    time_ns: int
    """Up to when everything is in this piece or in those before. Does not go back."""
    handshakes: list[Handshake]
    """In the order in which they ended."""
    accounts: list[Account]
    """Of every interface, read after these handshakes; empty: there are none here."""
    flows: Sequence[Flow] = ()
    """Samples of open connections, in the order in which they were taken."""
    wall_offset_ns: int = 0
    """What to add to its times to get those that were stamped, where they were moved."""


class Tape(Names, Protocol):
    """Handshakes of the past, in order. One thread enters, reads and leaves."""

    def __enter__(self) -> Tape:
        """Open the file and read its beginning. Blocks on a pipe; raises TcplatError."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""

    def read(self) -> Piece | None:
        """Read the next piece; None: that was all. Blocks on a pipe; what is damaged is skipped and counted."""

    @property
    def interfaces(self) -> Sequence[str]:
        """The names of those seen so far. From any thread."""

    @property
    def trouble(self) -> str:
        """What could not be read so far, and how much of it, in one line for people; empty: all could."""
