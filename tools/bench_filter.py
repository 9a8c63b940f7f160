"""Measure tui.core.filter: `PYTHONPATH=. python tools/bench_filter.py [SUBJECTS]`. Prints times, judges nothing."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bpf.event import address_text
from tui.core.filter import Subject, parse

FILTERS = (
    "",
    "10.3",
    "gateway",
    "p95>80ms",
    "port:443",
    "port:1-1023",
    "proc:curl",
    "ip:10.1.0.0/16",
    "dir:out !ip:10.1.0.0/16 p95>80ms n>=20 or retx>0",
    "/^10.*7$/",
    r"/\b(api|www)\d+\./",
    # What takes a backtracking engine for ever, or makes many states here.
    "/(a+)+x/",
    "/(.*.*.*.*)*x/",
    "/(0|1|2)*1.{12}/",
    "/(.*1.{100})+/",
)


@dataclass(frozen=True, slots=True)
class Row:
    """A row as cheap to ask as the table's."""

    address: bytes
    text: tuple[str, ...]
    label: dict[str, tuple[str, ...]]
    number: dict[str, frozenset[int]]
    figures: dict[str, float | None]

    def texts(self) -> Collection[str]:
        """Address, name, process."""
        return self.text

    def addresses(self) -> Collection[bytes]:
        """One."""
        return (self.address,)

    def labels(self, id_: str) -> Collection[str]:
        """Process, direction."""
        return self.label.get(id_, ())

    def numbers(self, id_: str) -> frozenset[int]:
        """Ports."""
        return self.number.get(id_, frozenset())

    def figure(self, id_: str) -> float | None:
        """Count, p95, retx."""
        return self.figures.get(id_)


def row(rng: random.Random, number: int) -> Row:
    """A row like any other."""
    address = bytes(10) + b"\xff\xff" + (0x0A000000 + number).to_bytes(4, "big")
    text = address_text(address)
    process = rng.choice(("curl", "nginx", "python3", "postgres"))
    return Row(
        address=address,
        text=(text, f"host-{number}.eu-west.example.org", process),
        label={"proc": (process,), "dir": ("out",), "host": (text,)},
        number={"port": frozenset(rng.sample((22, 80, 443, 5432, 8080), 2))},
        figures={"count": rng.randrange(100), "p95": rng.choice((None, 10**7, 10**8)), "retx": 0},
    )


def main(arguments: Sequence[str]) -> None:
    """Time each filter over all rows, the first pass (which builds what it needs) and another."""
    rng = random.Random(1)
    rows: list[Subject] = [row(rng, number) for number in range(int(arguments[0]) if arguments else 100_000)]
    print(f"Python {sys.version.split()[0]}, {len(rows):,} subjects")
    for text in FILTERS:
        began = time.perf_counter()
        passes = parse(text).predicate()
        made = time.perf_counter()
        shown = sum(map(passes, rows))
        first = time.perf_counter()
        sum(map(passes, rows))
        again = time.perf_counter()
        print(
            f"{text:50} made in {(made - began) * 1e6:4.0f} us, {(first - made) * 1e3:8.1f} ms, "
            f"again {(again - first) * 1e3:8.1f} ms, {shown:7,} shown"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
