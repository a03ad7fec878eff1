"""The certificates that proxies are checked against, as they stand in a Mesh or in a Secret that it names."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from toolkit.errors import one_line
from toolkit.mesh.lint.sources import is_pem_in_base64, resolve
from toolkit.pki import chain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.mesh.lint.context import Context
    from toolkit.mesh.lint.documents import Backend, MeshDocument
    from toolkit.mesh.lint.sources import Resolved

# Where each type of backend has its chain; that of Vault is asked of Vault.
_FIELDS = {"acmpca": "caCert", "certmanager": "caCert", "provided": "cert"}
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_KEY = re.compile(r"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----.*?(?:-----END \1-----|\Z)", re.DOTALL)
# What no library verifies any more; a signature with it is taken on its word, and reported as weak.
BROKEN = ("md5", "sha1")
# A chain has five certificates at most (AWS user guide, ca-hierarchy.html); far more are no chain, and are not tried
# against each other.
_MAX_TRIED = 50


@dataclass(frozen=True)
class Bundle:
    """What stands where a chain should.

    Attributes:
        where: it stands.
        certificates: in their order; empty where they can't be read.
        problem: why they can't.
        has_key: whether there is a private key among them.
        has_text: whether there is text around them.
    """

    where: Resolved
    certificates: tuple[x509.Certificate, ...] = ()
    problem: str = ""
    has_key: bool = False
    has_text: bool = False

    @cached_property
    def unique(self) -> tuple[int, ...]:
        """The numbers of the certificates, from 0, without those that stand there before."""
        return tuple(n for n, each in enumerate(self.certificates) if each not in self.certificates[:n])

    @cached_property
    def chain(self) -> tuple[int, ...]:
        """The numbers of those that make a chain, issuing CA first, as far up as it goes."""
        return _longest([(n, self.certificates[n]) for n in self.unique if chain.is_ca(self.certificates[n])])

    @property
    def is_in_order(self) -> bool:
        """Whether it is a chain and nothing else."""
        return bool(self.certificates) and self.chain == tuple(range(len(self.certificates)))

    @property
    def ends_in_root(self) -> bool:
        """Whether the chain goes up to a root."""
        return bool(self.chain) and is_root(self.certificates[self.chain[-1]])


def bundle_of(mesh: MeshDocument, backend: Backend, context: Context) -> Bundle | None:
    """The chain of a backend; None where it has none, or one that has a finding as a data source or can't be read."""
    field = _FIELDS.get(backend.type)
    if field is None:
        return None
    resolved = resolve(mesh, (*backend.path, "conf", field), backend.conf.get(field), context)
    if resolved is None or (resolved.path[-1] == "inlineString" and is_pem_in_base64(resolved.value)):
        return None
    return read(resolved)


def read(where: Resolved) -> Bundle:
    """The certificates in a text, and what else is there."""
    text, keys = _KEY.subn("", where.value)
    blocks = _CERTIFICATE.findall(text)
    around = _CERTIFICATE.sub("", text).strip()
    has_key, has_text = keys > 0, bool(around) and bool(blocks)
    if has_key and not blocks and not around:
        return Bundle(where, has_key=True)
    try:
        # What is cut off, or is something else in PEM, is told apart where the toolkit reads every chain.
        found = chain.load_bundle(text if "-----" in around or not blocks else "\n".join(blocks))
        for number, certificate in enumerate(found, start=1):
            _require_readable(number, certificate)
    except ValueError as error:
        problem = "is base64 of PEM once more" if is_pem_in_base64(text) else one_line(error)
        return Bundle(where, problem=problem, has_key=has_key)
    return Bundle(where, found, has_key=has_key, has_text=has_text)


def _require_readable(number: int, certificate: x509.Certificate) -> None:
    """Names, times and extensions are read late; a certificate in which one is broken is of no use.

    Raises:
        ValueError: that is so.
    """
    try:
        parts = (certificate.subject, certificate.issuer, certificate.extensions, certificate.not_valid_after_utc)
        usable = all(part is not None for part in parts)
    except (ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, UnsupportedAlgorithm):
        usable = False
    if not usable:
        raise ValueError(f"certificate {number} is broken inside: its names, times or extensions can't be read")


def _longest(certificates: Sequence[tuple[int, x509.Certificate]]) -> tuple[int, ...]:
    """The longest way up, by numbers; of several the one that begins first."""
    if len(certificates) > _MAX_TRIED:
        return tuple(number for number, _ in certificates)
    by_subject: defaultdict[x509.Name, list[tuple[int, x509.Certificate]]] = defaultdict(list)
    for number, certificate in certificates:
        by_subject[certificate.subject].append((number, certificate))
    above: dict[int, int] = {}
    for number, certificate in certificates:
        if not is_root(certificate):
            issuers = (n for n, each in by_subject[certificate.issuer] if _is_issued_by(certificate, each))
            if (issuer := next(issuers, None)) is not None:
                above[number] = issuer
    return max((_way_up(number, above) for number, _ in certificates), key=len, default=())


def _way_up(number: int, above: dict[int, int]) -> tuple[int, ...]:
    way = [number]
    while (issuer := above.get(way[-1])) is not None and issuer not in way:
        way.append(issuer)
    return tuple(way)


def is_root(certificate: x509.Certificate) -> bool:
    """Whether it is issued by itself."""
    return _is_issued_by(certificate, certificate)


def _is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    if hash_name(certificate) not in BROKEN:
        return chain.is_issued_by(certificate, issuer)
    return certificate.issuer == issuer.subject and _key_fits(certificate, issuer)


def _key_fits(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the identifiers of keys, where both have one, are the same."""
    try:
        authority = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        subject = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return True
    return authority in (None, subject)


def hash_name(certificate: x509.Certificate) -> str:
    """With which hash it is signed; empty where that is not known."""
    try:
        algorithm = certificate.signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        return ""
    return algorithm.name if algorithm else ""
