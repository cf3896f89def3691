"""The audit: what can be won without reading, and whether weak players are told apart."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path
from typing import Any

import gymnasium
import pytest
from typer.testing import CliRunner

from mab_gym.agents._fallible import WeakPlayer
from mab_gym.audit import Audit, Auditor, Blind, Constant, Graded, Policies, Rules, to_json
from mab_gym.audit._blind import AT_ONCE, Search, best_product
from mab_gym.audit._distinct import count_distinct
from mab_gym.audit._findings import LEAST_BRANCH, MOST_BLIND, MOST_CONSTANT
from mab_gym.audit._graded import GROUP_SKILLS, SKILLS, grade
from mab_gym.audit._policies import HONEST, try_policies
from mab_gym.audit._rules import try_rules
from mab_gym.audit._trial import Trial
from mab_gym.audit._words import Item, prompt_words, same_thing
from mab_gym.cli.app import app
from mab_gym.envs._environment_file import environment_files
from mab_gym.envs._scenario import Scenario
from mab_gym.runs._driver import unwrapped
from mab_gym.tasking.case import Case
from tests.conftest import CANONICAL


@pytest.fixture(scope="module")
def canonical(scenario: Scenario) -> Audit:
    return Auditor(scenario).audit(rollouts=1)


def test_the_canonical_cases_keep_all_limits(canonical: Audit) -> None:
    assert canonical.faults() == []
    assert canonical.cases == 300
    assert canonical.at_once == 0
    assert canonical.blind_share <= MOST_BLIND
    assert canonical.constant.played == 300
    assert canonical.constant_share <= MOST_CONSTANT
    assert len(canonical.reading) == 8
    for shares in canonical.branches.values():
        assert min(shares.values()) >= LEAST_BRANCH * sum(shares.values())


@pytest.mark.unmeasured
def test_the_further_families_keep_all_limits() -> None:
    audit = Auditor(unwrapped(gymnasium.make("mab_gym/MedAgentBench-Beyond-v0")).scenario).audit(rollouts=1)
    assert audit.faults() == []
    assert len(audit.reading) == len(audit.blind) == 5
    assert all(blind.credit <= 0.25 for blind in audit.blind)


def test_what_needs_no_reading_is_won_without(canonical: Audit) -> None:
    won = {blind.family: blind.solved for blind in canonical.blind if not blind.needs_reading}
    assert won == {"record_blood_pressure": 30, "refer_orthopaedics": 30}


def test_little_partial_credit_is_had_without_reading(canonical: Audit) -> None:
    assert all(blind.credit <= 0.1 for blind in canonical.reading), canonical.reading


def test_every_family_tells_weak_players_apart(canonical: Audit) -> None:
    for each in canonical.graded:
        assert each.rises, each
        assert each.telling["sparse"][0.5] >= 0.6, each
        assert all(each.telling["partial"][skill] >= each.telling["sparse"][skill] for skill in GROUP_SKILLS), each
        assert each.telling["partial"][0.2] >= 0.3, each


def test_what_the_search_finds_is_what_the_environment_says(canonical: Audit) -> None:
    """Each family's own answers are among the texts, so that its best wins one case at least."""
    assert all(blind.solved == blind.bound >= 1 for blind in canonical.blind)


@pytest.mark.parametrize("name", ["mean_glucose", "check_a1c", "patient_lookup"])
def test_no_text_that_is_tried_whole_beats_the_search(scenario: Scenario, name: str) -> None:
    """All pairs of what right answers hold, judged one by one, with every order."""
    trial, family = Trial(scenario), scenario.tasks.catalogue[name]
    search = Search(trial, family, family.cases)
    written: dict[int, list[list[str]]] = {}
    for case in family.cases:
        answer = json.loads(trial.gold(family, case)[-1][len("FINISH(") : -1])
        places = written.setdefault(len(answer), [[] for _ in answer])
        for place, item in zip(places, answer, strict=True):
            place.append(json.dumps(item))
    most = 0
    for places in written.values():
        choices = [random.Random(name).sample(sorted(set(place)), min(12, len(set(place)))) for place in places]
        for answer in itertools.product(*choices):
            text = f"[{', '.join(answer)}]"
            most = max(most, sum(trial.judge(family, case, text).success for case in family.cases))
    assert most <= search.best().bound


