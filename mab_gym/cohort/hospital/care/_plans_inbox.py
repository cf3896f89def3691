"""The inbox: refill requests, results to be reviewed, messages and letters, forms, gaps, incidental findings."""

from __future__ import annotations

from typing import Final

import numpy as np

from mab_gym.cohort.hospital._catalogue import DRUGS
from mab_gym.cohort.hospital._catalogue_results import ANALYTE_ROWS, PANELS, STUDIES
from mab_gym.cohort.hospital._history import FINAL, NOW, Prescription
from mab_gym.cohort.hospital.care._effects import DAY
from mab_gym.cohort.hospital.care._orders import HOUR
from mab_gym.cohort.hospital.care._pen import Pen

_LETTERS_MONTHS: Final = 30
_FOLLOWED: Final = ("nodule", "Nodule", "aneurysm", "meningioma", "adenoma, ", "cyst;")
"""Words of findings that have to be looked at again."""
_FORMS: Final = (
    "Disability form for the employer", "FMLA form", "Handicapped parking form", "Home oxygen recertification",
    "Life insurance form", "Form for the school bus", "Letter for jury duty",
)  # fmt: skip
_CALLS: Final = {
    "symptom_call": (
        "Called about dizziness in the mornings.", "Asks if the cough is a reason to come in.",
        "Reports more ankle swelling since the weekend.", "Has a rash since starting the new medicine.",
        "Home pressure readings are high this week.", "Short of breath on the stairs, none at rest.",
        "Low back pain again, asks for advice.", "Nausea with the new tablet; took it without food.",
    ),
    "refill": ("Asks for a refill; pharmacy says none left.", "Refill request by phone."),
}  # fmt: skip


def write_inbox(pen: Pen) -> None:
    """Writes messages, letters and tasks."""
    _calls(pen)
    _letters(pen)
    _incidental(pen)
    if pen.alive:
        _open_now(pen)
    _around_stays(pen)


def _at_home(pen: Pen, moment: int) -> list[Prescription]:
    return [
        one for one in pen.history.prescriptions
        if not one.inpatient and one.start < moment and (one.end is None or one.end > moment) and not one.needed
    ]  # fmt: skip


def _named(drug: Prescription) -> str:
    return DRUGS[drug.drug].display if drug.drug in DRUGS else drug.drug.replace("_", " ")


def _first_up(text: str) -> str:
    return text[:1].upper() + text[1:]


def _about_results(pen: Pen, moment: int) -> tuple[str, ...]:
    """Returns what somebody may ask who calls about results: of what was there in the last weeks."""
    since = moment - 45 * DAY
    asked = ["Returned our call about results."]
    if any(one.issued is not None and since < one.issued < moment for one in pen.history.panels):
        asked += ["Asks about the results of the last blood test.", "Saw the results on the portal and has questions."]
    for one in pen.history.reports:
        if one.issued is not None and since < one.issued < moment and STUDIES[one.key].category == "RAD":
            asked.append(f"Wants the report of the {STUDIES[one.key].short} explained.")
    return tuple(asked)


def _calls(pen: Pen) -> None:
    doctor = pen.history.person.doctor
    for number, visit in enumerate(pen.history.visits):
        if visit.kind != "telephone" or visit.start >= pen.until:
            continue
        words = pen.one(_CALLS.get(visit.reason, _CALLS["symptom_call"]))
        if visit.reason == "results_call":
            words = pen.one(_about_results(pen, visit.start))
        problem = visit.problems[0] if visit.problems else None
        if visit.reason == "refill":
            drugs = _at_home(pen, visit.start)
            if drugs:
                drug = drugs[int(pen.drawn() * len(drugs))]
                end = visit.end if visit.end is not None and visit.end < pen.until else None
                denied = pen.chance(0.06)
                pen.write("task", "refill", visit.start, "rejected" if denied else "completed", visit.practitioner,
                          visit=number, start=visit.start + 3 * DAY, end=end, other=doctor, problem=drug.problem,
                          words=f"Refill: {_named(drug)}, 90 days.{' Needs a visit first.' if denied else ''}"
                          )  # fmt: skip
                continue
        pen.write("communication", "patient_message", visit.start, "completed", visit.practitioner, visit=number,
                  end=visit.start + 120, other=doctor, problem=problem, words=words)  # fmt: skip


def _letters(pen: Pen) -> None:
    """Sends result letters after visits of the last years."""
    history = pen.history
    by_visit: dict[int, list[str]] = {}
    issued: dict[int, int] = {}
    for panel in history.panels:
        recent = panel.issued is not None and NOW - panel.issued < _LETTERS_MONTHS * 30 * DAY
        if panel.issued is not None and recent and history.visits[panel.visit].kind == "ambulatory":
            by_visit.setdefault(panel.visit, []).append(PANELS[panel.key].short)
            issued[panel.visit] = max(issued.get(panel.visit, 0), panel.issued)
    for number, names in by_visit.items():
        if not pen.chance(0.22):
            continue
        visit = history.visits[number]
        told = ", ".join(dict.fromkeys(names))
        words = pen.one((
            "Your results ({told}) are as expected. No change to your medicines.",
            "Results of {told}: nothing that needs action now. We will repeat them at your next visit.",
            "{told}: stable. Please call with questions.", "{told} reviewed; see you as planned.",
        )).format(told=told)  # fmt: skip
        pen.write("communication", "result_letter", issued[number] + int((2 + 60 * pen.drawn()) * HOUR), "completed",
                  visit.practitioner, visit=number, words=words)  # fmt: skip


