"""The generators' side of `tools.bench.children`: waiting for orders, keeping to a rate, saying what was done."""

from __future__ import annotations

import json
import select
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

TICK_S = 0.002


def obey(run: Callable[[float], Mapping[str, Any]]) -> None:
    """Run as often as asked, for so many seconds each time, until stdin is closed."""
    _tell({})
    # Without a buffer: what is in one cannot be waited for.
    with open(0, "rb", buffering=0) as orders:
        for line in orders:
            if line.strip():
                _tell(run(float(line)))


def _tell(what: Mapping[str, Any]) -> None:
    print(json.dumps(what), flush=True)


def due(rate: float, seconds: float) -> Iterator[int]:
    """How many are due by now, as often as there are some more, until time is over or stdin says something.

    `rate` 0: one more, at once.
    """
    began = time.perf_counter()
    given = 0
    while (passed := time.perf_counter() - began) < seconds:
        wanted = int(rate * passed) if rate else given + 1
        if wanted > given:
            given = wanted
            yield given
        if rate and _is_told_to_stop(TICK_S):
            return


def _is_told_to_stop(wait_s: float) -> bool:
    """Wait that long, unless there is something to read; that is left there, and is a blank line for `obey`."""
    return bool(select.select([0], [], [], wait_s)[0])
