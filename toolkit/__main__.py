"""Run a command: ``toolkit``, or ``python -m toolkit``.

The process is tuned for a command: it is short, and loads many objects that it needs until it exits.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # typeshed lists the public module only
import atexit
import gc
import os
import sys
import types
import warnings
from importlib import import_module

# The number of new objects that starts a collection: more than a command that writes a document creates. Python's own
# 700 starts many collections while modules load, which free nothing.
_GENERATION_0 = 200_000
# toolkit/errors.py, EXIT_INTERRUPTED.
_INTERRUPTED = 130


def run() -> None:
    """Run the command line."""
    # _signal, because a signal that arrives while the module signal loads would not be handled well.
    listens = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if listens:
        # While modules load there is nothing to clean up, and KeyboardInterrupt could be raised in any of them.
        signal.signal(signal.SIGINT, _leave)
    gc.set_threshold(_GENERATION_0, 20, 20)
    ending = _Ending()
    # What is registered first is called last, when everything else has ended in order.
    atexit.register(ending.leave)
    # Warnings of libraries are for developers, for example about certificates that a later version rejects.
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    _leave_out_plugins()
    from toolkit.cli import main  # noqa: PLC0415 - nothing may load before the process is tuned
    from toolkit.cli.exits import install_hooks  # noqa: PLC0415 - same

    install_hooks()
    if listens:
        main.when_loaded = lambda: signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        main(prog_name=_name_program())
    except SystemExit as end:
        ending.code = end.code
        raise
    except KeyboardInterrupt:
        os._exit(_INTERRUPTED)
    finally:
        # The output is complete. A signal must not change the exit code or print a traceback while Python exits.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        _give_up_on_stderr()


def _leave_out_plugins() -> None:
    """Keep plugins of other packages from changing how contracts are validated, and save the search for them."""
    # The variable is for child processes, and for versions of pydantic that look for plugins in another module.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # pydantic reads the variable only after it has loaded importlib.metadata, which takes 4 ms.
    module = "pydantic.plugin._loader"
    sys.modules[module] = _NoPlugins(module)


class _NoPlugins(types.ModuleType):
    """Replaces pydantic's module that finds plugins, and finds none."""

    @staticmethod
    def get_plugins() -> tuple[()]:
        """Return no plugins."""
        return ()

    def __getattr__(self, name: str) -> object:
        """Load the real module: a version of pydantic wants something else from it."""
        if name.startswith("__"):
            raise AttributeError(name)
        sys.modules.pop(self.__name__)
        return getattr(import_module(self.__name__), name)


class _Ending:
    """Ends the process without freeing all objects one by one, as mypy does (mypy/util.py, hard_exit)."""

    code: str | int | None = None

    def leave(self) -> None:
        """End the process, unless the interpreter has something to report first."""
        if not isinstance(self.code, int):
            return
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except AttributeError:
                # It was closed before the process began.
                continue
            except (OSError, ValueError):
                return
        os._exit(self.code)


def _give_up_on_stderr() -> None:
    """Discard output that a full stderr did not accept, because the interpreter would change the exit code for it."""
    try:
        sys.stderr.flush()
    except AttributeError:
        return
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _name_program() -> str:
    """Return the name of the called program; shell completion of an alias needs the alias."""
    name = os.path.basename(sys.argv[0])  # noqa: PTH119 - pathlib is slow to load
    return "toolkit" if name == "__main__.py" else name


def _leave(*_: object) -> None:
    os._exit(_INTERRUPTED)


if __name__ == "__main__":
    run()
