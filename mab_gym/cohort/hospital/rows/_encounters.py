"""Encounters."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

from mab_gym.cohort._columns import pretty
from mab_gym.cohort.hospital._catalogue import REASONS
from mab_gym.cohort.hospital._history import NOW, Visit
from mab_gym.cohort.hospital.rows._chart import Chart
from mab_gym.cohort.hospital.rows._conditions import on_the_list
from mab_gym.cohort.hospital.rows._fhir import (
    HL7,
    SNOMED,
    US_CORE,
    Element,
    coded,
    concept,
    period_text,
    reference_text,
    said,
)
from mab_gym.cohort.hospital.rows._sheet import Sheet

CLASSES: Final = {
    "ambulatory": ("AMB", "ambulatory"),
    "emergency": ("EMER", "emergency"),
    "inpatient": ("IMP", "inpatient encounter"),
    "telephone": ("VR", "virtual"),
    "virtual": ("VR", "virtual"),
}
TYPES: Final = {
    "ambulatory": ("185347001", "Encounter for problem"),
    "emergency": ("50849002", "Emergency room admission"),
    "inpatient": ("32485007", "Hospital admission"),
    "telephone": ("185317003", "Telephone encounter"),
    "virtual": ("448337001", "Telemedicine consultation with patient"),
}
"""The kinds of visits in SNOMED CT."""
SERVICE_WORDS: Final = {
    "emergency": "Emergency medicine", "medicine": "General medicine", "cardiology": "Cardiology",
    "surgery": "General surgery", "intensive": "Intensive care medicine", "obstetrics": "Obstetrics and gynecology",
    "oncology": "Hematology and oncology", "nephrology": "Nephrology", "primary": "Primary care",
    "endocrinology": "Endocrinology", "pulmonology": "Pulmonology", "gastroenterology": "Gastroenterology",
    "neurology": "Neurology", "psychiatry": "Psychiatry", "orthopaedics": "Orthopedic surgery", "urology": "Urology",
    "anticoagulation": "Anticoagulation management", "laboratory": "Laboratory medicine", "radiology": "Radiology",
    "pharmacy": "Pharmacy",
}  # fmt: skip
"""Names of the services as American hospitals write them."""
_DISPOSITIONS: Final = {
    "home": ("home", "Home"),
    "home_health": ("home", "Home"),
    "nursing_facility": ("snf", "Skilled nursing facility"),
    "rehabilitation": ("rehab", "Rehabilitation"),
    "died": ("exp", "Expired"),
    "left_against_advice": ("aadvice", "Left against advice"),
    "admitted": ("other-hcf", "Other healthcare facility"),
}
_DISPOSITION_WORDS: Final = {
    "home_health": "Home with home health services",
    "admitted": "Admitted to this hospital",
}


def encounter_sheet() -> Sheet:
    """Returns an empty sheet of encounters."""
    return Sheet("Encounter")


def number_visits(chart: Chart) -> None:
    """Gives the encounters and the conditions their ids, for other rows to refer to."""
    history = chart.history
    first = chart.take(len(history.visits))
    chart.visits = list(range(first, first + len(history.visits)))
    chart.encounters = [reference_text("Encounter", number) for number in chart.visits]
    for number, problem in enumerate(history.problems):
        if on_the_list(problem):
            chart.problems[number] = chart.take()
    for place, visit in enumerate(history.visits):
        until = NOW if visit.end is None else visit.end
        principal = ""
        for number in dict.fromkeys(visit.problems):
            known = history.problems[number].known
            if known is None or known > until:
                continue
            found = chart.diagnoses[place, number] = chart.take()
            chart.problems.setdefault(number, found)
            principal = principal or f"[ {reference_text('Condition', found)} ]"
        chart.reasons.append(principal)


def add_encounters(chart: Chart, sheet: Sheet) -> None:
    """Adds a person's encounters."""
    visits = chart.history.visits
    if not visits:
        return
    follows = {visit.came_from: place for place, visit in enumerate(visits) if visit.came_from is not None}
    found: list[list[int]] = [[] for _ in visits]
    for (place, _), number in chart.diagnoses.items():
        found[place].append(number)
    status, kind, types, service = sheet["status"], sheet["class"], sheet["type"], sheet["serviceType"]
    people, periods, places, reason = sheet["participant"], sheet["period"], sheet["location"], sheet["reasonCode"]
    reasons, diagnoses, part = sheet["reasonReference"], sheet["diagnosis"], sheet["partOf"]
    ended = np.array([NOW if visit.end is None else visit.end for visit in visits], dtype=np.int64)
    sheet.add_many(
        len(visits),
        id=np.array(chart.visits, dtype=np.int64),
        meta=chart.metas(sheet, f"{US_CORE}encounter", ended),
        status=[status.of(visit.end is None, _status) for visit in visits],
        type=[types.of((visit.kind, visit.reason), _type) for visit in visits],
        serviceType=[service.of(visit.service, _service) for visit in visits],
        subject=chart.whose(sheet),
        participant=[
            people.of((visit.practitioner, visit.nurse), lambda both: pretty(_participants(chart, *both)))
            for visit in visits
        ],
        period=[periods.text(period_text(visit.start, visit.end)) for visit in visits],
        reasonCode=[reason.of(visit.reason, _reason) for visit in visits],
        reasonReference=[reasons.text(text) if text else 0 for text in chart.reasons],
        diagnosis=[
            diagnoses.text(_diagnoses(numbers, visit)) if numbers else 0
            for numbers, visit in zip(found, visits, strict=True)
        ],
        hospitalization=[_hospitalization(chart, sheet, visit) for visit in visits],
        location=[
            places.of((visit.place, visit.bed, visit.end is None), lambda key: pretty(_locations(chart, *key)))
            for visit in visits
        ],
        serviceProvider=sheet["serviceProvider"].text(chart.hospital.organization_text),
        partOf=[part.text(chart.encounters[follows[place]]) if place in follows else 0 for place in range(len(visits))],
        **{"class": [kind.of(visit.kind, _class) for visit in visits]},
    )


