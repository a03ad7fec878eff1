"""``toolkit contract``, and its commands that take little."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from toolkit.cli import Entry, LazySubcommands
from toolkit.cli.options import ContractSource, contract_options, emit
from toolkit.cli.output_options import output_file_option
from toolkit.cli.parameters import Command
from toolkit.errors import InvalidInputError

if TYPE_CHECKING:
    from pathlib import Path


SUBCOMMANDS = {
    "create": Entry("toolkit.cli.contract_create", "Make a contract for a CA and roles that exist."),
    "show": Entry("toolkit.cli.contract_show", "Show a contract, as a table or as JSON."),
    "csr": Entry("toolkit.cli.contract", "Print the signing request of a CA that waits for its certificate.", "csr"),
    "schema": Entry("toolkit.cli.contract", "Print the JSON Schema of any contract.", "schema"),
}
_CSR_EXAMPLES = """\b
Examples:
  toolkit contract csr > issuing-ca.csr
"""
_SCHEMA_EXAMPLES = """\b
Examples:
  toolkit contract schema --output-file contract.schema.json
"""


class _Subcommands(LazySubcommands):
    entries = SUBCOMMANDS


@click.group(name="contract", cls=_Subcommands)
def command() -> None:
    """Create or show a contract, which all other commands read.

    A contract names the CA, its chain, the meshes, and the zones with their roles. A Pulumi stack exports one. For a
    CA that was created in another way, create writes one. docs/reference/contract.md describes it.
    """


@click.command(name="csr", cls=Command, epilog=_CSR_EXAMPLES)
@contract_options
@output_file_option
def csr(*, source: ContractSource, output_file: Path | None) -> None:
    """Print the signing request of a CA that waits for its certificate.

    The request is PEM. The owner of the root signs it.
    """
    from toolkit import contract

    loaded = contract.load_stack(*source)
    if isinstance(loaded, contract.StackOutputs):
        raise InvalidInputError(
            "the CA has its certificate, so the contract contains no signing request",
            hint="To renew the certificate, fetch the CA's request from AWS: aws acm-pca "
            f"get-certificate-authority-csr --certificate-authority-arn {loaded.certificate_authority.arn} "
            f"--region {loaded.certificate_authority.region} --output text > issuing-ca.csr",
        )
    emit(loaded.pending_certificate_authority.certificate_signing_request.strip() + "\n", output_file)


@click.command(name="schema", cls=Command, epilog=_SCHEMA_EXAMPLES)
@output_file_option
def schema(*, output_file: Path | None) -> None:
    """Print the JSON Schema of any contract.

    The schema (draft 2020-12) describes contracts of active CAs and of CAs that wait for their certificate. The command
    needs no stack.
    """
    from toolkit.contract.json_schema import build_json_schema

    emit(json.dumps(build_json_schema(), indent=2) + "\n", output_file)
