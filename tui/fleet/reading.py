"""From series to what they are of: the row that labels tell, and the buckets that counts by `le` are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from math import inf

from tui.fleet.api import Series
from tui.fleet.buckets import Buckets
from tui.fleet.question import RowKey

_EDGE_MAX_S = 1e9
"""No latency lasts so long."""


def keyed(series: Iterable[Series], labels: Sequence[str], box_label: str) -> Iterator[tuple[RowKey, Series]]:
    """Series that have values, each with the key of its row; `labels`: those that rows are told apart by."""
    has_box, has_remote = box_label in labels, "remote" in labels
    for each in series:
        if each.points:
            box = each.labels.get(box_label, "") if has_box else ""
            yield (box, each.labels.get("remote", "") if has_remote else ""), each


def by_key(
    series: Iterable[Series], labels: Sequence[str], box_label: str, extra: str
) -> dict[RowKey, dict[str, float]]:
    """The last values of each row, by an extra label."""
    found: dict[RowKey, dict[str, float]] = {}
    for key, each in keyed(series, labels, box_label):
        found.setdefault(key, {})[each.labels.get(extra, "")] = each.points[-1][1]
    return found


def buckets_of(counts: Mapping[str, float]) -> Buckets:
    """Of counts by the label `le`; an edge that can be none is left out."""
    by_edge_s = {}
    for le, count in counts.items():
        with suppress(ValueError):
            edge_s = float(le)
            if 0 <= edge_s <= _EDGE_MAX_S or edge_s == inf:
                by_edge_s[edge_s] = count
    return Buckets(by_edge_s)
