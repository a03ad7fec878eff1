"""Find confidential parts of documents: one list for file modes, excerpts and differences."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from toolkit.mesh.documents.data_sources import Resolved, read_secret_values
from toolkit.mesh.documents.typed import SecretDocument, recognize
from toolkit.mesh.documents.wording import is_credential
from toolkit.mesh.schema.field_types import Spec, list_fields, read_annotation, walk_models
from toolkit.mesh.schema.go_base64 import decode
from toolkit.mesh.schema.model import Credential
from toolkit.pki import pem

if TYPE_CHECKING:
    from toolkit.yamltext.plain import AnyMapping

# The fields of a Secret with its values.
SECRET_PARTS = frozenset({"data", "stringData"})
# The kinds of data source that contain the value themselves.
INLINE = frozenset({"inline", "inlineString", "insecureInline"})
# kubectl apply keeps the last applied document here, as JSON
# (kubernetes/api:core/v1/annotation_key_constants.go, LastAppliedConfigAnnotation).
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# The end of the first line of a private key in PEM (RFC 7468), and how PEM begins in base64.
_PRIVATE_KEY, _PEM_IN_BASE64 = "PRIVATE KEY-----", "LS0tLS1CRUdJTi"


@cache
def list_credential_fields() -> frozenset[str]:
    """Return the names of the fields that are data sources of credentials or private keys.

    These are the fields of a Mesh, and the private key of a MeshIdentity's Bundled provider.
    """
    of_a_mesh = frozenset(
        name
        for model in walk_models(Spec)
        for name, field in list_fields(model).items()
        if read_annotation(field.annotation).model is Credential
    )
    return of_a_mesh | {"privateKey"}


def hides(key: str) -> bool:
    """Return whether everything below a key is confidential, whatever document it is in."""
    return key in SECRET_PARTS or key in list_credential_fields()


def is_confidential(value: object) -> bool:
    """Return whether only the owner may read a file with a document.

    This is so for a Secret with anything but certificates, for a Mesh with a credential, also in the annotation of
    kubectl, and for any text with a private key.

    Args:
        value: the plain values of a document of any kind.
    """
    return any(True for _ in find_credentials(value)) or _has_private_key(value)


def find_credentials(value: object) -> Iterator[str]:
    """Yield the name of each field that contains a credential; of a Secret, ``Secret``.

    With YAML's aliases a part may repeat a million times, so each part is visited once.
    """
    seen: dict[int, object] = {}
    pending = [value]
    while pending:
        part = pending.pop()
        if id(part) in seen:
            continue
        # The reference keeps the part alive, so that no other part gets its id.
        seen[id(part)] = part
        if isinstance(part, list):
            pending += part
        elif isinstance(part, dict):
            document = recognize(part)
            if isinstance(document, SecretDocument):
                if find_chain_problem(document):
                    yield "Secret"
                part = {"metadata": part.get("metadata")}
            yield from (field for field, below in part.items() if _is_held(field, below))
            pending += [*part.values(), read_last_applied(part)]


def _has_private_key(value: object) -> bool:
    """Return whether any text has a private key, such as one below the certificates of a ``cert``."""
    seen: dict[int, object] = {}
    pending = [value]
    while pending:
        part = pending.pop()
        if id(part) not in seen and isinstance(part, (dict, list)):
            seen[id(part)] = part
            pending += part.values() if isinstance(part, dict) else part
        elif isinstance(part, str):
            decoded = decode(part) if part.startswith(_PEM_IN_BASE64) else None
            if _PRIVATE_KEY in part or _PRIVATE_KEY.encode() in (decoded or b""):
                return True
    return False


def find_chain_problem(secret: SecretDocument) -> str:
    """Return why a Secret contains anything but certificates; empty if it contains only certificates."""
    problem = "it has no value"
    for value in read_secret_values(secret):
        if not isinstance(value, Resolved):
            return value.message
        try:
            pem.load_certificates(value.value)
        except ValueError as error:
            return str(error)
        problem = ""
    return problem


def read_last_applied(annotations: AnyMapping) -> object:
    """Return the last applied document in kubectl's annotation; None if there is none.

    It may contain a key that the document itself no longer has.
    """
    kept = annotations.get(LAST_APPLIED)
    try:
        return json.loads(kept) if isinstance(kept, str) else None
    except (ValueError, RecursionError):
        return None


def _is_held(field: object, value: object) -> bool:
    """Return whether a field contains a credential itself: in a data source, or as a plain text."""
    if field not in list_credential_fields():
        return False
    if isinstance(value, dict):
        return bool(value.keys() & INLINE)
    return isinstance(value, str) and is_credential(value)
