"""From what was typed to the screen of a fleet."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from tui.fleet.credentials import Credentials
from tui.fleet.screen.app import FleetApp
from tui.fleet.server import BOX_LABEL, Server
from tui.options import ScreenOptions


def run(options: argparse.Namespace, environment: Mapping[str, str], screen: ScreenOptions) -> int:
    """Show the screen; return the exit status. Raises TcplatError for a secret that cannot be read."""
    secrets = Credentials(options.fleet.user, options.fleet_password or "", options.fleet_token or "")
    server = Server(options.fleet, secrets, environment, options.box_label or BOX_LABEL)
    secrets.header(environment, options.fleet.password)
    app = FleetApp(server, screen)
    app.run()
    return app.return_code or 0
