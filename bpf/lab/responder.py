"""Plays every remote host: one thread between the device's file descriptor and a table of hosts."""

from __future__ import annotations

import heapq
import itertools
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from . import packets
from .device import GATEWAY_IPV4, GATEWAY_IPV6, OUR_IPV4, OUR_IPV6, Layer
from .exchanges import Entry, Exchange, Key, Ledger, text
from .hosts import Behaviour, Client, Default, Host, Unreachable
from .packets import ACK, ETHERTYPE_IPV4, ETHERTYPE_IPV6, FIN, GATEWAY_MAC, OUR_MAC, RST, SYN
from .segment import Segment, from_remote, parse, reply, timestamp, timestamps_option

_SYN_OPTIONS = packets.mss(1_400)
_CLIENT_PORTS = range(32_768, 61_000)
_ISN_STEP = 64_007
_WORD = 0xFFFFFFFF
_FRAME_BYTES = 4_096
_FRAMES_AT_ONCE = 64


class _Due(NamedTuple):
    """A frame to write later. `number` keeps frames due at the same time in order."""

    due_ns: int
    number: int
    frame: bytes
    written_ns: list[int]
    """Gets the time of writing."""


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays: the known hosts, who else there is, and who listens to what the kernel sends."""

    hosts: dict[bytes, Host]
    """By packed address. Other threads may add to it."""
    default: Default
    sent: Callable[[bytes], None] | None


class Responder:
    """The remote side of every handshake. All methods run in one thread; `Stage` brings the calls there."""

    def __init__(self, layer: Layer, cast: Cast, keep: int) -> None:
        self._is_ethernet = layer == "ethernet"
        self._cast = cast
        self._ledger = Ledger(keep)
        self._due: list[_Due] = []
        self._frames = itertools.count()
        self._turns_of: dict[bytes, int] = {}
        self._data_turns_of: dict[bytes, int] = {}
        self._isn = 0
        self._client_ports = itertools.cycle(_CLIENT_PORTS)
        self._fd: int | None = None

    def attach(self, fd: int | None) -> None:
        """Write to this device from now on; None: to nobody."""
        self._fd = fd

    def exchanges(self) -> list[Exchange]:
        """Return what was recorded, in the order it began."""
        return self._ledger.exchanges()

    def exchange(self, key: Key) -> Exchange | None:
        """Return the latest handshake between these endpoints."""
        entry = self._ledger.find(key)
        return entry.exchange() if entry else None

    def call_in(self, client: Client, port: int) -> int:
        """Send the client's SYN (or SYNs) to our port; return the port it comes from."""
        remote_port = next(self._client_ports)
        remote = packets.packed(client.address)
        local = packets.packed(OUR_IPV6 if len(remote) == 16 else OUR_IPV4)
        key = (remote, remote_port, local, port)
        entry = Entry(key, self._next_isn(), client, int(client.ack_delay_s * 1e9))
        self._ledger.begin(entry)
        link = self._link_in(remote)
        now_ns = time.monotonic_ns()
        for after_s in (0.0, *client.repeated_syns_s):
            options = _SYN_OPTIONS + (timestamps_option(0, after_s) if client.timestamps else b"")
            frame = from_remote(link, (remote, remote_port), (local, port), SYN, entry.isn, 0, options)
            self._write_at(now_ns + int(after_s * 1e9), frame, entry.syn_ns)
        return remote_port

    def read(self) -> None:
        """Act on the frames that the device holds, but not on so many that due ones wait. Raises OSError."""
        for _ in range(_FRAMES_AT_ONCE):
            if self._fd is None:
                return
            try:
                frame = os.read(self._fd, _FRAME_BYTES)
            except BlockingIOError:
                return
            self._handle(frame, time.monotonic_ns())

    def write_due(self) -> int | None:
        """Write what is due; return when the next frame is (CLOCK_MONOTONIC ns), None when there is none."""
        while self._due:
            if self._due[0].due_ns > time.monotonic_ns():
                return self._due[0].due_ns
            due = heapq.heappop(self._due)
            self._write(due.frame, due.written_ns)
        return None

    def _handle(self, frame: bytes, read_ns: int) -> None:
        """Act on one frame the kernel sent."""
        if self._cast.sent is not None:
            self._cast.sent(frame)
        segment = parse(frame, self._is_ethernet)
        if segment is None:
            return
        kind = segment.flags & (SYN | ACK | RST | FIN)
        if kind == SYN:
            self._answer_syn(segment, read_ns)
        elif kind & SYN or kind & RST:
            self._hear_answer(segment, read_ns)
        elif kind & FIN or segment.payload_bytes:
            self._hear_data(segment, read_ns)

    def _answer_syn(self, segment: Segment, read_ns: int) -> None:
        entry = self._entry_of(segment)
        entry.syn_ns.append(read_ns)
        host = entry.peer
        assert isinstance(host, Host)
        if host.behaviour is Behaviour.SILENT or len(entry.syn_ns) <= host.lost_syns:
            return
        if host.behaviour is Behaviour.UNREACHABLE:
            frame = _unreachable(segment, host.unreachable)
        elif host.behaviour is Behaviour.REFUSES:
            entry.refused = True
            frame = reply(segment, RST | ACK, 0, segment.seq + 1 & _WORD)
        else:
            options = _SYN_OPTIONS + _echo(segment) if host.timestamps else _SYN_OPTIONS
            frame = reply(segment, SYN | ACK, entry.isn ^ _WORD, segment.seq + 1 & _WORD, options)
        self._write_at(read_ns + entry.delay_ns, frame, entry.answer_ns)

    def _entry_of(self, segment: Segment) -> Entry:
        """Return the SYN's record: the one it repeats, or a new one."""
        key = (segment.remote, segment.remote_port, segment.local, segment.local_port)
        entry = self._ledger.find(key)
        if entry is None or entry.isn != segment.seq:
            host, delay_ns = self._next_turn(segment.remote)
            entry = Entry(key, segment.seq, host, delay_ns)
            self._ledger.begin(entry)
        return entry

    def _next_turn(self, address: bytes) -> tuple[Host, int]:
        """Return how the host behaves this time, and its delay."""
        host = self._host(address)
        turn = self._turns_of.get(address, 0)
        if host.delays_s or host.loses_every > 1:
            self._turns_of[address] = turn + 1
        if turn % host.loses_every:
            host = replace(host, lost_syns=0)
        delay_s = host.delays_s[turn % len(host.delays_s)] if host.delays_s else host.delay_s
        return host, int(delay_s * 1e9)

    def _host(self, address: bytes) -> Host:
        host = self._cast.hosts.get(address)
        if host is None:
            name = text(address)
            host = self._cast.default(name) or Host(name, behaviour=Behaviour.SILENT)
        return host

    def _hear_answer(self, segment: Segment, read_ns: int) -> None:
        """Note the kernel's SYN-ACK (or RST) to a client, and acknowledge it in time."""
        entry = self._ledger.find((segment.remote, segment.remote_port, segment.local, segment.local_port))
        if entry is None or not isinstance(entry.peer, Client):
            return
        if segment.flags & RST:
            # A listener's RST after the ACK ends a connection; only one instead of a SYN-ACK refuses it.
            if not entry.answer_ns:
                entry.answer_ns.append(read_ns)
                entry.refused = True
            return
        entry.answer_ns.append(read_ns)
        client = entry.peer
        if client.acks and len(entry.answer_ns) > client.lost_syn_acks:
            options = _echo(segment) if client.timestamps else b""
            frame = reply(segment, ACK, entry.isn + 1 & _WORD, segment.seq + 1 & _WORD, options)
            self._write_at(read_ns + entry.delay_ns, frame, entry.ack_ns)

    def _hear_data(self, segment: Segment, read_ns: int) -> None:
        """Acknowledge data in time, and close when the kernel does. The kernel's ACK is our SEQ."""
        host = self._cast.hosts.get(segment.remote)
        delay_ns = 0
        if host and segment.payload_bytes:
            if host.data is Behaviour.SILENT or self._loses_data(host, segment.remote):
                return
            if host.data is Behaviour.REFUSES:
                self._write(reply(segment, RST, segment.ack, 0), [])
                return
            delay_ns = int(host.data_delay_s * 1e9)
        fin = segment.flags & FIN
        ack = segment.seq + segment.payload_bytes + fin & _WORD
        frame = reply(segment, ACK | fin, segment.ack, ack, _echo(segment))
        self._write_at(read_ns + delay_ns, frame, [])

    def _loses_data(self, host: Host, address: bytes) -> bool:
        if not host.loses_data_every:
            return False
        turn = self._data_turns_of[address] = self._data_turns_of.get(address, 0) + 1
        return turn % host.loses_data_every == 0

    def _link_in(self, address: bytes) -> bytes:
        if not self._is_ethernet:
            return b""
        ethertype = ETHERTYPE_IPV6 if len(address) == 16 else ETHERTYPE_IPV4
        return OUR_MAC + GATEWAY_MAC + ethertype.to_bytes(2, "big")

    def _next_isn(self) -> int:
        # Rising, so that a TIME_WAIT of ours between the same ports accepts the new SYN (RFC 6191).
        self._isn = self._isn + _ISN_STEP & _WORD
        return self._isn

    def _write_at(self, due_ns: int, frame: bytes, written_ns: list[int]) -> None:
        if due_ns <= time.monotonic_ns():
            self._write(frame, written_ns)
        else:
            heapq.heappush(self._due, _Due(due_ns, next(self._frames), frame, written_ns))

    def _write(self, frame: bytes, written_ns: list[int]) -> None:
        if self._fd is None:
            return
        written_ns.append(time.monotonic_ns())
        try:
            os.write(self._fd, frame)
        except OSError:
            # The interface is down or was deleted: the frame is lost, as it would be on a cable.
            written_ns.pop()


def _echo(segment: Segment) -> bytes:
    """Return a timestamps option that echoes the segment's; nothing when it has none."""
    value = timestamp(segment.options)
    return b"" if value is None else timestamps_option(value)


def _unreachable(segment: Segment, why: Unreachable) -> bytes:
    if len(segment.remote) == 4:
        error, gateway = packets.Icmp(3, why.value.ipv4, segment.packet), GATEWAY_IPV4
    else:
        error, gateway = packets.Icmp(1, why.value.ipv6, segment.packet), GATEWAY_IPV6
    reporter = text(segment.remote) if why is Unreachable.PORT else gateway
    return segment.link + packets.ip(reporter, text(segment.local), error)
