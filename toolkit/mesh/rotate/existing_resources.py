"""Read the resources that a mesh has before a move: the stage that it has reached, and what stages can contain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count
from typing import TYPE_CHECKING

from toolkit.errors import InvalidInputError, Problem
from toolkit.mesh.documents.confidential import LAST_APPLIED
from toolkit.mesh.documents.wording import show
from toolkit.mesh.rotate.obstacles import FINISH, PREPARE, PUBLISH, SWITCH, TRUST, Obstacle
from toolkit.mesh.schema.mesh import API_VERSION, DISPLAY_NAME_LABEL, ORIGIN_LABEL, ZONE_LABEL, Form
from toolkit.mesh.schema.secret import MESH_LABEL, check_object_name
from toolkit.pki import chain, pem
from toolkit.values import Object, without_nulls
from toolkit.yamltext.plain import AnyMapping, at, is_tame, items, mapping, text

if TYPE_CHECKING:
    from cryptography import x509

    from toolkit.mesh.documents.editable import EditableMesh
    from toolkit.mesh.documents.reader import Documents
    from toolkit.mesh.documents.typed import ScopedDocument
    from toolkit.mesh.render.identity_documents import Identities
    from toolkit.mesh.schema.identity_spec import MeshIdentity
    from toolkit.mesh.schema.trust import MeshTrust


class ExistingIdentities:
    """The MeshIdentities of a mesh.

    Args:
        documents: the given documents.
        issuer: the MeshIdentity with the provider.
        publisher: the name of the MeshIdentity without a provider.
    """

    def __init__(self, documents: Documents, issuer: MeshIdentity, publisher: str) -> None:
        self._found = {_find_name(each): each for each in documents.list_scoped("MeshIdentity", issuer.mesh)}
        self._issuer, self._publisher = issuer, publisher

    @property
    def has_issuer(self) -> bool:
        """Return whether the MeshIdentity with the provider exists."""
        return self._issuer.name in self._found

    def find_reached(self, *, has_mtls: bool) -> int:
        """Return the last applied stage by the documents, from 2 on; 0 for none.

        Args:
            has_mtls: whether the Mesh still has mtls.
        """
        if (issuer := self._found.get(self._issuer.name)) is not None:
            if not _selects(issuer):
                return TRUST
            return SWITCH if has_mtls else FINISH
        publishes = any(mapping(each.spec.get("provider")) == {} for each in self._found.values())
        return PUBLISH if publishes else 0

    def find_obstacles(self) -> Iterator[Obstacle]:
        """Yield the obstacles in existing MeshIdentities."""
        planned = mapping(self._issuer.spec.to_document().get("spiffeID"))
        for name, each in self._found.items():
            path = ("spec", "spiffeID")
            if name in (self._issuer.name, self._publisher):
                if mapping(each.spec.get("spiffeID")) != planned:
                    message = f"{name} has another SPIFFE ID than planned; it can't be changed, because the MeshTrust "
                    fix = "Give --trust-domain and --path as it has them, or choose another --identity-name."
                    stage = PUBLISH if name == self._publisher else TRUST
                    yield Obstacle(stage, each.show_place(path), f"{message}keeps the old trust domain", fix)
            elif _selects(each) and (_labels(each) or name < self._issuer.name):
                message = f"{name} wins over {self._issuer.name} for the proxies that it selects"
                fix = "Delete it before this stage, or choose an --identity-name that sorts before it."
                path = ("spec", "selector")
                yield Obstacle(SWITCH, each.show_place(path), message, fix)


def refuse_written(mesh: EditableMesh) -> None:
    """Refuse MeshIdentities and MeshTrusts in the Mesh's stream.

    Stages 1 and 5 contain the stream with everything in it, so they would put such a resource back as it was, such as
    a MeshIdentity that selects no proxy.

    Raises:
        InvalidInputError: there are some.
    """
    problems = [
        Problem(each.show_place(()), f"{each.kind} {show(each.name)} is in the Mesh's file")
        for each in mesh.documents.scoped
        if each.kind in ("MeshIdentity", "MeshTrust") and each.mesh == mesh.name
    ]
    if problems:
        raise InvalidInputError(
            f"stages 1 and 5 contain all of {mesh.document.source}, and would undo what other stages change in it",
            problems,
            "Give these documents in a file of their own with -f, and --base without them.",
        )


def find_zone(document: ScopedDocument) -> str:
    """Return the zone that owns a resource of the global control plane; empty if it isn't a zone's.

    On the zone's own control plane, where it can be changed, the resource has no suffix.
    """
    is_synced = _find_name(document) != document.name
    is_of_zone = is_synced and document.labels.get(ORIGIN_LABEL) == "zone"
    return text(document.labels.get(ZONE_LABEL)) if is_of_zone else ""


def find_replaced_trusts(planned: Iterable[MeshTrust], documents: Documents, mesh: str) -> Iterator[Obstacle]:
    """Yield the MeshTrusts that stage 3 would replace although no other MeshTrust has their CAs.

    Args:
        planned: the MeshTrusts of stage 3.
        documents: the given documents.
        mesh: the mesh.
    """
    specs = {trust.name: trust.spec.to_document() for trust in planned}
    there = [each for each in documents.list_scoped("MeshTrust", mesh) if not find_zone(each)]
    kept = [*specs.values(), *(each.spec for each in there if _find_name(each) not in specs)]
    trusted = {(text(spec.get("trustDomain")), ca) for spec in kept for ca in _list_cas(spec)}
    for each in there:
        domain, spec = text(each.spec.get("trustDomain")), specs.get(_find_name(each))
        lost = [chain.get_display_name(ca) for ca in _list_cas(each.spec) if (domain, ca) not in trusted]
        if spec is None or not lost:
            continue
        message = f"{each.name} has CAs that stage {TRUST} removes: {', '.join(lost)}"
        if domain != (other := spec["trustDomain"]):
            message = f"{each.name} is for the trust domain {domain}; stage {TRUST} makes it one for {other}"
        fix = "First copy its CAs to a MeshTrust with another name, or delete it if no proxy needs them any more."
        yield Obstacle(TRUST, each.show_place(("spec",)), message, fix)


def _list_cas(spec: AnyMapping) -> list[x509.Certificate]:
    texts = (text(at(bundle, ("pem", "value"))) for bundle in items(spec.get("caBundles")))
    return [ca for each in texts for ca in pem.read(each).certificates]


def choose_permissions(
    given: Iterable[ScopedDocument], form: Form, namespace: str
) -> tuple[list[ScopedDocument], list[Obstacle]]:
    """Return the permissions that stages can contain, each once, and why they can't contain others.

    Args:
        given: permissions of one mesh.
        form: of the Mesh.
        namespace: of the control plane on Kubernetes.
    """
    chosen: dict[tuple[str, str], ScopedDocument] = {}
    wrong: list[Obstacle] = []
    for each in given:
        key = (_find_namespace(each, namespace), each.name)
        problem, fix = _find_problem(each, form)
        if not problem and key in chosen:
            if each.source != chosen[key].source and each.value == chosen[key].value:
                continue
            problem = f"{each.name} is also in {chosen[key].show_place(())}"
            fix = "Keep the one that the control plane has."
        if problem:
            wrong.append(Obstacle(PREPARE, each.show_place(each.name_path), problem, fix))
        else:
            chosen[key] = each
    return list(chosen.values()), wrong


def find_taken_names(identities: Identities, publisher: str, documents: Documents) -> Iterator[Obstacle]:
    """Yield the resources of other meshes that stages would overwrite.

    On Kubernetes, resources of all meshes are in one namespace, so a name belongs to one mesh only.

    Args:
        identities: the planned resources.
        publisher: the name of the MeshIdentity without a provider.
        documents: the given documents.
    """
    issuer = identities.identity
    planned = {("MeshIdentity", issuer.name), ("MeshIdentity", publisher)}
    planned |= {("MeshTrust", trust.name) for trust in identities.trusts}
    for each in documents.scoped:
        is_near = not each.is_universal and _find_namespace(each, issuer.namespace) == issuer.namespace
        if is_near and (each.kind, each.name) in planned and each.mesh != issuer.mesh:
            message = f"{each.kind} {each.name} is of mesh {each.mesh}, and a name belongs to one mesh only"
            yield Obstacle(PUBLISH, each.show_place(each.name_path), message, "Choose another --identity-name.")


def shape_permission(permission: ScopedDocument, spec: Object, namespace: str) -> Object:
    """Return a permission with another spec; its labels and annotations stay.

    Args:
        permission: as it was given.
        spec: the new one, or the old one; what is null in it is left out.
        namespace: of the control plane on Kubernetes.
    """
    spec, labels = mapping(without_nulls(spec)), _take_texts(permission.labels)
    if permission.is_universal:
        named = {"type": permission.kind, "mesh": permission.mesh, "name": permission.name}
        return {**named, **({"labels": labels} if labels else {}), "spec": spec}
    annotations = _take_texts(at(permission.value, ("metadata", "annotations")))
    # kubectl apply writes it, and compares with it.
    annotations.pop(LAST_APPLIED, None)
    made = {
        "name": permission.name,
        "namespace": _find_namespace(permission, namespace),
        "labels": {**labels, MESH_LABEL: permission.mesh},
        **({"annotations": annotations} if annotations else {}),
    }
    return {"apiVersion": API_VERSION, "kind": permission.kind, "metadata": made, "spec": spec}


def find_free_name(kind: str, name: str, documents: Documents) -> str:
    """Return a name for a new resource that no given one of its kind has: the name, or the name and a number."""
    taken = {each.name for each in documents.scoped if each.kind == kind}
    numbered = (f"{name}-{number}" for number in count(2))
    return name if name not in taken else next(each for each in numbered if each not in taken)


def is_mesh_wide(tls: ScopedDocument) -> bool:
    """Return whether a MeshTLS sets the mode of all proxies, of all zones."""
    target = mapping(tls.spec.get("targetRef"))
    entries = [*items(tls.spec.get("rules")), *items(tls.spec.get("from"))]
    modes = [at(mapping(entry), ("default", "mode")) for entry in entries]
    return target.get("kind", "Mesh") == "Mesh" and any(modes) and not find_zone(tls)


def _find_problem(permission: ScopedDocument, form: Form) -> tuple[str, str]:
    """Return why a stage can't contain a permission, and the fix; both empty if it can."""
    if not is_tame(permission.value):
        return f"{permission.name} is nested without end, or is larger than a document needs", "Write it out."
    try:
        check_object_name(permission.name)
    except ValueError as error:
        return f"the name {show(permission.name)} {error}", "Correct the name, or leave this permission out."
    if permission.form != form:
        # Kubernetes has a namespace, and the name in the HTTP API ends with it.
        message = f"{permission.name} is in the form for {permission.form}, and the Mesh in that for {form}"
        return message, "Give both as the same control plane has them: by kubectl get, or by kumactl get."
    return "", ""


def _find_namespace(permission: ScopedDocument, default: str) -> str:
    return text(mapping(permission.value.get("metadata")).get("namespace")) or default


def _take_texts(values: object) -> dict[str, str]:
    return {name: value for name, value in mapping(values).items() if isinstance(name, str) and isinstance(value, str)}


def _find_name(document: ScopedDocument) -> str:
    """Return a resource's name on the control plane that owns it. On others, the name has a suffix.

    Source: kumahq/kuma:pkg/kds; recorded with Kuma 2.14.3.
    """
    return text(document.labels.get(DISPLAY_NAME_LABEL)) or document.name


def _selects(document: ScopedDocument) -> bool:
    return isinstance(at(document.spec, ("selector", "dataplane")), dict)


def _labels(document: ScopedDocument) -> object:
    return mapping(at(document.spec, ("selector", "dataplane", "matchLabels")))
