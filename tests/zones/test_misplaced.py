"""Values and role annotations that the release chart does not read where they are."""

from __future__ import annotations

import pytest

from tests.zones.test_rendering import ADDRESS, IDENTITIES, zone
from toolkit import zones

ROLE = "eks.amazonaws.com/role-arn"
OWN = "arn:aws:iam::123456789012:role/zone-x-0a1b2c3"
KUMA = """\
# values as open-source Kuma's chart reads them, at the top
controlPlane:
  mode: zone
  zone: zone-1
  serviceAccountAnnotations:
    eks.amazonaws.com/role-arn: arn:aws:iam::123456789012:role/old-role
"""
UMBRELLA = "kong-mesh:\n  kuma:\n    controlPlane:\n      serviceAccountAnnotations: {eks.amazonaws.com/role-arn: x}\n"


def warnings(text: str, identity: str = "irsa") -> list[str]:
    merged = zones.merge(text, "v.yaml", zone(identity=identity), ADDRESS)
    again = zones.merge(merged.text, "v.yaml", zone(identity=identity), ADDRESS)
    assert again.text == merged.text
    assert [warning.split()[1:] for warning in again.notes] == [warning.split()[1:] for warning in merged.notes]
    return merged.notes


@pytest.mark.parametrize("identity", IDENTITIES)
def test_values_of_kumas_own_chart_are_warned_of(identity: str) -> None:
    control_plane, annotation = warnings(KUMA, identity)
    assert control_plane == (
        "v.yaml:2:1 controlPlane: Kong Mesh's chart does not read this key of open-source Kuma: "
        "move it to kuma.controlPlane"
    )
    assert annotation == (
        f"v.yaml:6:5 controlPlane.serviceAccountAnnotations.{ROLE}: has no effect: EKS reads it from the control "
        "plane's service account, kuma.controlPlane.serviceAccountAnnotations; remove it"
    )


def test_every_key_of_kumas_own_chart_is_named() -> None:
    text = "noHelmHooks: true\ncni: {enabled: true}\ndataPlane: {}\nkuma: {}\negress: {}\ningress: {}\n"
    assert [warning.split()[1] for warning in warnings(text)] == [
        "noHelmHooks:",
        "cni:",
        "dataPlane:",
        "egress:",
        "ingress:",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "kuma: {cni: {enabled: true}, dataPlane: {}, ingress: {}}\n",
        "global: {image: {registry: x}}\nratelimit: {enabled: true}\nnameOverride: x\n",
        "controlPlane:\ncni:\n",
        "gateway: {controlPlane: {replicas: 1}}\n",
        "x: [{kuma: {}}]\n",
        "kong-mesh: {kuma: {controlPlane: none}}\n",
        "kong-mesh: {kuma: {ingress: {enabled: true}}}\n",
    ],
)
def test_values_of_the_chart_and_of_others_are_not_warned_of(text: str) -> None:
    assert warnings(text) == []


def test_values_of_a_dependency_are_warned_of_once() -> None:
    (warning,) = warnings(UMBRELLA)
    assert warning == (
        "v.yaml:3:5 kong-mesh.kuma.controlPlane: Helm passes this to the dependency kong-mesh, but the zone's values "
        "are written to kuma.controlPlane at the top: move them below kong-mesh, or use a file with the values of "
        "kong-mesh alone"
    )
    assert "dependency a.kong-mesh," in warnings("a:\n  kong-mesh: {kuma: {controlPlane: {replicas: 1}}}\n")[0]
    assert "dependency kuma," in warnings("kuma: {kuma: {controlPlane: {}}}\n")[0]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f"{ROLE}: x\n", f"v.yaml:1:1 {ROLE}"),
        (f"serviceAccount:\n  annotations:\n    {ROLE}: x\n", f"v.yaml:3:5 serviceAccount.annotations.{ROLE}"),
        (f"serviceAccountAnnotations: {{{ROLE}: x}}\n", f"v.yaml:1:29 serviceAccountAnnotations.{ROLE}"),
        (f"podAnnotations: {{{ROLE}: x}}\n", f"v.yaml:1:18 podAnnotations.{ROLE}"),
        (f"kuma:\n  podAnnotations: {{{ROLE}: x}}\n", f"v.yaml:2:20 kuma.podAnnotations.{ROLE}"),
        (f"kuma:\n  serviceAccountAnnotations:\n    {ROLE}: x\n", f"v.yaml:3:5 kuma.serviceAccountAnnotations.{ROLE}"),
        (f"kuma:\n  controlPlane:\n    {ROLE}: x\n", f"v.yaml:3:5 kuma.controlPlane.{ROLE}"),
        (
            f"kuma:\n  controlPlane:\n    podAnnotations:\n      {ROLE}: {OWN}\n",
            f"v.yaml:4:7 kuma.controlPlane.podAnnotations.{ROLE}",
        ),
        (
            f"kuma:\n  controlPlane:\n    serviceAccount: {{annotations: {{{ROLE}: x}}}}\n",
            f"v.yaml:3:36 kuma.controlPlane.serviceAccount.annotations.{ROLE}",
        ),
        (
            f"kuma:\n  controlPlane:\n    envVars:\n      {ROLE}: x\n",
            f"v.yaml:4:7 kuma.controlPlane.envVars.{ROLE}",
        ),
        (f"kuma:\n  ingress:\n    podAnnotations: {{{ROLE}: x}}\n", f"v.yaml:3:22 kuma.ingress.podAnnotations.{ROLE}"),
        (f"a: {{b: {{podAnnotations: {{{ROLE}: x}}}}}}\n", f"v.yaml:1:26 a.b.podAnnotations.{ROLE}"),
    ],
)
@pytest.mark.parametrize("identity", IDENTITIES)
def test_a_role_that_is_annotated_elsewhere_is_warned_of(text: str, place: str, identity: str) -> None:
    (warning,) = warnings(text, identity)
    assert warning.startswith(f"{place}: has no effect: ")


