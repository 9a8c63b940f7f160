"""What a configuration says, and which line of it is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bpf.errors import TcplatError
from tui.config import toml
from tui.config.config import Config
from tui.config.kinds import Known, Misfit, nearest
from tui.config.settings import SETTINGS

_SHOW = "tcplat --print-config shows what can be set"


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


def _place(title: str, line: int | None) -> str:
    return title if line is None else f"{title}, line {line}"
