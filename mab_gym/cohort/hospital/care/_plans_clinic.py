"""Long-term plans: care plans, teams, goals, referrals.

Targets: HbA1c below 7 %, below 8 % in old age or with complications, ADA Standards of Care 2024; pressure below
130/80 mmHg, ACC/AHA 2017; LDL below 70 mg/dL with vascular disease, AHA/ACC 2018; INR as in `care._drug_levels`;
PHQ-9 below 5 is remission.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from mab_gym.cohort.hospital._catalogue import CONDITIONS
from mab_gym.cohort.hospital._catalogue_results import NUMBERS
from mab_gym.cohort.hospital._history import FINAL, NOW, Problem
from mab_gym.cohort.hospital.care._effects import DAY
from mab_gym.cohort.hospital.care._pen import Pen

_YEAR: Final = 365 * DAY
_CARE_PLANS: Final = {
    "type2_diabetes": ("diabetes", 0.75), "type1_diabetes": ("diabetes", 0.95), "hypertension": ("hypertension", 0.3),
    "heart_failure_reduced": ("heart_failure", 0.9), "heart_failure_preserved": ("heart_failure", 0.85),
    "copd": ("copd", 0.7), "asthma": ("asthma", 0.6), "ckd4": ("kidney", 0.9), "esrd": ("kidney", 0.95),
    "depression": ("depression", 0.4), "breast_cancer": ("cancer", 0.95), "colon_cancer": ("cancer", 0.95),
    "lung_cancer": ("cancer", 0.95), "prostate_cancer": ("cancer", 0.7), "pregnancy": ("pregnancy", 0.9),
    "chronic_pain": ("pain", 0.7),
}  # fmt: skip
_CARE_PLAN_WORDS: Final = {
    "diabetes": ("Check glucose at home {n} times a day. Eyes and feet once a year. Sick-day rules were given.",
                 "Home glucose {n} times a day, log to each visit; foot care and hypoglycemia were taught."),
    "hypertension": ("Home pressure {n} times a week, salt below 2 g sodium, walk 30 minutes on most days.",
                     "Home cuff readings, DASH diet, recheck in {n} weeks after each change."),
    "heart_failure": ("Weigh every morning; call for 3 lb in a day or 5 lb in a week. Sodium below 2 g.",
                      "Daily weight, fluid {n} L a day at most, flexible diuretic as agreed."),
    "copd": ("Green, yellow and red zones; prednisone and antibiotic at home for the yellow zone.",
             "Inhaler technique was checked. Rescue pack at home. Call if more breathless for 2 days."),
    "asthma": ("Step up in the yellow zone; spacer; influenza vaccination each fall.",
               "Reliever before sport; call if it is needed more than {n} times a week."),
    "kidney": ("Avoid NSAIDs and contrast; protect arm veins; laboratory every {n} months.",
               "No NSAIDs, potassium and phosphorus counselling, access planning."),
    "depression": ("Behavioral activation, therapy every {n} weeks, crisis line number was given.",
                   "PHQ-9 at each visit; therapy referral; safety plan reviewed."),
    "cancer": ("Treatment by the tumor board's plan; fever above 100.4 F: call at once.",
               "Surveillance every {n} months; survivorship plan was handed out."),
    "pregnancy": ("Prenatal visits by week; glucose at 24 to 28 weeks; birth preferences discussed.",
                  "Folic acid, vaccines, warning signs; visit every {n} weeks until 28 weeks."),
    "pain": ("One prescriber, one pharmacy, no early refills, naloxone at home.",
             "Function goals before pain scores; taper discussed; urine test once a year."),
    "anticoagulation": ("INR every {n} weeks when stable; bleeding signs were taught; steady vitamin K.",
                        "Managed by the anticoagulation clinic; carries the card; INR target as in the goal."),
}  # fmt: skip
_ASKED_FOR: Final = frozenset({"cardiology", "endocrinology", "nephrology", "pulmonology", "gastroenterology",
                               "neurology", "psychiatry", "orthopaedics", "urology", "oncology", "surgery",
                               "obstetrics", "medicine"})  # fmt: skip
_QUESTIONS: Final = {
    "cardiology": "Please advise on {name} and further work-up.",
    "nephrology": "Please see for {name}; trend attached.",
    "orthopaedics": "Please see for {name}; conservative treatment has not been enough.",
}  # fmt: skip


def write_clinic(pen: Pen) -> None:
    """Writes what long-term care leaves."""
    _care_plans(pen)
    _goals(pen)
    _team(pen)
    _referrals(pen)


def _ended(pen: Pen, problem: Problem) -> int | None:
    """Returns when plans about a problem ended: with it, or with the person."""
    over = [moment for moment in (problem.abated, None if pen.alive else pen.until) if moment is not None]
    first = min(over, default=NOW + 1)
    return first if first <= NOW else None


def _care_plans(pen: Pen) -> None:
    for place, problem in enumerate(pen.history.problems):
        key, share = _CARE_PLANS.get(problem.key, ("", 0.0))
        if not key or problem.known is None or not pen.chance(share):
            continue
        found = pen.first_visit(problem.known, ("ambulatory",))
        if found is None:
            continue
        number, visit = found
        end = _ended(pen, problem)
        if end is not None and end <= visit.start:
            continue
        status = "active" if end is None else "completed" if pen.alive else "revoked"
        words = pen.one(_CARE_PLAN_WORDS[key]).format(n=2 + int(3 * pen.drawn()))
        pen.write("care_plan", key, pen.within(visit, 0.8), status, visit.practitioner, visit=number,
                  start=visit.start, end=end, problem=place, words=words)  # fmt: skip
    first = next((d for d in pen.history.prescriptions if d.drug == "warfarin" and not d.inpatient), None)
    if first is not None:
        found = pen.first_visit(first.start, ("ambulatory",))
        if found is not None:
            number, visit = found
            end = first.end if first.end is not None and first.end <= NOW else None if pen.alive else pen.until
            if end is None or end > visit.start:
                words = pen.one(_CARE_PLAN_WORDS["anticoagulation"]).format(n=2 + int(3 * pen.drawn()))
                pen.write("care_plan", "anticoagulation", pen.within(visit, 0.8), "completed" if end else "active",
                          visit.practitioner, visit=number, start=visit.start, end=end, problem=first.problem,
                          words=words)  # fmt: skip


def _goals(pen: Pen) -> None:
    person = pen.history.person
    old = person.age(NOW) >= 75
    vascular = pen.known("coronary", "prior_stroke", "peripheral_artery", "old_infarction") is not None
    wanted: list[tuple[str, tuple[str, ...], float, float | None, str]] = [
        ("hba1c", ("type2_diabetes", "type1_diabetes"), 0.8, 8.0 if old else 7.0, "HbA1c below {v:.1f} %"),
        ("blood_pressure", ("hypertension",), 0.5, 140.0 if old else 130.0, "Systolic pressure below {v:.0f} mmHg"),
        ("ldl", ("hyperlipidemia", "coronary"), 0.35, 70.0 if vascular else 100.0, "LDL below {v:.0f} mg/dL"),
        ("inr", ("mechanical_valve",), 0.9, 3.0, "INR 2.5 to 3.5"),
        ("dry_weight", ("heart_failure_reduced", "heart_failure_preserved", "esrd"), 0.6, None,
         "Dry weight {v:.1f} kg"),
        ("phq9", ("depression",), 0.4, 5.0, "PHQ-9 below {v:.0f}"),
        ("weight", ("obesity",), 0.4, None, "Weight below {v:.0f} kg"),
        ("smoking", ("tobacco",), 0.5, None, "Stop smoking"),
        ("pain", ("chronic_pain",), 0.6, 4.0, "Pain at {v:.0f} of 10 or less, and walks the dog again"),
    ]  # fmt: skip
    for key, keys, share, target, words in wanted:
        about = pen.known(*keys)
        if about is None or not pen.chance(share):
            continue
        place, problem = about
        found = pen.first_visit(problem.known or 0, ("ambulatory",))
        if found is None:
            continue
        number, visit = found
        if key in ("dry_weight", "weight"):
            last = _weight(pen, visit.start)
            if last is None:
                continue
            value: float | None = round(last * (0.985 if key == "dry_weight" else 0.93), 1)
        else:
            value = target
        over = _ended(pen, problem)
        met = key in ("smoking",) and person.smoking == "former"
        status = "completed" if met else "active" if over is None else "cancelled"
        due = visit.start + int((0.4 + pen.drawn()) * _YEAR)
        pen.write("goal", key, pen.within(visit, 0.85), status, visit.practitioner, visit=number, start=due, end=over,
                  problem=place, words=words.format(v=value or 0.0), value=value)  # fmt: skip


def _weight(pen: Pen, moment: int) -> float | None:
    readings = pen.history.readings
    chosen = np.flatnonzero((readings.analyte == NUMBERS["weight"]) & (readings.state == FINAL))
    if not len(chosen):
        return None
    place = int(np.searchsorted(readings.moment[chosen], moment + DAY)) - 1
    return float(readings.value[chosen[max(place, 0)]])


def _team(pen: Pen) -> None:
    history = pen.history
    chronic = [place for place, one in enumerate(history.problems) if one.chronic and one.known is not None]
    seen = [visit for visit in history.visits if visit.kind == "ambulatory" and visit.service in _ASKED_FOR]
    if len(chronic) < 3 or not seen or not pen.chance(0.6):
        return
    first = seen[0]
    number = history.visits.index(first)
    status = "active" if pen.alive else "inactive"
    pen.write("care_team", "longitudinal", pen.within(first, 0.9), status, history.person.doctor, visit=number,
              start=first.start, end=None if pen.alive else pen.until, other=first.practitioner,
              problem=chronic[0])  # fmt: skip


def _referrals(pen: Pen) -> None:
    visits = pen.history.visits
    seen: set[str] = set()
    for number, visit in enumerate(visits):
        if visit.kind != "ambulatory" or visit.service not in _ASKED_FOR or visit.service in seen:
            continue
        seen.add(visit.service)
        asking = next(
            (n for n in range(number - 1, -1, -1) if visits[n].service == "primary" and visits[n].kind == "ambulatory"),
            None,
        )
        if asking is None or visit.start - visits[asking].start > _YEAR:
            continue
        from_whom = visits[asking]
        problem = visit.problems[0] if visit.problems else None
        name = CONDITIONS[pen.history.problems[problem].key].display.lower() if problem is not None else "the question"
        words = _QUESTIONS.get(visit.service, "Please evaluate and treat: {name}.").format(name=name)
        pen.write("referral", f"referral_{visit.service}", pen.within(from_whom, 0.85), "completed",
                  from_whom.practitioner, visit=asking, start=visit.start, end=visit.start, other=visit.practitioner,
                  problem=problem, words=words)  # fmt: skip
    _therapies(pen)
    _open_referral(pen)


def _therapies(pen: Pen) -> None:
    for key, share, wanted in (
        ("osteoarthritis", 0.4, "physical_therapy"), ("back_pain", 0.45, "physical_therapy"),
        ("type2_diabetes", 0.5, "nutrition_counselling"), ("obesity", 0.15, "nutrition_counselling"),
        ("prior_stroke", 0.4, "physical_therapy"), ("ckd4", 0.5, "nutrition_counselling"),
    ):  # fmt: skip
        about = pen.known(key)
        found = pen.first_visit((about[1].known or 0) + DAY, ("ambulatory",)) if about else None
        if about is None or found is None or not pen.chance(share):
            continue
        number, visit = found
        moment = pen.within(visit, 0.85)
        fresh = NOW - moment < 60 * DAY
        role = "dietitian" if wanted == "nutrition_counselling" else "therapist"
        other = pen.crew.one("medicine", role, number, visit.practitioner)
        end = None if fresh else moment + int((10 + 50 * pen.drawn()) * DAY)
        pen.write("referral", wanted, moment, "active" if fresh else "completed", visit.practitioner, visit=number,
                  start=None, end=end, other=other, problem=about[0],
                  words=f"For {CONDITIONS[about[1].key].display.lower()}.")  # fmt: skip


def _open_referral(pen: Pen) -> None:
    """Leaves one referral of the last months open now and then: nobody has booked it yet."""
    recent = [
        (n, v) for n, v in enumerate(pen.history.visits)
        if v.kind == "ambulatory" and v.service == "primary" and 0 < NOW - v.start < 150 * DAY
    ]  # fmt: skip
    if not recent or not pen.alive or not pen.chance(0.25):
        return
    number, visit = recent[-1]
    for place, problem in enumerate(pen.history.problems):
        service = CONDITIONS[problem.key].service
        if problem.chronic and problem.known is not None and service in _ASKED_FOR and problem.abated is None:
            if any(v.service == service for v in pen.history.visits):
                continue
            other = pen.crew.one(service, "physician", number, visit.practitioner)
            pen.write("referral", f"referral_{service}", pen.within(visit, 0.85), "active", visit.practitioner,
                      visit=number, other=other, problem=place,
                      words=f"Please evaluate: {CONDITIONS[problem.key].display.lower()}. Not yet scheduled."
                      )  # fmt: skip
            return
