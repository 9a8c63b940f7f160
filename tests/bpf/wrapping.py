"""What is around a segment, for hypothesis: IP with options and extensions, tags, PPPoE; and what damages it all."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TypeVar

from hypothesis import strategies as st

from bpf.lab import packets
from bpf.lab.packets import Extension, Tcp, Vlan
from bpf.packet import SHORTEST_BYTES

PPPOE = 0x8864
_PPP_PROTOCOLS = {4: 0x0021, 6: 0x0057}
T = TypeVar("T")


def often(usual: T, *others: T) -> st.SearchStrategy[T]:
    """Three times out of four the usual."""
    return st.sampled_from((usual,) * 3 * max(1, len(others)) + others)


_EXTENSIONS = (
    packets.options_extension(packets.HOP_BY_HOP),
    Extension(packets.ROUTING),
    packets.options_extension(packets.DESTINATION_OPTIONS, 3),
    packets.fragment_extension(0, more=True),
    packets.fragment_extension(8, more=False),
    Extension(packets.AUTHENTICATION, bytes(10)),
)


@dataclass(frozen=True)
class Style:
    """How the packets of one exchange are wrapped."""

    vlans: tuple[Vlan, ...] = ()
    is_pppoe: bool = False
    ip_options: bytes = b""
    extensions: tuple[Extension, ...] = ()
    fragment: tuple[int, bool] = (0, False)

    def wrapped(self, source: str, destination: str, tcp: Tcp, *, is_ethernet: bool) -> bytes:
        """The bytes of it, on a device."""
        if ":" in source:
            packet = packets.ipv6(source, destination, tcp, extensions=self.extensions)
        else:
            offset_bytes, more = self.fragment
            packet = packets.ipv4(
                source,
                destination,
                tcp,
                options=self.ip_options,
                fragment_offset_bytes=offset_bytes,
                more_fragments=more,
            )
        if not is_ethernet:
            return packet
        if self.is_pppoe:
            return packets.ethernet(pppoe(packet), vlans=self.vlans, ethertype=PPPOE)
        return packets.ethernet(packet, vlans=self.vlans)


def pppoe(packet: bytes) -> bytes:
    """Wrap an IP packet into a PPPoE session's frame, without Ethernet (RFC 2516)."""
    return struct.pack("!BBHHH", 0x11, 0, 1, len(packet) + 2, _PPP_PROTOCOLS[packet[0] >> 4]) + packet


styles = st.one_of(
    st.just(Style()),
    st.builds(
        Style,
        often((), (Vlan(7),), (Vlan(100, 0x88A8), Vlan(7)), (Vlan(1), Vlan(2), Vlan(3))),
        often(False, True),
        often(b"", packets.NOP * 4, packets.NOP * 40),
        st.lists(often(*_EXTENSIONS), max_size=10).map(tuple),
        often((0, False), (0, True), (8, False), (8, True)),
    ),
)


def _cut(data: bytes, at: int, junk: bytes) -> bytes:
    return data[: max(at, SHORTEST_BYTES)]


def _changed(data: bytes, at: int, junk: bytes) -> bytes:
    return data[:at] + junk + data[at + len(junk) :]


def _lengthened(data: bytes, at: int, junk: bytes) -> bytes:
    return data[:at] + junk + data[at:]


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """Cut short, changed at one place, or with junk put in."""
    damage = draw(st.sampled_from((_cut, _changed, _lengthened)))
    return damage(data, draw(st.integers(0, len(data) - 1)), draw(st.binary(min_size=1, max_size=8)))
