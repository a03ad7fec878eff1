"""Whatever stands in a document: findings or a refusal, and never a credential."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.mesh.lint.worlds import (
    ACCESS_KEY,
    ACCESS_KEY_SECRET,
    CHAIN,
    GOOD,
    KEY,
    OUTPUTS,
    UNIVERSAL,
    encoded,
    every_form,
)
from tests.support import NOW
from tests.yamltext.yaml_writing import load_stream
from toolkit.errors import InvalidInputError
from toolkit.mesh.lint import Finding, Severity, Target, lint
from toolkit.mesh.schema.backends import Mtls
from toolkit.mesh.schema.versions import MeshVersion

TOKEN = "hvs.CAESIJlWh4vqXV2S7kCZ"
PASSPHRASE = "correct horse battery staple"
# Every place in which a credential or a key can stand, in every kind of data source.
CREDENTIALS = {
    "accessKey": {"inlineString": ACCESS_KEY},
    "accessKeySecret": {"inline": encoded(ACCESS_KEY_SECRET)},
}
BACKENDS: list[dict[str, Any]] = [
    {
        "name": "acmpca-1",
        "type": "acmpca",
        "mode": "STRICT",
        "dpCert": {"rotation": {"expiration": "24h"}, "requestTimeout": "10s"},
        "conf": {
            "arn": OUTPUTS.certificate_authority.arn,
            "commonName": '{{ tag "version" }}',
            "caCert": {"inlineString": CHAIN},
            "auth": {"awsCredentials": CREDENTIALS},
        },
    },
    {
        "name": "vault-1",
        "type": "vault",
        "conf": {
            "fromCp": {
                "address": "https://vault.example:8200",
                "pki": "pki",
                "role": "role",
                "tls": {"skipVerify": False, "caCert": {"secret": "chain"}},
                "auth": {
                    "token": {"inlineString": TOKEN},
                    "tls": {"clientKey": {"inlineString": KEY}, "clientCert": {"inline": encoded(CHAIN)}},
                    "aws": {"type": "IAM"},
                },
            }
        },
    },
    {"name": "provided-1", "type": "provided", "conf": {"cert": {"secret": "chain"}, "key": {"inline": encoded(KEY)}}},
    {"name": "builtin-1", "type": "builtin", "conf": {"caCert": {"RSAbits": 2048, "expiration": "10y"}}},
    {"name": "certmanager-1", "type": "certmanager", "conf": {"issuerRef": {"name": "x"}}},
]
MESH: dict[str, Any] = {
    "apiVersion": "kuma.io/v1alpha1",
    "kind": "Mesh",
    "metadata": {"name": "default"},
    "spec": {"mtls": {"enabledBackend": "acmpca-1", "backends": BACKENDS}, "routing": {"zoneEgress": True}},
}
SECRET: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "chain", "namespace": "kong-mesh-system", "labels": {"kuma.io/mesh": "default"}},
    "type": "system.kuma.io/secret",
    "data": {"value": encoded(PASSPHRASE)},
    "stringData": {"other": PASSPHRASE},
}
CHAIN_SECRET = SECRET | {"data": {"value": encoded(CHAIN)}}
SECRET = SECRET | {"metadata": SECRET["metadata"] | {"name": "passphrase"}}
CONFIDENTIAL = [
    ACCESS_KEY,
    ACCESS_KEY_SECRET,
    encoded(ACCESS_KEY_SECRET),
    TOKEN,
    PASSPHRASE,
    encoded(PASSPHRASE),
    encoded(KEY)[:60],
    *KEY.splitlines()[1:-1],
]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
)
NAMES = (
    "spec mtls backends enabledBackend name type conf arn caCert auth dpCert rotation expiration mode inline secret "
    "file inlineString metadata labels kind fromCp token tls key items data value commonName requestTimeout"
)
KEYS = st.sampled_from(NAMES.split())
KNOWN = st.recursive(
    SCALARS | st.sampled_from(["Mesh", "Secret", "acmpca", "vault", "24h", "default", CHAIN, KEY]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=30,
)
VERSIONS = st.none() | st.builds(MeshVersion, st.integers(0, 4), st.integers(0, 20))
OPTIONS = st.fixed_dictionaries(
    {
        "product": st.sampled_from(["kong-mesh", "kuma"]),
        "mesh_version": VERSIONS,
        "outputs": st.sampled_from([None, OUTPUTS]),
        "tags": st.just({"version": "1"}),
    }
)


def findings(text: str, **options: Any) -> list[Finding]:
    """What is found, in every form; nothing where the text is refused."""
    try:
        found = lint([("mesh.yaml", text)], Target(NOW, **options))
    except InvalidInputError as error:
        assert not [each for each in CONFIDENTIAL if each in "\n".join(error.lines())]
        return []
    for text_of_form in every_form(found):
        assert not [each for each in CONFIDENTIAL if each in text_of_form]
    assert all(finding.line >= 1 and finding.column >= 1 for finding in found)
    return found


@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")), OPTIONS)
def test_any_text(text: str, options: dict[str, Any]) -> None:
    findings(text, **options)
    findings(f"type: Mesh\nname: x\nmtls: {text}", **options)
    findings(f"{GOOD}---\n{text}", **options)


@given(JSON | KNOWN, OPTIONS)
def test_any_document(document: object, options: dict[str, Any]) -> None:
    for around in (
        document,
        {"type": "Mesh", "name": "default", "mtls": document},
        {**MESH, "spec": document},
        {"type": "Secret", "name": "x", "data": document},
        {**SECRET, "metadata": document},
        {"items": [document, MESH]},
    ):
        findings(json.dumps(around), **options)


def places(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [path, *(place for key, each in inner for place in places(each, (*path, key)))]


PLACES = places(MESH)[1:]


@st.composite
def mutations(draw: st.DrawFn) -> dict[str, Any]:
    """The Mesh with one to three changes; a credential may change its place, but does not go where a name goes."""
    mesh = copy.deepcopy(MESH)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(PLACES))
        parent: Any = mesh
        for part in path[:-1]:
            parent = parent[part] if part in parts_of(parent) else None
        change(draw, parent, path[-1])
    return mesh


def parts_of(parent: Any) -> Iterable[Any]:
    if isinstance(parent, list):
        return range(len(parent))
    return parent if isinstance(parent, dict) else ()


def change(draw: st.DrawFn, parent: Any, key: Any) -> None:
    if key not in parts_of(parent):
        return
    how = draw(st.sampled_from(["remove", "replace", "wrap", "rename", "add", "repeat"]))
    if how == "remove":
        del parent[key]
    elif how == "replace":
        parent[key] = draw(SCALARS | st.just({}) | st.just([]))
    elif how == "wrap":
        parent[key] = draw(st.sampled_from([[parent[key]], {"conf": parent[key]}]))
    elif isinstance(parent, dict) and how == "rename":
        # Under another name the whole may be taken for something else; so a credential may, too.
        parent[draw(st.sampled_from(["config", "accesKey", "toString", "inlineStrings"]) | st.text(max_size=5))] = (
            parent.pop(key)
        )
    elif isinstance(parent, dict) and how == "add":
        parent[draw(KEYS.filter(lambda name: name not in ("name", "type", "mode")))] = draw(SCALARS)
    elif isinstance(parent, list):
        parent.append(copy.deepcopy(parent[key]))


# What a control plane accepts, and is a mistake to whoever renders it: a common name that is empty, a mode by its
# number, a timeout that is not more than 0, a lifetime over a hundred years.
ACCEPTED = {"MESH093", "MESH029", "MESH058", "MESH059"}
SECRETS = f"---\n{json.dumps(CHAIN_SECRET, indent=2)}\n---\n{json.dumps(SECRET, indent=2)}\n"


def errors(mesh: object, **options: Any) -> list[Finding]:
    found = findings(f"{json.dumps(mesh, indent=2)}\n{SECRETS}", **options)
    return [finding for finding in found if finding.severity is Severity.ERROR]


@given(mutations(), OPTIONS)
def test_any_mutation_of_a_good_mesh(mesh: dict[str, Any], options: dict[str, Any]) -> None:
    findings(f"{json.dumps(mesh)}\n{SECRETS}", **options)
    errors(mesh, **options)


@given(mutations())
def test_what_the_models_refuse_is_an_error(made: dict[str, Any]) -> None:
    # So that lint is never behind the toolkit's own reader.
    assert errors(MESH) == []
    # JSON has words for numbers that YAML reads as texts.
    mesh: Any = load_stream(json.dumps(made), "mesh.json")[0]
    spec = mesh.get("spec")
    mtls = spec.get("mtls") if isinstance(spec, dict) else None
    # A Mesh of another product is passed over.
    if mesh.get("kind") != "Mesh" or mtls is None or mesh.get("apiVersion") not in (None, MESH["apiVersion"]):
        return
    try:
        Mtls.model_validate(mtls)
    except (ValidationError, UnicodeEncodeError):
        # The second is pydantic's, of a message with half a character in it.
        assert errors(made) or {each.code for each in findings(json.dumps(made))} & ACCEPTED


@given(st.data())
def test_any_text_with_one_character_more_or_less(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([GOOD, UNIVERSAL]))
    place = data.draw(st.integers(0, len(text)))
    character = data.draw(st.sampled_from("\n:{}[]-&*!|>'\"#% \tx\x07\u2028é") | st.just(""))
    findings(text[:place] + character + text[place + (not character) :])


BOMBS = [
    "type: Mesh\nname: x\nmtls: &a {backends: [*a, *a], enabledBackend: *a}",
    "type: Mesh\nname: x\nmtls: &a\n  backends: &b [*a, *b]",
    "&m {type: Mesh, name: x, mtls: *m, constraints: *m}",
    "type: Mesh\nname: x\nmtls: {backends: [{type: builtin, conf: {caCert: {RSAbits: " + "9" * 4000 + "}}}]}",
    "type: Mesh\nname: x\nmtls: {backends: [{name: 2020-01-01, type: !!binary aGk=, mode: !!set {a, b}}]}",
    "type: Mesh\nname: x\ntracing: {backends: [{name: a, type: zipkin, sampling: .nan}]}",
    "type: Mesh\nname: x\nmtls:\n  ? {a: b}\n  : c\n  ? [1]\n  : 2\n  1.5: x\n  null: y\n  2020-01-01: z",
    "type: Mesh\nname: x\nmtls: " + "[" * 90 + "]" * 90,
    "type: Mesh\nname: x\nmtls: {<<: {enabledBackend: nobody}}",
    "type: [Mesh]\nkind: {Mesh: 1}",
    "kind: Mesh\napiVersion: [kuma.io/v1alpha1]",
    "items: [1, null, {kind: Mesh}]",
    "\ufefftype: Mesh\r\nname: x\r\nmtls: 1\r\n",
]


@pytest.mark.parametrize("text", BOMBS)
def test_what_yaml_can_do_to_a_reader(text: str) -> None:
    findings(text)
    for depth in range(3):
        findings("items:\n" + "".join(f"- {line}\n" if not depth else f"  {line}\n" for line in text.splitlines()))


def test_aliases_do_not_make_a_document_grow() -> None:
    lines = ["a0: &a0 [x, y]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 40)]
    bomb = "\n".join([*lines, "type: Mesh", "name: x", "mtls: {backends: *a39, enabledBackend: *a39}"])
    found = findings(f"{bomb}\n---\n{bomb.replace('name: x', 'name: x # again')}")
    assert {finding.code for finding in found} >= {"MESH010", "MESH012"}
