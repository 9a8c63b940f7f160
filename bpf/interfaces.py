"""The interfaces of this network namespace, and which of them to watch; asks the kernel by netlink."""

from __future__ import annotations

import enum
import socket
import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NamedTuple

from bpf.errors import NoSuchInterface
from bpf.netlink import GET_ADDRESSES, GET_LINKS, GET_ROUTES, attributes, dump


class Layer(enum.Enum):
    """What a device's frames begin with at the TC hook."""

    ETHERNET = "ethernet"
    IP = "ip"


# Values of ARPHRD_* in the kernel's include/uapi/linux/if_arp.h.
_LAYERS = {
    1: Layer.ETHERNET,
    772: Layer.ETHERNET,  # Loopback carries an Ethernet header of zeros.
    512: Layer.IP,  # PPP
    519: Layer.IP,  # RAWIP: cellular modems
    768: Layer.IP,  # IPIP
    769: Layer.IP,  # IP6TNL
    776: Layer.IP,  # SIT
    778: Layer.IP,  # GRE
    823: Layer.IP,  # IP6GRE
    65534: Layer.IP,  # NONE: TUN, WireGuard
}
_UP = 1
_STATES = {
    1: "not present",
    2: "no carrier",  # DOWN: the device itself is.
    3: "no carrier",  # LOWERLAYERDOWN: of the device below it, as of a VLAN's.
    4: "testing",
    5: "dormant",  # Waits for something, as for 802.1X.
}
"""IF_OPER_*, of a device that is up. UNKNOWN (0) is what loopback and many tunnels are all the time."""

_link_header = struct.Struct("=BxHiII")  # struct ifinfomsg
_address_header = struct.Struct("=BBxxI")  # struct ifaddrmsg
_route_header = struct.Struct("=BBxxBxxBxxxx")  # struct rtmsg
_counters = struct.Struct("=4Q")  # How struct rtnl_link_stats64 begins.
_number = struct.Struct("=I")
_IFLA_IFNAME, _IFLA_MTU, _IFLA_OPERSTATE, _IFLA_STATS64 = 3, 4, 16, 23
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_RTA_OIF, _RTA_PRIORITY = 4, 6
_MAIN_TABLE, _UNICAST = 254, 1


class Counters(NamedTuple):
    """What passed an interface since it was made, by the kernel's count."""

    rx_packets: int
    tx_packets: int
    rx_bytes: int
    tx_bytes: int


@dataclass(frozen=True, slots=True)
class Interface:
    """One network interface, as it was when asked."""

    name: str
    index: int
    layer: Layer | None
    """None: a kind of device whose frames tcplat cannot read."""
    is_up: bool
    """Switched on; whether it can carry anything is in `state`."""
    state: str = ""
    """`up`, `down` (switched off), `no carrier`, `dormant`, `testing` or `not present`; empty: not known."""
    mtu_bytes: int = 0
    """0: not known."""
    addresses: tuple[str, ...] = ()
    """With prefix lengths: `192.0.2.1/24`. IPv4 before IPv6, else as the kernel lists them."""
    counters: Counters | None = None


def interfaces() -> list[Interface]:
    """List the interfaces of the calling thread's network namespace, in the order of their indices.

    Blocks, at 100 interfaces for 2 ms; any thread. Raises OSError.
    """
    addresses = _addresses()
    links = dump(GET_LINKS, _link_header.pack(socket.AF_UNSPEC, 0, 0, 0, 0))
    return sorted((_interface(link, addresses) for link in links), key=lambda interface: interface.index)


def _interface(link: bytes, addresses: Mapping[int, list[str]]) -> Interface:
    _, device, index, flags, _ = _link_header.unpack_from(link)
    found = dict(attributes(link, _link_header.size))
    is_up = bool(flags & _UP)
    (operational,) = found.get(_IFLA_OPERSTATE, b"\0")
    statistics = found.get(_IFLA_STATS64, b"")
    return Interface(
        # Bytes that are no text must not reach a screen.
        name=found[_IFLA_IFNAME].rstrip(b"\0").decode(errors="replace"),
        index=index,
        layer=_LAYERS.get(device),
        is_up=is_up,
        state=_STATES.get(operational, "up") if is_up else "down",
        mtu_bytes=_number.unpack(found.get(_IFLA_MTU, bytes(4)))[0],
        addresses=tuple(addresses.get(index, ())),
        counters=Counters._make(_counters.unpack_from(statistics)) if statistics else None,
    )


class _Route(NamedTuple):
    family: int
    metric: int
    ifindex: int


def _default_routes() -> Iterator[_Route]:
    """Those that lead out of one interface."""
    for each in dump(GET_ROUTES, _route_header.pack(socket.AF_UNSPEC, 0, 0, 0)):
        family, prefix, table, kind = _route_header.unpack_from(each)
        found = dict(attributes(each, _route_header.size))
        if (table, prefix, kind) == (_MAIN_TABLE, 0, _UNICAST) and _RTA_OIF in found:
            (metric,) = _number.unpack(found.get(_RTA_PRIORITY, bytes(4)))
            (ifindex,) = _number.unpack(found[_RTA_OIF])
            yield _Route(family, metric, ifindex)


def _addresses() -> Mapping[int, list[str]]:
    """The addresses of each interface, by its index."""
    addresses: dict[int, list[str]] = defaultdict(list)
    for each in dump(GET_ADDRESSES, _address_header.pack(socket.AF_UNSPEC, 0, 0)):
        family, prefix, index = _address_header.unpack_from(each)
        if family not in (socket.AF_INET, socket.AF_INET6):
            continue
        found = dict(attributes(each, _address_header.size))
        # Of a point-to-point link, IFA_ADDRESS is the other end's.
        if packed := found.get(_IFA_LOCAL) or found.get(_IFA_ADDRESS):
            addresses[index].append(f"{socket.inet_ntop(family, packed)}/{prefix}")
    return addresses


def find(name: str) -> Interface:
    """Look an interface up that can be watched; raises NoSuchInterface, which names those that exist."""
    known = interfaces()
    for interface in known:
        if interface.name == name:
            if interface.layer is None:
                raise NoSuchInterface(
                    f"{name} is a kind of device whose frames tcplat cannot read", _choose(name, known)
                )
            return interface
    raise NoSuchInterface(f"no interface {name!r}", _choose(name, known))


def default_interface() -> str:
    """Name the interface of the default route: IPv4's first, then IPv6's; the lowest metric.

    Raises NoSuchInterface.
    """
    known = interfaces()
    names = {interface.index: interface.name for interface in known}
    for route in sorted(_default_routes()):
        if route.ifindex in names:
            return names[route.ifindex]
    raise NoSuchInterface(
        "there is no default route, so no interface to watch by default", _choose("", known)
    )


def _choose(name: str, known: list[Interface]) -> str:
    names = [interface.name for interface in known if interface.layer]
    if not names:
        return "there is none here"
    likely = get_close_matches(name, names, n=1)
    return f"choose one of: {', '.join(names)} (for example: tcplat {(likely or names)[0]})"
