"""Define rules and the tools to test them: clients over HTTP, CAs in any state."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

if TYPE_CHECKING:
    from tests.conftest import TestSandbox

_Kind = TypeVar("_Kind", bound=x509.ExtensionType)
TEMPLATE = "arn:aws:acm-pca:::template/"
KEY = ec.generate_private_key(ec.SECP256R1())
BOTOCORE = "botocore acm-pca/2017-08-22/service-2.json"
TEMPLATES_DOC = "awsdocs/aws-private-ca-user-guide:doc_source/UsingTemplates.md"
SHORT_LIVED_DOC = "privateca/latest/userguide/short-lived-certificates.html"
ACCOUNT = "123456789012"
ACCOUNT_HEADER = "x-moto-account-id"
ALLOW: dict[str, Any] = {"Effect": "Allow", "Action": "acm-pca:*", "Resource": "*"}
DAYS = {"Type": "DAYS", "Value": 1}
OTHER = "210987654321"
# The server is what is tested, so nothing is held back or repeated by the client.
UNCHECKED = Config(parameter_validation=False, retries={"total_max_attempts": 1})


@dataclass(frozen=True)
class Rule:
    """One thing that AWS Private CA does, and the source that says so."""

    identifier: str
    statement: str
    source: str
    check: Callable[[World], None]


RULES: list[Rule] = []


def rule(identifier: str, statement: str, source: str) -> Callable[[Callable[[World], None]], None]:
    """Register a check as a rule; its identifier is `area.name`."""

    def register(check: Callable[[World], None]) -> None:
        assert identifier not in {known.identifier for known in RULES}, identifier
        RULES.append(Rule(identifier, statement, source, check))

    return register


def csr(
    common_name: str | None = "leaf",
    uris: tuple[str, ...] = (),
    *,
    key: Any = KEY,
    extensions: tuple[tuple[x509.ExtensionType, bool], ...] = (),
    san_critical: bool | None = None,
) -> bytes:
    """A request as PEM; its SAN is critical exactly when the subject is empty, unless told otherwise."""
    names = [x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)] if common_name else []
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names))
    if uris:
        sans = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri) for uri in uris])
        builder = builder.add_extension(sans, critical=not names if san_critical is None else san_critical)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def der(tag: int, *content: bytes) -> bytes:
    """A value as DER, for requests that no builder makes."""
    body = b"".join(content)
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8)
    return bytes([tag, *([len(body)] if len(body) < 128 else [0x80 | len(size), *size])]) + body


def signed(info: bytes) -> bytes:
    """A request as PEM whose CertificationRequestInfo (RFC 2986) is given as DER."""
    algorithm = der(0x30, bytes.fromhex("06082a8648ce3d040302"))
    signature = der(0x03, b"\0", KEY.sign(info, ec.ECDSA(hashes.SHA256())))
    encoded = base64.encodebytes(der(0x30, info, algorithm, signature)).decode()
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{encoded}-----END CERTIFICATE REQUEST-----\n".encode()


class World:
    """An account in the sandbox, with the calls that rules are made of."""

    def __init__(self, aws: TestSandbox, region: str = "eu-central-1") -> None:
        self.aws = aws
        self.region = region
        self.pca = self.client("acm-pca")

    def client(self, service: str, region: str | None = None) -> Any:
        return self.aws.client(service, region or self.region)

    def role(self, *statements: dict[str, Any], account: str = ACCOUNT) -> Any:
        """A client of acm-pca with a fresh role of those permissions, in that account."""
        return self.clients(*statements, account=account)("acm-pca")

    def clients(self, *statements: dict[str, Any], account: str = ACCOUNT) -> Callable[[str], Any]:
        """Makes clients with a fresh role of those permissions, in that account."""
        arn = self.make_role(*statements, account=account)
        return self.taking(self.client("sts").assume_role(RoleArn=arn, RoleSessionName="session")["Credentials"])

    def taking(self, taken: dict[str, Any]) -> Callable[[str], Any]:
        """Makes clients with credentials, as STS gives them out."""
        session: Any = boto3.Session(
            aws_access_key_id=taken["AccessKeyId"],
            aws_secret_access_key=taken["SecretAccessKey"],
            aws_session_token=taken["SessionToken"],
            region_name=self.region,
        )
        return partial(session.client, endpoint_url=self.aws.endpoint_url, config=UNCHECKED)

    def anonymous(self, service: str) -> Any:
        """A client without credentials."""
        session: Any = boto3.Session(region_name=self.region)
        return session.client(
            service, endpoint_url=self.aws.endpoint_url, config=UNCHECKED.merge(Config(signature_version=UNSIGNED))
        )

    def make_role(
        self, *statements: dict[str, Any], account: str = ACCOUNT, trust: dict[str, Any] | None = None
    ) -> str:
        """A role with those permissions; the administrator may take it unless a trust policy's statement is given."""
        iam, name = self.iam(account), f"role-{uuid.uuid4().hex[:8]}"
        everybody = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
        document = {"Version": "2012-10-17", "Statement": [trust or everybody]}
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))["Role"]["Arn"]
        policy = {"Version": "2012-10-17", "Statement": list(statements)}
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
        self.aws.on_cleanup(lambda: drop(iam, name))
        return str(arn)

    def iam(self, account: str = ACCOUNT) -> Any:
        """An administrator's IAM, in any account."""
        session: Any = self.aws.session(self.region)
        iam = session.client("iam", endpoint_url=self.aws.endpoint_url)
        # moto's own way to work in another account.
        iam.meta.events.register("before-send.iam", partial(in_account, account))
        return iam

    def organization(self) -> str:
        """The ARN of an organization that the administrator's account manages until the rule has been checked."""
        client = self.client("organizations")
        arn = client.create_organization(FeatureSet="ALL")["Organization"]["Arn"]
        self.aws.on_cleanup(client.delete_organization)
        return str(arn)

    def member(self) -> str:
        """The number of a new account in that organization."""
        client = self.client("organizations")
        status = client.create_account(AccountName="member", Email="member@example.com")["CreateAccountStatus"]
        account = str(status["AccountId"])
        self.aws.on_cleanup(lambda: self.leave(account))
        return account

    def leave(self, account: str) -> None:
        """Take an account out of the organization, if it is in it."""
        client = self.client("organizations")
        if account in {known["Id"] for known in client.list_accounts()["Accounts"]}:
            client.remove_account_from_organization(AccountId=account)

    def create(self, kind: str = "ROOT", key: str = "EC_prime256v1", **more: Any) -> str:
        signing = more.pop("signing", "SHA256WITHRSA" if key.startswith("RSA") else "SHA256WITHECDSA")
        subject = more.pop("subject", {"CommonName": f"{kind} CA {uuid.uuid4().hex[:6]}"})
        configuration = {"KeyAlgorithm": key, "SigningAlgorithm": signing, "Subject": subject}
        created = self.pca.create_certificate_authority(
            CertificateAuthorityConfiguration=configuration, CertificateAuthorityType=kind, **more
        )
        return str(created["CertificateAuthorityArn"])

    def root(self, years: int = 10, **more: Any) -> str:
        arn = self.create(**more)
        self.activate_root(arn, years)
        return arn

    def activate_root(self, arn: str, years: int = 10) -> None:
        request = self.pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"].encode()
        signing = self.describe(arn)["CertificateAuthorityConfiguration"]["SigningAlgorithm"]
        validity = {"Type": "YEARS", "Value": years}
        issued = self.issue(arn, request, template="RootCACertificate/V1", validity=validity, signing=signing)
        certificate = self.get(arn, issued)["Certificate"]
        self.pca.import_certificate_authority_certificate(CertificateAuthorityArn=arn, Certificate=certificate.encode())

    def subordinate(self, parent: str, path_length: int = 0, days: int = 300, **more: Any) -> str:
        arn = self.create("SUBORDINATE", **more)
        request = self.pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"].encode()
        template = f"SubordinateCACertificate_PathLen{path_length}/V1"
        issued = self.issue(parent, request, template=template, validity={"Type": "DAYS", "Value": days})
        answer = self.get(parent, issued)
        self.pca.import_certificate_authority_certificate(
            CertificateAuthorityArn=arn,
            Certificate=answer["Certificate"].encode(),
            CertificateChain=answer["CertificateChain"].encode(),
        )
        return arn

    def issue(
        self,
        arn: str,
        request: bytes | None = None,
        *,
        template: str | None = None,
        signing: str | None = None,
        **more: Any,
    ) -> str:
        if template is not None:
            more["TemplateArn"] = template if template.startswith("arn:") else TEMPLATE + template
        issued = self.pca.issue_certificate(
            CertificateAuthorityArn=arn,
            Csr=request or csr(),
            SigningAlgorithm=signing or "SHA256WITHECDSA",
            Validity=more.pop("validity", DAYS),
            **more,
        )
        return str(issued["CertificateArn"])

    def get(self, arn: str, certificate_arn: str) -> dict[str, str]:
        return dict(self.pca.get_certificate(CertificateAuthorityArn=arn, CertificateArn=certificate_arn))

    def issued(self, arn: str, request: bytes | None = None, **more: Any) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.get(arn, self.issue(arn, request, **more))["Certificate"].encode())

    def describe(self, arn: str) -> dict[str, Any]:
        return dict(self.pca.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"])

    def status(self, arn: str) -> str:
        return str(self.describe(arn)["Status"])

    def certificate(self, arn: str) -> x509.Certificate:
        answer = self.pca.get_certificate_authority_certificate(CertificateAuthorityArn=arn)
        return x509.load_pem_x509_certificate(answer["Certificate"].encode())

    def disable(self, arn: str) -> None:
        self.pca.update_certificate_authority(CertificateAuthorityArn=arn, Status="DISABLED")

    def delete(self, arn: str, **more: Any) -> None:
        self.pca.delete_certificate_authority(CertificateAuthorityArn=arn, **more)

    def later(self, **shift: float) -> None:
        self.aws.clock.shift += timedelta(**shift)


def now() -> datetime:
    return datetime.now(UTC)


def near(moment: datetime, expected: datetime) -> bool:
    return abs(moment - expected) < timedelta(minutes=1)


def in_account(account: str, request: Any, **_: Any) -> None:
    """What makes a client of moto's services work in another account, as a handler of `before-send`."""
    request.headers[ACCOUNT_HEADER] = account


def drop(iam: Any, name: str) -> None:
    with suppress(iam.exceptions.NoSuchEntityException):
        iam.delete_role_policy(RoleName=name, PolicyName="p")
        iam.delete_role(RoleName=name)


@contextmanager
def refused(code: str, words: str = "") -> Iterator[pytest.ExceptionInfo[ClientError]]:
    """The call is refused with AWS's error code, and says why."""
    with pytest.raises(ClientError) as caught:
        yield caught
    error = caught.value.response["Error"]
    assert error["Code"] == code, error
    assert error["Message"]
    assert words in error["Message"], error


def extension(certificate: x509.Certificate, kind: type[_Kind]) -> x509.Extension[_Kind] | None:
    try:
        return certificate.extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None
