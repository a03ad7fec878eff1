"""YAML files that are often mistaken for Helm values: manifests, helmfiles, kustomizations and charts.

Where each keeps its values: argoproj/argo-cd:pkg/apis/application/v1alpha1/types.go (ApplicationSourceHelm),
fluxcd/helm-controller:docs/spec/v2/helmreleases.md, kubernetes-sigs/kustomize:api/types/helmchartargs.go,
helmfile/helmfile:docs/configuration.md, helm/helm:pkg/chart/metadata.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from toolkit.errors import InvalidInputError, Problem
from toolkit.pki.arn import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from toolkit.yamltext.nodes import Path
    from toolkit.yamltext.plain import AnyMapping

_ARGO_CD = ("argoproj.io/",)
_FLUX = ("helm.toolkit.fluxcd.io/", "helm.fluxcd.io/", "flux.weave.works/")
_KUSTOMIZE = ("kustomize.config.k8s.io/",)
_MESH = "a Mesh, which is a base of toolkit render-mesh"
_IN_SOURCES = ("values", "valuesObject", "valueFiles", "parameters")
_EXTRACT = "extract them into a file"
# These name files, ConfigMaps or Secrets.
_REFERENCES = ("valueFiles", "valuesFile", "additionalValuesFiles", "valuesFrom")


class Recognized(NamedTuple):
    """A document that is not a values file.

    Attributes:
        path: of the key that shows it.
        name: what the document is.
        values: the paths of values, and of references to values, that it has.
        usual: where documents of that kind have values; empty if they have none.
        fix: what to do with values that are in the document.
    """

    path: Path
    name: str
    values: Sequence[Path] = ()
    usual: str = ""
    fix: str = _EXTRACT


def refuse_others(document: object, source: str, where: Callable[[Path], str]) -> None:
    """Refuse a document that is certainly not a values file.

    Args:
        document: as plain values.
        source: of the document, usually a file's name.
        where: returns the place of a path as ``source:line:column path``.

    Raises:
        InvalidInputError: the document is something else; the error says where its values are.
    """
    found = recognize(document)
    if found is None:
        return
    inline = [path for path in found.values if path[-1] not in _REFERENCES]
    places = " and ".join(map(where, inline or found.values))
    if inline:
        hint = f"The values are at {places}: {found.fix}, and name it with --base."
    elif places:
        hint = f"The values are in what is named at {places}: name a file with these values with --base."
    else:
        hint = f"Name a values file with --base.{found.usual and f' The values are usually in {found.usual}.'}"
    raise InvalidInputError(
        f"{source} is not a Helm values file", [Problem(where(found.path), f"this is {found.name}")], hint
    )


def recognize(document: object) -> Recognized | None:
    """Return what a document is, if it is certainly not a values file.

    A chart may have values that are called `kind`, `type` or `releases`, so one such key is not enough.
    """
    if document is None:
        return None
    if not isinstance(document, dict):
        return Recognized((), "a list, not a mapping" if isinstance(document, list) else "a scalar, not a mapping")
    if _are_texts(document, "apiVersion", "kind"):
        return _manifest(document, document["apiVersion"], document["kind"])
    if _are_texts(document, "apiVersion", "name", "version") and document["apiVersion"] in ("v1", "v2"):
        return Recognized(("apiVersion",), "a Chart.yaml", usual="values.yaml in the same folder")
    return _tool_file(document)


def _manifest(document: AnyMapping, version: str, kind: str) -> Recognized:
    if kind in ("Application", "ApplicationSet") and version.startswith(_ARGO_CD):
        usual = "helm.values, .valuesObject or .valueFiles in spec.source or spec.sources[]"
        return Recognized(("kind",), f"an Argo CD {kind}", list(_sources(document)), usual)
    if kind == "HelmRelease" and version.startswith(_FLUX):
        found = [("spec", key) for key in ("values", "valuesFrom") if _get(document, ("spec", key))]
        return Recognized(("kind",), "a Flux HelmRelease", found, "spec.values or spec.valuesFrom")
    if kind == "Kustomization" and version.startswith(_KUSTOMIZE):
        return _kustomization(document, ("kind",))
    if kind in ("ConfigMap", "Secret") and version == "v1":
        fix = "decode them from base64 into a file" if kind == "Secret" and "data" in document else _EXTRACT
        return Recognized(("kind",), f"a {kind}", list(_wrapped(document)), "a key of data or stringData", fix)
    name = (
        _MESH if kind == "Mesh" and version.startswith("kuma.io/") else f"a Kubernetes manifest of kind {shown(kind)}"
    )
    return Recognized(("kind",), name)


def _tool_file(document: AnyMapping) -> Recognized | None:
    """Return what a document without `apiVersion` is: a file of a tool, or a resource for a Universal control plane."""
    if document.get("kind") == "Kustomization" or _entries(document, "helmCharts", "name"):
        key = "kind" if document.get("kind") == "Kustomization" else "helmCharts"
        return _kustomization(document, (key,))
    if releases := _entries(document, "releases", "name", "chart"):
        found = [("releases", number, "values") for number in releases if "values" in document["releases"][number]]
        return Recognized(("releases",), "a helmfile", found, "releases[].values", "put them into a file")
    if _are_texts(document, "type", "name") and (document["type"] == "Mesh" or _are_texts(document, "mesh")):
        is_mesh = document["type"] == "Mesh"
        return Recognized(("type",), _MESH if is_mesh else f"a resource of Kong Mesh, {shown(document['type'])}")
    return None


def _kustomization(document: AnyMapping, path: Path) -> Recognized:
    found = [
        ("helmCharts", number, key)
        for number in _entries(document, "helmCharts", "name")
        for key in ("valuesInline", "valuesFile", "additionalValuesFiles")
        if key in document["helmCharts"][number]
    ]
    return Recognized(path, "a kustomization", found, "helmCharts[].valuesInline or .valuesFile")


def _sources(document: AnyMapping) -> Iterator[Path]:
    """Yield where an Application has values; an ApplicationSet has them in its template."""
    specs: tuple[Path, ...] = (("spec",), ("spec", "template", "spec"))
    for spec in specs:
        sources = _get(document, (*spec, "sources"))
        numbers = range(len(sources)) if isinstance(sources, list) else ()
        for source in ((*spec, "source"), *((*spec, "sources", number) for number in numbers)):
            for key in _IN_SOURCES:
                if _get(document, (*source, "helm", key)):
                    yield (*source, "helm", key)


def _wrapped(document: AnyMapping) -> Iterator[Path]:
    for section in ("data", "stringData"):
        found = document.get(section)
        for key in found if isinstance(found, dict) else ():
            if isinstance(key, str) and key.endswith((".yaml", ".yml")):
                yield (section, key)


def _are_texts(document: AnyMapping, *keys: str) -> bool:
    return all(isinstance(document.get(key), str) for key in keys)


def _entries(document: AnyMapping, key: str, *texts: str) -> list[int]:
    """Return the numbers of a list's items, if each is a mapping with these texts."""
    items = document.get(key)
    is_list = isinstance(items, list) and all(isinstance(item, dict) and _are_texts(item, *texts) for item in items)
    return list(range(len(items))) if is_list and isinstance(items, list) else []


def _get(document: object, path: Path) -> object:
    for part in path:
        if isinstance(document, list) and isinstance(part, int):
            document = document[part] if part < len(document) else None
        else:
            document = document.get(part) if isinstance(document, dict) else None
    return document
