"""YAML files that are often mistaken for Helm values: manifests, helmfiles, kustomizations and charts.

Where each keeps its values: argoproj/argo-cd:pkg/apis/application/v1alpha1/types.go (ApplicationSourceHelm),
fluxcd/helm-controller:docs/spec/v2/helmreleases.md, kubernetes-sigs/kustomize:api/types/helmchartargs.go,
helmfile/helmfile:docs/configuration.md, helm/helm:pkg/chart/metadata.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from toolkit.errors import InvalidInputError, Problem
from toolkit.pki.arn import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from toolkit.yamltext.nodes import Path

_ARGO_CD = ("argoproj.io/",)
_FLUX = ("helm.toolkit.fluxcd.io/", "helm.fluxcd.io/", "flux.weave.works/")
_KUSTOMIZE = ("kustomize.config.k8s.io/",)
_INLINE = ("values", "valuesObject", "parameters", "fileParameters", "valueFiles")


class Recognized(NamedTuple):
    """A document that is not a values file.

    Attributes:
        path: of the key that shows it.
        name: what the document is.
        values: where its values are, the paths that it has first; empty if it has none.
        usual: where documents of that kind keep values; empty if they have none.
    """

    path: Path
    name: str
    values: Sequence[Path] = ()
    usual: str = ""


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
    if found.values:
        places = " and ".join(map(where, found.values))
        hint = f"Its values are at {places}: extract them into a file, and name that file with --base."
    elif found.usual:
        hint = f"Such a file has its values in {found.usual}: name a file that has only the values with --base."
    else:
        hint = "Name a file that has only the values of the chart with --base."
    raise InvalidInputError(
        f"{source} is not a Helm values file", [Problem(where(found.path), f"this is {found.name}")], hint
    )


def recognize(document: object) -> Recognized | None:
    """Return what a document is, if it is certainly not a values file.

    A chart may have values that are called `kind`, `type` or `releases`, so a single key proves nothing.
    """
    if not isinstance(document, dict):
        return None
    if _are_texts(document, "apiVersion", "kind"):
        return _manifest(document, document["apiVersion"], document["kind"])
    if _are_texts(document, "apiVersion", "name", "version") and document["apiVersion"] in ("v1", "v2"):
        return Recognized(("apiVersion",), "a Chart.yaml", usual="values.yaml beside it")
    return _tool_file(document)


def _manifest(document: dict[Any, Any], version: str, kind: str) -> Recognized:
    if kind in ("Application", "ApplicationSet") and version.startswith(_ARGO_CD):
        usual = "helm.values, .valuesObject or .valueFiles in spec.source or spec.sources[]"
        return Recognized(("kind",), f"an Argo CD {kind}", list(_sources(document, ("spec",))), usual)
    if kind == "HelmRelease" and version.startswith(_FLUX):
        found = [("spec", key) for key in ("values", "valuesFrom") if _get(document, ("spec", key))]
        return Recognized(("kind",), "a Flux HelmRelease", found, "spec.values or spec.valuesFrom")
    if kind == "Kustomization" and version.startswith(_KUSTOMIZE):
        return _kustomization(document, ("kind",))
    if kind in ("ConfigMap", "Secret") and version == "v1":
        return Recognized(("kind",), f"a {kind}", list(_wrapped(document)), "a key of data or stringData")
    return Recognized(("kind",), f"a Kubernetes manifest of kind {shown(kind)}")


def _tool_file(document: dict[Any, Any]) -> Recognized | None:
    """Return what a document without `apiVersion` is: a file of a tool, or a resource for a Universal control plane."""
    if document.get("kind") == "Kustomization" or _entries(document, "helmCharts", "name"):
        key = "kind" if document.get("kind") == "Kustomization" else "helmCharts"
        return _kustomization(document, (key,))
    if releases := _entries(document, "releases", "name", "chart"):
        found = [("releases", number, "values") for number in releases if "values" in document["releases"][number]]
        return Recognized(("releases",), "a helmfile", found, "releases[].values")
    if _are_texts(document, "type", "name") and (document["type"] == "Mesh" or _are_texts(document, "mesh")):
        return Recognized(("type",), f"a resource of Kong Mesh, {shown(document['type'])}")
    return None


def _kustomization(document: dict[Any, Any], path: Path) -> Recognized:
    found = [
        ("helmCharts", number, key)
        for number in _entries(document, "helmCharts", "name")
        for key in ("valuesInline", "valuesFile")
        if key in document["helmCharts"][number]
    ]
    return Recognized(path, "a kustomization", found, "helmCharts[].valuesInline or .valuesFile")


def _sources(document: dict[Any, Any], path: Path) -> Iterator[Path]:
    """Yield where an Application has values; an ApplicationSet has them in its template."""
    sources = _get(document, (*path, "sources"))
    numbers = range(len(sources)) if isinstance(sources, list) else ()
    for source in ((*path, "source"), *((*path, "sources", number) for number in numbers)):
        for key in _INLINE:
            if _get(document, (*source, "helm", key)):
                yield (*source, "helm", key)
    if _get(document, (*path, "template", "spec")):
        yield from _sources(document, (*path, "template", "spec"))


def _wrapped(document: dict[Any, Any]) -> Iterator[Path]:
    for section in ("data", "stringData"):
        found = document.get(section)
        for key in found if isinstance(found, dict) else ():
            if isinstance(key, str) and key.endswith((".yaml", ".yml")):
                yield (section, key)


def _are_texts(document: dict[Any, Any], *keys: str) -> bool:
    return all(isinstance(document.get(key), str) for key in keys)


def _entries(document: dict[Any, Any], key: str, *texts: str) -> list[int]:
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
