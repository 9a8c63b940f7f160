"""The themes, by what they send to a terminal and what is left to see."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.color import Color, ColorType
from rich.segment import Segment
from rich.style import Style
from textual.color import Color as Background
from textual.filter import LineFilter, NoColor

from tests.tui.painted import Painted
from tests.tui.played import PATIENCE_S
from tui import themes

ROOT = Path(__file__).parents[2]
COLOURS = {*range(30, 50), *range(90, 108)}
OF_MORE_THAN_SIXTEEN = {38, 48}


def sent(theme: str, **environment: str) -> bytes:
    """All that a screen in `theme` writes to a terminal of every colour."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 100, 0, 0))
    inherited = {name: text for name, text in os.environ.items() if name != "NO_COLOR"}
    program = subprocess.Popen(
        [sys.executable, "-m", "tests.tui.painted", theme],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**inherited, "TERM": "xterm-256color", "COLORTERM": "truecolor", **environment},
        cwd=ROOT,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        written = until(ours, b"typed", b"toast")
        os.write(ours, b"\x0f")  # Ctrl+O
        written += until(ours, b"above")
        os.write(ours, b"\x11")  # Ctrl+Q
        written += until(ours)
        assert program.wait(PATIENCE_S) == 0, written
    finally:
        program.kill()
        program.wait()
        os.close(ours)
    return written


def until(terminal: int, *texts: bytes) -> bytes:
    """What is written there, until all of these were; without any: until nobody has it open."""
    written = b""
    while not texts or not all(text in written for text in texts):
        assert select.select([terminal], [], [], PATIENCE_S)[0], written
        try:
            written += os.read(terminal, 65536)
        except OSError:  # EIO: that was the last.
            assert not texts, written
            break
    return written


def rendition(written: bytes) -> list[list[int]]:
    """The numbers of every SGR sequence: colours and attributes (ECMA-48)."""
    found = [text.decode().replace(":", ";") for text in re.findall(rb"\x1b\[([\d;:]*)m", written)]
    assert len(found) > 50
    return [[int(number or 0) for number in text.split(";")] for text in found]


@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}], ids=["", "NO_COLOR"])
def test_mono_sends_no_colour_at_all(environment: dict[str, str]) -> None:
    numbers = {number for each in rendition(sent("mono", **environment)) for number in each}
    assert not numbers & COLOURS
    assert numbers == {0, 1, 2, 4, 7}


@pytest.mark.parametrize("theme", ["ansi-dark", "ansi-light"])
def test_sixteen_colours_are_no_more(theme: str) -> None:
    numbers = {number for each in rendition(sent(theme)) for number in each}
    assert numbers & COLOURS
    assert not numbers & OF_MORE_THAN_SIXTEEN


def test_the_default_colours_cost_no_bytes() -> None:
    assert not {39, 49} & {number for each in rendition(sent("ansi-dark")) for number in each}


def test_a_theme_that_was_asked_for_has_its_colours_whatever_no_color_says() -> None:
    numbers = rendition(sent("nord", NO_COLOR="1"))
    assert any(
        each[at] == 38 and len(set(each[at + 2 : at + 5])) > 1 for each in numbers for at in range(len(each))
    )


@pytest.mark.parametrize(
    ("environment", "configured", "chosen"),
    [
        ({}, "auto", "ansi-dark"),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "auto", "ansi-dark"),
        ({"TERM": "linux"}, "auto", "ansi-dark"),
        ({"TERM": "vt100"}, "auto", "mono"),
        ({"TERM": "vt220-8bit"}, "auto", "mono"),
        ({"TERM": "xterm-mono"}, "auto", "mono"),
        ({"TERM": "linux-m"}, "auto", "mono"),
        ({"TERM": "screen-16color"}, "auto", "ansi-dark"),
        ({"NO_COLOR": "1", "TERM": "xterm"}, "auto", "mono"),
        ({"NO_COLOR": "0"}, "auto", "mono"),
        ({"NO_COLOR": ""}, "auto", "ansi-dark"),
        ({"NO_COLOR": "1"}, "nord", "nord"),
        ({"TERM": "vt100"}, "ansi-light", "ansi-light"),
        ({}, "mono", "mono"),
    ],
)
def test_the_theme_that_fits_is_chosen(environment: dict[str, str], configured: str, chosen: str) -> None:
    assert themes.choose(environment, configured) == chosen


