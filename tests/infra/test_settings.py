"""The settings, and what `Pulumi.yaml` tells people about them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticUndefined
from ruamel.yaml import YAML

from toolkit.files import find_project_root
from toolkit.infra.reading import check_settings, is_structured
from toolkit.infra.settings import (
    Settings,
    SettingsError,
)

PROJECT = YAML(typ="safe").load((find_project_root() / "Pulumi.yaml").read_text())
ZONE = {
    "name": "zone-1",
    "region": "eu-central-1",
    "oidcProviderArn": "arn:aws:iam::123456789012:oidc-provider/oidc.example/id/1",
}


def test_the_project_declares_every_setting_with_its_own_default() -> None:
    declared = PROJECT["config"]
    fields = {to_camel(name): field for name, field in Settings.model_fields.items()}
    assert set(declared) == {key for key in fields if not is_structured(key_to_name(key))} | {
        "formerAuthorityArns",
        "meshes",
        "verifierPrincipals",
    }
    for name, declaration in declared.items():
        # With a type Pulumi itself would check the setting, and name one problem alone.
        assert set(declaration) == {"default", "description"}
        assert declaration["description"]
        default = fields[name].default
        assert default is not PydanticUndefined
        expected = list(default) if isinstance(default, tuple) else "" if default is None else default
        assert expected == declaration["default"]


def key_to_name(key: str) -> str:
    return next(name for name in Settings.model_fields if to_camel(name) == key)


def test_values_come_as_pulumi_hands_them_over() -> None:
    settings = check_settings({"rootValidityYears": "12", "protect": "false", "zones": [ZONE]}, "p")
    assert settings.root_validity_years == 12
    assert settings.protect is False
    assert settings.zones[0].namespace == "kong-mesh-system"
    assert settings.zones[0].service_account == "kong-mesh-control-plane"


def test_without_zones_there_is_nothing_to_do() -> None:
    nothing: tuple[dict[str, Any], ...] = ({}, {"zones": []})
    for values in nothing:
        with pytest.raises(SettingsError, match="p:zones"):
            check_settings(values, "p")


def test_a_name_that_iam_could_not_hold() -> None:
    check_settings({"zones": [{**ZONE, "name": "z" * 47}]}, "p")
    with pytest.raises(SettingsError, match="room for 47"):
        check_settings({"zones": [{**ZONE, "name": "z" * 48}]}, "p")


@given(
    st.dictionaries(
        st.sampled_from([to_camel(name) for name in Settings.model_fields]),
        st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.lists(st.text(max_size=5), max_size=2),
    )
)
def test_any_values_are_taken_or_refused_by_path(values: dict[str, Any]) -> None:
    try:
        check_settings({"zones": [ZONE], **values}, "p")
    except SettingsError as error:
        assert error.problems
        places = ("p:", f"{values.get('zonesFile')}:zones[")
        assert all(problem.path.startswith(places) for problem in error.problems)
