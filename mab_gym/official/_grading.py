"""The official grading rules, quirks included: ten graders over a conversation and the chart.

A grader accepts or rejects. Whatever it does not expect (a wrong type, an answer that is not JSON, a chart that lacks
what it needs) is a rejection. Values are compared as Python compares parsed JSON: 75 equals 75.0, and where a text has
to *contain* another, a list that holds it counts as well (the golden trajectories show both).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from mab_gym.official._conversation import ACCEPTED, Conversation, Status
from mab_gym.official._tasks import NOW, READ_ONLY, OfficialTask
from mab_gym.tasking.chart import Chart

_NOW = datetime.fromisoformat(NOW)
_DAY_AGO = _NOW - timedelta(hours=24)
_YEAR_AGO = datetime.fromisoformat("2022-11-13T10:15:00+00:00")
_MINUTE = "2023-11-13T10:15"
_NEXT_MORNING = "2023-11-14T08:"
_TOLERANCE = 0.1
_LOINC = "http://loinc.org"
_NDC = "http://hl7.org/fhir/sid/ndc"
_SNOMED = "http://snomed.info/sct"
_VITAL_SIGNS = {
    "system": "http://hl7.org/fhir/observation-category",
    "code": "vital-signs",
    "display": "Vital Signs",
}


@dataclass(frozen=True, slots=True)
class Grade:
    """The official grade of an episode.

    Attributes:
        correct: True if the grader accepts.
        reason: The reason for a rejection, in words of this project; empty where it is correct.
    """

    correct: bool
    reason: str = ""


class _RejectedError(Exception):
    """A rule that is not met; the text says which."""


@dataclass(frozen=True, slots=True)
class _Measured:
    moment: datetime
    written: str
    value: Any


@dataclass(frozen=True, slots=True)
class _Desk:
    """The task, the conversation and the chart, as a grader reads them."""

    task: OfficialTask
    conversation: Conversation
    chart: Chart

    @property
    def answer(self) -> Any:
        """The answer as parsed JSON."""
        return json.loads(self.conversation.result or "")

    def measured(self, code: str) -> tuple[_Measured, ...]:
        """Returns all results of one kind of the patient, in server order, whatever their status."""
        return self.chart.remember(("official", self.task.mrn, code), lambda: self._search(code))

    def _search(self, code: str) -> tuple[_Measured, ...]:
        found = self.chart.search("Observation", patient=self.task.mrn, code=code, _count="5000")
        return tuple(
            _Measured(datetime.fromisoformat(written), written, resource["valueQuantity"]["value"])
            for resource in found
            for written in (resource["effectiveDateTime"],)
        )

    def last_day(self, code: str) -> list[_Measured]:
        """Returns the results of the last 24 hours; results dated later than now count, too."""
        return [result for result in self.measured(code) if result.moment >= _DAY_AGO]

    def birth_date(self) -> date:
        """Returns the patient's date of birth."""

        def look() -> date:
            patient = next(self.chart.search("Patient", identifier=self.task.mrn))
            return date.fromisoformat(patient["birthDate"])

        return self.chart.remember(("official birth date", self.task.mrn), look)

    def accepted_posts(self) -> list[tuple[str, Any]]:
        """Returns the URLs and payloads of the accepted POSTs.

        They are read from the turns as they were written, before code fences are removed: a POST in a fence is not
        found here, though it was acknowledged.
        """
        messages = self.conversation.messages
        posts = []
        for turn, reply in pairwise(messages):
            if turn.role != "agent" or "POST" not in turn.content or ACCEPTED not in reply.content:
                continue
            first, _, rest = turn.content.partition("\n")
            try:
                posts.append((first[4:].strip(), json.loads(rest)))
            except (ValueError, RecursionError):
                continue
        return posts

    def posted(self, *resource_types: str) -> list[Any]:
        """Returns the payloads of the accepted POSTs, which must be of these types, in this order, to their URLs."""
        posts = self.accepted_posts()
        _require(len(posts) == len(resource_types), f"{len(posts)} accepted POSTs instead of {len(resource_types)}")
        for (url, payload), resource_type in zip(posts, resource_types, strict=True):
            _require(url == f"{self.conversation.base_url}/{resource_type}", f"a POST to {url!r}")
            _require(payload["resourceType"] == resource_type, f"resourceType is not {resource_type}")
        return [payload for _, payload in posts]

    def require_no_post(self) -> None:
        """Rejects a turn with the letters POST in it, even in a GET."""
        _require(not any("POST" in turn for turn in self.conversation.turns), "a turn contains POST")

    def require_answer(self, *allowed: list[Any]) -> None:
        """Rejects an answer that equals none of these lists."""
        answer = self.answer
        _require(any(answer == expected for expected in allowed), f"the answer is not {json.dumps(allowed[0])}")


