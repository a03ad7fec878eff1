from __future__ import annotations

import json
import stat
import traceback
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import NOW, Authority, contract_document, hierarchy, pending_document, request_pem, zone_document
from toolkit import contract
from toolkit.contract.pending import PendingStack
from toolkit.errors import ExternalError, InvalidInputError
from toolkit.pki import duration, pem

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def issuing() -> Authority:
    return hierarchy()


@pytest.fixture
def document(issuing: Authority) -> dict[str, Any]:
    return contract_document(issuing)


def problems(document: object) -> dict[str, str]:
    with pytest.raises(InvalidInputError) as caught:
        contract.parse(json.dumps(document), "outputs.json")
    assert caught.value.exit_code == 2
    return {problem.path: problem.message for problem in caught.value.problems}


def test_a_valid_contract_survives_the_round_trip(document: dict[str, Any]) -> None:
    loaded = contract.parse(json.dumps(document))
    assert loaded.to_exports() == document
    assert contract.parse(loaded.to_json()) == loaded


def test_outputs_of_somebody_else_are_passed_over(document: dict[str, Any]) -> None:
    assert contract.parse(json.dumps(document | {"vpcId": "vpc-1"})).meshes == ("default",)


def test_a_pending_stack_survives_the_round_trip() -> None:
    document = pending_document()
    loaded = contract.read(json.dumps(document | {"vpcId": "vpc-1"}))
    assert isinstance(loaded, PendingStack)
    assert loaded.to_exports() == document
    assert contract.read(loaded.to_json()) == loaded


def test_either_state_is_read(document: dict[str, Any]) -> None:
    assert contract.read(json.dumps(document)) == contract.parse(json.dumps(document))


def test_a_pending_stack_is_no_contract_to_work_with() -> None:
    document = pending_document()
    with pytest.raises(InvalidInputError, match=r"^outputs\.json: the stack's CA has no certificate") as caught:
        contract.parse(json.dumps(document), "outputs.json")
    assert caught.value.problems[0].message.startswith(document["pendingCertificateAuthority"]["arn"])
    for step in ("toolkit contract csr", "issuedCertificate and issuedCertificateChain", "pulumi up"):
        assert step in caught.value.hint


def test_a_stack_is_in_one_state(document: dict[str, Any]) -> None:
    assert "only one of them" in problems(document | pending_document())["pendingCertificateAuthority"]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("arn", "arn:aws:s3:::bucket", "not the ARN of a private CA"),
        ("region", "eu-west-1", "ARN says eu-central-1"),
        ("certificateSigningRequest", "", "not exactly one PEM request"),
        ("certificateSigningRequest", request_pem() * 2, "not exactly one PEM request"),
        ("certificateSigningRequest", request_pem().replace("BEGIN", "BEGIN NEW"), "labels differ"),
        ("certificateSigningRequest", request_pem().replace("MI", "IM", 1), "can't be read"),
        ("certificateSigningRequest", pem.write(hierarchy().chain()[:1]), "not exactly one PEM request"),
        ("extra", "x", "is not known here"),
    ],
)
def test_one_wrong_field_of_a_pending_stack(field: str, value: str, words: str) -> None:
    document = pending_document()
    document["pendingCertificateAuthority"][field] = value
    assert words in problems(document)[f"pendingCertificateAuthority.{field}"]


def test_a_request_signed_by_another_key_is_refused() -> None:
    ours, theirs = (x509.load_pem_x509_csr(request_pem().encode()) for _ in range(2))
    body = ours.public_bytes(Encoding.DER).replace(
        ours.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        theirs.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    )
    document = pending_document()
    swapped = x509.load_der_x509_csr(body).public_bytes(Encoding.PEM).decode()
    document["pendingCertificateAuthority"]["certificateSigningRequest"] = swapped
    assert "signature" in problems(document)["pendingCertificateAuthority.certificateSigningRequest"]


def test_the_lifetime_of_data_plane_certificates(document: dict[str, Any]) -> None:
    assert contract.parse(json.dumps(document | {"dataPlaneLifetime": "36h"})).data_plane_lifetime == "36h"
    del document["dataPlaneLifetime"]
    assert contract.parse(json.dumps(document)).data_plane_lifetime == "24h"


