"""A quantile that is followed says that it stays only where it does, and mostly where it does."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.handshakes import S
from tui.core.entries import ENTRY, FAILURE
from tui.core.tally import Tally

MANY = 100
"""More than are kept as they came."""
WORDS = st.lists(st.sampled_from([0, *range(1, 9), *range(1016, 1032), 5000, FAILURE | 1 << 56]), max_size=6)


def entries(words: list[int]) -> bytes:
    return b"".join(ENTRY.pack(S + number, word) for number, word in enumerate(words))


@settings(max_examples=300)
@given(st.lists(st.integers(1, 1100), min_size=MANY, max_size=MANY), st.lists(WORDS, max_size=20))
def test_it_stays_only_as_long_as_it_is_the_same(before: list[int], came: list[list[int]]) -> None:
    for q in (0.5, 0.95, 0.99):
        tally = Tally()
        tally.add(entries(before))
        followed = tally.follow(q)
        for words in came:
            tally.add(entries(words))
            if followed is None or not followed.stays(entries(words)):
                followed = tally.follow(q)
            assert followed is None or followed.value_ns == tally.quantile_ns(q)


@pytest.mark.parametrize("q", [0.5, 0.95])
def test_of_what_is_much_alike_it_mostly_stays(q: float) -> None:
    chance = random.Random(7)
    tally = Tally()
    tally.add(entries([chance.randrange(20_000, 25_000) for _ in range(1000)]))
    followed = tally.follow(q)
    stayed = 0
    for _ in range(100):
        words = [chance.randrange(20_000, 25_000) for _ in range(5)]
        tally.add(entries(words))
        assert followed
        if followed.stays(entries(words)):
            stayed += 1
        else:
            followed = tally.follow(q)
    assert stayed > 90


def test_the_greatest_is_not_followed() -> None:
    tally = Tally()
    tally.add(entries([1000] * (MANY - 1)))
    assert tally.quantile_ns(0.995) == 1000
    assert tally.follow(0.995) is None


def test_a_few_are_not_followed() -> None:
    tally = Tally()
    tally.add(entries([5, 6, 7]))
    assert tally.follow(0.5) is None
