"""CA chains with one defect each, and the judges that refuse a leaf below them.

Measured with Go 1.26, OpenSSL 3.0 and Envoy 1.40.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from tests.judges import asn1
from tests.judges.authorities import (
    AUTHORITY_KEY_ID,
    BASIC_CONSTRAINTS,
    KEY_USAGE,
    SUBJECT_KEY_ID,
    Ca,
    Extension,
    extension,
    p256,
)
from tests.judges.defects_of_chains import chains
from tests.judges.defects_of_fields import fields
from tests.judges.verdicts import EVERYONE, ChainCase
from toolkit.pki.extensions import build_key_usage

Row = tuple[str, Ca, str]

_ROOT = Ca("Root")
_SERVER, _CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
_ANY, _CODE = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE, ExtendedKeyUsageOID.CODE_SIGNING
_NULL = asn1.tlv(asn1.NULL)
_POLICY = x509.ObjectIdentifier("1.3.6.1.4.1.99999.1")


@functools.cache
def cases() -> tuple[ChainCase, ...]:
    """Return every chain; the first ones have no defect."""
    rows = (
        *_sound(),
        *_basic_constraints(),
        *_key_usages(),
        *_extended_key_usages(),
        *_name_constraints(),
        *_other_extensions(),
        *_key_identifiers(),
        *fields(),
    )
    of_one_ca = [ChainCase(name, ca.chain(), ca.issue_leaf(), frozenset(refused.split())) for name, ca, refused in rows]
    return (*of_one_ca, *chains())


def _issuing(*extensions: Extension, without: tuple[str, ...] = ()) -> Ca:
    return Ca("Issuing", _ROOT, extensions=extensions, without=without)


def _below_root(*extensions: Extension, without: tuple[str, ...] = ()) -> Ca:
    """Return a sound CA below a root with a defect."""
    return Ca("Issuing", Ca("Root", extensions=extensions, without=without))


def _sound() -> Iterator[Row]:
    yield "sound", Ca("Issuing", _ROOT), ""
    yield "sound-root-issues", Ca("Root"), ""
    yield "sound-three", Ca("Issuing", Ca("Middle", _ROOT)), ""


def _basic_constraints() -> Iterator[Row]:
    not_ca = x509.BasicConstraints(ca=False, path_length=None)
    is_ca, top = x509.BasicConstraints(ca=True, path_length=None), x509.BasicConstraints(ca=True, path_length=0)
    yes = asn1.tlv(asn1.BOOLEAN, b"\xff")
    yield (
        "bc-not-ca",
        _issuing(extension(not_ca, critical=True)),
        "go go-bundle openssl openssl-bundle strict level2 envoy-root",
    )
    yield "bc-not-ca-root", _below_root(extension(not_ca, critical=True)), "go openssl openssl-bundle strict level2"
    yield (
        "bc-absent",
        _issuing(without=(BASIC_CONSTRAINTS,)),
        "go go-bundle openssl openssl-bundle strict level2 envoy-root",
    )
    yield "bc-absent-root", _below_root(without=(BASIC_CONSTRAINTS,)), "go strict"
    yield "bc-not-critical", _issuing(extension(is_ca)), "strict"
    yield "bc-not-critical-root", _below_root(extension(is_ca)), "strict"
    yield "path-length-exceeded", _below_root(extension(top, critical=True)), "go openssl openssl-bundle strict level2"
    yield (
        "path-length-exceeded-middle",
        Ca("Lower", _issuing(extension(top, critical=True))),
        "go openssl openssl-bundle strict level2 envoy-root",
    )
    yield "path-length-on-not-ca", _issuing(_constraints(asn1.integer(0))), EVERYONE
    yield (
        "path-length-on-not-ca-root",
        _below_root(_constraints(asn1.integer(0))),
        "go openssl openssl-bundle strict level2 envoy-root",
    )
    yield "path-length-negative", _issuing(_constraints(yes, asn1.integer(-1))), EVERYONE
    yield "path-length-huge", _issuing(_constraints(yes, asn1.integer(1 << 70))), "go go-bundle"
    yield (
        "bc-trailing-bytes",
        _issuing(Extension(BASIC_CONSTRAINTS, asn1.sequence(yes) + _NULL, critical=True)),
        "envoy envoy-root",
    )
    yield (
        "bc-trailing-element",
        _issuing(_constraints(yes, asn1.integer(0), _NULL)),
        "openssl openssl-bundle strict level2 envoy envoy-root",
    )
    yield "bc-true-is-01", _issuing(_constraints(asn1.tlv(asn1.BOOLEAN, b"\x01"))), "go go-bundle"


def _constraints(*parts: bytes) -> Extension:
    return Extension(BASIC_CONSTRAINTS, asn1.sequence(*parts), critical=True)


def _key_usages() -> Iterator[Row]:
    sign = build_key_usage("key_cert_sign")
    yield "ku-absent", _issuing(without=(KEY_USAGE,)), "strict"
    yield "ku-absent-root", _below_root(without=(KEY_USAGE,)), "strict"
    yield (
        "ku-no-cert-sign",
        _issuing(extension(build_key_usage("digital_signature", "crl_sign"), critical=True)),
        EVERYONE,
    )
    yield (
        "ku-no-cert-sign-root",
        _below_root(extension(build_key_usage("digital_signature"), critical=True)),
        "go openssl openssl-bundle strict level2 envoy-root",
    )
    yield "ku-no-crl-sign", _issuing(extension(sign, critical=True)), ""
    yield "ku-key-agreement", _issuing(extension(build_key_usage("key_cert_sign", "key_agreement"), critical=True)), ""
    yield "ku-not-critical", _issuing(extension(sign)), ""
    yield (
        "ku-no-bits",
        _issuing(Extension(KEY_USAGE, asn1.bit_string(b""), critical=True)),
        "openssl openssl-bundle strict level2 envoy envoy-root",
    )
    yield (
        "ku-all-zero",
        _issuing(Extension(KEY_USAGE, asn1.bit_string(b"\0"), critical=True)),
        "openssl openssl-bundle strict level2 envoy envoy-root",
    )


def _extended_key_usages() -> Iterator[Row]:
    def usages(*oids: x509.ObjectIdentifier, critical: bool = False) -> Extension:
        return extension(x509.ExtendedKeyUsage(oids), critical=critical)

    yield (
        "eku-server",
        _issuing(usages(_SERVER)),
        "go:client go-bundle:client openssl:client openssl-bundle:client strict:client level2:client envoy-root",
    )
    yield (
        "eku-client",
        _issuing(usages(_CLIENT)),
        "go:server go-bundle:server openssl:server openssl-bundle:server strict:server level2:server",
    )
    yield "eku-both", _issuing(usages(_SERVER, _CLIENT)), ""
    yield "eku-both-critical", _issuing(usages(_SERVER, _CLIENT, critical=True)), ""
    yield "eku-any", _issuing(usages(_ANY)), "openssl openssl-bundle strict level2 envoy-root"
    yield (
        "eku-any-and-server",
        _issuing(usages(_ANY, _SERVER)),
        "openssl:client openssl-bundle:client strict:client level2:client envoy-root",
    )
    yield "eku-code-signing", _issuing(usages(_CODE)), "go go-bundle openssl openssl-bundle strict level2 envoy-root"
    yield (
        "eku-server-root",
        _below_root(usages(_SERVER)),
        "go:client openssl:client openssl-bundle:client strict:client level2:client",
    )
    yield "eku-any-root", _below_root(usages(_ANY)), "openssl openssl-bundle strict level2"
    yield "eku-code-signing-root", _below_root(usages(_CODE)), "go openssl openssl-bundle strict level2"
    yield (
        "eku-empty",
        _issuing(Extension("2.5.29.37", asn1.sequence())),
        "openssl openssl-bundle strict level2 envoy-root",
    )


def _name_constraints() -> Iterator[Row]:
    def uris(*hosts: str) -> list[x509.GeneralName]:
        return [x509.UniformResourceIdentifier(host) for host in hosts]

    def names(
        permitted: list[x509.GeneralName] | None, excluded: list[x509.GeneralName] | None, *, critical: bool = True
    ) -> Extension:
        return extension(x509.NameConstraints(permitted, excluded), critical=critical)

    dns: list[x509.GeneralName] = [x509.DNSName("ferries.example")]
    directory: list[x509.GeneralName] = [x509.DirectoryName(x509.Name.from_rfc4514_string("O=Ferries"))]
    yield "nc-uri-both", _issuing(names(uris("default", "kuma.io"), None)), ""
    yield "nc-uri-spiffe-only", _issuing(names(uris("default"), None)), EVERYONE
    yield "nc-uri-other", _issuing(names(uris("ferries.example"), None)), EVERYONE
    yield "nc-uri-other-not-critical", _issuing(names(uris("ferries.example"), None, critical=False)), EVERYONE
    yield (
        "nc-uri-other-root",
        _below_root(names(uris("ferries.example"), None)),
        "go openssl openssl-bundle strict level2 envoy envoy-root",
    )
    yield "nc-uri-domain", _issuing(names(uris(".default", ".io"), None)), EVERYONE
    yield "nc-uri-excluded", _issuing(names(None, uris("default"))), EVERYONE
    yield "nc-uri-excluded-other", _issuing(names(None, uris("ferries.example"))), ""
    yield "nc-uri-whole", _issuing(names(uris("spiffe://default", "kuma://kuma.io"), None)), EVERYONE
    yield "nc-dns", _issuing(names(dns, None)), ""
    yield "nc-dns-excluded", _issuing(names(None, dns)), ""
    yield "nc-directory", _issuing(names(directory, None)), "go go-bundle"
    yield "nc-empty", _issuing(Extension("2.5.29.30", asn1.sequence(), critical=True)), "go go-bundle"


def _other_extensions() -> Iterator[Row]:
    point = x509.DistributionPoint([x509.UniformResourceIdentifier("http://crl.example/ca.crl")], None, None, None)
    ocsp = x509.AccessDescription(
        AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier("http://ocsp.example")
    )
    policies = x509.CertificatePolicies([x509.PolicyInformation(_POLICY, None)])
    require = x509.PolicyConstraints(require_explicit_policy=0, inhibit_policy_mapping=None)
    yield (
        "unknown-critical",
        _issuing(Extension("1.3.6.1.4.1.99999.7", _NULL, critical=True)),
        "go go-bundle openssl openssl-bundle strict level2 envoy-root",
    )
    yield (
        "unknown-critical-root",
        _below_root(Extension("1.3.6.1.4.1.99999.7", _NULL, critical=True)),
        "go openssl openssl-bundle strict level2",
    )
    yield "unknown-not-critical", _issuing(Extension("1.3.6.1.4.1.99999.7", _NULL)), ""
    yield "policies-critical", _issuing(extension(policies, critical=True)), ""
    yield "policy-constraints-critical", _issuing(extension(require, critical=True)), "go envoy envoy-root"
    yield "policy-constraints-critical-root", _below_root(extension(require, critical=True)), ""
    yield "inhibit-any-policy-critical", _issuing(extension(x509.InhibitAnyPolicy(0), critical=True)), ""
    yield "crl-points-critical", _issuing(extension(x509.CRLDistributionPoints([point]), critical=True)), "envoy-root"
    yield (
        "aia-critical",
        _issuing(extension(x509.AuthorityInformationAccess([ocsp]), critical=True)),
        "go go-bundle openssl openssl-bundle strict level2 envoy-root",
    )
    yield (
        "ct-poison",
        _issuing(extension(x509.PrecertPoison(), critical=True)),
        "go go-bundle openssl openssl-bundle strict level2 envoy-root",
    )
    yield "san-critical", _issuing(_names("spiffe://default", critical=True)), ""
    yield "san-bad-uri", _issuing(_names("spiffe://de fault/ca")), "go go-bundle"
    yield "san-bad-port", _issuing(_names("spiffe://default:web/ca")), "go go-bundle"
    yield "san-bad-host", _issuing(_names("spiffe://[default/ca")), "go go-bundle"
    yield "san-underscore-host", _issuing(_names("spiffe://my_mesh/ca")), ""
    yield "san-no-host", _issuing(_names("spiffe:///ca")), ""
    yield (
        "duplicate-extension",
        Ca("Issuing", _ROOT, extra=[extension(build_key_usage("key_cert_sign"), critical=True)]),
        EVERYONE,
    )
    yield (
        "duplicate-extension-root",
        Ca("Issuing", Ca("Root", extra=[Extension(SUBJECT_KEY_ID, asn1.tlv(4, b"x"))])),
        "go openssl openssl-bundle strict level2 envoy-root",
    )


def _names(uri: str, *, critical: bool = False) -> Extension:
    return Extension("2.5.29.17", asn1.sequence(asn1.tlv(0x86, uri.encode())), critical=critical)


def _key_identifiers() -> Iterator[Row]:
    foreign = x509.AuthorityKeyIdentifier(b"x" * 20, None, None)
    root_name = x509.DirectoryName(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Root")]))
    by_serial = x509.AuthorityKeyIdentifier(None, [root_name], 1)
    right = extension(x509.AuthorityKeyIdentifier(_ROOT.key_id, None, None), critical=True)
    yield "ski-absent", _issuing(without=(SUBJECT_KEY_ID,)), "strict"
    yield "ski-absent-root", _below_root(without=(SUBJECT_KEY_ID,)), "strict"
    yield "aki-absent", _issuing(without=(AUTHORITY_KEY_ID,)), "strict"
    yield (
        "ski-aki-absent",
        Ca("Issuing", Ca("Root", without=(SUBJECT_KEY_ID,)), without=(SUBJECT_KEY_ID, AUTHORITY_KEY_ID)),
        "strict",
    )
    key = p256()
    own = extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=True)
    yield (
        "ski-critical",
        Ca("Issuing", _ROOT, key=key, extensions=[own]),
        "go go-bundle openssl openssl-bundle strict level2 envoy-root",
    )
    yield "aki-critical", _issuing(right), "go go-bundle openssl openssl-bundle strict level2 envoy-root"
    yield "aki-other-key", _issuing(extension(foreign)), "openssl openssl-bundle strict level2 envoy-root"
    yield "aki-other-serial", _issuing(extension(by_serial)), "openssl openssl-bundle strict level2 envoy-root"
    yield "aki-other-key-root", _below_root(extension(foreign)), "openssl openssl-bundle strict level2"
    yield (
        "ski-not-the-leafs-aki",
        _issuing(extension(x509.SubjectKeyIdentifier(b"k" * 20))),
        "openssl openssl-bundle strict level2 envoy envoy-root",
    )
    yield (
        "ski-empty",
        _issuing(Extension(SUBJECT_KEY_ID, asn1.tlv(asn1.OCTET_STRING))),
        "openssl openssl-bundle strict level2 envoy envoy-root",
    )
