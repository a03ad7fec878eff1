"""Go as a judge: the certificates that its `crypto/x509` reads in a text, and the chains that it verifies.

The program in `readers_in_go/` runs once for a whole session and answers thousands of requests.
"""

from __future__ import annotations

import atexit
import base64
import functools
import json
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from tests.judges import go_programs

Usage = Literal["server", "client"]

_SOURCE = Path(__file__).with_name("readers_in_go")
_STARTING = threading.Lock()


def certificates(text: str) -> list[str]:
    """Return the SHA-256 fingerprints (hex) of what `AppendCertsFromPEM` takes, in order, duplicates included."""
    found: list[str] = _answer({"pem": _base64(text.encode())})["certificates"]
    return found


def blocks(text: str) -> list[tuple[str, dict[str, str], bytes]]:
    """Return the label, the headers and the content of each block that `pem.Decode` finds."""
    found = _answer({"pem": _base64(text.encode())})["blocks"]
    return [(each["label"], each["headers"], base64.b64decode(each["content"])) for each in found]


def verify(leaf: bytes, intermediates: Sequence[bytes], roots: Sequence[bytes], usage: Usage) -> str:
    """Verify a leaf for a usage, now; every certificate is DER.

    Returns:
        Go's error, empty if the leaf is valid. A certificate that Go can't parse is an error too.
    """
    return _verify(
        leaf, usage, intermediates=[_base64(der) for der in intermediates], roots=[_base64(der) for der in roots]
    )


def verify_bundle(leaf: bytes, text: str, usage: Usage) -> str:
    """Verify a leaf against a trust bundle, from which `AppendCertsFromPEM` drops what it can't parse.

    Returns:
        Go's error, empty if the leaf is valid.
    """
    return _verify(leaf, usage, pem=_base64(text.encode()))


def key_pair(certificates: str, key: str) -> str:
    """Load a certificate and its private key as `tls.X509KeyPair` does.

    Returns:
        Go's error, empty if the key is that of the first certificate.
    """
    problem: str = _answer({"pem": _base64(certificates.encode()), "key": _base64(key.encode())})["error"]
    return problem


def _verify(leaf: bytes, usage: Usage, **trust: str | list[str]) -> str:
    problem: str = _answer({"leaf": _base64(leaf), "usage": usage, **trust})["error"]
    return problem


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = _program().ask(request)
    # Only a verification or a key pair may fail.
    assert not answer["error"] or {"leaf", "key"} & set(request), answer["error"]
    return answer


class Program:
    """A running judge; threads take turns."""

    def __init__(self, executable: Path) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [executable], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=go_programs.ENVIRONMENT, text=True
        )
        atexit.register(self.close)

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        with self._lock:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            answer: dict[str, Any] = json.loads(self._process.stdout.readline())
            return answer

    def close(self) -> None:
        self._process.communicate()


@functools.cache
def _started() -> Program:
    return Program(go_programs.build(_SOURCE, {"golang": "."})["golang"])


def _program() -> Program:
    # Threads that ask at the same time must not each start one.
    with _STARTING:
        return _started()
