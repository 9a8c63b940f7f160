"""What `make faults` says at the end: what was done to the program, and what came of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import pytest

from tests.rounds import IS_THOROUGH

_SURVIVED = "survived"


@pytest.fixture
def survived(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Takes a line of figures, for the end of a long run."""
    return lambda figures: record_property(_SURVIVED, figures)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Of each file how many tests passed, and their figures."""
    if not IS_THOROUGH:
        return
    passed: defaultdict[str, set[str]] = defaultdict(set)
    tests: defaultdict[str, set[str]] = defaultdict(set)
    figures: defaultdict[str, list[str]] = defaultdict(list)
    # An error is of what comes before or after a test: that something was left behind, say.
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.getreports(outcome):
            file = report.location[0]
            tests[file].add(report.nodeid)
            if outcome == "passed":
                passed[file].add(report.nodeid)
            else:
                passed[file].discard(report.nodeid)
            figures[file] += [str(value) for name, value in report.user_properties if name == _SURVIVED]
    terminalreporter.section("load held, faults survived, records lost")
    for file, all_ in tests.items():
        terminalreporter.write_line(f"{file}: {len(passed[file])} of {len(all_)}")
        for line in figures[file]:
            terminalreporter.write_line(f"  {line}")
