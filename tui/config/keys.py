"""The keys of the configuration: names of keys as Textual has them, and which action each starts."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from textual.keys import (
    KEY_ALIASES,
    KEY_DISPLAY_ALIASES,
    KEY_NAME_REPLACEMENTS,
    REPLACED_KEYS,
    Keys,
    key_to_character,
)

from tui.config.kinds import Known, Misfit, different, nearest, shown

_NEVER_SENT = ("return", "ctrl-at")
"""Textual has names for these, but terminals send "enter" and "ctrl+@"."""
_NAMED = {key.value for key in Keys if not key.value.startswith("<")} - set(_NEVER_SENT)
_AS_SHOWN = {display: key for key, display in KEY_DISPLAY_ALIASES.items()}
"""What the footer calls them: "esc", "pgup"."""
_SAME = {
    **{alias: key for key, aliases in KEY_ALIASES.items() for alias in aliases if key in _NAMED},
    "ctrl+left_square_bracket": "escape",
}
"""A terminal sends one byte for both keys, and Textual calls it by one name: ctrl+i is tab."""
_DEEPEST = 8
"""Tables in tables in tables are no action: not worth a recursion error."""
_MODIFIERS = ("alt", "ctrl", "hyper", "meta", "shift", "super")


def key_name(text: str) -> str | None:
    """Return Textual's name for the key a person calls `text` ("?", "Ctrl+R", "pgup"); None: there is no such key."""
    text = _AS_SHOWN.get(text, text)
    if text in _NAMED:
        return _SAME.get(text, text)
    *modifiers, base = _split_modifiers(text)
    held = {modifier.strip().lower() for modifier in modifiers}
    if not held.issubset(_MODIFIERS) or len(held) != len(modifiers):
        return None
    key = _plain(base.strip() or base)
    if key is None or not held:
        return key
    if held == {"shift"} and len(key) == 1:
        # What arrives is the other letter. Which sign Shift makes of a digit is the keyboard's affair.
        return key.upper() if key.isalpha() and len(key.upper()) == 1 else None
    full = "+".join([*sorted(held), key.lower() if "ctrl" in held else key])
    return _SAME.get(full, full)


def _split_modifiers(text: str) -> list[str]:
    """The modifiers and, last, the key, which may be the plus sign itself."""
    if text == "+" or text.endswith("++"):
        return [*text.split("+")[:-2], "+"]
    return text.split("+")


def _plain(text: str) -> str | None:
    """The name of a key without modifiers."""
    if len(text) == 1:
        return _of_character(text)
    name = text.lower()
    name = _AS_SHOWN.get(name, name)
    if name in _NAMED and "+" not in name:
        return name
    character = None if name in _NEVER_SENT else key_to_character(REPLACED_KEYS.get(name, name))
    return _of_character(character) if character and len(character) == 1 else None


def _of_character(character: str) -> str | None:
    if not character.isprintable():
        return None
    if character.isalnum():
        return character
    name = unicodedata.name(character, "").lower().replace("-", "_").replace(" ", "_")
    return KEY_NAME_REPLACEMENTS.get(name, name) or None


@dataclass(frozen=True, slots=True)
class KeyTable:
    """A table of actions, each with a key or a list of keys."""

    def domain(self, known: Known) -> str:
        """Tell what it may be."""
        return "a table of actions and their keys"

    def read(self, value: object, known: Known) -> dict[str, str]:
        """Return Textual's keymap; raises Misfit."""
        if not isinstance(value, dict):
            raise Misfit(f"{shown(value)} is not {self.domain(known)}")
        keymap: dict[str, str] = {}
        paths: dict[str, tuple[str, ...]] = {}
        path: tuple[str, ...] = ()
        try:
            for path, given in _leaves(value):
                action = ".".join(path)
                if action in keymap:
                    raise Misfit("it is there twice", "once is enough")
                keymap[action], paths[action] = ",".join(_keys_of(action, given, known)), path
            for action in keymap:
                path = paths[action]
                _refuse_shared(action, keymap, known.bindings)
        except Misfit as misfit:
            raise Misfit(misfit.why, misfit.next_step, path) from None
        return keymap


def _leaves(
    table: Mapping[str, object], above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], object]]:
    """All values, and the keys they are below: app.quit without quotes is a table in a table to TOML."""
    for name, value in table.items():
        if isinstance(value, dict) and value and len(above) < _DEEPEST:
            yield from _leaves(value, (*above, name))
        else:
            yield (*above, name), value


def _keys_of(action: str, given: object, known: Known) -> list[str]:
    if action not in known.bindings:
        raise Misfit("there is no such action", nearest(action, known.bindings))
    if given == []:
        raise Misfit("the list is empty", "leave it out instead")
    return different([_key(each, known) for each in (given if isinstance(given, list) else [given])])


def _key(given: object, known: Known) -> str:
    if not isinstance(given, str):
        raise Misfit(f'{shown(given)} is not a key, such as "q", or a list of keys')
    name = key_name(given)
    if name is None:
        hint = 'several keys are a list: ["down", "j"]' if "," in given else nearest(given.lower(), _NAMED)
        raise Misfit(f"there is no key {shown(given)}", hint)
    if name in known.reserved:
        raise Misfit(f"the key {name} always does what it does", "choose another")
    return name


def _refuse_shared(action: str, keymap: Mapping[str, str], defaults: Mapping[str, str]) -> None:
    """Raise Misfit if another action has one of its keys.

    Two may share a key that both have by default: they are of different screens, and it is never theirs at once.
    """
    own, at_first = _split(keymap[action]), _split(defaults[action])
    for other, others_at_first in defaults.items():
        others = _split(keymap.get(other, others_at_first))
        for key in own if other != action else []:
            if key in others and not (key in at_first and key in _split(others_at_first)):
                hint = f"give {other} another one, or choose another here"
                raise Misfit(f"the key {key} is that of {other} too", hint)


def _split(keys: str) -> list[str]:
    return [key_name(key.strip()) or key for key in keys.split(",")]
