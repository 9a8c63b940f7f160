"""When what is old is looked through."""

from __future__ import annotations

import gc
import sys
import weakref
from itertools import count

from textual._styles_cache import StylesCache
from textual.color import Color

from tui.garbage import Garbage


class Circle:
    def __init__(self) -> None:
        self.itself = self


def test_what_is_old_goes_after_ten_seconds_and_not_before() -> None:
    garbage = Garbage()
    circle = Circle()
    gc.collect()
    dead = weakref.ref(circle)
    del circle
    gc.collect(1)
    assert [garbage.look(now_s) for now_s in (100.0, 109.9)] == [False, False]
    assert dead()
    assert garbage.look(110.0)
    assert dead() is None
    assert not garbage.look(110.1)


def test_what_textual_keeps_of_a_widget_that_is_gone_goes_too() -> None:
    garbage = Garbage()
    lines = StylesCache()
    lines.get_inner_outer(Color(0, 0, 0), Color(0, 0, 0))
    dead = weakref.ref(lines)
    del lines
    garbage.look(100.0)
    assert dead()
    assert garbage.look(110.0)
    assert dead() is None


def test_after_a_look_that_took_long_it_waits_unless_there_is_a_quarter_more_than_was_left() -> None:
    took_s = 0.5
    garbage = Garbage(clock_s=count(step=took_s).__next__)
    garbage.look(100.0)
    assert garbage.look(110.0)
    assert not garbage.look(110.0 + 0.9 * took_s / 0.0005)
    circles = [Circle() for _ in range(sys.getallocatedblocks() // 4)]
    dead = weakref.ref(circles[0])
    del circles
    assert not garbage.look(119.9)
    assert garbage.look(120.0)
    assert dead() is None
    assert not garbage.look(130.1)
    assert garbage.look(120.0 + 1.1 * took_s / 0.0005)
