"""OpenSSL as a judge: the certificates that it reads in a text, and the chains that it verifies."""

from __future__ import annotations

import functools
import re
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from tests.judges import asn1
from tests.judges.pem_parts import pem
from tests.support import without

Usage = Literal["server", "client"]

_REASON = re.compile(r"^error \d+ at (\d+) depth lookup: (.*)$", re.MULTILINE)
# The thread, the code and the place in the source before and after the reason.
_UNREADABLE = re.compile(r"^\w+:error:\w+:[^:]*:[^:]*:|:[^:]*:\d+:$")
# No certificates of the system.
_ONLY_GIVEN = ["-no-CAfile", "-no-CApath", "-no-CAstore"]


def certificates(text: str) -> list[bytes]:
    """Return the certificates (DER) that OpenSSL reads in a trust file, in order, duplicates included.

    One bad block makes it read none. `crl2pkcs7` calls `PEM_X509_INFO_read_bio`, as the reader of trust files does.
    """
    command = [_program(), "crl2pkcs7", "-nocrl", "-certfile", "/dev/stdin", "-outform", "DER"]
    read = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    if read.returncode:
        return []
    [content_info] = asn1.elements(read.stdout)
    _, content = asn1.elements(content_info.content)
    [signed_data] = asn1.elements(content.content)
    found = next((part for part in asn1.elements(signed_data.content) if part.tag == asn1.CONTEXT_0), None)
    return [certificate.encoded for certificate in asn1.elements(found.content)] if found else []


def anchors(text: str) -> frozenset[bytes]:
    """Return the distinct CA certificates (DER) that a TLS context of OpenSSL trusts; in process, so fast.

    It agrees with `certificates` except that Python shows neither duplicates nor certificates that are no CA's.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # `cadata` has another reader, which skips private keys and takes ASCII only.
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(text.encode())
        try:
            context.load_verify_locations(cafile=file.name)
        except ssl.SSLError:
            return frozenset()
    return frozenset(context.get_ca_certs(binary_form=True))


def verify(
    leaf: bytes,
    intermediates: Sequence[bytes],
    roots: Sequence[bytes],
    purpose: Usage,
    *,
    strict: bool = False,
    level: int = 0,
) -> str:
    """Verify a leaf for a purpose, now; every certificate is DER.

    Args:
        leaf: the certificate in question.
        intermediates: sent by the peer.
        roots: trusted.
        purpose: of the leaf.
        strict: check all that RFC 5280 demands (`-x509_strict`).
        level: the security level, which limits keys and digests; TLS has 1 by default, 2 in Debian and since 3.2.

    Returns:
        OpenSSL's errors with their depths, empty if the leaf is valid.
    """
    return verify_bundle(leaf, pem(*roots), purpose, untrusted=pem(*intermediates), strict=strict, level=level)


def verify_bundle(
    leaf: bytes, text: str, purpose: Usage, *, untrusted: str = "", strict: bool = False, level: int = 0
) -> str:
    """Verify as `verify` does, with the trust file as it is; `untrusted` is PEM too."""
    command = [_program(), "verify", *_ONLY_GIVEN, "-purpose", f"ssl{purpose}", "-auth_level", str(level)]
    if strict:
        command.append("-x509_strict")
    with tempfile.TemporaryDirectory() as name:
        options = {"-CAfile": text, "-untrusted": untrusted}
        for option, content in options.items():
            if content:
                file = Path(name) / option.removeprefix("-")
                file.write_bytes(content.encode())
                command += [option, str(file)]
        verified = subprocess.run(command, input=pem(leaf), capture_output=True, check=False, text=True)
    if not verified.returncode:
        return ""
    reasons = [f"{reason} at depth {depth}" for depth, reason in _REASON.findall(verified.stderr)]
    return "; ".join(dict.fromkeys(reasons)) or _UNREADABLE.sub("", verified.stderr.splitlines()[-1])


@functools.cache
def _program() -> str:
    program = shutil.which("openssl")
    # macOS has LibreSSL under this name.
    if program is None or not subprocess.check_output([program, "version"]).startswith(b"OpenSSL 3"):
        without("OPENSSL", "OpenSSL 3 is not on PATH")
    return program
