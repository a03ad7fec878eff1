"""Options of ``toolkit verify`` and of the Jobs that run it: what is verified, and with which identity."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from toolkit.cli.options import filename_option, mesh_option, note, read_texts, warn
from toolkit.cli.parameters import combine, gather, option, path_option
from toolkit.errors import InvalidInputError, Problem
from toolkit.values import Object

if TYPE_CHECKING:
    from toolkit.contract import StackOutputs, Zone
    from toolkit.mesh.documents.applied import Applied
    from toolkit.mesh.documents.applied_identity import AppliedIdentity
    from toolkit.verify.identity import Ambient, AssumeRole, WebIdentity
    from toolkit.verify.plan import Plan

    Source = Ambient | AssumeRole | WebIdentity


class AppliedOptions(NamedTuple):
    """The values of :data:`applied_options`: what is verified."""

    filenames: tuple[str, ...]
    mesh: str | None
    backend_name: str | None
    identity_name: str | None

    def refuse_clashes(self) -> None:
        """Reject names of a backend and of a MeshIdentity together, or without the document that has it.

        Raises:
            UsageError: the options do not go together.
        """
        if self.backend_name and self.identity_name:
            raise click.UsageError("--backend-name and --identity-name exclude each other")
        if self.backend_name and not self.filenames:
            raise click.UsageError("--backend-name needs -f FILE: a Mesh with that backend")
        if self.identity_name and not self.filenames:
            raise click.UsageError("--identity-name needs -f FILE: that MeshIdentity")

    def read(self, choose: Callable[..., Applied | AppliedIdentity]) -> Applied | AppliedIdentity | None:
        """Return what is verified; None without documents.

        Args:
            choose: returns it for texts with their names, and for the options' other values.
        """
        return choose(read_texts(self.filenames), *self[1:]) if self.filenames else None


applied_options = gather(
    "subject",
    AppliedOptions,
    filename_option(
        "The applied Mesh and the Secret of its chain, or a MeshIdentity and its MeshTrusts. They define the trust "
        "bundle and the names in requests. Without -f, the contract's chain is the trust bundle."
    ),
    mesh_option(help="The mesh; by default the first one of the contract or the file."),
    option(
        "--backend-name", metavar="NAME", rare=True, help="The mTLS backend of the Mesh; the enabled one unless given."
    ),
    option(
        "--identity-name",
        metavar="NAME",
        rare=True,
        help="The MeshIdentity of the file; needed if a Mesh has an enabled acmpca backend too, or if there are "
        "several.",
    ),
)
probe_option = option(
    "--probe-denials", is_flag=True, help="Try what must be denied; a CA certificate, revoking, another CA."
)
# For :func:`choose_source`.
source_options = combine(
    option(
        "--identity",
        type=click.Choice(["assume-role", "ambient", "web-identity", "profile"]),
        default="assume-role",
        group="AWS",
        help="How to get a zone's identity; assume its role; use the environment's credentials, inside the zone; "
        "exchange a token of its OIDC provider; use a profile's credentials.",
    ),
    option(
        "--role",
        type=click.Choice(["verifier", "zone"]),
        show_default="verifier, but zone with web-identity or where a zone has no verifier role",
        group="AWS",
        help="Which of a zone's roles to assume.",
    ),
    path_option(
        "--web-identity-token-file",
        reads=True,
        group="AWS",
        rare=True,
        help="The token file of --identity web-identity; that in AWS_WEB_IDENTITY_TOKEN_FILE by default.",
    ),
    option(
        "--profile",
        metavar="NAME",
        group="AWS",
        help="The AWS profile; its credentials assume the roles, or are used directly with --identity profile.",
    ),
    option("--endpoint-url", metavar="URL", group="AWS", rare=True, help="Another AWS, such as a sandbox."),
)


def plan_verification(outputs: StackOutputs, zones: Sequence[Zone], chosen: Object) -> Plan:
    """Return the plan of a run.

    Args:
        outputs: the contract.
        zones: the zones to verify.
        chosen: the values of the options.

    Raises:
        UsageError: options do not go together.
        InvalidInputError: an option or a document is not valid.
    """
    from dataclasses import replace
    from datetime import timedelta

    from toolkit.mesh.documents.applied import choose_applied
    from toolkit.mesh.documents.reader import read
    from toolkit.verify.plan import PlanOptions, make_plan

    subject: AppliedOptions = chosen["subject"]
    subject.refuse_clashes()
    applied = subject.read(lambda texts, *names: choose_applied(read(texts), *names))
    options = PlanOptions(subject.mesh, chosen["service"], chosen["lifetime"], chosen["horizon"])
    plan = make_plan(outputs, zones, options, applied)
    if plan.mesh_identity:
        note(f"MeshIdentity {plan.mesh_identity.name}: support for the extension acmpca is experimental")
    deadline = chosen["deadline"]
    return replace(
        plan,
        timeout=timedelta(seconds=chosen["timeout"]),
        deadline=None if deadline is None else timedelta(seconds=deadline),
        probe_denials=chosen["probe_denials"],
        revoke=chosen["revoke"],
    )


def choose_source(chosen: Object, zones: Sequence[Zone]) -> Source:
    """Return the source of the zones' identities, after a check that its credentials exist.

    Args:
        chosen: the values of the options.
        zones: the zones to verify.

    Raises:
        UsageError: options exclude each other, or a required option is missing.
        InvalidInputError: the verifier role is chosen, and a zone has none.
        ExternalError: no credentials were found.
    """
    from toolkit.verify.identity import Ambient, AssumeRole, WebIdentity

    how, role, profile, endpoint = (chosen[name] for name in ("identity", "role", "profile", "endpoint_url"))
    token_file = chosen["web_identity_token_file"]
    if how == "web-identity" and token_file is None and (named := os.environ.get("AWS_WEB_IDENTITY_TOKEN_FILE")):
        token_file = Path(named)
    if (how == "web-identity") != (token_file is not None):
        raise click.UsageError("--identity web-identity and --web-identity-token-file belong together")
    if how == "profile" and not profile:
        raise click.UsageError("--identity profile needs --profile NAME")
    if how in ("ambient", "profile", "web-identity") and len(zones) > 1:
        names = ", ".join(zone.name for zone in zones)
        raise click.UsageError(f"--identity {how} is one zone's; name it with --zone: {names}")
    if how in ("ambient", "profile") and role:
        raise click.UsageError(f"--role has no effect with --identity {how}, which uses its credentials directly")
    source: Source
    if how == "assume-role":
        if role != "zone":
            _heed_missing_verifiers(zones, is_wanted=role == "verifier")
        source = AssumeRole(role or "verifier", profile, endpoint)
    elif how == "web-identity":
        source = WebIdentity(token_file, role or "zone", endpoint)
    else:
        source = Ambient(profile if how == "profile" else None, endpoint)
    source.require_credentials()
    warn_of_plaintext(source)
    return source


def refuse_options_besides(names: Collection[str], option_name: str) -> None:
    """Reject options of the command line that would be ignored, because that would look as if they had an effect.

    Args:
        names: the parameters that have an effect.
        option_name: the option with which all others have none.

    Raises:
        UsageError: another option is given.
    """
    ctx = click.get_current_context()
    given = [
        parameter.opts[0]
        for parameter in ctx.command.params
        if parameter.expose_value
        and parameter.name not in names
        and ctx.get_parameter_source(str(parameter.name)) is click.core.ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(f"{', '.join(given)} has no effect with {option_name}, which verifies nothing")


def warn_of_shared_verifiers(zones: Sequence[Zone]) -> None:
    """Warn of a verifier role of several zones: what it is allowed says little about each zone's own role."""
    zones_of: dict[str, list[str]] = {}
    for zone in zones:
        if zone.verifier_role_arn not in (None, zone.role_arn):
            zones_of.setdefault(zone.verifying_role_arn, []).append(zone.name)
    for role_arn, names in zones_of.items():
        if len(names) > 1:
            warn(
                f"the zones {', '.join(names)} have one verifier role, {role_arn}: their results say whether this role "
                "gets certificates, not whether each zone does. Give each zone a verifier role with the permissions "
                "of its own role, or use --role zone"
            )


