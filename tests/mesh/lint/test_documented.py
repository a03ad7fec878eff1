"""Kong's documented examples, retyped with a real ARN, certificates and keys in the place of placeholders.

The page on Vault names one Secret for the client's key and, elsewhere, for an access key; here each has its own.
"""

from __future__ import annotations

import textwrap

import pytest

from tests.mesh.lint.worlds import ACCESS_KEY, CHAIN, KEY, encoded, kubernetes_secret, run
from tests.support import AUTHORITY_ARN

ACMPCA = f"""\
mtls:
  enabledBackend: acmpca-1
  backends:
    - name: acmpca-1
      type: acmpca
      dpCert:
        rotation:
          expiration: 1d
      conf:
        arn: "{AUTHORITY_ARN}"
        commonName: '{{{{ tag "kuma.io/service" }}}}.mesh'
        caCert:
          secret: sec-1
        auth:
          awsCredentials:
            accessKey:
              secret: sec-2
            accessKeySecret:
              file: /tmp/accesss_key.txt
"""
VAULT = """\
mtls:
  enabledBackend: vault-1
  backends:
    - name: vault-1
      type: vault
      dpCert:
        rotation:
          expiration: 1d
      conf:
        fromCp:
          address: https://vault.8200
          agentAddress: ""
          namespace: ""
          pki: kmesh-pki-default
          role: dataplane-proxies
          commonName: '{{ tag "kuma.io/service" }}.mesh'
          tls:
            skipVerify: false
            caCert:
              secret: sec-1
            serverName: ""
          auth:
            token:
              secret: token-1
            tls:
              clientKey:
                secret: sec-3
              clientCert:
                file: /tmp/cert.pem
            aws:
              type: "IAM"
              role: role-name
              iamServerIdHeader: example.com
"""
CERTMANAGER = f"""\
mtls:
  enabledBackend: certmanager-1
  backends:
    - name: certmanager-1
      type: certmanager
      dpCert:
        rotation:
          expiration: 24h
      conf:
        issuerRef:
          name: my-ca-issuer
          kind: Issuer
          group: cert-manager.io
        caCert:
          inlineString: |
{textwrap.indent(CHAIN, " " * 12)}"""
BUILTIN = """\
mtls:
  enabledBackend: ca-1
  backends:
    - name: ca-1
      type: builtin
      dpCert:
        rotation:
          expiration: 1d
      conf:
        caCert:
          RSAbits: 2048
          expiration: 10y
"""
PROVIDED = """\
mtls:
  enabledBackend: ca-1
  backends:
    - name: ca-1
      type: provided
      dpCert:
        rotation:
          expiration: 1d
      conf:
        cert:
          secret: name-of-secret
        key:
          secret: name-of-secret
"""
OLD = "    - name: ca-1\n      type: builtin\n"
NEW = """\
    - name: ca-2
      type: provided
      conf:
        cert:
          secret: ca-2-cert
        key:
          secret: ca-2-key
"""
ROTATION = [
    f"mtls:\n  enabledBackend: ca-1\n  backends:\n{OLD}{NEW}",
    f"mtls:\n  enabledBackend: ca-2\n  backends:\n{OLD}{NEW}",
    f"mtls:\n  enabledBackend: ca-2\n  backends:\n{NEW}",
]
MESHES = {
    "nothing": "",
    # The control plane refuses it without mTLS.
    "zone egress": f"{BUILTIN}routing:\n  zoneEgress: true\n",
    "passthrough": "networking:\n  outbound:\n    passthrough: false\n",
    "no default policies": "skipCreatingInitialPolicies: ['*']\n",
    "zones": "constraints:\n  dataplaneProxy:\n    requirements:\n      - tags:\n          kuma.io/zone: us-east\n"
    "    restrictions:\n      - tags:\n          env: development\n",
    "mesh services": "meshServices:\n  mode: Exclusive\n",
}
SECRETS = {
    "sec-1": CHAIN,
    "sec-2": ACCESS_KEY,
    "sec-3": KEY,
    "token-1": "a token",
    "ca-2-cert": CHAIN,
    "ca-2-key": KEY,
}
# What the examples do that has a note; nothing more may be found.
FILE, LONG_TAGS = "MESH034", "MESH092"
EXAMPLES = [
    ("acmpca", ACMPCA, {FILE, LONG_TAGS}),
    ("vault", VAULT, {FILE, LONG_TAGS}),
    ("builtin", BUILTIN, set()),
    *((f"rotation {step}", text, set()) for step, text in enumerate(ROTATION, start=1)),
    *((name, text, set()) for name, text in MESHES.items()),
]


