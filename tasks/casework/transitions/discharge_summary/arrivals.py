"""The end of a stay: prescriptions, two plans of which the later holds, an image, a next visit, false results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from mab_gym.casework import about_stay, arrival_id, laboratory_request, late_flags, text_attachment, with_flags
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart

OLD_PLAN, PLAN, IMAGE, VISIT, CANCELLED, TEST, REVOKED, FALSE_K, FALSE_CR, CHANGED, AGAIN, NEW = range(12)
_LOINC, _UCUM = "http://loinc.org", "http://unitsofmeasure.org"
_RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
_TERMS: Final = "http://terminology.hl7.org/CodeSystem/"
_US_CORE: Final = "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category"


@with_flags
def arrive(case: Case, chart: Chart) -> Sequence[Mapping[str, Any]]:
    """Returns what came in with a case."""
    now, begun = chart.now, datetime.fromisoformat(case["begun"])

    def at(share: float) -> str:
        return (begun + (now - begun) * share).replace(microsecond=0).isoformat()

    attending = case["attending"]
    plan = ("11506-3", "Progress note", "Plan for leaving")
    image = ("18748-4", "Diagnostic imaging study", "Imaging report")
    visit = datetime.fromisoformat(case["visit"])
    found = [
        _note(case, OLD_PLAN, plan, attending, at(0.5), _old_plan(case)),
        _note(case, PLAN, plan, attending, at(0.93), _plan(case)),
        _note(case, IMAGE, image, attending, at(0.7), _image(case)),
        _visit(case, VISIT, visit, "booked", at(0.8)),
        _visit(case, CANCELLED, visit - timedelta(days=2, hours=1), "cancelled", at(0.75)),
        _request(case, TEST, case["test"], "active", at(0.9)),
        _request(case, REVOKED, case["test_revoked"], "revoked", at(0.88)),
        _result(case, FALSE_K, "2823-3", "Potassium", case["false_potassium"], "mmol/L", at(0.6)),
        _result(case, FALSE_CR, "2160-0", "Creatinine", case["false_creatinine"], "mg/dL", at(0.65)),
        _prescription(case, AGAIN, case["drug_again"], at(0.94)),
    ]
    found[7]["note"] = [{"text": "Specimen hemolyzed; potassium, LDH and AST may be falsely raised. Repeat advised."}]
    found[8]["status"] = "entered-in-error"
    if case["drug_changed"] is not None:
        found.append(_prescription(case, CHANGED, case["drug_changed"], at(0.95)))
    found += [_prescription(case, NEW + place, each, at(0.95)) for place, each in enumerate(case["drugs_new"])]
    return found


def _said(case: Case, place: int, *ways: str) -> str:
    """Returns one of some ways to say the same."""
    return ways[case["words"] // 3**place % len(ways)]


def _late(case: Case, to_doctor: bool) -> str:
    name = case["doctor_name"] if to_doctor else f"{case['attending_name']} of this ward"
    return _said(case, 0, f"Results that come in later: {name} looks at them.", f"{name} takes care of late results.")


def _old_plan(case: Case) -> str:
    stop = case["drug_stopped"] if case["drug_going_on"] is None else case["drug_going_on"]
    return "\n".join(
        (
            "Going home soon, first thoughts.",
            _said(case, 1, f"Would stop {stop[0]} then.", f"{stop[0].capitalize()} could be stopped when leaving."),
            _late(case, not case["late_to_doctor"]),
        )
    )


def _plan(case: Case) -> str:
    stopped, going_on = case["drug_stopped"][0], case["drug_going_on"]
    lines = [
        "Leaves today. This replaces what was planned before.",
        _said(case, 2, f"{stopped.capitalize()} is stopped for good.", f"No more {stopped} after today."),
        "Prescriptions for home are written; whatever else was prescribed before goes on.",
        _late(case, case["late_to_doctor"]),
        f"Next: {case['next'][2]}, booked.",
    ]
    if going_on is not None:
        lines.insert(
            2, _said(case, 3, f"{going_on[0].capitalize()} stays.", f"We leave {going_on[0]} as it is after all.")
        )
    return "\n".join(lines)


def _image(case: Case) -> str:
    what, due = case["finding"]
    if case.branch == "known_finding":
        end = _said(
            case,
            4,
            f"The {case['mm']} mm {what} has been the same for more than five years: benign, nothing is due.",
            f"Known {case['mm']} mm {what}, unchanged over six years, no further imaging needed.",
        )
    else:
        end = f"By the way, a new {case['mm']} mm {what}: {due}."
    begin = "CT, done in this stay.\nFindings: nothing that explains the illness."
    return f"{begin}\nImpression: 1. No acute change. 2. {end}"


def _note(case: Case, number: int, kind: tuple[str, str, str], author: str, at: str, text: str) -> dict[str, Any]:
    code, name, title = kind
    return {
        "resourceType": "DocumentReference",
        "id": arrival_id(case, number),
        "status": "current",
        "docStatus": "final",
        "type": {"coding": [{"system": _LOINC, "code": code, "display": name}], "text": name},
        "category": [{"coding": [{"system": _US_CORE, "code": "clinical-note", "display": "Clinical Note"}]}],
        "subject": {"reference": f"Patient/{case['mrn']}"},
        "date": at,
        "author": [{"reference": author}],
        "description": title,
        "content": [{"attachment": text_attachment(text, title, at)}],
        "context": {"encounter": [{"reference": case["encounter"]}]},
    }


def _visit(case: Case, number: int, start: datetime, status: str, created: str) -> dict[str, Any]:
    who, name, clinic = case["next"]
    actors = [{"reference": f"Patient/{case['mrn']}"}, {"reference": who, "display": name}]
    return {
        "resourceType": "Appointment",
        "id": arrival_id(case, number),
        "status": status,
        "serviceType": [{"text": clinic}],
        "start": start.isoformat(),
        "end": (start + timedelta(minutes=30)).isoformat(),
        "minutesDuration": 30,
        "created": created,
        "participant": [{"actor": each, "required": "required", "status": "accepted"} for each in actors],
    }


def _result(case: Case, number: int, code: str, name: str, value: float, unit: str, at: str) -> dict[str, Any]:
    laboratory = {"system": f"{_TERMS}observation-category", "code": "laboratory", "display": "Laboratory"}
    return {
        "resourceType": "Observation",
        "id": arrival_id(case, number),
        "status": "final",
        "category": [{"coding": [laboratory]}],
        "code": {"coding": [{"system": _LOINC, "code": code, "display": name}], "text": name},
        **about_stay(case),
        "effectiveDateTime": at,
        "issued": at,
        "valueQuantity": {"value": value, "unit": unit, "system": _UCUM, "code": unit},
    }


def _prescription(case: Case, number: int, drug: Sequence[Any], at: str) -> dict[str, Any]:
    name, code, dose, unit = drug[:4]
    discharge = {"system": f"{_TERMS}medicationrequest-category", "code": "discharge", "display": "Discharge"}
    text = f"{str(name).capitalize()} {dose:g} {unit}"
    amount = {"value": dose, "unit": unit}
    return {
        "resourceType": "MedicationRequest",
        "id": arrival_id(case, number),
        "status": "active",
        "intent": "order",
        "category": [{"coding": [discharge]}],
        "priority": "routine",
        "medicationCodeableConcept": {
            "coding": [{"system": _RXNORM, "code": code, "display": name}] if code else [],
            "text": text,
        },
        **about_stay(case),
        "authoredOn": at,
        "requester": {"reference": case["attending"]},
        "dosageInstruction": [{"text": f"{dose:g} {unit}", "doseAndRate": [{"doseQuantity": amount}]}],
    }


def _request(case: Case, number: int, test: Sequence[str], status: str, at: str) -> dict[str, Any]:
    return laboratory_request(about_stay(case), arrival_id(case, number), test, status, case["attending"], at)


later = late_flags
