"""Cohorts over another one: what lies below stays as it was, and what lies on top is sound."""

from __future__ import annotations

import importlib
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mab_gym.cohort._generate import generate
from mab_gym.cohort._layered import generate_layered, lay_over
from mab_gym.cohort._spec import BEYOND, BEYOND_TRAIN, NOW, CohortSpec, LayeredSpec
from mab_gym.fhir.store._archive import write_archive

from .charts import Cohort, instant_text
from .test_generate import DIGESTS

# As for the cohorts themselves: with another digest the frozen cases are drawn anew and the spec's version goes up.
DIGEST = "efba5445903d9a4da145c631a1317505ee5361683b7023c248471692dc8f99d4"
SMALL = CohortSpec("small", 7, 12, 20, 6000, 900, 600, 300)


@pytest.fixture(scope="module")
def added(canonical: Cohort, beyond: Cohort) -> list[dict[str, Any]]:
    """The resources that were laid on top: those of which the cohort below has nothing like it."""
    found = []
    for name in beyond.order:
        if name == "Patient":
            continue
        known = {without_head(canonical, name, row) for row in recent(canonical, name)}
        new = (row for row in recent(beyond, name) if without_head(beyond, name, row) not in known)
        found += [beyond.resource(name, row) for row in new]
    return found


def recent(cohort: Cohort, name: str) -> list[int]:
    """Rows of the last three months, all where there are few."""
    if name not in cohort.tables or len(cohort.tables[name]) < 1000:
        return list(range(len(cohort.tables[name]))) if name in cohort.tables else []
    column = {"Observation": "effectiveDateTime", "MedicationRequest": "authoredOn"}.get(name, "recordedDate")
    if name == "Procedure":
        return []
    seconds = cohort.instants(name, column).seconds
    return np.flatnonzero(seconds >= NOW - (90 if name != "Condition" else 800) * 86400).tolist()


def without_head(cohort: Cohort, name: str, row: int) -> str:
    resource = cohort.resource(name, row)
    status = None if name == "MedicationRequest" else resource.get("status")
    rest = {key: value for key, value in resource.items() if key not in ("id", "meta", "status")}
    return json.dumps([status, rest], sort_keys=True)


def test_the_layered_archive_is_frozen(tmp_path: Path, beyond: Cohort) -> None:
    assert write_archive(tmp_path / "beyond", [beyond.tables[name] for name in beyond.order], {}) == DIGEST


def test_equal_specs_give_equal_bytes(tmp_path: Path) -> None:
    layered = LayeredSpec("small", 5, SMALL)
    assert len({write_archive(tmp_path / str(n), generate_layered(layered), {}) for n in range(2)}) == 1
    other = write_archive(tmp_path / "other", generate_layered(LayeredSpec("small", 6, SMALL)), {})
    assert other != write_archive(tmp_path / "0", generate_layered(layered), {})


def test_the_cohort_below_is_not_touched(tmp_path: Path, canonical: Cohort, beyond: Cohort) -> None:
    assert beyond.order[:5] == canonical.order
    below = write_archive(tmp_path / "below", [canonical.tables[name] for name in canonical.order], {})
    assert below == DIGESTS["canonical"]


def test_the_people_are_the_same_in_another_order(canonical: Cohort, beyond: Cohort) -> None:
    assert sorted(beyond.mrns) == sorted(canonical.mrns)
    assert [mrn for mrn in beyond.mrns if mrn in set(canonical.mrns[:100])] == canonical.mrns[:100]
    places = [place for place, mrn in enumerate(beyond.mrns) if mrn in set(canonical.mrns[:100])]
    assert 40 < np.mean(np.diff(places)) * 10 < 100
    stamps = [beyond.resource("Patient", row)["meta"]["lastUpdated"] for row in range(len(beyond.mrns))]
    assert stamps == sorted(stamps)


def test_nobody_is_in_both_layered_cohorts() -> None:
    assert BEYOND.base.share != BEYOND_TRAIN.base.share


