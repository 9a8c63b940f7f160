"""A server that answers as pypi.org's JSON API does, for whoever asks by way of it as a proxy."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.exporter.web.certificates import make_authority, make_certificate

Known = Mapping[str, Sequence[str]]
"""By "NAME==VERSION" the vulnerabilities that are known; what is not in it, it has never heard of."""


class PyPI:
    """Listens on loopback as long as a `with` lasts. `directory` is for its certificates."""

    def __init__(self, directory: Path, known: Known) -> None:
        make_authority(directory)
        make_certificate(directory, "pypi", "DNS:pypi.org")
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(directory / "pypi.crt", directory / "pypi.key")
        self._authority = directory / "ca.crt"
        self.asked: list[str] = []
        """The paths that were asked for."""

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_CONNECT(handler) -> None:  # noqa: N802, N805 - as its base class calls them
                handler.send_response(200)
                handler.end_headers()
                connection: Any = tls.wrap_socket(handler.connection, server_side=True)
                handler.connection = connection
                handler.rfile, handler.wfile = connection.makefile("rb"), connection.makefile("wb", 0)
                handler.close_connection = False

            def do_GET(handler) -> None:  # noqa: N802, N805
                self.asked.append(handler.path)
                _, _, name, version, _ = handler.path.split("/")
                found = known.get(f"{name}=={version}")
                body = b"" if found is None else json.dumps(_answer(found)).encode()
                handler.send_response(404 if found is None else 200)
                handler.send_header("Content-Type", "application/json")
                handler.send_header("Content-Length", str(len(body)))
                handler.end_headers()
                handler.wfile.write(body)

            def log_message(handler, *_: object) -> None:  # noqa: N805
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> PyPI:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def environment(self) -> dict[str, str]:
        """What lets a program take it for pypi.org."""
        return {
            "HTTPS_PROXY": f"http://127.0.0.1:{self._server.server_port}",
            "REQUESTS_CA_BUNDLE": str(self._authority),
        }


def _answer(vulnerabilities: Sequence[str]) -> dict[str, Any]:
    told = [
        {"id": f"PYSEC-{each}", "aliases": [each], "details": "It is bad.", "fixed_in": ["99"], "withdrawn": None}
        for each in vulnerabilities
    ]
    return {"info": {}, "urls": [], "vulnerabilities": told}
