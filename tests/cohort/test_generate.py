from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mab_gym.cohort._generate import generate
from mab_gym.cohort._spec import CohortSpec, scaled
from mab_gym.fhir.store._archive import write_archive
from mab_gym.fhir.store._table import PoolColumn

from .charts import Cohort

# A change of a digest is a change of every chart: frozen cases have to be drawn anew, and the generator's version
# has to go up.
DIGESTS = {
    "small": "f3c97a943051b1402e49278ba86528cf9c8d42cd9dbd5b2e0c8570dfda9f946b",
    "canonical": "aa7939d9a379cf0cdddaf4577d23827b2a861861af6c25d6b8bb4d78c099492d",
}
SMALL = CohortSpec("small", 7, 12, 20, 6000, 900, 600, 300)


def test_counts_are_exact(canonical: Cohort) -> None:
    assert canonical.order == ["Patient", "Observation", "Procedure", "Condition", "MedicationRequest"]
    assert [len(canonical.tables[name]) for name in canonical.order] == [695, 563_426, 124_969, 74_821, 21_991]


def test_ids_come_from_one_counter_in_load_order(canonical: Cohort) -> None:
    first: dict[tuple[int, str], int] = {}
    every = []
    for name in canonical.order[1:]:
        ids = np.asarray(canonical.tables[name].ids)
        assert ids.dtype == np.int64
        assert (np.diff(ids) > 0).all()
        patients = canonical.patient_of_rows(name)
        assert (np.diff(patients) >= 0).all()
        for patient in range(100):
            first[patient, name] = int(ids[np.searchsorted(patients, patient)])
        every.append(ids)
    assert np.array_equal(np.sort(np.concatenate(every)), np.arange(1, 785_208))
    order = [
        (patient, name)
        for patient in range(100)
        for name in ("Condition", "Procedure", "MedicationRequest", "Observation")
    ]
    begins = [first[key] for key in order]
    assert begins == sorted(begins)


def test_metas_are_those_of_a_load_in_the_night_before(canonical: Cohort) -> None:
    stamps = []
    for name in canonical.order:
        for row in (0, len(canonical.tables[name]) // 2, len(canonical.tables[name]) - 1):
            meta = canonical.resource(name, row)["meta"]
            assert list(meta) == ["versionId", "lastUpdated", "source"]
            assert meta["versionId"] == "1"
            assert len(meta["source"]) == 17
            assert meta["source"][0] == "#"
            assert "2023-11-12T20" < meta["lastUpdated"] < "2023-11-13T06"
            stamps.append((int(canonical.tables[name].ids[row]), meta["lastUpdated"]) if name != "Patient" else (0, ""))
    stamps.sort()
    assert [stamp for _, stamp in stamps] == sorted(stamp for _, stamp in stamps)
    assert len(canonical.pool("Observation", "meta").texts) < 1000


def test_observations_are_not_loaded_in_the_order_of_time(canonical: Cohort) -> None:
    patients = canonical.patient_of_rows("Observation")
    seconds = canonical.instants("Observation", "effectiveDateTime").seconds
    for patient in range(0, 100, 7):
        times = seconds[patients == patient]
        steps = np.diff(times)
        assert 0.4 < float((steps < 0).sum() / (steps != 0).sum()) < 0.6


def test_equal_specs_give_equal_bytes(tmp_path: Path) -> None:
    digests = {write_archive(tmp_path / str(n), generate(SMALL), {}) for n in range(2)}
    assert digests == {DIGESTS["small"]}


def test_the_canonical_archive_is_frozen_and_small(tmp_path: Path, canonical: Cohort) -> None:
    path = tmp_path / "canonical"
    digest = write_archive(path, [canonical.tables[name] for name in canonical.order], {})
    assert path.stat().st_size < 40_000_000
    assert digest == DIGESTS["canonical"]


def test_another_seed_gives_other_charts() -> None:
    other = generate(CohortSpec("small", 8, 12, 20, 6000, 900, 600, 300))
    assert generate(SMALL)[0].ids != other[0].ids


@pytest.mark.parametrize("patients", [1, 2, 11])
def test_cohorts_of_any_size(patients: int) -> None:
    spec = scaled(patients)
    cohort = Cohort(generate(spec))
    assert len(cohort.tables["Observation"]) == spec.observations
    assert np.bincount(cohort.patient_of_rows("Observation"), minlength=patients).min() >= 300
    assert len(cohort.series("K")) == patients


def test_the_least_that_a_spec_can_ask_for() -> None:
    spec = CohortSpec("least", 3, patients=4, background_patients=0, observations=1200, procedures=20, conditions=20,
                      medication_requests=20)  # fmt: skip
    assert [len(table) for table in generate(spec)] == [4, 1200, 20, 20, 20]


def test_progress_is_reported() -> None:
    seen: list[tuple[str, int, int]] = []
    generate(scaled(25), lambda stage, done, total: seen.append((stage, done, total)))
    assert [stage for stage, _, _ in seen] == sorted((s for s, _, _ in seen), key=["people", "charts", "tables"].index)
    assert [(done, total) for stage, done, total in seen if stage == "charts"] == [
        (0, 25),
        (10, 25),
        (20, 25),
        (25, 25),
    ]
    assert seen[-1][1] == seen[-1][2]


def test_codes_are_narrow(canonical: Cohort) -> None:
    for table in canonical.tables.values():
        for column in table.columns:
            if isinstance(column, PoolColumn):
                assert column.codes.dtype.itemsize <= 2
