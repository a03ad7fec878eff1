"""Every command that reads PEM, as a function that says what the command makes of a text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.jobs.job_documents import IMAGE
from tests.judges.authorities import Ca
from tests.judges.pem_parts import pem
from tests.one_reading import documents
from tests.one_reading.running import look_up, run, words
from toolkit.errors import InvalidInputError
from toolkit.infra.lookups import LookUpError
from toolkit.infra.reading import check_settings
from toolkit.infra.settings import SettingsError
from toolkit.mesh.documents.applied import read_applied
from toolkit.mesh.documents.reader import read
from toolkit.pki.pem import load_request
from toolkit.verify.issue import _issued

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from click.testing import Result

# What a command makes of a text: it uses the text, refuses what the text says, or can't read it. Anything else that
# a command does is returned in words, and agrees with nothing.
TAKEN, REFUSED, UNREADABLE = "taken", "refused", "unreadable"
# What a command that changes a Mesh makes of a text there.
KEPT, REPLACED = "kept", "replaced"
_FAULT = re.compile(r"\bline \d+: |base64 of PEM")
_BUILTIN = {"name": "old", "type": "builtin"}


@dataclass(frozen=True)
class World:
    """Where the commands run, and whose certificates they read.

    Attributes:
        directory: for files.
        issuing: A, the CA of the contract.
        root: B.
        closed: the address of a port on which nobody listens.
        pca: a client of the sandbox's private CA.
        monkeypatch: of the test.
    """

    directory: Path
    issuing: Ca
    root: Ca
    closed: str
    pca: Any
    monkeypatch: pytest.MonkeyPatch

    @property
    def chain(self) -> str:
        """A and B as canonical PEM."""
        return pem(*self.issuing.chain())

    @property
    def root_text(self) -> str:
        return pem(self.root.der)

    def file(self, name: str, text: str) -> str:
        """Write a file and return its path."""
        path = self.directory / name
        path.write_bytes(text.encode())
        return str(path)

    def contract(self, chain: str | None = None, root: str | None = None) -> str:
        """Write a contract and return its path."""
        ends = self.issuing.certificate.not_valid_after_utc
        text = documents.contract(chain or self.chain, root or self.root_text, ends)
        return self.file("outputs.json", text)

    def below(self, subject: bytes = b"", public_key: bytes = b"") -> str:
        """Return the PEM of a CA that A has issued."""
        return pem(Ca("Below", self.issuing, subject=subject, public_key=public_key).der)


def _outcome(result: Result, place: str, *, taken: int = 0) -> str:
    """Read the outcome off the exit code, and the place of what is wrong off the error."""
    if result.exit_code == taken:
        return TAKEN
    if result.exit_code != 2 or place not in words(result):
        return f"exit {result.exit_code}, {place} expected: {words(result)[:300]}"
    return UNREADABLE if _FAULT.search(words(result)) else REFUSED


def outputs(world: World, text: str) -> str:
    return _outcome(run("contract", "show", "--contract", world.contract(text)), "certificateChain: ")


def root_certificate(world: World, text: str) -> str:
    return _outcome(run("contract", "show", "--contract", world.contract(root=text)), "rootCertificate: ")


def render_mesh(world: World, text: str) -> str:
    return _outcome(run("render-mesh", "--contract", world.contract(text)), "certificateChain: ")


def codes(world: World, document: str) -> set[str]:
    """Return the codes of lint's errors."""
    result = run("lint", world.file("mesh.yaml", document), "-o", "json")
    return {each["code"] for each in json.loads(result.stdout)["findings"] if each["severity"] == "error"}


def lint(document: Callable[[str], str], world: World, text: str) -> str:
    """Say whether lint finds an error; a text that can't be read as PEM has codes of its own."""
    errors = codes(world, document(text))
    # MESH033: an inlineString that is base64 of PEM.
    return UNREADABLE if errors & {"MESH070", "MESH071", "MESH033"} else REFUSED if errors else TAKEN


def verify(document: Callable[[str], str], place: str, world: World, text: str) -> str:
    """Verify where there are no AWS credentials: the command gets as far as to look for them."""
    result = run("verify", "--contract", world.contract(), "-f", world.file("mesh.yaml", document(text)))
    if result.exit_code == 3 and "no AWS credentials" not in words(result):
        return f"exit 3: {words(result)}"
    return _outcome(result, place, taken=3)


