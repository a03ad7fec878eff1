"""No request to RAM or Pod Identity causes a server error or reveals the name of a Python exception."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto.eks.models import eks_backends

from tests.sandbox.private_ca.test_hostile_requests import ANYTHING, CALLER, PYTHON_ERRORS, SERVICE
from toolkit.sandbox.pod_identity import PodIdentity
from toolkit.sandbox.ram.share_operations import Ram
from toolkit.sandbox.ram.shares import DEFAULT, make_permission_arn

if TYPE_CHECKING:
    from toolkit.sandbox.services import RestService

RAM = Ram(SERVICE.service.registry)
SERVICES: tuple[RestService, ...] = (RAM.service, *PodIdentity(lambda: datetime.now(UTC)).services)
CALLS = [
    pytest.param(service, name, id=f"{service.name}:{name}")
    for service in SERVICES
    for name in sorted(service._operations)
]
MADE = RAM.create_resource_share(CALLER, {"name": "fuzzed", "resourceArns": SERVICE.arns[:1]})
SHARE = str(MADE["resourceShare"]["resourceShareArn"])
TEXTS = st.text(max_size=30) | st.sampled_from(
    [
        *SERVICE.arns,
        SHARE,
        "210987654321",
        "arn:aws:organizations::123456789012:organization/o-1234567890",
        "arn:aws:iam::123456789012:role/zone",
        make_permission_arn(DEFAULT, "aws"),
        "e30.e30.e30",
    ]
)
eks_backends[CALLER.account][CALLER.region].create_cluster("zone", "arn:aws:iam::123456789012:role/x", {})


@st.composite
def values(draw: st.DrawFn, shape: Shape) -> Any:
    """A value that mostly fits the shape."""
    if draw(st.integers(0, 30)) == 0:
        return draw(ANYTHING)
    if isinstance(shape, StructureShape):
        some = st.sets(st.sampled_from(sorted(shape.members)), max_size=4) if shape.members else st.just(set())
        wanted = draw(some) | set(shape.required_members)
        return {member: draw(values(shape.members[member])) for member in sorted(wanted)}
    if isinstance(shape, ListShape):
        return draw(st.lists(values(shape.member), max_size=3))
    if isinstance(shape, MapShape):
        return draw(st.dictionaries(st.text(max_size=5), TEXTS, max_size=3))
    if isinstance(shape, StringShape) and shape.enum:
        return draw(st.sampled_from(shape.enum))
    return draw({"boolean": st.booleans(), "integer": st.integers(-1, 600)}.get(shape.type_name, TEXTS))


@pytest.mark.parametrize(("service", "name"), CALLS)
@settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
@given(data=st.data())
def test_requests_that_nearly_fit(service: RestService, name: str, data: st.DataObject) -> None:
    model = service.model.operation_model(name)
    path = re.sub(r"\{\w+\}", "zone", model.http["requestUri"])
    fitting = values(model.input_shape).map(json.dumps) if model.input_shape else st.just("{}")
    body = data.draw(fitting.map(str.encode) | st.binary(max_size=50))
    query = data.draw(st.sampled_from(["", f"resourceShareArn={SHARE}", "maxResults=x", "maxResults=2&nextToken=%00"]))
    environ = {"REQUEST_METHOD": model.http["method"], "PATH_INFO": path, "QUERY_STRING": query}
    call = service.find(environ, service.name)
    assert call is not None
    answer = service.handle(CALLER, call, body)
    text = answer.body.decode()
    assert answer.status in (200, 400, 403, 404, 409), (name, query, body, text)
    assert json.loads(text) is not None
    if answer.error_type:
        assert not any(error in text for error in PYTHON_ERRORS), text
        assert "Traceback" not in text
