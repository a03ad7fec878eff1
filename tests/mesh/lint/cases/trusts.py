"""MeshTrusts, and MeshTrafficPermissions."""

from __future__ import annotations

from datetime import timedelta

from tests.mesh.lint.cases.chains import LEAF, OTHER, REISSUED
from tests.mesh.lint.scoped_worlds import IDENTITY, PERMISSION, TRUST, TRUSTS, trust
from tests.mesh.lint.worlds import CHAIN, ISSUING_PEM, KEY, OUTPUTS, ROOT_PEM, Case, bundle
from tests.support import NOW

DOMAIN = "default.zone-1.mesh.local"
SAME = {"outputs": OUTPUTS}
ALL = f"{IDENTITY}---\n{TRUSTS}"
DISABLED = IDENTITY.replace("meshTrustCreation: Enabled", "meshTrustCreation: Disabled")
MESH = """\
type: Mesh
name: default
mtls:
  enabledBackend: builtin
  backends:
    - name: builtin
      type: builtin
"""
ALLOWS_OLD = "          - spiffeID:\n              type: Prefix\n              value: spiffe://default\n"
RULES_AND_MESH = f"{PERMISSION}---\n{MESH}"
ALLOWS_ALL = PERMISSION.replace("name: web\n", "name: all\n").replace(
    "kind: Dataplane\n    labels:\n      app: web", "kind: Mesh"
)


def with_bundles(*bundles: str) -> str:
    return trust("issue-zone-1", DOMAIN, *bundles)


def trusting(code: str, *bundles: str, near: str = TRUST, **more: object) -> Case:
    """A case with other bundles in a MeshTrust; each finding is at the first."""
    broken = with_bundles(*bundles).replace("        value: |", "        «value: |", 1)
    return Case(code, TRUST, broken, near=near, base=TRUST, **more)  # type: ignore[arg-type]


