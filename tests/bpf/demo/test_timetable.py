"""What happens again and again comes when it is due, and a pause is not made up for."""

from __future__ import annotations

import math
import random
import time

from bpf.demo.timetable import Timetable


def run(timetable: Timetable, until_s: float) -> None:
    while (now_s := time.monotonic()) < until_s:
        time.sleep(min(timetable.run_due(), max(0.0, until_s - now_s)))


def test_nothing_to_do_is_waited_for_for_ever() -> None:
    assert Timetable(random.Random(1)).run_due() == math.inf


def test_each_has_its_own_pace() -> None:
    began_s = time.monotonic()
    slow: list[float] = []
    quick: list[float] = []
    timetable = Timetable(random.Random(1))
    timetable.add(lambda: slow.append(time.monotonic() - began_s), every_s=0.1, first_s=0.05, spread=0)
    timetable.add(lambda: quick.append(time.monotonic() - began_s), every_s=0.02, first_s=0, spread=0)
    run(timetable, began_s + 0.19)
    assert all(at_s >= 0.05 + 0.1 * number for number, at_s in enumerate(slow))
    assert all(at_s >= 0.02 * number for number, at_s in enumerate(quick))
    assert len(slow) <= 2 < len(quick) <= 10


def test_a_pause_is_not_made_up_for() -> None:
    calls: list[float] = []
    timetable = Timetable(random.Random(1))
    timetable.add(lambda: calls.append(time.monotonic()), every_s=0.01, first_s=0, spread=0)
    time.sleep(0.1)
    timetable.run_due()
    assert 1 <= len(calls) <= 3
