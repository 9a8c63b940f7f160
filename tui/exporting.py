"""Taking along what is shown: to the clipboard, as CSV or JSON, or as a recording of the last minutes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from bpf.errors import TcplatError
from bpf.event import printable
from tui.core.columns import COLUMNS
from tui.core.row import Row

if TYPE_CHECKING:
    from textual.app import App

    from tui.options import ScreenOptions
    from tui.out.table import Cell
    from tui.switched import Switched

    _Base = App[None]
else:
    _Base = object

_IDS = tuple(each.id for each in COLUMNS if each.value and each.id != "host" and not each.needs_mark)
_UNITS = {"age": "_ns", "sampled": "_ns", "loss": "_percent"} | dict.fromkeys(
    (each.id for each in COLUMNS if each.is_latency), "_ns"
)
HEADER = ["row", *(f"{id_}{_UNITS.get(id_, '')}" for id_ in _IDS)]


def cells(row: Row) -> list[Cell]:
    """What is taken along of a row: below `HEADER`."""
    return [row.label, *(row.figure(id_) for id_ in _IDS)]


class Exporting(_Base):
    """The part of an app that answers `c` and `E`."""

    views: Switched
    options: ScreenOptions

    def taken_along(self, rows: Sequence[Any]) -> tuple[Sequence[str], list[Sequence[Cell]]]:
        """Rows of the table as other programs take them: a header, and cells."""
        raise NotImplementedError

    def action_copy(self) -> None:
        """Copy the selected row; without one, all rows."""
        from tui.out.table import clipboard_text

        selected = self.views.table.selected
        header, rows = self.taken_along([selected] if selected else self.views.table.all_rows())
        self.copy_to_clipboard(clipboard_text(rows, header))
        what = "the row" if selected else f"{len(rows):,} rows"
        self.notify(f"Copied {what}, if this terminal takes it (OSC 52)", timeout=3, markup=False)

    def action_export(self) -> None:
        """Ask what to write to a file."""
        from tui.screens.choice import ChoiceScreen

        choices = {"csv": "what is shown, as CSV", "json": "what is shown, as JSON"}
        if self.options.save_recent:
            choices["recent"] = "the last 15 minutes, as a recording"
        self.push_screen(ChoiceScreen("export to a new file in this directory", choices), self._export)

    def _export(self, chosen: str | None) -> None:
        if chosen == "recent":
            assert self.options.save_recent
            self.run_worker(self._tell_saved(self.options.save_recent))
        elif chosen:
            from tui.out.table import csv_text, json_text
            from tui.saving import save

            header, rows = self.taken_along(self.views.table.all_rows())
            text = csv_text(header, rows) if chosen == "csv" else json_text(header, rows)
            said = f"Saved {len(rows):,} rows: "
            self.run_worker(self._tell_saved(lambda: f"{said}{save(text, f'.{chosen}', time.time())}"))

    async def _tell_saved(self, write: Callable[[], str]) -> None:
        try:
            # The directory may have any name.
            self.notify(printable(await asyncio.to_thread(write)), markup=False)
        except TcplatError as error:
            self.notify(str(error), severity="error", markup=False)
