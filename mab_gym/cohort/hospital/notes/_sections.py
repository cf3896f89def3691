"""Sections that several kinds of notes have: examination, drugs, allergies, results, the past."""

from __future__ import annotations

from typing import Final

from mab_gym.cohort.hospital._catalogue import ALLERGENS, PROCEDURES, REACTIONS, STUDIES
from mab_gym.cohort.hospital._history import Visit, local
from mab_gym.cohort.hospital.notes._past import DAY
from mab_gym.cohort.hospital.notes._phrases import phrases
from mab_gym.cohort.hospital.notes._scene import Scene, condition_name, sentences
from mab_gym.cohort.hospital.notes._slots import cap
from mab_gym.cohort.hospital.notes._writer import Writer, drug_name, listed

_LABS: Final = (
    "sodium", "potassium", "creatinine", "bicarbonate", "urea_nitrogen", "glucose", "magnesium", "calcium",
    "leucocytes", "haemoglobin", "platelets", "troponin", "lactate", "nt_probnp", "inr", "crp", "procalcitonin",
    "aptt", "lipase",
)  # fmt: skip


def exam_text(writer: Writer, scene: Scene, visit: Visit, key: str) -> str:
    """Returns vital signs and findings; those of an acute disease only where its key is given."""
    signs = scene.vitals(max(visit.start, scene.moment - DAY))
    own = cap(scene.acute(key, "exam")) if key and (scene.kind != "progress" or writer.draw.number() % 2) else ""
    return sentences([signs, own, scene.say("progress.exam")])


def given_names(writer: Writer, number: int) -> str:
    """Returns the names of some drugs that were given at a visit."""
    names = list(dict.fromkeys(drug_name(one.drug) for one in writer.past.by_visit.get(number, ())))
    return listed(writer.draw.some(names, 3))


def past_text(writer: Writer, scene: Scene) -> str:
    """Returns the long-term problems, some with the year of their diagnosis."""
    lines = []
    for problem in writer.chronic(scene.moment)[:10]:
        name = short_name(scene, problem.key)
        year = local(problem.known or problem.onset).year
        lines.append(writer.draw.pick((name, f"{name} (since {year})", f"{name}, dx {year}")))
    return scene.listed([*lines, *scene.facts("pmh")]) or "none known"


def short_name(scene: Scene, key: str) -> str:
    """Returns a disease as clinicians write it."""
    rules = phrases("chronic")
    return rules.write(f"{key}.name", scene.slots, scene.draw) if f"{key}.name" in rules else condition_name(key)


def operations_text(writer: Writer, scene: Scene) -> str:
    """Returns operations of the past with their years."""
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
    """Returns the list of drugs for home, and what is told of them."""
    told = scene.facts("meds")
    drugs = [one for one in writer.past.drugs(scene.moment) if one.visit != scene.visit]
    order = writer.draw.some(drugs, 12)
    listed_drugs = writer.list_of(scene, order)
    return "\n".join(part for part in (listed_drugs or "none", sentences(told)) if part)


def inpatient_meds(writer: Writer, scene: Scene, number: int, moment: int) -> str:
    """Returns a few of the drugs that are given in a stay."""
    given = [
        one
        for one in writer.past.by_visit.get(number, ())
        if one.start <= moment and (one.end is None or one.end > moment)
    ]
    return writer.list_of(scene, writer.draw.some(given, 4))


def allergies_text(writer: Writer, scene: Scene) -> str:
    """Tells the allergies, those of the record among them; a note that says that there are none lists none."""
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
    """Returns words by a rule that wants an assessment and a plan."""
    scene.slots["think"], scene.slots["plan"] = scene.acute(key, "think"), scene.acute(key, "plan")
    return scene.words(rule)


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
