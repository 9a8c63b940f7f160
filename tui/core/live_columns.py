"""The columns about open connections: what TCP itself says of them."""

from __future__ import annotations

from tui.core.column import Column, latency
from tui.core.format import COUNT_WIDTH, age_text, count_text, factor_text, levels_text, percent_text

LIVE_COLUMNS: tuple[Column, ...] = (
    Column(
        id="flows",
        title="flows",
        width=COUNT_WIDTH + 1,
        align="right",
        help="open connections that sent something within the window, or the last 15 minutes if that is all",
        text=lambda row, _: count_text(row.live.count),
        value=lambda row: row.live.count,
        priority=2,
    ),
    latency("srtt", "their smoothed round-trip times, as TCP has them: the median", 3),
    latency("srtt_max", "... the greatest", 1, title="srtt max"),
    latency("minrtt", "the least round-trip time of each: the median", 4),
    latency("minrtt_max", "... the greatest", 10, title="minrtt max"),
    Column(
        id="bloat",
        title="bloat",
        width=6,
        align="right",
        help="srtt over min RTT, of the connection where that is most; ! if a queue has been on its path for 10 s",
        text=lambda row, _: factor_text(row.live.bloat, is_marked=row.live.is_bloated),
        value=lambda row: row.live.bloat,
        priority=5,
    ),
    Column(
        id="loss",
        title="loss",
        width=6,
        align="right",
        help="of 100 segments with data that they sent in the window, so many were sent again",
        text=lambda row, _: percent_text(row.live.loss_percent),
        value=lambda row: row.live.loss_percent,
        priority=6,
    ),
    Column(
        id="sampled",
        title="age",
        width=4,
        align="right",
        help="how long ago the last of these figures was read: connections are asked as they send",
        text=lambda row, _: age_text(row.sample_age_ns),
        # Not the age: that changes all the time.
        value=lambda row: None if row.live.tally.is_empty else -row.live.tally.last_seen_ns,
        priority=8,
        descending=False,
    ),
    Column(
        id="srtt_trend",
        title="trend",
        width=7,
        align="right",
        help="greatest srtt of each 5 s, newest on the right; steps as in the trend of handshakes",
        text=lambda row, glyphs: levels_text(row.live_levels, glyphs),
        value=None,
        priority=7,
    ),
)