def test_the_best_choice_of_items_is_found() -> None:
    rng = random.Random(5)
    for _ in range(200):
        places = [
            [(Item(str(n), ()), rng.getrandbits(8)) for n in range(rng.randrange(1, 6))]
            for _ in range(rng.randrange(1, 4))
        ]
        within = rng.getrandbits(8)
        right, chosen = best_product(places, within)
        masks = [{item.shown: mask for item, mask in place} for place in places]
        every = [within]
        for place in masks:
            every = [sofar & mask for sofar in every for mask in place.values()]
        assert right.bit_count() == max(mask.bit_count() for mask in every)
        if right:
            both = within
            for item, place in zip(chosen, masks, strict=True):
                both &= place[item.shown]
            assert both == right


def test_what_a_prompt_says_can_be_answered(scenario: Scenario) -> None:
    family = scenario.tasks.catalogue["patient_lookup"]
    case = Case("patient_lookup", 1, "unique_name", {"name": "Pilar Flores", "birth_date": "1987-03-07"})
    words = dict(prompt_words(family, case, scenario.chart.now))
    values: list[Any] = list(words.values())
    assert {"Pilar Flores", "1987-03-07", "1987-03-06", "2023-11-12T10:15:00+00:00", "Patient not found"} <= set(values)
    assert 36 in values
    assert 1987 in values


def test_one_thing_has_one_text() -> None:
    assert same_thing("2") == same_thing("2.0") != same_thing("2.1")
    assert same_thing('"2023-11-13T10:15:00+00:00"') == same_thing('"2023-11-13T02:15:00-08:00"')
    assert same_thing('"2"') != same_thing("2")
    assert same_thing("true") != same_thing("1")


def test_limits_that_are_not_kept_are_named() -> None:
    flat = Graded("b", dict.fromkeys(SKILLS, 0.5), 60, {"sparse": {0.5: 0.0}, "partial": {0.5: 0.0}})
    audit = Audit(
        "my_lab/Flat-v0",
        branches={"a": {"x": 29, "y": 1}},
        at_once=2,
        blind=[
            Blind("a", True, ("FINISH([-1])",), 3, 3, 30, 10),
            Blind("c", False, ("FINISH([])",), 30, 30, 30, 10),
        ],
        constant=Constant("FINISH([-1])", 4, 60),
        graded=[flat],
    )

    assert audit.faults() == [
        "a: the branch y has 1 of 30 cases, less than 10%",
        "finishing at once solves 2 cases",
        "not reading wins 10.0% of what needs reading, more than 5%",
        "one text wins 6.7% of all, more than 3%",
        "b: success does not rise with skill",
    ]
    assert to_json(audit)["faults"] == audit.faults()


def test_rules_that_do_not_bite_and_shortcuts_that_win_are_named() -> None:
    rules = Rules("a", 20, {"status": 2, "window": 3}, {"first_page": 13, "last_loaded": 12})
    assert rules.faults() == [
        "a: breaking the rule 'status' loses 2 of 20 cases, less than 15%",
        "a: the shortcut 'first_page' wins 13 of 20 cases, more than 60%",
    ]
    excused = Rules("a", 20, {"status": 2}, {"first_page": 13}, {"status": "why", "first_page": "why"})
    assert excused.faults() == []
    policies = Policies("a", {"always orders": 0.8, HONEST: 0.8, "never orders": 0.7})
    assert policies.faults() == ["a: the policy that always orders earns 0.80, an honest try 0.80"]
    audit = Audit("x", rules=[rules], policies=[policies])
    assert audit.faults() == [*rules.faults(), *policies.faults()]
    assert to_json(audit)["rules"][0]["lost_by_breaking"] == {"status": 2, "window": 3}


