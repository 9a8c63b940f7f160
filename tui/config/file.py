"""The configuration file: where it is, and reading it. What it means is understood elsewhere, if there is one."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bpf.errors import TcplatError
from tui.config.config import Config

if TYPE_CHECKING:
    from tui.config.kinds import Known

_MOST_BYTES = 1 << 16
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
        if caller and os.getuid() == 0:
            return pwd.getpwnam(caller).pw_dir
        return environment.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return environment.get("HOME", "")


def load(named: str | None, environment: Mapping[str, str], known: Callable[[], Known]) -> Config:
    """Read the file a person `named`, or the one at the default place if there is one; raises TcplatError. Blocks.

    `known` is called if there is something to read.
    """
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
    from tui.config.understanding import understand

    return understand(text, title, known()) if text else Config()


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
        raise TcplatError(f"{title}, line {line}: this is not UTF-8", "save it as UTF-8") from error


def _title(path: Path, environment: Mapping[str, str]) -> str:
    """`path` as a person would write it, on one line whatever it is."""
    text, home = str(path), environment.get("HOME", "")
    if home.strip("/") and text.startswith(f"{home.rstrip('/')}/"):
        text = f"~{text[len(home.rstrip('/')) :]}"
    return text if text.isprintable() else repr(text)
