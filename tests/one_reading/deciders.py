"""Every command that judges CAs, as a function that says why the command refuses a chain."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from tests.judges.pem_parts import pem
from tests.one_reading import documents
from tests.one_reading.running import look_up, run, words
from tests.support import AUTHORITY_ARN, NOW
from toolkit.errors import InvalidInputError
from toolkit.infra import existing
from toolkit.infra.lookups import LookUpError
from toolkit.infra.reading import check_settings
from toolkit.infra.settings import SettingsError
from toolkit.mesh.documents.applied import read_applied
from toolkit.mesh.documents.reader import read
from toolkit.pki import algorithms, chain
from toolkit.pki.pem import load_certificates
from toolkit.verify import checks
from toolkit.verify.issue import _issued

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    import pytest

    from tests.judges.verdicts import ChainCase
    from toolkit.verify.results import Check


@dataclass(frozen=True)
class Place:
    """Where the commands run.

    Attributes:
        directory: for files.
        monkeypatch: of the test.
    """

    directory: Path
    monkeypatch: pytest.MonkeyPatch

    def file(self, name: str, text: str) -> str:
        """Write a file and return its path."""
        path = self.directory / name
        path.write_text(text, encoding="utf-8")
        return str(path)


def _key_algorithms(case: ChainCase) -> dict[str, str]:
    """Return what a contract says of the CA's key, if AWS has CAs with such a key."""
    try:
        with warnings.catch_warnings(action="ignore"):
            key = algorithms.read_key_algorithm(x509.load_der_x509_certificate(case.certificates[0]))
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
        return {}
    return {"keyAlgorithm": key, "signingAlgorithm": algorithms.choose_signing_algorithm(key)}


def contract(place: Place, case: ChainCase) -> str:
    """Render a Mesh from a contract that has the chain."""
    text = documents.contract(
        case.text,
        pem(case.certificates[-1]),
        _not_after(case),
        is_root=len(case.certificates) == 1,
        key=_key_algorithms(case),
    )
    result = run("render-mesh", "--contract", place.file("outputs.json", text))
    said = words(result)
    # That the issuing CA expires before --expiration is said of a contract that was read.
    if result.exit_code == 0 or (result.exit_code == 2 and "--expiration: " in said):
        return ""
    assert any(f" {key}: " in said for key in ("certificateChain", "meshes")), said
    assert "certificateAuthority.notAfter" not in said
    return said


def _not_after(case: ChainCase) -> datetime:
    """Return the end of the first certificate, where it can be read at all: a contract repeats it."""
    try:
        with warnings.catch_warnings(action="ignore"):
            return x509.load_der_x509_certificate(case.certificates[0]).not_valid_after_utc
    except (ValueError, x509.InvalidVersion):
        return NOW


def lint(place: Place, case: ChainCase) -> str:
    """Return the errors of lint in a Mesh that has the chain."""
    return "; ".join(message for severity, message in findings(place, case) if severity == "error")


def findings(place: Place, case: ChainCase) -> list[tuple[str, str]]:
    """Return the severity and the message of each finding."""
    file = place.file("mesh.yaml", documents.inline_string(case.text))
    found = json.loads(run("lint", file, "-o", "json").stdout)["findings"]
    return [(each["severity"], f"{each['code']} {each['message']}") for each in found]


def settings(place: Place, case: ChainCase) -> str:  # noqa: ARG001 - the form of all
    """Return what is wrong with the chain's first certificate as the contract's own, and the others above it."""
    own, *above = case.certificates
    given = {"issuedCertificate": pem(own)} | ({"issuedCertificateChain": pem(*above)} if above else {})
    try:
        check_settings({"zones": [documents.ZONE], "topology": "under-external-ca", **given}, "p")
    except SettingsError as error:
        assert {problem.path for problem in error.problems} <= {"p:issuedCertificate", "p:issuedCertificateChain"}
        return "; ".join(map(str, error.problems))
    return ""


def adoption(place: Place, case: ChainCase) -> str:
    """Return what is wrong with a CA that AWS describes with the chain."""
    own, *above = case.certificates
    adopting = check_settings({"zones": [documents.ZONE], "topology": "adopt", "adoptArn": AUTHORITY_ARN}, "p")
    try:
        found = look_up(place.monkeypatch, pem(own), pem(*above))
    except LookUpError as error:
        return str(error)
    return "; ".join(map(str, existing.check_path("adoptArn", found, adopting)))


def verify(place: Place, case: ChainCase) -> str:  # noqa: ARG001 - the form of all
    """Return why a certificate is refused that AWS returns with the chain, for a Mesh that has the chain too."""
    return _check(checks.check_chain, case)


def chain_order(case: ChainCase) -> str:
    """Return what the same report says of the chain that came with the certificate."""
    return _check(checks.check_chain_order, case)


def _check(check: Callable[[checks.Evidence], Check], case: ChainCase) -> str:
    try:
        bundle = read_applied(read([("mesh.yaml", documents.inline_string(case.text))])).bundle
        issued = _issued(pem(case.peer.leaf), case.text)
    except (InvalidInputError, ValueError) as error:
        return str(error)
    uris = chain.list_uris(issued.leaf)
    evidence = checks.Evidence(issued, issued.leaf.public_key(), uris, NOW, load_certificates(bundle), at=NOW)
    found = check(evidence)
    return found.found if found.failed else ""


COMMANDS: dict[str, Callable[[Place, ChainCase], str]] = {
    "contract": contract,
    "lint": lint,
    "settings": settings,
    "adoption": adoption,
    "verify": verify,
}
