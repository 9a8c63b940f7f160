"""The server that is asked: where it is, who asks, and what boxes are called there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tui.fleet.address import ServerAddress
from tui.fleet.api import Api
from tui.fleet.credentials import Credentials
from tui.fleet.http import Bounds, Http

BOX_LABEL = "instance"


@dataclass(frozen=True, slots=True)
class Server:
    """All that asking it takes."""

    address: ServerAddress
    credentials: Credentials = field(default_factory=Credentials)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    box_label: str = BOX_LABEL
    bounds: Bounds = field(default_factory=Bounds)

    @property
    def name(self) -> str:
        """What it is called on the screen: without any secret."""
        return self.address.name

    def _authorization(self) -> str:
        return self.credentials.header(self.environment, self.address.password)

    def connect(self) -> tuple[Http, Api]:
        """A connection of one thread, which is opened when it is used, and the API over it."""
        http = Http(self.address, self.bounds)
        return http, Api(http, self._authorization, self.bounds.seconds)
