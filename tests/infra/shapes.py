"""Read the stacks that docs/reference/provisioning.md shows."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from tests.support import NOW, Authority
from toolkit.files import find_project_root
from toolkit.pki import pem
from toolkit.sandbox.pulumi.program import StackConfig, read_stack

_DOCUMENT = find_project_root() / "docs" / "reference" / "provisioning.md"
_BLOCK = re.compile(r"^```yaml\n# stacks/Pulumi\.([a-z-]+)\.yaml\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_TEXTS = dict(_BLOCK.findall(_DOCUMENT.read_text(encoding="utf-8")))
NAMES = tuple(_TEXTS)
# The shapes whose CA the stack makes and can use after one update.
AT_ONCE = tuple(name for name in NAMES if name != "under-external-ca")
HOME, ELSEWHERE = "123456789012", "210987654321"


@cache
def shape(name: str) -> StackConfig:
    """The stack's configuration, defaults included."""
    with tempfile.TemporaryDirectory() as directory:
        project = Path(directory)
        shutil.copy(find_project_root() / "Pulumi.yaml", project)
        (project / "stacks").mkdir()
        (project / "stacks" / f"Pulumi.{name}.yaml").write_text(_TEXTS[name], encoding="utf-8")
        return read_stack(project, name)


def changed(config: StackConfig, **changes: object) -> StackConfig:
    """The same stack with other settings; None takes one away."""
    values = dict(config.values)
    for key, value in changes.items():
        full = f"{config.project}:{key}"
        if value is None:
            values.pop(full, None)
        else:
            values[full] = value if isinstance(value, str) else json.dumps(value)
    return dataclasses.replace(config, values=values)


def setting(config: StackConfig, key: str) -> Any:
    """A setting that is an object or a list."""
    return json.loads(config.values[f"{config.project}:{key}"])


@cache
def foreign_authority() -> Authority:
    """A CA that is there before the stack, with room for one more below the next."""
    return Authority("Corporate CA", parent=Authority("Corporate Root"), path_length=2)


def shown(authority: Authority, changes: Mapping[str, str]) -> dict[str, Any]:
    """What AWS shows of a CA that is there."""
    own, *above = authority.chain()
    return {
        "certificate": pem.write([own]),
        "certificateChain": pem.write(above),
        "status": "ACTIVE",
        "type": "SUBORDINATE" if above else "ROOT",
        "usageMode": "GENERAL_PURPOSE",
        **changes,
    }


def functions(
    authority: Authority | None = None, **changes: str
) -> Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]:
    """What the program may ask the mocks: a CA that is there, for every ARN."""
    return {
        "getCertificateAuthority": lambda args: {"arn": args["arn"], **shown(authority or foreign_authority(), changes)}
    }


def roles_that_exist(stack: str = "governed", **tags: str) -> Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]:
    """What the program may ask the mocks, where all roles and instance profiles exist, as the stack made them."""
    own = tags or {"managed-by": "kong-mesh-pca-toolkit", "kong-mesh-stack": stack}

    def arn(kind: str, name: str) -> str:
        return f"arn:aws:iam::{HOME}:{kind}/{name}"

    names = [f"acme-mesh-{kind}-frankfurt" for kind in ("zone", "verifier")]
    return {
        "getRoles": lambda _: {"names": names, "arns": [arn("role", name) for name in names]},
        "getRole": lambda args: {"arn": arn("role", args["name"]), "name": args["name"], "tags": own},
        "getInstanceProfile": lambda args: {
            "arn": arn("instance-profile", args["name"]),
            "roleName": args["name"],
        },
    }


def signed_for_the_stack(request: str, *, not_after: timedelta = timedelta(days=1000)) -> tuple[str, str]:
    """What an offline root makes of a stack's request: the certificate, and what stands above it."""
    root = Authority("Offline Root")
    certificate = root.sign_authority(request, NOW + not_after)
    return pem.write([certificate]), pem.write(root.chain())
