"""The interfaces of this network namespace, and which of them to watch; asks the kernel by netlink."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from difflib import get_close_matches

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkDumpInterrupted

from bpf.errors import NoSuchInterface


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
_ATTEMPTS = 10


@dataclass(frozen=True, slots=True)
class Interface:
    """One network interface, as it was when asked."""

    name: str
    index: int
    layer: Layer | None
    """None: a kind of device whose frames tcplat cannot read."""
    is_up: bool


def interfaces() -> list[Interface]:
    """List the interfaces, in the order of their indices."""
    for attempt in range(_ATTEMPTS):
        try:
            with IPRoute() as netlink:
                links = [
                    Interface(
                        str(link.get("ifname")),
                        int(link["index"]),
                        _LAYERS.get(int(link["ifi_type"])),
                        bool(int(link["flags"]) & _UP),
                    )
                    for link in netlink.get_links()
                ]
            break
        except NetlinkDumpInterrupted:  # An interface came or went meanwhile; where containers do, often.
            if attempt == _ATTEMPTS - 1:
                raise
    return sorted(links, key=lambda interface: interface.index)


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
    with IPRoute() as netlink:
        routes = [route for route in netlink.get_default_routes() if route.get("oif")]
        routes.sort(key=lambda route: (int(route["family"]), int(route.get("priority") or 0)))
    known = interfaces()
    names = {interface.index: interface.name for interface in known}
    for route in routes:
        name = names.get(int(route.get("oif")))
        if name:
            return name
    raise NoSuchInterface(
        "there is no default route, so no interface to watch by default", _choose("", known)
    )


def _choose(name: str, known: list[Interface]) -> str:
    names = [interface.name for interface in known if interface.layer]
    if not names:
        return "there is none here"
    likely = get_close_matches(name, names, n=1)
    return f"choose one of: {', '.join(names)} (for example: tcplat {(likely or names)[0]})"
