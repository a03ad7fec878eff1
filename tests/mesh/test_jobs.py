from __future__ import annotations

import base64
import copy
import dataclasses
import json
import re
from typing import TYPE_CHECKING, Any

import kubernetes_validate
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tests.mesh.documents import golden_outputs
from tests.mesh.job_documents import DIGEST, IMAGE, JOBS, VARIANTS, documents, golden_job, golden_mesh, pod_of
from tests.support import AUTHORITY_ARN, contract_document, hierarchy, zone_document
from toolkit import contract
from toolkit.cli.verify import command as verify_command
from toolkit.contract import StackOutputs
from toolkit.errors import InvalidInputError
from toolkit.mesh import cron, image, job_building, jobs, trust
from toolkit.mesh.job_building import AppliedMesh, JobOptions
from toolkit.pki import chain

if TYPE_CHECKING:
    from collections.abc import Callable

_MAJOR, _MINOR = map(int, kubernetes_validate.latest_version().split(".")[:2])
KUBERNETES = [f"{_MAJOR}.{minor}" for minor in range(_MINOR - 2, _MINOR + 1)]
OUTPUTS = golden_outputs()


def build(options: JobOptions, mesh: AppliedMesh | None = None, outputs: StackOutputs = OUTPUTS) -> jobs.VerifyJob:
    (job,) = job_building.build(outputs, outputs.zones[:1], options, mesh)
    return job


def outputs_with(**zone: Any) -> StackOutputs:
    document = contract_document(hierarchy())
    document["zones"] = [zone_document("zone-1", "eu-central-1") | zone]
    return StackOutputs.model_validate(document, strict=False)


@pytest.mark.parametrize("name", list(VARIANTS))
def test_golden(name: str) -> None:
    assert jobs.render_job(golden_job(name)) == (JOBS / f"{name}.yaml").read_text()


def test_the_golden_files_are_those_of_the_variants() -> None:
    assert {file.stem for file in JOBS.glob("*.yaml")} == set(VARIANTS)


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("name", list(VARIANTS))
def test_kubernetes_takes_every_document(name: str, version: str) -> None:
    found = documents((JOBS / f"{name}.yaml").read_text())
    assert [document["kind"] for document in found] == ["ConfigMap", "CronJob" if "cron" in name else "Job"]
    for document in found:
        kubernetes_validate.validate(document, version, strict=True)


# The controls of the restricted Pod Security Standard, which contains the baseline
# (kubernetes/website:content/en/docs/concepts/security/pod-security-standards.md).
_VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret",
}  # fmt: skip
_SECCOMP = ("RuntimeDefault", "Localhost")


def restricted_problems(pod: dict[str, Any]) -> list[str]:
    """Every control of the standard that the spec of a pod violates, by its name in the standard."""
    shared = pod.get("securityContext", {})
    containers = [*pod.get("initContainers", []), *pod["containers"], *pod.get("ephemeralContainers", [])]
    contexts = [container.get("securityContext", {}) for container in containers]

    def every(name: str, *, good: object) -> bool:
        return all(context.get(name, shared.get(name)) is good for context in contexts)

    def nowhere(name: str) -> bool:
        return not any(context.get(name) for context in [shared, *contexts])

    capabilities = [context.get("capabilities", {}) for context in contexts]
    ports = [port for container in containers for port in container.get("ports", [])]
    probes = [
        action
        for container in containers
        for name in ("livenessProbe", "readinessProbe", "startupProbe")
        for action in container.get(name, {}).values()
        if isinstance(action, dict)
    ]
    users = [context.get("runAsUser", shared.get("runAsUser")) for context in contexts]
    kinds = {kind for volume in pod.get("volumes", []) for kind in volume if kind != "name"}
    seccomp = [context.get("seccompProfile", shared.get("seccompProfile", {})).get("type") for context in contexts]
    rules = {
        "HostProcess": nowhere("windowsOptions"),
        "Host Namespaces": not any(pod.get(name) for name in ("hostNetwork", "hostPID", "hostIPC")),
        "Privileged Containers": nowhere("privileged"),
        "Capabilities": all(
            found.get("drop") == ["ALL"] and set(found.get("add", [])) <= {"NET_BIND_SERVICE"} for found in capabilities
        ),
        "Host Ports": not any(port.get("hostPort") for port in ports),
        "Host Probes": not any(action.get("host") for action in probes),
        "AppArmor": nowhere("appArmorProfile"),
        "SELinux": nowhere("seLinuxOptions"),
        "/proc Mount Type": nowhere("procMount"),
        "Seccomp": all(kind in _SECCOMP for kind in seccomp),
        "Sysctls": nowhere("sysctls"),
        "Volume Types": kinds <= _VOLUMES,
        "Privilege Escalation": all(context.get("allowPrivilegeEscalation") is False for context in contexts),
        "Running as Non-root": every("runAsNonRoot", good=True),
        "Running as Non-root user": 0 not in users,
    }
    return [name for name, holds in rules.items() if not holds]


