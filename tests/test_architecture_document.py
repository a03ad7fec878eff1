"""docs/explanation/architecture.md names functions that exist, and the packages in their order."""

from __future__ import annotations

import ast
import re
import tomllib

from toolkit.files import find_project_root

TEXT = (find_project_root() / "docs" / "explanation" / "architecture.md").read_text(encoding="utf-8")
# A step names functions, and after them the modules that have them.
_NAMED = re.compile(r"(?:`([a-z_]+)`[a-z ,]*?)in `(toolkit/[a-z_/]+\.py)`(?: or `(toolkit/[a-z_/]+\.py)`)?")


def functions(module: str) -> set[str]:
    tree = ast.parse((find_project_root() / module).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_function_that_it_names_exists() -> None:
    found = _NAMED.findall(TEXT)
    steps = [line for line in TEXT.splitlines() if line.startswith("| ") and "toolkit/" in line]
    assert len(found) >= len(steps) > 25
    for function, *modules in found:
        for module in filter(None, modules):
            assert function in functions(module), module


def test_the_picture_shows_the_layers_that_the_linter_checks() -> None:
    settings = tomllib.loads((find_project_root() / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    order = [name for layer in layers for name in sorted(layer.split(" | ")) if name != "__main__"]
    picture = TEXT.partition("## Packages")[2].split("```")[1]
    first_words = [re.match(r"(?: {2,3}[a-z_]+)+", line) for line in picture.splitlines()]
    shown = [name for match in first_words if match for name in re.findall(r"[a-z_]+", match[0])]
    assert [name for name in shown if name in order] == order
