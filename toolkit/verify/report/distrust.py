"""Group failed handshakes by their problem, with advice, for the forms that people read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolkit.verify.results import Report

_BUNDLE = (
    "Render the Mesh (with MeshIdentity: the MeshTrusts) from the contract and apply it: its caCert or caBundles do "
    "not contain the whole chain of that certificate's CA."
)
_DOMAIN = (
    "Apply a MeshTrust of that certificate's trust domain to the global control plane. The trust domain is that of its "
    "first URI SAN."
)
_PURPOSE = "A proxy is client and server: its certificate needs serverAuth, clientAuth and digitalSignature."
_NAMES = "Look at the zone's subject-alternative-names check: its certificate has other names than the CSR."
# Advice by a part of the message of OpenSSL, Envoy or this toolkit.
_ADVICE = {
    "no MeshTrust": _DOMAIN,
    "no trust domain": _DOMAIN,
    "no trust bundle store": _DOMAIN,
    "local issuer": _BUNDLE,
    "get issuer certificate": _BUNDLE,
    "self-signed": _BUNDLE,
    "self signed": _BUNDLE,
    "unknown ca": _BUNDLE,
    "signature failure": _BUNDLE,
    "expired": "Compare the machine's clock with the lifetimes of the certificate and of the CAs above it.",
    "not yet valid": "Compare the machine's clock with the time from which the certificate is valid.",
    "purpose": _PURPOSE,
    "unsupported certificate": _PURPOSE,
    "cert precheck": "Look at the zone's checks basic-constraints and key-usage: the certificate may be of a CA.",
    "its key usage allows": "Look at the zone's key-usage check: the certificate may sign others.",
    "it is a CA certificate": "Look at the zone's basic-constraints check: the CA used a template for CA certificates.",
    "SPIFFE ID": _NAMES,
    "certificate unknown": f"{_NAMES} With MeshTrusts, Envoy's servers send this alert for every reason, and "
    "--dataplane openssl names it.",
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
