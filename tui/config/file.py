"""The configuration file: where it is, what is in it, and which line of it is wrong."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bpf.errors import TcplatError
from tui.config import toml
from tui.config.kinds import Known, Misfit, nearest
from tui.config.settings import SETTINGS, Config

_MOST_BYTES = 1 << 16
_SHOW = "tcplat --print-config shows what can be set"
_GO_WITHOUT = "--config /dev/null goes without"


def default_path(environment: Mapping[str, str]) -> Path | None:
    """$XDG_CONFIG_HOME/tcplat/config.toml, else ~/.config/tcplat/config.toml; None: there is no home.

    ~ is the home of who typed the command: for root under sudo, that of the user who called sudo.
    """
    base = Path(environment.get("XDG_CONFIG_HOME", ""))
    if not base.is_absolute():  # The specification says to ignore such a one.
        home = _home(environment)
        if not home:
            return None
        base = Path(home, ".config")
    return base / "tcplat" / "config.toml"


def _home(environment: Mapping[str, str]) -> str:
    caller = environment.get("SUDO_USER")
    try:
        if caller and os.geteuid() == 0:
            return pwd.getpwnam(caller).pw_dir
        return environment.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return environment.get("HOME", "")


def load(named: str | None, environment: Mapping[str, str], known: Known) -> Config:
    """Read the file a person `named`, or the one at the default place if there is one; raises TcplatError. Blocks."""
    path = Path(named) if named is not None else default_path(environment)
    if path is None:
        return Config()
    title = _title(path, environment)
    try:
        text = _read(path, title)
    except (FileNotFoundError, NotADirectoryError) as error:
        if named is None:
            return Config()
        raise TcplatError(f"there is no {title}", "tcplat --print-config writes one to begin with") from error
    return understand(text, title, known)


def understand(text: str, title: str, known: Known) -> Config:
    """Return what a file called `title`, with `text` in it, sets; raises TcplatError, which names the line."""
    try:
        document = toml.parse(text)
    except toml.Malformed as malformed:
        raise TcplatError(f"{_place(title, malformed.line)}: {malformed.why}", _SHOW) from None
    kinds = {setting.name: setting.kind for setting in SETTINGS}
    values: dict[str, Any] = {}  # Of the types that Config has: so says the table of settings.
    name, path = "", tuple[str, ...]()
    try:
        for name, value in document.items():
            if name not in kinds:
                raise Misfit("there is no such setting", nearest(name, kinds))
            values[name] = kinds[name].read(value, known)
        name = "bad_ms"
        _check_order(Config(**values))
    except Misfit as misfit:
        path = (name, *misfit.path)
        place = _place(title, toml.line_of(text, path))
        what = f"{place}: {'.'.join(map(toml.key, path))[:80]}: {misfit.why}"
        raise TcplatError(what, misfit.next_step or _belongs_above(path, kinds) or _SHOW) from None
    return Config(**values)


def _check_order(config: Config) -> None:
    warn, bad = config.warn_ms, config.bad_ms
    if warn is not None and bad is not None and bad < warn:
        raise Misfit(f"{bad:g} is less than warn_ms, {warn:g}", "what is bad is worse than what is warned of")


def _belongs_above(path: tuple[str, ...], kinds: Mapping[str, object]) -> str:
    """What to do about a setting that was written below a table, where it is one of the table's."""
    return f"write it above [{path[0]}]" if len(path) == 2 and path[1] in kinds else ""


def _read(path: Path, title: str) -> str:
    try:
        with open(path, "rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except IsADirectoryError as error:
        raise TcplatError(f"{title} is a directory", f"name a file in it; {_GO_WITHOUT}") from error
    except OSError as error:
        raise TcplatError(
            f"cannot read {title}: {(error.strerror or str(error)).lower()}", _GO_WITHOUT
        ) from error
    if len(content) > _MOST_BYTES:
        raise TcplatError(f"{title} is larger than 64 KiB, so no configuration", _GO_WITHOUT)
    try:
        return content.decode("utf-8-sig")  # Some editors begin a file with a byte order mark.
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise TcplatError(f"{_place(title, line)}: this is not UTF-8", "save it as UTF-8") from error


def _place(title: str, line: int | None) -> str:
    return title if line is None else f"{title}, line {line}"


def _title(path: Path, environment: Mapping[str, str]) -> str:
    """`path` as a person would write it, on one line whatever it is."""
    text, home = str(path), environment.get("HOME", "")
    if home.strip("/") and text.startswith(f"{home.rstrip('/')}/"):
        text = f"~{text[len(home.rstrip('/')) :]}"
    return text if text.isprintable() else repr(text)
