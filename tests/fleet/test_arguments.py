"""`--fleet` as it is typed, and what it does not go with."""

from __future__ import annotations

import pytest

from tui.arguments import parse
from tui.command_line import run
from tui.fleet.address import server_address

URL = "https://me:s3cret@prom.example/p"


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as caught:
        parse(arguments)
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "s3cret" not in said
    return said


def test_what_is_typed() -> None:
    options = parse(
        ["--fleet", URL, "--box-label", "host", "--fleet-token", "/run/token", "--filter", "box:web"]
    )
    assert options.fleet == server_address(URL)
    assert (options.box_label, options.fleet_token, options.fleet_password) == ("host", "/run/token", None)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["eth0"], "an interface goes with a box itself"),
        (["--json"], "--log and --json goes with a box itself"),
        (["--listen", ":9811"], "--listen goes with"),
        (["--read", "x.pcap"], "--read goes with"),
        (["--demo"], "--demo goes with"),
        (["--record", "x.jsonl"], "--record goes with"),
        (["--forwarded"], "goes with a box itself"),
        (["--fleet-token", "a", "--fleet-password", "b"], "contradict"),
        (["--box-label", "no-label"], "is no name of a label"),
    ],
)
def test_what_does_not_go_with_it(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert said in refused(capsys, "--fleet", URL, *arguments)


@pytest.mark.parametrize("option", ["--box-label", "--fleet-token", "--fleet-password"])
def test_what_goes_with_it_only(capsys: pytest.CaptureFixture[str], option: str) -> None:
    assert f"{option} goes with --fleet" in refused(capsys, option, "x")


@pytest.mark.parametrize(
    "url", ["ftp://me:s3cret@x", "https://me:s3cret@", "https://me:s3cret@x:port", "http://a b", ""]
)
def test_a_bad_url_is_one_line(capsys: pytest.CaptureFixture[str], url: str) -> None:
    assert "such as http" in refused(capsys, "--fleet", url)


def test_without_a_terminal_there_is_no_screen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert run(["--fleet", "http://127.0.0.1:1"]) == 1
    assert "the screen needs a terminal" in capsys.readouterr().err
