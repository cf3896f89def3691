"""Discharge summaries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mab_gym.cohort.hospital._catalogue_results import ANALYTE_ROWS, NUMBERS
from mab_gym.cohort.hospital._history import Fact, Practitioner, Prescription, Visit, local
from mab_gym.cohort.hospital.notes._facts import Tale
from mab_gym.cohort.hospital.notes._past import DAY
from mab_gym.cohort.hospital.notes._person import set_principal
from mab_gym.cohort.hospital.notes._phrases import texts
from mab_gym.cohort.hospital.notes._scene import Scene, condition_name, sentences
from mab_gym.cohort.hospital.notes._sections import (
    allergies_text,
    given_names,
)
from mab_gym.cohort.hospital.notes._slots import cap
from mab_gym.cohort.hospital.notes._stories import month_day
from mab_gym.cohort.hospital.notes._writer import Writer, drug_name, listed


def discharge(writer: Writer, number: int, author: Practitioner, moment: int) -> None:
    """Writes the discharge summary."""
    history = writer.history
    visit = history.visits[number]
    end = visit.end if visit.end is not None else moment
    scene = writer.scene("discharge", author, moment, number, 3)
    slots, draw = scene.slots, writer.draw
    key = writer.problem_key(visit)
    set_principal(writer, scene, visit, number)
    writer.pmh(scene, 2 + draw.number() % 3, (key,))
    slots["admitted"], slots["today"] = scene.style.day(visit.start), scene.style.day(end)
    slots["los"] = str(max((local(end).date() - local(visit.start).date()).days, 1))
    died = visit.disposition == "died"
    slots["course"] = scene.acute(key, "worse" if died else "better")
    slots["think"] = scene.acute(key, "think")
    scene.plain(scene.say("discharge.opening"))
    given = given_names(writer, number)
    slots["given"] = given
    course = [scene.say("discharge.course" if given else "discharge.course_bare")]
    for place in visit.problems[1:3]:
        other = history.problems[place]
        if other.known is not None and other.known <= moment and other.key != "pregnancy":
            slots["problem"] = condition_name(other.key)
            told = scene.chronic(other, "plan") if other.chronic else scene.acute(other.key, "think")
            course.append(f"{cap(condition_name(other.key))}: {told}")
    course += [f"{cap(one.finding or '')}" for one in writer.past.operations.get(number, ()) if one.finding]
    first, last = _span(writer, scene, visit, end)
    scene.section("course", sentences([*course, first, last, *scene.facts("data", "pmh")]))
    if died:
        scene.plain(
            f"{slots['mr']} {slots['family']} died {scene.style.day(end)} at {local(end):%H:%M}. Family informed."
        )
        scene.section("code", sentences(scene.facts("code")))
        writer.add(scene, draw.pick(("Death summary", "Discharge summary (deceased)")), scene.text())
        return
    slots["vitals"] = scene.vitals(visit.start) or "vital signs steady"
    scene.section("exam", scene.say("discharge.condition"))
    scene.section("discharge_meds", _discharge_meds(writer, scene, visit, number, end))
    held = _hold(writer, scene, visit, number, end)
    scene.section("allergies", allergies_text(writer, scene))
    pending = [
        panel.key.replace("_", " ")
        for panel in writer.past.panels.get(number, ())
        if panel.issued is not None and panel.drawn is not None and panel.drawn <= end < panel.issued
    ]
    scene.section("pending", listed(pending[:3]))
    scene.section("follow", sentences([scene.say("discharge.follow"), *_booked(writer, scene, number)]))
    for place, word in enumerate(draw.some(texts("notes", "discharge.warn"), 3), 1):
        slots[f"warn{place}"] = word
    scene.section(
        "instructions", sentences([scene.say("discharge.told"), *held, *scene.facts("meds", "plan", "social")])
    )
    scene.section("code", sentences(scene.facts("code")))
    writer.add(
        scene, draw.pick(("Discharge summary", "DC summary", f"{cap(visit.service)} discharge summary")), scene.text()
    )


def _span(writer: Writer, scene: Scene, visit: Visit, end: int) -> tuple[str, str]:
    """Creatinine and haemoglobin or potassium from first to last."""
    found = []
    for key in writer.draw.some(("creatinine", "potassium", "haemoglobin", "sodium", "leucocytes"), 2):
        number = NUMBERS[key]
        row = ANALYTE_ROWS[number]
        newest = writer.past.latest(number, end, visit.start - DAY)
        first = writer.past.latest(number, visit.start + DAY, visit.start - DAY)
        if newest and first and newest.moment > first.moment:
            a, b = f"{first.value:.{row.places}f}", f"{newest.value:.{row.places}f}"
            found.append(
                writer.draw.pick(
                    (
                        f"{row.short} {a} on admission, {b} at discharge",
                        f"{row.short} went from {a} to {b}",
                        f"{row.short} {a} -> {b}",
                    )
                )
            )
        elif newest:
            found.append(f"{row.short} {newest.value:.{row.places}f}")
    return found[0] if found else "", found[1] if len(found) > 1 else ""


def _discharge_meds(writer: Writer, scene: Scene, visit: Visit, number: int, end: int) -> str:
    now = writer.past.drugs(end + 3_600)
    new = [one for one in now if one.start >= visit.start]
    kept = [one for one in now if one.start < visit.start]
    stopped = [
        one
        for one in writer.past.home
        if one.end is not None and visit.start <= one.end <= end + 3_600 and one.start < visit.start
    ]
    lines = []
    for label, drugs in (("New", new), ("Continue", kept), ("Stop", stopped)):
        if drugs:
            lines.append(f"{label}: {_row(writer, scene, drugs[:9])}")
    return "\n".join(lines) or "no regular medicines"


def _row(writer: Writer, scene: Scene, drugs: Sequence[Prescription]) -> str:
    style = scene.style
    return "; ".join(style.order_text(one, drug_name(one.drug)) for one in drugs)


def _hold(writer: Writer, scene: Scene, visit: Visit, number: int, end: int) -> list[str]:
    """A drug that is paused at discharge: it stands in this note alone."""
    draw = writer.draw
    able = [one for one in writer.past.drugs(end + 3_600) if one.start < visit.start and one.drug in _HOLDABLE]
    if not able or not draw.chance(0.35) or visit.disposition not in ("home", "home_health"):
        return []
    one = draw.pick(able)
    until = next(
        (v.start for v in writer.history.visits[number + 1 :] if v.kind == "ambulatory" and v.start > end + 3 * DAY),
        end + 30 * DAY,
    )
    words = draw.pick(texts("stories", f"conditions_to_restart.{_HOLDABLE[one.drug]}"))
    fact = Fact(
        f"drug:{one.drug}:held",
        {"held": True, "restart_when": words, "since": local(end).date().isoformat()},
        end,
        until,
    )
    slots = {"drug": drug_name(one.drug), "condition": words, "month_day": month_day(end)}
    tale = Tale(fact, "held", "meds", slots, frozenset({"discharge", "telephone", "clinic"}))
    return [scene.told_now(tale)]


_HOLDABLE: Final = {
    "lisinopril": "pressure", "losartan": "pressure", "valsartan": "pressure", "furosemide": "pressure",
    "torsemide": "pressure", "spironolactone": "pressure", "hydrochlorothiazide": "pressure",
    "chlorthalidone": "pressure", "amlodipine": "pressure", "metformin": "sugar", "empagliflozin": "sugar",
    "apixaban": "blood", "rivaroxaban": "blood", "aspirin": "blood",
}  # fmt: skip
"""Drugs that are paused at discharge, and what they wait for."""


def _booked(writer: Writer, scene: Scene, number: int) -> list[str]:
    found = [
        f"appointment {scene.style.day(plan.start)} at {local(plan.start):%H:%M}"
        for plan in writer.past.plans.get(number, ())
        if plan.kind == "appointment" and plan.start is not None and plan.moment <= scene.moment < plan.start
    ]
    return found[:2]
