"""Examinations whose result is a text: imaging, the heart's currents, cultures, monitors.

They are done where a course says what they find (`mab_gym.dynamics.course.Course.studies`). The times to a report with
priority are those of the hospital's own catalogue (`mab_gym.cohort.hospital`), and of a lung scan our choice. A culture
is taken and registered; it grows for days, longer than a stay here.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from mab_gym.cohort.hospital._catalogue import STUDIES
from mab_gym.dynamics._hospital import Hospital, Resource, concept, reference
from mab_gym.dynamics._laboratory import DRAWN
from mab_gym.tasking.meaning._said import listed, member, words_of
from mab_gym.tasking.meaning.terms import LOINC

_TABLE: Final = Path(__file__).parent / "tables" / "examinations.csv"
_DISPLAYS: Final = {"vq_scan": "Ventilation and perfusion scan of the lungs", "telemetry": "Cardiac telemetry"}
"""Names of what the hospital's catalogue has not."""
_CATEGORIES: Final = "http://terminology.hl7.org/CodeSystem/v2-0074"
_CATEGORY_WORDS: Final = {
    "RAD": "Radiology",
    "EC": "Electrocardiac",
    "CUS": "Cardiac Ultrasound",
    "MB": "Microbiology",
    "BLB": "Blood Bank",
}
_ROUTINE: Final = 3
"""Times as long as with priority that a routine report takes."""
_LONGEST: Final = 7 * 1440
MOST_EXAMINATIONS: Final = 60
"""Examinations of a stay; further requests are left undone."""
NOTHING: Final = "No acute finding."


@dataclass(frozen=True, slots=True)
class Examination:
    """An examination that can be asked for.

    Attributes:
        key: As in ``chest_xray``.
        display: Its name on reports.
        loinc: LOINC code; empty if none is sure.
        category: HL7 v2 table 0074; empty for a monitor, which has no report.
        specimen: As in ``blood``; empty if there is none.
        minutes: From the examination to its report with priority.
        pattern: Finds its names in a text in lower case.
    """

    key: str
    display: str
    loinc: str
    category: str
    specimen: str
    minutes: int
    pattern: re.Pattern[str]


@cache
def examinations() -> Mapping[str, Examination]:
    """Returns the examinations by key; of two that a text names, the first counts."""
    found: dict[str, Examination] = {}
    with _TABLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            study = STUDIES.get(row["key"])
            found[row["key"]] = Examination(
                row["key"],
                study.display if study is not None else _DISPLAYS[row["key"]],
                study.loinc if study is not None else "",
                row["category"],
                row["specimen"],
                int(row["minutes"]),
                re.compile(row["pattern"]),
            )
    return found


@cache
def _by_loinc() -> Mapping[str, Examination]:
    return {each.loinc: each for each in examinations().values() if each.loinc}


def asked_examination(request: Mapping[str, Any]) -> Examination | None:
    """Returns the examination that a ServiceRequest names; None if it names none, or a test of the laboratory."""
    code = request.get("code")
    for coding in listed(member(code, "coding"))[:8]:
        known = _by_loinc().get(str(member(coding, "code")))
        if known is not None and member(coding, "system") in (LOINC, None):
            return known
    texts = [text for text in words_of(code) if isinstance(text, str)]
    for text in texts[:8]:
        words = " ".join(text[:300].lower().split())
        found = next((each for each in examinations().values() if each.pattern.search(words)), None)
        if found is not None:
            return found
    return None


class Examinations:
    """The examinations of one stay."""

    __slots__ = ("_asked", "_hospital")

    def __init__(self, hospital: Hospital) -> None:
        self._hospital = hospital
        self._asked: dict[str, Mapping[str, Any]] = {}

    def take(self, address: str, resource: Mapping[str, Any] | None) -> bool:
        """Reads a request that was written, changed or deleted; returns False if it is no examination."""
        hospital = self._hospital
        if hospital.course.studies is None:
            return False
        if resource is None or resource.get("status") != "active" or resource.get("doNotPerform") is True:
            if self._asked.pop(address, None) is None:
                return False
            hospital.note(address, "stopped", "status" if resource is not None else "deleted")
            return True
        asked = asked_examination(resource)
        if asked is None:
            return False
        if resource.get("intent") in ("proposal", "plan", "option") or address in self._asked:
            return True
        if len(self._asked) >= MOST_EXAMINATIONS:
            hospital.note(address, "refused", "too many examinations")
            return True
        self._asked[address] = resource
        hospital.note(address, "accepted", asked.key)
        priority = str(resource.get("priority"))
        urgent = "urgent" if priority == "asap" else priority if priority in DRAWN else "routine"
        begins = max(self._start(resource), hospital.minute + (0 if asked.category == "" else DRAWN[urgent]))
        hospital.at(begins, self._do, address, asked, urgent, ordered=True)
        return True

    def _start(self, resource: Mapping[str, Any]) -> int:
        clock = self._hospital.clock
        for written in (resource.get("occurrenceDateTime"), member(resource.get("occurrencePeriod"), "start")):
            moment = clock.moment(written) if written is not None else None
            if moment is not None:
                return min(clock.minute(moment), _LONGEST)
        return 0

    def _do(self, address: str, asked: Examination, urgent: str) -> None:
        if address not in self._asked:
            return
        hospital = self._hospital
        if asked.category == "":
            hospital.note(address, "completed", asked.key)
            return
        if asked.specimen:
            self._culture(address, asked)
            return
        find = hospital.course.studies
        text = (find(asked.key, hospital.told) if find is not None else "") or NOTHING
        hospital.note(address, "found", f"{asked.key}: {text}")
        minutes = asked.minutes * (1 if urgent != "routine" else _ROUTINE)
        minutes = round(minutes * (0.85 + 0.3 * hospital.chance("report", hospital.number_of(address))))
        hospital.at(hospital.minute + minutes, self._report, address, asked, hospital.minute, text)

    def _culture(self, address: str, asked: Examination) -> None:
        hospital = self._hospital
        specimen: Resource = {
            "resourceType": "Specimen",
            "status": "available",
            "type": {"text": asked.specimen},
            "subject": reference(f"Patient/{hospital.course.patient}"),
            "request": [{"reference": address}],
            "collection": {"collectedDateTime": hospital.time()},
        }
        (taken,) = hospital.write(specimen)
        resource = self._new(address, asked, "registered", hospital.minute)
        resource["specimen"] = [{"reference": taken}]
        hospital.write(resource, news=f"{asked.display}: taken, no result yet")
        hospital.note(address, "completed", asked.key)

    def _report(self, address: str, asked: Examination, done: int, text: str) -> None:
        hospital = self._hospital
        request = self._asked.get(address)
        if request is None:
            return
        resource = self._new(address, asked, "final", done)
        resource["issued"] = hospital.time()
        resource["conclusion"] = text
        hospital.write(resource, news=f"{asked.display}: {text}")
        hospital.note(address, "completed", asked.key)
        hospital.write({**request, "id": address.partition("/")[2], "status": "completed"})

    def _new(self, address: str, asked: Examination, status: str, done: int) -> Resource:
        hospital = self._hospital
        return hospital.stamped(
            {
                "resourceType": "DiagnosticReport",
                "basedOn": [{"reference": address}],
                "status": status,
                "category": [concept(_CATEGORIES, asked.category, _CATEGORY_WORDS[asked.category])],
                "code": concept(LOINC, asked.loinc, asked.display),
                "effectiveDateTime": hospital.time(done),
            }
        )
