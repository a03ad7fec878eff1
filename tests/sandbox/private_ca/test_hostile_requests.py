"""No request causes a server error or reveals the name of a Python exception."""

from __future__ import annotations

import base64
import builtins
import json
import string
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from botocore.model import ListShape, Shape, StructureShape
from cryptography import x509
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sandbox.conformance.world import csr, der, signed
from tests.support import Authority
from toolkit.pki import pem
from toolkit.sandbox.private_ca import PrivateCaService
from toolkit.sandbox.private_ca.profiles import PROFILES
from toolkit.sandbox.services import Call, Caller

if TYPE_CHECKING:
    from tests.conftest import TestSandbox

CALLER = Caller("123456789012", "eu-central-1")
PYTHON_ERRORS = [name for name in dir(builtins) if name.endswith(("Error", "Exception")) and name != "Exception"]
STRANGER = Authority("Stranger")
# cryptography warns of names in requests that are too short or too long.
pytestmark = pytest.mark.filterwarnings("ignore:Attribute's length must be:UserWarning")


class Service:
    """A service with CAs in several states, whose ARNs generated requests use."""

    def __init__(self) -> None:
        self.service = PrivateCaService()
        self.service.registry.max_authorities = 10**9
        self.arns = [self.create(kind) for kind in ("ROOT", "ROOT", "SUBORDINATE")]
        self.certificate = self.activate(self.arns[0])

    def call(self, operation: str, **params: Any) -> dict[str, Any]:
        answer = self.service.handle(CALLER, Call(operation), json.dumps(params).encode())
        assert answer.status == 200, answer.body
        return dict(json.loads(answer.body or b"{}"))

    def create(self, kind: str) -> str:
        configuration = {
            "KeyAlgorithm": "EC_prime256v1",
            "SigningAlgorithm": "SHA256WITHECDSA",
            "Subject": {"CommonName": "Fuzzed"},
        }
        made = self.call(
            "CreateCertificateAuthority",
            CertificateAuthorityConfiguration=configuration,
            CertificateAuthorityType=kind,
        )
        return str(made["CertificateAuthorityArn"])

    def activate(self, arn: str) -> str:
        request = self.call("GetCertificateAuthorityCsr", CertificateAuthorityArn=arn)["Csr"]
        issued = self.call(
            "IssueCertificate",
            CertificateAuthorityArn=arn,
            Csr=base64.b64encode(request.encode()).decode(),
            SigningAlgorithm="SHA256WITHECDSA",
            TemplateArn="arn:aws:acm-pca:::template/RootCACertificate/V1",
            Validity={"Type": "YEARS", "Value": 10},
        )["CertificateArn"]
        pem = self.call("GetCertificate", CertificateAuthorityArn=arn, CertificateArn=issued)["Certificate"]
        encoded = base64.b64encode(pem.encode()).decode()
        self.call("ImportCertificateAuthorityCertificate", CertificateAuthorityArn=arn, Certificate=encoded)
        return str(issued)


SERVICE = Service()
# Of its own: generated calls may disable or delete the CAs of the other one.
ISSUER = Service()
PEMS = [
    csr(),
    csr(None, ("spiffe://default/a",)),
    csr("x" * 64),
    pem.write([STRANGER.certificate]).encode(),
    b"-----BEGIN CERTIFICATE REQUEST-----\nMA==\n-----END CERTIFICATE REQUEST-----\n",
    b"",
]
# Of general names, of the attributes of a directory name, and of what they are made of.
TAGS = (*range(0x80, 0x89), 0xA0, 0xA3, 0xA4, 0xA5, *range(1, 7), 0x0C, 0x13, 0x1C, 0x1E, 0x30, 0x31)
TEXTS = st.sampled_from([b"a", b"a.example", b"a@b", b"spiffe://a/b", b"\0a", b"", b" ", b"a\n", b"\xff", b"\0\0\0a"])
BYTES = st.recursive(
    TEXTS | st.binary(max_size=20),
    lambda inner: st.builds(der, st.sampled_from(TAGS), inner) | st.builds(bytes.__add__, inner, inner),
    max_leaves=8,
)
STRINGS = st.builds(der, st.sampled_from([0x0C, 0x13, 0x14, 0x16, 0x1C, 0x1E, 0x02, 0x03]), TEXTS)
ENTRIES = st.one_of(
    st.builds(der, st.sampled_from([0x81, 0x82, 0x86]), TEXTS),
    st.builds(der, st.just(0x87), st.sampled_from([4, 16, 0, 5, 8, 32]).map(bytes)),
    STRINGS.map(lambda text: der(0xA4, der(0x30, der(0x31, der(0x30, b"\x06\x03\x55\x04\x03", text))))),
    STRINGS.map(lambda text: der(0xA0, b"\x06\x03\x2a\x03\x04", der(0xA0, text))),
    st.builds(der, st.sampled_from(TAGS), BYTES),
)


