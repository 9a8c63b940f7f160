"""Latencies counted in buckets so narrow that a quantile read from them is within 1% of the true one."""

from __future__ import annotations

from functools import lru_cache
from math import ceil

_MANTISSA_BITS = 6
"""Each octave is cut into 2**6 equal buckets, so half a bucket is at most 1/128 (0.79%) of any value in it."""


def bucket_of(ns: int) -> int:
    """The bucket that counts `ns` (>= 0). Greater values have greater buckets; below 128 each value has its own."""
    shift = ns.bit_length() - _MANTISSA_BITS - 1
    return (shift << _MANTISSA_BITS) + (ns >> shift) if shift > 0 else ns


def middle_ns(bucket: int) -> int:
    """The middle of a bucket: what stands for all the values it counted."""
    shift = (bucket >> _MANTISSA_BITS) - 1
    if shift <= 0:
        return bucket
    return ((bucket - (shift << _MANTISSA_BITS)) << shift) + (1 << shift - 1)


def end_ns(bucket: int) -> int:
    """The least value that a greater bucket counts."""
    shift = (bucket >> _MANTISSA_BITS) - 1
    return (bucket - (shift << _MANTISSA_BITS) + 1) << shift if shift > 0 else bucket + 1


@lru_cache(maxsize=1 << 12)
def nearest_rank(q: float, count: int) -> int:
    """ceil(q * count), at least 1; the product is rounded first, or 0.07 * 100 (7.000000000000001) would give 8."""
    return max(1, ceil(round(q * count, 6)))
