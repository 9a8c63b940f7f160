"""The lab's interface: a TAP (Ethernet) or TUN (bare IP) device with its addresses and routes."""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Sequence
from typing import Literal

from .namespace import Namespace
from .packets import GATEWAY_MAC, OUR_MAC

Layer = Literal["ethernet", "ip"]

DEVICE = "lab0"
OUR_IPV4, OUR_IPV6 = "192.0.2.1", "2001:db8::1"
GATEWAY_IPV4, GATEWAY_IPV6 = "192.0.2.2", "2001:db8::2"
REMOTE = ("198.18.0.0/15", "2001:db8:1::/48")
"""What lies behind the gateway."""
EVERYTHING = ("0.0.0.0/0", "::/0")
"""... instead: the gateway is the default route's."""

TUN = "/dev/net/tun"
_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_TAP, _IFF_NO_PI = 1, 2, 0x1000
_QUEUE_PACKETS = 16_384

_QUIET = {
    "ipv6/conf/default/accept_ra": 0,
    "ipv6/conf/default/router_solicitations": 0,
    "ipv6/conf/default/accept_dad": 0,
    "ipv6/conf/default/addr_gen_mode": 1,
}
"""No router solicitations, no duplicate address detection, no link-local address."""


def keep_quiet(namespace: Namespace) -> None:
    """Let devices made later in the namespace send nothing of their own accord."""
    for name, value in _QUIET.items():
        namespace.set_sysctl(name, value)


def open_device(
    namespace: Namespace, layer: Layer, name: str = DEVICE, remote: Sequence[str] = REMOTE
) -> int:
    """Make the device, and bring it and the loopback up; `remote` are the networks behind it.

    It speaks IPv6 when one of those does. Returns its non-blocking file descriptor; the device goes when
    that is closed. Raises OSError.
    """
    kind = _IFF_TAP if layer == "ethernet" else _IFF_TUN
    with namespace.entered():
        fd = os.open(TUN, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH22x", name.encode(), kind | _IFF_NO_PI))
        namespace.configure(_setup(layer, name, remote))
    except BaseException:
        os.close(fd)
        raise
    return fd


def _setup(layer: Layer, device: str, remote: Sequence[str]) -> list[str]:
    """Return the `ip` commands that make a fresh device ready."""
    has_ipv6 = any(":" in network for network in remote)
    ipv6_address = [f"addr add {OUR_IPV6}/64 dev {device} nodad"]
    # The kernel's own local route comes from a work queue, so later: until then it would drop what arrives.
    ipv6_route = [f"route add local {OUR_IPV6} dev {device} table local"]
    # Without ARP, adding an IPv6 address sends no multicast listener reports either.
    mac = f"link set {device} address {OUR_MAC.hex(':')} arp off"
    return [
        "link set lo up",
        *([mac] if layer == "ethernet" else ()),
        f"addr add {OUR_IPV4}/24 dev {device}",
        *(ipv6_address if has_ipv6 else ()),
        # The default queue of 500 would drop from a burst of connections, and a dropped SYN costs a second.
        f"link set {device} txqueuelen {_QUEUE_PACKETS} up",
        *(ipv6_route if has_ipv6 else ()),
        *(command for network in remote for command in _route(layer, device, network)),
    ]


def _route(layer: Layer, device: str, network: str) -> list[str]:
    if layer == "ip":
        return [f"route add {network} dev {device}"]
    gateway = GATEWAY_IPV6 if ":" in network else GATEWAY_IPV4
    return [
        # One neighbour for all: the kernel's table overflows at 1,024.
        f"neigh replace {gateway} lladdr {GATEWAY_MAC.hex(':')} nud permanent dev {device}",
        f"route add {network} via {gateway}",
    ]
