"""What a capture's file holds, whatever its format: packets, and the interfaces they were recorded on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

PACKET_MAX_BYTES = 256 * 1024
"""No packet is longer (libpcap's limit); a file that says so is damaged."""
INTERFACES_MAX = 1000
OTHERS = "others"
"""What those beyond are called, together."""


class Origin(NamedTuple):
    """An interface as the file describes it."""

    name: str
    is_named: bool
    """False: the file has no name for it, and this one was made up."""
    link_type: int
    """A LINKTYPE_ value (tcpdump.org/linktypes.html)."""


Record = tuple[int, Origin, bool | None, bytes]
"""A packet: Unix time in ns; where from; whether it came in, None: the record does not say; what was captured of it.

A plain tuple, as there are millions."""


class Reader(Protocol):
    """Reads one format. One thread."""

    def read(self) -> list[Record] | None:
        """Read what has come, at least in part: maybe no packet. None: that was all. Blocks on a pipe."""

    @property
    def origins(self) -> Sequence[Origin]:
        """The interfaces described so far, each once."""

    @property
    def trouble(self) -> str:
        """Why it ended early; empty: it did not."""

    @property
    def untimed(self) -> int:
        """How many packets had no time, or none that can be, and were given that of the packet before."""

    @property
    def undescribed(self) -> int:
        """How many packets were of an interface that the file does not describe."""
