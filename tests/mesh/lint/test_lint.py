from __future__ import annotations

import json

import pytest

from tests.mesh.lint.scoped_worlds import ALL, BUNDLED, IDENTITY, PERMISSION, TRUST, TRUSTS
from tests.mesh.lint.worlds import (
    ACCESS_KEY,
    CHAIN,
    GOOD,
    OUTPUTS,
    UNIVERSAL,
    encoded,
    every_form,
    kubernetes_secret,
    run,
)
from tests.support import AUTHORITY_ARN, NOW
from tests.yamltext.yaml_writing import load_stream
from toolkit.errors import InvalidInputError
from toolkit.mesh.documents.confidential import is_confidential
from toolkit.mesh.lint import RULES, Severity, Target, lint
from toolkit.mesh.lint.issuance_rules import suggest_duration
from toolkit.mesh.render import templating
from toolkit.mesh.render.building import Choice, MeshOptions
from toolkit.mesh.schema.go_base64 import decode

BAD = GOOD.replace("mode: STRICT", "mode: STRCT")


@pytest.mark.parametrize("form", ["kubernetes", "universal"])
@pytest.mark.parametrize("ca_cert", ["inline", "inlineString", "secret"])
def test_what_the_toolkit_renders_is_clean(form: str, ca_cert: str) -> None:
    options = MeshOptions(form=form, ca_cert=Choice(ca_cert), request_timeout="10s")  # type: ignore[arg-type]
    rendered = templating.render(OUTPUTS, "default", options)
    texts = [("mesh.yaml", rendered.mesh), *((f"{n}.yaml", text) for n, text in enumerate(rendered.secrets))]
    assert lint(texts, Target(NOW, outputs=OUTPUTS)) == []


@pytest.mark.parametrize("text", ALL)
def test_resources_of_a_mesh_are_checked_without_a_mesh(text: str) -> None:
    assert run(text) == []
    broken = text.replace("spec:", "nope: 1\nspec:", 1)
    assert {finding.code for finding in run(broken)} == {"MESH010"}


def test_resources_of_other_products_are_passed_over() -> None:
    other = IDENTITY.replace("kuma.io/v1alpha1", "example.com/v1").replace("selector:", "nope:")
    assert run(f"{other}---\n{PERMISSION}") == []
    with pytest.raises(InvalidInputError, match="no Mesh and no Secret of Kong Mesh in 1 document") as caught:
        run(other)
    assert "MeshIdentity, MeshTrust, MeshTLS and MeshTrafficPermission" in caught.value.hint


def test_a_mesh_that_has_moved_to_a_mesh_identity_is_clean() -> None:
    mesh = "type: Mesh\nname: default\nmeshServices: {mode: Exclusive}\n"
    for version in (None, (2, 14, 3), (3, 0)):
        options = {} if version is None else {"mesh_version": version}
        assert run(f"{mesh}---\n{IDENTITY}---\n{TRUSTS}---\n{PERMISSION}", outputs=OUTPUTS, **options) == []


def test_documents_of_several_files_are_compared() -> None:
    other = TRUST.replace("name: issue-zone-1", "name: root")
    texts = [("a.yaml", IDENTITY), ("b.yaml", other)]
    found = lint(texts, Target(NOW, outputs=OUTPUTS))
    assert [(finding.code, finding.source) for finding in found] == [("MESH211", "a.yaml")]


def test_a_private_key_in_a_mesh_identity_is_shown_nowhere() -> None:
    source = "          type: InsecureInline\n          insecureInline: {value: hunter2, name: hunter2, hunter2: 1}\n"
    text = BUNDLED.replace("          type: File\n          file:\n            path: /etc/ca.key\n", source)
    found = run(text)
    assert {finding.code for finding in found} == {"MESH100", "MESH010"}
    assert not [form for form in every_form(found) if "hunter2" in form]
    assert is_confidential(load_stream(text, "bundled.yaml")[0])
    lost = run(text.replace(source, "          {InsecureInline:hunter2}\n"))
    assert {finding.code for finding in lost} == {"MESH010", "MESH011"}
    assert not [form for form in every_form(lost) if "hunter2" in form]
    annotation = json.dumps({"spec": {"privateKey": {"insecureInline": {"value": "hunter2"}}}})
    applied = IDENTITY.replace(
        "  labels:", f"  annotations:\n    kubectl.kubernetes.io/last-applied-configuration: '{annotation}'\n  labels:"
    )
    (finding,) = run(applied)
    assert (finding.code, "hunter2" in repr(finding)) == ("MESH100", False)


def test_findings_are_sorted_and_none_is_told_twice() -> None:
    two = GOOD.replace(
        "    skipValidation", "      - {name: b, type: acmpca, conf: {arn: x, caCert: {secret: chain}}}\n    x"
    )
    two = two.replace(encoded(CHAIN), encoded("nothing")).replace("mode: STRICT", "mode: x")
    found = lint([("b.yaml", two), ("a.yaml", BAD)], Target(NOW))
    assert [finding.order for finding in found] == sorted(finding.order for finding in found)
    assert found[0].source == "a.yaml"
    assert [finding.code for finding in found if finding.source == "b.yaml"].count("MESH070") == 1


def test_a_secret_may_stand_in_another_file() -> None:
    mesh, _, secrets = GOOD.partition("---\n")
    assert lint([("mesh.yaml", mesh), ("secrets.yaml", secrets)], Target(NOW)) == []
    assert {finding.code for finding in lint([("mesh.yaml", mesh)], Target(NOW))} == {"MESH036"}
    broken = secrets.replace(encoded(CHAIN), encoded("x"))
    (found,) = lint([("mesh.yaml", mesh), ("secrets.yaml", broken)], Target(NOW))
    assert (found.code, found.source, found.path) == ("MESH070", "secrets.yaml", "data.value")


