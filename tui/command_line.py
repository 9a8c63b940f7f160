"""Arguments -> source -> screen or stream: the one place that names concrete sources."""

from __future__ import annotations

import argparse
import importlib
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bpf.errors import TcplatError
from bpf.event import printable
from bpf.privileges import Caller, acting_as, caller, give_up
from bpf.requirements import require_bcc, require_files, require_permission
from bpf.source import ANY, Source, Taker
from tui.arguments import parse

if TYPE_CHECKING:
    from bpf.compiling import Compiling
    from bpf.interfaces import Interface
    from tui.config.config import Config
    from tui.config.kinds import Known
    from tui.exporter.run import Export
    from tui.options import ScreenOptions
    from tui.record.flight import FlightRecorder
    from tui.record.recorder import Recorder

EXIT_FAILED = 1
_STDIN = "-"


@dataclass(frozen=True, slots=True)
class _Input:
    """Where handshakes come from."""

    open_source: Callable[[], Source]
    list_interfaces: Callable[[], Sequence[Interface]]
    opening: str
    """What opening it is, for who waits."""


def run(arguments: Sequence[str] | None = None, *, owns_process: bool = False) -> int:
    """Do what the arguments say; return the exit status. What went wrong is told; KeyboardInterrupt is raised.

    `owns_process`: it ends with this, so it may give up for good what is not needed.
    """
    options = parse(arguments)
    try:
        with ExitStack() as stack:
            return _run(options, stack, owns_process=owns_process)
    except TcplatError as error:
        _tell(str(error))
        return EXIT_FAILED
    except OSError as error:  # Of the machine, such as too many open files: what is of a file is told above.
        _tell(str(error))
        return EXIT_FAILED


def _tell(text: str) -> None:
    """In a line on stderr; where that is closed, nowhere: what is on stdout others read."""
    if sys.stderr:
        print(f"tcplat: {printable(text)}", file=sys.stderr)


def _run(options: argparse.Namespace, stack: ExitStack, *, owns_process: bool) -> int:
    if options.print_config:
        from tui.config.template import default_text

        print(default_text(_known()), end="")
        return 0
    who = caller(os.environ) if owns_process else None
    compiling = None if options.fleet else _begin_compiling(options, stack)
    if who:
        from tui.own_files import keep_in_reach

        keep_in_reach(who)
    if options.fleet:
        return _fleet(options, who, owns_process=owns_process)
    config = None
    has_screen = not (options.form or options.listen)
    if has_screen:
        config = _config(options, who)
        if not (options.read or options.demo):
            options.interfaces = options.interfaces or list(config.interface)
    _check_interfaces([] if options.read else options.interfaces)
    if not options.read:
        require_permission()
        require_files()
        require_bcc()
    if has_screen:
        _require_terminal(is_stdin_read=options.read == _STDIN)
    # Before a demo moves us to a network of its own, where nobody would find it.
    export = stack.enter_context(_exporter(options, who)) if options.listen else None
    chosen = _reading(options) if options.read else _watching(options, stack, compiling)
    if owns_process:
        give_up(who, is_watching=not options.read)
    recorder = _recorder(options, stack) if options.record else None
    if config:
        return _screen(options, chosen, config, recorder)
    return export.run(chosen.open_source(), recorder) if export else _stream(options, chosen, recorder)


def _recorder(options: argparse.Namespace, stack: ExitStack) -> Recorder:
    """Open what is recorded to; once it is closed, what it lacks is told."""
    from tui.record.recorder import Recorder

    if options.read and _is_same_file(options.read, options.record):
        # With rotation it would be renamed, and the new one read while it is written.
        raise TcplatError("--record would write to what --read reads", "name another file")
    path, has_flows = Path(options.record), bool(options.flows)
    recorder = Recorder(path, options.record_rotate, has_flows=has_flows)
    stack.callback(lambda: _tell_recording(options.record, recorder))
    return stack.enter_context(recorder)


def _config(options: argparse.Namespace, who: Caller | None) -> Config:
    from tui.config.file import load

    with acting_as(who):
        return load(options.config, os.environ, _known)


def _begin_compiling(options: argparse.Namespace, stack: ExitStack) -> Compiling | None:
    """Let the probe be compiled while all else is imported and drawn, unless it was before."""
    if options.read:
        return None
    try:
        require_permission()
        require_files()
        require_bcc()
    except TcplatError:  # Told in its turn: what was typed comes first.
        return None
    from bpf.compiling import Compiling
    from bpf.kept import cache_directory

    is_forwarding = options.forwarded and _flow_interval_s(options) > 0
    return stack.enter_context(Compiling(cache_directory(os.environ), is_forwarding=is_forwarding))


