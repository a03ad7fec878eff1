"""Render the MeshIdentity and the MeshTrusts of a mesh from the contract.

Kong Mesh's extension ``acmpca`` is experimental: only an unmerged branch of Kong's documentation describes its
configuration (see :mod:`toolkit.mesh.schema.identity_spec`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from toolkit.errors import InvalidInputError, Problem
from toolkit.mesh.render.building import list_refusals
from toolkit.mesh.render.templating import render_document
from toolkit.mesh.schema import spiffe_id
from toolkit.mesh.schema.acmpca import ACMPCA
from toolkit.mesh.schema.go_duration import parse_nanoseconds
from toolkit.mesh.schema.identity_spec import AcmPcaConfig, MeshIdentity, MeshIdentitySpec, MeshTrustCreation
from toolkit.mesh.schema.secret import check_object_name
from toolkit.mesh.schema.trust import MeshTrust, MeshTrustSpec
from toolkit.pki import duration
from toolkit.pki.dns_label import check_dns_label

if TYPE_CHECKING:
    from toolkit.contract import StackOutputs
    from toolkit.mesh.schema.mesh import Form
    from toolkit.mesh.schema.scoped import ScopedResource

# The SPIFFE ID of a sample proxy, to check a path's template.
_SAMPLE = {"TrustDomain": "example.org", "Namespace": "namespace", "ServiceAccount": "account", "Workload": "workload"}


@dataclass(frozen=True)
class IdentityOptions:
    """The operator's options.

    Attributes:
        form: of the documents.
        name: of the MeshIdentity.
        trust_domain: a template, or one trust domain for all zones; None for Kuma's default, one per zone.
        path: a template; None for Kuma's default, which depends on the zone's environment.
        expiry: lifetime of certificates, a duration of Kuma or of Go; None for the contract's.
        mesh_trust_creation: whether zone control planes make their own MeshTrust too.
        selects: whether the MeshIdentity selects all proxies; if not, it selects none.
        namespace: of the control plane on Kubernetes.
    """

    form: Form = "kubernetes"
    name: str = ACMPCA
    trust_domain: str | None = None
    path: str | None = None
    expiry: str | None = None
    mesh_trust_creation: MeshTrustCreation = "Enabled"
    selects: bool = True
    namespace: str = "kong-mesh-system"


@dataclass(frozen=True)
class Identities:
    """The documents of one mesh.

    Attributes:
        trusts: one MeshTrust per zone, or one for all zones of one trust domain.
        identity: the MeshIdentity that issues.
    """

    trusts: tuple[MeshTrust, ...]
    identity: MeshIdentity


def build_identities(outputs: StackOutputs, mesh: str, options: IdentityOptions) -> Identities:
    """Return the MeshIdentity of one mesh and its MeshTrusts.

    Every zone needs the MeshTrusts of all others: a control plane makes one for its own zone only, and the global
    control plane doesn't hand it on (kuma-migrator's documentation, policies/meshtrust).

    Raises:
        InvalidInputError: an option is not valid. Every problem is listed with its option.
    """
    template = options.trust_domain
    domains = {zone.name: spiffe_id.expand_trust_domain(template, mesh, zone.name) for zone in outputs.zones}
    expiry, wrong = _expiry(outputs, options.expiry)
    problems = [*_name_problems(options, domains), *_domain_problems(domains), *_path_problems(options.path), *wrong]
    if problems:
        raise InvalidInputError("the MeshIdentity can't be rendered", problems)
    spiffe = {"trustDomain": template, "path": options.path}
    given = {name: template for name, template in spiffe.items() if template is not None}
    config = {
        "arn": outputs.certificate_authority.arn,
        "certificateParameters": {"expiry": expiry},
        "meshTrustCreation": options.mesh_trust_creation,
    }
    extension = {"name": ACMPCA, "config": AcmPcaConfig.model_validate(config).to_document()}
    spec = {
        "selector": {"dataplane": {"matchLabels": {}}} if options.selects else {},
        **({"spiffeID": given} if given else {}),
        "provider": {"type": "Extension", "extension": extension},
    }
    validated = MeshIdentitySpec.model_validate(spec)
    identity = MeshIdentity(name=options.name, mesh=mesh, namespace=options.namespace, spec=validated)
    return Identities(tuple(_trusts(outputs, mesh, options, domains)), identity)


def explain_shared_name(outputs: StackOutputs, options: IdentityOptions) -> str:
    """Return why the meshes of a contract need MeshIdentities of different names; empty if they don't.

    On Kubernetes, the resources of all meshes are in the control plane's namespace.
    """
    if options.form != "kubernetes" or len(outputs.meshes) == 1:
        return ""
    meshes = ", ".join(outputs.meshes)
    return f"on Kubernetes a name belongs to one mesh only, so {meshes} can't all have a MeshIdentity {options.name}"


def make_trust(name: str, mesh: str, namespace: str, trust_domain: str, *chains: str) -> MeshTrust:
    """Return a MeshTrust with CA chains.

    Args:
        name: of the MeshTrust.
        mesh: its mesh.
        namespace: of the control plane on Kubernetes.
        trust_domain: without a scheme.
        chains: PEM with their roots, which Envoy's SPIFFE validator needs.
    """
    spec = {"trustDomain": trust_domain, "caBundles": [{"type": "Pem", "pem": {"value": chain}} for chain in chains]}
    return MeshTrust(name=name, mesh=mesh, namespace=namespace, spec=MeshTrustSpec.model_validate(spec))


def render_resource(resource: ScopedResource, form: Form) -> str:
    """Render a resource as a YAML document.

    A document with Kong Mesh's extension ``acmpca`` begins with a comment that it is experimental.

    Raises:
        UnfaithfulRenderingError: the rendered text does not parse to the resource.
    """
    provider = resource.spec.provider if isinstance(resource, MeshIdentity) else None
    experimental = provider is not None and provider.type == "Extension"
    return render_document(f"{form}/resource.yaml.j2", resource.to_form(form), experimental=experimental)


def render_identities(identities: Identities, form: Form) -> tuple[str, ...]:
    """Render the documents of one mesh in the order in which they are applied: MeshTrusts first."""
    return tuple(render_resource(resource, form) for resource in (*identities.trusts, identities.identity))


def parse_expiry(text: str) -> timedelta:
    """Return a lifetime that Kubernetes can write.

    Raises:
        ValueError: it is neither a duration of Kuma nor one of Go, or not a number of whole seconds from 1 on.
    """
    try:
        lifetime = duration.parse(text)
    except ValueError as error:
        try:
            lifetime = timedelta(microseconds=parse_nanoseconds(text) // 1000)
        except ValueError:
            raise error from None
    if lifetime < timedelta(seconds=1):
        raise ValueError("must be at least 1s")
    if lifetime % timedelta(seconds=1):
        raise ValueError("must be whole seconds")
    return lifetime


def write_expiry(lifetime: timedelta) -> str:
    """Return a lifetime of whole seconds as Kubernetes writes durations, such as ``720h`` for ``30d``."""
    minutes, seconds = divmod(int(lifetime.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return "".join(f"{number}{unit}" for number, unit in ((hours, "h"), (minutes, "m"), (seconds, "s")) if number)


def _trusts(
    outputs: StackOutputs, mesh: str, options: IdentityOptions, domains: dict[str, spiffe_id.Expansion]
) -> Iterator[MeshTrust]:
    names: dict[str, str] = {}
    for zone, domain in domains.items():
        names.setdefault(domain.text, f"{options.name}-{zone}")
    # The control plane makes MeshTrusts under the name of the MeshIdentity, so ours have others.
    is_one = len(names) == 1 < len(domains)
    for domain_text, name in names.items():
        trust_name = f"{options.name}-trust" if is_one else name
        yield make_trust(trust_name, mesh, options.namespace, domain_text, outputs.certificate_chain)


def _name_problems(options: IdentityOptions, zones: Iterable[str]) -> list[Problem]:
    longest = max((f"{options.name}-{zone}" for zone in zones), key=len)
    # The end of the name is the end of a name in one of them only.
    own, of_trust = (list_refusals("--identity-name", check_object_name, name) for name in (options.name, longest))
    return [*(own or of_trust), *list_refusals("--namespace", check_dns_label, options.namespace)]


def _domain_problems(domains: dict[str, spiffe_id.Expansion]) -> Iterator[Problem]:
    for zone, domain in domains.items():
        if domain.unknown:
            known = " and ".join(f"{{{{ .{name} }}}}" for name in spiffe_id.TRUST_DOMAIN_FIELDS)
            yield Problem("--trust-domain", f"{domain.unknown[0]!r} is unknown; a trust domain has {known}")
            return
        if problem := spiffe_id.check_trust_domain(domain.text):
            yield Problem("--trust-domain", f"{domain.text!r} {problem}")
            return
        if len(domain.text) > spiffe_id.MAX_KUMA_TRUST_DOMAIN:
            size = f"{len(domain.text)} characters; at most {spiffe_id.MAX_KUMA_TRUST_DOMAIN} are allowed"
            yield Problem("--trust-domain", f"the trust domain of zone {zone} has {size}")


def _path_problems(path: str | None) -> Iterator[Problem]:
    if path is None:
        return
    expansion = spiffe_id.expand(path, _SAMPLE)
    if expansion.unknown:
        known = ", ".join(f"{{{{ .{name} }}}}" for name in spiffe_id.PATH_FIELDS)
        yield Problem("--path", f"{expansion.unknown[0]!r} is unknown; known are {known} and {{{{ label }}}}")
    elif problem := spiffe_id.check_path(expansion.text):
        yield Problem("--path", f"{path!r} {problem}")


def _expiry(outputs: StackOutputs, text: str | None) -> tuple[str, list[Problem]]:
    """Return the lifetime as Kubernetes writes it, and what is wrong with it."""
    said = outputs.data_plane_lifetime if text is None else text
    place = "contract: dataPlaneLifetime" if text is None else "--expiration"
    try:
        lifetime = parse_expiry(said)
    except ValueError as error:
        return "", [Problem(place, f"{said[:40]!r}: {error}")]
    problem = outputs.certificate_authority.check_lifetime(lifetime)
    return write_expiry(lifetime), [Problem(place, f"{said} {problem}")] if problem else []
