"""Taking rows along: the clipboard, files of rows, a recording of the last minutes."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from bpf.errors import TcplatError
from tests.tui.played import MS, Played, handshake
from tests.tui.shown import BY_P95, THREE, Shown, shown
from tui.options import ScreenOptions


async def save(screen: Shown, choice: str) -> None:
    await screen.press("E")
    await screen.until(lambda: "export to a new file" in screen.text)
    await screen.press(*["j"] * ["CSV", "JSON", "recording"].index(choice), "enter")


async def test_c_copies_the_row_or_all_rows() -> None:
    async with shown(Played(*THREE)) as screen:
        await screen.press("c")
        header, *rows = screen.app.clipboard.split("\n")
        assert header.split("\t")[0] == "row" and "p95_ns" in header.split("\t")
        assert [row.split("\t")[0] for row in rows] == BY_P95
        await screen.press("j", "j", "c")
        _, row = screen.app.clipboard.split("\n")
        cells = dict(zip(header.split("\t"), row.split("\t"), strict=True))
        assert (cells["row"], cells["count"]) == ("198.18.0.1", "1")
        assert float(cells["max_ns"]) == 20 * MS
        await screen.until(lambda: "Copied the row" in screen.prose)


async def test_e_writes_what_is_shown_as_csv_or_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with shown(Played(*THREE)) as screen:
        await screen.press("slash", *"0.", "enter")
        await save(screen, "CSV")
        await screen.until(lambda: "Saved 2 rows" in screen.prose)
        (path,) = tmp_path.glob("*.csv")
        rows = list(csv.DictReader(path.open()))
        assert [row["row"] for row in rows] == BY_P95[:2]
        await save(screen, "JSON")
        await screen.until(lambda: list(tmp_path.glob("*.json")))
        await screen.until(lambda: screen.prose.count("Saved 2 rows") == 2)
        (path,) = tmp_path.glob("*.json")
        assert [row["row"] for row in json.loads(path.read_text())] == BY_P95[:2]


async def test_where_it_cannot_be_written_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    async with shown(Played(*THREE)) as screen:
        await save(screen, "CSV")
        await screen.until(lambda: "cannot save: the current directory is gone" in screen.prose)


@pytest.mark.parametrize("failure", [None, TcplatError("no room", "make some")])
async def test_e_saves_the_last_minutes_and_tells_where(failure: TcplatError | None) -> None:
    def save_recent() -> str:
        if failure:
            raise failure
        return "Saved [it] there"

    async with shown(Played(handshake()), options=ScreenOptions(save_recent=save_recent)) as screen:
        await save(screen, "recording")
        await screen.until(lambda: ("no room; make some" if failure else "Saved [it] there") in screen.text)


@pytest.mark.parametrize("key", ["escape", "q"])
async def test_export_can_be_left(key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with shown(Played(*THREE)) as screen:
        await screen.press("E", "j", key)
        assert screen.hosts == BY_P95
        assert "recording" not in screen.text
        assert list(tmp_path.iterdir()) == []
