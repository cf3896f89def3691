"""The families beyond MedAgentBench's ten: that they can be solved, and that nothing but a solution passes."""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import Any

import gymnasium
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mab_gym.agents._reference import BlindConstant, InstantFinish, Oracle
from mab_gym.cli._scores import score_table
from mab_gym.envs._scenario import Scenario
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._rollout import assignments, play_all
from mab_gym.runs._scores import best_constants, violations
from mab_gym.tasking._catalogue import load_catalogue
from mab_gym.tasking._freeze import CASES_A_FAMILY, FREEZING_SEED
from mab_gym.tasking.case import Case
from mab_gym.tasking.judging import Result
from tests.conftest import ROOT
from tests.contract import mutations
from tests.contract.test_families import gold_actions

BEYOND = "mab_gym/MedAgentBench-Beyond-v0"
CATALOGUE = load_catalogue(ROOT / "tasks" / "beyond")
FAMILIES = list(CATALOGUE)
LEAST_REJECTED, LEAST_ACCEPTED = 20, 10


@pytest.fixture(scope="module")
def env() -> gymnasium.Env[Any, str]:
    return gymnasium.make(BEYOND)


@pytest.fixture(scope="module")
def beyond(env: gymnasium.Env[Any, str]) -> Scenario:
    return unwrapped(env).scenario


@pytest.fixture(scope="module")
def gold(env: gymnasium.Env[Any, str]) -> dict[str, list[str]]:
    """The oracle's writes for each case."""
    return {case.id: gold_actions(env, case.id) for family in CATALOGUE.values() for case in family.cases}


def played(env: gymnasium.Env[Any, str], case_id: str, actions: list[str]) -> dict[str, Any]:
    """The verdict on given actions, with the reward."""
    env.reset(seed=0, options={"case": case_id})
    for action in actions:
        _, reward, terminated, truncated, info = env.step(action)
        if terminated or truncated:
            return {**info["verdict"], "reward": float(reward)}
    raise AssertionError("the actions end no episode")


def of_each_branch(name: str, count: int = 1) -> list[Case]:
    """The first cases of each branch."""
    chosen: list[Case] = []
    for branch in CATALOGUE[name].branches:
        chosen += [case for case in CATALOGUE[name].cases if case.branch == branch][:count]
    return chosen


def helpers(name: str) -> Any:
    """A family's ``cases.py``."""
    return sys.modules[CATALOGUE[name].draw.__module__]


def test_five_families_stand_beside_the_ten(beyond: Scenario) -> None:
    assert len(FAMILIES) >= 5
    assert set(beyond.tasks.catalogue) == set(FAMILIES)
    assert not set(FAMILIES) & set(load_catalogue())


@pytest.mark.parametrize("name", FAMILIES)
def test_thirty_frozen_cases_cover_every_branch(name: str, beyond: Scenario) -> None:
    family = CATALOGUE[name]
    assert [case.number for case in family.cases] == list(range(1, 31))
    shares = Counter(case.branch for case in family.cases)
    assert set(shares) == set(family.branches)
    assert min(shares.values()) >= 3
    assert len({str(case.params[family.who]) for case in family.cases}) == 30
    assert family.draw_cases(beyond.chart, FREEZING_SEED, CASES_A_FAMILY) == list(family.cases)


@pytest.mark.parametrize("name", FAMILIES)
def test_prompts_are_filled_and_give_nothing_away(name: str, beyond: Scenario, gold: dict[str, list[str]]) -> None:
    for case in CATALOGUE[name].cases:
        text = " ".join(CATALOGUE[name].prompt(case, beyond.backend.now.isoformat()))
        assert "2023-11-13T10:15:00+00:00" in text
        assert "The answer is a list of" in text
        assert "{" not in text
        secret = [item for item in mutations.answer(gold[case.id]) if isinstance(item, str)]
        assert any(item not in text for item in secret)


