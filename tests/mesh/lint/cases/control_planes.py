"""What a control plane checks of a Mesh beyond its types: names, labels, telemetry, constraints."""

from __future__ import annotations

from tests.mesh.lint.cases.documents import BUILTIN
from tests.mesh.lint.worlds import UNIVERSAL, Case

KUMA = {"product": "kuma"}
TELEMETRY = """\
type: Mesh
name: default
logging:
  backends:
    - name: tcp
      type: tcp
      conf:
        address: logs.example.com:5000
    - name: file
      type: file
      format: '%START_TIME%'
      conf:
        path: /tmp/access.log
tracing:
  backends:
    - name: zipkin
      type: zipkin
      conf:
        url: http://zipkin:9411/api/v2/spans
        apiVersion: httpJson
    - name: datadog
      type: datadog
      conf:
        address: 127.0.0.1
        port: 8126
metrics:
  backends:
    - name: prometheus
      type: prometheus
      conf:
        port: 5670
        skipMTLS: false
        tls:
          mode: activeMTLSBackend
        envoy:
          filterRegex: http2_act.*
        aggregate:
          - name: app
            port: 8080
          - name: other
            port: 8081
"""
PROVIDED = """\
type: Mesh
name: default
mtls:
  enabledBackend: own
  skipValidation: true
  backends:
    - name: own
      type: provided
      conf:
        cert:
          secret: cert
        key:
          secret: key
"""
SOURCES = "      conf:\n        cert:\n          secret: cert\n        key:\n          secret: key\n"


def telemetry(code: str, old: str, new: str, near: str | None = None, message: str = "", at: str = "") -> Case:
    return Case(code, old, new, at=at, near=near, base=TELEMETRY, message=message, options=KUMA)