def _watching(options: argparse.Namespace, stack: ExitStack, compiling: Compiling | None) -> _Input:
    """The probe on this machine's interfaces, or on those of a network made for it."""
    if options.demo:
        from bpf.demo import demo

        options.interfaces = [stack.enter_context(demo())]

    def open_source() -> Source:
        if compiling:
            compiling.hurry()
        # Here and not above: the screen's first paint does not wait for it.
        from bpf.attach import AttachMode
        from bpf.probe import Probe

        mode = AttachMode(options.attach)
        times = (options.timeout, _account_interval_s(options), _flow_interval_s(options))
        return Probe(
            options.interfaces,
            mode,
            *times,
            is_forwarding=options.forwarded,
            take_compiled=compiling.take if compiling else None,
        )

    def list_interfaces() -> Sequence[Interface]:
        from bpf.interfaces import interfaces

        return interfaces()

    return _Input(open_source, list_interfaces, "preparing the probe and attaching it")


def _reading(options: argparse.Namespace) -> _Input:
    """A recording or a capture."""
    from bpf.reading import CaptureOptions, is_pipe, open_tape
    from bpf.replay import Pace, Replay

    path, title = options.read, printable(options.read)
    if path == _STDIN:
        path, title = _take_stdin(is_screen=not options.form), "stdin"
    pace = Pace.AT_ONCE if options.form else Pace.LIVE if is_pipe(path) else Pace.RECORDED
    capture = CaptureOptions(options.local, options.timeout, _account_interval_s(options))
    replay = Replay(partial(open_tape, path, title, capture), title, pace, options.interfaces)

    def list_interfaces() -> Sequence[Interface]:
        from bpf.interfaces import Interface, Layer

        return [Interface(name, index, Layer.IP, True) for index, name in enumerate(replay.interfaces, 1)]

    return _Input(lambda: replay, list_interfaces, f"reading {title}")


def _is_same_file(one: str, other: str) -> bool:
    try:
        return Path(one).samefile(other)
    except OSError:
        return False


def _flow_interval_s(options: argparse.Namespace) -> float:
    """Between two samples of an open connection; 0: none are taken."""
    wants_flows = not options.form if options.flows is None else options.flows
    return float(options.flow_interval) if wants_flows else 0.0


def _account_interval_s(options: argparse.Namespace) -> float:
    # A recording is not to be made of accounts.
    return 10.0 if options.form or (options.listen and options.record) else 1.0


def _tell_recording(path: str, recorder: Recorder) -> None:
    """Once it is closed: say what it lacks."""
    if trouble := recorder.trouble():
        _tell(f"{path}: {trouble}")


def _stream(options: argparse.Namespace, chosen: _Input, recorder: Recorder | None) -> int:
    from tui import headless

    form = importlib.import_module(f"tui.out.{options.form}")
    limits = headless.Limits(options.duration, options.count)
    takers = [recorder] if recorder else []
    return headless.run(chosen.open_source(), form, limits, takers, options.filter or headless.EVERYTHING)


def _exporter(options: argparse.Namespace, who: Caller | None) -> Export:
    from tui.exporter.run import Export

    with acting_as(who):
        return Export(
            options.listen, options.label_by, options.max_series, options.filter, options.web_config
        )


def _fleet(options: argparse.Namespace, who: Caller | None, *, owns_process: bool) -> int:
    from tui.fleet.run import run

    config = _config(options, who)
    _require_terminal(is_stdin_read=False)
    if owns_process:
        give_up(who, is_watching=False)
    return run(options, os.environ, _screen_options(options, config))


def _screen(options: argparse.Namespace, chosen: _Input, config: Config, recorder: Recorder | None) -> int:
    from tui.app import TcplatApp
    from tui.garbage import settle

    takers: list[Taker] = [recorder] if recorder else []
    save_recent = None
    if not options.read:
        from tui.record.flight import FlightRecorder

        flight = FlightRecorder()
        takers.append(flight)
        save_recent = partial(_save_recent, flight)
    screen = replace(
        _screen_options(options, config),
        opening=chosen.opening,
        takers=takers,
        save_recent=save_recent,
        recording_trouble=recorder.trouble if recorder else str,
    )
    app = TcplatApp(chosen.open_source, chosen.list_interfaces, screen)
    settle()
    app.run()
    if app.failure:
        # Said again: the screen that said so is gone.
        _tell(app.failure)
        return EXIT_FAILED
    return app.return_code or 0


