"""The filter as a tree of values. Keys are canonical names, numbers are in the unit their key keeps them in."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Operator(enum.Enum):
    """How a number is compared."""

    GREATER = ">"
    AT_LEAST = ">="
    LESS = "<"
    AT_MOST = "<="


@dataclass(frozen=True, slots=True)
class Word:
    """Text that one of the row's texts contains, in any case."""

    text: str


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression that matches somewhere in one of the row's texts, in any case."""

    source: str
    """As typed between the slashes: a slash in it has its backslash still."""


@dataclass(frozen=True, slots=True)
class Network:
    """The addresses whose first `bits` are those of `first`. IPv4 is ::ffff:0:0/96."""

    first: bytes
    """16 bytes; those after `bits` are zero."""
    bits: int


@dataclass(frozen=True, slots=True)
class Within:
    """`ip:`: in one of the networks."""

    networks: tuple[Network, ...]


@dataclass(frozen=True, slots=True)
class Labelled:
    """`key:text`: one of the texts, whole or as a part (see `Kind`)."""

    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LabelPattern:
    """`key:/re/`: a regular expression that matches somewhere in a label."""

    key: str
    source: str


@dataclass(frozen=True, slots=True)
class Span:
    """Numbers from `low` to `high`, both included; a single number is both."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Among:
    """`key:1,5-9`: in one of the spans."""

    key: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """`key>value`."""

    key: str
    operator: Operator
    value: int


@dataclass(frozen=True, slots=True)
class Not:
    """What `term` does not match."""

    term: Node


@dataclass(frozen=True, slots=True)
class And:
    """All of two or more."""

    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of two or more."""

    terms: tuple[Node, ...]


Leaf = Word | Pattern | Within | Labelled | LabelPattern | Among | Compared
Node = Leaf | Not | And | Or
