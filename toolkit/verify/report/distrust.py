"""Group failed handshakes by their problem, with advice, for the forms that people read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolkit.verify.results import Report

_BUNDLE = "Render the Mesh from the contract and apply it: its caCert does not contain that certificate's CA."
_PURPOSE = "A proxy is client and server: its certificate needs serverAuth, clientAuth and digitalSignature."
_NAMES = "Look at the zone's subject-alternative-names check: its certificate has other names than the CSR."
# Advice by a part of the message of OpenSSL, Envoy or this toolkit.
_ADVICE = {
    "local issuer": _BUNDLE,
    "self-signed": _BUNDLE,
    "self signed": _BUNDLE,
    "unknown ca": _BUNDLE,
    "signature failure": _BUNDLE,
    "expired": "Compare the machine's clock with the lifetimes of the certificate and of the CAs above it.",
    "not yet valid": "Compare the machine's clock with the time from which the certificate is valid.",
    "purpose": _PURPOSE,
    "unsupported certificate": _PURPOSE,
    "it is a CA certificate": "Look at the zone's basic-constraints check: the CA used a template for CA certificates.",
    "SPIFFE ID": _NAMES,
    "certificate unknown": _NAMES,
    "another key": "Look at the zone's public-key check: the CA certified a key that is not the zone's.",
}


def group_by_problem(report: Report) -> list[tuple[str, list[str]]]:
    """Return each problem of failed handshakes with its pairs (``a to b``), the most frequent problem first."""
    pairs: dict[str, list[str]] = {}
    for met in report.handshakes:
        if met.problem:
            pairs.setdefault(met.problem, []).append(f"{met.client} to {met.server}")
    return sorted(pairs.items(), key=lambda item: -len(item[1]))


def advise(problem: str) -> str:
    """Return advice on a handshake's problem; empty for an unknown problem."""
    return next((text for words, text in _ADVICE.items() if words in problem), "")
