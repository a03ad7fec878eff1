"""Plan the move of a mesh from ``Mesh.mtls`` to a MeshIdentity of AWS Private CA: the documents of its five stages.

A MeshIdentity without a provider publishes SPIFFE IDs. Then one with the provider takes over. Sources: kumahq/kuma
MADR-085 and test/e2e_env/multizone/meshidentity/migration.go. The order was played with Kuma 2.14.3; Kong Mesh's
extension acmpca is experimental (:mod:`toolkit.mesh.schema.identity_spec`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from toolkit.errors import InvalidInputError, Problem
from toolkit.mesh.documents.reader import Documents
from toolkit.mesh.documents.wording import show
from toolkit.mesh.render import identity_documents
from toolkit.mesh.render.identity_documents import Identities, IdentityOptions, render_resource
from toolkit.mesh.render.templating import join_documents, render_document
from toolkit.mesh.rotate import existing_resources, obstacles, permissions
from toolkit.mesh.rotate.existing_resources import ExistingIdentities
from toolkit.mesh.rotate.instructions import Names, describe_stages
from toolkit.mesh.rotate.obstacles import FINISH, PREPARE, SWITCH, TRUST, Obstacle
from toolkit.mesh.rotate.old_chains import OldChain, read_old_chains
from toolkit.mesh.rotate.rotation import Origin, Step, find_mode
from toolkit.mesh.schema.backends import CHAIN_FIELDS
from toolkit.mesh.schema.identity_spec import Selector
from toolkit.mesh.schema.traffic_policies import MeshTls, MeshTlsSpec
from toolkit.pki.dns_label import check_dns_label
from toolkit.text import escape
from toolkit.values import Object
from toolkit.yamltext.plain import at, text

if TYPE_CHECKING:
    from toolkit.contract import StackOutputs
    from toolkit.mesh.documents.editable import EditableMesh
    from toolkit.mesh.documents.typed import ScopedDocument
    from toolkit.mesh.schema.trust import MeshTrust
    from toolkit.yamltext.nodes import Path

STAGES = ("prepare", "publish", "trust", "switch", "finish")


@dataclass(frozen=True)
class IdentityMove:
    """The plan of a move.

    Attributes:
        names: the names in the plan.
        steps: the stages, each with its documents.
        obstacles: what a person must decide.
        notes: what the operator should know beforehand.
        before: the stream with the current Mesh, and the permissions that stage 1 changes.
        earlier: the same documents before each stage; empty if they are new.
        is_confidential: whether only their owner may read the documents.
    """

    names: Names
    steps: tuple[Step, ...]
    obstacles: tuple[Obstacle, ...]
    notes: tuple[str, ...]
    before: str
    earlier: tuple[str, ...]
    is_confidential: bool

    def list_blocking(self, number: int) -> list[Obstacle]:
        """Return the decisions that are required before a stage is applied."""
        return [each for each in self.obstacles if 0 < each.before <= number]


@dataclass(frozen=True)
class Given(Origin):
    """The current documents of the mesh.

    Attributes:
        documents: MeshTrafficPermissions, MeshTLSes, MeshIdentities, MeshTrusts, Dataplanes and Secrets.
        old_chain: PEM of CAs that the documents don't have; None for none.
    """

    documents: Documents = field(default_factory=lambda: Documents([]))
    old_chain: str | None = None


def plan_move_to_identity(given: Given, outputs: StackOutputs, options: IdentityOptions) -> IdentityMove:
    """Return the stages from the current mesh to a MeshIdentity with the contract's CA.

    Raises:
        InvalidInputError: an option is not valid, or the mesh has no mTLS and no MeshIdentity to go on from.
    """
    mesh = given.read()
    _require_movable(mesh)
    existing_resources.refuse_written(mesh)
    options = replace(options, form=mesh.form, expiry=options.expiry or _find_expiration(mesh, outputs))
    documents = Documents([*mesh.documents.streams, *given.documents.streams])
    identities = identity_documents.build_identities(outputs, mesh.name, options)
    publisher = name_publisher(options.name)
    _refuse_shared_names(mesh.name, identities)
    existing = ExistingIdentities(documents, identities.identity, publisher)
    if not mesh.enabled_backend and not existing.has_issuer:
        raise mesh.refuse((), "has no enabled backend: mTLS is off, so there is nothing to move", _RENDER)
    chains = read_old_chains(mesh.document, documents, outputs, given.old_chain)
    domains = {trust.spec.trust_domain for trust in identities.trusts} - {mesh.name}
    policies = _Policies(documents, mesh, sorted(domains), options)
    old_trust = _make_old_trust(mesh.name, options.namespace, chains)
    trusts = [*([old_trust] if old_trust else []), *identities.trusts]
    texts, earlier = _write_stages(given, Identities(tuple(trusts), identities.identity), policies, publisher, chains)
    names = Names(
        mesh=mesh.name,
        form=mesh.form,
        namespace=options.namespace,
        zones=[zone.name for zone in outputs.zones],
        issuer=options.name,
        publisher=publisher,
        old_trust=_name_old_trust(mesh.name),
        trusts=[trust.name for trust in identities.trusts],
    )
    words = describe_stages(names)
    reached = existing.find_reached(has_mtls=bool(mesh.mtls))
    found = [
        # Without mtls, permissions need no old SPIFFE IDs.
        *(policies.obstacles if reached < FINISH else ()),
        *existing.find_obstacles(),
        *(existing_resources.find_replaced_trusts(trusts, documents, mesh.name) if reached < TRUST else ()),
        *existing_resources.find_taken_names(identities, publisher, documents),
        *obstacles.find_obstacles(mesh.document, documents, chains, outputs.certificate_authority.arn),
    ]
    is_prepared = texts["prepare"] == given.text and not any(each.before == PREPARE for each in found)
    done = {PREPARE: is_prepared or reached == FINISH}
    shared = identity_documents.explain_shared_name(outputs, options)
    notes = (*policies.notes, *([f"{shared}: give each its own --identity-name"] if shared else []))
    steps = [
        Step(number, name, texts[name], done.get(number, number <= reached), words[name])
        for number, name in enumerate(STAGES, 1)
    ]
    return IdentityMove(names, tuple(steps), tuple(_sort(found)), notes, earlier[0], earlier, mesh.is_confidential)


def _sort(found: list[Obstacle]) -> list[Obstacle]:
    """Return obstacles with printable texts, by the stage that they stop; obstacles that stop no stage come last."""
    printable = [Obstacle(each.before, *map(escape, each[1:])) for each in found]
    return sorted(printable, key=lambda each: each.before or len(STAGES) + 1)


_RENDER = "toolkit render-identity renders a MeshIdentity for a mesh without mTLS."


def _write_stages(
    given: Given, identities: Identities, policies: _Policies, publisher_name: str, chains: list[OldChain]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the stream of documents of each stage by its name, and what each stage changes; empty if it is new."""
    issuer = identities.identity
    form = given.read().form
    spec = issuer.spec
    # Both have the same SPIFFE ID, which must not change later.
    published = spec.model_copy(update={"provider": None})
    published.model_fields_set.discard("provider")
    publisher = issuer.model_copy(update={"name": publisher_name, "spec": published})
    waiting = issuer.model_copy(update={"spec": spec.model_copy(update={"selector": Selector()})})
    prepared = _prepare(given, chains, policies)
    finished = given.read(prepared)
    if finished.mtls:
        finished.remove_from_spec(("mtls",))
    texts = {
        "prepare": join_documents([*policies.documents, prepared]),
        "publish": render_resource(publisher, form),
        "trust": join_documents([render_resource(each, form) for each in (*identities.trusts, waiting)]),
        "switch": render_resource(issuer, form),
        "finish": finished.editor.text,
    }
    before = join_documents([*policies.earlier, given.text])
    return texts, (before, "", "", render_resource(waiting, form), prepared)


