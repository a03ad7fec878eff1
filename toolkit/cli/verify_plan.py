"""Make the plan of ``toolkit verify`` from its options."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from toolkit.cli.options import note
from toolkit.cli.parameters import option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.contract import StackOutputs, Zone
    from toolkit.values import Object
    from toolkit.verify.plan import Plan

identity_name_option = option(
    "--identity-name",
    metavar="NAME",
    rare=True,
    help="The MeshIdentity of the file; needed if a Mesh has an enabled acmpca backend too, or if there are several.",
)


def refuse_names(backend: str | None, identity: str | None, files: Sequence[str]) -> None:
    """Reject names of a backend and of a MeshIdentity together, or without the document that has it.

    Raises:
        UsageError: the options do not go together.
    """
    if backend and identity:
        raise click.UsageError("--backend-name and --identity-name exclude each other")
    if backend and not files:
        raise click.UsageError("--backend-name needs -f FILE: a Mesh with that backend")
    if identity and not files:
        raise click.UsageError("--identity-name needs -f FILE: that MeshIdentity")


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

    from toolkit.files import name_source, read_text
    from toolkit.mesh.documents.applied import choose_applied
    from toolkit.mesh.documents.reader import read
    from toolkit.verify.plan import PlanOptions, make_plan

    name, files = chosen["mesh"], chosen["filenames"]
    backend, identity = chosen["backend_name"], chosen["identity_name"]
    refuse_names(backend, identity, files)
    texts = [(name_source(file), read_text(file)) for file in files]
    applied = choose_applied(read(texts), name, backend, identity) if files else None
    options = PlanOptions(name, chosen["service"], chosen["lifetime"], chosen["horizon"])
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