@pytest.mark.parametrize("name", list(VARIANTS))
def test_the_pod_keeps_to_the_restricted_pod_security_standard(name: str) -> None:
    pod = pod_of(golden_job(name).workload())
    assert restricted_problems(pod) == []
    (container,) = pod["containers"]
    # And beyond it.
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsUser"] > 10_000
    assert pod["restartPolicy"] == "Never"
    assert set(container["resources"]["requests"]) == set(container["resources"]["limits"]) == {"cpu", "memory"}


@pytest.mark.parametrize(
    ("path", "value", "control"),
    [
        (("hostNetwork",), True, "Host Namespaces"),
        (("securityContext", "runAsNonRoot"), False, "Running as Non-root"),
        (("securityContext", "runAsUser"), 0, "Running as Non-root user"),
        (("securityContext", "seccompProfile", "type"), "Unconfined", "Seccomp"),
        (("securityContext", "sysctls"), [{"name": "kernel.msgmax", "value": "1"}], "Sysctls"),
        (("containers", 0, "securityContext", "allowPrivilegeEscalation"), True, "Privilege Escalation"),
        (("containers", 0, "securityContext", "capabilities", "drop"), ["NET_RAW"], "Capabilities"),
        (("containers", 0, "securityContext", "capabilities", "add"), ["SYS_ADMIN"], "Capabilities"),
        (("containers", 0, "securityContext", "privileged"), True, "Privileged Containers"),
        (("containers", 0, "ports"), [{"containerPort": 1, "hostPort": 1}], "Host Ports"),
        (("volumes", 1), {"name": "tmp", "hostPath": {"path": "/"}}, "Volume Types"),
    ],
)
def test_the_standard_is_really_looked_at(path: tuple[str | int, ...], value: object, control: str) -> None:
    pod: Any = copy.deepcopy(pod_of(golden_job("job").workload()))
    *way, last = path
    place = pod
    for step in way:
        place = place[step]
    place[last] = value
    assert restricted_problems(pod) == [control]


@pytest.mark.parametrize("name", list(VARIANTS))
def test_toolkit_verify_takes_the_arguments(name: str) -> None:
    job = golden_job(name)
    first, *arguments = pod_of(job.workload())["containers"][0]["args"]
    assert first == "verify"
    parsed = verify_command.make_context("verify", arguments).params
    assert parsed["identity"] == "ambient"
    assert parsed["zone_names"] == (job.zone,)
    assert [(report.form, str(report.file)) for report in parsed["reports"]] == [("compact", "/dev/termination-log")]
    assert parsed["timeout"] == job.timeout
    # Kubernetes replaces $(NAME) in an argument.
    assert not any("$" in argument for argument in arguments)


def test_the_contract_is_cut_to_the_zone() -> None:
    (first, second) = job_building.build(OUTPUTS, OUTPUTS.zones, JobOptions(IMAGE))
    for job, zone in ((first, OUTPUTS.zones[0]), (second, OUTPUTS.zones[1])):
        found = contract.parse(job.config_map()["data"]["outputs.json"])
        assert found.zones == (zone,)
        assert found.model_copy(update={"zones": OUTPUTS.zones}) == OUTPUTS
        env = {entry["name"]: entry["value"] for entry in pod_of(job.workload())["containers"][0]["env"]}
        # botocore reads the one, other clients of AWS the other.
        assert env["AWS_REGION"] == env["AWS_DEFAULT_REGION"] == zone.region


