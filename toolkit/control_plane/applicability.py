"""Find what makes documents unusable or dangerous on one control plane, before anything is written.

A control plane would report some of it only in the last of several writes, and some of it never.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from toolkit.control_plane.client import ControlPlane, ControlPlaneError
from toolkit.control_plane.write_order import (
    Change,
    Step,
    get_provider,
    has_mtls,
    has_zone_egress,
    removes_mtls,
)
from toolkit.errors import ExternalError, Problem
from toolkit.mesh.schema.acmpca import ACMPCA
from toolkit.mesh.schema.mesh import ORIGIN_LABEL
from toolkit.mesh.schema.scoped import SCOPED_KINDS
from toolkit.values import Object
from toolkit.yamltext.plain import mapping

if TYPE_CHECKING:
    from toolkit.control_plane.resource_keys import Key
    from toolkit.control_plane.resources import Resource
    from toolkit.control_plane.responses import Index

_FORBIDDEN = 403
# Kong Mesh's own backends (Kong/developer.konghq.com:app/mesh/acm-private-ca-policy.md and the pages next to it).
_OPEN_SOURCE = "Kuma"
_OF_KONG_MESH = frozenset({"acmpca", "vault", "certmanager"})


def list_product_problems(index: Index, resources: Sequence[Resource]) -> list[Problem]:
    """Return the problems that this product and version would reject in the last write only, or drop silently."""
    with_mtls = [resource for resource in resources if mapping(resource.document.get("mtls"))]
    if with_mtls and index.has_no_mtls:
        raise ExternalError(
            f"{index} has no mTLS in a Mesh: it would drop mtls of {with_mtls[0].key} without an error, and "
            "proxies would get no certificates",
            "Version 3.0 replaced it with MeshIdentity. Nothing was written.",
        )
    problems = [
        resource.build_problem("routing.zoneEgress", "needs mTLS: set mtls.enabledBackend")
        for resource in resources
        if has_zone_egress(resource.document)
        and not mapping(resource.document.get("mtls")).get("enabledBackend")
        and not index.has_no_mtls
    ]
    if index.product != _OPEN_SOURCE:
        return problems
    return problems + [
        resource.build_problem(f"{path}.type", f"{backend['type']} is a backend of Kong Mesh, and this is {index}")
        for resource in with_mtls
        for path, backend in resource.list_backends()
        if backend.get("type") in _OF_KONG_MESH
    ]


def list_reference_problems(control_plane: ControlPlane, step: Step, given: set[Key]) -> list[Problem]:
    """Return a problem for each Secret that a Mesh names but that is neither applied nor on the control plane."""
    mesh = step.resource
    if step.change is Change.UNCHANGED or mapping(mesh.document.get("mtls")).get("skipValidation") is True:
        return []
    return [
        mesh.build_problem(path, f"names {key.name}, which is neither among the documents nor on the control plane")
        for path, key in mesh.list_secrets_named()
        if key not in given and not _may_exist(control_plane, step, key)
    ]


def _may_exist(control_plane: ControlPlane, step: Step, key: Key) -> bool:
    if step.current is None:
        return False
    try:
        return control_plane.get(key) is not None
    except ControlPlaneError as error:
        # A user may be allowed to change the Mesh but not to read Secrets. The control plane checks them anyway.
        if error.status == _FORBIDDEN:
            return True
        raise


def list_origin_problems(control_plane: ControlPlane, resources: Sequence[Resource]) -> list[Problem]:
    """Return a problem for each resource of a mesh with the wrong label ``kuma.io/origin`` for this control plane.

    A zone control plane that is connected to a global one accepts only resources of the zone. A global one accepts
    only its own. Source: kumahq/kuma:pkg/api-server/resource_endpoints.go; measured with Kuma 2.14.3.
    """
    scoped = [resource for resource in resources if resource.key.kind in SCOPED_KINDS]
    owner = _find_owner(control_plane.get_configuration()) if scoped else ""
    problems = []
    for resource in scoped:
        origin = mapping(resource.document.get("labels")).get(ORIGIN_LABEL)
        if owner == "zone" and origin != "zone":
            message = "must be zone: this zone control plane is connected to a global one, which owns the others"
        elif owner == "global" and origin not in (None, "global"):
            message = "must be global, or missing: this is a global control plane"
        else:
            continue
        problems.append(resource.build_problem(f'labels["{ORIGIN_LABEL}"]', message))
    return problems


def _find_owner(configuration: Object) -> str:
    """Return the origin of the resources that a control plane owns; empty if it owns all, or if that is unknown.

    Source: kumahq/kuma:pkg/config/app/kuma-cp/config.go, IsFederatedZoneCP.
    """
    mode = configuration.get("mode")
    zone = mapping(mapping(configuration.get("multizone")).get("zone"))
    return str(mode) if mode == "global" or (mode == "zone" and zone.get("globalAddress")) else ""


def list_identity_problems(index: Index, steps: Sequence[Step]) -> list[Problem]:
    """Return the conflicts of a mesh's MeshIdentities with the control plane's resources, and with each other.

    Sources: kumahq/kuma:pkg/core/resources/apis/meshidentity/api/v1alpha1/validator.go (ValidateUpdate, from 3.0 on);
    UPGRADE.md: a mesh without ``mtls`` whose proxies have no other certificates sends plaintext.
    """
    problems: list[Problem] = []
    changing = [step for step in steps if step.change is not Change.UNCHANGED]
    if index.has_no_mtls:
        problems += [
            step.resource.build_problem(f"spec.spiffeID.{field}", f"can't change in {index}: use another MeshIdentity")
            for step in changing
            for field in _list_changed(step)
        ]
    mesh = next((step for step in changing if step.resource.key.kind == "Mesh"), None)
    if mesh is not None and removes_mtls(mesh):
        problems += [
            step.resource.build_problem(
                "spec",
                f"can't be applied together with {mesh.resource.key} without mtls: its proxies would send plaintext "
                "until they have certificates. Apply the MeshIdentity first, with --wait",
            )
            for step in changing
            if get_provider(step.resource.document)
        ]
    return problems


def _list_changed(step: Step) -> list[str]:
    """Return the fields of a MeshIdentity's SPIFFE ID that differ from the control plane's."""
    if step.resource.key.kind != "MeshIdentity" or step.current is None:
        return []
    new, old = (mapping(mapping(each.get("spec")).get("spiffeID")) for each in (step.resource.document, step.current))
    return [field for field in ("trustDomain", "path") if (new.get(field) or "") != (old.get(field) or "")]


def list_remarks(index: Index, mesh: Object | None, steps: Sequence[Step]) -> Iterator[str]:
    """Yield a warning for each harmful change of a MeshIdentity that a control plane accepts.

    Measured with Kuma 2.14.3.

    Args:
        index: the control plane's index.
        mesh: the Mesh on the control plane; None if it does not exist.
        steps: the documents of this mesh.
    """
    for step in steps:
        provider = get_provider(step.resource.document)
        if step.change is Change.UNCHANGED or not provider:
            continue
        key = step.resource.key
        if index.product == _OPEN_SOURCE and mapping(provider.get("extension")).get("name") == ACMPCA:
            yield f"{key}: {ACMPCA} is a provider of Kong Mesh, and this is {index}: it issues no certificates"
        if "trustDomain" in _list_changed(step):
            yield (
                f"{key} gets another trust domain, and its MeshTrust keeps the old one: new certificates are trusted "
                "nowhere unless another MeshTrust has the new one. Create another MeshIdentity instead"
            )
        if step.current is None and _selects(step.resource.document) and mesh is not None and has_mtls(mesh):
            yield (
                f"{key} is new and selects proxies at once, maybe before every zone trusts its CA. First apply it with "
                "selector: {} and --wait"
            )


def _selects(identity: Object) -> bool:
    """Return whether a MeshIdentity selects any proxy."""
    return isinstance(mapping(mapping(identity.get("spec")).get("selector")).get("dataplane"), dict)
