from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from toolkit import contract
from toolkit.errors import ExternalError, InvalidInputError
from toolkit.files import find_project_root
from toolkit.infra.settings import SettingsError
from toolkit.sandbox.pulumi import program, stack_file
from toolkit.sandbox.server import Sandbox

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project whose files a test may change."""
    for name in ("Pulumi.yaml", "__main__.py"):
        shutil.copy(find_project_root() / name, tmp_path / name)
    shutil.copytree(find_project_root() / "stacks", tmp_path / "stacks")
    return tmp_path


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_defaults_come_from_the_project_and_values_from_the_stack() -> None:
    values = program.read_stack(find_project_root(), "dev").values
    assert values["kong-mesh-pca:topology"] == "root"
    assert values["kong-mesh-pca:keyAlgorithm"] == "EC_prime256v1"
    assert values["kong-mesh-pca:rootValidityYears"] == "3"
    assert json.loads(values["kong-mesh-pca:meshes"]) == ["default"]
    assert json.loads(values["kong-mesh-pca:zones"])[0]["name"] == "dev"
    assert values["aws:region"] == "eu-central-1"


@pytest.mark.parametrize("stack", ["dev", "prod", "sandbox"])
def test_the_stacks_settings_are_those_that_the_project_declares(stack: str) -> None:
    declared = stack_file._read_yaml(find_project_root() / "Pulumi.yaml")["config"]
    known = {f"kong-mesh-pca:{key}" for key in declared} | {"kong-mesh-pca:zones"}
    values = program.read_stack(find_project_root(), stack).values
    assert {key for key in values if not key.startswith("aws:")} <= known


def test_the_stack_of_the_sandbox_runs(aws: TestSandbox) -> None:
    outputs = program.run(find_project_root(), program.read_stack(find_project_root(), "sandbox"), aws)
    assert [zone["name"] for zone in outputs["zones"]] == ["zone-1", "zone-2"]


def test_a_stack_that_is_not_there(project: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"can't read .*Pulumi\.staging\.yaml"):
        program.read_stack(project, "staging")


def test_a_stack_with_secrets(project: Path) -> None:
    change(project / "stacks" / "Pulumi.dev.yaml", "kong-mesh-pca:topology: root", "x:token: {secure: abc}")
    with pytest.raises(InvalidInputError) as caught:
        program.read_stack(project, "dev")
    assert caught.value.problems[0].path == "x:token"


@pytest.mark.parametrize("text", ["", "- a", "a: b: c", "config: [\n", "\x00"])
def test_a_stack_file_that_is_broken(project: Path, text: str) -> None:
    (project / "stacks" / "Pulumi.dev.yaml").write_text(text)
    with pytest.raises(InvalidInputError, match="is not"):
        program.read_stack(project, "dev")


def test_a_stack_without_a_region(aws: TestSandbox, project: Path) -> None:
    change(project / "stacks" / "Pulumi.dev.yaml", "aws:region: eu-central-1\n", "x:y: z\n")
    with pytest.raises(InvalidInputError, match="sets no region"):
        program.run(project, program.read_stack(project, "dev"), aws)


def test_settings_that_are_refused_create_nothing(aws: TestSandbox, project: Path) -> None:
    change(project / "stacks" / "Pulumi.dev.yaml", "rootValidityYears: 3", "rootValidityYears: 99")
    before = set(aws.private_ca.registry.authorities)
    with pytest.raises(SettingsError, match="kong-mesh-pca:rootValidityYears"):
        program.run(project, program.read_stack(project, "dev"), aws)
    assert set(aws.private_ca.registry.authorities) == before


def test_what_aws_refuses_is_said_with_the_resources_name(aws: TestSandbox, project: Path) -> None:
    change(project / "__main__.py", "import pulumi\n", "import pulumi\nimport pulumi_aws as aws\n")
    with (project / "__main__.py").open("a") as stream:
        stream.write("for n in (1, 2): aws.iam.Role(f'twin-{n}', name='twin', assume_role_policy='{}')\n")
    with pytest.raises(ExternalError, match=r"can't be created: twin-\d \(Role\): .*EntityAlreadyExists"):
        program.run(project, program.read_stack(project, "dev"), aws)


def test_what_the_sandbox_does_not_have_is_said_by_name(aws: TestSandbox, project: Path) -> None:
    change(project / "__main__.py", "import pulumi\n", "import pulumi\nimport pulumi_aws as aws\n")
    with (project / "__main__.py").open("a") as stream:
        stream.write("aws.sqs.Queue('queue')\n")
    with pytest.raises(ExternalError, match=r"queue: aws:sqs/queue:Queue is not in the sandbox"):
        program.run(project, program.read_stack(project, "dev"), aws)


def test_it_runs_again_and_again(aws: TestSandbox) -> None:
    config = program.read_stack(find_project_root(), "dev")
    names: list[str] = []
    first = program.run(find_project_root(), config, aws, lambda _, name: names.append(name))
    second = program.run(find_project_root(), config, aws)
    assert sorted(names) == [
        "root-ca",
        "root-ca-activation",
        "root-ca-certificate",
        "verifier-dev",
        "verifier-dev-private-ca",
        "zone-dev",
        "zone-dev-private-ca",
    ]
    assert first["certificateAuthority"]["arn"] != second["certificateAuthority"]["arn"]
    contract.parse(json.dumps(second))


def test_one_sandbox_at_a_time(aws: TestSandbox) -> None:
    assert aws.endpoint_url.startswith("http://127.0.0.1:")
    with pytest.raises(ExternalError, match="already runs"), Sandbox():
        pass
