"""The packets that the kernel program is tried with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bpf.interfaces import Layer
from bpf.lab.packets import (
    ACK,
    NOP,
    PSH,
    SACK_PERMITTED,
    SYN,
    Raw,
    Tcp,
    ethernet,
    ip,
    mss,
    timestamps,
    window_scale,
)

_UDP = 17
_UDP_HEADER = bytes.fromhex("01bb9c4000080000")
_IP_HEADER_BYTES = {4: 20, 6: 40}
_ENDS = {4: ("192.0.2.1", "198.18.0.1"), 6: ("2001:db8::1", "2001:db8:1::1")}
_OPTIONS = NOP * 2 + timestamps(1, 1)
_SYN_OPTIONS = mss(1460) + SACK_PERMITTED + timestamps(1, 1) + NOP + window_scale(7)
"""As Linux orders them."""


class Passing(NamedTuple):
    """A packet at one side of the hook."""

    is_ingress: bool
    data: bytes


def others(layer: Layer) -> dict[str, Passing]:
    """Packets that belong to no handshake: of open connections and of UDP, short and long, of both versions of IP."""
    found = {}
    for version, header_bytes in _IP_HEADER_BYTES.items():
        for size in (64, 1500):
            room = size - header_bytes
            segment = Tcp(443, 40_000, ACK | PSH, 5, 7, options=_OPTIONS if size == 1500 else b"")
            data = bytes(max(0, room - 20 - len(segment.options)))
            tcp = Tcp(443, 40_000, ACK | PSH, 5, 7, options=segment.options, payload=data)
            udp = Raw(_UDP, _UDP_HEADER + bytes(room - len(_UDP_HEADER)))
            for name, carried in (("TCP", tcp), ("UDP", udp)):
                for is_ingress in (True, False):
                    way = "in" if is_ingress else "out"
                    case = f"{name} {way} {layer.value} IPv{version} {size}"
                    found[case] = _passing(layer, version, is_ingress, carried)
    return found


def handshakes(layer: Layer, ports: Sequence[int]) -> dict[str, list[list[Passing]]]:
    """Whole handshakes in both directions, one a port."""
    return {
        f"{name} {layer.value} IPv{version}": [
            [
                _passing(layer, version, is_ingress, tcp)
                for is_ingress, tcp in _three(port, opened_by_them=opened_by_them)
            ]
            for port in ports
        ]
        for version in _ENDS
        for name, opened_by_them in (("outbound", False), ("inbound", True))
    }


def _three(port: int, *, opened_by_them: bool) -> list[tuple[bool, Tcp]]:
    isn, answer = port * 7919, port * 104_729
    return [
        (opened_by_them, Tcp(port, 443, SYN, isn, options=_SYN_OPTIONS)),
        (not opened_by_them, Tcp(443, port, SYN | ACK, answer, isn + 1, options=_SYN_OPTIONS)),
        (opened_by_them, Tcp(port, 443, ACK, isn + 1, answer + 1, options=_OPTIONS)),
    ]


def _passing(layer: Layer, version: int, is_ingress: bool, carried: Tcp | Raw) -> Passing:
    ours, theirs = _ENDS[version]
    packet = ip(theirs, ours, carried) if is_ingress else ip(ours, theirs, carried)
    return Passing(is_ingress, ethernet(packet) if layer is Layer.ETHERNET else packet)