def render_job(document: Callable[[str], str], place: str, world: World, text: str) -> str:
    file = world.file("mesh.yaml", document(text))
    result = run("render-job", "--contract", world.contract(), "--image", IMAGE, "-f", file)
    if result.exit_code == 2 and "Secret chain is not a chain of certificates" in words(result):
        return UNREADABLE
    return _outcome(result, place)


def apply(world: World, text: str) -> str:
    """Apply where no control plane listens: the command gets as far as to call it."""
    mesh = world.file("mesh.yaml", documents.inline_string(world.chain))
    where = ["--control-plane", world.closed, "--ca-file", world.file("ca.pem", text)]
    result = run("apply", "--filename", mesh, "--dry-run", *where)
    if result.exit_code == 3 and "refused" not in words(result):
        return f"exit 3: {words(result)}"
    return _outcome(result, "--ca-file: ", taken=3)


def settings(key: str, world: World, text: str) -> str:
    pair = {"issuedCertificate": world.below(), "issuedCertificateChain": world.chain} | {key: text}
    if key == "issuedCertificate":
        pair["issuedCertificateChain"] = world.root_text
    try:
        check_settings({"zones": [documents.ZONE], "topology": "under-external-ca", **pair}, "p")
    except SettingsError as error:
        faults = [problem for problem in error.problems if _FAULT.search(problem.message)]
        return UNREADABLE if {problem.path for problem in faults} == {f"p:{key}"} else REFUSED
    return TAKEN


