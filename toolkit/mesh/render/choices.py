"""The operator's options for a Mesh. Everything else comes from the contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from toolkit.mesh.schema.model import SOURCE_KINDS, Mode, SourceKind

if TYPE_CHECKING:
    from toolkit.mesh.render.static_credentials import Credentials
    from toolkit.mesh.schema.mesh import Form


class Choice(NamedTuple):
    """A kind of data source with the Secret's name or the file's path.

    Attributes:
        kind: of the data source.
        name: None for a Secret whose name is derived from mesh and backend.
    """

    kind: SourceKind
    name: str | None = None


def parse_choice(text: str) -> Choice:
    """Read ``inline``, ``inlineString``, ``secret``, ``secret=NAME`` or ``file=PATH``.

    Raises:
        ValueError: the text has another form.
    """
    kind, equals, name = text.partition("=")
    known_kind = next((known for known in SOURCE_KINDS if known == kind), None)
    takes_name = known_kind in ("secret", "file")
    if known_kind is None or (equals and not (takes_name and name)) or (known_kind == "file" and not name):
        # The text is not repeated: a user may have passed the access key itself.
        raise ValueError(
            "must be one of inline, inlineString, secret, secret=NAME, file=PATH: the place of the value, not the value"
        )
    return Choice(known_kind, name or None)


@dataclass(frozen=True)
class MeshOptions:
    """The operator's options.

    If an option is None, an existing Mesh keeps the current value of its field.

    Attributes:
        form: for ``kubectl apply`` or for ``kumactl apply``.
        backend_name: of the mTLS backend.
        mode: PERMISSIVE to also accept plain traffic; STRICT by default.
        expiration: lifetime of data plane certificates, a duration of Kuma; None for the contract's.
        common_name: template of their common name.
        ca_cert: data source of the chain; inline by default.
        access_key: data source of the control planes' access key; None for the default AWS credential chain.
        access_key_secret: data source of its secret.
        credentials: the values of both, if a document must contain them.
        allow_inline_credentials: whether the Mesh itself may contain them.
        request_timeout: for a certificate, such as ``10s``.
        root_chain_timeout: for the CA's chain.
        skip_validation: whether the control plane skips the check of the backends when the Mesh is applied.
        namespace: Kong Mesh's system namespace.
    """

    form: Form = "kubernetes"
    backend_name: str = "acmpca"
    mode: Mode | None = None
    expiration: str | None = None
    common_name: str | None = None
    ca_cert: Choice | None = None
    access_key: Choice | None = None
    access_key_secret: Choice | None = None
    credentials: Credentials | None = None
    allow_inline_credentials: bool = False
    request_timeout: str | None = None
    root_chain_timeout: str | None = None
    skip_validation: bool = False
    namespace: str = "kong-mesh-system"
