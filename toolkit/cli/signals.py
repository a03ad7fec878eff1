"""Ctrl-C and SIGTERM during a run that must not lose its report, however many of them come."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Self

from toolkit.errors import EXIT_INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from toolkit.values import Value

# Kubernetes sends SIGTERM when a Job's time is up.
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Signals:
    """Handles SIGINT and SIGTERM while it is open.

    At first a signal ends the process: nothing was done that needs cleaning up, and an exception could come out of any
    module that is being loaded. After :meth:`hold` signals are counted, and raise nothing except within
    :meth:`raising`; there only the first one does, so that clean-up is never interrupted.

    Attributes:
        count: of the signals that came.
    """

    def __init__(self) -> None:
        self.count = 0
        self._holds = False
        self._raises = False
        self._listener: Callable[[], None] | None = None
        self._before: dict[signal.Signals, Value] = {}

    def __enter__(self) -> Self:
        # Python lets only the main thread set handlers.
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                if signal.getsignal(number) is signal.SIG_IGN:
                    # As a shell starts what runs in the background.
                    continue
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        self._raises = False
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def hold(self) -> None:
        """Only count signals from now on: what is done from here on must be reported."""
        self._holds = True

    def listen(self, listener: Callable[[], None]) -> None:
        """Call a function for each signal that came, and for each that comes.

        Args:
            listener: is called in the signal handler, so it must not take a lock.
        """
        self._listener = listener
        for _ in range(self.count):
            listener()

    @contextmanager
    def raising(self) -> Iterator[None]:
        """Raise KeyboardInterrupt for a signal that came since :meth:`hold`, or that comes meanwhile, but only once.

        Raises:
            KeyboardInterrupt: such a signal came.
        """
        self._raises = True
        try:
            if self.count:
                raise KeyboardInterrupt
            yield
        finally:
            self._raises = False

    def _handle(self, *_: object) -> None:
        if not self._holds:
            with suppress(OSError):
                os.write(2, b"Interrupted.\n")
            os._exit(EXIT_INTERRUPTED)
        self.count += 1
        if self._raises:
            self._raises = False
            raise KeyboardInterrupt
        if self._listener is not None:
            self._listener()
