"""Every property that the program sets exists in pulumi-aws's own typed classes.

Pulumi's mocks accept any property name. The classes of the installed pulumi-aws list the real ones. So a new version
that renames or removes a property fails here, and not in a user's `pulumi up`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi_aws
import pytest

from tests.infra.conftest import FakeAws, Graph, Registered, RunProgram, stack_csr
from tests.infra.schema import PROVIDER, Check
from tests.infra.shapes import NAMES, changed, functions, roles_that_exist, shape, signed_for_the_stack
from toolkit.files import find_project_root

if TYPE_CHECKING:
    from toolkit.sandbox.pulumi.program import StackConfig


@dataclass
class Run:
    """What the program said to Pulumi."""

    resources: list[Registered]
    invoked: list[tuple[str, dict[str, Any]]]

    def check(self) -> Check:
        check = Check()
        for item in self.resources:
            check.resource(item.type, item.inputs, list(item.request.ignoreChanges), item.name)
        for token, arguments in self.invoked:
            check.function(token, arguments)
        return check


_runs: dict[str, Run] = {}


def observe(run_program: RunProgram, name: str, config: StackConfig, answers: Mapping[str, Any]) -> Run:
    """Run the program with that stack, once for all tests."""
    if name not in _runs:
        invoked: list[tuple[str, dict[str, Any]]] = []
        answer = FakeAws.call

        def call(self: FakeAws, args: Any) -> Any:
            invoked.append((args.token, dict(args.args)))
            return answer(self, args)

        graph = Graph()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(FakeAws, "call", call)
            run_program(config, functions=answers, graph=graph)
        custom = [item for item in graph.resources if item.request.custom]
        _runs[name] = Run(custom, invoked)
    return _runs[name]


def shapes() -> Iterator[tuple[str, StackConfig, Mapping[str, Any]]]:
    for name in NAMES:
        if name != "under-external-ca":
            yield name, shape(name), functions()
    waiting = shape("under-external-ca")
    pending = {"getCertificateAuthority": lambda args: {"arn": args["arn"], "status": "PENDING_CERTIFICATE"}}
    yield "under-external-ca, pending", waiting, pending
    certificate, above = signed_for_the_stack(stack_csr())
    signed = changed(waiting, issuedCertificate=certificate, issuedCertificateChain=above)
    yield "under-external-ca, signed", signed, {}
    machine = {"name": "frankfurt", "region": "eu-central-1", "identity": "ambient"}
    yield "governed, there already", changed(shape("governed"), zones=[machine]), roles_that_exist()
    elsewhere = shape("adopt").values["kong-mesh-pca:adoptArn"].replace("eu-central-1", "eu-west-1")
    yield "adopt, in another region", changed(shape("adopt"), adoptArn=elsewhere, alarms=True), functions()


SHAPES = {name: (config, answers) for name, config, answers in shapes()}


@pytest.mark.parametrize("name", SHAPES)
def test_every_property_is_one_that_pulumi_aws_has(run_program: RunProgram, name: str) -> None:
    run = observe(run_program, name, *SHAPES[name])
    assert run.resources
    assert {token for token, _ in run.invoked} >= {"aws:index/getCallerIdentity:getCallerIdentity"}
    assert run.check().problems == []


def _named_in(source: ast.AST) -> Iterator[tuple[Any, set[str]]]:
    """What a module calls of pulumi-aws, and with which arguments."""
    aliases: dict[str, Any] = {}
    for node in ast.walk(source):
        if isinstance(node, ast.ImportFrom) and node.module == "pulumi_aws":
            aliases |= {name.asname or name.name: getattr(pulumi_aws, name.name) for name in node.names}
        elif isinstance(node, ast.Import):
            aliases |= {name.asname or name.name: pulumi_aws for name in node.names if name.name == "pulumi_aws"}
    for node in ast.walk(source):
        if isinstance(node, ast.Call):
            base, *path = ast.unparse(node.func).split(".")
            if base in aliases and all(part.isidentifier() for part in path):
                thing = aliases[base]
                for part in path:
                    thing = getattr(thing, part.removesuffix("_output"))
                yield thing, {word.arg for word in node.keywords if word.arg and word.arg != "opts"}


def test_the_shapes_reach_all_that_the_program_names(run_program: RunProgram) -> None:
    """What no shape sets, nothing above looks at."""
    seen: set[tuple[Any, str]] = set()
    for name, (config, answers) in SHAPES.items():
        seen |= observe(run_program, name, config, answers).check().seen
    named = {
        (thing, argument)
        for path in sorted((find_project_root() / "toolkit" / "infra").glob("*.py"))
        for thing, arguments in _named_in(ast.parse(path.read_text(encoding="utf-8")))
        for argument in {"", *arguments}
    }
    assert len(named) > 100
    missed = sorted(f"{thing.__name__}.{argument}".rstrip(".") for thing, argument in named - seen)
    assert missed == []


CERTIFICATE = "aws:acmpca/certificate:Certificate"
AUTHORITY = "aws:acmpca/certificateAuthority:CertificateAuthority"
GOOD = {
    "certificateAuthorityArn": "arn",
    "certificateSigningRequest": "pem",
    "signingAlgorithm": "SHA256WITHECDSA",
    "validity": {"type": "YEARS", "value": "3"},
}
SUBJECT = {"commonName": "Root CA"}
CONFIGURATION = {"keyAlgorithm": "EC_prime256v1", "signingAlgorithm": "SHA256WITHECDSA", "subject": SUBJECT}


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in GOOD.items() if key != name}


@pytest.mark.parametrize(
    ("token", "inputs", "problem"),
    [
        (CERTIFICATE, {**GOOD, "templateARN": "arn"}, "it.templateARN: CertificateArgs has no such property"),
        (CERTIFICATE, without("validity"), "it.validity: is missing"),
        (CERTIFICATE, {**GOOD, "validity": {"type": "YEARS"}}, "it.validity.value: is missing"),
        (CERTIFICATE, {**GOOD, "validity": [GOOD["validity"]]}, "it.validity: is list, which CertificateValidityArgs"),
        (CERTIFICATE, {**GOOD, "validity": {"type": "YEARS", "value": 3}}, "it.validity.value: is int, which str"),
        (
            AUTHORITY,
            {"certificateAuthorityConfiguration": {**CONFIGURATION, **SUBJECT}},
            "it.certificateAuthorityConfiguration.commonName: Certificate",
        ),
        (
            AUTHORITY,
            {"certificateAuthorityConfiguration": CONFIGURATION, "enabled": 1.0},
            "it.enabled: is float, which bool does not take",
        ),
        (
            AUTHORITY,
            {"certificateAuthorityConfiguration": CONFIGURATION, "permanentDeletionTimeInDays": True},
            "it.permanentDeletionTimeInDays: is bool, which int does not take",
        ),
        (AUTHORITY, {"certificateAuthorityConfiguration": CONFIGURATION, "tags": {"a": 1.0}}, "it.tags.a: is float"),
        ("aws:sns/topic:Topic", {"tags": "a=b"}, "it.tags: is str"),
        ("aws:acmpca/authority:Authority", {}, "it: pulumi-aws has no class for aws:acmpca/authority:Authority"),
        ("aws:s3/bucketV2:BucketV2", {}, "it: aws:s3/bucketV2:BucketV2 is deprecated"),
        ("aws:s3/bucket:Bucket", {"acl": "private"}, "it.acl: is deprecated"),
        ("aws:iam/role:Role", {"assumeRolePolicy": "{}", "managedPolicyArns": []}, "it.managedPolicyArns: is dep"),
        (
            "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
            {"bucket": "b", "rules": [{"id": "r", "status": "Enabled", "prefix": ""}]},
            "it.rules[0].prefix: is deprecated",
        ),
        (PROVIDER, {"assumeRoles": '[{"role": "arn"}]'}, "it.assumeRoles[0].role: ProviderAssumeRoleArgs has no"),
    ],
)
def test_what_is_wrong_with_a_resource_is_found(token: str, inputs: dict[str, Any], problem: str) -> None:
    check = Check()
    check.resource(token, inputs, [])
    (found,) = check.problems
    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("token", "arguments", "problem"),
    [
        ("aws:s3/getBucket:getBucket", {"name": "b"}, "aws:s3/getBucket:getBucket.name: get_bucket has no name"),
        ("aws:s3/getBucket:getBucket", {"bucket": 1.0}, "aws:s3/getBucket:getBucket.bucket: is float, which str"),
        ("aws:s3/getBucket:getBucket", {"opts": "b"}, "aws:s3/getBucket:getBucket.opts: get_bucket has no opts"),
        ("aws:s3/getPail:getPail", {}, "pulumi-aws has no function for aws:s3/getPail:getPail"),
        ("aws:s3/getBucketObject:getBucketObject", {}, "aws:s3/getBucketObject:getBucketObject is deprecated"),
    ],
)
def test_what_is_wrong_with_a_function_is_found(token: str, arguments: dict[str, Any], problem: str) -> None:
    check = Check()
    check.function(token, arguments)
    (found,) = check.problems
    assert found.startswith(problem)


def test_what_is_ignored_must_be_an_input() -> None:
    check = Check()
    check.resource(CERTIFICATE, GOOD, ["validity.value", "arn", "templateArns"])
    assert [problem.split(": ")[1] for problem in check.problems] == [
        "ignoreChanges of arn, which Certificate does not have",
        "ignoreChanges of templateArns, which Certificate does not have",
    ]
