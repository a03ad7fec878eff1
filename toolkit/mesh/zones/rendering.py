"""What the control plane of one zone needs: values of the release chart, or the environment of a Universal one.

Sources: kumahq/kuma:deployments/charts/kuma/values.yaml, templates/_helpers.tpl, templates/cp-deployment.yaml and
templates/cp-rbac.yaml, whose values Kong Mesh's release chart takes under ``kuma``; for the variables
kumahq/kuma:pkg/config/multizone/multicluster.go (``kuma_multizone_zone_*``) and pkg/config/app/kuma-cp/config.go
(``kuma_mode``); for files of variables docker/cli:opts/file.go and systemd/systemd:src/basic/env-file.c.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any

from toolkit.errors import InvalidInputError, Problem
from toolkit.mesh.render import UnfaithfulRenderingError, fill, render_document
from toolkit.pki import arn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolkit.contract import StackOutputs, Zone

ROLE_ANNOTATION = "eks.amazonaws.com/role-arn"
# Where the release chart puts the control plane, unless it is installed otherwise.
NAMESPACE, SERVICE_ACCOUNT = "kong-mesh-system", "kong-mesh-control-plane"

_HOST = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?"
_ADDRESS = re.compile(rf"grpcs://(?:{_HOST}|\[(?P<ip>[0-9A-Fa-f:.]+)\]):(?P<port>[1-9][0-9]{{0,4}})", re.ASCII)
_MAX_PORT = 65535
# Characters that stand for themselves everywhere: in systemd's EnvironmentFile, in a file of docker run --env-file,
# which knows no quotes at all, and in a shell that reads the file.
_UNQUOTED = re.compile(r"[A-Za-z0-9_.,:/@%+=\[\]-]*", re.ASCII)


def checked_address(text: str) -> str:
    """The address of the global control plane's KDS server.

    kuma-cp takes ``grpc`` as well, which is not encrypted, and nothing else (kumahq/kuma:pkg/config/multizone/
    multicluster.go, Validate).

    Raises:
        InvalidInputError: it is not ``grpcs://host:port``.
    """
    match = _ADDRESS.fullmatch(text)
    is_address = match is not None and int(match["port"]) <= _MAX_PORT
    if match is not None and match["ip"] is not None:
        try:
            ipaddress.IPv6Address(match["ip"])
        except ValueError:
            is_address = False
    if not is_address:
        raise InvalidInputError(
            "the address of the global control plane can't be used",
            [Problem("--kds-address", f"{arn.shown(text)} is not of the form grpcs://HOST:PORT")],
            "The global control plane listens for its zones on port 5685: grpcs://mesh.example.com:5685",
        )
    return text


def choose(outputs: StackOutputs, names: Iterable[str]) -> list[Zone]:
    """The zones of those names, in the stack's order; all of them unless any is named.

    Raises:
        InvalidInputError: the stack has no zone of a name.
    """
    wanted = dict.fromkeys(names)
    known = [zone.name for zone in outputs.zones]
    if unknown := [name for name in wanted if name not in known]:
        there = ", ".join(known)
        problems = [Problem("--zone", f"{arn.shown(name)} is no zone of the stack: {there}") for name in unknown]
        raise InvalidInputError("there is no such zone", problems)
    return [zone for zone in outputs.zones if not wanted or zone.name in wanted]


def chart_values(zone: Zone, address: str | None) -> dict[str, Any]:
    """The release chart's values for a zone, and nothing that is not about the zone.

    Args:
        zone: of the contract.
        address: of the global control plane; None for a zone that joins none, or is told it elsewhere.
    """
    control_plane: dict[str, Any] = {"mode": "zone", "zone": zone.name}
    if address is not None:
        control_plane["kdsGlobalAddress"] = address
    control_plane["envVars"] = {"AWS_REGION": zone.region}
    if zone.identity == "irsa":
        control_plane["serviceAccountAnnotations"] = {ROLE_ANNOTATION: zone.role_arn}
    return {"kuma": {"controlPlane": control_plane}}


def environment(zone: Zone, address: str | None) -> dict[str, str]:
    """The variables of a zone's Universal control plane; its role comes from where it runs, never from here."""
    variables = {"KUMA_MODE": "zone", "KUMA_MULTIZONE_ZONE_NAME": zone.name}
    if address is not None:
        variables["KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS"] = address
    return {**variables, "AWS_REGION": zone.region}


