"""Scenario files: handshakes in, rows out. See tests/scenarios/core/README.md for what is in them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bpf.event import Handshake, Outcome
from tests.core.handshakes import MS, S, handshake
from tui.core.columns import fit
from tui.core.format import ASCII, UNICODE
from tui.core.hosts import Hosts

FOLDER = Path(__file__).parents[1] / "scenarios" / "core"
FILES = sorted(FOLDER.glob("*.json"))


def event(seconds: float, address: str, what: float | str) -> Handshake:
    """A line of a scenario's `ingest`."""
    time_ns = round(seconds * S)
    if what == "ambiguous":
        return handshake(address, time_ns, retransmits=1, ambiguous=True)
    if isinstance(what, str):
        return handshake(address, time_ns, outcome=Outcome[what.upper()])
    return handshake(address, time_ns, round(what * MS))


class Screen:
    """What a scenario's steps do."""

    def __init__(self, scenario: dict[str, Any]) -> None:
        self.hosts = Hosts(0)
        self.columns = fit(scenario.get("width", 80))
        self.glyphs = ASCII if scenario.get("ascii") else UNICODE

    def ingest(self, lines: list[list[Any]]) -> None:
        self.hosts.ingest([event(*line) for line in lines])

    def refresh(self, seconds: float) -> None:
        self.hosts.refresh(round(seconds * S))

    def sort_by(self, arguments: list[Any]) -> None:
        self.hosts.sort_by(*arguments)

    def narrow(self, text: str) -> None:
        self.hosts.narrow(text)

    def reset(self, seconds: float) -> None:
        self.hosts.reset(round(seconds * S))

    def header(self, expected: str) -> None:
        titles = [
            f"{each.title:{'<' if each.align == 'left' else '>'}{width}}" for each, width in self.columns
        ]
        assert " ".join(titles) == expected

    def rows(self, expected: list[str]) -> None:
        lines = [
            " ".join(each.cell(row, width, self.glyphs) for each, width in self.columns).rstrip()
            for row in self.hosts.rows(0, 1000)
        ]
        assert lines == expected

    def shown(self, expected: str) -> None:
        assert f"{self.hosts.shown} of {len(self.hosts)}" == expected


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