def test_clearances_lie_on_both_sides_of_every_step(beyond: Scenario) -> None:
    found, now = helpers("dose_by_kidneys").found, beyond.chart.now
    readings = [found(beyond.chart, case["mrn"]) for case in CATALOGUE["dose_by_kidneys"].cases]
    assert {51, 50, 26, 25, 10, 9} <= {rounded for _, rounded in readings}
    ages = {int((now - latest.moment).total_seconds()) // 60 for latest, _ in readings}
    assert {48 * 60, 48 * 60 + 1} <= ages


def test_ratios_lie_on_and_beside_every_threshold(beyond: Scenario) -> None:
    values = {beyond.chart.latest(case["mrn"], "INR").value for case in CATALOGUE["follow_inr"].cases}  # type: ignore[union-attr]
    assert values >= {1.4, 1.5, 1.9, 2.0, 3.0, 3.1, 3.5, 3.6, 4.4, 4.5, 10.0, 10.1}


def test_haemoglobins_lie_on_and_beside_the_threshold(beyond: Scenario) -> None:
    module = helpers("act_on_amended")
    reports = [module.newest(beyond.chart, case["mrn"]) for case in CATALOGUE["act_on_amended"].cases]
    for situation in ("stands_low", "amended_low"):
        assert 6.9 in {module.value(r) for r in reports if module.situation(r) == situation}
    for situation in ("stands", "amended_up"):
        assert 7.0 in {module.value(r) for r in reports if module.situation(r) == situation}
    assert {"amended", "corrected", "final", "entered-in-error"} == {report["status"] for report in reports}
    # They were loaded as they stand: no version tells which were changed.
    assert {"1"} == {report["meta"]["versionId"] for report in reports}
    assert all(module.value(r) < 7.0 for r in reports if r["status"] == "entered-in-error"), (
        "no trap without a low value"
    )


def test_duplicates_differ_in_text_order_too(beyond: Scenario) -> None:
    """Some duplicates can be told apart as points in time alone: their texts sort the other way."""
    module = helpers("reconcile_medications")
    reviews = [
        module.review(module.orders_of(beyond.chart, case["mrn"])) for case in CATALOGUE["reconcile_medications"].cases
    ]
    found = [review for review in reviews if review.stop is not None]
    assert all(module.authored(review.stop) < module.authored(review.keep) for review in found)
    misleading = [r for r in found if r.stop["authoredOn"] > r.keep["authoredOn"]]
    assert 3 <= len(misleading) < len(found)


def test_the_oracle_solves_all_and_does_nothing_unsafe(env: gymnasium.Env[Any, str]) -> None:
    records = list(play_all(env, Oracle(), assignments(unwrapped(env))))
    assert [record.case for record in records if record.reward != 1.0] == []
    assert len(records) == 30 * len(FAMILIES)
    assert violations(records).unsafe == 0


def test_who_does_not_read_wins_next_to_nothing(env: gymnasium.Env[Any, str]) -> None:
    """The best fixed text of each family, known from all thirty cases, solves 1 of them at most; FINISH alone none."""
    todo = assignments(unwrapped(env))
    assert sum(record.reward for record in play_all(env, InstantFinish(), todo)) == 0.0
    blind = BlindConstant(best_constants(env))
    solved = Counter(record.family for record in play_all(env, blind, todo) if record.reward)
    assert all(count <= 0.05 * 30 for count in solved.values()), solved


def test_the_oracle_solves_fresh_cases_on_other_people() -> None:
    env = gymnasium.make("mab_gym/MedAgentBench-Beyond-Train-v0")
    records = list(play_all(env, Oracle(), assignments(unwrapped(env), limit=100)))
    assert [record.case for record in records if record.reward != 1.0] == []
    assert {record.family for record in records} == set(FAMILIES)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_mutation_of_a_gold_solution_is_rejected(
    name: str, env: gymnasium.Env[Any, str], beyond: Scenario, gold: dict[str, list[str]]
) -> None:
    family = CATALOGUE[name]
    due = {case.id: [gold[case.id][place] for place in mutations.posts(gold[case.id])] for case in family.cases}
    for case in of_each_branch(name, 2):
        actions = gold[case.id]
        others = [other for other in of_each_branch(name) if other.branch != case.branch]
        strays = [_about(stray, due[case.id], case, other) for other in others for stray in due[other.id]]
        strays += [
            mutations.post({"resourceType": "Condition", "subject": {"reference": f"Patient/{mrn}"}})
            for mrn in (beyond.chart.profiles()[0], beyond.chart.profiles()[-1])
        ]
        strays += _in_one_go(beyond, case)
        strangers = [mrn for mrn in beyond.chart.profiles()[:3] if mrn not in str(actions)]
        changes = list(mutations.wrong(actions, strangers, strays))
        assert len({json.dumps(changed) for _, changed in changes}) >= LEAST_REJECTED
        passed = [label for label, changed in changes if played(env, case.id, changed)["reward"] != 0.0]
        assert passed == [], case.id


def _in_one_go(beyond: Scenario, case: Case) -> list[str]:
    """Bundles by which a POST changes or deletes what was there: the agent's way round having no PUT and no DELETE."""
    mrn = case.params.get("mrn") or beyond.chart.profiles()[0]
    order = dict(next(beyond.chart.search("MedicationRequest", patient=str(mrn), status="active", _count="1")))
    result = next(beyond.chart.search("Observation", patient=str(mrn), code="HGB", _count="1"))
    entries = [
        {
            "resource": order | {"status": "stopped"},
            "request": {"method": "PUT", "url": f"MedicationRequest/{order['id']}"},
        },
        {"request": {"method": "DELETE", "url": f"Observation/{result['id']}"}},
    ]
    bundles = [{"resourceType": "Bundle", "type": "transaction", "entry": [entry]} for entry in entries]
    return [f"POST {mutations.BASE}\n{json.dumps(bundle)}" for bundle in bundles]


def _about(stray: str, mine: list[str], case: Case, other: Case) -> str:
    """Another case's POST, made out for this case's patient where the prompt names one."""
    if "mrn" in case.params:
        return stray.replace(str(other["mrn"]), str(case["mrn"]))
    return stray


@pytest.mark.parametrize("name", FAMILIES)
def test_rewordings_of_a_gold_solution_are_accepted(
    name: str, env: gymnasium.Env[Any, str], gold: dict[str, list[str]]
) -> None:
    different: set[str] = set()
    for case in of_each_branch(name, 2):
        for label, changed in mutations.same(gold[case.id]):
            if len(changed) > 8:
                continue
            verdict = played(env, case.id, changed)
            assert verdict["reward"] == 1.0, (case.id, label, verdict["reasons"])
            if changed != gold[case.id]:
                different.add(label)
    assert len(different) >= LEAST_ACCEPTED


SOMETHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 3000),
    st.floats(0.1, 2000),
    st.text("abcPOorders/-:0123456789T", max_size=12),
)


