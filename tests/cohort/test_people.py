from __future__ import annotations

import statistics
from collections import Counter
from datetime import date
from typing import Any

import pytest

from mab_gym.cohort._names import folded
from mab_gym.cohort._people import draw_people
from mab_gym.cohort._spec import CANONICAL, CohortSpec, scaled

from .charts import Cohort

TODAY = date(2023, 11, 13)


def people(cohort: Cohort) -> list[dict[str, Any]]:
    return [cohort.resource("Patient", row) for row in range(len(cohort.mrns))]


def age(person: dict[str, Any]) -> int:
    birth = date.fromisoformat(person["birthDate"])
    return TODAY.year - birth.year - ((TODAY.month, TODAY.day) < (birth.month, birth.day))


def full_name(person: dict[str, Any]) -> str:
    name = person["name"][0]
    return " ".join([*name["given"], name["family"]])


@pytest.mark.parametrize("name", ["canonical", "train"])
def test_the_profiles_have_the_published_demographics(name: str, request: pytest.FixtureRequest) -> None:
    profiles = people(request.getfixturevalue(name))[:100]
    ages = [age(person) for person in profiles]
    assert round(statistics.mean(ages), 2) == 58.15
    assert round(statistics.stdev(ages), 2) == 19.82
    assert sum(person["gender"] == "female" for person in profiles) == 47
    assert min(ages) >= 18
    assert max(ages) - min(ages) > 60


def test_birthdays_lie_around_today(canonical: Cohort) -> None:
    days = Counter(person["birthDate"][5:] for person in people(canonical)[:100])
    assert days["11-13"] >= 3
    assert days["11-12"] >= 2
    assert days["11-14"] >= 2


def test_nobody_is_born_after_today_and_everybody_can_be_told_apart(canonical: Cohort) -> None:
    everybody = people(canonical)
    assert len(everybody) == 695
    assert len({person["id"] for person in everybody}) == 695
    assert all(
        person["id"][0] == "S" and person["id"][1:].isdecimal() and len(person["id"]) == 8 for person in everybody
    )
    assert all(person["identifier"][0]["value"] == person["id"] for person in everybody)
    assert max(person["birthDate"] for person in everybody) <= "2023-11-13"
    keys = {(folded(full_name(person)), person["birthDate"]) for person in everybody}
    assert len(keys) == 695


def test_some_background_patients_are_easily_taken_for_a_profile(canonical: Cohort) -> None:
    everybody = people(canonical)
    profiles, background = everybody[:100], everybody[100:]
    names = {full_name(person) for person in profiles}
    families = {(person["name"][0]["family"], person["birthDate"]) for person in profiles}
    assert sum(full_name(person) in names for person in background) >= 40
    assert sum((person["name"][0]["family"], person["birthDate"]) in families for person in background) >= 40


def test_names_are_as_varied_as_names_are(canonical: Cohort) -> None:
    names = [person["name"][0] for person in people(canonical)]
    assert all(name["use"] == "official" for name in names)
    assert sum(not (name["family"] + name["given"][0]).isascii() for name in names) > 40
    assert sum("-" in name["family"] for name in names) > 10
    assert sum(len(name["given"]) == 2 for name in names) > 30


def test_race_and_ethnicity_are_recorded(canonical: Cohort) -> None:
    for person in people(canonical)[:50]:
        urls = [extension["url"].rsplit("/", 1)[1] for extension in person["extension"]]
        assert urls == ["us-core-race", "us-core-ethnicity"]


def test_canonical_and_train_share_nobody(canonical: Cohort, train: Cohort) -> None:
    assert not set(canonical.mrns) & set(train.mrns)
    keys = [{(folded(full_name(p)), p["birthDate"]) for p in people(cohort)} for cohort in (canonical, train)]
    assert not keys[0] & keys[1]


@pytest.mark.parametrize("spec", [CohortSpec("canonical", seed=4), CohortSpec("x", seed=CANONICAL.seed), scaled(30)])
def test_seed_and_name_both_change_the_people(spec: CohortSpec) -> None:
    theirs = {(person.family, person.given, person.birth) for person in draw_people(spec)}
    ours = {(person.family, person.given, person.birth) for person in draw_people(CANONICAL)}
    assert len(theirs & ours) < 5
