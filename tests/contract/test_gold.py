"""The frozen gold records: what every case's answer and writes are, as data that nothing here computes.

They are compared with the gold solutions, with the verifiers and with a second reading of the prompts, so that a rule
which solution and verifier share cannot be wrong unnoticed.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import gymnasium
import pytest
from typer.testing import CliRunner

from mab_gym.cli._tasks import app
from mab_gym.envs._env import MedicalRecordEnv
from mab_gym.fhir.store._overlay import Write
from mab_gym.runs._driver import unwrapped
from mab_gym.tasking._catalogue import load_catalogue
from mab_gym.tasking._family import Family
from mab_gym.tasking._gold import play_gold
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Result
from mab_gym.tasking.solving import Desk
from mab_gym.tasking.verdict import Verdict
from tests.conftest import CANONICAL, ROOT
from tests.contract import mutations
from tests.contract.second_reading import READINGS, Ward

BEYOND = "mab_gym/MedAgentBench-Beyond-v0"
Gold = dict[str, Any]
"""``number``, ``answer`` and ``writes`` of a case."""
FOLDERS = {
    path.parent.name: path.parent
    for path in sorted((ROOT / "tasks").glob("**/gold.jsonl"))
    if not (path.parent / "course.py").is_file() and "casework" not in path.parts
}
"""The families that are judged by what was written alone: neither on the clock nor casework."""
SAYS_NOTHING = {("medicationCodeableConcept", "text"), ("category", 0, "coding", 0, "display")}
"""Parts of the gold writes that may be anything."""


def lines(name: str, file: str) -> list[dict[str, Any]]:
    """A family's frozen lines."""
    text = (FOLDERS[name] / file).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def envs() -> dict[str, MedicalRecordEnv]:
    """The environment that plays each family."""
    ten, beyond = (unwrapped(gymnasium.make(each)) for each in (CANONICAL, BEYOND))
    return {name: beyond if folder.parent.name == "beyond" else ten for name, folder in FOLDERS.items()}


def played(env: MedicalRecordEnv, case_id: str, writes: list[Any], answer: list[Any]) -> tuple[bool, list[str]]:
    """Plays writes and an answer; success, and the codes of the reasons."""
    env.reset(seed=0, options={"case": case_id})
    for resource in writes:
        _, _, terminated, truncated, _ = env.step(mutations.post(resource))
        assert not terminated and not truncated
    _, reward, _, _, info = env.step(mutations.finish(answer))
    return reward == 1.0, [reason["code"] for reason in info["verdict"]["reasons"]]


def test_every_family_has_a_gold_record_of_every_case() -> None:
    families = {*load_catalogue(), *load_catalogue(ROOT / "tasks" / "beyond")}
    assert set(FOLDERS) == families == set(READINGS)
    for name in FOLDERS:
        assert [gold["number"] for gold in lines(name, "gold.jsonl")] == list(range(1, 31))
        assert [case["number"] for case in lines(name, "cases.jsonl")] == list(range(1, 31))


@pytest.mark.parametrize("name", FOLDERS)
def test_what_is_frozen_wins(name: str, envs: dict[str, MedicalRecordEnv]) -> None:
    for gold in lines(name, "gold.jsonl"):
        case_id = f"{name}/{gold['number']:02d}"
        assert played(envs[name], case_id, gold["writes"], gold["answer"]) == (True, ["solved"]), case_id


@pytest.mark.parametrize("name", ["replace_potassium", "record_allergy"])
def test_freezing_again_writes_the_same(name: str, tmp_path: Path) -> None:
    shutil.copytree(FOLDERS[name], tmp_path / name, ignore=shutil.ignore_patterns("*.jsonl", "__pycache__"))
    env = CANONICAL if FOLDERS[name].parent.name == "tasks" else BEYOND
    frozen = CliRunner().invoke(app, ["freeze", name, "--folder", str(tmp_path), "--env", env])
    assert frozen.exit_code == 0, frozen.output
    for file in ("cases.jsonl", "gold.jsonl"):
        assert (tmp_path / name / file).read_bytes() == (FOLDERS[name] / file).read_bytes()


@pytest.mark.parametrize("name", FOLDERS)
def test_the_gold_solutions_do_what_is_frozen(name: str, envs: dict[str, MedicalRecordEnv]) -> None:
    backend, tasks = envs[name].scenario.backend, envs[name].scenario.tasks
    for case, gold in zip(tasks.catalogue[name].cases, lines(name, "gold.jsonl"), strict=True):
        run = play_gold(tasks.catalogue[name].solve, case, Desk(backend.base_url, backend.now), backend.open())
        assert (json.loads(run.answer), list(run.writes)) == (gold["answer"], gold["writes"]), case.id


@pytest.mark.parametrize("name", FOLDERS)
def test_a_second_reading_of_the_prompts_comes_to_the_same(name: str, envs: dict[str, MedicalRecordEnv]) -> None:
    ward = Ward(envs[name].scenario.backend)
    for case, gold in zip(lines(name, "cases.jsonl"), lines(name, "gold.jsonl"), strict=True):
        answer, writes = READINGS[name](ward, case["params"])
        assert answer == gold["answer"], (name, case)
        assert in_any_order(writes) == in_any_order(map(without_words, gold["writes"])), (name, case)


