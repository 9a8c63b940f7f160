"""The configuration file: what it sets, and the one line that tells what is wrong with it."""

from __future__ import annotations

import os
import pwd
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App
from textual.binding import Binding

from bpf.errors import TcplatError
from tui.config import toml
from tui.config.config import Config
from tui.config.file import default_path, load
from tui.config.keys import key_name
from tui.config.kinds import Known
from tui.config.settings import SETTINGS
from tui.config.template import default_text
from tui.config.understanding import understand

COLUMNS = ["host", "count", "p50", "p95", "trend"]
BINDINGS = {
    "app.quit": "q",
    "app.help": "question_mark",
    "app.sort": "s",
    "app.clear": "escape",
    "table.down": "down,j",
    "account.close": "escape,5",
}
KNOWN = Known(COLUMNS, COLUMNS[:-1], ["ansi-dark", "mono", "nord"], BINDINGS, ["ctrl+c", "tab"])
SHOW = "tcplat --print-config shows what can be set"
GROUPS = "host, service, network, process, interface"
WORSE = "what is bad is worse than what is warned of"


def config(text: str) -> Config:
    return understand(text, "c.toml", KNOWN)


def complaint(text: str) -> str:
    with pytest.raises(TcplatError) as caught:
        config(text)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", Config()),
        ("\ufeff# nothing\r\n", Config()),
        ('interface = ["eth0", "any"]', Config(interface=("eth0", "any"))),
        ('columns = ["p95", "host"]', Config(columns=("p95", "host"))),
        ('sort = "count"\r\nreverse = true', Config(sort="count", reverse=True)),
        ("interval_s = 2", Config(interval_s=2.0)),
        ("interval_s = 0.2", Config(interval_s=0.2)),
        ("interval_s = 60", Config(interval_s=60.0)),
        ("warn_ms = 0.5\nbad_ms = 0.5", Config(warn_ms=0.5, bad_ms=0.5)),
        ("bad_ms = 100", Config(bad_ms=100.0)),
        ('theme = "nord"', Config(theme="nord")),
        ('[keys]\n"app.quit" = "x"', Config(keys={"app.quit": "x"})),
        ('[keys]\napp.quit = ["Ctrl+Q", "x"]', Config(keys={"app.quit": "ctrl+q,x"})),
        ('keys.app.help = "f1"\nkeys.app.quit = "?"', Config(keys={"app.help": "f1", "app.quit": "question_mark"})),
        ('keys = {"app.quit" = "s", "app.sort" = "q"}', Config(keys={"app.quit": "s", "app.sort": "q"})),
        ('keys = {"app.clear" = ["escape", "x"]}', Config(keys={"app.clear": "escape,x"})),
        ("[keys]", Config()),
    ],
)  # fmt: skip
def test_what_is_set_is_understood(text: str, wanted: Config, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text, encoding="utf-8", newline="")
    assert load(str(file), {}, lambda: KNOWN) == wanted


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('\n\nwindow = "7m"', f"line 3: window: '7m' is not one of all, 1m, 5m, 15m; {SHOW}"),
        ('group = "hosts"', f"line 1: group: 'hosts' is not one of {GROUPS}; did you mean host?"),
        ("window = 5", f"line 1: window: 5 is not one of all, 1m, 5m, 15m; {SHOW}"),
        ('sort = "trend"', f"line 1: sort: 'trend' is not one of host, count, p50, p95; {SHOW}"),
        ('sort = "p96"', "line 1: sort: 'p96' is not one of host, count, p50, p95; did you mean p95?"),
        ('theme = "blue"', f"line 1: theme: 'blue' is not one of auto, ansi-dark, mono, nord; {SHOW}"),
        ('\n\n\ncolum = ["host"]', "line 4: colum: there is no such setting; did you mean columns?"),
        ("[red]\ngreen = 1", f"line 1: red: there is no such setting; {SHOW}"),
        ('"a\\nb" = 1', f'line 1: "a\\nb": there is no such setting; {SHOW}'),
        ("columns = []", "line 1: columns: the list is empty; leave it out instead"),
        ('columns = [\n "host",\n "host",\n]', "line 1: columns: 'host' is there twice; once is enough"),
        ('columns = ["hots"]', f"line 1: columns: 'hots' is not one of {', '.join(COLUMNS)}; did you mean host?"),
        ("columns = [1]", f"line 1: columns: 1 in the list is not a name; {SHOW}"),
        ('columns = "host"', f"line 1: columns: 'host' is not a list, such as [\"host\", \"p95\"]; {SHOW}"),
        ('interface = "eth0"', f"line 1: interface: 'eth0' is not a list, such as [\"eth0\"]; {SHOW}"),
        ('interface = [""]', f"line 1: interface: '' in the list is not a name; {SHOW}"),
        ("bell = 1", f"line 1: bell: 1 is not true or false; {SHOW}"),
        ("bell = 1979-05-27", f"line 1: bell: a date or time is not true or false; {SHOW}"),
        ("names = [true]", f"line 1: names: a list is not true or false; {SHOW}"),
        ("names = {a = 1}", f"line 1: names: a table is not true or false; {SHOW}"),
        ("interval_s = 0.1", f"line 1: interval_s: 0.1 is not a number from 0.2 to 60; {SHOW}"),
        ("interval_s = 61", f"line 1: interval_s: 61 is not a number from 0.2 to 60; {SHOW}"),
        ("interval_s = nan", f"line 1: interval_s: nan is not a number from 0.2 to 60; {SHOW}"),
        ("interval_s = true", f"line 1: interval_s: true is not a number from 0.2 to 60; {SHOW}"),
        ('interval_s = "1"', f"line 1: interval_s: '1' is not a number from 0.2 to 60; {SHOW}"),
        ("warn_ms = inf", f"line 1: warn_ms: inf is not a number from 0.001 to 3600000; {SHOW}"),
        ("warn_ms = 0", f"line 1: warn_ms: 0 is not a number from 0.001 to 3600000; {SHOW}"),
        ("warn_ms = -1e3", f"line 1: warn_ms: -1000.0 is not a number from 0.001 to 3600000; {SHOW}"),
        (f"bell = 1{'0' * 400}", f"line 1: bell: so large a number is not true or false; {SHOW}"),
        (f"interval_s = 1{'0' * 400}", f"line 1: interval_s: so large a number is not a number from 0.2 to 60; {SHOW}"),
        ("bad_ms = 5\nwarn_ms = 9.5", f"line 1: bad_ms: 5 is less than warn_ms, 9.5; {WORSE}"),
        (f'window = "{"x" * 99}"', f"line 1: window: '{'x' * 37}...' is not one of all, 1m, 5m, 15m; {SHOW}"),
        ('window = "\\u001b[2J"', f"line 1: window: '\\x1b[2J' is not one of all, 1m, 5m, 15m; {SHOW}"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(text: str, told: str) -> None:
    assert complaint(text) == f"c.toml, {told}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[keys]\n\napp.qit = 'x'", "line 3: keys.app.qit: there is no such action; did you mean app.quit?"),
        ("[keys]\nwindow = '1m'", "line 2: keys.window: there is no such action; write it above [keys]"),
        ("[keys.app]\nquit='x'\nquits=1", "line 3: keys.app.quits: there is no such action; did you mean app.quit?"),
        ("keys = 'q'", f"line 1: keys: 'q' is not a table of actions and their keys; {SHOW}"),
        ("[[keys]]\n'app.quit' = 'x'", f"line 1: keys: a list is not a table of actions and their keys; {SHOW}"),
        ("[keys]\n'app.quit' = []", 'line 2: keys."app.quit": the list is empty; leave it out instead'),
        ("[keys]\n'app.quit' = 1", f'line 2: keys."app.quit": 1 is not a key, such as "q", or a list of keys; {SHOW}'),
        ("[keys]\n'app.quit' = ['x', 'X', 'x']", "line 2: keys.\"app.quit\": 'x' is there twice; once is enough"),
        ("[keys]\n'app.quit' = 'pgdwn'", "line 2: keys.\"app.quit\": there is no key 'pgdwn'; did you mean pagedown?"),
        ("[keys]\n'app.quit' = ''", f"line 2: keys.\"app.quit\": there is no key ''; {SHOW}"),
        (
            "[keys]\napp.quit = 'x,y'",
            'line 2: keys.app.quit: there is no key \'x,y\'; several keys are a list: ["down", "j"]',
        ),
        ("[keys]\n'app.quit' = 'x'\napp.quit = 'y'", "line 3: keys.app.quit: it is there twice; once is enough"),
        ("[keys]\napp.quit = 'ctrl+I'", "line 2: keys.app.quit: the key tab always does what it does; choose another"),
        (
            "[keys]\n'app.quit' = 'j'",
            'line 2: keys."app.quit": the key j is that of table.down too; '
            "give table.down another one, or choose another here",
        ),
        (
            "[keys]\n'app.quit' = '?'\n'app.sort' = ['y', 'question_mark']\n'app.help' = 'f1'",
            'line 2: keys."app.quit": the key question_mark is that of app.sort too; '
            "give app.sort another one, or choose another here",
        ),
        (
            "[keys]\n'app.sort' = 'escape'",
            'line 2: keys."app.sort": the key escape is that of app.clear too; '
            "give app.clear another one, or choose another here",
        ),
    ],
)  # fmt: skip
def test_keys_that_cannot_be_are_told_with_their_line(text: str, told: str) -> None:
    assert complaint(text) == f"c.toml, {told}"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("window", "c.toml, line 1: "),
        ('window = "1m"\nwindow = "5m"', "c.toml, line 2: "),
        ("\n\nwindow = 1m", "c.toml, line 3: "),
        ('bell = true\nwindow = "1m', "c.toml, line 2: "),
        ('window = """1m', "c.toml: "),
        (f"columns = {'[' * 5000}{']' * 5000}", "c.toml: lists or tables are nested too deeply"),
        (f"warn_ms = {'1' * 5000}", "c.toml: a number has too many digits"),
        (f"keys.{'a.' * 50}b = 1", "c.toml, line 1: keys.a.a"),
        (f"keys.{'a.' * 5000}b = 1", "c.toml"),
        ("#\n" * 1001 + "bell = 1", "c.toml: bell: "),
    ],
    ids=lambda text: text[:20],
)
def test_what_is_no_toml_is_told(text: str, place: str) -> None:
    told = complaint(text)
    assert told.startswith(place) and told.endswith(f"; {SHOW}")


