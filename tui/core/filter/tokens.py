"""Text to tokens. Keys are known ones; what they take is not looked at here."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from tui.core.filter.error import FilterError, cited
from tui.core.filter.keys import KEY_OF

LONGEST = 2000
"""Characters in a filter, as typed and as printed."""

_SPACE = " \t\n\r\u00a0\u3000"
_SPACES = re.compile(f"[{_SPACE}]*")
_BARE = re.compile(rf'[^{_SPACE}()"<>=!]+')
_ITEM = re.compile(rf'[^{_SPACE}()"<>=!,]+')
_OPERATOR = re.compile(rf"[{_SPACE}]*(>=|<=|!=|==?|<|>)[{_SPACE}]*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_PATTERN = re.compile(r"/((?:[^/\\]|\\.)*)/", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_KEY = re.compile(r"[^\W\d][\w-]*")
_ADDRESS_PART = re.compile(r"[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(?:[%/].*)?")


class TokenKind(enum.Enum):
    """What a token is."""

    OPEN = "("
    CLOSE = ")"
    NOT = "not"
    AND = "and"
    OR = "or"
    WORD = "word"
    QUOTED = "quoted"
    PATTERN = "pattern"
    KEY = "key"
    OPERATOR = "operator"
    VALUE = "value"
    VALUE_PATTERN = "value pattern"
    COMMA = ","


_SIGNS = {"(": TokenKind.OPEN, ")": TokenKind.CLOSE, "!": TokenKind.NOT}
KEYWORDS = {"and": TokenKind.AND, "or": TokenKind.OR, "not": TokenKind.NOT}


@dataclass(frozen=True, slots=True)
class Token:
    """One token, in characters `start` to `end - 1` of the text."""

    kind: TokenKind
    text: str
    """What it says: without quotation marks or slashes."""
    start: int
    end: int


def tokens(text: str) -> Iterator[Token]:
    """Cut `text` up; raises FilterError at what can be no token. After an operator without a value comes none."""
    _check_characters(text)
    at = _skip(text, 0)
    while at < len(text):
        for token in _next(text, at):
            yield token
            at = token.end
        at = _skip(text, at)


def _check_characters(text: str) -> None:
    if len(text) > LONGEST:
        raise FilterError(
            f"a filter has at most {LONGEST:,} characters, this one {len(text):,}", LONGEST, len(text)
        )
    if text.isprintable():
        return
    for at, character in enumerate(text):
        if not character.isprintable() and character not in _SPACE:
            raise FilterError(f"a character that cannot be seen: U+{ord(character):04X}", at, at + 1)


def _skip(text: str, at: int) -> int:
    spaces = _SPACES.match(text, at)
    return spaces.end() if spaces else at


def _next(text: str, at: int) -> Iterator[Token]:
    """The token at `at`; for a key also its operator and values."""
    sign = text[at]
    if sign in "<>=" or text.startswith("!=", at):
        raise FilterError(f"'{sign}' has no key before it", at, at + 1)
    if sign in _SIGNS:
        yield Token(_SIGNS[sign], sign, at, at + 1)
    elif sign == '"':
        yield _quoted(text, at, TokenKind.QUOTED)
    elif sign == "/":
        yield _pattern(text, at, TokenKind.PATTERN)
    else:
        yield from _word_or_key(text, at)


def _word_or_key(text: str, at: int) -> Iterator[Token]:
    found = _BARE.match(text, at)
    assert found is not None
    bare = found.group()
    head, colon, _ = bare.partition(":")
    if colon and _is_key(head, bare):
        end = at + len(head)
        yield _key(head, at)
        yield Token(TokenKind.OPERATOR, ":", end, end + 1)
        yield from _values(text, end + 1)
        return
    operator = _OPERATOR.match(text, found.end())
    if operator:
        yield _key(bare, at)
        yield Token(TokenKind.OPERATOR, operator.group(1), operator.start(1), operator.end(1))
        yield from _values(text, operator.end())
        return
    yield Token(KEYWORDS.get(bare.lower(), TokenKind.WORD), bare, at, found.end())


def _key(name: str, at: int) -> Token:
    end = at + len(name)
    if name.lower() in KEY_OF:
        return Token(TokenKind.KEY, name, at, end)
    near = get_close_matches(name.lower()[:20], KEY_OF, 1)
    advice = (
        f"did you mean {KEY_OF[near[0]].name}?"
        if near
        else "text with such a sign in it goes in quotation marks"
    )
    raise FilterError(f"unknown key {cited(name)}; {advice}", at, end)


def _is_key(head: str, bare: str) -> bool:
    """Whether `head` is meant as a key: `2001:db8::1`, `fe80::` and `10.0.0.1:443` have none."""
    return head.lower() in KEY_OF or bool(_KEY.fullmatch(head) and not _ADDRESS_PART.fullmatch(bare))


def _values(text: str, at: int) -> Iterator[Token]:
    while at < len(text):
        if text[at] == '"':
            token = _quoted(text, at, TokenKind.VALUE)
        elif text[at] == "/":
            token = _pattern(text, at, TokenKind.VALUE_PATTERN)
        else:
            item = _ITEM.match(text, at)
            if not item:
                return
            token = Token(TokenKind.VALUE, item.group(), at, item.end())
        yield token
        at = token.end
        if not text.startswith(",", at):
            return
        yield Token(TokenKind.COMMA, ",", at, at + 1)
        at += 1


def _quoted(text: str, at: int, kind: TokenKind) -> Token:
    found = _QUOTED.match(text, at)
    if not found:
        raise FilterError("this quotation mark is never closed", at, at + 1)
    if not found.group(1):
        raise FilterError("there is nothing between the quotation marks", at, found.end())
    _check_separate(text, found.end(), kind)
    return Token(kind, _ESCAPED.sub(r"\1", found.group(1)), at, found.end())


def _pattern(text: str, at: int, kind: TokenKind) -> Token:
    found = _PATTERN.match(text, at)
    if not found:
        raise FilterError("this regular expression is never closed: /.../", at, len(text))
    if not found.group(1):
        raise FilterError("there is nothing between the slashes", at, found.end())
    _check_separate(text, found.end(), kind)
    return Token(kind, found.group(1), at, found.end())


def _check_separate(text: str, at: int, kind: TokenKind) -> None:
    """`/x/i` is neither a flag nor two terms."""
    is_value = kind in (TokenKind.VALUE, TokenKind.VALUE_PATTERN)
    if _BARE.match(text, at) and not (is_value and text[at] == ","):
        raise FilterError(f"there must be a space after {text[at - 1]}", at, at + 1)
