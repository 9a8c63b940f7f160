"""The values of a field, whether it is looked up in records or in values."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bpf.distinct import distinct
from bpf.event import Records
from tests.core.handshakes import S, handshake

CGROUPS = st.lists(st.sampled_from([0, 1, 256, 2**63, 2**64 - 1]), max_size=4)


@given(CGROUPS)
def test_each_value_is_there_once(cgroups: list[int]) -> None:
    made = [handshake("10.0.0.1", S, cgroup=cgroup) for cgroup in cgroups]
    assert distinct(made, "cgroup") == distinct(Records.of(made), "cgroup") == set(cgroups)
