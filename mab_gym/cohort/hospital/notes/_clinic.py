"""Notes of visits without a bed: clinic, emergency and telephone."""

from __future__ import annotations

from typing import Final

from mab_gym.cohort.hospital._catalogue import REASONS
from mab_gym.cohort.hospital._history import Practitioner, Problem, Visit, local
from mab_gym.cohort.hospital.notes._past import DAY
from mab_gym.cohort.hospital.notes._person import set_principal, troubled
from mab_gym.cohort.hospital.notes._phrases import texts
from mab_gym.cohort.hospital.notes._scene import Scene, month_name, sentences
from mab_gym.cohort.hospital.notes._sections import (
    exam_text,
    given_names,
    home_meds,
    labs_text,
    orders_of_the_day,
    reports_text,
    short_name,
    written,
)
from mab_gym.cohort.hospital.notes._slots import cap
from mab_gym.cohort.hospital.notes._writer import Writer, drug_name

_WEEKLY: Final = frozenset({"prenatal", "anticoagulation", "chemotherapy", "dialysis", "postpartum"})
_CLINIC_LABS: Final = (
    "hba1c", "ldl", "creatinine", "egfr", "potassium", "tsh", "haemoglobin", "inr", "urine_albumin_creatinine", "psa",
    "ferritin", "nt_probnp", "bnp", "alt", "glucose", "sodium", "platelets", "vitamin_d", "uric_acid",
)  # fmt: skip
_OTHER_LABS: Final = tuple(key for key in _CLINIC_LABS if key != "inr")


def clinic(writer: Writer, number: int, author: Practitioner, moment: int) -> None:
    """Writes the note of a clinic visit."""
    history = writer.history
    visit = history.visits[number]
    scene = writer.scene("clinic", author, moment, number, 3)
    slots, style, draw = scene.slots, scene.style, writer.draw
    acute = _acute(writer, visit)
    key = writer.problem_key(visit)
    set_principal(writer, scene, visit, number)
    writer.pmh(scene, 2 + draw.number() % 2, (key,))
    last = _last(writer, number)
    slots["reason"] = slots["complaint"]
    slots["last"] = style.day(last.start) if last else "before"
    slots["last_m"] = month_name(last.start) if last else "spring"
    if visit.reason in _WEEKLY:
        slots["few"], slots["mw_unit"] = str(draw.between(2, 4)), "weeks"
    story = [scene.say("clinic.opening" if last else "clinic.first")]
    again = visit.reason in ("emergency_follow_up", "hospital_follow_up", "postpartum")
    if acute:
        story.append(cap(scene.acute(key, "better") if again else slots["came"]))
    story += scene.facts("social")
    scene.section("story", sentences(story))
    problems = _problems(writer, visit, moment, key if acute else "")
    lines = []
    if acute:
        told = scene.acute(key, "better") if again else written(scene, "admission.problem", key)
        lines.append(f"{cap(slots['principal'])}: {told}")
    for problem in problems:
        rule = "trouble" if troubled(writer, problem, moment) else "steady"
        slots["status"], slots["cplan"] = scene.chronic(problem, rule), scene.chronic(problem, "plan")
        lines.append(f"{cap(short_name(scene, problem.key))}: {scene.words('admission.chronic')}")
    lines += orders_of_the_day(writer, scene, visit, number)
    if visit.reason in ("annual_visit", "new_patient", "hospital_follow_up", "specialist_first"):
        scene.section("meds", home_meds(writer, scene))
    else:
        scene.section("meds", sentences(scene.facts("meds")))
    scene.section("allergies", sentences(scene.facts("allergies")))
    inr = scene.result("inr", moment - 60 * DAY) if visit.reason == "anticoagulation" else ""
    scene.section("exam", _signs(writer, scene, visit, key if acute and not again else ""))
    scene.section(
        "data",
        sentences([inr, _labs(scene, moment, bool(inr)), *reports_text(writer, number, moment), *scene.facts("data")]),
    )
    shots = [one for one in history.vaccinations if one.visit == number]
    for shot in shots[:2]:
        done = "declined today" if shot.refused else f"given, lot {shot.lot}" if shot.lot else "given"
        lines.append(f"{cap(shot.key.replace('_', ' '))} vaccine {done}")
    lines += scene.facts("plan", "pmh")
    scene.section("plan", scene.listed(lines) or scene.say("clinic.state"))
    scene.section("code", sentences(scene.facts("code")))
    scene.section("follow", sentences([scene.say("clinic.follow"), scene.words("clinic.time")]))
    name = {
        "primary": "Primary care visit",
        "anticoagulation": "Anticoagulation visit",
        "obstetrics": "Obstetrics visit",
    }
    title = name.get(visit.service, f"{cap(visit.service)} clinic note")
    writer.add(scene, draw.pick((title, "Office visit", title, "Clinic note")), scene.text())


