"""`--listen` and its companions, as typed."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import pytest

from tests.tui.test_command_line import exit_status, only_line
from tui import command_line
from tui.arguments import parse
from tui.exporter.address import Address


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--listen", ":1", "--json"], "argument --json: not allowed with argument --listen"),
        (["--log", "--listen", ":1"], "argument --listen: not allowed with argument --log"),
        (["--listen", ":1", "--read", "x"], "--listen goes with a live interface, not with --read"),
        (
            ["--listen", ":1", "--config", "x"],
            "--config is for the screen, not for --log, --json or --listen",
        ),
        (["--listen", ":1", "--duration", "5"], "--duration and --count go with --log or --json"),
        (["--listen", "9811"], "'9811' is not [HOST]:PORT, such as :9811, 0.0.0.0:9811 or [::]:9811"),
        (["--listen", ":99999"], "':99999' is not [HOST]:PORT"),
        (["--listen"], "expected one argument"),
        (["--listen", ":1", "--label-by", "port"], "invalid choice: 'port'"),
        (["--listen", ":1", "--max-series", "0"], "'0' is not a whole number above 0"),
        (["--label-by", "host"], "--label-by goes with --listen"),
        (["--json", "--max-series", "5"], "--max-series goes with --listen"),
        (["--web-config", "web.yml"], "--web-config goes with --listen"),
    ],
)
def test_bad_arguments(arguments: Sequence[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status(*arguments) == 2
    assert complaint in only_line(capsys.readouterr().err)


def test_what_goes_with_it() -> None:
    words = ["any", "--listen", ":9811", "--record", "f", "--forwarded", "--timeout", "3", "--attach", "tcx"]
    options = parse([*words, "--max-series", "5", "--label-by", "network", "--filter", "dir:out"])
    assert options.listen == Address("127.0.0.1", 9811)
    assert parse(["--demo", "--listen", ":9811", "--no-flows"]).flows is False


def test_what_is_wrong_is_told_before_anything_is_attached(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command_line, "require_permission", lambda: None)
    assert exit_status("lo", "--listen", ":0", "--web-config", "/none.yml") == 1
    said = only_line(capsys.readouterr().err)
    assert said == "cannot use /none.yml: No such file or directory; put the file right"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        assert exit_status("lo", "--listen", where) == 1
    said = only_line(capsys.readouterr().err)
    assert said == f"cannot listen on {where}: Address already in use; choose another [HOST]:PORT"
