"""The benchmark: `make bench`, `make bench ARGS="kernel loss --quick"`. As root. Ctrl+C leaves nothing behind."""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

from bpf.errors import TcplatError
from tools.bench import machine
from tools.bench.effort import FULL, QUICK, Effort
from tools.bench.report import Figure, as_json, table

FAMILIES = {
    "kernel": "kernel",
    "live": "live",
    "applications": "applications",
    "rows": "aggregation",
    "streams": "streams",
    "loss": "loss",
    "scale": "scale",
    "keys": "keys",
    "process": "process",
    "connections": "connections",
    "start": "starting",
    "model": "model",
    "order": "order",
}
"""What can be asked for, and the module that measures it."""
_BY_NAME_ONLY = ("model", "order")
_DEFAULT = [name for name in FAMILIES if name not in _BY_NAME_ONLY]


def measure(names: Sequence[str], effort: Effort) -> Iterator[Figure]:
    """The figures of these families, as they are measured."""
    for name in names:
        yield from importlib.import_module(f"tools.bench.{FAMILIES[name]}").figures(effort)


def main(arguments: Sequence[str]) -> int:
    """Measure what the arguments say; return the exit status."""
    options = _parse(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    facts = machine.facts()
    print(machine.text(facts), end="\n\n", flush=True)
    began, stolen_s = time.monotonic(), machine.stolen_s()
    found: list[Figure] = []
    failed = False
    loops_ns: dict[str, float] = {}
    for name in options.rows or _DEFAULT:
        try:
            for figure in measure([name], QUICK if options.quick else FULL):
                found.append(figure)
                print(f"{figure.row}: {figure.median:.2f} {figure.unit}", file=sys.stderr, flush=True)
        except KeyboardInterrupt:
            print(table(found))
            return 130
        except (OSError, RuntimeError, TcplatError):  # The others are measured all the same.
            traceback.print_exc()
            failed = True
        loops_ns[name] = machine.loop_ns()
    facts["python loop ns, after each"] = loops_ns
    facts["seconds"] = round(time.monotonic() - began, 1)
    facts["seconds stolen by other machines"] = round(machine.stolen_s() - stolen_s, 1)
    print(table(found))
    print(machine.text(dict(list(facts.items())[-3:])))
    if options.json:
        options.json.write_text(as_json(facts, found))
    return int(failed)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "rows",
        nargs="*",
        metavar="ROWS",
        help=f"of {', '.join(FAMILIES)}; none: all but {' and '.join(_BY_NAME_ONLY)}",
    )
    parser.add_argument("--quick", action="store_true", help="a moment's run: figures are rough")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write everything measured to FILE")
    options = parser.parse_args(arguments)
    unknown = [row for row in options.rows if row not in FAMILIES]
    if unknown:
        parser.error(f"no such rows: {', '.join(unknown)}; there are {', '.join(FAMILIES)}")
    return options


def _end(number: int, frame: FrameType | None) -> None:
    """As Ctrl+C does: whatever is open is closed."""
    del number, frame
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
