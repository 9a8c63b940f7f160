"""What a table that is drawn line by line asks of rows, whatever they are of."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Protocol, TypeVar


class Listed(Protocol):
    """What a table asks of any row."""

    @property
    def key(self) -> Hashable:
        """What tells it from others of its grouping."""

    @property
    def grouping(self) -> object:
        """What it stands for."""

    def figure(self, id_: str) -> float | None:
        """The figure of a column."""


R = TypeVar("R", bound=Listed)


class Ordered(Protocol[R]):
    """Rows of any kind, in their order."""

    @property
    def sorting(self) -> tuple[str, bool]:
        """The sort column's id, and whether it is descending."""

    @property
    def shown(self) -> int:
        """How many there are."""

    def rows(self, start: int, stop: int) -> Sequence[R]:
        """Those in places `start` to `stop - 1`."""

    def rank(self, row: R) -> int | None:
        """The place of one; None: it has none."""

    def find(self, key: Any) -> R | None:
        """The row of a key; None: there is none."""
