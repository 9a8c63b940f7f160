"""Who is served at a time."""

from __future__ import annotations

import pytest

from tui.exporter.places import Places


def test_there_are_so_many() -> None:
    places = Places(3, 2)
    assert [places.take(f"192.0.2.{number}") for number in range(4)] == [True, True, True, False]
    places.give_back("192.0.2.1")
    assert places.take("192.0.2.9")


@pytest.mark.parametrize(
    ("same", "other"),
    [
        (("192.0.2.1", "192.0.2.1", "::ffff:192.0.2.1"), "192.0.2.2"),
        (("2001:db8::1", "2001:db8::2:3:4:5", "2001:db8::1"), "2001:db8:0:1::1"),
        (("fe80::1%lo", "fe80::2%lo", "fe80::3"), "2001:db8::1"),
    ],
)
def test_one_client_has_some_of_them(same: tuple[str, str, str], other: str) -> None:
    places = Places(8, 2)
    assert [places.take(address) for address in same] == [True, True, False]
    assert places.take(other)
    places.give_back(same[0])
    assert places.take(same[2])
    assert not places.take(same[1])
