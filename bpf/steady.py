"""A tape whose clock does not go back, whatever was done to the clock that it was stamped by."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType

from bpf.event import Flow, Handshake
from bpf.source import Account
from bpf.tape import Piece, Tape

_BACK_NS = 2_000_000_000
"""A clock that goes back further was set; by less, what was recorded is out of order."""
_CLOCKS = 8
"""So many are told apart."""


@dataclass
class _Run:
    """What follows upon each other by one clock."""

    offset_ns: int
    handshakes: list[Handshake] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)
    until_ns: int = 0


class Steady:
    """A `Tape`: another one, with what was stamped after its clock was set back moved to where it had been.

    What there is to subtract to get the time as it was stamped is in each piece. Where the clock is put right again,
    or what two clocks stamped is mixed, each keeps its own.
    """

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._pieces: deque[Piece] = deque()
        self._offsets_ns = [0]
        """What was added to the times of each clock, ascending."""
        self._offset_ns = 0
        """That of the last."""
        self._reached_ns = 0

    def __enter__(self) -> Steady:
        self._tape = self._tape.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tape.__exit__(kind, error, trace)

    @property
    def interfaces(self) -> Sequence[str]:
        """The names of those seen so far. From any thread."""
        return self._tape.interfaces

    @property
    def trouble(self) -> str:
        """What could not be read so far, in one line for people; empty: all could."""
        return self._tape.trouble

    def name_of(self, ifindex: int) -> str:
        """Name the interface of a handshake that was read here."""
        return self._tape.name_of(ifindex)

    def unit_of(self, cgroup: int) -> str:
        """Name the systemd unit or container of a handshake that was read here; empty: none."""
        return self._tape.unit_of(cgroup)

    def read(self) -> Piece | None:
        """Read the next piece, of one clock; None: that was all. Blocks on a pipe; raises TcplatError."""
        if not self._pieces:
            piece = self._tape.read()
            if piece is None:
                return None
            self._pieces.extend(self._steadied(piece))
        return self._pieces.popleft()

    def _steadied(self, piece: Piece) -> Iterator[Piece]:
        runs = self._runs(piece)
        if self._offset_ns == 0:
            self._reached_ns = runs[-1].until_ns = max(self._reached_ns, piece.time_ns)
        for run in runs:
            accounts = piece.accounts if run is runs[-1] else []
            yield (
                _moved(run, accounts)
                if run.offset_ns
                else Piece(run.until_ns, run.handshakes, accounts, run.flows)
            )

    def _runs(self, piece: Piece) -> list[_Run]:
        """At least one; the last, of the last clock."""
        if not piece.handshakes and not piece.flows:
            for account in piece.accounts[-1:]:
                self._see(account.read_ns)
            return [_Run(self._offset_ns, until_ns=self._reached_ns)]
        runs: list[_Run] = []
        for handshake in piece.handshakes:
            self._run_at(handshake.time_ns, runs).handshakes.append(handshake)
        for flow in piece.flows:
            self._run_at(flow.time_ns, runs).flows.append(flow)
        return runs

    def _run_at(self, time_ns: int, runs: list[_Run]) -> _Run:
        """The last run, or a new one, to which something of this time belongs."""
        self._see(time_ns)
        if not runs or runs[-1].offset_ns != self._offset_ns:
            runs.append(_Run(self._offset_ns))
        runs[-1].until_ns = self._reached_ns
        return runs[-1]

    def _see(self, time_ns: int) -> None:
        """Find out by which clock this was stamped: by the first that leads back no further than disorder does."""
        for offset_ns in self._offsets_ns:
            if time_ns + offset_ns >= self._reached_ns - _BACK_NS:
                break
        else:
            offset_ns = self._reached_ns - time_ns
            self._offsets_ns = [*self._offsets_ns, offset_ns][-_CLOCKS:]
        self._offset_ns = offset_ns
        self._reached_ns = max(self._reached_ns, time_ns + offset_ns)


def _moved(run: _Run, accounts: Sequence[Account]) -> Piece:
    offset_ns = run.offset_ns
    return Piece(
        run.until_ns,
        [each._replace(time_ns=each.time_ns + offset_ns) for each in run.handshakes],
        [replace(each, read_ns=each.read_ns + offset_ns) for each in accounts],
        [
            each._replace(
                time_ns=each.time_ns + offset_ns, opened_ns=each.opened_ns and each.opened_ns + offset_ns
            )
            for each in run.flows
        ],
        -offset_ns,
    )
