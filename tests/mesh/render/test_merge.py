"""Our backend into meshes that exist."""

from __future__ import annotations

import base64
import difflib
import json
import textwrap
from typing import Any

import pytest

from tests.mesh.golden_documents import CREDENTIALS
from tests.support import AUTHORITY_ARN, contract, hierarchy
from toolkit.errors import InvalidInputError
from toolkit.mesh.documents.editable import choose, read_editable
from toolkit.mesh.render.building import Choice, MeshOptions
from toolkit.mesh.render.merge import Merged, merge
from toolkit.pki import pem
from toolkit.yamltext import scalars

OUTPUTS = contract(hierarchy())
CHAIN = OUTPUTS.certificate_chain
LIVE = """\
# the mesh of the shop
apiVersion: kuma.io/v1alpha1
kind: Mesh
metadata:
  name: default   # the only one
  labels: {team: "shop"}
spec:
  logging:  # kept
    defaultBackend: file
    backends:
    - {name: file, type: file, conf: {path: /dev/stdout}}
  mtls:
    # since 2024
    enabledBackend: ca-1 # builtin
    backends:
      - name: ca-1
        type: builtin   # theirs
  routing:
    zoneEgress: true
"""


def merged(text: str, options: MeshOptions | None = None) -> tuple[str, Merged]:
    mesh = choose(read_editable(text, "mesh.yaml"), None, "mesh.yaml")
    result = merge(OUTPUTS, mesh, options or MeshOptions())
    return mesh.editor.text, result


def is_confidential(text: str) -> bool:
    (mesh,) = read_editable(text, "mesh.yaml")
    merge(OUTPUTS, mesh, MeshOptions())
    return mesh.is_confidential


def mtls(text: str) -> dict[str, Any]:
    (mesh,) = read_editable(text, "mesh.yaml")
    return mesh.mtls


def changes(before: str, after: str) -> list[str]:
    return [
        line
        for line in difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
        if not line.startswith(("---", "+++", "@@"))
    ]


def test_only_our_lines_are_added() -> None:
    text, result = merged(LIVE)
    found = changes(LIVE, text)
    assert all(line.startswith("+") for line in found)
    assert found[:2] == ["+      - name: acmpca", "+        type: acmpca"]
    assert "        type: builtin   # theirs\n      - name: acmpca\n" in text
    assert mtls(text)["enabledBackend"] == "ca-1"
    assert "ca-1 still signs, acmpca is trusted beside it; toolkit rotate" in result.notes[0]
    assert merged(text)[0] == text


@pytest.mark.parametrize(
    "text",
    [
        "type: Mesh\nname: default\n",
        "type: Mesh\nname: default",
        "{type: Mesh, name: default}",
        "apiVersion: kuma.io/v1alpha1\nkind: Mesh\nmetadata: {name: default}\n",
        "apiVersion: kuma.io/v1alpha1\nkind: Mesh\nmetadata: {name: default}\nspec:\n",
        "apiVersion: kuma.io/v1alpha1\nkind: Mesh\nmetadata: {name: default}\nspec: {}   # nothing\n",
        "type: Mesh\nname: default\nmtls: null\nrouting: {}\n",
        "type: Mesh\nname: default\nmtls:\n  enabledBackend: ''\n  backends: []\n",
    ],
)
def test_a_mesh_without_mtls_gets_it(text: str) -> None:
    result, found = merged(text)
    assert mtls(result)["enabledBackend"] == "acmpca"
    assert [backend["conf"]["arn"] for backend in mtls(result)["backends"]] == [AUTHORITY_ARN]
    assert "MeshTrafficPermission" in found.warnings[0]
    again, quiet = merged(result)
    assert again == result
    assert not quiet.notes


OURS = (
    """\
type: Mesh
name: default
mtls:
  enabledBackend: acmpca
  backends:
    - type: acmpca # by hand
      name: acmpca
      mode: PERMISSIVE # until May
      dpCert:
        requestTimeout: 30s # slow
        rotation: {expiration: 1d}
      conf:
        # moved last year
        arn: arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/12345678-1234-1234-1234-123456789012
        commonName: '{{ tag "kuma.io/service" }}.mesh'
        caCert:
          # from the vault
          inlineString: |
"""
    + textwrap.indent(CHAIN, " " * 12)
    + """\
        auth: {awsCredentials: {accessKey: {secret: a}, accessKeySecret: {secret: b}}}
"""
)


OURS_IN_SECRET = merged(OURS, MeshOptions(ca_cert=Choice("secret", "chain")))[0]