def _mostly(fitting: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return st.integers(0, 7).flatmap(lambda drawn: fitting if drawn else BYTES)


CONTENTS = {
    x509.SubjectAlternativeName: _mostly(st.lists(ENTRIES, max_size=2).map(lambda entries: der(0x30, *entries))),
    x509.KeyUsage: _mostly(st.binary(min_size=1, max_size=2).map(lambda bits: der(0x03, b"\0", bits))),
    x509.ExtendedKeyUsage: _mostly(BYTES.map(lambda oid: der(0x30, der(0x06, oid))) | st.just(b"\x30\x03\x06\x01\x2a")),
    x509.BasicConstraints: _mostly(st.sampled_from([b"\x30\x00", b"\x30\x03\x01\x01\xff", b"\x30\x03\x02\x01\x00"])),
}
EXTENSIONS = st.fixed_dictionaries(
    {}, optional={kind: st.tuples(content, st.booleans()) for kind, content in CONTENTS.items()}
)


def _request(common_name: str | None, extensions: dict[Any, tuple[bytes, bool]]) -> bytes:
    raw = [(x509.UnrecognizedExtension(kind.oid, content), on) for kind, (content, on) in extensions.items()]
    return csr(common_name, extensions=tuple(raw))


REQUESTS = st.builds(_request, st.sampled_from([None, "x"]), EXTENSIONS)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)
KNOWN = {
    "Arn": st.sampled_from([*SERVICE.arns, SERVICE.certificate, "arn:aws:acm-pca:::template/x"]),
    "KeyAlgorithm": st.sampled_from(["EC_prime256v1", "EC_secp384r1", "ML_DSA_44", "SM2"]),
    "TemplateArn": st.sampled_from([f"arn:aws:acm-pca:::template/{name}" for name in PROFILES]),
}


OIDS = ["1.2.3.4", "2.5.4.3", "2.5.29.15", "2.5.29.17", "2.5.29.31", "1.3.6.1.5.5.7.1.1", "0.0", "2.999.1"]
KNOWN |= {
    "CustomObjectIdentifier": st.sampled_from(OIDS),
    "Base64String1To4096": st.sampled_from(["AA==", "MAA=", "BQA=", "A" * 4096]),
    "String39": st.sampled_from(["10.0.0.1", "::1", "10.0.0.1/8", "x"]),
    "String253": st.sampled_from(["a.example", "*.a", "x" * 253, "\u00fc", "http://[::1", ""]),
    "String256": st.sampled_from(["x", "a@b", "\u00fc" * 256, ""]),
    "CountryCodeString": st.just("DE"),
    "PositiveLong": st.sampled_from([1, 7, 365, 2**31, 2**62, 20301231235959, 991231235959, 1_900_000_000]),
    "CsrBlob": (st.sampled_from(PEMS) | REQUESTS).map(lambda pem: base64.b64encode(pem).decode()),
}
# What a request is when nothing about it is generated: generated ones differ from it in a few places, so that
# they get past the first checks.
GOOD: dict[str, dict[str, Any]] = {
    "CreateCertificateAuthority": {
        "CertificateAuthorityConfiguration": {
            "KeyAlgorithm": "EC_prime256v1",
            "SigningAlgorithm": "SHA256WITHECDSA",
            "Subject": {"CommonName": "x"},
        },
        "CertificateAuthorityType": "ROOT",
    },
    "IssueCertificate": {
        "CertificateAuthorityArn": SERVICE.arns[0],
        "Csr": base64.b64encode(PEMS[1]).decode(),
        "SigningAlgorithm": "SHA256WITHECDSA",
        "Validity": {"Type": "DAYS", "Value": 1},
    },
}


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


