"""The screen over a long time of changing traffic and many keys: what it holds stays flat, and its figures stay true.

`make test` runs it for seconds, `make soak` for minutes: as many handshakes and keys as a box may see in an hour.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import statistics
import sys
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

import pytest

from bpf.lab import Behaviour, Connection, Host, Lab
from tests.end_to_end.attachments import attachments
from tests.end_to_end.commands import tcplat
from tests.end_to_end.terminal import Terminal

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(not shutil.which("tmux"), reason="make setup-test installs tmux"),
]

MINUTES = float(os.environ.get("TCPLAT_SOAK_MINUTES", "0.25"))
ROUND = 400
"""Connections at a time."""
GROWTH_MB, GROWTH_BYTES = 12.0, 150
"""What may come on top in a short run, after a third of it. Once: the last 10,000 handshakes, as a filter has looked at
them. For each handshake until 15 minutes are full: 20 bytes for `E`, counts by slice and bucket, what Python leaves
between those."""
WARM_MINUTES, FLAT_MB = 18, 6.0
"""From then on memory is flat, in a run that is longer: the last 15 minutes are full, and for three as much has left
them as has come, in pieces of other sizes. What keys leave behind comes and goes, 5 to 10 MB between two looks for it,
mostly where there is room already: 2.2 MB more at most from minute 18 to 24. With the faults that this found: 16."""
THREADS = 4 + 4 + min(32, (os.cpu_count() or 1) + 4)
"""At most: screen, keys, source and recording, four that look up names, and asyncio's for what blocks."""
OUTCOMES = {
    Behaviour.ANSWERS: "established",
    Behaviour.REFUSES: "refused",
    Behaviour.UNREACHABLE: "unreachable",
    Behaviour.SILENT: "unanswered",
}
KEYS = [*"sSawdddff23451jGgoomn+-"]


@pytest.fixture
def hosts() -> list[Host]:
    behaviours = [Behaviour.ANSWERS] * 7 + [Behaviour.REFUSES, Behaviour.UNREACHABLE, Behaviour.SILENT]
    return [
        Host(f"198.18.{number // 250}.{1 + number % 250}", (number % 50) / 1e3, behaviour)
        for number, behaviour in zip(range(500), cycle(behaviours))
    ]


@pytest.fixture
def network(hosts: list[Host]) -> Iterator[Lab]:
    with Lab("ethernet", hosts, keep=ROUND) as lab:
        yield lab
        assert attachments(lab) == []


@dataclass
class Truth:
    """What was done, as the other side saw it."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By address and outcome."""
    bounds_ns: defaultdict[tuple[str, int], deque[tuple[int, int]]] = field(
        default_factory=lambda: defaultdict(deque)
    )
    """Of those established, by address and local port: the least and most that the latency can be, in turn."""

    def add(self, lab: Lab, host: Host, connection: Connection) -> None:
        self.outcomes[host.address, OUTCOMES[host.behaviour]] += 1
        if host.behaviour is Behaviour.ANSWERS:
            floor_ns = lab.exchange_of(connection).latency_floor_ns
            assert floor_ns is not None
            # On a busy machine connect() is given up before an answer comes: how long that took says nothing then.
            most_ns = connection.duration_ns if connection.error == 0 else sys.maxsize
            self.bounds_ns[host.address, connection.local_port].append((floor_ns, most_ns))


@dataclass(frozen=True)
class Held:
    """What the process holds."""

    minute: int
    """Of the run."""
    memory_mb: float
    files: int
    threads: int
    handshakes: int
    """Made up to then."""


def held(pid: int, began_s: float, handshakes: int) -> Held:
    minute = int(time.monotonic() - began_s) // 60
    status = Path(f"/proc/{pid}/status").read_text()
    memory_mb = int(status.split("VmRSS:")[1].split()[0]) / 1e3
    files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return Held(minute, memory_mb, files, len(list(Path(f"/proc/{pid}/task").iterdir())), handshakes)


