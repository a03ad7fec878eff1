"""Rules on a CA's life: import, states, updates, deletion, restoration."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from tests.sandbox.conformance.world import BOTOCORE, World, refused, rule
from tests.support import Authority
from toolkit.pki import pem

DELETE_DOC = "awsdocs/aws-private-ca-user-guide:doc_source/PCADeleteCA.md"
INSTALL_DOC = "privateca/latest/userguide/PCACertInstall.html"


@rule("delete.creating", "A CA deleted while CREATING can't be restored.", DELETE_DOC)
def _(world: World) -> None:
    world.aws.private_ca.registry.creation_delay = timedelta(seconds=30)
    arn = world.create()
    world.delete(arn)
    with refused("InvalidStateException"):
        world.pca.restore_certificate_authority(CertificateAuthorityArn=arn)


@rule(
    "import.malformed",
    "Text that is not a certificate can't be imported.",
    f"{BOTOCORE}: MalformedCertificateException",
)
def _(world: World) -> None:
    with refused("MalformedCertificateException"):
        world.pca.import_certificate_authority_certificate(CertificateAuthorityArn=world.create(), Certificate=b"x")


@rule("import.mismatch", "A certificate for another key is rejected.", f"{BOTOCORE}: CertificateMismatchException")
def _(world: World) -> None:
    arn, stranger = world.create(), Authority("Stranger")
    with refused("CertificateMismatchException"):
        world.pca.import_certificate_authority_certificate(
            CertificateAuthorityArn=arn, Certificate=pem.write([stranger.certificate]).encode()
        )
    assert world.status(arn) == "PENDING_CERTIFICATE"


@rule("import.root-chain", "A root's certificate is imported without a chain.", INSTALL_DOC)
def _(world: World) -> None:
    arn = world.root()
    own = pem.write([world.certificate(arn)]).encode()
    with refused("InvalidRequestException"):
        world.pca.import_certificate_authority_certificate(
            CertificateAuthorityArn=arn, Certificate=own, CertificateChain=own
        )


def _pending_subordinate(world: World) -> tuple[str, str, dict[str, str]]:
    root = world.root()
    middle = world.subordinate(root, 1)
    arn = world.create("SUBORDINATE")
    request = world.pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"].encode()
    issued = world.issue(middle, request, template="SubordinateCACertificate_PathLen0/V1")
    return arn, middle, world.get(middle, issued)


def _import(world: World, arn: str, certificate: str, above: str | None) -> None:
    more = {"CertificateChain": above.encode()} if above else {}
    world.pca.import_certificate_authority_certificate(
        CertificateAuthorityArn=arn, Certificate=certificate.encode(), **more
    )


@rule("import.subordinate-chain", "A subordinate CA's certificate is imported with its chain.", INSTALL_DOC)
def _(world: World) -> None:
    arn, _, issued = _pending_subordinate(world)
    with refused("InvalidRequestException"):
        _import(world, arn, issued["Certificate"], None)
    _import(world, arn, issued["Certificate"], issued["CertificateChain"])
    assert world.status(arn) == "ACTIVE"


@rule(
    "import.chain-order",
    "The chain must be in order, the root last.",
    f"{BOTOCORE}: ImportCertificateAuthorityCertificate",
)
def _(world: World) -> None:
    arn, _, issued = _pending_subordinate(world)
    middle, root = pem.load_certificates(issued["CertificateChain"])
    with refused("MalformedCertificateException", "not issued by"):
        _import(world, arn, issued["Certificate"], pem.write([root, middle]))


@rule(
    "import.chain-whole",
    "The chain must end with a self-signed root.",
    f"{BOTOCORE}: ImportCertificateAuthorityCertificate",
)
def _(world: World) -> None:
    arn, _, issued = _pending_subordinate(world)
    middle, _root = pem.load_certificates(issued["CertificateChain"])
    with refused("MalformedCertificateException", "root"):
        _import(world, arn, issued["Certificate"], pem.write([middle]))


def _signed_outside(world: World, arn: str, signer: Authority, path_length: int | None) -> x509.Certificate:
    """A certificate for the CA's own request, from an authority outside AWS."""
    pem = world.pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"].encode()
    request = x509.load_pem_x509_csr(pem)
    builder = (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(signer.certificate.subject)
        .public_key(request.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(hours=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
    )
    return builder.sign(signer.key, hashes.SHA256())


@rule("import.path-length", "No CA in the chain may exceed the path lengths above it.", "RFC 5280, 4.2.1.9")
def _(world: World) -> None:
    arn = world.create("SUBORDINATE")
    last = Authority("Last CA", parent=Authority("Foreign Root CA"), path_length=0)
    below = _signed_outside(world, arn, last, None)
    with refused("MalformedCertificateException", "has path length 0, and the number of CAs below it is 1"):
        _import(world, arn, pem.write([below]), pem.write(last.chain()))


@rule("import.external", "A CA may be below a CA outside AWS.", INSTALL_DOC)
def _(world: World) -> None:
    arn, offline = world.create("SUBORDINATE"), Authority("Offline Root CA")
    own = _signed_outside(world, arn, offline, 0)
    _import(world, arn, pem.write([own]), pem.write(offline.chain()))
    assert world.status(arn) == "ACTIVE"
    answer = world.get(arn, world.issue(arn))
    assert pem.load_certificates(answer["CertificateChain"]) == (own, offline.certificate)


@rule(
    "import.expired",
    "An expired certificate can't be imported.",
    f"{BOTOCORE}: ImportCertificateAuthorityCertificate",
)
def _(world: World) -> None:
    arn, _, issued = _pending_subordinate(world)
    world.later(days=2)
    with refused("MalformedCertificateException", "UTC, not now"):
        _import(world, arn, issued["Certificate"], issued["CertificateChain"])


@rule("import.deleted", "A certificate can't be imported to a deleted CA.", f"{BOTOCORE}: InvalidStateException")
def _(world: World) -> None:
    arn, _, issued = _pending_subordinate(world)
    world.delete(arn)
    with refused("InvalidStateException"):
        _import(world, arn, issued["Certificate"], issued["CertificateChain"])


@rule("state.expired", "A CA whose certificate has expired is EXPIRED.", f"{BOTOCORE}: CertificateAuthorityStatus")
def _(world: World) -> None:
    arn = world.root(years=1)
    world.later(days=366)
    assert world.status(arn) == "EXPIRED"
    with refused("InvalidStateException"):
        world.issue(arn)


@rule(
    "state.disabled",
    "A disabled CA does not issue until it is enabled.",
    f"{BOTOCORE}: UpdateCertificateAuthority",
)
def _(world: World) -> None:
    arn = world.root()
    world.disable(arn)
    assert world.status(arn) == "DISABLED"
    with refused("InvalidStateException"):
        world.issue(arn)
    world.pca.update_certificate_authority(CertificateAuthorityArn=arn, Status="ACTIVE")
    world.issue(arn)


@rule("update.pending", "A pending CA's status can't be changed.", "hashicorp/terraform-provider-aws#28998")
def _(world: World) -> None:
    with refused("InvalidStateException"):
        world.disable(world.create())


@rule(
    "update.empty",
    "An update needs a status or a revocation configuration.",
    "hashicorp/terraform-provider-aws#44392 (AWS's message)",
)
def _(world: World) -> None:
    with refused("ValidationException", "Either RevocationConfiguration or Status should be present"):
        world.pca.update_certificate_authority(CertificateAuthorityArn=world.root())


@rule("update.status", "Only ACTIVE and DISABLED can be set.", f"{BOTOCORE}: UpdateCertificateAuthorityRequest.Status")
def _(world: World) -> None:
    with refused("InvalidArgsException"):
        world.pca.update_certificate_authority(CertificateAuthorityArn=world.root(), Status="EXPIRED")


@rule("delete.active", "An active CA can't be deleted, a disabled one can.", DELETE_DOC)
def _(world: World) -> None:
    arn = world.root()
    with refused("InvalidStateException"):
        world.delete(arn)
    world.disable(arn)
    world.delete(arn)
    assert world.status(arn) == "DELETED"


@rule("delete.pending", "A pending CA can be deleted.", DELETE_DOC)
def _(world: World) -> None:
    arn = world.create()
    world.delete(arn)
    assert world.status(arn) == "DELETED"


@rule("delete.expired", "An expired CA can be deleted.", DELETE_DOC)
def _(world: World) -> None:
    arn = world.root(years=1)
    world.later(days=366)
    world.delete(arn)


@rule("delete.twice", "A deleted CA can't be deleted again.", DELETE_DOC)
def _(world: World) -> None:
    arn = world.create()
    world.delete(arn)
    with refused("InvalidStateException"):
        world.delete(arn)


@rule("delete.window", "The restoration period is 7 to 30 days, 30 by default.", DELETE_DOC)
def _(world: World) -> None:
    for asked, days in (({}, 30), ({"PermanentDeletionTimeInDays": 7}, 7)):
        arn = world.create()
        world.delete(arn, **asked)
        left = world.describe(arn)["RestorableUntil"] - datetime.now(UTC)
        assert timedelta(days=days) - left < timedelta(minutes=1)
    for wrong in (6, 31):
        with refused("ValidationException"):
            world.delete(world.create(), PermanentDeletionTimeInDays=wrong)


@rule("restore.disabled", "A restored CA is DISABLED, and can be enabled.", f"{BOTOCORE}: RestoreCertificateAuthority")
def _(world: World) -> None:
    arn = world.root()
    world.disable(arn)
    world.delete(arn)
    world.pca.restore_certificate_authority(CertificateAuthorityArn=arn)
    assert world.status(arn) == "DISABLED"
    assert "RestorableUntil" not in world.describe(arn)


@rule(
    "restore.pending",
    "A CA that was deleted while pending is pending after a restoration.",
    f"{BOTOCORE}: RestoreCertificateAuthority",
)
def _(world: World) -> None:
    arn = world.create()
    world.delete(arn)
    world.pca.restore_certificate_authority(CertificateAuthorityArn=arn)
    assert world.status(arn) == "PENDING_CERTIFICATE"


@rule("restore.late", "A CA can't be restored after the restoration period.", DELETE_DOC)
def _(world: World) -> None:
    arn = world.create()
    world.delete(arn, PermanentDeletionTimeInDays=7)
    world.later(days=7, minutes=1)
    with refused("InvalidStateException"):
        world.pca.restore_certificate_authority(CertificateAuthorityArn=arn)


@rule("restore.living", "Only a deleted CA can be restored.", f"{BOTOCORE}: RestoreCertificateAuthority")
def _(world: World) -> None:
    with refused("InvalidStateException"):
        world.pca.restore_certificate_authority(CertificateAuthorityArn=world.create())


@rule("state.deleted", "A deleted CA returns neither its CSR nor certificates.", f"{BOTOCORE}: InvalidStateException")
def _(world: World) -> None:
    arn = world.root()
    issued = world.issue(arn)
    world.disable(arn)
    world.delete(arn)
    with refused("InvalidStateException"):
        world.pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)
    with refused("InvalidStateException"):
        world.get(arn, issued)
    with refused("InvalidStateException"):
        world.issue(arn)
