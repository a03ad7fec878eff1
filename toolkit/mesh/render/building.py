"""From the contract and the operator's choices to the models of one mesh's documents; everything wrong at once."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from toolkit.contract import dns_label, validation_problems
from toolkit.errors import InvalidInputError, Problem
from toolkit.mesh.render.choices import Choice
from toolkit.mesh.schema.mesh import Mesh
from toolkit.mesh.schema.secret import MeshSecret, object_name
from toolkit.pki import arn, duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from toolkit.contract import StackOutputs
    from toolkit.mesh.render.choices import MeshOptions
    from toolkit.values import Object

_SECRET, _INLINE = Choice("secret"), Choice("inline")
_Made = TypeVar("_Made", Mesh, MeshSecret)


@dataclass(frozen=True)
class Built:
    """The models of one mesh's documents.

    Attributes:
        mesh: the Mesh.
        secrets: the Secrets that it names and whose values are known.
        mesh_has_credentials: whether the Mesh itself carries a credential.
        secrets_have_credentials: whether a Secret carries one.
    """

    mesh: Mesh
    secrets: tuple[MeshSecret, ...]
    mesh_has_credentials: bool
    secrets_have_credentials: bool

    @property
    def backend(self) -> Object:
        """The backend as plain values, in the order in which it is written."""
        backend: Object = self.mesh.mtls.to_document()["backends"][0]
        return backend


@dataclass(frozen=True)
class _Value:
    """A value that a document needs, and where the operator wants it.

    Attributes:
        option: what the operator calls it.
        choice: where it shall stand.
        text: the value; None when nobody gave it, since it exists where it is named.
        suffix: ends the name of its Secret, where the operator did not name it.
        is_credential: whether nobody may see it.
    """

    option: str
    choice: Choice
    text: str | None
    suffix: str
    is_credential: bool

    @property
    def is_carried(self) -> bool:
        """Whether a document carries the value itself."""
        return self.choice.kind != "file" and self.text is not None


def build(outputs: StackOutputs, mesh: str, options: MeshOptions) -> Built:
    """The models of one mesh's documents.

    Raises:
        InvalidInputError: a choice is not valid; every problem is named by its option.
    """
    chain = _Value("--ca-cert", options.ca_cert or _INLINE, outputs.certificate_chain, "ca-chain", is_credential=False)
    credentials = _credentials(options)
    problems = [
        *_mesh_problems(outputs, mesh),
        *_name_problems(options),
        *_expiration_problems(outputs, options),
        *_credential_problems(options, credentials),
    ]
    secrets = [
        _attempt(problems, _secret_places(value), partial(_secret, value, mesh, options))
        for value in (chain, *credentials)
        if value.choice.kind == "secret" and value.text is not None
    ]
    names = [secret.name for secret in secrets if secret]
    if len(set(names)) < len(names):
        problems.append(Problem("--access-key", "two of the Secrets have one name; give each its own"))
    model = _attempt(problems, _MESH_PLACES, partial(_mesh, outputs, mesh, options, (chain, *credentials)))
    if model is None or problems:
        raise InvalidInputError(
            "the Mesh can't be rendered", problems, "toolkit render-mesh --help says what each option takes."
        )
    carried = [value.choice.kind for value in credentials if value.is_carried]
    return Built(
        mesh=model,
        secrets=tuple(secret for secret in secrets if secret),
        mesh_has_credentials=any(kind != "secret" for kind in carried),
        secrets_have_credentials="secret" in carried,
    )


def _credentials(options: MeshOptions) -> tuple[_Value, ...]:
    """Both parts of the access key, when the operator wants one; an option that is missing follows the other."""
    given = options.credentials
    access_key, secret = options.access_key, options.access_key_secret
    if given is not None:
        # A Secret is the way in which the values travel unless another is asked for.
        access_key, secret = access_key or _SECRET, secret or _SECRET
    parts = (
        ("--access-key", access_key, given.access_key if given else None, "access-key"),
        ("--access-key-secret", secret, given.access_key_secret if given else None, "access-key-secret"),
    )
    return tuple(
        _Value(option, choice, text, suffix, is_credential=True) for option, choice, text, suffix in parts if choice
    )


def _mesh(outputs: StackOutputs, mesh: str, options: MeshOptions, values: tuple[_Value, ...]) -> Mesh:
    # Built from plain values in one step, so that everything wrong is found at once.
    sources = [_source(value, mesh, options) for value in values]
    conf: Object = {"arn": outputs.certificate_authority.arn}
    if options.common_name is not None:
        conf["commonName"] = options.common_name
    conf["caCert"] = sources[0]
    if len(sources) > 1:
        conf["auth"] = {"awsCredentials": dict(zip(("accessKey", "accessKeySecret"), sources[1:], strict=False))}
    certificates: Object = {"rotation": {"expiration": _expiration(outputs, options)}}
    if options.request_timeout is not None:
        certificates["requestTimeout"] = options.request_timeout
    backend: Object = {"name": options.backend_name, "type": "acmpca", "mode": options.mode or "STRICT"}
    backend["dpCert"] = certificates
    if options.root_chain_timeout is not None:
        backend["rootChain"] = {"requestTimeout": options.root_chain_timeout}
    mtls: Object = {"enabledBackend": options.backend_name, "backends": [{**backend, "conf": conf}]}
    if options.skip_validation:
        mtls["skipValidation"] = True
    return Mesh.model_validate({"name": mesh, "mtls": mtls})


def _source(value: _Value, mesh: str, options: MeshOptions) -> dict[str, str]:
    kind, name = value.choice
    text = value.text or ""
    if kind == "secret":
        return {kind: name or _secret_name(value, mesh, options)}
    if kind == "file":
        return {kind: name or ""}
    if kind == "inlineString":
        # kumactl apply cuts off a line end at the end of a document (kumahq/kuma:pkg/util/yaml/split.go), where a
        # chain often is: without one, it reads what toolkit apply and kubectl read.
        return {kind: text.removesuffix("\n")}
    return {kind: base64.b64encode(text.encode()).decode()}


def _secret(value: _Value, mesh: str, options: MeshOptions) -> MeshSecret:
    name = value.choice.name or _secret_name(value, mesh, options)
    return MeshSecret(name=name, mesh=mesh, namespace=options.namespace, value=value.text or "")


def _secret_name(value: _Value, mesh: str, options: MeshOptions) -> str:
    return f"{mesh}-{options.backend_name}-{value.suffix}"


# Which option a field of the model comes from; people know only the options.
_BACKEND = "mtls.backends[0]"
_MESH_PLACES = {
    "name": "--mesh",
    "mtls.enabledBackend": "--backend-name",
    f"{_BACKEND}.name": "--backend-name",
    f"{_BACKEND}.mode": "--mode",
    f"{_BACKEND}.dpCert.rotation.expiration": "--expiration",
    f"{_BACKEND}.dpCert.requestTimeout": "--request-timeout",
    f"{_BACKEND}.rootChain.requestTimeout": "--root-chain-timeout",
    f"{_BACKEND}.conf.commonName": "--common-name",
}


def _secret_places(value: _Value) -> dict[str, str]:
    name = "--backend-name" if value.choice.name is None else value.option
    return {"name": name, "mesh": "--mesh", "namespace": "--namespace"}


def _attempt(problems: list[Problem], places: Mapping[str, str], make: Callable[[], _Made]) -> _Made | None:
    """Make a model; what it refuses becomes a problem of the option, one an option."""
    try:
        return make()
    except ValidationError as error:
        found = validation_problems(error)
    for path, message in found:
        # A kind of backend stands in pydantic's paths and in no document.
        place = places.get(path.replace("].acmpca.", "]."), path)
        if place not in {problem.path for problem in problems}:
            problems.append(Problem(place, message))
    return None


def _mesh_problems(outputs: StackOutputs, mesh: str) -> list[Problem]:
    if mesh in outputs.meshes:
        return []
    return [Problem("--mesh", f"{arn.shown(mesh)} is not a mesh of the stack, which has: {', '.join(outputs.meshes)}")]


def _name_problems(options: MeshOptions) -> list[Problem]:
    # Kuma takes any name; ours becomes part of the names of Secrets, and of file names.
    try:
        dns_label(options.backend_name)
    except ValueError as error:
        return [Problem("--backend-name", str(error))]
    return []


def _expiration(outputs: StackOutputs, options: MeshOptions) -> str:
    return outputs.data_plane_lifetime if options.expiration is None else options.expiration


def _expiration_problems(outputs: StackOutputs, options: MeshOptions) -> list[Problem]:
    text = _expiration(outputs, options)
    try:
        problem = outputs.certificate_authority.lifetime_problem(duration.parse(text))
    except ValueError as error:
        return [Problem("--expiration", str(error))]
    whose = "" if options.expiration is not None else " (the stack's dataPlaneLifetime)"
    return [Problem("--expiration", f"{text}{whose} {problem}")] if problem else []


def _credential_problems(options: MeshOptions, values: tuple[_Value, ...]) -> Iterator[Problem]:
    if len(values) == 1:
        other = "--access-key-secret" if options.access_key else "--access-key"
        yield Problem(other, "is missing: both parts of the access key are needed")
    for value in values:
        kind, name = value.choice
        inline = kind in ("inline", "inlineString")
        if value.text is None and (inline or (kind == "secret" and name is None)):
            yield Problem(value.option, f"{kind} needs the value: say where it comes from with --credentials")
        if value.text is None and kind == "secret" and name is not None:
            yield from _secret_name_problems(value.option, name)
        if inline and not options.allow_inline_credentials:
            yield Problem(
                value.option,
                f"{kind} shows the credential to everyone who may read the Mesh; --allow-inline-credentials allows it",
            )
    if options.credentials and not any(value.is_carried for value in values):
        yield Problem("--credentials", "is of no use: both parts are read from files of the control planes' hosts")


def _secret_name_problems(option: str, name: str) -> Iterator[Problem]:
    """Of a Secret that somebody else makes; of ours the model says it."""
    try:
        object_name(name)
    except ValueError as error:
        yield Problem(option, str(error))
