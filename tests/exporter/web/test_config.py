"""The web configuration file: what it says is followed, or is an error that names it."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from tests.exporter.web.test_passwords import ABC, TEST
from tui.exporter.web.config import TlsConfig, WebConfig, web_config
from tui.exporter.web.document import Wrong

PLACE = Path("/etc/tcplat")
HASH = ABC.decode()
TLS = "tls_server_config:\n  cert_file: a.crt\n  key_file: keys/a.key\n"


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "tls_server_config:\nbasic_auth_users: {}\n"])
def test_it_may_ask_for_nothing(text: str) -> None:
    assert web_config(text, PLACE) == WebConfig()


def test_all_that_it_may_say() -> None:
    text = f"""\
tls_server_config:
  cert_file: a.crt
  key_file: /keys/a.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.crt
  client_allowed_sans: [prometheus.example, 192.0.2.1]
  min_version: TLS13
  max_version: TLS13
  prefer_server_cipher_suites: false
  cipher_suites:
    - TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
http_server_config:
  http2: false
  headers:
    X-Frame-Options: deny
    Content-Security-Policy: ""
    Strict-Transport-Security: max-age=31536000
basic_auth_users:
  alice: {TEST.decode()}
  "0123": '{HASH}'
  no: {HASH}
"""
    assert web_config(text, PLACE) == WebConfig(
        TlsConfig(
            PLACE / "a.crt",
            Path("/keys/a.key"),
            ssl.CERT_REQUIRED,
            PLACE / "ca.crt",
            frozenset({"prometheus.example", "192.0.2.1"}),
            ssl.TLSVersion.TLSv1_3,
            ssl.TLSVersion.TLSv1_3,
            ("ECDHE-RSA-AES128-GCM-SHA256",),
            False,
        ),
        {b"alice": TEST, b"0123": ABC, b"no": ABC},
        {"X-Frame-Options": "deny", "Strict-Transport-Security": "max-age=31536000"},
    )


def test_usually_tls_is_new_and_asks_for_no_certificate() -> None:
    tls = web_config(TLS, PLACE).tls
    assert tls == TlsConfig(PLACE / "a.crt", PLACE / "keys/a.key")
    assert (tls.oldest, tls.newest, tls.clients) == (
        ssl.TLSVersion.TLSv1_2,
        ssl.TLSVersion.TLSv1_3,
        ssl.CERT_NONE,
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("tls_config: {}", "line 1: tls_config is not known here"),
        ("root:$6$salt$hash:1:0: x", "line 1: a key is not known here"),
        ("a b*: 1\na b*: 2", "line 2: a key is there twice"),
        (f"{'x' * 1000}: 1", "line 1: a key is not known here"),
        (TLS + "  cert_fil: x", "line 4: tls_server_config.cert_fil is not known here"),
        (
            "http_server_config:\n  headers:\n    X-Odd: 1",
            "line 3: http_server_config.headers.X-Odd is not known here",
        ),
        ("http_server_config: {http3: true}", "line 1: http_server_config.http3 is not known here"),
        ("http_server_config: {http2: maybe}", "line 1: http_server_config.http2 cannot be maybe"),
        (
            "http_server_config: {headers: {X-Frame-Options: allow}}",
            "line 1: http_server_config.headers.X-Frame-Options cannot be 'allow'",
        ),
        (
            'http_server_config: {headers: {X-XSS-Protection: "1\\r\\nX-Odd: 1"}}',
            "line 1: http_server_config.headers.X-XSS-Protection cannot be '1\\r\\nX-Odd: 1'",
        ),
        ("tls_server_config: {key_file: x}", "tls_server_config.cert_file is missing"),
        (
            "tls_server_config:\n  cert_file: x\n  key_file:\n",
            "line 3: tls_server_config.key_file is missing",
        ),
        (TLS + "  min_version: TLS9", "line 4: tls_server_config.min_version cannot be TLS9"),
        (
            TLS + "  min_version: TLS13\n  max_version: TLS12",
            "tls_server_config.min_version is above max_version",
        ),
        (TLS + "  cipher_suites: [A]", "line 4: tls_server_config.cipher_suites: A is not known here"),
        (TLS + "  cipher_suites: A", "line 4: tls_server_config.cipher_suites must be a list of texts"),
        (TLS + "  cipher_suites: [{}]", "line 4: tls_server_config.cipher_suites must be a list of texts"),
        (TLS + "  client_auth_type: Never", "line 4: tls_server_config.client_auth_type cannot be Never"),
        (
            TLS + "  client_auth_type: RequireAnyClientCert",
            "line 4: tls_server_config.client_auth_type: RequireAnyClientCert is not supported by tcplat, "
            "but RequireAndVerifyClientCert is",
        ),
        (
            TLS + "  client_auth_type: RequireAndVerifyClientCert",
            "tls_server_config.client_ca_file is missing: client_auth_type asks for certificates",
        ),
        (
            TLS + "  client_ca_file: x",
            "line 4: tls_server_config.client_ca_file is of no use without client_auth_type",
        ),
        (
            TLS + "  client_allowed_sans: [x]",
            "line 4: tls_server_config.client_allowed_sans needs client_auth_type: RequireAndVerifyClientCert",
        ),
        (
            TLS + "  curve_preferences: [X25519]",
            "line 4: tls_server_config.curve_preferences is not supported by tcplat",
        ),
        ("rate_limit: {burst: 1}", "line 1: rate_limit is not supported by tcplat"),
        (
            "basic_auth_users:\n  ann: secret",
            "line 2: basic_auth_users.ann: what is there is no hash by bcrypt",
        ),
        (f"basic_auth_users: {{ann: {HASH}, ann: {HASH}}}", "line 1: basic_auth_users.ann is there twice"),
        ("basic_auth_users: [ann]", "line 1: basic_auth_users must be keys and values"),
        ("basic_auth_users: {[1]: 2}", "line 1: a key must be a word"),
        ("basic_auth_users: {ann: [x]}", "line 1: basic_auth_users.ann must be a text"),
        ("text", "line 1: the file must be keys and values"),
        ("a: [", "line 1: expected the node content, but found '<stream end>'"),
        ("a: 1\n---\nb: 2", "line 2: but found another document"),
        ("a: &a\n  <<: *a\n", "line 1: a is not known here"),
        ("\x1b", "it is not YAML"),
        pytest.param("[" * 2_000, "it is not YAML", id="too deep"),
    ],
)
def test_what_is_wrong_is_named(text: str, complaint: str) -> None:
    with pytest.raises(Wrong) as caught:
        web_config(text, PLACE)
    assert str(caught.value) == complaint


@pytest.mark.parametrize("cost", ["03", "32", "1", "ab"])
@pytest.mark.parametrize("kind", ["2a", "2x", "1", "5"])
def test_only_bcrypt_will_do(kind: str, cost: str) -> None:
    with pytest.raises(Wrong, match="no hash by bcrypt") as caught:
        web_config(f"basic_auth_users: {{ann: '${kind}${cost}{HASH[6:]}'}}", PLACE)
    assert HASH[7:] not in str(caught.value)


@pytest.mark.parametrize("hashed", [HASH[:-1], HASH + "a", HASH + " b", "", f"x{HASH}"])
def test_a_hash_must_be_whole(hashed: str) -> None:
    with pytest.raises(Wrong, match=r"^line 1: basic_auth_users\.ann: what is there is no hash by bcrypt$"):
        web_config(f"basic_auth_users: {{ann: '{hashed}'}}", PLACE)
