"""Rules on CAs: their states, keys, import, deletion, tags."""

from __future__ import annotations

from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.sandbox.conformance.world import BOTOCORE, SHORT_LIVED_DOC, World, refused, rule
from toolkit.pki import judging, pem
from toolkit.pki.authority import EVERYBODY, Needs

DELETE_DOC = "awsdocs/aws-private-ca-user-guide:doc_source/PCADeleteCA.md"
INSTALL_DOC = "privateca/latest/userguide/PCACertInstall.html"


@rule("authority.pending", "A new CA is PENDING_CERTIFICATE.", f"{BOTOCORE}: CertificateAuthorityStatus")
def _(world: World) -> None:
    assert world.status(world.create()) == "PENDING_CERTIFICATE"


@rule(
    "authority.creating",
    "A CA is CREATING before it is PENDING_CERTIFICATE.",
    f"{BOTOCORE}: CertificateAuthorityStatus",
)
def _(world: World) -> None:
    world.aws.private_ca.registry.creation_delay = timedelta(seconds=30)
    arn = world.create()
    assert world.status(arn) == "CREATING"
    with refused("RequestInProgressException"):
        world.pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)
    with refused("InvalidStateException"):
        world.issue(arn)
    world.later(seconds=31)
    assert world.status(arn) == "PENDING_CERTIFICATE"
    assert world.pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"]


@rule(
    "authority.list.pages",
    "Lists have pages of the requested size.",
    f"{BOTOCORE}: ListCertificateAuthoritiesRequest.MaxResults",
)
def _(world: World) -> None:
    made = {world.create() for _ in range(3)}
    pages = list(world.pca.get_paginator("list_certificate_authorities").paginate(PaginationConfig={"PageSize": 2}))
    assert all(len(page["CertificateAuthorities"]) <= 2 for page in pages)
    found = [item["Arn"] for page in pages for item in page["CertificateAuthorities"]]
    assert made <= set(found)
    assert len(found) == len(set(found))


@rule(
    "authority.limit", "An account has at most 200 CAs in a region.", "AWS Private CA quotas (doc_source/PcaLimits.md)"
)
def _(world: World) -> None:
    # A region of its own, where no other rule leaves CAs behind.
    there = World(world.aws, "ap-south-1")
    world.aws.private_ca.registry.max_authorities = 1
    first = there.create()
    with refused("LimitExceededException"):
        there.create()
    there.delete(first, PermanentDeletionTimeInDays=7)
    with refused("LimitExceededException"):
        there.create()
    world.later(days=8)
    there.create()


@rule(
    "authority.arn", "A CA's ARN contains the region, the account and a UUID.", f"{BOTOCORE}: CertificateAuthority.Arn"
)
def _(world: World) -> None:
    prefix, _, identifier = world.create().partition(":certificate-authority/")
    assert prefix == "arn:aws:acm-pca:eu-central-1:123456789012"
    assert [len(part) for part in identifier.split("-")] == [8, 4, 4, 4, 12]


def _key_rule(algorithm: str, size: int) -> None:
    @rule(
        f"authority.key.{algorithm}", f"A CA with {algorithm} has a key of that algorithm.", f"{BOTOCORE}: KeyAlgorithm"
    )
    def _(world: World) -> None:
        arn = world.create(key=algorithm)
        pem = world.pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"]
        key = x509.load_pem_x509_csr(pem.encode()).public_key()
        assert isinstance(key, rsa.RSAPublicKey if algorithm.startswith("RSA") else ec.EllipticCurvePublicKey)
        assert key.key_size == size
        assert world.describe(arn)["CertificateAuthorityConfiguration"]["KeyAlgorithm"] == algorithm


for _algorithm, _size in {
    "RSA_2048": 2048,
    "RSA_3072": 3072,
    "RSA_4096": 4096,
    "EC_prime256v1": 256,
    "EC_secp384r1": 384,
    "EC_secp521r1": 521,
}.items():
    _key_rule(_algorithm, _size)


@rule(
    "authority.key.ml-dsa",
    "ML-DSA is rejected, because the sandbox does not have it.",
    "docs/explanation/sandbox.md: not modelled",
)
def _(world: World) -> None:
    with refused("InvalidArgsException", "not in the sandbox"):
        world.create(key="ML_DSA_65", signing="ML_DSA_65")


@rule(
    "authority.key-storage.ccpc",
    "Key storage of China's standard is rejected, because the sandbox does not know its regions.",
    "docs/explanation/sandbox.md: not modelled",
)
def _(world: World) -> None:
    with refused("InvalidArgsException", "not in the sandbox"):
        world.create(KeyStorageSecurityStandard="CCPC_LEVEL_1_OR_HIGHER")


