"""The audit: what can be won without reading, and whether weak players are told apart."""

from __future__ import annotations

import json
import random
from pathlib import Path

import gymnasium
import pytest
from typer.testing import CliRunner

from mab_gym.audit import (
    LEAST_BRANCH,
    MOST_BLIND,
    MOST_CONSTANT,
    SKILLS,
    Audit,
    Auditor,
    Blind,
    Graded,
    _Slips,
    to_json,
)
from mab_gym.cli.app import app
from mab_gym.errors import UsageError
from mab_gym.rollout import unwrapped
from tests.conftest import CANONICAL


@pytest.fixture(scope="module")
def auditor() -> Auditor:
    return Auditor(unwrapped(gymnasium.make(CANONICAL)))


@pytest.fixture(scope="module")
def canonical(auditor: Auditor) -> Audit:
    return auditor.audit(rollouts=1)


def test_the_canonical_cases_keep_all_limits(canonical: Audit) -> None:
    assert canonical.faults() == []
    assert canonical.cases == 300
    assert canonical.at_once == 0
    assert canonical.blind_share <= MOST_BLIND
    assert canonical.constant_share <= MOST_CONSTANT
    assert sum(blind.needs_reading for blind in canonical.blind) == 8
    for shares in canonical.branches.values():
        assert min(shares.values()) >= LEAST_BRANCH * sum(shares.values())


def test_what_needs_no_reading_is_won_without(canonical: Audit) -> None:
    won = {blind.family: blind.solved for blind in canonical.blind if not blind.needs_reading}
    assert won == {"record_blood_pressure": 30, "refer_orthopaedics": 30}


def test_every_family_tells_weak_players_apart(canonical: Audit) -> None:
    for each in canonical.graded:
        assert each.rises, each
        assert each.telling["sparse"] >= 0.6, each
        assert each.telling["partial"] >= each.telling["sparse"], each


def test_the_search_finds_at_least_each_familys_own_answers(auditor: Auditor, canonical: Audit) -> None:
    """Whatever a gold solution says is among the texts, so that each family's best wins one case at least."""
    assert all(blind.solved >= 1 for blind in canonical.blind)
    for family, cases in auditor.families():
        assert auditor.solves(family, cases[0], [a for a in auditor.gold(family, cases[0]) if a[:3] != "GET"])


def test_limits_that_are_not_kept_are_named() -> None:
    flat = Graded("b", dict.fromkeys(SKILLS, 0.5), 60, {"sparse": 0.0, "partial": 0.0})
    audit = Audit(
        branches={"a": {"x": 29, "y": 1}},
        at_once=2,
        blind=[Blind("a", True, ("FINISH([-1])",), 3, 30, 10), Blind("c", False, ("FINISH([])",), 30, 30, 10)],
        constant=("FINISH([-1])", 4),
        cases=60,
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


def test_a_slip_changes_what_is_done() -> None:
    actions = (
        "GET http://localhost:8080/fhir/Observation?patient=S1234567&code=K&_sort=-date&_count=5",
        'POST http://localhost:8080/fhir/ServiceRequest\n{"resourceType": "ServiceRequest", "status": "active"}',
        'FINISH([3.1, "2023-11-13T05:36:00+00:00"])',
    )
    never, always = _Slips(0.0, random.Random(1)), _Slips(1.0, random.Random(1))
    for action in actions:
        assert always.instead_of(action) == action
        assert all(never.instead_of(action) != action for _ in range(30))


def test_drawn_cases_cannot_be_audited() -> None:
    with pytest.raises(UsageError, match="frozen"):
        Auditor(unwrapped(gymnasium.make("mab_gym/MedAgentBench-Train-v0")))


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
    assert bool(found["faults"]) == careless
