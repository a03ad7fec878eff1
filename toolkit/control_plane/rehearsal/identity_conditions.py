"""Compute the conditions of a MeshIdentity, and create its MeshTrust, as a zone control plane does.

Sources: kumahq/kuma:pkg/core/resources/apis/meshidentity/status/updater.go and its providers; answers of Kuma 2.14.3 in
``tests/control_plane/recorded/``. For Kong Mesh's provider ``acmpca``, this follows Kong's unreleased documentation:
the provider initializes, and its MeshTrust is created. The stand-in does not call AWS: it gets the CA's chain as an
argument, or creates its own CA certificate.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from toolkit.mesh.schema.acmpca import ACMPCA
from toolkit.mesh.schema.spiffe_id import expand_trust_domain
from toolkit.pki import certificate
from toolkit.pki.chain import is_self_signed
from toolkit.pki.go_pem import read_blocks
from toolkit.values import Object

if TYPE_CHECKING:
    from toolkit.control_plane.rehearsal.inventory import Inventory
    from toolkit.mesh.schema.versions import Product

    # Returns the chain of a private CA as PEM, by its ARN; empty if it is not known.
    Chains = Callable[[str], str]

_LIFETIME = timedelta(days=3650)
_NO_MESH_SERVICES = (
    "MeshIdentity requires MeshServices to be enabled on the mesh. To enable, set `spec.meshServices.mode: Exclusive` "
    "on the mesh."
)


class _FailedError(Exception):
    """A provider that can't be used.

    Attributes:
        reason: of the condition.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def reconcile(inventory: Inventory, identity: Object, zone: str, product: Product, chains: Chains) -> Object:
    """Create or extend the MeshTrust of a MeshIdentity, and return the MeshIdentity's status.

    Args:
        inventory: the resources of the zone control plane.
        identity: one of these resources.
        zone: the name of the zone.
        product: the product, which determines the providers.
        chains: returns the chain of a private CA.
    """
    mesh = inventory.find("Mesh", identity["mesh"], identity["mesh"]) or {}
    provider = identity["spec"].get("provider")
    if mesh.get("meshServices", {}).get("mode") != "Exclusive":
        return _status(_condition("Provider", "MeshServicesDisabled", _NO_MESH_SERVICES, is_true=False))
    if provider is None:
        provided = _condition("SpiffeIDProvider", "SpiffeIDProvided", "SpiffeID is provided")
        partly = _condition("Ready", "PartiallyReady", "Running in SpiffeID only mode", is_true=False)
        return {"conditions": [provided, partly]}
    try:
        trusted = _find_trusted(inventory, identity, product, chains)
    except _FailedError as error:
        return _status(_condition("Provider", error.reason, str(error), is_true=False))
    initialized = _condition("Provider", "ProviderInitialized", "Provider successfully initialized")
    if not trusted:
        return _status(initialized)
    domain = expand_trust_domain(identity["spec"].get("spiffeID", {}).get("trustDomain"), identity["mesh"], zone)
    if domain.unknown:
        reason = f"executing template failed: {', '.join(domain.unknown)}"
        return _status(initialized, _condition("MeshTrustCreated", "MeshTrustCreationError", reason, is_true=False))
    _trust(inventory, identity, domain.text, trusted, zone)
    created = _condition("MeshTrustCreated", "MeshTrustCreated", "MeshTrust has been successfully created")
    return _status(initialized, created)


def _condition(kind: str, reason: str, message: str, *, is_true: bool = True) -> Object:
    return {"type": kind, "status": str(is_true), "reason": reason, "message": message}


def _status(*conditions: Object) -> Object:
    """Return a status with the condition ``Ready`` that follows from the others."""
    if any(condition["status"] == "False" for condition in conditions):
        ready = _condition("Ready", "Failure", "One of initialization steps failed", is_true=False)
    else:
        ready = _condition("Ready", "Ready", "Successfully initialized")
    return {"conditions": [*conditions, ready]}


def _find_trusted(inventory: Inventory, identity: Object, product: Product, chains: Chains) -> str:
    """Return the certificates of the provider's CA; empty if they do not become a MeshTrust."""
    provider = identity["spec"]["provider"]
    if provider["type"] == "Spire":
        return ""
    if provider["type"] == "Extension":
        extension = provider["extension"]
        if product != "kong-mesh" or extension["name"] != ACMPCA:
            raise _FailedError("ProviderNotFoundError", f"provider: {provider['type']} not found")
        config = extension["config"]
        is_disabled = config.get("meshTrustCreation") == "Disabled"
        return "" if is_disabled else chains(config["arn"]) or _create_ca(config["arn"])
    bundled = provider["bundled"]
    text = _create_ca(f"{identity['mesh']} {identity['name']}")
    if not bundled.get("autogenerate", {}).get("enabled"):
        text = _load(inventory, identity["mesh"], bundled["ca"]["certificate"])
        _load(inventory, identity["mesh"], bundled["ca"]["privateKey"])
    if is_self_signed(_parse(text)) and not bundled.get("insecureAllowSelfSigned"):
        raise _FailedError("ProviderValidationError", "self-signed CA certificate is not allowed")
    return "" if bundled.get("meshTrustCreation") == "Disabled" else text


def _load(inventory: Inventory, mesh: str, source: Object) -> str:
    """Return the value of a data source. The stand-in reads neither files nor environment variables."""
    if source["type"] == "InsecureInline":
        return str(source["insecureInline"]["value"])
    value = inventory.read_secret(mesh, source["secretRef"]["name"]) if source["type"] == "Secret" else None
    if value is None:
        raise _FailedError("ProviderInitializationError", f"could not load data of the {source['type']}")
    return value.decode(errors="replace")


def _parse(text: str) -> x509.Certificate:
    try:
        return certificate.parse(next(read_blocks(text)).content)
    except (StopIteration, ValueError):
        raise _FailedError("ProviderValidationError", "CA certificate is not valid") from None


@cache
def _create_ca(name: str) -> str:
    """Return a self-signed CA certificate as PEM, the same one for the same name."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    # X.520 limits a common name to 64 characters.
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Stand-in for {name}"[-64:])])
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number(), now, now + _LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def _trust(inventory: Inventory, identity: Object, domain: str, text: str, zone: str) -> None:
    """Create the MeshTrust of a MeshIdentity under its name, or add the CA to one that exists."""
    mesh, name = identity["mesh"], identity["name"]
    before = inventory.find("MeshTrust", mesh, name)
    bundle = {"type": "Pem", "pem": {"value": text}}
    if before is None:
        origin = {"origin": {"kri": f"kri_mid_{mesh}_{zone}__{name}_"}}
        spec = {"trustDomain": domain, "caBundles": [bundle]}
        inventory.write({"type": "MeshTrust", "mesh": mesh, "name": name, "spec": spec, "status": origin}, None)
    elif bundle not in before["spec"]["caBundles"]:
        # The trust domain remains even if that of the MeshIdentity changes (measured).
        spec = {**before["spec"], "caBundles": [*before["spec"]["caBundles"], bundle]}
        inventory.write({**before, "spec": spec}, before)
