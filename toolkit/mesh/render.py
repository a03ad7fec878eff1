"""From the contract to documents, through templates that no value can break out of.

The templates are plain jinja2 (``templates/kubernetes``, ``templates/universal``). Every value that they
interpolate passes :func:`yaml_scalar`, and what was rendered is parsed again and compared with the model.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import jinja2
from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from toolkit.contract import validation_problems
from toolkit.errors import InvalidInputError, Problem, ToolkitError
from toolkit.files import project_root
from toolkit.mesh.document import Form, Mesh
from toolkit.mesh.secrets import ChainSecret
from toolkit.pki import arn, duration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Literal

    from toolkit.contract import StackOutputs
    from toolkit.mesh.backends import Mode

_Made = TypeVar("_Made", Mesh, ChainSecret)

# Plain scalars that are strings in YAML 1.1, which Kubernetes reads, and in YAML 1.2: they begin and end with
# a letter or digit and hold no blank, so neither ': ' nor ' #' can occur.
_PLAIN = re.compile(r"[A-Za-z](?:[A-Za-z0-9._/:-]*[A-Za-z0-9])?", re.ASCII)
_PLAIN_DURATION = re.compile(r"[1-9][0-9]*(?:ms|[ywdhms])", re.ASCII)
# Words that YAML 1.1 reads as something else than a string.
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})
_SINGLE_QUOTABLE = re.compile(r"[\x20-\x7e]+")


class UnfaithfulRenderingError(ToolkitError):
    """What was rendered is not what was modelled: a defect in a template. Nothing is written."""


@dataclass(frozen=True)
class MeshOptions:
    """What the operator chooses; the rest comes from the contract.

    Attributes:
        form: for ``kubectl apply`` or for ``kumactl apply``.
        backend_name: of the mTLS backend.
        mode: STRICT, or PERMISSIVE to also accept plain traffic.
        expiration: lifetime of data plane certificates, a duration of Kuma; None for the stack's.
        common_name: template of their common name; None for none.
        ca_cert: the chain inline in the Mesh, or in a Secret beside it.
        secret_name: of that Secret; None derives it from mesh and backend.
        namespace: Kong Mesh's system namespace.
    """

    form: Form = "kubernetes"
    backend_name: str = "acmpca"
    mode: Mode = "STRICT"
    expiration: str | None = None
    common_name: str | None = None
    ca_cert: Literal["inline", "secret"] = "inline"
    secret_name: str | None = None
    namespace: str = "kong-mesh-system"


@dataclass(frozen=True)
class RenderedMesh:
    """The documents of one mesh, each a YAML text that ends with a newline.

    Attributes:
        mesh: the Mesh.
        secret: the Secret that it names, if it names one.
    """

    mesh: str
    secret: str | None


def render(outputs: StackOutputs, mesh: str, options: MeshOptions) -> RenderedMesh:
    """Render the documents of one mesh.

    Raises:
        InvalidInputError: an option is not valid; every problem is named.
        UnfaithfulRenderingError: the rendered text does not parse to the model.
    """
    model, secret = build(outputs, mesh, options)
    document = _render(f"{options.form}/mesh.yaml.j2", model.to_form(options.form))
    if secret is None:
        return RenderedMesh(document, None)
    return RenderedMesh(document, _render(f"{options.form}/secret.yaml.j2", secret.to_form(options.form)))


def stream(documents: Sequence[str]) -> str:
    """Several documents as one YAML stream, in their order."""
    return "---\n".join(documents)


def build(outputs: StackOutputs, mesh: str, options: MeshOptions) -> tuple[Mesh, ChainSecret | None]:
    """The models of one mesh's documents.

    Raises:
        InvalidInputError: an option is not valid; every problem is named by its option.
    """
    problems = [*_mesh_problems(outputs, mesh), *_expiration_problems(outputs, options)]
    secret: ChainSecret | None = None
    source = {"inline": base64.b64encode(outputs.certificate_chain.encode()).decode()}
    if options.ca_cert == "secret":
        secret = _attempt(problems, _secret_places(options), lambda: _secret(outputs, mesh, options))
        source = {"secret": _secret_name(mesh, options)}
    model = _attempt(problems, _MESH_PLACES, lambda: _mesh(outputs, mesh, options, source))
    if model is None or problems:
        raise InvalidInputError(
            "the Mesh can't be rendered", problems, "toolkit render-mesh --help says what each option takes."
        )
    return model, secret


def _mesh(outputs: StackOutputs, mesh: str, options: MeshOptions, source: dict[str, str]) -> Mesh:
    # Built from plain values in one step, so that everything wrong is found at once.
    conf = {"arn": outputs.certificate_authority.arn, "commonName": options.common_name, "caCert": source}
    backend = {
        "name": options.backend_name,
        "mode": options.mode,
        "dpCert": {"rotation": {"expiration": _expiration(outputs, options)}},
        "conf": conf,
    }
    return Mesh.model_validate({"name": mesh, "mtls": {"enabledBackend": options.backend_name, "backends": (backend,)}})


def _secret(outputs: StackOutputs, mesh: str, options: MeshOptions) -> ChainSecret:
    return ChainSecret(
        name=_secret_name(mesh, options), mesh=mesh, namespace=options.namespace, pem=outputs.certificate_chain
    )


def _secret_name(mesh: str, options: MeshOptions) -> str:
    if options.secret_name is not None:
        return options.secret_name
    return f"{mesh}-{options.backend_name}-ca-chain"


# Which option a field of the model comes from; people know only the options.
_MESH_PLACES = {
    "name": "--mesh",
    "mtls.enabledBackend": "--backend-name",
    "mtls.backends[0].name": "--backend-name",
    "mtls.backends[0].mode": "--mode",
    "mtls.backends[0].dpCert.rotation.expiration": "--expiration",
    "mtls.backends[0].conf.commonName": "--common-name",
}


def _secret_places(options: MeshOptions) -> dict[str, str]:
    name = "--backend-name" if options.secret_name is None else "--secret-name"
    return {"name": name, "mesh": "--mesh", "namespace": "--namespace"}


def _attempt(problems: list[Problem], places: Mapping[str, str], make: Callable[[], _Made]) -> _Made | None:
    """Make a model; what it refuses becomes a problem of the option, one an option."""
    try:
        return make()
    except ValidationError as error:
        found = validation_problems(error)
    for path, message in found:
        place = places.get(path, path)
        if place not in {problem.path for problem in problems}:
            problems.append(Problem(place, message))
    return None


def _mesh_problems(outputs: StackOutputs, mesh: str) -> list[Problem]:
    if mesh in outputs.meshes:
        return []
    return [Problem("--mesh", f"{arn.shown(mesh)} is not a mesh of the stack, which has: {', '.join(outputs.meshes)}")]


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


def yaml_scalar(value: object) -> str:
    """One value as a YAML scalar that reads as exactly that value in YAML 1.1 and 1.2.

    Plain where that is safe beyond doubt, single-quoted like Kong's examples where the text is printable, in
    double quotes with JSON's escapes otherwise.

    Raises:
        TypeError: the value is not a string; our documents hold nothing else in a scalar.
        ValueError: the value is no text that can be encoded.
    """
    if not isinstance(value, str):
        raise TypeError(f"a template interpolates {type(value).__name__}, not a string")
    if _PLAIN_DURATION.fullmatch(value) or (_PLAIN.fullmatch(value) and value.lower() not in _WORDS):
        return value
    if _SINGLE_QUOTABLE.fullmatch(value):
        return "'" + value.replace("'", "''") + "'"
    return '"' + "".join(_escaped(character) for character in value) + '"'


def _escaped(character: str) -> str:
    """One character of a double-quoted scalar (YAML 1.2.2, 5.7).

    JSON's escapes are YAML's, but for characters beyond the basic plane: JSON writes them as two surrogates,
    which YAML reads as two characters.
    """
    point = ord(character)
    if 0xD800 <= point <= 0xDFFF:  # noqa: PLR2004 - the surrogates of UTF-16
        raise ValueError(f"U+{point:04X} is half a character, which no text can hold")
    return f"\\U{point:08X}" if point > 0xFFFF else json.dumps(character)[1:-1]  # noqa: PLR2004 - end of the plane


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(project_root() / "templates"),
        undefined=jinja2.StrictUndefined,
        finalize=yaml_scalar,
        # The target is YAML: what escapes a value there is the finalizer, HTML's rules would corrupt it.
        autoescape=False,  # noqa: S701
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _render(template: str, document: dict[str, Any]) -> str:
    try:
        text = _templates().get_template(template).render(document)
        parsed = YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError) as error:
        # YAML knows characters that no document can hold, such as most control characters.
        reason = " ".join(str(error).split())
        raise InvalidInputError("an option holds what YAML can't carry", [Problem("", reason)]) from error
    if parsed != document:
        raise UnfaithfulRenderingError(
            f"{template} does not render what it was given", "This is a defect in the toolkit; nothing was written."
        )
    return text
