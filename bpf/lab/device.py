"""The lab's interface: a TAP (Ethernet) or TUN (bare IP) device with its addresses and routes."""

from __future__ import annotations

import fcntl
import os
import struct
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
    namespace: Namespace, layer: Layer, name: str = DEVICE, remote: tuple[str, str] = REMOTE
) -> int:
    """Make the device, and bring it and the loopback up; `remote` are an IPv4 and an IPv6 network behind it.

    Returns its non-blocking file descriptor; the device goes when that is closed. Raises OSError.
    """
    kind = _IFF_TAP if layer == "ethernet" else _IFF_TUN
    with namespace.entered():
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH22x", name.encode(), kind | _IFF_NO_PI))
        namespace.configure(_setup(layer, name, remote))
    except BaseException:
        os.close(fd)
        raise
    return fd


def _setup(layer: Layer, device: str, remote: tuple[str, str]) -> list[str]:
    """Return the `ip` commands that make a fresh device ready."""
    addresses = [f"addr add {OUR_IPV4}/24 dev {device}", f"addr add {OUR_IPV6}/64 dev {device} nodad"]
    up = [
        "link set lo up",
        # The default queue of 500 would drop from a burst of connections, and a dropped SYN costs a second.
        f"link set {device} txqueuelen {_QUEUE_PACKETS} up",
        # The kernel's own local route comes from a work queue, so later: until then it would drop what arrives.
        f"route add local {OUR_IPV6} dev {device} table local",
    ]
    if layer == "ip":
        return [*addresses, *up, *(f"route add {network} dev {device}" for network in remote)]
    mac = GATEWAY_MAC.hex(":")
    return [
        # Without ARP, adding an IPv6 address sends no multicast listener reports either.
        f"link set {device} address {OUR_MAC.hex(':')} arp off",
        *addresses,
        *up,
        # One neighbour for all: the kernel's table overflows at 1,024.
        f"neigh replace {GATEWAY_IPV4} lladdr {mac} nud permanent dev {device}",
        f"neigh replace {GATEWAY_IPV6} lladdr {mac} nud permanent dev {device}",
        f"route add {remote[0]} via {GATEWAY_IPV4}",
        f"route add {remote[1]} via {GATEWAY_IPV6}",
    ]