@pytest.mark.parametrize(
    ("lifetime", "words"),
    [("soon", "one number and one unit"), ("0h", "more than 0"), ("169h", "7 days"), (24, "quote it")],
)
def test_lifetimes_that_no_certificate_has(document: dict[str, Any], lifetime: object, words: str) -> None:
    document["certificateAuthority"]["usageMode"] = "SHORT_LIVED_CERTIFICATE"
    assert words in problems(document | {"dataPlaneLifetime": lifetime})["dataPlaneLifetime"]
    assert contract.parse(json.dumps(document | {"dataPlaneLifetime": "7d"})).data_plane_lifetime == "7d"


def test_a_contract_stays_readable_when_its_ca_nears_its_end() -> None:
    issuing = Authority("Test Issuing CA", Authority("Test Root CA"), not_after=NOW + timedelta(hours=1))
    loaded = contract.parse(json.dumps(contract_document(issuing)))
    problem = loaded.certificate_authority.check_lifetime(duration.parse(loaded.data_plane_lifetime))
    assert problem
    assert "lasts longer than the CA" in problem


def test_every_problem_is_named_by_path_at_once(document: dict[str, Any]) -> None:
    document["certificateAuthority"]["arn"] = "arn:aws:s3:::bucket"
    document["certificateAuthority"]["type"] = 7
    del document["zones"][1]["roleArn"]
    document["zones"][0]["accountId"] = "12"
    document["meshes"] = []
    pems = document["certificateChain"].split("-----END CERTIFICATE-----\n")
    document["certificateChain"] = "-----END CERTIFICATE-----\n".join([pems[1], pems[0], ""])
    found = problems(document)
    assert set(found) == {
        "certificateAuthority.arn",
        "certificateAuthority.type",
        "zones[1].roleArn",
        "zones[0].accountId",
        "meshes",
        "certificateChain",
    }
    assert "not the ARN of a private CA" in found["certificateAuthority.arn"]
    assert "issuing CA first, root last" in found["certificateChain"]
    assert "is missing" in found["zones[1].roleArn"]


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        ({"schemaVersion": 2}, "schemaVersion", "is 2, and this version of the toolkit reads 1: upgrade the toolkit"),
        ({"schemaVersion": "1"}, "schemaVersion", "must be 1, as a number"),
        ({"schemaVersion": True}, "schemaVersion", "must be 1, as a number"),
        ({"zones": []}, "zones", "at least one"),
        ({"zones": [zone_document("a", "eu-west-1")] * 2}, "zones", "a more than once"),
        ({"zones": [zone_document("A b", "eu-west-1")]}, "zones[0].name", "lower-case"),
        ({"zones": [zone_document("a", "Frankfurt")]}, "zones[0].region", "not an AWS region"),
        ({"zones": [zone_document("a", "eu-west-1") | {"extra": 1}]}, "zones[0].extra", "is not known here"),
        ({"zones": [zone_document("a", "eu-west-1") | {"accountId": "210987654321"}]}, "zones[0].roleArn", "account"),
        ({"meshes": ["a", "a"]}, "meshes", "more than once"),
        ({"certificateChain": ""}, "certificateChain", "no PEM certificate"),
        ({"certificateChain": "# x\n"}, "certificateChain", "no PEM certificate"),
        ({"rootCertificate": "nonsense"}, "rootCertificate", "no PEM certificate"),
        ({"certificateAuthority": None}, "certificateAuthority", "object"),
    ],
)
def test_one_wrong_field(document: dict[str, Any], change: dict[str, Any], path: str, words: str) -> None:
    found = problems(document | change)
    assert words in found[path]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("region", "eu-west-1", "ARN says eu-central-1"),
        ("signingAlgorithm", "SHA256WITHRSA", "can't be made with a key of EC_prime256v1"),
        ("usageMode", "SHORT", "GENERAL_PURPOSE"),
        ("notAfter", "soon", "datetime"),
        ("notAfter", "2030-01-01T00:00:00", "timezone"),
    ],
)
def test_one_wrong_field_of_the_authority(document: dict[str, Any], field: str, value: str, words: str) -> None:
    document["certificateAuthority"][field] = value
    assert words in problems(document)[f"certificateAuthority.{field}"]


