"""Compiling in a process of its own: what it hands over, how it fails, what is kept, and that nothing else is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from bpf import compiler, compiling, syscall
from bpf.compiled import Compiled
from bpf.compiling import Compiling
from bpf.errors import KernelUnsupported, MissingBcc
from bpf.interfaces import Layer
from bpf.kept import Kept
from bpf.program import Program
from bpf.trial import is_accepted
from tests.bpf.peers import Peers, connect_out, only
from tests.bpf.wire import Wire


def children() -> set[int]:
    return set(map(int, Path("/proc/thread-self/children").read_text().split()))


def open_fds() -> set[str]:
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


def fail_with(error: BaseException) -> Callable[..., NoReturn]:
    """What raises it, whatever it is called with."""

    def fail(*_: object, **__: object) -> NoReturn:
        raise error

    return fail


@pytest.mark.kernel
def test_what_it_hands_over_measures_as_what_is_compiled_here(peers: Peers) -> None:
    fds = open_fds()
    before = children()
    with (
        Compiling(None, is_forwarding=False) as there,
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
    monkeypatch.setattr(compiling, "compile_program", fail_with(error))
    before = children()
    with Compiling(None, is_forwarding=False) as there, pytest.raises(type(error)) as raised:
        there.take()
    assert (str(raised.value), children()) == (str(error), before)


def test_compiler_that_is_killed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "compile_program", lambda **_: signal.pause())
    before = children()
    with Compiling(None, is_forwarding=False) as there:
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
    with Compiling(None, is_forwarding=False) as there, pytest.raises(KernelUnsupported, match="got on"):
        there.take()


def test_it_ends_with_whoever_no_longer_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "compile_program", lambda **_: signal.pause())
    fds, before = open_fds(), children()
    with Compiling(None, is_forwarding=False):
        assert children() != before
    assert (children(), open_fds()) == (before, fds)


NICENESS_WHEN_HURRIED = """
import os, signal
from pathlib import Path
from bpf import compiling, privileges

compiling.compile_program = lambda **_: signal.pause()
with compiling.Compiling(None, is_forwarding=False) as there:
    privileges.give_up(None, is_watching=True)
    there.hurry()
    child, = Path("/proc/thread-self/children").read_text().split()
    print(os.getpriority(os.PRIO_PROCESS, int(child)))
"""


@pytest.mark.kernel
@pytest.mark.parametrize("dropped", ["setpriv", "setpriv --bounding-set=-sys_resource"])
def test_who_hurries_it_is_heard_with_few_capabilities(dropped: str) -> None:
    command = [*dropped.split(), "--", sys.executable, "-c", NICENESS_WHEN_HURRIED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert (done.stdout, done.stderr) == (f"{os.getpriority(os.PRIO_PROCESS, 0)}\n", "")


@pytest.mark.kernel
def test_tables_are_gone_with_what_was_linked() -> None:
    fds = open_fds()
    compiled = compiler.compile_program(is_forwarding=False)
    assert open_fds() == fds
    linked = compiled.link()
    assert len(open_fds() - fds) == len(linked.map_fds) == len(compiled.shapes)
    linked.close()
    assert open_fds() == fds


@pytest.mark.kernel
def test_what_was_compiled_is_kept_and_compiled_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Compiling(tmp_path, is_forwarding=False) as first:
        compiled = first.take()
    monkeypatch.setattr(compiling, "compile_program", fail_with(KernelUnsupported("compiled again", "")))
    before = children()
    with Compiling(tmp_path, is_forwarding=False) as second:
        assert second.take() == compiled
    with (
        Compiling(tmp_path, is_forwarding=True) as other,
        pytest.raises(KernelUnsupported, match="compiled again"),
    ):
        other.take()
    assert children() == before


@pytest.fixture(scope="module")
def good() -> Compiled:
    """What the kernel takes."""
    return compiler.compile_program(is_forwarding=False)


def with_bad_code(function: str) -> Callable[[Compiled], Compiled]:
    """It begins with what is no instruction."""
    return lambda compiled: replace(
        compiled, code={**compiled.code, function: bytes(8) + compiled.code[function]}
    )


def with_unknown_map(compiled: Compiled) -> Compiled:
    """A kind of map that no kernel has."""
    first, *others = compiled.shapes
    return replace(compiled, shapes=(first._replace(kind=9999), *others))


def with_map_not_shared(compiled: Compiled) -> Compiled:
    """One that cannot be mapped."""
    number = compiled.tables["awaited_acks"]
    shapes = list(compiled.shapes)
    shapes[number] = shapes[number]._replace(flags=0)
    return replace(compiled, shapes=tuple(shapes))


@pytest.mark.kernel
@pytest.mark.parametrize(
    "spoil",
    [with_bad_code("handshake"), with_bad_code("forget"), with_unknown_map, with_map_not_shared],
    ids=["program", "forget", "map", "memory"],
)
def test_what_is_kept_and_refused_is_compiled_anew(
    spoil: Callable[[Compiled], Compiled], good: Compiled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "compile_program", lambda **_: good)
    store = Kept(tmp_path, compiler.ingredients(is_forwarding=False))
    store.write(spoil(good), compiler.compiler_files())
    assert store.read() == spoil(good)
    with Compiling(tmp_path, is_forwarding=False) as there:
        assert there.take() == good
    assert store.read() == good


@pytest.mark.kernel
def test_trial_attaches_nothing_and_leaves_nothing(good: Compiled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syscall, "create_link", fail_with(AssertionError()))
    fds = open_fds()
    assert is_accepted(good, is_forwarding=False)
    assert not is_accepted(with_bad_code("handshake")(good), is_forwarding=False)
    assert open_fds() == fds
