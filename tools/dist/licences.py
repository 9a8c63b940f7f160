"""What Debian calls the copyright file: whose each part of the package is, and under which licence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from email.message import Message
from pathlib import Path

from tools.dist.wheels import content_of, metadata_of

_COMMON = {"Apache License": "Apache-2.0", "GNU GENERAL PUBLIC LICENSE": "GPL-2"}
"""What licences that every Debian system has begin with, and what their files are called there."""
_NAMES = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "AUTHORS")


def is_licence(name: str) -> bool:
    """Whether a file of a wheel is one that tells a licence."""
    return name.rpartition("/")[2].split(".")[0] in _NAMES


def copyright_file(wheels: Sequence[Path]) -> str:
    """All of it. Raises ValueError if a wheel does not say what its licence is."""
    contents = [content_of(wheel) for wheel in wheels]
    head = "tcplat, and the Python packages that it carries in /usr/share/tcplat."
    return "\n\n".join([head, *(_part(metadata_of(each), each) for each in contents)]) + "\n"


def _part(metadata: Message, content: Mapping[str, bytes]) -> str:
    title = f"{metadata['Name']} {metadata['Version']}"
    licence = metadata["License-Expression"] or metadata["License"] or _classified(metadata)
    texts = [content[name].decode().strip("\n") for name in sorted(content) if is_licence(name)]
    if not (licence and texts):
        raise ValueError(f"{title} does not say what its licence is")
    author = metadata["Author"] or metadata["Author-email"]
    facts = [f"By {author}."] if author else []
    facts += _addresses(metadata)
    facts.append(f"Licence: {licence}")
    return "\n\n".join(["=" * 78 + f"\n{title}", "\n".join(facts), *map(_told, dict.fromkeys(texts))])


def _classified(metadata: Message) -> str:
    every = (each.split(" :: ") for each in metadata.get_all("Classifier") or [])
    return ", ".join(each[-1] for each in every if each[0] == "License")


def _addresses(metadata: Message) -> Iterable[str]:
    urls = [each.partition(", ") for each in metadata.get_all("Project-URL") or []]
    sources = [url for label, _, url in urls if label.lower() in {"source", "source code", "repository", "github"}]
    return sources[:1] or filter(None, [metadata["Home-page"]])


def _told(text: str) -> str:
    for title, name in _COMMON.items():
        if text.lstrip().startswith(title):
            return f"On Debian systems that licence is in /usr/share/common-licenses/{name}."
    return text
