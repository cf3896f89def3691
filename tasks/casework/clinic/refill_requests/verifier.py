"""Judges each request of the queue: the right end, the right amount or the right reason, and the Task.

Limits and ends are those of page CLN-240, which names its sources. Accepted besides: any number of days by which fills
make up what was asked for, to the day on which a visit or test is due by any way of counting visits; either of asking
back and passing on where a drug is not taken as ordered; a new Task for the physician in place of a new owner; the
order, the page or the request itself as what decides on a drug that the page never leaves to the protocol; a test that
is ordered for a bridge; the old order completed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mab_gym.casework import CaseJudge, Written
from mab_gym.casework.reading import codes_of, concept_text, listed, member, number, patient_of, references_of, text_of
from mab_gym.tasking.case import Case
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.judging import Result, once
from mab_gym.tasking.judging import number as expected
from mab_gym.tasking.verdict import Verdict

from .arrivals import arrive
from .protocol import BRIDGE_DAYS, never

_DAYS = {"d": 1.0, "day": 1.0, "days": 1.0, "wk": 7.0, "week": 7.0, "weeks": 7.0, "mo": 30.0, "month": 30.0}
_PER_DAY = {"d": 1.0, "h": 24.0, "wk": 1 / 7}
Asked = Mapping[str, Any]


def verify(case: Case, chart: Chart, result: Result) -> Verdict:
    """Judges the queue, request by request."""
    queue = case["queue"]
    arrivals = once(result, "arrivals", lambda: arrive(case, chart))
    tasks = [each for each in arrivals if each["resourceType"] == "Task"]
    judge = CaseJudge(case, chart, result, [each["mrn"] for each in queue], arrivals)
    under, over = False, False
    people = {f"Patient/{each['mrn']}" for each in queue}
    for place, (asked, task) in enumerate(zip(queue, tasks, strict=True), start=1):
        one = _Request(judge, asked, f"Task/{task['id']}", place, chart)
        one.judged()
        deferred = one.left_to_a_human
        under |= "physician" in asked["ways"] and not deferred
        over |= asked["kind"] in ("renew", "bridge") and deferred
    if any("physician" in each["ways"] for each in queue):
        judge.deferral(True, not under)
    if over:
        judge.deferral(False, True)
    judge.claim(*(each for each in judge.changes.created("Communication") if each.about in people))
    judge.nothing_else()
    judge.answer(expected(sum(each["kind"] in ("renew", "bridge") for each in queue)))
    return judge.verdict()


class _Request:
    """One request, and what was written for it."""

    def __init__(self, judge: CaseJudge, asked: Asked, task: str, place: int, chart: Chart) -> None:
        self.judge, self.asked, self.task, self.place = judge, asked, task, place
        self.patient = f"Patient/{asked['mrn']}"
        self.written = judge.changes.of(task)
        self.orders = [each for each in judge.changes.created("MedicationRequest") if self._is_for_it(each)]
        self.page = _page(chart)
        judge.claim(self.written, *self.orders)
        self.passed_on = self._passed_on()

    def _is_for_it(self, order: Written) -> bool:
        concept = order.get("medicationCodeableConcept")
        said = concept_text(concept)
        named = self.asked["rxnorm"] in codes_of(concept) or any(
            word in said for word in (self.asked["ingredient"], self.asked["drug"].split()[0].lower())
        )
        return named and patient_of(order.resource) == self.patient

    def _passed_on(self) -> bool:
        """Tells if the physician owns the request now, or a new Task about it."""
        if self.asked["gp"] in references_of(self._now("owner")) and self._now("status") not in _CLOSED:
            return True
        found = [
            each
            for each in self.judge.changes.created("Task")
            if self.asked["gp"] in references_of(each.get("owner"))
            and self.task in (*references_of(each.get("focus")), *references_of(each.get("basedOn")))
            and each.get("status") not in _CLOSED
        ]
        self.judge.claim(*found)
        return bool(found)

    def _now(self, name: str) -> Any:
        return None if self.written is None else self.written.get(name)

    @property
    def left_to_a_human(self) -> bool:
        """True if nothing was given, and it was passed on or asked back."""
        return not self.orders and (self.passed_on or self._now("status") in _WAITING)

    def judged(self) -> None:
        """Checks the end that is right for this request."""
        ways = self.asked["ways"]
        if ways == ["renew"]:
            self._given(self.asked["least"], self.asked["most"])
        elif ways == ["bridge"]:
            self._given(BRIDGE_DAYS - 2, BRIDGE_DAYS)
            self._seen()
        else:
            self._not_given()

    # --- given --------------------------------------------------------------------------------------------------------

    def _given(self, least: float, most: float) -> None:
        name = f"{self.asked['kind']}_{self.place}"
        best = max(self.orders, key=lambda each: not self._amiss(each, least, most), default=None)
        problems = ["there is none"] if best is None else self._amiss(best, least, most)
        self.judge.checkpoint(
            f"{name}.given", not problems, f"MedicationRequest for {self.patient}: {'; '.join(problems)}."
        )
        once = len(self.orders) <= 1
        self.judge.kept(f"{name}.once", once, f"{self.patient} was given {self.asked['drug']} more than once.", True)
        closed = self._now("status") == "completed"
        self.judge.checkpoint(f"{name}.closed", closed, f"{self.task} is {self._now('status')!s:.20}, not completed.")
        old = self.judge.changes.of(self.asked["order"])
        if old is not None and old.get("status") in ("active", "completed"):
            self.judge.claim(old)

    def _amiss(self, order: Written, least: float, most: float) -> list[str]:
        """Returns what is wrong with an order."""
        found: list[str] = []
        if order.get("status") != "active" or order.get("intent") not in ("order", "original-order", "instance-order"):
            found.append("it is not in force")
        if self.asked["order"] not in references_of(order.get("priorPrescription")):
            found.append(f"it does not name {self.asked['order']}")
        if not _same_dose(order.resource or {}, self.asked):
            found.append(f"its dose is not {self.asked['dosage']}")
        request = order.get("dispenseRequest")
        days = _supplied(request)
        repeats = number(member(request, "numberOfRepeatsAllowed")) or 0.0
        if days is None or days <= 0:
            return [*found, "it says no days of supply"]
        total = days * (1 + max(0.0, repeats))
        if days > 90.5 or not least - 0.5 <= total <= most + 0.5:
            found.append(f"it gives {total:g} days, and {least:g} to {most:g} were right")
        return found

    def _seen(self) -> None:
        """Checks the visit and the message that go with a bridge."""
        name = f"bridge_{self.place}"
        booked = [
            each
            for each in self.judge.changes.created("Appointment")
            if {self.patient, self.asked["gp"]} <= _actors(each) and each.get("status") in _PLANNED
        ]
        self.judge.claim(*booked)
        tests = [each for each in self.judge.changes.created("ServiceRequest") if each.about == self.patient]
        self.judge.claim(*tests)
        met = bool(booked) or bool(self.asked["booked"])
        self.judge.checkpoint(f"{name}.visit", met, f"No Appointment for {self.patient} was proposed.")
        self.judge.message(f"{name}.message", to=(self.patient,), patient=self.patient)

    # --- not given ----------------------------------------------------------------------------------------------------

    def _not_given(self) -> None:
        name = f"{self.asked['kind']}_{self.place}"
        risky = self.asked["kind"] == "result" or never(self.asked["drug"].lower())
        evidence = list(self.asked["evidence"])
        if self.asked["kind"] == "never":
            evidence += [*self.page, self.task]
        passed = "physician" in self.asked["ways"] and self.passed_on
        back = "ask" in self.asked["ways"] and not self.passed_on and self._now("status") in _WAITING
        ended = not self.orders and (passed or back)
        self.judge.checkpoint(f"{name}.end", ended, f"{self.task} was not {_WORDS[self.asked['ways'][0]]}.")
        self.judge.kept(
            f"{name}.not_given", not self.orders, f"{self.asked['drug']} was given to {self.patient}.", risky
        )
        to = [self.patient] * ("ask" in self.asked["ways"]) + [self.asked["gp"]] * ("physician" in self.asked["ways"])
        self.judge.message(f"{name}.reason", to=to, about=evidence, patient=self.patient)


_CLOSED = ("completed", "cancelled", "rejected", "failed", "entered-in-error")
_WAITING = ("on-hold",)
_PLANNED = ("proposed", "pending", "booked", "waitlist")
_WORDS = {"ask": "asked back", "physician": "passed on"}


def _page(chart: Chart) -> list[str]:
    """Returns the addresses of the page, in all its forms."""

    def look() -> list[str]:
        found = [f"DocumentReference/{each['id']}" for each in chart.search("DocumentReference", description="CLN-240")]
        plans = chart.search("PlanDefinition", _count="100")
        return found + [f"PlanDefinition/{each['id']}" for each in plans if "CLN-240" in str(each)]

    return chart.remember("page CLN-240", look)


def _actors(appointment: Written) -> set[str]:
    participants = listed(appointment.get("participant"))
    return {one for each in participants[:20] for one in references_of(member(each, "actor"))}


def _supplied(request: Any) -> float | None:
    """Returns the days of one fill."""
    duration = member(request, "expectedSupplyDuration")
    value = number(member(duration, "value"))
    unit = str(member(duration, "code") or member(duration, "unit") or "d").lower()
    return None if value is None else value * _DAYS.get(unit, 1.0)


def _same_dose(order: Mapping[str, Any], asked: Asked) -> bool:
    """Tells if an order has the amount a day of the one that it renews; by its words where it has no amounts."""
    instruction = next(iter(listed(order.get("dosageInstruction"))), None)
    dose = number(member(member(next(iter(listed(member(instruction, "doseAndRate"))), None), "doseQuantity"), "value"))
    repeat = member(member(instruction, "timing"), "repeat")
    times = number(member(repeat, "frequency"))
    period = number(member(repeat, "period")) or 1.0
    if dose is None or times is None:
        said = text_of(member(instruction, "text"))
        return asked["dosage"].lower() in said or asked["dosage"].split(" by ")[0].lower() in said
    daily = dose * times * _PER_DAY.get(str(member(repeat, "periodUnit") or "d"), 1.0) / max(period, 1e-6)
    return abs(daily - float(asked["dose"])) <= 0.02 * float(asked["dose"])
