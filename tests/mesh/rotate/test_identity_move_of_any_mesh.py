"""Whatever a Mesh has: the move has its documents, or says what a person must decide, and names what it leaves."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from hypothesis import Phase, settings
from hypothesis import given as for_all
from hypothesis import strategies as st

from tests.mesh.golden_documents import golden_outputs
from tests.mesh.rotate.old_meshes import (
    BUILTIN_SECRET,
    OLD_CHAIN,
    OLD_ISSUING,
    OLD_ROOT,
    OTHER_ARN,
    allow_all,
    given,
    mesh,
    scoped,
    secret,
)
from tests.mesh.schema.generated import documents
from tests.support import AUTHORITY_ARN, NOW
from tests.yamltext.yaml_writing import load_stream
from toolkit.errors import InvalidInputError
from toolkit.mesh.lint import Severity, Target, lint
from toolkit.mesh.render.identity_documents import IdentityOptions, parse_expiry, write_expiry
from toolkit.mesh.rotate.identity_move import IdentityMove, plan_move_to_identity
from toolkit.mesh.schema.acmpca import AcmPcaBackend
from toolkit.mesh.schema.backends import (
    CHAIN_FIELDS,
    BuiltinBackend,
    CertManagerBackend,
    IssuerRef,
    Mtls,
    ProvidedBackend,
    VaultBackend,
)
from toolkit.mesh.schema.mesh import Form
from toolkit.mesh.schema.model import Credential, DataPlaneCertificates, DataSource

OUTPUTS = golden_outputs()
CHAINS = st.sampled_from([OLD_CHAIN, OLD_ISSUING, OLD_ROOT, OLD_ROOT + OLD_ISSUING, OUTPUTS.certificate_chain, "x"])
SOURCES = st.one_of(
    st.fixed_dictionaries({"inlineString": CHAINS}),
    st.fixed_dictionaries({"inline": CHAINS.map(lambda text: base64.b64encode(text.encode()).decode())}),
    st.fixed_dictionaries({"secret": st.sampled_from(["old-chain", "nope"])}),
    st.just({"file": "/ca.pem"}),
)
FIELDS: dict[str | type, st.SearchStrategy[Any]] = {
    DataSource: SOURCES,
    Credential: st.sampled_from([{"secret": "key"}, {"inlineString": "made-up"}, {"file": "/key"}]),
    IssuerRef: st.sampled_from([{"name": "a"}, {"name": "a", "kind": "ClusterIssuer"}]),
    DataPlaneCertificates: st.fixed_dictionaries(
        {"rotation": st.sampled_from(["1d", "24h", "90m", "20y"]).map(lambda text: {"expiration": text})},
        optional={"requestTimeout": st.just("5s")},
    ),
    "name": st.sampled_from(["old", "ca-1", "ca-2"]),
    "arn": st.sampled_from([AUTHORITY_ARN, OTHER_ARN]),
    "commonName": st.sampled_from(["x", '{{ tag "kuma.io/service" }}.mesh']),
    "expiration": st.sampled_from(["10y", "1d"]),
    "requestTimeout": st.sampled_from(["5s", "0.5s"]),
}
MODELS = (BuiltinBackend, ProvidedBackend, VaultBackend, AcmPcaBackend, CertManagerBackend)
BACKENDS = st.lists(
    st.one_of([documents(model, FIELDS) for model in MODELS]),
    min_size=1,
    max_size=3,
    unique_by=lambda each: each["name"],
)
SECTIONS = BACKENDS.flatmap(
    lambda backends: st.fixed_dictionaries(
        {"enabledBackend": st.sampled_from([each["name"] for each in backends]), "backends": st.just(backends)},
        optional={"skipValidation": st.booleans()},
    )
)
SPECS = st.fixed_dictionaries(
    {"mtls": SECTIONS},
    optional={
        "routing": st.fixed_dictionaries({}, optional={"zoneEgress": st.booleans()}),
        "meshServices": st.sampled_from([{"mode": "Exclusive"}, {"mode": "Disabled"}, {}]),
        "logging": st.just({"backends": []}),
    },
)
TLS = {"targetRef": {"kind": "Mesh"}, "rules": [{"default": {"mode": "Strict"}}]}
OUTBOUND = {"port": 1, "tags": {"kuma.io/service": "api"}}


@st.composite
def beside(draw: st.DrawFn, form: Form) -> list[dict[str, Any]]:
    dataplane = {"type": "Dataplane", "mesh": "default", "name": "web", "networking": {"outbound": [OUTBOUND]}}
    found = [
        allow_all(form),
        scoped(form, "MeshTLS", "tls", TLS),
        secret(form, BUILTIN_SECRET, OLD_ROOT),
        secret(form, "old-chain", OLD_CHAIN),
        dataplane,
    ]
    return [each for each in found if draw(st.booleans())]


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, (*path, name))
    elif value is not None:
        yield path, value


class Accounts:
    """Where everything of a Mesh has gone."""

    def __init__(self, move: IdentityMove) -> None:
        self._move = move
        self._said = [(each.place.split(" ")[-1], each.message) for each in move.obstacles]

    def require_all_of(self, section: dict[str, Any]) -> None:
        for name, value in section.items():
            if name not in ("enabledBackend", "backends") and value is not None:
                assert self._is_named("mtls", (name,)), name
        for number, backend in enumerate(section["backends"]):
            signs = backend["name"] == section["enabledBackend"]
            for path, value in leaves(backend):
                if path in (("name",), ("type",)):
                    continue
                place = f"mtls.backends[{number}]"
                assert self._is_carried(backend, path, value, signs=signs) or self._is_named(place, path), path

    def _is_named(self, place: str, path: tuple[str, ...]) -> bool:
        names = {".".join(path[: count + 1]) for count in range(len(path))}
        for where, message in self._said:
            if where.endswith(place) and names & set(message.removeprefix("stage 5 removes ").split(", ")):
                return True
            if any(where.endswith(f"{place}.{name}") for name in names):
                return True
        return False

    def _is_carried(self, backend: dict[str, Any], path: tuple[str, ...], value: Any, *, signs: bool) -> bool:
        prepare, _, trust, switch, _ = (load_stream(step.text, step.name) for step in self._move.steps)
        if path == ("conf", "arn"):
            return f"arn: {value}\n" in self._move.steps[3].text
        if signs and path == ("dpCert", "rotation", "expiration"):
            return f"'expiry': '{write_expiry(parse_expiry(value))}'" in str(switch)
        if signs and path == ("mode",):
            return value == "STRICT" or "MeshTLS" in str(prepare) or not self._move.notes
        if path[:2] == ("conf", CHAIN_FIELDS.get(backend["type"])):
            whole = "mtls" in str(trust[0])
            problem = any(message.startswith(f"{backend['name']}: ") for _, message in self._said)
            return problem or whole
        return False


@pytest.mark.slow
# To shrink an example takes minutes.
@settings(max_examples=100, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@for_all(st.data(), SPECS, st.sampled_from(get_args(Form)), st.sampled_from([None, OLD_CHAIN]))
def test_nothing_is_lost_without_a_word(data: st.DataObject, spec: Any, form: Form, chain: str | None) -> None:
    Mtls.model_validate(spec["mtls"])
    document = mesh(form, {"name": "x"}, **spec)
    others = data.draw(beside(form))
    start = given(document, *others, old_chain=chain)
    target = Target(NOW)

    def errors(text: str) -> set[str]:
        texts = [("x", text)]
        return {each.rule.code for each in lint(texts, target) if each.severity is Severity.ERROR}

    try:
        move = plan_move_to_identity(start, OUTPUTS, IdentityOptions())
    except InvalidInputError as error:
        assert error.lines()
        return
    assert all(each.message and each.fix for each in move.obstacles)
    before = errors(start.text)
    for step in move.steps:
        assert errors(step.text) <= before or move.list_blocking(step.number)
    Accounts(move).require_all_of(spec["mtls"])
    # What is not mTLS stays.
    (*_, after) = load_stream(move.steps[-1].text, "finish")
    kept: Any = after
    kept = kept if form == "universal" else kept["spec"]
    expected = {name: value for name, value in spec.items() if name != "mtls"}
    expected["meshServices"] = expected.get("meshServices", {}) | {"mode": "Exclusive"}
    assert {name: kept[name] for name in expected} == expected
    assert "mtls" not in kept
