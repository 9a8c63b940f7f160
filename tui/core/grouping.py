"""Groupings: what a row of the table stands for. A cell, the finest there is, belongs to one row of each."""

from __future__ import annotations

import enum
import struct
from ipaddress import ip_network
from typing import NamedTuple, Protocol

from bpf.event import Direction, Handshake, address_text, printable

_MAPPED = bytes(10) + b"\xff\xff"
ADDRESS_BYTES = 16
_IPV4_NETWORK_BYTES = 15
"""/24, of a mapped address."""
_IPV6_NETWORK_BYTES = 6
"""/48."""


RowKey = tuple[bytes | int, ...]
"""What tells rows of one grouping apart."""
REST: RowKey = ()
"""The row of the hosts that are not kept apart any more."""
REST_TEXT = "(the rest)"


class CellKey(NamedTuple):
    """What tells cells apart: whose handshakes, to which service, by whom, where."""

    remote: bytes
    port: int
    """The port connected to: theirs if we connect, ours if they do."""
    process: bytes
    ifindex: int
    direction: int

    @property
    def is_kept(self) -> bool:
        """Whether it is of one host: else it is of hosts that are not kept apart, whose port is not known."""
        return len(self.remote) == ADDRESS_BYTES


KEY = struct.Struct("=HIB9x")
PORT_END = ADDRESS_BYTES + 2
"""What a key as bytes has behind its address and port."""


def key_bytes(handshake: Handshake) -> bytes:
    """The key of the cell that counts a handshake, as bytes: as good to find it by, and a third of the size."""
    direction = handshake.direction
    port = handshake.local_port if direction else handshake.remote_port
    return handshake.remote + KEY.pack(port, handshake.ifindex, direction) + handshake.process


def cell_key_from(key: bytes) -> CellKey:
    """Inverse of `bytes_of`."""
    port, ifindex, direction = KEY.unpack_from(key, ADDRESS_BYTES)
    return CellKey(key[:ADDRESS_BYTES], port, key[ADDRESS_BYTES + KEY.size :], ifindex, direction)


def bytes_of(key: CellKey) -> bytes:
    """The key as `key_bytes` makes it of the cell's handshakes."""
    return key.remote + KEY.pack(key.port, key.ifindex, key.direction) + key.process


def rest_of(key: bytes) -> bytes:
    """The key without what tells hosts and ports apart."""
    _, ifindex, direction = KEY.unpack_from(key, ADDRESS_BYTES)
    return bytes(ADDRESS_BYTES) + KEY.pack(0, ifindex, direction) + key[ADDRESS_BYTES + KEY.size :]


def cell_key(handshake: Handshake) -> CellKey:
    """The cell that counts a handshake."""
    port = handshake.local_port if handshake.direction else handshake.remote_port
    return CellKey(handshake.remote, port, handshake.process, handshake.ifindex, handshake.direction)


class Labels(Protocol):
    """Says what the numbers stand for, to people. Does not block; an empty text: not known, or not wanted."""

    def host(self, remote: bytes) -> str:
        """A remote host's name."""

    def service(self, port: int) -> str:
        """A port's name."""

    def interface(self, ifindex: int) -> str:
        """An interface's name."""

    def unit(self, cgroup: int) -> str:
        """A systemd unit's or container's name."""


class Grouping(enum.Enum):
    """In the order of the key that changes it."""

    HOST = "host"
    SERVICE = "service"
    NETWORK = "network"
    PROCESS = "process"
    INTERFACE = "interface"

    def key_of(self, cell: CellKey) -> RowKey:
        """The row that a cell belongs to. Keys of one grouping have an order."""
        if not cell.remote and self in BY_HOST:
            return REST
        if self is Grouping.HOST:
            return (cell.remote,)
        if self is Grouping.SERVICE:
            return (cell.remote, cell.port)
        if self is Grouping.NETWORK:
            is_ipv4 = cell.remote.startswith(_MAPPED)
            return (cell.remote[: _IPV4_NETWORK_BYTES if is_ipv4 else _IPV6_NETWORK_BYTES],)
        if self is Grouping.PROCESS:
            return (cell.process.partition(b"\0")[0],)
        return (cell.ifindex,)

    def key_from(self, cell: bytes) -> RowKey:
        """The same of a cell's key as bytes, quicker where it can be: run for every new host."""
        return (cell[:ADDRESS_BYTES],) if self is Grouping.HOST else self.key_of(cell_key_from(cell))

    def order_of(self, key: RowKey) -> int:
        """A number that orders rows as people would look for them."""
        first = key[0]
        if isinstance(first, int):
            return first
        number = int.from_bytes(first.ljust(16, b"\0"), "big")
        return number << 16 | int(key[1]) if self is Grouping.SERVICE else number

    def label_of(self, key: RowKey, labels: Labels) -> str:
        """What a row is called."""
        if key == REST:
            return REST_TEXT
        first = key[0]
        if self is Grouping.INTERFACE:
            assert isinstance(first, int)
            return printable(labels.interface(first)) or f"if{first}"
        assert isinstance(first, bytes)
        if self is Grouping.PROCESS:
            return process_text(first) or "(not known)"
        if self is Grouping.NETWORK:
            return _network_text(first)
        name = labels.host(first) or address_text(first)
        if self is Grouping.HOST:
            return name
        port = key[1]
        assert isinstance(port, int)
        service = labels.service(port) or str(port)
        return f"[{name}]:{service}" if ":" in name else f"{name}:{service}"


BY_HOST = frozenset({Grouping.HOST, Grouping.SERVICE, Grouping.NETWORK})
"""Where hosts that are not kept apart have a row of their own; of other rows they stay a part."""


def host_text(cell: CellKey, labels: Labels) -> str:
    """Whose handshakes these are: a name, or an address."""
    return labels.host(cell.remote) or address_text(cell.remote) if cell.is_kept else REST_TEXT


def port_text(cell: CellKey, labels: Labels) -> str:
    """The port connected to, and its name."""
    return f"{cell.port} {labels.service(cell.port)}".strip() if cell.is_kept else REST_TEXT


def process_text(process: bytes) -> str:
    """A command name as text; what no terminal should be given is replaced."""
    return printable(process.partition(b"\0")[0].decode(errors="replace"))


def direction_text(direction: int) -> str:
    """`out` or `in`."""
    return "in" if direction == Direction.INBOUND else "out"


def _network_text(prefix: bytes) -> str:
    if len(prefix) == _IPV4_NETWORK_BYTES:
        return f"{address_text(prefix + bytes(1))}/24"
    return str(ip_network((prefix + bytes(16 - len(prefix)), 8 * len(prefix))))
