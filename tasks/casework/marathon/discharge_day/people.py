"""People who can go home today in a case, with the home drug, the illness and the physicians of the chart."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from mab_gym.dynamics.inpatients import active_drugs, diagnoses, inpatient, problems
from mab_gym.tasking.chart import Chart

CLASSES: Final[Mapping[str, tuple[str, ...]]] = {
    "statin": ("atorvastatin", "rosuvastatin", "simvastatin", "pravastatin", "lovastatin"),
    "ppi": ("omeprazole", "pantoprazole", "esomeprazole", "lansoprazole"),
    "calcium": ("amlodipine", "nifedipine", "felodipine"),
    "ace": ("lisinopril", "enalapril", "ramipril", "benazepril", "captopril"),
    "arb": ("losartan", "valsartan", "irbesartan", "candesartan", "olmesartan", "sacubitril"),
    "beta": ("metoprolol", "carvedilol", "bisoprolol", "atenolol", "propranolol", "nebivolol"),
    "ssri": ("escitalopram", "sertraline", "citalopram", "fluoxetine", "paroxetine"),
}
"""Drugs of one class, in words of their names."""
SECOND: Final[Mapping[str, Mapping[str, tuple[str, str, float]]]] = {
    "statin": {
        "atorvastatin": ("Rosuvastatin tablet 10 mg", "301542", 10),
        "": ("Atorvastatin tablet 40 mg", "83367", 40),
    },
    "ppi": {
        "pantoprazole": ("Omeprazole capsule 20 mg", "7646", 20),
        "": ("Pantoprazole tablet 40 mg", "40790", 40),
    },
    "calcium": {"": ("Felodipine extended release tablet 5 mg", "4316", 5)},
    "ace": {"": ("Ramipril capsule 5 mg", "35296", 5)},
    "arb": {"": ("Irbesartan tablet 150 mg", "83818", 150)},
    "beta": {"": ("Bisoprolol tablet 5 mg", "19484", 5)},
    "ssri": {"": ("Citalopram tablet 20 mg", "2556", 20)},
}
"""By class and the home drug: another drug of the class, with its RxNorm code and its dose in mg."""
SOON: Final = (
    (7, ("heart failure",)),
    (
        14,
        ("obstructive pulmonary", "copd", "pneumonia", "sepsis", "septic", "stroke", "infarction", "ischemic attack"),
    ),
)
"""Days in which a visit is due, by words of the illness (ADM-520); 30 for all others."""
_OTHERWISE: Final = (
    "dialysis", "obstructive pulmonary", "copd", "respiratory failure", "hypoventilation", "obstruction", "ileus",
    "colitis", "enteritis", "diarrh", "crohn",
)  # fmt: skip
"""Illnesses in which potassium, saturation (NEWS 2 has a second scale) or the bowels are another matter."""
_LAXATIVES: Final = ("senna", "sennosides", "polyethylene", "docusate", "bisacodyl")


def days_of(words: str) -> int:
    """Returns the days within which a visit is due after an illness, by its words in lower case."""
    return next((days for days, known in SOON if any(each in words for each in known)), 30)


def person(chart: Chart, mrn: str) -> Mapping[str, Any] | None:
    """Returns the facts of somebody who can go home in a case; None for others."""
    return chart.remember(("discharge day", mrn), lambda: _look(chart, mrn))


def _look(chart: Chart, mrn: str) -> Mapping[str, Any] | None:
    lies, patient, ill = inpatient(chart, mrn), chart.patient(mrn), diagnoses(chart, mrn)
    if lies is None or patient is None or not ill or not patient.get("generalPractitioner"):
        return None
    doctor = patient["generalPractitioner"][0]
    stay = next(chart.search("Encounter", _id=lies.encounter.partition("/")[2]))
    attending = next((each for each in stay["participant"] if each["individual"]["reference"] == lies.attending), None)
    if attending is None or doctor["reference"] == lies.attending or _has_other_matters(chart, mrn):
        return None
    drug = _home_drug(chart, mrn)
    potassium = chart.latest(mrn, "2823-3")
    known = f"{problems(chart, mrn)}\n{' '.join(ill).lower()}"
    if drug is None or (potassium is not None and potassium.value > 5.0) or any(word in known for word in _OTHERWISE):
        return None
    return {
        "mrn": mrn,
        "encounter": lies.encounter,
        "attending": lies.attending,
        "attending_name": attending["individual"].get("display", "the attending"),
        "doctor": doctor["reference"],
        "doctor_name": doctor.get("display", "the general practitioner"),
        "most_days": days_of(ill[0].lower()),
        "least_days": min(days_of(known), days_of(ill[0].lower())),
        **drug,
    }


def _has_other_matters(chart: Chart, mrn: str) -> bool:
    """Tells if the chart itself has what a case brings: a visit soon, or something since yesterday at noon."""
    until = (chart.now + timedelta(days=45)).isoformat()
    visits = chart.search("Appointment", patient=mrn, date=f"ge{chart.now.isoformat()}", _count="50")
    if any(each["start"] < until and "Primary care" in str(each.get("serviceType")) for each in visits):
        return True
    noon = chart.now.replace(hour=12, minute=0, second=0) - timedelta(days=1)
    late = chart.now.replace(hour=7, minute=30).isoformat()
    if next(chart.search("Observation", patient=mrn, date=f"ge{late}", _count="1"), None) is not None:
        return True
    stay = active_drugs(chart, mrn)
    return any(
        f"MedicationRequest/{each['id']}" not in stay and datetime.fromisoformat(each["authoredOn"]) >= noon
        for each in chart.search("MedicationRequest", patient=mrn, status="active", _count="200")
    )


def _home_drug(chart: Chart, mrn: str) -> Mapping[str, Any] | None:
    """Returns a home drug that is the only one of its class; None if there is none."""
    stay = active_drugs(chart, mrn)
    home = {
        f"MedicationRequest/{each['id']}": str(each.get("medicationCodeableConcept", {}).get("text", ""))
        for each in chart.search("MedicationRequest", patient=mrn, status="active", _count="200")
        if f"MedicationRequest/{each['id']}" not in stay
    }
    if any(word in name.lower() for name in home.values() for word in _LAXATIVES):
        return None
    renin = [name for name in home.values() if any(w in name.lower() for w in (*CLASSES["ace"], *CLASSES["arb"]))]
    for group, words in CLASSES.items():
        found = [address for address, name in home.items() if any(word in name.lower() for word in words)]
        if len(found) == 1 and not (group in ("ace", "arb") and len(renin) != 1):
            name = home[found[0]]
            second = next(each for word, each in SECOND[group].items() if word in name.lower())
            return {"group": group, "order": found[0], "drug": name.split()[0], "second": list(second)}
    return None
