"""Regular expressions as typed, to trees: the part of the usual syntax that needs no backtracking.

Literals, `.`, classes, `\\d \\w \\s` and their opposites, `^ $ \\A \\Z \\b \\B`, groups, `|`, and `* + ? {m,n}`, lazy
or not. No back-references and no looking around: only those need backtracking, which takes for ever on `(a+)+b`.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import NoReturn

from tui.core.filter.error import FilterError

LONGEST = 200
"""Characters in a pattern."""
DEEPEST = 20
"""Groups within one another."""
LARGEST = 256
"""Characters that a match can be made of, repetitions counted: what bounds the time that one character takes."""

_COUNTS = re.compile(r"\{(?:([0-9]{1,4})|([0-9]{0,4}),([0-9]{0,4}))\}")


@dataclass(frozen=True, slots=True)
class Characters:
    """One character out of a class, in any case."""

    ranges: tuple[tuple[str, str], ...] = ()
    categories: str = ""
    """Letters of escapes: d, w, s, D, W or S."""
    is_negated: bool = False

    def __contains__(self, character: str) -> bool:
        spellings = (character, character.lower(), character.upper())
        return any(map(self._has, spellings)) != self.is_negated

    def _has(self, character: str) -> bool:
        return any(low <= character <= high for low, high in self.ranges) or any(
            _CATEGORIES[each.lower()](character) == each.islower() for each in self.categories
        )


class Place(enum.Enum):
    """A condition on what is around, which takes up no character."""

    START = "^"
    END = "$"
    WORD_EDGE = "b"
    NO_WORD_EDGE = "B"


@dataclass(frozen=True, slots=True)
class Sequence:
    """One after another."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """Any of them."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`low` times or more, up to `high`; None: without end."""

    part: Tree
    low: int
    high: int | None


Tree = Characters | Place | Sequence | Choice | Repeat


def is_word(character: str) -> bool:
    """What `\\w` matches."""
    return character.isalnum() or character == "_"


_CATEGORIES = {"d": str.isdecimal, "w": is_word, "s": str.isspace}
_ANY = Characters(is_negated=True)
_ESCAPED_PLACES = {"A": Place.START, "Z": Place.END, "b": Place.WORD_EDGE, "B": Place.NO_WORD_EDGE}
_PLACES = {"^": Place.START, "$": Place.END}
_REPEATS = {"*": (0, None), "+": (1, None), "?": (0, 1)}


def check(source: str, at: int) -> None:
    """Raise what is wrong with a pattern that begins at `at` of the filter's text."""
    try:
        tree_of(source)
    except FilterError as error:
        message = f"regular expression: {error.message}"
        raise FilterError(message, at + error.start, at + error.end) from None


def tree_of(source: str) -> Tree:
    """Read a pattern; raises FilterError with its place in `source`."""
    if len(source) > LONGEST:
        raise FilterError(f"at most {LONGEST} characters", LONGEST, len(source))
    tree = _Reader(source).whole()
    if size(tree) > LARGEST:
        raise FilterError(f"its repetitions come to more than {LARGEST} characters", 0, len(source))
    return tree


def size(tree: Tree) -> int:
    """How many places a match can be at, with repetitions written out."""
    match tree:
        case Sequence(parts) | Choice(parts):
            return 1 + sum(map(size, parts))
        case Repeat(part, low, high):
            return size(part) * max(1, low if high is None else high)
    return 1