statements = st.sampled_from(
    [
        "",
        "# window = 5",
        'columns = [\n  "host", # window\n\n  "p95",\n]',
        'sort = "p95" # "window" = 1',
        "interface = ['''\nwindow = 9\n''']",
        'theme = "nord"',
        "bell = true",
    ]
)


@given(
    st.lists(statements, max_size=8, unique_by=lambda each: each.split(" = ")[0] or id(each)),
    st.sampled_from(['window = "x"', '"window" = 1', "'window' = [\n1,\n]", '"win\\u0064ow" = 1', 'window = """\n"""']),
    st.integers(0, 8),
    st.sampled_from(["", "\n[keys]\napp.quit = 'x'\n"]),
    st.sampled_from(["\n", "\r\n"]),
)  # fmt: skip
def test_the_line_is_the_right_one(before: list[str], wrong: str, at: int, after: str, end: str) -> None:
    lines = "\n".join([*before[:at], wrong, *before[at:], after])
    number = sum(each.count("\n") + 1 for each in before[:at]) + 1
    assert complaint(lines.replace("\n", end)).startswith(f"c.toml, line {number}: window: ")


@given(st.text() | st.text("[]{}\"'=.,#\n\r\t aeklmnopstwuy0123456789_\\-:"))
def test_any_text_is_understood_or_told(text: str) -> None:
    told = "c.toml"
    try:
        config(text)
    except TcplatError as error:
        told = str(error)
    assert told.startswith("c.toml") and told.isprintable()


