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
REMOTE_IPV4, REMOTE_IPV6 = "198.18.0.0/15", "2001:db8:1::/48"

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


def prepare(namespace: Namespace) -> None:
    """Set what every device made later in the namespace inherits, and bring the loopback up."""
    for name, value in _QUIET.items():
        namespace.set_sysctl(name, value)
    namespace.configure(["link set lo up"])


def open_device(namespace: Namespace, layer: Layer) -> int:
    """Make the device and return its non-blocking file descriptor; the device goes when that is closed."""
    kind = _IFF_TAP if layer == "ethernet" else _IFF_TUN
    with namespace.entered():
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), kind | _IFF_NO_PI))
        namespace.configure(_setup(layer))
    except BaseException:
        os.close(fd)
        raise
    return fd


def _setup(layer: Layer) -> list[str]:
    """Return the `ip` commands that make a fresh device ready."""
    addresses = [f"addr add {OUR_IPV4}/24 dev {DEVICE}", f"addr add {OUR_IPV6}/64 dev {DEVICE} nodad"]
    up = [
        # The default queue of 500 would drop from a burst of connections, and a dropped SYN costs a second.
        f"link set {DEVICE} txqueuelen {_QUEUE_PACKETS} up",
        # The kernel's own local route comes from a work queue, so later: until then it would drop what arrives.
        f"route add local {OUR_IPV6} dev {DEVICE} table local",
    ]
    if layer == "ip":
        return [
            *addresses,
            *up,
            f"route add {REMOTE_IPV4} dev {DEVICE}",
            f"route add {REMOTE_IPV6} dev {DEVICE}",
        ]
    mac = GATEWAY_MAC.hex(":")
    return [
        # Without ARP, adding an IPv6 address sends no multicast listener reports either.
        f"link set {DEVICE} address {OUR_MAC.hex(':')} arp off",
        *addresses,
        *up,
        # One neighbour for all: the kernel's table overflows at 1,024.
        f"neigh replace {GATEWAY_IPV4} lladdr {mac} nud permanent dev {DEVICE}",
        f"neigh replace {GATEWAY_IPV6} lladdr {mac} nud permanent dev {DEVICE}",
        f"route add {REMOTE_IPV4} via {GATEWAY_IPV4}",
        f"route add {REMOTE_IPV6} via {GATEWAY_IPV6}",
    ]