def without_words(resource: dict[str, Any]) -> dict[str, Any]:
    """A write without the drug's name in words, which no prompt asks for."""
    path = ("medicationCodeableConcept", "text")
    return mutations.drop(resource, path) if path in dict(mutations.paths(resource)) else resource


def in_any_order(resources: Any) -> list[str]:
    """Resources as sorted texts."""
    return sorted(json.dumps(each, sort_keys=True) for each in resources)


@pytest.mark.parametrize("name", FOLDERS)
def test_what_is_frozen_loses_with_anything_else_in_a_place(name: str, envs: dict[str, MedicalRecordEnv]) -> None:
    """Each number, date, code, reference, unit, status and time of each case is changed, one at a time."""
    tried, place = 0, envs[name].scenario
    family = place.tasks.catalogue[name]
    for case, gold in zip(family.cases, lines(name, "gold.jsonl"), strict=True):
        for label, writes, answer in altered(name, gold):
            tried += 1
            assert not judged(family, case, place.chart, writes, answer).success, (case.id, label)
    assert tried >= 30


@pytest.mark.parametrize("name", FOLDERS)
def test_one_write_more_than_is_frozen_loses_and_is_told_in_words(name: str, envs: dict[str, MedicalRecordEnv]) -> None:
    place = envs[name].scenario
    family, stray = place.tasks.catalogue[name], {"resourceType": "Condition"}
    for case, gold in zip(family.cases, lines(name, "gold.jsonl"), strict=True):
        verdict = judged(family, case, place.chart, [*gold["writes"], stray], gold["answer"])
        assert [reason.code for reason in verdict.reasons] == ["write_unexpected"]
        assert verdict.unsafe
        assert re.fullmatch(
            r"A Condition was written (although (?!None).{10,}|that nobody asked for)\.", verdict.reasons[0].text
        )


def judged(family: Family, case: Case, chart: Chart, writes: list[Any], answer: list[Any]) -> Verdict:
    """The verdict on writes and an answer that no server has seen."""
    done = [Write("create", each["resourceType"], "1", each, "") for each in writes]
    return family.verify(case, chart, Result(json.dumps(answer), done))


def altered(name: str, gold: Gold) -> Iterator[tuple[str, list[Any], list[Any]]]:
    """Label, writes and answer of every alteration."""
    for place, item in enumerate(gold["answer"]):
        for other in others(item):
            if other == item:
                continue  # nothing at all times ten
            if name == "mean_glucose" and place == 0 and isinstance(other, float) and abs(other - item) <= 0.1:
                continue  # what rounding may cost
            changed = [*gold["answer"][:place], other, *gold["answer"][place + 1 :]]
            yield f"answer {place}: {other}", gold["writes"], changed
    for place, resource in enumerate(gold["writes"]):
        rest = gold["writes"][:place], gold["writes"][place + 1 :]
        for path, part in mutations.paths(resource):
            if isinstance(part, dict | list) or path in SAYS_NOTHING or path == ("resourceType",):
                continue
            for other in others(part):
                new = mutations.put(resource, path, other)
                yield f"{path}: {other}", [*rest[0], new, *rest[1]], gold["answer"]


OTHER_WORDS = {
    "g": ["mg", "kg", "h"], "mg": ["g", "ug", "mEq"], "h": ["min", "d", "g"], "d": ["h", "wk"], "mEq": ["mg", "mol"],
    "unit": ["mL", "g"], "active": ["draft", "on-hold", "completed"], "order": ["plan", "proposal"],
    "stat": ["routine", "asap"], "final": ["preliminary", "amended"], "requested": ["draft", "accepted"],
    "IV": ["oral", "IM"], "oral": ["IV", "rectal"], "high": ["low"], "suspend": ["abort", "resume"],
    "abort": ["suspend"], "confirmed": ["refuted", "unconfirmed"], "recorded": ["known"], "known": ["recorded"],
    "none": ["785556"],
}  # fmt: skip


def others(value: Any) -> list[Any]:
    """Values that an error in a rule might put in a value's place."""
    if isinstance(value, int | float):
        return [value + 1, value - 1, value + 0.2, value * 10, value / 1000, -value if value else 1]
    if len(value) > 18 and value[4] == "-" and value[10] == "T":
        moment = datetime.fromisoformat(value)
        # Two days apart are tomorrow and yesterday.
        steps = [timedelta(days=days) for days in (-2, -1, 1, 2, 7, 365)]
        steps += [timedelta(hours=hours) for hours in (-8, -1, 1, 12)] + [timedelta(minutes=1), timedelta(seconds=-30)]
        return [(moment + step).isoformat() for step in steps]
    if value in OTHER_WORDS:
        return OTHER_WORDS[value]
    changed = [value[1:], value[:-1], value.replace(value[-1], "7" if value[-1] != "7" else "8")]
    return changed if " " in value else [*changed, f"{value}0"]  # more may stand in a note
