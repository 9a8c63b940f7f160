"""The kernel program on a device of either kind, and ends of a connection of either version of IP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bpf.interfaces import Layer
from bpf.program import Program
from tests.bpf.peers import ADDRESSES, Peers
from tests.bpf.wire import Wire


@pytest.fixture(params=list(Layer), ids=[layer.value for layer in Layer])
def wire(request: pytest.FixtureRequest, program: Program) -> Iterator[Wire]:
    with Wire(program, request.param) as entered:
        yield entered


@pytest.fixture(params=[4, 6], ids=["IPv4", "IPv6"])
def peers(request: pytest.FixtureRequest) -> Peers:
    return Peers(*ADDRESSES[request.param])
