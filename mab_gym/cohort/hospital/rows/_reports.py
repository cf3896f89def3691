"""Examinations whose result is a text: imaging, the heart, microbiology, blood bank, pathology."""

from __future__ import annotations

import base64
from functools import cache
from typing import Final

from mab_gym.cohort._columns import pretty
from mab_gym.cohort.hospital._catalogue import CONDITIONS
from mab_gym.cohort.hospital._catalogue_results import ORGANISMS, STUDIES
from mab_gym.cohort.hospital._history import NOW, Report
from mab_gym.cohort.hospital._zone import written
from mab_gym.cohort.hospital.rows._categories import category_text, report_category, request_category, specimen_type
from mab_gym.cohort.hospital.rows._chart import Chart
from mab_gym.cohort.hospital.rows._conditions import condition_code
from mab_gym.cohort.hospital.rows._fhir import (
    HL7,
    LOINC,
    SNOMED,
    US_CORE,
    Element,
    coded,
    concept,
    reference_text,
    references_text,
    said,
)
from mab_gym.cohort.hospital.rows._sheet import Sheet

_SPECIMENS: Final = {"nasopharynx": "nasopharyngeal swab", "nares": "nasal swab", "throat": "throat swab"}
_OF_THE_LABORATORY: Final = ("MB", "BLB", "SP", "CP", "VR", "LAB")
_SUSCEPTIBLE: Final = {"S": "Susceptible", "I": "Intermediate", "R": "Resistant"}
_TAKEN: Final = 600
"""Seconds after which a specimen is in the laboratory; our choice."""


def add_reports(chart: Chart, requests: Sheet, specimens: Sheet, observations: Sheet, reports: Sheet) -> None:
    """Adds a person's examinations: what was asked for, what was taken, what grew, and the report."""
    for each in chart.history.reports:
        study = STUDIES[each.key]
        asked = chart.take()
        specimen = chart.take() if study.specimen and each.moment <= NOW else None
        grown = [key for key in each.codes if key in ORGANISMS] if each.issued is not None else []
        _add_request(chart, requests, asked, each)
        if specimen is not None:
            _add_specimen(chart, specimens, specimen, asked, each)
        if each.moment > NOW:
            continue
        results = [_add_growth(chart, observations, asked, specimen, each, key) for key in grown]
        _add_report(chart, reports, asked, specimen, each, results)


def _add_request(chart: Chart, sheet: Sheet, asked: int, each: Report) -> None:
    laboratory = STUDIES[each.key].category in _OF_THE_LABORATORY
    kind = "laboratory" if laboratory else "imaging" if STUDIES[each.key].category == "RAD" else "diagnostic"
    sheet.add(
        id=asked,
        meta=chart.meta(sheet, f"{US_CORE}servicerequest", each.issued or each.ordered),
        status=sheet["status"].text('"active"' if each.issued is None else '"completed"'),
        intent=sheet["intent"].text('"order"'),
        category=sheet["category"].of(kind, request_category),
        priority=sheet["priority"].text('"routine"'),
        code=sheet["code"].of(("study", each.key), _study_code),
        subject=chart.whose(sheet),
        encounter=chart.encounter(sheet, each.visit),
        authoredOn=each.ordered,
        requester=chart.who(sheet, "requester", each.orderer),
        reasonCode=sheet["reasonCode"].json([{"text": each.indication}]) if each.indication else 0,
        reasonReference=sheet["reasonReference"].text(chart.reasons[each.visit]) if chart.reasons[each.visit] else 0,
    )


def _add_specimen(chart: Chart, sheet: Sheet, specimen: int, asked: int, each: Report) -> None:
    nurse = chart.history.visits[each.visit].nurse
    by = "" if nurse is None else chart.hospital.collectors[nurse]
    kind = STUDIES[each.key].specimen
    sheet.add(
        id=specimen,
        meta=chart.meta(sheet, f"{US_CORE}specimen", each.moment),
        status=sheet["status"].text('"available"'),
        type=sheet["type"].of(_SPECIMENS.get(kind, kind), specimen_type),
        subject=chart.whose(sheet),
        receivedTime=min(each.moment + _TAKEN, NOW),
        request=sheet["request"].text(references_text(reference_text("ServiceRequest", asked))),
        collection=sheet["collection"].text(f'{{{by}\n    "collectedDateTime": "{written(each.moment)}"\n  }}'),
    )