def kubernetes(body: str) -> str:
    spec = f"spec:\n{textwrap.indent(body, '  ')}" if body else ""
    secrets = "".join("---\n" + kubernetes_secret(name, value) for name, value in SECRETS.items())
    return f"apiVersion: kuma.io/v1alpha1\nkind: Mesh\nmetadata:\n  name: default\n{spec}{secrets}"


def universal(body: str) -> str:
    secrets = "".join(
        f"---\ntype: Secret\nname: {name}\nmesh: default\ndata: {encoded(value)}\n" for name, value in SECRETS.items()
    )
    return f"type: Mesh\nname: default\n{body}{secrets}"


@pytest.mark.parametrize(("example", "body", "notes"), EXAMPLES, ids=[name for name, _, _ in EXAMPLES])
def test_a_documented_example_is_clean(example: str, body: str, notes: set[str]) -> None:
    for text in (kubernetes(body), universal(body)):
        assert {finding.code for finding in run(text)} == notes, example


def test_cert_manager_is_for_kubernetes() -> None:
    assert run(kubernetes(CERTMANAGER)) == []
    assert [finding.code for finding in run(universal(CERTMANAGER))] == ["MESH112"]


def test_a_provided_ca_has_certificate_and_key_in_secrets_of_their_own() -> None:
    # The page names one Secret for both; what is among what was read is looked into.
    assert {finding.code for finding in run(kubernetes(PROVIDED))} == {"MESH036"}
    both = f"{kubernetes(PROVIDED)}---\n{kubernetes_secret('name-of-secret', CHAIN + KEY)}"
    assert [finding.code for finding in run(both)] == ["MESH071"]


def test_permissive_is_warned_of() -> None:
    body = "mtls:\n  enabledBackend: ca-1\n  backends:\n    - name: ca-1\n      type: builtin\n      mode: PERMISSIVE\n"
    assert [finding.code for finding in run(kubernetes(body))] == ["MESH025"]


def test_the_page_on_secrets_writes_config_for_conf() -> None:
    page = """\
apiVersion: kuma.io/v1alpha1
kind: Mesh
metadata:
  name: default
spec:
  mtls:
    backends:
      - name: ca-1
        type: provided
        config:
          cert:
            secret: my-cert
          key:
            secret: my-key
"""
    found = {finding.code: finding for finding in run(page)}
    assert set(found) == {"MESH010", "MESH011", "MESH023"}
    assert (found["MESH010"].line, found["MESH010"].column) == (10, 9)
    assert found["MESH010"].path == "spec.mtls.backends[0].config"
    assert found["MESH010"].fix == "Did you mean conf?"


def test_the_page_on_vault_indents_aws_too_far_for_universal() -> None:
    page = universal(VAULT.replace("            aws:\n", "              aws:\n"))
    found = {finding.path: finding.fix for finding in run(page)}
    auth = "mtls.backends[0].conf.fromCp.auth"
    assert found[f"{auth}.tls.aws"] == f"It is a field of {auth}: indent it less."


def test_a_secret_of_the_page_is_clean() -> None:
    page = (
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: sample-secret\n  namespace: kong-mesh-system\n  labels:\n"
        "    kuma.io/mesh: default\ndata:\n  value: dGVzdAo=\ntype: system.kuma.io/secret\n"
    )
    assert run(page) == []
    assert run("type: Secret\nname: sample-secret\nmesh: default\ndata: dGVzdAo=\n") == []
    assert run("type: GlobalSecret\nname: sample-global-secret\ndata: dGVzdAo=\n") == []
    assert run(page.replace("system.kuma.io/secret", "system.kuma.io/global-secret")) == []
