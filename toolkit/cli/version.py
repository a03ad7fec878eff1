"""``toolkit version``."""

from __future__ import annotations

import json
import platform
import re
from importlib import metadata
from typing import TYPE_CHECKING

import click

from toolkit import __version__
from toolkit.cli.output_options import Output, result_option, write_outputs
from toolkit.cli.parameters import Command

if TYPE_CHECKING:
    from pathlib import Path


_PACKAGE = "kong-mesh-pca-toolkit"
_NAME = re.compile(r"[A-Za-z0-9._-]+")
# Requirements of the extra for developers, which are not listed.
_FOR_DEVELOPERS = re.compile(r"extra == .dev.")
_EXAMPLES = """\b
Examples:
  toolkit version
  toolkit version -o json
"""


@click.command(name="version", cls=Command, epilog=_EXAMPLES)
@result_option("text", "json")
def command(*, outputs: tuple[Output, ...]) -> None:
    """Show the version and the installed libraries.

    The libraries are those of the toolkit and of its extras; one that is not installed has no version.
    """
    libraries = {name: _find_version(name) for name in _list_libraries()}
    facts = {
        "version": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "libraries": libraries,
    }

    def render(form: str, _file: Path | None) -> str:
        if form == "json":
            return json.dumps(facts, indent=2) + "\n"
        installed = [f"{name} {version}" for name, version in libraries.items() if version]
        return "\n".join([f"toolkit {__version__}", f"Python {facts['python']}", *installed]) + "\n"

    write_outputs(outputs, render)


def _list_libraries() -> list[str]:
    """Return the names of the libraries that the toolkit and its extras require, from its metadata."""
    try:
        required = metadata.requires(_PACKAGE) or []
    except metadata.PackageNotFoundError:
        return []
    names = (_NAME.match(each) for each in required if not _FOR_DEVELOPERS.search(each))
    return sorted({found[0].lower() for found in names if found and found[0] != _PACKAGE})


def _find_version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