def _add_growth(chart: Chart, sheet: Sheet, asked: int, specimen: int | None, each: Report, organism: str) -> int:
    """Adds what grew, with what it is susceptible to, and returns the Observation's id."""
    number = chart.take()
    components = [_component(*detail) for detail in each.details]
    sheet.add(
        id=number,
        meta=chart.meta(sheet, f"{US_CORE}observation-lab", each.issued or each.moment),
        basedOn=sheet["basedOn"].text(references_text(reference_text("ServiceRequest", asked))),
        status=sheet["status"].text('"final"'),
        category=sheet["category"].of("laboratory", category_text),
        code=sheet["code"].of(("study", each.key), _study_code),
        subject=chart.whose(sheet),
        encounter=chart.encounter(sheet, each.visit),
        effectiveDateTime=each.moment,
        issued=each.issued,
        performer=sheet["performer"].text(chart.hospital.performers[each.performer]),
        valueCodeableConcept=sheet["valueCodeableConcept"].of(("organism", organism), _organism),
        specimen=0 if specimen is None else sheet["specimen"].text(reference_text("Specimen", specimen)),
        component=sheet["component"].json(components) if components else 0,
    )
    return number


def _add_report(chart: Chart, sheet: Sheet, asked: int, specimen: int | None, each: Report, results: list[int]) -> None:
    study = STUDIES[each.key]
    done = each.issued is not None
    laboratory = study.category in _OF_THE_LABORATORY
    codes = [condition_code(key) if key in CONDITIONS else _organism_code(key) for key in each.codes] if done else []
    profile = "diagnosticreport-lab" if laboratory else "diagnosticreport-note"
    sheet.add(
        id=chart.take(),
        meta=chart.meta(sheet, US_CORE + profile, each.issued or each.moment),
        basedOn=sheet["basedOn"].text(references_text(reference_text("ServiceRequest", asked))),
        status=sheet["status"].text('"final"' if done else '"registered"'),
        category=sheet["category"].of(study.category, report_category),
        code=sheet["code"].of(("study", each.key), _study_code),
        subject=chart.whose(sheet),
        encounter=chart.encounter(sheet, each.visit),
        effectiveDateTime=each.moment,
        issued=each.issued,
        performer=sheet["performer"].text(chart.hospital.performers[each.performer]),
        resultsInterpreter=sheet["resultsInterpreter"].text(chart.hospital.performers[each.performer]),
        specimen=0
        if specimen is None
        else sheet["specimen"].text(references_text(reference_text("Specimen", specimen))),
        result=sheet["result"].text(references_text(*(reference_text("Observation", one) for one in results)))
        if results
        else 0,
        conclusion=sheet["conclusion"].text(said(each.conclusion)) if done and each.conclusion else 0,
        conclusionCode=sheet["conclusionCode"].json(codes) if codes else 0,
        presentedForm=sheet["presentedForm"].text(_form(each, study.display)) if done and each.findings else 0,
    )


def _form(each: Report, display: str) -> str:
    parts = [display.upper()]
    if each.indication:
        parts.append(f"INDICATION: {each.indication}")
    parts.append(f"FINDINGS: {each.findings}")
    if each.conclusion:
        parts.append(f"IMPRESSION: {each.conclusion}")
    raw = "\n\n".join(parts).encode()
    data = base64.b64encode(raw).decode("ascii")
    return (
        '[ {\n    "contentType": "text/plain; charset=utf-8",\n'
        f'    "data": "{data}",\n    "size": {len(raw)},\n    "title": {said(display)}\n  }} ]'
    )


def _component(drug: str, grade: str, concentration: str) -> Element:
    grades = [concept(f"{HL7}v3-ObservationInterpretation", grade, _SUSCEPTIBLE[grade])]
    found: Element = {"code": {"text": f"{drug} susceptibility"}}
    if concentration:
        found["valueString"] = concentration
    else:
        found["valueString"] = _SUSCEPTIBLE[grade].lower()
    return found | {"interpretation": grades}


@cache
def _study_code(key: tuple[str, str]) -> str:
    study = STUDIES[key[1]]
    return pretty(
        coded(study.short.capitalize() if study.short else study.display, (LOINC, study.loinc, study.display))
    )


@cache
def _organism(key: tuple[str, str]) -> str:
    return pretty(_organism_code(key[1]))


def _organism_code(key: str) -> Element:
    if key not in ORGANISMS:
        return {"text": key.replace("_", " ").capitalize()}
    row = ORGANISMS[key]
    return coded(row.display, (SNOMED, row.snomed, row.display))
