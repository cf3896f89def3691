"""Looks at each result, at who asked for it and who was called already, and calls whom the handbook names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final

from mab_gym.casework import heeding_flags
from mab_gym.dynamics.inpatients import handbook_page
from mab_gym.tasking.case import Case
from mab_gym.tasking.solving import Desk, Solution

from .cases import ANALYTES, TROPONIN

Resource = dict[str, Any]
_LIMITS: Final = {
    "2823-3": (2.8, 6.2), "2951-2": (120, 158), "2345-7": (45, 450), "17861-6": (6.5, 13.0), "19123-9": (1.0, 4.9),
    "2777-1": (1.0, 1e9), "718-7": (6.6, 20.0), "777-3": (20, 1000), "6301-6": (0, 5.0), "2524-7": (0, 4.0),
}  # fmt: skip
"""The limits of the page LAB-401 in the hospital's units."""


@heeding_flags
def solve(case: Case, desk: Desk) -> Solution:
    """Takes some thirty actions."""
    for number in ("LAB-401", "ADM-501"):
        yield desk.get("DocumentReference", **handbook_page(number))
    reply = yield desk.get("Task", owner=case["desk"], status="requested", _sort="authored-on", _count="50")
    answer = []
    for task in reply.resources:
        kind, _, number = task["focus"]["reference"].partition("/")
        included = [f"{kind}:based-on", f"{kind}:encounter"]
        query = f"{kind}?_id={number}" + "".join(f"&_include={each}" for each in included)
        reply = yield f"GET {desk.base_url}/{query}"
        parts = {each["resourceType"]: each for each in reply.resources}
        result = parts[kind]
        mrn = result["subject"]["reference"].removeprefix("Patient/")
        orderer = parts["ServiceRequest"]["requester"]["reference"]
        reply = yield desk.get("Communication", subject=f"Patient/{mrn}", sent=f"ge{desk.now.date()}", _count="50")
        calls = [each for each in reply.resources if str(number) in str(each.get("about"))]
        raised = False
        if _code(result) == TROPONIN:
            since = (desk.now - timedelta(days=3)).date().isoformat()
            reply = yield desk.get("Observation", patient=mrn, code=TROPONIN, date=f"ge{since}", _count="50")
            raised = any(_value(each) > 34 for each in reply.resources if each["id"] != number)
        end = _end(desk, result, calls, raised)
        desk.decide("what a result needs", end)
        if end == "call":
            yield from _call(desk, result, parts.get("Encounter"), orderer, calls)
        elif end == "message":
            yield desk.post(_message(result, [orderer], "routine"))
        answer.append(end)
    yield desk.finish(answer)


def _end(desk: Desk, result: Resource, calls: Sequence[Resource], raised: bool) -> str:
    if result["resourceType"] == "DiagnosticReport":
        if "CT" in result["code"]["text"]:
            return desk.rule("significant", "message", lambda: "call")
        return desk.rule("reports", "call", lambda: "nothing")
    if result["status"] == "entered-in-error":
        return desk.rule("withdrawn", "nothing", lambda: "call")
    reached = {one["reference"] for each in calls if each["status"] == "completed" for one in each["recipient"]}
    if len(reached) > 1:
        return desk.rule("already", "nothing", lambda: "call")
    code, value, unit = _code(result), _value(result), result["valueQuantity"]["code"]
    if code == TROPONIN:
        end = "nothing" if raised else "call"
        return desk.rule("first", end, partial(str, "call" if raised else "nothing"))
    analyte = next(each for each in ANALYTES if each.code == code)
    if unit != analyte.unit:
        right = _compared(code, value / analyte.other[1])
        return desk.rule("units", right, partial(_compared, code, value))
    end = _compared(code, value)
    if result.get("note"):
        return desk.rule("hemolyzed", end, lambda: "nothing")
    if "encounter" not in result:
        return desk.rule("outpatients", end, lambda: "nothing")
    if code == "2823-3" and 2.5 <= value <= 6.5 and end == "call":
        return desk.rule("version", end, lambda: "nothing")
    if calls:
        return end
    return desk.rule("limits", end, lambda: "call")


def _compared(code: str, value: float) -> str:
    low, high = _LIMITS[code]
    return "call" if value < low or value > high else "nothing"


def _call(
    desk: Desk, result: Resource, stay: Resource | None, orderer: str, calls: Sequence[Resource]
) -> Iterator[str]:
    if stay is None:
        yield desk.post(_message(result, [orderer], "urgent"))
        return
    people = [each["individual"]["reference"] for each in stay["participant"]]
    attending, nurse = people[0], people[-1]
    if any(each["status"] == "not-done" for each in calls):
        to = [desk.rule("chain", attending, lambda: orderer)]
    elif calls:
        to = [desk.rule("both", orderer, lambda: nurse)]
    else:
        to = desk.rule("both", [nurse, orderer], lambda: [orderer])
    yield desk.post(_message(result, to, "urgent"))


def _code(result: Mapping[str, Any]) -> str:
    return next((str(each["code"]) for each in result["code"].get("coding", ())), "")


def _value(result: Mapping[str, Any]) -> float:
    return float(result.get("valueQuantity", {}).get("value", 0))


def _message(result: Resource, to: Sequence[str], priority: str) -> Resource:
    said = f"{_value(result):g}" if "valueQuantity" in result else result.get("conclusion", "")
    return {
        "resourceType": "Communication",
        "status": "completed",
        "priority": priority,
        "subject": result["subject"],
        "about": [{"reference": f"{result['resourceType']}/{result['id']}"}],
        "recipient": [{"reference": each} for each in to],
        "payload": [{"contentString": f"{result['code']['text']}: {said}. Please read back."}],
    }
