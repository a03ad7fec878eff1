"""The files that wrong invocations name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.support import contract_document, hierarchy, pending_document

if TYPE_CHECKING:
    from pathlib import Path

MESH = "apiVersion: kuma.io/v1alpha1\nkind: Mesh\nmetadata:\n  name: default\n"
_BACKENDS = "mtls:\n  enabledBackend: ca-1\n  backends:\n  - name: ca-1\n    type: builtin\n"


def make_files(directory: Path) -> None:
    """Write every file that an invocation names."""
    contract = contract_document(hierarchy())
    text = json.dumps(contract)
    files: dict[str, str | bytes] = {
        "c.json": text,
        "pending.json": json.dumps(pending_document()),
        "chain.pem": contract["certificateChain"],
        "empty": "",
        "binary": bytes(range(256)),
        "utf16": text.encode("utf-16"),
        "latin1.yaml": b"# caf\xe9\n" + MESH.encode(),
        "file": "x",
        "list.json": "[]",
        "object.json": "{}",
        "deep.json": "[" * 100_000,
        "shape.json": '{"schemaVersion": 1, "zones": {}}',
        "mesh.yaml": MESH,
        "universal.yaml": "type: Mesh\nname: default\n",
        "mtls.yaml": f"type: Mesh\nname: default\n{_BACKENDS}",
        "tab.yaml": "kind: Mesh\nmetadata:\n\tname: default\n",
        "twice.yaml": f"{MESH}kind: Mesh\n",
        "values.yaml": "kuma: {}\n",
        "token": "abc.def.ghi\n",
        "words": "two words\n",
        "credentials": "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = x\n",
        "Pulumi.tab.yaml": "config:\n\ta:b: c\n",
        "Pulumi.list.yaml": "[]\n",
        "Pulumi.shape.yaml": "config: [1]\n",
        "Pulumi.secret.yaml": "config:\n  a:b:\n    secure: AAABAA==\n",
        "failing/pulumi": "#!/bin/sh\necho \"error: no stack named 'nope' found\" >&2\nexit 255\n",
        "unusable/pulumi": "",
    }
    for name, content in files.items():
        file = directory / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    (directory / "failing/pulumi").chmod(0o755)
    with (directory / "huge").open("wb") as stream:
        stream.truncate(20 * 1024 * 1024)
    for name in ("directory", "home"):
        (directory / name).mkdir()
    (directory / "loop").symlink_to("loop")
    (directory / "Pulumi.zero.yaml").symlink_to("/dev/zero")
