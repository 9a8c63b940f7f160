"""What is lost between the wire and the screen: nothing, and beyond what the ring holds, exactly what is counted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

from tools.bench.children import Generator
from tools.bench.connecting import connecting
from tools.bench.counted import Counted
from tools.bench.effort import Effort
from tools.bench.injected import injected
from tools.bench.instrumented import HELD_S
from tools.bench.network import Pair
from tools.bench.report import Figure

_HOSTS = 10_000
_RATE = 50_000
_AS_MANY_AS_CAN_BE = 0
_LOOK_S = 0.1
_PATIENCE_S = 10.0
"""The screen has the last ones within a second; a busy machine may take longer."""


def figures(effort: Effort) -> Iterator[Figure]:
    """Real handshakes; more than can be made of these, crafted; and with a reader that stands still for a while."""
    all_made = 0
    with ExitStack() as stack:
        pair = stack.enter_context(Pair())
        counted = stack.enter_context(Counted(pair, effort))
        for kind, make, rate in (
            ("real handshakes, as many as can be", connecting, _AS_MANY_AS_CAN_BE),
            (f"{_RATE:,} crafted/s", injected, _RATE),
        ):
            before = counted.handshakes
            with ExitStack() as load:
                made, seconds = _flood(counted, make(load, pair, _HOSTS, rate), effort.flood_s)
            all_made += made
            _wait_for(counted, before + made)
            case = f"{kind}, {made / seconds:,.0f}/s for {seconds:.0f} s"
            lost = made - (counted.handshakes - before)
            yield Figure(f"lost: {case}", "handshakes", [lost], "handshakes made", [made], 0)
        generator = injected(stack, pair, _HOSTS, _RATE)
        counted.hold()
        made, _ = _flood(counted, generator, HELD_S + effort.flood_s / 2)
        all_made += made
        count = counted.finish()
    if not count.lost:
        raise RuntimeError("the ring did not overflow, though nobody read it")
    yield Figure(
        f"neither shown nor counted as lost: {_RATE:,} crafted/s, reader held for {HELD_S:g} s",
        "handshakes",
        [abs(count.matched - count.handshakes - count.lost) + abs(all_made - count.matched)],
        "handshakes lost and counted",
        [count.lost],
        0,
        {"made": all_made, "matched": count.matched, "shown": count.handshakes, "lost": count.lost},
    )


def _flood(counted: Counted, generator: Generator, seconds: float) -> tuple[int, float]:
    """How many were made, and how long it took."""
    generator.start(seconds)
    counted.screen.read(seconds)
    told = generator.stop()
    return told["count"], told["seconds"]


def _wait_for(counted: Counted, handshakes: int) -> None:
    """Until that many have come, or no more will."""
    deadline = time.monotonic() + _PATIENCE_S
    while counted.handshakes < handshakes and time.monotonic() < deadline:
        counted.screen.read(_LOOK_S)
