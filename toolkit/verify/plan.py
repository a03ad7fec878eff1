"""Make the plan of a verification, for ``toolkit verify`` and for the pods of ``toolkit render-job``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from toolkit.errors import InvalidInputError, Problem
from toolkit.mesh.documents.applied_identity import AppliedIdentity
from toolkit.pki import arn, common_name, duration, pem, spiffe
from toolkit.verify.ledger import Ledger
from toolkit.verify.mesh_identity import MeshIdentityPlan, plan_zones

if TYPE_CHECKING:
    from cryptography import x509

    from toolkit.contract import StackOutputs, Zone
    from toolkit.mesh.documents.applied import Applied

# The default service in the requested certificates.
SERVICE = "toolkit-verify"
DEFAULT_HORIZON = timedelta(days=30)


@dataclass(frozen=True)
class PlanOptions:
    """The operator's options, as they were written.

    Attributes:
        mesh_name: a mesh of the contract, if no Mesh is given; None for the first mesh.
        service: the service of the proxy (``kuma.io/service``).
        lifetime: of the certificates, such as ``24h``; None for the contract's.
        horizon: how long every CA of the chain must still be valid, such as ``720h``; None for 30 days.
    """

    mesh_name: str | None = None
    service: str = SERVICE
    lifetime: str | None = None
    horizon: str | None = None


@dataclass(frozen=True)
class Plan:
    """What to request and check in each zone.

    Attributes:
        mesh: the mesh of the data plane proxy that the certificate is for.
        trust_bundle: that Mesh's ``caCert``, byte for byte. With a MeshIdentity, the contract's chain.
        service: the service of the proxy (``kuma.io/service``).
        lifetime: of the certificate.
        timeout: time limit for one zone.
        deadline: time limit for the whole run; None to limit each zone only.
        horizon: how long every CA of the chain must still be valid.
        common_names: the common name of each zone's CSR, by zone name. A zone without one has an empty subject.
        probe_denials: whether to probe the calls that must be denied.
        revoke: whether to revoke the issued certificates, if the zone's role is allowed to.
        ledger: records each request before it is sent, and its certificate before it is used.
        mesh_identity: what a MeshIdentity gives the zones; None for a Mesh.
    """

    mesh: str
    trust_bundle: str
    service: str = SERVICE
    lifetime: timedelta = timedelta(hours=24)
    timeout: timedelta = timedelta(seconds=60)
    deadline: timedelta | None = None
    horizon: timedelta = DEFAULT_HORIZON
    common_names: Mapping[str, str] = field(default_factory=dict)
    probe_denials: bool = False
    revoke: bool = False
    ledger: Ledger = field(default_factory=Ledger)
    mesh_identity: MeshIdentityPlan | None = None

    def list_uris(self, zone: str) -> tuple[str, ...]:
        """Return the URI SANs of a zone's proxy: one SPIFFE ID with a MeshIdentity, else one for each service and tag.

        Raises:
            ValueError: the service can't be in a URI.
        """
        if self.mesh_identity:
            return (self.mesh_identity.build_spiffe_id(zone),)
        tags = {spiffe.SERVICE_TAG: self.service, spiffe.ZONE_TAG: zone}
        return spiffe.build_data_plane_uris(self.mesh, [self.service], tags)

    def load_bundle(self, zone: str) -> tuple[x509.Certificate, ...]:
        """Return the CAs that a zone's proxies trust for their own certificates."""
        if self.mesh_identity:
            return self.mesh_identity.load_bundle(zone)
        return pem.load_certificates(self.trust_bundle)


def choose_zones(outputs: StackOutputs, names: Sequence[str]) -> list[Zone]:
    """Return the zones with these names, each once; all zones of the contract if there are no names.

    Raises:
        InvalidInputError: the contract has no zone with one of the names.
    """
    known = {zone.name: zone for zone in outputs.zones}
    if unknown := [name for name in names if name not in known]:
        raise InvalidInputError(
            f"the contract has no zone {', '.join(unknown)}",
            [Problem("--zone", f"{name} is not a zone of the contract. Zones: {', '.join(known)}") for name in unknown],
        )
    return [known[name] for name in dict.fromkeys(names)] if names else list(outputs.zones)


