"""What ``toolkit verify`` asks of the zones, from its options and the Mesh."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from toolkit.errors import InvalidInputError, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from toolkit.contract import StackOutputs, Zone
    from toolkit.verify.zone import Plan


def read_plan(outputs: StackOutputs, zones: Sequence[Zone], chosen: dict[str, Any]) -> Plan:
    """Return what to ask of the zones.

    Raises:
        InvalidInputError: an option or the Mesh is not valid.
        UsageError: options do not go together.
    """
    from datetime import timedelta

    from toolkit.pki import spiffe
    from toolkit.verify.zone import Plan

    mesh, bundle, template = _mesh(outputs, chosen)
    service = chosen["service"]
    try:
        spiffe.data_plane_uris(mesh, [service], {})
    except ValueError as error:
        raise InvalidInputError("the service is not valid", [Problem("--service", str(error))]) from error
    deadline = chosen["deadline"]
    return Plan(
        mesh=mesh,
        trust_bundle=bundle,
        service=service,
        lifetime=_lifetime(chosen["lifetime"], outputs),
        timeout=timedelta(seconds=chosen["timeout"]),
        deadline=None if deadline is None else timedelta(seconds=deadline),
        horizon=_duration("--horizon", chosen["horizon"]),
        common_names=_common_names(template, service, zones),
        probe_denials=chosen["probe_denials"],
        revoke=chosen["revoke"],
    )


def _mesh(outputs: StackOutputs, chosen: dict[str, Any]) -> tuple[str, str, str | None]:
    """The mesh's name, its trust bundle, and its template of common names."""
    name, files = chosen["mesh_name"], chosen["mesh_files"]
    if not files:
        if chosen["backend_name"]:
            raise click.UsageError("--backend-name needs --mesh FILE")
        mesh = name or outputs.meshes[0]
        if mesh not in outputs.meshes:
            raise InvalidInputError(
                f"the stack has no mesh {mesh}",
                [Problem("--mesh-name", f"is none of {', '.join(outputs.meshes)}")],
            )
        return mesh, outputs.certificate_chain, None
    from toolkit.files import read_text
    from toolkit.mesh.documents.applied import applied
    from toolkit.mesh.documents.reader import read

    texts = [(str(file), read_text(str(file))) for file in files]
    found = applied(read(texts), name, chosen["backend_name"])
    if found.authority_arn != outputs.certificate_authority.arn:
        raise InvalidInputError(
            f"Mesh {found.mesh} names another CA than the stack",
            [Problem("conf.arn", f"is {found.authority_arn}; the stack has {outputs.certificate_authority.arn}")],
            "Give the outputs of the stack that the Mesh was rendered from, or name its backend with --backend-name.",
        )
    return found.mesh, found.bundle, found.common_name


def _common_names(template: str | None, service: str, zones: Sequence[Zone]) -> dict[str, str]:
    """What the Mesh's template makes for the proxy of each zone."""
    from toolkit.pki import common_name, spiffe

    if template is None:
        return {}
    names = {}
    for zone in zones:
        expanded = common_name.expand(template, {spiffe.SERVICE_TAG: service, spiffe.ZONE_TAG: zone.name})
        unknown = [] if expanded is None else expanded.unknown
        if expanded is None or unknown:
            what = f"needs the tag {unknown[0]}" if unknown else "has a directive that is not known"
            raise InvalidInputError(
                "the Mesh's commonName can't be expanded",
                [
                    Problem(
                        "conf.commonName", f"{template} {what}; known are {spiffe.SERVICE_TAG} and {spiffe.ZONE_TAG}"
                    )
                ],
                "Leave --mesh out: certificates are asked for without a common name then.",
            )
        if len(expanded.text) > common_name.MAX_COMMON_NAME:
            raise InvalidInputError(
                "the Mesh's commonName is too long",
                [Problem("conf.commonName", f"{expanded.text} has {len(expanded.text)} characters; 64 are the most")],
                "Choose a shorter --service, or a shorter template.",
            )
        names[zone.name] = expanded.text
    return names


def _duration(option: str, text: str) -> timedelta:
    from toolkit.pki import duration

    try:
        return duration.parse(text)
    except ValueError as error:
        raise InvalidInputError(f"{option} is not valid", [Problem(option, str(error))]) from error


def _lifetime(chosen: str | None, outputs: StackOutputs) -> timedelta:
    from toolkit.pki import duration

    text = outputs.data_plane_lifetime if chosen is None else chosen
    try:
        lifetime = duration.parse(text)
        problem = outputs.certificate_authority.lifetime_problem(lifetime)
    except ValueError as error:
        problem = str(error)
    if problem:
        whose = "" if chosen is not None else " (the stack's dataPlaneLifetime)"
        raise InvalidInputError("the lifetime is not valid", [Problem("--lifetime", f"{text}{whose}: {problem}")])
    return lifetime
