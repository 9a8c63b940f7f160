"""The loop: it serves while it lasts, ends as it should, and has no use for stdout."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
import urllib.request

import pytest

from bpf.errors import TcplatError
from bpf.source import Batch, Names
from tests.core.handshakes import MS, flow
from tests.exporter.scraped import Series, series_of, text_families, value_of
from tests.tui.played import Played, handshake
from tui.exporter.address import address
from tui.exporter.run import Export


class Kept:
    """A taker that keeps all it is given."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    def take(self, batch: Batch, names: Names, wall_offset_ns: int) -> None:
        self.batches.append(batch)


def scrape(said: str) -> Series:
    """What is at the address that it said."""
    found = re.search(r"^tcplat: metrics at (http://127\.0\.0\.1:\d+/metrics)$", said, re.MULTILINE)
    assert found
    with urllib.request.urlopen(found[1], timeout=10) as reply:
        return series_of(text_families(reply.read()))


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_it_serves_until_a_signal(
    number: signal.Signals, status: int, capfd: pytest.CaptureFixture[str]
) -> None:
    found: list[Series] = []
    source, kept = Played(handshake("198.18.0.1"), handshake("198.18.0.2")), Kept()
    source.sample(flow("198.18.0.1", time.monotonic_ns(), MS))
    source.then(lambda: found.append(scrape(capfd.readouterr().err)))
    source.then(lambda: signal.raise_signal(number))
    with Export(address(":0")) as export:
        assert export.run(source, kept) == status
    assert source.closed.is_set()
    name = "tcplat_handshake_latency_seconds_count"
    assert [value_of(found[0], name, remote=f"198.18.0.{n}") for n in (1, 2)] == [1, 1]
    assert value_of(found[0], "tcplat_open_connections") == 1
    assert value_of(found[0], "tcplat_probe_attached", interface="eth0") == 1
    assert [len(each.handshakes) for each in kept.batches if each.handshakes] == [2]
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("state", ["closed", "nobody reads", "full"])
def test_stdout_may_be_anything(
    state: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as broken, open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", {"closed": None, "nobody reads": broken, "full": full}[state])
        source, found = Played(handshake()), list[Series]()
        source.play(handshake())
        source.then(lambda: found.append(scrape(capfd.readouterr().err)))
        source.then(lambda: signal.raise_signal(signal.SIGTERM))
        with Export(address(":0")) as export:
            assert export.run(source) == 0
        assert value_of(found[0], "tcplat_handshakes_total", outcome="established") == 2


def test_a_source_that_cannot_open_gives_the_port_back() -> None:
    source = Played()
    source.failure = TcplatError("no", "try")
    with pytest.raises(TcplatError, match="no; try"), Export(address(":0")) as export:
        export.run(source)
