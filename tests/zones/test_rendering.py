"""The settings of each zone's control plane are rendered, and merged into any values file."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tests.support import zone_document
from tests.zones.zone_values import read_environment
from toolkit.contract import Zone
from toolkit.errors import InvalidInputError, ToolkitError
from toolkit.files import find_project_root
from toolkit.mesh.render import templating
from toolkit.pki import arn
from toolkit.zones import rendering

GOLDEN = Path(__file__).parent / "golden"
ADDRESS = "grpcs://global.mesh.example.com:5685"
IDENTITIES = ("irsa", "pod-identity", "ambient")
# The first is what Helm reads.
VERSIONS = ((1, 1), (1, 2))


def zone(name: str = "zone-1", region: str = "eu-central-1", **more: str) -> Zone:
    document = zone_document("x", region) | {"name": name} | more
    return Zone.model_validate(document, strict=False)


def read_yaml(text: str, version: tuple[int, int]) -> Any:
    reader = YAML(typ="safe", pure=True)
    reader.version = version
    return reader.load(text)


def rendered(form: str, chosen: Zone, address: str | None) -> str:
    make = rendering.render_values if form == "helm" else rendering.render_environment
    return make(chosen, address)


@pytest.mark.parametrize("identity", IDENTITIES)
@pytest.mark.parametrize("form", ["helm", "env"])
@pytest.mark.parametrize("address", [ADDRESS, None])
def test_golden(form: str, identity: str, address: str | None) -> None:
    name = f"{form}-{identity}" + ("" if address else "-alone") + (".yaml" if form == "helm" else ".env")
    assert rendered(form, zone(identity=identity), address) == (GOLDEN / name).read_text()


def test_no_golden_file_is_left_behind() -> None:
    names = [
        f"{form}-{identity}{alone}" for form in ("helm", "env") for identity in IDENTITIES for alone in ("", "-alone")
    ]
    assert sorted(file.stem for file in GOLDEN.iterdir()) == sorted(names)


# Names that are no texts in one YAML or the other, unless they are quoted.
labels = st.one_of(
    st.sampled_from(
        ["on", "off", "y", "n", "yes", "no", "null", "true", "1", "0", "007", "1e3", "0x1f", "0b1", "0o7", "1-2"]
    ),
    st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True),
)
parts = st.text([chr(point) for point in range(0x21, 0x7F)], min_size=1, max_size=8)
roles = st.builds(
    lambda path, name: f"arn:aws:iam::123456789012:role/{path}{name}",
    st.one_of(st.just(""), parts.map(lambda path: f"{path}/")),
    st.from_regex(r"[A-Za-z0-9_+=,.@-]{1,64}", fullmatch=True),
)
any_zone = st.builds(
    zone,
    name=labels,
    region=st.one_of(st.sampled_from(["eu-central-1", "us-gov-west-1"]), st.from_regex(arn.REGION, fullmatch=True)),
    namespace=labels,
    serviceAccount=st.from_regex(r"[a-z0-9.-]{1,30}", fullmatch=True),
    identity=st.sampled_from(IDENTITIES),
    roleArn=roles,
)
addresses = st.one_of(
    st.none(),
    st.sampled_from([ADDRESS, "grpcs://10.0.0.1:1", "grpcs://[2001:db8::1]:65535", "grpcs://global_cp:5685"]),
    st.builds(
        lambda host, port: f"grpcs://{host}:{port}",
        labels.filter(lambda label: not label.isdigit()),
        st.integers(1, 65535),
    ),
)


@given(any_zone, addresses)
def test_any_zone_renders_to_its_values(chosen: Zone, address: str | None) -> None:
    text = rendering.render_values(chosen, address and rendering.check_address(address))
    for version in VERSIONS:
        assert read_yaml(text, version) == rendering.make_chart_values(chosen, address)
    pyyaml = pytest.importorskip("yaml")
    assert pyyaml.safe_load(text) == rendering.make_chart_values(chosen, address)
    assert ("\n      eks.amazonaws.com/role-arn: " in text) == (chosen.identity == "irsa")


@given(any_zone, addresses)
@example(zone(roleArn="arn:aws:iam::123456789012:role/it's/x"), None)
@example(zone(roleArn="arn:aws:iam::123456789012:role/it's/x", identity="ambient"), None)
def test_any_zone_renders_to_its_environment_or_is_refused(chosen: Zone, address: str | None) -> None:
    try:
        text = rendering.render_environment(chosen, address)
    except InvalidInputError as error:
        for problem in error.problems:
            name = problem.path.removeprefix(f"zone {chosen.name}: ")
            assert name == "AWS_REGION" or (name == "roleArn" and chosen.identity == "irsa")
            assert "without quotes" in problem.message
        return
    assert read_environment(text) == rendering.make_environment(chosen, address)
    for line in text.splitlines():
        assert line.startswith("#") or not set(line) & set("'\"\\ $`;&|<>*?!(){}~#\t")
        assert not line.endswith("\\")
    assert "SECRET" not in text
    assert "ACCESS_KEY" not in text


@pytest.mark.parametrize("identity", IDENTITIES)
def test_a_shell_reads_the_same_variables(identity: str) -> None:
    file = GOLDEN / f"env-{identity}.env"
    command = ["env", "-i", "/bin/sh", "-c", 'set -a; . "$0"; exec /usr/bin/env', str(file)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    known = dict(line.split("=", 1) for line in said.splitlines())
    wanted = rendering.make_environment(zone(identity=identity), ADDRESS)
    assert {name: value for name, value in known.items() if name.startswith(("KUMA", "AWS"))} == wanted


def test_a_template_that_loses_a_variable_is_caught(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "templates" / "universal").mkdir(parents=True)
    (tmp_path / "templates" / "helm").mkdir(parents=True)
    (tmp_path / "templates" / "universal" / "zone.env.j2").write_text("KUMA_MODE={{ variables.KUMA_MODE }}\n")
    (tmp_path / "templates" / "helm" / "values.yaml.j2").write_text("kuma: {controlPlane: {mode: zone}}\n")
    monkeypatch.setattr(templating, "find_project_root", lambda: tmp_path)
    templating._templates.cache_clear()
    try:
        for form in ("helm", "env"):
            with pytest.raises(ToolkitError, match=r"does not match its variables|does not render"):
                rendered(form, zone(), ADDRESS)
    finally:
        templating._templates.cache_clear()


@pytest.mark.parametrize(
    "text",
    [
        *("", "grpcs://", "mesh.example.com:5685", "grpc://mesh.example.com:5685", "https://mesh.example.com:5685"),
        *("grpcs://mesh.example.com", "grpcs://mesh.example.com:", "grpcs://mesh.example.com:0", "grpcs://x:65536"),
        *(
            "grpcs://x:05685",
            "grpcs://x:5685/",
            "grpcs://u:p@x:5685",
            "grpcs://x y:5685",
            "grpcs://x:5685\n",
            "GRPCS://x:1",
        ),
        *(
            "grpcs://[::g]:1",
            "grpcs://[1.2.3.4]:1",
            "grpcs://::1:5685",
            "grpcs://-x:1",
            "grpcs://é:1",
            "grpcs://x:\u0661",
        ),
        *("grpcs://a..b:5685", "grpcs://.a:5685", "grpcs://a..:1", f"grpcs://{'x' * 64}.example:1", "grpcs://x-.y:1"),
        "grpcs://999.1.1.1:5685",
        *("grpcs://[fe80::1%lo\n]:1", "grpcs://fe80::1:1"),
        *(
            "grpcs://x:5685 # c",
            "grpcs://'x':1",
            "grpcs://{{x}}:1",
            "x" * 1000,
            "\ud800",
            "grpcs://" + "x" * 254 + ":1",
        ),
    ],
)
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        rendering.check_address(text)
    (problem,) = caught.value.problems
    assert problem.path == "--kds-address"
    assert "grpcs://HOST:PORT" in problem.message
    assert len(problem.message) < 200
    assert problem.message.isprintable()


@given(st.text())
def test_any_address_is_one_or_is_refused(text: str) -> None:
    try:
        assert rendering.check_address(text) == text
    except InvalidInputError as error:
        assert error.problems


def test_what_is_said_beside_a_document() -> None:
    assert rendering.write_notes(zone(), has_address=True, in_chart=True) == []
    (alone,) = rendering.write_notes(zone(), has_address=False, in_chart=True)
    assert "--kds-address" in alone
    other = {"namespace": "mesh", "serviceAccount": "cp"}
    for identity, count in {"irsa": 1, "pod-identity": 1, "ambient": 0}.items():
        said = rendering.write_notes(zone(identity=identity, **other), has_address=True, in_chart=True)
        assert len(said) == count
        assert all(
            "mesh/cp only, but the release chart's is kong-mesh-system/kong-mesh-control-plane" in x for x in said
        )
        assert rendering.write_notes(zone(identity=identity, **other), has_address=True, in_chart=False) == []


def test_the_templates_are_in_the_wheel() -> None:
    for template in ("helm/values.yaml.j2", "universal/zone.env.j2"):
        assert (find_project_root() / "templates" / template).is_file()
