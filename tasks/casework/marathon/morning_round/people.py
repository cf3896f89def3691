"""The matters that can come in for a person, by what the chart says of kidneys, heart, orders and results."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from mab_gym.dynamics.inpatients import CREATININE, HEIGHT, active_drugs, diagnoses, egfr, inpatient, problems
from mab_gym.tasking.chart import Chart

POTASSIUM, PLATELETS = "2823-3", "777-3"
ANTICOAGULANTS = ("apixaban", "rivaroxaban", "dabigatran", "edoxaban", "warfarin", "heparin infusion")
_HEPARINS = ("enoxaparin", "heparin injection")
_ANTIPLATELETS = ("aspirin", "clopidogrel", "ticagrelor", "prasugrel")
_NSAIDS = ("ibuprofen", "naproxen", "ketorolac", "diclofenac", "celecoxib", "meloxicam")
_HEART = (
    "heart failure", "fibrillation", "flutter", "infarction", "coronary", "angina", "arrhythmia", "tachycardia",
    "cardiomyopathy",
)  # fmt: skip
TARGET_FOUR = ("heart failure", "st elevation myocardial infarction", "unstable angina")
"""Illnesses with a target of 4.0 for potassium (MED-101)."""
_LUNGS = ("obstructive pulmonary", "copd", "respiratory failure", "hypoventilation", "pneumonia", "embolism", "lung")
_NO_POTASSIUM = ("dialysis", "ketoacidosis", "transplant", "end-stage")
_NO_ENOXAPARIN = ("bleed", "hemorrhage", "haemorrhage", "stroke", "ulcer", "fracture", "surgery", "thrombocytopenia")
_INFECTED = ("pneumonia", "sepsis", "cellulitis", "pyelonephritis", "heart failure", "infection")
WEAK, WELL = 28.5, 36.0
"""Filtration in mL/min/1.73 m² at which kidneys are weak and well without doubt; the page's limit is 30."""

Facts = Mapping[str, Any]


def matters(chart: Chart, mrn: str) -> Mapping[str, Facts]:
    """Returns what can come in for a person, with the facts of the chart that the verdict needs."""
    return chart.remember(("morning round", mrn), lambda: _look(chart, mrn))


def morning(now: datetime) -> datetime:
    """Returns the time from which on what came in is the case's."""
    return now.replace(hour=7, minute=30, second=0, microsecond=0)


def _look(chart: Chart, mrn: str) -> dict[str, Facts]:
    person, creatinine = inpatient(chart, mrn), chart.latest(mrn, CREATININE)
    if person is None or creatinine is None or person.nurse == person.attending:
        return {}
    late = f"ge{morning(chart.now).isoformat()}"
    if any(
        next(chart.search(kind, patient=mrn, _count="1", **since), None) is not None
        for kind, since in (("Observation", {"date": late}), ("Communication", {"sent": late}))
    ):
        return {}
    drugs, ill = active_drugs(chart, mrn), f"{problems(chart, mrn)}\n{' '.join(diagnoses(chart, mrn)).lower()}"
    rise = creatinine.value - min(
        (each.value for each in chart.readings(mrn, CREATININE, chart.now - timedelta(hours=48))),
        default=creatinine.value,
    )
    filtration = egfr(creatinine.value, person)
    weak = filtration <= WEAK or rise >= 0.3
    well = filtration >= WELL and rise < 0.2
    found: dict[str, Facts] = {"mistake": {}, "near_miss": {}}
    found |= _potassium(chart, mrn, drugs, ill, weak, well)
    found |= _fall(chart, mrn, drugs)
    found |= _platelets(chart, mrn, drugs)
    if not any(word in ill for word in _LUNGS):
        found |= {"news": {}, "one_sign": {}}
    found |= _insulin(chart, mrn)
    if weak and not any(word in drug for drug in drugs.values() for word in (*_NSAIDS, "aspirin")):
        found["nsaid"] = {}
    found |= _second(chart, mrn, drugs, ill, well)
    return found


def _of(drugs: Mapping[str, str], words: tuple[str, ...]) -> list[str]:
    return [address for address, drug in drugs.items() if any(word in drug for word in words)]


