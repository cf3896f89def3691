"""Tests that nothing occurs that no clinician would believe: in ages, sexes, numbers, reasons, times, and values."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from mab_gym.cohort._conditions import DIAGNOSES, LONG_TERM
from mab_gym.cohort._existence import ANALYTES_SINCE, EARLIER_CODES
from mab_gym.cohort._limits import BOUNDS
from mab_gym.cohort._medications import CODES, DRUGS, USES, codes_for

from .charts import Cohort, newest, valid

YEAR = 365.25 * 86400
COMMON = {"influenza_vaccine", "amoxicillin_clavulanate", "ibuprofen", "acetaminophen"}
KEYS = {drug.code: drug.key for drug in DRUGS}


@pytest.fixture(params=["canonical", "train", "other", "beyond", "beyond_train", "beyond_other"])
def cohort(request: pytest.FixtureRequest) -> Cohort:
    found: Cohort = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=["canonical", "train", "other"])
def below(request: pytest.FixtureRequest) -> Cohort:
    found: Cohort = request.getfixturevalue(request.param)
    return found


def born(cohort: Cohort) -> np.ndarray[Any, Any]:
    """Seconds at which each patient was born."""
    births = [cohort.resource("Patient", row)["birthDate"] for row in range(len(cohort.mrns))]
    return np.array([datetime.fromisoformat(birth).replace(tzinfo=UTC).timestamp() for birth in births])


def women(cohort: Cohort) -> np.ndarray[Any, Any]:
    return np.array([cohort.resource("Patient", row)["gender"] == "female" for row in range(len(cohort.mrns))])


def rows_by_code(cohort: Cohort, kind: str, element: str = "code") -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    pool = cohort.pool(kind, element)
    for number, text in enumerate(pool.texts, 1):
        yield json.loads(text)["coding"][0]["code"], np.flatnonzero(pool.codes == number)


def performed(cohort: Cohort) -> np.ndarray[Any, Any]:
    """The time at which each procedure began."""
    column, period = cohort.instants("Procedure", "performedDateTime"), cohort.pool("Procedure", "performedPeriod")
    starts = [datetime.fromisoformat(json.loads(text)["start"]).timestamp() for text in period.texts]
    return np.where(period.codes > 0, np.array([0, *starts])[period.codes], column.seconds)


def codes_of(cohort: Cohort) -> dict[int, set[str]]:
    """The codes of each patient's conditions."""
    patients, found = cohort.patient_of_rows("Condition"), defaultdict[int, set[str]](set)
    for code, rows in rows_by_code(cohort, "Condition"):
        for patient in np.unique(patients[rows]).tolist():
            found[patient].add(code)
    return found


def test_procedures_fit_age_and_number(below: Cohort) -> None:
    births, patients, times = born(below), below.patient_of_rows("Procedure"), performed(below)
    seen = set()
    for code, rows in rows_by_code(below, "Procedure"):
        limits = BOUNDS.get(code)
        if limits is None:
            continue
        seen.add(code)
        years = (times[rows] - births[patients[rows]]) / YEAR
        assert years.min() >= limits.least_age, code
        assert years.max() < limits.greatest_age + 1, code
        if limits.most:
            assert np.bincount(patients[rows]).max() <= limits.most, code
        for patient in np.unique(patients[rows]):
            gaps = np.diff(np.sort(times[rows][patients[rows] == patient]))
            assert not len(gaps) or gaps.min() >= limits.days_apart * 86400, code
    assert len(seen) >= 0.8 * sum(bounds.table == "procedure" for bounds in BOUNDS.values())


def test_joints_and_organs_are_not_taken_out_twice(below: Cohort) -> None:
    patients = below.patient_of_rows("Procedure")
    most = {"27447": 2, "27236": 2, "47562": 1, "66984": 2}
    for code, rows in rows_by_code(below, "Procedure"):
        if code in most:
            assert np.bincount(patients[rows]).max() <= most[code], code


