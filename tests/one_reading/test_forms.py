"""Every command reads the same documents, whatever form they are in."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.judges import pem_texts
from tests.judges.pem_parts import pem as pem_of
from tests.one_reading import documents, forms
from tests.one_reading.forms import ENCODED, FORMS, KUBERNETES, UNIVERSAL, Written
from tests.one_reading.running import alone, run, words
from toolkit.mesh.documents.applied import read_applied
from toolkit.mesh.documents.reader import read
from toolkit.pki import pem
from toolkit.yamltext.parsing import parse

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

ISSUING, ROOT = pem_texts.authorities()
CHAIN = pem_of(*ISSUING.chain())
OTHER = forms.OLDER
KEYS = {"access-key": "AKIAEXAMPLEMADEUP000", "access-key-secret": "madeUp/madeUp/madeUp/madeUp/madeUp/00000"}
NAMED = {"awsCredentials": {"accessKey": {"secret": "access-key"}, "accessKeySecret": {"secret": "access-key-secret"}}}
IMAGE = "registry.example/toolkit:0.1.0"


@dataclass(frozen=True)
class Desk:
    """Files, and the address of a control plane that does not exist."""

    directory: Path
    closed: str

    def file(self, text: str, mode: int = 0o644) -> str:
        path = self.directory / "mesh.yaml"
        path.write_bytes(text.encode())
        path.chmod(mode)
        return str(path)

    @property
    def contract(self) -> str:
        path = self.directory / "outputs.json"
        ends = ISSUING.certificate.not_valid_after_utc
        path.write_text(documents.contract(CHAIN, pem_of(ROOT.der), ends))
        return str(path)

    def lint(self, text: str) -> set[str]:
        """Return the codes of lint's errors and warnings."""
        result = run("lint", self.file(text), "-o", "json")
        return {found["code"] for found in json.loads(result.stdout)["findings"] if found["severity"] != "note"}

    def verify(self, text: str) -> Result:
        """Verify without AWS credentials: the command gets as far as to look for them."""
        return run("verify", "--contract", self.contract, "-f", self.file(text))

    def render_job(self, text: str) -> Result:
        return run("render-job", "--contract", self.contract, "--image", IMAGE, "-f", self.file(text))

    def apply(self, text: str) -> Result:
        """Apply where no control plane listens: the command gets as far as to call it."""
        return run("apply", "--filename", self.file(text), "--dry-run", "--control-plane", self.closed)

    def rotate(self, text: str) -> Result:
        return run("rotate", "--contract", self.contract, "--base", self.file(text))

    def render(self, text: str, mode: int = 0o644) -> tuple[str, int]:
        """Return what render-mesh makes of a base, and the mode of the file that it writes."""
        out = self.directory / "out.yaml"
        result = run(
            "render-mesh", "--contract", self.contract, "--base", self.file(text, mode), "--output-file", str(out),
        )  # fmt: skip
        assert result.exit_code == 0, words(result)
        return out.read_bytes().decode(), stat.S_IMODE(out.stat().st_mode)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Files, no AWS, and a port on which nobody listens."""
    with alone(tmp_path, monkeypatch) as port:
        yield Desk(tmp_path, f"http://127.0.0.1:{port}")


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> Callable[[Written], str]:
    return FORMS[request.param]


@pytest.fixture(params=ENCODED)
def encoding_form(request: pytest.FixtureRequest) -> Callable[[Written], str]:
    return FORMS[request.param]


def bundle(text: str) -> str:
    return read_applied(read([("x", text)])).bundle


def in_config_map(job: str) -> Any:
    """Return the trust bundle that the pod of a Job will read."""
    config_map = next(found.value for found in parse(job, "job") if found.value["kind"] == "ConfigMap")  # type: ignore[index]
    return bundle(config_map["data"]["mesh.yaml"])  # type: ignore[index]


def same(one: str, other: str) -> bool:
    return pem.load_certificates(one) == pem.load_certificates(other)


def test_a_good_mesh_is_good_for_all(form: Callable[[Written], str], desk: Desk) -> None:
    text = form(Written(CHAIN))
    assert bundle(text) == CHAIN
    assert desk.lint(text) == (set() if form is not forms.no_label else {"MESH043"})
    assert (desk.verify(text).exit_code, "no AWS credentials" in words(desk.verify(text))) == (3, True)
    job = desk.render_job(text)
    assert job.exit_code == 0, words(job)
    assert same(in_config_map(job.stdout), CHAIN)
    # Nothing is secret, and nothing is to be changed.
    assert desk.render(text) == (text, 0o644)
    rotated = desk.rotate(text)
    assert (rotated.exit_code, "There is nothing to rotate." in rotated.stdout) == (0, True)
    sent = desk.apply(text)
    if form in UNIVERSAL.values():
        assert (sent.exit_code, "refused" in words(sent)) == (3, True), words(sent)
    else:
        assert (sent.exit_code, "kubectl apply -f" in words(sent)) == (2, True)


def test_a_chain_of_another_ca_is_replaced_where_it_is(form: Callable[[Written], str], desk: Desk) -> None:
    text = form(Written(OTHER))
    assert bundle(text) == OTHER
    assert "MESH131" in _with_contract(desk, text)
    rendered, mode = desk.render(text)
    assert same(bundle(rendered), CHAIN)
    assert len(read([("x", rendered)]).all) == len(read([("x", text)]).all) == 2
    assert desk.lint(rendered) == desk.lint(form(Written(CHAIN)))
    assert "MESH131" not in _with_contract(desk, rendered)
    assert desk.render(rendered) == (rendered, mode) == (rendered, 0o644)


def test_a_list_of_kumactl_is_applied_with_the_toolkit(desk: Desk) -> None:
    for form in UNIVERSAL.values():
        base = desk.file(form(Written(OTHER)))
        rendered = run("render-mesh", "--contract", desk.contract, "--base", base)
        assert ("toolkit apply does" in words(rendered)) is (form is forms.kumactl_lists)
        sent = desk.apply(rendered.stdout)
        assert (sent.exit_code, "refused" in words(sent)) == (3, True)


def _with_contract(desk: Desk, text: str) -> set[str]:
    result = run("lint", desk.file(text), "-o", "json", "--contract", desk.contract)
    return {found["code"] for found in json.loads(result.stdout)["findings"]}


def test_a_credential_in_a_secret_makes_a_file_private(form: Callable[[Written], str], desk: Desk) -> None:
    text = form(Written(CHAIN, conf={"auth": NAMED}, secrets=KEYS))
    assert desk.render(text) == (text, 0o600)
    job = desk.render_job(text)
    assert (job.exit_code, "is not a chain of certificates" in words(job)) == (2, True)
    for value in KEYS.values():
        assert value not in job.stderr
    assert desk.verify(text).exit_code == 3
    shown = run("lint", desk.file(text.replace("24h", "1d12h")))
    assert shown.exit_code == 1
    for value in KEYS.values():
        assert value not in shown.stdout + shown.stderr


@pytest.mark.parametrize("kind", ["inline", "inlineString"])
def test_a_credential_in_the_mesh_makes_a_file_private(form: Callable[[Written], str], kind: str, desk: Desk) -> None:
    value = KEYS["access-key"]
    key = {kind: documents.encoded(value) if kind == "inline" else value}
    named = {"awsCredentials": {"accessKey": key, "accessKeySecret": {"secret": "elsewhere"}}}
    text = form(Written(CHAIN, conf={"auth": named}))
    assert desk.render(text) == (text, 0o600)
    assert "MESH100" in desk.lint(text)
    job = desk.render_job(text)
    assert job.exit_code == 0
    assert value not in job.output
    assert "has an access key" in words(job)


@pytest.mark.parametrize("written", [":", "inline:", "inline", "", "inline-"])
def test_a_value_in_a_key_is_not_shown(written: str, desk: Desk) -> None:
    """Without a blank behind its colon, or without both, a value becomes a part of the key."""
    encoded = documents.encoded(KEYS["access-key-secret"])
    named = {"awsCredentials": {"accessKey": {"secret": "x"}, "accessKeySecret": {"inline": encoded}}}
    text = FORMS["flow"](Written(CHAIN, conf={"auth": named}))
    result = run("lint", desk.file(text.replace(f"inline: {encoded}", f"{written}{encoded}")))
    # A colon alone makes an empty key, which is no YAML for Kubernetes.
    assert result.exit_code == (2 if written == ":" else 1)
    assert encoded[:16] not in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("encode", "said"),
    [
        (lambda text: documents.encoded(text)[:40] + " " + documents.encoded(text)[40:], "has spaces or tabs"),
        (lambda _: "%%%", "is not base64"),
        (lambda text: documents.encoded(documents.encoded(text)), "decode it once more"),
        (lambda _: documents.encoded(" "), "is empty"),
    ],
)
def test_what_is_no_base64_is_refused_by_all(
    encoding_form: Callable[[Written], str], encode: Callable[[str], str], said: str, desk: Desk
) -> None:
    text = encoding_form(Written(CHAIN, encode=encode))
    assert desk.lint(text) & {"MESH040", "MESH041", "MESH070"}
    for result in (desk.verify(text), desk.render_job(text)):
        assert (result.exit_code, said in words(result)) == (2, True), words(result)
    if encoding_form in UNIVERSAL.values() and "once more" not in said:
        result = desk.apply(text)
        assert (result.exit_code, said in words(result)) == (2, True), words(result)
    # The contract knows what belongs there.
    assert same(bundle(desk.render(text)[0]), CHAIN)


@pytest.mark.parametrize("name", [name for name in FORMS if name != "no-label"])
def test_a_secret_of_another_mesh_is_found_by_none(name: str, desk: Desk) -> None:
    text = FORMS[name](Written(CHAIN, mesh="other"))
    assert "MESH037" in desk.lint(text)
    for result in (desk.verify(text), desk.render_job(text)):
        assert (result.exit_code, "belongs to mesh 'other', not 'default'" in words(result)) == (2, True)
    result = run("render-mesh", "--contract", desk.contract, "--base", desk.file(text))
    if name in KUBERNETES:
        # There a name can serve only one mesh.
        assert (result.exit_code, "belongs to mesh 'other', not 'default'" in words(result)) == (2, True)
    else:
        assert result.exit_code == 0
        assert same(bundle(result.stdout), CHAIN)