def _potassium(
    chart: Chart, mrn: str, drugs: Mapping[str, str], ill: str, weak: bool, well: bool
) -> Mapping[str, Facts]:
    """Returns the matters of potassium: by mouth alone, and without an order for it."""
    known = chart.latest(mrn, POTASSIUM)
    diets = " ".join(str(each) for each in chart.search("NutritionOrder", patient=mrn, status="active")).lower()
    magnesium = chart.latest(mrn, "19123-9")
    if known is None or not 2.9 <= known.value <= 4.8 or (magnesium is not None and magnesium.value < 1.6):
        return {}
    if "npo" in diets or "nothing by mouth" in diets:
        return {}
    if any("potassium" in drug for drug in drugs.values()) or any(word in ill for word in _NO_POTASSIUM):
        return {}
    found: dict[str, Facts] = {"hemolyzed": {}}
    digoxin = any("digoxin" in drug for drug in drugs.values())
    if weak and known.value <= 4.5:
        found["low_weak"] = {}
    if well and known.value <= 4.5:
        found["low"] = {}
        acute = " ".join(diagnoses(chart, mrn)).lower()
        if digoxin or "heart failure" in ill or any(word in acute for word in TARGET_FOUR):
            found["mild_heart"] = {}
        elif not any(word in ill for word in _HEART):
            found["mild"] = {}
    return found


def _fall(chart: Chart, mrn: str, drugs: Mapping[str, str]) -> Mapping[str, Facts]:
    if _of(drugs, ANTICOAGULANTS):
        return {"fall_anticoagulant": {}}
    home = " ".join(
        str(each.get("medicationCodeableConcept")).lower()
        for each in chart.search("MedicationRequest", patient=mrn, status="active", _count="200")
    )
    thin = (*ANTICOAGULANTS, *_HEPARINS, *_ANTIPLATELETS, "heparin")
    return {} if any(word in home for word in thin) else {"fall": {}, "fall_hit": {}}


def _platelets(chart: Chart, mrn: str, drugs: Mapping[str, str]) -> Mapping[str, Facts]:
    given, known = _of(drugs, _HEPARINS), chart.latest(mrn, PLATELETS)
    if len(given) != 1 or known is None or _of(drugs, ANTICOAGULANTS):
        return {}
    facts = {"heparin": given[0], "before": known.value}
    found: dict[str, Facts] = {}
    if 250 <= known.value <= 440:
        found["fallen"] = facts
    if 220 <= known.value <= 440:
        found["slightly"] = facts
    return found


def _insulin(chart: Chart, mrn: str) -> Mapping[str, Facts]:
    drugs = active_drugs(chart, mrn)
    insulins = [address for address in _of(drugs, ("insulin",)) if "correction" not in drugs[address]]
    if len(insulins) != 1 or "glargine" not in drugs[insulins[0]]:
        return {}
    order = next(chart.search("MedicationRequest", _id=insulins[0].partition("/")[2]))
    try:
        units = float(order["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]["value"])
        repeat = order["dosageInstruction"][0]["timing"]["repeat"]
    except (KeyError, IndexError, TypeError):
        return {}
    if units < 10 or (repeat.get("frequency"), repeat.get("period"), repeat.get("periodUnit")) != (1, 1, "d"):
        return {}
    facts = {"insulin": insulins[0], "units": units}
    return {"level_one": facts, "level_two": facts}


def _second(chart: Chart, mrn: str, drugs: Mapping[str, str], ill: str, well: bool) -> Mapping[str, Facts]:
    """Returns the matters of enoxaparin that was ordered at night."""
    heparin, full = _of(drugs, ("heparin injection",)), _of(drugs, ANTICOAGULANTS)
    enoxaparin = _of(drugs, ("enoxaparin",))
    if not enoxaparin and (heparin or full):
        other = heparin[0] if well and heparin and not full else ""
        return {"doubled": {"other": other}}
    person, known, height = inpatient(chart, mrn), chart.latest(mrn, PLATELETS), chart.latest(mrn, HEIGHT)
    if person is None or known is None or height is None or enoxaparin or not well or known.value < 120:
        return {}
    bmi = person.weight_kg / (height.value / 100) ** 2
    padua = person.age >= 70 or any(word in ill for word in _INFECTED)
    if any(word in ill for word in _NO_ENOXAPARIN) or not padua or person.weight_kg < 52 or bmi >= 38:
        return {}
    return {} if any(word in ill for word in ("embolism", "deep vein", "fibrillation")) else {"fine": {}}
