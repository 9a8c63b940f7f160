"""Compiling in a process of its own: what it hands over, how it fails, and that it leaves nothing behind."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from bpf import compiler, compiling
from bpf.compiling import Compiling
from bpf.errors import KernelUnsupported, MissingBcc
from bpf.interfaces import Layer
from bpf.program import Program
from tests.bpf.peers import Peers, connect_out, only
from tests.bpf.wire import Wire


def children() -> set[int]:
    return set(map(int, Path("/proc/thread-self/children").read_text().split()))


def open_fds() -> set[str]:
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


@pytest.mark.kernel
def test_what_it_hands_over_measures_as_what_is_compiled_here(peers: Peers) -> None:
    fds = open_fds()
    before = children()
    with (
        Compiling(is_forwarding=False) as there,
        Program(10_000_000_000, take_compiled=there.take) as program,
    ):
        assert children() == before
        with Wire(program, Layer.ETHERNET) as wire:
            connect_out(wire, peers)
            event = only(wire.events())
            assert peers.is_of(event) and event.latency_ns > 0
            assert wire.counters()["established"] == 1
        assert program.callers == ""
    assert open_fds() == fds


@pytest.mark.parametrize("error", [MissingBcc("no bcc", "get it"), KernelUnsupported("too old", "")])
def test_its_failure_is_raised_here(error: KernelUnsupported, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: bool) -> None:
        raise error

    monkeypatch.setattr(compiling, "compile_program", fail)
    before = children()
    with Compiling(is_forwarding=False) as there, pytest.raises(type(error)) as raised:
        there.take()
    assert (str(raised.value), children()) == (str(error), before)


def test_compiler_that_is_killed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "compile_program", lambda **_: signal.pause())
    before = children()
    with Compiling(is_forwarding=False) as there:
        (pid,) = children() - before
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(KernelUnsupported, match="the process that compiles it has ended"):
            there.take()
    assert children() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_a_terminal_sends_to_all_does_not_keep_it_from_its_work(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get_one(**_: bool) -> None:
        os.kill(os.getpid(), number)
        raise KernelUnsupported("got on", "")

    monkeypatch.setattr(compiling, "compile_program", get_one)
    with Compiling(is_forwarding=False) as there, pytest.raises(KernelUnsupported, match="got on"):
        there.take()


def test_it_ends_with_whoever_no_longer_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "compile_program", lambda **_: signal.pause())
    fds, before = open_fds(), children()
    with Compiling(is_forwarding=False):
        assert children() != before
    assert (children(), open_fds()) == (before, fds)


@pytest.mark.kernel
def test_tables_are_gone_with_what_was_compiled() -> None:
    fds = open_fds()
    compiled = compiler.compile_program(is_forwarding=False)
    assert len(open_fds() - fds) == len(compiled.map_fds)
    compiled.close()
    assert open_fds() == fds
