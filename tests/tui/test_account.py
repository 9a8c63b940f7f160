"""The probe's account on the screen: a line that adds up, and a page with the rest."""

from __future__ import annotations

import subprocess
import sys

from bpf.event import Outcome
from bpf.source import Account
from tests.tui.played import MS, Played, handshake
from tests.tui.shown import shown
from tui.widgets.account_line import account_text


def test_line_says_what_is_not_zero_over_all_interfaces() -> None:
    first = Account("eth0", "tcx", syns=10, established=6, refused=1, unanswered=3, late=1, pending=1)
    second = Account("eth1", "tcx", syns=1002, established=1001, ambiguous=2, superseded=1)
    assert account_text([first, second]) == (
        "1,012 SYNs: 1,007 established (2 ambiguous), 1 refused, 2 unanswered, 1 superseded, 1 under way"
    )


def test_line_of_a_quiet_interface() -> None:
    assert account_text([Account("eth0", "tcx")]) == "0 SYNs: 0 established"


async def test_line_is_below_the_table() -> None:
    source = Played(handshake())
    source.count(syns=3, refused=2)
    async with shown(source) as screen:
        await screen.until(lambda: "3 SYNs: 1 established, 2 refused" in screen.text)


async def test_page_has_the_whole_account_and_keeps_up() -> None:
    source = Played(handshake())
    source.count(syns=1234, malformed=7, trouble="processes are not known: because", programs_ahead=3)
    async with shown(source, (120, 40)) as screen:
        await screen.press("5")
        await screen.until(lambda: "seen on both sides of the hook" in screen.text)
        for words in (
            "eth0 tcx",
            "because",
            "SYNs 1,234",
            "malformed 7",
            "programs ahead 3",
            "statistics are off",
        ):
            assert words in screen.prose
        source.then(lambda: source.count(syns=1235, read_ns=10**9, run_time_ns=10 * MS, run_count=50_000))
        await screen.until(lambda: "SYNs 1,235" in screen.prose)
        assert "time per packet 200ns over 50,000 packets" in screen.prose
        source.then(lambda: source.count(read_ns=2 * 10**9, run_time_ns=30 * MS, run_count=60_000))
        await screen.until(lambda: "share of a core 2.00%" in screen.prose)
        await screen.press("escape")
        await screen.until(lambda: screen.hosts and "seen on both sides" not in screen.text)


async def test_failures_stand_out_and_have_their_column() -> None:
    source = Played(*(handshake("198.18.0.9", outcome=Outcome.REFUSED) for _ in range(3)))
    async with shown(source) as screen:
        await screen.until(lambda: "✗3" in screen.text)
        assert "fail" in screen.header


def test_first_paint_waits_for_neither_bcc_nor_pyroute2() -> None:
    imports = "import sys, tui.app, tui.command_line; print({'bcc', 'pyroute2'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", imports], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"
