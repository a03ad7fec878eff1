"""Shared by tests of the control plane's client."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.control_plane.faulty import TOKEN, Fault, Faulty
from tests.support import NOW, Authority, name
from toolkit.control_plane.client import ControlPlane
from toolkit.control_plane.connection import Access
from toolkit.control_plane.rehearsal.exchange import Reply
from toolkit.control_plane.resource_keys import Key

if TYPE_CHECKING:
    from pathlib import Path

MESH = {"type": "Mesh", "name": "default", "routing": {"localityAwareLoadBalancing": True}}
KEY = Key("Mesh", "default", "default")
SECRET = Key("Secret", "default", "chain")


@contextmanager
def client(standin: Faulty, **access: Any) -> Iterator[ControlPlane]:
    """A client that waits for nothing between two tries."""
    with ControlPlane(Access(**{"url": standin.url, **access}), pause=lambda _: None) as control_plane:
        yield control_plane


def reply(standin: Faulty, status: int, body: bytes = b"", **more: Any) -> None:
    standin.fault = lambda _number, _method, _path: Fault(Reply(status, body, **more))


def server_files(directory: Path, authority: Authority, host: str = "127.0.0.1") -> tuple[Path, Path]:
    """A certificate for the stand-in, with its chain, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    try:
        alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        alternative = x509.DNSName(host)
    certificate = (
        authority._builder(name("control plane"), key.public_key(), NOW + timedelta(days=1))
        .issuer_name(authority.certificate.subject)
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    pem, private = directory / "server.pem", directory / "server.key"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pem, private


def ca_file(directory: Path, authority: Authority) -> Path:
    file = directory / f"{authority.common_name}.pem"
    file.write_bytes(authority.certificate.public_bytes(serialization.Encoding.PEM))
    return file


def kumactl_config(directory: Path, url: str, more: str = "", name: str = "here") -> Path:
    """A configuration of kumactl with one context."""
    file = directory / "kumactl-config"
    file.write_text(
        f"contexts: [{{name: {name}, controlPlane: ours}}]\ncontrolPlanes:\n- name: ours\n  coordinates:\n"
        f"    apiServer: {{url: '{url}', authType: tokens, authConf: {{token: {TOKEN}}}{more}}}\n"
    )
    return file
