"""What a `remote` label stands for: a host, a network, a service, or those that an exporter does not keep apart."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_network
from typing import NamedTuple

from bpf.event import address_bytes, printable

OTHER = "other"
"""The exporter's label of those that it does not keep apart."""
OTHER_TEXT = "(the rest)"
_ALL_TEXT = "(all remotes)"
_PORT_MAX = 65_535
_is_service = re.compile(r"(?:\[([0-9a-f:.]+)\]|([0-9.]+)):(\d{1,5})", re.ASCII).fullmatch


class Remote(NamedTuple):
    """What can be told of it."""

    label: str
    """As the server has it; printable."""
    address: bytes | None = None
    """Of a host or service, 16 bytes; of a network its first."""
    port: int | None = None
    is_network: bool = False

    @property
    def is_rest(self) -> bool:
        """Whether it stands for those that are not kept apart."""
        return self.label == OTHER

    def text(self, name: str = "", service: str = "") -> str:
        """What it is called; `name`: of the host, where that is known, `service`: of the port."""
        if self.is_rest or not self.label:
            return OTHER_TEXT if self.label else _ALL_TEXT
        if self.port is None:
            return name or self.label
        host = name or self.label.rpartition(":")[0]
        return f"{host}:{service or self.port}"


@lru_cache(maxsize=1 << 14)
def remote_of(label: str) -> Remote:
    """Read a label. What is none of these is shown as it is."""
    shown = printable(label)
    found = _is_service(label)
    try:
        if found and int(found[3]) <= _PORT_MAX:
            return Remote(shown, address_bytes(found[1] or found[2]), int(found[3]))
        if "/" in label:
            return Remote(shown, address_bytes(str(ip_network(label).network_address)), is_network=True)
        return Remote(shown, address_bytes(label))
    except ValueError:
        return Remote(shown)
