"""A tape of what a test says."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from types import TracebackType

from bpf.errors import TcplatError
from bpf.event import Direction, Handshake, Outcome, address_bytes
from bpf.source import Account
from bpf.tape import Piece

SECOND_NS = 1_000_000_000
BEGAN_NS = 1_795_348_800 * SECOND_NS
INTERFACES = ("eth0", "wg0")


def at(
    seconds: float, remote: str = "198.18.0.1", ifindex: int = 1, latency_ns: int = 5_000_000
) -> Handshake:
    """A handshake that ended so many seconds after the beginning."""
    return Handshake(
        time_ns=BEGAN_NS + int(seconds * SECOND_NS),
        latency_ns=latency_ns,
        connect_ns=latency_ns,
        answer_ns=0,
        remote=address_bytes(remote),
        local=address_bytes("192.0.2.1"),
        process=b"curl",
        identity=0,
        cgroup=0,
        ifindex=ifindex,
        pid=812,
        remote_port=443,
        local_port=38450,
        retransmits=0,
        outcome=Outcome.ESTABLISHED,
        direction=Direction.OUTBOUND,
        ambiguous=0,
        repeated=0,
    )


def piece(*handshakes: Handshake, accounts: Sequence[Account] = (), until_s: float | None = None) -> Piece:
    """A piece that reaches to its last handshake, or further."""
    time_ns = max((each.time_ns for each in handshakes), default=BEGAN_NS)
    if until_s is not None:
        time_ns = BEGAN_NS + int(until_s * SECOND_NS)
    return Piece(time_ns, list(handshakes), list(accounts))


class Taped:
    """A `Tape`. An exception among the pieces is raised when its turn comes."""

    def __init__(self, pieces: Iterable[Piece | Exception], trouble: str = "") -> None:
        self._pieces = iter(pieces)
        self.trouble = trouble
        self.closed = threading.Event()

    def __enter__(self) -> Taped:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closed.set()

    @property
    def interfaces(self) -> Sequence[str]:
        return INTERFACES

    def name_of(self, ifindex: int) -> str:
        return INTERFACES[ifindex - 1]

    def unit_of(self, cgroup: int) -> str:
        return ""

    def read(self) -> Piece | None:
        piece = next(self._pieces, None)
        if isinstance(piece, Exception):
            raise piece
        return piece


def broken(what: str = "it broke") -> TcplatError:
    """An error to put among pieces."""
    return TcplatError(what, "try again")
