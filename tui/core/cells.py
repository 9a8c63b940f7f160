"""All cells, in bounded memory: of too many, the hosts that were seen least recently are added up to a few."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from tui.core.cell import Cell
from tui.core.grouping import ADDRESS_BYTES, PORT_END, CellKey

LIMIT = 131_072
"""Cells at most; about 1 kB each, of hosts that were seen some ten times."""
_REST_LIMIT = 4096


class Rest(Cell):
    """What is left of cells that are not kept apart any more: of one process, interface and direction."""

    is_kept = False
    __slots__ = ("_rest_key",)

    def __init__(self, key: CellKey) -> None:
        super().__init__(b"")
        self._rest_key = key

    @property
    def key(self) -> CellKey:
        """Without port, and without address but for a network's that is in sight."""
        return self._rest_key

    def absorb(self, *cells: Cell) -> None:
        """Add what cells have counted. Their connections must be closed."""
        self.tally.merge_all([cell.tally for cell in cells])
        for cell in cells:
            if cell.live:
                self.give_live().tally.merge(cell.live.tally)
            if cell.mark:
                mark = self.mark = dict(self.mark or {})
                for code, count in cell.mark.items():
                    mark[code] = mark.get(code, 0) + count


class Cells:
    """By key (`tui.core.grouping.key_bytes`), those of one host together. One thread."""

    def __init__(self, limit: int = LIMIT) -> None:
        """`limit`: so many are left when `surplus` was taken."""
        self._limit = limit
        self.by_key: dict[bytes, Cell] = {}
        self.turn = 0
        """How often `surplus` was asked for: cells say in which of these turns they were seen last."""
        self._hosts: dict[bytes, Cell] = {}
        """The first cell of each host, by address."""
        self._others: dict[bytes, list[Cell]] = {}
        """The other ones, of hosts that have several."""
        self._by_turn: dict[int, list[bytes]] = {}
        """Each host once: below the turn that it was seen in last, or, if nobody has looked since, an earlier one."""
        self._rests: dict[CellKey, Rest] = {}

    def __iter__(self) -> Iterator[Cell]:
        yield from self.by_key.values()
        yield from self._rests.values()

    def seen(self, key: bytes) -> Cell:
        """The cell of a key, made if there is none; it is seen now."""
        cell = self.by_key.get(key)
        if cell is None:
            cell = self.by_key[key] = Cell(key)
            address = key[:ADDRESS_BYTES]
            if self._hosts.setdefault(address, cell) is cell:
                self._by_turn.setdefault(self.turn, []).append(address)
            else:
                self._others.setdefault(address, []).append(cell)
        cell.seen = self.turn
        return cell

    def surplus(self) -> list[list[Cell]]:
        """If there are too many cells, take out those of the hosts that were seen least recently.

        Hosts with open connections stay.
        """
        self.turn += 1
        found: list[list[Cell]] = []
        wanted = len(self.by_key) - self._limit
        while wanted > 0 and (oldest := min(self._by_turn)) < self.turn:
            addresses = self._by_turn.pop(oldest)
            for place, address in enumerate(addresses):
                if wanted <= 0:
                    self._by_turn[oldest] = addresses[place:]
                    break
                first, others = self._hosts[address], self._others.get(address)
                if others is None and first.live is None:
                    cells, last = [first], first.seen
                else:
                    cells = [first, *(others or ())]
                    last = max(map(self._last_turn, cells))
                if last > oldest:
                    self._by_turn.setdefault(last, []).append(address)
                else:
                    self._take_out(address, cells)
                    wanted -= len(cells)
                    found.append(cells)
        return found

    def _last_turn(self, cell: Cell) -> int:
        """When it was seen last; now, if it has open connections."""
        return self.turn if cell.live and cell.live.connections else cell.seen

    def _take_out(self, address: bytes, cells: list[Cell]) -> None:
        del self._hosts[address]
        self._others.pop(address, None)
        for cell in cells:
            del self.by_key[cell.id]

    def rests_of(self, cells: Iterable[Cell]) -> dict[Rest, list[Cell]]:
        """Which cells that are not kept are to be added to which rest of all."""
        found: defaultdict[bytes, list[Cell]] = defaultdict(list)
        for cell in cells:
            found[cell.id[PORT_END:]].append(cell)
        rests: dict[Rest, list[Cell]] = {}
        for some in found.values():
            rests.setdefault(self.rest_of(some[0].key), []).extend(some)
        return rests

    def rest_of(self, key: CellKey, network: bytes = b"") -> Rest:
        """What is to add up a cell that is not kept; `network`: of one that is in sight."""
        wanted = CellKey(network, 0, key.process, key.ifindex, key.direction)
        if wanted not in self._rests and len(self._rests) >= _REST_LIMIT:
            # Processes can be called anything.
            wanted = CellKey(b"", 0, bytes(len(key.process)), key.ifindex, key.direction)
        rest = self._rests.get(wanted)
        if rest is None:
            rest = self._rests[wanted] = Rest(wanted)
        return rest

    def forget_networks(self) -> None:
        """Add what is left of hosts to the rest of all, as no network is in sight any more."""
        for key, rest in list(self._rests.items()):
            if key.remote:
                del self._rests[key]
                self.rest_of(key).absorb(rest)

    def drop(self, rest: Rest) -> None:
        """Let go of one that has been added to another."""
        del self._rests[rest.key]