def warn_of_plaintext(source: Source) -> None:
    """Warn of endpoints to which credentials are sent unencrypted. Call it after the source's own checks."""
    from toolkit.verify.aws_session import list_plaintext

    for url in list_plaintext(dict.fromkeys(source.endpoints.values())):
        warn(
            f"{url} is an http:// address on another host: credentials that STS returns, and web identity tokens, can "
            "be read in transit. Use an https:// address"
        )


def price_on_aws(source: Source, price: float, subject: str) -> tuple[str, bool]:
    """Return what certificates cost as text, and whether anything is paid: nothing is on this machine.

    Args:
        source: the source of the zones' identities, after its own checks.
        price: in dollars, at most.
        subject: ``it`` or ``they``.
    """
    from toolkit.verify.aws_session import is_on_this_machine

    if is_on_this_machine(source.endpoints["acm-pca"]):
        return f"on AWS {subject} would cost up to ${price:.2f}", False
    return f"{subject} cost{'s' * (subject != 'they')} up to ${price:.2f}", True


def _heed_missing_verifiers(zones: Sequence[Zone], *, is_wanted: bool) -> None:
    """Note which zones have no verifier role, so that their own role is assumed.

    Raises:
        InvalidInputError: ``--role verifier`` is given.
    """
    missing = [zone.name for zone in zones if zone.verifier_role_arn is None]
    if missing and is_wanted:
        raise InvalidInputError(
            "not every zone has a verifier role",
            [Problem(f"zone {name}", "has no verifierRoleArn in the contract") for name in missing],
            "Use --role zone to assume each zone's own role, which must trust the caller.",
        )
    if missing:
        note(f"no verifierRoleArn: the own role of {', '.join(missing)} is assumed (--role zone)")
