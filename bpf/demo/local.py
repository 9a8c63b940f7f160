"""The local side: processes that connect to remote hosts, and processes that accept connections."""

from __future__ import annotations

import contextlib
import random
import selectors
import socket
from collections.abc import Sequence
from functools import partial
from typing import NoReturn

from bpf.demo.pools import keep
from bpf.demo.scene import Caller
from bpf.demo.timetable import Timetable
from bpf.lab.connections import Connector

_PATIENCE_S = 3.2
"""Long enough for a SYN to be repeated a few times."""


def call(caller: Caller) -> NoReturn:
    """Connect to what the caller connects to, and close again, but for its pools; never returns."""
    timetable = Timetable(random.Random(caller.name))
    connector = Connector(_PATIENCE_S)
    for pool in caller.pools:
        keep(pool, timetable)
    for target in caller.calls:
        timetable.add_soon(partial(connector.begin, (target.address, target.port)), target.every_s)
    while True:
        connector.finished(timetable.run_due())


def listen(port: int) -> socket.socket:
    """Open a port, for IPv6 too where there is any. Does not wait for connections; raises OSError."""
    if socket.has_dualstack_ipv6():
        listener = socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    else:
        listener = socket.create_server(("", port))
    listener.setblocking(False)
    return listener


def accept(listeners: Sequence[socket.socket]) -> NoReturn:
    """Accept connections, and close them again; never returns."""
    with selectors.DefaultSelector() as selector:
        for listener in listeners:
            selector.register(listener, selectors.EVENT_READ, listener)
        while True:
            for key, _ in selector.select():
                with contextlib.suppress(OSError):  # It was reset meanwhile.
                    key.data.accept()[0].close()
