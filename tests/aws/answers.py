"""Send probes and record what AWS answers, as JSON without account IDs, CA IDs or secrets."""

from __future__ import annotations

import hashlib
import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import botocore
from botocore.exceptions import BotoCoreError, ClientError
from cryptography import x509

from tests.aws.facts import certificate_facts
from tests.aws.probe import GET, ISSUE, Probe, Scene
from toolkit import __version__
from toolkit.errors import ExternalError, InvalidInputError, Problem, flatten
from toolkit.files import read_text, write_whole
from toolkit.pki import pem
from toolkit.redaction import blot

if TYPE_CHECKING:
    from pathlib import Path

    from tests.aws.account import Account

    Answer = dict[str, Any]

FORMAT = 1
# What a record has in place of the account's ID, the CA's and the caller's ARN.
ACCOUNT, AUTHORITY = "111122223333", "00000000-1111-2222-3333-444444444444"
CALLER = f"arn:aws:sts::{ACCOUNT}:assumed-role/caller/session"
# Every answer has these.
_COMPARED = ("probe", "status", "code", "message", "result", "certificate")
_PENDING = "RequestInProgressException"
# What reading a certificate raises. Only the first one is a ValueError of Python's.
_UNREADABLE = (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)
# Of a CA as DescribeCertificateAuthority shows it.
_SHOWN = (
    "Status",
    "Type",
    "UsageMode",
    "KeyStorageSecurityStandard",
    "RevocationConfiguration",
    "CertificateAuthorityConfiguration",
)


class Record:
    """The answers of one run.

    Args:
        account: that was asked.
        path: of the file.
    """

    def __init__(self, account: Account, path: Path) -> None:
        self._account = account
        self.path = path
        self._authority = ""
        self.answers: list[Answer] = []
        self.smoke: dict[str, Any] = {}
        self.certificates = 0

    def of(self, arn: str) -> None:
        """Note the CA, whose ID is not to be in the file."""
        self._authority = arn.rpartition("/")[2]

    def ask(self, scene: Scene, probe: Probe) -> Answer:
        """Send a probe, and keep the answer. An error that AWS returns is an answer too.

        Raises:
            ExternalError: AWS can't be reached.
        """
        try:
            answer = _ask(scene, probe)
        except BotoCoreError as error:
            raise ExternalError(f"probe {probe.name}: {flatten(error)}") from error
        if probe.operation == ISSUE and answer["code"] is None:
            self.certificates += answer["result"]["sameCertificateAs"] is None
        self.answers.append(json.loads(self._hidden(answer)))
        return answer

    def write(self) -> None:
        """Write what is known by now.

        Raises:
            ExternalError: the file can't be written.
        """
        document = {
            "format": FORMAT,
            "recorded": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "answeredBy": self._account.host,
            "region": self._account.region,
            "toolkit": __version__,
            "botocore": botocore.__version__,
            "smoke": self.smoke,
            "answers": self.answers,
        }
        write_whole(self.path, self._hidden(document) + "\n")

    def _hidden(self, value: object) -> str:
        """Return a value as JSON in which nothing names the account, its caller or the CA."""
        text = blot(json.dumps(value, indent=2, ensure_ascii=False))
        hidden = {self._account.caller_arn: CALLER, self._account.number: ACCOUNT, self._authority: AUTHORITY}
        for known, shown in hidden.items():
            text = text.replace(known, shown) if known else text
        return text


def _ask(scene: Scene, probe: Probe) -> Answer:
    parameters = probe.request(scene)
    if probe.operation == ISSUE:
        # The client may repeat a call whose answer was lost; that must not issue a second certificate.
        token = hashlib.sha256(f"{scene.run} {probe.name}".encode()).hexdigest()[:32]
        parameters.setdefault("IdempotencyToken", token)
    asked, begun = datetime.now(UTC), time.monotonic()
    result, problem = _call(scene, probe.operation, parameters)
    answer: Answer = {
        "probe": probe.name,
        "stage": probe.stage.name.lower(),
        "rules": list(probe.rules),
        "operation": probe.operation,
        "request": _plain(parameters),
        **_verdict(result, problem),
        "milliseconds": round((time.monotonic() - begun) * 1000),
        "result": {},
        "certificate": {},
    }
    if problem is None and probe.operation == ISSUE:
        answer["result"], answer["certificate"] = _certificate(scene, probe, result["CertificateArn"], asked)
    elif problem is None:
        answer["result"] = _result(probe.operation, result)
    return answer


