"""What is wrong with the CAs of a chain; who refuses them was measured (tests.judges.defects)."""

from __future__ import annotations

from tests.judges import asn1, defects
from tests.judges.authorities import KEY_USAGE, Ca, Extension, extension
from tests.judges.pem_parts import pem
from tests.mesh.lint.cases.chains import chain_case
from tests.mesh.lint.worlds import KEY, Case, encoded
from toolkit.pki.extensions import build_key_usage

TEXTS = {case.name: case.text for case in defects.cases()}
AGREEING = Ca("Issuing", extensions=[extension(build_key_usage("key_cert_sign", "key_agreement"), critical=True)])
LEGACY = Ca("Issuing", Ca("Root"), extra=[Extension("1.3.6.1.5.5.7.1.8", asn1.sequence())])
PROVIDED = f"""\
type: Mesh
name: default
mtls:
  enabledBackend: own
  backends:
    - name: own
      type: provided
      dpCert: {{rotation: {{expiration: 24h}}}}
      conf:
        cert: {{inline: {encoded(pem(*Ca("Issuing").chain()))}}}
        key: {{secret: key}}
---
type: Secret
mesh: default
name: key
data: {encoded(KEY)}
"""


def of_provided(code: str, ca: Ca, message: str) -> Case:
    good, broken = (encoded(pem(*each.chain())) for each in (Ca("Issuing"), ca))
    base = PROVIDED.replace(PROVIDED.partition("{inline: ")[2].partition("}")[0], good)
    return Case(code, f"inline: {good}", f"«inline: {broken}", base=base, message=message)


def defect(code: str, name: str, message: str, near: str = "sound") -> Case:
    return chain_case(code, TEXTS[name], near=TEXTS[near], message=message)


CASES = [
    defect("MESH080", "rsa-1024-root", "certificate 2 ('Root') has an RSA key of 1024 bits", "rsa-2048-root"),
    defect("MESH084", "sha1-ecdsa", "certificate 1 ('Issuing') is signed with SHA-1", "sha1-root"),
    defect("MESH140", "bc-not-critical", "has basicConstraints that are not critical"),
    defect("MESH141", "ku-no-cert-sign", "has a keyUsage without keyCertSign", "ku-no-crl-sign"),
    defect("MESH142", "ku-absent-root", "certificate 2 ('Root') has no keyUsage"),
    of_provided("MESH143", AGREEING, "has keyAgreement in its keyUsage"),
    of_provided("MESH143", Ca("Issuing", without=[KEY_USAGE]), "has no keyUsage"),
    defect("MESH144", "eku-server", "has an extendedKeyUsage without clientAuth", "eku-both"),
    defect("MESH144", "eku-any", "without serverAuth and clientAuth", "eku-both-critical"),
    defect("MESH145", "nc-uri-spiffe-only", "refuse kuma://kuma.io/service/service", "nc-uri-both"),
    defect("MESH146", "nc-directory", "of a form that Go does not know", "nc-dns"),
    defect("MESH147", "unknown-critical", "1.3.6.1.4.1.99999.7, which not every program", "unknown-not-critical"),
    defect("MESH148", "crl-points-critical", "2.5.29.31, which AWS does not import"),
    chain_case("MESH149", pem(*LEGACY.chain()), near=TEXTS["sound"], message="1.3.6.1.5.5.7.1.8, by which OpenSSL"),
    defect("MESH150", "serial-21-octets", "more than 20 octets", "serial-20-octets"),
    defect("MESH151", "aki-other-key", "than that of Root"),
    defect("MESH152", "name-empty-root", "has an empty subject", "name-no-text"),
    defect("MESH153", "issuer-printable", "in another string type", "name-printable"),
    defect("MESH153", "issuer-other-case", "in other capitals or spaces"),
    defect("MESH154", "policy-constraints-critical", "demand a certificate policy", "policy-constraints-critical-root"),
    defect("MESH155", "signature-of-another-key", "and was signed with another key"),
    defect("MESH155", "root-of-the-same-name", "names certificate 2 ('Root') as its issuer"),
    defect("MESH156", "cross-signed-old-root-missing", "certificate 2 ('New root') comes before certificate 3"),
    defect("MESH156", "cross-signed-old-root-missing", "is missing", near="cross-signed-last-old-root-missing"),
    defect("MESH156", "cross-signed-old-root-missing", "is missing", near="cross-signed-complete"),
    defect("MESH073", "middle-missing", "certificate 1 ('Issuing') is issued by a CA that is missing"),
    # Any path to a root will do, as with roots that signed each other.
    defect("MESH073", "cross-signed-alone", "is issued by a CA that is missing", "cross-signed-old-root-missing"),
    defect("MESH082", "unrelated-last", "certificate 3 ('Other root') does not belong", "cross-signed-and-both-roots"),
]
