"""Whether name constraints admit a URI, as Go and OpenSSL both judge it.

Go (crypto/x509/constraints.go) and OpenSSL (crypto/x509/v3_ncons.c, nc_uri) apply URI constraints to every URI of a
subjectAltName, ``kuma://...`` included. They compare the host of the URI; a constraint that begins with a dot admits
the hosts below it, any other one that host alone (RFC 5280, 4.2.1.10).
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cryptography import x509

from toolkit.pki import names

_HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*")

if TYPE_CHECKING:
    from collections.abc import Iterable

_KNOWN = (x509.DNSName, x509.IPAddress, x509.RFC822Name, x509.UniformResourceIdentifier)


def list_refused_uris(constraints: x509.NameConstraints, uris: Iterable[str]) -> list[str]:
    """Return the URIs that Go or OpenSSL refuses in a certificate below a CA with these constraints.

    Args:
        constraints: of the CA.
        uris: of the certificate.
    """
    permitted, excluded = _domains(constraints.permitted_subtrees), _domains(constraints.excluded_subtrees)
    if not permitted and not excluded:
        return []
    if "" in (*permitted, *excluded):
        # To Go an empty constraint is every host, to OpenSSL none, and Envoy refuses to compare.
        return list(uris)
    return [uri for uri in uris if not _admits(permitted, excluded, _host(uri))]


def has_unknown_forms(constraints: x509.NameConstraints) -> bool:
    """Return whether they constrain names of a form that Go does not check, such as directory names.

    Go then refuses a certificate below them if the extension is critical (parser.go, parseNameConstraintsExtension).
    """
    bases = [*(constraints.permitted_subtrees or ()), *(constraints.excluded_subtrees or ())]
    return not all(isinstance(base, _KNOWN) for base in bases)


def refuses_subject(constraints: x509.NameConstraints, subject: bytes) -> bool:
    """Return whether OpenSSL refuses a CA of that subject below a CA with these constraints.

    A directory name admits the names that begin with it (openssl/openssl:crypto/x509/v3_ncons.c, nc_dn); an empty
    subject is not compared.

    Args:
        constraints: of the CA above.
        subject: DER.
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
    if not _HOST.fullmatch(host):
        # Where there is any URI constraint, all refuse a URI without a host, Go and BoringSSL one with an address, and
        # BoringSSL one with an underscore.
        return False
    if any(_is_within(host, domain, widely=True) for domain in excluded):
        return False
    return not permitted or any(_is_within(host, domain, widely=False) for domain in permitted)


def _is_within(host: str, domain: str, *, widely: bool) -> bool:
    """Return whether a host is within a constraint.

    Args:
        host: in lower case.
        domain: the constraint, in lower case.
        widely: whether hosts below a constraint without a dot count, as in Go's reading of some versions; asked of what
            is excluded, so that the answer is right for every reader.
    """
    if domain.startswith("."):
        return host.endswith(domain)
    return host == domain or (widely and host.endswith(f".{domain}"))


def _host(uri: str) -> str:
    """Return the host of a URI in lower case; empty where there is none, or an address."""
    try:
        host = urlsplit(uri).hostname or ""
    except ValueError:
        return ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host
    return ""
