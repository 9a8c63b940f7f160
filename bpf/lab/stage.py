"""The thread that the responder runs in, and the way other threads reach it."""

from __future__ import annotations

import errno
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import TypeVar

from .exchanges import Exchange
from .responder import Responder

T = TypeVar("T")
Predicate = Callable[[list[Exchange]], bool]

_ENDED = "the lab's responder has ended"


@dataclass(frozen=True, slots=True)
class _Waiter:
    """Somebody who waits for the record to look as wanted."""

    wanted: Predicate
    seen: Future[list[Exchange]]


class Stage:
    """Runs a responder in a thread of its own from `start` to `stop`; the rest is for any thread."""

    def __init__(self, responder: Responder) -> None:
        self._responder = responder
        self._thread = threading.Thread(target=self._run, name="lab responder", daemon=True)
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll = select.epoll()
        self._epoll.register(self._wake_fd, select.EPOLLIN)
        self._lock = threading.Lock()
        self._calls: deque[Callable[[], None]] = deque()
        self._waiters: list[_Waiter] = []
        self._device: int | None = None
        self._ended = False
        self._failure: BaseException | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, wait for it, close what it used. Raises what it failed on, if it did."""
        if self._thread.ident is not None:
            self._post(self._end)
            self._thread.join()
        self._epoll.close()
        os.close(self._wake_fd)
        if self._failure is not None:
            raise self._failure

    def call(self, function: Callable[[], T]) -> T:
        """Run `function` in the responder's thread, between two frames; return its result. Blocks."""
        result: Future[T] = Future()

        def run() -> None:
            try:
                if self._failure is not None:
                    raise RuntimeError(_ENDED) from self._failure
                result.set_result(function())
            except Exception as error:
                result.set_exception(error)

        if not self._post(run):
            raise RuntimeError(_ENDED) from self._failure
        return result.result()

    def plug(self, fd: int | None) -> None:
        """Serve this device instead of the one before; None: serve none. Blocks until it is so."""
        self.call(lambda: self._plug(fd))

    def wait_until(self, wanted: Predicate, timeout_s: float) -> list[Exchange]:
        """Block until `wanted(exchanges)`, called in the responder's thread, holds; raises TimeoutError."""
        waiter = _Waiter(wanted, Future())
        self.call(lambda: self._waiters.append(waiter))
        try:
            return waiter.seen.result(timeout_s)
        except FutureTimeout:
            self.call(lambda: self._waiters.remove(waiter) if waiter in self._waiters else None)
            seen = self.call(self._responder.exchanges)
            raise TimeoutError(f"not seen within {timeout_s} s: {seen}") from None

    def _post(self, call: Callable[[], None]) -> bool:
        with self._lock:
            if self._ended:
                return False
            self._calls.append(call)
        os.eventfd_write(self._wake_fd, 1)
        return True

    def _run(self) -> None:
        try:
            while not self._ended:
                self._turn()
        except BaseException as error:
            self._failure = error
        with self._lock:
            self._ended = True
        self._run_calls()
        for waiter in self._waiters:
            waiter.seen.set_exception(RuntimeError(_ENDED))

    def _turn(self) -> None:
        due_ns = self._responder.write_due()
        wait_s = None if due_ns is None else max(0.0, (due_ns - time.monotonic_ns()) / 1e9)
        ready = [fd for fd, _ in self._epoll.poll(wait_s)]
        # Frames first: who asks what was seen means what the kernel had sent by then.
        if self._device in ready:
            self._read()
        if self._wake_fd in ready:
            os.eventfd_read(self._wake_fd)
            self._run_calls()
        if self._waiters:
            self._tell_waiters()

    def _read(self) -> None:
        try:
            self._responder.read()
        except OSError as error:
            if error.errno != errno.EBADFD:
                raise
            # Somebody deleted the interface; epoll would report that for ever.
            self._plug(None)

    def _run_calls(self) -> None:
        while self._calls:
            self._calls.popleft()()

    def _tell_waiters(self) -> None:
        exchanges = self._responder.exchanges()
        waiting = []
        for waiter in self._waiters:
            try:
                if waiter.wanted(exchanges):
                    waiter.seen.set_result(exchanges)
                else:
                    waiting.append(waiter)
            except Exception as error:
                waiter.seen.set_exception(error)
        self._waiters = waiting

    def _plug(self, fd: int | None) -> None:
        if self._device is not None:
            self._epoll.unregister(self._device)
        self._device = fd
        self._responder.attach(fd)
        if fd is not None:
            self._epoll.register(fd, select.EPOLLIN)

    def _end(self) -> None:
        self._ended = True