def grade(task: OfficialTask, conversation: Conversation, chart: Chart) -> Grade:
    """Grades an episode that has ended, as the official harness does.

    Args:
        task: The task.
        conversation: All that was said.
        chart: The record system's snapshot, which remembers what is looked up.
    """
    if conversation.status is not Status.COMPLETED:
        return Grade(False, f"the episode ended without FINISH: {conversation.status or 'it goes on'}")
    desk = _Desk(task, conversation, chart)
    try:
        if task.category in READ_ONLY:
            desk.require_no_post()
        _GRADERS[task.category](desk)
    except _RejectedError as rejected:
        return Grade(False, str(rejected))
    except Exception as error:
        return Grade(False, f"something unexpected: {type(error).__name__}: {error}")
    return Grade(True)


def _require(met: bool, otherwise: str) -> None:
    if not met:
        raise _RejectedError(otherwise)


def _latest(results: list[_Measured] | tuple[_Measured, ...]) -> _Measured | None:
    return max(results, key=lambda result: result.moment, default=None)  # max keeps the first of equals


def _value(result: _Measured | None) -> Any:
    return -1 if result is None else result.value


# --- what is asked of a posted resource ------------------------------------------------------------------------------


def _require_order(desk: _Desk, order: Mapping[str, Any]) -> None:
    _require(order["status"] == "active", "status is not active")
    _require(order["intent"] == "order", "intent is not order")
    _require_subject(desk, order)


def _require_subject(desk: _Desk, resource: Mapping[str, Any]) -> None:
    _require(resource["subject"] == {"reference": f"Patient/{desk.task.mrn}"}, "subject is not exactly the patient")


def _require_coding(concept: Mapping[str, Any], system: str, code: str) -> None:
    first = concept["coding"][0]
    _require(first["system"] == system and first["code"] == code, f"the first coding is not {code} of {system}")


def _require_service(desk: _Desk, order: Mapping[str, Any], system: str, code: str) -> None:
    _require_coding(order["code"], system, code)
    _require(order["authoredOn"] == NOW, f"authoredOn is not {NOW}")
    _require(order["priority"] == "stat", "priority is not stat")
    _require_order(desk, order)


def _require_medication(desk: _Desk, order: Mapping[str, Any], code: str) -> None:
    _require_coding(order["medicationCodeableConcept"], _NDC, code)
    _require(_MINUTE in order["authoredOn"], f"authoredOn does not contain {_MINUTE}")
    _require_order(desk, order)


# --- the ten ---------------------------------------------------------------------------------------------------------


def _find_patient(desk: _Desk) -> None:
    desk.require_answer(list(desk.task.solution or ()))


def _age(desk: _Desk) -> None:
    born = desk.birth_date()
    age = _NOW.year - born.year - ((_NOW.month, _NOW.day) < (born.month, born.day))
    desk.require_answer([age])


def _record_blood_pressure(desk: _Desk) -> None:
    (observation,) = desk.posted("Observation")
    category = observation["category"]
    _require(len(category) == 1 and len(category[0]["coding"]) == 1, "not one category with one coding")
    _require(category[0]["coding"][0] == _VITAL_SIGNS, "the category's coding is not exactly vital-signs")
    _require(observation["code"] == {"text": "BP"}, "code is not exactly the text BP")
    _require(observation["effectiveDateTime"] == NOW, f"effectiveDateTime is not {NOW}")
    _require(observation["status"] == "final", "status is not final")
    reading = desk.task.quoted  # with its unit, as in 118/77 mmHg
    _require(observation["valueString"] == reading, f"valueString is not {reading}")
    _require_subject(desk, observation)