@rule(
    "authority.signing-family",
    "A CA's signing algorithm matches the type of its key.",
    f"{BOTOCORE}: CertificateAuthorityConfiguration.SigningAlgorithm",
)
def _(world: World) -> None:
    with refused("InvalidArgsException", "does not match the key algorithm"):
        world.create(key="RSA_2048", signing="SHA256WITHECDSA")
    with refused("InvalidArgsException", "does not match the key algorithm"):
        world.create(key="EC_prime256v1", signing="SHA256WITHRSA")


@rule("authority.subject", "The CSR has the requested subject.", f"{BOTOCORE}: ASN1Subject")
def _(world: World) -> None:
    subject = {
        "Country": "DE",
        "Organization": "O",
        "OrganizationalUnit": "U",
        "State": "HE",
        "CommonName": "C",
        "Locality": "F",
    }
    pem = world.pca.get_certificate_authority_csr(CertificateAuthorityArn=world.create(subject=subject))["Csr"]
    name = x509.load_pem_x509_csr(pem.encode()).subject
    assert {attribute.rfc4514_attribute_name: attribute.value for attribute in name} == {
        "C": "DE",
        "O": "O",
        "OU": "U",
        "ST": "HE",
        "CN": "C",
        "L": "F",
    }


@rule(
    "authority.subject.custom",
    "Custom attributes of a subject can't be combined with standard ones.",
    f"{BOTOCORE}: ASN1Subject.CustomAttributes",
)
def _(world: World) -> None:
    custom = [{"ObjectIdentifier": "2.5.4.3", "Value": "Custom"}]
    pem = world.pca.get_certificate_authority_csr(
        CertificateAuthorityArn=world.create(subject={"CustomAttributes": custom})
    )["Csr"]
    assert x509.load_pem_x509_csr(pem.encode()).subject.rfc4514_string() == "CN=Custom"
    with refused("InvalidArgsException"):
        world.create(subject={"CommonName": "x", "CustomAttributes": custom})


@rule("authority.csr", "The CSR is signed by the CA's own key.", f"{BOTOCORE}: GetCertificateAuthorityCsr")
def _(world: World) -> None:
    pem = world.pca.get_certificate_authority_csr(CertificateAuthorityArn=world.create())["Csr"]
    assert x509.load_pem_x509_csr(pem.encode()).is_signature_valid


@rule(
    "authority.usage-mode.default",
    "The default usage mode is GENERAL_PURPOSE.",
    f"{BOTOCORE}: CreateCertificateAuthorityRequest.UsageMode",
)
def _(world: World) -> None:
    assert world.describe(world.create())["UsageMode"] == "GENERAL_PURPOSE"


@rule("authority.usage-mode", "A CA has the requested usage mode.", SHORT_LIVED_DOC)
def _(world: World) -> None:
    arn = world.create(UsageMode="SHORT_LIVED_CERTIFICATE")
    assert world.describe(arn)["UsageMode"] == "SHORT_LIVED_CERTIFICATE"


@rule(
    "authority.key-storage",
    "The default key storage standard is FIPS 140-2 level 3.",
    f"{BOTOCORE}: CreateCertificateAuthorityRequest.KeyStorageSecurityStandard",
)
def _(world: World) -> None:
    assert world.describe(world.create())["KeyStorageSecurityStandard"] == "FIPS_140_2_LEVEL_3_OR_HIGHER"
    arn = world.create(KeyStorageSecurityStandard="FIPS_140_2_LEVEL_2_OR_HIGHER")
    assert world.describe(arn)["KeyStorageSecurityStandard"] == "FIPS_140_2_LEVEL_2_OR_HIGHER"


@rule(
    "authority.idempotency",
    "The same token creates one CA within five minutes, and another one later.",
    f"{BOTOCORE}: CreateCertificateAuthorityRequest.IdempotencyToken",
)
def _(world: World) -> None:
    first = world.create(IdempotencyToken="once-1")
    assert world.create(IdempotencyToken="once-1") == first
    assert world.create(IdempotencyToken="once-2") != first
    world.later(minutes=6)
    assert world.create(IdempotencyToken="once-1") != first


@rule("authority.regional", "A CA exists only in its own region.", "privateca/latest/userguide/PcaWelcome.html")
def _(world: World) -> None:
    arn = world.create()
    with refused("ResourceNotFoundException"):
        world.client("acm-pca", "eu-west-1").describe_certificate_authority(CertificateAuthorityArn=arn)


@rule("authority.unknown", "An unknown CA is not found.", f"{BOTOCORE}: ResourceNotFoundException")
def _(world: World) -> None:
    missing = world.create()[:-4] + "0000"
    with refused("ResourceNotFoundException"):
        world.describe(missing)


