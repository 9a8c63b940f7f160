"""TUN and TAP devices, as many as a test needs: what is written to one arrives at its interface."""

from __future__ import annotations

import fcntl
import os
import struct

from bpf.interfaces import Layer
from bpf.lab.device import TUN
from bpf.lab.namespace import Namespace
from bpf.lab.packets import OUR_MAC

_TUNSETIFF = 0x400454CA
_KINDS = {Layer.IP: 1, Layer.ETHERNET: 2}
_NO_PACKET_INFORMATION = 0x1000


def open_tap(namespace: Namespace, layer: Layer, name: str, routes: list[str], addresses: list[str]) -> int:
    """Make a device that is up, speaks no ARP, and has these addresses and routes; return its descriptor.

    It is there as long as that.
    """
    with namespace.entered():
        fd = os.open(TUN, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.ioctl(
            fd, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _KINDS[layer] | _NO_PACKET_INFORMATION)
        )
    quiet = f"address {OUR_MAC.hex(':')} arp off" if layer is Layer.ETHERNET else "txqueuelen 1000"
    namespace.configure(
        [
            f"link set {name} {quiet}",
            *(f"addr add {each} dev {name}" for each in addresses),
            f"link set {name} up",
            *(f"route add {each} dev {name}" for each in routes),
        ]
    )
    return fd
