"""Link layers of captures: where in a frame the network header begins, and what the frame says about its way."""

from __future__ import annotations

import struct
from collections.abc import Callable

from bpf.packet import IPV4, IPV6, bare_ip, ethernet

Start = tuple[int, int, bool | None, int]
"""EtherType and offset of the network header (0, 0: there is none); whether it came in; the interface's index.

None and 0: the frame does not say."""
Link = Callable[[bytes], Start]

_OUTGOING, _OTHER_HOST = 4, 3
_LOOPBACK_DEVICE = 772
"""ARPHRD_LOOPBACK. What passes there is recorded once, and as if it came in, whichever end sent it."""
_V1_BYTES, _V2_BYTES = 16, 20
_v1 = struct.Struct("!HH10xH").unpack_from
_v2 = struct.Struct("!H2xIHB").unpack_from
_NOTHING: Start = (0, 0, None, 0)

_FAMILIES = {2: IPV4, 10: IPV6, 24: IPV6, 28: IPV6, 30: IPV6}
"""AF_INET; AF_INET6 of Linux, NetBSD and OpenBSD, FreeBSD, Darwin."""
_FAMILY_BYTES = 4
_BY_FAMILY = {
    struct.pack(order + "I", family): ethertype for family, ethertype in _FAMILIES.items() for order in "<>"
}
"""The byte order is the recording host's: either."""


def _ethernet(data: bytes) -> Start:
    ethertype, offset = ethernet(data)
    return ethertype, offset, None, 0


def _bare_ip(data: bytes) -> Start:
    ethertype, offset = bare_ip(data)
    return ethertype, offset, None, 0


def _bare_ipv4(_: bytes) -> Start:
    return IPV4, 0, None, 0


def _bare_ipv6(_: bytes) -> Start:
    return IPV6, 0, None, 0


def _family(data: bytes) -> Start:
    ethertype = _BY_FAMILY.get(data[:_FAMILY_BYTES])
    return (ethertype, _FAMILY_BYTES, None, 0) if ethertype else _NOTHING


def _cooked(data: bytes) -> Start:
    if len(data) < _V1_BYTES:
        return _NOTHING
    kind, device, ethertype = _v1(data)
    return ethertype, _V1_BYTES, _is_ingress(kind, device), 0


def _cooked_v2(data: bytes) -> Start:
    if len(data) < _V2_BYTES:
        return _NOTHING
    ethertype, ifindex, device, kind = _v2(data)
    return ethertype, _V2_BYTES, _is_ingress(kind, device), ifindex


def _is_ingress(kind: int, device: int) -> bool | None:
    if device == _LOOPBACK_DEVICE or kind == _OTHER_HOST:
        return None
    return kind != _OUTGOING


LINKS: dict[int, Link] = {
    0: _family,  # BSD loopback
    1: _ethernet,
    12: _bare_ip,  # DLT_RAW, in files of some
    14: _bare_ip,  # DLT_RAW of OpenBSD
    101: _bare_ip,
    108: _family,  # OpenBSD loopback
    113: _cooked,
    228: _bare_ipv4,
    229: _bare_ipv6,
    276: _cooked_v2,
}
"""By LINKTYPE_ value: those that can be read."""

_NAMES = {
    6: "Token Ring",
    9: "PPP",
    50: "PPP",
    51: "PPPoE",
    105: "IEEE 802.11",
    117: "OpenBSD pflog",
    127: "IEEE 802.11 radiotap",
    163: "IEEE 802.11 AVS",
    189: "USB",
    192: "PPI",
    195: "IEEE 802.15.4",
    201: "Bluetooth",
    220: "USB",
    227: "CAN",
    239: "NFLOG",
    249: "USB",
    253: "Netlink",
}


def describe(link_type: int) -> str:
    """Name a link type for people."""
    name = _NAMES.get(link_type)
    return f"link type {link_type} ({name})" if name else f"link type {link_type}"
