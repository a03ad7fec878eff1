from __future__ import annotations

import pytest
from cryptography import x509

from toolkit.pki import csr, pem


def test_a_request_like_that_of_a_zone_control_plane() -> None:
    key = csr.create_data_plane_key()
    assert key.key_size == 2048
    uris = ("spiffe://default/a", "kuma://kuma.io/service/a")
    request = x509.load_pem_x509_csr(pem.write_request(csr.create_data_plane_csr(key, uris)).encode())
    assert request.is_signature_valid
    assert list(request.subject) == []
    sans = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert sans.value.get_values_for_type(x509.UniformResourceIdentifier) == list(uris)
    assert sans.critical
    named = csr.create_data_plane_csr(key, uris, "backend.mesh")
    assert named.subject.rfc4514_string() == "CN=backend.mesh"
    assert not named.extensions.get_extension_for_class(x509.SubjectAlternativeName).critical
    with pytest.raises(ValueError, match="at least one URI"):
        csr.create_data_plane_csr(key, ())
