"""What the remote side saw of each handshake: the bounds that a measured latency must lie between."""

from __future__ import annotations

import socket
from collections import deque
from dataclasses import dataclass

from bpf.event import Direction

from .hosts import Client, Host

Key = tuple[bytes, int, bytes, int]
"""Remote address, remote port, local address, local port."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One handshake as the remote host saw it. Times are CLOCK_MONOTONIC nanoseconds.

    A time "read" was taken right after read() returned, a time "written" right before write() was called, so
    what lies between a read and the write that follows is never longer than the same span at the interface.
    """

    direction: Direction
    remote: str
    remote_port: int
    local: str
    local_port: int
    syn_ns: tuple[int, ...]
    """Outbound: when each SYN was read. Inbound: when each SYN was written."""
    answer_ns: tuple[int, ...]
    """Outbound: when each SYN-ACK, RST, ICMP error was written. Inbound: when each SYN-ACK, RST was read."""
    ack_ns: int | None
    """Inbound: when the ACK was written; None: not (yet). Outbound: None."""
    lost: int
    """So many SYNs (inbound: SYN-ACKs) were dropped: the first answer (the ACK) is to the one after them."""
    refused: bool
    """A RST was written (inbound: read)."""

    @property
    def latency_floor_ns(self) -> int | None:
        """Return the least the probe's latency can be; None when nothing was answered."""
        if self.direction is Direction.OUTBOUND:
            return self.answer_ns[0] - self.syn_ns[self.lost] if self.answer_ns else None
        return None if self.ack_ns is None else self.ack_ns - self.answer_ns[self.lost]

    @property
    def connect_floor_ns(self) -> int | None:
        """Return the least that connecting can have taken from the first SYN; None inbound, or unanswered."""
        if self.direction is Direction.INBOUND or not self.answer_ns:
            return None
        return self.answer_ns[0] - self.syn_ns[0]

    @property
    def answer_ceiling_ns(self) -> int | None:
        """Inbound: return the most that our own SYN-ACK can have taken; None outbound, or unanswered."""
        if self.direction is Direction.OUTBOUND or not self.answer_ns:
            return None
        return self.answer_ns[0] - self.syn_ns[0]


class Entry:
    """A handshake being recorded. Only the responder's thread touches one."""

    __slots__ = ("ack_ns", "answer_ns", "delay_ns", "isn", "key", "peer", "refused", "syn_ns")

    def __init__(self, key: Key, isn: int, peer: Host | Client, delay_ns: int) -> None:
        self.key = key
        self.isn = isn
        """The SYN's sequence number: another one means that the ports were used again."""
        self.peer = peer
        self.delay_ns = delay_ns
        self.syn_ns: list[int] = []
        self.answer_ns: list[int] = []
        self.ack_ns: list[int] = []
        self.refused = False

    def exchange(self) -> Exchange:
        """Return what is known so far."""
        remote, remote_port, local, local_port = self.key
        peer = self.peer
        outbound = isinstance(peer, Host)
        return Exchange(
            direction=Direction.OUTBOUND if outbound else Direction.INBOUND,
            remote=text(remote),
            remote_port=remote_port,
            local=text(local),
            local_port=local_port,
            syn_ns=tuple(self.syn_ns),
            answer_ns=tuple(self.answer_ns),
            ack_ns=self.ack_ns[0] if self.ack_ns else None,
            lost=peer.lost_syns if isinstance(peer, Host) else peer.lost_syn_acks,
            refused=self.refused,
        )


class Ledger:
    """The newest handshakes, oldest first, and the latest of each pair of endpoints. One thread."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._entries: deque[Entry] = deque()
        self._latest: dict[Key, Entry] = {}

    def find(self, key: Key) -> Entry | None:
        """Return the latest handshake between these endpoints."""
        return self._latest.get(key)

    def begin(self, entry: Entry) -> None:
        """Record a new handshake; the oldest is forgotten when there are too many."""
        if len(self._entries) == self._keep:
            oldest = self._entries.popleft()
            if self._latest.get(oldest.key) is oldest:
                del self._latest[oldest.key]
        self._entries.append(entry)
        self._latest[entry.key] = entry

    def exchanges(self) -> list[Exchange]:
        """Return all that are kept, in the order they began."""
        return [entry.exchange() for entry in self._entries]


def text(address: bytes) -> str:
    """Write 4 or 16 address bytes the usual way."""
    return socket.inet_ntop(socket.AF_INET if len(address) == 4 else socket.AF_INET6, address)
