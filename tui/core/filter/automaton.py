"""Searches for a pattern in one pass over a text, whatever the pattern: no backtracking, so none that explodes.

The pattern becomes places a match can be at (Glushkov's automaton). A `State` is the set of those that are possible
after the characters so far; states and the steps between them are made when first needed, then looked up: 30 ns a
character. A step not yet known costs some 0.1 us for each of the places (`LARGEST` at most).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tui.core.filter.pattern import Characters, Choice, Place, Repeat, Sequence, Tree, is_word, tree_of

KEPT_STEPS = 20_000
"""When more steps than this are known, all are forgotten, states too: hostile names can ask for any number."""

_NONE = ""
"""Before the first character and after the last one."""
_WORD = "w"
_OTHER = "-"


def searcher(source: str) -> Callable[[str], bool]:
    """A function that tells whether a pattern matches anywhere in a text, in any case; raises FilterError."""
    return Automaton(tree_of(source)).search


class _State(dict[str, "_State"]):
    """Where a match can be; by the next character (`_NONE`: the end), the state after it."""

    __slots__ = ("_automaton", "before", "places")

    def __init__(self, automaton: Automaton, places: int, before: str) -> None:
        super().__init__()
        self._automaton = automaton
        self.places = places
        """A bit for each place just passed."""
        self.before = before
        """Something like the character just passed, where the pattern asks for that."""

    def __missing__(self, character: str) -> _State:
        following = self[character] = self._automaton.step(self, character)
        return following


class _Matched(_State):
    """A match has been found: nothing changes that."""

    __slots__ = ()

    def __missing__(self, character: str) -> _State:
        if character.isascii():
            self[character] = self
        return self


@dataclass(frozen=True, slots=True)
class _Fork:
    """A node that leads on without taking a character, to any of `ways`, on condition of `place`."""

    ways: list[int]
    place: Place | None = None


class Automaton:
    """A pattern and the states met so far. Nodes are numbered; so are places, by their node, as bits."""

    def __init__(self, tree: Tree, kept: int = KEPT_STEPS) -> None:
        self._kept = kept
        self._nodes: list[Characters | _Fork] = []
        self._following: dict[int, int] = {}
        """By a place's node: the node after it."""
        self._has_places = False
        self._end = self._add_fork([])
        self._begin = self._add(tree, self._end)
        self._taking: dict[str, int] = {}
        """By a character: the places that take it."""
        self._reaching: dict[tuple[int, str, str], int] = {}
        """By a place's bit and what is around it: the places that can come next."""
        self._states: dict[tuple[int, str], _State] = {}
        self.steps = 0
        """How many are known between states."""
        self._matched = _Matched(self, 0, _NONE)
        self._first = _State(self, 0, _NONE)

    def search(self, text: str) -> bool:
        """Whether the pattern matches anywhere in `text`."""
        state = self._first
        for character in text:
            state = state[character]
        return state[_NONE] is self._matched

    def step(self, state: _State, character: str) -> _State:
        """The state after `character`."""
        if self.steps >= self._kept:
            self._forget()
        self.steps += 1
        after = _like(character) if self._has_places or not character else _OTHER
        reached = self._reached(0, state.before, after)  # a match can begin anywhere
        for bit in _bits(state.places):
            reached |= self._reached(bit, state.before, after)
        if reached & 1 << self._end:
            return self._matched
        return self._state(reached & self._takers(character), after)

    def _state(self, places: int, before: str) -> _State:
        state = self._states.get((places, before))
        if state is None:
            state = self._states[places, before] = _State(self, places, before)
        return state

    def _forget(self) -> None:
        for each in self._states.values():
            each.clear()  # they lead to one another
        self._states.clear()
        self._first.clear()
        self._taking.clear()
        self.steps = 0

    def _takers(self, character: str) -> int:
        if not character:
            return 0
        takers = self._taking.get(character)
        if takers is None:
            takers = sum(1 << place for place in self._following if character in self._class(place))
            self._taking[character] = takers
        return takers

    def _class(self, place: int) -> Characters:
        node = self._nodes[place]
        assert isinstance(node, Characters)
        return node

    def _reached(self, bit: int, before: str, after: str) -> int:
        """The places (and the end) that can come after the one of `bit`; 0: the beginning."""
        reached = self._reaching.get((bit, before, after))
        if reached is None:
            start = self._following[bit.bit_length() - 1] if bit else self._begin
            reached = self._reaching[bit, before, after] = self._closure(start, before, after)
        return reached

    def _closure(self, start: int, before: str, after: str) -> int:
        reached = 0
        seen = {start}
        left = [start]
        while left:
            number = left.pop()
            node = self._nodes[number]
            if not isinstance(node, _Fork) or number == self._end:
                reached |= 1 << number
            elif _holds(node.place, before, after):
                left += [way for way in node.ways if way not in seen]
                seen.update(node.ways)
        return reached

    def _add(self, tree: Tree, following: int) -> int:
        """Add nodes for `tree` that lead on to `following`; return the node they begin with."""
        match tree:
            case Characters():
                self._nodes.append(tree)
                self._following[len(self._nodes) - 1] = following
                return len(self._nodes) - 1
            case Place():
                self._has_places = True
                return self._add_fork([following], tree)
            case Sequence(parts):
                for part in reversed(parts):
                    following = self._add(part, following)
                return following
            case Choice(parts):
                return self._add_fork([self._add(part, following) for part in parts])
            case Repeat(part, low, high):
                return self._add_repeat(part, low, high, following)

    def _add_repeat(self, part: Tree, low: int, high: int | None, following: int) -> int:
        if high is None:
            ways = [following]
            following = self._add_fork(ways)
            ways.append(self._add(part, following))
        else:
            after = following
            for _ in range(high - low):
                following = self._add_fork([self._add(part, following), after])
        for _ in range(low):
            following = self._add(part, following)
        return following

    def _add_fork(self, ways: list[int], place: Place | None = None) -> int:
        self._nodes.append(_Fork(ways, place))
        return len(self._nodes) - 1


def _like(character: str) -> str:
    """All that a `Place` asks of a character."""
    if not character:
        return _NONE
    return _WORD if is_word(character) else _OTHER


def _holds(place: Place | None, before: str, after: str) -> bool:
    match place:
        case None:
            return True
        case Place.START:
            return before == _NONE
        case Place.END:
            return after == _NONE
    is_edge = (before == _WORD) != (after == _WORD)
    return is_edge == (place is Place.WORD_EDGE)


def _bits(places: int) -> Iterator[int]:
    """Its bits, one by one."""
    while places:
        bit = places & -places
        yield bit
        places ^= bit