def _prepare(given: Given, chains: list[OldChain], policies: _Policies) -> str:
    """Return the stream with a Mesh that has MeshServices, and the root in every caCert that lacks it.

    The permissions in it are changed in their places: another document could not win over them.
    """
    prepared = given.read()
    if at(prepared.document.spec, ("meshServices", "mode")) != "Exclusive":
        is_there = "meshServices" in prepared.document.spec
        path, value = (("meshServices", "mode"), "Exclusive") if is_there else (("meshServices",), _EXCLUSIVE)
        prepared.set_in_spec(path, value)
    for number, backend in enumerate(given.read().backends):
        chain = next(each for each in chains if each.backend == backend["name"])
        if chain.lacks_root and chain.bundle and CHAIN_FIELDS.get(text(backend.get("type"))) == "caCert":
            prepared.set(("backends", number, "conf", "caCert"), {"inlineString": chain.bundle})
    for permission, changed in policies.in_stream:
        prepared.editor.set(permission.number, (*permission.base, *permission.spec_path), changed)
    return prepared.editor.text


_EXCLUSIVE = {"mode": "Exclusive"}


class _Policies:
    """The MeshTrafficPermissions and the MeshTLS of stage 1.

    Attributes:
        obstacles: what a person must decide.
        notes: what was decided.
        documents: the rendered documents.
        earlier: the permissions among them, as they were before stage 1.
        in_stream: permissions in the Mesh's stream, and their new specs.
    """

    def __init__(self, documents: Documents, mesh: EditableMesh, domains: list[str], options: IdentityOptions) -> None:
        self._mesh, self._options = mesh, options
        self.notes: list[str] = []
        self.documents: list[str] = []
        self.earlier: list[str] = []
        self.in_stream: list[tuple[ScopedDocument, Object]] = []
        given = documents.list_scoped("MeshTrafficPermission", mesh.name)
        chosen, self.obstacles = existing_resources.choose_permissions(given, mesh.form, options.namespace)
        for permission in chosen:
            self._convert(permission, domains)
        if not given:
            get = "kubectl get meshtrafficpermissions -A" if mesh.form == "kubernetes" else "kumactl get"
            more = "" if mesh.form == "kubernetes" else f" meshtrafficpermissions --mesh {mesh.name}"
            message = "no MeshTrafficPermission was given; one that doesn't allow the new SPIFFE IDs denies traffic"
            fix = f"{get}{more} -o yaml > permissions.yaml, and add -f permissions.yaml."
            self.obstacles.append(Obstacle(SWITCH, "", message, fix))
        if (tls := self._make_tls(documents)) is not None:
            self.documents.append(render_resource(tls, mesh.form))

    def _convert(self, permission: ScopedDocument, domains: list[str]) -> None:
        made = permissions.convert(permission, domains)
        zone = existing_resources.find_zone(permission)
        where = f"in zone {zone}" if zone else "by hand"
        fix = f"Change the permission {where}: allow old and new SPIFFE IDs, without a slash at the end of a prefix."
        doubts = made.doubts
        if zone and made.spec is not None:
            message = f"belongs to zone {zone} (kuma.io/origin: zone), and only its control plane can change it"
            doubts = (permissions.Doubt(permission.name_path, message),)
        self.obstacles += [
            Obstacle(PREPARE, permission.show_place(doubt.path), f"{permission.name}: {doubt.message}", fix)
            for doubt in doubts
        ]
        if made.spec is None or zone:
            return
        if any(permission is each for each in self._mesh.documents.scoped):
            self.in_stream.append((permission, made.spec))
        else:
            self.documents.append(self._render(permission, made.spec))
            self.earlier.append(self._render(permission, permission.spec))

    def _render(self, permission: ScopedDocument, spec: Object) -> str:
        document = existing_resources.shape_permission(permission, spec, self._options.namespace)
        return render_document(f"{self._mesh.form}/resource.yaml.j2", document, experimental=False)

    def _make_tls(self, documents: Documents) -> MeshTls | None:
        """Return the MeshTLS of a mesh whose enabled backend is PERMISSIVE; None if one for all proxies exists."""
        mesh = self._mesh
        there = [each for each in documents.list_scoped("MeshTLS", mesh.name) if existing_resources.is_mesh_wide(each)]
        if there or not mesh.enabled_backend or find_mode(mesh, mesh.enabled_backend) == "STRICT":
            return None
        self.notes.append("the mesh is PERMISSIVE; stage 1 has a MeshTLS that keeps it so")
        values = {"targetRef": {"kind": "Mesh"}, "rules": [{"default": {"mode": "Permissive"}}]}
        spec = MeshTlsSpec.model_validate(values)
        name = existing_resources.find_free_name("MeshTLS", f"{mesh.name}-permissive", documents)
        return MeshTls(name=name, mesh=mesh.name, namespace=self._options.namespace, spec=spec)


