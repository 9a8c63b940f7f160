"""The program's own files, where whom it becomes may not go: in root's home, say."""

from __future__ import annotations

import importlib.util
import os
import sys
from contextlib import suppress
from pathlib import Path

from bpf.errors import TcplatError
from bpf.privileges import STAY_ROOT, Caller, may_read

_PACKAGES = ("tui", "bpf", "textual")


def keep_in_reach(who: Caller) -> None:
    """Let what is still to be imported be read as `who`. As root; raises TcplatError if they may not.

    They may have no way to the directories that modules are in, and yet be allowed to read what is there: so these
    are held open, and modules found in what is open.
    """
    if _may_import(who):
        return
    held = {entry: _held(entry) for entry in sys.path if entry and Path(entry).is_dir()}
    sys.path[:] = [held.get(entry, entry) for entry in sys.path]
    for module in list(sys.modules.values()):
        path = getattr(module, "__path__", None)
        if isinstance(path, list):
            path[:] = [_moved(each, held) for each in path]
    if not _may_import(who):
        place = Path(__file__).parents[1]
        raise TcplatError(f"{who} may not read the program in {place}", f"let them, or {STAY_ROOT}")


def _may_import(who: Caller) -> bool:
    needed = []
    for package in _PACKAGES:
        loaded = sys.modules.get(package)
        spec = None if loaded else importlib.util.find_spec(package)
        path = loaded.__path__ if loaded else (spec.submodule_search_locations if spec else None)
        needed += [Path(each, "__init__.py") for each in path or ()]
    return may_read(who, needed)


def _held(directory: str) -> str:
    """Another name for it, which stays good for whoever this process becomes."""
    with suppress(OSError):
        return f"/proc/self/fd/{os.open(directory, os.O_PATH | os.O_DIRECTORY)}"
    return directory


def _moved(path: str, held: dict[str, str]) -> str:
    for before, now in held.items():
        if path == before or path.startswith(before + os.sep):
            return now + path[len(before) :]
    return path
