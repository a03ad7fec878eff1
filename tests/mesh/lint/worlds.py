"""Meshes and Secrets without a finding, to break one thing in; and certificates that are wrong in one way each."""

from __future__ import annotations

import base64
import textwrap
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from tests.support import AUTHORITY_ARN, NOW, Authority, contract, hierarchy, name
from toolkit.mesh.lint import Finding, Target, lint
from toolkit.mesh.lint.forms import render_json, render_sarif, render_text
from toolkit.mesh.schema.versions import MeshVersion
from toolkit.pki import pem

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes


# Stands where a finding is expected; it is taken out before the text is looked at.
MARK = "«"

ISSUING = hierarchy()
OUTPUTS = contract(ISSUING)
ROOT_PEM = pem.write(ISSUING.chain()[1:])
ISSUING_PEM = pem.write(ISSUING.chain()[:1])
CHAIN = ISSUING_PEM + ROOT_PEM
KEY = ISSUING.key.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
# Of the form that AWS gives them; its own examples are a finding.
ACCESS_KEY = "AKIAMADEUPMADEUPMADE"
ACCESS_KEY_SECRET = "madeUp+madeUp/madeUpMadeUpMadeUpMadeUp00"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def kubernetes_secret(secret: str, value: str, mesh: str = "default") -> str:
    return f"""\
apiVersion: v1
kind: Secret
metadata:
  name: {secret}
  namespace: kong-mesh-system
  labels:
    kuma.io/mesh: {mesh}
type: system.kuma.io/secret
data:
  value: {encoded(value)}
"""


# Every kind of field that an acmpca backend has; what is wrong in a case is put in by replacing a piece.
GOOD = f"""\
apiVersion: kuma.io/v1alpha1
kind: Mesh
metadata:
  name: default
spec:
  mtls:
    enabledBackend: acmpca-1
    backends:
      - name: acmpca-1
        type: acmpca
        mode: STRICT
        dpCert:
          rotation:
            expiration: 24h
          requestTimeout: 10s
        rootChain:
          requestTimeout: 20s
        conf:
          arn: {AUTHORITY_ARN}
          commonName: '{{{{ tag "version" }}}}'
          caCert:
            secret: chain
          auth:
            awsCredentials:
              accessKey:
                secret: access-key
              accessKeySecret:
                secret: access-key-secret
    skipValidation: false
  networking:
    outbound:
      passthrough: false
  tracing:
    defaultBackend: zipkin
    backends:
      - name: zipkin
        type: zipkin
        sampling: 50.5
        conf: {{url: 'http://zipkin:9411/api/v2/spans', traceId128bit: true}}
---
{kubernetes_secret("chain", CHAIN)}---
{kubernetes_secret("access-key", ACCESS_KEY)}---
{kubernetes_secret("access-key-secret", ACCESS_KEY_SECRET)}"""

UNIVERSAL = f"""\
type: Mesh
name: default
creationTime: '2026-01-01T00:00:00Z'
mtls:
  enabledBackend: acmpca-1
  backends:
    - name: acmpca-1
      type: acmpca
      conf:
        arn: {AUTHORITY_ARN}
        caCert:
          secret: chain
routing:
  zoneEgress: true
constraints:
  dataplaneProxy:
    requirements:
      - tags:
          kuma.io/zone: east
---
type: Secret
mesh: default
name: chain
data: {encoded(CHAIN)}
"""


def with_chain(text: str) -> str:
    """The Mesh with another chain, as text below its caCert, and without the Secret that it then does not need."""
    before, _, after = GOOD.partition("            secret: chain\n")
    mesh, _, secrets = after.partition("---\n")
    block = textwrap.indent(text, " " * 14)
    others = secrets.partition("---\n")[2]
    return f"{before}            {MARK}inlineString: |\n{block}{mesh}---\n{others}"


@dataclass(frozen=True)
class Case:
    """One document that a rule finds something in, and one like it in which it does not.

    Attributes:
        code: of the rule.
        old: a piece of the good text.
        new: what stands there instead, with a mark where the finding is expected.
        at: before which piece the finding is expected, where that is not a part of what is new.
        near: what may stand there instead; the piece itself unless given.
        base: the good text.
        fix: what the fix says, among other words.
        message: same, of the message.
        options: of :func:`lint`.
        near_options: same, for what is near.
    """

    code: str
    old: str
    new: str
    at: str = ""
    near: str | None = None
    base: str = GOOD
    fix: str = ""
    message: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    near_options: dict[str, Any] | None = None

    @property
    def marked(self) -> str:
        assert self.base.count(self.old) >= 1, f"{self.code}: {self.old!r} is not in the text"
        text = self.base.replace(self.old, self.new, 1)
        assert not self.at or self.at in text, f"{self.code}: {self.at!r} is not in the text"
        return text.replace(self.at, MARK + self.at, 1) if self.at else text

    @property
    def text(self) -> str:
        return self.marked.replace(MARK, "")

    @property
    def places(self) -> list[tuple[int, int]]:
        found, text = [], self.marked
        while MARK in text:
            before, _, after = text.partition(MARK)
            found.append((before.count("\n") + 1, len(before) - before.rfind("\n")))
            text = before + after
        return found

    @property
    def near_text(self) -> str:
        return self.base.replace(self.old, self.old if self.near is None else self.near, 1).replace(MARK, "")


def run(text: str, **options: Any) -> list[Finding]:
    if "mesh_version" in options:
        options["mesh_version"] = MeshVersion(*options["mesh_version"])
    return lint([("mesh.yaml", text)], Target(**({"now": NOW} | options)))


def every_form(findings: list[Finding]) -> list[str]:
    """Findings as text in every form, and as Python shows them."""
    texts = [render_text(findings, width=400), render_text(findings, color=True)]
    return [*texts, render_json(findings), render_sarif(findings), *map(repr, findings)]


def codes(text: str, **options: Any) -> list[str]:
    return [finding.code for finding in run(text, **options)]


def certificate(
    subject: str,
    public_key: CertificatePublicKeyTypes,
    issuer: str,
    signer: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
) -> x509.Certificate:
    """A CA's certificate with any kind of key."""
    return (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(hours=1))
        .not_valid_after(NOW + timedelta(days=1000))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(signer, hashes.SHA256())
    )


def signed_with_sha1(
    subject: str, public_key: CertificatePublicKeyTypes, issuer: str, signer: rsa.RSAPrivateKey
) -> x509.Certificate:
    """No library makes one any more: a certificate with another algorithm's number, signed again."""
    modern = certificate(subject, public_key, issuer, signer)
    # sha256WithRSAEncryption and sha1WithRSAEncryption (RFC 8017, appendix A.2.4)
    sha256, sha1 = bytes.fromhex("06092a864886f70d01010b"), bytes.fromhex("06092a864886f70d010105")
    body = modern.tbs_certificate_bytes.replace(sha256, sha1)
    signature = signer.sign(body, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303 - that is what is looked for
    whole = modern.public_bytes(serialization.Encoding.DER).replace(sha256, sha1)
    return x509.load_der_x509_certificate(whole[: -len(signature)] + signature)


def bundle(*certificates: x509.Certificate) -> str:
    return pem.write(certificates)


def authority(common_name: str, days: float, parent: Authority | None = None) -> Authority:
    return Authority(common_name, parent=parent, not_after=NOW + timedelta(days=days))
