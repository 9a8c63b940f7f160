"""The API's answers: their shapes, errors in the server's own words, warnings, and what is none of these."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fleet.answering import Request, answering, vector
from tui.fleet.address import server_address
from tui.fleet.api import Api, Series, found
from tui.fleet.http import Http, NoAnswer, Reply


def reply(told: object, status: int = 200) -> Reply:
    return Reply(status, "application/json", json.dumps(told).encode())


def success(kind: str, result: object) -> Reply:
    return reply({"status": "success", "data": {"resultType": kind, "result": result}})


def test_an_instant_vector() -> None:
    answer = found(Reply(200, "application/json", vector(({"le": "0.1"}, 2.5), ({}, 1))))
    assert answer.series == [Series({"le": "0.1"}, [(1000.0, 2.5)]), Series({}, [(1000.0, 1.0)])]
    assert (answer.value, answer.warnings) == (2.5, [])


def test_a_scalar_and_a_matrix() -> None:
    assert found(success("scalar", [1000.25, "1000.25"])).value == 1000.25
    matrix = found(success("matrix", [{"metric": {"a": "b"}, "values": [[1, "2"], [3, "4"]]}]))
    assert matrix.series == [Series({"a": "b"}, [(1.0, 2.0), (3.0, 4.0)])]


def test_what_is_no_number_is_left_out() -> None:
    matrix = found(success("matrix", [{"metric": {}, "values": [[1, "NaN"], [2, "+Inf"], [3, "4"]]}]))
    assert matrix.series[0].points == [(3.0, 4.0)]
    assert found(success("vector", [])).value is None


def test_what_is_too_much_for_any_count_or_no_time_is_left_out() -> None:
    huge = [[1, "1e308"], [2, "-1e308"], [1e300, "4"], [-1e300, "4"], [3, "4"]]
    assert found(success("matrix", [{"metric": {}, "values": huge}])).series[0].points == [(3.0, 4.0)]
    with pytest.raises(NoAnswer, match="not one of Prometheus's API"):
        found(success("vector", [{"metric": {}, "value": [1, 10**400]}]))


def test_native_histograms_beside_values_are_passed_over() -> None:
    mixed = [{"metric": {}, "histogram": [1, {}]}, {"metric": {}, "value": [1, "2"]}]
    assert found(success("vector", mixed)).value == 2


def test_warnings_are_kept_and_made_printable() -> None:
    body = vector(warnings=["store 10.0.0.1\x1b[2J did not answer\nin time"])
    assert found(Reply(200, "", body)).warnings == ["store 10.0.0.1?[2J did not answer in time"]


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (
            reply({"status": "error", "errorType": "bad_data", "error": "1:4: parse error"}, 400),
            "it says: 1:4: parse error",
        ),
        (
            reply({"status": "error", "errorType": "timeout", "error": "query timed out"}, 503),
            "query timed out",
        ),
        (reply({"status": "error", "error": "x" * 5000}, 422), "xxx\\.\\.\\.$"),
        (reply({"message": "Invalid API key"}, 401), "it wants to know who asks: Invalid API key"),
        (reply({"status": "error", "error": "no org id"}, 401), "it wants to know who asks: no org id"),
        (Reply(401, "text/plain", b"Unauthorized\n"), "it wants to know who asks .HTTP 401"),
        (Reply(403, "text/html", b"<html>"), "it does not let us ask"),
        (
            Reply(200, "text/html; charset=utf-8", b"<!doctype html><title>Sign in"),
            "text/html instead of JSON.*log-in page",
        ),
        (Reply(502, "text/html", b"<h1>Bad Gateway"), "HTTP 502, text/html instead of JSON"),
        (Reply(404, "text/plain", b"404 page not found"), "HTTP 404, text/plain"),
        (Reply(200, "application/json", b"[1, 2]"), "instead of JSON|not one of"),
        (Reply(200, "application/json", b'{"status": "succ'), "instead of JSON"),
        (Reply(200, "", b""), "something else instead of JSON"),
        (reply({"status": "success"}), "not one of Prometheus's API"),
        (success("streams", []), "not one of Prometheus's API"),
        (success("vector", [{"metric": {}, "value": ["now", "1"]}]), "not one of Prometheus's API"),
        (success("vector", 7), "not one of Prometheus's API"),
    ],
)
def test_what_is_no_answer_is_told_in_a_line(told: Reply, why: str) -> None:
    with pytest.raises(NoAnswer, match=why) as caught:
        found(told)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 300


def told_of(reply: Reply) -> str:
    """Why it is no answer; empty: it is one, and all its values are numbers."""
    try:
        answer = found(reply)
    except NoAnswer as error:
        return str(error)
    assert all(isinstance(value, float) for each in answer.series for _, value in each.points)
    return ""


@given(st.binary(max_size=200) | st.text().map(str.encode), st.sampled_from([200, 400, 500]))
def test_whatever_comes_is_an_answer_or_none(body: bytes, status: int) -> None:
    assert told_of(Reply(status, "application/json", body)).isprintable()


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["metric", "value", "values"]), inner)
    ),
    max_leaves=10,
)


@given(st.sampled_from(["vector", "matrix", "scalar"]), _JSON)
def test_so_it_is_with_whatever_is_in_it(kind: str, result: object) -> None:
    assert told_of(success(kind, result)) in ("", "its answer is not one of Prometheus's API")


def test_what_is_asked() -> None:
    def answer(request: Request) -> None:
        request.say(vector())

    with answering(answer) as server:
        http = Http(server_address(server.url))
        api = Api(http, lambda: "Bearer abc", timeout_s=10)
        api.at("up")
        api.at("up", 12.3456)
        api.over("up", 0, 60, 5)
        http.close()
    paths, forms, headers = zip(*server.asked, strict=True)
    assert paths == ("/api/v1/query", "/api/v1/query", "/api/v1/query_range")
    assert forms[0] == {"query": "up", "timeout": "8s"}
    assert forms[1]["time"] == "12.346"
    assert forms[2] == {"query": "up", "start": "0.000", "end": "60.000", "step": "5", "timeout": "8s"}
    assert all(each["Authorization"] == "Bearer abc" for each in headers)