NAMES = [
    Case("MESH020", "  name: default\n", f"  «name: {'a' * 254}\n", near=f"  name: {'a' * 253}\n"),
    Case("MESH020", "  name: default\n", "  «name: my_mesh\n", near="  name: my.mesh\n"),
    Case(
        "MESH021", "    - name: file\n", "    - «name: tcp\n", base=TELEMETRY, message="backends[0] is also named 'tcp'"
    ),
    Case(
        "MESH021",
        "    - name: prometheus\n",
        "    - type: prometheus\n    - «name: ''\n",
        near="    - type: prometheus\n    - name: other\n",
        base=TELEMETRY,
        message="backends[0] has no name either",
    ),
    Case(
        "MESH026",
        "    - name: builtin-1\n",
        "    - «name: Builtin_1\n",
        near="    - name: builtin_1\n",
        base=BUILTIN,
        message="'default.ca-builtin-cert-Builtin_1', which is not a lower-case DNS name",
    ),
    Case(
        "MESH026",
        "    - name: builtin-1\n",
        f"    - «name: {'a' * 48}\n",
        near=f"    - name: {'a' * 47}\n",
        base=BUILTIN,
    ),
    Case(
        "MESH026",
        "  backends:\n    - name: builtin-1\n",
        "  skipValidation: false\n  backends:\n    - «name: Builtin_1\n",
        near="  skipValidation: true\n  backends:\n    - name: Builtin_1\n",
        base=BUILTIN,
    ),
    Case(
        "MESH026",
        "        type: acmpca\n",
        "        type: builtin\n",
        at="name: a_b\n",
        near="        type: provided\n",
        base="apiVersion: kuma.io/v1alpha1\nkind: Mesh\nmetadata:\n  name: default\nspec:\n  mtls:\n    backends:\n"
        "      - name: a_b\n        type: acmpca\n",
        message="which Kubernetes rejects",
    ),
    Case(
        "MESH027", "  name: default\n", f"  «name: {'a' * 64}\n", near=f"  name: {'a' * 63}\n", message="64 characters"
    ),
    Case("MESH027", "  name: default\n", "  «name: my.mesh\n", near="  name: my-mesh\n", message="contains a dot"),
    Case("MESH027", "  name: default\n", "  «name: 1st\n", near="  name: first\n", message="begins with a digit"),
    Case("MESH028", "  enabledBackend: acmpca-1\n", "", at="zoneEgress: true\n", base=UNIVERSAL),
    Case(
        "MESH028",
        "routing:\n  zoneEgress: true\n",
        "routing:\n  «zoneEgress: true\n",
        near="routing:\n  zoneEgress: false\n",
        base="type: Mesh\nname: default\nrouting:\n  zoneEgress: true\n",
    ),
    Case(
        "MESH029", "mode: STRICT", "«mode: 1", message="mode is 1, which stands for PERMISSIVE", fix="Write PERMISSIVE."
    ),
    Case("MESH029", "mode: STRICT", "«mode: 7", message="no value of mode has that number", fix="Write STRICT or PERM"),
    Case("MESH025", "mode: STRICT", "«mode: 1", near="mode: 0"),
    telemetry("MESH029", "mode: activeMTLSBackend", "«mode: 0", message="which stands for activeMTLSBackend"),
]
LABELS = [
    Case(
        "MESH006",
        "  name: default\n",
        "  name: default\n  labels:\n    «bad key!: x\n",
        at="",
        near="  name: default\n  labels:\n    good.key/x: ''\n",
    ),
    Case(
        "MESH006",
        "name: default\n",
        "name: default\nlabels:\n  «a: bad value!\n",
        near="name: default\nlabels:\n  a: B_1.c\n",
        base=UNIVERSAL,
    ),
    Case(
        "MESH006",
        "name: default\n",
        f"name: default\nlabels:\n  «a: {'b' * 64}\n",
        near=f"name: default\nlabels:\n  a: {'b' * 63}\n",
        base=UNIVERSAL,
    ),
    Case(
        "MESH006",
        "name: default\n",
        "name: default\nlabels:\n  «A.b/c: d\n",
        near="name: default\nlabels:\n  a.b/C: d\n",
        base=UNIVERSAL,
    ),
    Case(
        "MESH006",
        "name: default\n",
        "name: default\nlabels:\n  «kuma.io/origin: local\n",
        near="name: default\nlabels:\n  kuma.io/origin: global\n",
        base=UNIVERSAL,
        message="kuma.io/origin must be global or zone",
    ),
    Case("MESH006", "    kuma.io/mesh: default\n", "    kuma.io/mesh: default\n    «a b: c\n"),
    Case(
        "MESH012",
        "name: default\n",
        "name: default\nlabels:\n  «a: 1\n",
        near="name: default\nlabels:\n  a: '1'\n",
        base=UNIVERSAL,
    ),
    Case("MESH012", "name: default\n", "name: default\n«labels: x\n", near="name: default\nlabels:\n", base=UNIVERSAL),
    Case("MESH012", "name: default\n", "name: default\n«mesh: 1\n", near="name: default\nmesh: x\n", base=UNIVERSAL),
]
VALIDATION = [
    Case("MESH019", SOURCES, "", at="name: own", base=PROVIDED, near=SOURCES),
    Case("MESH019", "        key:\n          secret: key\n", "", at="conf:\n", base=PROVIDED),
    Case(
        "MESH011",
        f"skipValidation: true\n  backends:\n    - name: own\n      type: provided\n{SOURCES}",
        "skipValidation: false\n  backends:\n    - «name: own\n      type: provided\n",
        near="skipValidation: true\n  backends:\n    - name: own\n      type: provided\n",
        base=PROVIDED,
        message="conf is missing in backends[0]",
    ),
]
CONFIGURATIONS = [
    telemetry(
        "MESH010", "apiVersion: httpJson", "«apiversion: httpJson", message="Kong Mesh drops it without an error"
    ),
    telemetry("MESH011", "        path: /tmp/access.log\n", "        # nothing\n", at="conf:\n        # nothing"),
    telemetry(
        "MESH011", "        port: 8126\n", "", at="conf:\n        address: 127", message="port is missing in conf"
    ),
    telemetry("MESH012", "port: 5670", "«port: 1.5", near="port: 5670.0"),
    telemetry("MESH012", "port: 5670", "«port: '1.0'", near="port: '5670'"),
    telemetry(
        "MESH014", "apiVersion: httpJson", "«apiVersion: v2", near="apiVersion: ''", message="httpJson or httpJsonV1"
    ),
    telemetry("MESH014", "      type: datadog\n", "      «type: jaeger\n", message="must be zipkin or datadog"),
    telemetry("MESH014", "mode: activeMTLSBackend", "«mode: delegated", near="mode: 0"),
    telemetry("MESH015", "path: /tmp/access.log", "«path: ''"),
    telemetry("MESH015", "    - name: datadog\n      type: datadog\n", "    - «name: ''\n      type: jaeger\n"),
    telemetry("MESH016", "port: 8126", "«port: 65536", near="port: 65535", message="at least 1 and at most 65535"),
    telemetry("MESH016", "port: 5670", "«port: -1", near="port: 0", message="at least 0 and at most 4294967295"),
    telemetry("MESH170", "address: logs.example.com:5000", "«address: logs.example.com", near="address: '[::1]:5000'"),
    telemetry("MESH170", "address: logs.example.com:5000", "«address: ':5000'", message="address is not HOST:PORT"),
    telemetry("MESH170", "address: logs.example.com:5000", "«address: 'a:b:1'", near="address: a:http"),
    telemetry(
        "MESH170",
        "url: http://zipkin:9411/",
        "«url: http://zipkin/",
        near="url: http://u:p@[::1]:9411/",
        message="is not a URL with",
    ),
    telemetry("MESH170", "url: http://zipkin:9411/", "«url: zipkin:9411/", near="url: https://zipkin:99999/"),
    telemetry("MESH170", "url: http://zipkin:9411/", "«url: http://zipkin:/", near="url: http://:9411/"),
    telemetry("MESH171", "skipMTLS: false", "«skipMTLS: true", message="tls.mode is 'activeMTLSBackend'"),
    telemetry(
        "MESH171",
        "skipMTLS: false\n        tls:\n          mode: activeMTLSBackend",
        "«skipMTLS: true\n        tls: {}",
        near="skipMTLS: false\n        tls: {}",
    ),
    telemetry(
        "MESH171",
        "skipMTLS: false\n        tls:\n          mode: activeMTLSBackend",
        "«skipMTLS: false\n        tls: {mode: 1}",
        near="skipMTLS: true\n        tls: {mode: 2}",
        message="tls.mode is 1",
    ),
    telemetry(
        "MESH172", "          - name: other\n", "          - «name: app\n", message="aggregate[0] is also named 'app'"
    ),
    telemetry(
        "MESH172",
        "          - name: app\n            port: 8080\n          - name: other\n            port: 8081\n",
        "          - port: 8080\n          - «port: 8081\n",
        near="          - port: 8080\n",
    ),
    telemetry(
        "MESH173", "filterRegex: http2_act.*", "«filterRegex: '(a'", near="filterRegex: '(a)|[(]'", message="missing )"
    ),
    telemetry(
        "MESH173",
        "filterRegex: http2_act.*",
        "«filterRegex: '(?!a)b'",
        near=r"filterRegex: '\(?!a'",
        message="no look-around",
    ),
    # What Python refuses and RE2 accepts is left alone.
    telemetry(
        "MESH173", "filterRegex: http2_act.*", "«filterRegex: 'a)'", near=r"filterRegex: '\Q(\E^*\pL[[:alpha:]]'"
    ),
    telemetry("MESH174", "port: 5670", "«port: 70000", near="port: 65535"),
    telemetry("MESH174", "port: 8081", "«port: '65536'", near="port: '0'"),
]
EAST = "          kuma.io/zone: east\n"
CONSTRAINTS = [
    Case(
        "MESH175", f"tags:\n{EAST}", "«tags: {}\n", near="tags: {a: '*'}\n", base=UNIVERSAL, message="there are no tags"
    ),
    Case(
        "MESH175",
        "kuma.io/zone: east",
        "«kuma.io/zone: ''",
        near="kuma.io/zone: '*'",
        base=UNIVERSAL,
        message="has no value",
    ),
    Case("MESH175", "kuma.io/zone: east", "«kuma.io/zone: e*", near="kuma.io/zone: a/b:c.D_-", base=UNIVERSAL),
    Case("MESH175", "kuma.io/zone: east", "«zone!: east", base=UNIVERSAL, message="zone! can't be the key of a tag"),
    Case("MESH175", "kuma.io/zone: east", "«'': east", base=UNIVERSAL, message="an empty text can't be the key"),
]
TIMES = [
    Case("MESH059", "expiration: 10y", "«expiration: 101y", near="expiration: 100y", base=BUILTIN),
    Case("MESH057", "expiration: 10y", "«expiration: 0s", near="expiration: ''", base=BUILTIN),
    Case("MESH050", "expiration: 10y", "«expiration: soon", near="expiration: ''", base=BUILTIN),
    Case("MESH052", "expiration: 24h", "«expiration: 0s", message="the certificate expires when it is issued"),
    Case(
        "MESH058",
        "requestTimeout: 10s",
        "«requestTimeout: 0s",
        near="requestTimeout: 1ns",
        message="is not more than 0s",
    ),
    Case("MESH058", "requestTimeout: 10s", "«requestTimeout: -1s", near="requestTimeout: +1s"),
]
SECRETS = [
    Case("MESH048", "data: ", "# data: ", at="type: Secret", base="type: Secret\nmesh: default\nname: x\ndata: eA==\n"),
    Case(
        "MESH041",
        "data:\n  value: eA==\n",
        "data:\n  «value: ''\n",
        base="apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\ntype: system.kuma.io/secret\ndata:\n  value: eA==\n",
    ),
]
CASES = [*NAMES, *LABELS, *VALIDATION, *CONFIGURATIONS, *CONSTRAINTS, *TIMES, *SECRETS]