def _incidental(pen: Pen) -> None:
    """Makes tasks of incidental findings; some of them nobody has closed."""
    for report in pen.history.reports:
        if report.issued is None or not any(word in report.conclusion for word in _FOLLOWED):
            continue
        if STUDIES[report.key].category != "RAD":
            continue
        moment = report.issued + int((1 + 20 * pen.drawn()) * HOUR)
        old = NOW - moment > 300 * DAY
        done = pen.chance(0.7 if old else 0.2)
        end = moment + int((20 + 200 * pen.drawn()) * DAY) if done else None
        if end is not None and end >= pen.until:
            end = None
        status = "completed" if end is not None else "requested" if pen.alive else "cancelled"
        pen.write("task", "incidental_finding", moment, status, report.performer, visit=report.visit,
                  start=moment + 90 * DAY, end=end if pen.alive or end is not None else pen.until,
                  other=pen.history.person.doctor,
                  words=f"{_first_up(STUDIES[report.key].short)}: {report.conclusion}")  # fmt: skip


def _open_now(pen: Pen) -> None:
    """Fills the inbox of this morning."""
    history = pen.history
    person = history.person
    nurse = pen.crew.one("primary", "nurse", person.number, person.doctor)
    lying = any(visit.end is None for visit in history.visits)
    drugs = _at_home(pen, NOW)
    if drugs and not lying and pen.chance(0.28):
        drug = drugs[int(pen.drawn() * len(drugs))]
        moment = NOW - int((1 + 60 * pen.drawn()) * HOUR)
        pen.write("task", "refill", moment, "requested", nurse, start=moment + 3 * DAY, other=person.doctor,
                  problem=drug.problem, words=f"Refill: {_named(drug)}, {pen.one(('30', '90'))} days.")  # fmt: skip
    readings = history.readings
    if len(readings):
        recent = np.flatnonzero((readings.issued > NOW - 12 * DAY) & (readings.panel >= 0) & (readings.state == FINAL))
        for place in recent.tolist():
            row = ANALYTE_ROWS[int(readings.analyte[place])]
            flag = row.flag(float(readings.value[place]), person.female)
            visit = history.visits[int(readings.visit[place])]
            if flag in ("L", "H", "LL", "HH") and visit.kind == "ambulatory" and pen.chance(0.25):
                panel = history.panels[int(readings.panel[place])]
                value = f"{float(readings.value[place]):.{row.places}f} {row.unit}"
                pen.write("task", "result_review", int(readings.issued[place]) + 300, "requested",
                          int(readings.performer[place]), visit=panel.visit, other=visit.practitioner,
                          words=f"Review {PANELS[panel.key].short}: {row.short} {value} ({flag}).")  # fmt: skip
                break
    if pen.chance(0.06):
        moment = NOW - int((5 + 200 * pen.drawn()) * HOUR)
        pen.write("task", "form", moment, "requested", nurse, other=person.doctor, start=moment + 10 * DAY,
                  words=f"{pen.one(_FORMS)}.")  # fmt: skip
    if pen.chance(0.05) and not lying:
        moment = NOW - int((1 + 40 * pen.drawn()) * HOUR)
        pen.write("task", "call_back", moment, "requested", nurse, other=person.doctor, start=moment + DAY,
                  words=pen.one(_CALLS["symptom_call"]))  # fmt: skip
    dear = [one for one in drugs if one.drug in ("semaglutide", "empagliflozin", "apixaban", "sacubitril_valsartan",
                                                  "biktarvy", "liraglutide", "tiotropium")]  # fmt: skip
    if dear and pen.chance(0.15):
        moment = NOW - int((10 + 120 * pen.drawn()) * HOUR)
        pen.write("task", "prior_authorization", moment, pen.one(("requested", "in-progress")), nurse,
                  other=person.doctor, start=moment + 5 * DAY, problem=dear[0].problem,
                  words=f"Prior authorization: {_named(dear[0])}.")  # fmt: skip
    screened = any(one.key == "colonoscopy" for one in history.operations)
    if 45 <= person.age(NOW) <= 75 and not lying and not screened and pen.chance(0.2):
        moment = NOW - int((2 + 20 * pen.drawn()) * DAY)
        pen.write("task", "care_gap", moment, "requested", nurse, other=person.doctor, start=moment + 90 * DAY,
                  words="Colorectal cancer screening is due.")  # fmt: skip


def _around_stays(pen: Pen) -> None:
    """Makes tasks of stays: reconciliation at admission, the summary after discharge."""
    for number, visit in enumerate(pen.history.visits):
        if visit.kind != "inpatient" or visit.start >= pen.until:
            continue
        pharmacist = pen.crew.one("pharmacy", "pharmacist", number, visit.practitioner)
        asked = visit.start + 40 * 60
        end = asked + int((1 + 16 * pen.drawn()) * HOUR)
        done = end < min(visit.end or NOW, pen.until)
        if NOW - visit.start < 400 * DAY:
            status = "completed" if done else "requested" if visit.end is None else "cancelled"
            pen.write("task", "medication_reconciliation", asked, status, visit.practitioner, visit=number,
                      start=asked + DAY, end=end if done else None, other=pharmacist,
                      words="Reconcile home medicines.")  # fmt: skip
        left = visit.end
        if left is not None and left < pen.until and NOW - left < 400 * DAY and visit.disposition != "died":
            signed = left + int((1 + 50 * pen.drawn() ** 2) * HOUR)
            status = "completed" if signed < NOW else "requested"
            pen.write("task", "discharge_summary", left, status, visit.practitioner, visit=number, start=left + 2 * DAY,
                      end=signed if signed < NOW else None, other=visit.practitioner,
                      words="Sign the discharge summary.")  # fmt: skip
