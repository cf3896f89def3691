"""Notes of a stay: admission, progress, nursing, consult and discharge."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from mab_gym.cohort.hospital._catalogue import ALLERGENS, PROCEDURES, REACTIONS, STUDIES
from mab_gym.cohort.hospital._catalogue_results import ANALYTE_ROWS, NUMBERS
from mab_gym.cohort.hospital._facts import Tale, Told
from mab_gym.cohort.hospital._history import Fact, Practitioner, Prescription, Problem, Visit, local
from mab_gym.cohort.hospital._notes_past import DAY
from mab_gym.cohort.hospital._notes_scene import Scene, cap, condition_name, sentences
from mab_gym.cohort.hospital._notes_writer import Writer, drug_name, hospital_day, listed, place_name
from mab_gym.cohort.hospital._phrases import phrases, texts
from mab_gym.cohort.hospital._stories import month_day

HOUR: Final = 3_600
_LABS: Final = (
    "sodium", "potassium", "creatinine", "bicarbonate", "urea_nitrogen", "glucose", "magnesium", "calcium",
    "leucocytes", "haemoglobin", "platelets", "troponin", "lactate", "nt_probnp", "inr", "crp", "procalcitonin",
    "aptt", "lipase",
)  # fmt: skip
_WET: Final = frozenset({"heart_failure_reduced", "heart_failure_preserved", "heart_failure_acute"})


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
        "pmh": _pmh(writer, scene),
        "psh": _psh(writer, scene),
        "meds": home_meds(writer, scene),
        "allergies": _allergies(writer, scene),
        "social": sentences([*_habits(writer, scene), *scene.facts("social")]),
        "family": _family(writer, scene),
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


def progress(writer: Writer, number: int, author: Practitioner, moment: int) -> None:
    """Writes a day's progress note; some of it is copied from the day before."""
    visit = writer.history.visits[number]
    scene = writer.scene("progress", author, moment, number, 1)
    slots, style, draw = scene.slots, scene.style, writer.draw
    key = writer.problem_key(visit)
    set_principal(writer, scene, visit, number)
    day = hospital_day(visit.start, moment)
    seen = local(moment - draw.between(5, 50) * 60)
    slots["at_round"] = draw.pick((f"at {seen:%H:%M}", f"{seen:%H%M}", f"around {seen.hour % 12 or 12} {seen:%p}"))
    slots["hd"] = str(day)
    slots["cm"] = draw.pick(("Rita", "J. Lowe", "Kim", "Ana", "S. Doyle", "T. Brandt"))
    last = writer.last.setdefault(number, {})
    bad = _worse(writer, key, moment, 0.15 + 0.45 * visit.course if day <= 2 else 0.3 * visit.course)
    slots["course"] = scene.acute(key, "worse" if bad else "better")
    interval = [scene.say("progress.interval"), *scene.facts("social", "meds", "allergies", "pmh")]
    exam = _copied(writer, scene, last, "exam", exam_text(writer, scene, visit, key))
    data = _copied(writer, scene, last, "data", labs_text(scene, moment - DAY, 4 + draw.number() % 5))
    _note_stale(writer, scene, last, data, moment)
    plan = [f"{cap(slots['principal'])}: {scene.acute(key, 'plan')}"]
    others = [writer.history.problems[place] for place in visit.problems[1:3]]
    chronic = writer.chronic(moment, (key,))
    plan += [
        f"{cap(short_name(scene, problem.key))}: {scene.chronic(problem, 'plan')}"
        for problem in draw.some(chronic, 1 + draw.number() % 2)
    ]
    plan += [
        f"{cap(condition_name(problem.key))}: {scene.acute(problem.key, 'plan')}"
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
    slots["rn"] = draw.pick(others).given
    value = writer.past.latest(NUMBERS["saturation"], moment, moment - DAY)
    slots["sat"] = f"{value.value:.0f}" if value else "96"
    parts = [scene.say("nursing.opening"), cap(scene.acute(key, "nurse"))]
    signs = scene.vitals(moment - DAY // 2)
    rule = "nursing.edcare" if visit.kind == "emergency" else "nursing.care"
    slots["hour_seen"] = f"{local(visit.start + draw.between(4, 30) * 60):%H:%M}"
    care = list(dict.fromkeys(scene.say(rule) for _ in range(3 + draw.number() % 3)))
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
    scene.section("hpi", sentences([cap(scene.acute(key, "came")), scene.say("consult.findings")]))
    scene.section("meds", sentences(scene.facts("meds")) or _inpatient_meds(writer, scene, number, moment))
    scene.section("allergies", _allergies(writer, scene) if draw.number() % 2 else sentences(scene.facts("allergies")))
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
        if other.known is not None and other.known <= moment:
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
    scene.section("allergies", _allergies(writer, scene))
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


def set_principal(writer: Writer, scene: Scene, visit: Visit, number: int) -> None:
    slots = scene.slots
    slots["complaint"] = writer.complaint(visit)
    slots["clock"] = f"{local(visit.start):%H:%M}"
    slots["problem"] = slots["principal"] = writer.problem_name(visit)
    key = writer.problem_key(visit)
    later = slots.later
    root = visit.came_from if visit.came_from is not None else number
    slots["side"] = ("right", "left")[writer.history.visits[root].start // 60 % 2]
    later = slots.later
    later["came"] = lambda: _story(writer, scene, key, root)
    later["o2"] = lambda: _oxygen(writer, scene)
    later["wt_trend"] = lambda: _weight(writer, scene)
    later["weeks"] = lambda: _weeks(writer, scene)
    later["gen"] = lambda: scene.words("common.gen")
    for place, name in enumerate(writer.draw.some(_ORGANS, 3), 1):
        later[f"organ{place}"] = partial(_organ, writer, scene, name)


def _story(writer: Writer, scene: Scene, key: str, root: int) -> str:
    """The story of an illness: as it was first told, in the emergency or on the ward."""
    if root not in writer.stories:
        writer.stories[root] = scene.acute(key, "came")
    return writer.stories[root]


_ORGANS: Final = ("lungs", "heart", "abdomen", "legs", "neuro", "skin")


def _worse(writer: Writer, key: str, moment: int, share: float) -> bool:
    """Tells if a day was bad: by the result that the illness is about or a fever, else at random."""
    if key in _MARKS:
        number = NUMBERS[_MARKS[key][0]]
        newest = writer.past.latest(number, moment, moment - 2 * DAY)
        older = writer.past.before(number, moment, newest.moment) if newest else None
        if newest and older:
            return (newest.value - older.value) * _MARKS[key][1] < 0
    heat = writer.past.latest(NUMBERS["temperature"], moment, moment - DAY)
    return (heat is not None and heat.value >= 38.3) or writer.draw.chance(share)


_MARKS: Final = {
    "kidney_injury": ("creatinine", -1), "hypokalemia": ("potassium", 1), "hyperkalemia": ("potassium", -1),
    "hyponatremia": ("sodium", 1), "hyperglycemia": ("glucose", -1), "hypomagnesemia": ("magnesium", 1),
}  # fmt: skip
"""The result that an illness is about, and the direction in which it is better."""


def _oxygen(writer: Writer, scene: Scene) -> str:
    """The oxygen that is given, by the record."""
    flow = writer.past.latest(NUMBERS["oxygen_flow"], scene.moment, scene.moment - DAY // 2)
    if flow is None or flow.value <= 0:
        return scene.draw.pick(("on room air", "no oxygen", scene.slots["ra"], "without oxygen"))
    return scene.draw.pick(("on {} L", "{} L by cannula", "oxygen at {} L", "on {} L of oxygen")).format(
        f"{flow.value:.0f}"
    )


def _weight(writer: Writer, scene: Scene) -> str:
    """The way the weight went, by the record."""
    newest = writer.past.latest(NUMBERS["weight"], scene.moment)
    older = writer.past.before(NUMBERS["weight"], scene.moment, newest.moment - DAY // 2) if newest else None
    if newest is None or older is None:
        return scene.draw.pick(("weight followed", "weighs at home"))
    pounds = (newest.value - older.value) * 2.2046
    if abs(pounds) < 1.5:
        return scene.draw.pick(("weight unchanged", "weight steady", "same weight as before"))
    way = ("up", "heavier by", "gained") if pounds > 0 else ("down", "lighter by", "lost")
    return f"{scene.draw.pick(way)} {abs(pounds):.0f} lb since {scene.style.day(older.moment)}"


def _weeks(writer: Writer, scene: Scene) -> str:
    """Completed weeks and days of the pregnancy."""
    day = local(scene.moment).date()
    for first, last in writer.history.person.pregnancies:
        if first <= day <= last:
            days = (day - first).days
            return f"{days // 7}w{days % 7}d" if scene.style.terse > 0.2 else f"{days // 7} weeks {days % 7} days"
    return "dates by scan"


_GOALS: Final = {
    "hypertension": ("systolic", 140.0), "type2_diabetes": ("hba1c", 7.9), "type1_diabetes": ("hba1c", 8.2),
    "hyperlipidemia": ("ldl", 130.0), "gout": ("uric_acid", 8.0),
}  # fmt: skip
"""The result by which a disease is called controlled, and its limit; our choice, as a clinician's loose talk goes."""


def troubled(writer: Writer, problem: Problem, moment: int) -> bool:
    """Tells if a long-term disease gives trouble: by its result where it has one, else by its severity and chance."""
    if problem.key in _GOALS:
        key, limit = _GOALS[problem.key]
        value = writer.past.latest(NUMBERS[key], moment, moment - 400 * DAY)
        if value is not None:
            return value.value >= limit
    return writer.draw.chance(0.15 + 0.35 * problem.severity)


def _organ(writer: Writer, scene: Scene, name: str) -> str:
    """The words of one organ, which fit to what is known."""
    if name == "heart" and any(one.key == "fibrillation" for one in writer.past.problems(scene.moment)):
        name = "heart_af"
    elif name == "legs" and any(one.key in _WET for one in writer.past.problems(scene.moment)):
        name = "legs_wet"
    return scene.words(f"common.{name}")


def exam_text(writer: Writer, scene: Scene, visit: Visit, key: str) -> str:
    signs = scene.vitals(max(visit.start, scene.moment - DAY))
    return sentences(
        [
            signs,
            cap(scene.acute(key, "exam")) if scene.kind != "progress" or writer.draw.number() % 2 else "",
            scene.say("progress.exam"),
        ]
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


def given_names(writer: Writer, number: int) -> str:
    names = list(dict.fromkeys(drug_name(one.drug) for one in writer.past.by_visit.get(number, ())))
    return listed(writer.draw.some(names, 3))


def _pmh(writer: Writer, scene: Scene) -> str:
    lines = []
    for problem in writer.chronic(scene.moment)[:10]:
        name = short_name(scene, problem.key)
        year = local(problem.known or problem.onset).year
        lines.append(writer.draw.pick((name, f"{name} (since {year})", f"{name}, dx {year}")))
    return scene.listed([*lines, *scene.facts("pmh")]) or "none known"


def short_name(scene: Scene, key: str) -> str:
    rules = phrases("chronic")
    return rules.write(f"{key}.name", scene.slots, scene.draw) if f"{key}.name" in rules else condition_name(key)


def _psh(writer: Writer, scene: Scene) -> str:
    done = [one for one in writer.history.operations if one.end <= scene.moment and one.key in _SURGERY]
    lines = [f"{_operation(one.key)} {local(one.start).year}" for one in done[:5]]
    return scene.listed(lines) or "none"


def _operation(key: str) -> str:
    display = PROCEDURES[key].display if key in PROCEDURES else key.replace("_", " ")
    return display[:1].lower() + display[1:]


_SURGERY: Final = frozenset({
    "knee_replacement", "hip_replacement", "hip_fracture_repair", "cholecystectomy", "appendectomy", "hernia_repair",
    "colectomy", "adhesiolysis", "hysterectomy", "caesarean", "prostate_resection", "lumpectomy", "coronary_stent",
    "coronary_bypass", "valve_replacement", "ablation", "pacemaker", "carotid_endarterectomy", "cataract_surgery",
    "fistula", "stone_removal", "tubal_ligation",
})  # fmt: skip


def home_meds(writer: Writer, scene: Scene) -> str:
    told = scene.facts("meds")
    drugs = [one for one in writer.past.drugs(scene.moment) if one.visit != scene.visit]
    order = writer.draw.some(drugs, 12)
    listed_drugs = writer.list_of(scene, order)
    return "\n".join(part for part in (listed_drugs or "none", sentences(told)) if part)


def _inpatient_meds(writer: Writer, scene: Scene, number: int, moment: int) -> str:
    given = [
        one
        for one in writer.past.by_visit.get(number, ())
        if one.start <= moment and (one.end is None or one.end > moment)
    ]
    return writer.list_of(scene, writer.draw.some(given, 4))


def _allergies(writer: Writer, scene: Scene) -> str:
    """What is told of allergies, and those of the record besides; a note that says that there are none lists none."""
    left = scene.left("allergies")
    if any(not one.right for one in left) and writer.draw.chance(0.5):
        return sentences(scene.facts("allergies"))
    named = {one.tale.slots.get("allergen", "") for one in left}
    told = scene.facts("allergies")
    known = [
        one
        for one in writer.history.allergies
        if one.recorded <= scene.moment and (one.refuted is None or one.refuted > scene.moment)
    ]
    if not known and not told:
        return writer.draw.pick(("NKDA", "none known", "no known drug allergies"))
    if any(words.startswith(_NONE) for words in told):
        return sentences(told)
    rest = [f"{allergen_name(one.key)} ({_lower(reaction_name(one.reaction))})" for one in known]
    rest = [text for text in rest if text.split(" (")[0] not in named]
    return sentences([", ".join(rest), *told])


_NONE: Final = ("NK", "No known", "No allergies")


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def allergen_name(key: str) -> str:
    """Returns a substance as notes write it."""
    return ALLERGENS[key].display.lower() if key in ALLERGENS else key.replace("_", " ")


def reaction_name(key: str) -> str:
    """Returns a reaction as notes write it."""
    return REACTIONS[key].display if key in REACTIONS else key.replace("_", " ")


def _habits(writer: Writer, scene: Scene) -> Sequence[str]:
    person, draw = writer.history.person, writer.draw
    age = person.age(scene.moment)
    if age < 16:
        return ()
    year = local(scene.moment).year
    packs = max(round(person.packs * (person.smoked_until - person.smoked_from)), 1)
    smoker = {
        "never": draw.pick(("never smoked", "nonsmoker", "no tobacco")),
        "former": f"quit smoking in {person.smoked_until}, {draw.pick(('about', 'some'))} {packs} pack years",
        "current": f"smokes {amount_packs(person.packs)} a day since {person.smoked_from}",
    }[_smoking(person.smoking, person.smoked_from, person.smoked_until, year)]
    job = person.occupation.lower().removeprefix("retired ")
    if not job:
        work = ""
    elif job in _NO_JOB:
        work = job
    elif person.occupation.lower().startswith("retired") and age >= 64:
        work = draw.pick((f"retired {job}", f"retired, once {_article(job)}", f"former {job}"))
    else:
        work = draw.pick((f"works as {_article(job)}", f"occupation {job}", f"job: {job}"))
    return [part for part in (smoker, work) if part]


def _smoking(state: str, begun: int, ended: int, year: int) -> str:
    """The state in a year: who quit later smoked then, who began later had never smoked."""
    if state == "never" or year < begun:
        return "never"
    return "former" if state == "former" and ended and year > ended else "current"


def amount_packs(packs: float) -> str:
    """Returns packs a day in words."""
    return f"{packs:g} {'pack' if packs <= 1 else 'packs'}" if packs >= 0.5 else f"{round(packs * 20)} cigarettes"


def _article(words: str) -> str:
    return f"{'an' if words[:1] in 'aeiou' else 'a'} {words}"


_NO_JOB: Final = frozenset(
    {"not working", "self-employed", "student", "unemployed", "homemaker", "disabled", "retired"}
)


def _family(writer: Writer, scene: Scene) -> str:
    lines = []
    for one in writer.history.person.relatives:
        word = {"MTH": "mother", "FTH": "father", "SIS": "sister", "BRO": "brother"}.get(one.relation)
        known = [(key, age) for key, age in one.conditions if one.born + age <= local(scene.moment).year]
        if word and known:
            lines.append(f"{word}: " + ", ".join(f"{condition_name(key)} at {age}" for key, age in known[:2]))
        elif word and one.died is not None and one.born + one.died <= local(scene.moment).year:
            lines.append(f"{word} died at {one.died}")
    return "; ".join(lines[:4]) or writer.draw.pick(
        ("noncontributory", "nothing that runs in the family", "not relevant")
    )


def labs_text(scene: Scene, since: int, most: int) -> str:
    """Returns the newest results of a stay or an emergency in random order."""
    return scene.results(_LABS, since, most)


def reports_text(writer: Writer, number: int, moment: int, since: int = 0) -> list[str]:
    found = [
        one for one in writer.past.reports.get(number, ()) if one.issued is not None and since < one.issued <= moment
    ]
    return [f"{study_name(one.key)}: {one.conclusion.rstrip('.')}" for one in found[-2:] if one.conclusion]


def study_name(key: str) -> str:
    """Returns an examination as clinicians say it."""
    return STUDIES[key].short if key in STUDIES else key.replace("_", " ")


def written(scene: Scene, rule: str, key: str) -> str:
    scene.slots["think"], scene.slots["plan"] = scene.acute(key, "think"), scene.acute(key, "plan")
    return scene.words(rule)


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
    """What was begun since yesterday, in a line; some authors leave it out."""
    begun = [
        one for one in writer.past.by_visit.get(number, ()) if moment - DAY < one.start <= moment and one.times != 0
    ]
    if not begun or writer.draw.chance(scene.style.terse):
        return []
    one = writer.draw.pick(begun)
    text = scene.style.order_text(one, drug_name(one.drug))
    return [writer.draw.pick(("Started {}", "New: {}", "Now on {}", "{} begun", "On {} since yesterday")).format(text)]


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
    now = writer.past.drugs(end + HOUR)
    new = [one for one in now if one.start >= visit.start]
    kept = [one for one in now if one.start < visit.start]
    stopped = [
        one
        for one in writer.past.home
        if one.end is not None and visit.start <= one.end <= end + HOUR and one.start < visit.start
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
    able = [one for one in writer.past.drugs(end + HOUR) if one.start < visit.start and one.drug in _HOLDABLE]
    if not able or not draw.chance(0.35) or visit.disposition not in ("home", "home_health"):
        return []
    one = draw.pick(able)
    until = next(
        (v.start for v in writer.history.visits[number + 1 :] if v.kind == "ambulatory" and v.start > end + 3 * DAY),
        end + 30 * DAY,
    )
    words = draw.pick(texts("stories", "conditions_to_restart.ways"))
    fact = Fact(
        f"drug:{one.drug}:held",
        {"held": True, "restart_when": words, "since": local(end).date().isoformat()},
        end,
        until,
    )
    slots = {"drug": drug_name(one.drug), "condition": words, "month_day": month_day(end)}
    tale = Tale(fact, "held", "meds", slots, frozenset({"discharge", "telephone", "clinic"}))
    return [scene.told_now(tale)]


_HOLDABLE: Final = frozenset({
    "lisinopril", "losartan", "valsartan", "furosemide", "torsemide", "spironolactone", "metformin", "empagliflozin",
    "hydrochlorothiazide", "chlorthalidone", "apixaban", "aspirin", "amlodipine",
})  # fmt: skip


def _booked(writer: Writer, scene: Scene, number: int) -> list[str]:
    found = [
        f"appointment {scene.style.day(plan.start)} at {local(plan.start):%H:%M}"
        for plan in writer.past.plans.get(number, ())
        if plan.kind == "appointment" and plan.start is not None and plan.moment <= scene.moment < plan.start
    ]
    return found[:2]


def orders_of_the_day(writer: Writer, scene: Scene, visit: Visit, number: int) -> list[str]:
    """Returns what was ordered for home at a visit, and what was stopped."""
    draw = writer.draw
    lines = []
    for one in writer.past.home:
        if one.visit == number and one.start <= scene.moment:
            text = scene.style.order_text(one, drug_name(one.drug))
            lines.append(draw.pick(("Start {}", "New today: {}", "Prescribed {}", "Rx {}", "Begin {}")).format(text))
        elif (
            one.end is not None
            and one.end <= scene.moment
            and one.end >= visit.start
            and one.why_ended in ("stopped", "adverse", "changed")
        ):
            why = {"adverse": " for side effects", "changed": " (changed)"}.get(one.why_ended, "")
            lines.append(draw.pick(("Stop {}{}", "{} stopped{}", "Off {}{}")).format(drug_name(one.drug), why))
    return lines[:4]
