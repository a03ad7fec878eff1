"""``toolkit contract csr``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from toolkit.cli.options import contract_options, emit
from toolkit.cli.output_options import output_file_option
from toolkit.cli.parameters import Command
from toolkit.errors import InvalidInputError

if TYPE_CHECKING:
    from pathlib import Path

_EXAMPLES = """\b
Examples:
  toolkit contract csr > issuing-ca.csr
"""


@click.command(name="csr", cls=Command, epilog=_EXAMPLES)
@contract_options
@output_file_option
def command(*, contract_file: str | None, stack: str | None, cwd: str | None, output_file: Path | None) -> None:
    """Print the signing request of a CA that waits for its certificate.

    The request is PEM. The owner of the root signs it.
    """
    from toolkit import contract

    loaded = contract.load_stack(contract_file, stack, cwd)
    if isinstance(loaded, contract.StackOutputs):
        raise InvalidInputError(
            "the CA has its certificate, so the contract contains no signing request",
            hint="To renew the certificate, fetch the CA's request from AWS: aws acm-pca "
            f"get-certificate-authority-csr --certificate-authority-arn {loaded.certificate_authority.arn} "
            f"--region {loaded.certificate_authority.region} --output text > issuing-ca.csr",
        )
    emit(loaded.pending_certificate_authority.certificate_signing_request.strip() + "\n", output_file)
