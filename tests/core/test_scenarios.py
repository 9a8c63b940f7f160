"""Scenario files: handshakes in, rows out. See tests/scenarios/core/README.md for what is in them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bpf.event import Direction, Handshake, Outcome
from tests.core.handshakes import MS, FakeLabels, S, handshake
from tui.core.column import Column
from tui.core.columns import fit
from tui.core.filter import parse
from tui.core.format import ASCII, UNICODE
from tui.core.grouping import Grouping
from tui.core.rows import Rows
from tui.core.window import Window

FOLDER = Path(__file__).parents[1] / "scenarios" / "core"
FILES = sorted(FOLDER.glob("*.json"))


def event(seconds: float, address: str, what: float | str, more: dict[str, Any] | None = None) -> Handshake:
    """A line of a scenario's `ingest`."""
    time_ns = round(seconds * S)
    known = dict(more or {})
    if "direction" in known:
        known["direction"] = Direction[known["direction"].upper()]
    if what == "ambiguous":
        return handshake(address, time_ns, retransmits=1, ambiguous=True, **known)
    if isinstance(what, str):
        return handshake(address, time_ns, outcome=Outcome[what.upper()], **known)
    return handshake(address, time_ns, round(what * MS), **known)


class Screen:
    """What a scenario's steps do."""

    def __init__(self, scenario: dict[str, Any]) -> None:
        self.model = Rows(0, FakeLabels(scenario.get("names")))
        self.width = scenario.get("width", 80)
        self.glyphs = ASCII if scenario.get("ascii") else UNICODE

    @property
    def columns(self) -> list[tuple[Column, int]]:
        is_marked = self.model.marked_ns is not None
        return fit(self.width, sorted_by=self.model.sorting[0], is_marked=is_marked)

    def ingest(self, lines: list[list[Any]]) -> None:
        self.model.ingest([event(*line) for line in lines])

    def refresh(self, seconds: float) -> None:
        self.model.refresh(round(seconds * S))

    def sort_by(self, arguments: list[Any]) -> None:
        self.model.sort_by(*arguments)

    def narrow(self, text: str) -> None:
        self.model.narrow(parse(text).predicate())

    def group_by(self, grouping: str) -> None:
        self.model.group_by(Grouping(grouping))

    def look_at(self, window: str) -> None:
        self.model.look_at(Window(window))

    def face(self, direction: str | None) -> None:
        self.model.face(Direction[direction.upper()] if direction else None)

    def mark(self, is_marked: bool) -> None:
        if is_marked:
            self.model.mark()
        else:
            self.model.unmark()

    def freeze(self, is_frozen: bool) -> None:
        self.model.freeze(is_frozen)

    def reset(self, seconds: float) -> None:
        self.model.reset(round(seconds * S))

    def header(self, expected: str) -> None:
        titles = [
            f"{each.title:{'<' if each.align == 'left' else '>'}{width}}" for each, width in self.columns
        ]
        assert " ".join(titles) == expected

    def rows(self, expected: list[str]) -> None:
        lines = [
            " ".join(each.cell(row, width, self.glyphs) for each, width in self.columns).rstrip()
            for row in self.model.rows(0, 1000)
        ]
        assert lines == expected

    def shown(self, expected: str) -> None:
        assert f"{self.model.shown} of {len(self.model)}" == expected


def test_there_are_scenarios() -> None:
    assert FILES


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_scenario(file: Path) -> None:
    scenario = json.loads(file.read_text(encoding="utf-8"))
    screen = Screen(scenario)
    for step in scenario["steps"]:
        for name, argument in step.items():
            do: Callable[[Any], None] = getattr(screen, name)
            do(argument)
