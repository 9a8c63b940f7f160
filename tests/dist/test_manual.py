"""The manual: a page that man takes, with all that --help and the help screen have."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tools.dist.manual import manual
from tools.dist.options import options
from tools.dist.roff import Page
from tui.core.columns import COLUMNS
from tui.core.filter import KEYS


@pytest.fixture(scope="module")
def page() -> str:
    return manual("1.2.3", "top for TCP latency", epoch_s=1_700_000_000)


def shown(source: str) -> str:
    """As a terminal shows it."""
    done = subprocess.run(
        ["mandoc", "-T", "utf8", "-O", "width=1000"], input=source, check=True, capture_output=True, text=True
    )
    return re.sub(".\b", "", done.stdout)


def test_man_finds_nothing_wrong_with_it(page: str, tmp_path: Path) -> None:
    (tmp_path / "tcplat.1").write_text(page)
    said = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning", tmp_path / "tcplat.1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (said.stdout, said.returncode) == ("", 0)


def test_it_says_what_it_is_of_and_when(page: str) -> None:
    text = shown(page)
    assert "tcplat - top for TCP latency" in text
    assert "tcplat 1.2.3" in text
    assert "2023-11-14" in text


def test_it_has_every_option_and_its_help(page: str) -> None:
    text = " ".join(shown(page).split())
    for option in options():
        assert all(name in text for name in option.names)
        assert " ".join(option.help.split()) in text


def test_it_has_every_key_column_and_word_of_the_filter(page: str) -> None:
    text = " ".join(shown(page).split())
    for told in (*(column.help for column in COLUMNS), *(key.example for key in KEYS)):
        assert " ".join(told.split()) in text
    for keys in ("q ^c Quit", "down j Next row", "home g Newest, and follow", "w Window"):
        assert keys in text


def test_text_stays_text() -> None:
    page = Page("x", 1, "2023-11-14", "1")
    page.heading("name")
    odd = [".SH not a heading", "'br", r"a\fBb", "--option", "it's ~/x^2 `y`", "µs Δ"]
    page.as_is("\n".join(odd))
    lines = [line.strip() for line in shown(page.source).splitlines()]
    assert lines[3:9] == odd
