"""Choose the identity of ``toolkit verify`` from ``--identity``, ``--role`` and related options."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli.options import note, warn
from toolkit.errors import InvalidInputError, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.contract import Zone
    from toolkit.values import Object
    from toolkit.verify.identity import Ambient, AssumeRole, WebIdentity

    Source = Ambient | AssumeRole | WebIdentity


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
        raise click.UsageError(f"--role has no meaning with --identity {how}: what is there is taken as it is")
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


def warn_of_plaintext(source: Source) -> None:
    """Warn of endpoints to which credentials are sent unencrypted. Call it after the source's own checks."""
    from toolkit.verify.aws_session import list_plaintext

    for url in list_plaintext(dict.fromkeys(source.endpoints.values())):
        warn(
            f"{url} is an http:// address on another host: credentials that STS returns, and web identity tokens, can "
            "be read on the way. Use an https:// address"
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
            "Use --role zone: the zone's own role is assumed then, which has to trust the caller.",
        )
    if missing:
        note(f"no verifierRoleArn: the own role of {', '.join(missing)} is assumed (--role zone)")
