"""Drugs: what was ordered, given by nurses, dispensed by pharmacies, and taken on somebody else's order."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from mab_gym.cohort._columns import pretty
from mab_gym.cohort.hospital._history import NOW, Prescription
from mab_gym.cohort.hospital._zone import day_of
from mab_gym.cohort.hospital.rows._chart import Chart
from mab_gym.cohort.hospital.rows._dosing import (
    days_text,
    dosage_text,
    dosing_of,
    drug_text,
    given_dosage,
    quantity_text,
    supply_of,
    supply_text,
)
from mab_gym.cohort.hospital.rows._fhir import (
    HL7,
    US_CORE,
    Element,
    concept,
    reference_text,
    said,
)
from mab_gym.cohort.hospital.rows._sheet import Sheet

_ENDED: Final = {
    "stopped": ("stopped", "Stopped by the prescriber"),
    "changed": ("stopped", "Changed to another order"),
    "adverse": ("stopped", "Adverse effect"),
    "discharge": ("completed", "Ended at discharge"),
    "completed": ("completed", ""),
    "": ("completed", ""),
}
_SHIFT: Final = 12 * 3600
"""Nurses change every twelve hours; our choice."""
_ASKED: Final = 5400
"""Seconds after the admission at which the list of home drugs is taken; our choice."""


def request_sheet() -> Sheet:
    """Returns an empty sheet of MedicationRequests."""
    return Sheet("MedicationRequest", ("authoredOn",))


def administration_sheet() -> Sheet:
    """Returns an empty sheet of MedicationAdministrations."""
    return Sheet("MedicationAdministration", ("effectiveDateTime",))


def dispense_sheet() -> Sheet:
    """Returns an empty sheet of MedicationDispenses."""
    return Sheet("MedicationDispense", ("whenHandedOver",))


def statement_sheet() -> Sheet:
    """Returns an empty sheet of MedicationStatements."""
    return Sheet("MedicationStatement", ("dateAsserted",))


def add_medications(chart: Chart, requests: Sheet, given: Sheet, dispensed: Sheet, statements: Sheet) -> None:
    """Adds a person's drugs."""
    prescriptions = chart.history.prescriptions
    numbers = [0 if each.visit is None else chart.take() for each in prescriptions]
    for number, each in zip(numbers, prescriptions, strict=True):
        if each.visit is None:
            _add_statement(chart, statements, each)
        else:
            _add_request(chart, requests, number, each)
    _add_told(chart, statements, numbers)
    for number, each in zip(numbers, prescriptions, strict=True):
        if each.given or each.withheld:
            _add_given(chart, given, number, each)
    _add_dispensed(chart, dispensed, numbers)


def _add_told(chart: Chart, sheet: Sheet, numbers: list[int]) -> None:
    """Adds what was on the list of home drugs at each admission, as the list had it: nobody asked further."""
    history = chart.history
    for place, visit in enumerate(history.visits):
        if visit.kind != "inpatient":
            continue
        moment = visit.start + _ASKED
        if moment > NOW:
            continue
        for number, each in zip(numbers, history.prescriptions, strict=True):
            ended = each.end is not None and each.end <= moment
            if each.inpatient or each.visit is None or each.start >= visit.start or ended or not each.times:
                continue
            over = each.end is not None and each.end <= NOW
            because = _because(chart, sheet, each)
            sheet.add(
                id=chart.take(),
                meta=chart.meta(sheet, "", moment),
                status=sheet["status"].text('"completed"' if over else '"active"'),
                category=sheet["category"].of("community", _statement_category),
                medicationCodeableConcept=sheet["medicationCodeableConcept"].of(each.drug, drug_text),
                subject=chart.whose(sheet),
                context=chart.encounter(sheet, place, "context"),
                effectivePeriod=sheet["effectivePeriod"].text(f'{{\n    "start": "{day_of(each.start)}"\n  }}'),
                dateAsserted=moment,
                informationSource=sheet["informationSource"].text(chart.subject),
                derivedFrom=sheet["derivedFrom"].text(references_list("MedicationRequest", number)),
                reasonReference=because,
                dosage=sheet["dosage"].of(dosing_of(each), dosage_text),
            )


