"""Check URIs and subjects against name constraints as Go and OpenSSL do.

Go (crypto/x509/constraints.go) and OpenSSL (crypto/x509/v3_ncons.c, nc_uri) apply URI constraints to every URI of a
subjectAltName, including ``kuma://...``. They compare the URI's host. A constraint that begins with a dot matches the
hosts below it, any other constraint only that host (RFC 5280, 4.2.1.10).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from cryptography import x509

from toolkit.pki import names

_HOST = r"[a-z0-9-]+(?:\.[a-z0-9-]+)*"


KNOWN_TO_GO = (x509.DNSName, x509.IPAddress, x509.RFC822Name, x509.UniformResourceIdentifier)


def list_refused_uris(constraints: x509.NameConstraints, uris: Iterable[str]) -> list[str]:
    """Return the URIs that Go or OpenSSL rejects in a certificate below a CA with these constraints.

    Args:
        constraints: the CA's name constraints.
        uris: the certificate's URI SANs.
    """
    permitted, excluded = _domains(constraints.permitted_subtrees), _domains(constraints.excluded_subtrees)
    if not permitted and not excluded:
        return []
    if "" in (*permitted, *excluded):
        # An empty constraint matches every host in Go and none in OpenSSL, and is an error in Envoy.
        return list(uris)
    return [uri for uri in uris if not _admits(permitted, excluded, _host(uri))]


def has_unknown_forms(constraints: x509.NameConstraints) -> bool:
    """Return whether the constraints include forms of names that Go does not check, such as directory names.

    If the extension is critical, Go then rejects every certificate below the CA (parser.go,
    parseNameConstraintsExtension).
    """
    bases = [*(constraints.permitted_subtrees or ()), *(constraints.excluded_subtrees or ())]
    return not all(isinstance(base, KNOWN_TO_GO) for base in bases)


def refuses_subject(constraints: x509.NameConstraints, subject: bytes) -> bool:
    """Return whether OpenSSL rejects a CA with this subject below a CA with these constraints.

    A directory name matches the names that begin with it (openssl/openssl:crypto/x509/v3_ncons.c, nc_dn). An empty
    subject is not compared.

    Args:
        constraints: the upper CA's name constraints.
        subject: the lower CA's subject in DER.
    """
    name = _fold(subject)
    permitted, excluded = (
        [_fold(base.value.public_bytes()) for base in subtrees or () if isinstance(base, x509.DirectoryName)]
        for subtrees in (constraints.permitted_subtrees, constraints.excluded_subtrees)
    )
    if not name:
        return False
    within = [name[: len(base)] == base for base in permitted]
    return (bool(within) and not any(within)) or any(name[: len(base)] == base for base in excluded)


def _fold(name: bytes) -> list[tuple[bytes, str]]:
    return names.fold(names.read_attributes(name))


def _domains(subtrees: Iterable[x509.GeneralName] | None) -> list[str]:
    return [name.value.lower() for name in subtrees or () if isinstance(name, x509.UniformResourceIdentifier)]


def _admits(permitted: list[str], excluded: list[str], host: str) -> bool:
    if not re.fullmatch(_HOST, host):
        # With any URI constraint, all programs reject a URI without a host. Go and BoringSSL also reject an IP address,
        # and BoringSSL an underscore.
        return False
    if any(_is_within(host, domain, widely=True) for domain in excluded):
        return False
    return not permitted or any(_is_within(host, domain, widely=False) for domain in permitted)


def _is_within(host: str, domain: str, *, widely: bool) -> bool:
    """Return whether a host is within a constraint.

    Args:
        host: in lower case.
        domain: the constraint, in lower case.
        widely: whether a constraint without a dot also matches the hosts below it, as in some versions of Go. It is
            True for excluded hosts, so that no program rejects an admitted host.
    """
    if domain.startswith("."):
        return host.endswith(domain)
    return host == domain or (widely and host.endswith(f".{domain}"))


def _host(uri: str) -> str:
    """Return the host of a URI in lower case; empty if it has none or an IP address."""
    try:
        host = urlsplit(uri).hostname or ""
    except ValueError:
        return ""
    return "" if is_ip_address(host) else host


def is_ip_address(text: str) -> bool:
    """Return whether a text is an IP address, of version 4 or 6."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
