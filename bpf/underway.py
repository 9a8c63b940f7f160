"""Handshakes under way, as the matcher remembers them: what happens to one, and what is said of it when it ends.

`struct outbound` and `struct inbound` of handshake.bpf.c, with the rules that concern one handshake alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from bpf.event import Direction, Handshake, Outcome
from bpf.packet import ACK, Segment, Stamps

_NO_PROCESS = bytes(16)


class Connection(NamedTuple):
    """What tells handshakes apart."""

    remote: bytes
    local: bytes
    remote_port: int
    local_port: int
    ifindex: int


def after(number: int) -> int:
    """The sequence number that follows."""
    return (number + 1) & 0xFFFFFFFF


def _acknowledges(ack: int, isn: int, data_bytes: int) -> bool:
    return (ack - isn - 1) & 0xFFFFFFFF <= data_bytes


@dataclass(slots=True)
class Outbound:
    """Our SYN went out; its answer is awaited."""

    first_syn_ns: int
    last_syn_ns: int
    isn: int
    data_bytes: int
    first_stamp: int | None
    """None: at least one of the SYNs had no timestamp."""
    last_stamp: int | None
    retransmits: int = 0
    is_reported: bool = False

    def retransmit(self, time_ns: int, stamps: Stamps | None) -> None:
        """Our SYN goes out again."""
        self.last_syn_ns = time_ns
        self.last_stamp = stamps[0] if stamps else None
        if stamps is None:
            self.first_stamp = None
        self.retransmits += 1

    def is_acknowledged_by(self, answer: Segment) -> bool:
        """Does the far side's SYN-ACK or RST answer our SYN?"""
        return bool(answer.flags & ACK) and _acknowledges(answer.ack, self.isn, self.data_bytes)

    def established(self, time_ns: int, connection: Connection, answer: Segment) -> Handshake:
        """Say that a SYN-ACK came."""
        sent_ns: int | None = self.first_syn_ns
        if self.retransmits:
            stamps = (self.first_stamp, self.last_stamp)
            sent_ns = _answered_ns(answer.stamps, *stamps, self.first_syn_ns, self.last_syn_ns)
        return self.ended(time_ns, connection, Outcome.ESTABLISHED)._replace(
            latency_ns=_since(sent_ns, time_ns),
            connect_ns=_since(self.first_syn_ns, time_ns),
            identity=self.isn << 32 | answer.seq,
            ambiguous=int(sent_ns is None),
        )

    def ended(self, time_ns: int, connection: Connection, outcome: Outcome) -> Handshake:
        """Say that it ended otherwise."""
        return _handshake(time_ns, connection, Direction.OUTBOUND, outcome, self.retransmits, self.isn << 32)


@dataclass(slots=True)
class Inbound:
    """A SYN came in; our SYN-ACK, then its acknowledgement, are awaited."""

    first_syn_ns: int
    remote_isn: int
    remote_data_bytes: int
    first_answer_ns: int | None = None
    last_answer_ns: int = 0
    isn: int = 0
    first_stamp: int | None = None
    last_stamp: int | None = None
    retransmits: int = 0
    took_data: bool = False

    def is_answered_by(self, answer: Segment) -> bool:
        """Does our SYN-ACK acknowledge their SYN?"""
        return _acknowledges(answer.ack, self.remote_isn, self.remote_data_bytes)

    def answer(self, time_ns: int, answer: Segment) -> None:
        """Our SYN-ACK goes out, for the first time or again."""
        stamp = answer.stamps[0] if answer.stamps else None
        if self.is_answer(answer.seq):
            self.retransmits += 1
            if stamp is None:
                self.first_stamp = None
        else:
            self.first_answer_ns = time_ns
            self.isn = answer.seq
            self.retransmits = 0
            self.first_stamp = stamp
        self.last_answer_ns = time_ns
        self.last_stamp = stamp
        self.took_data = answer.ack != after(self.remote_isn)

    def is_acknowledged_by(self, segment: Segment) -> bool:
        """Does their ACK acknowledge our SYN-ACK?"""
        return self.first_answer_ns is not None and segment.ack == after(self.isn)

    def is_answer(self, seq: int) -> bool:
        """Is this the number of our SYN-ACK?"""
        return self.first_answer_ns is not None and self.isn == seq

    def is_reset_by_them(self, rst: Segment) -> bool:
        """Does their RST answer our SYN-ACK?"""
        return self.first_answer_ns is not None and _acknowledges(
            rst.seq, self.remote_isn, self.remote_data_bytes
        )

    def is_reset_by_us(self, rst: Segment) -> bool:
        """Does our RST refuse their SYN (RFC 9293, 3.10.7.1), or take our SYN-ACK back?"""
        if self.first_answer_ns is not None:
            return rst.seq == after(self.isn)
        return bool(rst.flags & ACK) and rst.seq == 0 and self.is_answered_by(rst)

    def established(self, time_ns: int, connection: Connection, answer: Segment) -> Handshake:
        """Say that their acknowledgement came."""
        sent_ns = self.first_answer_ns
        if self.retransmits:
            stamps = (self.first_stamp, self.last_stamp)
            sent_ns = _answered_ns(answer.stamps, *stamps, self.first_answer_ns, self.last_answer_ns)
        return self.ended(time_ns, connection, Outcome.ESTABLISHED)._replace(
            latency_ns=_since(sent_ns, time_ns),
            answer_ns=_since(self.first_syn_ns, self.first_answer_ns or 0),
            ambiguous=int(sent_ns is None),
        )

    def ended(self, time_ns: int, connection: Connection, outcome: Outcome) -> Handshake:
        """Say that it ended otherwise."""
        identity = self.remote_isn << 32 | self.isn
        return _handshake(time_ns, connection, Direction.INBOUND, outcome, self.retransmits, identity)


def _answered_ns(
    answer: Stamps | None,
    first_stamp: int | None,
    last_stamp: int | None,
    first_ns: int | None,
    last_ns: int,
) -> int | None:
    """When that left which an answer is to, of several; None: nobody knows."""
    if first_stamp is None or answer is None or first_stamp == last_stamp:
        return None
    echo = answer[1]
    if echo == last_stamp:
        return last_ns
    return first_ns if echo == first_stamp else None


def _since(begin_ns: int | None, end_ns: int) -> int:
    """The time from one to the other; 0 if there is none: a capture's clock may have been set back between."""
    return 0 if begin_ns is None else max(0, end_ns - begin_ns)


def _handshake(
    time_ns: int,
    connection: Connection,
    direction: Direction,
    outcome: Outcome,
    retransmits: int,
    identity: int,
) -> Handshake:
    return Handshake(
        time_ns=time_ns,
        latency_ns=0,
        connect_ns=0,
        answer_ns=0,
        remote=connection.remote,
        local=connection.local,
        process=_NO_PROCESS,
        identity=identity,
        cgroup=0,
        ifindex=connection.ifindex,
        pid=0,
        remote_port=connection.remote_port,
        local_port=connection.local_port,
        retransmits=retransmits,
        outcome=outcome,
        direction=direction,
        ambiguous=0,
        repeated=0,
    )
