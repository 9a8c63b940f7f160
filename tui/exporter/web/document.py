"""A YAML document in which every key must be known, and every error names its line and its key."""

from __future__ import annotations

import re
from collections.abc import Container

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

_NULL = "tag:yaml.org,2002:null"
_is_name = re.compile(r"[\w.@-]{1,64}").fullmatch
_FLAGS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class Wrong(ValueError):
    """What is wrong with the file, in one line. No value that might be a secret is in it."""


class Section:
    """A mapping of the document. Each key is asked for once; `end` complains of all others."""

    def __init__(self, node: Node | None, name: str = "") -> None:
        """`name`: with a dot at its end; empty for the document itself. Raises Wrong."""
        self._name = name
        self._nodes: dict[str, Node] = {}
        self._lines: dict[str, str] = {}
        if node is None or node.tag == _NULL:
            return
        if not isinstance(node, MappingNode):
            raise Wrong(f"{_line(node)}: {name.rstrip('.') or 'the file'} must be keys and values")
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                raise Wrong(f"{_line(key)}: a key must be a word")
            if key.value in self._nodes:
                raise Wrong(f"{_line(key)}: {name}{_named(key.value)} is there twice")
            self._nodes[key.value] = value
            self._lines[key.value] = _line(key)

    def text(self, key: str, default: str = "") -> str:
        """A text; as `default` where there is none, or an empty one."""
        node = self._nodes.pop(key, None)
        if node is None or node.tag == _NULL:
            return default
        if not isinstance(node, ScalarNode):
            raise Wrong(f"{_line(node)}: {self._name}{_named(key)} must be a text")
        return str(node.value) or default

    def choice(self, key: str, choices: Container[str], default: str) -> str:
        """One of some texts."""
        where = self.where(key)
        text = self.text(key, default)
        if text not in choices:
            raise Wrong(f"{where} cannot be {text}")
        return text

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        return _FLAGS[self.choice(key, _FLAGS, "true" if default else "false")]

    def texts(self, key: str) -> list[str]:
        """A list of texts; empty where there is none."""
        node = self._nodes.pop(key, None)
        if node is None or node.tag == _NULL:
            return []
        if not isinstance(node, SequenceNode) or not all(isinstance(each, ScalarNode) for each in node.value):
            raise Wrong(f"{_line(node)}: {self._name}{_named(key)} must be a list of texts")
        return [str(each.value) for each in node.value]

    def section(self, key: str) -> Section:
        """A section within."""
        return Section(self._nodes.pop(key, None), f"{self._name}{key}.")

    @property
    def names(self) -> list[str]:
        """The keys not asked for yet."""
        return list(self._nodes)

    def where(self, key: str) -> str:
        """How an error names what is said, or is not said, of a key."""
        name = f"{self._name}{_named(key)}"
        return f"{self._lines[key]}: {name}" if key in self._nodes else name

    def end(self) -> None:
        """Raise Wrong if there are keys that nobody asked for."""
        for key in self._nodes:
            raise Wrong(f"{self.where(key)} is not known here")


def document(text: str) -> Section:
    """Read a document. Raises Wrong."""
    try:
        return Section(yaml.compose(text, yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}: " if mark else ""
        raise Wrong(f"{line}{error.problem or error.context}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise Wrong("it is not YAML") from error


def _named(key: str) -> str:
    """A key as an error may name it: what looks like none may be a secret, of a file that was never meant."""
    return key if _is_name(key) else "a key"


def _line(node: Node) -> str:
    return f"line {node.start_mark.line + 1}"
