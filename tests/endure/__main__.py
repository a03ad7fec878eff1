"""`make endure`: kill runs and sandboxes, stop runs by signals, and edit documents, many times; nothing may be lost."""

from __future__ import annotations

import argparse
import os
import random
import secrets
import sys
import tempfile
import time
from pathlib import Path

from tests.endure import documents, ordeals, restarts
from toolkit.sandbox.server import Sandbox


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.endure", description=__doc__)
    parser.add_argument("--kills", type=int, default=int(os.environ.get("ENDURE_KILLS", "100")))
    parser.add_argument("--signals", type=int, default=int(os.environ.get("ENDURE_SIGNALS", "50")))
    parser.add_argument("--restarts", type=int, default=int(os.environ.get("ENDURE_RESTARTS", "100")))
    parser.add_argument("--documents", type=int, default=int(os.environ.get("ENDURE_DOCUMENTS", "5000")))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("ENDURE_SEED", str(secrets.randbelow(10**6)))))
    chosen = parser.parse_args()
    sys.stdout.write(f"seed {chosen.seed}\n")
    begun = time.monotonic()

    def say(text: str) -> None:
        sys.stdout.write(f"{text}, {time.monotonic() - begun:.0f} s\n")
        sys.stdout.flush()

    refused = documents.repeat(chosen.seed, chosen.documents, say)
    say(f"{chosen.documents} documents were edited and nothing beside, or refused, which {refused} were")
    with tempfile.TemporaryDirectory() as directory, Sandbox() as aws:
        world = ordeals.World.of(aws, Path(directory), random.Random(chosen.seed))  # noqa: S311 - chooses moments
        recovered = ordeals.repeat(ordeals.kill, world, chosen.kills, say)
        late = ordeals.repeat(ordeals.stop, world, chosen.signals, say)
        issued = len(world.issued())
    say(
        f"{issued} certificates were issued, none was lost; {recovered} were recovered after {chosen.kills} kills, "
        f"{late} answers came too late for the reports of {chosen.signals} stopped runs and are in the ledger"
    )
    with tempfile.TemporaryDirectory() as directory:
        killed = restarts.World(Path(directory), random.Random(chosen.seed))  # noqa: S311 - same
        found = ordeals.repeat(restarts.kill, killed, chosen.restarts, say)
    say(f"{found} answers of {chosen.restarts} killed sandboxes were found again, none was lost")
    return 0


if __name__ == "__main__":
    sys.exit(main())
