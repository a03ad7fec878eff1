"""What in a document only its owner may read: one list, for file modes, excerpts and differences."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

from toolkit.mesh.documents.data_sources import Resolved, read_secret_values
from toolkit.mesh.documents.typed import SecretDocument, recognize
from toolkit.mesh.documents.wording import is_credential
from toolkit.mesh.schema.field_types import Spec, list_fields, read_annotation, walk_models
from toolkit.mesh.schema.model import Credential
from toolkit.pki import pem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.yamltext.plain import AnyMapping

# Where a Secret keeps its value.
SECRET_PARTS = frozenset({"data", "stringData"})
# The kinds of data source that contain the value themselves.
INLINE = frozenset({"inline", "inlineString", "insecureInline"})
# What kubectl apply keeps of the document that was applied last, as JSON
# (kubernetes/api:core/v1/annotation_key_constants.go, LastAppliedConfigAnnotation).
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@cache
def list_credential_fields() -> frozenset[str]:
    """Return the names of the fields that are data sources of credentials or private keys.

    Those of a Mesh, and the private key of a MeshIdentity's Bundled provider.
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
    """Return whether a file with a document must be readable by its owner alone.

    So it must with a Secret whose value is anything but a chain of certificates, and with a credential in a Mesh, also
    where kubectl keeps it in an annotation.

    Args:
        value: the plain values of a document of any kind.
    """
    return any(True for _ in find_credentials(value))


def find_credentials(value: object) -> Iterator[str]:
    """Yield the name of each field that contains a credential; of a Secret, ``Secret``.

    Aliases may lead in circles, so each part is looked at once.
    """
    seen: dict[int, object] = {}
    pending = [value]
    while pending:
        part = pending.pop()
        if id(part) in seen:
            continue
        # Kept, so that no other part gets its number.
        seen[id(part)] = part
        if isinstance(part, list):
            pending += part
        elif isinstance(part, dict):
            document = recognize(part)
            if isinstance(document, SecretDocument):
                if not is_chain(document):
                    yield "Secret"
                part = {"metadata": part.get("metadata")}
            yield from (field for field, below in part.items() if _is_held(field, below))
            pending += [*part.values(), read_last_applied(part)]


def is_chain(secret: SecretDocument) -> bool:
    """Return whether a Secret contains a chain of certificates, and nothing else."""
    return not find_chain_problem(secret)


def find_chain_problem(secret: SecretDocument) -> str:
    """Return why a Secret does not contain chains of certificates and nothing else; empty where it does."""
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
    """Return what kubectl keeps in annotations of the document that was applied last; None where there is nothing.

    It may contain a key that the document itself no longer has.
    """
    kept = annotations.get(LAST_APPLIED)
    try:
        return json.loads(kept) if isinstance(kept, str) else None
    except (ValueError, RecursionError):
        return None


def _is_held(field: object, value: object) -> bool:
    """Whether a field contains a credential itself, in a data source or where a data source belongs."""
    if field not in list_credential_fields():
        return False
    if isinstance(value, dict):
        return bool(value.keys() & INLINE)
    return isinstance(value, str) and is_credential(value)
