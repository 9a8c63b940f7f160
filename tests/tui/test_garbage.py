"""When what is old is looked through."""

from __future__ import annotations

import gc
import weakref

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
