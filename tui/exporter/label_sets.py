"""Label sets: whose counts are kept apart, and that there are not too many of them."""

from __future__ import annotations

import enum
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache

from bpf.event import Direction
from tui.core.grouping import CellKey, Grouping, RowKey
from tui.exporter.counts import Counts, add, nothing

FORWARDED = 2
"""As a direction: connections that are only forwarded."""
OTHER = "other"
OTHER_INTERFACES = "other interfaces"
"""No interface has a blank in its name."""
Key = tuple[str, int, RowKey]
"""Interface (its name, printable), direction, remote.

The last is empty where all others are meant, or where there is no such label.
No NamedTuple: one is made for each handshake.
"""
_OTHERS_MAX = 256
_DIRECTIONS = (*(each.name.lower() for each in Direction), "forwarded")


class LabelBy(enum.Enum):
    """What the label `remote` holds."""

    HOST = "host"
    NETWORK = "network"
    SERVICE = "service"
    NONE = "none"
    """There is no such label."""

    @property
    def row_of(self) -> Callable[[bytes, int], RowKey]:
        """From a remote address, and the port connected to, to the third part of a key."""
        return _ROW_OF[self]

    def values(self, key: Key) -> tuple[str, ...]:
        """The labels of a key: interface, direction, and remote where there is one."""
        interface, direction, row = key
        texts = (interface, _DIRECTIONS[direction])
        if self is LabelBy.NONE:
            return texts
        return (*texts, Grouping(self.value).label_of(row, _Numbers()) if row else OTHER)

    @property
    def names(self) -> tuple[str, ...]:
        """What those labels are called."""
        return ("interface", "direction") if self is LabelBy.NONE else ("interface", "direction", "remote")


class LabelSets:
    """Counts by key, those of the `limit` keys that were asked for last. What falls out is added to `remote="other"`.

    There is one of these for each interface and direction; of these, too, only so many are kept apart.
    """

    def __init__(self, label_by: LabelBy, limit: int) -> None:
        has_remotes = label_by is not LabelBy.NONE
        self._rest = _Table(None, 0, lambda key: key)
        others_limit = _OTHERS_MAX if has_remotes else limit
        self._others = _Table(self._rest, others_limit, lambda key: (OTHER_INTERFACES, key[1], ()))
        self._remotes = _Table(self._others, limit, lambda key: (*key[:2], ()))
        self._table = self._remotes if has_remotes else self._others
        self.of = self._table.of
        """The counts of a key, to be counted in at once: later they may have been added to another's."""

    def snapshot(self) -> dict[Key, Counts]:
        """A copy of all of them."""
        tables = (self._rest, self._others, self._remotes)
        return {key: counts.copy() for table in tables for key, counts in table.counts.items()}

    @property
    def size(self) -> int:
        """How many remotes (without that label: interfaces and directions) are kept apart."""
        return len(self._table.counts)

    @property
    def evicted(self) -> int:
        """How many fell out, each time they did."""
        return self._table.evicted


class _Table:
    """Counts by key, bounded."""

    def __init__(self, parent: _Table | None, limit: int, parent_key_of: Callable[[Key], Key]) -> None:
        self.counts: OrderedDict[Key, Counts] = OrderedDict()
        self.evicted = 0
        self._parent = parent
        self._limit = limit
        self._parent_key_of = parent_key_of

    def of(self, key: Key) -> Counts:
        found = self.counts.get(key)
        if found is not None:
            self.counts.move_to_end(key)
            return found
        self.counts[key] = begun = nothing()
        if self._parent and len(self.counts) > self._limit:
            old, counts = self.counts.popitem(last=False)
            add(self._parent.of(self._parent_key_of(old)), counts)
            self.evicted += 1
        return begun


def home_of(key: Key, counts: dict[Key, Counts]) -> Key:
    """The key among these that counts for it now."""
    interface, direction, _ = key
    for each in (key, (interface, direction, ())):
        if each in counts:
            return each
    return (OTHER_INTERFACES, direction, ())


class _Numbers:
    """`Labels` that name nothing: addresses and ports are the same on every machine."""

    def host(self, remote: bytes) -> str:
        """None."""
        del remote
        return ""

    def service(self, port: int) -> str:
        """None."""
        del port
        return ""

    def interface(self, ifindex: int) -> str:
        """None."""
        del ifindex
        return ""

    def unit(self, cgroup: int) -> str:
        """None."""
        del cgroup
        return ""


def _host(remote: bytes, port: int) -> RowKey:
    del port
    return (remote,)


def _service(remote: bytes, port: int) -> RowKey:
    return (remote, port)


def _no_remote(remote: bytes, port: int) -> RowKey:
    del remote, port
    return ()


@lru_cache(maxsize=4096)
def _network(remote: bytes, port: int) -> RowKey:
    return Grouping.NETWORK.key_of(CellKey(remote, port, b"", 0, 0))


_ROW_OF: dict[LabelBy, Callable[[bytes, int], RowKey]] = {
    LabelBy.HOST: _host,
    LabelBy.NETWORK: _network,
    LabelBy.SERVICE: _service,
    LabelBy.NONE: _no_remote,
}
