"""What Secrets and data sources contain: access keys, private keys, names, and kubectl's copy of all that."""

from __future__ import annotations

import json

from cryptography.hazmat.primitives.asymmetric import ec

from tests.judges.key_texts import OPENSSH, labelled, private
from tests.mesh.lint.cases.sources import PROVIDED, VAULT
from tests.mesh.lint.worlds import (
    ACCESS_KEY,
    ACCESS_KEY_SECRET,
    CHAIN,
    ISSUING,
    KEY,
    UNIVERSAL,
    Case,
    encoded,
    kubernetes_secret,
)
from tests.support import request_pem

OTHER_KEY = private(ec.generate_private_key(ec.SECP256R1()))
ENCRYPTED_KEY = private(ISSUING.key, encrypted=True)
TOKEN = "hvs.CAESIJlWh4vqXV2S7kCZ"
IDENTIFIER = f"  value: {encoded(ACCESS_KEY)}\n"
SECRET = f"  value: {encoded(ACCESS_KEY_SECRET)}\n"
AT_IDENTIFIER = "                secret: access-key\n"
AT_SECRET = "                secret: access-key-secret\n"
ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"


def universal_secret(name: str, value: str) -> str:
    return f"---\ntype: Secret\nmesh: default\nname: {name}\ndata: {encoded(value)}\n"


PAIR = PROVIDED + universal_secret("cert", CHAIN) + universal_secret("key", KEY)
CLIENT = VAULT + "".join(map(universal_secret, ("cert", "key", "token"), (CHAIN, KEY, TOKEN)))
KEY_DATA, CERT_DATA = f"data: {encoded(KEY)}", f"data: {encoded(CHAIN)}"


def stored(value: str) -> str:
    """The Secret's value, where a finding is expected."""
    return f"  «value: {encoded(value)}\n"


def in_plain(value: str) -> str:
    """The data and the value of a Secret, as it is."""
    return f"stringData:\n  «value: {json.dumps(value)}\n"


