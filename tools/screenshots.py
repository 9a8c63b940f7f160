"""Draw screenshots/: the real screen over a recording that the real probe made. Needs no root; never by hand.

The recording is of `tcplat --demo`: `make screenshots ARGS=FILE` draws another. `make screenshots ARGS=--fleet` draws
the screen of a fleet, that of `make fleet-demo` after a minute and a half.
"""

from __future__ import annotations

import asyncio
import html
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from textual.pilot import Pilot

from bpf.interfaces import Interface, Layer
from bpf.reading import CaptureOptions, open_tape
from bpf.replay import Pace, Replay
from tui.app import TcplatApp
from tui.fleet.address import server_address
from tui.fleet.screen.app import FleetApp
from tui.fleet.server import Server
from tui.options import ScreenOptions

_ROOT = Path(__file__).resolve().parent.parent
_SHOTS = _ROOT / "screenshots"
_RECORDING = _ROOT / "tests" / "recordings" / "demo.jsonl"
_SIZE = (120, 34)
_SEEKS = 6
"""Of ten seconds: nearly to the recording's end."""


async def draw(recording: Path) -> None:
    """Play the recording to where something is going on, and take the pictures."""
    title = recording.name
    replay = Replay(partial(open_tape, str(recording), title, CaptureOptions()), title, Pace.RECORDED)

    def interfaces() -> list[Interface]:
        return [
            Interface(name, index, Layer.ETHERNET, True, "up")
            for index, name in enumerate(replay.interfaces, 1)
        ]

    app = TcplatApp(lambda: replay, interfaces, ScreenOptions(redraw_interval_s=0.2))
    async with app.run_test(size=_SIZE) as pilot:
        await _until(pilot, lambda: len(app.model.rows) > 0)
        await pilot.press(*["right_square_bracket"] * _SEEKS)
        await pilot.pause(2)
        for name, keys in _VIEWS.items():
            await pilot.press(*keys)
            await pilot.pause(0.6)
            _save(app.export_screenshot(title="tcplat"), name)


async def draw_fleet(url: str) -> None:
    """The same of what a server knows by now."""
    app = FleetApp(Server(server_address(url), box_label="box"), ScreenOptions())
    async with app.run_test(size=_SIZE) as pilot:
        await pilot.pause(5)
        for name, keys in _FLEET_VIEWS.items():
            await pilot.press(*keys)
            await pilot.pause(4)
            _save(app.export_screenshot(title="tcplat"), name)


_VIEWS = {
    "table": [],
    "live": ["f"],
    "connections": ["slash", *"192.0.2.33", "enter", "enter"],
    "details": ["f"],
    "events": ["escape", "3"],
    "interfaces": ["4"],
    "probe": ["5"],
    "services": ["1", "a", "slash", *"p50>1ms dir:out", "enter"],
    "help": ["escape", "question_mark"],
}
"""What is typed before each picture."""
_FLEET_VIEWS: dict[str, list[str]] = {
    "fleet": [],
    "fleet-details": ["slash", *"box:box-3 192.0.2.33", "enter", "enter"],
}
_FLEET_S = 90.0
"""So long its boxes are scraped before."""


async def _until(pilot: Pilot[None], wanted: Callable[[], object]) -> None:
    while not wanted():
        await pilot.pause(0.05)


def _save(svg: str, name: str) -> None:
    """Write SVG and PNG. rsvg-convert drops blanks without xml:space, and needs a font that has blocks."""
    svg = svg.replace("<svg ", '<svg xml:space="preserve" ', 1).replace("Fira Code", "DejaVu Sans Mono")
    svg = re.sub(r"<text([^>]*)>([^<]*)</text>", _in_cells, svg)
    (_SHOTS / f"{name}.svg").write_text(svg)
    subprocess.run(
        ["rsvg-convert", "--zoom", "1.5", "-o", str(_SHOTS / f"{name}.png"), str(_SHOTS / f"{name}.svg")],
        check=True,
    )


def _in_cells(match: re.Match[str]) -> str:
    """Put each character into its cell, as terminals do: the font has no braille, and another's is not as wide."""
    attributes, text = match[1], html.unescape(match[2])
    if text.isascii():
        return match[0]
    x = float(_attribute("x", attributes))
    width = float(_attribute("textLength", attributes)) / len(text)
    pieces = []
    for place, character in enumerate(text):
        if not character.isspace():
            here = re.sub(r' x="[\d.]+"', f' x="{x + place * width:.1f}"', attributes)
            here = re.sub(r'textLength="[\d.]+"', f'textLength="{width:.1f}"', here)
            pieces.append(f"<text{here}>{html.escape(character)}</text>")
    return "".join(pieces)


def _attribute(name: str, attributes: str) -> str:
    found = re.search(rf' {name}="([\d.]+)"', attributes)
    assert found
    return found[1]


def main() -> None:
    """Draw what the command line names, or the recording of the demo."""
    if not shutil.which("rsvg-convert"):
        sys.exit("rsvg-convert is missing; install it with: apt install librsvg2-bin fonts-dejavu-core")
    if sys.argv[1:] == ["--fleet"]:
        words = [sys.executable, "-m", "tools.fleet_demo", "--serve"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as fleet:
            assert fleet.stdout
            try:
                url = fleet.stdout.readline().strip()
                time.sleep(_FLEET_S)
                asyncio.run(draw_fleet(url))
            finally:
                fleet.terminate()
        return
    asyncio.run(draw(Path(sys.argv[1]) if len(sys.argv) > 1 else _RECORDING))


if __name__ == "__main__":
    main()
