"""Convert documents to JSON: one document alone, several as the list that ``kubectl get -o json`` prints."""

from __future__ import annotations

import json

from toolkit.errors import InvalidInputError, flatten
from toolkit.mesh.documents.reader import read_stream
from toolkit.values import Object


def convert_to_json(stream: str) -> str:
    """Return the documents of a YAML stream as JSON; comments are lost.

    Several documents of Kubernetes become a ``List`` of ``v1``. Several of Universal become an object with ``items``,
    as a control plane returns them.

    Args:
        stream: the documents, as kubectl and kumactl would read them.

    Raises:
        InvalidInputError: it is not YAML, or JSON can't represent a value.
    """
    values = [parsed.value for parsed in read_stream(stream, "the document").parsed]
    documents = [value for value in values if value is not None]
    whole = documents[0] if len(documents) == 1 else _make_list(documents)
    try:
        return json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"the document can't be written as JSON: {flatten(error)}", hint="Use -o yaml."
        ) from error


def _make_list(documents: list[object]) -> Object:
    if any(isinstance(document, dict) and "apiVersion" in document for document in documents):
        return {"apiVersion": "v1", "kind": "List", "items": documents}
    return {"items": documents}
