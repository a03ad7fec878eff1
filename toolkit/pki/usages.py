"""Build and read key usages with cryptography's names (RFC 5280, 4.2.1.3)."""

from __future__ import annotations

from cryptography import x509

# Usages that don't depend on others. encipher_only and decipher_only require key_agreement.
_PLAIN = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
)
_WITH_AGREEMENT = ("encipher_only", "decipher_only")


def build_key_usage(*names: str) -> x509.KeyUsage:
    """Return a keyUsage extension with exactly these usages.

    Raises:
        ValueError: encipher_only or decipher_only without key_agreement.
    """
    return x509.KeyUsage(**{name: name in names for name in (*_PLAIN, *_WITH_AGREEMENT)})


def list_names(usage: x509.KeyUsage) -> list[str]:
    """Return the usages of an extension, in the order of their bits."""
    agreed = _WITH_AGREEMENT if usage.key_agreement else ()
    return [name for name in (*_PLAIN, *agreed) if getattr(usage, name)]
