"""The web configuration file that Prometheus and its exporters share, as far as it can be followed here."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from tui.exporter.web.document import Section, Wrong, document

_VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}
_CLIENTS = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_UNVERIFIED = ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert")
_CIPHERS = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
}
"""Up to TLS 1.2, by IANA's names; those of 1.3 cannot be chosen, neither here nor in Prometheus."""
_HEADERS = {
    "Content-Security-Policy": None,
    "Strict-Transport-Security": None,
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": None,
}
"""Those that may be given, and the values they may have; None: any."""
_NOT_HERE = ("cert", "key", "client_ca", "curve_preferences")
_is_hash = re.compile(rb"\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}").fullmatch


@dataclass(frozen=True, slots=True)
class TlsConfig:
    """How TLS is spoken."""

    certificate: Path
    key: Path
    clients: ssl.VerifyMode = ssl.CERT_NONE
    client_ca: Path | None = None
    client_names: frozenset[str] = frozenset()
    """Subject alternative names, of which a client's certificate must have one; empty: any will do."""
    oldest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    ciphers: tuple[str, ...] = ()
    """OpenSSL's names; empty: as usual."""
    prefers_own_ciphers: bool = True


@dataclass(frozen=True, slots=True)
class WebConfig:
    """What the file says."""

    tls: TlsConfig | None = None
    users: dict[bytes, bytes] = field(default_factory=dict)
    """Names, and bcrypt's hashes of their passwords; empty: anybody may scrape."""
    headers: dict[str, str] = field(default_factory=dict)
    """Sent with every reply."""


def web_config(text: str, directory: Path) -> WebConfig:
    """Read it. Names of files are relative to the directory. Raises Wrong."""
    whole = document(text)
    tls = _tls(whole.section("tls_server_config"), directory)
    headers = _headers(whole.section("http_server_config"))
    users = _users(whole.section("basic_auth_users"))
    _refuse(whole, "rate_limit")
    whole.end()
    return WebConfig(tls, users, headers)


def _tls(section: Section, directory: Path) -> TlsConfig | None:
    if not section.names:
        return None
    _refuse(section, *_NOT_HERE)
    clients = _clients(section)
    config = TlsConfig(
        directory / _needed(section, "cert_file"),
        directory / _needed(section, "key_file"),
        clients,
        _client_ca(section, clients, directory),
        _client_names(section, clients),
        _VERSIONS[section.choice("min_version", _VERSIONS, "TLS12")],
        _VERSIONS[section.choice("max_version", _VERSIONS, "TLS13")],
        _ciphers(section),
        section.flag("prefer_server_cipher_suites", True),
    )
    if config.oldest > config.newest:
        raise Wrong("tls_server_config.min_version is above max_version")
    section.end()
    return config


def _refuse(section: Section, *keys: str) -> None:
    """What Prometheus knows is not left out in silence."""
    for key in keys:
        if key in section.names:
            raise Wrong(f"{section.where(key)} is not supported by tcplat")


def _needed(section: Section, key: str) -> str:
    where = section.where(key)
    text = section.text(key)
    if not text:
        raise Wrong(f"{where} is missing")
    return text


def _clients(section: Section) -> ssl.VerifyMode:
    where = section.where("client_auth_type")
    choice = section.choice("client_auth_type", {*_CLIENTS, *_UNVERIFIED}, "NoClientCert")
    if choice in _UNVERIFIED:  # OpenSSL, as Python has it, asks for none without verifying it.
        raise Wrong(f"{where}: {choice} is not supported by tcplat, but RequireAndVerifyClientCert is")
    return _CLIENTS[choice]


def _client_ca(section: Section, clients: ssl.VerifyMode, directory: Path) -> Path | None:
    where = section.where("client_ca_file")
    text = section.text("client_ca_file")
    if text and clients == ssl.CERT_NONE:
        raise Wrong(f"{where} is of no use without client_auth_type")
    if not text and clients != ssl.CERT_NONE:
        raise Wrong(f"{where} is missing: client_auth_type asks for certificates")
    return directory / text if text else None


def _client_names(section: Section, clients: ssl.VerifyMode) -> frozenset[str]:
    where = section.where("client_allowed_sans")
    names = section.texts("client_allowed_sans")
    if names and clients != ssl.CERT_REQUIRED:
        raise Wrong(f"{where} needs client_auth_type: RequireAndVerifyClientCert")
    return frozenset(names)


def _ciphers(section: Section) -> tuple[str, ...]:
    where = section.where("cipher_suites")
    names = section.texts("cipher_suites")
    for name in names:
        if name not in _CIPHERS:
            raise Wrong(f"{where}: {name} is not known here")
    return tuple(_CIPHERS[name] for name in names)


def _headers(section: Section) -> dict[str, str]:
    section.flag("http2", True)  # Only version 1.0 is spoken, whichever.
    inner = section.section("headers")
    section.end()
    found: dict[str, str] = {}
    for name in inner.names:
        where = inner.where(name)
        if name not in _HEADERS:
            raise Wrong(f"{where} is not known here")
        value, values = inner.text(name), _HEADERS[name]
        if not value.isascii() or not value.isprintable() or (value and values and value not in values):
            raise Wrong(f"{where} cannot be {value!r}")
        if value:
            found[name] = value
    return found


def _users(section: Section) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for name in section.names:
        where = section.where(name)
        hashed = section.text(name).encode()
        if not _is_hash(hashed):
            raise Wrong(f"{where}: what is there is no hash by bcrypt")
        found[name.encode()] = hashed
    return found
