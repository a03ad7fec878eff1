"""Handle Ctrl-C and SIGTERM so that repeated signals don't prevent the report of a run."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Self

from toolkit.errors import EXIT_INTERRUPTED
from toolkit.values import Value

# Kubernetes sends SIGTERM at a Job's deadline.
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Signals:
    """Handles SIGINT and SIGTERM while it is open.

    - Before :meth:`hold`, a signal ends the process at once: there is nothing to clean up, and an exception could be
      raised in any module that is being imported.
    - After :meth:`hold`, signals are only counted.
    - Within :meth:`raising`, the first signal raises KeyboardInterrupt. Later ones don't, so that they don't interrupt
      the cleanup.

    Attributes:
        count: number of signals so far.
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
                    # Shells ignore SIGINT for background processes.
                    continue
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        self._raises = False
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def hold(self) -> None:
        """Only count signals from now on, because what is done from here on must be reported."""
        self._holds = True

    def listen(self, listener: Callable[[], None]) -> None:
        """Call a function for each past and future signal.

        Args:
            listener: is called in the signal handler, so it must not take a lock.
        """
        self._listener = listener
        for _ in range(self.count):
            listener()

    @contextmanager
    def raising(self) -> Iterator[None]:
        """Raise KeyboardInterrupt once, for a signal since :meth:`hold` or within the block.

        Raises:
            KeyboardInterrupt: a signal was received.
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
