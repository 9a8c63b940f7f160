"""Addresses and networks as they are typed and printed, and the words that are like them."""

from __future__ import annotations

import ipaddress
import re

from bpf.event import address_bytes, address_text
from tui.core.filter.nodes import Network

MAPPED = bytes(10) + b"\xff\xff"
"""What IPv4 addresses begin with."""
MAPPED_BITS = 96
ADDRESS_BITS = 128

_WITH_PORT = re.compile(r"([0-9]+(?:\.[0-9]+){3}|\[[0-9A-Fa-f:.]+\]):([0-9]+)")


class Misplaced(ValueError):
    """An address with something beside it that no text has; the message says how to write it."""


def network(text: str) -> Network:
    """Read an address or a network; host bits are dropped. Raises ValueError, or Misplaced if there is a zone."""
    check_zone(text)
    parsed = ipaddress.ip_network(text, strict=False)
    first = parsed.network_address.packed
    if parsed.version == 4:
        return Network(MAPPED + first, MAPPED_BITS + parsed.prefixlen)
    return Network(first, parsed.prefixlen)


def network_text(network: Network) -> str:
    """Write it, IPv4 as IPv4; a single address without its bits."""
    if network.bits == ADDRESS_BITS:
        return address_text(network.first)
    is_ipv4 = network.first.startswith(MAPPED) and network.bits >= MAPPED_BITS
    return f"{address_text(network.first)}/{network.bits - MAPPED_BITS if is_ipv4 else network.bits}"


def word_network(word: str) -> Network | None:
    """The network that a bare word is: `10.0.0.0/8`. None for all others, whole addresses included."""
    if "/" not in word:
        return None
    try:
        return network(word)
    except Misplaced:
        raise
    except ValueError:
        return None


def word_text(word: str) -> str:
    """A bare word as texts have it: a whole IPv6 address in its usual spelling, `::ffff:10.0.0.1` as `10.0.0.1`.

    Raises Misplaced for an address with a zone or a port.
    """
    check_zone(word)
    found = _WITH_PORT.fullmatch(word)
    if found:
        raise Misplaced(
            f"an address and its port stand apart: write {found.group(1).strip('[]')} port:{found.group(2)}"
        )
    if ":" not in word:
        return word
    try:
        return address_text(address_bytes(word))
    except ValueError:
        return word


def check_zone(text: str) -> None:
    """Addresses of packets have no zone: raises Misplaced for `fe80::1%eth0`."""
    address, percent, zone = text.partition("%")
    if not percent or ":" not in address:
        return
    try:
        address_bytes(address)
    except ValueError:
        return
    raise Misplaced(f"addresses have no zone here: write {address} if:{zone.partition('/')[0] or 'eth0'}")
