"""Telling that two interfaces report the same handshake: a container's passes its veth, a bridge and eth0."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from bpf.event import Handshake, Records, values_of

_REMEMBERED = 65536


class Repeats:
    """Remembers who reported a handshake first; that report counts, later ones are marked `repeated`.

    A handshake goes by its initial sequence numbers: 64 random bits (32 where it was not answered), which address
    translation leaves alone. Both sides of a loopback connection are reported by one interface, and neither is a
    repeat. One thread.
    """

    def __init__(self) -> None:
        self._first: OrderedDict[tuple[int, int], int] = OrderedDict()

    def mark(self, handshakes: Sequence[Handshake]) -> Sequence[Handshake]:
        """Return the handshakes with repeats marked."""
        first = self._first
        ifindexes = values_of(handshakes, "ifindex")
        keys = zip(values_of(handshakes, "identity"), values_of(handshakes, "outcome"), strict=True)
        repeated = [
            first.setdefault(key, ifindex) != ifindex for key, ifindex in zip(keys, ifindexes, strict=True)
        ]
        while len(first) > _REMEMBERED:
            first.popitem(last=False)
        if not any(repeated):
            return handshakes
        if isinstance(handshakes, Records):
            return handshakes.marked("repeated", repeated)
        return [
            each._replace(repeated=1) if is_repeated else each
            for each, is_repeated in zip(handshakes, repeated, strict=True)
        ]
