"""Names and passwords against bcrypt's hashes: three that are published, so made by others."""

from __future__ import annotations

import base64
import threading
import time

import pytest

from tui.exporter.web.passwords import Passwords

EMPTY = b"$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s."
A = b"$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe"
ABC = b"$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"
TEST = b"$2y$10$X0h1gDsPszWURQaxFh.zouZO54J1sNRunKnOnbv.UQv34sOlEHMvG"


def basic(name: bytes | str, password: bytes | str) -> str:
    name, password = (each.encode() if isinstance(each, str) else each for each in (name, password))
    return f"Basic {base64.b64encode(name + b':' + password).decode()}"


@pytest.mark.parametrize(("hashed", "password"), [(EMPTY, ""), (A, "a"), (ABC, "abc"), (TEST, "test")])
@pytest.mark.parametrize("variant", [b"$2a$", b"$2b$", b"$2y$"])
def test_the_right_password_is_admitted(variant: bytes, hashed: bytes, password: str) -> None:
    passwords = Passwords({b"ann": variant + hashed[4:]})
    for _ in range(2):  # The second time it is known.
        assert passwords.admit(basic("ann", password))
        assert not passwords.admit(basic("ann", password + "x"))
        assert not passwords.admit(basic("bob", password))
        assert not passwords.admit(basic("", password))


def test_each_has_a_password_of_its_own() -> None:
    passwords = Passwords({b"ann": A, b"bob": ABC, "zoë".encode(): EMPTY})
    assert passwords.admit(basic("ann", "a")) and passwords.admit(basic("bob", "abc"))
    assert passwords.admit(basic("zoë", ""))
    assert not passwords.admit(basic("ann", "abc")) and not passwords.admit(basic("bob", "a"))


def test_a_salt_may_have_bits_that_do_not_count() -> None:
    """Of its last letter's six bits only two are used; whoever wrote the hash may have left any in the others."""
    salt_end = 4 + 3 + 21
    odd = ABC[:salt_end] + b"v" + ABC[salt_end + 1 :]
    assert odd != ABC and Passwords({b"ann": odd}).admit(basic("ann", "abc"))


def test_what_comes_after_a_zero_byte_counts() -> None:
    passwords = Passwords({b"ann": ABC})
    for _ in range(2):
        assert not passwords.admit(basic("ann", b"abc\0"))
        assert not passwords.admit(basic("ann", b"abc\0def"))
        assert passwords.admit(basic("ann", "abc"))


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic ",
        "Basic !",
        "Basic YQ",
        "Basic YW5u",
        "Bearer YW5uOmFiYw==",
        "YW5uOmFiYw==",
        "Basic é",
    ],
)
def test_what_is_no_name_and_password_is_not_admitted(header: str) -> None:
    assert not Passwords({b"ann": ABC}).admit(header)


def test_the_scheme_may_be_written_as_one_likes() -> None:
    assert Passwords({b"ann": ABC}).admit(" bAsIc   YW5uOmFiYw== ")


def test_who_is_known_waits_for_nobody() -> None:
    """While a guess takes its second of bcrypt, in another thread, the right one comes in at once."""
    slow = b"$2y$14$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"
    passwords = Passwords({b"ann": ABC, b"bob": slow})
    assert passwords.admit(basic("ann", "abc"))
    guessing = threading.Thread(target=passwords.admit, args=[basic("bob", "?")])
    guessing.start()
    known = 0
    while guessing.is_alive():
        assert passwords.admit(basic("ann", "abc"))
        known += guessing.is_alive()
        time.sleep(0.001)
    guessing.join()
    assert known > 10


def test_an_unknown_name_takes_as_long_as_a_wrong_password() -> None:
    passwords = Passwords({b"ann": TEST})
    spent_s = {}
    for name in ("ann", "bob"):
        before = time.thread_time()
        assert not passwords.admit(basic(name, "?"))
        spent_s[name] = time.thread_time() - before
    assert spent_s["bob"] > spent_s["ann"] / 2
