"""What a key is compared with: values as typed to the term they make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from tui.core.filter.error import FilterError, cited
from tui.core.filter.keys import GREATEST, Key, Kind, Measure
from tui.core.filter.networks import Misplaced, network
from tui.core.filter.nodes import Among, Compared, Labelled, LabelPattern, Leaf, Operator, Within
from tui.core.filter.numbers import Reversed, TooGreat, number, span
from tui.core.filter.pattern import check
from tui.core.filter.tokens import Token, TokenKind

_Value = TypeVar("_Value")


def listed(key: Key, values: Sequence[Token]) -> Leaf:
    """`key:value,value`; raises FilterError."""
    pattern = next((each for each in values if each.kind is TokenKind.VALUE_PATTERN), None)
    if pattern is not None:
        return _label_pattern(key, pattern, values)
    if key.kind is Kind.ADDRESS:
        return Within(tuple(_each(key, values, network)))
    if key.kind is Kind.TEXT:
        return Labelled(key.name, tuple(each.text for each in values))
    if key.kind is Kind.NAME:
        return Labelled(key.name, tuple(_each(key, values, _name)))
    if key.kind is Kind.CHOICE:
        return Labelled(key.name, tuple(_each(key, values, lambda text: _choice(key, text))))
    measure = _measure(key)
    return Among(key.name, tuple(_each(key, values, lambda text: span(text, measure))))


def ordered(key: Key, operator: Token, values: Sequence[Token]) -> Compared:
    """`key>value`, for a numeric key; raises FilterError."""
    if len(values) > 1:
        message = f"only one value can follow '{operator.text}'"
        raise FilterError(message, values[1].start, values[-1].end)
    measure = _measure(key)
    return Compared(
        key.name, Operator(operator.text), _each(key, values, lambda text: number(text, measure))[0]
    )


def _label_pattern(key: Key, pattern: Token, values: Sequence[Token]) -> LabelPattern:
    if key.kind not in (Kind.TEXT, Kind.NAME):
        message = f"{key.name} takes {key.takes}, not a regular expression"
        raise FilterError(message, pattern.start, pattern.end)
    if len(values) > 1:
        raise FilterError(
            "a regular expression stands alone: write /one|other/", values[0].start, values[-1].end
        )
    check(pattern.text, pattern.start + 1)
    return LabelPattern(key.name, pattern.text)


def _each(key: Key, values: Sequence[Token], read: Callable[[str], _Value]) -> list[_Value]:
    return [_read(key, each, read) for each in values]


def _read(key: Key, value: Token, read: Callable[[str], _Value]) -> _Value:
    try:
        if value.kind is TokenKind.VALUE_PATTERN:
            raise ValueError
        return read(value.text)
    except (Misplaced, Reversed, TooGreat) as error:
        message = _why(key, error)
    except ValueError:
        message = f"{key.name} takes {key.takes}, not {cited(value.text)}"
    raise FilterError(message, value.start, value.end)


def _why(key: Key, error: ValueError) -> str:
    if isinstance(error, Reversed):
        return f"the range is reversed: write {error}"
    if isinstance(error, Misplaced):
        return str(error)
    greatest = _measure(key).greatest
    return f"{cited(str(error))} is too great" + (
        f": {key.name} is at most {greatest}" if greatest < GREATEST else ""
    )


def _name(text: str) -> str:
    if "*" in text:
        raise Misplaced(f"no * here: write /^{text.partition('*')[0]}/")
    return text


def _choice(key: Key, text: str) -> str:
    assert key.choices is not None
    choice = key.choices.get(text.lower())
    if choice is None:
        raise ValueError(text)
    return choice


def _measure(key: Key) -> Measure:
    assert key.measure is not None, key.name
    return key.measure