def _make_old_trust(mesh: str, namespace: str, chains: list[OldChain]) -> MeshTrust | None:
    """Return the MeshTrust of the CAs of mtls, whose certificates have the mesh's name as trust domain."""
    bundles = dict.fromkeys(each.bundle for each in chains if each.bundle)
    return identity_documents.make_trust(_name_old_trust(mesh), mesh, namespace, mesh, *bundles) if bundles else None


def _name_old_trust(mesh: str) -> str:
    return f"{mesh}-mtls"


def name_publisher(issuer: str) -> str:
    """Return a name that sorts after the issuer's, with any suffix that a zone gives the two.

    Of MeshIdentities that match equally, the first name wins (kumahq/kuma: meshidentity/api/v1alpha1/helpers.go,
    BestMatched), so the issuer takes over as soon as it selects proxies.

    Raises:
        InvalidInputError: there is none.
    """
    for name in (f"publish-{issuer}", f"zz-publish-{issuer}"):
        if len(name) > _MAX_NAME:
            break
        differ = next((pair for pair in zip(issuer, name, strict=False) if pair[0] != pair[1]), None)
        if differ and differ[0] < differ[1]:
            return name
    problem = Problem("--identity-name", f"no name of another MeshIdentity sorts after {issuer}")
    raise InvalidInputError("the move can't be planned", [problem], "Choose a short name that begins with a to o.")


