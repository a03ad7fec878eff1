"""What Secrets and data sources contain: inputs as people have them, and that no value is ever shown."""

from __future__ import annotations

import json
import string
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.judges.authorities import Ca, extension
from tests.judges.key_texts import cases as key_cases
from tests.judges.key_texts import private
from tests.mesh.lint.cases import secret_values
from tests.mesh.lint.cases.secret_values import ANNOTATION, OTHER_KEY, PAIR
from tests.mesh.lint.worlds import (
    ACCESS_KEY,
    ACCESS_KEY_SECRET,
    CHAIN,
    GOOD,
    KEY,
    UNIVERSAL,
    bundle,
    encoded,
    every_form,
    kubernetes_secret,
    run,
)
from tests.support import NOW, Authority
from toolkit.mesh.lint import Finding, Severity, Target, lint
from toolkit.pki.extensions import build_key_usage

EXAMPLE_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
CODES = {"MESH017", "MESH018", "MESH038", "MESH046", "MESH047", "MESH100"}
CODES |= {f"MESH{number}" for number in (*range(102, 110), *range(160, 165))}


def errors(text: str) -> dict[str, list[str]]:
    """The codes of errors, each with the paths where it is."""
    found: dict[str, list[str]] = {}
    for finding in run(text):
        if finding.severity is Severity.ERROR:
            found.setdefault(finding.code, []).append(f"{finding.path}: {finding.message}")
    return found


def rendered(found: list[Finding]) -> str:
    return "\n".join(every_form(found))


def provided(cert: str, key: str) -> str:
    backend = {
        "name": "own",
        "type": "provided",
        "conf": {"cert": {"inline": encoded(cert)}, "key": {"inline": encoded(key)}},
    }
    return json.dumps({"type": "Mesh", "name": "harbour", "mtls": {"enabledBackend": "own", "backends": [backend]}})


def with_keys(access_key: str, secret_key: str) -> str:
    """A Mesh of another name, with Secrets that contain these."""
    mesh = GOOD.partition("---\n")[0].replace("name: default", "name: harbour")
    values = {"chain": CHAIN, "access-key": access_key, "access-key-secret": secret_key}
    secrets = [kubernetes_secret(name, value, "harbour") for name, value in values.items()]
    return "---\n".join([mesh, *secrets])


def test_keys_with_line_ends() -> None:
    assert errors(with_keys(ACCESS_KEY, ACCESS_KEY_SECRET)) == {}
    assert errors(with_keys(f"{ACCESS_KEY}\n", f"{ACCESS_KEY_SECRET}\n")) == {
        "MESH102": ["data.value: accessKey ends with a line end", "data.value: accessKeySecret ends with a line end"]
    }


def test_swapped_keys() -> None:
    assert errors(with_keys(ACCESS_KEY_SECRET, ACCESS_KEY)) == {
        "MESH104": [
            "data.value: accessKey has the form of a secret access key",
            "data.value: accessKeySecret has the form of an access key ID",
        ]
    }
    # Both faults at once are both reported.
    assert set(errors(with_keys(f"{ACCESS_KEY_SECRET}\n", ACCESS_KEY))) == {"MESH102", "MESH104"}


def test_the_key_of_another_certificate() -> None:
    assert errors(provided(CHAIN, KEY)) == {}
    assert errors(provided(CHAIN, OTHER_KEY)) == {
        "MESH160": ["mtls.backends[0].conf.key.inline: key is not that of the certificate"]
    }
    assert set(errors(provided(KEY, CHAIN))) == {"MESH071", "MESH162", "MESH164"}
    # Kuma accepts further certificates that are those of nobody else's key.
    assert errors(provided(CHAIN + bundle(Authority("Other").certificate), KEY)) == {}


@pytest.mark.parametrize("usages", [("key_cert_sign", "key_agreement"), ("crl_sign",), ()])
def test_a_ca_that_kuma_refuses(usages: tuple[str, ...]) -> None:
    changed = [extension(build_key_usage(*usages), critical=True)] if usages else []
    authority = Ca("Brookline", extensions=changed, without=() if usages else ("2.5.29.15",))
    found = errors(provided(bundle(authority.certificate), private(authority.key)))
    assert set(found) == {"MESH143"}
    # Kuma validates every certificate, also one that is on no path.
    assert "MESH143" in errors(provided(CHAIN + bundle(authority.certificate), KEY))


def test_a_pair_is_an_error_where_go_refuses_it() -> None:
    pairs = {"MESH160", "MESH161", "MESH162", "MESH163", "MESH164"}
    for case in key_cases():
        # What is empty, or no base64 of a text, has findings as a data source.
        if case.key.strip() and case.name != "base64 of PEM":
            found = set(errors(provided(case.certificates, case.key)))
            assert bool(found & pairs) == bool(case.go), case.name


