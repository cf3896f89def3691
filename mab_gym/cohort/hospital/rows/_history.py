"""Allergies, vaccinations and procedures."""

from __future__ import annotations

from functools import cache
from typing import Final

from mab_gym.cohort._columns import pretty
from mab_gym.cohort.hospital._catalogue import ALLERGENS, PROCEDURES, REACTIONS, VACCINES
from mab_gym.cohort.hospital._history import RECORDS_FROM, Allergy, Operation, Vaccination
from mab_gym.cohort.hospital.rows._chart import Chart
from mab_gym.cohort.hospital.rows._dosing import ROUTES
from mab_gym.cohort.hospital.rows._fhir import (
    CVX,
    HL7,
    RXNORM,
    SNOMED,
    US_CORE,
    Element,
    coded,
    concept,
    period,
    quantity,
    said,
)
from mab_gym.cohort.hospital.rows._sheet import Day, Sheet

_NO_ALLERGY: Final = coded("No known allergies", (SNOMED, "716186003", "No known allergy"))
_CATEGORIES: Final = {"medication": "medication", "food": "food", "environment": "environment"}


def allergy_sheet() -> Sheet:
    """Returns an empty sheet of allergies."""
    return Sheet("AllergyIntolerance", ("onsetDateTime", "recordedDate", "lastOccurrence"))


def immunization_sheet() -> Sheet:
    """Returns an empty sheet of vaccinations."""
    return Sheet("Immunization", ("occurrenceDateTime", "recorded"))


def procedure_sheet() -> Sheet:
    """Returns an empty sheet of procedures."""
    return Sheet("Procedure", ("performedDateTime",))


def add_allergies(chart: Chart, sheet: Sheet) -> None:
    """Adds the allergies and intolerances; for who has none, that none is known."""
    allergies, visits = chart.history.allergies, chart.history.visits
    for each in allergies:
        _add_allergy(chart, sheet, each)
    if not allergies and visits:
        sheet.add(
            id=chart.take(),
            meta=chart.meta(sheet, f"{US_CORE}allergyintolerance", visits[0].start),
            clinicalStatus=sheet["clinicalStatus"].of("active", _clinical),
            verificationStatus=sheet["verificationStatus"].of("confirmed", _verification),
            code=sheet["code"].of("", _allergen),
            patient=chart.whose(sheet, "patient"),
            encounter=chart.encounter(sheet, 0),
            recordedDate=visits[0].start,
            recorder=chart.who(sheet, "recorder", visits[0].practitioner),
        )


def _add_allergy(chart: Chart, sheet: Sheet, each: Allergy) -> None:
    by = chart.person.doctor if each.visit is None else chart.history.visits[each.visit].practitioner
    refuted = each.refuted is not None
    sheet.add(
        id=chart.take(),
        meta=chart.meta(sheet, f"{US_CORE}allergyintolerance", each.refuted or each.recorded),
        clinicalStatus=sheet["clinicalStatus"].of("inactive" if refuted else "active", _clinical),
        verificationStatus=sheet["verificationStatus"].of("refuted" if refuted else "confirmed", _verification),
        type=sheet["type"].text('"intolerance"' if each.intolerance else '"allergy"'),
        category=sheet["category"].of(ALLERGENS[each.key].category, _category),
        criticality=sheet["criticality"].text(said(each.criticality)),
        code=sheet["code"].of(each.key, _allergen),
        patient=chart.whose(sheet, "patient"),
        encounter=chart.encounter(sheet, each.visit),
        onsetDateTime=Day(each.onset),
        recordedDate=each.recorded if each.recorded >= RECORDS_FROM else Day(each.recorded),
        recorder=chart.who(sheet, "recorder", by),
        reaction=sheet["reaction"].of((each.reaction, each.severe), _reaction) if each.reaction else 0,
    )


def add_immunizations(chart: Chart, sheet: Sheet) -> None:
    """Adds the vaccinations, and those that were refused."""
    for each in chart.history.vaccinations:
        _add_immunization(chart, sheet, each)


def _add_immunization(chart: Chart, sheet: Sheet, each: Vaccination) -> None:
    vaccine = VACCINES[each.key]
    visit = None if each.visit is None else chart.history.visits[each.visit]
    here = visit is not None and not each.refused
    nurse = None if visit is None else visit.practitioner if visit.nurse is None else visit.nurse
    sheet.add(
        id=chart.take(),
        meta=chart.meta(sheet, f"{US_CORE}immunization", each.moment),
        status=sheet["status"].text('"not-done"' if each.refused else '"completed"'),
        statusReason=sheet["statusReason"].of("PATOBJ", _refusal) if each.refused else 0,
        vaccineCode=sheet["vaccineCode"].of(each.key, _vaccine),
        patient=chart.whose(sheet, "patient"),
        encounter=chart.encounter(sheet, each.visit),
        occurrenceDateTime=each.moment if visit is not None else Day(each.moment),
        recorded=each.moment if visit is not None else None,
        primarySource=sheet["primarySource"].text("true" if visit is not None else "false"),
        reportOrigin=sheet["reportOrigin"].of("record", _origin) if visit is None else 0,
        location=sheet["location"].json(chart.hospital.places[visit.place]) if visit is not None else 0,
        lotNumber=sheet["lotNumber"].text(said(each.lot)) if each.lot else 0,
        site=sheet["site"].of(vaccine.site, _site) if here and vaccine.site else 0,
        route=sheet["route"].of(vaccine.route, _route) if here and vaccine.route in ROUTES else 0,
        doseQuantity=sheet["doseQuantity"].of(vaccine.dose, _dose) if here else 0,
        performer=0 if nurse is None else sheet["performer"].json([_giver(chart, nurse)]),
    )