def memory_by_minute(history: list[Held]) -> list[float]:
    """The median of each minute."""
    minutes: defaultdict[int, list[float]] = defaultdict(list)
    for each in history:
        minutes[each.minute].append(each.memory_mb)
    return [statistics.median(found) for found in minutes.values()]


def test_what_it_holds_is_flat_and_its_figures_are_true(
    network: Lab, hosts: list[Host], tmp_path: Path
) -> None:
    recording = tmp_path / "all.jsonl"
    by_address = {host.address: host for host in hosts}
    truth, history, chance = Truth(), [], random.Random(1)
    with Terminal(network, columns=120, lines=40) as terminal:
        options = ("--timeout", "2", "--record", str(recording))
        terminal.run(*tcplat(network.device, *options))
        terminal.shows(f"No handshake on {network.device} yet.")
        pid = terminal.child
        terminal.press(*KEYS)  # What they begin, such as threads that look names up, is there from then on.
        began_s = time.monotonic()
        for number in cycle(range(100)):
            if time.monotonic() > began_s + 60 * MINUTES:
                break
            # Many hosts at times, few at others; some rounds nothing at all.
            chosen = chance.sample(hosts, chance.choice([0, 5, 50, 400]))
            targets = [(host.address, 443) for host in chosen]
            for connection in network.connect_many(targets, timeout_s=0.3, reset=True):
                truth.add(network, by_address[connection.address], connection)
            for key in chance.choices(KEYS, k=3):
                terminal.press(key)
            if number % 10 == 9:
                # No faster than it follows: what waits for a busy processor is memory, too.
                terminal.press("4", "/", *f"p95>{number}ms")
                terminal.shows(f"p95>{number}ms")
                terminal.press("Enter", "Escape")
                terminal.until(lambda shown=f"p95>{number}ms": shown not in terminal.text)  # type: ignore[misc]
            assert Path(f"/proc/{pid}").exists(), f"it has ended; the screen is\n{terminal.text}"
            history.append(held(pid, began_s, sum(truth.outcomes.values())))
        time.sleep(3)  # Until the last that nobody answered are over.
        terminal.press("Escape", "Escape", "1")
        warm = history[len(history) // 3 : len(history) // 3 + 5]
        files = max(each.files for each in warm)
        # More of them while it reads which interfaces there are.
        terminal.until(lambda: held(pid, began_s, 0).files <= files)
        last = held(pid, began_s, sum(truth.outcomes.values()))
        terminal.press("q")
        terminal.shows("status=0")
    curve = memory_by_minute(history)
    print("\nMB by minute:", *(f"{each:.1f}" for each in curve))
    if MINUTES >= WARM_MINUTES + 2:
        flat = curve[WARM_MINUTES:]
        assert max(flat) - flat[0] < FLAT_MB
    else:
        allowed_mb = GROWTH_MB + GROWTH_BYTES * (last.handshakes - warm[0].handshakes) / 1e6
        assert last.memory_mb - statistics.median(each.memory_mb for each in warm) < allowed_mb
    assert last.threads <= THREADS
    recorded = [json.loads(line) for line in recording.read_text().splitlines()]
    shaken = [each for each in recorded if each["type"] == "handshake" and each["direction"] == "outbound"]
    found = Counter((each["remote_address"], each["outcome"]) for each in shaken)
    # A port that is used again for the same host within the timeout is a new connection: the account counts those.
    *_, account = (each for each in recorded if each["type"] == "probe")
    missing = truth.outcomes - found
    assert not found - truth.outcomes
    assert {outcome for _, outcome in missing} <= {"unanswered"}
    assert missing.total() == account["superseded"]
    for each in shaken:
        if each["outcome"] == "established":
            least, most = truth.bounds_ns[each["remote_address"], each["local_port"]].popleft()
            assert least <= each["latency_ns"] <= most
    print(f"\n{last.handshakes:,} handshakes, {len(history)} rounds, {warm[0]} to {last}")