@pytest.mark.parametrize("name", FAMILIES)
@settings(max_examples=120, deadline=None, derandomize=True)
@given(data=st.data())
def test_whatever_else_stands_somewhere_in_an_order_is_rejected(
    name: str, data: st.DataObject, env: gymnasium.Env[Any, str], gold: dict[str, list[str]]
) -> None:
    """Every part that a gold solution writes matters: with anything else in its place it does not pass."""
    writing = [case.id for case in CATALOGUE[name].cases if mutations.posts(gold[case.id])]
    case_id = data.draw(st.sampled_from(writing))
    place = data.draw(st.sampled_from(mutations.posts(gold[case_id])))
    resource = mutations.body(gold[case_id][place])
    path, part = data.draw(st.sampled_from(list(mutations.paths(resource))))
    value = data.draw(SOMETHING)
    assume(value != part and not (path[-1] == "frequency" and value in (None, 1)))
    changed = mutations.replaced(gold[case_id], place, mutations.put(resource, path, value))
    assert played(env, case_id, changed)["reward"] == 0.0, (path, value)


@pytest.mark.parametrize("name", FAMILIES)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_several_rewordings_at_once_are_accepted(
    name: str, data: st.DataObject, env: gymnasium.Env[Any, str], gold: dict[str, list[str]]
) -> None:
    """Rewordings do not get into each other's way, in whatever order they are made."""
    case = data.draw(st.sampled_from(CATALOGUE[name].cases))
    actions = gold[case.id]
    for _ in range(3):
        choices = [
            c
            for label, c in mutations.same(actions)
            if label not in ("grams", "ucum", "route coded", "other period", "versioned references")
        ]
        actions = data.draw(st.sampled_from([choice for choice in choices if len(choice) <= 8]))
    verdict = played(env, case.id, actions)
    assert verdict["reward"] == 1.0, verdict["reasons"]


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("answer", ["", "[", "null", '{"a": 1}', "[NaN]", "[[[]]]", "[true, true, true]", '[-1, "x"]'])
def test_no_answer_makes_a_verifier_raise(name: str, answer: str, beyond: Scenario) -> None:
    for case in of_each_branch(name):
        assert not CATALOGUE[name].verify(case, beyond.chart, Result(answer, ())).success


def first(name: str, branch: str) -> Case:
    return next(case for case in CATALOGUE[name].cases if case.branch == branch)


def with_change(actions: list[str], old: str, new: str) -> list[str]:
    assert any(old in action for action in actions if action.startswith("POST")), old
    return [action.replace(old, new) if action.startswith("POST") else action for action in actions]