def _add_request(chart: Chart, sheet: Sheet, number: int, each: Prescription) -> None:
    over = each.end is not None and each.end <= NOW
    status, why = _ENDED[each.why_ended] if over else ("active", "")
    setting = "inpatient" if each.inpatient else _setting(chart, each)
    sheet.add(
        id=number,
        meta=chart.meta(
            sheet, f"{US_CORE}medicationrequest", each.end if each.end is not None and over else each.start
        ),
        status=sheet["status"].text(said(status)),
        statusReason=sheet["statusReason"].of(why, _words) if why else 0,
        intent=sheet["intent"].text('"order"'),
        category=sheet["category"].of(setting, _category),
        priority=sheet["priority"].text('"routine"'),
        medicationCodeableConcept=sheet["medicationCodeableConcept"].of(each.drug, drug_text),
        subject=chart.whose(sheet),
        encounter=chart.encounter(sheet, each.visit),
        authoredOn=each.start,
        requester=chart.who(sheet, "requester", each.prescriber),
        recorder=chart.who(sheet, "recorder", each.prescriber),
        reasonCode=sheet["reasonCode"].of(each.reason, _reason) if each.reason else 0,
        reasonReference=_because(chart, sheet, each),
        dosageInstruction=sheet["dosageInstruction"].of(dosing_of(each), dosage_text),
        dispenseRequest=0 if each.inpatient else sheet["dispenseRequest"].of(supply_of(each), supply_text),
    )


def _add_statement(chart: Chart, sheet: Sheet, each: Prescription) -> None:
    over = each.end is not None and each.end <= NOW
    told = next((place for place, visit in enumerate(chart.history.visits) if visit.start >= each.start), None)
    moment = each.start if told is None else chart.history.visits[told].start
    taken: Element = {"start": day_of(each.start)}
    if over and each.end is not None:
        taken["end"] = day_of(each.end)
    sheet.add(
        id=chart.take(),
        meta=chart.meta(sheet, "", moment),
        status=sheet["status"].text('"completed"' if over else '"active"'),
        category=sheet["category"].of("community", _statement_category),
        medicationCodeableConcept=sheet["medicationCodeableConcept"].of(each.drug, drug_text),
        subject=chart.whose(sheet),
        context=chart.encounter(sheet, told, "context"),
        effectivePeriod=sheet["effectivePeriod"].json(taken),
        dateAsserted=moment,
        informationSource=sheet["informationSource"].text(chart.subject),
        reasonCode=sheet["reasonCode"].of(each.reason, _reason) if each.reason else 0,
        reasonReference=_because(chart, sheet, each),
        dosage=sheet["dosage"].of(dosing_of(each), dosage_text),
    )


