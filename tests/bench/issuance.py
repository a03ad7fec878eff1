"""How many certificates a second the sandbox issues, beside plain moto, in one run on one machine.

The sandbox is measured twice: without --state, and with it, where each answer waits for a commit. All are asked over
HTTP by the same clients: P-256 requests to an RSA-2048 CA. moto enforces none of AWS's rules.
"""

from __future__ import annotations

import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from moto.server import ThreadedMotoServer

from toolkit.sandbox.server import Sandbox

CERTIFICATES, THREADS, ROUNDS = 120, 4, 2
SIGNING = "SHA256WITHRSA"
LEAST = 15


def client(endpoint: str) -> Any:
    session: Any = boto3.Session(
        aws_access_key_id="sandbox", aws_secret_access_key="sandbox", region_name="eu-central-1"
    )
    return session.client("acm-pca", endpoint_url=endpoint)


def requests() -> list[bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    sans = x509.SubjectAlternativeName([x509.UniformResourceIdentifier("spiffe://default/backend")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).add_extension(sans, critical=True)
    pems = [builder.sign(key, hashes.SHA256()) for _ in range(CERTIFICATES)]
    return [pem.public_bytes(serialization.Encoding.PEM) for pem in pems]


def issue(pca: Any, arn: str, csr: bytes, template: str | None = None) -> str:
    more = {"TemplateArn": f"arn:aws:acm-pca:::template/{template}"} if template else {}
    answer = pca.issue_certificate(
        CertificateAuthorityArn=arn,
        Csr=csr,
        SigningAlgorithm=SIGNING,
        Validity={"Type": "DAYS", "Value": 3650 if template else 1},
        **more,
    )
    return str(answer["CertificateArn"])


def root(pca: Any) -> str:
    subject = {"CommonName": "Bench Root CA"}
    configuration = {"KeyAlgorithm": "RSA_2048", "SigningAlgorithm": SIGNING, "Subject": subject}
    arn = str(
        pca.create_certificate_authority(
            CertificateAuthorityConfiguration=configuration, CertificateAuthorityType="ROOT"
        )["CertificateAuthorityArn"]
    )
    own = pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"].encode()
    issued = issue(pca, arn, own, "RootCACertificate/V1")
    certificate = pca.get_certificate(CertificateAuthorityArn=arn, CertificateArn=issued)["Certificate"]
    pca.import_certificate_authority_certificate(CertificateAuthorityArn=arn, Certificate=certificate.encode())
    return arn


def rate(endpoint: str, csrs: list[bytes]) -> float:
    """Certificates a second, issued and fetched, in the best of several rounds."""
    clients = [client(endpoint) for _ in range(THREADS)]
    arn = root(clients[0])

    def work(thread: int) -> int:
        own = csrs[thread::THREADS]
        for csr in own:
            certificate_arn = issue(clients[thread], arn, csr)
            clients[thread].get_certificate(CertificateAuthorityArn=arn, CertificateArn=certificate_arn)
        return len(own)

    best = 0.0
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            issued = sum(pool.map(work, range(THREADS)))
            best = max(best, issued / (time.perf_counter() - begun))
    return best


def main() -> None:
    csrs = requests()
    plain = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    plain.start()
    host, port = plain.get_host_and_port()
    moto = rate(f"http://{host}:{port}", csrs)
    plain.stop()
    good = True
    with tempfile.TemporaryDirectory() as directory:
        for name, state in (("sandbox", None), ("sandbox with --state", Path(directory))):
            with Sandbox(state=state) as aws:
                own = rate(aws.endpoint_url, csrs)
            ratio = f"ratio {own / moto:.2f} (at least {LEAST})"
            sys.stdout.write(f"issuance: {name} {own:.0f}/s, plain moto {moto:.0f}/s, {ratio}\n")
            good = good and own >= LEAST * moto
    sys.exit(not good)


if __name__ == "__main__":
    import logging

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    main()
