"""Random traffic for hypothesis: a few connections whose packets, right and wrong ones, come in any order and wrapping.

Addresses, ports, sequence numbers and timestamps are few, so that packets concern one another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from bpf.lab import packets
from bpf.lab.packets import ACK, FIN, PSH, RST, SYN, Tcp
from bpf.packet import SHORTEST_BYTES
from tests.bpf.wrapping import damaged, often, styles

S = 1_000_000_000
_ADDRESSES = {4: ("10.0.2.15", "142.250.180.3"), 6: ("2001:db8::15", "2001:db8:1::3")}
_ICMP_KINDS = (1, 2, 3, 4, 8, 11, 12, 128)


@dataclass(frozen=True)
class End:
    """One side of a connection."""

    address: str
    port: int
    isn: int


@dataclass(frozen=True)
class Packet:
    """One that passes."""

    is_ingress: bool
    data: bytes


@dataclass(frozen=True)
class Again:
    """An earlier packet, once more (a duplicate, or late), perhaps on the other side of the hook."""

    back: int
    is_turned: bool


@dataclass(frozen=True)
class Quote:
    """An ICMP error about an earlier packet, of which it quotes so many bytes."""

    is_ingress: bool
    back: int
    kind: int
    code: int
    quoted_bytes: int


@dataclass(frozen=True)
class Advance:
    """Time passes."""

    interval_ns: int


@dataclass(frozen=True)
class Sweep:
    """User space looks through the tables."""


@dataclass(frozen=True)
class TurnPage:
    """User space turns the page of awaited acknowledgements."""


Action = Packet | Again | Quote | Advance | Sweep | TurnPage
Connection = tuple[End, End]

_ports = st.sampled_from((443, 38450))
_isns = st.sampled_from((1000, 0xFFFFFFFF))


@st.composite
def connections(draw: st.DrawFn) -> Connection:
    """Ours first. The remote host may have our address, or the same port."""
    addresses = _ADDRESSES[draw(st.sampled_from((4, 6)))]
    ours, theirs = draw(often(addresses, addresses[::-1], addresses[:1] * 2))
    return End(ours, draw(_ports), draw(_isns)), End(theirs, draw(_ports), draw(_isns))


_ODD_OPTIONS = (
    packets.NOP,
    packets.NOP * 14,
    packets.mss(1460),
    packets.SACK_PERMITTED,
    packets.window_scale(7),
    packets.timestamps(1, 2),
    bytes.fromhex("1e0c0081") + bytes(8),  # MPTCP, RFC 8684
    bytes.fromhex("220a") + bytes(8),  # TCP Fast Open, RFC 7413
    b"\0",
    bytes.fromhex("0800"),  # Too short, too long.
    bytes.fromhex("08ff"),
    bytes.fromhex("0809") + bytes(7),
    b"\x08",
)
_options = st.one_of(
    st.builds(packets.timestamps, st.sampled_from((1, 2)), st.sampled_from((1, 2))),
    st.lists(st.sampled_from(_ODD_OPTIONS) | st.binary(max_size=8), max_size=4).map(
        lambda options: b"".join(options)[:40]
    ),
)

Change = Callable[[Tcp], Tcp]


def _shifted(seq: int, ack: int) -> Change:
    return lambda tcp: replace(tcp, seq=(tcp.seq + seq) % 2**32, ack=(tcp.ack + ack) % 2**32)


_SAME_SLOT = (0xFFFF, 0x10001)
"""Added to 1001 and to 0, they give acknowledgements of the same slot (`slot_of` in handshake.bpf.c)."""
_changes: st.SearchStrategy[Change] = st.one_of(
    st.builds(_shifted, st.sampled_from((0, 1, -1, 5)), st.sampled_from((0, 1, -1, 2, 5, 6))),
    st.builds(_shifted, st.just(0), st.sampled_from(_SAME_SLOT)),
    st.sampled_from((b"hello", b"hi")).map(lambda data: lambda tcp: replace(tcp, payload=data)),
    st.sampled_from((0x40, 0xC0, FIN, PSH, SYN, RST, ACK)).map(
        lambda flag: lambda tcp: replace(tcp, flags=tcp.flags ^ flag)
    ),
    st.sampled_from((0, 4, 5, 6, 15)).map(lambda words: lambda tcp: replace(tcp, data_offset_words=words)),
    _options.map(lambda options: lambda tcp: replace(tcp, options=options)),
)


OURS, THEIRS = False, True
Step = tuple[bool, int] | Action
"""Who sends (is it ingress?), and which flags; or something else that happens."""
_LONG_WAIT = (Advance(10 * S), Sweep())
_OUTBOUND = ((OURS, SYN), (THEIRS, SYN | ACK), (OURS, ACK))
_INBOUND = ((THEIRS, SYN), (OURS, SYN | ACK), (THEIRS, ACK))
_EXCHANGES: tuple[tuple[Step, ...], ...] = (
    _OUTBOUND,
    _INBOUND,
    (_OUTBOUND[0], *_OUTBOUND),
    (*_INBOUND[:2], *_INBOUND[1:]),
    _OUTBOUND[:1],
    _INBOUND[:1],
    _INBOUND[:2],
    ((OURS, SYN), (THEIRS, RST | ACK)),
    ((THEIRS, SYN), (OURS, RST | ACK)),
    (*_INBOUND[:2], (THEIRS, RST)),
    (*_INBOUND[:2], (OURS, RST)),
    ((OURS, SYN), (THEIRS, SYN), (OURS, SYN | ACK), (THEIRS, SYN | ACK)),
    ((OURS, SYN), (THEIRS, ACK), (OURS, RST), *_OUTBOUND),
    (*_OUTBOUND[:1], *_LONG_WAIT, *_OUTBOUND[1:]),
    (*_OUTBOUND[:1], *_LONG_WAIT, *_OUTBOUND),
    (*_OUTBOUND[:1], *_LONG_WAIT, (THEIRS, SYN), *_INBOUND),
    (*_INBOUND[:2], *_LONG_WAIT, *_INBOUND[2:]),
    (*_OUTBOUND[:1], Advance(1 * S), *_OUTBOUND[:1], Advance(6 * S), *_OUTBOUND),
    (*_INBOUND[:2], Advance(1 * S), *_INBOUND[1:2], Advance(6 * S), *_INBOUND[1:]),
    (*_OUTBOUND[:1], Quote(THEIRS, 1, 3, 1, 28)),
    (*_OUTBOUND[:1], Quote(THEIRS, 1, 1, 1, 48)),
    (*_INBOUND[:1], Quote(OURS, 1, 3, 1, 28)),
    (*_INBOUND[:2], Quote(THEIRS, 1, 1, 1, 48)),
    (*_INBOUND[:2], TurnPage(), TurnPage(), *_INBOUND[2:]),
)
_steps = st.tuples(
    st.booleans(), st.sampled_from((SYN, SYN | ACK, ACK, RST, RST | ACK, FIN | ACK, SYN | RST, 0xFF, 0))
)


def segment(
    connection: Connection, is_ingress: bool, flags: int, syn_data: bytes = b""
) -> tuple[End, End, Tcp]:
    """A segment with the numbers that its kind should have, when the first SYN carries this data."""
    ours, theirs = connection
    sender, receiver = (theirs, ours) if is_ingress else (ours, theirs)
    seq = 0 if flags == RST | ACK else sender.isn + (not flags & SYN)  # That answers a SYN.
    ack = receiver.isn + 1 + (len(syn_data) if flags & SYN else 0) if flags & ACK else 0
    payload = syn_data if flags == SYN else b""
    return (
        sender,
        receiver,
        Tcp(sender.port, receiver.port, flags, seq % 2**32, ack % 2**32, payload=payload),
    )


@st.composite
def exchanges(draw: st.DrawFn, known: list[Connection], *, is_ethernet: bool) -> list[Action]:
    """Some packets of one connection, mostly as they should be."""
    connection, style = draw(st.sampled_from(known)), draw(styles)
    steps = draw(st.sampled_from(_EXCHANGES) | st.lists(_steps, max_size=6))
    syn_data = draw(often(b"", b"hello"))
    stamps = draw(st.none() | st.tuples(st.sampled_from((1, 2)), st.sampled_from((1, 2))))
    actions: list[Action] = []
    for number, step in enumerate(steps):
        if not isinstance(step, tuple):
            actions.append(step)
            continue
        is_ingress, flags = step
        sender, receiver, tcp = segment(connection, is_ingress, flags, syn_data)
        if stamps:
            value, echo = stamps
            # As Linux lays them out: they end where the header does.
            tcp = replace(tcp, options=packets.NOP * 2 + packets.timestamps(value + number % 2, echo))
        oddity = draw(often("none", "none", "changed", "damaged"))
        if oddity == "changed":
            tcp = draw(_changes)(tcp)
        data = style.wrapped(sender.address, receiver.address, tcp, is_ethernet=is_ethernet)
        actions.append(Packet(is_ingress, draw(damaged(data)) if oddity == "damaged" else data))
    return actions


_others: st.SearchStrategy[Action] = st.one_of(
    st.builds(Again, st.integers(1, 8), often(False, True)),
    st.builds(
        Quote,
        often(True, False),
        st.integers(1, 4),
        st.sampled_from(_ICMP_KINDS),
        often(1, 4),
        st.sampled_from((8, 24, 27, 28, 48, 56, 200)),
    ),
    st.builds(Advance, st.sampled_from((1 * S, 6 * S, 10 * S, 70 * S, 75 * S))),
    st.just(Sweep()),
    st.just(TurnPage()),
    st.builds(Packet, st.booleans(), st.binary(min_size=SHORTEST_BYTES, max_size=80)),
)


@st.composite
def traffic(draw: st.DrawFn, *, is_ethernet: bool) -> list[Action]:
    """What happens on an interface."""
    known = draw(st.lists(connections(), min_size=1, max_size=2))
    known += [(replace(ours, isn=77), replace(theirs, isn=77)) for ours, theirs in known]
    some = st.lists(_others, min_size=1, max_size=3)
    parts = draw(st.lists(exchanges(known, is_ethernet=is_ethernet) | some, min_size=2, max_size=12))
    return [action for part in parts for action in part]
