"""MeshIdentities: head, selector, provider, SPIFFE ID."""

from __future__ import annotations

from tests.mesh.lint.cases.lifetimes import ENDING, SHORT
from tests.mesh.lint.scoped_worlds import BUNDLED, IDENTITY, PUBLISH, SELF_SIGNED, SPIRE
from tests.mesh.lint.worlds import ACCESS_KEY, OUTPUTS, Case
from tests.support import AUTHORITY_ARN

SAME = {"outputs": OUTPUTS}
LABEL = "  labels:\n    kuma.io/mesh: default\n"
TRUST_DOMAIN = "trustDomain: '{{ .Mesh }}.{{ .Zone }}.mesh.local'"
PATH = "path: '/ns/{{ .Namespace }}/sa/{{ .ServiceAccount }}'"
EXPIRY = "expiry: 24h"
LATER_ARN = AUTHORITY_ARN.replace("5555", "6666")
SECOND = IDENTITY.replace("name: issue", "name: old")
MESH = "type: Mesh\nname: default\nmeshServices:\n  mode: Exclusive\n"


def identity(code: str, old: str, new: str, near: str | None = None, **more: object) -> Case:
    return Case(code, old, new, near=near, base=IDENTITY, **more)  # type: ignore[arg-type]


def bundled(code: str, old: str, new: str, near: str | None = None, **more: object) -> Case:
    return Case(code, old, new, near=near, base=BUNDLED, **more)  # type: ignore[arg-type]


