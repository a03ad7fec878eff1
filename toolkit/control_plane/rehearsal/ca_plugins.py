"""Validate the mTLS backends of a Mesh, as the plugin of each type does.

Sources: kumahq/kuma:pkg/core/managers/apis/mesh/mesh_validator.go, pkg/plugins/ca/builtin/manager.go,
pkg/plugins/ca/provided/manager.go and ca_cert_validator.go, pkg/core/datasource/validator.go and loader.go. The plugins
of Kong Mesh are closed source, so their rules are from Kong's documentation (:mod:`toolkit.mesh.schema.backends`).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cryptography import x509
from pydantic import ValidationError

from toolkit.control_plane.rehearsal.exchange import RefusedError
from toolkit.control_plane.rehearsal.mesh_validation import is_lifetime
from toolkit.errors import Problem
from toolkit.mesh.schema.acmpca import AcmPcaConf
from toolkit.mesh.schema.backends import BuiltinConf, CertManagerConf, ProvidedConf, VaultConf
from toolkit.mesh.schema.field_types import walk_fields
from toolkit.mesh.schema.messages import MessageError, read_message
from toolkit.mesh.schema.model import DataSource, Model
from toolkit.pki import certificate, go_pem, private_key
from toolkit.values import Object
from toolkit.yamltext.plain import items

if TYPE_CHECKING:
    from toolkit.control_plane.rehearsal.inventory import Inventory
    from toolkit.mesh.schema.versions import Product
    from toolkit.yamltext.nodes import Path

_OF_KONG_MESH: dict[str, type[Model]] = {"acmpca": AcmPcaConf, "vault": VaultConf, "certmanager": CertManagerConf}
# Kuma stores the CA of a builtin backend in a Secret, whose name contains the backend's name.
_MAX_BUILTIN_NAME = 255
# asaskevich/govalidator:patterns.go, DNSName, in lower case.
_DNS_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]{0,62}(?:\.[a-z0-9_][a-z0-9_-]{0,62})*[._]?", re.ASCII)
_CHANGED_CA = "Changing CA when mTLS is enabled is forbidden. Disable mTLS first and then change the CA"


class _LoadError(ValueError):
    """A data source without a value."""


def list_change_violations(before: Object, after: Object) -> list[Problem]:
    """Return a violation if the enabled backend changes, which open-source Kuma rejects.

    Args:
        before: the current Mesh.
        after: the new Mesh.
    """
    old, new = (mesh.get("mtls", {}).get("enabledBackend", "") for mesh in (before, after))
    return [Problem("mtls.enabledBackend", _CHANGED_CA)] if old and new and old != new else []


def list_violations(mesh: Object, name: str, inventory: Inventory, product: Product) -> list[Problem]:
    """Return every violation of the mTLS backends.

    Args:
        mesh: a Mesh that was read as :class:`toolkit.mesh.schema.field_types.Spec`.
        name: the Mesh's name.
        inventory: has the Secrets.
        product: Kong Mesh has more types of backends.
    """
    violations: list[Problem] = []
    mtls = mesh.get("mtls", {})
    for index, backend in enumerate(mtls.get("backends", [])):
        path, kind = f"mtls.backends[{index}]", backend.get("type", "")
        if kind not in ("builtin", "provided") and not (product == "kong-mesh" and kind in _OF_KONG_MESH):
            return [*violations, Problem(f"{path}.type", "could not find installed plugin for this type")]
        if mtls.get("skipValidation"):
            continue
        for field, reason in _backend(backend, name, inventory):
            violations.append(Problem(f"{path}.conf{'.' if field else ''}{field}", reason))
    return violations


def require_lifetimes(mesh: Object) -> None:
    """Reject a CA lifetime that Kuma can't parse. Kuma finds it when it creates the CA, not during validation.

    Raises:
        RefusedError: a ``builtin`` backend has such a lifetime.
    """
    for backend in mesh.get("mtls", {}).get("backends", []):
        if backend.get("type") != "builtin":
            continue
        conf = read_message(BuiltinConf, backend.get("conf", {}))
        expiration = conf.get("caCert", {}).get("expiration", "")
        if expiration and not is_lifetime(expiration):
            raise RefusedError(500, "Failed to create a resource", "Internal Server Error")


def list_secrets_in_use(conf: object) -> Iterator[str]:
    """Yield the names of the Secrets that a backend with this conf reads."""
    if isinstance(conf, dict) and isinstance(conf.get("secret"), str):
        yield conf["secret"]
    for entry in conf.values() if isinstance(conf, dict) else items(conf):
        yield from list_secrets_in_use(entry)


def _backend(backend: Object, mesh: str, inventory: Inventory) -> Iterator[Problem]:
    kind, conf = backend["type"], backend.get("conf", {})
    if kind == "builtin":
        yield from _builtin_name(backend.get("name", ""), mesh)
    try:
        if kind == "builtin":
            read_message(BuiltinConf, conf)
        elif kind == "provided":
            yield from _provided(read_message(ProvidedConf, conf), mesh, inventory)
        else:
            yield from _of_kong_mesh(_OF_KONG_MESH[kind], conf, mesh, inventory)
    except MessageError as error:
        yield Problem("", f"could not convert backend config: {error}")


def _builtin_name(name: str, mesh: str) -> Iterator[Problem]:
    secret = f"{mesh}.ca-builtin-cert-{name}"
    if len(secret) > _MAX_BUILTIN_NAME:
        yield Problem("mtls.backends.name", f"Backend name is too long. Max length: {_MAX_BUILTIN_NAME}")
    if not _DNS_NAME.fullmatch(secret):
        yield Problem("mtls.backends.name", f'"{name}" name must be valid dns name')


def _provided(conf: Object, mesh: str, inventory: Inventory) -> Iterator[Problem]:
    violations = [violation for field in ("cert", "key") for violation in _data_source(field, conf.get(field))]
    if violations:
        yield from violations
        return
    try:
        key, cert = (_load(conf[field], mesh, inventory) for field in ("key", "cert"))
    except _LoadError as error:
        yield Problem("cert", str(error))
        yield Problem("key", str(error))
        return
    yield from _key_pair(cert.decode(errors="replace"), key.decode(errors="replace"))


def _data_source(field: str, source: Object | None) -> Iterator[Problem]:
    if source is None:
        yield Problem(field, "has to be defined")
    elif not source:
        yield Problem(field, "data source has to be chosen. Available sources: secret, file, inline")
    else:
        for kind in ("secret", "file", "inline"):
            if source.get(kind) == "":
                yield Problem(f"{field}.{kind}", "cannot be empty")


def _load(source: Object, mesh: str, inventory: Inventory) -> bytes:
    if "secret" in source:
        value = inventory.read_secret(mesh, source["secret"])
        if value is None:
            name = source["secret"]
            raise _LoadError(f'could not load data: resource not found: type="Secret" name="{name}" mesh="{mesh}"')
        return value
    if "file" in source:
        # The file is on the control planes' hosts, and a stand-in must not expose files of this machine.
        raise _LoadError(f"could not load data: open {source['file']}: a stand-in reads no files")
    if "inline" in source:
        return base64.b64decode(source["inline"])
    return str(source["inlineString"]).encode()


def _key_pair(cert: str, key: str) -> Iterator[Problem]:
    """Yield the violations for which Go's ``tls.X509KeyPair`` or Kuma rejects a key pair."""
    try:
        public = private_key.load(key)
        first = private_key.load_certificate(cert)
    except (private_key.NotAKeyError, private_key.EncryptedKeyError, private_key.UnusableKeyError) as error:
        yield Problem("cert", f"not a valid TLS key pair: {error}")
        return
    problem = "the certificate can't be read" if first is None else private_key.find_difference(first, public)
    if problem:
        yield Problem("cert", f"not a valid TLS key pair: {problem}")
        return
    blocks = [block for block in go_pem.read_blocks(cert) if block.label == "CERTIFICATE"]
    for index, block in enumerate(blocks):
        path = f"cert[{index}]"
        try:
            parsed = certificate.parse(block.content)
        except ValueError as error:
            yield Problem(path, f"not a valid x509 certificate: {error}")
            return
        yield from _authority(path, parsed)


