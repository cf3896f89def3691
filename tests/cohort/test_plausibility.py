"""The charts could be charts of a hospital."""

from __future__ import annotations

import json
from collections import defaultdict

import numpy as np
import pytest

from .charts import Cohort, newest, valid

# Adult reference intervals: American Board of Internal Medicine, Laboratory Test Reference Ranges, January 2023
# (women's and men's intervals joined). The limits on the right hold whatever is wrong with a patient: they are wider
# than the critical limits that laboratories call for (Kost GJ, Critical limits for urgent clinician notification at
# US medical centers, JAMA 1990;263:704-7), yet within what is reported from patients.
REFERENCE = {
    "NA": (136, 145, 105, 175),
    "K": (3.5, 5.0, 1.5, 8.5),
    "CL": (98, 106, 65, 140),
    "CO2": (23, 28, 5, 50),
    "CA": (8.6, 10.2, 5, 15),
    "MG": (1.6, 2.6, 0.3, 6.5),
    "PHOS": (3.0, 4.5, 0.5, 14),
    "HGB": (12, 18, 3, 22),
    "HCT": (37, 50, 9, 66),
    "MCV": (80, 98, 55, 130),
    "WBC": (4, 11, 0, 100),
    "PLT": (150, 450, 1, 1500),
    "AST": (10, 40, 3, 10_000),
    "ALT": (10, 40, 3, 10_000),
    "ALP": (30, 120, 10, 2000),
    "TBIL": (0.3, 1.0, 0, 40),
    "ALB": (3.5, 5.5, 0.8, 6),
    "TSH": (0.5, 5.0, 0, 100),
    "PHA": (7.38, 7.44, 6.8, 7.75),
    "PTT": (25, 35, 15, 160),
    "INR": (0.8, 1.2, 0.7, 10),
}
LIMITS = {
    "GLU": (20, 600),
    "A1C": (3.5, 16),
    "CREA": (0.1, 20),
    "BUN": (1, 200),
    "EGFR": (1, 170),
    "LDL": (10, 400),
    "HDL": (5, 130),
    "TRIG": (20, 2000),
    "HR": (25, 220),
    "RR": (4, 60),
    "SPO2": (60, 100),
    "T": (90, 108),
    "WT": (30, 250),
    "HT": (130, 215),
}


@pytest.mark.parametrize("code", list(REFERENCE))
def test_most_results_lie_near_the_reference_interval(canonical: Cohort, code: str) -> None:
    low, high, least, most = REFERENCE[code]
    values = canonical.values(code)
    margin = 0.1 * (high - low)
    assert low - margin <= np.median(values) <= high + margin
    assert least <= values.min()
    assert values.max() <= most
    assert np.unique(values).size > 15


@pytest.mark.parametrize("code", list(LIMITS))
def test_no_value_is_impossible(canonical: Cohort, code: str) -> None:
    values = canonical.values(code)
    assert LIMITS[code][0] <= values.min()
    assert values.max() <= LIMITS[code][1]


def test_blood_pressures_have_a_pulse(canonical: Cohort) -> None:
    for text in canonical.pool("Observation", "valueString").texts:
        if text.endswith(' mmHg"'):
            systolic, diastolic = (int(part) for part in json.loads(text).removesuffix(" mmHg").split("/"))
            assert 20 <= diastolic <= systolic - 15 <= 240


def problems(cohort: Cohort) -> dict[str, set[str]]:
    """By ICD-10-CM code, the MRNs on whose problem list it stands."""
    found: dict[str, set[str]] = defaultdict(set)
    code, category = cohort.pool("Condition", "code"), cohort.pool("Condition", "category")
    listed = next(1 + place for place, text in enumerate(category.texts) if "problem-list-item" in text)
    patients = cohort.patient_of_rows("Condition")
    for row in np.flatnonzero(category.codes == listed).tolist():
        icd = json.loads(code.texts[int(code.codes[row]) - 1])["coding"][0]["code"]
        found[icd].add(cohort.mrns[patients[row]])
    return found


def mean_of(cohort: Cohort, code: str, mrns: set[str]) -> float:
    series = cohort.series(code)
    return float(np.mean([np.mean([r.value for r in series[mrn]]) for mrn in sorted(mrns) if mrn in series]))


@pytest.mark.parametrize(
    ("icd", "lab", "factor"),
    [
        ("E11.9", "A1C", 1.15),
        ("E11.9", "GLU", 1.2),
        ("N18.4", "CREA", 1.5),
        ("D64.9", "HGB", 0.95),
        ("K74.60", "PLT", 0.8),
    ],
)
def test_diseases_show_in_the_laboratory(canonical: Cohort, icd: str, lab: str, factor: float) -> None:
    ill = problems(canonical)[icd]
    assert ill
    healthy = set(canonical.mrns[:100]) - ill
    ratio = mean_of(canonical, lab, ill) / mean_of(canonical, lab, healthy)
    assert ratio > factor if factor > 1 else ratio < factor


