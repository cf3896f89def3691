"""The rest that an encounter leaves: appointments, referrals, plans, goals, tasks, messages, consents, diets."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from mab_gym.cohort.hospital._history import NOW, Plan
from mab_gym.cohort.hospital._slots import LENGTH
from mab_gym.cohort.hospital._zone import day_of
from mab_gym.cohort.hospital.rows._categories import category_text, request_category
from mab_gym.cohort.hospital.rows._chart import Chart
from mab_gym.cohort.hospital.rows._fhir import (
    SNOMED,
    US_CORE,
    Element,
    coded,
    period,
    reference,
    reference_text,
    references_text,
    said,
)
from mab_gym.cohort.hospital.rows._plan_terms import (
    appointment_type,
    cancelled_text,
    care_plan_category,
    code_status_category,
    consent_category,
    diet_text,
    display_of,
    flag_category,
    named,
    plan_code_of,
    plan_list,
    plan_text,
    policy_text,
    role_of,
    scope_text,
    score_text,
    service_list,
    specialty_text,
    target_of,
)
from mab_gym.cohort.hospital.rows._schedules import slot_reference
from mab_gym.cohort.hospital.rows._sheet import Day, Sheet


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
            cancelationReason=sheet["cancelationReason"].of("pat", cancelled_text) if plan.status == "cancelled" else 0,
            serviceType=sheet["serviceType"].of(with_whom.service, service_list),
            appointmentType=sheet["appointmentType"].of("FOLLOWUP", appointment_type),
            reasonCode=sheet["reasonCode"].of(named(plan), plan_list),
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
        specialty = 0 if asked is None else sheet["performerType"].of(asked.service, specialty_text)
        sheet.add(
            id=chart.take(),
            meta=chart.meta(sheet, f"{US_CORE}servicerequest", plan.end or plan.moment),
            status=sheet["status"].text(said(plan.status)),
            intent=sheet["intent"].text('"order"'),
            category=sheet["category"].of("referral", request_category),
            priority=sheet["priority"].text('"routine"'),
            code=sheet["code"].of(named(plan), plan_text),
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
            category=sheet["category"].of("code status", code_status_category),
            code=sheet["code"].of(named(plan), plan_text),
            subject=chart.whose(sheet),
            encounter=chart.encounter(sheet, plan.visit),
            authoredOn=plan.moment,
            requester=chart.who(sheet, "requester", plan.practitioner),
            note=sheet["note"].json([{"text": plan.words}]) if plan.words else 0,
        )

    def _care_plan(self, chart: Chart, plan: Plan) -> None:
        sheet = self.care_plans
        condition = chart.condition(plan.problem)
        words = plan.words or display_of(plan)
        text = f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{escape(words, quote=False)}</p></div>'
        sheet.add(
            id=chart.take(),
            meta=chart.meta(sheet, f"{US_CORE}careplan", plan.end or plan.moment),
            text=sheet["text"].json({"status": "generated", "div": text}),
            status=sheet["status"].text(said(plan.status)),
            intent=sheet["intent"].text('"plan"'),
            category=sheet["category"].of("assess-plan", care_plan_category),
            title=sheet["title"].text(said(display_of(plan))),
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
            {"role": [role_of(chart, number)], "member": hospital.practitioners[number]}
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
            name=sheet["name"].text(said(display_of(plan))),
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
            description=sheet["description"].json({"text": plan.words or display_of(plan)}),
            subject=chart.whose(sheet),
            startDate=Day(plan.moment),
            target=target_of(sheet, plan),
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
            code=sheet["code"].of(named(plan), plan_text),
            description=sheet["description"].text(said(plan.words or display_of(plan))),
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
            category=sheet["category"].of("safety", flag_category),
            code=sheet["code"].json(plan_code_of(plan)),
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
            scope=sheet["scope"].of("treatment", scope_text),
            category=sheet["category"].of(named(plan), consent_category),
            patient=chart.whose(sheet, "patient"),
            dateTime=plan.moment,
            performer=sheet["performer"].text(references_text(reference_text("Patient", chart.person.mrn))),
            organization=sheet["organization"].text(f"[ {chart.hospital.organization_text} ]"),
            policyRule=sheet["policyRule"].of("hipaa-auth", policy_text),
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
            category=sheet["category"].of(named(plan), plan_list),
            subject=chart.whose(sheet),
            encounter=chart.encounter(sheet, plan.visit),
            sent=plan.moment,
            received=plan.end,
            recipient=sheet["recipient"].json([to]),
            sender=sheet["sender"].json(sender),
            reasonReference=sheet["reasonReference"].text(because) if because else 0,
            payload=sheet["payload"].json([{"contentString": plan.words or display_of(plan)}]),
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
            oralDiet=sheet["oralDiet"].of(named(plan), diet_text),
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
            code=sheet["code"].of(named(plan), plan_text),
            subject=chart.whose(sheet),
            encounter=chart.encounter(sheet, plan.visit),
            effectiveDateTime=plan.moment,
            issued=plan.moment,
            performer=sheet["performer"].text(chart.hospital.performers[plan.practitioner]),
            valueQuantity=0 if plan.value is None else sheet["valueQuantity"].of(("score", plan.value), score_text),
            valueString=sheet["valueString"].text(said(plan.words)) if plan.value is None else 0,
        )
