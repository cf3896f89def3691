"""One Observation with this reading, for this patient, now."""

from __future__ import annotations

from typing import Any

from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Judge, Result
from mab_gym.tasking.orders import not_plain
from mab_gym.tasking.verdict import Code, Verdict

_CATEGORY_SYSTEMS = {
    "http://terminology.hl7.org/CodeSystem/observation-category",
    "http://hl7.org/fhir/observation-category",
}
_PANEL = {("http://loinc.org", "85354-9"), ("http://loinc.org", "55284-4")}


def _is_vital_signs(observation: Any) -> bool:
    codings = [coding for category in observation.get("category", ()) for coding in category.get("coding", ())]
    return any(c.get("code") == "vital-signs" and c.get("system") in _CATEGORY_SYSTEMS for c in codings)


def _is_blood_pressure(code: Any) -> bool:
    codings = {(coding.get("system"), coding.get("code")) for coding in code.get("coding", ())}
    return code.get("text") == "BP" or bool(codings & _PANEL) or any(name == "BP" for _, name in codings)


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges what was stored; the answer says nothing that the record does not."""
    judge = Judge(result)
    written = judge.written("Observation")
    if written is not None:
        (observation,) = written
        judge.subject(observation, case["mrn"])
        judge.field(observation, "status", "final", Code.WRONG_STATUS)
        judge.at(observation, "effectiveDateTime", chart.now)
        not_plain(judge, observation)
        vital = _is_vital_signs(observation)
        judge.check(vital, Code.WRONG_CATEGORY, "The Observation is not in the category vital-signs.")
        named = _is_blood_pressure(observation.get("code", {}))
        judge.check(named, Code.WRONG_CODE, "The Observation is not identified as BP.")
        same = "".join(str(observation.get("valueString", "")).split()) == "".join(case["reading"].split())
        judge.check(same, Code.WRONG_VALUE, f"The valueString should be {case['reading']!r}.")
    return judge.verdict()
