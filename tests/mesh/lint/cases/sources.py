"""Data sources, Secrets and credentials."""

from __future__ import annotations

import base64

from tests.mesh.lint.worlds import (
    ACCESS_KEY,
    ACCESS_KEY_SECRET,
    CHAIN,
    KEY,
    UNIVERSAL,
    Case,
    encoded,
    kubernetes_secret,
)

SOURCE = "            secret: chain\n"
ENCODED = encoded(CHAIN)
# Bits that are all ones, so that it has characters of the other alphabet whatever the certificates are.
URL_SAFE = base64.urlsafe_b64encode(CHAIN.encode() + b"\xff" * 6).decode().rstrip("=")
WRAPPED = "\n".join(" " * 14 + ENCODED[i : i + 76] for i in range(0, len(ENCODED), 76))
TEXT = "\n".join(" " * 14 + line for line in CHAIN.splitlines())
ACCESS = "                secret: access-key\n"
VALUE = f"data:\n  value: {ENCODED}\n"
HEAD = (
    "  name: chain\n  namespace: kong-mesh-system\n  labels:\n    kuma.io/mesh: default\ntype: system.kuma.io/secret\n"
)
OTHER = "---\n" + kubernetes_secret("chain", CHAIN)
VAULT = """\
type: Mesh
name: default
mtls:
  enabledBackend: vault-1
  backends:
    - name: vault-1
      type: vault
      conf:
        fromCp:
          address: https://vault.example:8200
          pki: kmesh-pki-default
          role: dataplane-proxies
          auth:
            token:
              secret: token
            tls:
              clientKey:
                secret: key
              clientCert:
                secret: cert
"""
PROVIDED = """\
type: Mesh
name: default
mtls:
  enabledBackend: provided-1
  backends:
    - name: provided-1
      type: provided
      conf:
        cert:
          secret: cert
        key:
          secret: key
"""

