"""Every shape of packet in the table gets its verdict, from the kernel program and from the matcher."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bpf import packet
from bpf.event import address_text
from bpf.interfaces import Layer
from bpf.program import Program
from tests.bpf.both import TIMEOUT_NS, Both
from tests.bpf.shapes import Shape, shapes
from tools import fuzz

pytestmark = pytest.mark.kernel

COUNTER = {"syn": "syns", "fragment": "fragments"}
OUR_ENDS = {("10.0.2.15", 38450), ("2001:db8::15", 38450)}
THEIR_ENDS = {("142.250.180.3", 443), ("2001:db8:1::3", 443)}


@pytest.fixture(scope="module")
def devices(program: Program) -> Iterator[dict[Layer, Both]]:
    with Both(program, Layer.ETHERNET) as ethernet, Both(program, Layer.IP) as ip:
        yield {Layer.ETHERNET: ethernet, Layer.IP: ip}


@pytest.mark.parametrize("shape", shapes(), ids=lambda shape: shape.name)
def test_verdict(devices: dict[Layer, Both], shape: Shape) -> None:
    both = devices[shape.layer]
    both.clear()
    assert both.carries(shape.data, is_ingress=shape.is_ingress)
    assert both.check() == []
    moved = {name for name, count in both.counters().items() if count} - {"packets"}
    assert moved == {COUNTER.get(shape.verdict, shape.verdict)} - {"nothing"}
    both.advance(TIMEOUT_NS)
    begun = both.sweep()
    assert len(begun) == (shape.verdict == "syn")
    for each in begun:
        assert (address_text(each.local), each.local_port) in OUR_ENDS
        assert (address_text(each.remote), each.remote_port) in THEIR_ENDS


def test_there_are_shapes_of_every_verdict() -> None:
    verdicts = {"nothing", "syn", "unsolicited", "truncated", "malformed", "fragment", "too_deep"}
    assert {shape.verdict for shape in shapes()} == verdicts


def test_mutated_shapes_get_the_same_verdict_of_both(program: Program) -> None:
    assert fuzz.fuzz(program, count=5_000, seed=7) is None


def test_a_disagreement_is_shown_by_the_fewest_packets(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packet, "TCP", 17)
    finding = fuzz.fuzz(program, count=500, seed=7)
    assert finding
    assert len(finding.packets) == 1