keys = st.lists(st.sampled_from(["f1", "f2", "ctrl+x", "X", "alt+z"]), min_size=1, max_size=2, unique=True)
milliseconds = st.floats(0.001, 3_600_000) | st.integers(1, 3_600_000).map(float)
valid = st.fixed_dictionaries(
    {},
    optional={
        "interface": st.lists(st.text(min_size=1), min_size=1, unique=True).map(tuple),
        "columns": st.lists(st.sampled_from(COLUMNS), min_size=1, unique=True).map(tuple),
        "sort": st.sampled_from(COLUMNS[:-1]),
        "reverse": st.booleans(),
        "window": st.sampled_from(["all", "1m", "5m", "15m"]),
        "group": st.sampled_from(["host", "service", "network", "process", "interface"]),
        "names": st.booleans(),
        "interval_s": st.floats(0.2, 60),
        "warn_ms": milliseconds,
        "bad_ms": milliseconds,
        "bell": st.booleans(),
        "theme": st.sampled_from(["auto", "nord", "mono"]),
        "keys": st.dictionaries(st.sampled_from(["app.quit", "app.sort"]), keys, max_size=1),
    },
)


@given(valid)
def test_what_is_written_is_read_back(values: dict[str, Any]) -> None:
    if "warn_ms" in values and "bad_ms" in values:
        values["warn_ms"], values["bad_ms"] = sorted([values["warn_ms"], values["bad_ms"]])
    table = values.pop("keys", {})
    lines = [f"{name} = {toml.written(value)}" for name, value in values.items()]
    lines += ["[keys]", *(f"{toml.key(action)} = {toml.written(given)}" for action, given in table.items())]
    keymap = {action: ",".join(given) for action, given in table.items()}
    assert config("\n".join(lines)) == replace(Config(), **values, keys=keymap)


