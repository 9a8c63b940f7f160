"""How often what depends on chance is tried: a few times in `make test`, many in `make faults` and `make models`."""

from __future__ import annotations

import os

IS_THOROUGH = bool(os.environ.get("TCPLAT_THOROUGH"))


def rounds(usual: int, thorough: int) -> int:
    """The one or the other."""
    return thorough if IS_THOROUGH else usual