TRUSTED = [
    trusting("MESH070", "hello\n", message="no PEM certificate found"),
    trusting("MESH070", f"\ufeff{CHAIN}", message="byte order mark"),
    trusting("MESH070", CHAIN.replace("-----\n-----", "----------"), message="END and BEGIN are on one line"),
    trusting("MESH071", CHAIN + KEY),
    trusting("MESH078", bundle(LEAF) + CHAIN, message="is not a CA certificate"),
    trusting("MESH083", f"our CA\n{CHAIN}"),
    # The CAs of one trust domain may be in several bundles, and in several MeshTrusts.
    trusting("MESH210", ISSUING_PEM, near=with_bundles(ISSUING_PEM, ROOT_PEM), message="below a root that is missing"),
    trusting(
        "MESH210",
        ISSUING_PEM,
        near=f"{with_bundles(ISSUING_PEM)}---\n{trust('other', DOMAIN, ROOT_PEM)}",
    ),
    trusting("MESH210", ISSUING_PEM + bundle(OTHER.certificate), near=with_bundles(CHAIN + bundle(OTHER.certificate))),
    # Order and other CAs do not matter to Envoy.
    Case(
        "MESH075",
        TRUST,
        TRUST.replace("        value", "        «value"),
        near=TRUST + "\n",
        base=TRUST,
        options={"now": NOW + timedelta(days=5000)},
        near_options={},
    ),
    Case("MESH011", "  trustDomain: default.zone-1.mesh.local\n", "", at="spec:", base=TRUST),
    Case(
        "MESH011", "    - type: Pem\n", "    - «type: Pem\n---\n", base=TRUST, message="pem is missing in caBundles[0]"
    ),
    Case("MESH011", TRUST.partition("spec:")[2], "\n", at="spec:", base=TRUST, message="caBundles is missing in spec"),
    Case("MESH014", "type: Pem", "«type: pem", base=TRUST, fix="Did you mean Pem?"),
    Case("MESH015", f"trustDomain: {DOMAIN}", "«trustDomain: ''", base=TRUST),
    Case("MESH015", TRUST.partition("caBundles:")[2], " []\n", at="caBundles: []", base=TRUST),
    Case("MESH201", f"trustDomain: {DOMAIN}", "«trustDomain: A.B", base=TRUST),
    Case(
        "MESH204", f"trustDomain: {DOMAIN}", f"«trustDomain: {'a' * 254}", base=TRUST, near=f"trustDomain: {'a' * 253}"
    ),
]
# With a contract each zone has a trust domain; without one a template with a zone is not expanded.
DOMAINS = [
    Case(
        "MESH211",
        "name: issue-zone-2\nspec:\n  trustDomain: default.zone-2",
        "name: issue-zone-2\nspec:\n  trustDomain: default.zone-3",
        at="trustDomain: '{{",
        base=ALL,
        options=SAME,
        message="no MeshTrust in the input is for 'default.zone-2.mesh.local'",
    ),
    Case("MESH211", TRUSTS, TRUST, at="trustDomain: '{{", base=ALL, options=SAME, near_options={}, near=TRUST),
    # The control plane makes it, and the input has no others.
    Case("MESH211", IDENTITY, DISABLED, at="trustDomain: '{{", base=IDENTITY, options=SAME, message="is Disabled"),
    Case(
        "MESH211",
        "trustDomain: '{{ .Mesh }}.{{ .Zone }}.mesh.local'",
        "«trustDomain: '{{ .Mesh }}.example'",
        near="trustDomain: '{{ label \"x\" }}.example'",
        base=DISABLED,
    ),
    Case(
        "MESH212",
        "name: issue-zone-1\nspec:\n  trustDomain: default.zone-1",
        "name: issue\nspec:\n  trustDomain: new.zone-1",
        near="name: issue\nspec:\n  trustDomain: default.zone-1",
        at="name: issue\n  namespace",
        base=ALL,
        message="the MeshTrust of the same name is for 'new.zone-1.mesh.local'",
    ),
    Case(
        "MESH131",
        TRUST,
        with_bundles(bundle(OTHER.certificate)).replace("        value", "        «value"),
        base=ALL,
        options=SAME,
        message="the contract's root is missing",
    ),
    Case(
        "MESH074",
        TRUST,
        with_bundles(ROOT_PEM).replace("        value", "        «value"),
        base=ALL,
        options=SAME,
        near=with_bundles(ROOT_PEM, ISSUING_PEM),
    ),
    # Another certificate of the same CA does as well.
    Case(
        "MESH131",
        TRUST,
        with_bundles(bundle(OTHER.certificate)).replace("        value", "        «value"),
        base=ALL,
        options=SAME,
        near=with_bundles(bundle(*REISSUED.chain())),
    ),
]
PERMISSIONS = [
    Case(
        "MESH220",
        "value: spiffe://default\n",
        "«value: spiffe://default/\n",
        base=PERMISSION,
        fix="Write 'spiffe://default'.",
    ),
    Case(
        "MESH221",
        "  rules:\n",
        "  «from:\n    - targetRef: {kind: Mesh}\n  rules:\n",
        base=PERMISSION,
        near="  from: []\n  rules:\n",
    ),
    Case("MESH222", ALLOWS_OLD, "", at="spiffeID:\n", base=RULES_AND_MESH, message="no rule allows spiffe://default,"),
    Case(
        "MESH222",
        ALLOWS_OLD,
        "",
        at="spiffeID:\n",
        near=ALLOWS_OLD.replace("default", "default/web"),
        base=RULES_AND_MESH,
    ),
    # Another permission for the same proxies allows them.
    Case("MESH222", ALLOWS_OLD, "", at="spiffeID:\n", near=f"---\n{ALLOWS_ALL}", base=RULES_AND_MESH),
    # By SNI alone; without mTLS; in a version without Mesh.mtls.
    Case(
        "MESH222",
        ALLOWS_OLD,
        "",
        at="spiffeID:\n",
        near="          - sni: {type: Exact, value: x}\n",
        base=RULES_AND_MESH,
    ),
    Case(
        "MESH222",
        f"{ALLOWS_OLD}---\n{MESH}",
        f"---\n{MESH}",
        at="spiffeID:\n",
        near=f"---\n{MESH.replace('  enabledBackend: builtin', '  # off')}",
        base=RULES_AND_MESH,
    ),
    Case(
        "MESH222",
        ALLOWS_OLD,
        "",
        at="spiffeID:\n",
        near="          - sni: {type: Exact}\n",
        base=RULES_AND_MESH,
        options={"mesh_version": (2, 14, 3)},
        near_options={"mesh_version": (3, 0)},
    ),
    Case("MESH010", "spiffeID:", "«spiffeId:", base=PERMISSION, fix="Did you mean spiffeID?"),
    Case("MESH014", "type: Prefix", "«type: PathPrefix", base=PERMISSION, near="type: Exact"),
    Case(
        "MESH011", "    kind: Dataplane\n", "", at="targetRef:", base=PERMISSION, message="kind is missing in targetRef"
    ),
]
CASES = [*TRUSTED, *DOMAINS, *PERMISSIONS]
