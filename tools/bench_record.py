"""Measure tui.record: `PYTHONPATH=. python tools/bench_record.py`. Prints times, sizes and memory, judges nothing."""

from __future__ import annotations

import random
import resource
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bpf.event import Handshake
from bpf.source import Batch
from tui.out.jsonl import handshake_line
from tui.record.file import RecordingFile
from tui.record.flight import FlightRecorder, save
from tui.record.writer import Writer

COUNT = 200_000
HOSTS = 2000
PROCESSES = [name.ljust(16, b"\0") for name in (b"curl", b"nginx", b"python3")]


class Named:
    """Names that cost nothing."""

    def name_of(self, ifindex: int) -> str:
        """Name the interface."""
        return f"eth{ifindex}"

    def unit_of(self, cgroup: int) -> str:
        """Name the unit."""
        return "nginx.service" if cgroup == 777 else ""


def handshake(rng: random.Random, time_ns: int) -> Handshake:
    """One of a busy box: few ports and processes, many hosts, random sequence numbers."""
    host = int(HOSTS * rng.random() ** 2)
    latency_ns = int(rng.lognormvariate(15 + host % 50 / 20, 0.3))
    return Handshake(
        time_ns=time_ns,
        latency_ns=latency_ns,
        connect_ns=latency_ns,
        answer_ns=0,
        remote=bytes(10) + b"\xff\xff" + (0x0A000000 + host * 7919).to_bytes(4, "big"),
        local=bytes(10) + b"\xff\xff\x0a\x00\x02\x0f",
        process=rng.choice(PROCESSES),
        identity=rng.getrandbits(64),
        cgroup=rng.choice([4242, 777]),
        ifindex=2,
        pid=rng.randrange(1000, 1100),
        remote_port=rng.choice([443, 80, 5432]),
        local_port=rng.randrange(32768, 61000),
        retransmits=0,
        outcome=0,
        direction=0,
        ambiguous=0,
        repeated=0,
    )


def in_batches(handshakes: list[Handshake], size: int) -> list[list[Handshake]]:
    """As a source yields them."""
    return [handshakes[start : start + size] for start in range(0, len(handshakes), size)]


def seconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def bench_writer(name: str, handshakes: list[Handshake], rate: int) -> None:
    """The draining thread's part, and the CPU of all threads, `rate` handshakes a second in batches of 50 ms."""
    names = Named()
    in_put = in_render = 0.0
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / name
        file = RecordingFile(path, lambda: "{}\n")
        file.open()
        writer = Writer(file, lambda wall_ns, lost: f'{{"lost":{lost},"time":{wall_ns}}}\n')
        writer.start()
        cpu_before = _cpu_s()
        began = time.perf_counter()
        written = 0
        for number, batch in enumerate(in_batches(handshakes, rate // 20)):
            time.sleep(max(0.0, began + number * 0.05 - time.perf_counter()))
            from_s = time.perf_counter()
            text = "".join([handshake_line(each, names, 0) for each in batch])
            rendered_s = time.perf_counter()
            writer.put(text, len(batch))
            in_put += time.perf_counter() - rendered_s
            written += len(text)
            in_render += rendered_s - from_s
        closing = seconds(writer.close)
        count = len(handshakes)
        print(
            f"record {name:8} {rate:7,}/s  render {in_render / count * 1e6:5.2f} + put {in_put / count * 1e6:5.3f} "
            f"us each; CPU of all {(_cpu_s() - cpu_before) / count * 1e6:5.2f} us; {written / count:.0f} -> "
            f"{path.stat().st_size / count:5.1f} bytes; lost {writer.lost}; close {closing * 1e3:.0f} ms"
        )


def bench_flight(handshakes: list[Handshake], size: int) -> None:
    """The cost of taking, by the size of batches."""
    recorder, names = FlightRecorder(clock_ns=lambda: handshakes[-1].time_ns), Named()
    batches = [Batch(some, []) for some in in_batches(handshakes, size)]
    worst = total = 0.0
    for batch in batches:
        taken = seconds(partial(recorder.take, batch, names, 0))
        total += taken
        worst = max(worst, taken)
    snapshot_s = seconds(recorder.snapshot)
    packed = sum(len(chunk.packed) for chunk in recorder.snapshot().chunks)
    print(
        f"flight recorder, batches of {size:5}: {total / len(handshakes) * 1e6:5.2f} us each, worst batch "
        f"{worst * 1e3:.1f} ms; {packed / len(handshakes):.1f} bytes each; snapshot {snapshot_s * 1e3:.1f} ms"
    )


def bench_memory(handshakes: list[Handshake]) -> None:
    """What a full one takes, and saving it."""
    tracemalloc.start()
    recorder, names = FlightRecorder(clock_ns=lambda: handshakes[0].time_ns), Named()
    while recorder.since_ns <= handshakes[0].time_ns:
        for batch in in_batches(handshakes, 1000):
            recorder.take(Batch(batch, []), names, 0)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    snapshot = recorder.snapshot()
    held = sum(chunk.count for chunk in snapshot.chunks)
    print(f"flight recorder, full: {held:,} handshakes in {used / 2**20:.1f} MiB")
    for name in ("t.jsonl", "t.jsonl.gz", "t.jsonl.zst"):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / name
            saved_s = seconds(partial(save, path, snapshot, lambda: "{}\n"))
            print(
                f"saved as {name:11} in {saved_s:.1f} s, {saved_s / held * 1e6:.2f} us each, "
                f"{path.stat().st_size / held:.1f} bytes each"
            )


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Run all."""
    print(f"Python {sys.version.split()[0]}, {COUNT:,} handshakes")
    rng = random.Random(1)
    time_ns = 10**15
    handshakes = []
    for _ in range(COUNT):
        time_ns += int(rng.expovariate(1 / 50_000))
        handshakes.append(handshake(rng, time_ns))
    for name in ("t.jsonl", "t.gz", "t.zst"):
        bench_writer(name, handshakes[: COUNT // 10], 2000)
        bench_writer(name, handshakes, 50_000)
    for size in (10, 100, 1000, 10_000):
        bench_flight(handshakes, size)
    bench_memory(handshakes)


if __name__ == "__main__":
    main()