def test_rules_and_policies_by_value(scenario: Scenario) -> None:
    trial, catalogue = Trial(scenario), scenario.tasks.catalogue
    family = catalogue["replace_magnesium"]
    rules = try_rules(trial, family, family.cases)
    assert set(rules.lost) == {"status", "window", "dose by degree"}
    degrees = [case.branch for case in family.cases]
    assert rules.lost["dose by degree"] == degrees.count("mild") + degrees.count("severe")
    assert rules.lost["window"] == degrees.count("not_recorded")
    assert set(rules.won) == {"first_page", "last_loaded", "greatest_id"}
    earned = try_policies(trial, family, family.cases).credit
    due = sum(degrees.count(each) for each in ("mild", "moderate", "severe"))
    assert earned["never orders"] == pytest.approx(1 - due / 30)
    assert earned["always orders"] == pytest.approx(due / 30)
    assert earned["orders rightly and answers nothing"] == 0.0
    assert max(earned, key=lambda name: earned[name]) == HONEST
    referral, query = catalogue["refer_orthopaedics"], catalogue["latest_glucose"]
    assert try_policies(trial, referral, referral.cases).credit == {}
    assert try_policies(trial, query, query.cases).credit == {}


def test_a_slip_changes_what_is_done() -> None:
    actions = (
        "GET http://localhost:8080/fhir/Observation?patient=S1234567&code=K&_sort=-date&_count=5",
        "GET http://localhost:8080/fhir/Patient?family=Flores&_count=100",
        'POST http://localhost:8080/fhir/ServiceRequest\n{"resourceType": "ServiceRequest", "status": "active"}',
        'FINISH([3.1, "2023-11-13T05:36:00+00:00"])',
    )
    never, always = WeakPlayer(0.0, random.Random(1)), WeakPlayer(1.0, random.Random(1))
    for action in actions:
        assert always.instead_of(action) == action
        assert all(never.instead_of(action) != action for _ in range(30))


def test_equal_seeds_grade_equally(scenario: Scenario) -> None:
    family = scenario.tasks.catalogue["latest_magnesium"]
    first, again, other = (grade(Trial(scenario), family, family.cases[:6], seed, 1) for seed in (3, 3, 4))
    assert first == again != other


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "name",
    ["Train", pytest.param("Validation", marks=pytest.mark.once), pytest.param("Beyond-Train", marks=pytest.mark.once)],
)
def test_training_cases_are_too_many_to_be_learned_by_heart(name: str) -> None:
    place = unwrapped(gymnasium.make(f"mab_gym/MedAgentBench-{name}-v0")).scenario
    if not place.tasks.cases:
        found = Auditor(place).audit()
        assert found.faults() == []
        counts = found.distinct
    else:
        counts = {each.name: count_distinct(each, place.chart, 10_000) for each in place.tasks.catalogue.values()}
    assert set(counts) == set(place.tasks.catalogue)
    assert min(counts.values()) >= 10_000


def test_too_few_different_cases_are_a_fault(tmp_path: Path) -> None:
    write_family(tmp_path, careless=False)
    fresh = tmp_path / "fresh.toml"
    fresh.write_text('id = "my_lab/Few-v0"\n[tasks]\nfolder = "tasks"\ncases = "drawn"\ndistinct = 5000\n')

    run = CliRunner().invoke(app, ["tasks", "audit", "--env", str(fresh)])

    assert run.exit_code == 1
    assert "not kept: ages: 1 different cases, fewer than 5,000" in run.stdout


def test_environments_that_share_families_share_what_was_found(scenario: Scenario) -> None:
    memory: dict[Any, Any] = {}
    easy = unwrapped(gymnasium.make("mab_gym/MedAgentBench-Easy-v0")).scenario
    first = Auditor(easy, memory).audit(rollouts=1)
    known = dict(memory)
    again = Auditor(easy, memory).audit(rollouts=1)
    assert to_json(first) == to_json(again)
    assert memory == known
    assert [blind.family for blind in first.blind] == [family.name for family, _ in Auditor(easy).families()]
    assert first.cases == 90


