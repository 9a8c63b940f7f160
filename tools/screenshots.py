"""Draw screenshots/: the real screen over the real probe, in the test network of known hosts. Needs root.

The pictures are never made by hand: `make screenshots` (a minute and a half, for the sparklines to fill).
"""

from __future__ import annotations

import asyncio
import random
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

from bpf.interfaces import interfaces
from bpf.lab import Behaviour, Host, Lab
from bpf.probe import Probe
from tui.app import TcplatApp

_SHOTS = Path(__file__).resolve().parent.parent / "screenshots"
_SIZE = (100, 26)
_WATCH_S = 90
_SLOW_AFTER_S = 50
_MEDIANS_MS = (0.4, 0.7, 1.1, 1.8, 3, 4, 6, 8, 11, 14, 18, 23, 36, 58, 72, 90, 120, 160, 210, 260)


def hosts(chance: random.Random) -> list[Host]:
    """A few dozen hosts, near and far, with the odd slow answer, as a box on the Internet sees them."""
    cast = []
    for number, median_ms in enumerate(_MEDIANS_MS):
        delays = [median_ms / 1000 * chance.lognormvariate(0, 0.15) for _ in range(40)]
        delays += [delay * 4 for delay in delays[:1]]
        chance.shuffle(delays)
        address = (
            f"2001:db8:1:{number:x}::{chance.randrange(1, 65536):x}"
            if number % 5 == 2
            else (f"198.{18 + number % 2}.{chance.randrange(256)}.{chance.randrange(1, 255)}")
        )
        cast.append(Host(address, delays_s=tuple(delays)))
    return [
        *cast,
        Host("198.18.3.9", behaviour=Behaviour.REFUSES),
        Host("198.19.9.3", behaviour=Behaviour.SILENT),
    ]


class Traffic(threading.Thread):
    """Connects to the hosts until stopped; in the end one near host turns slow."""

    def __init__(self, lab: Lab, cast: list[Host], chance: random.Random) -> None:
        super().__init__()
        self._lab, self._cast, self._chance = lab, cast, chance
        self._stopped = threading.Event()

    def run(self) -> None:
        """Make traffic, until `stop`."""
        weights = [1 / (1 + number % 7) for number in range(len(self._cast))]
        slow_at = time.monotonic() + _SLOW_AFTER_S
        while not self._stopped.wait(0.1):
            if time.monotonic() > slow_at:
                self._lab.add(Host(self._cast[7].address, delay_s=0.34))
            chosen = self._chance.choices(self._cast, weights, k=self._chance.randrange(1, 8))
            self._lab.connect_many([(host.address, 443) for host in chosen], timeout_s=0.6)

    def stop(self) -> None:
        """End after the connections under way."""
        self._stopped.set()
        self.join()


async def draw() -> None:
    """Run the screen for a while and take the pictures."""
    app = TcplatApp(lambda: Probe([Lab.device]), interfaces)
    async with app.run_test(size=_SIZE) as pilot:
        await asyncio.sleep(_WATCH_S)
        _save(app.export_screenshot(title="tcplat"), "table")
        await pilot.press("question_mark")
        await pilot.pause(0.5)
        _save(app.export_screenshot(title="tcplat"), "help")
        await pilot.press("escape", "5")
        await pilot.pause(1.5)
        _save(app.export_screenshot(title="tcplat"), "probe")
        await pilot.press("escape", "q")


def _save(svg: str, name: str) -> None:
    """Write SVG and PNG. rsvg-convert drops blanks without xml:space, and needs a font that has blocks."""
    svg = svg.replace("<svg ", '<svg xml:space="preserve" ', 1).replace("Fira Code", "DejaVu Sans Mono")
    (_SHOTS / f"{name}.svg").write_text(svg)
    subprocess.run(
        ["rsvg-convert", "--zoom", "1.5", "-o", str(_SHOTS / f"{name}.png"), str(_SHOTS / f"{name}.svg")],
        check=True,
    )


def main() -> None:
    """Build the network, make traffic, draw."""
    if not shutil.which("rsvg-convert"):
        sys.exit("rsvg-convert is missing; install it with: apt install librsvg2-bin fonts-dejavu-core")
    chance = random.Random(4)
    cast = hosts(chance)
    with Lab("ethernet", cast) as lab, lab.entered():
        traffic = Traffic(lab, cast, chance)
        traffic.start()
        try:
            asyncio.run(draw())
        finally:
            traffic.stop()


if __name__ == "__main__":
    main()
