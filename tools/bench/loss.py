"""What is lost between the wire and the screen: nothing, and beyond what the ring holds, exactly what is counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

from tools.bench.children import Generator
from tools.bench.connecting import connecting
from tools.bench.counted import Count, Counted
from tools.bench.effort import Effort
from tools.bench.injected import injected
from tools.bench.network import Pair
from tools.bench.report import Figure

_HOSTS = 10_000
_RATE = 50_000
_AS_MANY_AS_CAN_BE = 0
_HELD_S = 2.0
"""At that rate the ring holds 0.65 s."""
_LAST_S = 0.3
_Made = Callable[[ExitStack, Pair, int, float], Generator]


def figures(effort: Effort) -> Iterator[Figure]:
    """Real handshakes; more than can be made of these, crafted; and with a reader that stands still for a while."""
    for kind, make, rate, held_s in (
        ("real handshakes, as many as can be", connecting, _AS_MANY_AS_CAN_BE, 0.0),
        (f"{_RATE:,} crafted/s", injected, _RATE, 0.0),
    ):
        made, count, seconds = _run(make, rate, effort.flood_s, held_s)
        case = f"{kind}, {made / seconds:,.0f}/s for {seconds:.0f} s"
        yield _figure(f"lost: {case}", made - count.handshakes, made, count)
    made, count, _ = _run(injected, _RATE, _HELD_S + effort.flood_s / 2, _HELD_S)
    if not count.lost:
        raise RuntimeError("the ring did not overflow, though nobody read it")
    row = f"neither shown nor counted as lost: {_RATE:,} crafted/s, reader held for {_HELD_S:g} s"
    yield _figure(row, count.uncounted + abs(made - count.matched), made, count)


def _figure(row: str, missing: int, made: int, count: Count) -> Figure:
    details = {"matched": count.matched, "shown": count.handshakes, "lost": count.lost}
    details["uncounted"] = count.uncounted
    return Figure(row, "handshakes", [missing], "handshakes made", [made], 0, details)


def _run(make: _Made, rate: float, flood_s: float, held_s: float) -> tuple[int, Count, float]:
    """How many were made, what the screen says, and how long it took."""
    with ExitStack() as stack:
        pair = stack.enter_context(Pair())
        generator = make(stack, pair, _HOSTS, rate)
        counted = stack.enter_context(Counted(pair))
        generator.start(flood_s)
        if held_s:
            counted.hold(held_s)
        counted.screen.read(flood_s - held_s)
        told = generator.stop()
        counted.screen.read(_LAST_S)
        return told["count"], counted.finish(), told["seconds"]