def test_a_lost_spec() -> None:
    lost = GOOD.replace("spec:\n  mtls:", "  mtls:", 1).partition("  tracing")[0]
    assert set(errors(lost)) == {"MESH017"}
    for field in ("mtls", "routing", "networking", "constraints", "meshServices", "logging"):
        document = {"apiVersion": "kuma.io/v1alpha1", "kind": "Mesh", "metadata": {"name": "harbour", field: {}}}
        assert list(errors(json.dumps(document))) == ["MESH017"], field
    # Beside metadata, and in the form of Universal, they have findings of their own.
    beside = {"apiVersion": "kuma.io/v1alpha1", "kind": "Mesh", "metadata": {"name": "harbour"}, "mtls": {}}
    assert list(errors(json.dumps(beside))) == ["MESH002"]
    assert list(errors("type: Mesh\nname: harbour\nspec: {mtls: {}}\n")) == ["MESH002"]
    assert list(errors("type: Mesh\nname: harbour\nmetadata: {mtls: {}}\n")) == ["MESH002"]


@pytest.mark.parametrize(
    "key", ["name", "generateName", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "labels"]
)
def test_metadata_that_kubernetes_has(key: str) -> None:
    document = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "x", key: "x"},
        "type": "system.kuma.io/secret",
    }
    assert "MESH018" not in {finding.code for finding in run(json.dumps(document))}


def test_a_name_that_no_secret_can_have_is_reported_once_and_not_shown() -> None:
    found = run(GOOD.replace("secret: access-key\n", "secret: Passw0rd-Passw0rd\n"))
    assert [finding.code for finding in found] == ["MESH047"]
    assert "Passw0rd" not in rendered(found)
    # Of 40 characters is also the name that a hash makes.
    assert [finding.code for finding in run(GOOD.replace("secret: access-key\n", f"secret: {'0a' * 20}\n"))] == [
        "MESH036"
    ]


ODD = [
    *("", "{", "[]", "1", "[" * 100_000, "9" * 5000),
    '{"spec": 1}',
    '{"spec": {"mtls": {"backends": [1, {"type": [1], "conf": 2}]}}}',
    '{"data": 1, "stringData": [1]}',
    '{"data": {"value": 1}}',
    '{"data": {"value": "%"}}',
]


@pytest.mark.parametrize("applied", ODD, ids=range(len(ODD)))
def test_an_annotation_of_any_content(applied: str) -> None:
    metadata = {"name": "x", "annotations": {ANNOTATION: applied}}
    secret = metadata | {"namespace": "kong-mesh-system", "labels": {"kuma.io/mesh": "x"}}
    mesh = {"apiVersion": "kuma.io/v1alpha1", "kind": "Mesh", "metadata": metadata}
    assert run(json.dumps(mesh)) == []
    found = run(json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": secret, "type": "system.kuma.io/secret"}))
    assert [finding.code for finding in found] == ["MESH041"]


def test_a_mesh_whose_annotation_says_no_type() -> None:
    applied = {"spec": {"mtls": {"backends": [{"conf": {"fromCp": {"auth": {"token": {"inlineString": "made up"}}}}}]}}}
    text = GOOD.replace("metadata:\n", f"metadata:\n  annotations:\n    {ANNOTATION}: '{json.dumps(applied)}'\n", 1)
    (found,) = run(text)
    assert (found.code, found.path) == ("MESH100", f"metadata.annotations.{ANNOTATION}")
    assert found.message == "kubectl's annotation last-applied-configuration still contains token"


# Values that no rule about forms knows, in every place; a part of one is as bad as the whole.
CANARY = "Kanarie0vogel1Kanarie2vogel3"
CANARIES = [
    CANARY,
    f"{CANARY}\n",
    f'"{CANARY}"',
    f"<{CANARY}>",
    f"${{{CANARY}}}",
    f"your-{CANARY}",
    encoded(CANARY),
    f"AKIA{CANARY.upper()[:16]}",
    f"{CANARY}/+{CANARY[:10]}",
    f"{CANARY} {CANARY}",
    f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----\n",
    f"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n{CANARY}\n-----END RSA PRIVATE KEY-----\n",
    f"-----BEGIN {CANARY.upper()}-----\n{CANARY}\n-----END {CANARY.upper()}-----\n",
]
PLACES = ["inline", "inlineString", "secret", "data", "stringData", "plain data", "annotation", "plain inline"]


def shows(text: str) -> bool:
    """Whether any part of a canary, or of its base64, is in a text."""
    parts = [CANARY, *(encoded("x" * shift + CANARY)[4:] for shift in range(3)), *(encoded("\n" + CANARY),)]
    pieces = {part[start : start + 7].lower() for part in parts for start in range(len(part) - 7)}
    return any(piece in text.lower() for piece in pieces)


def place(value: str, where: str, backend: str) -> str:
    """Documents in which a credential of a backend is a value, in one place."""
    source = {
        "inline": {"inline": encoded(value)},
        "plain inline": {"inline": value},
        "inlineString": {"inlineString": value},
        "secret": {"secret": value},
    }.get(where, {"secret": "canary"})
    conf = {
        "acmpca": {"auth": {"awsCredentials": {"accessKey": source, "accessKeySecret": source}}},
        "vault": {"fromCp": {"auth": {"token": source, "tls": {"clientKey": source, "clientCert": source}}}},
        "provided": {"cert": {"inlineString": CHAIN}, "key": source},
    }[backend]
    spec = {"mtls": {"backends": [{"name": "a", "type": backend, "conf": conf}]}}
    data = {"data": {"value": encoded(value)}, "plain data": {"value": value}}.get(where)
    content = {"data": data} if data else {"stringData": {"value": value}}
    names = {"name": "canary", "namespace": "kong-mesh-system", "labels": {"kuma.io/mesh": "default"}}
    applied = {ANNOTATION: json.dumps({"spec": spec} | content)} if where == "annotation" else {}
    documents = [
        {
            "apiVersion": "kuma.io/v1alpha1",
            "kind": "Mesh",
            "metadata": {"name": "default", "annotations": applied},
            "spec": spec,
        },
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": names | {"annotations": applied},
            "type": "system.kuma.io/secret",
        }
        | content,
    ]
    return "\n---\n".join(json.dumps(document, indent=2) for document in documents)


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("backend", ["acmpca", "vault", "provided"])
def test_a_value_is_shown_nowhere(where: str, backend: str) -> None:
    for value in CANARIES:
        found = lint([("mesh.yaml", place(value, where, backend))], Target(NOW))
        assert found, value
        assert not shows(rendered(found)), (value, where)


