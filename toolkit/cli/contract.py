"""``toolkit contract``."""

from __future__ import annotations

import click

from toolkit.cli import Entry, LazySubcommands

SUBCOMMANDS = {
    "create": Entry("toolkit.cli.contract_create", "Make a contract for a CA and roles that exist."),
    "show": Entry("toolkit.cli.contract_show", "Show a contract, as a table or as JSON."),
    "csr": Entry("toolkit.cli.contract_csr", "Print the signing request of a CA that waits for its certificate."),
    "schema": Entry("toolkit.cli.contract_schema", "Print the JSON Schema of any contract."),
}


class _Subcommands(LazySubcommands):
    entries = SUBCOMMANDS


@click.group(name="contract", cls=_Subcommands)
def command() -> None:
    """Create or show a contract, which all other commands read.

    A contract names the CA, its chain, the meshes, and the zones with their roles. A Pulumi stack exports one. For a
    CA that was created in another way, create writes one. docs/reference/contract.md describes it.
    """
