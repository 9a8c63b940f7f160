"""A real Prometheus, on loopback, with a directory of its own: for tests, simulations and the demo of a fleet."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol

PATIENCE_S = 30.0
"""How long to wait for what is certain to come; only a failing test waits so long."""
_TRIES = 3
"""Between choosing a free port and listening there, another process may have taken it."""
_PLACES = os.pathsep.join((str(Path(sys.prefix) / "bin"), os.environ.get("PATH", "")))


Values = dict[frozenset[tuple[str, str]], float]
"""By labels, without the name."""


class Network(Protocol):
    """Where it runs: a lab, or the network that we are in."""

    def command(self, *words: str) -> list[str]:
        """The command line that runs `words` there."""

    def entered(self) -> AbstractContextManager[None]:
        """Put the calling thread there."""


class Here:
    """The network that we are in."""

    def command(self, *words: str) -> list[str]:
        """The words themselves."""
        return list(words)

    def entered(self) -> AbstractContextManager[None]:
        """Stay."""
        return nullcontext()


def found(program: str) -> str:
    """The path of `prometheus` or `promtool`: that which the set-up fetched, or one that is installed.

    Raises FileNotFoundError.
    """
    path = shutil.which(program, path=_PLACES)
    if not path:
        raise FileNotFoundError(
            f"no {program} here: `tools/setup test` fetches it where there is apt; else install it"
        )
    return path


class PrometheusServer:
    """Prometheus while it is entered. It may be stopped and started again: port and storage stay the same.

    It is killed when the thread that started it ends, whatever ends that.
    """

    def __init__(
        self,
        directory: Path,
        targets: Iterable[str | Mapping[str, Any]] = (),
        *,
        rules: Sequence[Path] = (),
        interval_s: float = 0.5,
        settings: Mapping[str, Any] | None = None,
        arguments: Sequence[str] = (),
        scheme: str = "http",
        headers: Mapping[str, str] | None = None,
        network: Network | None = None,
    ) -> None:
        """Make ready; nothing runs yet.

        directory   of its own: configuration, storage, log
        targets     HOST:PORT each, scraped every interval as job `tcplat`; or whole entries of scrape_configs
        rules       files of rules, evaluated every interval
        settings    added to its configuration at the top, such as remote_write
        arguments   added to its command line, such as --web.config.file=...
        scheme, headers   how to reach its API where those make it other than plain
        """
        self._directory = directory
        self._scheme, self._headers, self._network = scheme, dict(headers or {}), network or Here()
        self._rules, self._interval_s, self._settings = rules, interval_s, dict(settings or {})
        self._arguments = arguments
        self._port = 0
        self._child: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)
        self.set_targets(targets)

    def __enter__(self) -> PrometheusServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where its API and its pages are, without a slash at the end."""
        return f"{self._scheme}://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """Of the process that runs; 0: none does."""
        return self._child.pid if self._child else 0

    def set_targets(self, targets: Iterable[str | Mapping[str, Any]]) -> None:
        """Scrape these, from now on, or from the start."""
        entries = list(targets)
        plain = [each for each in entries if isinstance(each, str)]
        jobs = [each for each in entries if not isinstance(each, str)]
        if plain:
            jobs.insert(0, {"job_name": "tcplat", "static_configs": [{"targets": plain}]})
        interval = f"{round(self._interval_s * 1000)}ms"
        times = {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval}
        configuration = {
            "global": times,
            "rule_files": [str(each.resolve()) for each in self._rules],
            "scrape_configs": jobs,
            **self._settings,
        }
        # JSON is YAML.
        (self._directory / "prometheus.yml").write_text(json.dumps(configuration, indent=1))
        if self._child:
            self._child.send_signal(signal.SIGHUP)

    def start(self) -> None:
        """Start it, and wait until it is ready. Raises RuntimeError with its log, or TimeoutError."""
        tries = 1 if self._port else _TRIES
        for left in reversed(range(tries)):
            port = self._port or _free_port(self._network)
            self._child = child = self._begun(port)
            before, self._port = self._port, port
            if self._is_ready(child):
                return
            self._child, self._port = None, before
            if not left or "address already in use" not in self.log():
                raise RuntimeError(self.log())

    def stop(self) -> None:
        """End it in good order, and wait until it has ended."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a machine does that loses its power."""
        self._end(signal.SIGKILL)

    def log(self) -> str:
        """What it has said since it was started last."""
        return (self._directory / "log").read_text(errors="replace")

    def get(self, path: str, **parameters: Any) -> Any:
        """The `data` of what the API answers, as in `get("query", query="up")`. Raises URLError, which says why."""
        url = f"{self.url}/api/v1/{path}"
        query = urllib.parse.urlencode(parameters, doseq=True).encode()
        # By POST, where long queries have room; not everything takes it.
        request = urllib.request.Request(url, query, self._headers) if query else self._request(url)
        try:
            with self._network.entered(), urllib.request.urlopen(request, timeout=PATIENCE_S) as reply:
                return json.load(reply)["data"]
        except urllib.error.HTTPError as error:
            if error.code in (400, 422):  # Then it says in JSON what it did not like.
                error.msg = f"{error.msg}: {error.read().decode(errors='replace')}"
            raise

    def query(self, expression: str, **parameters: Any) -> Values:
        """The values of an instant vector now, by labels without the name."""
        data = self.get("query", query=expression, **parameters)
        return {_labels(each["metric"]): float(each["value"][1]) for each in data["result"]}

    def value(self, expression: str, **parameters: Any) -> float | None:
        """The one value of an instant vector; None: there is none."""
        values = self.query(expression, **parameters)
        if len(values) > 1:
            raise ValueError(f"{expression} has more than one value: {values}")
        return next(iter(values.values()), None)

    def wait_for(self, expression: str) -> Values:
        """Wait until a query has values, and return them. Raises TimeoutError.

        After a scrape that took too long there are none.
        """
        until = time.monotonic() + PATIENCE_S
        while not (values := self.query(expression)):
            self._pause(until, expression, values)
        return values

    def wait_until(self, expression: str, wanted: Callable[[float | None], bool] = bool) -> float:
        """Wait until the one value of a query is as wanted (there, and not 0), and return it. Raises TimeoutError."""
        until = time.monotonic() + PATIENCE_S
        while not wanted(value := self.value(expression)) or value is None:
            self._pause(until, expression, value)
        return value

    def _pause(self, until: float, expression: str, value: object) -> None:
        if time.monotonic() > until:
            targets = self.get("targets")["activeTargets"]
            raise TimeoutError(f"{expression} is {value}; {[each['lastError'] for each in targets]}")
        time.sleep(self._interval_s / 4)

    def _begun(self, port: int) -> subprocess.Popen[bytes]:
        words = [
            *("setpriv", "--pdeathsig", "KILL", "--"),  # If we are killed it is, too.
            found("prometheus"),
            f"--config.file={self._directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            *self._arguments,
        ]
        with open(self._directory / "log", "wb") as log:
            return subprocess.Popen(
                self._network.command(*words), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def _is_ready(self, child: subprocess.Popen[bytes]) -> bool:
        """Wait until it is; False: it has ended."""
        until = time.monotonic() + PATIENCE_S
        while child.poll() is None:
            try:
                request = self._request(f"{self.url}/-/ready")
                with self._network.entered(), urllib.request.urlopen(request, timeout=PATIENCE_S) as reply:
                    if reply.status == 200:
                        return True
            except (urllib.error.URLError, ConnectionError):
                pass
            if time.monotonic() > until:
                raise TimeoutError(self.log())
            time.sleep(0.02)
        return False

    def _request(self, url: str) -> urllib.request.Request:
        return urllib.request.Request(url, headers=self._headers)

    def _end(self, number: signal.Signals) -> None:
        if self._child:
            self._child.send_signal(number)
            self._child.wait(PATIENCE_S)
            self._child = None


def _free_port(network: Network) -> int:
    with network.entered(), socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _labels(metric: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset((name, value) for name, value in metric.items() if name != "__name__")
