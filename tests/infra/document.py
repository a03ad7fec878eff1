"""Write every setting of a stack into ``docs/reference/settings.md``; a test compares the file with this output."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

import yaml
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticUndefined

from tests.documentation import Part, cell
from toolkit.files import find_project_root
from toolkit.infra import settings

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

NESTED: tuple[tuple[str, type[BaseModel]], ...] = (
    ("Each of `zones`", settings.ZoneSettings),
    ("`parent`", settings.ParentSettings),
    ("`revocation.ocsp`", settings.OcspSettings),
    ("`revocation.crl`", settings.CrlSettings),
    ("`sharing`", settings.SharingSettings),
    ("`alarms`", settings.AlarmSettings),
)


def described(model: type[BaseModel]) -> dict[str, str]:
    """The descriptions of fields in the docstrings of a model and of those that it extends."""
    found: dict[str, str] = {}
    for each in reversed(model.__mro__):
        _, _, attributes = (each.__doc__ or "").partition("Attributes:\n")
        entries = re.findall(r"^(\w+): (.*?)(?=^\w|\Z)", textwrap.dedent(attributes), re.DOTALL | re.MULTILINE)
        found |= {name: " ".join(text.split()).replace("``", "`") for name, text in entries}
    return found


def default(field: FieldInfo) -> str:
    if field.is_required() or field.default is PydanticUndefined:
        return "required" if field.is_required() else ""
    if field.default is None or field.default == ():
        return ""
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


def nested() -> Iterator[str]:
    for title, model in NESTED:
        texts = described(model)
        yield from (f"### {title}", "", "| key | default | meaning |", "| --- | --- | --- |")
        # Its own fields first, then those that it shares with others.
        own = sorted(model.model_fields.items(), key=lambda item: item[0] not in model.__annotations__)
        for name, field in own:
            text = texts[name]
            yield f"| `{to_camel(name)}` | {default(field)} | {cell(text[0].upper() + text[1:])} |"
        yield ""


def keys() -> Iterator[str]:
    """The keys of Pulumi.yaml, which holds the defaults that users see."""
    document = yaml.safe_load((find_project_root() / "Pulumi.yaml").read_text(encoding="utf-8"))
    yield from ("### Keys of a stack", "", "| key | default | meaning |", "| --- | --- | --- |")
    for name, key in document["config"].items():
        value = key["default"]
        shown = (
            str(value).lower() if isinstance(value, bool) else ", ".join(value) if isinstance(value, list) else value
        )
        yield f"| `{name}` | {f'`{shown}`' if shown not in ('', None) else ''} | {cell(key['description'])} |"
    yield ""


def reference() -> str:
    return "\n".join([*keys(), *nested()])


PART = Part("reference/settings.md", "<!-- settings: made by `make docs` -->", "<!-- end of settings -->", reference)

if __name__ == "__main__":
    PART.write()
