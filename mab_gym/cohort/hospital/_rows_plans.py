"""What an encounter leaves besides: appointments, referrals, plans, goals, tasks, messages, consents, diets."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from html import escape
from typing import Final

from mab_gym.cohort._columns import pretty
from mab_gym.cohort.hospital._catalogue_results import ANALYTE_ROWS, PLANS
from mab_gym.cohort.hospital._chart import Chart
from mab_gym.cohort.hospital._fhir import (
    HL7,
    LOINC,
    SNOMED,
    US_CORE,
    Element,
    coded,
    concept,
    period,
    quantity,
    reference,
    reference_text,
    references_text,
    said,
)
from mab_gym.cohort.hospital._history import NOW, Plan
from mab_gym.cohort.hospital._rows_encounters import SERVICE_WORDS
from mab_gym.cohort.hospital._rows_people import category_text
from mab_gym.cohort.hospital._rows_results import request_category
from mab_gym.cohort.hospital._rows_schedules import LENGTH, slot_reference
from mab_gym.cohort.hospital._sheet import Day, Sheet
from mab_gym.cohort.hospital._zone import day_of

APPOINTMENT: Final = concept(f"{HL7}v2-0276", "FOLLOWUP", "A follow up visit from a previous appointment")
_BY_LOINC: Final = {row.loinc: row for row in ANALYTE_ROWS}
Named = tuple[str, str]
"""The kind and the key of a plan."""


class PlanSheets:
    """The sheets of a block that hold plans.

    Args:
        observations: The sheet of observations, for scores.
        requests: The sheet of ServiceRequests, for referrals and code status.
    """

    def __init__(self, observations: Sheet, requests: Sheet) -> None:
        self.appointments = Sheet("Appointment", ("start", "end", "created"))
        self.care_plans = Sheet("CarePlan", ("created",))
        self.care_teams = Sheet("CareTeam")
        self.goals = Sheet("Goal", ("startDate", "statusDate"))
        self.tasks = Sheet("Task", ("authoredOn", "lastModified"))
        self.flags = Sheet("Flag")
        self.consents = Sheet("Consent", ("dateTime",))
        self.communications = Sheet("Communication", ("sent", "received"))
        self.diets = Sheet("NutritionOrder", ("dateTime",))
        self.booked: list[tuple[int, int]] = []
        self._observations, self._requests = observations, requests
        self._adders: dict[str, Callable[[Chart, Plan], None]] = {
            "appointment": self._appointment, "care_plan": self._care_plan, "care_team": self._care_team,
            "goal": self._goal, "task": self._task, "flag": self._flag, "consent": self._consent,
            "communication": self._communication, "diet": self._diet, "survey": self._survey,
            "referral": self._referral, "code_status": self._code_status,
        }  # fmt: skip

    def sheets(self) -> list[Sheet]:
        """Returns the sheets of its own."""
        return [
            self.appointments, self.care_plans, self.care_teams, self.goals, self.tasks, self.flags, self.consents,
            self.communications, self.diets,
        ]  # fmt: skip

    def add(self, chart: Chart) -> None:
        """Adds a person's plans, kind by kind."""
        for kind, adder in self._adders.items():
            for plan in chart.history.plans:
                if plan.kind == kind:
                    adder(chart, plan)

    def _appointment(self, chart: Chart, plan: Plan) -> None:
        sheet, hospital = self.appointments, chart.hospital
        with_whom = hospital.staff.practitioners[plan.practitioner if plan.other is None else plan.other]
        start = plan.start
        slot = None
        if start is not None and plan.status in ("booked", "pending", "arrived", "checked-in"):
            slot = slot_reference(with_whom, start)
            if slot is not None:
                self.booked.append((with_whom.number, start))
        participants: list[Element] = [
            {"actor": reference("Patient", chart.person.mrn), "required": "required", "status": "accepted"},
            {"actor": hospital.practitioners[with_whom.number], "required": "required", "status": "accepted"},
        ]
        where = hospital.clinics.get(with_whom.service)
        if where is not None:
            participants.append({"actor": hospital.places[where], "required": "required", "status": "accepted"})
        because = chart.because(plan.problem)
        sheet.add(
            id=chart.take(),
            meta=chart.meta(sheet, "", plan.end if plan.end is not None else plan.moment),
            status=sheet["status"].text(said(plan.status)),
            cancelationReason=sheet["cancelationReason"].of("pat", _cancelled) if plan.status == "cancelled" else 0,
            serviceType=sheet["serviceType"].of(with_whom.service, _service),
            appointmentType=sheet["appointmentType"].of("FOLLOWUP", _appointment_type),
            reasonCode=sheet["reasonCode"].of(named(plan), _plan_list),
            reasonReference=sheet["reasonReference"].text(because) if because else 0,
            description=sheet["description"].text(said(plan.words)) if plan.words else 0,
            start=start,
            end=None if start is None else start + LENGTH,
            minutesDuration=0 if start is None else sheet["minutesDuration"].text(str(LENGTH // 60)),
            slot=0 if slot is None else sheet["slot"].json([slot]),
            created=plan.moment,
            participant=sheet["participant"].json(participants),
        )

    def _referral(self, chart: Chart, plan: Plan) -> None:
        sheet, hospital = self._requests, chart.hospital
        asked = None if plan.other is None else hospital.staff.practitioners[plan.other]
        because = chart.because(plan.problem)
        performer = 0 if asked is None else sheet["performer"].text(hospital.performers[asked.number])
        specialty = 0 if asked is None else sheet["performerType"].of(asked.service, _specialty)
        sheet.add(
            id=chart.take(),
            meta=chart.meta(sheet, f"{US_CORE}servicerequest", plan.end or plan.moment),
            status=sheet["status"].text(said(plan.status)),
            intent=sheet["intent"].text('"order"'),
            category=sheet["category"].of("referral", request_category),
            priority=sheet["priority"].text('"routine"'),
            code=sheet["code"].of(named(plan), _plan_code_of),
            subject=chart.whose(sheet),
            encounter=chart.encounter(sheet, plan.visit),
            occurrenceDateTime=plan.start,
            authoredOn=plan.moment,
            requester=chart.who(sheet, "requester", plan.practitioner),
            performerType=specialty,
            performer=performer,
            reasonReference=sheet["reasonReference"].text(because) if because else 0,
            note=sheet["note"].json([{"text": plan.words}]) if plan.words else 0,
        )

    def _code_status(self, chart: Chart, plan: Plan) -> None:
        sheet = self._requests
        sheet.add(
            id=chart.take(),
            meta=chart.meta(sheet, f"{US_CORE}servicerequest", plan.end or plan.moment),
            status=sheet["status"].text(said(plan.status)),
            intent=sheet["intent"].text('"order"'),
            category=sheet["category"].of("code status", _code_status_category),
            code=sheet["code"].of(named(plan), _plan_code_of),
            subject=chart.whose(sheet),
            encounter=chart.encounter(sheet, plan.visit),
            authoredOn=plan.moment,
            requester=chart.who(sheet, "requester", plan.practitioner),
            note=sheet["note"].json([{"text": plan.words}]) if plan.words else 0,
        )

    def _care_plan(self, chart: Chart, plan: Plan) -> None:
        sheet = self.care_plans
        condition = chart.condition(plan.problem)
        words = plan.words or _display(plan)
        text = f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{escape(words, quote=False)}</p></div>'
        sheet.add(
            id=chart.take(),
            meta=chart.meta(sheet, f"{US_CORE}careplan", plan.end or plan.moment),
            text=sheet["text"].json({"status": "generated", "div": text}),
            status=sheet["status"].text(said(plan.status)),
            intent=sheet["intent"].text('"plan"'),
            category=sheet["category"].of("assess-plan", _plan_category),
            title=sheet["title"].text(said(_display(plan))),
            description=sheet["description"].text(said(words)),
            subject=chart.whose(sheet),
            encounter=chart.encounter(sheet, plan.visit),
            period=sheet["period"].json(period(plan.start or plan.moment, plan.end)),
            created=plan.moment,
            author=chart.who(sheet, "author", plan.practitioner),
            addresses=sheet["addresses"].json([condition]) if condition else 0,
        )

    def _care_team(self, chart: Chart, plan: Plan) -> None:
        sheet, hospital = self.care_teams, chart.hospital
        members = [plan.practitioner, *([] if plan.other is None else [plan.other]), chart.person.doctor]
        participants: list[Element] = [
            {"role": [_role(chart, number)], "member": hospital.practitioners[number]}
            for number in dict.fromkeys(members)
        ]
        participants.append(
            {
                "role": [coded("Patient", (SNOMED, "116154003", "Patient"))],
                "member": reference("Patient", chart.person.mrn),
            }
        )
        condition = chart.condition(plan.problem)
        sheet.add(
            id=chart.take(),
            meta=chart.meta(sheet, f"{US_CORE}careteam", plan.end or plan.moment),
            status=sheet["status"].text(said(plan.status)),
            name=sheet["name"].text(said(_display(plan))),
            subject=chart.whose(sheet),
            encounter=chart.encounter(sheet, plan.visit),
            period=sheet["period"].json(period(plan.start or plan.moment, plan.end)),
            participant=sheet["participant"].json(participants),
            reasonReference=sheet["reasonReference"].json([condition]) if condition else 0,
            managingOrganization=sheet["managingOrganization"].text(f"[ {hospital.organization_text} ]"),
            note=sheet["note"].json([{"text": plan.words}]) if plan.words else 0,
        )

    def _goal(self, chart: Chart, plan: Plan) -> None:
        sheet = self.goals
        condition = chart.condition(plan.problem)
        sheet.add(
            id=chart.take(),
            meta=chart.meta(sheet, f"{US_CORE}goal", plan.moment),
            lifecycleStatus=sheet["lifecycleStatus"].text(said(plan.status)),
            description=sheet["description"].json({"text": plan.words or _display(plan)}),
            subject=chart.whose(sheet),
            startDate=Day(plan.moment),
            target=_target(sheet, plan),
            statusDate=Day(plan.end if plan.end is not None and plan.end <= NOW else plan.moment),
            expressedBy=chart.who(sheet, "expressedBy", plan.practitioner),
            addresses=sheet["addresses"].json([condition]) if condition else 0,
        )

    def _task(self, chart: Chart, plan: Plan) -> None:
        sheet = self.tasks
        due = None if plan.start is None else {"period": {"end": day_of(plan.start)}}
        condition = chart.condition(plan.problem)
        sheet.add(
            id=chart.take(),
            meta=chart.meta(sheet, "", plan.end or plan.moment),
            status=sheet["status"].text(said(plan.status)),
            intent=sheet["intent"].text('"order"'),
            priority=sheet["priority"].text('"routine"'),
            code=sheet["code"].of(named(plan), _plan_code_of),
            description=sheet["description"].text(said(plan.words or _display(plan))),
            encounter=chart.encounter(sheet, plan.visit),
            authoredOn=plan.moment,
            lastModified=min(plan.end, NOW) if plan.end is not None else plan.moment,
            requester=chart.who(sheet, "requester", plan.practitioner),
            owner=chart.who(sheet, "owner", plan.practitioner if plan.other is None else plan.other),
            reasonReference=sheet["reasonReference"].json(condition) if condition else 0,
            restriction=sheet["restriction"].json(due) if due else 0,
            **{"for": chart.whose(sheet, "for")},
        )

    def _flag(self, chart: Chart, plan: Plan) -> None:
        sheet = self.flags
        sheet.add(
            id=chart.take(),
            meta=chart.meta(sheet, "", plan.end or plan.moment),
            status=sheet["status"].text(said(plan.status)),
            category=sheet["category"].of("safety", _flag_category),
            code=sheet["code"].json(_words_of(plan)),
            subject=chart.whose(sheet),
            period=sheet["period"].json(period(plan.start or plan.moment, plan.end)),
            encounter=chart.encounter(sheet, plan.visit),
            author=chart.who(sheet, "author", plan.practitioner),
        )

    def _consent(self, chart: Chart, plan: Plan) -> None:
        sheet = self.consents
        provision: Element = {
            "type": "deny" if plan.status == "rejected" else "permit",
            "period": period(plan.start or plan.moment, plan.end),
        }
        sheet.add(
            id=chart.take(),
            meta=chart.meta(sheet, "", plan.end or plan.moment),
            status=sheet["status"].text(said(plan.status)),
            scope=sheet["scope"].of("treatment", _scope),
            category=sheet["category"].of(named(plan), _consent_category),
            patient=chart.whose(sheet, "patient"),
            dateTime=plan.moment,
            performer=sheet["performer"].text(references_text(reference_text("Patient", chart.person.mrn))),
            organization=sheet["organization"].text(f"[ {chart.hospital.organization_text} ]"),
            policyRule=sheet["policyRule"].of("hipaa-auth", _policy),
            provision=sheet["provision"].json(provision),
        )

    def _communication(self, chart: Chart, plan: Plan) -> None:
        sheet, hospital = self.communications, chart.hospital
        patient = reference("Patient", chart.person.mrn)
        sender, to = hospital.practitioners[plan.practitioner], patient
        if plan.key == "patient_message":
            sender, to = patient, sender
        elif plan.key == "family_update" and chart.kin is not None:
            to = reference("RelatedPerson", chart.kin)
        elif plan.other is not None and plan.key != "result_letter":
            to = hospital.practitioners[plan.other]
        because = chart.because(plan.problem)
        sheet.add(
            id=chart.take(),
            meta=chart.meta(sheet, "", plan.moment),
            status=sheet["status"].text(said(plan.status)),
            category=sheet["category"].of(named(plan), _plan_list),
            subject=chart.whose(sheet),
            encounter=chart.encounter(sheet, plan.visit),
            sent=plan.moment,
            received=plan.end,
            recipient=sheet["recipient"].json([to]),
            sender=sheet["sender"].json(sender),
            reasonReference=sheet["reasonReference"].text(because) if because else 0,
            payload=sheet["payload"].json([{"contentString": plan.words or _display(plan)}]),
        )

    def _diet(self, chart: Chart, plan: Plan) -> None:
        sheet = self.diets
        sheet.add(
            id=chart.take(),
            meta=chart.meta(sheet, "", plan.end or plan.moment),
            status=sheet["status"].text(said(plan.status)),
            intent=sheet["intent"].text('"order"'),
            patient=chart.whose(sheet, "patient"),
            encounter=chart.encounter(sheet, plan.visit),
            dateTime=plan.moment,
            orderer=chart.who(sheet, "orderer", plan.practitioner),
            oralDiet=sheet["oralDiet"].of(named(plan), _diet_text),
            note=sheet["note"].json([{"text": plan.words}]) if plan.words else 0,
        )

    def _survey(self, chart: Chart, plan: Plan) -> None:
        if plan.value is None and not plan.words:
            return
        sheet = self._observations
        sheet.add(
            id=chart.take(),
            meta=chart.meta(sheet, f"{US_CORE}observation-screening-assessment", plan.moment),
            status=sheet["status"].text('"final"'),
            category=sheet["category"].of("survey", category_text),
            code=sheet["code"].of(named(plan), _plan_code_of),
            subject=chart.whose(sheet),
            encounter=chart.encounter(sheet, plan.visit),
            effectiveDateTime=plan.moment,
            issued=plan.moment,
            performer=sheet["performer"].text(chart.hospital.performers[plan.practitioner]),
            valueQuantity=0 if plan.value is None else sheet["valueQuantity"].of(("score", plan.value), _score),
            valueString=sheet["valueString"].text(said(plan.words)) if plan.value is None else 0,
        )


def named(plan: Plan) -> Named:
    """Returns a plan's kind and key."""
    return plan.kind, plan.key


def _plan_code(key: Named) -> Element:
    row = PLANS[key]
    return coded(row.display, (SNOMED, row.snomed, ""), (LOINC, row.loinc, ""))


def _display(plan: Plan) -> str:
    return PLANS[named(plan)].display


def _words_of(plan: Plan) -> Element:
    return _plan_code(named(plan))


@cache
def _plan_code_of(key: Named) -> str:
    return pretty(_plan_code(key))


@cache
def _plan_list(key: Named) -> str:
    return pretty([_plan_code(key)])


@cache
def _diet_text(key: Named) -> str:
    return pretty({"type": [_plan_code(key)]})


def _target(sheet: Sheet, plan: Plan) -> int:
    due: Element = {} if plan.start is None else {"dueDate": day_of(plan.start)}
    measure: Element = {}
    row = PLANS[named(plan)]
    if plan.value is not None:
        analyte = _BY_LOINC.get(row.loinc)
        measure["measure"] = coded(row.display, (LOINC, row.loinc, "" if analyte is None else analyte.display))
        unit = ("", "1") if analyte is None else (analyte.unit, analyte.ucum)
        measure["detailQuantity"] = quantity(plan.value, *unit)
    return sheet["target"].json([measure | due]) if measure or due else 0


def _role(chart: Chart, number: int) -> Element:
    one = chart.hospital.staff.practitioners[number]
    return {"text": f"{SERVICE_WORDS[one.service]} {one.role.replace('_', ' ')}"}


@cache
def _service(service: str) -> str:
    return pretty([{"text": SERVICE_WORDS[service]}])


@cache
def _specialty(service: str) -> str:
    return pretty({"text": SERVICE_WORDS[service]})


@cache
def _cancelled(code: str) -> str:
    return pretty(concept(f"{HL7}appointment-cancellation-reason", code, "Patient"))


@cache
def _appointment_type(code: str) -> str:
    return pretty(APPOINTMENT)


@cache
def _plan_category(code: str) -> str:
    system = "http://hl7.org/fhir/us/core/CodeSystem/careplan-category"
    return pretty([concept(system, code, "Assessment and Plan of Treatment")])


@cache
def _code_status_category(words: str) -> str:
    return pretty([coded("Code status", (SNOMED, "304251008", "Resuscitation status"))])


@cache
def _flag_category(code: str) -> str:
    return pretty([concept(f"{HL7}flag-category", code, code.capitalize())])


@cache
def _consent_category(key: Named) -> str:
    row = PLANS[key]
    return pretty([coded(row.display, (LOINC, "59284-0", "Patient Consent"))])


@cache
def _scope(code: str) -> str:
    return pretty(concept(f"{HL7}consentscope", code, "Treatment"))


@cache
def _policy(code: str) -> str:
    return pretty(concept(f"{HL7}consentpolicycodes", code, "HIPAA Authorization"))


@cache
def _score(key: tuple[str, float]) -> str:
    return pretty(quantity(key[1], "score", "{score}"))