def test_the_pod_is_what_the_zones_role_trusts_unless_chosen() -> None:
    outputs = outputs_with(namespace="mesh", serviceAccount="control.plane")
    own = build(JobOptions(IMAGE), outputs=outputs).workload()
    assert own["metadata"]["namespace"] == "mesh"
    assert pod_of(own)["serviceAccountName"] == "control.plane"
    other = build(JobOptions(IMAGE, namespace="a", service_account="b"), outputs=outputs).workload()
    assert other["metadata"]["namespace"] == "a"
    assert pod_of(other)["serviceAccountName"] == "b"


def test_the_deadline_leaves_the_verification_its_time() -> None:
    for options in (JobOptions(IMAGE), JobOptions(IMAGE, timeout=600), JobOptions(IMAGE, timeout=600, retries=2)):
        spec = build(options).workload()["spec"]
        assert spec["backoffLimit"] == options.retries
        assert spec["activeDeadlineSeconds"] >= (options.timeout + 120) * (options.retries + 1)
        assert ("podFailurePolicy" in spec) == bool(options.retries)


# The Mesh.


def test_the_mesh_says_what_was_applied_and_nothing_else() -> None:
    mesh = golden_mesh()
    text = build(JobOptions(IMAGE), mesh).config_map()["data"]["mesh.yaml"]
    assert trust.applied([("mesh.yaml", text)]) == mesh.said
    assert not mesh.has_access_key


def mesh_text(**conf: Any) -> str:
    pem = OUTPUTS.certificate_chain
    values = {"arn": AUTHORITY_ARN, "caCert": {"inlineString": pem}, **conf}
    mtls = {"enabledBackend": "a", "backends": [{"name": "a", "type": "acmpca", "conf": values}]}
    return json.dumps({"type": "Mesh", "name": "default", "mtls": mtls})


def test_credentials_of_the_mesh_stay_out() -> None:
    auth = {"awsCredentials": {"accessKey": {"inlineString": "AKIAEXAMPLE"}, "accessKeySecret": {"inline": "c2Vj"}}}
    mesh = job_building.read_mesh([("mesh.yaml", f"# AKIAOTHER\n{mesh_text(auth=auth)}")])
    assert mesh.has_access_key
    rendered = jobs.render_job(build(JobOptions(IMAGE), mesh))
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
        job_building.read_mesh([("mesh.yaml", text)])
    assert [str(problem) for problem in caught.value.problems] == [
        "mesh.yaml: Secret key: holds no chain of certificates"
    ]
    assert "AKIA" not in "\n".join(caught.value.lines())


@pytest.mark.parametrize(
    ("conf", "path", "words"),
    [
        ({"arn": AUTHORITY_ARN.replace("1111", "2222")}, "--mesh: conf.arn", "the stack has"),
        ({"commonName": "{{ tag `env` }}"}, "--mesh: conf.commonName", "can't be expanded"),
        ({"commonName": "{{ 7 }}"}, "--mesh: conf.commonName", "can't be expanded"),
        ({"commonName": "x" * 65}, "--mesh: conf.commonName", "too long in zone zone-1"),
        ({"commonName": " "}, "--mesh: conf.commonName", "is empty"),
    ],
)
def test_a_mesh_that_the_pod_would_refuse(conf: dict[str, str], path: str, words: str) -> None:
    mesh = job_building.read_mesh([("mesh.yaml", mesh_text(**conf))])
    with pytest.raises(InvalidInputError) as caught:
        build(JobOptions(IMAGE), mesh)
    assert path in {problem.path for problem in caught.value.problems}
    assert words in str(caught.value.problems)


def test_a_bundle_that_kubectl_could_not_apply_is_refused() -> None:
    mesh = golden_mesh()
    large = mesh.said._replace(bundle=OUTPUTS.certificate_chain * 200)
    with pytest.raises(InvalidInputError, match="ConfigMap of zone zone-1 is too large"):
        jobs.render_job(build(JobOptions(IMAGE), AppliedMesh(large, has_access_key=False)))


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
    config_map, workload = job.config_map(), job.workload()
    assert config_map["metadata"]["name"] == workload["metadata"]["name"]
    assert pod_of(workload)["volumes"][0]["configMap"]["name"] == config_map["metadata"]["name"]


LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?")


@pytest.mark.parametrize("name", list(VARIANTS))
def test_labels(name: str) -> None:
    config_map, workload = golden_job(name).config_map(), golden_job(name).workload()
    spec = workload["spec"]["jobTemplate"]["spec"] if workload["kind"] == "CronJob" else workload["spec"]
    for metadata in (config_map["metadata"], workload["metadata"], spec["template"]["metadata"]):
        labels = metadata["labels"]
        recommended = {f"app.kubernetes.io/{name}" for name in ("name", "instance", "version", "managed-by", "part-of")}
        assert recommended <= labels.keys()
        assert all(LABEL.fullmatch(value) and len(value) <= 63 for value in labels.values())
    assert spec["template"]["metadata"]["labels"]["kuma.io/sidecar-injection"] == "disabled"


# Images.


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("toolkit:1", "1"),
        ("toolkit:v1.2.3-rc.1", "v1.2.3-rc.1"),
        ("localhost:5000/a/b__c/d.e-f:0.1.0", "0.1.0"),
        ("123456789012.dkr.ecr.eu-central-1.amazonaws.com/toolkit:0.1.0", "0.1.0"),
        (f"r.example/toolkit@{DIGEST}", "sha256-0123456789ab"),
        (f"r.example/toolkit:latest@{DIGEST}", "latest"),
        ("toolkit:_1_", "1"),
        ("toolkit:" + "1" * 128, "1" * 63),
    ],
)
def test_images_that_are_pinned(text: str, version: str) -> None:
    assert image.pinned(text) == (text, version)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("toolkit", "has no tag, so it means latest"),
        ("localhost:5000/toolkit", "has no tag, so it means latest"),
        ("toolkit:latest", "the tag 'latest' is no version"),
        ("toolkit:main", "the tag 'main' is no version"),
        ("", "is no image"),
        ("Toolkit:1", "is no image"),
        ("toolkit:1 ", "is no image"),
        ("toolkit:1\n", "is no image"),
        ("https://r.example/toolkit:1", "is no image"),
        ("toolkit@sha256:abc", "is no image"),
        (f"toolkit@{DIGEST.upper()}", "is no image"),
        ("toolkit:" + "1" * 129, "is no image"),
        ("a/" * 1000 + "b:1", "is no image"),
        ("tööl:1", "is no image"),
        ("toolkit:\u0661", "is no image"),
    ],
)
def test_images_that_are_not(text: str, words: str) -> None:
    with pytest.raises(ValueError, match="name a version") as caught:
        image.pinned(text)
    assert words in str(caught.value)


# Schedules.


