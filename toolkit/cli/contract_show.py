"""``toolkit contract show``."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from rich.text import Text

from toolkit import contract
from toolkit.cli.options import ContractSource, Look, choose_look, contract_options, warn, warn_of_unknown_mode
from toolkit.cli.output_options import Output, result_option, write_outputs
from toolkit.cli.parameters import Command
from toolkit.pki import chain, duration, pem
from toolkit.reporting.tables import Column, Page, fit_table
from toolkit.text import escape

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.contract import StackOutputs
    from toolkit.contract.pending import PendingStack

_EXAMPLES = """\b
Examples:
  toolkit contract show
  toolkit contract show --contract outputs.json -o json
"""
# Enough time to create a successor and to roll it out to every zone before the CA expires.
_WARN_DAYS = 90
_ZONE_COLUMNS = (
    Column("ZONE", shrinks=True),
    Column("REGION"),
    Column("ACCOUNT", dropped=4),
    Column("IDENTITY", dropped=3),
    Column("NAMESPACE", dropped=2),
    Column("SERVICE ACCOUNT", dropped=1),
)


@click.command(name="show", cls=Command, epilog=_EXAMPLES)
@contract_options
@result_option("table", "json", explanation="json is the contract itself, with what was derived.")
def command(*, source: ContractSource, outputs: tuple[Output, ...]) -> None:
    """Show a contract, as a table or as JSON.

    The contract is read and checked as by all other commands. docs/reference/contract.md describes it. If the CA
    expires within 90 days, a warning goes to stderr.
    """
    loaded = contract.load_stack(*source)
    now = datetime.now(UTC)

    def render(form: str, file: Path | None) -> str:
        if form == "json":
            return loaded.to_json()
        if isinstance(loaded, contract.StackOutputs):
            return show_active(loaded, now, choose_look(file))
        return show_pending(loaded, source, choose_look(file))

    write_outputs(outputs, render)
    if isinstance(loaded, contract.StackOutputs):
        warn_of_unknown_mode(loaded)
        for warning in _warnings(loaded, now):
            warn(warning)


def _warnings(outputs: StackOutputs, now: datetime) -> list[str]:
    authority, lifetime = outputs.certificate_authority, outputs.data_plane_lifetime
    end = f"{authority.not_after:%Y-%m-%d}, {_describe_time_left(authority.not_after, now)}"
    if authority.not_after <= now:
        return [f"the CA ended on {end}: no zone gets certificates from it any more"]
    found = []
    if (authority.not_after - now).days < _WARN_DAYS:
        found.append(f"the CA expires on {end}; have its successor in every zone by then")
    if problem := authority.check_lifetime(duration.parse(lifetime)):
        found.append(f"dataPlaneLifetime: {lifetime} {problem}, so AWS rejects such requests")
    return found


def _describe_time_left(end: datetime, now: datetime) -> str:
    """Return the time to the expiration as text: ``in 89 days``, or ``3 days ago``."""
    days = abs(end - now).days
    many = f"{days} day{'s'[: days != 1]}" if days else "less than a day"
    return f"in {many}" if end > now else f"{many} ago"


def show_active(outputs: StackOutputs, now: datetime, look: Look) -> str:
    """Return the text for an active CA, its chain, and the zones that use it."""
    page = _Page(**look._asdict())
    authority = outputs.certificate_authority
    soon = (authority.not_after - now).days < _WARN_DAYS
    ends = f"{_moment(authority.not_after)}, {_describe_time_left(authority.not_after, now)}"
    page.print_heading("Certificate authority")
    page.print_facts(
        {
            "arn": authority.arn,
            "region": authority.region,
            "type": authority.type,
            "mode": authority.usage_mode or "(unknown)",
            "key": f"{authority.key_algorithm}, signs with {authority.signing_algorithm}",
            "ends": Text(ends, style="yellow" if soon else ""),
        }
    )
    page.print_heading("Chain, the issuing CA first")
    for certificate in pem.load_certificates(outputs.certificate_chain):
        ends = _moment(certificate.not_valid_after_utc)
        page.print_whole(f"  {escape(chain.get_display_name(certificate))}")
        page.print_facts({"SHA-256": chain.format_fingerprint(certificate), "valid until": ends}, 4)
    page.print_heading("Meshes")
    page.print_facts({"names": ", ".join(outputs.meshes), "data plane lifetime": outputs.data_plane_lifetime})
    page.print_heading("Zones")
    rows = [
        (zone.name, zone.region, zone.account_id, zone.identity, zone.namespace, zone.service_account)
        for zone in outputs.zones
    ]
    page.print(fit_table(_ZONE_COLUMNS, rows, look.width))
    page.print_heading("Roles")
    for zone in outputs.zones:
        page.print_whole(f"  {zone.name}")
        page.print_facts({"control plane": zone.role_arn, "verifier": zone.verifier_role_arn or "(none)"}, 4)
    return page.to_text()


def show_pending(stack: PendingStack, source: ContractSource, look: Look) -> str:
    """Return the text for a CA that waits for its certificate, with the next steps.

    Args:
        stack: the stack's outputs.
        source: where they come from.
        look: color and width of the text.
    """
    authority = stack.pending_certificate_authority
    request = pem.load_request(authority.certificate_signing_request)
    toolkit = "" if source.contract_file == "-" else _join(source.name_options())
    pulumi = _join(source.name_stack())
    page = _Page(**look._asdict())
    page.print_heading("This CA waits for its certificate")
    subject = escape(request.subject.rfc4514_string()) or "(empty)"
    page.print_facts({"arn": authority.arn, "region": authority.region, "subject": subject})
    page.print_heading("Next")
    for step in (
        f"toolkit contract csr{toolkit} > issuing-ca.csr",
        "# the owner of the root signs it as a CA: issuing-ca.pem; above.pem has the CAs above it, the root last",
        f"pulumi config set{pulumi} issuedCertificate < issuing-ca.pem",
        f"pulumi config set{pulumi} issuedCertificateChain < above.pem",
        f"pulumi up{pulumi}",
    ):
        page.print_whole(f"  {escape(step)}")
    return page.to_text()


class _Page(Page):
    """A page with headings and facts. Values are printed without control characters."""

    def print_heading(self, text: str) -> None:
        if self.file.tell():
            self.print()
        self.print(text, style="bold")

    def print_facts(self, facts: dict[str, str | Text], indent: int = 2) -> None:
        width = max(map(len, facts)) + 3
        for label, value in facts.items():
            self.print_whole(Text.assemble(" " * indent, (label.ljust(width), "dim"), value))


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _join(words: list[str]) -> str:
    return "".join(f" {shlex.quote(word)}" for word in words)
