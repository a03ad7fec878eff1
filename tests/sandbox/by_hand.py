"""Send raw requests, built by hand or by botocore without a client."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from botocore.session import get_session

from tests.sandbox.conformance.world import ACCOUNT

if TYPE_CHECKING:
    from botocore.model import OperationModel, ServiceModel

    from tests.conftest import TestSandbox

NOBODY = "AKIAIOSFODNN7EXAMPLE"
LISTED = {
    "acm-pca",
    "cloudwatch",
    "eks",
    "eks-auth",
    "events",
    "iam",
    "organizations",
    "ram",
    "s3",
    "scheduler",
    "sns",
    "sts",
}
BOTOCORE = get_session()
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


def scope(service: str, key: str = "sandbox") -> dict[str, str]:
    credential = f"Credential={key}/20260101/eu-central-1/{service}/aws4_request"
    return {"Authorization": f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0"}


def ask(
    aws: TestSandbox, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | str = b""
) -> Answer:
    """Send exactly this; `Host` is the sandbox's unless it is among the headers."""
    address = urlsplit(aws.endpoint_url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)
    try:
        sent = {"Host": address.netloc, "Content-Length": str(len(body)), **(headers or {})}
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in sent.items():
            connection.putheader(name, value)
        connection.endheaders(body.encode() if isinstance(body, str) else body)
        answer = connection.getresponse()
        kept = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, kept, answer.read())
    finally:
        connection.close()


def identity(aws: TestSandbox, **headers: str) -> Answer:
    """Ask who the administrator is, with more headers."""
    return ask(aws, "POST", "/", {**scope("sts"), **FORM, **headers}, "Action=GetCallerIdentity&Version=2011-06-15")


def parameters(operation: OperationModel) -> dict[str, Any]:
    """What the path of an operation needs, and the host."""
    shape = operation.input_shape
    members = shape.members if shape else {}
    return {name: "x" for name, member in members.items() if member.serialization.get("location") == "uri"} | (
        {"AccountId": ACCOUNT} if "AccountId" in members else {}
    )


def signed_request(model: ServiceModel, operation: OperationModel, protocol: str, key: str = "sandbox") -> AWSRequest:
    """A signed request, as botocore makes it."""
    made = create_serializer(protocol, include_validation=False).serialize_to_request(parameters(operation), operation)
    body = made["body"]
    text = urlencode(body) if isinstance(body, dict) else body
    query = urlencode(made.get("query_string") or {})
    url = f"http://127.0.0.1{made['url_path']}" + (f"?{query}" if query and "?" not in made["url_path"] else "")
    request = AWSRequest(made["method"], url, dict(made["headers"]), text)
    SigV4Auth(Credentials(key, "secret"), model.signing_name, "eu-central-1").add_auth(request)
    return request


def send(aws: TestSandbox, request: AWSRequest) -> Answer:
    url = urlsplit(str(request.url))
    path = url.path + (f"?{url.query}" if url.query else "")
    body = request.data if isinstance(request.data, bytes) else str(request.data or "").encode()
    return ask(aws, str(request.method), path, dict(request.headers.items()), body)


def error_of(answer: Answer, operation: OperationModel, protocol: str) -> dict[str, str]:
    """The error as botocore reads it."""
    shape: Any = operation.output_shape
    parsed: dict[str, Any] = create_parser(protocol).parse(
        {"status_code": answer.status, "headers": answer.headers, "body": answer.body}, shape
    )
    return dict(parsed["Error"])