@pytest.mark.parametrize(
    "text",
    [
        *cron.MACROS,
        "* * * * *",
        "0 6 * * 1",
        "*/15 0-6/2 1,15 jan-mar MON-FRI",
        "5/10 ? * * ?",
        "0 0 29 2 *",
        "0 0 31 1-3 *",
        # A day of the week makes a day of the month one of two ways.
        "0 0 31 2 1",
        "0 0 31 2 */2",
    ],
)
def test_schedules(text: str) -> None:
    assert cron.schedule(text) == text
    assert cron.schedule(f" {text.replace(' ', '  ')} ") == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "five fields"),
        ("0 6 * *", "five fields"),
        ("0 0 6 * * *", "five fields"),
        ("@every 1h", "five fields"),
        ("@reboot", "five fields"),
        ("@Daily", "five fields"),
        ("TZ=UTC 0 6 * * *", "--time-zone"),
        ("CRON_TZ=Europe/Berlin 0 6 * * *", "--time-zone"),
        ("60 * * * *", "minute: 60 is not 0 to 59"),
        ("* 24 * * *", "hour: 24 is not 0 to 23"),
        ("* * 0 * *", "day of month: 0 is not 1 to 31"),
        ("* * * 13 *", "month: 13 is not 1 to 12 or jan to dec"),
        ("* * * * 7", "day of week: 7 is not 0 to 6 or sun to sat"),
        ("* * * * january", "is no number, range or step"),
        ("* * * mon *", "month: mon is not"),
        ("30-10 * * * *", "ends before it begins"),
        ("*/0 * * * *", "has a step of 0"),
        ("1,,2 * * * *", "is no number, range or step"),
        ("*-5 * * * *", "is no number, range or step"),
        ("-5 * * * *", "is no number, range or step"),
        ("1-2-3 * * * *", "is no number, range or step"),
        ("\u0663 * * * *", "is no number, range or step"),
        ("99999999999999999999 * * * *", "is no number, range or step"),
        ("0 0 31 2 *", "a day that never comes"),
        ("0 0 30-31 feb ?", "a day that never comes"),
        ("0 0 31 4,6,9,11 *", "a day that never comes"),
    ],
)
def test_what_is_no_schedule(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        cron.schedule(text)


@pytest.mark.parametrize("text", ["Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "UTC"])
def test_time_zones(text: str) -> None:
    assert cron.time_zone(text) == text


@pytest.mark.parametrize(
    "text", ["", "Local", "local", "localtime", "Europe/Atlantis", "../etc", "/UTC", "UTC ", "x" * 65]
)
def test_what_is_no_time_zone(text: str) -> None:
    with pytest.raises(ValueError, match="IANA"):
        cron.time_zone(text)


def test_a_machine_without_time_zones_looks_at_the_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoneinfo.available_timezones", set)
    assert cron.time_zone("Europe/Atlantis") == "Europe/Atlantis"
    with pytest.raises(ValueError, match="IANA"):
        cron.time_zone("Local")


# Everything together.

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


def reads_as_the_model(job: jobs.VerifyJob) -> None:
    text = jobs.render_job(job)
    for version in ((1, 1), (1, 2)):
        reader = YAML(typ="safe", pure=True)
        reader.version = version
        assert list(reader.load_all(text)) == [job.config_map(), job.workload()]


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
    for text in documents(jobs.render_job(job)):
        kubernetes_validate.validate(text, KUBERNETES[-1], strict=True)


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
        assert [problem.path for problem in error.problems] == [f"--{field.replace('_', '-')}"]
        return
    reads_as_the_model(job)


@given(common_name=st.text(max_size=64))
@example("\ud800")
@example("🙂\x85\u2028")
@settings(max_examples=50)
def test_any_common_name_of_a_mesh_is_data_or_is_refused(common_name: str) -> None:
    said = trust.Applied("default", OUTPUTS.certificate_chain, common_name, AUTHORITY_ARN)
    try:
        job = build(JobOptions(IMAGE), AppliedMesh(said, has_access_key=False))
    except InvalidInputError as error:
        assert {problem.path for problem in error.problems} == {"--mesh: conf.commonName"}
        return
    reads_as_the_model(job)
    found = trust.applied([("x", job.config_map()["data"]["mesh.yaml"])])
    assert found.common_name == common_name
    assert chain.load_bundle(found.bundle) == chain.load_bundle(OUTPUTS.certificate_chain)


def test_everything_wrong_is_said_at_once() -> None:
    options = JobOptions("x", "N", "-", "soon", "Local", lifetime="1d12h", horizon="x", mesh_name="other")
    with pytest.raises(InvalidInputError) as caught:
        job_building.build(outputs_with(), outputs_with().zones, options)
    assert [problem.path for problem in caught.value.problems] == [
        "--image",
        "--schedule",
        "--time-zone",
        "--lifetime",
        "--horizon",
        "--mesh-name",
        "--namespace",
        "--service-account",
    ]


def test_what_is_wrong_everywhere_is_said_once() -> None:
    with pytest.raises(InvalidInputError) as caught:
        job_building.build(OUTPUTS, OUTPUTS.zones, JobOptions(IMAGE, namespace="N"))
    assert len(caught.value.problems) == 1


def test_a_time_zone_needs_a_schedule() -> None:
    with pytest.raises(InvalidInputError) as caught:
        build(JobOptions(IMAGE, time_zone="UTC"))
    assert str(caught.value.problems[0]) == "--time-zone: is of no use without --schedule"
