"""Variants of cases: other words, other values, distractions; the right answer moves along."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import gymnasium
import pytest

from mab_gym.agents._reference import Oracle
from mab_gym.errors import UsageError
from mab_gym.runs._driver import unwrapped
from mab_gym.runs._rollout import assignments, play_all
from mab_gym.tasking._definitions import CATALOGUE
from mab_gym.tasking._variants import VARIANTS, idle_variants, read_variants, stage
from tests.conftest import CANONICAL

ALL = "+".join(VARIANTS)


@pytest.fixture(scope="module")
def env() -> gymnasium.Env[Any, str]:
    return gymnasium.make(CANONICAL)


def begin(env: gymnasium.Env[Any, str], case: str, variant: str | None, seed: int = 0) -> tuple[str, str]:
    """The prompt, and which variants changed something."""
    observation, info = env.reset(seed=seed, options={"case": case, "variant": variant})
    return observation["text"], info.get("variant", "")


@pytest.mark.parametrize("variant", [*VARIANTS, ALL])
def test_the_oracle_solves_every_case_in_every_variant(env: gymnasium.Env[Any, str], variant: str) -> None:
    records = list(play_all(env, Oracle(), assignments(unwrapped(env), seed=11), variant=variant))
    assert [record.case for record in records if record.reward != 1.0] == []
    assert sum(bool(record.variant) for record in records) >= 30


@pytest.mark.parametrize("variant", [*VARIANTS, ALL])
def test_the_further_families_have_variants_too(variant: str) -> None:
    env = gymnasium.make("mab_gym/MedAgentBench-Beyond-v0")
    records = list(play_all(env, Oracle(), assignments(unwrapped(env), seed=11), variant=variant))
    assert [record.case for record in records if record.reward != 1.0] == []


@pytest.mark.parametrize("variant", [*VARIANTS, ALL])
def test_equal_seeds_stage_a_case_equally(env: gymnasium.Env[Any, str], variant: str) -> None:
    def told(seed: int) -> list[str]:
        texts = [begin(env, "replace_potassium/03", variant, seed)[0]]
        mrn = re.search(r"S\d{7}", begin(env, "replace_potassium/03", None)[0])
        assert mrn is not None
        begin(env, "replace_potassium/03", variant, seed)
        queries = (f"Observation?patient={mrn[0]}&code=K&_sort=-date", "Patient", "ActivityDefinition")
        return texts + [env.step(f"GET http://localhost:8080/fhir/{query}")[0]["fhir"] for query in queries]

    assert told(5) == told(5)
    if variant in ("perturbed", "distractors", "reworded", ALL):
        assert told(5) != told(6)


def newest(env: gymnasium.Env[Any, str], mrn: str, code: str) -> list[tuple[str, float]]:
    url = f"http://localhost:8080/fhir/Observation?patient={mrn}&code={code}&_sort=-date&_count=5"
    found = json.loads(env.step(f"GET {url}")[0]["fhir"])
    resources = [entry["resource"] for entry in found["entry"]]
    return [
        (r["effectiveDateTime"], r["valueQuantity"]["value"]) for r in resources if r["status"] != "entered-in-error"
    ]


def test_the_right_answer_moves_along_with_perturbed_values(env: gymnasium.Env[Any, str]) -> None:
    case = next(c for c in unwrapped(env).scenario.tasks.cases if c.family == "latest_glucose")
    begin(env, case.id, None)
    before = newest(env, case["mrn"], "GLU")[0]
    _, variant = begin(env, case.id, "perturbed", 3)
    after = newest(env, case["mrn"], "GLU")[0]

    assert variant == "perturbed"
    assert after[0] == before[0]
    assert after[1] != before[1]
    for moment, value in (before, after):
        begin(env, case.id, "perturbed", 3)
        assert env.step(f'FINISH([{value}, "{moment}"])')[1] == float(value == after[1])
    begin(env, case.id, None)
    assert newest(env, case["mrn"], "GLU")[0] == before


def test_a_result_that_was_entered_in_error_is_newer_and_does_not_count(env: gymnasium.Env[Any, str]) -> None:
    case = next(c for c in unwrapped(env).scenario.tasks.cases if c.family == "latest_glucose")
    begin(env, case.id, "distractors", 3)
    url = f"http://localhost:8080/fhir/Observation?patient={case['mrn']}&code=GLU&_sort=-date&_count=5"
    first = json.loads(env.step(f"GET {url}")[0]["fhir"])["entry"][0]["resource"]
    assert first["status"] == "entered-in-error"
    wrong = f'FINISH([{first["valueQuantity"]["value"]}, "{first["effectiveDateTime"]}"])'
    assert env.step(wrong)[1] == 0.0


def test_what_is_laid_over_the_chart_is_no_write(env: gymnasium.Env[Any, str]) -> None:
    for variant in ("perturbed", "distractors", "lookup"):
        begin(env, "latest_magnesium/01", variant, 1)
        assert list(unwrapped(env).episode.session.writes) == []


def test_a_patient_can_be_named_by_name_and_date_of_birth(env: gymnasium.Env[Any, str]) -> None:
    plain, _ = begin(env, "check_a1c/01", None)
    text, variant = begin(env, "check_a1c/01", "by_name+us_dates")

    assert variant == "by_name+us_dates"
    mrn = re.search(r"S\d{7}", plain.rpartition("Task:")[2])
    assert mrn is not None
    assert mrn[0] not in text
    assert re.search(r"born on \d\d/\d\d/\d{4}", text)
    assert "It is 11/13/2023 10:15:00 +00:00." in text


def test_other_words_say_the_same(env: gymnasium.Env[Any, str]) -> None:
    """Numbers, codes and what is quoted stay, whatever the wording."""
    for case in unwrapped(env).scenario.tasks.cases[::7]:
        plain = begin(env, case.id, None)[0].rpartition("Task:")[2]
        for seed in range(4):
            text = begin(env, case.id, "reworded", seed)[0].rpartition("Task:")[2]
            assert re.findall(r'"[^"]*"', text) == re.findall(r'"[^"]*"', plain)
            assert re.findall(r"[\d.]*\d|S\d{7}", text) == re.findall(r"[\d.]*\d|S\d{7}", plain)


CODES = re.compile(r"0338-1715-40|40032-917-01|2823-3|4548-4|306181000000106|\bGLU\b|\bMG\b|\bA1C\b|code [A-Z]+\b")


def test_codes_that_are_not_told_can_be_looked_up(env: gymnasium.Env[Any, str]) -> None:
    known = json.dumps([dict(resource) for resource in CATALOGUE])
    for family in ("check_a1c", "latest_magnesium", "mean_glucose", "refer_orthopaedics", "replace_magnesium"):
        plain, (text, variant) = begin(env, f"{family}/01", None)[0], begin(env, f"{family}/01", "lookup")
        told = {code.removeprefix("code ") for code in CODES.findall(plain)}
        assert variant == "lookup"
        assert told
        assert not CODES.findall(text)
        assert all(f'"{code}"' in known for code in told)
    begin(env, "replace_magnesium/01", "lookup")
    for kind in ("ObservationDefinition", "ActivityDefinition"):
        found = json.loads(env.step(f"GET http://localhost:8080/fhir/{kind}")[0]["fhir"])
        assert found["total"] == sum(resource["resourceType"] == kind for resource in CATALOGUE)
    found = json.loads(env.step("GET http://localhost:8080/fhir/ActivityDefinition?title=magnesium")[0]["fhir"])
    assert found["entry"][0]["resource"]["productCodeableConcept"]["coding"][0]["code"] == "0338-1715-40"


def test_variants_are_read_in_one_order() -> None:
    assert read_variants("us_dates+by_name") == read_variants(["by_name", "us_dates"]) == ("by_name", "us_dates")
    assert read_variants(None) == ()
    for wrong in ("nonsense", "by_name+", 7, ["by_name", 1]):
        with pytest.raises(UsageError, match="there are: lookup, perturbed"):
            read_variants(wrong)


def test_a_family_of_ones_own_is_named_otherwise_by_its_placeholder(env: gymnasium.Env[Any, str]) -> None:
    place = unwrapped(env).scenario
    family = place.tasks.catalogue["latest_glucose"]
    case, now = family.cases[0], place.backend.now.isoformat()
    own = replace(family, question="Tell me of {patient}; who is it?")
    assert stage(own, case, place.chart, now, (), 0).words[1] == (
        f"Tell me of the patient with the MRN {case['mrn']}; who is it?"
    )
    named = stage(own, case, place.chart, now, ("by_name",), 0)
    patient = place.chart.patient(case["mrn"])
    assert patient is not None
    assert patient["birthDate"] in named.words[1]
    assert case["mrn"] not in named.words[1]
    fixed = replace(family, question="What of {mrn}?")
    assert stage(fixed, case, place.chart, now, ("by_name",), 0).variants == ()
    assert "by_name" in idle_variants(fixed, place.chart, now)
    assert "by_name" not in idle_variants(family, place.chart, now)
