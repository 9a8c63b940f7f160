"""Buckets: narrow, without gaps, in order; and ranks."""

from __future__ import annotations

import math
from fractions import Fraction

from hypothesis import example, given
from hypothesis import strategies as st

from tui.core.codes import BUCKETS
from tui.core.histogram import bucket_of, middle_ns, nearest_rank


@given(st.integers(0, 2**64 - 1))
@example(127)
@example(128)
@example(2**64 - 1)
def test_a_bucket_stands_for_its_values_within_one_in_128(ns: int) -> None:
    assert abs(middle_ns(bucket_of(ns)) - ns) * 128 <= ns
    assert bucket_of(middle_ns(bucket_of(ns))) == bucket_of(ns) < BUCKETS


@given(st.integers(0, 2**64 - 2))
def test_buckets_leave_no_gap_and_are_in_order(ns: int) -> None:
    assert bucket_of(ns + 1) - bucket_of(ns) in (0, 1)


@given(st.integers(1, 10_000), st.integers(0, 1000))
def test_nearest_rank_is_the_ceiling_whatever_the_float(count: int, thousandths: int) -> None:
    assert nearest_rank(thousandths / 1000, count) == max(1, math.ceil(Fraction(thousandths * count, 1000)))
