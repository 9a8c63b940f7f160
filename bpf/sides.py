"""Which way a packet went that was recorded without saying so."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network

from bpf.packet import ACK, RST, SYN

Network = IPv4Network | IPv6Network

_MAPPED = 0xFFFF << 32
"""::ffff:0:0, where IPv4 addresses lie among IPv6 ones."""
_ALL = (1 << 128) - 1


class Sides:
    """Tells ours from theirs by address; where addresses do not tell, who sends the SYN is us. Immutable."""

    def __init__(self, local: Sequence[Network] = ()) -> None:
        """`local`: our networks."""
        self._local = tuple(_mask_and_value(network) for network in local)

    def is_ingress(self, source: bytes, destination: bytes, flags: int) -> bool:
        """Did it come in? Addresses have 16 bytes; `flags` are TCP's, 0 for an ICMP error.

        With the SYN out and everything else in, the SYN's answers find it, and what its sender says later finds
        nothing.
        """
        from_us, to_us = self._is_local(source), self._is_local(destination)
        if from_us != to_us:
            return to_us
        return flags & (SYN | RST | ACK) != SYN

    def _is_local(self, address: bytes) -> bool:
        number = int.from_bytes(address, "big")
        return any(number & mask == value for mask, value in self._local)


def _mask_and_value(network: Network) -> tuple[int, int]:
    value, mask = int(network.network_address), int(network.netmask)
    if network.version == 4:
        return mask | _ALL ^ 0xFFFFFFFF, value | _MAPPED
    return mask, value
