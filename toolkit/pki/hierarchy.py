"""Find the path from the issuing CA to a root among the CAs of a trust bundle."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from toolkit.pki import chain, names

if TYPE_CHECKING:
    from cryptography import x509

# A chain has at most five certificates (AWS user guide, ca-hierarchy.html). With far more certificates, comparing all
# pairs would be too slow.
_MAX_TRIED = 50
_MAX_PATHS = 500


class Hierarchy:
    """The certificates of a text, in order, and the path through them.

    If roots signed each other, there are several paths. Go and Envoy accept any path that ends in a root. OpenSSL
    accepts only the path whose certificates come first.

    Attributes:
        certificates: in the order of the text.
    """

    def __init__(self, certificates: tuple[x509.Certificate, ...]) -> None:
        self.certificates = certificates

    @cached_property
    def unique(self) -> tuple[int, ...]:
        """Return the indexes of the certificates without duplicates."""
        return tuple(n for n, each in enumerate(self.certificates) if each not in self.certificates[:n])

    @cached_property
    def path(self) -> tuple[int, ...]:
        """Return the indexes of the path's certificates, from the issuing CA up.

        Of several paths, prefer one that ends in a root, then the longest, then the one that begins first, then one
        that is in order. A root alone ranks like a path without a root.
        """
        authorities = [n for n in self.unique if chain.is_ca(self.certificates[n])]
        if len(authorities) > _MAX_TRIED:
            return tuple(authorities)
        paths = [path for number in authorities for path in itertools.islice(self._paths(number, ()), _MAX_PATHS)]
        return max(paths, key=self._rank, default=())

    def _rank(self, path: tuple[int, ...]) -> tuple[bool, int, int, bool]:
        in_order = all(below < above for below, above in itertools.pairwise(path))
        return path[-1] in self._roots and len(path) > 1, len(path), -path[0], in_order

    def _paths(self, number: int, below: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        path = (*below, number)
        # Two certificates of the same CA belong to different paths.
        taken = {self._identities[n] for n in path}
        above = [n for n in self._issuers.get(number, ()) if self._identities[n] not in taken]
        if not above or number in self._roots:
            yield path
            return
        for issuer in above:
            yield from self._paths(issuer, path)

    @cached_property
    def _identities(self) -> tuple[tuple[bytes, bytes], ...]:
        """Return for each certificate the CA's identity: its name and its public key (DER)."""
        return tuple((names.read_subject(each), names.read_public_key(each)) for each in self.certificates)

    @cached_property
    def _issuers(self) -> dict[int, list[int]]:
        """Return for each CA's index the indexes of its issuers."""
        certificates = self.certificates
        authorities = [n for n in self.unique if chain.is_ca(certificates[n])]
        return {
            # Roots first, so that paths to a root are found first.
            child: sorted(
                (n for n in authorities if n != child and chain.is_issued_by(certificates[child], certificates[n])),
                key=lambda number: number not in self._roots,
            )
            for child in authorities
        }

    @cached_property
    def _roots(self) -> frozenset[int]:
        """Return the indexes of the roots, which are issued by themselves."""
        return frozenset(n for n in self.unique if chain.is_self_signed(self.certificates[n]))

    @property
    def is_in_order(self) -> bool:
        """Return whether the text is one chain: each certificate is issued by the next one."""
        return bool(self.certificates) and self.path == tuple(range(len(self.certificates)))

    @property
    def ends_in_root(self) -> bool:
        """Return whether the path ends in a root."""
        return bool(self.path) and self.path[-1] in self._roots

    @cached_property
    def related(self) -> frozenset[int]:
        """Return the indexes of the certificates on the path, and of other certificates of the same CAs."""
        on_path = {self._identities[n] for n in self.path}
        return frozenset(n for n in self.unique if self._identities[n] in on_path)

    def find_shadowed(self, number: int) -> int | None:
        """Return the index of a certificate that OpenSSL uses instead of one on the path, and then finds no root.

        If a CA has several certificates, OpenSSL uses the first one and never tries another.
        """
        for other in range(number):
            same = other in self.related and self._identities[other] == self._identities[number]
            if same and other not in self.path and not self._leads_to_root(other):
                return other
        return None

    def _leads_to_root(self, number: int) -> bool:
        paths = itertools.islice(self._paths(number, ()), _MAX_PATHS)
        return any(path[-1] in self._roots for path in paths)

    def find_unsigned_issuer(self, number: int) -> int | None:
        """Return the index of a CA that a certificate names as its issuer, if no CA with that name signed it."""
        if number in self._roots:
            return None
        named = names.read_issuer(self.certificates[number])
        candidates = [n for n in self.unique if n != number and names.read_subject(self.certificates[n]) == named]
        signed = any(chain.is_issued_by(self.certificates[number], self.certificates[n]) for n in candidates)
        return None if signed or not candidates else candidates[0]

    def find_misnamed_issuer(self, number: int) -> int | None:
        """Return the index of the CA that signed a certificate, if the issuer's name in it differs in its bytes.

        OpenSSL ignores differences in case, blanks and string type. Go does not.
        """
        child = self.certificates[number]
        for other in self.unique if len(self.unique) <= _MAX_TRIED else ():
            parent = self.certificates[other]
            differ = other != number and names.read_issuer(child) != names.read_subject(parent)
            if differ and chain.is_signed_with_key_of(child, parent):
                return other
        return None
