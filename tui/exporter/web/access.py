"""Who may scrape, and how, as the web configuration file says at this moment."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import NamedTuple

from tui.exporter.web.config import WebConfig, web_config
from tui.exporter.web.document import Wrong
from tui.exporter.web.passwords import Passwords, Unavailable
from tui.exporter.web.tls import Tls

_BYTES_MAX = 1 << 20


class Rules(NamedTuple):
    """What the file asks for."""

    tls: Tls | None
    passwords: Passwords | None
    headers: dict[str, str]


_NO_RULES = Rules(None, None, {})


class Access:
    """The rules. Files are read each time, so that a new certificate or password is used at once. Any thread."""

    def __init__(self, path: Path | None) -> None:
        """`path`: of the file; None: anybody may scrape, without TLS. Raises Wrong."""
        self.path = path
        self._lock = threading.Lock()
        self._seen: list[bytes] = []
        self._config = WebConfig()
        self._rules = _NO_RULES
        if path:
            self._read(path)

    @property
    def scheme(self) -> str:
        """How addresses begin."""
        return "https" if self._rules.tls else "http"

    def rules(self) -> Rules:
        """Those in force. Raises Wrong as long as a file is wrong: then nobody may scrape."""
        with self._lock:
            if self.path:
                self._read(self.path)
            return self._rules

    def _read(self, path: Path) -> None:
        text = _content(path, "")
        is_same = bool(self._seen) and text == self._seen[0]
        config = self._config if is_same else _understood(text, path)
        seen = [text, *(_content(each, f"{each}: ") for each in _files(config))]
        if seen == self._seen:
            return
        # A file that is being written anew may be empty for a moment.
        for what, before, now in (
            ("tls_server_config", self._config.tls, config.tls),
            ("basic_auth_users", self._config.users, config.users),
        ):
            if before and not now:
                raise Wrong(f"{what} is no longer there: to do without takes a new start")
        try:
            passwords = Passwords(config.users) if config.users else None
        except Unavailable as error:
            raise Wrong(f"basic_auth_users: {error}") from error
        self._rules = Rules(Tls(config.tls) if config.tls else None, passwords, config.headers)
        self._config, self._seen = config, seen


def _understood(text: bytes, path: Path) -> WebConfig:
    try:
        return web_config(text.decode(), path.parent)
    except UnicodeDecodeError as error:
        raise Wrong("it is not UTF-8") from error


def _files(config: WebConfig) -> list[Path]:
    tls = config.tls
    return [each for each in (tls.certificate, tls.key, tls.client_ca) if each] if tls else []


def _content(path: Path, name: str) -> bytes:
    try:
        with open(path, "rb") as file:
            content = file.read(_BYTES_MAX + 1)
    except OSError as error:
        raise Wrong(f"{name}{error.strerror}") from error
    if len(content) > _BYTES_MAX:
        raise Wrong(f"{name}more than a MiB")
    return content
