"""What the help of a fleet's screen says besides keys."""

from __future__ import annotations

from tui.core.filter.keys import KEYS
from tui.fleet.columns import FLEET_COLUMNS
from tui.screens.help import Told

_KEYS = (
    *("box", "ip", "host", "port", "service", "n", "rate", "p50", "p95", "p99"),
    *("retx", "failed", "refused", "unreachable", "unanswered"),
)
_MEASURED = """\
Each box that runs tcplat --listen counts handshakes by how long the far side took to answer (its own help says how \
that is measured), by remote; a Prometheus server collects these counts, and is asked for them here. A row is of a \
box and a remote, of a remote as all boxes see it, or of a box (a). In a window (w) counts are what the server's \
increase() makes of scrapes, which is why they have a ~: it extends what it saw to the edges of the window. What a \
box had counted before it was first scraped is in none. Since each box began to count (window all) they are exact.

Percentiles are estimates within a bucket (~): which bucket is known, where in it is not; it is assumed that \
latencies lie evenly in it, as histogram_quantile does. Details (Enter) tell the bucket. Least, greatest and last \
latency are not known here. A dim figure is made of too few handshakes to mean much; a dim row is of a box that \
cannot be scraped now.

A window holds four scrapes at least: where boxes are scraped seldom it is longer than asked for, and says so."""


def told() -> Told:
    """All of it."""
    keys = [each for each in KEYS if each.name in _KEYS]
    return Told([(each.title, each.help) for each in FLEET_COLUMNS], keys, _MEASURED)