def test_the_canary_would_be_seen() -> None:
    assert shows(f"x{CANARY[3:10]}x")
    assert shows(encoded(f"ab{CANARY}"))
    assert not shows("accessKey ends with a line end")


def test_no_case_shows_what_it_hides() -> None:
    for case in secret_values.CASES:
        found = [finding for finding in run(case.text, **case.options) if finding.code in CODES]
        said = rendered(found)
        for hidden in (ACCESS_KEY, ACCESS_KEY_SECRET, encoded(ACCESS_KEY), *KEY.splitlines()[1:-1]):
            assert hidden not in said, case


def test_a_good_pair_is_left_alone() -> None:
    assert [finding.code for finding in run(PAIR)] == []
    assert [finding.code for finding in run(secret_values.CLIENT)] == []
    assert [finding.code for finding in run(UNIVERSAL)] == []
    assert x509.load_pem_x509_certificate(CHAIN.encode())


def test_what_the_toolkit_renders_has_one_finding() -> None:
    # Its tests render AWS's own examples of access keys; with other keys there is nothing.
    folder = Path(__file__).parents[1] / "golden"
    for file in sorted(folder.glob("*.yaml")):
        text = file.read_text(encoding="utf-8")
        found = {finding.code for finding in run(text)}
        assert found & CODES <= {"MESH100", "MESH106"}, file.name
        for example, real in (("AKIAIOSFODNN7EXAMPLE", ACCESS_KEY), (EXAMPLE_SECRET, ACCESS_KEY_SECRET)):
            text = text.replace(example, real).replace(encoded(example), encoded(real))
        assert {finding.code for finding in run(text)} & CODES <= {"MESH100"}, file.name


@given(st.text(), st.sampled_from(PLACES), st.sampled_from(["acmpca", "vault", "provided"]))
def test_any_value_is_judged(value: str, where: str, backend: str) -> None:
    assert run(place(value, where, backend))


# As AWS makes them: an access key ID is in base32, a secret access key in base64.
IDENTIFIERS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", min_size=16, max_size=16).map(lambda text: f"AKIA{text}")
SECRET_KEYS = st.text(string.ascii_letters + string.digits + "+/", min_size=40, max_size=40)


@pytest.mark.slow
@given(IDENTIFIERS, SECRET_KEYS)
def test_keys_that_aws_makes_are_clean(access_key: str, secret_key: str) -> None:
    # Of one or two characters are placeholders.
    assume(len(set(access_key)) > 6 and len(set(secret_key)) > 6)
    assert run(with_keys(access_key, secret_key)) == []
    plain = [json.dumps(value) for value in (access_key, secret_key)]
    text = with_keys(access_key, secret_key)
    for value, written in zip((access_key, secret_key), plain, strict=True):
        text = text.replace(f"data:\n  value: {encoded(value)}", f"stringData:\n  value: {written}")
    assert run(text) == []
    for sources in (
        [f"inline: {encoded(value)}" for value in (access_key, secret_key)],
        [f"inlineString: {value}" for value in plain],
    ):
        inline = GOOD.replace("secret: access-key\n", f"{sources[0]}\n")
        inline = inline.replace("secret: access-key-secret\n", f"{sources[1]}\n")
        assert {finding.code for finding in run(inline)} == {"MESH100"}