def emergency(writer: Writer, number: int, author: Practitioner, moment: int) -> None:
    """Writes the note of an emergency visit."""
    visit = writer.history.visits[number]
    scene = writer.scene("clinic", author, moment, number, 2)
    slots, draw = scene.slots, writer.draw
    key = writer.problem_key(visit)
    set_principal(writer, scene, visit, number)
    writer.pmh(scene, 2, (key,))
    writer.negatives(scene, scene.slots["came"])
    slots["source"] = draw.pick((slots["pt"], slots["kinword"], "ambulance crew", "patient and " + slots["kinword"]))
    slots["clock"] = f"{local(visit.start):%H:%M}"
    slots["reason"] = slots["complaint"]
    scene.section("complaint", cap(slots["complaint"]))
    scene.section("hpi", sentences([scene.say("admission.opening"), *scene.facts("social")]))
    scene.section("ros", scene.say("admission.ros"))
    scene.section("meds", sentences(scene.facts("meds")))
    scene.section("allergies", sentences(scene.facts("allergies")))
    scene.section("exam", exam_text(writer, scene, visit, key))
    scene.section(
        "data",
        sentences(
            [labs_text(scene, visit.start - DAY // 4, 8), *reports_text(writer, number, moment), *scene.facts("data")]
        ),
    )
    given = given_names(writer, number)
    lines = [f"{cap(slots['principal'])}: {written(scene, 'admission.problem', key)}"]
    lines += [draw.pick(("Given here: {}", "Received {}", "Treated with {}")).format(given)] if given else []
    lines += scene.facts("plan", "pmh", "code")
    where = {"admitted": "admitted", "home": "home", "died": "died here", "left_against_advice": "left against advice"}
    end = where.get(visit.disposition, "home")
    lines.append(draw.pick(("Disposition {}", "Outcome: {}", "Left the department: {}")).format(end))
    scene.section("plan", scene.listed(lines))
    if visit.disposition == "home":
        scene.section("follow", scene.say("clinic.follow"))
    writer.add(
        scene, draw.pick(("Emergency department note", "ED provider note", "Emergency physician note")), scene.text()
    )


def telephone(writer: Writer, number: int, author: Practitioner, moment: int) -> None:
    """Writes the note of a call."""
    visit = writer.history.visits[number]
    scene = writer.scene("telephone", author, moment, number, 2)
    slots, draw = scene.slots, writer.draw
    set_principal(writer, scene, visit, number)
    writer.negatives(scene, scene.slots["came"])
    age = writer.history.person.age(moment)
    own = (slots["pt"], f"{slots['mr']} {slots['family']}", slots["name"], slots["kinword"])
    slots["caller"] = slots["kinword"] if age < 18 else draw.pick(own)
    slots["clock"] = f"{local(visit.start):%H:%M}"
    for place, word in enumerate(draw.some(texts("notes", "discharge.warn"), 2), 1):
        slots[f"warn{place}"] = word
    drugs = writer.past.drugs(moment)
    parts: list[str] = []
    if visit.reason == "refill" and drugs:
        one = draw.pick([drug for drug in drugs if drug.visit == number] or drugs)
        slots["drug"] = scene.style.order_text(one, drug_name(one.drug))
        slots["topic"] = scene.words("telephone.refill")
        parts = [scene.say("telephone.call"), *scene.facts("meds", "allergies"), scene.say("telephone.refilled")]
    elif visit.reason == "results_call":
        value = _labs(scene, moment) or "results from the last visit"
        slots["topic"], slots["value_text"] = "results", value
        parts = [scene.say("telephone.call"), scene.say("results.said")]
    else:
        slots["topic"] = slots["complaint"]
        problem = writer.problem_key(visit)
        acute = bool(visit.problems) and not writer.history.problems[visit.problems[0]].chronic
        slots["detail"] = slots["came"] if acute and problem != "other" else scene.words("telephone.symptom")
        parts = [scene.say("telephone.call"), scene.say("telephone.body"), scene.say("telephone.advice")]
    writer.pmh(scene, 2)
    slots.later["labs_w"] = lambda: _labs(scene, moment) or "no recent labs"
    slots["gen"] = scene.words("common.gen")
    known = "" if visit.reason == "results_call" else scene.say("telephone.context")
    parts[1:1] = [
        scene.say("telephone.identity"),
        known,
        *scene.facts("meds", "social", "allergies"),
    ]
    parts += scene.facts("plan", "data", "code", "pmh")
    parts.append(scene.say("telephone.closing"))
    if draw.chance(0.6):
        parts.append(scene.say("clinic.follow"))
    scene.plain(sentences(parts))
    writer.add(scene, draw.pick(("Telephone encounter", "Phone note", "Telephone call", "Patient call")), scene.text())


def _acute(writer: Writer, visit: Visit) -> bool:
    if not visit.problems:
        return visit.reason in REASONS and REASONS[visit.reason].kind == "acute"
    return not writer.history.problems[visit.problems[0]].chronic and writer.problem_key(visit) not in (
        "pregnancy",
        "other",
    )


def _last(writer: Writer, number: int) -> Visit | None:
    """The last visit in the same service before this one."""
    visits = writer.history.visits
    this = visits[number]
    for place in range(number - 1, -1, -1):
        if visits[place].service == this.service and visits[place].kind == "ambulatory":
            return visits[place]
    return None


def _problems(writer: Writer, visit: Visit, moment: int, without: str) -> list[Problem]:
    found = [writer.history.problems[place] for place in visit.problems]
    chosen = [
        one
        for one in found
        if (one.chronic or one.key == "pregnancy")
        and one.key != without
        and one.known is not None
        and one.known <= moment
    ]
    rest = [one for one in writer.chronic(moment, (without,)) if one not in chosen]
    return [*chosen[:3], *writer.draw.some(rest, 1 if chosen else 3)]


def _signs(writer: Writer, scene: Scene, visit: Visit, key: str) -> str:
    weight = scene.result("weight", visit.start - DAY)
    found = cap(scene.acute(key, "exam")) if key else ""
    return sentences([scene.vitals(visit.start - DAY // 4), weight, found, scene.say("clinic.exam")])


def _labs(scene: Scene, moment: int, told: bool = False) -> str:
    return scene.results(_OTHER_LABS if told else _CLINIC_LABS, moment - 120 * DAY, 4)
