"""Render the settings of a zone's control plane: Helm values, or the environment of a Universal control plane.

Sources: kumahq/kuma:deployments/charts/kuma/values.yaml, templates/_helpers.tpl, templates/cp-deployment.yaml and
templates/cp-rbac.yaml, whose values Kong Mesh's release chart reads below ``kuma``; for the variables
kumahq/kuma:pkg/config/multizone/multicluster.go (``kuma_multizone_zone_*``) and pkg/config/app/kuma-cp/config.go
(``kuma_mode``); for files of variables docker/cli:opts/file.go and systemd/systemd:src/basic/env-file.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from toolkit.contract import DEFAULT_NAMESPACE, DEFAULT_SERVICE_ACCOUNT
from toolkit.errors import InvalidInputError, Problem
from toolkit.mesh.render.templating import UnfaithfulRenderingError, fill, render_document
from toolkit.mesh.schema.versions import MeshVersion
from toolkit.network_settings import is_host
from toolkit.pki import arn
from toolkit.values import Object

if TYPE_CHECKING:
    from toolkit.contract import Zone

ROLE_ANNOTATION = "eks.amazonaws.com/role-arn"
FIRST_WITH_ANNOTATIONS = MeshVersion(2, 5)

_ADDRESS = re.compile(r"grpcs://(?:(?P<name>[^:\[\]]+)|\[(?P<ip>[^\[\]]*:[^\[\]]*)\]):(?P<port>[1-9][0-9]{0,4})")
_MAX_PORT = 65535
# Characters that are literal in systemd's EnvironmentFile, in docker run --env-file, which does not support quotes, and
# in a shell that reads the file.
_UNQUOTED = re.compile(r"[A-Za-z0-9_.,:/@%+=\[\]-]*", re.ASCII)


def check_address(text: str) -> str:
    """Return the address of the global control plane's KDS server if it is valid.

    kuma-cp only accepts ``grpcs`` and ``grpc``, and ``grpc`` is not encrypted (kumahq/kuma:pkg/config/multizone/
    multicluster.go, Validate).

    Raises:
        InvalidInputError: the address is not ``grpcs://host:port``.
    """
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match["port"]) > _MAX_PORT or not is_host(match["name"] or match["ip"]):
        raise InvalidInputError(
            "invalid address of the global control plane",
            [Problem("--kds-address", f"{arn.quote(text)} is not of the form grpcs://HOST:PORT")],
            "The global control plane listens for its zones on port 5685: grpcs://mesh.example.com:5685",
        )
    return text


def make_chart_values(zone: Zone, address: str | None) -> Object:
    """Return the release chart's values that depend on the zone.

    Args:
        zone: a zone of the contract.
        address: the global control plane's address; None for a zone that joins none, or that gets it elsewhere.
    """
    control_plane: Object = {"mode": "zone", "zone": zone.name}
    if address is not None:
        control_plane["kdsGlobalAddress"] = address
    control_plane["envVars"] = {"AWS_REGION": zone.region}
    if zone.identity == "irsa":
        control_plane["serviceAccountAnnotations"] = {ROLE_ANNOTATION: zone.role_arn}
    return {"kuma": {"controlPlane": control_plane}}


def make_environment(zone: Zone, address: str | None) -> dict[str, str]:
    """Return the variables of a zone's Universal control plane; its role comes from its instance or task."""
    variables = {"KUMA_MODE": "zone", "KUMA_MULTIZONE_ZONE_NAME": zone.name}
    if address is not None:
        variables["KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS"] = address
    return {**variables, "AWS_REGION": zone.region}


def render_values(zone: Zone, address: str | None) -> str:
    """Render the values as a YAML file.

    Raises:
        UnfaithfulRenderingError: the rendered text does not parse to the values.
    """
    return render_document("helm/values.yaml.j2", make_chart_values(zone, address), identity=zone.identity)