@pytest.mark.parametrize(
    "text",
    [
        f"kuma:\n  controlPlane:\n    podAnnotations: {{{ROLE}: ''}}\n",
        f"kuma: {{ingress: {{serviceAccountAnnotations: {{{ROLE}: x}}}}}}\n",
        f"ratelimit: {{serviceAccountAnnotations: {{{ROLE}: x}}}}\n",
        f"external-dns: {{serviceAccount: {{annotations: {{{ROLE}: x}}}}}}\n",
        f"prometheus: {{serviceAccounts: {{server: {{annotations: {{{ROLE}: x}}}}}}}}\n",
        "kuma:\n  controlPlane:\n    podAnnotations: {eks.amazonaws.com/skip-containers: x}\n",
        f"kuma:\n  controlPlane:\n    extraLabels: {{role: {ROLE}}}\n",
    ],
)
def test_roles_of_other_service_accounts_are_not_warned_of(text: str) -> None:
    assert warnings(text) == []
    # The zone's own role is of no use to them.
    for warning in warnings(text.replace(": x}", f": '{OWN}'}}")):
        assert "the zone's role trusts service account kong-mesh-system/kong-mesh-control-plane only" in warning


@pytest.mark.parametrize(
    ("identity", "words"),
    [
        ("pod-identity", "has identity pod-identity; EKS ignores the annotated role once the Pod Identity association"),
        ("ambient", "has identity ambient; the annotated role overrides the role of the instance or task"),
    ],
)
def test_an_annotated_role_is_warned_of_where_the_zone_has_another_identity(identity: str, words: str) -> None:
    text = f"kuma:\n  controlPlane:\n    serviceAccountAnnotations: {{{ROLE}: x}}\n"
    (warning,) = warnings(text, identity)
    assert warning.startswith(f"v.yaml:3:33 kuma.controlPlane.serviceAccountAnnotations.{ROLE}: zone zone-1 ")
    assert words in warning
    assert warnings(text.replace(": x", ": ''"), identity) == []


def test_warnings_are_in_the_order_of_the_file() -> None:
    text = (
        "kuma:\n  controlPlane:\n    secrets:\n      - {Env: AWS_SECRET_KEY}\n"
        "    envVars: {AWS_SECRET_KEY: x}\n"
        f"    podAnnotations: {{{ROLE}: x}}\n    envVarEntries:\n      - {{name: AWS_ACCESS_KEY}}\ncni: {{}}\n"
    )
    found = zones.merge(text, "v.yaml", zone(), ADDRESS).notes
    assert [warning.split(":")[1] for warning in found] == ["4", "5", "6", "8", "9"]


def test_an_annotation_that_aliases_share_is_the_control_planes() -> None:
    text = f"x-role: &r {{{ROLE}: {OWN}}}\nkuma: {{controlPlane: {{serviceAccountAnnotations: *r}}}}\n"
    assert zones.merge(text, "v.yaml", zone(), ADDRESS).notes == []


def test_aliases_are_followed_once() -> None:
    text = f"x: &x\n  podAnnotations: {{{ROLE}: x}}\ny: *x\nz: [*x, *x]\n"
    assert len(zones.merge(text, "v.yaml", zone(), ADDRESS).notes) == 1
