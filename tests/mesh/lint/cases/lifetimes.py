"""Durations and common names."""

from __future__ import annotations

from datetime import timedelta

from tests.mesh.lint.worlds import UNIVERSAL, Case, authority
from tests.support import AUTHORITY_ARN, NOW, contract_document
from toolkit.contract import StackOutputs

EXPIRATION = "expiration: 24h"
TIMEOUT = "requestTimeout: 10s"
NAME = "'{{ tag \"version\" }}'"
SHORT_LIVED = contract_document(authority("Short", 300))
SHORT_LIVED["certificateAuthority"]["usageMode"] = "SHORT_LIVED_CERTIFICATE"
SHORT = StackOutputs.model_validate(SHORT_LIVED, strict=False)
ENDING_CA = authority("Ending soon", 90)
ENDING = StackOutputs.model_validate(contract_document(ENDING_CA), strict=False)


def suggested(written: str, better: str) -> Case:
    return Case("MESH050", EXPIRATION, f"«expiration: {written}", near=f"expiration: {better}", fix=f"Write {better}.")


DURATIONS = [
    suggested("1d12h", "36h"),
    suggested("1.5h", "90m"),
    suggested("24 hours", "1d"),
    suggested("'1 hour, 30 min'", "90m"),
    suggested("24H", "1d"),
    suggested("0.5s", "500ms"),
    suggested("2h and 1ms", "7200001ms"),
    Case("MESH050", EXPIRATION, "«expiration: ''", fix="Write one number and one unit"),
    Case("MESH050", EXPIRATION, "«expiration: P1D", fix="Write one number and one unit"),
    Case("MESH054", EXPIRATION, "«expiration: 999999999999999y", near="expiration: 4y", message="over a hundred years"),
    Case("MESH050", EXPIRATION, "«expiration: 0.0001ms", fix="Write one number and one unit"),
    Case("MESH050", EXPIRATION, f"«expiration: {'999999y' * 20}", fix="Write one number and one unit"),
    Case("MESH051", "          rotation:\n            expiration: 24h\n", "", at="dpCert:"),
    Case("MESH051", "rotation:\n            expiration: 24h\n", "«rotation: {}\n"),
    Case("MESH052", EXPIRATION, "«expiration: '0'", near="expiration: 1ms"),
    Case("MESH052", EXPIRATION, "«expiration: 0h"),
    Case("MESH053", TIMEOUT, "«requestTimeout: 1d", near="requestTimeout: 1m30.5s", fix="Write 24h."),
    Case("MESH053", "requestTimeout: 20s", "«requestTimeout: 1e3s", near="requestTimeout: 500ms"),
    Case("MESH053", TIMEOUT, "«requestTimeout: ' 1s'", near="requestTimeout: -1s", fix="Write 1s."),
    Case("MESH053", TIMEOUT, "«requestTimeout: soon", near="requestTimeout: .5h", fix="Write a Go duration"),
    Case(
        "MESH054",
        EXPIRATION,
        "«expiration: 100d",
        options={"outputs": ENDING},
        near="expiration: 80d",
        message="lasts longer than the CA, which expires on",
    ),
    Case("MESH054", EXPIRATION, "«expiration: 6y", near="expiration: 4y"),
    # Where the CA's own end is not known, nothing is said of it; a CA that ended has a finding of its own.
    Case("MESH054", EXPIRATION, "«expiration: 6y", near_options={"now": NOW + timedelta(days=9999)}),
    Case("MESH055", EXPIRATION, "«expiration: 8d", options={"outputs": SHORT}, near="expiration: 7d"),
    Case("MESH056", EXPIRATION, "«expiration: 59m", near="expiration: 60m"),
]
NAMES = [
    Case("MESH090", f"commonName: {NAME}", "«commonName: '{{ tag \"version\" }'"),
    Case("MESH090", f"commonName: {NAME}", "«commonName: 'x }} {{'"),
    Case("MESH090", f"commonName: {NAME}", "«commonName: '{{ {{ tag \"x\" }} }}'"),
    Case("MESH091", f"commonName: {NAME}", f"«commonName: {'a' * 65}", near=f"commonName: {'a' * 64}"),
    Case(
        "MESH091",
        f"commonName: {NAME}",
        f"«commonName: '{'a' * 64}{{{{ tag \"x\" }}}}'",
        message="65 characters or more",
        near=f"commonName: '{'a' * 63}{{{{ tag \"x\" }}}}'",
    ),
    Case(
        "MESH091",
        f"commonName: {NAME}",
        "«commonName: '{{ tag \"version\" }}.mesh'",
        options={"tags": {"version": "v" * 60}},
        near_options={"tags": {"version": "v" * 59}},
        near="commonName: '{{ tag \"version\" }}.mesh'",
        message="a common name of 65 characters;",
    ),
    Case(
        "MESH091",
        f"commonName: {NAME}",
        '«commonName: \'{{tag `a`| replace "_" "--"|replace "b" "" }}\'',
        options={"tags": {"a": "_" * 33 + "b" * 99}},
        near_options={"tags": {"a": "_" * 32 + "b" * 99}},
        near='commonName: \'{{tag `a`| replace "_" "--"|replace "b" "" }}\'',
        message="66 characters;",
    ),
    Case(
        "MESH092",
        f"commonName: {NAME}",
        "«commonName: '{{ tag \"kuma.io/service\" }}.mesh'",
        message="the value of 'kuma.io/service' can have 59 characters",
    ),
    Case(
        "MESH092",
        f"commonName: {NAME}",
        '«commonName: \'{{ tag "a" }}{{ tag "b" }}\'',
        message="of 'a' and 'b' can have 64 characters together",
        near_options={"tags": {"a": "x"}},
        near='commonName: \'{{ tag "a" }}{{ tag "b" }}\'',
    ),
    Case("MESH093", f"commonName: {NAME}", "«commonName: ' '"),
    Case("MESH094", f"commonName: {NAME}", "«commonName: '{{ tag kuma.io/service }}'"),
    Case("MESH094", f"commonName: {NAME}", "«commonName: '{{ .Name }}'"),
]
AUTHORITIES = [
    Case("MESH060", f"arn: {AUTHORITY_ARN}", "«arn: my-ca", message="'my-ca' is not an ARN"),
    Case("MESH060", f"arn: {AUTHORITY_ARN}", "«arn: ''", message="arn is empty", base=UNIVERSAL),
    Case("MESH061", f"arn: {AUTHORITY_ARN}", "«arn: arn:aws:s3:::bucket", message="but of 's3'"),
    Case(
        "MESH061", f"arn: {AUTHORITY_ARN}", f"«arn: {AUTHORITY_ARN}/certificate/1a", message="but of 'certificate-auth"
    ),
    Case(
        "MESH062",
        f"arn: {AUTHORITY_ARN}",
        f"«arn: {AUTHORITY_ARN.replace('arn:aws:', 'arn:aws-iso:')}",
        near=f"arn: {AUTHORITY_ARN.replace('arn:aws:', 'arn:aws-cn:').replace('eu-central-1', 'cn-north-1')}",
    ),
    Case(
        "MESH062",
        f"arn: {AUTHORITY_ARN}",
        f"«arn: {AUTHORITY_ARN.replace('arn:aws:', 'arn:aws-cn:')}",
        message="eu-central-1 is a region of the partition aws, not of aws-cn",
    ),
]
PRODUCTS = [
    Case(
        "MESH110",
        "    backends:\n      - name: acm",
        "    «backends:\n      - {name: a, type: builtin}\n      - name: acm",
        options={"product": "kuma"},
    ),
    Case(
        "MESH110",
        "    backends:\n      - name: acm",
        "    «backends:\n      - {name: a, type: builtin}\n      - name: acm",
        options={"product": "kuma"},
        near_options={"product": "kong-mesh"},
        near="    backends:\n      - {name: a, type: builtin}\n      - name: acm",
    ),
    Case(
        "MESH111",
        "        type: acmpca",
        "        «type: acmpca",
        near="        type: builtin",
        options={"product": "kuma"},
        message="Kuma has builtin and provided",
    ),
    Case("MESH112", "      type: acmpca", "      «type: certmanager", base=UNIVERSAL),
    Case("MESH120", "  mtls:\n", "  «mtls:\n", near="  networks:\n", options={"mesh_version": (3, 0, 0)}),
    Case(
        "MESH121",
        "  mtls:\n",
        "  «mtls:\n",
        near="  mtls:\n",
        options={"mesh_version": (2, 14, 3)},
        near_options={"mesh_version": (2, 13, 9)},
    ),
    Case(
        "MESH122",
        "        type: acmpca",
        "        «type: acmpca",
        near="        type: acmpca",
        options={"mesh_version": (2, 14, 1)},
        near_options={"mesh_version": (2, 14, 2)},
    ),
    Case(
        "MESH123",
        "        type: acmpca",
        "        «type: acmpca",
        near="        type: acmpca",
        options={"mesh_version": (1, 6, 9)},
        near_options={"mesh_version": (1, 7, 0)},
    ),
    Case(
        "MESH124",
        "  zoneEgress: true",
        "  «zoneEgress: true",
        near="  {}",
        base=UNIVERSAL.partition("constraints")[0],
        options={"mesh_version": (3, 1, 0)},
    ),
    Case(
        "MESH124",
        "routing:\n  zoneEgress: true\n",
        "meshServices:\n  «mode: Everywhere\n",
        near="meshServices:\n  mode: Exclusive\n",
        base=UNIVERSAL.partition("constraints")[0],
        options={"mesh_version": (3, 0, 0)},
        message="accepts only the mode Exclusive",
    ),
]
CASES = [*DURATIONS, *NAMES, *AUTHORITIES, *PRODUCTS]
