"""Where to listen: `[HOST]:PORT`, as typed."""

from __future__ import annotations

import re
from typing import NamedTuple

LOOPBACK = "127.0.0.1"
_PORT_MAX = 65535
_is_address = re.compile(r"(\[[^\[\]]+\]|[^\[\]:]*):(\d{1,5})", re.ASCII).fullmatch


class Address(NamedTuple):
    """A host, by name or address, and a port."""

    host: str
    port: int
    """0: the system chooses one."""

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def address(text: str) -> Address:
    """Read `HOST:PORT`, `[IPV6]:PORT` or `:PORT`, which is loopback's; raises ValueError, which says what is wrong."""
    found = _is_address(text)
    if not found or int(found[2]) > _PORT_MAX:
        raise ValueError(f"{text!r} is not [HOST]:PORT, such as :9811, 0.0.0.0:9811 or [::]:9811")
    return Address(found[1].strip("[]") or LOOPBACK, int(found[2]))
