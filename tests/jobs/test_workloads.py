from __future__ import annotations

import base64
import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import kubernetes_validate
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tests.jobs.job_documents import DIGEST, IMAGE, JOBS, VARIANTS, documents, golden_job, golden_mesh, pod_of
from tests.mesh.golden_documents import golden_outputs
from tests.support import AUTHORITY_ARN, contract_document, hierarchy, zone_document
from toolkit import contract
from toolkit.cli.verify import command as verify_command
from toolkit.contract import StackOutputs
from toolkit.errors import InvalidInputError
from toolkit.jobs import verifiers, workloads
from toolkit.jobs.verifiers import JobOptions
from toolkit.mesh.documents.applied import Applied, read_applied
from toolkit.mesh.documents.applied_identity import AppliedIdentity
from toolkit.mesh.documents.reader import read
from toolkit.mesh.render.identity_documents import IdentityOptions, build_identities, render_identities
from toolkit.mesh.render.templating import join_documents
from toolkit.pki import pem
from toolkit.verify.plan import PlanOptions, make_plan

if TYPE_CHECKING:
    from cryptography import x509

    from toolkit.mesh.schema.identity_spec import MeshTrustCreation
    from toolkit.mesh.schema.mesh import Form

OUTPUTS = golden_outputs()


def build(
    options: JobOptions, mesh: Applied | AppliedIdentity | None = None, outputs: StackOutputs = OUTPUTS
) -> workloads.VerifyJob:
    (job,) = verifiers.build(outputs, outputs.zones[:1], options, mesh)
    return job


def outputs_with(**zone: Any) -> StackOutputs:
    document = contract_document(hierarchy())
    document["zones"] = [zone_document("zone-1", "eu-central-1") | zone]
    return StackOutputs.model_validate(document, strict=False)


@pytest.mark.parametrize("name", list(VARIANTS))
def test_golden(name: str) -> None:
    assert workloads.render_job(golden_job(name)) == (JOBS / f"{name}.yaml").read_text()


def test_the_golden_files_are_those_of_the_variants() -> None:
    assert {file.stem for file in JOBS.glob("*.yaml")} == set(VARIANTS)


@pytest.mark.parametrize("name", list(VARIANTS))
def test_toolkit_verify_takes_the_arguments(name: str) -> None:
    job = golden_job(name)
    first, *arguments = pod_of(job.make_workload())["containers"][0]["args"]
    assert first == "verify"
    parsed = verify_command.make_context("verify", arguments).params
    assert parsed["identity"] == "ambient"
    assert parsed["zone_names"] == (job.zone,)
    assert [(form, file and str(file)) for form, file in parsed["outputs"]] == [
        ("wide", None),
        ("compact", "/dev/termination-log"),
    ]
    assert parsed["timeout"] == job.timeout
    # Kubernetes replaces $(NAME) in an argument.
    assert not any("$" in argument for argument in arguments)


def test_the_contract_is_cut_to_the_zone() -> None:
    (first, second) = verifiers.build(OUTPUTS, OUTPUTS.zones, JobOptions(IMAGE))
    for job, zone in ((first, OUTPUTS.zones[0]), (second, OUTPUTS.zones[1])):
        found = contract.parse(job.make_config_map()["data"]["outputs.json"])
        assert found.zones == (zone,)
        assert found.model_copy(update={"zones": OUTPUTS.zones}) == OUTPUTS
        env = {entry["name"]: entry["value"] for entry in pod_of(job.make_workload())["containers"][0]["env"]}
        # botocore reads the one, other clients of AWS the other.
        assert env["AWS_REGION"] == env["AWS_DEFAULT_REGION"] == zone.region


def test_the_pod_is_what_the_zones_role_trusts_unless_chosen() -> None:
    outputs = outputs_with(namespace="mesh", serviceAccount="control.plane")
    own = build(JobOptions(IMAGE), outputs=outputs).make_workload()
    assert own["metadata"]["namespace"] == "mesh"
    assert pod_of(own)["serviceAccountName"] == "control.plane"
    other = build(JobOptions(IMAGE, namespace="a", service_account="b"), outputs=outputs).make_workload()
    assert other["metadata"]["namespace"] == "a"
    assert pod_of(other)["serviceAccountName"] == "b"


def test_the_deadline_leaves_the_verification_its_time() -> None:
    for options in (JobOptions(IMAGE), JobOptions(IMAGE, timeout=600), JobOptions(IMAGE, timeout=600, retries=2)):
        spec = build(options).make_workload()["spec"]
        assert spec["backoffLimit"] == options.retries
        assert spec["activeDeadlineSeconds"] >= (options.timeout + 120) * (options.retries + 1)
        assert ("podFailurePolicy" in spec) == bool(options.retries)