def sandbox_import(world: World, text: str) -> str:
    """Import a certificate that A has issued, with a text as the chain above it."""
    subject = {"Subject": {"CommonName": "Below"}, "KeyAlgorithm": "EC_prime256v1"}
    arn = world.pca.create_certificate_authority(
        CertificateAuthorityConfiguration=subject | {"SigningAlgorithm": "SHA256WITHECDSA"},
        CertificateAuthorityType="SUBORDINATE",
    )["CertificateAuthorityArn"]
    request = load_request(world.pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"])
    key = request.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    certificate = world.below(request.subject.public_bytes(), key)
    try:
        world.pca.import_certificate_authority_certificate(
            CertificateAuthorityArn=arn, Certificate=certificate.encode(), CertificateChain=text.encode()
        )
    except ClientError as error:
        said = error.response["Error"]
        if said["Code"] != "MalformedCertificateException":
            return str(error)
        return UNREADABLE if said["Message"] == "The certificate chain can't be read." else REFUSED
    return TAKEN


def returned_chain(world: World, text: str) -> str:
    """Read what AWS returns for a certificate that A has issued."""
    return _read(lambda: _issued(pem(world.issuing.issue_leaf().leaf), text))


def returned_certificate(world: World, text: str) -> str:
    return _read(lambda: _issued(text, world.root_text))


def existing_chain(world: World, text: str) -> str:
    """Look up a CA that AWS describes."""
    return _read(lambda: look_up(world.monkeypatch, world.below(), text))


def existing_certificate(world: World, text: str) -> str:
    return _read(lambda: look_up(world.monkeypatch, text, world.root_text))


def _read(read: Callable[[], object]) -> str:
    try:
        read()
    except (ValueError, LookUpError) as error:
        return UNREADABLE if _FAULT.search(str(error)) else REFUSED
    return TAKEN


def _acmpca(kind: str, text: str) -> str:
    return documents.universal(documents.acmpca(documents.source(kind, text)))


def _universal_secret(text: str) -> str:
    return f"{_acmpca('secret', text)}---\n{documents.universal_secret(text)}"


def _kubernetes_secret(text: str) -> str:
    mesh = documents.kubernetes(documents.acmpca(documents.source("secret", text)))
    return f"{mesh}---\n{documents.kubernetes_secret(text)}"


def _provided(text: str) -> str:
    conf = {"cert": documents.source("inlineString", text), "key": {"secret": "key"}}
    return documents.universal({"name": "provided", "type": "provided", "conf": conf})


def _cert_manager(text: str) -> str:
    conf = {"issuerRef": {"name": "issuer"}, "caCert": documents.source("inlineString", text)}
    return documents.kubernetes({"name": "certmanager", "type": "certmanager", "conf": conf})


def _vault(text: str) -> str:
    tls = {"caCert": documents.source("inlineString", text)}
    server = {"address": "https://vault:8200", "pki": "pki", "role": "role", "tls": tls}
    conf = {"fromCp": server | {"auth": {"token": {"secret": "token"}}}}
    return documents.universal({"name": "vault", "type": "vault", "conf": conf})


_INLINE, _INLINE_STRING = partial(_acmpca, "inline"), partial(_acmpca, "inlineString")

# Those that read a whole chain.
CHAINS: dict[str, Callable[[World, str], str]] = {
    "outputs": outputs,
    "render-mesh": render_mesh,
    "lint-inline": partial(lint, _INLINE),
    "lint-inline-string": partial(lint, _INLINE_STRING),
    "lint-secret-universal": partial(lint, _universal_secret),
    "lint-secret-kubernetes": partial(lint, _kubernetes_secret),
    "lint-provided": partial(lint, _provided),
    "lint-certmanager": partial(lint, _cert_manager),
    "lint-vault": partial(lint, _vault),
    "verify-inline": partial(verify, _INLINE, "conf.caCert.inline: "),
    "verify-inline-string": partial(verify, _INLINE_STRING, "conf.caCert.inlineString: "),
    "verify-secret-universal": partial(verify, _universal_secret, " data: "),
    "verify-secret-kubernetes": partial(verify, _kubernetes_secret, " data.value: "),
    "render-job-inline": partial(render_job, _INLINE, "conf.caCert.inline: "),
    "render-job-inline-string": partial(render_job, _INLINE_STRING, "conf.caCert.inlineString: "),
    "render-job-secret-universal": partial(render_job, _universal_secret, " data: "),
    "render-job-secret-kubernetes": partial(render_job, _kubernetes_secret, " data.value: "),
    "apply-ca-file": apply,
    "settings-chain": partial(settings, "issuedCertificateChain"),
    "sandbox-import": sandbox_import,
    "verify-returned-chain": returned_chain,
    "adopt-returned-chain": existing_chain,
}
# Those that read exactly one certificate: of two they say so, and only after they have read both.
SINGLE: dict[str, Callable[[World, str], str]] = {
    "outputs-root": root_certificate,
    "settings-certificate": partial(settings, "issuedCertificate"),
    "verify-returned-certificate": returned_certificate,
    "adopt-returned-certificate": existing_certificate,
}


def merge(kind: str, world: World, text: str) -> str:
    """Render our backend into a Mesh that has it, with a text as its chain."""
    base = world.file("base.yaml", _universal_secret(text) if kind == "secret" else _acmpca(kind, text))
    return _kept(run("render-mesh", "--contract", world.contract(), "--base", base), kind, text, world.chain)


def rotate(kind: str, world: World, text: str) -> str:
    """Rotate to our backend, which is trusted already, with a text as its chain."""
    mesh = documents.universal(_BUILTIN, documents.acmpca(documents.source(kind, text)))
    stream = f"{mesh}---\n{documents.universal_secret(text)}" if kind == "secret" else mesh
    base = world.file("base.yaml", stream)
    return _kept(run("rotate", "--contract", world.contract(), "--base", base, "--step", "1"), kind, text, world.chain)


def _kept(result: Result, kind: str, text: str, chain: str) -> str:
    """Say whether a text is in a document as it was, or the chain in its place."""
    if result.exit_code != 0:
        return f"exit {result.exit_code}: {words(result)[:300]}"
    value = text if kind == "inlineString" else documents.encoded(text)
    line = f"{'data' if kind == 'secret' else kind}: {json.dumps(value)}"
    if line in [found.strip(" ") for found in result.stdout.split("\n")]:
        return KEPT
    try:
        bundle = read_applied(read([("the result", result.stdout)]), backend="acmpca").bundle
    except InvalidInputError as error:
        return str(error.lines())
    # Under inlineString a chain is written without its final line end.
    wanted = chain.removesuffix("\n") if kind == "inlineString" else chain
    return REPLACED if bundle == wanted else f"replaced by {bundle}"


MERGES: dict[str, Callable[[World, str], str]] = {
    f"{command.__name__}-{kind}": partial(command, kind)
    for command in (merge, rotate)
    for kind in ("inline", "inlineString", "secret")
}
