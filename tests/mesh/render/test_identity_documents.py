"""MeshIdentities and MeshTrusts of a contract."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.mesh.golden_documents import golden_outputs
from tests.mesh.golden_identities import IDENTITIES, OPTIONS, golden_texts
from tests.support import AUTHORITY_ARN, NOW, contract, contract_document, hierarchy
from tests.yamltext.yaml_writing import load_stream
from toolkit.contract import StackOutputs
from toolkit.errors import InvalidInputError
from toolkit.mesh.lint import Severity, Target, lint
from toolkit.mesh.render.identity_documents import (
    IdentityOptions,
    build_identities,
    parse_expiry,
    render_identities,
    write_expiry,
)
from toolkit.mesh.render.templating import join_documents
from toolkit.mesh.schema.go_duration import parse_nanoseconds
from toolkit.mesh.schema.mesh import Form

OUTPUTS = contract(hierarchy())


def build(**options: Any) -> list[Any]:
    """Return the documents in the form of Universal."""
    chosen = IdentityOptions(form="universal", **options)
    texts = render_identities(build_identities(OUTPUTS, "default", chosen), "universal")
    return load_stream(join_documents(texts), "identity")


def problems(outputs: StackOutputs = OUTPUTS, **options: Any) -> list[str]:
    with pytest.raises(InvalidInputError) as caught:
        build_identities(outputs, "default", IdentityOptions(**options))
    return [f"{problem.path}: {problem.message}" for problem in caught.value.problems]


def test_golden_files() -> None:
    texts = golden_texts()
    assert {file.name: file.read_text() for file in IDENTITIES.glob("*.yaml") if file.name in texts} == texts
    assert len(texts) == len(OPTIONS) * 2


def test_the_documented_example() -> None:
    """Kong/developer.konghq.com@67a9fa390, branch add-meshidentity-plugins: app/mesh/acm-private-ca-policy."""
    assert build()[-1] == {
        "type": "MeshIdentity",
        "mesh": "default",
        "name": "acmpca",
        "spec": {
            "selector": {"dataplane": {"matchLabels": {}}},
            "provider": {
                "type": "Extension",
                "extension": {
                    "name": "acmpca",
                    "config": {
                        "arn": AUTHORITY_ARN,
                        "certificateParameters": {"expiry": "24h"},
                        "meshTrustCreation": "Enabled",
                    },
                },
            },
        },
    }


def test_each_zone_has_its_trust_domain_and_all_have_the_whole_chain() -> None:
    trusts = build()[:-1]
    assert [(trust["name"], trust["spec"]["trustDomain"]) for trust in trusts] == [
        ("acmpca-zone-1", "default.zone-1.mesh.local"),
        ("acmpca-zone-2", "default.zone-2.mesh.local"),
    ]
    bundles = [trust["spec"]["caBundles"] for trust in trusts]
    assert bundles == [[{"type": "Pem", "pem": {"value": OUTPUTS.certificate_chain}}]] * 2


def test_one_trust_domain_has_one_trust_whose_name_is_not_the_identitys() -> None:
    trust, identity = build(trust_domain="mesh.example.com")
    assert (trust["name"], trust["spec"]["trustDomain"]) == ("acmpca-trust", "mesh.example.com")
    assert identity["spec"]["spiffeID"] == {"trustDomain": "mesh.example.com"}


def test_a_mesh_with_one_zone() -> None:
    document = contract_document(hierarchy())
    document["zones"] = document["zones"][:1]
    outputs = StackOutputs.model_validate(document, strict=False)
    built = build_identities(outputs, "default", IdentityOptions(trust_domain="mesh.example.com"))
    assert [trust.name for trust in built.trusts] == ["acmpca-zone-1"]


def test_what_is_not_chosen_is_not_written() -> None:
    assert "spiffeID" not in build()[-1]["spec"]
    assert build(path="/x")[-1]["spec"]["spiffeID"] == {"path": "/x"}


def test_one_that_selects_none() -> None:
    assert build(selects=False)[-1]["spec"]["selector"] == {}


@pytest.mark.parametrize("form", get_args(Form))
def test_the_extension_is_called_experimental(form: Form) -> None:
    *trusts, identity = render_identities(build_identities(OUTPUTS, "default", IdentityOptions(form=form)), form)
    assert identity.startswith("# Experimental: ")
    assert not any("xperimental" in trust for trust in trusts)


@pytest.mark.parametrize("form", get_args(Form))
@pytest.mark.parametrize("name", OPTIONS)
def test_lint_finds_no_error(form: Form, name: str) -> None:
    text = (IDENTITIES / f"{form}-{name}.yaml").read_text()
    target = Target(NOW, outputs=golden_outputs(), namespace=OPTIONS[name].namespace)
    findings = lint([("identity.yaml", text)], target)
    assert [finding for finding in findings if finding.severity is Severity.ERROR] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("24h", "24h"),
        ("1d", "24h"),
        ("30d", "720h"),
        ("90m", "1h30m"),
        ("1h30m", "1h30m"),
        ("3661s", "1h1m1s"),
        ("24h0m0s", "24h"),
        ("1000ms", "1s"),
        ("0.5h", "30m"),
    ],
)
def test_lifetimes(text: str, expected: str) -> None:
    assert write_expiry(parse_expiry(text)) == expected


@pytest.mark.parametrize("text", ["", "1x", "1d12h", "-1h", "0s", "0", "999ms", "1.5s", "24"])
def test_no_lifetimes(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_expiry(text)


@given(st.integers(1, 2**33), st.sampled_from(["s", "m", "h", "d", "w", "y"]))
def test_kubernetes_reads_the_same_lifetime(number: int, unit: str) -> None:
    seconds = number * {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}[unit]
    try:
        written = write_expiry(parse_expiry(f"{number}{unit}"))
    except ValueError:
        # Kuma's durations end at a hundred years.
        assert seconds > timedelta(days=36500).total_seconds()
        return
    assert parse_nanoseconds(written) == seconds * 10**9


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"name": "UPPER"}, "--identity-name: must be 1 to 253 lower-case letters"),
        ({"name": "a" * 250}, "--identity-name: must be 1 to 253 lower-case letters"),
        ({"namespace": "a.b"}, "--namespace: must be 1 to 63 lower-case letters"),
        ({"trust_domain": "spiffe://a"}, "--trust-domain: 'spiffe://a' has a scheme"),
        ({"trust_domain": "{{ .Mesh }}.A"}, "--trust-domain: 'default.A' has capital letters"),
        ({"trust_domain": "{{ .Namespace }}"}, "--trust-domain: '.Namespace' is unknown"),
        ({"trust_domain": '{{ label "a" }}-'}, ""),
        ({"trust_domain": "a" * 254}, "--trust-domain: the trust domain of zone zone-1 has 254 characters"),
        ({"trust_domain": ""}, "--trust-domain: '' is empty"),
        ({"path": "ns"}, "--path: 'ns' must begin with a slash"),
        ({"path": "/ns/"}, "--path: '/ns/' must not end with a slash"),
        ({"path": "/{{ .Mesh }}"}, "--path: '.Mesh' is unknown"),
        ({"expiry": "1d12h"}, "--expiration: '1d12h': "),
        ({"expiry": "1.5s"}, "--expiration: '1.5s': must be whole seconds"),
        ({"expiry": "6y"}, "--expiration: 6y lasts longer than the CA's own certificate"),
    ],
)
def test_options_that_are_not_valid(options: dict[str, Any], expected: str) -> None:
    if not expected:
        build(**options)
        return
    assert problems(**options)[0].startswith(expected)


def test_every_problem_is_listed() -> None:
    found = problems(name="A", namespace="B", trust_domain="C", path="d", expiry="e")
    assert [problem.partition(":")[0] for problem in found] == [
        "--identity-name",
        "--namespace",
        "--trust-domain",
        "--path",
        "--expiration",
    ]


def test_a_short_lived_ca_issues_for_seven_days() -> None:
    document = contract_document(hierarchy())
    document["certificateAuthority"]["usageMode"] = "SHORT_LIVED_CERTIFICATE"
    outputs = StackOutputs.model_validate(document, strict=False)
    assert "7 days" in problems(outputs, expiry="8d")[0]
    assert build_identities(outputs, "default", IdentityOptions(expiry="7d"))


def test_the_contracts_lifetime_is_named_as_such() -> None:
    outputs = OUTPUTS.model_copy(update={"data_plane_lifetime": "6y"})
    assert problems(outputs)[0].startswith("contract: dataPlaneLifetime: 6y lasts longer")
