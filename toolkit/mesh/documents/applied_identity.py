"""Read an applied MeshIdentity with Kong Mesh's extension ``acmpca``, and the MeshTrusts of its mesh.

Experimental: the extension's fields are those of :mod:`toolkit.mesh.schema.identity_spec`, which names their source.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple, get_args

from toolkit.errors import InvalidInputError
from toolkit.mesh.documents.wording import show
from toolkit.mesh.schema.acmpca import ACMPCA
from toolkit.mesh.schema.go_duration import parse_nanoseconds
from toolkit.mesh.schema.identity_spec import MeshTrustCreation
from toolkit.mesh.schema.secret import check_object_name
from toolkit.pki import pem
from toolkit.text import take_line
from toolkit.yamltext.plain import at, is_tame, items, mapping, text

if TYPE_CHECKING:
    from toolkit.mesh.documents.reader import Documents
    from toolkit.mesh.documents.typed import ScopedDocument
    from toolkit.mesh.schema.mesh import Form
    from toolkit.yamltext.nodes import Path

_PROVIDER: Path = ("spec", "provider")
_CONFIG: Path = (*_PROVIDER, "extension", "config")
_EXPIRY: Path = (*_CONFIG, "certificateParameters", "expiry")
_CREATION: Path = (*_CONFIG, "meshTrustCreation")
_DEFAULT_EXPIRY = "24h"
_NANOSECONDS = 1000


class AppliedIdentity(NamedTuple):
    """A MeshIdentity, and the CAs that the proxies of its mesh trust.

    Attributes:
        name: its name.
        mesh: the name of its mesh.
        form: the form of its document.
        trust_domain: the template of the trust domain; None for Kuma's default.
        path: the template of the SPIFFE ID's path; None for Kuma's default.
        labels: the labels of the document, which templates may use.
        authority_arn: the CA's ARN.
        lifetime: the lifetime of its certificates.
        creates_trust: whether each zone's control plane creates the MeshTrust of its trust domain.
        bundles: the CAs of the mesh's MeshTrusts as PEM text, by trust domain.
        place: the position of the document, as ``source:line:column``.
    """

    name: str
    mesh: str
    form: Form
    trust_domain: str | None
    path: str | None
    labels: Mapping[str, str]
    authority_arn: str
    lifetime: timedelta
    creates_trust: bool
    bundles: Mapping[str, str]
    place: str


def list_identities(documents: Documents, mesh: str | None) -> list[ScopedDocument]:
    """Return the MeshIdentities whose provider is the extension acmpca; only those of a mesh, if it is given."""
    return [each for each in documents.list_scoped("MeshIdentity", mesh) if _is_acmpca(each)]


def choose_identity(documents: Documents, mesh: str | None, name: str) -> ScopedDocument:
    """Return the MeshIdentity with a name.

    Raises:
        InvalidInputError: it does not exist, exists more than once, or its provider is not the extension acmpca.
    """
    found = documents.list_scoped("MeshIdentity", mesh)
    chosen = [each for each in found if each.name == name]
    where = f" of mesh {mesh}" if mesh else ""
    if not chosen:
        there = ", ".join(take_line(each.name) or "(without a name)" for each in found) or "none"
        raise InvalidInputError(f"there is no MeshIdentity {show(name)}{where}. MeshIdentities: {there}")
    if chosen[1:]:
        raise InvalidInputError(f"MeshIdentity {name}{where} is there more than once", hint="Choose with --mesh.")
    if not _is_acmpca(chosen[0]):
        raise refuse_provider(chosen[0])
    return chosen[0]


def refuse_provider(document: ScopedDocument) -> InvalidInputError:
    """Return the error that a MeshIdentity's provider is not AWS Private CA."""
    message = f"is not the extension {ACMPCA}: this MeshIdentity issues no certificates of AWS Private CA"
    return document.refuse(_PROVIDER, message)


