"""Results with what was ordered for them: ServiceRequest, Specimen, Observation, DiagnosticReport."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Final

import numpy as np

from mab_gym.cohort._columns import pretty
from mab_gym.cohort.hospital._catalogue_results import PANELS
from mab_gym.cohort.hospital._history import HAEMOLYSED, NOW, Panel
from mab_gym.cohort.hospital._zone import forms_at, written
from mab_gym.cohort.hospital.rows._categories import report_category, request_category, specimen_type
from mab_gym.cohort.hospital.rows._chart import Chart
from mab_gym.cohort.hospital.rows._fhir import (
    HL7,
    LOINC,
    US_CORE,
    coded,
    concept,
    reference_text,
    references_text,
    said,
)
from mab_gym.cohort.hospital.rows._readings import add_readings
from mab_gym.cohort.hospital.rows._sheet import Sheet

_BROUGHT: Final = 900
"""Seconds after which a specimen is in the laboratory; our choice."""


def request_sheet() -> Sheet:
    """Returns an empty sheet of ServiceRequests."""
    return Sheet("ServiceRequest", ("occurrenceDateTime", "authoredOn"))


def specimen_sheet() -> Sheet:
    """Returns an empty sheet of specimens."""
    return Sheet("Specimen", ("receivedTime",))


def report_sheet() -> Sheet:
    """Returns an empty sheet of reports."""
    return Sheet("DiagnosticReport", ("effectiveDateTime", "issued"))


def add_results(chart: Chart, observations: Sheet, requests: Sheet, specimens: Sheet, reports: Sheet) -> None:
    """Adds a person's readings with their orders, specimens and reports."""
    panels = chart.history.panels
    first = chart.take(len(panels))
    chart.panels = list(range(first, first + len(panels)))
    drawn = [number for number, panel in enumerate(panels) if panel.drawn is not None]
    taken = dict(zip(drawn, range(chart.take(len(drawn)), chart.next_id), strict=True))
    results = add_readings(chart, observations, taken)
    haemolysed = set()
    readings = chart.history.readings
    if len(readings):
        haemolysed = set(readings.panel[readings.state == HAEMOLYSED].tolist())
    _add_requests(chart, requests)
    _add_specimens(chart, specimens, taken, haemolysed)
    reported = [number for number in drawn if panels[number].issued is not None or results.get(number)]
    _add_reports(chart, reports, reported, taken, results)


def _add_requests(chart: Chart, sheet: Sheet) -> None:
    panels = chart.history.panels
    moments = [panel.ordered if panel.issued is None else panel.issued for panel in panels]
    status, priority, code = sheet["status"], sheet["priority"], sheet["code"]
    requester, reason = sheet["requester"], sheet["reasonReference"]
    who, reasons = chart.hospital.practitioner_texts, chart.reasons
    sheet.add_many(
        len(panels),
        id=np.array(chart.panels, dtype=np.int64),
        meta=chart.metas(sheet, f"{US_CORE}servicerequest", np.array(moments, dtype=np.int64)),
        status=[status.of(_state_of(panel), said) for panel in panels],
        intent=sheet["intent"].text('"order"'),
        category=sheet["category"].of("laboratory", request_category),
        priority=[priority.of(panel.priority, said) for panel in panels],
        code=[code.of(("panel", panel.key), _panel_code) for panel in panels],
        subject=chart.whose(sheet),
        encounter=[chart.encounter(sheet, panel.visit) for panel in panels],
        authoredOn=[panel.ordered for panel in panels],
        requester=[requester.text(who[panel.orderer]) for panel in panels],
        reasonReference=[reason.text(reasons[panel.visit]) if reasons[panel.visit] else 0 for panel in panels],
    )


def _state_of(panel: Panel) -> str:
    return "revoked" if panel.cancelled else "active" if panel.issued is None else "completed"


def _add_specimens(chart: Chart, sheet: Sheet, taken: Mapping[int, int], spoilt: Collection[int]) -> None:
    panels, visits, collectors = chart.history.panels, chart.history.visits, chart.hospital.collectors
    moments, received, kinds, requests, collections = [], [], [], [], []
    kind, request, collection = sheet["type"], sheet["request"], sheet["collection"]
    for number in taken:
        panel = panels[number]
        drawn = panel.drawn or panel.ordered
        nurse = visits[panel.visit].nurse
        by = "" if nurse is None else collectors[nurse]
        moments.append(drawn)
        received.append(min(drawn + _BROUGHT, NOW if panel.issued is None else max(panel.issued, drawn)))
        kinds.append(kind.of(PANELS[panel.key].specimen, specimen_type))
        requests.append(request.text(references_text(reference_text("ServiceRequest", chart.panels[number]))))
        collections.append(collection.text(f'{{{by}\n    "collectedDateTime": "{written(drawn)}"\n  }}'))
    hem = sheet["condition"].of("HEM", _condition) if spoilt else 0
    sheet.add_many(
        len(taken),
        id=np.array(list(taken.values()), dtype=np.int64),
        meta=chart.metas(sheet, f"{US_CORE}specimen", np.array(moments, dtype=np.int64)),
        status=sheet["status"].text('"available"'),
        type=kinds,
        subject=chart.whose(sheet),
        receivedTime=received,
        request=requests,
        collection=collections,
        condition=[hem if number in spoilt else 0 for number in taken] if hem else 0,
    )


def _add_reports(
    chart: Chart, sheet: Sheet, numbers: Sequence[int], taken: Mapping[int, int], results: Mapping[int, Sequence[int]]
) -> None:
    panels, readers = chart.history.panels, chart.hospital.pathologists
    moments = [panels[number].issued or panels[number].ordered for number in numbers]
    based, status, code, performer = sheet["basedOn"], sheet["status"], sheet["code"], sheet["performer"]
    specimen, result = sheet["specimen"], sheet["result"]
    issued = np.array([panels[number].issued or 0 for number in numbers], dtype=np.int64)
    first = chart.take(len(numbers))
    sheet.add_many(
        len(numbers),
        id=np.arange(first, first + len(numbers), dtype=np.int64),
        meta=chart.metas(sheet, f"{US_CORE}diagnosticreport-lab", np.array(moments, dtype=np.int64)),
        basedOn=[
            based.text(references_text(reference_text("ServiceRequest", chart.panels[number]))) for number in numbers
        ],
        status=[status.of("partial" if panels[number].issued is None else "final", said) for number in numbers],
        category=sheet["category"].of("LAB", report_category),
        code=[code.of(("panel", panels[number].key), _panel_code) for number in numbers],
        subject=chart.whose(sheet),
        encounter=[chart.encounter(sheet, panels[number].visit) for number in numbers],
        effectiveDateTime=[panels[number].drawn for number in numbers],
        issued=(issued, np.where(issued > 0, forms_at(issued), 0)),
        performer=[
            performer.text(chart.hospital.performers[readers[chart.panels[number] % len(readers)]])
            for number in numbers
        ],
        specimen=[specimen.text(references_text(reference_text("Specimen", taken[number]))) for number in numbers],
        result=[
            result.text(references_text(*(reference_text("Observation", each) for each in results.get(number, ()))))
            if results.get(number)
            else 0
            for number in numbers
        ],
    )


@cache
def _panel_code(key: tuple[str, str]) -> str:
    panel = PANELS[key[1]]
    return pretty(coded(panel.short, (LOINC, panel.loinc, panel.display)))


@cache
def _condition(code: str) -> str:
    return pretty([concept(f"{HL7}v2-0493", code, "Hemolyzed")])
