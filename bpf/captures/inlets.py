"""The interfaces of a capture: numbered as their packets come, and how to read the frames of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from bpf.captures.link import LINKS, Link, Start, describe
from bpf.captures.recorded import INTERFACES_MAX, OTHERS, Origin

ATTACH = "capture"
_ANY = "any"
"""Linux's name for all interfaces together; of which one a frame is, cooked mode's second version says."""
_COOKED_V2 = 276
_NOT_READ: Start = (0, 0, None, 0)

Way = tuple[Link, Callable[[int], int]]
"""How to read frames, and what number of ours the interface has whose index a frame tells (0: it tells none)."""


class Inlets:
    """Numbers interfaces from 1 by name. One thread; names from any."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._names: tuple[str, ...] = ()
        self._unread_types: dict[int, int] = {}
        self._ways: dict[Origin, Way] = {}
        self._unread: Counter[int] = Counter()

    @property
    def names(self) -> tuple[str, ...]:
        """By number, less one."""
        return self._names

    def name_of(self, number: int) -> str:
        """Name an interface that has a number."""
        return self._names[number - 1]

    def know(self, origins: Iterable[Origin]) -> None:
        """Number the interfaces described, but for those that each frame names."""
        for origin in origins:
            self.way(origin)

    def way(self, origin: Origin) -> Way:
        """How to read what comes from there."""
        known = self._ways.get(origin)
        if known is None:
            known = self._ways[origin] = self._find_way(origin)
        return known

    def trouble_of(self, number: int) -> str:
        """Why an interface is not read; empty: it is."""
        link_type = self._unread_types.get(number)
        return "" if link_type is None else f"{describe(link_type)} is not read"

    def troubles(self) -> list[str]:
        """What was not read, and how many packets."""
        return [
            f"{count:,} packets of {describe(link_type)} are not read"
            for link_type, count in self._unread.items()
        ]

    def _find_way(self, origin: Origin) -> Way:
        link = LINKS.get(origin.link_type)
        if link is None:
            number = self._number(origin.name)
            self._unread_types[number] = origin.link_type
            return self._unread_link(origin.link_type), lambda _: number
        if origin.link_type != _COOKED_V2:
            number = self._number(origin.name)
            return link, lambda _: number
        numbers: dict[int, int] = {}
        name = origin.name if origin.is_named and origin.name != _ANY else ""

        def number_of(ifindex: int) -> int:
            number = numbers.get(ifindex)
            if number is None:
                number = self._number(name or f"if{ifindex}")
                if len(numbers) < INTERFACES_MAX:
                    numbers[ifindex] = number
            return number

        return link, number_of

    def _unread_link(self, link_type: int) -> Link:
        def count(_: bytes) -> Start:
            self._unread[link_type] += 1
            return _NOT_READ

        return count

    def _number(self, name: str) -> int:
        number = self._numbers.get(name)
        if number is None:
            if len(self._numbers) >= INTERFACES_MAX:
                name = OTHERS
            number = self._numbers.setdefault(name, len(self._numbers) + 1)
            self._names = tuple(self._numbers)
        return number