# The Mesh.


def test_the_mesh_says_what_was_applied_and_nothing_else() -> None:
    mesh = golden_mesh()
    text = build(JobOptions(IMAGE), mesh).make_config_map()["data"]["mesh.yaml"]
    assert read_applied(read([("mesh.yaml", text)]))._replace(place=mesh.place) == mesh
    assert not mesh.has_access_key


@pytest.mark.parametrize("form", ["kubernetes", "universal"])
@pytest.mark.parametrize("trust_domain", [None, "{{ .Mesh }}.{{ .Zone }}.example"])
@pytest.mark.parametrize("creation", ["Enabled", "Disabled"])
def test_a_mesh_identity_and_its_trusts_are_what_the_pod_verifies(
    form: Form, trust_domain: str | None, creation: MeshTrustCreation
) -> None:
    options = IdentityOptions(form=form, trust_domain=trust_domain, expiry="12h", mesh_trust_creation=creation)
    made = render_identities(build_identities(OUTPUTS, "default", options), form)
    identity = verifiers.read_applied([("identity.yaml", f"# AKIAOTHER\n{join_documents(made)}")])
    assert isinstance(identity, AppliedIdentity)
    assert identity.bundles
    job = build(JobOptions(IMAGE), identity)
    again = verifiers.read_applied([("mesh.yaml", job.make_config_map()["data"]["mesh.yaml"])])
    assert isinstance(again, AppliedIdentity)
    assert _parse(again.bundles) == _parse(identity.bundles)
    assert again._replace(place="", bundles={}) == identity._replace(place="", bundles={})
    assert "AKIA" not in workloads.render_job(job)
    # The pod's contract has its own zone alone.
    assert make_plan(contract.parse(job.contract), OUTPUTS.zones[:1], PlanOptions(), again).mesh_identity


def _parse(bundles: Mapping[str, str]) -> dict[str, tuple[x509.Certificate, ...]]:
    return {domain: pem.load_certificates(text) for domain, text in bundles.items()}


def mesh_text(**conf: Any) -> str:
    pem = OUTPUTS.certificate_chain
    values = {"arn": AUTHORITY_ARN, "caCert": {"inlineString": pem}, **conf}
    mtls = {"enabledBackend": "a", "backends": [{"name": "a", "type": "acmpca", "conf": values}]}
    return json.dumps({"type": "Mesh", "name": "default", "mtls": mtls})


def test_credentials_of_the_mesh_stay_out() -> None:
    auth = {"awsCredentials": {"accessKey": {"inlineString": "AKIAEXAMPLE"}, "accessKeySecret": {"inline": "c2Vj"}}}
    mesh = verifiers.read_applied([("mesh.yaml", f"# AKIAOTHER\n{mesh_text(auth=auth)}")])
    assert isinstance(mesh, Applied)
    assert mesh.has_access_key
    rendered = workloads.render_job(build(JobOptions(IMAGE), mesh))
    assert "mesh.yaml" in rendered
    assert "AKIA" not in rendered
    assert "c2Vj" not in rendered


@pytest.mark.parametrize("form", ["kubernetes", "universal"])
@pytest.mark.parametrize("value", [b"AKIAIOSFODNN7EXAMPLE", b"\xff", b"-----BEGIN PRIVATE KEY-----\nAA==\n", None])
def test_a_secret_that_is_no_chain_is_refused(form: str, value: bytes | None) -> None:
    data = None if value is None else base64.b64encode(value).decode()
    secret: dict[str, Any] = {"type": "Secret", "mesh": "default", "name": "key", "data": data}
    if form == "kubernetes":
        metadata = {"name": "key", "labels": {"kuma.io/mesh": "default"}}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "system.kuma.io/secret"}
        secret |= {"data": {"value": data}} if data else {"stringData": {"value": "AKIA"}}
    text = f"{mesh_text()}\n---\n{json.dumps(secret)}\n"
    with pytest.raises(InvalidInputError) as caught:
        verifiers.read_applied([("mesh.yaml", text)])
    (problem,) = caught.value.problems
    assert str(problem).startswith("mesh.yaml:3:")
    assert "Secret key is not a chain of certificates: " in problem.message
    assert "AKIA" not in "\n".join(caught.value.lines())


