"""Chains, and what differs from a contract."""

from __future__ import annotations

from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.mesh.lint.worlds import (
    CHAIN,
    ISSUING,
    ISSUING_PEM,
    KEY,
    OUTPUTS,
    ROOT_PEM,
    UNIVERSAL,
    Case,
    authority,
    bundle,
    certificate,
    encoded,
    signed_with_sha1,
    with_chain,
)
from tests.support import AUTHORITY_ARN, NOW, Authority, contract_document
from toolkit.contract import StackOutputs

ROOT = ISSUING.parent
assert ROOT is not None
OTHER = Authority("Another CA")
LEAF = ISSUING.issue(ISSUING.key.public_key(), ["spiffe://default/web"])
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
WEAK_RSA = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - that is what is looked for
RSA_ROOT = certificate("RSA root", RSA.public_key(), "RSA root", RSA)
SHA1 = signed_with_sha1("Old CA", ISSUING.key.public_key(), "RSA root", RSA)
SMALL_CURVE = ec.generate_private_key(ec.SECP192R1())
# A root that allows one CA below it, and a CA below that, which may have none, with one all the same.
MIDDLE = Authority("Middle", parent=ROOT, path_length=0)
BELOW = Authority("Below", parent=MIDDLE)


def chain_case(code: str, pem_text: str, near: str = CHAIN, **more: object) -> Case:
    """A case with another chain in the Mesh itself."""
    broken, good = with_chain(pem_text), with_chain(near)
    return Case(code, good, broken, near=good, base=good, **more)  # type: ignore[arg-type]


def ending(days: float) -> str:
    """A chain whose issuing CA ends then."""
    return bundle(*authority("Ending", days, ROOT).chain())


CHAINS = [
    chain_case("MESH070", "hello\n", message="the chain, line 1: no PEM certificate found"),
    chain_case("MESH070", CHAIN[:-40] + "\n", message="cut off"),
    chain_case("MESH070", CHAIN.replace("MII", "MIX", 1), message="line 1: the certificate that begins here"),
    chain_case("MESH070", CHAIN.replace("CERTIFICATE", "TRUSTED CERTIFICATE", 2), message="the label is TRUSTED CERT"),
    chain_case(
        "MESH070", bundle(certificate("Small", SMALL_CURVE.public_key(), "Small", SMALL_CURVE)), message="secp192r1"
    ),
    Case(
        "MESH070", f"data: {encoded(CHAIN)}", f"«data: {encoded(encoded(CHAIN))}", base=UNIVERSAL, message="once more"
    ),
    chain_case("MESH071", CHAIN + KEY, message="a private key is among the certificates"),
    chain_case("MESH071", CHAIN + KEY[:-60] + "\n"),
    chain_case("MESH071", KEY),
    chain_case(
        "MESH072", ROOT_PEM + ISSUING_PEM, fix="The right order is certificate 2 ('Test Issuing CA'), then certif"
    ),
    Case("MESH072", f"data: {encoded(CHAIN)}", f"«data: {encoded(ROOT_PEM + ISSUING_PEM)}", base=UNIVERSAL),
    chain_case("MESH073", ISSUING_PEM, message="certificate 1 ('Test Issuing CA') is issued by a CA that is missing"),
    # Without a contract nothing says that there is a CA below the root.
    chain_case("MESH074", ROOT_PEM, options={"outputs": OUTPUTS}),
    chain_case("MESH074", ROOT_PEM, near=ROOT_PEM + "\n", options={"outputs": OUTPUTS}, near_options={}),
    chain_case("MESH075", ending(-0.001), near=ending(1), message="certificate 1 ('Ending') expired on"),
    Case(
        "MESH076",
        f"data: {encoded(CHAIN)}",
        f"«data: {encoded(CHAIN)}",
        near=f"data: {encoded(CHAIN)}",
        base=UNIVERSAL,
        options={"now": NOW - timedelta(hours=2)},
        near_options={"now": NOW},
        message="is valid from",
    ),
    chain_case("MESH077", ending(29.5), near=ending(30.5), message="in 29 days"),
    chain_case("MESH077", ending(0.5), near=ending(31), message="in less than a day"),
    chain_case("MESH078", bundle(LEAF) + CHAIN, message="is not a CA certificate"),
    chain_case("MESH079", ISSUING_PEM + CHAIN, message="certificate 2 ('Test Issuing CA') is a copy of certificate 1"),
    chain_case(
        "MESH080",
        bundle(certificate("Weak", WEAK_RSA.public_key(), "RSA root", RSA), RSA_ROOT),
        near=bundle(RSA_ROOT),
        message="has an RSA key of 1024 bits",
    ),
    chain_case("MESH084", bundle(SHA1, RSA_ROOT), near=bundle(RSA_ROOT), message="is signed with SHA-1"),
    # A root's own signature proves nothing.
    chain_case("MESH084", bundle(SHA1, RSA_ROOT), near=bundle(signed_with_sha1("Root", RSA.public_key(), "Root", RSA))),
    chain_case("MESH081", bundle(*BELOW.chain()), message="certificate 2 ('Middle') has path length 0"),
    chain_case("MESH082", CHAIN + bundle(OTHER.certificate), message="certificate 3 ('Another CA') does not belong"),
    chain_case("MESH083", f"# our CA\n{CHAIN}", near=f"\n{CHAIN}\n"),
]