def read_identity(document: ScopedDocument, documents: Documents) -> AppliedIdentity:
    """Return the content of a MeshIdentity.

    Args:
        document: a MeshIdentity whose provider is the extension acmpca.
        documents: contain the MeshTrusts.

    Raises:
        InvalidInputError: a field is missing or invalid, or a MeshTrust can't be read.
    """
    if not is_tame(document.value):
        raise document.refuse(("spec",), "is nested without end, or is larger than a document needs")
    for path, value in ((document.name_path, document.name), (document.mesh_path, document.mesh)):
        if not value:
            raise document.refuse(path, "is missing or is not a text")
        try:
            check_object_name(value)
        except ValueError as error:
            raise document.refuse(path, str(error)) from error
    authority_arn = at(document.value, (*_CONFIG, "arn"))
    if not isinstance(authority_arn, str):
        raise document.refuse((*_CONFIG, "arn"), "is missing or is not a text")
    creation = at(document.value, _CREATION)
    if creation not in (None, *get_args(MeshTrustCreation)):
        raise document.refuse(_CREATION, f"must be one of {', '.join(get_args(MeshTrustCreation))}")
    return AppliedIdentity(
        name=document.name,
        mesh=document.mesh,
        form=document.form,
        trust_domain=_template(document, "trustDomain"),
        path=_template(document, "path"),
        labels={text(name): text(value) for name, value in document.labels.items()},
        authority_arn=authority_arn,
        lifetime=_lifetime(document),
        creates_trust=creation != "Disabled",
        bundles=read_bundles(documents, document.mesh),
        place=document.show_place(()),
    )


def read_bundles(documents: Documents, mesh: str) -> dict[str, str]:
    """Return the CAs of a mesh's MeshTrusts by trust domain, those of several MeshTrusts joined as Kuma joins them.

    Source: kumahq/kuma:pkg/core/resources/apis/meshtrust/generator/v1alpha1/secrets.go, validationCtx.

    Raises:
        InvalidInputError: a MeshTrust can't be read.
    """
    bundles: dict[str, list[str]] = {}
    for trust in documents.list_scoped("MeshTrust", mesh):
        if not is_tame(trust.value):
            raise trust.refuse(("spec",), "is nested without end, or is larger than a document needs")
        domain = trust.spec.get("trustDomain")
        if not isinstance(domain, str) or not domain:
            raise trust.refuse(("spec", "trustDomain"), "is missing or is not a text")
        bundles.setdefault(domain, []).extend(_list_bundles(trust))
    return {domain: "\n".join(texts) for domain, texts in bundles.items()}


def _is_acmpca(document: ScopedDocument) -> bool:
    provider = mapping(document.spec.get("provider"))
    return provider.get("type") == "Extension" and at(provider, ("extension", "name")) == ACMPCA


def _template(document: ScopedDocument, field: str) -> str | None:
    path: Path = ("spec", "spiffeID", field)
    value = at(document.value, path)
    if value is not None and not isinstance(value, str):
        raise document.refuse(path, "is not a text")
    return value or None


def _lifetime(document: ScopedDocument) -> timedelta:
    value = at(document.value, _EXPIRY)
    if value is None:
        value = _DEFAULT_EXPIRY
    if not isinstance(value, str):
        raise document.refuse(_EXPIRY, "is not a text")
    try:
        nanoseconds = parse_nanoseconds(value)
    except ValueError as error:
        raise document.refuse(_EXPIRY, str(error), "Write hours: 24h, not 1d.") from error
    if nanoseconds <= 0:
        raise document.refuse(_EXPIRY, "must be more than 0s")
    return timedelta(microseconds=nanoseconds // _NANOSECONDS)


def _list_bundles(trust: ScopedDocument) -> list[str]:
    path: Path = ("spec", "caBundles")
    found = items(trust.spec.get("caBundles"))
    if not found:
        raise trust.refuse(path, "is missing or is empty")
    texts = []
    for number, bundle in enumerate(found):
        place: Path = (*path, number, "pem", "value")
        value = at(bundle, ("pem", "value"))
        if not isinstance(value, str):
            raise trust.refuse(place, "is missing or is not a text")
        try:
            pem.load_certificates(value)
        except ValueError as error:
            raise trust.refuse(place, str(error)) from error
        texts.append(value)
    return texts
