"""Who is served at a time: few, and of these not too many from one place."""

from __future__ import annotations

import ipaddress
import threading
from collections import Counter


class Places:
    """So many are taken at a time, and from one address at most `each`. Any thread.

    Addresses of IPv6 with the same 64 bits in front are one: whoever has one has them all.
    """

    def __init__(self, count: int, each: int) -> None:
        self._count = count
        self._each = each
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, address: str) -> bool:
        """Take one for a client there; whether there was one."""
        client = _client_of(address)
        with self._lock:
            if self._taken.total() >= self._count or self._taken[client] >= self._each:
                return False
            self._taken[client] += 1
            return True

    def give_back(self, address: str) -> None:
        """One that was taken for a client there."""
        client = _client_of(address)
        with self._lock:
            self._taken[client] -= 1
            self._taken += Counter()  # Without those that have none.


def _client_of(address: str) -> str:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if parsed.version == 4:
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
