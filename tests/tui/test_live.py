"""Open connections on the screen: f turns to them and back, everywhere."""

from __future__ import annotations

import time

from bpf.event import Flow
from bpf.source import Account
from tests.core.handshakes import flow
from tests.tui.played import MS, Played, handshake
from tests.tui.shown import shown
from tui.core.format import ASCII
from tui.options import ScreenOptions
from tui.widgets.account_line import samples_text


def samples() -> list[Flow]:
    """Of three connections, taken now: one has had a queue for 12 seconds."""
    now_ns = time.monotonic_ns()
    second = 10**9
    slow = [
        flow("198.18.0.3", now_ns - age * second, 90 * MS, min_rtt_ns=10 * MS, cookie=3, segments=50)
        for age in (12, 6)
    ]
    last = flow("198.18.0.3", now_ns, 90 * MS, min_rtt_ns=10 * MS, cookie=3, segments=150, retransmits=2)
    return [
        flow("198.18.0.1", now_ns, 2 * MS, cookie=1),
        flow("198.18.0.1", now_ns, 4 * MS, cookie=2, process="psql", pid=77, opened_ns=now_ns - 90 * second),
        *slow,
        last,
    ]


def source_of(*flows: Flow) -> Played:
    source = Played(handshake("198.18.0.1", 20 * MS), handshake("198.18.0.2", 5 * MS))
    source.sample(*flows)
    return source


async def test_f_turns_the_table_to_open_connections_and_back() -> None:
    source = source_of(*samples())
    source.count(samples=1234, samples_thinned=5)
    async with shown(source, (100, 24)) as screen:
        await screen.until(lambda: screen.hosts == ["198.18.0.1", "198.18.0.2", "198.18.0.3"])
        assert "p95" in screen.text and "srtt" not in screen.text
        await screen.press("f")
        await screen.until(lambda: screen.hosts == ["198.18.0.3", "198.18.0.1", "198.18.0.2"])
        lines = screen.text.splitlines()
        assert "3 open  median srtt 4.00ms  max 90.0ms" in screen.title
        assert lines[2].split()[:8] == [
            *("198.18.0.3", "1", "90.0ms", "90.0ms", "10.0ms", "10.0ms", "9.00x!", "2.00%")
        ]
        assert lines[3].split()[:6] == ["198.18.0.1", "2", "2.00ms", "4.00ms", "2.00ms", "4.00ms"]
        await screen.until(lambda: "1,234 samples, 5 put off or left out, there being so many" in screen.text)
        await screen.press("f")
        await screen.until(lambda: "p95" in screen.text and "srtt" not in screen.text)
        assert "2 SYNs" in screen.text or "SYNs:" in screen.text


async def test_sort_goes_through_the_columns_of_open_connections() -> None:
    async with shown(source_of(*samples()), (100, 24)) as screen:
        await screen.until(lambda: len(screen.hosts) == 3)
        await screen.press("f", "s")
        await screen.until(lambda: "minrtt▼" in screen.text)
        await screen.press("comma", "comma")
        await screen.until(lambda: "srtt▼" in screen.text)
        await screen.press("f")
        await screen.until(lambda: "p95▼" in screen.text)
        await screen.press("f")
        await screen.until(lambda: "srtt▼" in screen.text)


async def test_details_list_the_connections_and_show_their_round_trips_over_time() -> None:
    async with shown(source_of(*samples()), (120, 50)) as screen:
        await screen.until(lambda: len(screen.hosts) == 3)
        await screen.press("f", "down", "down", "enter")
        await screen.until(lambda: "host 198.18.0.1" in screen.text)
        assert "srtt over time" in screen.text
        lines = screen.text.splitlines()
        at = next(number for number, line in enumerate(lines) if line.startswith("open connections"))
        assert lines[at + 1].split()[:6] == ["remote", "dir", "age", "srtt", "minrtt", "bloat"]
        assert lines[at + 2].split()[:6] == ["198.18.0.1:443", "out", "1m", "4.00ms", "4.00ms", "1.00x"]
        assert "psql[77]" in lines[at + 2]
        remote, direction, age, srtt = lines[at + 3].split()[:4]
        assert (remote, direction, srtt) == ("198.18.0.1:443", "out", "2.00ms")
        assert age.startswith(">")  # It is as old as the test at least.
        await screen.press("f")
        await screen.until(lambda: "latency over time" in screen.text)
        assert "open connections" in screen.text
        # The connections' cell has no handshake to tell of.
        assert "psql" not in screen.text.partition("open connections")[0]


async def test_a_filter_narrows_to_hosts_by_what_their_connections_say() -> None:
    async with shown(source_of(*samples())) as screen:
        await screen.until(lambda: len(screen.hosts) == 3)
        await screen.press("slash", *"flows>0 srtt>50ms", "enter")
        await screen.until(lambda: screen.hosts == ["198.18.0.3"])


async def test_a_paused_screen_stands_still() -> None:
    source = source_of(*samples())
    async with shown(source, (100, 24)) as screen:
        await screen.until(lambda: len(screen.hosts) == 3)
        await screen.press("f", "space")
        await screen.until(lambda: "PAUSED" in screen.title)
        source.sample(flow("198.18.0.9", time.monotonic_ns(), 900 * MS, cookie=9))
        await screen.until(lambda: source.is_empty)
        assert "198.18.0.9" not in screen.text
        await screen.press("space")
        await screen.until(lambda: screen.hosts[0] == "198.18.0.9")


async def test_what_is_missing_is_said() -> None:
    source = source_of()
    source.count(flow_trouble="open connections are not sampled: \x1b[2J")
    async with shown(source, (100, 24)) as screen:
        await screen.press("f")
        await screen.until(lambda: "open connections are not sampled: ?[2J" in screen.text)
        assert "  0 open  " in screen.title
        await screen.press("5")
        await screen.until(lambda: "open connections are not sampled" in screen.prose)


def test_samples_that_were_not_taken_are_counted() -> None:
    accounts = [Account("eth0", "tcx", samples=10, samples_lost=2), Account("eth1", "tcx", samples=1)]
    assert samples_text(accounts) == "11 samples, 2 LOST"
    assert samples_text([Account("eth0", "tcx")]) == "0 samples"


async def test_it_can_begin_with_open_connections() -> None:
    options = ScreenOptions(redraw_interval_s=0.1, is_live=True, sort="flows", glyphs=ASCII)
    async with shown(source_of(*samples()), (100, 24), options=options) as screen:
        await screen.until(lambda: screen.hosts == ["198.18.0.1", "198.18.0.3", "198.18.0.2"])
        await screen.press("f")
        await screen.until(lambda: "p95v" in screen.text)
