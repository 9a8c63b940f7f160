"""Certificates for tests, made by openssl, of an authority of their own."""

from __future__ import annotations

import subprocess
from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def make_authority(directory: Path, name: str = "ca") -> None:
    """NAME.crt, NAME.key."""
    _openssl(
        directory, "req", "-x509", *_KEY, "-keyout", f"{name}.key", "-out", f"{name}.crt",
        "-days", "2", "-subj", f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign",
    )  # fmt: skip


def make_certificate(directory: Path, name: str, alternative: str, authority: str = "ca") -> None:
    """NAME.crt, NAME.key. `alternative`: its subject alternative names, as openssl has them."""
    _openssl(
        directory, "req", "-x509", *_KEY, "-keyout", f"{name}.key", "-out", f"{name}.crt",
        "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName={alternative}",
        "-CA", f"{authority}.crt", "-CAkey", f"{authority}.key", "-addext", "basicConstraints=critical,CA:FALSE",
    )  # fmt: skip


def _openssl(directory: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=directory, check=True, capture_output=True, timeout=30)
