"""What the command line, the configuration and the environment make of the screen."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from textual.color import Color

import tui.model
from tests.tui.played import MS, Played, handshake
from tests.tui.shown import BY_P95, THREE, shown
from tui import command_line
from tui.app import TcplatApp
from tui.config.config import Config
from tui.config.file import load
from tui.config.understanding import understand
from tui.core.format import ASCII
from tui.core.grouping import Grouping
from tui.core.window import Window
from tui.names import Resolver
from tui.options import ScreenOptions

CONFIG = """
columns = ["host", "max", "count"]
sort = "max"
reverse = true
window = "5m"
group = "service"
interval_s = 2
warn_ms = 50
bad_ms = 80
theme = "mono"
[keys]
"app.pause" = "p"
"""


def options_of(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> ScreenOptions:
    """What the screen is given."""
    taken: list[ScreenOptions] = []
    monkeypatch.setattr(command_line, "_require_terminal", lambda **_: None)
    monkeypatch.setattr(TcplatApp, "run", lambda app: taken.append(app.options))
    assert command_line.run(["--read", "/dev/null", *arguments]) == 0
    return taken[0]


def test_configuration_and_command_line_reach_the_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(CONFIG)
    options = options_of(monkeypatch, "--config", str(path), "--filter", "p95>80ms")
    assert options.columns == ("host", "max", "count")
    assert (options.sort, options.is_reversed) == ("max", True)
    assert (options.window, options.grouping) == (Window.MINUTES_5, Grouping.SERVICE)
    assert (options.redraw_interval_s, options.theme) == (2, "mono")
    assert (options.thresholds.warn_ns, options.thresholds.bad_ns) == (50 * MS, 80 * MS)
    assert options.keymap == {"app.pause": "p"}
    assert options.filter == "p95>80ms"


async def test_screen_starts_as_it_is_configured() -> None:
    options = ScreenOptions(
        columns=("host", "max", "count"),
        sort="max",
        is_reversed=True,
        window=Window.MINUTES_5,
        grouping=Grouping.SERVICE,
        theme="mono",
        keymap={"app.pause": "p"},
    )
    just_now = [each._replace(time_ns=time.monotonic_ns()) for each in THREE]  # Made a whole test run ago.
    async with shown(Played(*just_now), options=options) as screen:
        assert screen.header.split() == ["service", "max▲", "count"]
        assert screen.hosts == [f"{host}:https" for host in reversed(BY_P95)]
        assert "last 5m" in screen.title
        assert screen.app.theme == "mono"
        await screen.press("p")
        assert "PAUSED" in screen.title


def test_what_is_printed_is_a_configuration_that_changes_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert command_line.run(["--print-config"]) == 0
    printed = capsys.readouterr().out
    assert understand(printed, "printed", command_line._known()) == Config()
    path = tmp_path / "config.toml"
    path.write_text(printed.replace("# [keys]", "[keys]").replace('# "app.quit"', '"app.quit"'))
    assert load(str(path), {}, command_line._known).sort == "p95"


def test_wrong_configuration_is_told_with_line_and_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command_line, "_require_terminal", lambda **_: None)
    path = tmp_path / "config.toml"
    path.write_text('sort = "p95"\n[keys]\n"table.srot" = "x"\n')
    assert command_line.run(["--read", "/dev/null", "--config", str(path)]) == 1
    told = capsys.readouterr().err
    assert "line 3" in told and "table.srot" in told and told.count("\n") == 1


@pytest.mark.parametrize(("colour", "theme"), [("", "ansi-dark"), ("1", "mono")])
def test_no_color_takes_the_theme_without_colour(
    colour: str, theme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", colour)
    assert options_of(monkeypatch, "--config", "/dev/null").theme == theme


async def test_without_colour_none_is_painted() -> None:
    async with shown(Played(*THREE), options=ScreenOptions(theme="mono")) as screen:
        for key in ("j", "2", "3", "4", "5", "1", "question_mark"):
            await screen.press(key)
            for strip in screen.app.screen._compositor.render_strips():
                (filter_,) = screen.app.get_line_filters()
                for _, style, _ in strip.apply_filter(filter_, Color(0, 0, 0)):
                    used = [each for each in (style.color, style.bgcolor) if each] if style else []
                    assert {each.name for each in used} <= {"default"}, key


@pytest.mark.parametrize(("language", "is_ascii"), [("C", True), ("C.UTF-8", False)])
def test_locale_chooses_the_characters(
    language: str, is_ascii: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_ALL", "LC_CTYPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", language)
    assert (options_of(monkeypatch, "--config", "/dev/null").glyphs is ASCII) is is_ascii


async def test_ascii_in_every_view() -> None:
    async with shown(Played(*THREE), (120, 40), ScreenOptions(glyphs=ASCII)) as screen:
        for key in ("j", "m", "2", "3", "j", "4", "5", "1", "E", "escape"):
            await screen.press(key)
            assert screen.text.isascii(), screen.text


async def test_plus_and_minus_change_the_interval() -> None:
    async with shown(Played(*THREE)) as screen:
        await screen.press("plus")
        await screen.until(lambda: "Redrawn every 0.5 s" in screen.prose)
        await screen.press("equals_sign")
        await screen.until(lambda: "Redrawn every 1 s" in screen.prose)
        await screen.press("minus", "minus")
        await screen.until(lambda: "Redrawn every 0.2 s" in screen.prose)


async def test_t_goes_through_the_themes() -> None:
    async with shown(Played(*THREE)) as screen:
        await screen.press("T")
        assert screen.app.theme == "ansi-light"
        await screen.press("T")
        assert screen.app.theme == "mono"
        await screen.until(lambda: "Theme mono" in screen.prose)
        assert screen.hosts == BY_P95


async def test_n_shows_names_and_addresses_again(monkeypatch: pytest.MonkeyPatch) -> None:
    may_answer = threading.Event()

    def lookup(address: str) -> str:
        assert may_answer.wait(10)
        return f"host-{address.rpartition('.')[2]}.example.org"

    monkeypatch.setattr(tui.model, "Resolver", lambda: Resolver(lookup))
    async with shown(Played(*THREE), (120, 24)) as screen:
        await screen.press("n")
        assert screen.hosts == BY_P95
        await screen.press("slash", *"example", "enter")
        assert screen.hosts == []
        may_answer.set()
        await screen.until(lambda: "host-2.example.org" in screen.text)
        assert "3 hosts" in screen.title
        await screen.press("escape", "n")
        assert screen.hosts == BY_P95


async def test_pause_holds_while_everything_else_works() -> None:
    async with shown(Played(*THREE)) as screen:
        await screen.press("space")
        await screen.play(lambda: screen.source.play(handshake("198.18.9.9", 400 * MS)))
        await screen.press("S", "j", "slash", *"198", "enter", "a", "plus", "minus")
        assert "PAUSED (still collecting; Space resumes)" in screen.title
        assert screen.hosts == [f"{host}:https" for host in reversed(BY_P95)]
        assert screen.app.query_one("TitleLine").has_class("-paused")
