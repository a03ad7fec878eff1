"""docs/reference/contract.md and the JSON Schema match the models."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import pytest

from tests.support import contract_document, hierarchy, pending_document
from toolkit import contract
from toolkit.cli import contract_show
from toolkit.cli.options import ContractSource, Look
from toolkit.contract import CertificateAuthority, StackOutputs, Zone
from toolkit.contract.json_schema import build_json_schema
from toolkit.contract.pending import PendingCertificateAuthority, PendingStack
from toolkit.errors import InvalidInputError
from toolkit.files import find_project_root

if TYPE_CHECKING:
    from pydantic import BaseModel

DOCUMENT = (find_project_root() / "docs" / "reference" / "contract.md").read_text()
TABLES: dict[str, type[BaseModel]] = {
    "A stack whose CA issues": StackOutputs,
    "`certificateAuthority`": CertificateAuthority,
    "Each of `zones`": Zone,
    "A stack whose CA waits": PendingStack,
    "`pendingCertificateAuthority`": PendingCertificateAuthority,
}
SCHEMA = build_json_schema()


def rows(heading: str) -> dict[str, tuple[str, str]]:
    """The first table below a heading: for each name its type and its meaning."""
    section = DOCUMENT.partition(f"# {heading}\n")[2].partition("\n#")[0]
    found = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \|$", section, re.MULTILINE)
    return {name: (kind, text) for name, kind, text in found}


@pytest.mark.parametrize(("heading", "model"), TABLES.items())
def test_every_field_is_in_the_document_as_in_the_schema(heading: str, model: type[BaseModel]) -> None:
    documented = rows(heading)
    assert list(documented) == [field.alias for field in model.model_fields.values()]
    for field in model.model_fields.values():
        kind, text = documented[str(field.alias)]
        inner = field.annotation
        expected = field.description or (inner.__doc__ if inner else None)
        assert text == expected, field.alias
        if get_origin(inner) is Literal and field.alias != "schemaVersion":
            assert kind == ", ".join(f"`{value}`" for value in get_args(inner))


def examples() -> list[dict[str, Any]]:
    """The examples of the document with real PEM in place of what is cut short."""
    found = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", DOCUMENT, re.DOTALL)]
    issuing = contract_document(hierarchy())
    found[0] |= {name: issuing[name] for name in ("certificateChain", "rootCertificate")}
    found[0]["certificateAuthority"]["notAfter"] = issuing["certificateAuthority"]["notAfter"]
    request = pending_document()["pendingCertificateAuthority"]["certificateSigningRequest"]
    found[1]["pendingCertificateAuthority"]["certificateSigningRequest"] = request
    return found


GOOD = [*examples(), contract_document(hierarchy()), pending_document()]


@pytest.mark.parametrize("document", GOOD)
def test_the_examples_are_contracts(document: dict[str, Any]) -> None:
    assert contract.read(json.dumps(document)).to_exports() == document


def is_valid(document: object) -> bool:
    # It comes with moto; what a schema accepts can be judged by nothing smaller.
    jsonschema = pytest.importorskip("jsonschema")
    return bool(jsonschema.Draft202012Validator(SCHEMA).is_valid(document))


def test_the_schema_is_one() -> None:
    pytest.importorskip("jsonschema").Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["title"]


@pytest.mark.parametrize("document", GOOD)
def test_the_schema_accepts_contracts(document: dict[str, Any]) -> None:
    assert is_valid(document)
    assert is_valid(document | {"vpcId": "vpc-1"})


@pytest.mark.parametrize("document", GOOD)
def test_what_the_schema_refuses_is_refused(document: dict[str, Any]) -> None:
    # A schema that is stricter than the toolkit would turn contracts away elsewhere.
    wrong: tuple[object, ...] = (None, 0, "", [], {}, "x y")
    broken = [{**document, key: value} for key in document for value in wrong]
    broken += [{name: document[name] for name in document if name != key} for key in document]
    broken += [GOOD[0] | pending_document()]
    refused = [each for each in broken if not is_valid(each)]
    assert refused
    for each in refused:
        with pytest.raises(InvalidInputError):
            contract.read(json.dumps(each))


def test_the_schema_names_no_field_that_the_models_lack() -> None:
    definitions = SCHEMA["$defs"]
    assert set(definitions) == {model.__name__ for model in TABLES.values()}
    for model in TABLES.values():
        assert list(definitions[model.__name__]["properties"]) == [f.alias for f in model.model_fields.values()]
    assert [part["$ref"] for part in SCHEMA["anyOf"]] == ["#/$defs/StackOutputs", "#/$defs/PendingStack"]


def test_the_next_steps_are_those_of_the_command() -> None:
    stack = PendingStack.model_validate(pending_document())
    said = contract_show.show_pending(stack, ContractSource(None, None, None), Look(color=False, width=100))
    for line in DOCUMENT.partition("```sh\n")[2].partition("```")[0].splitlines():
        assert f"  {line}\n" in said
