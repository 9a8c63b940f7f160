"""TOML as text: parse it, find the line of a key, and write a value."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_MOST_LINES = 1_000
_PLACE = re.compile(r" \(at line (\d+), column \d+\)$")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


class Malformed(ValueError):
    """The text is not TOML."""

    def __init__(self, why: str, line: int | None) -> None:
        super().__init__(why)
        self.why = why
        self.line = line
        """Counted from 1; None: not known."""


def parse(text: str) -> dict[str, object]:
    """Parse a document; raises Malformed."""
    try:
        # Ended, for an error behind the last character is told without its line.
        document: dict[str, object] = tomllib.loads(text + "\n")
    except RecursionError:
        raise Malformed("lists or tables are nested too deeply", None) from None
    except tomllib.TOMLDecodeError as error:
        found = _PLACE.search(str(error))
        why = str(error)[: found.start()] if found else str(error)
        raise Malformed(why[:1].lower() + why[1:], int(found[1]) if found else None) from None
    except ValueError:  # Python refuses to read it: an attack, it says.
        raise Malformed("a number has too many digits", None) from None
    return document


def line_of(text: str, path: Sequence[str]) -> int | None:
    """The line, from 1, at which the statement begins that gives `path` a value; None: not known.

    No scan by hand, which quoted keys, dotted keys, tables and long strings would mislead: the text is parsed line by
    line more until `path` is there. What stops within a statement does not parse.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    if len(lines) > _MOST_LINES:
        return None
    begin = 1
    for end in range(1, len(lines) + 1):
        try:
            document = parse("\n".join(lines[:end]))
        except Malformed:
            continue
        if _has(document, path):
            return begin
        begin = end + 1
    return None


def _has(document: object, path: Sequence[str]) -> bool:
    for key in path:
        if not isinstance(document, Mapping) or key not in document:
            return False
        document = document[key]
    return True


def written(value: object) -> str:
    """A bool, a number, a text or a list of them as TOML has it."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, str):
        # JSON's strings are TOML's, but for this one.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value).lower() if isinstance(value, bool) else repr(value)


def key(name: str) -> str:
    """A key as TOML has it: quoted where needed."""
    return name if _BARE.fullmatch(name) else written(name)