def test_diagnoses_fit_age_sex_and_history(cohort: Cohort) -> None:
    births, female, patients = born(cohort), women(cohort), cohort.patient_of_rows("Condition")
    recorded = cohort.instants("Condition", "recordedDate").seconds
    onset = cohort.instants("Condition", "onsetDateTime")
    lasting = {condition.code: condition for condition in LONG_TERM}
    have = codes_of(cohort)
    for code, rows in rows_by_code(cohort, "Condition"):
        years = (recorded[rows] - births[patients[rows]]) / YEAR
        if condition := lasting.get(code):
            assert years.min() >= condition.least_age, code
            known = rows[onset.forms[rows] > 0]
            begun = (onset.seconds[known] - births[patients[known]]) / YEAR
            assert begun.min() >= condition.least_age - 1, code  # known to the year, for some
            if condition.only:
                assert (female[patients[rows]] == (condition.only == "F")).all(), code
        if limits := BOUNDS.get(code):
            assert years.min() >= limits.least_age, code
            assert years.max() < limits.greatest_age + 1, code
            wanted = {CODES[key] for key in limits.needs if key in CODES}
            if wanted:
                assert all(wanted & have[patient] for patient in np.unique(patients[rows]).tolist()), code


def test_complications_do_not_begin_before_diabetes(below: Cohort) -> None:
    onset, patients = below.instants("Condition", "onsetDateTime"), below.patient_of_rows("Condition")
    first: dict[tuple[str, int], int] = {}
    for code, rows in rows_by_code(below, "Condition"):
        for row in rows[onset.forms[rows] > 0].tolist():
            key = code, int(patients[row])
            first[key] = min(first.get(key, 1 << 40), int(onset.seconds[row]))
    for (code, patient), begun in first.items():
        if code in ("E11.42", "E11.319", "E11.65") and ("E11.9", patient) in first:
            assert begun >= first["E11.9", patient] - YEAR


def test_nothing_is_older_than_it_can_be(cohort: Cohort) -> None:
    taken = cohort.instants("Observation", "effectiveDateTime").seconds
    found = 0
    for number, text in enumerate(cohort.pool("Observation", "code").texts, 1):
        since = ANALYTES_SINCE.get(json.loads(text)["text"])
        if since is not None:
            times = taken[cohort.pool("Observation", "code").codes == number]
            found += len(times)
            assert times.min() >= since
    assert found > 50
    recorded, category = cohort.instants("Condition", "recordedDate").seconds, cohort.pool("Condition", "category")
    listed = next(1 + place for place, text in enumerate(category.texts) if "problem-list-item" in text)
    for code, rows in rows_by_code(cohort, "Condition"):
        of_visits = rows[category.codes[rows] != listed]
        if code in EARLIER_CODES and len(of_visits):
            assert recorded[of_visits].min() >= EARLIER_CODES[code][1], code
        for earlier, until in EARLIER_CODES.values():
            assert code != earlier or recorded[rows].max() < until


def test_every_drug_has_uses_with_a_source() -> None:
    assert set(USES) == {drug.key for drug in DRUGS}
    known = {*(each.code for each in LONG_TERM), *(each.code for each in DIAGNOSES), "I82.409", "I26.99"}
    for drug in DRUGS:
        use = USES[drug.key]
        assert len(use.source) > 8, drug.key
        assert set(codes_for(drug.key)) <= known, drug.key
        assert set(drug.indications) <= set(use.conditions), drug.key
        assert set(use.never) <= set(CODES), drug.key


def test_drugs_follow_sex_age_and_contraindications(cohort: Cohort) -> None:
    births, female, patients = born(cohort), women(cohort), cohort.patient_of_rows("MedicationRequest")
    authored, have = cohort.instants("MedicationRequest", "authoredOn").seconds, codes_of(cohort)
    for code, rows in rows_by_code(cohort, "MedicationRequest", "medicationCodeableConcept"):
        if code not in KEYS:
            continue
        key = KEYS[code]
        use, people = USES[key], np.unique(patients[rows]).tolist()
        if use.only:
            assert (female[people] == (use.only == "F")).all(), key
        assert ((authored[rows] - births[patients[rows]]) / YEAR).min() >= use.least_age, key
        for patient in people:
            assert not {CODES[name] for name in use.never} & have[patient], (key, patient)