@pytest.mark.parametrize(
    ("conf", "path", "words"),
    [
        ({"arn": AUTHORITY_ARN.replace("1111", "2222")}, "mesh.yaml:1:114 mtls.backends[0].conf.arn", "contract has"),
        ({"commonName": "{{ tag `env` }}"}, "mesh.yaml:1:114 mtls.backends[0].conf.commonName", "needs the tag env"),
        ({"commonName": "{{ 7 }}"}, "mesh.yaml:1:114 mtls.backends[0].conf.commonName", "has an unknown directive"),
        ({"commonName": "x" * 65}, "mesh.yaml:1:114 mtls.backends[0].conf.commonName", "at most 64 are allowed"),
        ({"commonName": " "}, "mesh.yaml:1:114 mtls.backends[0].conf.commonName", "is empty"),
    ],
)
def test_a_mesh_that_the_pod_would_refuse(conf: dict[str, str], path: str, words: str) -> None:
    mesh = verifiers.read_applied([("mesh.yaml", mesh_text(**conf))])
    with pytest.raises(InvalidInputError) as caught:
        build(JobOptions(IMAGE), mesh)
    assert path in {problem.path for problem in caught.value.problems}
    assert words in str(caught.value.problems)


def test_a_trust_domain_with_half_a_character_is_refused() -> None:
    made = render_identities(build_identities(OUTPUTS, "default", IdentityOptions()), "kubernetes")
    identity = verifiers.read_applied([("identity.yaml", join_documents(made))])
    assert isinstance(identity, AppliedIdentity)
    with pytest.raises(InvalidInputError) as caught:
        build(JobOptions(IMAGE), identity._replace(trust_domain="\ud800"))
    assert "half a character" in str(caught.value.problems)


def test_a_bundle_that_kubectl_could_not_apply_is_refused() -> None:
    mesh = golden_mesh()
    large = mesh._replace(bundle=OUTPUTS.certificate_chain * 200)
    with pytest.raises(InvalidInputError, match="ConfigMap of zone zone-1 is too large"):
        workloads.render_job(build(JobOptions(IMAGE), large))


# Names.


