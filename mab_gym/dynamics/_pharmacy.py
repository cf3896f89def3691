"""Drugs: orders are checked, given on schedule, changed and stopped.

MedicationRequest and MedicationAdministration are those of FHIR R4 (https://hl7.org/fhir/R4/medications-module.html).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mab_gym.dynamics._administrations import administration, in_words
from mab_gym.dynamics._body import CONTINUOUS, Dose
from mab_gym.dynamics._holds import why_held
from mab_gym.dynamics._hospital import Hospital, Resource
from mab_gym.dynamics._known import Known
from mab_gym.dynamics._prescriptions import Instruction, Prescription, read_prescription
from mab_gym.tasking.stay import Given

MOST_ORDERS: Final = 100
"""Orders for drugs that are carried out at a time; further ones are refused."""
MOST_DOSES: Final = 4000
"""Doses of a stay; after them nurses give nothing more."""
FIRST_DOSE: Final = 30
"""Minutes from an order to its first dose; a third of that if it is urgent (our choice)."""
URGENT_DOSE: Final = 10
_SHOWN_RUNNING: Final = 30
"""Doses that run in for so many minutes are shown as under way, and again when they have ended."""
_REMEMBERED: Final = {"glucose": 240}
"""Minutes within which a value must be known for a dose that depends on it."""
_REMEMBERED_ELSE: Final = 720
_ROUNDS: Final = {1440: (540,), 720: (540, 1260), 480: (360, 840, 1320), 360: (0, 360, 720, 1080)}
"""Minutes of the day at which drugs of the chart are given, by the interval (common rounds of American hospitals)."""
_ORDERS: Final = frozenset({"order", "original-order", "reflex-order", "filler-order", "instance-order"})


class _Regimen:
    """An order that is carried out.

    Attributes:
        order: Its address.
        prescription: What is ordered.
        by_agent: False for what stood in the chart.
        active: False once it is stopped.
        done: Doses so far, by instruction.
        given: Minute of the last dose; -1 before the first.
        next: Minute of the next dose of each instruction; None where none is due.
        ends: Minute at which each instruction ends; None for no end.
        running: The MedicationAdministration that is under way, by instruction, with its resource.
    """

    __slots__ = ("active", "by_agent", "done", "ends", "given", "next", "order", "prescription", "running")

    def __init__(self, order: str, prescription: Prescription, by_agent: bool) -> None:
        self.order = order
        self.prescription = prescription
        self.by_agent = by_agent
        self.active = True
        self.given = -1
        self.done = [0] * len(prescription.instructions)
        self.next: list[int | None] = [None] * len(prescription.instructions)
        self.ends: list[int | None] = [each.plan.end for each in prescription.instructions]
        self.running: dict[int, tuple[str, Resource]] = {}


class Pharmacy:
    """The orders for drugs of one stay."""

    __slots__ = ("_hospital", "_known", "_regimens", "refused")

    def __init__(self, hospital: Hospital, known: Known) -> None:
        self._hospital = hospital
        self._known = known
        self._regimens: dict[str, _Regimen] = {}
        self.refused: list[tuple[str, str]] = []

    def take(self, order: str, resource: Mapping[str, Any] | None, *, by_agent: bool = True) -> None:
        """Reads an order that was written, changed or deleted.

        Args:
            order: Its address.
            resource: The MedicationRequest as it is now; None if it was deleted.
            by_agent: False for what stood in the chart before: what runs there runs on, without a new beginning.
        """
        status = None if resource is None else resource.get("status")
        if resource is None or status != "active" or resource.get("doNotPerform") is True:
            self._end(order, f"status {status}" if resource is not None else "deleted")
            return
        if str(resource.get("intent")) not in _ORDERS:
            return
        hospital = self._hospital
        read: Prescription | str = read_prescription(resource, hospital.course.weight_kg, hospital.clock)
        if isinstance(read, Prescription) and order not in self._regimens and self._active >= MOST_ORDERS:
            read = f"more than {MOST_ORDERS} orders for drugs are active; stop some first"
        if isinstance(read, str):
            self._end(order, "it was changed to what cannot be carried out")
            hospital.note(order, "refused", read, by_agent=by_agent)
            if by_agent:
                self.refused.append((order, read))
            return
        self._accept(order, read, by_agent)

    @property
    def _active(self) -> int:
        return sum(regimen.active for regimen in self._regimens.values())

    def _accept(self, order: str, read: Prescription, by_agent: bool) -> None:
        hospital, before = self._hospital, self._regimens.get(order)
        if before is not None and not before.active:
            before = None
        if before is not None and before.prescription == read:
            return
        regimen = self._regimens[order] = _Regimen(order, read, by_agent)
        hospital.note(order, "accepted" if before is None else "changed", read.text, by_agent=by_agent)
        kept = set() if before is None else self._take_over(before, regimen)
        old = self._regimens.get(read.replaces)
        if old is not None and old is not before and not any(i.minutes == CONTINUOUS for i in _of(old)):
            self._end(read.replaces, f"replaced by {order}")  # an infusion runs until this one begins
        wait = URGENT_DOSE if read.urgent or before is not None else FIRST_DOSE if by_agent else 0
        for place, each in enumerate(read.instructions):
            first = regimen.next[place] if place in kept else self._first(regimen, each, wait, by_agent)
            if first is not None and before is not None and place not in kept:
                first = max(first, self._not_before(before, regimen, each))
            if each.plan.within is not None and place not in kept:
                regimen.ends[place] = (first or hospital.minute) + each.plan.within
            if first is None or (each.as_needed and each.window is None):
                continue
            regimen.next[place] = first
            if not hospital.at(first, self._due, regimen, place, ordered=True):
                self.refused.append((order, "too much is scheduled already"))
                regimen.active = False
                return

    def _take_over(self, before: _Regimen, regimen: _Regimen) -> set[int]:
        """Goes on with the parts of an order that a change has left alone; an infusion runs until its rate is changed.

        Returns:
            The places of instructions that did not change.
        """
        before.active = False
        now = regimen.prescription.instructions
        same: set[int] = set()
        for place, was in enumerate(before.prescription.instructions[: len(now)]):
            if before.prescription.drug is not regimen.prescription.drug:
                break
            if was == now[place]:
                same.add(place)
                regimen.done[place], regimen.next[place] = before.done[place], before.next[place]
                regimen.ends[place] = before.ends[place]
            if place in before.running and was == now[place]:
                regimen.running[place] = before.running.pop(place)
        for place, each in enumerate(now):
            if each.minutes == CONTINUOUS and place not in regimen.running:
                was_running = [one for one in before.running if _of(before)[one].minutes == CONTINUOUS]
                if was_running and before.prescription.drug is regimen.prescription.drug:
                    regimen.running[place] = before.running.pop(was_running[0])
        if before.running or not regimen.running:
            self._stop(before, "the order was changed", others=bool(regimen.running))
        return same

    def _not_before(self, before: _Regimen, regimen: _Regimen, each: Instruction) -> int:
        """Returns the minute before which a changed instruction gives nothing: a dose is not doubled by another amount.

        An urgent order and one that says its beginning give at once, and so do infusions.
        """
        now, interval = regimen.prescription, each.plan.interval
        at_once = now.urgent or each.plan.start is not None or each.minutes == CONTINUOUS or each.as_needed
        if at_once or interval is None or before.given < 0 or before.prescription.drug is not now.drug:
            return 0
        return before.given + interval

    def _first(self, regimen: _Regimen, each: Instruction, wait: int, by_agent: bool) -> int | None:
        """Returns the minute of the first dose of an instruction; None if there is none."""
        hospital, plan = self._hospital, each.plan
        soonest = max(hospital.minute + wait, plan.start if plan.start is not None else 0)
        if plan.events or plan.of_day:
            return plan.following(soonest - 1, 0, hospital.clock)
        if not by_agent and each.minutes != CONTINUOUS:
            if plan.interval is None:
                return None  # it was given before the stay
            rounds = _ROUNDS.get(plan.interval) or tuple(range(0, 1440, min(plan.interval, 1440)))
            return hospital.clock.next(rounds, soonest - 1)
        return soonest

    # --- doses -----------------------------------------------------------------------------------------------------

    def _due(self, regimen: _Regimen, place: int) -> None:
        """Gives a dose, or holds it, and schedules the next one."""
        hospital, each = self._hospital, regimen.prescription.instructions[place]
        if not regimen.active or regimen.next[place] != hospital.minute:
            return
        regimen.next[place] = None
        end = regimen.ends[place]
        if end is not None and hospital.minute > end:
            return
        if len(hospital.told.given) >= MOST_DOSES:
            self._end(regimen.order, f"{MOST_DOSES} doses were given in this stay; nurses give no more")
            return
        self._replace(regimen)
        held = self._held(regimen, each)
        if held is not None:
            if held:
                self._not_done(regimen, each, held)
        else:
            regimen.done[place] += 1
            regimen.given = hospital.minute
            self._give(regimen, place, each)
        following = each.plan.following(hospital.minute, regimen.done[place] + (held is not None), hospital.clock)
        if following is not None and (end is None or following <= end):
            regimen.next[place] = following
            hospital.at(following, self._due, regimen, place)

    def _held(self, regimen: _Regimen, each: Instruction) -> str | None:
        """Returns why a dose is not given; empty where nothing is to be written of it; None if it is given."""
        hospital = self._hospital
        if each.window is not None:
            analyte, low, high = each.window
            value = self._known.value(analyte, hospital.minute, _REMEMBERED.get(analyte, _REMEMBERED_ELSE))
            treated = self._known.since(analyte) <= regimen.given
            if value is None or treated or not low <= value <= high:
                return ""
        if not hospital.course.holds:
            return None
        drug = regimen.prescription.drug
        return why_held(drug, each.route, self._known, hospital.minute, nil_by_mouth=hospital.nil_by_mouth) or None

    def _give(self, regimen: _Regimen, place: int, each: Instruction) -> None:
        hospital, drug = self._hospital, regimen.prescription.drug
        begun = hospital.minute
        resource = administration(hospital, regimen.order, drug, each)
        runs = each.minutes >= _SHOWN_RUNNING
        resource["status"] = "in-progress" if runs else "completed"
        resource["effectivePeriod"] = {"start": hospital.time()}
        if not runs:
            resource["effectivePeriod"]["end"] = hospital.time(begun + round(each.minutes))
        before = regimen.running.pop(place, None)
        if before is not None:
            self._ended(before, "completed")
        address = ""
        standing = not regimen.by_agent and each.minutes == CONTINUOUS and begun == 0
        if not standing:  # what runs already was begun before
            (address,) = hospital.write(resource, news=f"{drug.drug} {in_words(drug.unit, each)} {each.route}")
        if runs:
            regimen.running[place] = (address, resource)
        dose = Dose(regimen.order, drug.drug, each.amount, drug.unit, each.route, each.minutes)
        self._note(regimen, each)
        if runs and each.minutes != CONTINUOUS:
            hospital.at(begun + round(each.minutes), self._run_in, regimen, place, regimen.running.get(place))
        end = regimen.ends[place]
        if each.minutes == CONTINUOUS and end is not None:
            hospital.at(end, self._end, regimen.order, "its time is over")
        hospital.happened(hospital.course.body.give(dose))

    def _run_in(self, regimen: _Regimen, place: int, which: tuple[str, Resource] | None) -> None:
        """Notes that a dose has run in."""
        regimen = self._regimens.get(regimen.order, regimen)  # the order may have been changed since
        if which is not None and regimen.running.get(place) is which:
            del regimen.running[place]
            self._ended(which, "completed")

    def _ended(self, running: tuple[str, Resource], status: str) -> None:
        address, resource = running
        if not address:
            return  # it was begun before the stay
        hospital = self._hospital
        period = {**resource["effectivePeriod"], "end": hospital.time()}
        kept = {**resource, "id": address.partition("/")[2], "status": status, "effectivePeriod": period}
        hospital.write(kept)

    def _not_done(self, regimen: _Regimen, each: Instruction, why: str) -> None:
        hospital, drug = self._hospital, regimen.prescription.drug
        resource = administration(hospital, regimen.order, drug, each)
        resource["status"] = "not-done"
        resource["statusReason"] = [{"text": why}]
        resource["effectiveDateTime"] = hospital.time()
        hospital.write(resource, news=f"{drug.drug} was held: {why}")
        self._note(regimen, each, "held", why)

    def _note(self, regimen: _Regimen, each: Instruction, status: str = "given", why: str = "") -> None:
        drug, told = regimen.prescription.drug, self._hospital.told
        dose = drug.drug, each.amount, drug.unit, each.route, each.minutes
        told.given.append(Given(self._hospital.minute, regimen.order, *dose, status, why))

    # --- the end of an order -----------------------------------------------------------------------------------------

    def _replace(self, regimen: _Regimen) -> None:
        """Ends the order that this one replaces, as its own first dose is given."""
        replaced = regimen.prescription.replaces
        if replaced and not any(regimen.done):
            self._end(replaced, f"replaced by {regimen.order}")

    def _end(self, order: str, why: str) -> None:
        regimen = self._regimens.get(order)
        if regimen is None or not regimen.active:
            return
        regimen.active = False
        self._stop(regimen, why)
        self._hospital.note(order, "stopped", why, by_agent=regimen.by_agent)

    def _stop(self, regimen: _Regimen, why: str, *, others: bool = False) -> None:
        """Stops what still runs in of an order; ``others`` if parts of it go on, so that the body goes on with it."""
        for place, running in regimen.running.items():
            self._ended(running, "stopped")
            self._note(regimen, regimen.prescription.instructions[place], "stopped", why)
        regimen.running = {}
        if not others:
            self._hospital.course.body.stop(regimen.order)


def _of(regimen: _Regimen) -> tuple[Instruction, ...]:
    return regimen.prescription.instructions
