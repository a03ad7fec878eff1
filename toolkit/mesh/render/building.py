"""Build the models of one mesh's documents from the contract and the operator's options, and report every problem."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from pydantic import ValidationError

from toolkit.contract import StackOutputs, list_validation_problems
from toolkit.errors import InvalidInputError, Problem
from toolkit.mesh.schema.mesh import Form, Mesh
from toolkit.mesh.schema.model import SOURCE_KINDS, Mode, Model, SourceKind
from toolkit.mesh.schema.secret import MeshSecret, check_object_name
from toolkit.pki import arn, duration
from toolkit.pki.dns_label import check_dns_label
from toolkit.values import Object

if TYPE_CHECKING:
    from toolkit.mesh.render.static_credentials import Credentials

_Made = TypeVar("_Made", bound=Model)
_BACKEND = "mtls.backends[0]"
# The options of the fields of a Mesh that an option sets.
_OPTIONS = {
    "name": "--mesh",
    f"{_BACKEND}.name": "--backend-name",
    f"{_BACKEND}.mode": "--mode",
    f"{_BACKEND}.dpCert.rotation.expiration": "--expiration",
    f"{_BACKEND}.dpCert.requestTimeout": "--request-timeout",
    f"{_BACKEND}.rootChain.requestTimeout": "--root-chain-timeout",
    f"{_BACKEND}.conf.commonName": "--common-name",
}


class Choice(NamedTuple):
    """A kind of data source with the Secret's name or the file's path.

    Attributes:
        kind: of the data source.
        name: None for a Secret whose name is derived from mesh and backend.
    """

    kind: SourceKind
    name: str | None = None

    def __str__(self) -> str:
        return f"{self.kind}={self.name}" if self.name else self.kind


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


class MeshOptions(NamedTuple):
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


_SECRET, _INLINE = Choice("secret"), Choice("inline")


class Built(NamedTuple):
    """The models of one mesh's documents.

    Attributes:
        mesh: the Mesh.
        secrets: the Secrets that it names and whose values are known.
        mesh_has_credentials: whether the Mesh itself contains a credential.
        secrets_have_credentials: whether a Secret contains one.
    """

    mesh: Mesh
    secrets: tuple[MeshSecret, ...]
    mesh_has_credentials: bool
    secrets_have_credentials: bool

    @property
    def backend(self) -> Object:
        """Return the backend as plain values, in the order of the document."""
        return self.mesh.mtls.backends[0].to_document()


class _Value(NamedTuple):
    """A value that a document needs, and the operator's choice of its data source.

    Attributes:
        option: name of the operator's option.
        choice: the data source.
        text: the value; None if it already exists at its source.
        suffix: end of the Secret's name, if the operator did not choose a name.
    """

    option: str
    choice: Choice
    text: str | None
    suffix: str

    @property
    def is_carried(self) -> bool:
        """Return whether a document contains the value itself."""
        return self.choice.kind != "file" and self.text is not None


def build(outputs: StackOutputs, mesh: str, options: MeshOptions) -> Built:
    """Build the models of one mesh's documents.

    Raises:
        InvalidInputError: the contract does not have the mesh, or an option is invalid; every problem names its option.
    """
    chain = _Value("--ca-cert", options.ca_cert or _INLINE, outputs.certificate_chain, "ca-chain")
    credentials = _credentials(options)
    expiration = outputs.data_plane_lifetime if options.expiration is None else options.expiration
    problems = [
        # Kuma accepts any name. Here it becomes part of the names of Secrets and files.
        *list_refusals("--backend-name", check_dns_label, options.backend_name),
        *list_refusals("--namespace", check_dns_label, options.namespace),
        *_expiration_problems(outputs, options, expiration),
        *_credential_problems(options, credentials),
    ]
    described = _describe(outputs.certificate_authority.arn, mesh, expiration, options, chain, credentials)
    secrets = [
        _make_secret(value, mesh, options, problems)
        for value in (chain, *credentials)
        if value.choice.kind == "secret" and value.text is not None
    ]
    names = [secret.name for secret in secrets if secret]
    if len(set(names)) < len(names):
        message = "two of the Secrets have the same name; choose another for one of them"
        problems.append(Problem("--access-key", message))
    model = _make(Mesh, described, _OPTIONS, problems)
    if model is None or problems:
        problems += _mesh_problems(outputs, mesh)
        raise InvalidInputError(
            "the Mesh can't be rendered", problems, "toolkit render-mesh --help describes each option."
        )
    require_mesh(outputs, mesh)
    carried = [value.choice.kind for value in credentials if value.is_carried]
    made = tuple(filter(None, secrets))
    return Built(model, made, any(kind != "secret" for kind in carried), "secret" in carried)


def _credentials(options: MeshOptions) -> tuple[_Value, ...]:
    """Return both parts of the access key, if the operator wants one. A missing option follows the other."""
    given = options.credentials
    access_key, secret = options.access_key, options.access_key_secret
    if given is not None:
        # The values go into Secrets unless the operator chooses otherwise.
        access_key, secret = access_key or _SECRET, secret or _SECRET
    parts = (
        ("access-key", access_key, given.access_key if given else None),
        ("access-key-secret", secret, given.access_key_secret if given else None),
    )
    return tuple(_Value(f"--{name}", choice, text, name) for name, choice, text in parts if choice)


def _describe(
    authority: str, mesh: str, expiration: str, options: MeshOptions, chain: _Value, credentials: Sequence[_Value]
) -> Object:
    """Return the Mesh as plain values."""
    sources = [_describe_source(value, mesh, options) for value in (chain, *credentials)]
    conf: Object = {"arn": authority, "caCert": sources[0]}
    if options.common_name is not None:
        conf["commonName"] = options.common_name
    if len(credentials) > 1:
        conf["auth"] = {"awsCredentials": {"accessKey": sources[1], "accessKeySecret": sources[2]}}
    certificates: Object = {"rotation": {"expiration": expiration}}
    if options.request_timeout is not None:
        certificates["requestTimeout"] = options.request_timeout
    name, mode = options.backend_name, options.mode or "STRICT"
    backend: Object = {"name": name, "type": "acmpca", "mode": mode, "dpCert": certificates, "conf": conf}
    if options.root_chain_timeout is not None:
        backend["rootChain"] = {"requestTimeout": options.root_chain_timeout}
    mtls: Object = {"enabledBackend": name, "backends": [backend]}
    if options.skip_validation:
        mtls["skipValidation"] = True
    return {"name": mesh, "mtls": mtls}


def _describe_source(value: _Value, mesh: str, options: MeshOptions) -> Object:
    """Return the data source of a value as plain values."""
    text = value.text or ""
    match value.choice.kind:
        case "secret":
            return {"secret": _name_secret(value, mesh, options)}
        case "file":
            return {"file": value.choice.name or ""}
        case "inlineString":
            # kumactl apply removes a line end at the end of a document (kumahq/kuma:pkg/util/yaml/split.go), where a
            # chain often is. Without it, kumactl reads the same value as toolkit apply and kubectl.
            return {"inlineString": text.removesuffix("\n")}
        case "inline":
            return {"inline": base64.b64encode(text.encode()).decode()}


def _name_secret(value: _Value, mesh: str, options: MeshOptions) -> str:
    return value.choice.name or f"{mesh}-{options.backend_name}-{value.suffix}"


def _make_secret(value: _Value, mesh: str, options: MeshOptions, problems: list[Problem]) -> MeshSecret | None:
    name = _name_secret(value, mesh, options)
    fields: Object = {"name": name, "mesh": mesh, "namespace": options.namespace, "value": value.text}
    places = {field: f"--{field}" for field in fields}
    places["name"] = "--backend-name" if value.choice.name is None else value.option
    return _make(MeshSecret, fields, places, problems)


def _make(model: type[_Made], fields: Object, options: Mapping[str, str], problems: list[Problem]) -> _Made | None:
    """Return a model; None if a field is invalid. Each error becomes a problem of an option, one per option."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        for path, message in list_validation_problems(error):
            place = options.get(path, path)
            if place not in {problem.path for problem in problems}:
                problems.append(Problem(place, message))
    return None