def test_results_left_out_are_recent_and_of_the_added_analytes(canonical: Cohort, beyond: Cohort) -> None:
    codes = canonical.pool("Observation", "code")
    of_text = [json.loads(text)["text"] for text in codes.texts]
    before = Counter(of_text[code - 1] for code in codes.codes.tolist())
    codes = beyond.pool("Observation", "code")
    of_text = [json.loads(text)["text"] for text in codes.texts]
    after = Counter(of_text[code - 1] for code in codes.codes.tolist())
    changed = {code for code in before | after if before[code] != after[code]}
    assert changed <= {"CREA", "EGFR", "INR", "PT", "HGB", "HCT", "RBC", "MCV", "WT"}
    assert sum((before - after).values()) < 5000


def test_ids_come_from_one_counter_and_say_nothing(beyond: Cohort) -> None:
    every = []
    for name in beyond.order[1:]:
        ids = np.asarray(beyond.tables[name].ids)
        assert ids.dtype == np.int64
        assert (np.diff(ids) > 0).all()
        every.append(ids)
    total = sum(len(ids) for ids in every)
    assert np.array_equal(np.sort(np.concatenate(every)), np.arange(1, total + 1))


def test_added_resources_lie_anywhere_among_a_persons(canonical: Cohort, beyond: Cohort, added: Any) -> None:
    ids = np.asarray(beyond.tables["Observation"].ids)
    patients = beyond.patient_of_rows("Observation")
    where, stamps = [], set()
    for each in added:
        if each["resourceType"] == "Observation":
            row = int(np.searchsorted(ids, int(each["id"])))
            first, last = np.searchsorted(patients, patients[row]), np.searchsorted(patients, patients[row], "right")
            where.append((row - first) / (last - first))
            stamps.add(json.dumps(each["meta"]))
    assert np.histogram(where, 5, (0, 1))[0].min() > 0.15 * len(where)
    known = set(canonical.pool("Observation", "meta").texts)
    assert {json.dumps(json.loads(text)) for text in known} >= stamps


def test_the_only_active_orders_are_added_ones(beyond: Cohort, added: list[dict[str, Any]]) -> None:
    status = beyond.pool("MedicationRequest", "status")
    active = status.codes == 1 + list(status.texts).index('"active"')
    orders = {int(each["id"]) for each in added if each["resourceType"] == "MedicationRequest"}
    assert set(np.asarray(beyond.tables["MedicationRequest"].ids)[active].tolist()) <= orders
    counts = np.bincount(beyond.patient_of_rows("MedicationRequest")[active], minlength=len(beyond.mrns))
    counts = counts[counts > 0]
    assert len(counts) == 100
    assert counts.min() >= 3
    assert counts.max() < 15


def test_added_records_are_valid_fhir(added: list[dict[str, Any]]) -> None:
    assert {each["resourceType"] for each in added} == {
        "Observation", "MedicationRequest", "AllergyIntolerance", "Condition",
    }  # fmt: skip
    for each in added:
        module = importlib.import_module(f"fhir.resources.R4B.{each['resourceType'].lower()}")
        getattr(module, each["resourceType"]).model_validate(each)


def test_added_records_happened_in_order_and_before_now(added: list[dict[str, Any]]) -> None:
    assert len(added) > 1500
    for each in added:
        names = ("onsetDateTime", "effectiveDateTime", "authoredOn", "recordedDate", "issued")
        moments = [datetime.fromisoformat(each[name]) for name in names if name in each]
        moments = [moment if moment.tzinfo else moment.replace(tzinfo=UTC) for moment in moments]
        assert moments == sorted(moments), each
        assert moments[-1].timestamp() <= NOW


def test_small_cohorts_can_be_layered_too() -> None:
    tables = generate(SMALL)
    layered = Cohort(lay_over(LayeredSpec("small", 5, SMALL), tables))
    assert len(layered.tables["Patient"]) == 32
    assert instant_text(layered.instants("MedicationRequest", "authoredOn"), -1) <= "2023-11-14"
