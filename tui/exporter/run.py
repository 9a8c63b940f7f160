"""The exporter's loop: that without a screen, its lines left out."""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout
from importlib.metadata import version
from pathlib import Path
from types import TracebackType

from bpf.event import Flow, Handshake, printable
from bpf.source import Account, Names, Source, Taker
from tui import headless
from tui.core.filter import Filter
from tui.exporter.address import Address
from tui.exporter.arguments import LABEL_BY, MAX_SERIES
from tui.exporter.exporter import Exporter
from tui.exporter.label_sets import LabelBy
from tui.exporter.server import MetricsServer, access


class Export:
    """Listens while it is entered, and serves while it runs."""

    def __init__(
        self,
        address: Address,
        label_by: str | None = None,
        max_series: int | None = None,
        filter_: Filter | None = None,
        web_config: Path | None = None,
    ) -> None:
        """None: as usual. Reads the web configuration; raises TcplatError."""
        labels = LabelBy(label_by or LABEL_BY)
        self._exporter = Exporter(version("tcplat"), labels, max_series or MAX_SERIES, filter_)
        self._address = address
        self._access = access(web_config)

    def __enter__(self) -> Export:
        """Bind the address, in the network that the calling thread is in. Raises TcplatError."""
        self._server = MetricsServer(self._address, self._exporter, access=self._access)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the port; what is being served is not waited for."""
        self._server.close()

    def run(self, source: Source, recorder: Taker | None = None) -> int:
        """Serve what the source yields until a signal; return the exit status. Raises TcplatError."""
        self._server.start()
        if sys.stderr:
            print(f"tcplat: metrics at {printable(self._server.url)}", file=sys.stderr)
        takers = [recorder, self._exporter] if recorder else [self._exporter]
        # Whoever started us may have closed stdout, or stopped reading it: it is of no use here.
        with open(os.devnull, "w", encoding="ascii") as nowhere, redirect_stdout(nowhere):
            return headless.run(source, _NoLines(), headless.Limits(), takers)


class _NoLines:
    """A format that has no lines."""

    def handshake_line(self, handshake: Handshake, names: Names, wall_offset_ns: int) -> str:
        """None."""
        del handshake, names, wall_offset_ns
        return ""

    def flow_line(self, flow: Flow, names: Names, wall_offset_ns: int) -> str:
        """None."""
        del flow, names, wall_offset_ns
        return ""

    def account_line(self, account: Account, wall_offset_ns: int) -> str:
        """None."""
        del account, wall_offset_ns
        return ""
