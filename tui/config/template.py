"""The defaults as a configuration file to begin with: tcplat --print-config."""

from __future__ import annotations

from textwrap import wrap

from tui.config.config import Config
from tui.config.kinds import Known
from tui.config.settings import SETTINGS, Setting
from tui.config.toml import key, written

_WIDTH = 100
_HEAD = """\
The configuration of tcplat's screen: all that can be set, as it is if you set nothing. tcplat reads \
$XDG_CONFIG_HOME/tcplat/config.toml, else ~/.config/tcplat/config.toml (under sudo ~ is still yours), or the file that \
--config names. What the command line says goes first."""


def default_text(known: Known) -> str:
    """Return the defaults as TOML, explained. What has no value is commented out."""
    paragraphs = [_comment(_HEAD), *(_paragraph(setting, known) for setting in SETTINGS)]
    return "\n\n".join(paragraphs) + "\n"


def _paragraph(setting: Setting, known: Known) -> str:
    default = getattr(Config(), setting.name)
    if setting.name == "keys":
        lines = [f"# {key(action)} = {_written_keys(keys)}" for action, keys in known.bindings.items()]
        return "\n".join([_comment(setting.help), "[keys]", *lines])
    explained = _comment(f"{setting.help} {_sentence(setting.kind.domain(known))}")
    unset = default is None or default == ()
    line = f"{setting.name} = {written(setting.example(known) if unset else default)}"
    return f"{explained}\n{'# ' if unset else ''}{line}"


def _written_keys(keys: str) -> str:
    several = keys.split(",")
    return written(several if len(several) > 1 else keys)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _comment(text: str) -> str:
    return "\n".join(
        f"# {line}" for line in wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
    )
