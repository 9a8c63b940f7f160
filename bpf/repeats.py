"""Telling that two interfaces report the same handshake: a container's passes its veth, a bridge and eth0."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from bpf.event import Handshake

_REMEMBERED = 65536


class Repeats:
    """Remembers who reported a handshake first; that report counts, later ones are marked `repeated`.

    A handshake goes by its initial sequence numbers: 64 random bits (32 where it was not answered), which address
    translation leaves alone. Both sides of a loopback connection are reported by one interface, and neither is a
    repeat. One thread.
    """

    def __init__(self) -> None:
        self._first: OrderedDict[tuple[int, int], int] = OrderedDict()

    def mark(self, handshakes: Iterable[Handshake]) -> list[Handshake]:
        """Return the handshakes with repeats marked."""
        first = self._first
        marked = []
        for handshake in handshakes:
            key = (handshake.identity, handshake.outcome)
            ifindex = first.setdefault(key, handshake.ifindex)
            marked.append(handshake if ifindex == handshake.ifindex else handshake._replace(repeated=1))
        while len(first) > _REMEMBERED:
            first.popitem(last=False)
        return marked
