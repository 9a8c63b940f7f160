"""What a filter asks of a row, or of a single handshake."""

from __future__ import annotations

from collections.abc import Callable, Collection
from collections.abc import Set as AbstractSet
from typing import Protocol


class Subject(Protocol):
    """What can be filtered. One that stands for several connections has several of each; any of them will do.

    A subject that does not have a thing returns nothing: an empty collection, or None for a figure. No term on it is
    then true; so its opposite is, `!p95>80ms` for a row without a p95. Ids are those of `Key.reads`.
    """

    def texts(self) -> Collection[str]:
        """What words are searched in: address, name, service, process."""

    def addresses(self) -> Collection[bytes]:
        """Remote addresses, 16 bytes each, IPv4 as ::ffff:a.b.c.d."""

    def labels(self, id_: str) -> Collection[str]:
        """Texts of one sort: "host" (addresses and names), "service", "dir" ("in", "out"), "if", "proc", "unit"."""

    def numbers(self, id_: str) -> AbstractSet[int]:
        """Numbers of one sort: "port", "pid"."""

    def figure(self, id_: str) -> float | None:
        """A column's figure: times in ns, the rate per second. Of a handshake: every latency is its own, "count" 1."""


Predicate = Callable[[Subject], bool]
"""A whole filter, as a function."""
