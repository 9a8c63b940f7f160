"""A private network of known hosts behind one interface, for tests and the demo: see `Lab`."""

from __future__ import annotations

from .connections import Connection
from .exchanges import Exchange
from .hosts import Behaviour, Client, Host, Unreachable
from .laboratory import Lab
from .namespace import inside

__all__ = ["Behaviour", "Client", "Connection", "Exchange", "Host", "Lab", "Unreachable", "inside"]