def test_what_is_not_chosen_stays_and_what_the_contract_says_holds() -> None:
    text, result = merged(OURS)
    assert not result.notes
    (before, after) = changes(OURS, text)
    assert before.startswith("-        arn: arn:aws:acm-pca:eu-west-1")
    assert after == f"+        arn: {AUTHORITY_ARN}"


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        (MeshOptions(mode="STRICT"), ["+      mode: STRICT # until May"]),
        (MeshOptions(expiration="12h"), ["+        rotation: {expiration: 12h}"]),
        (MeshOptions(request_timeout="5s"), ["+        requestTimeout: 5s # slow"]),
        (MeshOptions(root_chain_timeout="15s"), ["+      rootChain:", "+        requestTimeout: 15s"]),
        (MeshOptions(common_name="shop.mesh"), ["+        commonName: shop.mesh"]),
        (MeshOptions(skip_validation=True), ["+  skipValidation: true"]),
        (
            MeshOptions(access_key=Choice("file", "/k"), access_key_secret=Choice("secret", "b")),
            ["+        auth: {awsCredentials: {accessKey: {file: '/k'}, accessKeySecret: {secret: b}}}"],
        ),
    ],
)
def test_what_is_chosen_is_changed_alone(options: MeshOptions, lines: list[str]) -> None:
    before = merged(OURS)[0]
    after = merged(before, options)[0]
    added = [line for line in changes(before, after) if line.startswith("+")]
    assert added == lines
    assert merged(after, options)[0] == after


def test_a_ca_that_is_exchanged_while_it_signs_is_warned_of() -> None:
    new = merged("type: Mesh\nname: default\n")
    assert "mTLS was off" in new[1].warnings[0]
    assert merged(new[0])[1].warnings == ()
    other = AUTHORITY_ARN[:-12] + "0123456789ab"
    (warning,) = merged(new[0].replace(AUTHORITY_ARN, other))[1].warnings
    assert f"acmpca signs, and this Mesh replaces its CA {other}" in warning
    more = new[0].replace(AUTHORITY_ARN, other).replace("enabledBackend: acmpca", "enabledBackend: ca-1")
    beside = merged(more + "    - {name: ca-1, type: builtin}\n")
    assert beside[1].warnings == ()


def test_the_chain_moves_to_where_it_is_wanted() -> None:
    text, result = merged(OURS, MeshOptions(ca_cert=Choice("secret")))
    assert mtls(text)["backends"][0]["conf"]["caCert"] == {"secret": "default-acmpca-ca-chain"}
    assert [secret.value for secret in result.secrets] == [CHAIN]
    kept, still = merged(text)
    assert kept == text
    # The Secret is not in the text, so it is given each time: whether it exists nobody here knows.
    assert [secret.name for secret in still.secrets] == ["default-acmpca-ca-chain"]
    inline, _ = merged(text, MeshOptions(ca_cert=Choice("inline")))
    assert base64.b64decode(mtls(inline)["backends"][0]["conf"]["caCert"]["inline"]).decode() == CHAIN


def test_a_chain_that_is_the_same_in_another_spelling_stays() -> None:
    spelled = base64.b64encode(CHAIN.replace("\n", "\r\n").encode()).decode()
    text = merged(OURS, MeshOptions(ca_cert=Choice("inline")))[0]
    other = text.replace(base64.b64encode(CHAIN.encode()).decode(), spelled)
    assert other != text
    assert merged(other)[0] == other


def test_a_chain_that_changed_is_changed_where_it_stands() -> None:
    old = pem.write(hierarchy().chain())
    for choice in (Choice("inline"), Choice("inlineString")):
        before = merged(OURS, MeshOptions(ca_cert=choice))[0]
        stale = before.replace(base64.b64encode(CHAIN.encode()).decode(), base64.b64encode(old.encode()).decode())
        stale = stale.replace(textwrap.indent(CHAIN, " " * 12), textwrap.indent(old, " " * 12))
        assert stale != before
        expected = mtls(before)
        source = expected["backends"][0]["conf"]["caCert"]
        # A chain that is kept keeps its spelling; one that is written under inlineString has no final line end.
        source.update({kind: value.removesuffix("\n") for kind, value in source.items() if kind == "inlineString"})
        assert mtls(merged(stale)[0]) == expected


