"""What is lost between the wire and the screen: nothing, and beyond what the ring holds, exactly what is counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

from tools.bench.children import Generator
from tools.bench.connecting import connecting
from tools.bench.counted import Count, Counted
from tools.bench.effort import Effort
from tools.bench.injected import injected
from tools.bench.instrumented import HELD_S
from tools.bench.network import Pair
from tools.bench.report import Figure

_HOSTS = 10_000
_RATE = 50_000
_AS_MANY_AS_CAN_BE = 0
_LAST_S = 0.3
_Made = Callable[[ExitStack, Pair, int, float], Generator]


def figures(effort: Effort) -> Iterator[Figure]:
    """Real handshakes; more than can be made of these, crafted; and with a reader that stands still for a while."""
    for kind, make, rate in (
        ("real handshakes, as many as can be", connecting, _AS_MANY_AS_CAN_BE),
        (f"{_RATE:,} crafted/s", injected, _RATE),
    ):
        made, count, seconds = _run(make, rate, effort, effort.flood_s)
        case = f"{kind}, {made / seconds:,.0f}/s for {seconds:.0f} s"
        yield _figure(f"lost: {case}", made - count.handshakes, made, count)
    made, count, _ = _run(injected, _RATE, effort, HELD_S + effort.flood_s / 2, is_held=True)
    if not count.lost:
        raise RuntimeError("the ring did not overflow, though nobody read it")
    row = f"neither shown nor counted as lost: {_RATE:,} crafted/s, reader held for {HELD_S:g} s"
    yield _figure(row, count.uncounted + abs(made - count.matched), made, count)


def _figure(row: str, missing: int, made: int, count: Count) -> Figure:
    details = {"matched": count.matched, "shown": count.handshakes, "lost": count.lost}
    details["uncounted"] = count.uncounted
    return Figure(row, "handshakes", [missing], "handshakes made", [made], 0, details)


def _run(
    make: _Made, rate: float, effort: Effort, flood_s: float, *, is_held: bool = False
) -> tuple[int, Count, float]:
    """How many were made, what the screen says, and how long it took."""
    with ExitStack() as stack:
        pair = stack.enter_context(Pair())
        generator = make(stack, pair, _HOSTS, rate)
        counted = stack.enter_context(Counted(pair, effort))
        generator.start(flood_s)
        if is_held:
            counted.hold()
        counted.screen.read(flood_s)
        told = generator.stop()
        counted.screen.read(_LAST_S)
        return told["count"], counted.finish(), told["seconds"]
