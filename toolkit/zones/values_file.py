"""Write a zone's values into an existing values file, and leave every other character as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from toolkit.errors import InvalidInputError, Problem
from toolkit.pki.arn import shown
from toolkit.yamltext import nodes, parsing
from toolkit.yamltext.editing import Editor, dotted
from toolkit.yamltext.scalars import scalar
from toolkit.zones.aws_variables import Variable, overriding
from toolkit.zones.misplaced import misplaced
from toolkit.zones.recognizing import refuse_others
from toolkit.zones.rendering import ROLE_ANNOTATION, chart_values, notes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.contract import Zone
    from toolkit.values import Object, Value
    from toolkit.yamltext.nodes import Path
    from toolkit.yamltext.parsing import Parsed

_CONTROL_PLANE: Path = ("kuma", "controlPlane")
_MODE: Path = (*_CONTROL_PLANE, "mode")
_ZONE: Path = (*_CONTROL_PLANE, "zone")
_ADDRESS: Path = (*_CONTROL_PLANE, "kdsGlobalAddress")
_VARIABLES: Path = (*_CONTROL_PLANE, "envVars")
_REGION = "AWS_REGION"
_ADDRESS_VARIABLE = "KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS"
_ANNOTATIONS: Path = (*_CONTROL_PLANE, "serviceAccountAnnotations")
# What is wrong with the annotation where the zone's role is another's: aws/amazon-eks-pod-identity-webhook:
# pkg/handler/handler.go (buildPodPatchConfig) prefers an association, and any annotation to the role of the node.
_ANNOTATED = {
    "pod-identity": "EKS ignores the annotated role once the Pod Identity association exists, so remove it",
    "ambient": "the annotated role overrides the role of the instance or task, so remove it",
}


class Merged(NamedTuple):
    """A file with a zone's values in it.

    Attributes:
        text: of the file.
        notes: warnings for the operator, one line each.
        changes: the values that were replaced, one line each.
    """

    text: str
    notes: list[str]
    changes: list[str]


def merge(base: str, source: str, zone: Zone, address: str | None, namespace: str | None = None) -> Merged:
    """Write a zone's values into a values file; everything else stays, and a second run changes nothing.

    Args:
        base: the text of the file.
        source: what to call it in an error, usually the file's name.
        zone: of the contract.
        address: of the global control plane; None keeps the one in the file.
        namespace: where the release is installed; None for the one in Kong's instructions.

    Raises:
        InvalidInputError: the file is not YAML or not a values file, belongs to another zone or to a global control
            plane, or can't be edited in place; every problem is named as ``source:line:column``.
    """
    parsed = parsing.parse(base, source)
    editor = Editor(base, source, parsed)
    values = chart_values(zone, address)
    file = _File(parsed, source, editor)
    refuse_others(file.get(()), source, file.where)
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
        editor.set(0, path, value, again=file.is_unquoted(path, value))
    return Merged(editor.text, said, changes)


def replaced(zone: Zone, where: str, old: object, new: str) -> Iterator[str]:
    """Yield a line for a value that is replaced by a different one."""
    if old not in (None, "", new):
        yield f"zone {zone.name}: {where}: {shown(str(old))} -> {shown(new)}"


class _File:
    """A values file and its control plane."""

    def __init__(self, parsed: list[Parsed], source: str, editor: Editor) -> None:
        self._parsed = parsed
        self._source = source
        self._editor = editor

    def get(self, path: Path) -> Value:
        """Return the value at a path; None if it is not set."""
        value: Value = self._editor.documents[0] if self._editor.documents else None
        for part in path:
            if isinstance(value, list) and isinstance(part, int):
                value = value[part]
            else:
                value = value.get(part) if isinstance(value, dict) else None
        return value

    @property
    def has_address(self) -> bool:
        """Return whether the file names the global control plane."""
        return bool(self.get(_ADDRESS) or self.get((*_VARIABLES, _ADDRESS_VARIABLE)))

    @property
    def service_account(self) -> str | None:
        """Return the control plane's, if the file names the release (``kuma.name`` in the chart's ``_helpers.tpl``)."""
        name = self.get((*_CONTROL_PLANE[:1], "nameOverride"))
        return f"{name[:63].removesuffix('-')}-control-plane" if isinstance(name, str) and name else None

    def is_unquoted(self, path: Path, value: str) -> bool:
        """Return whether a value is there without the quotes that it needs.

        A zone may be called `on`: without quotes that is a boolean in YAML 1.1, which Helm reads.
        """
        if scalar(value) == value or self.get(path) != value:
            return False
        node = nodes.find(self._parsed[0].root, path)
        return not (isinstance(node, nodes.Scalar) and node.style)

    def where(self, path: Path) -> str:
        """Return a path and its place as ``source:line:column path``."""
        place = self._editor.place(0, path)
        return f"{self._source}:{place.line}:{place.column} {dotted(path)}".rstrip()

    def problems(self, zone: Zone, values: Object) -> Iterator[Problem]:
        """Yield the reasons why the file can't belong to the zone.

        The chart's variables override its values, so they must not contradict them
        (kumahq/kuma:deployments/charts/kuma/templates/cp-deployment.yaml merges ``envVars`` over the others).
        """
        if len(self._editor.documents) > 1:
            place = self._editor.place(1, ())
            yield Problem(f"{self._source}:{place.line}:{place.column}", "a values file has only one document")
        for path in ((), _CONTROL_PLANE[:1], _CONTROL_PLANE, _VARIABLES, _ANNOTATIONS):
            if self.get(path) is not None and not isinstance(self.get(path), dict):
                yield Problem(self.where(path), "must be a mapping")
        for path, _ in _leaves(values):
            if isinstance(self.get(path), dict | list):
                yield Problem(self.where(path), "must be a text")
        if self.get(_MODE) == "global":
            yield Problem(self.where(_MODE), "is global; a zone's control plane has mode zone")
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
                yield Problem(self.where((*_VARIABLES, name)), f"is {shown(str(found))}, and would override {value}")

    def warnings(self, zone: Zone) -> list[str]:
        """Return what is accepted and likely to be wrong, in the order of the file."""
        found = [(path, message) for path, message in misplaced(zone, self.get(()))]
        annotation = (*_ANNOTATIONS, ROLE_ANNOTATION)
        if zone.identity in _ANNOTATED and self.get(annotation):
            found.append((annotation, f"zone {zone.name} has identity {zone.identity}; {_ANNOTATED[zone.identity]}"))
        variables = list(self._variables())
        warned = overriding(zone, [variable for _, variable in variables], in_chart=True)
        for number, message in warned:
            path, variable = variables[number]
            found.append((path, message if path[-1] == variable.name else f"{variable.name}: {message}"))
        found.sort(key=lambda one: self._editor.place(0, one[0]).index)
        return [f"{self.where(path)}: {message}" for path, message in found]

    def _variables(self) -> Iterator[tuple[Path, Variable]]:
        """Yield the control plane's variables from everywhere that the chart reads them, without the zone's own.

        Of a variable that is set twice the last counts: those of ``envVarEntries`` are before those of ``envVars``,
        those of ``secrets`` after them (kumahq/kuma:deployments/charts/kuma/templates/cp-deployment.yaml).
        """
        for name, value in (self.get(_VARIABLES) or {}).items():
            if isinstance(name, str) and name != _REGION and value is not None:
                yield (*_VARIABLES, name), Variable(name, _text(value))
        for section, key in (("envVarEntries", "name"), ("secrets", "Env")):
            path = (*_CONTROL_PLANE, section)
            found = self.get(path)
            entries = found.items() if isinstance(found, dict) else enumerate(found if isinstance(found, list) else ())
            for part, entry in entries:
                if not isinstance(part, str | int) or not isinstance(entry, dict):
                    continue
                name, value = entry.get(key), entry.get("value")
                is_overridden = section == "envVarEntries" and name == _REGION and value is None
                if isinstance(name, str) and not is_overridden:
                    yield (*path, part, key), Variable(name, None if value is None else _text(value))


def _text(value: object) -> str:
    """Return a value as Helm writes it into a variable."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _leaves(values: Object, path: Path = ()) -> Iterator[tuple[Path, str]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value
