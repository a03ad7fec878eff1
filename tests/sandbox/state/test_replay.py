"""`toolkit sandbox --state` keeps moto's changes, however the request is encoded."""

from __future__ import annotations

import http.client
import http.server
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.sandbox.by_hand import FORM, scope
from tests.sandbox.killable import REGION, Killable

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def _send(aws: Killable, method: str, path: str, headers: dict[str, str], body: str = "") -> int:
    address = urlsplit(aws.environment["AWS_ENDPOINT_URL"])
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)
    try:
        connection.request(method, path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_change_is_kept_whatever_says_what_it_is(tmp_path: Path) -> None:
    with Killable(tmp_path) as aws:
        iam, s3 = aws.client("iam"), aws.client("s3")
        s3.create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": REGION})
        assert _send(aws, "GET", "/?Action=CreateUser&UserName=in-url&Version=2010-05-08", scope("iam")) == 200
        assert _send(aws, "POST", "/", {**scope("iam"), **FORM}, "Action=CreateUser&UserName=in-body") == 200
        # What decides must not be a header that moto does not look at.
        told = {**scope("iam"), **FORM, "X-Amz-Target": "x.GetUser"}
        assert _send(aws, "POST", "/", told, "Action=CreateUser&UserName=told") == 400
        assert _send(aws, "PUT", "/kept/form", {**scope("s3"), **FORM}, "Action=GetX&b=1") == 200
        part = '--B\r\nContent-Disposition: form-data; name="'
        posted = f'{part}key"\r\n\r\nposted\r\n{part}success_action_redirect"\r\n\r\nhttp://127.0.0.1/ok\r\n'
        posted += f'{part}file"; filename="f"\r\n\r\ncontent\r\n--B--\r\n'
        redirected = _send(
            aws, "POST", "/kept", {**scope("s3"), "Content-Type": "multipart/form-data; boundary=B"}, posted
        )
        assert redirected == 303
        # These need the ones before.
        iam.create_access_key(UserName="in-url")
        s3.put_object_tagging(Bucket="kept", Key="posted", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
        aws.kill()
    with Killable(tmp_path) as aws:
        iam, s3 = aws.client("iam"), aws.client("s3")
        assert {user["UserName"] for user in iam.list_users()["Users"]} == {"in-url", "in-body"}
        assert {found["Key"] for found in s3.list_objects_v2(Bucket="kept")["Contents"]} == {"form", "posted"}


def test_an_upload_that_ends_early_changes_nothing(tmp_path: Path) -> None:
    with Killable(tmp_path) as aws:
        s3 = aws.client("s3")
        s3.create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_object(Bucket="kept", Key="key", Body=b"whole")
        address = urlsplit(aws.environment["AWS_ENDPOINT_URL"])
        head = [f"{name}: {value}" for name, value in scope("s3").items()]
        head = ["PUT /kept/key HTTP/1.1", f"Host: {address.netloc}", "Content-Length: 300000", *head, "", ""]
        with socket.create_connection((str(address.hostname), address.port), timeout=60) as connection:
            connection.sendall("\r\n".join(head).encode() + b"x" * 1000)
            connection.shutdown(socket.SHUT_WR)
            assert b" 400 " in connection.recv(65536).partition(b"\r\n")[0]
        assert s3.get_object(Bucket="kept", Key="key")["Body"].read() == b"whole"
