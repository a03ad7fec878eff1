"""Small Pulumi programs, run in the sandbox by the engine that tests trust."""

from __future__ import annotations

import json
import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from toolkit.sandbox import program
from toolkit.sandbox.engine import Change, State

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "sts:AssumeRole"}
    ],
}
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}]}
# What every program may use: `role` makes the smallest resource there is, `saw` notes whether an output is known and,
# where it is, what an apply was given.
_BEFORE = f"""\
import json
import pathlib
import pulumi
import pulumi_aws as aws
from pulumi_aws import acmpca, iam, s3, sns
from pulumi import ResourceOptions as Options

TRUST = {json.dumps(json.dumps(TRUST))}
POLICY = {json.dumps(json.dumps(POLICY))}
NOTES = pathlib.Path(__file__).with_name("notes")

def note(text):
    with NOTES.open("a") as stream:
        stream.write(text + "\\n")
    return text

def role(resource, **more):
    return iam.Role(resource, assume_role_policy=TRUST, **more)

def saw(name, output):
    async def look():
        note(f"{{name}} known {{await output.is_known()}}")
    pulumi.Output.from_input(look())
    return output.apply(lambda value: note(f"{{name}} = {{value}}"))

SUBJECT = acmpca.CertificateAuthorityCertificateAuthorityConfigurationSubjectArgs

def authority(resource, common_name="CA", **more):
    return acmpca.CertificateAuthority(
        resource,
        certificate_authority_configuration=acmpca.CertificateAuthorityCertificateAuthorityConfigurationArgs(
            key_algorithm="EC_prime256v1", signing_algorithm="SHA256WITHECDSA", subject=SUBJECT(common_name=common_name)
        ),
        **more,
    )
"""


@dataclass
class Stack:
    """A stack whose program is written by the test.

    Attributes:
        directory: of the project.
        aws: where it deploys to.
        region: of its provider.
        state: what it consists of.
    """

    directory: Path
    aws: TestSandbox
    region: str = "eu-central-1"
    state: State = field(default_factory=State)

    def __post_init__(self) -> None:
        (self.directory / "Pulumi.yaml").write_text("name: small\nruntime: python\n", encoding="utf-8")

    @property
    def config(self) -> program.StackConfig:
        return program.StackConfig("small", "test", {"aws:region": self.region})

    def preview(self, body: str) -> program.Deployment:
        return program.preview(self._written(body), self.config, self.aws, self.state)

    def up(self, body: str) -> program.Deployment:
        return program.up(self._written(body), self.config, self.aws, self.state)

    def destroy(self) -> tuple[Change, ...]:
        return program.destroy(self.config, self.aws, self.state)

    def clean_up(self) -> None:
        """Delete what a test left, protected or not; what can't be deleted is the next test's business no more."""
        for resource in self.state.resources.values():
            resource.protect = False
        self.destroy()

    def notes(self) -> list[str]:
        """What the program noted since they were read last."""
        file = self.directory / "notes"
        noted = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return noted

    def output(self, name: str, key: str) -> Any:
        """An output of the resource with that name."""
        (found,) = [resource for resource in self.state.resources.values() if resource.name == name]
        return found.outputs[key]

    def roles(self) -> set[str]:
        """The roles in the account, without what Pulumi appends to their names."""
        found = self.aws.client("iam").list_roles()["Roles"]
        return {item["RoleName"].rpartition("-")[0] for item in found} - {""}

    def _written(self, body: str) -> Path:
        (self.directory / "__main__.py").write_text(_BEFORE + textwrap.dedent(body), encoding="utf-8")
        return self.directory


def operations(changes: program.Deployment | tuple[Change, ...]) -> list[tuple[str, str]]:
    """What was done with what, in order; what stayed the same left out."""
    found = changes if isinstance(changes, tuple) else changes.changes
    return [(change.operation, change.name) for change in found if change.operation != "same"]