SOURCES = [
    Case("MESH030", SOURCE, f"{SOURCE}            file: /chain.pem\n", at="caCert:", message="it has secret and file"),
    Case("MESH030", "caCert:\n            secret: chain", "«caCert: {}", message="it has none"),
    Case("MESH030", SOURCE, "            secret:\n", at="caCert:", near=f"{SOURCE}            file:\n"),
    Case("MESH031", SOURCE, "            «inline: '%%%'\n", near=f"            inline: {ENCODED}\n"),
    Case("MESH031", SOURCE, f"            «inline: {URL_SAFE}\n", near=f"            inline: {ENCODED}\n"),
    Case(
        "MESH031",
        SOURCE,
        "            «inline: 'LS0t LS0t'\n",
        near=f"            inline: |\n{WRAPPED}\n",
        fix="one line",
    ),
    Case("MESH032", SOURCE, f"            «inline: |\n{TEXT}\n", near=f"            inlineString: |\n{TEXT}\n"),
    Case("MESH033", SOURCE, f"            «inlineString: {ENCODED}\n", near=f"            inline: {ENCODED}\n"),
    Case("MESH033", SOURCE, f"            «inlineString: |\n{WRAPPED}\n"),
    Case("MESH034", SOURCE, "            «file: /etc/kong/chain.pem\n"),
    Case("MESH035", SOURCE, "            «secret: ''\n"),
    Case("MESH035", SOURCE, "            «inline: ''\n"),
    Case("MESH035", SOURCE, "            «inlineString: ' '\n", message="caCert is empty"),
    Case("MESH035", SOURCE, "            «file: ''\n", near="            file: /x\n"),
    Case(
        "MESH036",
        SOURCE,
        "            «secret: chains\n",
        message="names Secret 'chains', which is not among the documents",
    ),
    Case("MESH036", "  name: chain\n", "  name: chains\n", at="secret: chain\n"),
    Case(
        "MESH037",
        "    kuma.io/mesh: default",
        "    kuma.io/mesh: other",
        at="secret: chain\n",
        message="belongs to mesh 'other'",
    ),
    Case(
        "MESH037", "type: system.kuma.io/secret", "type: Opaque", at="secret: chain\n", message="of type 'Opaque', not"
    ),
    Case(
        "MESH037",
        "type: system.kuma.io/secret",
        "type: system.kuma.io/global-secret",
        at="secret: chain\n",
        message="is a global one",
    ),
    Case("MESH037", "type: Secret\nmesh: default", "type: GlobalSecret", at="secret: chain\n", base=UNIVERSAL),
]
SECRETS = [
    Case(
        "MESH003",
        OTHER,
        f"{OTHER}---\n{kubernetes_secret('chain', 'other').replace('name: chain', '«name: chain')}",
        near=f"{OTHER}{OTHER}",
        message="Secret 'chain' is also in mesh.yaml:",
    ),
    Case(
        "MESH003",
        OTHER,
        f"---\ntype: Mesh\n«name: default\nnetworking: {{}}\n{OTHER}",
        near=f"---\ntype: Mesh\nname: other\nnetworking: {{}}\n{OTHER}",
        message="Mesh 'default' is also in mesh.yaml:1",
    ),
    Case("MESH040", f"data:\n  value: {ENCODED[:20]}", f"data:\n  «value: '%%'\n  x: {ENCODED[:20]}"),
    Case("MESH040", VALUE, f"data:\n  «value: {ENCODED[:-1]}\n", near=f"stringData:\n  value: {ENCODED[:-1]}\n"),
    Case("MESH040", f"data: {ENCODED}", f"«data: {URL_SAFE}", base=UNIVERSAL),
    Case("MESH041", VALUE, "«data:\n  chain: eA==\n", message="the Secret has no value; its data has 'chain'"),
    Case("MESH041", VALUE, "", at="apiVersion: v1\nkind: Secret\nmetadata:\n  name: chain"),
    Case("MESH041", f"data: {ENCODED}", "«data: ''", base=UNIVERSAL),
    Case("MESH041", f"data: {ENCODED}", "«data: Cg==", base=UNIVERSAL, message="the value is empty"),
    Case("MESH012", f"data: {ENCODED}", "«data: [x]", base=UNIVERSAL, message="the value must be a text"),
    # Kubernetes refuses a Secret for any of its fields, also for those that Kong Mesh does not read.
    Case("MESH010", VALUE, f"{VALUE}«stringdata: {{value: x}}\n", near=f"{VALUE}immutable: on\n", fix="stringData?"),
    Case("MESH012", VALUE, f"{VALUE}  «count: 010\n", near=f"{VALUE}  count: eA==\n", message="data.count must be"),
    Case("MESH012", VALUE, f"{VALUE}«stringData: yes\n", message="stringData must be a mapping; it is true"),
    Case("MESH040", VALUE, "stringData:\n  value: x\ndata:\n  «value: '%'\n", message="data.value is not base64"),
    Case("MESH042", HEAD, HEAD.replace("type: system.kuma.io/secret", "«type: Opaque"), message="the type is 'Opaque'"),
    Case("MESH042", HEAD, HEAD.replace("type: system.kuma.io/secret\n", ""), at="apiVersion: v1", message="is missing"),
    Case("MESH043", "  labels:\n    kuma.io/mesh: default\n", "", at="metadata:\n  name: chain"),
    Case("MESH011", "mesh: default\n", "", at="type: Secret", base=UNIVERSAL, message="the Secret has no mesh"),
    Case("MESH044", "  namespace: kong-mesh-system", "  «namespace: kuma-system"),
    Case("MESH044", "  namespace: kong-mesh-system", "  «namespace: [x]", message="the namespace is a list"),
    Case("MESH045", "  namespace: kong-mesh-system\n", "", at="metadata:\n  name: chain"),
]
CREDENTIALS = [
    Case("MESH100", ACCESS, f"                «inlineString: {ACCESS_KEY}\n", message="accessKey is in the Mesh"),
    Case("MESH100", "secret: access-key-secret\n", f"«inline: {encoded(ACCESS_KEY_SECRET)}\n", near="file: /secret\n"),
    Case("MESH100", "secret: token", "«inlineString: hvs.CAESIJlWh4vqXV2S7kCZ", base=VAULT, message="token is in"),
    Case(
        "MESH100",
        "clientKey:\n                secret: key",
        f"clientKey:\n                «inline: {encoded(KEY)}",
        base=VAULT,
    ),
    Case("MESH100", "key:\n          secret: key", f"key:\n          «inline: {encoded(KEY)}", base=PROVIDED),
    Case(
        "MESH101",
        ACCESS,
        "                «inlineString: ASIAMADEUPMADEUPMADE\n",
        near=f"                inlineString: {ACCESS_KEY}\n",
    ),
    Case("MESH101", f"value: {encoded(ACCESS_KEY)}", f"«value: {encoded('ASIAMADEUPMADEUPMADE')}"),
]
CASES = [*SOURCES, *SECRETS, *CREDENTIALS]
