"""Further traces of a stay: diets, code status, precautions, consents, messages, teams, consults.

Isolation: CDC guideline for isolation precautions (2007, updated 2023). Falls: Morse score of 45 and more, Morse et
al., Can J Aging 1989;8:366. How many have an order not to resuscitate: rises with age and illness, our estimate.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from mab_gym.cohort.hospital._catalogue import CONDITIONS, PROCEDURES
from mab_gym.cohort.hospital._catalogue_results import ANALYTE_ROWS, NUMBERS
from mab_gym.cohort.hospital._history import FINAL, HAEMOLYSED, NOW, Visit
from mab_gym.cohort.hospital.care._crew import age_at
from mab_gym.cohort.hospital.care._effects import DAY
from mab_gym.cohort.hospital.care._orders import HOUR
from mab_gym.cohort.hospital.care._pen import Pen

_CONTACT: Final = frozenset({"mrsa", "difficile"})
_DROPLET: Final = frozenset({"sars_cov_2", "influenza_a", "influenza_b"})
_FASTING: Final = frozenset({"pancreatitis", "bowel_obstruction", "appendicitis", "cholecystitis", "gi_bleed"})
_SURGICAL: Final = 25
"""Operations of this many minutes and more need a consent of their own; our choice."""
_FALLS_FROM: Final = 45
_LOW: Final = np.array([row.critical_low for row in ANALYTE_ROWS])
_HIGH: Final = np.array([row.critical_high for row in ANALYTE_ROWS])
_LABORATORY: Final = np.array([row.kind == "laboratory" for row in ANALYTE_ROWS])


def write_stays(pen: Pen) -> None:
    """Writes what stays and emergency visits leave."""
    status = "full"
    for number, visit in enumerate(pen.history.visits):
        if visit.kind == "inpatient" and visit.start < pen.until:
            end = visit.end if visit.end is not None and visit.end <= pen.until else None
            if end is None and not pen.alive:
                end = pen.until
            active = _active(pen, visit)
            status = _code_status(pen, number, visit, end, active, status)
            _diet(pen, number, visit, end, active)
            _team(pen, number, visit, end, active)
            _precautions(pen, number, visit, end, active)
            _messages(pen, number, visit, end)
    _critical(pen)
    _consents(pen)
    _flags(pen)


def _active(pen: Pen, visit: Visit) -> set[str]:
    return {
        one.key for one in pen.history.problems
        if one.onset <= (visit.end or NOW) and (one.abated is None or one.abated > visit.start)
    }  # fmt: skip


def _open(end: int | None, done: str = "completed") -> str:
    return "active" if end is None else done


def _code_status(pen: Pen, number: int, visit: Visit, end: int | None, active: set[str], before: str) -> str:
    age = age_at(pen.history.person, visit.start)
    share = max(0.0, (age - 62) * 0.009) + 0.2 * bool(active & {"dementia", "lung_cancer", "esrd"})
    now = before
    if before == "full" and pen.chance(share * (0.4 + visit.course)):
        now = "dnr" if pen.chance(0.45) else "dnr_dni"
    moment = pen.within(visit, 0.06)
    resident = pen.crew.one(visit.service, "resident", number, visit.practitioner)
    words = {
        "full": ("", "", "Confirmed with the patient."),
        "dnr": ("Discussed with the patient.", "Discussed with patient and family.", "MOLST form on file."),
        "dnr_dni": ("Discussed with patient and proxy.", "No intubation; other treatment goes on.", "MOLST on file."),
    }[now]  # fmt: skip
    died = visit.disposition == "died"
    turn = max(moment + HOUR, (end or NOW) - int((0.3 + 1.2 * pen.drawn()) * DAY)) if died else None
    stop = turn if turn is not None and turn < (end or NOW) else end
    pen.write("code_status", now, moment, _open(stop), resident, visit=number, start=moment, end=stop,
              words=pen.one(words))  # fmt: skip
    if turn is not None and turn < (end or NOW) and pen.chance(0.7):
        pen.write("code_status", "comfort", turn, _open(end), visit.practitioner, visit=number, start=turn, end=end,
                  words="Family meeting; goals are comfort.")  # fmt: skip
    return now


def _diet(pen: Pen, number: int, visit: Visit, end: int | None, active: set[str]) -> None:
    if active & {"esrd", "ckd4", "kidney_injury"}:
        usual = "renal"
    elif active & {"type2_diabetes", "type1_diabetes", "hyperglycemia", "ketoacidosis", "gestational_diabetes"}:
        usual = "consistent_carbohydrate"
    elif active & {"heart_failure_acute", "heart_failure_reduced", "cirrhosis", "hypertension"}:
        usual = "low_sodium"
    elif active & {"dementia", "stroke", "parkinson"} and pen.chance(0.4):
        usual = "pureed"
    elif active & {"diverticulitis", "crohn", "ulcerative_colitis"}:
        usual = "low_residue"
    else:
        usual = "regular"
    moment = pen.within(visit, 0.07)
    begin = moment
    operations = [one for one in pen.history.operations if one.visit == number and not PROCEDURES[one.key].screening]
    fasts = bool(active & _FASTING) or visit.reason == "planned_surgery"
    if fasts and visit.reason != "labor":
        begin = min(moment + int((8 + 20 * pen.drawn()) * HOUR), (end or NOW) - 60)
        if begin > moment:
            pen.write("diet", "nothing", moment, "completed", visit.practitioner, visit=number, start=moment,
                      end=begin, words="Sips with medicines.")  # fmt: skip
    elif operations and operations[0].start - 8 * HOUR > moment:
        away = operations[0].start - 8 * HOUR
        pen.write("diet", usual, moment, "completed", visit.practitioner, visit=number, start=moment, end=away)
        back = operations[0].end + 2 * HOUR
        if end is None or back < end:
            begin = min(back, NOW)
        pen.write("diet", "nothing", away - HOUR, _open(begin if begin > away else end), visit.practitioner,
                  visit=number, start=away, end=begin if begin > away else end,
                  words=f"Before {PROCEDURES[operations[0].key].display.lower()}.")  # fmt: skip
        if begin <= away:
            return
    if begin < (end or NOW):
        words = pen.one(("", "", "Fluids 1.5 L a day.")) if usual == "low_sodium" else ""
        pen.write("diet", usual, begin, _open(end), visit.practitioner, visit=number, start=begin, end=end, words=words)


def _team(pen: Pen, number: int, visit: Visit, end: int | None, active: set[str]) -> None:
    resident = pen.crew.one(visit.service, "resident", number, visit.practitioner)
    moment = pen.within(visit, 0.08)
    principal = visit.problems[0] if visit.problems else None
    if pen.chance(0.6):
        pen.write("care_team", "inpatient", moment, _open(end, "inactive"), visit.practitioner, visit=number,
                  start=visit.start, end=end, other=resident, problem=principal)  # fmt: skip
    if pen.chance(0.5):
        words = pen.one((
            "Turn every 2 h, fall precautions, pain every 4 h, teach before discharge.",
            "Ambulate three times a day, incentive spirometer, skin check each shift.",
            "Daily weight, strict intake and output, bed alarm at night.",
            "Safe transfer with one, glasses and hearing aids in reach, sleep hygiene.",
        ))  # fmt: skip
        pen.write("care_plan", "inpatient", moment, _open(end), pen.crew.nurse(visit, moment), visit=number,
                  start=visit.start, end=end, problem=principal, words=words)  # fmt: skip
        if pen.chance(0.5):
            pen.write("goal", "walking", moment, _open(end), pen.crew.nurse(visit, moment), visit=number,
                      start=moment + 3 * DAY, end=end, problem=principal,
                      words="Walks to the bathroom with one person by day 3.")  # fmt: skip
    for place in visit.problems[1:3]:
        service = CONDITIONS[pen.history.problems[place].key].service
        if service and service not in (visit.service, "primary", "emergency") and pen.chance(0.45):
            begun = max(visit.start, pen.history.problems[place].onset) + int((1 + 8 * pen.drawn()) * HOUR)
            if begun < (end or NOW):
                other = pen.crew.one(service, "physician", number, visit.practitioner)
                done = begun + int((2 + 20 * pen.drawn()) * HOUR)
                seen = done < (end or NOW)
                name = CONDITIONS[pen.history.problems[place].key].display.lower()
                pen.write("referral", "consult_inpatient", begun, "completed" if seen else "active", resident,
                          visit=number, start=begun, end=done if seen else None, other=other, problem=place,
                          words=f"{service.capitalize()}: please advise on {name}.")  # fmt: skip
    if visit.disposition == "home_health" and end is not None and visit.end is not None:
        pen.write("referral", "home_health", end - 3 * HOUR, "completed" if NOW - end > 30 * DAY else "active",
                  visit.practitioner, visit=number, start=end + DAY, problem=principal,
                  end=min(end + 30 * DAY, pen.until) if NOW - end > 30 * DAY else None,
                  words="Nursing twice a week and physical therapy.")  # fmt: skip


def _precautions(pen: Pen, number: int, visit: Visit, end: int | None, active: set[str]) -> None:
    readings = pen.history.readings
    scored = (readings.visit == number) & (readings.analyte == NUMBERS["morse"]) & (readings.value >= _FALLS_FROM)
    if scored.any():
        moment = int(readings.moment[int(np.argmax(scored))])
        nurse = int(readings.performer[int(np.argmax(scored))])
        pen.write("flag", "fall_risk", moment + 300, _open(end, "inactive"), nurse, visit=number, start=moment, end=end,
                  words="Bed alarm, non-slip socks, call before getting up.")  # fmt: skip
    for report in pen.history.reports:
        if report.visit == number and report.issued is not None and report.codes:
            kind = ("contact_isolation" if _CONTACT & set(report.codes) else
                    "droplet_isolation" if _DROPLET & set(report.codes) else "")  # fmt: skip
            if kind and report.issued < (end or NOW):
                nurse = pen.crew.nurse(visit, report.issued)
                pen.write("flag", kind, report.issued + 600, _open(end, "inactive"), nurse, visit=number,
                          start=report.issued, end=end)  # fmt: skip
                break
    if active & {"seizure", "alcohol_withdrawal"}:
        pen.write("flag", "seizure_precautions", pen.within(visit, 0.05), _open(end, "inactive"),
                  pen.crew.nurse(visit, visit.start), visit=number, start=visit.start, end=end)  # fmt: skip
    if "stroke" in active and pen.chance(0.8):
        pen.write("flag", "aspiration", pen.within(visit, 0.05), _open(end, "inactive"),
                  pen.crew.nurse(visit, visit.start), visit=number, start=visit.start, end=end)  # fmt: skip


def _messages(pen: Pen, number: int, visit: Visit, end: int | None) -> None:
    length = (end or NOW) - visit.start
    if length > 2 * DAY and pen.chance(0.3):
        moment = visit.start + int(length * (0.2 + 0.6 * pen.drawn()))
        words = pen.one((
            "Updated the family by phone on the course and the plan.", "Spoke with the daughter; questions answered.",
            "Family meeting at the bedside; they agree with the plan.", "Left a message for the spouse to call back.",
        ))  # fmt: skip
        pen.write("communication", "family_update", moment, "completed", visit.practitioner, visit=number, end=moment,
                  words=words)  # fmt: skip
    for drug in pen.history.prescriptions:
        if drug.visit == number and drug.mistake and pen.chance(0.45):
            moment = drug.start + int((20 + 200 * pen.drawn()) * 60)
            if moment < (end or NOW):
                problem = {"dose": "dose is outside the usual range for this kidney function",
                           "duplicate": "a drug of the same class is ordered already",
                           "interaction": "interacts with another active order",
                           "contraindicated": "is listed as contraindicated for this patient",
                           "not_stopped": "order has no stop date"}.get(drug.mistake, "needs review")  # fmt: skip
                pharmacist = pen.crew.one("pharmacy", "pharmacist", number, visit.practitioner)
                pen.write("communication", "pharmacy", moment, "completed", pharmacist, visit=number,
                          end=None if moment > NOW - HOUR else moment + 900, other=drug.prescriber,
                          words=f"{drug.drug.replace('_', ' ').capitalize()}: {problem}. Please review.")  # fmt: skip


def _critical(pen: Pen) -> None:
    """Has the laboratory telephone critical results: once a day for each analyte."""
    history = pen.history
    readings = history.readings
    number = readings.analyte
    extreme = (readings.value <= _LOW[number]) | (readings.value >= _HIGH[number])
    wanted = extreme & _LABORATORY[number] & ((readings.state == FINAL) | (readings.state == HAEMOLYSED))
    told: dict[tuple[int, int], int] = {}
    for place in np.flatnonzero(wanted & (readings.panel >= 0)).tolist():
        key = int(readings.visit[place]), int(number[place])
        moment = int(readings.issued[place])
        if moment - told.get(key, 0) < DAY:
            continue
        told[key] = moment
        row = ANALYTE_ROWS[key[1]]
        panel = history.panels[int(readings.panel[place])]
        called = moment + int((4 + 18 * pen.drawn()) * 60)
        value = f"{float(readings.value[place]):.{row.places}f}"
        spoilt = " Specimen hemolyzed." if readings.state[place] == HAEMOLYSED else ""
        name = {"Cr": "Creatinine", "K": "Potassium", "Na": "Sodium", "Hgb": "Hemoglobin", "Glu": "Glucose",
                "Mg": "Magnesium", "Ca": "Calcium", "Phos": "Phosphate", "Plt": "Platelets", "WBC": "Leukocytes",
                "CO2": "Bicarbonate"}.get(row.short, row.short)  # fmt: skip
        pen.write("communication", "critical_result", called, "completed", int(readings.performer[place]),
                  visit=key[0], end=called + 60, other=panel.orderer,
                  words=f"{name} {value} {row.unit} (critical). Read back.{spoilt}")  # fmt: skip


def _consents(pen: Pen) -> None:
    history = pen.history
    first = pen.first_visit(0, ("ambulatory", "emergency", "inpatient"))
    if first is None:
        return
    number, visit = first
    pen.write("consent", "general", pen.within(visit, 0.05), "active", history.person.doctor, visit=number,
              start=visit.start)  # fmt: skip
    virtual = pen.first_visit(0, ("virtual",))
    if virtual is not None:
        place, call = virtual
        pen.write("consent", "telehealth", call.start, "active", call.practitioner, visit=place, start=call.start)
    if pen.chance(0.3):
        chosen = history.visits[int(pen.drawn() * len(history.visits))]
        name = next((f"{one.given} {one.family}" for one in history.person.relatives if one.contact), "")
        to = pen.one((f"to {name} by phone" if name else "to the insurer", "to Whitestone University Hospital",
                      "to the employer's health service, work ability only", "to a disability insurer"))  # fmt: skip
        refused = pen.chance(0.15)
        pen.write("consent", "information_release", pen.within(chosen, 0.5), "rejected" if refused else "active",
                  chosen.practitioner, visit=history.visits.index(chosen), start=chosen.start,
                  words=f"Release of information {to}.")  # fmt: skip
    if pen.chance(0.1):
        pen.write("consent", "research", pen.within(visit, 0.5), "active" if pen.chance(0.6) else "rejected",
                  visit.practitioner, visit=number, start=visit.start, words="Contact for research.")  # fmt: skip
    refuses = pen.chance(0.007)
    for operation in history.operations:
        if operation.visit is None or operation.start >= pen.until:
            continue
        about = PROCEDURES[operation.key]
        stay = history.visits[operation.visit]
        moment = max(stay.start + 60, operation.start - int((0.4 + 3 * pen.drawn()) * HOUR))
        if operation.key == "transfusion":
            pen.write("consent", "transfusion", moment, "active", stay.practitioner, visit=operation.visit,
                      start=moment, words="Blood products during this stay.")  # fmt: skip
        elif about.minutes >= _SURGICAL and not about.screening and operation.key not in ("dialysis", "ventilation"):
            pen.write("consent", "procedure", moment, "active", operation.practitioner or stay.practitioner,
                      visit=operation.visit, start=moment, words=f"{about.display}.")  # fmt: skip
    if refuses and not any(one.key == "transfusion" for one in history.operations):
        pen.write("consent", "transfusion", pen.within(visit, 0.6), "rejected", visit.practitioner, visit=number,
                  start=visit.start, words="Declines blood products on grounds of faith.")  # fmt: skip


def _flags(pen: Pen) -> None:
    history = pen.history
    first = pen.first_visit(0, ("ambulatory", "emergency", "inpatient"))
    if first is None:
        return
    number, visit = first
    person = history.person
    end = None if pen.alive else pen.until
    if person.interpreter:
        pen.write("flag", "interpreter", pen.within(visit, 0.05), _open(end, "inactive"), visit.practitioner,
                  visit=number, start=visit.start, end=end,
                  words=f"Interpreter needed: {person.language}.")  # fmt: skip
    fistula = next((one for one in history.operations if one.key == "fistula" and one.visit is not None), None)
    if fistula is not None and fistula.end < pen.until:
        who = fistula.practitioner or person.doctor
        pen.write("flag", "limb_alert", fistula.end - 300, _open(end, "inactive"), who, visit=fistula.visit,
                  start=fistula.end, end=end)  # fmt: skip
    drug = next(
        (one for one in history.prescriptions if not one.inpatient and one.visit is not None
         and one.drug in ("warfarin", "apixaban", "rivaroxaban") and one.prescriber is not None), None,
    )  # fmt: skip
    if drug is not None and drug.prescriber is not None and drug.start < pen.until:
        over = min((moment for moment in (drug.end, end) if moment is not None and moment <= NOW), default=None)
        pen.write("flag", "anticoagulated", drug.start, _open(over, "inactive"), drug.prescriber, visit=drug.visit,
                  start=drug.start, end=over, problem=drug.problem)  # fmt: skip
    if pen.chance(0.03):
        pen.write("flag", "difficult_access", pen.within(visit, 0.4), _open(end, "inactive"),
                  visit.nurse or visit.practitioner, visit=number, start=visit.start, end=end)  # fmt: skip
