"""What charts look like: the text that someone looked at."""

from __future__ import annotations

import pytest

from tests.core.handshakes import MS, S
from tests.core.latencies import counts, texts, two_modes
from tui.core.charts import Slice, heatmap, histogram_chart, latency_chart, quantiles_of
from tui.core.format import ASCII, UNICODE, Glyphs

NOW_NS = 1_000_000 * S
AGES = [age for age in range(300, 0, -5) if not 150 < age <= 200]


def slowed() -> list[Slice]:
    """Five minutes, a gap in it, slow for the last 90 s, and three failures."""
    return [
        Slice(
            NOW_NS - age * S,
            5,
            counts(*[(30 if age <= 90 else 8) * MS] * 20, (200 if age <= 90 else 25) * MS),
            int(age in (30, 35, 250)),
        )
        for age in AGES
    ]


def turned() -> list[Slice]:
    """The same time; the slow mode grows in the last minute."""
    return [Slice(NOW_NS - age * S, 5, two_modes(100, 0.3 if age < 60 else 0.02)) for age in AGES]


@pytest.mark.parametrize("kind", ["latency", "heatmap", "histogram"])
@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
def test_looks_as_it_did(kind: str, glyphs: Glyphs) -> None:
    if kind == "latency":
        lines = latency_chart(slowed(), 56, 8, NOW_NS - 1, glyphs)
    elif kind == "heatmap":
        lines = heatmap(turned(), 56, 9, NOW_NS - 1, glyphs)
    else:
        all_ = two_modes(1000, 0.2)
        marks = dict(zip(("p50", "p95", "p99"), quantiles_of(all_, (0.5, 0.95, 0.99)), strict=True))
        lines = histogram_chart(all_, 56, 8, marks, glyphs)
    drawn = "\n".join(each.rstrip() for each in texts(lines))
    assert drawn == LOOKS[kind, glyphs is UNICODE].strip("\n")


LOOKS = {
    ("latency", True): """
300ms┤                                  ⢠⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠄
100ms┤                                  ⣸
     │                                  ⣇⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⡀
 30ms┤⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠁       ⠈⠉⠉⠉⠉⠉⠉⠉⠉⠉⡽
 10ms┤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠄       ⠠⠤⠤⠤⠤⠤⠤⠤⠤⠤⠇
  3ms┤
     └┴───────✗─┴─────────┴────────┴─────────┴────✗✗───┴
     -5m       -4m       -3m      -2m       -1m      now
""",
    ("latency", False): """
300ms+                                   ***************
100ms+                                  **
 30ms+                                  *ooooooooooooooo
     |****************         *********oo
 10ms+oooooooooooooooo         oooooooooo
  3ms+
     ++-------!-+---------+--------+---------+----!!---+
     -5m       -4m       -3m      -2m       -1m      now
""",
    ("heatmap", True): """
100ms┤················         ···············▓█████████
     │
 30ms┤
     │
 10ms┤
     │████████████████         ████████████████▓▓▓▓▓▓▓▓▓
  3ms┤████████████████         ████████████████▓▓▓▓▓▓▓▓▓
     └┴─────────┴─────────┴────────┴─────────┴─────────┴
     -5m       -4m       -3m      -2m       -1m      now
""",
    ("heatmap", False): """
100ms+................         ...............#@@@@@@@@@
     |
 30ms+
     |
 10ms+
     |@@@@@@@@@@@@@@@@         @@@@@@@@@@@@@@@@#########
  3ms+@@@@@@@@@@@@@@@@         @@@@@@@@@@@@@@@@#########
     ++---------+---------+--------+---------+---------+
     -5m       -4m       -3m      -2m       -1m      now
""",
    ("histogram", True): """
   p50▼                              p95▼▼p99
     ▅█                                 ┊┊
     ██                                 ┊┊
    ▁██▇                                ┊┊
    ████                               ▂▂┊
 ▁▁▄████▇▁▁                         ▁▁▅██▆▁▁
┴─────────────┴─────────────┴─────────────┴────────────┴
3ms         10ms          30ms          100ms      300ms
""",
    ("histogram", False): """
   p50v                              p95vvp99
     +@                                 ::
     @@                                 ::
    .@@#                                ::
    @@@@                               :::
 ..=@@@@#..                         ..+@@*..
+-------------+-------------+-------------+------------+
3ms         10ms          30ms          100ms      300ms
""",
}
"""What each looked like when someone looked at it; True: Unicode."""
