"""Reads elements of some rows of a table, and parses each distinct value once."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import numpy as np

from mab_gym.charts._ranges import RESULTS
from mab_gym.fhir.model._dates import read_date
from mab_gym.fhir.store._base import parse_element
from mab_gym.fhir.store._table import OTHER_FORM, InstantColumn, IntArray, PoolColumn, Table, read_instant

_TIMES: Final = (
    "effectiveDateTime", "effectivePeriod", "effectiveInstant", "performedDateTime", "performedPeriod", "authoredOn",
    "recordedDate", "onsetDateTime", "onsetPeriod", "occurrenceDateTime", "date", "issued", "period", "created",
    "sent", "received", "start", "whenHandedOver", "authored", "dateTime", "dateAsserted", "startDate", "receivedTime",
)  # fmt: skip
"""Elements with the time of an event, the best first."""
_LEAST, _GREATEST = 1e-100, 1e100
"""The bounds of a plausible measurement; sums and differences of larger numbers may not fit a float."""


class Elements:
    """The elements of the given rows.

    Args:
        table: The table.
        rows: The rows to read.
    """

    def __init__(self, table: Table, rows: IntArray) -> None:
        self._columns = {column.name: column for column in table.columns}
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def values(self, name: str) -> list[Any]:
        """Returns an element of each row as Python values; None if it is absent."""
        column = self._columns.get(name)
        if not isinstance(column, PoolColumn):
            return [None] * len(self.rows)
        codes = column.codes[self.rows]
        parsed = {code: parse_element(column.texts[code - 1]) for code in np.unique(codes).tolist() if code}
        return [parsed.get(code) for code in codes.tolist()]

    def seconds(self, name: str) -> list[int | None]:
        """Returns a date, time or start of a period of each row, in seconds since 1970 (dates begin in UTC)."""
        column = self._columns.get(name)
        if isinstance(column, InstantColumn):
            found = zip(column.forms[self.rows].tolist(), column.seconds[self.rows].tolist(), strict=True)
            return [
                None if not form else seconds_of(json.loads(column.others[second])) if form == OTHER_FORM else second
                for form, second in found
            ]
        return [seconds_of(value) for value in self.values(name)]

    def resources(self) -> list[dict[str, Any]]:
        """Returns the rows as resources; points in time are seconds since 1970, as `seconds_of` takes them."""
        columns = {
            name: self.seconds(name) if isinstance(column, InstantColumn) else self.values(name)
            for name, column in self._columns.items()
        }
        return [
            {name: values[place] for name, values in columns.items() if values[place] is not None}
            for place in range(len(self.rows))
        ]

    def times(self) -> list[int | None]:
        """Returns the time of each row from the first element that has one, in seconds since 1970."""
        result: list[int | None] = [None] * len(self.rows)
        for name in (name for name in _TIMES if name in self._columns):
            found = self.seconds(name)
            result = [new if known is None else known for known, new in zip(result, found, strict=True)]
        return result


def spoken(concept: Any) -> str:
    """Returns a CodeableConcept or Coding in words: its text, display or code; for a list, the first with one."""
    if isinstance(concept, list):
        return next((said for each in concept if (said := spoken(each))), "")
    if not isinstance(concept, dict):
        return concept if isinstance(concept, str) else ""
    codings = [*(each for each in concept.get("coding") or () if isinstance(each, dict)), concept]
    texts = [concept.get("text"), *(coding.get(key) for coding in codings for key in ("display", "code"))]
    return next((str(text) for text in texts if text), "")


def named(concept: Any) -> str:
    """Returns a CodeableConcept, Coding or Reference in words, and never a bare code; empty if there is nothing."""
    if isinstance(concept, list):
        return next((said for each in concept if (said := named(each))), "")
    said, code = spoken(concept), code_of(concept)
    if isinstance(concept, dict) and not code:
        code = str(concept.get("code") or "")
    known = RESULTS.get(code or said)
    if known is not None and said in ("", code, known.code):
        return known.name
    return f"(code {code} without a name)" if said and said == code else said


def code_of(concept: Any) -> str:
    """Returns the first coding's code; empty if there is none."""
    if isinstance(concept, list):
        return code_of(concept[0]) if concept else ""
    codings = concept.get("coding") if isinstance(concept, dict) else None
    return str(codings[0].get("code") or "") if codings and isinstance(codings[0], dict) else ""


def full_name(names: Any) -> str:
    """Returns given and family names, or the text, of the first HumanName that has any; empty if none has."""
    for name in (each for each in names or () if isinstance(each, dict)):
        parts = [*(name.get("given") or ()), name.get("family")]
        if full := " ".join(str(part) for part in parts if part) or str(name.get("text") or ""):
            return full
    return ""


def amount_of(quantity: Any) -> float | None:
    """Returns the value of a Quantity if figures and plots can use it, else None."""
    value = quantity.get("value") if isinstance(quantity, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if not value or _LEAST <= abs(value) <= _GREATEST else None


def seconds_of(value: Any) -> int | None:
    """Returns the start of a date, a time or a Period in seconds since 1970; a whole number is one already."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, dict):
        value = value.get("start") or value.get("end")
    if not isinstance(value, str):
        return None
    if (read := read_instant(value)) is not None:
        return read[0]
    cut = re.sub(r"\.\d+", "", value)
    if (read := read_instant(cut)) is not None:
        return read[0]
    dated = read_date(value[:10])
    return None if dated is None else int((read_instant(value[:10]) or (0,))[0])