class _Reader:
    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0
        self._depth = 0

    def whole(self) -> Tree:
        tree = self._choice()
        if self._at < len(self._source):
            self._fail("unbalanced parenthesis", self._at)
        return tree

    def _choice(self) -> Tree:
        parts = [self._sequence()]
        while self._take("|"):
            parts.append(self._sequence())
        return parts[0] if len(parts) == 1 else Choice(tuple(parts))

    def _sequence(self) -> Tree:
        parts: list[Tree] = []
        while self._at < len(self._source) and self._source[self._at] not in "|)":
            parts.append(self._repeated())
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def _repeated(self) -> Tree:
        start = self._at
        if self._counts():
            self._fail("nothing to repeat", start)
        part = self._part()
        is_bare_place = isinstance(part, Place) and self._source[start] != "("
        start = self._at
        counts = self._counts()
        if counts is None:
            return part
        if is_bare_place:
            self._fail("nothing to repeat", start)
        self._take("?")
        again = self._at
        if self._counts():
            self._fail("multiple repeat", again)
        return Repeat(part, *counts)

    def _counts(self) -> tuple[int, int | None] | None:
        """How often, if that is what comes next; a brace that says nothing of the kind is a literal."""
        start = self._at
        for sign, often in _REPEATS.items():
            if self._take(sign):
                return often
        found = _COUNTS.match(self._source, self._at)
        if not found:
            return None
        self._at = found.end()
        exactly, low, high = found.groups()
        if exactly:
            return int(exactly), int(exactly)
        if low and high and int(high) < int(low):
            self._fail(f"write {{{high},{low}}}: the least comes first", start)
        return int(low or 0), int(high) if high else None

    def _part(self) -> Tree:
        start = self._at
        character = self._source[start]
        self._at += 1
        if character == "(":
            return self._group(start)
        if character == "[":
            return self._class(start)
        if character == "\\":
            return self._escape(start)
        if character == ".":
            return _ANY
        return _PLACES.get(character) or _literal(character)

    def _group(self, start: int) -> Tree:
        if self._take("?") and not self._take(":"):
            self._fail("of groups with ? only (?:...) is known here", start)
        self._depth += 1
        if self._depth > DEEPEST:
            self._fail(f"more than {DEEPEST} groups deep", start)
        tree = self._choice()
        self._depth -= 1
        if not self._take(")"):
            self._fail("this parenthesis is never closed", start, start + 1)
        return tree

    def _escape(self, start: int) -> Tree:
        character = self._escaped(start)
        if character in _ESCAPED_PLACES:
            return _ESCAPED_PLACES[character]
        return self._meaning(character, start)

    def _escaped(self, start: int) -> str:
        if self._at == len(self._source):
            self._fail("nothing after the backslash", start)
        self._at += 1
        return self._source[self._at - 1]

    def _meaning(self, character: str, start: int) -> Characters:
        """What an escaped character stands for, in a class or outside."""
        if character.lower() in _CATEGORIES:
            return Characters(categories=character)
        if character.isdecimal():
            self._fail("no back-references here: they can take for ever", start)
        if character.isascii() and character.isalpha():
            self._fail(f"unknown escape \\{character}", start)
        return _literal(character)

    def _class(self, start: int) -> Tree:
        is_negated = self._take("^")
        ranges: list[tuple[str, str]] = []
        categories = ""
        is_first = True
        while is_first or not self._take("]"):
            is_first = False
            member = self._member(start)
            categories += member.categories
            ranges += member.ranges
        return Characters(tuple(ranges), categories, is_negated)

    def _member(self, start: int) -> Characters:
        """A character, a category or a range."""
        first_at = self._at
        low = self._single(start)
        is_range = self._source.startswith("-", self._at) and not self._source.startswith("-]", self._at)
        if not is_range:
            return low
        self._at += 1
        high = self._single(start)
        if low.categories or high.categories or high.ranges < low.ranges:
            self._fail(f"bad range {self._source[first_at : self._at]}", first_at)
        return Characters(((low.ranges[0][0], high.ranges[0][0]),))

    def _single(self, start: int) -> Characters:
        if self._at == len(self._source):
            self._fail("this [ is never closed", start, start + 1)
        character_at = self._at
        character = self._source[character_at]
        self._at += 1
        if character != "\\":
            return _literal(character)
        return self._meaning(self._escaped(character_at), character_at)

    def _take(self, sign: str) -> bool:
        is_there = self._source.startswith(sign, self._at)
        if is_there:
            self._at += len(sign)
        return is_there

    def _fail(self, message: str, start: int, end: int | None = None) -> NoReturn:
        raise FilterError(message, start, max(self._at, start + 1) if end is None else end)


def _literal(character: str) -> Characters:
    return Characters(((character, character),))
