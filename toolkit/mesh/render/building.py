"""Build the models of one mesh's documents from the contract and the operator's options, and report every problem."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, cast

from pydantic import ValidationError

from toolkit.contract import check_dns_label, list_validation_problems
from toolkit.errors import InvalidInputError, Problem
from toolkit.mesh.render.choices import Choice
from toolkit.mesh.schema.acmpca import AcmPcaAuth, AcmPcaBackend, AcmPcaConf, AwsCredentials
from toolkit.mesh.schema.mesh import AcmPcaMtls, Mesh
from toolkit.mesh.schema.model import Credential, DataPlaneCertificates, DataSource, Model, RootChain, Rotation
from toolkit.mesh.schema.secret import MeshSecret, check_object_name
from toolkit.pki import arn, duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from toolkit.contract import StackOutputs
    from toolkit.mesh.render.choices import MeshOptions
    from toolkit.values import Object

_SECRET, _INLINE = Choice("secret"), Choice("inline")
_Made = TypeVar("_Made", bound=Model)
_Source = TypeVar("_Source", bound=DataSource)


@dataclass(frozen=True)
class Built:
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


@dataclass(frozen=True)
class _Value:
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
        *_refused("--backend-name", check_dns_label, options.backend_name),
        *_refused("--namespace", check_dns_label, options.namespace),
        *_expiration_problems(outputs, options, expiration),
        *_credential_problems(options, credentials),
    ]
    builder = _Builder(mesh, options, problems)
    secrets = tuple(
        builder.make_secret(value)
        for value in (chain, *credentials)
        if value.choice.kind == "secret" and value.text is not None
    )
    if len({secret.name for secret in secrets}) < len(secrets):
        problems.append(
            Problem("--access-key", "two of the Secrets have the same name; choose another for one of them")
        )
    model = builder.make_mesh(outputs.certificate_authority.arn, expiration, chain, credentials)
    if problems:
        problems += _mesh_problems(outputs, mesh)
        raise InvalidInputError(
            "the Mesh can't be rendered", problems, "toolkit render-mesh --help says what each option takes."
        )
    require_mesh(outputs, mesh)
    carried = [value.choice.kind for value in credentials if value.is_carried]
    return Built(model, secrets, any(kind != "secret" for kind in carried), "secret" in carried)


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


class _Builder:
    """Makes the models. An error of a model becomes a problem of an option, one per option."""

    def __init__(self, mesh: str, options: MeshOptions, problems: list[Problem]) -> None:
        self._mesh = mesh
        self._options = options
        self._problems = problems

    def make_mesh(self, authority: str, expiration: str, chain: _Value, credentials: Sequence[_Value]) -> Mesh:
        options, make = self._options, self._make
        rotation = make(Rotation, expiration=expiration)
        certificates = make(DataPlaneCertificates, rotation=rotation, request_timeout=options.request_timeout)
        root_chain, timeout = None, options.root_chain_timeout
        if timeout is not None:
            root_chain = make(RootChain, {"request_timeout": "--root-chain-timeout"}, request_timeout=timeout)
        keys = [self._source(Credential, value) for value in credentials]
        auth = AwsCredentials(access_key=keys[0], access_key_secret=keys[1]) if len(keys) > 1 else None
        conf = make(
            AcmPcaConf,
            arn=authority,
            common_name=options.common_name,
            ca_cert=self._source(DataSource, chain),
            auth=auth and AcmPcaAuth(aws_credentials=auth),
        )
        backend = make(
            AcmPcaBackend,
            {"name": "--backend-name"},
            name=options.backend_name,
            type="acmpca",
            mode=options.mode or "STRICT",
            dp_cert=certificates,
            root_chain=root_chain,
            conf=conf,
        )
        skip, backends = options.skip_validation or None, (backend,)
        mtls = make(AcmPcaMtls, enabled_backend=options.backend_name, skip_validation=skip, backends=backends)
        return make(Mesh, {"name": "--mesh"}, name=self._mesh, mtls=mtls)

    def make_secret(self, value: _Value) -> MeshSecret:
        places = {"name": "--backend-name" if value.choice.name is None else value.option}
        name, namespace = self._secret_name(value), self._options.namespace
        return self._make(MeshSecret, places, name=name, mesh=self._mesh, namespace=namespace, value=value.text)

    def _source(self, kind: type[_Source], value: _Value) -> _Source:
        text = value.text or ""
        match value.choice.kind:
            case "secret":
                return kind(secret=self._secret_name(value))
            case "file":
                return kind(file=value.choice.name or "")
            case "inlineString":
                # kumactl apply removes a line end at the end of a document (kumahq/kuma:pkg/util/yaml/split.go), where
                # a chain often is. Without it, kumactl reads the same value as toolkit apply and kubectl.
                return kind(inline_string=text.removesuffix("\n"))
            case "inline":
                return kind(inline=base64.b64encode(text.encode()).decode())

    def _secret_name(self, value: _Value) -> str:
        return value.choice.name or f"{self._mesh}-{self._options.backend_name}-{value.suffix}"

    def _make(self, model: type[_Made], places: Mapping[str, str] | None = None, **fields: object) -> _Made:
        """Make a model of the fields that are not None.

        Args:
            model: the type of the model.
            places: the option of each field whose option has another name.
            fields: of the model.
        """
        given: Object = {name: value for name, value in fields.items() if value is not None}
        try:
            return model(**given)
        except ValidationError as error:
            for field, message in list_validation_problems(error):
                place = (places or {}).get(field) or f"--{field.replace('_', '-')}"
                if place not in {problem.path for problem in self._problems}:
                    self._problems.append(Problem(place, message))
        return cast("_Made", model.model_construct(**given))


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


def _refused(option: str, check: Callable[[str], str], value: str) -> list[Problem]:
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
            yield from _refused(value.option, check_object_name, name)
        if inline and not options.allow_inline_credentials:
            yield Problem(
                value.option,
                f"{kind} shows the credential to everyone who may read the Mesh; --allow-inline-credentials allows it",
            )
    if options.credentials and not any(value.is_carried for value in values):
        yield Problem("--credentials", "has no effect: both parts are read from files on the control planes' hosts")
