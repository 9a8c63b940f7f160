"""The kernel program's code, and what its tables are made by. Linked with tables of its own it can be loaded, often."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from bpf import maps

_LOAD_MAP, _PSEUDO_MAP_FD = 0x18, 1
"""The instruction that loads 64 bits, and what the upper half of its second byte says when they are a map."""


@dataclass(frozen=True, slots=True)
class Linked:
    """The code, and the tables it uses, which are open until it is closed."""

    code: Mapping[str, bytes]
    """By function."""
    tables: Mapping[str, int]
    """Descriptors, by name."""
    map_fds: tuple[int, ...]
    """Of all tables, with those that have no name here."""

    def code_of(self, function: bytes) -> bytes:
        """The code of a function, by its name."""
        return self.code[function.decode()]

    def close(self) -> None:
        """Let go of the tables: each is gone when nothing else holds it."""
        for map_fd in self.map_fds:
            os.close(map_fd)


@dataclass(frozen=True, slots=True)
class Compiled:
    """What bcc made of the C source."""

    code: Mapping[str, bytes]
    """By function. Where it loads a table, it says which of `shapes` that has."""
    shapes: tuple[maps.Shape, ...]
    tables: Mapping[str, int]
    """Of those that are used by name, by name: which of `shapes` it has."""

    def link(self) -> Linked:
        """Make tables, all empty, and have the code use them. Raises OSError."""
        with ExitStack() as undo:
            map_fds = []
            for shape in self.shapes:
                map_fds.append(maps.make(shape))
                undo.callback(os.close, map_fds[-1])
            places = dict(enumerate(map_fds))
            code = {name: moved(each, places) for name, each in self.code.items()}
            tables = {name: places[number] for name, number in self.tables.items()}
            undo.pop_all()
        return Linked(code, tables, tuple(map_fds))

    def encoded(self) -> str:
        """As text."""
        code = {name: each.hex() for name, each in self.code.items()}
        return json.dumps({"code": code, "shapes": self.shapes, "tables": self.tables})


def decoded(text: str | bytes) -> Compiled:
    """What `encoded` wrote. Raises ValueError."""
    told = json.loads(text)
    return Compiled(
        {name: bytes.fromhex(each) for name, each in told["code"].items()},
        tuple(maps.Shape._make(shape) for shape in told["shapes"]),
        told["tables"],
    )


def maps_in(code: bytes) -> set[int]:
    """The maps that some code loads."""
    return {struct.unpack_from("=i", code, at + 4)[0] for at in _places(code)}


def moved(code: bytes, places: Mapping[int, int]) -> bytes:
    """The same code with other maps: each that it loads is replaced by what that is in `places`."""
    changed = bytearray(code)
    for at in _places(code):
        struct.pack_into("=i", changed, at + 4, places[struct.unpack_from("=i", code, at + 4)[0]])
    return bytes(changed)


def _places(code: bytes) -> Iterator[int]:
    """Where in it a map is loaded."""
    return (
        at for at in range(0, len(code), 8) if code[at] == _LOAD_MAP and code[at + 1] >> 4 == _PSEUDO_MAP_FD
    )