def test_lasting_drugs_have_an_indication(below: Cohort) -> None:
    patients, have = below.patient_of_rows("MedicationRequest"), codes_of(below)
    for code, rows in rows_by_code(below, "MedicationRequest", "medicationCodeableConcept"):
        drug = next(drug for drug in DRUGS if drug.code == code)
        if drug.stay or not drug.indications or drug.key in COMMON:
            continue
        wanted = {CODES[name] for name in drug.indications}
        assert all(wanted & have[patient] for patient in np.unique(patients[rows]).tolist()), drug.key


def test_influenza_vaccine_is_given_once_a_season_and_in_season(below: Cohort) -> None:
    patients, authored = (
        below.patient_of_rows("MedicationRequest"),
        below.instants("MedicationRequest", "authoredOn").seconds,
    )
    (rows,) = (rows for code, rows in rows_by_code(below, "MedicationRequest", "medicationCodeableConcept")
               if KEYS[code] == "influenza_vaccine")  # fmt: skip
    given = [(int(patients[row]), datetime.fromtimestamp(authored[row], UTC)) for row in rows.tolist()]
    assert {when.month for _, when in given} <= {9, 10, 11, 12, 1, 2, 3}
    seasons = Counter((patient, when.year - (when.month < 9)) for patient, when in given)
    assert max(seasons.values()) == 1
    assert len(given) > 30


@pytest.mark.parametrize(("code", "limit", "share"), [("K", 3.5, 0.25), ("MG", 2.0, 0.25), ("MG", 1.0, 0.3)])
def test_what_is_low_today_has_been_so_before(cohort: Cohort, code: str, limit: float, share: float) -> None:
    low, lowest, before = 0, 0, 0
    for readings in cohort.series(code).values():
        last = newest(readings)
        if last.value < limit:
            earlier = [reading.value for reading in valid(readings) if reading.time < last.time - 3 * 86400]
            low += 1
            lowest += last.value < min([*earlier, *(r.value for r in valid(readings) if r is not last)])
            before += bool(earlier) and min(earlier) <= last.value + 0.3
    assert low >= 18
    assert lowest < share * low
    assert before >= 0.75 * low


@pytest.mark.parametrize("code", ["K", "MG"])
def test_low_before_does_not_tell_low_today(below: Cohort, code: str) -> None:
    limit = {"K": 3.5, "MG": 1.5}[code]
    others = [rs for rs in below.series(code).values() if newest(rs).value >= limit]
    assert sum(min(r.value for r in valid(rs)) < limit for rs in others) >= 0.5 * len(others)


@pytest.mark.parametrize("code", ["MG", "GLU", "K", "A1C"])
def test_where_the_newest_was_loaded_is_chance(below: Cohort, code: str) -> None:
    places = []
    for readings in below.series(code).values():
        in_order = sorted(readings, key=lambda reading: reading.row)
        if len(in_order) >= 3:
            places.append(in_order.index(newest(readings)) / (len(in_order) - 1))
    assert 0.38 < np.mean(places) < 0.62
    assert np.mean(np.array(places) == 0.0) < 0.35
    assert np.mean(np.array(places) == 1.0) < 0.35


@pytest.mark.parametrize("code", ["MG", "GLU", "K", "A1C"])
def test_a_third_of_newest_results_was_entered_in_error(below: Cohort, code: str) -> None:
    series = below.series(code).values()
    void = sum(max(rs, key=lambda r: r.time).status == "entered-in-error" for rs in series)
    assert 0.28 * len(series) <= void <= 0.5 * len(series)
