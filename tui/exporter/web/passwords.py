"""Names and passwords, held against hashes by bcrypt: the C library's own, for there is none in Python's."""

from __future__ import annotations

import base64
import binascii
import ctypes
import hmac
import os
import threading
from collections.abc import Mapping

_LIBRARIES = ("libcrypt.so.1", "libcrypt.so.2")
"""Of libxcrypt: Debian and Ubuntu have the first, Fedora, openSUSE and Arch the second."""
_STATE_BYTES = 32768
_DIGEST_BYTES = 31
_KNOWN = b"$2b$04$......................w74bL5gU7LSJClZClCa.Pkz14aTv/XO"
"""That of an empty password."""


class Unavailable(Exception):
    """This machine cannot compute bcrypt."""


class Passwords:
    """Says who may come in. Any thread."""

    def __init__(self, users: Mapping[bytes, bytes]) -> None:
        """`users`: names and hashes, at least one. Raises Unavailable."""
        self._hash = _bcrypt()
        self._users = dict(users)
        self._some_hash = next(iter(users.values()))
        self._secret = os.urandom(32)
        self._known: dict[bytes, bytes] = {}
        """By name, of whoever came in: what the password was, by a quick hash that only this process can make."""
        self._turn = threading.Lock()

    def admit(self, authorization: str) -> bool:
        """Whether a header of HTTP's says who may come in.

        What was right once is known again at once. Else it takes as long as bcrypt does, one at a time, so that
        guessing takes one core at most; another thread may run meanwhile. An unknown name takes as long as a known one.
        """
        name, password = _credentials(authorization)
        hashed = self._users.get(name)
        mark = hmac.digest(self._secret, (hashed or b"") + password, "sha256")
        if hashed and hmac.compare_digest(self._known.get(name, b""), mark):
            return True
        with self._turn:
            expected = hashed or self._some_hash
            is_right = hmac.compare_digest(_digest(self._hash(password, expected)), _digest(expected))
        if not is_right or not hashed or b"\0" in password:  # There, C ends it.
            return False
        self._known[name] = mark
        return True


def _credentials(authorization: str) -> tuple[bytes, bytes]:
    """Name and password; both empty where there are none."""
    scheme, _, encoded = authorization.strip().partition(" ")
    if scheme.lower() != "basic":
        return b"", b""
    try:
        name, _, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return b"", b""
    return name, password


def _digest(hashed: bytes) -> bytes:
    """Without the salt, whose last letter has bits that do not count: the library clears them."""
    return hashed[-_DIGEST_BYTES:]


class _bcrypt:  # noqa: N801 (a function that needs a library)
    """The hash of a password, with the salt and cost of another hash; empty: it has failed."""

    def __init__(self) -> None:
        library = _library()
        self._crypt = library.crypt_rn
        self._crypt.restype = ctypes.c_char_p
        self._crypt.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int)
        if self(b"", _KNOWN) != _KNOWN:
            raise Unavailable("this machine's libcrypt does not know bcrypt")

    def __call__(self, password: bytes, setting: bytes) -> bytes:
        """Without Python's lock."""
        state = ctypes.create_string_buffer(_STATE_BYTES)
        return self._crypt(password, setting, state, _STATE_BYTES) or b""


def _library() -> ctypes.CDLL:
    for name in _LIBRARIES:
        try:
            library = ctypes.CDLL(name)
            library.crypt_rn  # noqa: B018 (whether it has it)
        except (OSError, AttributeError):
            continue
        return library
    raise Unavailable("there is no libcrypt (of libxcrypt) on this machine")