def test_what_the_chain_says_must_fit_the_authority(document: dict[str, Any], issuing: Authority) -> None:
    document["certificateAuthority"]["type"] = "ROOT"
    assert "type ROOT" in problems(document)["certificateChain"]
    document = contract_document(issuing)
    document["certificateAuthority"]["notAfter"] = "2027-01-01T00:00:00Z"
    assert "notAfter is 2027-01-01T00:00:00Z" in problems(document)["certificateChain"]
    document = contract_document(issuing)
    document["rootCertificate"] = pem.write([issuing.certificate])
    assert "not the last certificate" in problems(document)["rootCertificate"]


@pytest.mark.parametrize("text", ["", "{", "nonsense", "[" * 100_000, "\ufeff", "1" * 5000, b"\xff\xfe{"])
def test_what_is_no_json(text: str | bytes) -> None:
    with pytest.raises(InvalidInputError, match=r"outputs\.json is not"):
        contract.parse(text, "outputs.json")


@pytest.mark.parametrize("text", ['{"zones": ["\\ud800"]}', '{"\\udfff": 1}'])
def test_half_a_character_is_named(text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        contract.read(text)
    assert "is half a character" in str(caught.value.problems[0])
    assert caught.value.problems[0].message.isprintable()


def test_the_place_of_a_json_error_is_named() -> None:
    with pytest.raises(InvalidInputError) as caught:
        contract.parse('{\n  "zones": oops\n}', "outputs.json")
    assert caught.value.problems[0].path == "outputs.json:2:12"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


PENDING = json.dumps(pending_document())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=json_values, data=st.data())
def test_any_value_in_any_place_is_accepted_or_refused_by_path(
    document: dict[str, Any], value: object, data: st.DataObject
) -> None:
    places = [(document, key) for key in document]
    places += [(document["certificateAuthority"], key) for key in document["certificateAuthority"]]
    places += [(document["zones"][0], key) for key in document["zones"][0]]
    holder, key = data.draw(st.sampled_from(places))
    before = holder[key]
    holder[key] = value
    try:
        contract.parse(json.dumps(document))
    except InvalidInputError as error:
        assert error.problems
    finally:
        holder[key] = before


pending_keys = st.sampled_from(
    [
        "schemaVersion",
        "certificateAuthority",
        "pendingCertificateAuthority",
        "arn",
        "region",
        "certificateSigningRequest",
        "zones",
    ]
)


