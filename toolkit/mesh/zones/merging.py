"""A zone's values in a values file that exists: everything else in it stays as it is, to the character."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from toolkit.errors import InvalidInputError, Problem
from toolkit.mesh.zones.rendering import ROLE_ANNOTATION, chart_values, notes
from toolkit.pki.arn import shown
from toolkit.yamltext import nodes, parsing
from toolkit.yamltext.editing import Editor, dotted
from toolkit.yamltext.scalars import scalar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.contract import Zone
    from toolkit.yamltext.nodes import Path

_CONTROL_PLANE: Path = ("kuma", "controlPlane")
_MODE: Path = (*_CONTROL_PLANE, "mode")
_ZONE: Path = (*_CONTROL_PLANE, "zone")
_ADDRESS: Path = (*_CONTROL_PLANE, "kdsGlobalAddress")
_VARIABLES: Path = (*_CONTROL_PLANE, "envVars")
_ADDRESS_VARIABLE = "KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS"
_ANNOTATIONS: Path = (*_CONTROL_PLANE, "serviceAccountAnnotations")
# Each comes before the role of a pod or machine in the default credential chain of the AWS SDKs; EKS adds neither of
# the last two to a pod that has one of them (aws/amazon-eks-pod-identity-webhook:pkg/handler/handler.go).
BEFORE_THE_ROLE = ("AWS_ACCESS_KEY_ID", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE")


class Merged(NamedTuple):
    """A file with a zone's values in it.

    Attributes:
        text: of the file.
        notes: what the operator should know of it, one line each.
        changes: which values took the place of others, one line each.
    """

    text: str
    notes: list[str]
    changes: list[str]


def merge(base: str, source: str, zone: Zone, address: str | None, namespace: str | None = None) -> Merged:
    """Put a zone's values into a values file: comments, order and everything else stay; a second time changes nothing.

    Args:
        base: the text of the file.
        source: what to call it in an error, usually the file's name.
        zone: of the contract.
        address: of the global control plane; None leaves what the file says.
        namespace: where the release is installed; None for the one that Kong names.

    Raises:
        InvalidInputError: the file is no YAML, is that of another zone or of a global control plane, or is written in
            a way that can't be changed in part; every problem is named as ``source:line:column``.
    """
    parsed = parsing.parse(base, source)
    editor = Editor(base, source, parsed)
    values = chart_values(zone, address)
    file = _File(editor, source)
    if problems := list(file.problems(zone, values)):
        raise InvalidInputError(
            f"{source} can't be the values of zone {zone.name}", problems, "Name another base, or choose with --zone."
        )
    said = notes(
        zone,
        has_address=address is not None or file.has_address,
        in_chart=True,
        namespace=namespace,
        service_account=file.service_account,
    )
    said += file.warnings(zone)
    changes: list[str] = []
    for path, value in _leaves(values):
        changes += replaced(zone, file.where(path), file.get(path), value)
        # A zone may be called `on`: without quotes that is a text in YAML 1.2, and none in YAML 1.1, which Helm reads.
        node = nodes.find(parsed[0].root, path) if parsed else None
        is_quoted = isinstance(node, nodes.Scalar) and bool(node.style)
        editor.set(0, path, value, again=scalar(value) != value and not is_quoted)
    return Merged(editor.text, said, changes)


def replaced(zone: Zone, where: str, old: object, new: str) -> Iterator[str]:
    """Say that a value takes the place of another; nothing where there was none, or the same."""
    if old not in (None, "", new):
        yield f"zone {zone.name}: {where}: {shown(str(old))} -> {shown(new)}"


class _File:
    """What a values file says of a control plane."""

    def __init__(self, editor: Editor, source: str) -> None:
        self._editor = editor
        self._source = source

    def get(self, path: Path) -> Any:  # noqa: ANN401 - a document's value
        """The value at a path; None where there is none."""
        value: Any = self._editor.documents[0] if self._editor.documents else None
        for part in path:
            if isinstance(value, list) and isinstance(part, int):
                value = value[part]
            else:
                value = value.get(part) if isinstance(value, dict) else None
        return value

    @property
    def has_address(self) -> bool:
        """Whether it names the global control plane."""
        return bool(self.get(_ADDRESS) or self.get((*_VARIABLES, _ADDRESS_VARIABLE)))

    @property
    def service_account(self) -> str | None:
        """The control plane's, where the file names the release (``kuma.name`` in the chart's ``_helpers.tpl``)."""
        name = self.get((*_CONTROL_PLANE[:1], "nameOverride"))
        return f"{name[:63].removesuffix('-')}-control-plane" if isinstance(name, str) and name else None

    def where(self, path: Path) -> str:
        """A path and its place as ``source:line:column path``."""
        place = self._editor.place(0, path)
        return f"{self._source}:{place.line}:{place.column} {dotted(path)}".rstrip()

    def problems(self, zone: Zone, values: dict[str, Any]) -> Iterator[Problem]:
        """Why the file can't be that of the zone.

        The chart's variables count more than its values, so they must not contradict them
        (kumahq/kuma:deployments/charts/kuma/templates/cp-deployment.yaml merges ``envVars`` over the others).
        """
        if len(self._editor.documents) > 1:
            place = self._editor.place(1, ())
            yield Problem(f"{self._source}:{place.line}:{place.column}", "a values file holds one document")
        for path in ((), _CONTROL_PLANE[:1], _CONTROL_PLANE, _VARIABLES, _ANNOTATIONS):
            if self.get(path) is not None and not isinstance(self.get(path), dict):
                yield Problem(self.where(path), "must be a mapping")
        for path, _ in _leaves(values):
            if isinstance(self.get(path), dict | list):
                yield Problem(self.where(path), "must be a text")
        if self.get(_MODE) == "global":
            yield Problem(self.where(_MODE), "is global, and a zone's control plane is none")
        if not isinstance(self.get(_ZONE), dict | list) and str(self.get(_ZONE) or zone.name) != zone.name:
            yield Problem(self.where(_ZONE), f"is {shown(str(self.get(_ZONE)))}, not {zone.name}")
        expected = {
            "KUMA_MODE": "zone",
            "KUMA_MULTIZONE_ZONE_NAME": zone.name,
            _ADDRESS_VARIABLE: values["kuma"]["controlPlane"].get("kdsGlobalAddress"),
        }
        for name, value in expected.items():
            found = self.get((*_VARIABLES, name))
            if value is not None and found is not None and str(found) != value:
                yield Problem(
                    self.where((*_VARIABLES, name)), f"is {shown(str(found))}, and would count instead of {value}"
                )

    def warnings(self, zone: Zone) -> Iterator[str]:
        """What may stay, and is likely to be wrong."""
        annotation = (*_ANNOTATIONS, ROLE_ANNOTATION)
        if zone.identity != "irsa" and self.get(annotation) is not None:
            yield (
                f"{self.where(annotation)}: zone {zone.name} has identity {zone.identity}; a role that is annotated "
                "would come before its own, so take the annotation out"
            )
        for path in (*((*_VARIABLES, name) for name in BEFORE_THE_ROLE), *self._elsewhere()):
            if self.get(path) is not None:
                yield f"{self.where(path)}: keeps the control plane from taking the zone's role"

    def _elsewhere(self) -> Iterator[Path]:
        """Where else the chart takes such variables from: entries of ``envVarEntries`` and of ``secrets``."""
        for section, key in (("envVarEntries", "name"), ("secrets", "Env")):
            path = (*_CONTROL_PLANE, section)
            found = self.get(path)
            entries = found.items() if isinstance(found, dict) else enumerate(found if isinstance(found, list) else ())
            for part, entry in entries:
                if isinstance(part, str | int) and isinstance(entry, dict) and entry.get(key) in BEFORE_THE_ROLE:
                    yield (*path, part, key)


def _leaves(values: dict[str, Any], path: Path = ()) -> Iterator[tuple[Path, str]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value