DATA_OF_IDENTIFIER = f"data:\n{IDENTIFIER}"
PLAIN = [
    Case("MESH038", AT_IDENTIFIER, f"                «inline: {ACCESS_KEY}\n", message="inline takes base64"),
    Case("MESH038", AT_IDENTIFIER, "                «inline: ASIAMADEUPMADEUPMADE\n"),
    Case("MESH038", AT_SECRET, f"                «inline: {ACCESS_KEY_SECRET}\n", message="accessKeySecret is plain"),
    Case("MESH038", IDENTIFIER, f"  «value: {ACCESS_KEY}\n", message="accessKey is plain text; data takes base64"),
    Case(
        "MESH038",
        SECRET,
        f"  «value: {ACCESS_KEY_SECRET}\n",
        # 40 characters of base64, and what is in it is a text.
        near=f"  value: {encoded('a text of thirty characters...')}\n",
    ),
    Case(
        "MESH038",
        UNIVERSAL[-40:],
        f"{UNIVERSAL[-40:]}---\n{{type: Secret, mesh: default, name: x, «data: {ACCESS_KEY}}}",
        base=UNIVERSAL,
    ),
]
SPACES = [
    Case("MESH102", IDENTIFIER, stored(f"{ACCESS_KEY}\n"), message="accessKey ends with a line end", fix="printf %s"),
    Case("MESH102", IDENTIFIER, stored(f"{ACCESS_KEY}\r\n"), message="ends with a line end"),
    Case("MESH102", SECRET, stored(f"{ACCESS_KEY_SECRET} "), message="accessKeySecret ends with a space"),
    Case("MESH102", SECRET, stored(f"\t{ACCESS_KEY_SECRET}"), message="begins with a tab"),
    Case("MESH102", IDENTIFIER, stored(f"\u00a0{ACCESS_KEY}"), message="begins with whitespace"),
    Case("MESH102", DATA_OF_IDENTIFIER, in_plain(f"{ACCESS_KEY}\n"), near=f"stringData:\n  value: {ACCESS_KEY}\n"),
    Case("MESH102", AT_IDENTIFIER, f"                «inline: {encoded(ACCESS_KEY + chr(10))}\n"),
    Case(
        "MESH102",
        AT_IDENTIFIER,
        f"                «inlineString: |\n                  {ACCESS_KEY}\n",
        near=f"                inlineString: |-\n                  {ACCESS_KEY}\n",
    ),
    # A Secret that no Mesh names.
    Case(
        "MESH102",
        SECRET,
        f"{SECRET}---\n{kubernetes_secret('spare', ACCESS_KEY + chr(10)).replace('  value', '  «value')}",
        near=f"{SECRET}---\n{kubernetes_secret('spare', 'a token' + chr(10))}",
        message="the access key ends with a line end",
    ),
    Case("MESH102", f"data: {encoded(TOKEN)}", f"«data: {encoded(TOKEN + chr(10))}", base=CLIENT, message="token ends"),
]
TOKEN_DATA = f"data: {encoded(TOKEN)}"
FORMS = [
    Case("MESH103", TOKEN_DATA, f"«data: {encoded(repr(TOKEN))}", base=CLIENT, message="token is in quotes"),
    Case("MESH105", TOKEN_DATA, f"«data: {encoded(encoded(TOKEN))}", base=CLIENT, near=f"data: {encoded('any token')}"),
    Case("MESH103", IDENTIFIER, stored(f'"{ACCESS_KEY}"'), message="accessKey is in quotes"),
    Case("MESH103", SECRET, stored(f"'{ACCESS_KEY_SECRET}'\n"), near=stored(ACCESS_KEY_SECRET)),
    Case("MESH103", AT_SECRET, f"                «inlineString: '\"{ACCESS_KEY_SECRET}\"'\n"),
    Case("MESH103", SECRET, f"{SECRET}---\n{kubernetes_secret('x', repr(ACCESS_KEY)).replace('  value', '  «value')}"),
    Case("MESH104", IDENTIFIER, stored(ACCESS_KEY_SECRET), message="accessKey has the form of a secret access key"),
    # An access key ID may have 40 characters.
    Case("MESH104", IDENTIFIER, stored(ACCESS_KEY_SECRET), near=stored("AKIA" + "MADEUP" * 6)),
    Case("MESH104", SECRET, stored(ACCESS_KEY), message="has the form of an access key ID", near=stored("madeup" * 5)),
    Case("MESH105", IDENTIFIER, stored(encoded(ACCESS_KEY)), message="accessKey is encoded twice"),
    Case("MESH105", SECRET, stored(encoded(ACCESS_KEY_SECRET + "\n"))),
    Case(
        "MESH105", AT_SECRET, f"                «inlineString: {encoded(ACCESS_KEY_SECRET)}\n", message="is in base64"
    ),
    Case("MESH105", DATA_OF_IDENTIFIER, in_plain(encoded(ACCESS_KEY)), near=f"stringData:\n  value: {ACCESS_KEY}\n"),
    Case(
        "MESH105",
        SECRET,
        f"{SECRET}---\n{kubernetes_secret('x', encoded(ACCESS_KEY)).replace('  value', '  «value')}",
        near=f"{SECRET}---\n{kubernetes_secret('x', encoded('a token'))}",
    ),
    *(
        Case("MESH106", IDENTIFIER, stored(placeholder), message="accessKey is a")
        for placeholder in (
            "<access-key>",
            "[ACCESS KEY]",
            "REPLACE_ME",
            "replace-with-your-key",
            "xxx",
            "***",
            "changeme",
            "your-access-key",
            "YOUR_AWS_ACCESS_KEY_ID",
            "AWS_ACCESS_KEY_ID",
            "AKIAXXXXXXXXXXXXXXXX",
            "placeholder\n",
            # In base64 no tool replaces anything.
            "${ACCESS_KEY}",
        )
    ),
    Case("MESH106", IDENTIFIER, stored("AKIAIOSFODNN7EXAMPLE"), message="an example of AWS's documentation"),
    Case("MESH106", SECRET, stored("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), near=stored("xJalrXUtnFEMI" * 3 + "x")),
    Case("MESH106", KEY_DATA, f"«data: {encoded('<private key>')}", base=PAIR, message="key is a placeholder"),
    Case(
        "MESH106",
        SECRET,
        f"{SECRET}---\n{kubernetes_secret('x', 'AKIAIOSFODNN7EXAMPLE').replace('  value', '  «value')}",
        near=f"{SECRET}---\n{kubernetes_secret('x', 'changeme')}",
    ),
    Case("MESH107", IDENTIFIER, stored("AKIA-MADE-UP-MADE-UP"), message="other characters than letters"),
    Case("MESH107", IDENTIFIER, stored("AKIAMADEUP"), message="has 10 characters", near=stored("AKIAMADEUPMADEUP")),
    Case("MESH107", IDENTIFIER, stored("A" + "BC" * 64), near=stored("BC" * 64)),
    Case("MESH107", IDENTIFIER, stored(KEY), message="accessKey contains PEM"),
    Case("MESH107", IDENTIFIER, stored(f"AWS_ACCESS_KEY_ID={ACCESS_KEY}")),
    Case("MESH107", SECRET, stored("made up"), message="contains whitespace", near=stored("made-up")),
    Case("MESH107", SECRET, stored("mädeup"), message="other characters than a secret access key has"),
    Case("MESH107", SECRET, stored(CHAIN), message="accessKeySecret contains PEM"),
    Case("MESH108", AT_SECRET, "                «secret: access-key\n", message="name the same Secret"),
    *(
        Case("MESH109", DATA_OF_IDENTIFIER, in_plain(variable), message="accessKey is a variable")
        for variable in ("${KEY}", "$KEY", "{{ .Values.key }}", "<path:secret/data/aws#key>", "ENC[AES256_GCM,data:x]")
    ),
    Case("MESH109", AT_SECRET, "                «inlineString: '{{ key }}'\n", near=AT_SECRET),
    Case("MESH109", "key:\n          secret: key", "key:\n          «inlineString: ${KEY}", base=PAIR),
]
PAIRS = [
    Case("MESH160", KEY_DATA, f"«data: {encoded(OTHER_KEY)}", base=PAIR, message="key is not that of the certificate"),
    Case("MESH160", KEY_DATA, f"«data: {encoded(OTHER_KEY)}", base=CLIENT, message="clientKey is not that"),
    Case(
        "MESH160", KEY_DATA, f"«data: {encoded(OTHER_KEY + KEY)}", base=PAIR, near=f"data: {encoded(KEY + OTHER_KEY)}"
    ),
    Case(
        "MESH160",
        "key:\n          secret: key",
        f"key:\n          «inlineString: {json.dumps(OTHER_KEY)}",
        near=f"key:\n          inlineString: {json.dumps(KEY)}",
        base=PAIR,
    ),
    Case("MESH161", KEY_DATA, f"«data: {encoded(ENCRYPTED_KEY)}", base=PAIR, message="key is encrypted"),
    Case("MESH161", KEY_DATA, f"«data: {encoded(ENCRYPTED_KEY)}", base=CLIENT, message="clientKey is encrypted"),
    Case("MESH162", KEY_DATA, f"«data: {encoded(CHAIN)}", base=PAIR, message="key contains a certificate and no"),
    Case("MESH162", KEY_DATA, f"«data: {encoded(request_pem(key=ISSUING.key))}", base=PAIR, message="signing request"),
    Case("MESH162", KEY_DATA, f"«data: {encoded(labelled(b'x', 'PUBLIC KEY'))}", base=CLIENT, message="a public key"),
    Case("MESH162", KEY_DATA, f"«data: {encoded('hello')}", base=PAIR, message="key contains no PEM"),
    Case("MESH162", KEY_DATA, f"«data: {encoded(encoded(KEY))}", base=PAIR, message="encoded once too often"),
    Case(
        "MESH162",
        "cert:\n          secret: cert\n        key:\n          secret: key",
        "cert:\n          secret: key\n        key:\n          secret: cert",
        at=CERT_DATA,
        base=PAIR,
        fix="exchange the two",
    ),
    Case("MESH163", KEY_DATA, f"«data: {encoded(private(ISSUING.key, OPENSSH))}", base=PAIR, message="form of OpenSSH"),
    Case("MESH163", KEY_DATA, f"«data: {encoded(labelled(b'x'))}", base=CLIENT, message="is cut off or damaged"),
    Case("MESH164", CERT_DATA, f"«data: {encoded(KEY)}", base=PAIR, message="cert contains a private key and no cert"),
    Case("MESH164", CERT_DATA, f"«data: {encoded('hello')}", base=CLIENT, message="clientCert contains no PEM"),
    # Of a provided CA it has another finding.
    Case("MESH164", CERT_DATA, f"«data: {encoded(KEY)}", base=PAIR, near=f"data: {encoded('hello')}"),
]


def annotated(applied: object) -> str:
    """Metadata with kubectl's copy of a document."""
    return f"  annotations:\n    «{ANNOTATION}: |\n      {json.dumps(applied)}\n"


def applied_mesh(backend: object) -> dict[str, object]:
    return {"kind": "Mesh", "spec": {"mtls": {"backends": [backend]}}}


def credentials(source: object) -> dict[str, object]:
    return {"name": "a", "type": "acmpca", "conf": {"auth": {"awsCredentials": {"accessKey": source}}}}


META = "metadata:\n  name: default\n"
META_OF_KEY = "metadata:\n  name: access-key\n"
IN_PLAIN, IN_BASE64 = {"stringData": {"value": ACCESS_KEY}}, {"data": {"value": encoded(KEY)}}
LAST_APPLIED = [
    Case(
        "MESH100",
        META,
        META + annotated(applied_mesh(credentials({"inlineString": ACCESS_KEY}))),
        near=META + annotated(applied_mesh(credentials({"secret": "access-key"}))),
        message="annotation last-applied-configuration still contains accessKey",
        fix="kubectl annotate",
    ),
    Case(
        "MESH100",
        META,
        META + annotated(applied_mesh({"type": "provided", "conf": {"key": {"inline": encoded(KEY)}}})),
        near=META + annotated(applied_mesh({"type": "provided", "conf": {"cert": {"inline": encoded(CHAIN)}}})),
        message="still contains key",
    ),
    Case("MESH046", META_OF_KEY, META_OF_KEY + annotated(IN_PLAIN), message="the value of the Secret in plain text"),
    Case(
        "MESH046",
        META_OF_KEY,
        META_OF_KEY + annotated(IN_BASE64),
        near=META_OF_KEY + annotated({"data": {"value": encoded(CHAIN)}, "stringData": {"value": CHAIN}}),
        message="in base64",
    ),
    Case("MESH046", META_OF_KEY, META_OF_KEY + annotated(IN_PLAIN), near=META_OF_KEY + annotated("no document")),
]
NAMES = [
    Case(
        "MESH047", "secret: chain\n", "«secret: Chain\n", message="caCert names a Secret whose name has capital letters"
    ),
    Case("MESH047", "secret: chain\n", "«secret: the_chain\n", message="an underscore", near="secret: the.chain-1\n"),
    Case("MESH047", "secret: chain\n", "«secret: -chain\n", message="begin and end with a letter"),
    Case("MESH047", "secret: chain\n", "«secret: the chain\n", message="whitespace"),
    Case(
        "MESH047", "secret: chain\n", f"«secret: {'c' * 254}\n", message="254 characters", near=f"secret: {'c' * 253}\n"
    ),
    Case("MESH047", "secret: chain\n", "«secret: chäin\n", message="characters that no name has"),
    Case("MESH047", AT_IDENTIFIER, f"                «secret: {ACCESS_KEY}\n", message="the form of a credential"),
    Case("MESH047", "  name: chain\n", "  «name: Chain\n", message="the name of the Secret has capital letters"),
    Case("MESH047", "name: chain\n", "«name: Chain\n", base=UNIVERSAL, near="name: the_chain\n"),
    Case("MESH047", "secret: chain\n", "«secret: Chain\n", base=UNIVERSAL, near="secret: the_chain\n"),
]
METADATA = [
    Case(
        "MESH017",
        "spec:\n  mtls:\n",
        "  «mtls:\n",
        message="mtls, networking and tracing are fields of spec",
        fix="Add spec: above it",
    ),
    Case("MESH017", META, f"{META}  «routing: {{zoneEgress: true}}\n", fix="Move it to spec.routing."),
    Case(
        "MESH018", META, f"{META}  «label: {{a: b}}\n", near=f"{META}  labels: {{a: b}}\n", fix="Did you mean labels?"
    ),
    Case(
        "MESH012",
        META,
        f"{META}  labels:\n    «team: on\n",
        near=f"{META}  labels:\n    team: 'on'\n",
        message="team must be a text; it is true",
        fix="in quotes",
    ),
    Case("MESH012", META, f"{META}  «labels: {{y: x}}\n", message="a key of labels must be a text; it is true"),
    Case("MESH012", META_OF_KEY, f"{META_OF_KEY}  «annotations: x\n", message="must be a mapping; it is a text"),
    Case("MESH018", META, f"{META}  «owner: me\n", near=f"{META}  uid: 1-2\n  ownerReferences: []\n"),
    Case("MESH018", "  labels:\n    kuma.io/mesh: default", "  «kuma.io/mesh: default", fix="below metadata.labels"),
    Case(
        "MESH018",
        META_OF_KEY,
        f"{META_OF_KEY}  «data: {{value: eA==}}\n",
        fix="Indent data less",
    ),
]
CASES = [*PLAIN, *SPACES, *FORMS, *PAIRS, *LAST_APPLIED, *NAMES, *METADATA]
