"""The comparison finds no difference between two runs on the sandbox, and finds each one that is put there."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.aws import plan
from tests.aws.answers import read
from tests.aws.compare import compare
from tests.aws.places import YES, environment, place_in
from tests.sandbox.conformance import test_rules
from tests.sandbox.conformance.world import RULES
from toolkit.errors import InvalidInputError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox

    Answers = list[dict[str, Any]]

# Parts whose absence a rule fixes.
_ABSENT = {("blank-template", part) for part in ("keyUsage", "extendedKeyUsage")}


@pytest.fixture(scope="module")
def recorded(running_sandbox: TestSandbox, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    place = place_in(running_sandbox, tmp_path_factory.mktemp("test-aws"))
    place.run(*YES)
    return place.record


@pytest.fixture
def answers(recorded: dict[str, Any]) -> Answers:
    return list(copy.deepcopy(recorded["answers"]))


def of(answers: Answers, probe: str) -> dict[str, Any]:
    return next(answer for answer in answers if answer["probe"] == probe)


def run(aws: TestSandbox, file: Path, code: int) -> str:
    command = [sys.executable, "-m", "tests.aws", "compare", str(file)]
    done = subprocess.run(
        command,
        env=environment(aws, file.parent),
        cwd=file.parent,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
def test_two_runs_on_the_sandbox_do_not_differ(aws: TestSandbox, recorded: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "answers.json"
    file.write_text(json.dumps(recorded))
    said = run(aws, file, 0)
    assert "Different" not in said
    assert "Not recorded" not in said
    assert "These are not answers of AWS." in said


@pytest.mark.slow
def test_a_changed_answer_is_found(aws: TestSandbox, recorded: dict[str, Any], tmp_path: Path) -> None:
    changed = copy.deepcopy(recorded)
    of(changed["answers"], "rsa-signature")["code"] = "ValidationException"
    file = tmp_path / "answers.json"
    file.write_text(json.dumps(changed))
    said = run(aws, file, 1)
    assert (
        "signature.family: rsa-signature: code: recorded 'ValidationException', sandbox 'InvalidArgsException'" in said
    )


def test_every_code_and_status_is_fixed_by_a_rule_unless_no_source_gives_it(answers: Answers) -> None:
    for probe in plan.PROBES:
        for part, wrong in (("code", "MadeUpException"), ("status", 599)):
            changed = copy.deepcopy(answers)
            of(changed, probe.name)[part] = wrong
            found = compare(changed, answers)
            (difference,) = [each for each in found.differences if each.part == part]
            assert (difference.probe, difference.rule in probe.rules) == (probe.name, any(probe.rules.values()))


@pytest.mark.parametrize("probe", [probe for probe in plan.PROBES if probe.words], ids=lambda probe: probe.name)
def test_words_that_a_source_quotes_are_fixed(answers: Answers, probe: Any) -> None:
    changed = copy.deepcopy(answers)
    of(changed, probe.name)["message"] = "Something else."
    assert {each.rule for each in compare(changed, answers).broken} == {next(iter(probe.rules))}


def test_other_words_are_shown_and_break_no_rule(answers: Answers) -> None:
    changed = copy.deepcopy(answers)
    of(changed, "rsa-signature")["message"] = "Something else."
    found = compare(changed, answers)
    assert [each.part for each in found.open] == ["message"]
    assert found.broken == []


def _change_criticality(answers: Answers, probe: str) -> None:
    san = of(answers, probe)["certificate"]["extensions"]["subjectAlternativeName"]
    san["critical"] = not san["critical"]


@pytest.mark.parametrize("probe", ["empty-subject", "no-template-named", "subject-and-critical-san"])
def test_another_criticality_of_the_san_breaks_its_rule(answers: Answers, probe: str) -> None:
    changed = copy.deepcopy(answers)
    _change_criticality(changed, probe)
    assert [each.rule for each in compare(changed, answers).broken] == ["issue.names-critical"]


def test_what_no_source_says_breaks_no_rule(answers: Answers) -> None:
    changed = copy.deepcopy(answers)
    _change_criticality(changed, "api-san-for-an-empty-subject")
    # AWS's table of templates does not say whether it is critical.
    of(changed, "no-template-named")["certificate"]["extensions"]["basicConstraints"]["critical"] = True
    found = compare(changed, answers)
    assert len(found.open) == 2
    assert found.broken == []


def test_a_certificate_may_be_ready_at_once_or_not(answers: Answers) -> None:
    changed = copy.deepcopy(answers)
    of(changed, "no-template-named")["result"]["firstGet"] = "RequestInProgressException"
    assert compare(changed, answers).differences == ()
    of(changed, "no-template-named")["result"]["firstGet"] = "RequestFailedException"
    assert [each.rule for each in compare(changed, answers).broken] == ["get.in-progress"]


def test_a_certificate_that_only_one_side_issued_is_one_difference(answers: Answers) -> None:
    changed = copy.deepcopy(answers)
    of(changed, "empty-subject").update(code="MalformedCSRException", status=400, message="No.", certificate={})
    found = compare(changed, answers)
    assert {each.part for each in found.differences} == {"code", "status", "message"}


def test_probes_that_were_not_recorded_are_named(answers: Answers) -> None:
    found = compare(answers[1:], answers)
    assert found.missing == (answers[0]["probe"],)
    assert len(found.compared) == len(plan.PROBES) - 1


def test_a_probe_that_does_not_exist_is_refused(answers: Answers) -> None:
    with pytest.raises(InvalidInputError):
        compare([*answers, {**answers[0], "probe": "made-up"}], answers)


@pytest.mark.parametrize("text", ["", "{}", '{"format": 1, "region": "x", "answers": []}', '{"format": 2}'])
def test_what_is_no_record_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "answers.json"
    file.write_text(text)
    with pytest.raises(InvalidInputError, match="is not a record of answers"):
        read(str(file))


def test_every_probe_is_about_rules_that_exist() -> None:
    # Importing it is what registers the rules.
    assert test_rules.AREAS
    known = {rule.identifier for rule in RULES}
    for probe in plan.PROBES:
        assert probe.rules, probe.name
        assert set(probe.rules) <= known, probe.name
    assert len({probe.name for probe in plan.PROBES}) == len(plan.PROBES)


def test_every_part_that_a_rule_fixes_is_in_an_answer(answers: Answers) -> None:
    for probe in plan.PROBES:
        for part in {part for parts in probe.rules.values() for part in parts}:
            missing = not _has(of(answers, probe.name), part)
            assert missing == ((probe.name, part.rpartition(".")[2]) in _ABSENT), (probe.name, part)


def _has(value: Any, part: str) -> bool:
    first, _, rest = part.partition(".")
    return isinstance(value, dict) and first in value and (not rest or _has(value[first], rest))


def test_as_many_certificates_as_planned_are_issued(answers: Answers) -> None:
    expected = {probe.name for probe in plan.PROBES if probe.issues}
    issued = {answer["probe"] for answer in answers if answer["certificate"]} - {"token-again"}
    assert issued == expected
