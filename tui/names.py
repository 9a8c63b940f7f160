"""What numbers are called: addresses by reverse DNS, off the screen's path, and ports by /etc/services."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache

from bpf.event import address_text

FOUND_S = 1800.0
NONE_S = 600.0
FAILED_S = 60.0
"""A resolver that could not be reached is asked again soon, but not with every drawing."""
WAITING = 512
"""Questions that wait at a time: more rows than a screen has."""
_NO_NAME = (1, 4)
"""HOST_NOT_FOUND and NO_DATA of netdb.h; the others are failures."""
_NAME_CHARACTERS = 253
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
# The last label is no number: a name must not pass for an address.
_is_name = re.compile(rf"(?:{_LABEL}\.)*(?!\d+\Z){_LABEL}", re.ASCII | re.IGNORECASE).fullmatch


def name_by_dns(address: str) -> str:
    """Ask the system's resolver; empty: it has no name. Blocks, for half a minute if need be; raises OSError.

    Not `getnameinfo`: before Python 3.12 it holds the GIL meanwhile, which stops every thread, the screen's too.
    """
    try:
        return socket.gethostbyaddr(address)[0]
    except socket.herror as error:
        if error.errno in _NO_NAME:
            return ""
        raise


def plausible_name(name: str) -> str:
    """What of a name from the net may be shown: all of it, or nothing. It is still only what the address's owner says.

    A DNS name in ASCII of letters, digits, `-` and `_`, at most 253 characters, that does not look like an address.
    """
    name = name.removesuffix(".")
    return name if len(name) <= _NAME_CHARACTERS and _is_name(name) else ""


class Resolver:
    """Looks up the names of addresses in threads of its own, once it is started. Its methods are for any thread.

    None of them waits for an answer. The threads are daemons: a lookup that hangs does not keep the program from
    ending. Names and failures are remembered for a while, those of the `remembered` addresses last asked for.
    """

    def __init__(
        self,
        lookup: Callable[[str], str] = name_by_dns,
        clock_s: Callable[[], float] = time.monotonic,
        workers: int = 4,
        remembered: int = 10_000,
    ) -> None:
        """`lookup` takes an address as text, returns its name or "", may block or raise OSError: see `name_by_dns`."""
        self._lookup = lookup
        self._clock_s = clock_s
        self._workers = workers
        self._remembered = remembered
        self._condition = threading.Condition()
        # All below only with the condition's lock, which is never held while anything is looked up.
        self._is_on = self._is_changed = False
        self._running = 0
        self._names: OrderedDict[bytes, tuple[str, float]] = OrderedDict()
        """The name, and when to ask anew; least recently used first."""
        self._waiting: OrderedDict[bytes, None] = OrderedDict()
        """Asked last, answered first."""
        self._asked: set[bytes] = set()
        """Being looked up."""

    def start(self) -> None:
        """Begin to look up. Started already, it does nothing."""
        with self._condition:
            self._is_on = True
            # Threads of an earlier start that still hang in a lookup are of these again: they do not add up.
            missing, self._running = self._workers - self._running, self._workers
        for _ in range(missing):
            threading.Thread(target=self._work, name="tcplat-names", daemon=True).start()

    def stop(self) -> None:
        """Look nothing up any more; what is known stays known. Does not wait for lookups under way."""
        with self._condition:
            self._is_on = False
            self._waiting.clear()
            self._condition.notify_all()

    def name_of(self, address: bytes) -> str | None:
        """The name of 16 address bytes; empty: it has none, or there was no answer; None: not known yet.

        What is not known, or was long ago, is looked up, if the resolver is started. Of too many questions, the
        oldest are dropped: ask again when drawing again.
        """
        now_s = self._clock_s()
        with self._condition:
            name, until_s = self._names.get(address, (None, now_s))
            if name is not None:
                self._names.move_to_end(address)
            if now_s >= until_s and self._is_on and address not in self._asked:
                self._ask(address)
            return name

    def changed(self) -> bool:
        """Whether a name came, went or became another since this was last called."""
        with self._condition:
            is_changed, self._is_changed = self._is_changed, False
            return is_changed

    def _ask(self, address: bytes) -> None:
        self._waiting[address] = None
        self._waiting.move_to_end(address)
        if len(self._waiting) > WAITING:
            self._waiting.popitem(last=False)
        self._condition.notify()

    def _work(self) -> None:
        """What each thread does until the resolver is stopped."""
        while (address := self._next()) is not None:
            try:
                name, remembered_s = self._answer(address)
            except OSError:
                self._remember(address, None, FAILED_S)
            else:
                self._remember(address, name, remembered_s)

    def _next(self) -> bytes | None:
        """Wait for a question; None: the thread is to end."""
        with self._condition:
            while self._is_on and not self._waiting:
                self._condition.wait()
            if not self._is_on:
                self._running -= 1
                return None
            address, _ = self._waiting.popitem()
            self._asked.add(address)
            return address

    def _answer(self, address: bytes) -> tuple[str, float]:
        try:
            name = plausible_name(self._lookup(address_text(address)))
        except UnicodeError:  # What came is no text, so no name.
            name = ""
        return name, FOUND_S if name else NONE_S

    def _remember(self, address: bytes, name: str | None, remembered_s: float) -> None:
        """None: no answer came; a name that was known before is better than none."""
        until_s = self._clock_s() + remembered_s
        with self._condition:
            self._asked.discard(address)
            before, _ = self._names.get(address, ("", 0.0))
            kept = before if name is None else name
            self._is_changed |= kept != before
            self._names[address] = (kept, until_s)
            self._names.move_to_end(address)
            if len(self._names) > self._remembered:
                self._names.popitem(last=False)


@lru_cache(maxsize=1024)
def service_of(port: int) -> str:
    """The name of a TCP port in /etc/services, as `https`; empty: it has none there. Reads the file, once a port."""
    try:
        return socket.getservbyport(port, "tcp")
    except OSError:
        return ""
