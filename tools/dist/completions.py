"""Completion of the command line, for three shells.

Names of interfaces are read from /sys/class/net as they are: a shell never evaluates them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tools.dist.options import Option, options

_HEAD = "# Completes the command line of tcplat; made from its parser.\n"
_BASH = """\
_tcplat() {
    local word=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD - 1]} each
    COMPREPLY=()
    if [[ $word == = ]]; then
        word=
    elif [[ $option == = ]]; then
        option=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    case $option in
%(cases)s
    esac
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '%(names)s' -- "$word")
        return
    fi
    for each in any /sys/class/net/*/; do
        each=${each%%/}
        each=${each##*/}
        if [[ $each == "$word"* ]]; then COMPREPLY+=("$(printf %%q "$each")"); fi
    done
}
complete -F _tcplat tcplat
"""
_ZSH = """\
_tcplat_interfaces() {
    local -a names=(any /sys/class/net/*(/,@N:t))
    compadd -a names
}

_arguments -s \\
%(specs)s
    '*:interface:_tcplat_interfaces'
"""
_FISH = """\
complete -c tcplat -f -a 'any (path basename /sys/class/net/*/)' -d interface
"""


def completions() -> Mapping[str, str]:
    """For each shell, by its name, what it reads."""
    every = options()
    return {
        "bash": _HEAD + _bash(every),
        "zsh": "#compdef tcplat\n" + _HEAD + _zsh(every),
        "fish": _HEAD + _fish(every),
    }


def _bash(every: Sequence[Option]) -> str:
    cases = [
        _case(
            _names(each for each in every if each.is_file),
            'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$word")',
        )
    ]
    for each in every:
        if each.choices:
            said = f"mapfile -t COMPREPLY < <(compgen -W '{' '.join(each.choices)}' -- \"$word\")"
            cases.append(_case(each.names, said))
    rest = _names(each for each in every if each.takes and not (each.is_file or each.choices))
    cases.append(_case(rest, ":"))
    return _BASH % {"cases": "\n".join(cases), "names": " ".join(_names(every))}


def _case(names: Sequence[str], does: str) -> str:
    return f"        {' | '.join(names)})\n            {does}\n            return\n            ;;"


def _zsh(every: Sequence[Option]) -> str:
    return _ZSH % {"specs": "\n".join(f"    {_quoted(spec)} \\" for each in every for spec in _specs(each))}


def _specs(option: Option) -> Iterable[str]:
    told = "".join(f"\\{each}" if each in "[]:\\" else each for each in option.brief)
    action = f"({' '.join(option.choices)})" if option.choices else "_files" if option.is_file else " "
    value = f":{option.takes.replace(':', chr(92) + ':')}:{action}" if option.takes else ""
    for name in option.names:
        others = [*option.excludes, *([] if option.is_repeatable else option.names)]
        before = "*" if option.is_repeatable else f"({' '.join(others)})"
        joined = "=" if value else ""
        yield f"{before}{name}{joined}[{told}]{value}"


def _fish(every: Sequence[Option]) -> str:
    return _FISH + "".join(f"complete -c tcplat {' '.join(_fish_words(each))}\n" for each in every)


def _fish_words(option: Option) -> Iterable[str]:
    for name in option.names:
        yield f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"
    if option.is_file:
        yield "-r -F"
    elif option.choices:
        yield f"-x -a {_quoted(' '.join(option.choices))}"
    elif option.takes:
        yield "-x"
    yield f"-d {_quoted(option.brief)}"


def _names(every: Iterable[Option]) -> list[str]:
    return [name for each in every for name in each.names]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