@rule("authority.invalid-arn", "The ARN of another type of resource is invalid.", f"{BOTOCORE}: InvalidArnException")
def _(world: World) -> None:
    with refused("InvalidArnException"):
        world.describe("arn:aws:acm-pca:eu-central-1:123456789012:something/else")


@rule("authority.list", "The list contains the account's CAs in the region.", f"{BOTOCORE}: ListCertificateAuthorities")
def _(world: World) -> None:
    arn = world.create()
    elsewhere = world.client("acm-pca", "eu-west-1")
    # Other tests of the process may have made more than a page of them.
    here, there = (client.get_paginator("list_certificate_authorities").paginate() for client in (world.pca, elsewhere))
    assert arn in {item["Arn"] for page in here for item in page["CertificateAuthorities"]}
    assert arn not in {item["Arn"] for page in there for item in page["CertificateAuthorities"]}


@rule(
    "authority.list.token",
    "An unknown page token is invalid.",
    f"{BOTOCORE}: InvalidNextTokenException",
)
def _(world: World) -> None:
    with refused("InvalidNextTokenException"):
        world.pca.list_certificate_authorities(NextToken="made-up")


@rule("authority.activation", "A CA becomes ACTIVE when its certificate is imported.", INSTALL_DOC)
def _(world: World) -> None:
    arn = world.root()
    described = world.describe(arn)
    assert described["Status"] == "ACTIVE"
    own = world.certificate(arn)
    assert described["NotAfter"] == own.not_valid_after_utc
    assert described["Serial"] == str(own.serial_number)


@rule(
    "authority.certificate.pending",
    "A pending CA has no certificate.",
    f"{BOTOCORE}: GetCertificateAuthorityCertificate",
)
def _(world: World) -> None:
    with refused("InvalidStateException"):
        world.certificate(world.create())


@rule(
    "authority.certificate.root",
    "A root's own certificate has no chain.",
    f"{BOTOCORE}: GetCertificateAuthorityCertificateResponse",
)
def _(world: World) -> None:
    assert "CertificateChain" not in world.pca.get_certificate_authority_certificate(
        CertificateAuthorityArn=world.root()
    )


@rule(
    "authority.certificate.subordinate",
    "A subordinate CA's chain ends with the root and does not contain the CA itself.",
    f"{BOTOCORE}: GetCertificateAuthorityCertificateResponse.CertificateChain",
)
def _(world: World) -> None:
    root = world.root()
    middle = world.subordinate(root, 1)
    issuing = world.subordinate(middle, 0, days=100)
    answer = world.pca.get_certificate_authority_certificate(CertificateAuthorityArn=issuing)
    above = pem.load_certificates(answer["CertificateChain"])
    assert above == (world.certificate(middle), world.certificate(root))
    assert judging.list_problems([world.certificate(issuing), *above], Needs(), EVERYBODY) == []


@rule(
    "tags.lifecycle",
    "Tags can be added, replaced and removed; to remove a tag by value, the value must match.",
    f"{BOTOCORE}: UntagCertificateAuthority",
)
def _(world: World) -> None:
    arn = world.create(Tags=[{"Key": "a", "Value": "1"}])
    world.pca.tag_certificate_authority(CertificateAuthorityArn=arn, Tags=[{"Key": "a", "Value": "2"}, {"Key": "b"}])
    world.pca.untag_certificate_authority(CertificateAuthorityArn=arn, Tags=[{"Key": "a", "Value": "1"}])
    assert world.pca.list_tags(CertificateAuthorityArn=arn)["Tags"] == [
        {"Key": "a", "Value": "2"},
        {"Key": "b", "Value": ""},
    ]
    world.pca.untag_certificate_authority(CertificateAuthorityArn=arn, Tags=[{"Key": "a"}, {"Key": "b", "Value": ""}])
    assert world.pca.list_tags(CertificateAuthorityArn=arn)["Tags"] == []


@rule("tags.many", "A CA has at most 50 tags.", f"{BOTOCORE}: TooManyTagsException")
def _(world: World) -> None:
    arn = world.create(Tags=[{"Key": f"k{number}"} for number in range(50)])
    with refused("TooManyTagsException"):
        world.pca.tag_certificate_authority(CertificateAuthorityArn=arn, Tags=[{"Key": "one-more"}])


@rule("tags.reserved", "Tag keys that begin with aws: are reserved.", f"{BOTOCORE}: InvalidTagException")
def _(world: World) -> None:
    with refused("InvalidTagException"):
        world.create(Tags=[{"Key": "aws:mine", "Value": "x"}])
