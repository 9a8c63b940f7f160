"""What the word at the cursor can become."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tui.core.filter.error import FilterError
from tui.core.filter.keys import KEY_OF, KEYS, Key, Kind
from tui.core.filter.printing import value_text
from tui.core.filter.tokens import Token, TokenKind, tokens

_TERM_ENDS = (
    TokenKind.WORD,
    TokenKind.QUOTED,
    TokenKind.PATTERN,
    TokenKind.VALUE,
    TokenKind.VALUE_PATTERN,
    TokenKind.CLOSE,
)
_REST = re.compile(r"[\w.-]*")
_SIGNS = (":", "<", ">", "=", "!=")


@dataclass(frozen=True, slots=True)
class Completion:
    """`text` can replace characters `start` to `end - 1`; `hint` says what it means, if that needs saying."""

    start: int
    end: int
    text: str
    hint: str


def complete(text: str, cursor: int, known: Mapping[str, Sequence[str]]) -> list[Completion]:
    """Keys, `or` and `not` where a word begins; after `key:` its values, out of `known` by the key's name.

    Nothing inside quotation marks or slashes, or where the text is wrong before the cursor. The rest of the word after
    the cursor is replaced too.
    """
    try:
        before = list(tokens(text[:cursor]))
    except FilterError:
        return []
    rest = _REST.match(text, cursor)
    end = rest.end() if rest else cursor
    if _is_value_next(before, cursor):
        return list(_values(before, cursor, end, known))
    is_touching = bool(before) and before[-1].end == cursor
    if not is_touching or before[-1].text in ("(", ")", "!"):
        return list(_words("", before, cursor, end, text))
    if text[before[-1].start : cursor] != before[-1].text:  # it ends with its quotation mark or slash
        return []
    return list(_words(before[-1].text, before[:-1], cursor, end, text))


def _is_value_next(before: list[Token], cursor: int) -> bool:
    if not before:
        return False
    last = before[-1]
    if last.kind is TokenKind.OPERATOR and last.text != ":":
        return True  # spaces may follow
    in_values = last.kind in (TokenKind.OPERATOR, TokenKind.COMMA, TokenKind.VALUE, TokenKind.VALUE_PATTERN)
    return in_values and last.end == cursor


def _words(partial: str, before: list[Token], cursor: int, end: int, text: str) -> Iterator[Completion]:
    start = cursor - len(partial)
    has_sign = text.startswith(_SIGNS, end)
    for key in KEYS:
        if key.name.startswith(partial.lower()):
            sign = "" if has_sign else ">" if key.kind is Kind.FIGURE else ":"
            yield Completion(start, end, key.name + sign, f"{key.help}, {key.example}")
    if before and before[-1].kind in _TERM_ENDS and "or".startswith(partial.lower()):
        yield Completion(start, end, "or ", "one side or the other")
    if "not".startswith(partial.lower()):
        yield Completion(start, end, "not ", "all but what follows")


def _values(
    before: list[Token], cursor: int, end: int, known: Mapping[str, Sequence[str]]
) -> Iterator[Completion]:
    name = next(each.text for each in reversed(before) if each.kind is TokenKind.KEY)
    key = KEY_OF[name.lower()]
    last = before[-1]
    partial = last.text if last.kind is TokenKind.VALUE and last.end == cursor else ""
    is_closed = bool(partial) and cursor - last.start != len(partial)
    if is_closed or last.kind is TokenKind.VALUE_PATTERN:
        return
    for value in _ranked(partial.lower(), _known(key, known)):
        is_text = key.kind in (Kind.TEXT, Kind.NAME)
        yield Completion(cursor - len(partial), end, value_text(value) if is_text else value, "")


def _known(key: Key, known: Mapping[str, Sequence[str]]) -> Iterable[str]:
    """Every value once. Names come from others, so those that cannot be typed are left out."""
    values = key.choices.values() if key.choices else known.get(key.name, ())
    return dict.fromkeys(each for each in values if each and each.isprintable())


def _ranked(partial: str, values: Iterable[str]) -> list[str]:
    """Those that begin with `partial`, then those that contain it."""
    found = [each for each in values if partial in each.lower()]
    return sorted(found, key=lambda each: not each.lower().startswith(partial))