@pytest.mark.parametrize("form", ["kubernetes", "universal"])
def test_a_secret_in_the_same_text_is_brought_up_to_date_there(form: str) -> None:
    data = base64.b64encode(b"stale").decode()
    secret = (
        f"type: Secret\nmesh: default\nname: chain\ndata: {data} # the chain\n---\n"
        if form == "universal"
        else f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: chain\n  labels: {{kuma.io/mesh: default}}\n"
        f"type: system.kuma.io/secret\ndata:\n  value: {data} # the chain\n---\n"
    )
    text, result = merged(secret + OURS_IN_SECRET, MeshOptions(ca_cert=Choice("secret", "chain")))
    assert not result.secrets
    assert text == (secret + OURS_IN_SECRET).replace(
        data, scalars.write_scalar(base64.b64encode(CHAIN.encode()).decode())
    )
    assert merged(text, MeshOptions(ca_cert=Choice("secret", "chain")))[0] == text


@pytest.mark.parametrize("name", ["'ca-1 '", "CA-1", "ca-2"])
def test_an_enabled_backend_that_does_not_exist_does_not_still_sign(name: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        merged(LIVE.replace("enabledBackend: ca-1", f"enabledBackend: {name}"))
    (problem,) = caught.value.problems
    assert problem.path.endswith("spec.mtls.enabledBackend")
    assert problem.message.endswith("which is not among the backends")
    assert name.strip("'") in problem.message
    assert "without enabledBackend, acmpca signs" in caught.value.hint


def test_credentials_in_the_text_are_known() -> None:
    assert not is_confidential(OURS)
    inline = MeshOptions(credentials=CREDENTIALS, access_key=Choice("inline"), allow_inline_credentials=True)
    text, result = merged(OURS, inline)
    assert is_confidential(text)
    assert result.secrets_have_credentials
    other = "type: Secret\nmesh: default\nname: token\ndata: c2VjcmV0\n---\n" + OURS
    assert is_confidential(other)


def test_one_of_several_meshes() -> None:
    text = LIVE + "---\n" + OURS.replace("name: default", "name: other") + "---\nkind: Namespace\nmetadata: {name: x}\n"
    first, second = read_editable(text, "mesh.yaml")
    merge(OUTPUTS, first, MeshOptions())
    assert second.editor.text == first.editor.text
    assert all(line.startswith("+      ") for line in changes(text, first.editor.text))
    assert choose([first, second], "other", "mesh.yaml") is second
    with pytest.raises(InvalidInputError, match=r"several Meshes in mesh\.yaml\. Meshes: default, other"):
        choose([first, second], None, "mesh.yaml")
    with pytest.raises(InvalidInputError, match="no Mesh third"):
        choose([first, second], "third", "mesh.yaml")


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        (LIVE, MeshOptions(backend_name="ca-1"), "mesh.yaml:17:9 spec.mtls.backends[0].type: ca-1 is of type builtin"),
        (LIVE.replace("default   #", "nobody  #"), MeshOptions(), "meshes: 'nobody' is not a mesh of the contract"),
        (OURS.replace("expiration: 1d", "expiration: 20y"), MeshOptions(), "20y lasts longer"),
        (OURS.replace("expiration: 1d", "expiration: 1d12h"), MeshOptions(), "mesh.yaml:11:20 mtls.backends[0].dpCert"),
        (LIVE.replace("  mtls:", "  mtls: &m\n    <<: *m"), MeshOptions(), "is not YAML"),
        (
            LIVE.replace("backends:\n      - name: ca-1\n        type: builtin   # theirs", "backends: 5"),
            None,
            "a list",
        ),
        (LIVE.replace("  mtls:", "  mtls: 5\n  x:"), None, "must be a mapping"),
        (OURS.replace("name: acmpca\n", "name: [acmpca]\n"), None, "must be a mapping with a name"),
        (LIVE.replace("name: default   #", "#"), None, "mesh.yaml:4:1 metadata.name: is missing or is not a text"),
        (OURS + "---\n" + OURS, None, "there are several Meshes"),
    ],
)
def test_what_can_not_be_merged_is_named_by_place(text: str, options: MeshOptions | None, words: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        merged(text, options)
    assert words in "\n".join(caught.value.lines())


def test_json_stays_json() -> None:
    backends = '[{"name": "ca-1", "type": "builtin"}]'
    text = f'{{"type": "Mesh", "name": "default", "mtls": {{"enabledBackend": "ca-1", "backends": {backends}}}}}'
    result = json.loads(merged(text)[0])
    assert [backend["name"] for backend in result["mtls"]["backends"]] == ["ca-1", "acmpca"]


def test_an_anchor_in_the_way_is_refused() -> None:
    text = "type: Mesh\nname: default\nx: &b [{name: a, type: builtin}]\nmtls: {enabledBackend: a, backends: *b}\n"
    with pytest.raises(InvalidInputError, match="can't be changed in part"):
        merged(text)