def _giver(chart: Chart, nurse: int) -> Element:
    function = concept(f"{HL7}v2-0443", "AP", "Administering Provider")
    return {"function": function, "actor": chart.hospital.practitioners[nurse]}


def add_procedures(chart: Chart, sheet: Sheet) -> None:
    """Adds what was done."""
    for each in chart.history.operations:
        _add_procedure(chart, sheet, each)


def _add_procedure(chart: Chart, sheet: Sheet, each: Operation) -> None:
    procedure = PROCEDURES[each.key]
    visit = None if each.visit is None else chart.history.visits[each.visit]
    old = each.start < RECORDS_FROM or visit is None
    performers = []
    if each.practitioner is not None:
        performers = [{
            "actor": chart.hospital.practitioners[each.practitioner], "onBehalfOf": chart.hospital.organization,
        }]  # fmt: skip
    because = chart.because(each.problem)
    kind = "screening" if procedure.screening else "surgical" if procedure.service in _SURGICAL else "diagnostic"
    sheet.add(
        id=chart.take(),
        meta=chart.meta(sheet, f"{US_CORE}procedure", each.end),
        status=sheet["status"].text('"completed"'),
        category=sheet["category"].of(kind, _kind),
        code=sheet["code"].of(each.key, procedure_text),
        subject=chart.whose(sheet),
        encounter=chart.encounter(sheet, each.visit),
        performedDateTime=Day(each.start) if old else None,
        performedPeriod=0 if old else sheet["performedPeriod"].json(period(each.start, each.end)),
        recorder=chart.who(sheet, "recorder", each.practitioner),
        performer=sheet["performer"].json(performers) if performers else 0,
        location=sheet["location"].json(chart.hospital.places[visit.place]) if visit is not None else 0,
        reasonCode=sheet["reasonCode"].of("Screening", _words) if not because and procedure.screening else 0,
        reasonReference=sheet["reasonReference"].text(because) if because else 0,
        note=sheet["note"].json([{"text": each.finding}]) if each.finding else 0,
    )


_SURGICAL: Final = frozenset({"surgery", "orthopaedics", "urology", "obstetrics"})
_KINDS: Final = {
    "surgical": ("387713003", "Surgical procedure"), "diagnostic": ("103693007", "Diagnostic procedure"),
    "screening": ("103693007", "Diagnostic procedure"),
}  # fmt: skip


@cache
def procedure_text(key: str) -> str:
    """Returns the code of a procedure as JSON."""
    row = PROCEDURES[key]
    return pretty(coded(row.display, (SNOMED, row.snomed, row.display)))


@cache
def _kind(kind: str) -> str:
    code, display = _KINDS[kind]
    return pretty(coded(display, (SNOMED, code, display)))


@cache
def _words(text: str) -> str:
    return pretty([{"text": text}])


@cache
def _clinical(code: str) -> str:
    return pretty(concept(f"{HL7}allergyintolerance-clinical", code, code.capitalize()))


@cache
def _verification(code: str) -> str:
    return pretty(concept(f"{HL7}allergyintolerance-verification", code, code.capitalize()))


@cache
def _category(category: str) -> str:
    return pretty([_CATEGORIES[category]])


@cache
def _allergen(key: str) -> str:
    if not key:
        return pretty(_NO_ALLERGY)
    row = ALLERGENS[key]
    system = {"rxnorm": RXNORM, "snomed": SNOMED}.get(row.system, "")
    return pretty(coded(row.display, (system, row.code if system else "", row.display)))


@cache
def _reaction(key: tuple[str, str]) -> str:
    row = REACTIONS[key[0]]
    found: Element = {"manifestation": [coded(row.display, (SNOMED, row.snomed, row.display))]}
    return pretty([found | {"severity": key[1]}])


@cache
def _refusal(code: str) -> str:
    return pretty(concept(f"{HL7}v3-ActReason", code, "patient objection"))


@cache
def _vaccine(key: str) -> str:
    row = VACCINES[key]
    return pretty(coded(row.display, (CVX, row.cvx, row.display)))


@cache
def _origin(code: str) -> str:
    return pretty(concept(f"{HL7}immunization-origin", code, "Written Record"))


@cache
def _site(site: str) -> str:
    return pretty({"text": site})


@cache
def _route(route: str) -> str:
    code, display, _ = ROUTES[route]
    return pretty(coded(display, (SNOMED, code, display)))


@cache
def _dose(dose: float) -> str:
    return pretty(quantity(dose, "mL", "mL"))
