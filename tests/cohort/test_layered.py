"""Cohorts over another one: what lies below stays as it was, and what lies on top is sound."""

from __future__ import annotations

import importlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mab_gym.cohort.dealt import REPLACED
from mab_gym.cohort.generate import generate
from mab_gym.cohort.layered import generate_layered, lay_over
from mab_gym.cohort.spec import BEYOND, BEYOND_TRAIN, NOW, CohortSpec, LayeredSpec
from mab_gym.fhir.archive import write_archive

from .charts import Cohort, instant_text
from .test_generate import DIGESTS

# As for the cohorts themselves: with another digest the frozen cases are drawn anew and the spec's version goes up.
DIGEST = "c3a46bee6dcb438455c671a02f2ee28b2d0ee6322730c241edec0a70333531eb"
SMALL = CohortSpec("small", 7, 12, 20, 6000, 900, 600, 300)


@pytest.fixture(scope="module")
def beyond(canonical: Cohort) -> Cohort:
    return Cohort(lay_over(BEYOND, [canonical.tables[name] for name in canonical.order]))


@pytest.fixture(scope="module")
def added(beyond: Cohort) -> list[dict[str, Any]]:
    """The resources that were laid on top."""
    found = []
    for name, table in beyond.tables.items():
        if name != "Patient":
            rows = [
                row
                for row, number in enumerate(np.asarray(table.ids)[-1500:], max(0, len(table) - 1500))
                if int(number) > 785_207
            ]
            found += [beyond.resource(name, row) for row in rows]
    return found


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
    for name in ("Patient", "Condition", "Procedure"):
        assert beyond.tables[name] is canonical.tables[name]


def test_nobody_is_in_both_layered_cohorts() -> None:
    assert BEYOND.base.share != BEYOND_TRAIN.base.share


def test_only_recent_results_of_the_dealt_analytes_were_left_out(canonical: Cohort, beyond: Cohort) -> None:
    codes = canonical.pool("Observation", "code")
    dealt = [1 + place for place, text in enumerate(codes.texts) if json.loads(text)["text"] in REPLACED]
    recent = canonical.instants("Observation", "effectiveDateTime").seconds >= NOW - 2 * 86400
    gone = np.isin(codes.codes, dealt) & recent
    before, after = (np.asarray(cohort.tables["Observation"].ids) for cohort in (canonical, beyond))
    assert np.array_equal(before[~gone], after[after <= 785_207])
    assert 0 < gone.sum() < 3000


def test_the_only_active_orders_are_dealt_ones(beyond: Cohort) -> None:
    status = beyond.pool("MedicationRequest", "status")
    active = status.codes == 1 + list(status.texts).index('"active"')
    assert (np.asarray(beyond.tables["MedicationRequest"].ids)[active] > 785_207).all()
    counts = np.bincount(beyond.patient_of_rows("MedicationRequest")[active], minlength=100)[:100]
    assert counts.min() >= 7
    assert counts.max() < 20


def test_what_is_dealt_is_valid_fhir(added: list[dict[str, Any]]) -> None:
    assert {each["resourceType"] for each in added} == {"Observation", "MedicationRequest", "AllergyIntolerance"}
    for each in added:
        module = importlib.import_module(f"fhir.resources.R4B.{each['resourceType'].lower()}")
        getattr(module, each["resourceType"]).model_validate(each)


def test_what_is_dealt_happened_in_order_and_before_now(added: list[dict[str, Any]]) -> None:
    for each in added:
        steps = [each[name] for name in ("effectiveDateTime", "authoredOn", "recordedDate", "issued") if name in each]
        moments = [datetime.fromisoformat(step) for step in (*steps, each["meta"]["lastUpdated"])]
        assert moments == sorted(moments), each
        assert moments[-1].timestamp() <= NOW


def test_changed_results_are_second_versions(added: list[dict[str, Any]]) -> None:
    for each in added:
        changed = each["status"] in ("amended", "corrected", "entered-in-error") if "status" in each else False
        assert each["meta"]["versionId"] == ("2" if changed else "1")


def test_small_cohorts_can_be_layered_too() -> None:
    tables = generate(SMALL)
    layered = Cohort(lay_over(LayeredSpec("small", 5, SMALL), tables))
    assert len(layered.tables["Patient"]) == 32
    assert instant_text(layered.instants("MedicationRequest", "authoredOn"), -1) <= "2023-11-14"
