"""The plan of a verification from the operator's options, and the list of problems with invalid options."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.support import contract, hierarchy
from toolkit.errors import InvalidInputError
from toolkit.mesh.documents.applied import Applied, read_applied
from toolkit.mesh.documents.reader import read
from toolkit.verify.plan import DEFAULT_HORIZON, PlanOptions, choose_zones, make_plan

OUTPUTS = contract(hierarchy())


def mesh(name: str = "default", **conf: Any) -> Applied:
    values = {
        "arn": OUTPUTS.certificate_authority.arn,
        "caCert": {"inlineString": OUTPUTS.certificate_chain},
        **conf,
    }
    mtls = {"enabledBackend": "a", "backends": [{"name": "a", "type": "acmpca", "conf": values}]}
    return read_applied(read([("mesh.yaml", json.dumps({"type": "Mesh", "name": name, "mtls": mtls}))]))


def test_without_choices_the_stack_decides() -> None:
    plan = make_plan(OUTPUTS, OUTPUTS.zones, PlanOptions())
    assert (plan.mesh, plan.trust_bundle) == (OUTPUTS.meshes[0], OUTPUTS.certificate_chain)
    assert (plan.lifetime, plan.horizon) == (timedelta(hours=24), DEFAULT_HORIZON)
    assert plan.common_names == {}


def test_a_mesh_decides_over_bundle_and_names() -> None:
    given = mesh("payments", commonName='{{ tag "kuma.io/service" }}.{{ tag "kuma.io/zone" }}')
    plan = make_plan(OUTPUTS, OUTPUTS.zones, PlanOptions(service="web", lifetime="2h", horizon="7d"), given)
    assert (plan.mesh, plan.trust_bundle) == ("payments", given.bundle)
    assert (plan.lifetime, plan.horizon) == (timedelta(hours=2), timedelta(days=7))
    assert plan.common_names == {zone.name: f"web.{zone.name}" for zone in OUTPUTS.zones}


def test_everything_that_is_wrong_is_said_at_once() -> None:
    other = OUTPUTS.certificate_authority.arn.replace("1111", "2222")
    options = PlanOptions(service="a b", lifetime="9y", horizon="soon")
    with pytest.raises(InvalidInputError) as caught:
        make_plan(OUTPUTS, OUTPUTS.zones, options, mesh(arn=other, commonName="{{ tag `env` }}"))
    paths = [problem.path for problem in caught.value.problems]
    conf = "mesh.yaml:1:114 mtls.backends[0].conf"
    assert paths == ["--lifetime", "--horizon", f"{conf}.arn", "--service", f"{conf}.commonName"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (PlanOptions(mesh_name="other"), "--mesh: the contract has no mesh 'other', only default"),
        (PlanOptions(lifetime="1d12h"), "--lifetime: '1d12h': "),
        (PlanOptions(lifetime="9y"), "lasts longer than the CA"),
        (PlanOptions(horizon="-1d"), "--horizon: "),
    ],
)
def test_a_choice_that_is_not_valid_names_its_option(options: PlanOptions, words: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        make_plan(OUTPUTS, OUTPUTS.zones, options)
    assert words in "\n".join(caught.value.lines())


def test_the_stacks_own_lifetime_is_named_as_such() -> None:
    outputs = OUTPUTS.model_copy(update={"data_plane_lifetime": "9y"})
    with pytest.raises(InvalidInputError) as caught:
        make_plan(outputs, outputs.zones, PlanOptions())
    assert "--lifetime: 9y (the contract's dataPlaneLifetime): " in "\n".join(caught.value.lines())


def test_zones_are_chosen_once_each_and_in_the_order_given() -> None:
    names = [zone.name for zone in OUTPUTS.zones]
    assert [zone.name for zone in choose_zones(OUTPUTS, ())] == names
    assert [zone.name for zone in choose_zones(OUTPUTS, (*reversed(names), names[0]))] == names[::-1]
    with pytest.raises(InvalidInputError) as caught:
        choose_zones(OUTPUTS, ("mars", names[0], "venus"))
    assert [problem.message.split()[0] for problem in caught.value.problems] == ["mars", "venus"]
