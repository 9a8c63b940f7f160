"""A tape's clock that was set back, put right, or is really two."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bpf.source import Account
from bpf.steady import Steady
from bpf.tape import Piece
from tests.bpf.taped import BEGAN_NS, SECOND_NS, Taped, at, piece
from tests.core.handshakes import flow

HOUR_S = 3600


def read_all(*pieces: Piece) -> list[Piece]:
    with Steady(Taped(pieces)) as tape:
        return list(iter(tape.read, None))


def times_s(pieces: Sequence[Piece]) -> list[float]:
    return [(each.time_ns - BEGAN_NS) / SECOND_NS for piece in pieces for each in piece.handshakes]


def stamps_s(pieces: Sequence[Piece]) -> list[float]:
    return [
        (each.time_ns + piece.wall_offset_ns - BEGAN_NS) / SECOND_NS
        for piece in pieces
        for each in piece.handshakes
    ]


@pytest.mark.parametrize(
    ("stamped_s", "played_s"),
    [
        ([0, 1, 2, 3], [0, 1, 2, 3]),
        # Out of order, as what two processors saw.
        ([0, 2, 1, 3], [0, 2, 1, 3]),
        ([0, 100, 3, 4, 5], [0, 100, 100, 101, 102]),
        # Set back twice.
        ([0, 100, 50, 51, 10, 11], [0, 100, 100, 101, 101, 102]),
        # Put right again: nothing is to be waited for.
        ([0, 1, -HOUR_S, 1 - HOUR_S, 3, 4], [0, 1, 1, 2, 3, 4]),
        # Two boxes, one of them 5 s behind.
        ([0, -5, 1, -4, 2, -3, 3, -2], [0, 0, 1, 1, 2, 2, 3, 3]),
    ],
)
@pytest.mark.parametrize("is_one_piece", [True, False])
def test_what_was_set_back_goes_on(stamped_s: list[float], played_s: list[float], is_one_piece: bool) -> None:
    handshakes = [at(each) for each in stamped_s]
    latest_s = [max(stamped_s[: place + 1]) for place in range(len(stamped_s))]
    pieces = (
        [piece(*handshakes)]
        if is_one_piece
        else [piece(each, until_s=until_s) for each, until_s in zip(handshakes, latest_s, strict=True)]
    )
    found = read_all(*pieces)
    assert times_s(found) == played_s
    assert stamps_s(found) == stamped_s
    ends_ns = [each.time_ns for each in found]
    assert ends_ns == sorted(ends_ns)
    for each in found:
        assert max(entry.time_ns for entry in each.handshakes) <= each.time_ns


def test_samples_and_accounts_go_with_it() -> None:
    account = Account("eth0", "tcx", read_ns=at(11 - HOUR_S).time_ns)
    sample = flow("198.18.0.1", at(10 - HOUR_S).time_ns, 1, opened_ns=at(-HOUR_S).time_ns)
    first, second = read_all(
        piece(at(0)),
        Piece(BEGAN_NS, [at(9 - HOUR_S)], [account], [sample, sample._replace(opened_ns=0)]),
    )
    assert (first.wall_offset_ns, second.wall_offset_ns) == (0, (9 - HOUR_S) * SECOND_NS)
    assert [each.time_ns for each in second.flows] == [BEGAN_NS + SECOND_NS] * 2
    assert [each.opened_ns for each in second.flows] == [BEGAN_NS - 9 * SECOND_NS, 0]
    assert [each.read_ns for each in second.accounts] == [BEGAN_NS + 2 * SECOND_NS]


def test_accounts_alone_tell_the_time_too() -> None:
    accounts = [Account("eth0", "tcx", read_ns=at(each).time_ns) for each in (0, 10, -HOUR_S, 10 - HOUR_S)]
    latest_s = (0, 10, 10, 10)
    found = read_all(
        *(piece(accounts=[each], until_s=until_s) for each, until_s in zip(accounts, latest_s, strict=True))
    )
    assert [(each.time_ns - BEGAN_NS) / SECOND_NS for each in found] == [0, 10, 10, 20]


def test_a_clock_that_is_set_back_again_and_again_stands_still() -> None:
    stamped_s = [-3.0 * number for number in range(2000)]
    found = read_all(*(piece(at(each), until_s=0) for each in stamped_s))
    assert stamps_s(found) == stamped_s
    assert times_s(found) == [0] * len(stamped_s)