def _latest_magnesium(desk: _Desk) -> None:
    desk.require_answer([_value(_latest(desk.last_day("MG")))])


def _replace_magnesium(desk: _Desk) -> None:
    latest = _latest(desk.last_day("MG"))
    if latest is None or latest.value > 1.9:
        desk.require_no_post()
        if latest is not None:  # without a value every answer is right, even one that is no JSON
            desk.require_answer([latest.value], [])
        return
    amount = 1 if latest.value >= 1.5 else 2 if latest.value >= 1 else 4  # grams, over as many hours
    (order,) = desk.posted("MedicationRequest")
    _require_medication(desk, order, "0338-1715-40")
    dosage = order["dosageInstruction"][0]
    _require(dosage["route"] == "IV", "route is not the text IV")
    dose = dosage["doseAndRate"][0]
    _require(dose["doseQuantity"] == {"value": amount, "unit": "g"}, f"doseQuantity is not exactly {amount} g")
    _require(dose["rateQuantity"] == {"value": amount, "unit": "h"}, f"rateQuantity is not exactly {amount} h")
    desk.require_answer([latest.value], [])


def _mean_glucose(desk: _Desk) -> None:
    values = [result.value for result in desk.last_day("GLU")]
    mean = sum(values) / len(values) if values else -1
    answer = desk.answer
    # The tolerance holds for the -1 of an empty day too, as the golden trajectories show.
    close = len(answer) == 1 and abs(answer[0] - mean) <= _TOLERANCE
    _require(close, f"the answer is not within {_TOLERANCE} of [{mean}]")


def _latest_glucose(desk: _Desk) -> None:
    desk.require_answer([_value(_latest(desk.measured("GLU")))])


def _refer_to_orthopaedics(desk: _Desk) -> None:
    (order,) = desk.posted("ServiceRequest")
    _require_service(desk, order, _SNOMED, "306181000000106")
    _require(desk.task.quoted in order["note"]["text"], "note.text does not contain the SBAR text")


def _replace_potassium(desk: _Desk) -> None:
    latest = _latest(desk.measured("K"))
    if latest is None or latest.value >= 3.5:
        desk.require_no_post()
    else:
        medication, laboratory = desk.posted("MedicationRequest", "ServiceRequest")
        _require_medication(desk, medication, "40032-917-01")
        dosage = medication["dosageInstruction"][0]
        _require(dosage["route"].lower().strip() == "oral", "route is not oral")
        dose = dosage["doseAndRate"][0]["doseQuantity"]
        amount = (3.5 - latest.value) / 0.1 * 10
        _require(abs(dose["value"] - amount) <= _TOLERANCE, f"the dose is not within {_TOLERANCE} of {amount:.1f}")
        _require(dose["unit"] == "mEq", "the dose's unit is not mEq")
        _require_service(desk, laboratory, _LOINC, "2823-3")
        _require(_NEXT_MORNING in laboratory["occurrenceDateTime"], f"occurrence does not contain {_NEXT_MORNING}")
    desk.require_answer([_value(latest)], [])


def _renew_a1c(desk: _Desk) -> None:
    latest = _latest(desk.measured("A1C"))
    if latest is None or latest.moment < _YEAR_AGO:
        (order,) = desk.posted("ServiceRequest")
        _require_service(desk, order, _LOINC, "4548-4")
    else:
        desk.require_no_post()
    desk.require_answer([-1] if latest is None else [latest.value, latest.written], [])


_GRADERS: Mapping[int, Callable[[_Desk], None]] = {
    1: _find_patient,
    2: _age,
    3: _record_blood_pressure,
    4: _latest_magnesium,
    5: _replace_magnesium,
    6: _mean_glucose,
    7: _latest_glucose,
    8: _refer_to_orthopaedics,
    9: _replace_potassium,
    10: _renew_a1c,
}