@pytest.mark.parametrize("text", AT_ONCE)
def test_finishing_at_once_earns_no_credit(scenario: Scenario, text: str) -> None:
    env = gymnasium.make(CANONICAL, reward="partial")
    for case in scenario.tasks.cases[::3]:
        env.reset(seed=0, options={"case": case.id})
        _, reward, terminated, _, info = env.step(text)
        assert (reward, terminated, info["verdict"]["credit"]) == (0.0, True, 0.0)


def write_family(folder: Path, *, careless: bool) -> Path:
    """A family whose every case has one answer, or one for each."""
    tasks = folder / "tasks" / "ages"
    tasks.mkdir(parents=True)
    answer = "1" if careless else "case.number * 7"
    (tasks / "task.toml").write_text('number = 99\nkind = "query"\ndifficulty = "easy"\nsummary = "s"\n')
    (tasks / "prompt.md").write_text("The answer is a list of one number.\n---\nWhat of {mrn}?\n")
    (tasks / "cases.py").write_text('BRANCHES = {"one": 1}\ndef draw(chart, rng, branch):\n    return {"mrn": "S1"}\n')
    (tasks / "verifier.py").write_text(
        "from mab_gym.tasking.judging import Judge, number\n"
        f"def verify(case, chart, result):\n    judge = Judge(result)\n    judge.answer(number({answer}))\n"
        "    judge.nothing_written()\n    return judge.verdict()\n"
    )
    (tasks / "solution.py").write_text(
        f"def solve(case, desk):\n    yield desk.get('Patient', _count='1')\n    yield desk.finish([{answer}])\n"
    )
    lines = (json.dumps({"number": n, "branch": "one", "params": {"mrn": f"S{n}"}}) for n in range(1, 41))
    (tasks / "cases.jsonl").write_text("\n".join(lines))
    environment = folder / "ages.toml"
    name = "Careless" if careless else "Careful"
    environment.write_text(f'id = "my_lab/{name}-v0"\n[tasks]\nfolder = "tasks"\n[data]\ncohort = "canonical"\n')
    return environment


@pytest.mark.parametrize("careless", [True, False])
def test_the_command_exits_with_1_where_a_limit_is_not_kept(tmp_path: Path, *, careless: bool) -> None:
    environment = write_family(tmp_path, careless=careless)
    run = CliRunner().invoke(app, ["tasks", "audit", "--env", str(environment), "--json", "--rollouts", "2"])
    found = json.loads(run.stdout[run.stdout.index("{") :])
    assert run.exit_code == int(careless)
    assert found["blind"][0]["solved"] == (40 if careless else 1)
    assert found["best_constant"]["solved"] == (40 if careless else 1)
    assert bool(found["faults"]) == careless


def test_all_audits_what_can_be_audited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_family(tmp_path, careless=False)
    train = tmp_path / "train.toml"
    train.write_text('id = "my_lab/Fresh-v0"\n[tasks]\nfolder = "tasks"\ncases = "drawn"\n')
    monkeypatch.setenv("MAB_GYM_ENVS", str(tmp_path))
    files = [path for path in environment_files() if path.parent == tmp_path]
    monkeypatch.setattr("mab_gym.cli._tasks.environment_files", lambda: files)
    run = CliRunner().invoke(app, ["tasks", "audit", "--id", "all", "--json", "--rollouts", "1"])
    found = json.loads(run.stdout[run.stdout.index("{") :])
    assert run.exit_code == 0
    assert {each["environment"] for each in found["environments"]} == {"my_lab/Careful-v0", "my_lab/Fresh-v0"}
    (fresh,) = (each for each in found["environments"] if each["environment"] == "my_lab/Fresh-v0")
    assert min(fresh["different_cases"].values()) > 0


def test_the_tables_show_who_wins(tmp_path: Path) -> None:
    run = CliRunner().invoke(app, ["tasks", "audit", "--env", str(write_family(tmp_path, careless=True))])
    assert run.exit_code == 1
    assert "FINISH([1])" in run.stdout
    assert "not kept: one text wins 100.0% of all" in run.stdout
