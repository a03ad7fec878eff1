"""Summarize a report, and advise on failed handshakes, in sentences that several forms share."""

from __future__ import annotations

from collections.abc import Sequence, Sized

from toolkit.verify.results import Check, Outcome, Report

# Keys exist only during a run, so a merge can't make the handshakes between zones of different runs.
VERIFY_TOGETHER = "To make every handshake, verify all zones in one run."

REVOKE_LATER = (
    "Revoke it as the CA's administrator with aws acm-pca revoke-certificate. "
    "To let verify do it, allow the role acm-pca:RevokeCertificate."
)
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
# Advice on a handshake by a part of the message of OpenSSL, Envoy or this toolkit.
_ADVICE_ON_HANDSHAKES = {
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


def describe_cost(report: Report) -> str:
    """Return how many certificates were issued and revoked, and their maximum cost, as text."""
    issued = report.certificates_issued
    revoked = report.certificates_revoked
    kept = sum(len(zone.not_revoked) for zone in report.zones)
    text = f"{issued} certificate{'s'[: issued != 1]} issued (at most ${report.cost_at_most_usd:.2f})"
    text += f", {revoked} of them revoked" if revoked else ""
    return text + (f", {kept} not revoked" if kept else "")


def summarize(report: Report) -> str:
    """Return the summary of a report, for the last lines of its table."""
    lines = list_trouble(report)
    if lines:
        return "\n".join([*lines[:-1], f"{lines[-1]}, {describe_cost(report)}."])
    zones, made, missing = len(report.zones), len(report.handshakes), report.handshakes_not_made
    if missing:
        many = f"{missing} of {made + missing} handshakes between them were not made"
        return f"All {zones} zones get certificates, but {many}; {describe_cost(report)}. {VERIFY_TOGETHER}"
    met = f", {made} handshakes between them" if made else ""
    return f"Every zone gets certificates: {zones} of {zones} verified{met}, {describe_cost(report)}."


def count_zones(some: Sized, every: Sized) -> str:
    """Return how many zones of all, such as "1 of 3 zones"."""
    return f"{len(some)} of {len(every)} zone{'s'[: len(every) != 1]}"


def list_trouble(report: Report, most_names: int | None = None) -> list[str]:
    """Return a line for each reason why the report has not passed; empty if it has passed.

    Args:
        report: the report.
        most_names: how many zones to name in a line; None for all.
    """
    failed = [zone.zone for zone in report.zones if zone.outcome is Outcome.FAILED]
    interrupted = [zone.zone for zone in report.zones if zone.interrupted]
    distrust = [meeting for meeting in report.handshakes if meeting.problem]
    lines = []
    if report.interrupted:
        lines.append("Interrupted: these are the results up to then")
    if report.missing_zones:
        count = len(report.missing_zones)
        lines.append(f"No result for {count} zone{'s'[: count != 1]} ({_names(report.missing_zones, most_names)})")
    if distrust:
        first = distrust[0]
        lines.append(
            f"{len(distrust)} of {len(report.handshakes)} handshakes failed, "
            f"such as {first.client} with {first.server}: {first.problem}"
        )
    if interrupted:
        was = "was" if len(interrupted) == 1 else "were"
        lines.append(f"{count_zones(interrupted, report.zones)} {was} interrupted ({_names(interrupted, most_names)})")
    if failed:
        lines.append(f"{count_zones(failed, report.zones)} failed ({_names(failed, most_names)})")
    return lines


def explain(check: Check) -> list[str]:
    """Return a check's expected value, found value, note and advice, one line for each that is not empty."""
    rows = {"expected": check.expected, "found": check.found, "note": check.note, "do": check.advice}
    return [f"{label + ':':<10}{text}" for label, text in rows.items() if text]


def group_by_problem(report: Report) -> list[tuple[str, list[str]]]:
    """Return each problem of failed handshakes with its pairs (``a to b``), the most frequent problem first."""
    pairs: dict[str, list[str]] = {}
    for met in report.handshakes:
        if met.problem:
            pairs.setdefault(met.problem, []).append(f"{met.client} to {met.server}")
    return sorted(pairs.items(), key=lambda item: -len(item[1]))


def advise_on_handshake(problem: str) -> str:
    """Return advice on a handshake's problem; empty for an unknown problem."""
    return next((text for words, text in _ADVICE_ON_HANDSHAKES.items() if words in problem), "")


def _names(names: Sequence[str], most: int | None) -> str:
    shown = list(names[:most])
    rest = len(names) - len(shown)
    return ", ".join([*shown, *([f"{rest} more"] if rest else [])])