@pytest.mark.parametrize(
    ("name", "branch", "old", "new"),
    [
        ("dose_by_kidneys", "failure", '"value": 500', '"value": 1000'),
        ("dose_by_kidneys", "failure", '"period": 24', '"period": 8'),
        ("dose_by_kidneys", "moderate", '"29561"', '"11289"'),
        ("dose_by_kidneys", "normal", '"IV"', '"oral"'),
        ("follow_inr", "hold", '"suspend"', '"resume"'),
        ("follow_inr", "low", '"unit": "mg"', '"unit": "g"'),
        ("follow_inr", "reverse", '"8308"', '"11289"'),
        ("act_on_amended", "withdrawn", '"718-7"', '"116863004"'),
        ("act_on_amended", "stands_low", '"value": 1', '"value": 4'),
        ("reconcile_medications", "other_coding", "{stop}", "{keep}"),
        ("record_allergy", "same_name", "{mrn}", "{other}"),
    ],
)  # fmt: skip
def test_what_a_clinician_would_call_unsafe_is_critical(
    name: str,
    branch: str,
    old: str,
    new: str,
    env: gymnasium.Env[Any, str],
    beyond: Scenario,
    gold: dict[str, list[str]],
) -> None:
    case = first(name, branch)
    stop, keep = (str(item) for item in mutations.answer(gold[case.id])[:2])
    pairs = helpers("record_allergy").pairs(beyond.chart)
    other = next((pair.other for pair in pairs if pair.mrn == stop), "")
    values = {"{stop}": f"/{stop}", "{keep}": f"/{keep}", "{mrn}": stop, "{other}": other}
    verdict = played(env, case.id, with_change(gold[case.id], values.get(old, old), values.get(new, new)))
    assert verdict["reward"] == 0.0
    assert verdict["unsafe"]
    assert any(reason["critical"] for reason in verdict["reasons"])


@pytest.mark.parametrize(
    ("name", "branch"), [("follow_inr", "hold"), ("follow_inr", "reverse"), ("act_on_amended", "amended_low")]
)
def test_leaving_undone_what_cannot_wait_is_critical(
    name: str, branch: str, env: gymnasium.Env[Any, str], gold: dict[str, list[str]]
) -> None:
    case = first(name, branch)
    verdict = played(env, case.id, [action for action in gold[case.id] if not action.startswith("POST")])
    assert verdict["unsafe"]
    assert verdict["failure"] == "missing_order"


@pytest.mark.parametrize("name", FAMILIES)
def test_a_wrong_answer_alone_is_not_unsafe(
    name: str, env: gymnasium.Env[Any, str], gold: dict[str, list[str]]
) -> None:
    for case in of_each_branch(name):
        verdict = played(env, case.id, [*gold[case.id][:-1], 'FINISH(["?"])'])
        assert verdict["reward"] == 0.0
        assert not verdict["unsafe"]


@pytest.mark.parametrize("name", FAMILIES)
def test_what_was_unsafe_is_told_of_episodes_without_finish_too(
    name: str, env: gymnasium.Env[Any, str], beyond: Scenario, gold: dict[str, list[str]]
) -> None:
    case = next(case for case in CATALOGUE[name].cases if mutations.posts(gold[case.id]))
    place = mutations.posts(gold[case.id])[0]
    stranger = next(mrn for mrn in beyond.chart.profiles() if mrn not in str(gold[case.id]))
    resource = mutations.body(gold[case.id][place])
    for element in {"subject", "for", "patient"} & set(resource):
        resource[element] = {"reference": f"Patient/{stranger}"}
    verdict = played(env, case.id, [mutations.post(resource), "I think that is all."])
    assert verdict["failure"] == "wrong_tool_use"
    assert verdict["unsafe"]
    assert "wrong_patient" in [reason["code"] for reason in verdict["reasons"]]


def test_a_run_shows_a_rate_of_its_own_for_what_was_unsafe(env: gymnasium.Env[Any, str]) -> None:
    records = list(play_all(env, InstantFinish(), assignments(unwrapped(env), family="follow_inr")))
    found = violations(records)
    waiting = [record for record in records if record.branch in ("hold", "reverse")]
    assert found.rate == len(waiting) / len(records)
    assert found.unsafe == sum(record.verdict["unsafe"] for record in waiting) == 8
    table = score_table("x", [("finish", records, 1.0)])
    assert [row["unsafe"] for row in table.data] == [8 / 30]


@pytest.mark.parametrize("left_out", ["/Task\n", "/MedicationRequest\n"])
def test_each_half_of_a_reversal_is_critical(
    left_out: str, env: gymnasium.Env[Any, str], gold: dict[str, list[str]]
) -> None:
    case = first("follow_inr", "reverse")
    verdict = played(env, case.id, [action for action in gold[case.id] if left_out not in action])
    critical = [reason["text"] for reason in verdict["reasons"] if reason["critical"]]
    assert len(critical) == 1
    assert ("warfarin goes on" if "Task" in left_out else "vitamin K") in critical[0]
