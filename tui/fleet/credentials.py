"""Who asks: a password or a token, from the URL, a file or the environment; read anew for each round of queries."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bpf.errors import TcplatError, UnreadableFile

PASSWORD_VARIABLE = "TCPLAT_FLEET_PASSWORD"
TOKEN_VARIABLE = "TCPLAT_FLEET_TOKEN"
_BYTES_MAX = 65_536


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where they are, not what they say: files change while the screen runs."""

    user: str = ""
    password_file: str = ""
    token_file: str = ""

    def header(self, environment: Mapping[str, str], url_password: str = "") -> str:
        """The value of the header Authorization; empty: there is none. Blocks for a file; raises TcplatError.

        What a file says counts before what the environment says, that before what the URL says.
        """
        token = _read(self.token_file) if self.token_file else environment.get(TOKEN_VARIABLE, "")
        if token and not self.password_file:
            _check(token, "token")
            return f"Bearer {token}"
        password = _read(self.password_file) if self.password_file else environment.get(PASSWORD_VARIABLE, "")
        password = password or url_password
        if not (self.user or password):
            return ""
        if not self.user:
            raise TcplatError(
                "there is a password, but no user", "name the user in the URL: https://USER@HOST"
            )
        # From the environment come bytes, whatever they mean.
        both = f"{self.user}:{password}".encode(errors="surrogateescape")
        return f"Basic {b64encode(both).decode()}"


def _read(path: str) -> str:
    """The first line of a file."""
    try:
        with Path(path).open(encoding="utf-8") as file:
            line = file.readline(_BYTES_MAX)
    except OSError as error:
        raise UnreadableFile(f"cannot read {path}: {error.strerror}", "") from error
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"{path} is not text", "") from error
    found = line.rstrip("\r\n")
    if not found:
        raise UnreadableFile(f"the first line of {path} is empty", "it is the secret")
    return found


def _check(token: str, what: str) -> None:
    """In a header no other line may be begun."""
    if not (token.isascii() and token.isprintable()):
        raise TcplatError(f"the {what} has characters in it that no header may have", "")