@given(zone=st.from_regex(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True), is_cron=st.booleans())
@example(zone="a" * 63, is_cron=True)
@example(zone="a" * 21 + "-" * 20 + "b", is_cron=True)
def test_names_are_short_enough_and_of_their_zone_alone(zone: str, is_cron: bool) -> None:
    options = JobOptions(IMAGE, schedule="@daily" if is_cron else None)
    job = build(options, outputs=outputs_with(name=zone))
    assert re.fullmatch(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?", job.name)
    assert len(job.name) <= (52 if is_cron else 63)
    assert job.name.startswith("toolkit-verify-")
    other = zone[:-1] + ("b" if zone[-1] == "a" else "a")
    assert build(options, outputs=outputs_with(name=other)).name != job.name
    config_map, workload = job.make_config_map(), job.make_workload()
    assert config_map["metadata"]["name"] == workload["metadata"]["name"]
    assert pod_of(workload)["volumes"][0]["configMap"]["name"] == config_map["metadata"]["name"]


LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?")


@pytest.mark.parametrize("name", list(VARIANTS))
def test_labels(name: str) -> None:
    config_map, workload = golden_job(name).make_config_map(), golden_job(name).make_workload()
    spec = workload["spec"]["jobTemplate"]["spec"] if workload["kind"] == "CronJob" else workload["spec"]
    for metadata in (config_map["metadata"], workload["metadata"], spec["template"]["metadata"]):
        labels = metadata["labels"]
        recommended = {f"app.kubernetes.io/{name}" for name in ("name", "instance", "version", "managed-by", "part-of")}
        assert recommended <= labels.keys()
        assert all(LABEL.fullmatch(value) and len(value) <= 63 for value in labels.values())
    assert spec["template"]["metadata"]["labels"]["kuma.io/sidecar-injection"] == "disabled"


# Everything together.

# Fields whose option has another name.
OPTIONS = {"namespace": "--pod-namespace", "service_account": "--pod-service-account", "mesh_name": "--mesh"}
TEXTS: dict[str, Callable[[str], dict[str, Any]]] = {
    name: lambda text, name=name: {name: text}  # type: ignore[misc] # mypy can't infer a lambda with a default
    for name in (
        "image",
        "namespace",
        "service_account",
        "schedule",
        "time_zone",
        "lifetime",
        "horizon",
        "mesh_name",
    )
}
labels = st.from_regex(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)
accounts = st.from_regex(r"[0-9]{12}", fullmatch=True)
# What pydantic takes for a role is what AWS does: letters, digits and +=,.@_- after a path of anything printable.
roles = st.from_regex(r"(?:[!-~]{1,20}/)?[A-Za-z0-9_+=,.@-]{1,64}", fullmatch=True)
sensible = st.fixed_dictionaries(
    {},
    optional={
        "image": st.sampled_from([IMAGE, f"a/b@{DIGEST}", "a:1"]),
        "namespace": labels,
        "service_account": labels,
        "schedule": st.sampled_from(["@daily", "0 6 * * 1", "*/5 * * * *"]),
        "time_zone": st.sampled_from(["Europe/Berlin", "UTC"]),
        "lifetime": st.builds("{}h".format, st.integers(1, 400)),
        "horizon": st.builds("{}d".format, st.integers(0, 400)),
        "mesh_name": st.just("default"),
        "retries": st.integers(0, 5),
        "timeout": st.integers(1, 3600),
        "probe_denials": st.booleans(),
    },
)


def reads_as_the_model(job: workloads.VerifyJob) -> None:
    text = workloads.render_job(job)
    for version in ((1, 1), (1, 2)):
        reader = YAML(typ="safe", pure=True)
        reader.version = version
        assert list(reader.load_all(text)) == [job.make_config_map(), job.make_workload()]


@pytest.mark.slow
@given(
    zone=st.fixed_dictionaries(
        {
            "name": labels,
            "region": st.sampled_from(["eu-central-1", "us-gov-west-1", "cn-north-1"]),
            "accountId": accounts,
            "namespace": labels,
            "serviceAccount": st.from_regex(r"[a-z0-9.-]{1,253}", fullmatch=True),
            "identity": st.sampled_from(["irsa", "pod-identity", "ambient"]),
        }
    ),
    role=roles,
    options=sensible,
    with_mesh=st.booleans(),
)
@settings(max_examples=25)
def test_any_zone_renders_to_exactly_the_model(
    zone: dict[str, Any], role: str, options: dict[str, Any], with_mesh: bool
) -> None:
    arn = f"arn:aws:iam::{zone['accountId']}:role/{role}"
    document = OUTPUTS.to_exports() | {"zones": [zone | {"roleArn": arn, "verifierRoleArn": arn}]}
    outputs = StackOutputs.model_validate(document, strict=False)
    try:
        job = build(JobOptions(**{"image": IMAGE, **options}), golden_mesh() if with_mesh else None, outputs)
    except InvalidInputError as error:
        # The contract takes names of service accounts that Kubernetes does not.
        assert {problem.path for problem in error.problems} <= {"zones[0].serviceAccount", "--time-zone"}
        return
    reads_as_the_model(job)
    for text in documents(workloads.render_job(job)):
        kubernetes_validate.validate(text, kubernetes_validate.latest_version(), strict=True)


@given(
    text=st.one_of(
        st.text(),
        st.sampled_from(["yes", "~", "1e3", "$(HOME)", "a: b", "\ud800", "\x00", "{{ 7 }}", "a\nb", "-", "x" * 5000]),
    ),
    field=st.sampled_from(list(TEXTS)),
)
def test_any_text_in_any_option_is_data_or_is_refused(text: str, field: str) -> None:
    try:
        job = build(dataclasses.replace(JobOptions(IMAGE), **TEXTS[field](text)))
    except InvalidInputError as error:
        assert [problem.path for problem in error.problems] == [OPTIONS.get(field, f"--{field.replace('_', '-')}")]
        return
    reads_as_the_model(job)


@given(common_name=st.text(max_size=64))
@example("\ud800")
@example("🙂\x85\u2028")
@settings(max_examples=50)
def test_any_common_name_of_a_mesh_is_data_or_is_refused(common_name: str) -> None:
    said = Applied("default", OUTPUTS.certificate_chain, common_name, AUTHORITY_ARN, has_access_key=False)
    try:
        job = build(JobOptions(IMAGE), said)
    except InvalidInputError as error:
        assert {problem.path for problem in error.problems} == {"-f: conf.commonName"}
        return
    reads_as_the_model(job)
    found = read_applied(read([("x", job.make_config_map()["data"]["mesh.yaml"])]))
    assert found.common_name == common_name
    assert pem.load_certificates(found.bundle) == pem.load_certificates(OUTPUTS.certificate_chain)


def test_everything_wrong_is_said_at_once() -> None:
    options = JobOptions("x", "N", "-", "soon", "Local", lifetime="1d12h", horizon="x", mesh_name="other")
    with pytest.raises(InvalidInputError) as caught:
        verifiers.build(outputs_with(), outputs_with().zones, options)
    assert [problem.path for problem in caught.value.problems] == [
        "--image",
        "--schedule",
        "--time-zone",
        "--lifetime",
        "--horizon",
        "--mesh",
        "--pod-namespace",
        "--pod-service-account",
    ]


def test_what_is_wrong_everywhere_is_said_once() -> None:
    with pytest.raises(InvalidInputError) as caught:
        verifiers.build(OUTPUTS, OUTPUTS.zones, JobOptions(IMAGE, namespace="N"))
    assert len(caught.value.problems) == 1


def test_a_time_zone_needs_a_schedule() -> None:
    with pytest.raises(InvalidInputError) as caught:
        build(JobOptions(IMAGE, time_zone="UTC"))
    assert str(caught.value.problems[0]) == "--time-zone: has no effect without --schedule"