def _screen_options(options: argparse.Namespace, config: Config) -> ScreenOptions:
    """What any screen starts with."""
    from tui import themes
    from tui.core.format import ASCII, UNICODE
    from tui.core.grouping import Grouping
    from tui.core.thresholds import Thresholds
    from tui.core.window import Window
    from tui.options import ScreenOptions

    warn_ns, bad_ns = (None if ms is None else ms * 1e6 for ms in (config.warn_ms, config.bad_ms))
    return ScreenOptions(
        glyphs=UNICODE if _shows_unicode(os.environ) else ASCII,
        redraw_interval_s=config.interval_s,
        filter=str(options.filter or ""),
        columns=config.columns,
        sort=config.sort,
        is_reversed=config.reverse,
        is_live=config.live,
        window=Window(config.window),
        grouping=Grouping(config.group),
        has_names=config.names,
        thresholds=Thresholds(warn_ns, bad_ns),
        has_bell=config.bell,
        theme=themes.choose(os.environ, config.theme),
        keymap=config.keys,
    )


def _known() -> Known:
    """What a configuration may name."""
    from textual.binding import Binding
    from textual.dom import DOMNode

    from tui import themes
    from tui.app import TcplatApp
    from tui.config.kinds import Known
    from tui.core.columns import COLUMNS, IDS
    from tui.views import with_keys

    owners: Sequence[type[DOMNode]] = (TcplatApp, *with_keys())
    bindings = {
        binding.id: binding.key
        for owner in owners
        for binding in owner.BINDINGS
        if isinstance(binding, Binding) and binding.id and binding.id != "app.interrupt"
    }
    return Known(
        columns=IDS,
        sortable=[each.id for each in COLUMNS if each.value],
        themes=themes.names(),
        bindings=bindings,
        reserved=["ctrl+c", "ctrl+q"],
    )


def _save_recent(flight: FlightRecorder) -> str:
    """Write what the flight recorder holds to a new file here; return what to tell."""
    from tui.record.flight import save_first
    from tui.record.recorder import header
    from tui.saving import paths, place

    snapshot = flight.snapshot()
    path = save_first(paths(place().absolute(), ".jsonl.gz", time.time()), snapshot, header)
    minutes, seconds = divmod((snapshot.taken_ns - snapshot.since_ns) // 1_000_000_000, 60)
    return f"Saved the last {minutes} min {seconds} s: {path}"


def _check_interfaces(names: Sequence[str]) -> None:
    """Tell a wrong name before a screen opens."""
    for name in names:
        try:
            if name != ANY:
                socket.if_nametoindex(name)
        except OSError:
            from bpf.interfaces import find

            find(name)


def _require_terminal(*, is_stdin_read: bool) -> None:
    # Textual reads keys from stdin and draws on stderr; a closed stream is None.
    streams = (sys.stdout, sys.stderr) if is_stdin_read else (sys.stdin, sys.stdout, sys.stderr)
    if not all(stream and stream.isatty() for stream in streams) or os.environ.get("TERM") == "dumb":
        raise TcplatError("the screen needs a terminal", "for a stream of lines add --log or --json")


def _take_stdin(*, is_screen: bool) -> int:
    """Return a descriptor of what stdin is; for a screen, stdin is the terminal's from now on, for the keys."""
    if sys.stdin is None or sys.stdin.isatty():
        raise TcplatError(
            "--read - reads stdin, and nothing is piped into it",
            "as in: ssh BOX tcpdump -U -w - | tcplat --read -",
        )
    if not is_screen:
        return 0
    given = os.dup(0)
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError as error:
        raise TcplatError("the screen needs a terminal for its keys", "add --log or --json") from error
    os.dup2(terminal, 0)
    os.close(terminal)
    return given


def _shows_unicode(environment: Mapping[str, str]) -> bool:
    """Ask the locale as locale(7) says; Python itself writes UTF-8 whatever LANG is.

    The kernel's own console understands UTF-8, but its font has neither the steps of a sparkline nor braille.
    """
    if environment.get("TERM") == "linux":
        return False
    chosen = (environment.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    return "utf" in next(filter(None, chosen), "").lower()