def render_values(zone: Zone, address: str | None) -> str:
    """The values as a YAML file.

    Raises:
        UnfaithfulRenderingError: the rendered text does not parse to the values.
    """
    return render_document("helm/values.yaml.j2", chart_values(zone, address), identity=zone.identity)


def render_environment(zone: Zone, address: str | None) -> str:
    """The variables as a file that systemd and ``docker run --env-file`` both read.

    Raises:
        InvalidInputError: a value needs quotes, which ``docker run`` would take for a part of it.
        UnfaithfulRenderingError: the rendered text does not parse to the variables.
    """
    variables = environment(zone, address)
    refuse_quoting(zone, variables | ({"roleArn": zone.role_arn} if zone.identity == "irsa" else {}))
    text = fill(
        "universal/zone.env.j2",
        variables=variables,
        identity=zone.identity,
        namespace=zone.namespace,
        service_account=zone.service_account,
        role_arn=zone.role_arn,
    )
    if read_environment(text) != variables:
        raise UnfaithfulRenderingError("the environment is not what it was made of", "This is a defect in the toolkit.")
    return text


def refuse_quoting(zone: Zone, values: dict[str, str]) -> None:
    """Refuse values that a file of variables can't carry as they are.

    Raises:
        InvalidInputError: a value needs quotes, which ``docker run`` would take for a part of it.
    """
    problems = [
        Problem(f"zone {zone.name}: {name}", f"holds {odd!r}, which a file of variables can't carry without quotes")
        for name, value in values.items()
        if (odd := _UNQUOTED.sub("", value)[:1])
    ]
    if problems:
        raise InvalidInputError("the environment can't be written", problems, "docker run --env-file knows no quotes.")


def read_environment(text: str) -> dict[str, str]:
    """The variables of a file, as ``docker run --env-file`` reads it (docker/cli:opts/file.go).

    Raises:
        UnfaithfulRenderingError: a line is neither a comment nor a variable, or a variable stands twice.
    """
    variables: dict[str, str] = {}
    for line in text.split("\n"):
        if not line.strip() or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals or not re.fullmatch(r"[A-Z][A-Z0-9_]*", name) or name in variables:
            raise UnfaithfulRenderingError("the environment has a line that is no variable")
        variables[name] = value
    return variables


def refuse_namespace(zones: Iterable[Zone], namespace: str) -> None:
    """Refuse a namespace whose service accounts the role of a zone does not trust.

    Raises:
        InvalidInputError: the contract says another one; ``ambient`` trusts no service account at all.
    """
    problems = [
        Problem(
            "--namespace", f"{arn.shown(namespace)}, but the role of zone {zone.name} trusts {zone.namespace} alone"
        )
        for zone in zones
        if zone.identity != "ambient" and zone.namespace != namespace
    ]
    if problems:
        raise InvalidInputError(
            "a control plane there could not take its role",
            problems,
            "Install the release there, or change the zone's namespace in the stack.",
        )


def notes(
    zone: Zone, *, has_address: bool, in_chart: bool, namespace: str | None = None, service_account: str | None = None
) -> list[str]:
    """What the operator should know of a zone beside its document, one line each.

    Args:
        zone: of the contract.
        has_address: whether the document names the global control plane.
        in_chart: whether the document is for the release chart.
        namespace: where the release is installed; None for the one that Kong names.
        service_account: of its control plane; None for the one that the chart gives it.
    """
    said = []
    if not has_address:
        said.append(
            f"zone {zone.name}: without --kds-address its control plane joins no global one, "
            "which a multi-zone mesh needs"
        )
    account, expected = (
        f"{zone.namespace}/{zone.service_account}",
        f"{namespace or NAMESPACE}/{service_account or SERVICE_ACCOUNT}",
    )
    if in_chart and zone.identity != "ambient" and account != expected:
        said.append(
            f"zone {zone.name}: its role is for service account {account} alone; the release chart's is {expected}, "
            "so install the release in a way that its control plane runs as the former"
        )
    return said