def changed(**fields: object) -> StackOutputs:
    return StackOutputs.model_validate(contract_document(ISSUING) | fields, strict=False)


REISSUED = Authority(
    "Test Issuing CA", parent=ROOT, path_length=0, not_after=NOW + timedelta(days=400), key=ISSUING.key
)
OTHER_ARN = AUTHORITY_ARN.replace("5555", "6666")
BUILTIN = "      - {name: b, type: builtin}\n      - name: acmpca-1\n"
SECOND = "      - name: acmpca-2\n        type: acmpca\n        conf:\n"
SAME = {"outputs": OUTPUTS}
CONTRACT = [
    Case(
        "MESH130", f"arn: {AUTHORITY_ARN}", f"«arn: {OTHER_ARN}", options=SAME, message="not that of the contract's CA"
    ),
    # While a mesh moves from one CA to another, one of the two is the contract's.
    Case(
        "MESH130",
        f"arn: {AUTHORITY_ARN}",
        f"«arn: {OTHER_ARN}",
        options=SAME,
        near=f"arn: {AUTHORITY_ARN}\n          caCert: {{secret: chain}}\n{SECOND}          arn: {OTHER_ARN}",
    ),
    chain_case("MESH131", bundle(*OTHER.chain()), options=SAME, message="'Another CA'"),
    chain_case("MESH131", bundle(OTHER.certificate) + CHAIN[:0], near=ROOT_PEM, options=SAME),
    chain_case(
        "MESH132",
        bundle(*REISSUED.chain()),
        options=SAME,
        message="the certificate of 'Test Issuing CA' that expires on",
    ),
    Case(
        "MESH133",
        "  name: default\n",
        "  «name: other\n",
        options=SAME,
        message="is not a mesh of the contract. Meshes: 'default'",
    ),
    Case(
        "MESH134",
        "expiration: 24h",
        "«expiration: 48h",
        near="expiration: 1d",
        options=SAME,
        message="48h is not the contract's dataPlaneLifetime, 24h",
    ),
    Case(
        "MESH135",
        "        type: acmpca\n",
        "        type: builtin\n",
        at="backends:\n      - name: acmpca-1",
        options=SAME,
        message="no acmpca backend has the contract",
    ),
    Case(
        "MESH135",
        "enabledBackend: acmpca-1",
        "«enabledBackend: b",
        options=SAME,
        message="'b' signs, not the backend of the contract's CA, which is only trusted: right between steps 1 and 2",
    ),
    Case("MESH135", "enabledBackend: acmpca-1", "«enabledBackend: ''", options=SAME, message="no backend is enabled"),
    Case("MESH135", "spec:\n  mtls:", "spec:\n  x:", at="spec:", options=SAME),
]
CASES = [*CHAINS, *CONTRACT]