def make_plan(
    outputs: StackOutputs, zones: Sequence[Zone], options: PlanOptions, applied: Applied | AppliedIdentity | None = None
) -> Plan:
    """Return the plan for zones.

    Args:
        outputs: the contract.
        zones: zones of the contract.
        options: the operator's options.
        applied: the applied Mesh or MeshIdentity; None to verify against the contract's chain.

    Raises:
        InvalidInputError: an option or the document is not valid. Every problem is listed with its option.
    """
    problems: list[Problem] = []
    plan = Plan(
        mesh=applied.mesh if applied else options.mesh_name or outputs.meshes[0],
        trust_bundle=outputs.certificate_chain,
        service=options.service,
        lifetime=_choose_lifetime(outputs, options, applied, problems),
        horizon=_choose_horizon(options, problems),
    )
    if isinstance(applied, AppliedIdentity):
        fix = "that the MeshIdentity was rendered from, or name another one with --identity-name"
        problems += _authority_problems(outputs, f"{applied.place}: config.arn", applied.authority_arn, fix)
        # Of all zones: those that are not verified must trust these, too.
        identity = plan_zones(applied, outputs.zones, options.service, outputs.certificate_chain, problems)
        plan = replace(plan, mesh_identity=identity)
    else:
        problems += _mesh_problems(outputs, plan.mesh, options, applied)
        if applied:
            names = _expand_common_names(applied, options.service, zones, problems)
            plan = replace(plan, trust_bundle=applied.bundle, common_names=names)
    if problems:
        raise InvalidInputError("the zones can't be verified", list(dict.fromkeys(problems)))
    return plan


def _choose_lifetime(
    outputs: StackOutputs, options: PlanOptions, applied: Applied | AppliedIdentity | None, problems: list[Problem]
) -> timedelta:
    """Return the lifetime of the option, the MeshIdentity or the contract, and add the problem with it."""
    lifetime: str | timedelta
    if options.lifetime is not None:
        place, note, lifetime = "--lifetime", f"{arn.quote(options.lifetime)}: ", options.lifetime
    elif isinstance(applied, AppliedIdentity):
        place, note, lifetime = f"{applied.place}: config.certificateParameters.expiry", "", applied.lifetime
    else:
        lifetime = outputs.data_plane_lifetime
        place, note = "--lifetime", f"{lifetime} (the contract's dataPlaneLifetime): "
    try:
        chosen = duration.parse(lifetime) if isinstance(lifetime, str) else lifetime
        message = outputs.certificate_authority.check_lifetime(chosen)
    except ValueError as error:
        chosen, message = timedelta(), str(error)
    if message:
        problems.append(Problem(place, f"{note}{message}"))
    return chosen


def _choose_horizon(options: PlanOptions, problems: list[Problem]) -> timedelta:
    try:
        return DEFAULT_HORIZON if options.horizon is None else duration.parse(options.horizon)
    except ValueError as error:
        problems.append(Problem("--horizon", str(error)))
        return DEFAULT_HORIZON


def _authority_problems(outputs: StackOutputs, place: str, named: str, fix: str) -> Iterator[Problem]:
    known = outputs.certificate_authority.arn
    if named != known:
        yield Problem(place, f"is {arn.quote(named)}; the contract has {known}. Give the contract {fix}")


def _mesh_problems(outputs: StackOutputs, name: str, options: PlanOptions, mesh: Applied | None) -> Iterator[Problem]:
    if mesh is None and name not in outputs.meshes:
        yield Problem("--mesh", f"the contract has no mesh {arn.quote(name)}, only {', '.join(outputs.meshes)}")
        return
    if mesh:
        fix = "that the Mesh was rendered from, or name its backend with --backend-name"
        yield from _authority_problems(outputs, f"{mesh.place}.arn", mesh.authority_arn, fix)
    if not options.service:
        yield Problem("--service", "is empty")
        return
    try:
        spiffe.build_data_plane_uris(name, [options.service], {})
    except ValueError as error:
        yield Problem("-f: name" if options.service == SERVICE else "--service", str(error))


def _expand_common_names(mesh: Applied, service: str, zones: Sequence[Zone], problems: list[Problem]) -> dict[str, str]:
    """Return the common name of each zone's proxy from the Mesh's template, and add the problems with them."""
    template, place, names = mesh.common_name, f"{mesh.place}.commonName", dict[str, str]()
    if template is None:
        return names
    for zone in zones:
        expanded = common_name.expand(template, {spiffe.SERVICE_TAG: service, spiffe.ZONE_TAG: zone.name})
        if expanded is None or expanded.unknown:
            what = f"needs the tag {expanded.unknown[0]}" if expanded else "has an unknown directive"
            known = f"known tags are {spiffe.SERVICE_TAG} and {spiffe.ZONE_TAG}"
            problems.append(Problem(place, f"{template} {what}; {known}. Without -f, requests have no common name"))
        elif (size := len(expanded.text)) > common_name.MAX_COMMON_NAME:
            found = f"{expanded.text} has {size} characters; at most {common_name.MAX_COMMON_NAME} are allowed"
            problems.append(Problem(place, f"{found}. Choose a shorter service, or a shorter template"))
        else:
            names[zone.name] = expanded.text
    return names
