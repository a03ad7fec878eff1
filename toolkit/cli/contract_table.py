"""Show a contract as tables for people. Values are printed without markup and control characters."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from toolkit.cli.expiration import WARN_DAYS, describe_time_left
from toolkit.pki import chain, pem
from toolkit.reporting.tables import Column, fit_table
from toolkit.text import escape

if TYPE_CHECKING:
    from datetime import datetime

    from rich.table import Table

    from toolkit.cli.options import Look
    from toolkit.contract import PendingStack, StackOutputs


def show_active(outputs: StackOutputs, now: datetime, look: Look) -> str:
    """Return the text for an active CA, its chain, and the zones that use it."""
    page = _Page(look)
    authority = outputs.certificate_authority
    soon = (authority.not_after - now).days < WARN_DAYS
    page.heading("Certificate authority")
    page.facts(
        {
            "arn": authority.arn,
            "region": authority.region,
            "type": authority.type,
            "mode": authority.usage_mode or "(unknown)",
            "key": f"{authority.key_algorithm}, signs with {authority.signing_algorithm}",
            "ends": Text(
                f"{_moment(authority.not_after)}, {describe_time_left(authority.not_after, now)}",
                style="yellow" if soon else "",
            ),
        }
    )
    page.heading("Chain, the issuing CA first")
    for certificate in pem.load_certificates(outputs.certificate_chain):
        page.line(Text(f"  {escape(chain.get_display_name(certificate))}"))
        page.facts(
            {"SHA-256": chain.format_fingerprint(certificate), "valid until": _moment(certificate.not_valid_after_utc)},
            4,
        )
    page.heading("Meshes")
    page.facts({"names": ", ".join(outputs.meshes), "data plane lifetime": outputs.data_plane_lifetime})
    page.heading("Zones")
    page.table(_zones(outputs, look.width))
    page.heading("Roles")
    for zone in outputs.zones:
        page.line(Text(f"  {zone.name}"))
        page.facts({"control plane": zone.role_arn, "verifier": zone.verifier_role_arn or "(none)"}, 4)
    return page.text()


def show_pending(stack: PendingStack, where: tuple[str, str], look: Look) -> str:
    """Return the text for a CA that waits for its certificate, with the next steps.

    Args:
        stack: the stack's outputs.
        where: the options to name the stack: for the toolkit, and for the Pulumi CLI.
        look: color and width of the text.
    """
    authority = stack.pending_certificate_authority
    request = pem.load_request(authority.certificate_signing_request)
    toolkit, pulumi = where
    page = _Page(look)
    page.heading("This CA waits for its certificate")
    page.facts(
        {
            "arn": authority.arn,
            "region": authority.region,
            "subject": escape(request.subject.rfc4514_string()) or "(empty)",
        }
    )
    page.heading("Next")
    steps = [
        f"toolkit contract csr{toolkit} > issuing-ca.csr",
        "# the owner of the root signs it as a CA: issuing-ca.pem; above.pem is what stands above that, the root last",
        f"pulumi config set{pulumi} issuedCertificate < issuing-ca.pem",
        f"pulumi config set{pulumi} issuedCertificateChain < above.pem",
        f"pulumi up{pulumi}",
    ]
    for step in steps:
        page.line(Text(f"  {escape(step)}"))
    return page.text()


class _Page:
    """A text that is built part by part. Values to copy, such as an ARN, are never wrapped or cut."""

    def __init__(self, look: Look) -> None:
        self._stream = io.StringIO()
        self._console = Console(
            file=self._stream,
            force_terminal=look.color,
            no_color=not look.color,
            width=look.width,
            markup=False,
            highlight=False,
            emoji=False,
        )

    def heading(self, text: str) -> None:
        if self._stream.tell():
            self._console.print()
        self._console.print(Text(text, style="bold"))

    def line(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True)

    def facts(self, facts: dict[str, str | Text], indent: int = 2) -> None:
        width = max(map(len, facts)) + 3
        for label, value in facts.items():
            self.line(Text.assemble(" " * indent, (label.ljust(width), "dim"), value))

    def table(self, table: Table) -> None:
        self._console.print(table)

    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self._stream.getvalue().splitlines()) + "\n"


_COLUMNS = (
    Column("ZONE", shrinks=True),
    Column("REGION"),
    Column("ACCOUNT", dropped=4),
    Column("IDENTITY", dropped=3),
    Column("NAMESPACE", dropped=2),
    Column("SERVICE ACCOUNT", dropped=1),
)


def _zones(outputs: StackOutputs, width: int) -> Table:
    rows = [
        (zone.name, zone.region, zone.account_id, zone.identity, zone.namespace, zone.service_account)
        for zone in outputs.zones
    ]
    return fit_table(_COLUMNS, rows, width)


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