@given(
    st.dictionaries(
        pending_keys | st.text(max_size=5),
        json_values | st.dictionaries(pending_keys, json_values, max_size=4),
        max_size=6,
    )
)
def test_any_document_with_the_keys_of_a_pending_stack_is_refused_by_path(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    with pytest.raises(InvalidInputError) as read:
        contract.read(text)
    assert read.value.problems
    with pytest.raises(InvalidInputError) as parsed:
        contract.parse(text)
    assert parsed.value.problems == read.value.problems


@given(value=json_values, data=st.data())
def test_any_value_in_any_place_of_a_pending_stack_is_read_back_or_refused(value: object, data: st.DataObject) -> None:
    document = json.loads(PENDING)
    inner = document["pendingCertificateAuthority"]
    holder, key = data.draw(st.sampled_from([*((document, key) for key in document), *((inner, key) for key in inner)]))
    holder[key] = value
    try:
        loaded = contract.read(json.dumps(document))
    except InvalidInputError as error:
        assert error.problems
    else:
        assert loaded.to_exports() == document


@pytest.mark.parametrize("hidden", ["certificateAuthority", "certificateChain", "meshes", "zones", "dataPlaneLifetime"])
def test_outputs_that_pulumi_hid(document: dict[str, Any], hidden: str) -> None:
    # What the Pulumi CLI prints for an output that is marked as secret, unless it is asked with --show-secrets.
    found = problems(document | {hidden: "[secret]", "vpcPassword": "[secret]"})
    assert found[hidden] == "is hidden; export it with --show-secrets"
    assert "vpcPassword" not in found


def test_a_value_within_an_output_that_pulumi_hid(document: dict[str, Any]) -> None:
    document["zones"][1]["roleArn"] = "[secret]"
    assert problems(document) == {"zones[1].roleArn": "is hidden; export it with --show-secrets"}
    waiting = pending_document()
    waiting["pendingCertificateAuthority"]["certificateSigningRequest"] = "[secret]"
    found = problems(waiting)
    assert found == {
        "pendingCertificateAuthority.certificateSigningRequest": "is hidden; export it with --show-secrets"
    }


def places(document: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    for key, value in document.items():
        yield document, key
        if isinstance(value, dict):
            yield from places(value)
    if "zones" in document:
        yield from places(document["zones"][0])


def test_what_is_in_the_wrong_place_is_never_repeated(issuing: Authority) -> None:
    # What people paste into the wrong place is, at worst, a key.
    secret = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    lines = secret.decode().splitlines()
    for document in (contract_document(issuing), pending_document()):
        for holder, key in places(document):
            before = holder[key]
            for value in (secret.decode(), [secret.decode()], {secret.decode(): 1}, lines[1], lines[1][:40]):
                holder[key] = value
                with pytest.raises(InvalidInputError) as caught:
                    contract.read(json.dumps(document))
                said = "\n".join(caught.value.lines())
                assert lines[1][:40] not in said
                assert lines[1][:40] not in "".join(traceback.format_exception(caught.value))
                assert not any(line in said for line in lines[1:-1])
                assert len(said) < 3000
            holder[key] = before
        with pytest.raises(InvalidInputError) as caught:
            contract.read(json.dumps(document)[:-1] + f', "zones": {secret.decode()}')
        assert lines[1] not in str(caught.value.lines())


def test_a_key_that_no_terminal_should_print(document: dict[str, Any]) -> None:
    document["zones"][0]["\x1b[31m" + "x" * 10_000] = 1
    (path,) = problems(document)
    assert path.isprintable()
    assert len(path) < 100


@given(st.binary() | st.text())
def test_any_text_at_all_is_refused_in_words(text: bytes | str) -> None:
    with pytest.raises(InvalidInputError):
        contract.parse(text)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(InvalidInputError, match=r"can't read no-such-file\.json"):
        contract.load("no-such-file.json")


def test_the_pulumi_stack_is_asked(document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A stand-in for the Pulumi CLI, which can't be installed from a package index.
    outputs = tmp_path / "outputs.json"
    outputs.write_text(json.dumps(document))
    pulumi = tmp_path / "pulumi"
    expected = "stack output --json --show-secrets --non-interactive --stack prod --cwd there"
    pulumi.write_text(f'#!/bin/sh\n[ "$*" = "{expected}" ] && cat {outputs}\n')
    pulumi.chmod(pulumi.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert contract.load(None, "prod", "there").meshes == ("default",)
    with pytest.raises(ExternalError, match="exit code 1"):
        contract.load(None, "other", "there")


def test_without_the_pulumi_cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ExternalError, match="can't run the Pulumi CLI") as caught:
        contract.load(None)
    assert caught.value.exit_code == 3
    assert "--contract FILE" in caught.value.hint


def test_chains_of_any_spelling_become_canonical(document: dict[str, Any]) -> None:
    wanted = document["certificateChain"]
    document["certificateChain"] = "issuing:\n" + wanted.replace("\n", " \r\n").strip()
    document["rootCertificate"] = document["rootCertificate"].strip()
    found = contract.parse(json.dumps(document))
    assert found.certificate_chain == wanted
    assert wanted.endswith(found.root_certificate)


def test_utf_16_is_called_that(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError) as caught:
        contract.parse(json.dumps(document).encode("utf-16"), "outputs.json")
    assert str(caught.value.problems[0]).startswith("outputs.json:1: the text is UTF-16, as PowerShell's > writes it")
