"""How much is spent on measuring: everything, or a moment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Effort:
    """What bounds a run. Counts are of samples a figure is made of."""

    loads: int
    """How often programs are loaded anew: where their code comes to lie makes 10 ns."""
    runs: int
    """Runs of a program on a packet, each time."""
    windows: int
    """How often each thing that lasts is watched."""
    window_s: float
    """For how long."""
    settling_s: float
    """After the start, until what is done then is done."""
    warm_up_s: float
    """Before that, so that what happens once only is not in it."""
    events: int
    """Handshakes that are counted into rows."""
    presses: int
    """Keys pressed, with and without load."""
    starts: int
    """How often it is started."""
    hosts: tuple[int, ...]
    """Remote hosts, from few to many: the first is what the others are compared to."""
    flood_s: float
    """How long the flood lasts."""
    connections: int
    """Connections that are open at a time."""
    rates: tuple[int, ...] = (1000, 5000, 20_000)
    """Handshakes a second that the whole process is measured at."""


FULL = Effort(
    loads=11,
    runs=100_000,
    windows=5,
    window_s=3.0,
    settling_s=1.2,
    warm_up_s=2.0,
    events=1_000_000,
    presses=300,
    starts=5,
    hosts=(1000, 100_000, 1_000_000),
    flood_s=10.0,
    connections=50_000,
)
QUICK = Effort(
    loads=3,
    runs=20_000,
    windows=2,
    window_s=1.0,
    settling_s=1.2,
    warm_up_s=0.3,
    events=40_000,
    presses=20,
    starts=2,
    hosts=(1000, 10_000),
    flood_s=1.0,
    connections=5000,
)
"""What shows that everything works, and about what is to be expected."""
MOMENT = Effort(
    loads=1,
    runs=1000,
    windows=1,
    window_s=0.2,
    settling_s=0.0,
    warm_up_s=0.0,
    events=2000,
    presses=3,
    starts=1,
    hosts=(200, 400),
    flood_s=0.2,
    connections=50,
    rates=(1000,),
)
"""What shows that everything works, and nothing else: for the test."""
