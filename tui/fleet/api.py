"""The server's HTTP API, as far as it is used here: what is asked, and its answers as values."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from bpf.event import printable
from tui.fleet.http import Http, NoAnswer, Reply

_TOLD = 200
"""So many characters of what a server says are shown."""
_MARGIN_S = 2.0
"""The server is to give up so long before we do."""
_LAST_S = 253_402_300_799.0
"""The end of the year 9999: no calendar here goes on."""
_MOST = 1e18
"""More than anything counts; sums of such are finite still."""
_LOG_IN = {401: "it wants to know who asks", 403: "it does not let us ask"}


class Series(NamedTuple):
    """Values of one set of labels."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]
    """Times, in Unix seconds of the server's clock, and values; what can be neither is left out."""


class Found(NamedTuple):
    """An answer."""

    series: Sequence[Series]
    warnings: Sequence[str] = ()
    """Why there may be more than this; printable."""

    @property
    def value(self) -> float | None:
        """Of the first series, the last value; None: there is none."""
        return next((each.points[-1][1] for each in self.series if each.points), None)


class Api:
    """Asks. One thread; every call blocks, and raises NoAnswer."""

    def __init__(self, http: Http, authorization: Callable[[], str], timeout_s: float) -> None:
        """`authorization`: the header of that name; asked for each time."""
        self._http = http
        self._authorization = authorization
        self._timeout_s = timeout_s

    def at(self, promql: str, time_s: float | None = None) -> Found:
        """What it is at a time; None: now, on the server's clock."""
        form = {"query": promql}
        if time_s is not None:
            form["time"] = f"{time_s:.3f}"
        return self._ask("/api/v1/query", form)

    def over(self, promql: str, start_s: float, end_s: float, step_s: float) -> Found:
        """What it was at each step from start to end."""
        form = {"query": promql, "start": f"{start_s:.3f}", "end": f"{end_s:.3f}", "step": f"{step_s:g}"}
        return self._ask("/api/v1/query_range", form)

    def _ask(self, path: str, form: dict[str, str]) -> Found:
        form["timeout"] = f"{max(1.0, self._timeout_s - _MARGIN_S):g}s"
        return found(self._http.post(quote(path), form, self._authorization()))


def found(reply: Reply) -> Found:
    """Read an answer; raises NoAnswer, with what the server says is wrong."""
    told = _read(reply)
    if told is None:
        raise NoAnswer(_no_json(reply))
    if told.get("status") != "success":
        why = told.get("error") or told.get("message") or f"HTTP {reply.status}"
        raise NoAnswer(f"{_LOG_IN.get(reply.status, 'it says')}: {_shown(why)}")
    try:
        series = _series(told["data"])
        warnings = [_shown(each) for each in told.get("warnings") or ()]
    except (AttributeError, KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise NoAnswer("its answer is not one of Prometheus's API") from error
    return Found(series, warnings)


def _read(reply: Reply) -> dict[str, Any] | None:
    try:
        told = json.loads(reply.body)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def _no_json(reply: Reply) -> str:
    kind = _shown(reply.content_type.partition(";")[0].strip()) or "something else"
    if reply.status in _LOG_IN:
        return f"{_LOG_IN[reply.status]} (HTTP {reply.status})"
    if reply.status >= 300:
        return f"HTTP {reply.status}, {kind} instead of JSON"
    return f"it answers with {kind} instead of JSON: is that the log-in page of a proxy?"


def _series(data: Mapping[str, Any]) -> list[Series]:
    kind, result = data["resultType"], data["result"]
    if kind == "scalar":
        return [Series({}, _points([result]))]
    if kind == "vector":
        return [Series(_labels(each), _points([each["value"]])) for each in result if "value" in each]
    if kind == "matrix":
        return [Series(_labels(each), _points(each["values"])) for each in result if "values" in each]
    raise ValueError(kind)


def _labels(each: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in each["metric"].items()}


def _points(values: Sequence[Sequence[Any]]) -> list[tuple[float, float]]:
    points = [(float(value[0]), float(value[1])) for value in values]
    return [(time_s, value) for time_s, value in points if is_time(time_s) and abs(value) <= _MOST]


def is_time(time_s: float) -> bool:
    """Whether it can be a time, in Unix seconds."""
    return 0 <= time_s <= _LAST_S


def _shown(text: object) -> str:
    """What a server says, as it may be shown: a line, not too long."""
    line = printable(" ".join(str(text).split()))
    return line if len(line) <= _TOLD else f"{line[:_TOLD]}..."
