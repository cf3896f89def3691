"""Notes as DocumentReferences, each with its text in the attachment."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from functools import cache
from typing import Final

from mab_gym.cohort._columns import pretty
from mab_gym.cohort.hospital._history import Fact, Note
from mab_gym.cohort.hospital._zone import written
from mab_gym.cohort.hospital.rows._chart import Chart
from mab_gym.cohort.hospital.rows._encounters import SERVICE_WORDS
from mab_gym.cohort.hospital.rows._fhir import LOINC, US_CORE, coded, concept, reference, said
from mab_gym.cohort.hospital.rows._sheet import Sheet

TYPES: Final = {
    "admission": ("34117-2", "History and physical note"), "progress": ("11506-3", "Progress note"),
    "consult": ("11488-4", "Consult note"), "nursing": ("34746-8", "Nurse Note"),
    "discharge": ("18842-5", "Discharge summary"), "clinic": ("34108-1", "Outpatient Note"),
    "telephone": ("34748-4", "Telephone encounter Note"), "radiology": ("18748-4", "Diagnostic imaging study"),
    "outside": ("51852-2", "Letter"), "operative": ("11504-8", "Surgical operation note"),
}  # fmt: skip
"""Kinds of notes in LOINC."""


def document_sheet() -> Sheet:
    """Returns an empty sheet of documents."""
    return Sheet("DocumentReference", ("date",))


def add_documents(chart: Chart, sheet: Sheet) -> int:
    """Adds a person's notes, and returns the id of the first."""
    notes = chart.history.notes
    first = chart.take(len(notes))
    superseded = {note.replaces for note in notes if note.replaces is not None}
    subject = chart.whose(sheet)
    custodian = sheet["custodian"].text(chart.hospital.organization_text)
    for place, note in enumerate(notes):
        by = None if note.author is None else chart.hospital.practitioner_texts[note.author]
        author = pretty(chart.hospital.outside[note.outside or 0]) if by is None else by
        sheet.add(
            id=first + place,
            meta=chart.meta(sheet, f"{US_CORE}documentreference", note.moment),
            status=sheet["status"].text('"superseded"' if place in superseded else '"current"'),
            docStatus=sheet["docStatus"].text('"final"' if note.replaces is None else '"amended"'),
            type=sheet["type"].of(note.kind, _type),
            category=sheet["category"].of("clinical-note", _category),
            subject=subject,
            date=note.moment,
            author=sheet["author"].text(f"[ {author} ]"),
            authenticator=0 if by is None else sheet["authenticator"].text(by),
            custodian=custodian,
            relatesTo=_relates(sheet, note, first),
            description=sheet["description"].text(said(note.title)),
            content=sheet["content"].text(_content(note)),
            context=sheet["context"].text(_context(chart, note)),
        )
    return first


def ledger_text(facts: Sequence[Fact], first: int) -> str:
    """Returns a person's ledger as JSON, as the archive keeps it for `mab_gym.tasking.chart.Chart.facts`.

    Args:
        facts: The facts.
        first: The id of the person's first note.
    """
    told = [
        [
            fact.subject,
            fact.says,
            fact.since,
            fact.until,
            [str(first + place) for place in fact.stands_in],
            [str(first + place) for place in fact.contradicted_in],
            fact.structured,
            fact.quotes,
            fact.misquotes,
        ]
        for fact in facts
    ]
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def _content(note: Note) -> str:
    return content_text(note.text, said(note.title), written(note.moment))


def content_text(text: str, title: str, created: str, kind: str = "text/plain; charset=utf-8") -> str:
    """Returns a DocumentReference's content with a text, as JSON.

    Args:
        text: The text.
        title: Its title, as JSON.
        created: When it was written.
        kind: Its media type.
    """
    raw = text.encode()
    data = base64.b64encode(raw).decode("ascii")
    return (
        '[ {\n    "attachment": {\n'
        f'      "contentType": "{kind}",\n      "data": "{data}",\n'
        f'      "size": {len(raw)},\n      "title": {title},\n      "creation": "{created}"\n    }}\n  }} ]'
    )


def _relates(sheet: Sheet, note: Note, first: int) -> int:
    found = [
        {"code": code, "target": reference("DocumentReference", first + place)}
        for code, place in (("replaces", note.replaces), ("appends", note.appends))
        if place is not None
    ]
    return sheet["relatesTo"].json(found) if found else 0


def _context(chart: Chart, note: Note) -> str:
    if note.visit is None:
        return f'{{\n    "period": {{\n      "end": "{written(note.moment)}"\n    }}\n  }}'
    service = chart.history.visits[note.visit].service
    return (
        f'{{\n    "encounter": [ {{\n      "reference": "Encounter/{chart.visits[note.visit]}"\n    }} ],\n'
        f'    "practiceSetting": {{\n      "text": "{SERVICE_WORDS[service]}"\n    }}\n  }}'
    )


@cache
def _type(kind: str) -> str:
    code, display = TYPES[kind]
    return pretty(coded(display, (LOINC, code, display)))


@cache
def _category(code: str) -> str:
    return pretty(
        [
            concept(
                f"{US_CORE.removesuffix('StructureDefinition/us-core-')}CodeSystem/us-core-documentreference-category",
                code,
                "Clinical Note",
            )
        ]
    )
