"""Documents, their fields and their names."""

from __future__ import annotations

from tests.mesh.lint.worlds import UNIVERSAL, Case

TYPES = "builtin, provided, vault, acmpca and certmanager"
BACKEND = "      - name: acmpca-1\n"
SECOND = f"{BACKEND}        type: builtin\n"
BUILTIN = """\
type: Mesh
name: default
mtls:
  enabledBackend: builtin-1
  backends:
    - name: builtin-1
      type: builtin
      conf:
        caCert:
          RSAbits: 2048
          expiration: 10y
"""

FORMS = [
    Case("MESH002", "type: Mesh\n", "type: Mesh\n«apiVersion: kuma.io/v1alpha1\n", base=UNIVERSAL),
    Case("MESH002", "routing:\n", "«spec:\n", near="networking: {}\nrouting:\n", base=UNIVERSAL),
    Case("MESH002", "spec:\n", "«mtls: {}\nspec:\n", near="mesh: default\nspec:\n", fix="Move it to spec.mtls."),
    Case("MESH002", "spec:\n", "«name: default\nspec:\n", fix="Move it to metadata.name."),
    Case("MESH002", "kind: Mesh\n", "kind: Mesh\n«type: Mesh\n", message="belongs to the Universal form"),
    Case("MESH004", "apiVersion: kuma.io/v1alpha1\n", "«apiVersion: kuma.io/v1beta1\n"),
    Case("MESH004", "apiVersion: kuma.io/v1alpha1\nkind", "«kind", message="apiVersion is missing"),
    Case("MESH005", "  name: default\n", "  name: default\n  «namespace: kong-mesh-system\n"),
]
UNKNOWN = [
    Case("MESH010", "        conf:\n", "        «config:\n", fix="Did you mean conf?"),
    Case("MESH010", "enabledBackend:", "«enabledbackend:", fix="Did you mean enabledBackend?"),
    Case("MESH010", BACKEND, "      - «5: x\n        name: acmpca-1\n", message="5 is not a field"),
    Case("MESH010", "  networking:\n", "  «true: x\n  networking:\n", message="true is not a field of spec"),
    Case(
        "MESH010",
        "        conf:\n",
        "        «expiration: 24h\n        conf:\n",
        fix="It is a field of dpCert.rotation",
    ),
    Case("MESH010", "          rotation:\n", "          «conf: {}\n          rotation:\n", fix="indent it less"),
    Case(
        "MESH010", "        conf:\n", "        «arn: x\n        conf:\n", fix="It is a field of conf: indent it below"
    ),
    Case("MESH010", "routing:\n", "«rooting:\n", base=UNIVERSAL, fix="Did you mean routing?"),
    Case(
        "MESH010",
        "kind: Mesh\n",
        "kind: Mesh\n«metadta: {}\n",
        near="kind: Mesh\nstatus: {}\n",
        fix="Did you mean metadata?",
    ),
    Case(
        "MESH010", "secret: chain\n", "secret: chain\n            «inlinestring: x\n", fix="Did you mean inlineString?"
    ),
    Case("MESH010", "sampling:", "«samplig:", fix="Did you mean sampling?"),
    Case("MESH010", "      - tags:\n", "      - «labels: {}\n        tags:\n", base=UNIVERSAL, fix="Correct the name"),
]
MISSING = [
    Case("MESH011", "          arn:", "          #", at="conf:\n", message="arn is missing in conf", fix="Add arn."),
    Case("MESH011", f"{BACKEND}        type", "      - «type", message="name is missing in backends[0]"),
    Case("MESH011", f"{BACKEND}        type: acmpca\n", "      - «name: acmpca-1\n", fix=TYPES),
    Case("MESH011", "  name: default\nspec", "  {}\nspec", at="metadata:", message="the Mesh has no name"),
    Case("MESH011", "name: default\n", "«name:\n", base=UNIVERSAL),
    Case(
        "MESH011",
        "              accessKeySecret:\n                secret: access-key-secret\n",
        "",
        at="awsCredentials:",
    ),
    Case("MESH011", "          kuma.io/zone: east\n", "", at="tags:\n", base=UNIVERSAL),
    Case("MESH011", "  name: chain\n", "  # nothing\n", at="metadata:\n  # nothing", message="the Secret has no name"),
    Case("MESH011", "caCert:\n            secret: chain", "«caCert:", message="caCert is missing in conf"),
]
TYPES_OF_VALUES = [
    Case("MESH012", "skipValidation: false", "«skipValidation: 'no'", fix="Write true or false, without quotes."),
    # To Go's YAML library these words are true and false, and 010 and 1_0 are numbers.
    Case("MESH012", "passthrough: false", "«passthrough: 'yes'", near="passthrough: yes"),
    Case("MESH012", "enabledBackend: acmpca-1", "«enabledBackend: on", message="it is true"),
    Case("MESH012", "mode: STRICT", "«mode: off", message="it is false"),
    Case("MESH012", "expiration: 24h", "«expiration: 0x1_8", near="expiration: '24h'", message="it is a number"),
    Case("MESH012", "secret: chain\n", "«secret: 010\n", near="secret: 'chain'\n", message="it is a number"),
    Case("MESH012", "expiration: 24h", "«expiration: 24", near="expiration: 24m", fix="Put the value in quotes."),
    Case("MESH012", "sampling: 50.5", "«sampling: many", near="sampling: '50.5'", message="must be a number"),
    Case("MESH012", "enabledBackend: acmpca-1", "«enabledBackend: [acmpca-1]", message="must be a text; it is a list"),
    Case(
        "MESH012",
        "        conf:\n          arn:",
        "        «conf: 7\n        x:\n          arn:",
        message="a mapping; it is a n",
    ),
    Case("MESH012", BACKEND, "      - «acmpca\n      - name: acmpca-1\n", message="backends[0] must be a mapping"),
    Case("MESH012", BACKEND, f"      -«\n{BACKEND}", message="it is nothing"),
    Case("MESH012", "mode: STRICT", "«mode: 1.5", near="mode: 1", message="mode must be a text"),
    Case("MESH012", "mode: STRICT", "«mode: 2147483648", near="mode: 2147483647"),
    Case("MESH012", "secret: chain\n", '«secret: "\\ud800"\n', message="half a character"),
    Case("MESH012", "        type: acmpca\n", "        «type: 5\n", message="type must be a text"),
    Case("MESH012", "metadata:\n  name: default\n", "«metadata: default\n", message="metadata must be a mapping"),
    Case("MESH012", "  name: default\n", "  «name: 5\n", near="  name: '5'\n"),
    Case("MESH012", "  name: default\n", "  name: default\n  «labels: x\n", near="  name: default\n  labels: {}\n"),
    Case("MESH012", "kuma.io/zone: east", "«kuma.io/zone: 1", base=UNIVERSAL, near="kuma.io/zone: '1'"),
    Case("MESH012", "routing:\n  zoneEgress: true\n", "«routing: [1]\n", base=UNIVERSAL),
    Case("MESH012", "  name: chain\n", "  «name: 7\n", message="name must be a text"),
    Case("MESH012", "    kuma.io/mesh: default\n", "    «kuma.io/mesh: 1\n", message="the mesh must be a text"),
]
VALUES = [
    Case("MESH013", "        type: acmpca", "        «type: acmpa", fix="Did you mean acmpca?"),
    Case(
        "MESH013",
        "        type: acmpca",
        "        «type: spire",
        near="        type: builtin",
        fix=TYPES.replace(" and", ","),
    ),
    Case("MESH014", "mode: STRICT", "«mode: strict", near="mode: PERMISSIVE", fix="Did you mean STRICT?"),
    Case("MESH014", "        type: zipkin", "        «type: jaeger", near="        type: datadog"),
    Case(
        "MESH014",
        "  networking:",
        "  meshServices:\n    «mode: exclusive\n  networking:",
        fix="Did you mean Exclusive?",
    ),
    Case("MESH015", BACKEND, "      - «name: ''\n", message="name is empty"),
    Case("MESH016", "sampling: 50.5", "«sampling: 100.5", near="sampling: 100", message="at least 0 and at most 100"),
    Case("MESH016", "sampling: 50.5", "«sampling: '-1'", near="sampling: '0'"),
    Case("MESH016", "RSAbits: 2048", "«RSAbits: -1", base=BUILTIN, near="RSAbits: 0", message="at least 0"),
    Case("MESH012", "RSAbits: 2048", "«RSAbits: true", base=BUILTIN, message="must be a whole number; it is true"),
]
NAMES = [
    Case("MESH020", "  name: default\n", "  «name: Default\n", message="'Default' must be 1 to 253 lower-case letters"),
    Case("MESH020", "name: default\n", "«name: ''\n", base=UNIVERSAL, message="the name is empty"),
    Case("MESH021", BACKEND, f"{SECOND}      - «name: acmpca-1\n", message="backends[0] is also named 'acmpca-1'"),
    Case("MESH021", "      - name: zipkin\n", "      - {name: zipkin, type: zipkin}\n      - «name: zipkin\n"),
    Case("MESH022", "enabledBackend: acmpca-1", "«enabledBackend: acmpca-2", message="backends: 'acmpca-1'"),
    Case("MESH022", "defaultBackend: zipkin", "«defaultBackend: jaeger"),
    Case("MESH023", "    enabledBackend: acmpca-1\n", "", at="mtls:", fix="Name one of 'acmpca-1'."),
    Case("MESH023", "enabledBackend: acmpca-1", "«enabledBackend: ''"),
    Case("MESH024", BACKEND, "      - «name: ACM_PCA\n", near="      - name: acm-pca\n"),
    Case("MESH025", "mode: STRICT", "«mode: PERMISSIVE"),
]

CASES = [*FORMS, *UNKNOWN, *MISSING, *TYPES_OF_VALUES, *VALUES, *NAMES]
