"""The process in which a command runs: ``toolkit``, or ``python -m toolkit``.

It is tuned for what a command is: short, and loading much that lives to its end.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # typeshed lists the public module only
import atexit
import gc
import os
import sys
import warnings

# Objects that are made before the collector looks at the youngest: more than a command that writes a document makes.
# Python's own 700 makes it look over and over at modules that only grow while they load.
_GENERATION_0 = 200_000
# toolkit/errors.py, EXIT_INTERRUPTED.
_INTERRUPTED = 130


def run() -> None:
    """What ``toolkit`` on the command line calls."""
    # The module signal would take its time to load, in which nothing handles a signal well.
    listens = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if listens:
        # While modules load there is nothing to clean up, and an exception may come out of any of them.
        signal.signal(signal.SIGINT, _leave)
    gc.set_threshold(_GENERATION_0, 20, 20)
    # At its end the interpreter would walk everything once more, to free it one by one.
    atexit.register(gc.freeze)
    # What a library says to developers, such as of a certificate that it will refuse one day, is nothing to users.
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    # No plugin of another package has a say in what is a valid contract, and none is searched for.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from toolkit.cli import main  # noqa: PLC0415 - nothing may load before the process is tuned
    from toolkit.cli.exits import install_hooks  # noqa: PLC0415 - same

    install_hooks()
    if listens:
        main.when_loaded = lambda: signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        main(prog_name=_name_program())
    except KeyboardInterrupt:
        os._exit(_INTERRUPTED)
    finally:
        # All is said; a signal must not change the exit code, nor print a traceback while the interpreter ends.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        _give_up_on_stderr()


def _give_up_on_stderr() -> None:
    """Let what a full standard error did not take go nowhere: the interpreter would change the exit code for it."""
    try:
        sys.stderr.flush()
    except AttributeError:
        return
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _name_program() -> str:
    """Return the name that was called: an alias is completed under its own name."""
    name = os.path.basename(sys.argv[0])  # noqa: PTH119 - pathlib takes its time to load
    return "toolkit" if name == "__main__.py" else name


def _leave(*_: object) -> None:
    os._exit(_INTERRUPTED)


if __name__ == "__main__":
    run()
