"""Who asks: secrets from files, the environment and the URL, and which of them counts."""

from __future__ import annotations

import os
from base64 import b64decode
from pathlib import Path

import pytest

from bpf.errors import TcplatError
from tui.fleet.credentials import Credentials


def basic(header: str) -> str:
    kind, _, told = header.partition(" ")
    assert kind == "Basic"
    return b64decode(told).decode()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text("s3cret: with blanks \nand another line\n")
    return path


def test_none_is_none() -> None:
    assert Credentials().header({}) == ""


def test_what_the_url_says() -> None:
    assert basic(Credentials("me").header({}, "pw")) == "me:pw"
    assert basic(Credentials("me").header({})) == "me:"


def test_the_environment_counts_before_the_url_and_a_file_before_both(secret: Path) -> None:
    environment = {"TCPLAT_FLEET_PASSWORD": "from the environment"}
    assert basic(Credentials("me").header(environment, "pw")) == "me:from the environment"
    chosen = Credentials("me", password_file=str(secret))
    assert basic(chosen.header(environment, "pw")) == "me:s3cret: with blanks "


def test_a_password_in_the_environment_is_sent_byte_by_byte_whatever_its_encoding() -> None:
    header = Credentials("me").header({"TCPLAT_FLEET_PASSWORD": os.fsdecode(b"p\xe9")})
    assert b64decode(header.removeprefix("Basic ")) == b"me:p\xe9"


def test_a_token() -> None:
    assert Credentials().header({"TCPLAT_FLEET_TOKEN": "abc.def"}) == "Bearer abc.def"


def test_a_file_is_read_anew_each_time(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("one")
    chosen = Credentials(token_file=str(path))
    assert chosen.header({}) == "Bearer one"
    path.write_text("two\n")
    assert chosen.header({"TCPLAT_FLEET_TOKEN": "other"}) == "Bearer two"


def test_a_file_that_says_nothing_is_told(tmp_path: Path, secret: Path) -> None:
    with pytest.raises(TcplatError, match=r"cannot read .*nowhere: No such file"):
        Credentials(token_file=str(tmp_path / "nowhere")).header({})
    empty = tmp_path / "empty"
    empty.write_text("\n")
    with pytest.raises(TcplatError, match=r"first line of .*empty is empty"):
        Credentials(password_file=str(empty)).header({})
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(TcplatError, match="is not text"):
        Credentials(token_file=str(binary)).header({})


def test_a_secret_that_cannot_be_sent_is_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("s3cret\x0bX-Other: 1")
    with pytest.raises(TcplatError, match="characters") as caught:
        Credentials(token_file=str(path)).header({})
    assert "s3cret" not in str(caught.value)


def test_a_password_without_a_user_is_told() -> None:
    with pytest.raises(TcplatError, match="no user"):
        Credentials().header({"TCPLAT_FLEET_PASSWORD": "s3cret"})