def require_mesh(outputs: StackOutputs, mesh: str) -> None:
    """Require that the contract has a mesh, which an option or an existing Mesh names.

    Raises:
        InvalidInputError: it does not.
    """
    if problems := _mesh_problems(outputs, mesh):
        raise InvalidInputError(
            "the contract does not have the mesh",
            problems,
            "Add the mesh to the contract's meshes, or choose another mesh with --mesh.",
        )


def _mesh_problems(outputs: StackOutputs, mesh: str) -> list[Problem]:
    if mesh in outputs.meshes:
        return []
    return [
        Problem("meshes", f"{arn.quote(mesh)} is not a mesh of the contract, which has: {', '.join(outputs.meshes)}")
    ]


def list_refusals(option: str, check: Callable[[str], str], value: str) -> list[Problem]:
    """Return the problem with an option's value, which a check raises as ValueError; empty for none."""
    try:
        check(value)
    except ValueError as error:
        return [Problem(option, str(error))]
    return []


def _expiration_problems(outputs: StackOutputs, options: MeshOptions, text: str) -> list[Problem]:
    try:
        problem = outputs.certificate_authority.check_lifetime(duration.parse(text))
    except ValueError as error:
        return [Problem("--expiration", str(error))]
    whose = "" if options.expiration is not None else " (the contract's dataPlaneLifetime)"
    return [Problem("--expiration", f"{text}{whose} {problem}")] if problem else []


def _credential_problems(options: MeshOptions, values: tuple[_Value, ...]) -> Iterator[Problem]:
    if len(values) == 1:
        other = "--access-key-secret" if options.access_key else "--access-key"
        yield Problem(other, "is missing: both parts of the access key are needed")
    for value in values:
        kind, name = value.choice
        inline = kind in ("inline", "inlineString")
        if value.text is None and (inline or (kind == "secret" and name is None)):
            yield Problem(value.option, f"{kind} needs the value: read it with --credentials")
        if value.text is None and kind == "secret" and name is not None:
            # The operator creates this Secret. The model checks the names of the others.
            yield from list_refusals(value.option, check_object_name, name)
        if inline and not options.allow_inline_credentials:
            yield Problem(
                value.option,
                f"{kind} shows the credential to everyone who may read the Mesh; --allow-inline-credentials allows it",
            )
    if options.credentials and not any(value.is_carried for value in values):
        yield Problem("--credentials", "has no effect: both parts are read from files on the control planes' hosts")