HEADS = [
    identity("MESH002", "spec:\n", "«type: MeshIdentity\nspec:\n"),
    identity("MESH002", "spec:\n", "«provider: {}\nspec:\n", fix="Move it to spec.provider."),
    bundled("MESH002", "mesh: default\n", "mesh: default\n«metadata: {}\n"),
    identity("MESH004", "kuma.io/v1alpha1", "kuma.io/v2", at="apiVersion"),
    identity("MESH006", "    kuma.io/mesh: default\n", "    kuma.io/mesh: default\n    «a: b c\n"),
    identity("MESH012", "    kuma.io/mesh: default\n", "    «kuma.io/mesh: 1\n"),
    bundled("MESH012", "mesh: default\n", "«mesh: 1\n", near="mesh: '1'\n"),
    Case("MESH012", PUBLISH.partition("spec:")[2], " 1\n", at="spec: 1", base=PUBLISH),
    identity("MESH010", "spec:\n", "«spce: {}\nspec:\n", near="status: {}\nspec:\n", fix="Did you mean spec?"),
    bundled("MESH010", "spec:\n", "«provider: {}\nspec:\n", fix="It is a field of spec"),
    bundled("MESH010", "spec:\n", "«1: {}\nspec:\n", near="status: {}\nkri: x\nspec:\n", message="1 is not a field"),
    bundled("MESH011", "mesh: default\n", "# none\n", at="type: MeshI", message="the MeshIdentity has no mesh"),
    bundled("MESH011", "name: bundled\n", "# none\n", at="type: MeshI", message="the MeshIdentity has no name"),
    identity("MESH017", "spec:\n  selector:\n", "  «selector:\n", near="spec:\n  selector:\n"),
    identity("MESH018", "  name: issue\n", "  name: issue\n  «lables: {}\n", fix="Did you mean labels?"),
    identity("MESH020", "name: issue", "«name: Issue"),
    identity("MESH027", "name: issue", "«name: is.sue"),
    Case(
        "MESH003",
        PUBLISH,
        f"{PUBLISH}---\n{PUBLISH.replace('name: publish', '«name: publish')}    x: y\n",
        base=PUBLISH,
    ),
    identity("MESH180", LABEL, "", at="metadata:", message="the MeshIdentity does not name its mesh"),
    identity("MESH181", "namespace: kong-mesh-system", "«namespace: shop", message="is 'shop', not kong-mesh-system"),
    identity(
        "MESH181",
        "namespace: kong-mesh-system",
        "«namespace: kong-mesh-system",
        options={"product": "kuma"},
        near_options={"product": "kuma", "namespace": "kong-mesh-system"},
    ),
    identity("MESH182", "  namespace: kong-mesh-system\n", "", at="metadata:"),
    identity(
        "MESH125",
        "kind: MeshIdentity",
        "«kind: MeshIdentity",
        options={"mesh_version": (2, 11, 5)},
        near_options={"mesh_version": (2, 12)},
        message="2.11.5 has no MeshIdentity; on Kubernetes it came with 2.12.0",
    ),
    bundled(
        "MESH125",
        "type: MeshIdentity",
        "«type: MeshIdentity",
        options={"mesh_version": (2, 12, 9)},
        near_options={"mesh_version": (2, 13)},
        message="on Universal",
    ),
    identity(
        "MESH126",
        "type: Extension",
        "«type: Extension",
        options={"mesh_version": (2, 13, 9)},
        near_options={"mesh_version": (2, 14)},
    ),
    identity("MESH113", "type: Extension", "«type: Extension", options={"product": "kuma"}, near_options={}),
]
FIELDS = [
    identity("MESH010", "  selector:\n", "  «nope: 1\n  selector:\n", message="nope is not a field of spec"),
    identity("MESH010", "trustDomain:", "«trustdomain:", fix="Did you mean trustDomain?"),
    identity("MESH012", "matchLabels: {}", "«matchLabels: web"),
    identity("MESH012", "matchLabels: {}", "matchLabels:\n        «app: 1", near="matchLabels: {app: '1'}"),
    identity("MESH014", "type: Extension", "«type: ACMPCA", message="must be Bundled or Spire or Extension"),
    identity("MESH011", "    type: Extension\n", "", at="provider:", message="type is missing in provider"),
    identity("MESH011", "      name: acmpca\n", "", at="extension:", message="name is missing in extension"),
    identity("MESH015", "name: acmpca", "«name: ''", near="name: acmpca"),
    Case(
        "MESH011", "    spire:\n      agent:\n        timeout: 30s\n", "", at="provider:", base=SPIRE, fix="Add spire."
    ),
    Case("MESH011", "      autogenerate:\n        enabled: true\n", "", at="bundled:", base=SELF_SIGNED, fix="Add ca"),
    Case("MESH012", "enabled: true", "«enabled: 'true'", base=SELF_SIGNED),
    Case("MESH190", "      insecureAllowSelfSigned: true\n", "", at="bundled:", base=SELF_SIGNED),
    Case("MESH221", "      autogenerate:\n", "      «ca: {}\n      autogenerate:\n", base=SELF_SIGNED),
    Case("MESH189", "    spire:\n", "    «bundled: {}\n    spire:\n", base=SPIRE, message="bundled is not read"),
    bundled("MESH011", "          type: File\n", "", at="privateKey:", message="type is missing in privateKey"),
    bundled("MESH011", "          file:\n            path: /etc/ca.key\n", "", at="privateKey:", fix="Add file."),
    bundled("MESH011", "            kind: Secret\n", "", at="secretRef:", message="kind is missing in secretRef"),
    bundled(
        "MESH011",
        "        privateKey:\n          type: File\n          file:\n            path: /etc/ca.key\n",
        "",
        at="ca:\n        certificate",
        message="privateKey is missing in ca",
    ),
    bundled("MESH014", "type: File", "«type: Inline", near="type: EnvVar"),
    bundled("MESH015", "path: /etc/ca.key", "«path: ''", message="path of file is empty"),
    bundled(
        "MESH100",
        "type: File\n          file:\n            path: /etc/ca.key",
        "type: InsecureInline\n          «insecureInline: {value: x}",
        message="the private key is in the MeshIdentity itself",
    ),
    # The key may be the value, which lost the blank behind its colon.
    bundled(
        "MESH010",
        "file:\n            path: /etc/ca.key",
        "«insecureInline: {value:hunter2}",
        message="a key is not a kind of data source",
    ),
]
DURATIONS = [
    bundled("MESH187", EXPIRY, "«expiry: 1d", near="expiry: 1.5h", fix="Write 24h."),
    bundled("MESH187", EXPIRY, "«expiry: soon", near="expiry: 36h", fix="There is no unit for days"),
    bundled("MESH187", EXPIRY, "«expiry: 1 day 30 min", near="expiry: 24h30m", fix="Write 88200s."),
    Case("MESH187", "timeout: 30s", "«timeout: 1d", base=SPIRE, near="timeout: 0s", fix="Write 24h."),
    identity("MESH187", EXPIRY, "«expiry: 1d", fix="Write 24h."),
    bundled("MESH188", EXPIRY, "«expiry: 0s", near="expiry: 1h"),
    Case("MESH188", "timeout: 30s", "«timeout: -1s", base=SPIRE, near="timeout: 0s"),
    bundled("MESH056", EXPIRY, "«expiry: 59m", near="expiry: 1h"),
    bundled("MESH056", EXPIRY, "«expiry: 1ns", near="expiry: 1h"),
    identity("MESH012", EXPIRY, "«expiry: 24", fix="Put the value in quotes."),
    identity(
        "MESH054",
        EXPIRY,
        "«expiry: 2400h",
        near="expiry: 2000h",
        options={"outputs": ENDING},
        message="2400h lasts longer than the CA",
    ),
    identity("MESH055", EXPIRY, "«expiry: 169h", near="expiry: 168h", options={"outputs": SHORT}, fix="Write 168h"),
    identity("MESH134", EXPIRY, "«expiry: 48h", near="expiry: 1440m", options=SAME, fix="expiry here"),
]
CONFIGS = [
    identity("MESH060", f"arn: {AUTHORITY_ARN}", "«arn: none"),
    identity("MESH061", f"arn: {AUTHORITY_ARN}", "«arn: arn:aws:acm:eu-central-1:123456789012:certificate/x"),
    identity("MESH062", f"arn: {AUTHORITY_ARN}", f"«arn: {AUTHORITY_ARN.replace('arn:aws:', 'arn:aws-cn:')}"),
    identity("MESH011", f"        arn: {AUTHORITY_ARN}\n", "", at="config:", message="arn is missing in config"),
    identity("MESH012", f"arn: {AUTHORITY_ARN}", "«arn: 1"),
    identity("MESH014", "meshTrustCreation: Enabled", "«meshTrustCreation: disabled", fix="Did you mean Disabled?"),
    identity("MESH012", IDENTITY.partition("config:")[2], " acm\n", at="config: acm"),
    identity(
        "MESH192", f"        arn: {AUTHORITY_ARN}\n", f"        «auth: {{}}\n        arn: {AUTHORITY_ARN}\n", fix="role"
    ),
    identity("MESH192", EXPIRY, f"{EXPIRY}\n          «jitter: 1h", message="jitter is not a documented field"),
    identity("MESH192", "meshTrustCreation", "«commonName: x\n        meshTrustCreation", fix="no common name"),
    identity(
        "MESH192", "meshTrustCreation", "«meshTrustCreate: x\n        meshTrustCreation", fix="meshTrustCreation?"
    ),
    identity(
        "MESH100",
        "config:\n",
        f"«config:\n        auth: {{awsCredentials: {{accessKey: {{inlineString: {ACCESS_KEY}}}}}}}\n",
        near="config:\n        auth: {awsCredentials: {accessKey: {secret: x}}}\n",
        message="config contains accessKey itself",
    ),
    identity("MESH193", "name: acmpca", "«name: acm-pca", fix="Did you mean acmpca?"),
    identity("MESH130", f"arn: {AUTHORITY_ARN}", f"«arn: {LATER_ARN}", options=SAME),
    # While a mesh moves from one CA to another, one of the two is the contract's.
    identity(
        "MESH130",
        f"arn: {AUTHORITY_ARN}",
        f"«arn: {LATER_ARN}",
        near=f"arn: {LATER_ARN}\n---\n{SECOND}".removesuffix(SECOND.partition("config:")[2])
        + f"\n        arn: {AUTHORITY_ARN}",
        options=SAME,
    ),
    identity("MESH133", "kuma.io/mesh: default", "«kuma.io/mesh: other", options=SAME),
    # A mesh that has moved has no backend of the contract's CA any more.
    Case(
        "MESH135",
        IDENTITY,
        "«type: Mesh\nname: default\n",
        base=IDENTITY,
        near=f"{IDENTITY}---\ntype: Mesh\nname: default\n",
        at="",
        options=SAME,
    ),
]
SELECTORS = [
    identity("MESH184", "  selector:\n    dataplane:\n      matchLabels: {}\n", "", at="spec:"),
    identity(
        "MESH184",
        "selector:\n    dataplane:\n      matchLabels: {}\n",
        "«selector: {}\n",
        near="selector: {dataplane: {}}\n",
    ),
    Case(
        "MESH185",
        IDENTITY,
        f"{PUBLISH.replace('publish', 'a-publish')}---\n{IDENTITY.replace('name: issue', '«name: issue', 1)}",
        base=IDENTITY,
        near=f"{PUBLISH}---\n{IDENTITY}",
        message="'a-publish' selects the same data plane proxies, and wins",
    ),
    Case(
        "MESH185",
        IDENTITY,
        f"{PUBLISH.replace('publish', 'a-publish')}---\n{IDENTITY.replace('name: issue', '«name: issue', 1)}",
        base=IDENTITY,
        near=f"{PUBLISH.replace('publish', 'a-publish').replace('{}', '{a: b}')}---\n{IDENTITY}",
    ),
    Case(
        "MESH186",
        IDENTITY,
        f"{SELF_SIGNED.replace('own', 'a')}---\n{IDENTITY.replace('name: issue', '«name: issue', 1)}",
        base=IDENTITY,
        # Each is of another zone.
        near=f"labels: {{kuma.io/zone: z1}}\n{SELF_SIGNED.replace('own', 'a')}---\n{IDENTITY}",
    ),
    Case(
        "MESH183",
        MESH,
        f"{MESH.replace('  mode', '  «mode').replace('Exclusive', 'Everywhere')}---\n{PUBLISH}",
        base=MESH,
    ),
    Case(
        "MESH183",
        MESH,
        f"type: Mesh\n«name: default\n---\n{PUBLISH}".replace("«", ""),
        at="type: Mesh\n",
        base=MESH,
        options={"mesh_version": (2, 14)},
        near=f"type: Mesh\nname: default\n---\n{PUBLISH.replace('mesh: default', 'mesh: other')}",
    ),
]
SPIFFE_IDS = [
    identity("MESH200", TRUST_DOMAIN, "«trustDomain: '{{ .Nope }}.x'", message="'.Nope'", fix=".Mesh and .Zone"),
    identity(
        "MESH200", TRUST_DOMAIN, "«trustDomain: '{{ .Mesh'", near="trustDomain: '{{.Mesh}}'", message="not a template"
    ),
    identity("MESH200", PATH, "«path: '/{{ .Zone }}'", near="path: '/{{ .Workload }}/{{ label \"app\" }}'"),
    identity("MESH201", TRUST_DOMAIN, "«trustDomain: spiffe://x.y", near="trustDomain: x.y", fix="Write 'x.y'."),
    identity("MESH201", TRUST_DOMAIN, "«trustDomain: '{{ .Mesh }}.Example'", message="has capital letters"),
    identity("MESH201", TRUST_DOMAIN, "«trustDomain: ''", message="is empty"),
    identity("MESH202", PATH, "«path: ns/x", near="path: /ns/x", message="must begin with a slash"),
    identity("MESH202", PATH, "«path: /ns/x/", message="must not end with a slash"),
    identity("MESH202", PATH, "«path: '/ns//{{ .ServiceAccount }}'", message="each after one slash"),
    identity("MESH203", TRUST_DOMAIN, "«trustDomain: '{{ .Mesh | printf \"%s\" }}'"),
    identity("MESH204", TRUST_DOMAIN, f"«trustDomain: {'a' * 254}", near=f"trustDomain: {'a' * 253}"),
]
CASES = [*HEADS, *FIELDS, *DURATIONS, *CONFIGS, *SELECTORS, *SPIFFE_IDS]