def _add_given(chart: Chart, sheet: Sheet, number: int, each: Prescription) -> None:
    visit = chart.history.visits[each.visit] if each.visit is not None else None
    nurses = chart.hospital.nurses.get(visit.service, ()) if visit is not None else ()
    nurses = nurses or ((visit.nurse,) if visit is not None and visit.nurse is not None else ())
    events = sorted([(moment, "") for moment in each.given] + each.withheld)
    moments = np.array([moment for moment, _ in events], dtype=np.int64)
    pool = sheet["performer"]
    by: npt.NDArray[np.int64] | int = 0
    if nurses:
        codes = np.array([pool.of(nurse, lambda one: _performer(chart, one)) for nurse in nurses], dtype=np.int64)
        by = codes[(moments // _SHIFT + number) % len(codes)]
    done = sheet["status"].text('"completed"')
    missed = np.array([bool(reason) for _, reason in events])
    status: npt.NDArray[np.int64] | int = done
    why: npt.NDArray[np.int64] | int = 0
    if missed.any():
        status = np.where(missed, sheet["status"].text('"not-done"'), done)
        why = np.array([sheet["statusReason"].of(reason, _reasons) if reason else 0 for _, reason in events])
    first = chart.take(len(events))
    sheet.add_many(
        len(events),
        id=np.arange(first, first + len(events), dtype=np.int64),
        meta=chart.metas(sheet, "", moments),
        status=status,
        statusReason=why,
        category=sheet["category"].of("inpatient", _given_category),
        medicationCodeableConcept=sheet["medicationCodeableConcept"].of(each.drug, drug_text),
        subject=chart.whose(sheet),
        context=chart.encounter(sheet, each.visit, "context"),
        effectiveDateTime=moments,
        performer=by,
        reasonReference=_because(chart, sheet, each),
        request=sheet["request"].text(reference_text("MedicationRequest", number)) if number else 0,
        dosage=np.where(
            missed, 0, sheet["dosage"].of((each.dose, each.unit, each.route, each.times < 0), given_dosage)
        ),
    )


def _add_dispensed(chart: Chart, sheet: Sheet, numbers: Sequence[int]) -> None:
    """Adds what pharmacies gave out, prescription by prescription."""
    out = [(number, one) for number, one in zip(numbers, chart.history.prescriptions, strict=True) if one.dispensed]
    if not out:
        return
    counts = np.array([len(one.dispensed) for _, one in out], dtype=np.int64)
    total = int(counts.sum())
    moments = np.array([moment for _, one in out for moment in one.dispensed], dtype=np.int64)
    supplies = [supply_of(one) for _, one in out]
    kind, code, orders = sheet["type"], sheet["medicationCodeableConcept"], sheet["authorizingPrescription"]
    amount, days, dosing = sheet["quantity"], sheet["daysSupply"], sheet["dosageInstruction"]
    again = np.full(total, kind.of("RFC", _fill_type) if total > len(out) else 0, dtype=np.int64)
    again[np.cumsum(counts) - counts] = kind.of("FF", _fill_type)
    pharmacy = [{"actor": chart.hospital.outside[chart.person.pharmacy]}]

    def each(codes: Sequence[int]) -> npt.NDArray[np.int64]:
        return np.repeat(np.array(codes, dtype=np.int64), counts)

    first = chart.take(total)
    sheet.add_many(
        total,
        id=np.arange(first, first + total, dtype=np.int64),
        meta=chart.metas(sheet, f"{US_CORE}medicationdispense", moments),
        status=sheet["status"].text('"completed"'),
        type=again,
        medicationCodeableConcept=each([code.of(one.drug, drug_text) for _, one in out]),
        subject=chart.whose(sheet),
        context=each([chart.encounter(sheet, one.visit, "context") for _, one in out]),
        performer=sheet["performer"].json(pharmacy),
        authorizingPrescription=each([
            orders.text(references_list("MedicationRequest", number)) if number else 0 for number, _ in out
        ]),
        quantity=each([amount.of(supply[1], quantity_text) for supply in supplies]),
        daysSupply=each([days.of(supply[2], days_text) for supply in supplies]),
        whenHandedOver=moments,
        dosageInstruction=each([dosing.of(dosing_of(one), dosage_text) for _, one in out]),
    )  # fmt: skip


def references_list(resource_type: str, number: int) -> str:
    """Returns a list of one reference as JSON."""
    return f"[ {reference_text(resource_type, number)} ]"


def _setting(chart: Chart, each: Prescription) -> str:
    if each.visit is None:
        return "community"
    visit = chart.history.visits[each.visit]
    discharged = visit.kind == "inpatient" and visit.end is not None and each.start >= visit.end - 6 * 3600
    return "discharge" if discharged else "outpatient"


def _because(chart: Chart, sheet: Sheet, each: Prescription) -> int:
    text = chart.because(each.problem)
    return sheet["reasonReference"].text(text) if text else 0


def _performer(chart: Chart, nurse: int) -> str:
    return pretty([{"actor": chart.hospital.practitioners[nurse]}])


@cache
def _category(code: str) -> str:
    return pretty([concept(f"{HL7}medicationrequest-category", code, code.capitalize())])


@cache
def _statement_category(code: str) -> str:
    return pretty(concept(f"{HL7}medication-statement-category", code, code.capitalize()))


@cache
def _given_category(code: str) -> str:
    return pretty(concept(f"{HL7}medication-admin-category", code, code.capitalize()))


@cache
def _fill_type(code: str) -> str:
    return pretty(concept(f"{HL7}v3-ActCode", code, "First Fill" if code == "FF" else "Refill - Complete"))


@lru_cache(maxsize=1 << 12)
def _words(text: str) -> str:
    return pretty({"text": text})


@lru_cache(maxsize=1 << 12)
def _reasons(text: str) -> str:
    return pretty([{"text": text}])


_reason = _reasons
