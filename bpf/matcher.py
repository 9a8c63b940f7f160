"""The kernel program in plain Python: packets in, handshakes out, without a kernel, a clock or a ring.

What the tests hold handshake.bpf.c against, and what captures are read with. The rules, and why they are so, are
told there, where functions have the same names.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from bpf import packet
from bpf.event import Handshake, Outcome
from bpf.matching import COUNTERS, FORGET_NS, Sweep
from bpf.packet import ACK, RST, SYN, Datagram, Quote, Segment, Unreadable
from bpf.sides import Sides
from bpf.underway import Connection, Inbound, Outbound, after

PENDING_MAX = 65536
"""Handshakes under way that are followed at most, in each direction."""


class _View(NamedTuple):
    """What a packet is looked at with."""

    time_ns: int
    ifindex: int
    is_ingress: bool | None
    counters: dict[str, int]


class Matcher:
    """Any number of interfaces. Times are integer nanoseconds of whatever clock stamped the packets. One thread."""

    def __init__(self, timeout_ns: int, sides: Sides | None = None) -> None:
        """`timeout_ns`: how long a SYN may stay unanswered before `sweep` reports it.

        `sides` tell which way a packet goes that `see` is not told of.
        """
        self._timeout_ns = timeout_ns
        self._sides = sides or Sides()
        self._outbound: dict[Connection, Outbound] = {}
        self._inbound: dict[Connection, Inbound] = {}
        self._counters: dict[int, dict[str, int]] = {}
        self._awaited = bytearray(packet.AWAITED_SLOTS)
        self._awaited_next = bytearray(packet.AWAITED_SLOTS)

    def counters(self, ifindex: int) -> dict[str, int]:
        """The account of an interface, under the kernel's names. There is no ring, so `events_lost` stays 0."""
        return self._counters.setdefault(ifindex, dict.fromkeys(COUNTERS, 0))

    def see(
        self, time_ns: int, ifindex: int, is_ingress: bool | None, data: bytes, ethertype: int, offset: int
    ) -> Handshake | None:
        """Let a packet pass; return the handshake that it ends, if it does. `is_ingress` None: nobody knows.

        At `offset` begins a network header of kind `ethertype`: `bpf.packet.ethernet` and `bare_ip` tell these.
        """
        if len(data) < packet.SHORTEST_BYTES:
            return None
        counters = self._counters.get(ifindex) or self.counters(ifindex)
        counters["packets"] += 1
        if not packet.quick_look(data, ethertype, offset, is_ingress, self._awaited):
            return None
        found = self._unwrap(_View(time_ns, ifindex, is_ingress, counters), data, ethertype, offset)
        if isinstance(found, str):
            counters[found] += 1
            return None
        return found

    def turn_page(self) -> None:
        """Forget which acknowledgements were awaited before the last turn. To be done less often than the timeout."""
        self._awaited, self._awaited_next = self._awaited_next, bytearray(packet.AWAITED_SLOTS)

    def sweep(self, now_ns: int) -> Sweep:
        """Report what has waited for the timeout, forget what can no longer be answered, count the rest."""
        sweep = Sweep([], Counter(), Counter())
        self._sweep_outbound(now_ns, sweep)
        self._sweep_inbound(now_ns, sweep)
        return sweep

    def _sweep_outbound(self, now_ns: int, sweep: Sweep) -> None:
        for connection, entry in list(self._outbound.items()):
            if not entry.is_reported:
                if now_ns - entry.first_syn_ns < self._timeout_ns:
                    sweep.pending[connection.ifindex] += 1
                    continue
                entry.is_reported = True
                sweep.unanswered.append(entry.ended(now_ns, connection, Outcome.UNANSWERED))
            if now_ns - entry.last_syn_ns > FORGET_NS:
                del self._outbound[connection]

    def _sweep_inbound(self, now_ns: int, sweep: Sweep) -> None:
        for connection, entry in list(self._inbound.items()):
            if now_ns - max(entry.first_syn_ns, entry.last_answer_ns) < self._timeout_ns:
                sweep.pending[connection.ifindex] += 1
                continue
            del self._inbound[connection]
            if entry.took_data:
                sweep.unresolved[connection.ifindex] += 1
            else:
                sweep.unanswered.append(entry.ended(now_ns, connection, Outcome.UNANSWERED))

    def _unwrap(self, view: _View, data: bytes, ethertype: int, offset: int) -> Handshake | Unreadable | None:
        unwrapped = packet.unwrap(data, ethertype, offset)
        if isinstance(unwrapped, str):
            return unwrapped
        ethertype, offset = unwrapped
        return self._full_look(view, data, ethertype, offset) if ethertype in packet.IP else None

    def _full_look(
        self, view: _View, data: bytes, ethertype: int, offset: int
    ) -> Handshake | Unreadable | None:
        ip = packet.read_ip(data, ethertype, offset)
        if isinstance(ip, str):
            return ip
        if ip.protocol != packet.TCP:
            quote = packet.read_quote(data, ethertype, ip)
            return self._icmp(self._sided(view, ip, 0), quote) if quote else None
        tcp = packet.read_tcp(data, ip, view.is_ingress, self._awaited)
        if tcp is None or isinstance(tcp, str):
            return tcp
        view = self._sided(view, ip, tcp.flags)
        if view.is_ingress:
            key = Connection(ip.source, ip.destination, tcp.source_port, tcp.destination_port, view.ifindex)
            return self._segment_in(view, key, tcp)
        key = Connection(ip.destination, ip.source, tcp.destination_port, tcp.source_port, view.ifindex)
        return self._segment_out(view, key, tcp)

    def _sided(self, view: _View, ip: Datagram, flags: int) -> _View:
        if view.is_ingress is not None:
            return view
        return view._replace(is_ingress=self._sides.is_ingress(ip.source, ip.destination, flags))

    def _segment_out(self, view: _View, key: Connection, tcp: Segment) -> Handshake | None:
        kind = tcp.flags & (SYN | RST | ACK)
        if kind & RST:
            return self._rst_out(view, key, tcp)
        if kind == SYN:
            self._syn_out(view, key, tcp)
        elif kind == SYN | ACK:
            self._syn_ack_out(view, key, tcp)
        return None

    def _segment_in(self, view: _View, key: Connection, tcp: Segment) -> Handshake | None:
        kind = tcp.flags & (SYN | RST | ACK)
        if kind & RST:
            return self._rst_in(view, key, tcp)
        if kind == SYN | ACK:
            return self._syn_ack_in(view, key, tcp)
        if kind == ACK:
            return self._ack_in(view, key, tcp)
        if kind == SYN:
            self._syn_in(view, key, tcp)
        return None

    def _syn_out(self, view: _View, key: Connection, tcp: Segment) -> None:
        counters = view.counters
        pending = self._outbound.get(key)
        if pending and pending.isn == tcp.seq:
            pending.retransmit(view.time_ns, tcp.stamps)
            counters["syn_retransmits"] += 1
            return
        counters["syns"] += 1
        if pending:
            counters["superseded"] += not pending.is_reported
        elif len(self._outbound) >= PENDING_MAX:
            counters["pending_full"] += 1
            return
        stamp = tcp.stamps[0] if tcp.stamps else None
        self._outbound[key] = Outbound(view.time_ns, view.time_ns, tcp.seq, tcp.data_bytes, stamp, stamp)

    def _syn_in(self, view: _View, key: Connection, tcp: Segment) -> None:
        counters = view.counters
        if key in self._outbound:
            return
        pending = self._inbound.get(key)
        if pending and pending.remote_isn == tcp.seq:
            counters["syn_retransmits"] += 1
            return
        counters["syns"] += 1
        if pending:
            counters["superseded"] += 1
        elif len(self._inbound) >= PENDING_MAX:
            counters["pending_full"] += 1
            return
        self._inbound[key] = Inbound(view.time_ns, tcp.seq, tcp.data_bytes)

    def _syn_ack_out(self, view: _View, key: Connection, tcp: Segment) -> None:
        pending = self._inbound.get(key)
        if not pending or not pending.is_answered_by(tcp):
            return
        pending.answer(view.time_ns, tcp)
        slot = packet.slot_of(after(tcp.seq))
        self._awaited[slot] = self._awaited_next[slot] = 1

    def _end_outbound(self, view: _View, key: Connection, pending: Outbound, event: Handshake) -> Handshake:
        del self._outbound[key]
        view.counters["late"] += pending.is_reported
        return _emitted(view, event)

    def _end_inbound(self, view: _View, key: Connection, event: Handshake) -> Handshake:
        del self._inbound[key]
        return _emitted(view, event)

    def _syn_ack_in(self, view: _View, key: Connection, tcp: Segment) -> Handshake | None:
        pending = self._outbound.get(key)
        if not pending or not pending.is_acknowledged_by(tcp):
            view.counters["unsolicited"] += 1
            return None
        return self._end_outbound(view, key, pending, pending.established(view.time_ns, key, tcp))

    def _ack_in(self, view: _View, key: Connection, tcp: Segment) -> Handshake | None:
        pending = self._inbound.get(key)
        if not pending or not pending.is_acknowledged_by(tcp):
            return None
        return self._end_inbound(view, key, pending.established(view.time_ns, key, tcp))

    def _rst_in(self, view: _View, key: Connection, tcp: Segment) -> Handshake | None:
        ours = self._outbound.get(key)
        if ours:
            if not ours.is_acknowledged_by(tcp):
                return None
            return self._end_outbound(view, key, ours, ours.ended(view.time_ns, key, Outcome.REFUSED))
        theirs = self._inbound.get(key)
        if not theirs or not theirs.is_reset_by_them(tcp):
            return None
        return self._end_inbound(view, key, theirs.ended(view.time_ns, key, Outcome.REFUSED))

    def _rst_out(self, view: _View, key: Connection, tcp: Segment) -> Handshake | None:
        theirs = self._inbound.get(key)
        if not theirs or not theirs.is_reset_by_us(tcp):
            return None
        return self._end_inbound(view, key, theirs.ended(view.time_ns, key, Outcome.REFUSED))

    def _icmp(self, view: _View, quote: Quote) -> Handshake | None:
        source, destination, source_port, destination_port, seq = quote
        if view.is_ingress:
            key = Connection(destination, source, destination_port, source_port, view.ifindex)
        else:
            key = Connection(source, destination, source_port, destination_port, view.ifindex)
        ours = self._outbound.get(key) if view.is_ingress else None
        if ours:
            if ours.isn != seq:
                return None
            return self._end_outbound(view, key, ours, ours.ended(view.time_ns, key, Outcome.UNREACHABLE))
        theirs = self._inbound.get(key)
        if not theirs or not (theirs.is_answer(seq) if view.is_ingress else theirs.remote_isn == seq):
            return None
        return self._end_inbound(view, key, theirs.ended(view.time_ns, key, Outcome.UNREACHABLE))


_COUNTER_OF = {
    Outcome.ESTABLISHED: "established",
    Outcome.REFUSED: "refused",
    Outcome.UNREACHABLE: "unreachable",
}


def _emitted(view: _View, event: Handshake) -> Handshake:
    counters = view.counters
    counters[_COUNTER_OF[Outcome(event.outcome)]] += 1
    counters["ambiguous"] += event.ambiguous
    counters["emitted"] += 1
    return event