def _call(scene: Scene, operation: str, parameters: dict[str, Any]) -> tuple[dict[str, Any], ClientError | None]:
    method = getattr(scene.account.pca, botocore.xform_name(operation))
    try:
        return dict(method(**parameters)), None
    except ClientError as error:
        return dict(error.response), error


def _verdict(result: dict[str, Any], problem: ClientError | None) -> Answer:
    metadata = result.get("ResponseMetadata", {})
    found: dict[str, Any] = dict(problem.response["Error"]) if problem else {}
    return {
        "status": metadata.get("HTTPStatusCode"),
        "code": found.get("Code"),
        "message": found.get("Message"),
        "requestId": metadata.get("RequestId"),
    }


def _certificate(scene: Scene, probe: Probe, arn: str, asked: datetime) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fetch an issued certificate, and return what is known of it; the first answer to GetCertificate is kept too."""
    parameters = {**scene.named, "CertificateArn": arn}
    answer, problem = _call(scene, GET, parameters)
    same = next((name for name, known in scene.certificate_arns.items() if known == arn), None)
    scene.certificate_arns[probe.name] = arn
    result = {"firstGet": problem.response["Error"]["Code"] if problem else None, "sameCertificateAs": same}
    if problem is not None and result["firstGet"] == _PENDING:
        scene.account.pca.get_waiter("certificate_issued").wait(**parameters)
        answer, problem = _call(scene, GET, parameters)
    if problem is not None or scene.authority is None:
        return result, {}
    try:
        facts = certificate_facts(answer, arn, scene.authority, asked)
        scene.serials[probe.name] = f"{pem.load_certificate(answer['Certificate']).serial_number:040x}"
    except _UNREADABLE as error:
        return {**result, "unreadable": flatten(error)}, {}
    return result, facts


def _result(operation: str, result: dict[str, Any]) -> dict[str, Any]:
    """Return what is worth comparing of an answer: nothing that differs from run to run."""
    if operation != "DescribeCertificateAuthority":
        return {}
    found: dict[str, Any] = result["CertificateAuthority"]
    shown = {name: found.get(name) for name in _SHOWN}
    shown["CertificateAuthorityConfiguration"] = {**(shown["CertificateAuthorityConfiguration"] or {}), "Subject": None}
    until = found.get("RestorableUntil")
    shown["restorableDays"] = round((until - datetime.now(UTC)).total_seconds() / 86400) if until else None
    shown["serialIsDecimal"] = found["Serial"].isdecimal() if found.get("Serial") else None
    return shown


def _plain(value: Any) -> Any:
    """Return a request as JSON has it: bytes as text."""
    if isinstance(value, bytes):
        return value.decode() if len(value) < 4096 else f"{len(value)} bytes"
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def read(path: str) -> dict[str, Any]:
    """Read a record.

    Raises:
        InvalidInputError: it can't be read, or is not a record of this format.
    """
    try:
        document = json.loads(read_text(path))
        complete = all(set(_COMPARED) <= set(answer) for answer in document["answers"])
        texts = [document[name] for name in ("region", "answeredBy", "recorded")]
        known = (
            document["format"] == FORMAT
            and document["answers"]
            and complete
            and all(isinstance(text, str) for text in texts)
        )
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInputError(f"{path} is not a record of answers", [Problem("", flatten(error))]) from error
    if not known:
        raise InvalidInputError(f"{path} is not a record of answers", [Problem("answers", "has no answer of format 1")])
    return dict(document)