@st.composite
def requests(draw: st.DrawFn, operation: str) -> dict[str, Any]:
    """A good request with some members generated, or one that is generated as a whole."""
    shape = SERVICE.service.model.operation_model(operation).input_shape
    assert isinstance(shape, StructureShape)
    request: dict[str, Any] = dict(GOOD.get(operation) or _mapping(draw(values(shape))))
    for member in draw(st.sets(st.sampled_from(sorted(shape.members)), max_size=2)):
        request[member] = draw(values(shape.members[member], member, 1))
    return request


@st.composite
def values(draw: st.DrawFn, shape: Shape, name: str = "", depth: int = 0) -> Any:
    """A value that mostly fits the shape, so that requests get past the first check, and sometimes does not."""
    if draw(st.integers(0, 60)) == 0:
        return draw(ANYTHING)
    if isinstance(shape, StructureShape):
        required = set(shape.required_members)
        return {
            member: draw(values(inner, member, depth + 1))
            for member, inner in shape.members.items()
            if member in required or (depth < 5 and draw(st.booleans()))
        }
    if isinstance(shape, ListShape):
        return draw(st.lists(values(shape.member, name, depth + 1), max_size=3))
    return draw(_scalar(shape, name))


def _scalar(shape: Shape, name: str) -> st.SearchStrategy[Any]:
    for known in (name, shape.name):
        if known in KNOWN:
            return KNOWN[known]
    if shape.type_name == "blob":
        blobs = st.sampled_from(PEMS) | st.binary(max_size=200)
        return blobs.map(lambda blob: base64.b64encode(blob).decode())
    if shape.type_name in ("integer", "long"):
        edges = [0, 1, 7, 30, 365, 2**31, 2**62, 20301231235959, 991231235959, 1_900_000_000, 4_000_000_000]
        return st.sampled_from(edges) | st.integers(-5, 5000)
    if shape.type_name == "boolean":
        return st.booleans()
    enum = getattr(shape, "enum", None)
    if enum:
        return st.sampled_from(list(enum))
    alphabet = string.ascii_letters + string.digits + ".-:/=+ü\x00{}\"'"
    plain = st.sampled_from(
        ["1.2.3.4", "2.5.4.3", "2.5.29.17", "10.0.0.1", "a.example", "AA==", "DE", "acm.amazonaws.com"]
    )
    return plain | st.text(alphabet, max_size=40)


def answered(operation: str, body: bytes) -> None:
    answer = SERVICE.service.handle(CALLER, Call(operation), body)
    text = answer.body.decode()
    assert answer.status in (200, 400, 403), (operation, body, text)
    # Only an operation without output answers nothing.
    assert json.loads(text or "{}") is not None
    if answer.error_type:
        assert not any(name in text for name in PYTHON_ERRORS), text
        assert "Traceback" not in text


@pytest.mark.parametrize("operation", SERVICE.service.model.operation_names)
@settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
@given(data=st.data())
def test_requests_that_nearly_fit(operation: str, data: st.DataObject) -> None:
    answered(operation, json.dumps(data.draw(requests(operation))).encode())


def issued(request: bytes, template: str) -> x509.Certificate | None:
    """The certificate for a request; None when the request is malformed, which is the only other answer."""
    wanted = {"Csr": base64.b64encode(request).decode(), "TemplateArn": f"arn:aws:acm-pca:::template/{template}/V1"}
    body = json.dumps(GOOD["IssueCertificate"] | {"CertificateAuthorityArn": ISSUER.arns[0]} | wanted).encode()
    answer = ISSUER.service.handle(CALLER, Call("IssueCertificate"), body)
    if answer.status != 200:
        assert (answer.status, answer.error_type) == (400, "MalformedCSRException"), answer.body
        return None
    found = ISSUER.call("GetCertificate", CertificateAuthorityArn=ISSUER.arns[0], **json.loads(answer.body))
    return x509.load_pem_x509_certificate(found["Certificate"].encode())


