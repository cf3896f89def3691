"""Notes on coming in, and of consultants who are asked."""

from __future__ import annotations

from mab_gym.cohort.hospital._history import Practitioner, Visit, local
from mab_gym.cohort.hospital.notes._past import DAY
from mab_gym.cohort.hospital.notes._person import set_principal, troubled
from mab_gym.cohort.hospital.notes._phrases import phrases
from mab_gym.cohort.hospital.notes._scene import Scene, condition_name, sentences
from mab_gym.cohort.hospital.notes._sections import (
    allergies_text,
    exam_text,
    given_names,
    home_meds,
    inpatient_meds,
    labs_text,
    operations_text,
    past_text,
    reports_text,
    written,
)
from mab_gym.cohort.hospital.notes._slots import cap
from mab_gym.cohort.hospital.notes._social import family_text, habits_text
from mab_gym.cohort.hospital.notes._writer import Writer, hospital_day, place_name


def admission(writer: Writer, number: int, author: Practitioner, moment: int) -> None:
    """Writes the history and physical of an admission."""
    visit = writer.history.visits[number]
    scene = writer.scene("admission", author, moment, number, 6)
    slots, style, draw = scene.slots, scene.style, writer.draw
    key = writer.problem_key(visit)
    set_principal(writer, scene, visit, number)
    writer.pmh(scene, 2 + draw.number() % 3, (key,))
    writer.negatives(scene, scene.slots["came"])
    slots["source"] = draw.pick(
        (slots["pt"], "patient and " + slots["kinword"], "old chart and patient", slots["kinword"])
    )
    slots["ward"] = place_name(writer.staff, visit.place)
    slots["level"] = draw.pick(("monitored", "two nurses' distance from the desk", "general care", "full monitoring"))
    slots["diet"] = draw.pick(
        ("regular diet", "NPO for now", "clear liquids", "carb-consistent", "2 g sodium", "soft diet")
    )
    scene.section("complaint", cap(slots["complaint"]))
    story = [scene.say("admission.opening"), _arrival(writer, scene, visit)]
    scene.section("hpi", sentences(story))
    sections = {
        "pmh": past_text(writer, scene),
        "psh": operations_text(writer, scene),
        "meds": home_meds(writer, scene),
        "allergies": allergies_text(writer, scene),
        "social": sentences([*habits_text(writer, scene), *scene.facts("social")]),
        "family": family_text(writer, scene),
        "ros": scene.say("admission.ros"),
    }
    orders = (
        ("pmh", "psh", "meds", "allergies", "social", "family", "ros"),
        ("ros", "pmh", "psh", "meds", "allergies", "family", "social"),
        ("pmh", "meds", "allergies", "psh", "family", "social", "ros"),
        ("meds", "allergies", "pmh", "psh", "social", "family", "ros"),
    )
    for name in orders[style.order]:
        if name in ("family", "psh", "ros") and draw.chance(style.terse * 0.6):
            continue
        scene.section(name, sections[name])
    scene.section("exam", exam_text(writer, scene, visit, key))
    scene.section(
        "data",
        sentences([labs_text(scene, moment - DAY, 9), *reports_text(writer, number, moment), *scene.facts("data")]),
    )
    plan = [cap(slots["principal"]) + ": " + written(scene, "admission.problem", key)]
    for problem in draw.some(writer.chronic(moment, (key,)), 1 + draw.number() % 3):
        rule = "trouble" if troubled(writer, problem, moment) else "steady"
        slots["status"], slots["cplan"] = scene.chronic(problem, rule), scene.chronic(problem, "plan")
        name = (
            phrases("chronic").write(f"{problem.key}.name", slots, draw)
            if f"{problem.key}.name" in phrases("chronic")
            else condition_name(problem.key)
        )
        plan.append(f"{cap(name)}: {scene.words('admission.chronic')}")
    plan += scene.facts("plan")
    plan.append(scene.words("admission.prophylaxis"))
    scene.section("plan", scene.listed(plan))
    scene.section("code", sentences(scene.facts("code")))
    scene.plain(scene.say("admission.dispo"))
    writer.add(
        scene,
        draw.pick(("History and physical", "Admission note", "H&P", f"{cap(visit.service)} admission H&P")),
        scene.text(),
    )


def _arrival(writer: Writer, scene: Scene, visit: Visit) -> str:
    slots = scene.slots
    slots["clock"] = f"{local(visit.start):%H:%M}"
    slots["vitals"] = scene.vitals(visit.start - 2 * DAY)
    if not slots["vitals"]:
        return ""
    came = visit.came_from
    if came is None:
        return scene.say("admission.noed")
    slots["given"] = given_names(writer, came)
    return scene.say("admission.ed" if slots["given"] else "admission.ed_bare")


def consult(writer: Writer, number: int, author: Practitioner, service: str, question: str, moment: int) -> None:
    """Writes the note of a consultant who was asked."""
    visit = writer.history.visits[number]
    scene = writer.scene("consult", author, moment, number, 2)
    slots, draw = scene.slots, writer.draw
    key = writer.problem_key(visit)
    set_principal(writer, scene, visit, number)
    writer.pmh(scene, 2 + draw.number() % 2, (key,))
    asker = writer.staff.practitioners[visit.practitioner]
    slots["asker"] = draw.pick((f"Dr. {asker.family}", f"{visit.service} team", f"the {visit.service} service"))
    slots["service"], slots["question"] = service, question
    slots["admitted"] = scene.style.day(visit.start)
    slots["hd"] = str(hospital_day(visit.start, moment))
    slots["year"] = str(local(moment).year - draw.between(1, 8))
    slots["course"] = scene.acute(key, "better")
    scene.section("complaint", scene.say("consult.opening"))
    scene.section("hpi", sentences([cap(slots["came"]), scene.say("consult.findings")]))
    scene.section("meds", sentences(scene.facts("meds")) or inpatient_meds(writer, scene, number, moment))
    scene.section(
        "allergies", allergies_text(writer, scene) if draw.number() % 2 else sentences(scene.facts("allergies"))
    )
    scene.section("social", sentences(scene.facts("social", "pmh")))
    scene.section("exam", exam_text(writer, scene, visit, key))
    scene.section("data", sentences([labs_text(scene, moment - 3 * DAY, 7), *scene.facts("data")]))
    slots["think"], slots["plan"] = scene.acute(key, "think"), scene.acute(key, "plan")
    scene.section("impression", scene.say("consult.impression"))
    recs = []
    for _ in range(3 + draw.number() % 2):
        slots["am_next"] = draw.pick(("tomorrow", "in the morning", "this evening"))
        slots.pop("cond", None)
        slots["rec"] = scene.words("consult.rec")
        line = scene.say("consult.recs")
        recs += [line] if line not in recs else []
    scene.section("recs", scene.listed([*recs, *scene.facts("plan", "code")]))
    writer.add(scene, f"{cap(service)} consult", scene.text())
