"""The kernel program on a device of either kind, and ends of a connection of either version of IP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bpf import compiler, syscall
from bpf.interfaces import Layer
from bpf.program import Program
from tests.bpf.peers import ADDRESSES, Peers
from tests.bpf.wire import Wire

_TEN_SECONDS_NS = 10_000_000_000


@pytest.fixture(scope="module", params=["atomically", "with a lock", "written with the lock held"])
def any_program(request: pytest.FixtureRequest) -> Iterator[Program]:
    """The program as other kernels and processors need it."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param != "atomically":
            patch.setattr(syscall, "has_atomics", lambda: False)
        if request.param == "written with the lock held":
            patch.setattr(compiler, "_STORES_IN_ORDER", ())
        with Program(_TEN_SECONDS_NS, flow_interval_ns=_TEN_SECONDS_NS) as program:
            yield program


@pytest.fixture(params=list(Layer), ids=[layer.value for layer in Layer])
def wire(request: pytest.FixtureRequest, program: Program) -> Iterator[Wire]:
    with Wire(program, request.param) as entered:
        yield entered


@pytest.fixture(params=[4, 6], ids=["IPv4", "IPv6"])
def peers(request: pytest.FixtureRequest) -> Peers:
    return Peers(*ADDRESSES[request.param])
