"""The kinds of values in the configuration: what each may be, and why one is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Protocol

Value = bool | float | str | tuple[str, ...] | Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Known:
    """What the configuration may name, as the application has it."""

    columns: Sequence[str]
    """Ids, in the table's own order."""
    sortable: Sequence[str]
    """Ids of the columns that rows can be ordered by."""
    themes: Sequence[str]
    bindings: Mapping[str, str]
    """The keys that each action has by default, by the id of its binding and as in Binding.key: "down,j"."""
    reserved: Sequence[str] = ()
    """Keys that always do what they do: not to be given to an action."""


class Misfit(Exception):
    """A value that is refused: why, what to do instead, and below which keys of its setting it was found."""

    def __init__(self, why: str, next_step: str = "", path: tuple[str, ...] = ()) -> None:
        super().__init__(why)
        self.why = why
        self.next_step = next_step
        self.path = path


class Kind(Protocol):
    """One kind of value."""

    def domain(self, known: Known) -> str:
        """Tell what it may be, to follow "is" or "is not"."""

    def read(self, value: object, known: Known) -> Value:
        """Return what `value`, as TOML has it, means; raises Misfit."""


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def domain(self, known: Known) -> str:
        """Tell what it may be."""
        return "true or false"

    def read(self, value: object, known: Known) -> bool:
        """Return it; raises Misfit."""
        if not isinstance(value, bool):
            raise Misfit(f"{shown(value)} is not {self.domain(known)}")
        return value


@dataclass(frozen=True, slots=True)
class Number:
    """A number within bounds. In TOML, nan and inf are numbers too: not here."""

    least: float
    most: float

    def domain(self, known: Known) -> str:
        """Tell what it may be."""
        return f"a number from {self.least:.10g} to {self.most:.10g}"

    def read(self, value: object, known: Known) -> float:
        """Return it; raises Misfit."""
        # A bool is an int to Python. Compared before it is converted: an int may be too large for a float.
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, float))
            or not self.least <= value <= self.most
        ):
            raise Misfit(f"{shown(value)} is not {self.domain(known)}")
        return float(value)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    words: Callable[[Known], Sequence[str]]

    def domain(self, known: Known) -> str:
        """Tell what it may be."""
        return f"one of {', '.join(self.words(known))}"

    def read(self, value: object, known: Known) -> str:
        """Return it; raises Misfit."""
        words = self.words(known)
        if not isinstance(value, str) or value not in words:
            raise Misfit(f"{shown(value)} is not {self.domain(known)}", nearest(value, words))
        return value


@dataclass(frozen=True, slots=True)
class Names:
    """A list of different names; if `words` is given, of these only."""

    example: str
    words: Callable[[Known], Sequence[str]] | None = None

    def domain(self, known: Known) -> str:
        """Tell what it may be."""
        if self.words:
            return f"a list of {', '.join(self.words(known))}"
        return f"a list of names, such as {self.example}"

    def read(self, value: object, known: Known) -> tuple[str, ...]:
        """Return them; raises Misfit."""
        if not isinstance(value, list):
            raise Misfit(f"{shown(value)} is not a list, such as {self.example}")
        if not value:
            raise Misfit("the list is empty", "leave it out instead")
        for name in value:
            self._check(name, known)
        return tuple(different(value))

    def _check(self, name: object, known: Known) -> None:
        if not isinstance(name, str) or not name:
            raise Misfit(f"{shown(name)} in the list is not a name")
        if self.words and name not in self.words(known):
            words = self.words(known)
            raise Misfit(f"{shown(name)} is not one of {', '.join(words)}", nearest(name, words))


def different(names: Iterable[str]) -> list[str]:
    """Return `names`; raises Misfit if one is there twice."""
    seen: list[str] = []
    for name in names:
        if name in seen:
            raise Misfit(f"{shown(name)} is there twice", "once is enough")
        seen.append(name)
    return seen


def nearest(value: object, words: Iterable[str]) -> str:
    """Ask whether the most similar of `words` was meant; empty: none is similar."""
    similar = get_close_matches(value, list(words), 1) if isinstance(value, str) else []
    return f"did you mean {similar[0]}?" if similar else ""


def shown(value: object) -> str:
    """A value of a TOML file on one line, however long, nested or unprintable it is."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return repr(value if len(value) <= 40 else value[:37] + "...")
    if isinstance(value, float) or (isinstance(value, int) and abs(value) < 10**20):
        return str(value)
    if isinstance(value, int):
        return "so large a number"
    return "a list" if isinstance(value, list) else "a table" if isinstance(value, dict) else "a date or time"
