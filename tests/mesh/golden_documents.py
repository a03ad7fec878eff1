"""Meshes for tests: those that Kong documents, and the golden files of ours.

``python -m tests.mesh.golden_documents`` renders the golden files again; look at what changed before you keep it.
"""

from __future__ import annotations

import base64
import itertools
import textwrap
from pathlib import Path
from typing import get_args

from tests.support import contract_document, hierarchy
from toolkit.contract import StackOutputs
from toolkit.mesh.render import templating
from toolkit.mesh.render.building import Choice, MeshOptions
from toolkit.mesh.render.static_credentials import check_credentials
from toolkit.mesh.schema.mesh import Form
from toolkit.pki import pem

GOLDEN = Path(__file__).parent / "golden"
DOCUMENTED = Path(__file__).parent / "documented"
KONGS_COMMON_NAME = '{{ tag "kuma.io/service" }}.mesh'
# AWS's own example of an access key (docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html).
CREDENTIALS = check_credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "the test")

CA_CERTS = {
    "inline": Choice("inline"),
    "inline-string": Choice("inlineString"),
    "secret": Choice("secret"),
    "file": Choice("file", "/etc/kong-mesh/ca-chain.pem"),
}
AUTHS: dict[str, MeshOptions] = {
    "default-chain": MeshOptions(),
    "secret": MeshOptions(credentials=CREDENTIALS),
    "existing-secret": MeshOptions(
        access_key=Choice("secret", "key"), access_key_secret=Choice("secret", "key-secret")
    ),
    "file": MeshOptions(access_key=Choice("file", "/run/key"), access_key_secret=Choice("file", "/run/key-secret")),
    "inline": MeshOptions(
        credentials=CREDENTIALS,
        access_key=Choice("inline"),
        access_key_secret=Choice("inlineString"),
        allow_inline_credentials=True,
    ),
}


def golden_outputs() -> StackOutputs:
    """A contract with the kept chain: a fresh one has another length, and other quotes, in every run."""
    text = (GOLDEN / "chain.pem").read_text()
    certificates = pem.load_certificates(text)
    document = contract_document(hierarchy())
    document["certificateChain"] = text
    document["rootCertificate"] = pem.write(certificates[-1:])
    document["certificateAuthority"]["notAfter"] = certificates[0].not_valid_after_utc.isoformat()
    return StackOutputs.model_validate(document, strict=False)


def golden_options() -> dict[str, MeshOptions]:
    """Every combination of form, place of the chain and authentication; half of them with all that is optional."""
    found = {}
    for number, (form, ca_cert, auth) in enumerate(itertools.product(get_args(Form), CA_CERTS, AUTHS)):
        chosen = AUTHS[auth]
        is_full = bool(number % 2)
        found[f"{form}-{ca_cert}-{auth}"] = MeshOptions(
            form=form,
            mode="PERMISSIVE" if is_full else None,
            expiration="36h" if is_full else None,
            common_name=KONGS_COMMON_NAME if is_full else None,
            ca_cert=CA_CERTS[ca_cert],
            access_key=chosen.access_key,
            access_key_secret=chosen.access_key_secret,
            credentials=chosen.credentials,
            allow_inline_credentials=chosen.allow_inline_credentials,
            request_timeout="20s" if is_full else None,
            root_chain_timeout="0.5s" if is_full else None,
            skip_validation=is_full,
        )
    return found


def golden_text(outputs: StackOutputs, options: MeshOptions) -> str:
    rendered = templating.render(outputs, "default", options)
    return templating.join_documents([*rendered.secrets, rendered.mesh])


def documented() -> dict[str, str]:
    """The streams that Kong's documentation describes, by file name."""
    bundle = (GOLDEN / "chain.pem").read_text()
    texts = {}
    for file in sorted(DOCUMENTED.glob("*.yaml")):
        text = file.read_text().replace("CHAIN64", base64.b64encode(bundle.encode()).decode())
        before, found, after = text.partition("            CHAIN\n")
        texts[file.name] = before + textwrap.indent(bundle, " " * 12) + after if found else text
    return texts


def main() -> None:
    outputs = golden_outputs()
    for file in GOLDEN.glob("*.yaml"):
        file.unlink()
    for name, options in golden_options().items():
        (GOLDEN / f"{name}.yaml").write_text(golden_text(outputs, options))


if __name__ == "__main__":
    main()