def _authority(path: str, parsed: x509.Certificate) -> Iterator[Problem]:
    extensions = {type(extension.value): extension.value for extension in parsed.extensions}
    constraints, usage = extensions.get(x509.BasicConstraints), extensions.get(x509.KeyUsage)
    if not (isinstance(constraints, x509.BasicConstraints) and constraints.ca):
        yield Problem(path, "basic constraint 'CA' must be set to 'true' (see X509-SVID: 4.1. Basic Constraints)")
    if not (isinstance(usage, x509.KeyUsage) and usage.key_cert_sign):
        yield Problem(path, "key usage extension 'keyCertSign' must be set (see X509-SVID: 4.3. Key Usage)")
    if isinstance(usage, x509.KeyUsage) and usage.key_agreement:
        yield Problem(path, "key usage extension 'keyAgreement' must NOT be set (see X509-SVID: Appendix A)")


def _of_kong_mesh(model: type[Model], conf: Object, mesh: str, inventory: Inventory) -> Iterator[Problem]:
    try:
        # Kuma's plugins ignore unknown fields.
        model.model_validate(conf, extra="ignore")
    except ValidationError as error:
        for each in error.errors():
            reason = "has to be defined" if each["type"] == "missing" else each["msg"].removeprefix("Value error, ")
            yield Problem(_dotted(each["loc"]), reason)
    for spot in walk_fields(conf, model):
        if not spot.is_data_source or not isinstance(spot.value, dict):
            continue
        source = read_message(DataSource, spot.value)
        try:
            if source:
                _load(source, mesh, inventory)
        except _LoadError as error:
            yield Problem(_dotted(spot.path), str(error))


def _dotted(path: Path) -> str:
    return ".".join(str(part) for part in path)