@cache
def _status(goes_on: bool) -> str:
    return said("in-progress" if goes_on else "finished")


@cache
def _class(kind: str) -> str:
    code, display = CLASSES[kind]
    return pretty({"system": f"{HL7}v3-ActCode", "code": code, "display": display})


@cache
def _type(key: tuple[str, str]) -> str:
    code, display = TYPES[key[0]]
    return pretty([coded(display, (SNOMED, code, display))])


@cache
def _service(service: str) -> str:
    return pretty({"text": SERVICE_WORDS[service]})


@cache
def _reason(key: str) -> str:
    row = REASONS[key]
    return pretty([coded(row.display, (SNOMED, row.snomed, ""))])


_ATTENDING, _NURSE = (
    [concept(f"{HL7}v3-ParticipationType", code, display)]
    for code, display in (("ATND", "attender"), ("PART", "Participation"))
)


def _participants(chart: Chart, attending: int, nurse: int | None) -> list[Element]:
    people = chart.hospital.practitioners
    found = [{"type": _ATTENDING, "individual": people[attending]}]
    return found if nurse is None else [*found, {"type": _NURSE, "individual": people[nurse]}]


def _diagnoses(numbers: list[int], visit: Visit) -> str:
    use = ""
    if visit.kind == "inpatient":
        code, display = ("AD", "Admission diagnosis") if visit.end is None else ("DD", "Discharge diagnosis")
        system = f"{HL7}diagnosis-role"
        use = (
            f',\n    "use": {{\n      "coding": [ {{\n        "system": "{system}",\n        "code": "{code}",\n'
            f'        "display": "{display}"\n      }} ]\n    }}'
        )
    return "[ " + ", ".join([
        f'{{\n    "condition": {{\n      "reference": "Condition/{number}"\n    }}{use},\n    "rank": {rank}\n  }}'
        for rank, number in enumerate(numbers, 1)
    ]) + " ]"  # fmt: skip


def _hospitalization(chart: Chart, sheet: Sheet, visit: Visit) -> int:
    if visit.kind not in ("inpatient", "emergency"):
        return 0
    found: Element = {}
    if visit.kind == "inpatient":
        before = visit.came_from
        source = (
            ("emd", "From accident/emergency department")
            if before is not None
            else ("gp", "General Practitioner referral")
        )
        if before is not None:
            found["origin"] = chart.hospital.places[chart.history.visits[before].place]
        found["admitSource"] = concept(f"{HL7}admit-source", *source)
    if visit.disposition:
        code, display = _DISPOSITIONS[visit.disposition]
        words = _DISPOSITION_WORDS.get(visit.disposition, display)
        found["dischargeDisposition"] = concept(f"{HL7}discharge-disposition", code, display, words)
    return sheet["hospitalization"].json(found) if found else 0


def _locations(chart: Chart, place: int, bed: int | None, goes_on: bool) -> list[Element]:
    status = "active" if goes_on else "completed"
    found: list[Element] = [{"location": chart.hospital.places[place], "status": status}]
    if bed is not None:
        kind = concept(f"{HL7}location-physical-type", "bd", "Bed")
        found.append({"location": chart.hospital.places[bed], "status": status, "physicalType": kind})
    return found
