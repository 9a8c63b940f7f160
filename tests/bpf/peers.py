"""Two ends of a connection, for packets that go through the kernel program one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bpf.event import Handshake, address_bytes
from bpf.lab import packets
from bpf.lab.packets import Tcp
from tests.bpf.wire import Wire

NEXT_PROGRAM = -1
SYN, RST, ACK, FIN, PSH = 0x02, 0x04, 0x10, 0x01, 0x08
HOP_BY_HOP, ROUTING, DESTINATION = 0, 43, 60
UDP = 17
SHORTEST = 54
"""The kernel refuses a test run of less than Ethernet and IP headers; shorter junk comes through a real device."""
ADDRESSES = {4: ("10.0.2.15", "142.250.180.3"), 6: ("2001:db8::15", "2001:db8:1::3")}


Packed = Callable[[str, str, packets.Carried], bytes]


@dataclass(frozen=True)
class Peers:
    """Two ends of a connection, and the segments they send each other. `packed` wraps them into IP."""

    local: str
    remote: str
    local_port: int = 38450
    remote_port: int = 443
    packed: Packed = packets.ip

    def ours(self, flags: int, seq: int, ack: int = 0) -> bytes:
        return self.packed(self.local, self.remote, Tcp(self.local_port, self.remote_port, flags, seq, ack))

    def theirs(self, flags: int, seq: int, ack: int = 0) -> bytes:
        return self.packed(self.remote, self.local, Tcp(self.remote_port, self.local_port, flags, seq, ack))

    def is_of(self, event: Handshake) -> bool:
        return (event.remote, event.local, event.remote_port, event.local_port) == (
            address_bytes(self.remote),
            address_bytes(self.local),
            self.remote_port,
            self.local_port,
        )


def connect_out(wire: Wire, peers: Peers, **frame: object) -> None:
    assert wire.sends(peers.ours(SYN, 1000), **frame) == NEXT_PROGRAM
    assert wire.receives(peers.theirs(SYN | ACK, 5000, 1001), **frame) == NEXT_PROGRAM
    assert wire.sends(peers.ours(ACK, 1001, 5001), **frame) == NEXT_PROGRAM


def connect_in(wire: Wire, peers: Peers, **frame: object) -> None:
    assert wire.receives(peers.theirs(SYN, 5000), **frame) == NEXT_PROGRAM
    assert wire.sends(peers.ours(SYN | ACK, 1000, 5001), **frame) == NEXT_PROGRAM
    assert wire.receives(peers.theirs(ACK, 5001, 1001), **frame) == NEXT_PROGRAM


def only(events: list[Handshake]) -> Handshake:
    assert len(events) == 1
    return events[0]