def test_what_can_not_be_read_hides_nothing() -> None:
    found = lint([("broken.yaml", "a: 1\nb: [\n"), ("mesh.yaml", BAD)], Target(NOW))
    assert [finding.code for finding in found] == ["MESH001", "MESH014"]
    assert (found[0].line, found[0].column, found[0].excerpt) == (3, 1, None)
    (bell, _) = lint([("broken.yaml", "a: \x07"), ("mesh.yaml", BAD)], Target(NOW))
    assert (bell.code, bell.line, bell.column) == ("MESH001", 1, 4)


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["a: ["], "a0.yaml:1:5"),
        (["a: [", "b: ]"], "a1.yaml:1:4"),
        (["a: [", "b: 1"], "no Mesh and no Secret of Kong Mesh in 1 document\n  a0.yaml:1:5"),
        (["a: 1\n---\nkind: Mesh\napiVersion: appmesh.k8s.aws/v1beta2\n"], "no Secret of Kong Mesh in 2 documents"),
        (["apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ntype: Opaque\n"], "no Mesh and no Secret"),
        ([""], "no Mesh and no Secret of Kong Mesh in the input"),
        ([], "in the input"),
    ],
)
def test_what_there_is_nothing_to_look_at_in(texts: list[str], words: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        lint([(f"a{number}.yaml", text) for number, text in enumerate(texts)], Target(NOW))
    assert words in "\n".join(caught.value.lines())


def test_the_items_of_a_list_are_looked_at_one_by_one() -> None:
    item = "\n".join(f"    {line}" for line in BAD.partition("---\n")[0].splitlines())
    listed = f"apiVersion: v1\nkind: List\nitems:\n  - kind: Other\n  -\n{item}\n"
    found = {finding.code: finding for finding in run(listed)}
    assert found["MESH014"].path == "items[1].spec.mtls.backends[0].mode"
    assert found["MESH014"].line == 5 + BAD.splitlines().index("        mode: STRCT") + 1
    plain = "items:\n- {type: Mesh, name: default, rooting: {}}\n"
    assert [finding.path for finding in run(plain)] == ["items[0].rooting"]
    with pytest.raises(InvalidInputError):
        run("kind: Catalogue\nitems:\n- {type: Mesh, name: default}\n")


def test_what_is_behind_an_alias_is_pointed_at_where_it_is_used() -> None:
    text = "type: Mesh\nname: default\nx-mtls: &it\n  enabledBackend: nobody\nmtls: *it\n"
    found = {finding.code: (finding.line, finding.column) for finding in run(text)}
    assert found == {"MESH010": (3, 1), "MESH022": (5, 1)}


def test_products_have_namespaces_of_their_own() -> None:
    secret = kubernetes_secret("x", "y")
    assert run(secret) == []
    assert [finding.code for finding in run(secret, product="kuma")] == ["MESH044"]
    assert run(secret, product="kuma", namespace="kong-mesh-system") == []


def test_a_mesh_in_both_forms_may_say_the_same() -> None:
    mesh = UNIVERSAL.partition("---\n")[0]
    spec = "".join(f"  {line}\n" for line in mesh.splitlines() if not line.startswith(("type", "name", "creationTime")))
    head = "apiVersion: kuma.io/v1alpha1\nkind: Mesh\nmetadata: {name: default}\nspec: # the same\n"
    both = f"{head}{spec}---\n{UNIVERSAL}"
    assert run(both) == []
    assert [finding.code for finding in run(both.replace("east", "west", 1))] == ["MESH003"]


@pytest.mark.parametrize(
    ("encoded_text", "expected"),
    # As golang/protobuf's jsonpb and encoding/json read bytes.
    [
        ("aGk=", b"hi"),
        ("aG\r\nk=\n", b"hi"),
        ("", b""),
        ("aGk", None),
        ("aG k=", None),
        ("aG\tk=", None),
        (" aGk=", None),
        ("-_-_", None),
        ("-_8=", None),
        ("a", None),
        ("=", None),
        ("aGk==", None),
        ("aGk=aGk=", None),
        ("é", None),
    ],
)
def test_base64_is_read_as_the_readers_of_documents_read_it(encoded_text: str, expected: bytes | None) -> None:
    assert decode(encoded_text) == expected


def test_a_lifetime_is_suggested_only_where_it_is_clear() -> None:
    assert [suggest_duration(text) for text in ("1d12h", "soon", "1", "1 fortnight", "-1h")] == [
        "36h",
        None,
        None,
        None,
        None,
    ]


def test_credentials_are_shown_nowhere() -> None:
    text = GOOD.replace("secret: access-key\n", f"inlineString: {ACCESS_KEY} # before: {ACCESS_KEY}\n")
    text = text.replace("mode: STRICT", f"mode: {ACCESS_KEY}").replace(AUTHORITY_ARN, f"arn:{ACCESS_KEY}")
    text = text.replace("enabledBackend: acmpca-1", f"{ACCESS_KEY}: x")
    found = run(text)
    assert {finding.code for finding in found} >= {"MESH100", "MESH014", "MESH060", "MESH010"}
    assert ACCESS_KEY not in repr(found)
    lines = {finding.code: finding.excerpt and finding.excerpt.line for finding in found}
    assert lines["MESH100"] == "                inlineString: …"
    assert lines["MESH014"] == "        mode: …"


def test_rules_are_written_for_people() -> None:
    assert list(RULES) == sorted(RULES)
    for code, rule in RULES.items():
        assert code == rule.code
        assert rule.severity in Severity
        assert not rule.title.endswith(".")
        assert rule.why.endswith(".")
        assert rule.fix.endswith(".")
        assert rule.source
