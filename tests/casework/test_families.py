"""All families of casework: gold solutions, rules that bite, lengths, and judges that never raise."""

from __future__ import annotations

import json
import statistics
from dataclasses import replace

import pytest

from mab_gym.tasking._catalogue import load_folder
from mab_gym.tasking._family import told_protocol
from mab_gym.tasking._kinds import KNOWLEDGE
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Result
from mab_gym.tasking.verdict import Verdict
from tests.casework.playing import FAMILIES, FOLDER, family, gold, play, say, scenario

FROZEN = 20
LEAST_BITE = 0.15
KINDS = ("MedicationRequest", "ServiceRequest", "Communication", "Task", "Composition", "Appointment", "Observation")


@pytest.mark.parametrize("name", FAMILIES)
def test_gold_solves_every_frozen_case(name: str) -> None:
    assert [
        (case.number, run.told) for case, run in zip(family(name).cases, gold(name), strict=True) if not run.solved
    ] == []
    assert len(gold(name)) == FROZEN
    assert {case.branch for case in family(name).cases} == set(family(name).branches)


@pytest.mark.parametrize("name", FAMILIES)
def test_gold_solves_cases_wherever_the_protocol_stands(name: str) -> None:
    found = family(name)
    for knowledge in set(KNOWLEDGE) - {"handbook"} if found.pages else ():
        for case in found.cases[:4]:
            run = play(case, knowledge=knowledge)
            assert run.solved, run.told
            told = told_protocol(found.pages, knowledge)
            assert told in run["begun"]
    assert "{" not in found.prompt(found.cases[0], "now")[0].replace("{base", "")


@pytest.mark.parametrize("name", FAMILIES)
def test_frozen_cases_are_what_the_recipe_draws(name: str) -> None:
    drawn = family(name).draw_cases(scenario().chart, 25, FROZEN)
    assert [Case.from_json(name, case.to_json()) for case in drawn] == list(family(name).cases)


@pytest.mark.parametrize("name", FAMILIES)
def test_nothing_earns_nothing(name: str) -> None:
    for case in family(name).cases:
        verdict = say(case)["verdict"]
        assert not verdict["success"]
        assert verdict["credit"] == 0


@pytest.mark.parametrize("name", FAMILIES)
def test_a_verdict_does_not_depend_on_those_before(name: str) -> None:
    """An episode is judged after each write, and judges keep what they have read: a fresh one says the same."""
    found, told = family(name), []

    def verify(case: Case, chart: Chart, result: Result) -> Verdict:
        verdict = found.verify(case, chart, result)
        told.append((verdict.to_dict(), found.verify(case, chart, replace(result, known={})).to_dict()))
        return verdict

    episode = scenario().new_episode()
    episode.reset(replace(found, verify=verify), found.cases[-1])
    for action in gold(name)[-1]["sent"]:
        episode.step(action)
    assert told
    assert [known for known, _ in told] == [fresh for _, fresh in told]


@pytest.mark.parametrize("name", FAMILIES)
def test_work_is_long_and_has_checkpoints(name: str) -> None:
    actions = sorted(run["actions"] for run in gold(name))
    assert statistics.median(actions) >= 10
    limit = family(name).max_steps
    assert limit is not None
    assert actions[-1] <= 0.95 * limit
    checkpoints = [sum(not each.startswith(("kept", "answer")) for each in run["criteria"]) for run in gold(name)]
    assert statistics.median(checkpoints) >= 5


@pytest.mark.once
@pytest.mark.parametrize("name", FAMILIES)
def test_every_rule_bites(name: str) -> None:
    found = family(name)
    applied = set().union(*(run["rules"] for run in gold(name)))
    assert applied - set(found.excused) == set(found.rules) - set(found.excused)
    blunt = {}
    for rule in sorted(applied):
        if rule in found.excused:
            continue
        lost = 0
        for case, run in zip(found.cases, gold(name), strict=True):  # no more than it takes
            lost += rule in run["rules"] and not play(case, careless=rule).solved
            if lost >= LEAST_BITE * FROZEN:
                break
        else:
            blunt[rule] = lost
    assert blunt == {}


@pytest.mark.parametrize("name", FAMILIES)
def test_the_opening_does_not_tell_the_branch(name: str) -> None:
    """Two cases of different branches that differ in nothing but what is hidden would read alike."""
    for case, run in zip(family(name).cases, gold(name), strict=True):
        assert case.branch not in run["begun"].replace(" ", "_").lower() or case.branch in str(family(name).context)


@pytest.mark.parametrize("name", FAMILIES)
def test_no_write_makes_the_judge_raise(name: str) -> None:
    case = family(name).cases[0]
    base = scenario().backend.base_url
    mrn = case.params.get("mrn", "")
    bodies = [
        {
            "resourceType": kind,
            "status": "active",
            "intent": "order",
            "subject": {"reference": f"Patient/{mrn}"},
            **more,
        }
        for kind in KINDS
        for more in (
            {"code": {"text": "\u2028"}},
            {"note": [{"text": "x" * 5000}]},
            {"extension": [{"url": "http://x"}]},
        )
    ]
    limit = family(name).max_steps or 8
    texts = [f"POST {base}/{body['resourceType']}\n{json.dumps(body)}" for body in bodies][: limit - 2]
    verdict = say(case, *texts)["verdict"]
    assert not verdict["success"]
    assert not any(reason["code"] == "unjudged" for reason in verdict["reasons"])


def test_a_person_is_seldom_met_twice() -> None:
    for name in FAMILIES:
        who = [case.params.get(family(name).who, str(case.params)) for case in family(name).cases]
        assert len(set(map(str, who))) >= 10, name


def test_a_services_folder_may_be_loaded_by_itself() -> None:
    """It shares the texts that lie above it, so that one service can be frozen or played alone."""
    for family_ in load_folder(FOLDER / "ward"):
        assert family_.service == "ward"
        assert family_.context == family(family_.name).context
