"""Batches on their way to the screen: only a few at a time, so that no key waits behind many, however busy it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bpf.event import Flow, Handshake, joined

_ON_THE_WAY = 8
MOST = 1 << 18
"""Handshakes and samples that may wait: 32 MB."""

Tell = Callable[[Sequence[Handshake], Sequence[Flow], Mapping[int, str], Mapping[int, str]], object]
"""Post handshakes, samples, and the names of interfaces and of units that are new in them."""


class Waiting:
    """What comes while many are on the way waits here, and goes as one. `taken` may be called from any thread."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._told = self._taken = 0
        self._clear()

    def _clear(self) -> None:
        self._handshakes: list[Sequence[Handshake]] = []
        self._flows: list[Flow] = []
        self._interfaces: dict[int, str] = {}
        self._units: dict[int, str] = {}
        self._count = 0

    @property
    def is_full(self) -> bool:
        """Whether more should not be fetched now."""
        return self._count >= MOST

    def taken(self) -> None:
        """The screen has taken one that it was told."""
        self._taken += 1

    def add(
        self,
        handshakes: Sequence[Handshake],
        flows: Sequence[Flow],
        interfaces: Mapping[int, str],
        units: Mapping[int, str],
    ) -> None:
        """Let a batch wait."""
        self._handshakes.append(handshakes)
        self._flows += flows
        self._interfaces.update(interfaces)
        self._units.update(units)
        self._count += len(handshakes) + len(flows)

    def go(self, *, at_once: bool = False) -> None:
        """Tell what waits, if only a few are on the way; or `at_once`."""
        if not self._count or (self._told - self._taken >= _ON_THE_WAY and not at_once):
            return
        self._told += 1
        self._tell(joined(self._handshakes), self._flows, self._interfaces, self._units)
        self._clear()