def render_environment(zone: Zone, address: str | None) -> str:
    """Render the variables as a file that systemd and ``docker run --env-file`` both read.

    Raises:
        InvalidInputError: a value needs quotes, which ``docker run`` reads as part of the value.
        UnfaithfulRenderingError: the rendered text does not parse to the variables.
    """
    variables = make_environment(zone, address)
    refuse_quoting(zone, variables | ({"roleArn": zone.role_arn} if zone.identity == "irsa" else {}))
    text = fill(
        "universal/zone.env.j2",
        variables=variables,
        identity=zone.identity,
        namespace=zone.namespace,
        service_account=zone.service_account,
        role_arn=zone.role_arn,
    )
    # docker/cli:opts/file.go: all other lines are variables, to their end.
    lines = [line for line in text.split("\n") if line and not line.startswith("#")]
    if lines != [f"{name}={value}" for name, value in variables.items()]:
        raise UnfaithfulRenderingError(
            "the rendered environment does not match its variables", "This is a defect in the toolkit."
        )
    return text


def refuse_quoting(zone: Zone, values: dict[str, str]) -> None:
    """Reject values that need quotes in an environment file.

    Raises:
        InvalidInputError: a value needs quotes, which ``docker run`` reads as part of the value.
    """
    problems = [
        Problem(f"zone {zone.name}: {name}", f"contains {odd!r}, which an environment file can't have without quotes")
        for name, value in values.items()
        if (odd := _UNQUOTED.sub("", value)[:1])
    ]
    if problems:
        raise InvalidInputError(
            "the environment can't be written", problems, "docker run --env-file does not support quotes."
        )


def refuse_namespace(zones: Iterable[Zone], namespace: str) -> None:
    """Reject a namespace that the role of a zone does not trust.

    Raises:
        InvalidInputError: the contract has another namespace; ``ambient`` does not depend on one.
    """
    problems = [
        Problem(
            "--namespace",
            f"the role of zone {zone.name} trusts namespace {zone.namespace} only, not {arn.quote(namespace)}",
        )
        for zone in zones
        if zone.identity != "ambient" and zone.namespace != namespace
    ]
    if problems:
        raise InvalidInputError(
            "a control plane in this namespace can't assume its role",
            problems,
            "Install the release in the zone's namespace, or change the contract and the role's trust policy.",
        )


def refuse_version(zones: Iterable[Zone], version: MeshVersion) -> None:
    """Reject a version whose chart can't annotate the service account, which IRSA needs.

    ``serviceAccountAnnotations`` came with 2.5.0 (kumahq/kuma#7724).

    Raises:
        InvalidInputError: a zone has identity ``irsa``, and the chart is older.
    """
    names = [zone.name for zone in zones if zone.identity == "irsa"]
    if names and version < FIRST_WITH_ANNOTATIONS:
        message = f"the chart of {version} has no serviceAccountAnnotations; they came with {FIRST_WITH_ANNOTATIONS}"
        raise InvalidInputError(
            f"zone {names[0]} can't get its role from these values",
            [Problem("--mesh-version", message)],
            "Upgrade the chart, or annotate the service account with eks.amazonaws.com/role-arn by hand.",
        )


def write_notes(
    zone: Zone, *, has_address: bool, in_chart: bool, namespace: str | None = None, service_account: str | None = None
) -> list[str]:
    """Return the warnings about a zone's document, one line each.

    Args:
        zone: a zone of the contract.
        has_address: whether the document contains the address of the global control plane.
        in_chart: whether the document is for the release chart.
        namespace: the namespace of the release; None for the one in Kong's instructions.
        service_account: the control plane's service account; None for the chart's default.
    """
    said = []
    if not has_address:
        said.append(
            f"zone {zone.name}: without --kds-address its control plane does not join a global one, "
            "which a multi-zone mesh needs"
        )
    account = f"{zone.namespace}/{zone.service_account}"
    expected = f"{namespace or DEFAULT_NAMESPACE}/{service_account or DEFAULT_SERVICE_ACCOUNT}"
    if in_chart and zone.identity != "ambient" and account != expected:
        said.append(
            f"zone {zone.name}: its role trusts service account {account} only, but the release chart's is {expected}: "
            f"install the release so that its control plane runs as {account}"
        )
    return said
