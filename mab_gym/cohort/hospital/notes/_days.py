"""Notes of the days of a stay: progress and nursing."""

from __future__ import annotations

from typing import Final

from mab_gym.cohort.hospital._catalogue_results import ANALYTE_ROWS, NUMBERS
from mab_gym.cohort.hospital._history import Fact, Practitioner, local
from mab_gym.cohort.hospital.notes._facts import Tale, Told
from mab_gym.cohort.hospital.notes._past import DAY
from mab_gym.cohort.hospital.notes._person import set_principal, worse
from mab_gym.cohort.hospital.notes._scene import Scene, condition_name, sentences
from mab_gym.cohort.hospital.notes._sections import (
    exam_text,
    labs_text,
    reports_text,
    short_name,
)
from mab_gym.cohort.hospital.notes._slots import cap
from mab_gym.cohort.hospital.notes._writer import Writer, drug_name, hospital_day

HOUR: Final = 3_600


def progress(writer: Writer, number: int, author: Practitioner, moment: int) -> None:
    """Writes a day's progress note; some of it is copied from the day before."""
    visit = writer.history.visits[number]
    scene = writer.scene("progress", author, moment, number, 1)
    slots, style, draw = scene.slots, scene.style, writer.draw
    key = writer.problem_key(visit)
    set_principal(writer, scene, visit, number)
    day = hospital_day(visit.start, moment)
    slots["hour"] = f"{local(moment - draw.between(60, 720) * 60):%H:%M}"
    seen = local(moment - draw.between(5, 50) * 60)
    slots["at_round"] = draw.pick((f"at {seen:%H:%M}", f"{seen:%H%M}", f"around {seen.hour % 12 or 12} {seen:%p}"))
    slots["hd"] = str(day)
    slots["cm"] = draw.pick(("Rita", "J. Lowe", "Kim", "Ana", "S. Doyle", "T. Brandt"))
    last = writer.last.setdefault(number, {})
    bad = worse(writer, key, moment, 0.15 + 0.45 * visit.course if day <= 2 else 0.3 * visit.course)
    slots["course"] = scene.acute(key, "worse" if bad else "better")
    interval = [scene.say("progress.interval"), *scene.facts("social", "meds", "allergies", "pmh")]
    exam = _copied(writer, scene, last, "exam", exam_text(writer, scene, visit, key if day <= 2 else ""))
    data = _copied(writer, scene, last, "data", labs_text(scene, moment - DAY, 4 + draw.number() % 5))
    _note_stale(writer, scene, last, data, moment)
    plan = [f"{cap(slots['principal'])}: {scene.acute(key, 'plan' if day <= 2 else 'later')}"]
    others = [writer.history.problems[place] for place in visit.problems[1:4]]
    chronic = writer.chronic(moment, (key,))
    plan += [
        f"{cap(short_name(scene, problem.key))}: {scene.chronic(problem, 'plan')}"
        for problem in draw.some(chronic, 1 + draw.number() % 2)
    ]
    plan += [
        f"{cap(condition_name(problem.key))}: {scene.acute(problem.key, 'plan' if day <= 2 else 'later')}"
        for problem in others
        if problem.known is not None and problem.known <= moment and not problem.chronic
    ]
    plan = [_copied(writer, scene, last, f"plan{place}", line) for place, line in enumerate(plan)]
    plan += _day_orders(writer, scene, number, moment)
    plan += scene.facts("plan", "data")
    code = scene.facts("code")
    parts = {
        "interval": sentences(interval),
        "exam": exam,
        "data": sentences([data, *reports_text(writer, number, moment, moment - DAY)]),
        "plan": scene.listed(plan),
    }
    scene.plain(scene.words("progress.day") + (f", {slots['principal']}" if draw.number() % 2 else ""))
    orders = (
        ("interval", "exam", "data", "plan"),
        ("plan", "interval", "exam", "data"),
        ("interval", "data", "exam", "plan"),
        ("data", "interval", "exam", "plan"),
    )
    for name in orders[style.order]:
        scene.section(name, parts[name])
    scene.section("code", sentences(code))
    scene.plain(scene.say("progress.dispo"))
    title = draw.pick(("Progress note", f"{cap(visit.service)} progress note", "Daily note", f"HD {day} progress note"))
    writer.add(scene, title, scene.text())


_BOWELS: Final = frozenset({"c_difficile", "gastroenteritis", "gi_bleed", "bowel_obstruction", "abdominal_pain"})
"""Illnesses in which the disease's own words tell of stool."""


