"""The process in which a command runs: ``toolkit``, or ``python -m toolkit``.

It is tuned for what a command is: short, and loading much that lives to its end.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
import warnings

# Objects that are made before the collector looks at the youngest: more than a command that writes a document makes.
# Python's own 700 makes it look over and over at modules that only grow while they load.
_GENERATION_0 = 200_000


def run() -> None:
    """What ``toolkit`` on the command line calls."""
    gc.set_threshold(_GENERATION_0, 20, 20)
    # At its end the interpreter would walk everything once more, to free it one by one.
    atexit.register(gc.freeze)
    # What a library says to developers, such as of a certificate that it will refuse one day, is nothing to users.
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    # No plugin of another package has a say in what is a valid contract, and none is searched for.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from toolkit.cli import main  # noqa: PLC0415 - nothing may load before the process is tuned

    main(prog_name="toolkit")


if __name__ == "__main__":
    run()
