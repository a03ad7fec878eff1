"""Read the body of a write: a resource's metadata, and the other fields in the form that the control plane stores.

Source: kumahq/kuma:pkg/core/resources/model/rest/unmarshaller.go.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from toolkit.control_plane.rehearsal import spec_validation
from toolkit.control_plane.rehearsal.go_structs import list_violations, read_struct
from toolkit.control_plane.rehearsal.jsonpb import MessageError, Meta, Secret, read_message
from toolkit.control_plane.rehearsal.spec_shapes import SHAPES
from toolkit.control_plane.rehearsal.violations import RefusedError, require
from toolkit.mesh.schema.field_types import Spec

if TYPE_CHECKING:
    from toolkit.mesh.schema.scoped import ScopedKind
    from toolkit.mesh.schema.versions import Product
    from toolkit.values import Object

_SCOPED: dict[str, ScopedKind] = {kind: kind for kind in SHAPES}
_INVALID = "Could not process a resource"


def read_body(body: bytes, kind: str, product: Product) -> tuple[Object, Object]:
    """Return the metadata and the other fields of a resource.

    Raises:
        RefusedError: the body is not JSON or not a resource of this kind, or its spec is not valid.
    """
    try:
        document = json.loads(body, parse_constant=_no_constant)
        # A lone surrogate can't be encoded in the answer.
        json.dumps(document, ensure_ascii=False).encode()
        meta = read_message(Meta, document)
        if kind not in _SCOPED:
            return meta, read_message(Secret if kind == "Secret" else Spec, document)
        spec = document.get("spec")
        shape = SHAPES[_SCOPED[kind]]
        require(list(list_violations(shape, spec, "spec")), _INVALID)
        kept = read_struct(shape, spec)
    except (MessageError, ValueError, RecursionError) as error:
        reason = error if isinstance(error, MessageError) else "it is not JSON"
        raise RefusedError(400, "Bad Request", f'invalid {kind} object: "{reason}"') from None
    require(spec_validation.list_violations(_SCOPED[kind], kept, product), _INVALID)
    return meta, {"spec": kept}


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
