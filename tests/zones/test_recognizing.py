"""Bases that are not Helm values, and values that only look like something else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.yamltext.yaml_writing import values
from tests.zones.test_rendering import ADDRESS, IDENTITIES, zone
from tests.zones.zone_values import REALISTIC
from toolkit import zones
from toolkit.errors import InvalidInputError
from toolkit.zones import recognizing

ARGO = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: kong-mesh
spec:
  source:
    chart: kong-mesh
    helm:
      values: |
        kuma: {controlPlane: {mode: zone}}
"""
SOURCES = """\
kind: Application
apiVersion: argoproj.io/v1alpha1
spec:
  sources:
    - repoURL: https://kong.github.io/kong-mesh-charts
      helm: {valuesObject: {kuma: {}}, valueFiles: [$ref/values.yaml]}
    - {ref: ref}
"""
SET = """\
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
spec:
  template:
    spec:
      source:
        helm: {valueFiles: ['zones/{{zone}}.yaml']}
"""
FLUX = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
spec:
  values: {kuma: {}}
  valuesFrom: [{kind: Secret}]
"""
HELMFILE = "releases:\n  - name: kong-mesh\n    chart: kong-mesh/kong-mesh\n    values: [values.yaml]\n"
KUSTOMIZATION = "resources: [x.yaml]\nhelmCharts:\n  - name: kong-mesh\n    valuesInline: {kuma: {}}\n"
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\ndata:\n  note: x\n  values.yaml: |\n    kuma: {}\n"


def refused(text: str) -> tuple[str, str]:
    with pytest.raises(InvalidInputError) as caught:
        zones.merge(text, "v.yaml", zone(), ADDRESS)
    head, problem, hint = caught.value.lines()
    assert head == "v.yaml is not a Helm values file"
    return problem.strip(), hint


@pytest.mark.parametrize(
    ("text", "problem", "hint"),
    [
        (
            ARGO,
            "v.yaml:2:1 kind: this is an Argo CD Application",
            "at v.yaml:9:7 spec.source.helm.values: extract them",
        ),
        (
            SOURCES,
            "v.yaml:1:1 kind: this is an Argo CD Application",
            "v.yaml:6:14 spec.sources[0].helm.valuesObject: ext",
        ),
        (
            SET,
            "v.yaml:2:1 kind: this is an Argo CD ApplicationSet",
            "named at v.yaml:7:16 spec.template.spec.source.helm",
        ),
        (ARGO.partition("spec")[0], "v.yaml:2:1 kind: this is an Argo CD App", "usually in helm.values, .valuesObject"),
        (FLUX, "v.yaml:2:1 kind: this is a Flux HelmRelease", "The values are at v.yaml:4:3 spec.values: extract them"),
        (
            FLUX.replace("  values: {kuma: {}}\n", ""),
            "v.yaml:2:1 kind: this is a Flux",
            "named at v.yaml:4:3 spec.valuesFrom",
        ),
        (
            CONFIG_MAP,
            "v.yaml:2:1 kind: this is a ConfigMap",
            "The values are at v.yaml:5:3 data.values.yaml: extract them",
        ),
        (
            CONFIG_MAP.replace("ConfigMap", "Secret"),
            "v.yaml:2:1 kind: this is a Secret",
            "decode them from base64 into",
        ),
        (
            "apiVersion: v1\nkind: Secret\nstringData: {v.yml: a}\n",
            "v.yaml:2:1 kind: this is a Secret",
            ": extract them",
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\n",
            "v.yaml:2:1 kind: this is a ConfigMap",
            "in a key of data or stringData.",
        ),
        (HELMFILE, "v.yaml:1:1 releases: this is a helmfile", "at v.yaml:4:5 releases[0].values: put them into a file"),
        (KUSTOMIZATION, "v.yaml:2:1 helmCharts: this is a kustomization", "at v.yaml:4:5 helmCharts[0].valuesInline: "),
        (
            "apiVersion: kustomize.config.k8s.io/v1\nkind: Kustomization\nhelmCharts: [{valuesFile: b, name: a}]\n",
            "v.yaml:2:1 kind: this is a kustomization",
            "in what is named at v.yaml:3:15 helmCharts[0].valuesFile: name a file",
        ),
        (
            "kind: Kustomization\nresources: []\n",
            "v.yaml:1:1 kind: this is a kustomization",
            "in helmCharts[].valuesInl",
        ),
        (
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n",
            "v.yaml:2:1 kind: this is a Kubernetes manifest of kind 'Kustomization'",
            "Name a values file with --base.",
        ),
        (
            "apiVersion: v2\nname: umbrella\nversion: 1.0.0\n",
            "v.yaml:1:1 apiVersion: this is a Chart.yaml",
            "values.yaml in the",
        ),
        ("type: Mesh\nname: default\n", "v.yaml:1:1 type: this is a Mesh", "Name a values file"),
        (
            "type: MeshTrafficPermission\nname: a\nmesh: default\n",
            "v.yaml:1:1 type: this is a resource of Kong Mesh",
            "",
        ),
        (
            "apiVersion: kuma.io/v1alpha1\nkind: Mesh\n",
            "v.yaml:2:1 kind: this is a Mesh, which is a base of toolkit ren",
            "",
        ),
        (
            "apiVersion: v1\nkind: List\nitems: []\n",
            "v.yaml:2:1 kind: this is a Kubernetes manifest of kind 'L",
            "",
        ),
        ("apiVersion: v1\nkind: List\n---\na: 1\n", "v.yaml:2:1 kind: this is a Kubernetes manifest of kind", ""),
        ("# c\n- kuma: {}\n", "v.yaml:2:1: this is a list, not a mapping", ""),
        ("kuma\n", "v.yaml:1:1: this is a scalar, not a mapping", ""),
        ("0\n", "v.yaml:1:1: this is a scalar, not a mapping", ""),
    ],
)
def test_what_is_not_a_values_file_is_refused_with_the_place_of_its_values(text: str, problem: str, hint: str) -> None:
    found = refused(text)
    assert found[0].startswith(problem)
    assert hint in found[1]


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: v1\n",
        "kind: Application\n",
        "kind: {of: zone}\napiVersion: v1\n",
        "apiVersion: 1\nkind: Application\n",
        "apiVersion: v3\nname: a\nversion: b\n",
        "apiVersion: v2\nname: a\nversion: 1.5\n",
        "name: a\nversion: 1.0.0\n",
        "releases: {name: a, chart: b}\n",
        "releases: []\n",
        "releases: [{name: a}]\n",
        "releases: [stable]\n",
        "helmCharts: {name: a}\n",
        "helmCharts: [a]\n",
        "type: Mesh\n",
        "type: gateway\nname: a\n",
        "resources: [a.yaml]\n",
        "extra:\n  apiVersion: argoproj.io/v1alpha1\n  kind: Application\n",
        "kuma: {extra: {apiVersion: v1, kind: Secret}}\n",
    ],
)
def test_keys_that_a_chart_may_have_are_not_refused(text: str) -> None:
    merged = zones.merge(text, "v.yaml", zone(), ADDRESS)
    assert merged.text.startswith(text.removesuffix("}\n"))
    assert merged.notes == []


@pytest.mark.parametrize("identity", IDENTITIES)
def test_realistic_values_are_accepted_without_a_warning(identity: str) -> None:
    chosen = zone(identity=identity)
    merged = zones.merge(REALISTIC, "v.yaml", chosen, ADDRESS)
    assert merged.notes == []
    assert zones.merge(merged.text, "v.yaml", chosen, ADDRESS) == (merged.text, [], [])
    lines = merged.text.splitlines()
    assert [line for line in lines if line in REALISTIC.splitlines()] == REALISTIC.splitlines()


_names = st.sampled_from(
    [
        *("apiVersion", "kind", "name", "version", "type", "mesh", "releases", "helmCharts", "chart", "spec", "source"),
        *("sources", "helm", "values", "valueFiles", "template", "data", "values.yaml"),
    ]
)
_words = st.sampled_from(["v1", "argoproj.io/v1alpha1", "Application", "ConfigMap", "Secret", "Mesh", "Kustomization"])
documents = st.recursive(
    st.one_of(_words, st.none(), st.booleans()),
    lambda inner: st.one_of(st.dictionaries(_names, inner, max_size=6), st.lists(inner, max_size=3)),
    max_leaves=25,
)


@given(st.one_of(documents, values))
def test_any_document_is_recognized_or_not(document: object) -> None:
    found = recognizing.recognize(document)
    if found is None:
        assert document is None or isinstance(document, dict)
        return
    for path in (found.path, *found.values):
        value = document
        for part in path:
            value = value[part]  # type: ignore[index]
    with pytest.raises(InvalidInputError):
        recognizing.refuse_others(document, "x", lambda path: f"x:1:1 {path}")


def test_a_manifest_that_refers_to_itself_is_refused() -> None:
    text = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nspec: &s {template: {spec: *s}}\n"
    assert "Argo CD" in refused(text)[0]