def test_every_setting_is_a_field_and_every_field_a_setting() -> None:
    assert {setting.name for setting in SETTINGS} == {field.name for field in fields(Config)}


def test_what_is_printed_sets_the_defaults() -> None:
    text = default_text(KNOWN)
    assert config(text) == Config()
    assert all(len(line) <= 102 for line in text.splitlines() if line.startswith("# ") and " = " not in line)
    for setting in SETTINGS:
        assert (
            f"\n{setting.name} = " in text or f"\n# {setting.name} = " in text or f"[{setting.name}]" in text
        )


def test_what_is_commented_out_there_can_be_had_by_taking_the_mark_away() -> None:
    lines = [
        line[2:] if " = " in line and line.startswith("# ") else line
        for line in default_text(KNOWN).splitlines()
    ]
    got = config("\n".join(lines))
    assert got.interface == ("eth0",) and got.columns == tuple(COLUMNS)
    assert got.warn_ms and got.bad_ms and got.keys == BINDINGS


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("?", "question_mark"), ("/", "slash"), ("slash", "slash"), (" ", "space"), (",", "comma"), ("-", "minus"),
        ("+", "plus"), ("ctrl++", "ctrl+plus"), ("A", "A"), ("shift+a", "A"), ("Ctrl+R", "ctrl+r"), ("é", "é"),
        ("esc", "escape"), ("pgup", "pageup"), ("F5", "f5"), ("shift+ctrl+f5", "ctrl+shift+f5"), ("alt+x", "alt+x"),
        ("ctrl+i", "tab"), ("ctrl+m", "enter"), ("ctrl+[", "escape"), ("ctrl+@", "ctrl+@"), ("shift+tab", "shift+tab"),
        ("return", None), ("shift+1", None), ("ctrl+", None), ("ctrl+ctrl+x", None), ("<any>", None), ("\t", None),
        ("", None), ("qq", None), ("meta", None), ("f25", None), ("\x1b", None), ("\ud800", None), ("+x", None),
    ],
)  # fmt: skip
def test_keys_have_the_names_that_people_give_them(typed: str, name: str | None) -> None:
    assert key_name(typed) == name