# A control plane cuts longer names to make room for a suffix (kumahq/kuma:pkg/kds/hash/hash.go).
_MAX_NAME = 236


def _require_movable(mesh: EditableMesh) -> None:
    """Reject a Mesh whose name can't be part of other names, or whose enabled backend does not exist."""
    try:
        check_dns_label(mesh.name)
    except ValueError as error:
        fix = "Move its proxies to a mesh with another name first."
        raise mesh.document.refuse(mesh.document.name_path, str(error), fix, verb="moved") from error
    if mesh.enabled_backend and mesh.find_position(mesh.enabled_backend) is None:
        raise mesh.refuse(("enabledBackend",), f"{show(mesh.enabled_backend)} is not among the backends")


def _refuse_shared_names(mesh: str, identities: Identities) -> None:
    """Reject a name of two resources, because a control plane adds a CA to the MeshTrust with its MeshIdentity's name.

    Raises:
        InvalidInputError: the MeshTrust of the old CAs would have another resource's name.
    """
    name = _name_old_trust(mesh)
    if name in (identities.identity.name, *(trust.name for trust in identities.trusts)):
        problem = Problem("--identity-name", f"{name} is the name of the MeshTrust for the old CAs")
        raise InvalidInputError("the move can't be planned", [problem], "Choose another name.")


def _find_expiration(mesh: EditableMesh, outputs: StackOutputs) -> str | None:
    """Return the lifetime of certificates of the enabled backend; None if it isn't set.

    Raises:
        InvalidInputError: the value is not a lifetime, or the contract's CA can't issue certificates for that long.
    """
    position = mesh.find_position(mesh.enabled_backend)
    if position is None:
        return None
    path: Path = ("backends", position, "dpCert", "rotation", "expiration")
    expiration = at(mesh.mtls, path)
    if expiration is None:
        return None
    try:
        lifetime = identity_documents.parse_expiry(text(expiration))
        problem = outputs.certificate_authority.check_lifetime(lifetime)
    except ValueError as error:
        raise mesh.refuse(path, str(error), _OTHER_LIFETIME) from error
    if problem:
        raise mesh.refuse(path, f"{expiration} {problem}", _OTHER_LIFETIME)
    return identity_documents.write_expiry(lifetime)


_OTHER_LIFETIME = "Choose another lifetime for the MeshIdentity with --expiration."
