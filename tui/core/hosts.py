"""The model of the first screen: all remote hosts, and those that the filter lets through, in order."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from sortedcontainers import SortedList

from bpf.event import Handshake
from tui.core.columns import column
from tui.core.host import Host, Key, Tally
from tui.core.trend import Moment, rate_s, slice_of

__all__ = ["Host", "Hosts"]

_REBUILD_SHARE = 12
"""With more than one row in 12 to move, merging all anew is quicker than moving each (measured: 1 in 10 to 15)."""


class Hosts:
    """Handshakes in (`ingest`), rows out (`rows`). `refresh`, once per redraw, takes over what came in between.

    Without `refresh` (a paused screen) rows, figures and order stand still; sorting and filtering still work. One
    thread writes and reads. No call blocks or does I/O; times are CLOCK_MONOTONIC ns.

    The order is a sorted list of keys, not of hosts: a key is a value that cannot change while it is in the list, and
    it leads back to its host by the address it ends with.
    """

    def __init__(self, began_ns: int) -> None:
        """`began_ns`: since when handshakes have been watched; rates are averages from then on at the earliest."""
        self._column = column("count")
        self._descending = self._column.descending
        self._words: list[str] = []
        self.reset(began_ns)

    def reset(self, now_ns: int) -> None:
        """Forget every host and begin at `now_ns`. Sorting and filter stay."""
        self._began_ns = now_ns
        self._moment = Moment(slice_of(now_ns), rate_s(now_ns, now_ns))
        self.totals = Tally(self._moment, now_ns)
        """The same figures as a row's, over all hosts, whatever the filter."""
        self._hosts: dict[bytes, Host] = {}
        self._touched: list[Host] = []
        self._placed = 0
        self._order: SortedList[Key] = SortedList()

    def ingest(self, handshakes: Iterable[Handshake]) -> None:
        """Count handshakes, 1.5 us each (3 with 10,000 hosts: the cache). What is shown waits for `refresh`."""
        hosts, touched, totals = self._hosts, self._touched, self.totals
        for handshake in handshakes:
            if handshake.repeated:  # Counted already, as another interface saw it.
                continue
            host = hosts.get(handshake.remote)
            if host is None:
                host = self._create(handshake)
            if host.add(handshake):
                touched.append(host)
            totals.add(handshake)

    def _create(self, handshake: Handshake) -> Host:
        host = Host(handshake.remote, self._moment, handshake.time_ns)
        host.matches = self._is_match(host)
        self._hosts[handshake.remote] = host
        return host

    def refresh(self, now_ns: int) -> None:
        """Take over what was ingested, and the passing of time: figures and order are then those of `now_ns`."""
        touched, self._touched = self._touched, []
        now = slice_of(now_ns)
        has_aged = self._column.time_dependent and now != self._moment.slice
        self._moment.slice, self._moment.rate_s = now, rate_s(now_ns, self._began_ns)
        if touched:
            self.totals.refresh()
        for host in touched:
            host.refresh()
        self._placed = len(self._hosts)
        # Once in 5 s at most: between two slices no untouched host's value changes.
        self._place(self._hosts.values() if has_aged else touched)

    def _place(self, hosts: Iterable[Host]) -> None:
        """Give `hosts` their keys of now, and move those that the filter lets through to where they belong."""
        stale: list[Key] = []
        fresh: list[Key] = []
        for host in hosts:
            key = self._key(host)
            if key == host.key:
                continue
            if host.matches:
                fresh.append(key)
                if host.key is not None:
                    stale.append(host.key)
            host.key = key
        if len(fresh) * _REBUILD_SHARE > len(self._order):
            self._merge(stale, fresh)
        else:
            for key in stale:
                self._order.remove(key)
            self._order.update(fresh)

    def _merge(self, stale: list[Key], fresh: list[Key]) -> None:
        gone = set(stale)
        keys = [key for key in self._order if key not in gone]
        # Two sorted runs, which list.sort finds and merges in one pass.
        self._order = SortedList(keys + sorted(fresh))

    def _key(self, host: Host) -> Key:
        assert self._column.value is not None
        value = self._column.value(host)
        if value is None:
            return (inf, host.remote)
        return (-value if self._descending else value, host.remote)

    def sort_by(self, column_id: str, descending: bool | None = None) -> None:
        """Order rows by a column (KeyError), in its own direction if none is given.

        Hosts without the figure come last in both directions; equals are in the order of their addresses. Raises
        ValueError for a column that has no order.
        """
        chosen = column(column_id)
        if chosen.value is None:
            raise ValueError(f"cannot sort by {column_id}")
        self._column = chosen
        self._descending = chosen.descending if descending is None else descending
        for host in self._hosts.values():
            if host.key is not None:  # the others come in with the next refresh
                host.key = self._key(host)
        self._rebuild()

    @property
    def sorting(self) -> tuple[str, bool]:
        """The sort column's id, and whether it is descending."""
        return self._column.id, self._descending

    def narrow(self, text: str) -> None:
        """Show only hosts whose address has every word of `text` in it, in any case; no words: all."""
        self._words = text.lower().split()
        for host in self._hosts.values():
            host.matches = self._is_match(host)
        self._rebuild()

    def _is_match(self, host: Host) -> bool:
        return all(word in host.address for word in self._words)

    def _rebuild(self) -> None:
        hosts = self._hosts.values()
        self._order = SortedList(host.key for host in hosts if host.key is not None and host.matches)

    def rows(self, start: int, stop: int) -> list[Host]:
        """The hosts in places `start` to `stop - 1` of the visible order, fewer where it ends."""
        return [self._hosts[remote] for _, remote in self._order.islice(max(0, start), max(0, stop))]

    def rank(self, host: Host) -> int | None:
        """The place of `host` in the visible order; None: filtered out, not yet refreshed in, or gone by a reset."""
        if host.key is None or not host.matches or self._hosts.get(host.remote) is not host:
            return None
        return int(self._order.bisect_left(host.key))

    @property
    def shown(self) -> int:
        """How many hosts the filter lets through, as of the last refresh."""
        return len(self._order)

    def __len__(self) -> int:
        """How many hosts there are, as of the last refresh."""
        return self._placed