TEMPLATES = st.sampled_from(["EndEntityCertificate", "BlankEndEntityCertificate_CSRPassthrough"])


@settings(max_examples=400, suppress_health_check=list(HealthCheck), deadline=None)
@given(request=REQUESTS, template=TEMPLATES)
def test_requests_with_extensions_of_any_bytes(request: bytes, template: str) -> None:
    leaf = issued(request, template)
    if leaf is None:
        return
    asked = {found.oid: found for found in x509.load_pem_x509_csr(request).extensions}
    names = {found.oid: found for found in leaf.extensions}.get(x509.SubjectAlternativeName.oid)
    assert names == asked.get(x509.SubjectAlternativeName.oid)
    assert list(leaf.subject) or (names and names.critical)


@settings(max_examples=400, suppress_health_check=list(HealthCheck), deadline=None)
@given(at=st.integers(0, 10**6), put=st.binary(max_size=3), drop=st.integers(0, 3), template=TEMPLATES)
def test_requests_with_any_bytes_changed(at: int, put: bytes, drop: int, template: str) -> None:
    info = x509.load_pem_x509_csr(PEMS[1]).tbs_certrequest_bytes
    at %= len(info)
    issued(signed(info[:at] + put + info[at + drop :]), template)


@given(
    target=st.sampled_from(SERVICE.service.model.operation_names) | st.text(max_size=20),
    body=st.binary(max_size=300) | ANYTHING.map(lambda value: json.dumps(value).encode()),
)
@settings(max_examples=300)
def test_requests_that_fit_nothing(target: str, body: bytes) -> None:
    answered(target, body)


@pytest.mark.parametrize("operation", SERVICE.service.model.operation_names)
def test_requests_that_are_huge(operation: str) -> None:
    shape = SERVICE.service.model.operation_model(operation).input_shape
    assert shape is not None
    fillers: tuple[Any, ...] = ("x" * 1_000_000, ["x"] * 100_000, 10**400, {"x": {}}, True)
    for filler in fillers:
        body = json.dumps(dict.fromkeys(shape.members, filler)).encode()
        answered(operation, body)
    answered(operation, b'{"CertificateAuthorityArn": ' + b"[" * 100_000)


HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "X-Amz-Target": st.sampled_from(["ACMPrivateCA.ListTags", "ACMPrivateCA.", "ACMPrivateCA.X"]),
        "Authorization": st.sampled_from(
            [
                "AWS4-HMAC-SHA256 Credential=sandbox/20260101/eu-central-1/acm-pca/aws4_request, Signature=0",
                "AWS4-HMAC-SHA256 Credential=sandbox/20260101/xx-nowhere-1/acm-pca/aws4_request, Signature=0",
                "AWS4-HMAC-SHA256 Credential=nobody/20260101/cn-north-1/acm-pca/aws4_request, Signature=0",
                "AWS4-HMAC-SHA256 Credential=//",
                "Basic eA==",
            ]
        ),
        "X-Amz-Security-Token": st.sampled_from(["", "x" * 5000]),
        "Content-Type": st.sampled_from(["application/x-amz-json-1.1", "application/cbor", "text/html"]),
    },
)


@settings(max_examples=100, suppress_health_check=list(HealthCheck), deadline=None)
@given(headers=HEADERS, body=st.binary(max_size=100))
def test_requests_over_http(aws: TestSandbox, headers: dict[str, str], body: bytes) -> None:
    target = {"X-Amz-Target": "ACMPrivateCA.ListTags"} | headers
    answer = httpx.post(aws.endpoint_url, headers=target, content=body)
    assert answer.status_code in (400, 403), answer.text
    assert answer.json()["__type"].endswith("Exception")
    assert not any(name in answer.text for name in PYTHON_ERRORS)
