"""What `--json` and `--log` cost, written to a file."""

from __future__ import annotations

import random
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bpf.event import Handshake, Records, decode
from tools.bench.children import cpu_s, spawn
from tools.bench.effort import Effort
from tools.bench.handshakes import spread
from tools.bench.injected import injected
from tools.bench.network import OURS, Pair
from tools.bench.report import Figure

TARGET_US = 4.0
_HOSTS, _RATE = 1000, 20_000
_BARE = 20_000


def figures(effort: Effort) -> Iterator[Figure]:
    """Of each form; beside it the least that Python does: decode a record, write its figures."""
    chance = random.Random(1)
    packed = Records.of(spread(chance, _HOSTS, _BARE, 0)).raw
    for form in ("--json", "--log"):
        with ExitStack() as stack:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tcplat-bench-")))
            pair = stack.enter_context(Pair())
            generator = injected(stack, pair, _HOSTS, _RATE)
            pid = stack.enter_context(_streaming(pair, form, directory / "lines"))
            generator.start(effort.warm_up_s + effort.windows * effort.window_s * 2)
            time.sleep(effort.warm_up_s)
            shares, bare = [], []
            for _ in range(effort.windows):
                shares.append(_share(pid, effort.window_s))
                bare.append(_bare_us(packed, directory / "bare"))
            told = generator.stop()
        reached = told["count"] / told["seconds"]
        yield Figure(
            f"{form} to a file, {_RATE:,} handshakes/s",
            "us of CPU each",
            [share / reached * 1e6 for share in shares],
            "us, decoded and written bare",
            bare,
            TARGET_US,
            {"handshakes/s": reached},
        )


@contextmanager
def _streaming(pair: Pair, form: str, path: Path) -> Iterator[int]:
    """The program writing to a file, attached when the `with` begins; its process id."""
    with path.open("wb") as file:
        child = spawn(pair.ours, ["-m", "tui", OURS, form], stdout=file, stderr=subprocess.PIPE)
        try:
            assert child.stderr
            said = child.stderr.readline()
            if not said.startswith(b"tcplat: watching "):
                raise RuntimeError(said.decode())
            yield child.pid
        finally:
            child.kill()
            child.communicate()


def _share(pid: int, seconds: float) -> float:
    """Of a core, that a process takes."""
    before, began = cpu_s(pid), time.perf_counter()
    time.sleep(seconds)
    return (cpu_s(pid) - before) / (time.perf_counter() - began)


def _bare_us(packed: bytes, path: Path) -> float:
    began = time.thread_time()
    handshakes: Sequence[Handshake] = decode(packed)[0]
    with path.open("w") as file:
        file.write("".join([f"{each.time_ns} {each.latency_ns} {each.remote_port}\n" for each in handshakes]))
    return (time.thread_time() - began) / len(handshakes) * 1e6
