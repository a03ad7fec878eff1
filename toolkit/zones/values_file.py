"""Write a zone's values into an existing values file without changing any other character.

The AWS variables in it must not override the zone's role. The AWS SDK looks for keys first, then for a web identity, a
profile, and the endpoint of a container or an instance (aws/aws-sdk-go-v2:config/resolve_credentials.go). EKS adds the
two variables of a web identity only to a pod that has neither (aws/amazon-eks-pod-identity-webhook:pkg/handler/
handler.go, addEnvToContainer).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from toolkit.errors import InvalidInputError, Problem
from toolkit.pki.arn import quote
from toolkit.values import Object, Value
from toolkit.yamltext.editing import Editor, join_path
from toolkit.yamltext.plain import at, items, mapping
from toolkit.zones.rendering import ROLE_ANNOTATION, make_chart_values, write_notes

if TYPE_CHECKING:
    from toolkit.contract import Zone
    from toolkit.yamltext.nodes import Path

_CONTROL_PLANE: Path = ("kuma", "controlPlane")
_MODE: Path = (*_CONTROL_PLANE, "mode")
_ZONE: Path = (*_CONTROL_PLANE, "zone")
_ADDRESS: Path = (*_CONTROL_PLANE, "kdsGlobalAddress")
_VARIABLES: Path = (*_CONTROL_PLANE, "envVars")
_ADDRESS_VARIABLE = "KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS"
_ANNOTATIONS: Path = (*_CONTROL_PLANE, "serviceAccountAnnotations")
# Problems of the annotation for zones without irsa: aws/amazon-eks-pod-identity-webhook:pkg/handler/handler.go
# (buildPodPatchConfig) prefers an association to the annotation, and the annotation to the role of the node.
_ANNOTATED = {
    "pod-identity": "EKS ignores the annotated role once the Pod Identity association exists, so remove it",
    "ambient": "the annotated role overrides the role of the instance or task, so remove it",
}
# Keys of open-source Kuma's chart (kumahq/kuma:deployments/charts/kuma/values.yaml). Kong Mesh's chart includes that
# chart, and has these keys below `kuma` (Kong/developer.konghq.com:app/assets/mesh/*/raw/helm-values.yaml).
_OF_KUMA = ("controlPlane", "cni", "dataPlane", "ingress", "egress", "transparentProxy", "postgres", "experimental")
# Documents that are often mistaken for Helm values, identified by keys with texts, lists or whole numbers. A chart may
# have one of the keys of a pair.
_OTHER_DOCUMENTS = (
    (("kind", "apiVersion"), "a Kubernetes manifest"),
    (("apiVersion", "name", "version"), "a Chart.yaml"),
    (("type", "name"), "a resource of Kong Mesh in its Universal form"),
    (("items", "total"), "a list of resources from kumactl"),
    (("schemaVersion",), "a contract or a report of the toolkit"),
)
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY")
_WEB_IDENTITY = ("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE")
_PROFILES = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
# AWS SDKs and Tools Reference Guide, "Service-specific endpoints".
_ENDPOINT, _SERVICE_ENDPOINTS = "AWS_ENDPOINT_URL", ("AWS_ENDPOINT_URL_ACM_PCA", "AWS_ENDPOINT_URL_STS")
# AWS's own endpoints, such as a VPC endpoint without private DNS.
_OF_AWS = re.compile(r"https://[a-z0-9.-]+\.(?:amazonaws\.com(?:\.cn)?|api\.aws)(?::443)?/?", re.IGNORECASE)


class Merged(NamedTuple):
    """A values file with a zone's values.

    Attributes:
        text: the file's content.
        notes: warnings for the operator, one line each.
        changes: the values that were replaced, one line each.
    """

    text: str
    notes: list[str]
    changes: list[str]


def merge(base: str, source: str, zone: Zone, address: str | None, namespace: str | None = None) -> Merged:
    """Write a zone's values into a values file; nothing else changes, and a second run changes nothing.

    Args:
        base: the file's content.
        source: its name in errors, usually the file name.
        zone: a zone of the contract.
        address: the global control plane's address; None keeps the one in the file.
        namespace: the namespace of the release; None for the one in Kong's instructions.

    Raises:
        InvalidInputError: the file is not YAML or not a values file, belongs to another zone or to a global control
            plane, or can't be edited in place; every problem is named as ``source:line:column``.
    """
    values = make_chart_values(zone, address)
    file = _File(base, source)
    file.refuse_others()
    if problems := list(file.find_problems(zone, values)):
        raise InvalidInputError(
            f"{source} can't be the values of zone {zone.name}", problems, "Name another base, or choose with --zone."
        )
    has_address = bool(address or file.get(_ADDRESS) or file.get((*_VARIABLES, _ADDRESS_VARIABLE)))
    account = file.service_account
    said = write_notes(zone, has_address=has_address, in_chart=True, namespace=namespace, service_account=account)
    said += file.find_warnings(zone)
    changes = []
    for path, value in _leaves(values):
        if (old := file.get(path)) not in (None, "", value):
            changes.append(f"zone {zone.name}: {file.show_place(path)}: {quote(str(old))} -> {quote(value)}")
        file.editor.set(0, path, value)
    return Merged(file.editor.text, said, changes)


class _File:
    """A values file, read as Helm reads it, and its control plane."""

    def __init__(self, base: str, source: str) -> None:
        self._source = source
        self.editor = Editor(base, source, as_go=True)
        self._document = next(iter(self.editor.documents), None)

    def get(self, path: Path) -> Value:
        """Return the value at a path; None if it is not set."""
        return at(self._document, path)

    @property
    def service_account(self) -> str | None:
        """Return the control plane's service account, if the file names the release (``kuma.name`` of the chart)."""
        name = self.get(("kuma", "nameOverride"))
        return f"{name[:63].removesuffix('-')}-control-plane" if isinstance(name, str) and name else None

    def show_place(self, path: Path) -> str:
        """Return a path and its position as ``source:line:column path``."""
        place = self.editor.find_place(0, path)
        return f"{self._source}:{place.line}:{place.column} {join_path(path)}".rstrip()

    def refuse_others(self) -> None:
        """Reject a document that is certainly not a values file.

        Raises:
            InvalidInputError: the document is something else.
        """
        kinds: list[tuple[Path, str]] = [
            (keys[:1], kind)
            for keys, kind in _OTHER_DOCUMENTS
            if all(isinstance(self.get((key,)), str | list | int) for key in keys)
        ]
        if self.get(("runtime", "name")) or isinstance(self.get(("runtime",)), str):
            kinds.append((("runtime",), "a Pulumi project"))
        if any(":" in str(key) for key in mapping(self.get(("config",)))):
            # pulumi/pulumi:sdk/go/common/resource/config/key.go: a key has the project's name, a colon and a name.
            kinds.append((("config",), "the configuration of a Pulumi stack"))
        if not isinstance(self._document, dict | None):
            kinds = [((), "a list or a scalar, not a mapping")]
        if kinds:
            path, kind = kinds[0]
            raise InvalidInputError(
                f"{self._source} is not a Helm values file",
                [Problem(self.show_place(path), f"this is {kind}")],
                "Name a values file with --base. If this document contains the values, extract them into a file.",
            )

    def find_problems(self, zone: Zone, values: Object) -> Iterator[Problem]:
        """Yield the reasons why the file can't belong to the zone.

        The chart's variables override its values, so they must not contradict them
        (kumahq/kuma:deployments/charts/kuma/templates/cp-deployment.yaml merges ``envVars`` over the others).
        """
        if len(self.editor.documents) > 1:
            place = self.editor.find_place(1, ())
            yield Problem(f"{self._source}:{place.line}:{place.column}", "a values file has only one document")
        for path in (_CONTROL_PLANE[:1], _CONTROL_PLANE, _VARIABLES, _ANNOTATIONS):
            if not isinstance(self.get(path), dict | None):
                yield Problem(self.show_place(path), "must be a mapping")
        for path, _ in _leaves(values):
            if isinstance(self.get(path), dict | list):
                yield Problem(self.show_place(path), "must be a text")
        if self.get(_MODE) == "global":
            yield Problem(self.show_place(_MODE), "is global; a zone's control plane has mode zone")
        if not isinstance(self.get(_ZONE), dict | list) and str(self.get(_ZONE) or zone.name) != zone.name:
            yield Problem(self.show_place(_ZONE), f"is {quote(str(self.get(_ZONE)))}, not {zone.name}")
        expected = {
            "KUMA_MODE": "zone",
            "KUMA_MULTIZONE_ZONE_NAME": zone.name,
            _ADDRESS_VARIABLE: at(values, _ADDRESS),
        }
        for name, value in expected.items():
            old = self.get((*_VARIABLES, name))
            if None not in (value, old) and str(old) != value:
                yield Problem(self.show_place((*_VARIABLES, name)), f"is {quote(str(old))}, and would override {value}")

    def find_warnings(self, zone: Zone) -> list[str]:
        """Return accepted settings that are likely to be wrong, in the order of the file."""
        warned: list[tuple[Path, str]] = [
            ((key,), f"Kong Mesh's chart does not read this key of open-source Kuma: move it to kuma.{key}")
            for key in _OF_KUMA
            if self.get((key,)) is not None
        ]
        annotation = (*_ANNOTATIONS, ROLE_ANNOTATION)
        if zone.identity in _ANNOTATED and self.get(annotation):
            warned.append((annotation, f"zone {zone.name} has identity {zone.identity}; {_ANNOTATED[zone.identity]}"))
        for path, name, value in self._variables():
            if message := _find_variable_problem(zone, name, value):
                warned.append((path, message if path[-1] == name else f"{name}: {message}"))
        warned.sort(key=lambda one: self.editor.find_place(0, one[0]).index)
        return [f"{self.show_place(path)}: {message}" for path, message in warned]

    def _variables(self) -> Iterator[tuple[Path, str, str | None]]:
        """Yield the control plane's variables from all places where the chart reads them, with their paths."""
        for name, value in mapping(self.get(_VARIABLES)).items():
            if isinstance(name, str) and value is not None:
                yield (*_VARIABLES, name), name, str(value)
        for section, key in (("envVarEntries", "name"), ("secrets", "Env")):
            path = (*_CONTROL_PLANE, section)
            entries = mapping(self.get(path)) or dict(enumerate(items(self.get(path))))
            for part, entry in entries.items():
                name, value = mapping(entry).get(key), mapping(entry).get("value")
                if isinstance(part, str | int) and isinstance(name, str):
                    yield (*path, part, key), name, None if value is None else str(value)


def _leaves(values: Object, path: Path = ()) -> Iterator[tuple[Path, str]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def _find_variable_problem(zone: Zone, name: str, value: str | None) -> str | None:
    """Return how an AWS variable overrides the zone's settings, without its value; None if it does not.

    Args:
        zone: a zone of the contract.
        name: the variable's name.
        value: the variable's value; None if it is in a Secret or ConfigMap.
    """
    problem = None
    if name in _WEB_IDENTITY and zone.identity == "irsa":
        problem = f"EKS adds {' and '.join(_WEB_IDENTITY)} only to a pod that has neither of them"
    elif value == "":
        return None
    elif name in _KEYS:
        problem = "static credentials override the zone's role"
    elif name == _ENDPOINT:
        problem = "overrides the endpoints of all AWS services"
    elif name in _SERVICE_ENDPOINTS and not _OF_AWS.fullmatch(value or ""):
        problem = "overrides the endpoint of AWS"
    elif zone.identity != "irsa" and name in (*_PROFILES, "AWS_WEB_IDENTITY_TOKEN_FILE"):
        problem = f"its credentials override those of identity {zone.identity}"
    return problem and f"{problem}, so remove it"
