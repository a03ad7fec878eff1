"""Random settings: each is accepted and then works in the sandbox, or is refused with named problems."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from tests.e2e.clearing import forgotten
from tests.e2e.shapes_world import accept_invitations, control_plane, share, shared
from tests.infra.shapes import ELSEWHERE, HOME, changed, shape
from tests.sandbox.conformance.world import ALLOW, DAYS, World, csr, refused
from toolkit import contract
from toolkit.files import find_project_root
from toolkit.infra import policies
from toolkit.infra.settings import SettingsError
from toolkit.pki import duration, templates
from toolkit.sandbox.pulumi import program
from toolkit.verify.identity import AssumeRole
from toolkit.verify.plan import Plan
from toolkit.verify.runner import verify

if TYPE_CHECKING:
    from tests.conftest import TestSandbox
    from toolkit.contract import StackOutputs
    from toolkit.sandbox.pulumi.program import StackConfig

pytestmark = pytest.mark.slow
MISSING = f"arn:aws:acm-pca:eu-central-1:{HOME}:certificate-authority/99999999-2222-3333-4444-555555555555"
BUCKET = "any-settings-lists"
_OIDC = f"arn:aws:iam::{HOME}:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/ANY"
_OIDC_ELSEWHERE = f"arn:aws:iam::{ELSEWHERE}:oidc-provider/oidc.eks.eu-west-3.amazonaws.com/id/ANY"


@pytest.fixture(scope="module")
def there(running_sandbox: TestSandbox) -> dict[str, str]:
    """CAs that are there, good for something or for nothing."""
    world, other = World(running_sandbox), World(running_sandbox)
    other.pca = other.role(ALLOW, account=ELSEWHERE)
    root, resting = world.root(), world.root()
    world.disable(resting)
    s3 = world.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": world.region})
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policies.allow_crl_writing(f"arn:aws:s3:::{BUCKET}", HOME)))
    return {
        "root": root,
        "open": shared(world, templates.END_ENTITY, ELSEWHERE),
        "short": share(world, world.root(UsageMode="SHORT_LIVED_CERTIFICATE"), templates.END_ENTITY, ELSEWHERE),
        "narrow": share(world, world.subordinate(root), templates.END_ENTITY, ELSEWHERE),
        "brief": share(world, world.root(years=1), templates.END_ENTITY, ELSEWHERE),
        "resting": resting,
        "pending": world.create(),
        "missing": MISSING,
        "shared": shared(other, templates.END_ENTITY),
        "signer": shared(other, templates.name_subordinate_ca(0)),
    }


def mostly(usual: st.SearchStrategy[Any], *unusual: Any) -> st.SearchStrategy[Any]:
    """Mostly something that is good by itself."""
    return st.integers(0, 24).flatmap(lambda n: st.sampled_from(unusual) if n == 0 and unusual else usual)


def maybe(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


ROLE = {"assumeRoleArn": f"arn:aws:iam::{ELSEWHERE}:role/any", "externalId": "external"}
PROFILE = {"accountId": ELSEWHERE, "profile": "elsewhere"}
NEW = {"oidcIssuer": "https://oidc.eks.eu-west-1.amazonaws.com/id/NEW", "createOidcProvider": True}
GOOD = st.sampled_from(
    [
        {"oidcProviderArn": _OIDC},
        {"oidcIssuer": "https://oidc.eks.eu-west-1.amazonaws.com/id/MORE"},
        NEW,
        {"identity": "pod-identity", "clusterName": "any"},
        {"identity": "ambient"},
        {"identity": "ambient", "compute": "ecs"},
        {**ROLE, "oidcProviderArn": _OIDC_ELSEWHERE},
        {**PROFILE, **NEW},
        {**PROFILE, "identity": "pod-identity", "clusterName": "any"},
        {**ROLE, "identity": "ambient"},
    ]
)
BAD: tuple[dict[str, Any], ...] = (
    {},
    {"identity": "pod-identity"},
    {"identity": "ambient", "clusterName": "any"},
    {"oidcProviderArn": _OIDC_ELSEWHERE},
    {**PROFILE, "oidcProviderArn": _OIDC},
    {"accountId": ELSEWHERE, "identity": "ambient"},
    {"profile": "elsewhere", "identity": "ambient"},
)
ZONE = st.tuples(
    st.fixed_dictionaries(
        {
            "name": mostly(st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True), "-", "z" * 48),
            "region": mostly(st.sampled_from(["eu-central-1", "eu-west-1", "eu-west-3"]), "cn-north-1", "mars"),
        }
    ),
    mostly(GOOD, *BAD),
).map(lambda parts: {**parts[0], **parts[1]})
REVOCATION = maybe(
    ocsp=mostly(st.sampled_from([True, {"customCname": "ocsp.example.com"}]), {"customCname": "http://x"}),
    crl=mostly(
        st.sampled_from([True, {"bucket": BUCKET}, {"customCname": "crl.example.com", "customPath": "a/b"}]),
        {"bucket": "is-not-there"},
        {"expirationDays": 0},
    ),
)
SHARING = mostly(
    st.sampled_from(
        [
            {"method": "policy", "accounts": [ELSEWHERE]},
            {"method": "ram", "accounts": [ELSEWHERE], "allowExternalAccounts": True},
        ]
    ),
    {"method": "ram", "accounts": [ELSEWHERE]},
    {"method": "policy", "accounts": [ELSEWHERE], "allowExternalAccounts": True},
    {"method": "ram"},
)


@st.composite
def stacks(draw: st.DrawFn, there: dict[str, str]) -> dict[str, Any]:
    """Settings of any topology, good for the most part."""
    topology = draw(st.sampled_from(["root", "intermediate", "under-aws-ca", "under-external-ca", "adopt"]))
    # With whom a CA is shared can't be looked up, so each is shared as its use needs.
    sound = ["open", "shared"] if topology == "adopt" else ["root", "signer"]
    unsound = ("missing", "short", "narrow", "brief", "resting", "pending")
    named = there[draw(mostly(st.sampled_from(sound), *unsound))]
    zones = draw(st.lists(ZONE, min_size=1, max_size=3, unique_by=lambda zone: zone["name"]))
    is_elsewhere = any({"accountId", "assumeRoleArn"} & set(zone) for zone in zones)
    sharing = {"sharing": draw(SHARING)} if is_elsewhere and topology != "adopt" else {}
    sources: dict[str, dict[str, Any]] = {"adopt": {"adoptArn": named}, "under-aws-ca": {"parent": {"arn": named}}}
    more = draw(
        maybe(
            keyAlgorithm=st.sampled_from(["EC_prime256v1", "EC_secp384r1", "RSA_2048"]),
            signingAlgorithm=st.sampled_from(["", "", "", "SHA384WITHECDSA", "SHA512WITHRSA"]),
            usageMode=st.sampled_from(["GENERAL_PURPOSE", "SHORT_LIVED_CERTIFICATE"]),
            dataPlaneLifetime=mostly(st.sampled_from(["1h", "24h", "7d"]), "30d", "40y", "1d12h"),
            rootValidityYears=st.integers(4, 30),
            intermediateValidityYears=st.integers(1, 6),
            intermediatePathLength=mostly(st.just(0), 1, 2, 3),
            deletionWindowDays=mostly(st.integers(7, 30), 3),
            country=mostly(st.just("DE"), "Germany"),
            pinnedTemplate=mostly(st.just(templates.END_ENTITY), "RootCACertificate/V1"),
            namePrefix=mostly(st.from_regex(r"[a-z]{1,8}-", fullmatch=True), "a b"),
            permissionsBoundaryArn=mostly(st.just(""), f"arn:aws:iam::{HOME}:policy/any"),
            tags=mostly(st.just({"a": "v"}), {"aws:c": "v"}),
            protect=st.booleans(),
            revocation=REVOCATION,
            alarms=st.sampled_from([True, False, {"expiryDays": 30}]),
            typo=st.just(1) if draw(st.integers(0, 19)) == 0 else st.nothing(),
        )
    )
    return {"topology": topology, **sources.get(topology, {}), **more, **sharing, "zones": zones}


def configuration(values: dict[str, Any]) -> StackConfig:
    return changed(shape("ocsp"), **{"revocation": None, **values})


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    # A stack takes a second; to shrink one would take minutes, and the example says enough as it is.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(data=st.data())
def test_any_settings_work_or_are_refused_by_name(
    running_sandbox: TestSandbox, there: dict[str, str], data: st.DataObject
) -> None:
    values = data.draw(stacks(there))
    aws, config = running_sandbox, configuration(values)
    made: list[tuple[str, str]] = []
    with forgotten(aws):
        try:
            outputs = program.run(find_project_root(), config, aws, lambda *what: made.append(what))
        except SettingsError as error:
            event("refused: " + " ".join(sorted({problem.path.split(":")[1] for problem in error.problems})))
            assert error.problems
            assert all(problem.path.startswith("kong-mesh-pca:") for problem in error.problems)
            assert made == [], "refused before anything is made"
            return
        event(f"works: {values['topology']}")
        # Below an external CA, somebody else has to sign first.
        if "pendingCertificateAuthority" not in outputs:
            _works(aws, config, contract.parse(json.dumps(outputs)))


def _works(aws: TestSandbox, config: StackConfig, outputs: StackOutputs) -> None:
    """Everybody gets certificates of the lifetime that was promised, and nobody mints a CA."""
    accept_invitations(aws, ELSEWHERE)
    authority = outputs.certificate_authority
    for zone in outputs.zones:
        client = control_plane(aws, config, outputs, zone)
        request = {
            "CertificateAuthorityArn": authority.arn,
            "Csr": csr(),
            "SigningAlgorithm": authority.signing_algorithm,
            "Validity": DAYS,
        }
        issued = client.issue_certificate(**request, TemplateArn=templates.build_arn(templates.END_ENTITY))[
            "CertificateArn"
        ]
        assert client.get_certificate(CertificateAuthorityArn=authority.arn, CertificateArn=issued)["Certificate"]
        with refused("AccessDeniedException"):
            client.issue_certificate(**request, TemplateArn=templates.build_arn(templates.name_subordinate_ca(0)))
    source = AssumeRole(endpoint_url=aws.endpoint_url, credentials=aws.credentials)
    lifetime = duration.parse(outputs.data_plane_lifetime)
    plan = Plan(outputs.meshes[0], outputs.certificate_chain, lifetime=lifetime)
    report = verify(outputs, plan, source).report
    assert report.passed, [check for zone in report.zones for check in zone.checks]
