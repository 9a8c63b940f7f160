"""Who lives behind the lab's device, and how each one behaves. Values only."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass


class Behaviour(enum.Enum):
    """What a remote host does with a SYN it did not lose."""

    ANSWERS = "answers"
    """SYN-ACK."""
    REFUSES = "refuses"
    """RST+ACK."""
    SILENT = "silent"
    UNREACHABLE = "unreachable"
    """An ICMP or ICMPv6 error that quotes the SYN."""


@dataclass(frozen=True, slots=True)
class _Codes:
    ipv4: int
    ipv6: int


class Unreachable(enum.Enum):
    """Why; the value holds the code of ICMP type 3 and of ICMPv6 type 1."""

    NET = _Codes(0, 0)
    """The client sees ENETUNREACH."""
    HOST = _Codes(1, 3)
    """EHOSTUNREACH."""
    PORT = _Codes(3, 4)
    """ECONNREFUSED; the host itself reports it, the others come from the gateway."""
    PROHIBITED = _Codes(13, 1)
    """EHOSTUNREACH over IPv4, EACCES over IPv6."""


@dataclass(frozen=True, slots=True)
class Host:
    """A remote host that we connect to."""

    address: str
    delay_s: float = 0.0
    """From reading a SYN to writing the answer; kept to about a millisecond, never shorter."""
    behaviour: Behaviour = Behaviour.ANSWERS
    lost_syns: int = 0
    """So many SYNs of a connection are dropped before `behaviour` begins."""
    timestamps: bool = True
    """Whether its SYN-ACK echoes the SYN's TCP timestamp (when there is one)."""
    delays_s: tuple[float, ...] = ()
    """When given, replaces `delay_s`: the host's connections take them in turn."""
    loses_every: int = 1
    """Of so many connections one, in turn, has SYNs dropped; 1: each has."""
    data: Behaviour = Behaviour.ANSWERS
    """What it does with a segment that has data: ACK, RST (REFUSES), or nothing (SILENT).

    This and what follows hold for connections that are open too, as soon as the host is added anew."""
    data_delay_s: float = 0.0
    """From reading data to writing the ACK."""
    loses_data_every: int = 0
    """Of so many segments with data one, in turn, is dropped; 0: none. There must be one at a time on their way."""
    unreachable: Unreachable = Unreachable.HOST
    """The error sent when the behaviour is UNREACHABLE."""


@dataclass(frozen=True, slots=True)
class Client:
    """A remote host that connects to us."""

    address: str
    ack_delay_s: float = 0.0
    """From reading the SYN-ACK to writing the ACK."""
    acks: bool = True
    """False: never, so the kernel repeats its SYN-ACK."""
    lost_syn_acks: int = 0
    """So many SYN-ACKs are dropped before one is acknowledged."""
    timestamps: bool = True
    """Whether its segments carry TCP timestamps."""
    repeated_syns_s: tuple[float, ...] = ()
    """It sends its SYN again so long after the first."""


Default = Callable[[str], "Host | None"]
"""Finds the host of an address the table does not hold; None is silence. Called in the responder's thread."""


def silence(_address: str) -> Host | None:
    """Know nobody: the default default."""
    return None