def nursing(writer: Writer, number: int, author: Practitioner, moment: int) -> None:
    """Writes a nurse's note of a shift."""
    visit = writer.history.visits[number]
    scene = writer.scene("nursing", author, moment, number, 1)
    slots, draw = scene.slots, writer.draw
    key = writer.problem_key(visit)
    set_principal(writer, scene, visit, number)
    hour = local(moment).hour
    shift = ("day", "evening", "night")[0 if 8 <= hour < 16 else 1 if 16 <= hour < 23 else 2]
    times = {
        "day": ("0700", "7 AM", "07:15"),
        "evening": ("1500", "3 PM", "15:10"),
        "night": ("2300", "11 PM", "23:05"),
    }
    slots["shift"] = draw.pick((*times[shift], f"{shift} shift"))
    slots["shift_cap"] = cap(shift)
    slots["shift_end"] = draw.pick(times[{"day": "evening", "evening": "night", "night": "day"}[shift]])
    others = writer.people(visit.service, "nurse")
    slots["hour"] = f"{local(moment - draw.between(20, 420) * 60):%H:%M}"
    stool = (f"last BM {slots['bmday']}", "BM x1, formed", "no BM today", "bowel regimen given")
    slots["bm"] = "stool chart kept" if key in _BOWELS else draw.pick(stool)
    slots["rn"] = draw.pick(others).given
    value = writer.past.latest(NUMBERS["saturation"], moment, moment - DAY)
    slots["sat"] = f"{value.value:.0f}" if value else "96"
    parts = [scene.say("nursing.opening"), cap(scene.acute(key, "nurse"))]
    signs = scene.vitals(moment - DAY // 2)
    rule = "nursing.edcare" if visit.kind == "emergency" else "nursing.care"
    slots["hour_seen"] = f"{local(visit.start + draw.between(4, 30) * 60):%H:%M}"
    care = scene.some(rule, 3 + draw.number() % 3)
    parts += [*care, scene.say("nursing.mood")]
    given = [
        one for one in writer.past.by_visit.get(number, ()) if any(moment - 9 * HOUR < at <= moment for at in one.given)
    ]
    if given:
        one = draw.pick(given)
        at = max(at for at in one.given if at <= moment)
        slots["drug"] = scene.style.order_text(one, drug_name(one.drug))
        slots["hour"] = f"{local(at):%H:%M}"
        parts.append(scene.say("nursing.meds"))
    for one in writer.past.by_visit.get(number, ()):
        for at, reason in one.withheld:
            if moment - 12 * HOUR < at <= moment:
                slots["drug"], slots["reason"] = drug_name(one.drug), reason
                slots["clock"] = f"{local(at):%H:%M}"
                parts.append(scene.say("nursing.withheld"))
    if signs:
        parts.insert(1 + draw.number() % max(len(parts) - 1, 1), signs)
    parts += scene.facts("social", "meds", "allergies", "code", "plan", "data", "pmh")
    parts.append(scene.say("nursing.close"))
    body = scene.style.gap.join(sentences([part]) for part in parts) if scene.style.order == 3 else sentences(parts)
    scene.plain(body)
    writer.add(
        scene, draw.pick(("Nursing note", f"Nursing shift note, {shift}", "RN note", "Nursing narrative")), scene.text()
    )


def _copied(writer: Writer, scene: Scene, last: dict[str, str], name: str, text: str) -> str:
    """A section as it was the last time, where the author copies; else the new one, kept for the next time."""
    if name in last and writer.draw.chance(scene.style.copies):
        return last[name]
    last[name] = text
    if name == "data":
        last["data_at"] = str(scene.moment)
    return text


def _note_stale(writer: Writer, scene: Scene, last: dict[str, str], data: str, moment: int) -> None:
    """Notes in the ledger where a copied line of results holds a potassium or creatinine that is not the newest."""
    written = int(last.get("data_at", moment))
    if written >= moment or not data:
        return
    for key in ("potassium", "creatinine", "haemoglobin", "sodium"):
        row = ANALYTE_ROWS[NUMBERS[key]]
        old = writer.past.latest(NUMBERS[key], written, written - DAY)
        new = writer.past.latest(NUMBERS[key], moment)
        if old is None or new is None or new.moment <= old.moment:
            continue
        before, now = f"{old.value:.{row.places}f}", f"{new.value:.{row.places}f}"
        part = next((part for part in _pieces(data) if part.startswith(row.short) and f" {before}" in part), "")
        if part and before != now:
            says: dict[str, str | float | bool] = {"value": new.value, "unit": row.unit, "copied": old.value}
            fact = Fact(f"result:{key}:newest", says, new.moment, None, structured=True)
            scene.told.append(Told(Tale(fact, "", "", {}, frozenset()), False, part))
            writer.ledger.add(scene.told[-1].tale)


def _pieces(data: str) -> list[str]:
    for mark in (" | ", "; ", ". ", ", "):
        if mark in data:
            return data.split(mark)
    return [data]


def _day_orders(writer: Writer, scene: Scene, number: int, moment: int) -> list[str]:
    """Tells the orders that were begun since yesterday, in a line; some authors leave it out."""
    begun = [
        one for one in writer.past.by_visit.get(number, ()) if moment - DAY < one.start <= moment and one.times != 0
    ]
    if not begun or writer.draw.chance(scene.style.terse):
        return []
    one = writer.draw.pick(begun)
    text = scene.style.order_text(one, drug_name(one.drug))
    return [writer.draw.pick(("Started {}", "New: {}", "Now on {}", "{} begun", "On {} since yesterday")).format(text)]
