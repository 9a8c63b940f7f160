"""All cells, in bounded memory: of too many, the hosts that were seen least recently are added up to a few."""

from __future__ import annotations

from collections.abc import Iterator

from tui.core.cell import Cell
from tui.core.grouping import ADDRESS_BYTES, CellKey

LIMIT = 131_072
"""Cells at most; about 1 kB each, of hosts that were seen some ten times."""
_SPARE = 16
"""This part of them is taken out at a time."""
_REST_LIMIT = 4096


class Rest(Cell):
    """What is left of cells that are not kept apart any more: of one process, interface and direction."""

    __slots__ = ("_rest_key",)

    def __init__(self, key: CellKey) -> None:
        super().__init__(b"")
        self._rest_key = key

    @property
    def key(self) -> CellKey:
        """Without port, and without address but for a network's that is in sight."""
        return self._rest_key

    def absorb(self, cell: Cell) -> None:
        """Add what a cell has counted. Its connections must be closed."""
        self.tally.merge(cell.tally)
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
        self._rests: dict[CellKey, Rest] = {}

    def __iter__(self) -> Iterator[Cell]:
        yield from self.by_key.values()
        yield from self._rests.values()

    def seen(self, key: bytes) -> Cell:
        """The cell of a key, made if there is none; it is seen now."""
        cell = self.by_key.get(key)
        if cell is None:
            cell = self.by_key[key] = Cell(key)
        cell.seen = self.turn
        return cell

    def surplus(self) -> list[list[Cell]]:
        """If there are too many cells, take out those of the hosts that were seen least recently.

        Some more than needed, as all have to be looked at; hosts with open connections stay.
        """
        self.turn += 1
        if len(self.by_key) <= self._limit:
            return []
        by_key = self.by_key
        last: dict[bytes, int] = {}
        for key, cell in by_key.items():
            address = key[:ADDRESS_BYTES]
            if cell.live and cell.live.connections:
                last[address] = self.turn
            elif cell.seen > last.get(address, -1):
                last[address] = cell.seen
        wanted = len(by_key) - self._limit + self._limit // _SPARE
        # Each of these has a cell at least.
        oldest = dict.fromkeys(sorted(last, key=last.__getitem__)[:wanted])
        cells: dict[bytes, list[Cell]] = {address: [] for address in oldest if last[address] < self.turn}
        for key, cell in by_key.items():
            if (address := key[:ADDRESS_BYTES]) in cells:
                cells[address].append(cell)
        return self._taken(cells, wanted)

    def _taken(self, cells: dict[bytes, list[Cell]], wanted: int) -> list[list[Cell]]:
        found = []
        for each in cells.values():
            if wanted <= 0:
                break
            found.append(each)
            wanted -= len(each)
            for cell in each:
                del self.by_key[cell.id]
        return found

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