def test_panels_add_up(canonical: Cohort) -> None:
    series = {code: canonical.series(code) for code in ("NA", "CL", "CO2", "AGAP", "HGB", "HCT")}
    for mrn in canonical.mrns[:100:9]:
        at = {code: {r.time: r.value for r in series[code][mrn]} for code in series}
        gaps = [at["NA"][t] - at["CL"][t] - at["CO2"][t] - gap for t, gap in at["AGAP"].items() if t in at["CL"]]
        assert np.mean(np.abs(gaps) < 0.5) > 0.95
        ratios = [at["HCT"][t] / hgb for t, hgb in at["HGB"].items() if t in at["HCT"]]
        assert 2.8 < np.median(ratios) < 3.1


def test_neighbouring_results_resemble_each_other(canonical: Cohort) -> None:
    """Drift is slow: a result says more about the next one than the person's mean does."""
    better = 0
    chosen = [readings for readings in canonical.series("CREA").values() if len(readings) > 60]
    for readings in chosen:
        values = np.log([r.value for r in sorted(readings, key=lambda r: r.time)])
        better += np.var(np.diff(values)) < 2 * np.var(values)
    assert better > 0.8 * len(chosen)


def test_records_per_person_vary_widely(canonical: Cohort) -> None:
    counts = np.bincount(canonical.patient_of_rows("Observation"))
    assert counts.min() >= 300
    assert counts.max() > 10 * counts.min()
    assert np.mean(counts) > 1.2 * np.median(counts)


def test_diabetics_are_treated(canonical: Cohort) -> None:
    diabetics = problems(canonical)["E11.9"]
    assert 15 <= len(diabetics) <= 60
    drug = canonical.pool("MedicationRequest", "medicationCodeableConcept")
    wanted = [1 + i for i, text in enumerate(drug.texts) if "Metformin" in text or "glargine" in text]
    rows = np.flatnonzero(np.isin(drug.codes, wanted))
    takers = {canonical.mrns[place] for place in canonical.patient_of_rows("MedicationRequest")[rows]}
    assert takers <= diabetics
    assert len(takers) > 0.5 * len(diabetics)


def test_hba1c_follows_glucose(canonical: Cohort) -> None:
    a1c, glucose = canonical.series("A1C"), canonical.series("GLU")
    means = np.array([[np.mean([r.value for r in each[mrn]]) for each in (a1c, glucose)] for mrn in a1c])
    assert np.corrcoef(means.T)[0, 1] > 0.8


def test_kidneys_move_potassium_and_urea(canonical: Cohort) -> None:
    failing = problems(canonical)["N18.4"] | problems(canonical)["N18.6"]
    healthy = set(canonical.mrns[:100]) - failing - problems(canonical)["N18.30"]
    assert mean_of(canonical, "K", failing) > mean_of(canonical, "K", healthy) + 0.2
    assert mean_of(canonical, "BUN", failing) > 1.5 * mean_of(canonical, "BUN", healthy)
    assert mean_of(canonical, "EGFR", failing) < 0.5 * mean_of(canonical, "EGFR", healthy)


@pytest.mark.parametrize("code", ["K", "MG"])
def test_the_level_of_today_is_a_persons_own(canonical: Cohort, code: str) -> None:
    pairs = [(np.median([r.value for r in rs]), newest(rs).value) for rs in canonical.series(code).values()]
    assert np.corrcoef(np.array(pairs).T)[0, 1] > 0.3


@pytest.mark.parametrize(("drug", "code", "limit"), [("Potassium chl", "K", 3.5), ("Magnesium sulf", "MG", 2.0)])
def test_electrolytes_were_ordered_after_low_results(canonical: Cohort, drug: str, code: str, limit: float) -> None:
    pool = canonical.pool("MedicationRequest", "medicationCodeableConcept")
    authored = canonical.instants("MedicationRequest", "authoredOn").seconds
    patients = canonical.patient_of_rows("MedicationRequest")
    wanted = [1 + i for i, text in enumerate(pool.texts) if drug in text]
    orders = np.flatnonzero(np.isin(pool.codes, wanted))
    assert len(orders) > 200
    series = canonical.series(code)
    for row in orders.tolist():
        before = [r for r in series[canonical.mrns[patients[row]]] if 0 < authored[row] - r.time < 4 * 3600]
        assert any(r.value < limit for r in valid(before))


def test_magnesium_was_dosed_by_the_level(canonical: Cohort) -> None:
    dosage = canonical.pool("MedicationRequest", "dosageInstruction")
    given = {1 + i: json.loads(t)[0]["doseAndRate"][0]["doseQuantity"] for i, t in enumerate(dosage.texts)}
    drug = canonical.pool("MedicationRequest", "medicationCodeableConcept")
    wanted = next(1 + i for i, text in enumerate(drug.texts) if "Magnesium sulf" in text)
    doses = [given[int(code)] for code in dosage.codes[drug.codes == wanted]]
    assert {dose["unit"] for dose in doses} == {"g"}
    assert {dose["value"] for dose in doses} >= {1, 2}
    assert np.mean([dose["value"] == 1 for dose in doses]) > 0.5


def test_nobody_has_electrolytes_ordered_already(canonical: Cohort) -> None:
    drug, authored = (
        canonical.pool("MedicationRequest", "medicationCodeableConcept"),
        canonical.instants("MedicationRequest", "authoredOn"),
    )
    wanted = [1 + i for i, text in enumerate(drug.texts) if "Potassium chloride" in text or "Magnesium sulfate" in text]
    assert len(wanted) == 3
    assert authored.seconds[np.isin(drug.codes, wanted)].max() < 1_699_870_500 - 2 * 86400
