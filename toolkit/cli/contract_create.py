"""``toolkit contract create``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from toolkit.cli.options import emit, meshes_option, namespace_option, note, warn
from toolkit.cli.output_options import output_file_option
from toolkit.cli.parameters import Command, option
from toolkit.cli.verify_options import warn_of_plaintext
from toolkit.files import read_text
from toolkit.values import Object, Value

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.contract.draft import Draft

_EXAMPLES = """\b
Examples:
  toolkit contract create --arn arn:aws:acm-pca:... --add-zone frankfurt-1=eu-central-1,arn:aws:iam::...:role/zone
  terraform output -json | toolkit contract create --from-terraform - --map certificateAuthority.arn=ca_arn
  toolkit contract create --from-cloudformation stack.json --map 'zones[frankfurt-1].roleArn=RoleFrankfurt' ...
"""


@click.command(name="create", cls=Command, epilog=_EXAMPLES)
@option("--arn", metavar="ARN", help="ARN of the issuing CA.")
@option(
    "--chain",
    metavar="FILE|-",
    reads=True,
    help="The CA's chain as PEM, the CA itself first, the root last. AWS is not called then.",
)
@option(
    "--add-zone",
    "zones",
    multiple=True,
    metavar="NAME=REGION,ROLE_ARN[,VERIFIER_ROLE_ARN]",
    help="A zone with its control plane's role, and the role that toolkit verify assumes; repeatable.",
)
@option(
    "--from-terraform",
    "terraform",
    metavar="FILE|-",
    reads=True,
    help="Read the output of terraform output -json. Outputs with the contract's names are used directly.",
)
@option(
    "--from-cloudformation",
    "cloudformation",
    metavar="FILE|-",
    reads=True,
    help="Read the output of aws cloudformation describe-stacks for one stack, in the same way.",
)
@option(
    "--map",
    "mapped",
    multiple=True,
    metavar="FIELD=OUTPUT",
    help="Read a field of the contract from an output with another name: certificateAuthority.arn=ca_arn, "
    "zones=zones, 'zones[frankfurt-1].roleArn=role_frankfurt'; repeatable.",
)
@meshes_option(help="A mesh that uses the CA; repeatable. [default: default]")
@option("--lifetime", metavar="DURATION", help="Lifetime of data plane certificates. [default: 24h]")
@namespace_option(show_default="kong-mesh-system")
@option(
    "--service-account",
    metavar="NAME",
    help="Service account of all zones' control planes. [default: kong-mesh-control-plane]",
)
@option(
    "--zone-identity",
    "identity",
    type=click.Choice(["irsa", "pod-identity", "ambient"]),
    help="How all zones' control planes get their roles. [default: irsa]",
)
@option("--profile", metavar="NAME", help="AWS profile to read the CA with.")
@option("--endpoint-url", metavar="URL", help="Another AWS, such as a sandbox.")
@output_file_option
def command(
    *,
    terraform: str | None,
    cloudformation: str | None,
    mapped: tuple[str, ...],
    chain: str | None,
    profile: str | None,
    endpoint_url: str | None,
    output_file: Path | None,
    **chosen: Value,
) -> None:
    """Make a contract for a CA and roles that exist.

    They may have been created with Terraform, CloudFormation or by hand. Unless --chain is given, the CA and its chain
    are read from AWS with DescribeCertificateAuthority and GetCertificateAuthorityCertificate. The contract is JSON on
    stdout; the defaults that were used are listed on stderr. Other commands read it with --contract.
    """
    from toolkit.contract import creating
    from toolkit.verify import regions

    if terraform is not None and cloudformation is not None:
        raise click.UsageError("--from-terraform and --from-cloudformation exclude each other")
    if mapped and terraform is None and cloudformation is None:
        raise click.UsageError("--map needs --from-terraform or --from-cloudformation")
    if chain is not None and (profile or endpoint_url):
        raise click.UsageError("--profile and --endpoint-url have no effect with --chain: AWS is not asked")
    outputs = _read_outputs(terraform, cloudformation)
    choices = creating.Choices(chain=None if chain is None else read_text(chain, "is not PEM"), **chosen)
    if outputs is None and choices.arn is None:
        raise click.UsageError("name the CA with --arn, or a document with --from-terraform or --from-cloudformation")
    if outputs is None and not choices.zones:
        raise click.UsageError("name at least one zone with --add-zone")
    draft = creating.make_draft(choices, outputs, mapped)
    if is_asked := creating.lacks_chain(draft):
        draft.require_rest()
        _ask(draft, profile, endpoint_url)
    elif "signingAlgorithm" not in (draft.authority or {}):
        draft.assumed.append("assumed certificateAuthority.signingAlgorithm: SHA-256 with the kind of the CA's key")
    made = draft.validate()
    emit(made.to_json(), output_file)
    for line in draft.assumed:
        note(line)
    for line in [*regions.list_unknown(made), *([] if is_asked else creating.list_unchecked(draft))]:
        warn(line)


def _read_outputs(terraform: str | None, cloudformation: str | None) -> Object | None:
    from toolkit.contract import read_source
    from toolkit.contract.foreign_outputs import read_cloudformation, read_terraform

    if terraform is not None:
        return read_terraform(*read_source(terraform))
    return None if cloudformation is None else read_cloudformation(*read_source(cloudformation))


def _ask(draft: Draft, profile: str | None, endpoint_url: str | None) -> None:
    """Read the CA from AWS and add it to the draft."""
    from toolkit.contract.creating import add_authority
    from toolkit.verify.authority_facts import ask_for_authority
    from toolkit.verify.identity import Ambient

    authority = draft.authority or {}
    source = Ambient(profile, endpoint_url)
    source.require_credentials()
    warn_of_plaintext(source)
    facts = ask_for_authority(authority["arn"], source)
    add_authority(draft, facts.fields, facts.chain)
    if facts.status != "ACTIVE":
        warn(f"the CA is {facts.status}: AWS issues no certificates from it")