class Bound(App[None]):
    BINDINGS = [
        Binding("q", "note('quit')", id="app.quit"),
        Binding("question_mark", "note('help')", id="app.help"),
        Binding("down,j", "note('down')", id="table.down"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[str] = []

    def action_note(self, what: str) -> None:
        self.noted.append(what)


@pytest.mark.parametrize(
    ("text", "pressed", "noted"),
    [
        ("", ["q", "question_mark", "down", "j"], ["quit", "help", "down", "down"]),
        ("'app.quit' = '?'\n'app.help' = 'q'", ["q", "question_mark"], ["help", "quit"]),
        ("'app.quit' = 'j'\n'table.down' = ['down', 'ctrl+n']", ["q", "j", "down", "ctrl+n"], ["quit", "down", "down"]),
        ("'app.help' = ['F1', 'ctrl+m', '-']", ["f1", "enter", "minus", "question_mark"], ["help", "help", "help"]),
    ],
)  # fmt: skip
async def test_textual_takes_the_keys(text: str, pressed: Sequence[str], noted: list[str]) -> None:
    app = Bound()
    async with app.run_test() as pilot:
        app.set_keymap(config(f"[keys]\n{text}").keys)
        await pilot.press(*pressed)
        assert app.noted == noted


def test_the_default_place() -> None:
    assert default_path({"XDG_CONFIG_HOME": "/x", "HOME": "/h"}) == Path("/x/tcplat/config.toml")
    assert default_path({"HOME": "/h"}) == Path("/h/.config/tcplat/config.toml")
    assert default_path({"XDG_CONFIG_HOME": "", "HOME": "/h"}) == Path("/h/.config/tcplat/config.toml")
    assert default_path({"XDG_CONFIG_HOME": "x", "HOME": "/h"}) == Path("/h/.config/tcplat/config.toml")
    assert default_path({}) == Path(pwd.getpwuid(os.getuid()).pw_dir, ".config/tcplat/config.toml")


def test_under_sudo_it_is_at_home_of_who_called_it(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"HOME": "/h", "SUDO_USER": "daemon"}
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert default_path(environment) == Path(pwd.getpwnam("daemon").pw_dir, ".config/tcplat/config.toml")
    assert default_path({**environment, "SUDO_USER": "no such user"}) == Path("/h/.config/tcplat/config.toml")
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    assert default_path(environment) == Path("/h/.config/tcplat/config.toml")


def told_of_file(named: Path | None, environment: dict[str, str]) -> str:
    with pytest.raises(TcplatError) as caught:
        load(None if named is None else str(named), environment, lambda: KNOWN)
    return str(caught.value)


def test_a_file_that_is_not_there_matters_only_if_it_was_named(tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path)}
    assert load(None, environment, lambda: KNOWN) == Config()
    (tmp_path / ".config").write_text("no directory")
    assert load(None, environment, lambda: KNOWN) == Config()
    wanted = "there is no ~/c.toml; tcplat --print-config writes one to begin with"
    assert told_of_file(tmp_path / "c.toml", environment) == wanted
    assert load("/dev/null", environment, lambda: KNOWN) == Config()


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / ".config" / "tcplat" / "config.toml"
    environment = {"HOME": str(tmp_path)}
    without = "--config /dev/null goes without"
    file.mkdir(parents=True)
    assert (
        told_of_file(None, environment)
        == f"~/.config/tcplat/config.toml is a directory; name a file in it; {without}"
    )
    file.rmdir()
    file.symlink_to(file)
    assert told_of_file(None, environment).startswith(
        "cannot read ~/.config/tcplat/config.toml: too many levels"
    )
    file.unlink()
    file.write_bytes(b"#\n# \xff\n")
    wanted = "~/.config/tcplat/config.toml, line 2: this is not UTF-8; save it as UTF-8"
    assert told_of_file(None, environment) == wanted
    file.write_text("bell = 1")
    assert told_of_file(None, environment).startswith(
        "~/.config/tcplat/config.toml, line 1: bell: 1 is not true"
    )
    assert (
        told_of_file(Path("/dev/zero"), {})
        == f"/dev/zero is larger than 64 KiB, so no configuration; {without}"
    )


def test_a_file_of_a_strange_name_is_told_on_one_line(tmp_path: Path) -> None:
    file = tmp_path / "a\nb"
    assert told_of_file(file, {}).startswith(f"there is no {str(file)!r}; ")
