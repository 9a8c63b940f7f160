"""The stream: lines on stdout, notes on stderr, and every way it ends."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from bpf.errors import TcplatError
from bpf.event import Handshake, address_text
from tests.tui.played import PATIENCE_S, Played, handshake
from tui import headless
from tui.headless import Limits
from tui.out import jsonl, log

THREE = [handshake(f"198.18.0.{number}") for number in (1, 2, 3)]
Run = Callable[..., tuple[int, list[dict[str, Any]]]]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Stream a source as `--json`; return the exit status and the objects written."""

    def run(source: Played, limits: Limits | None = None) -> tuple[int, list[dict[str, Any]]]:
        status = headless.run(source, jsonl, limits or Limits())
        return status, [json.loads(line) for line in capfd.readouterr().out.splitlines()]

    return run


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def types(lines: list[dict[str, Any]]) -> list[str]:
    return [line["type"] for line in lines]


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0), (signal.SIGHUP, 0)]
)
def test_signal_ends_it_with_a_last_account(run: Run, number: signal.Signals, status: int) -> None:
    source = Played(*THREE)
    before = signal.getsignal(number)
    source.then(lambda: signal.raise_signal(number))
    assert (ended := run(source))[0] == status
    assert types(ended[1]) == ["probe", *["handshake"] * 3, "probe"]
    assert [line["established"] for line in ended[1] if line["type"] == "probe"] == [0, 3]
    assert source.closed.is_set()
    assert signal.getsignal(number) is before


def test_what_came_with_the_signal_is_still_written(run: Run) -> None:
    source = Played()
    source.then(interrupt)
    source.play(*THREE)
    assert types(run(source)[1]) == ["probe", *["handshake"] * 3, "probe"]


def test_signal_while_opening_ends_it(run: Run) -> None:
    source = Played()
    source.may_open.clear()

    def interrupt_then_open() -> None:
        assert source.opening.wait(PATIENCE_S)
        os.kill(os.getpid(), signal.SIGINT)
        source.may_open.set()

    threading.Thread(target=interrupt_then_open).start()
    status, lines = run(source)
    assert (status, types(lines), source.closed.is_set()) == (130, ["probe", "probe"], True)


def test_count_ends_it_in_the_middle_of_a_batch(run: Run) -> None:
    status, lines = run(Played(*THREE), Limits(count=2))
    assert (status, types(lines)) == (0, ["probe", "handshake", "handshake", "probe"])


def test_count_spans_batches(run: Run) -> None:
    source = Played(THREE[0])
    source.play(*THREE[1:])
    status, lines = run(source, Limits(count=3))
    assert status == 0
    assert [each["remote_address"] for each in lines[1:-1]] == [address_text(each.remote) for each in THREE]


def test_duration_ends_it(run: Run) -> None:
    status, lines = run(Played(*THREE), Limits(duration_s=0.01))
    assert (status, types(lines)) == (0, ["probe", *["handshake"] * 3, "probe"])


def test_accounts_come_at_their_interval(run: Run) -> None:
    source = Played()
    source.account_interval_s = 0
    for one in THREE:
        source.play(one)
    source.then(interrupt)
    _, lines = run(source)
    accounts = [line["established"] for line in lines if line["type"] == "probe"]
    assert accounts == [0, 1, 2, 3, 3]


def test_interface_that_goes_and_returns_is_noted_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    source = Played()
    source.then(lambda: source.lose("eth0"))
    source.play()
    source.then(lambda: source.lose())
    source.then(interrupt)
    headless.run(source, log, Limits())
    assert capfd.readouterr() == (
        "",
        "tcplat: watching eth0 (tcx); Ctrl+C ends it\n"
        "tcplat: eth0 is gone; waiting for it to return\n"
        "tcplat: eth0 is back\n",
    )


def test_source_that_cannot_open_leaves_the_signals_as_they_were(run: Run) -> None:
    source = Played()
    source.failure = TcplatError("no", "try")
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(TcplatError, match="no; try"):
        run(source)
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("after", [THREE, []], ids=["busy", "quiet"])
def test_closed_pipe_ends_it_quietly(
    after: list[Handshake], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    reader, writer = os.pipe()
    source = Played(*THREE)
    source.then(lambda: os.close(reader))
    source.play(*after)
    with open(writer, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert headless.run(source, jsonl, Limits()) == 0
    assert source.closed.is_set()
    assert capfd.readouterr().err == "tcplat: watching eth0 (tcx); Ctrl+C ends it\n"


def test_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Played(*THREE)
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(TcplatError, match=r"cannot write to stdout: No space left on device; "):
            headless.run(source, jsonl, Limits())
    assert source.closed.is_set()


def test_closed_stdout_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(TcplatError, match="stdout is closed; "):
        headless.run(Played(), jsonl, Limits())


def test_closed_stderr_gets_no_notes_into_the_stream(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert types(run(Played(), Limits(duration_s=0.01))[1]) == ["probe", "probe"]


def test_characters_that_stdout_cannot_write_do_not_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.memfd_create("stdout"), "w+", encoding="ascii") as out:
        monkeypatch.setattr(sys, "stdout", out)
        assert headless.run(Played(handshake(latency_ns=1_500)), log, Limits(count=1)) == 0
        out.seek(0)
        assert out.read().endswith("Latency 1.5?s\n")


def test_reader_that_has_stopped_reading_does_not_keep_it_from_ending(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader, writer = os.pipe()
    source = Played(*(handshake() for _ in range(2000)))
    with open(writer, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        assert headless.run(source, jsonl, Limits()) == 130
    assert source.closed.is_set()
    os.close(reader)