def looks(app: Painted, query: str) -> Style:
    """How the first character of a widget is drawn."""
    x, y, _, _ = app.query_one(query).content_region
    line = app.screen._compositor.render_strips()[y]
    (first,) = line.crop(x, x + 1)
    return first.style or Style.null()


async def test_mono_says_by_attributes_what_others_say_by_colour() -> None:
    app = Painted("mono")
    async with app.run_test(size=(80, 50)) as pilot:
        await pilot.pause()
        plain = looks(app, "#plain")
        assert not (plain.bold or plain.dim or plain.underline or plain.reverse)
        assert looks(app, "#error").bold
        assert looks(app, "#warning").underline
        assert looks(app, "#banner").reverse
        assert looks(app, "#dim").dim
        assert looks(app, "OptionList").reverse, "the cursor"
        assert looks(app, "#typed").reverse, "the selected text"
        assert not looks(app, "#tint").reverse, "a shade is no cursor"


async def test_every_theme_can_follow_every_other() -> None:
    order = themes.names()
    assert order[:3] == ["ansi-dark", "ansi-light", "mono"] and len(set(order)) == len(order)
    app = Painted(order[0])
    async with app.run_test(size=(80, 50)) as pilot:
        assert set(order) == set(app.available_themes)
        for name in [*order[1:], "mono", "textual-light", "mono", "ansi-dark"]:
            themes.apply(app, name)
            await pilot.pause()
            drawn = [segment.style for strip in app.screen._compositor.render_strips() for segment in strip]
            kinds = {
                color.type for style in drawn if style for color in (style.color, style.bgcolor) if color
            }
            if name == "mono":
                assert not kinds
            else:
                assert (ColorType.TRUECOLOR in kinds) == (not name.startswith("ansi-"))


@pytest.mark.parametrize("theme", ["mono", "ansi-dark", "textual-dark"])
async def test_what_is_drawn_can_still_be_clicked(theme: str) -> None:
    app = Painted(theme)
    async with app.run_test(size=(80, 50)) as pilot:
        await pilot.click("#link", offset=(1, 0))
        assert app.clicks == 1


def test_no_filter_is_lost_but_that_of_no_color() -> None:
    class Other(LineFilter):
        def apply(self, segments: list[Segment], background: Background) -> list[Segment]:
            return segments

    others: list[LineFilter] = [Other(), NoColor()]
    assert themes.filters("nord", others) == others[:1]
    assert themes.filters("ansi-dark", others)[:-1] == others[:1]
    assert len(themes.filters("mono", others)) == 1


colours = st.none() | st.sampled_from(["default", "red", "yellow", "white", "color(200)", "#102030"]).map(
    Color.parse
)
flags = st.none() | st.booleans()
styles = st.builds(
    Style,
    color=colours,
    bgcolor=colours,
    bold=flags,
    dim=flags,
    reverse=flags,
    underline=flags,
    link=st.none() | st.just("https://example.net"),
    meta=st.none() | st.just({"@click": "quit"}),
)


@given(styles, st.sampled_from(["mono", "ansi-dark"]))
def test_a_filter_takes_nothing_but_colours(style: Style, theme: str) -> None:
    (line_filter,) = themes.filters(theme, [])
    (text, after, _), (_, none, _) = line_filter.apply(
        [Segment("x", style), Segment("y")], Background(0, 0, 0)
    )
    assert text == "x" and none is None
    after = after or Style.null()
    assert after.meta == style.meta and after.link == style.link
    for attribute in ("bold", "dim", "underline", "reverse", "italic", "strike"):
        before = getattr(style, attribute)
        assert getattr(after, attribute) == before or (theme == "mono" and getattr(after, attribute))
    left = {color.type for color in (after.color, after.bgcolor) if color}
    assert left <= (set() if theme == "mono" else {ColorType.STANDARD})
