"""Words and codes of plans, as JSON."""

from __future__ import annotations

from functools import cache
from typing import Final

from mab_gym.cohort._columns import pretty
from mab_gym.cohort.hospital._catalogue_results import ANALYTE_ROWS, PLANS
from mab_gym.cohort.hospital._history import Plan
from mab_gym.cohort.hospital._zone import day_of
from mab_gym.cohort.hospital.rows._chart import Chart
from mab_gym.cohort.hospital.rows._encounters import SERVICE_WORDS
from mab_gym.cohort.hospital.rows._fhir import (
    HL7,
    LOINC,
    SNOMED,
    Element,
    coded,
    concept,
    quantity,
)
from mab_gym.cohort.hospital.rows._sheet import Sheet

APPOINTMENT: Final = concept(f"{HL7}v2-0276", "FOLLOWUP", "A follow up visit from a previous appointment")
_BY_LOINC: Final = {row.loinc: row for row in ANALYTE_ROWS}
Named = tuple[str, str]
"""The kind and the key of a plan."""


def named(plan: Plan) -> Named:
    """Returns a plan's kind and key."""
    return plan.kind, plan.key


def _plan_code(key: Named) -> Element:
    row = PLANS[key]
    return coded(row.display, (SNOMED, row.snomed, ""), (LOINC, row.loinc, ""))


def display_of(plan: Plan) -> str:
    return PLANS[named(plan)].display


def plan_code_of(plan: Plan) -> Element:
    return _plan_code(named(plan))


@cache
def plan_text(key: Named) -> str:
    return pretty(_plan_code(key))


@cache
def plan_list(key: Named) -> str:
    return pretty([_plan_code(key)])


@cache
def diet_text(key: Named) -> str:
    return pretty({"type": [_plan_code(key)]})


def target_of(sheet: Sheet, plan: Plan) -> int:
    due: Element = {} if plan.start is None else {"dueDate": day_of(plan.start)}
    measure: Element = {}
    row = PLANS[named(plan)]
    if plan.value is not None:
        analyte = _BY_LOINC.get(row.loinc)
        measure["measure"] = coded(row.display, (LOINC, row.loinc, "" if analyte is None else analyte.display))
        unit = ("", "1") if analyte is None else (analyte.unit, analyte.ucum)
        measure["detailQuantity"] = quantity(plan.value, *unit)
    return sheet["target"].json([measure | due]) if measure or due else 0


def role_of(chart: Chart, number: int) -> Element:
    one = chart.hospital.staff.practitioners[number]
    return {"text": f"{SERVICE_WORDS[one.service]} {one.role.replace('_', ' ')}"}


@cache
def service_list(service: str) -> str:
    return pretty([{"text": SERVICE_WORDS[service]}])


@cache
def specialty_text(service: str) -> str:
    return pretty({"text": SERVICE_WORDS[service]})


@cache
def cancelled_text(code: str) -> str:
    return pretty(concept(f"{HL7}appointment-cancellation-reason", code, "Patient"))


@cache
def appointment_type(code: str) -> str:
    return pretty(APPOINTMENT)


@cache
def care_plan_category(code: str) -> str:
    system = "http://hl7.org/fhir/us/core/CodeSystem/careplan-category"
    return pretty([concept(system, code, "Assessment and Plan of Treatment")])


@cache
def code_status_category(words: str) -> str:
    return pretty([coded("Code status", (SNOMED, "304251008", "Resuscitation status"))])


@cache
def flag_category(code: str) -> str:
    return pretty([concept(f"{HL7}flag-category", code, code.capitalize())])


@cache
def consent_category(key: Named) -> str:
    row = PLANS[key]
    return pretty([coded(row.display, (LOINC, "59284-0", "Patient Consent"))])


@cache
def scope_text(code: str) -> str:
    return pretty(concept(f"{HL7}consentscope", code, "Treatment"))


@cache
def policy_text(code: str) -> str:
    return pretty(concept(f"{HL7}consentpolicycodes", code, "HIPAA Authorization"))


@cache
def score_text(key: tuple[str, float]) -> str:
    return pretty(quantity(key[1], "score", "{score}"))
