"""Imaging and operations in their long form, letters from elsewhere, addenda and corrections."""

from __future__ import annotations

import re
from typing import Final

from mab_gym.cohort.hospital._catalogue import PROCEDURES
from mab_gym.cohort.hospital._history import Fact, Note, Operation, Practitioner, Report, local
from mab_gym.cohort.hospital.notes._facts import Tale, Told
from mab_gym.cohort.hospital.notes._phrases import texts
from mab_gym.cohort.hospital.notes._scene import condition_name, sentences
from mab_gym.cohort.hospital.notes._sections import study_name
from mab_gym.cohort.hospital.notes._slots import cap
from mab_gym.cohort.hospital.notes._stories import month
from mab_gym.cohort.hospital.notes._writer import Writer, listed

_GRAVE: Final = re.compile(
    r"acute (ischemic |middle |left |right |\w+ )*(infarct|pulmonary embolism|deep vein|thrombus|appendicitis)"
    r"|pulmonary embolism,|pneumothorax|high-grade|^(small )?bowel obstruction|free air|intracranial hemorrhage"
)
"""Conclusions that are telephoned."""
_AN: Final = re.compile(r"\ba (8|11|18)\b")
_AGED: Final = re.compile(r"^\d+-year-old \w+( with|,)? |, \d+ y\.?$")
"""The age in an indication, which the note says in its own words."""
_MODALITIES: Final = (
    ("chest_xray", "xray"), ("xray", "xray"), ("bone_density", "other"), ("ct_", "ct"), ("lung_screening", "ct"),
    ("mri", "mri"), ("us_", "us"), ("mammo", "breast"), ("echo", "other"),
)  # fmt: skip
"""Beginnings of a study's key, and the words that fit to it."""
_REGIONS: Final = (("chest", "chest"), ("head", "head"), ("brain", "head"), ("abdo", "abdomen"), ("pelvis", "abdomen"))


def imaged(report: Report) -> bool:
    """Tells if a report is of imaging, of which a long text is made."""
    return bool(_modality(report.key))


def _modality(key: str) -> str:
    return next((way for begin, way in _MODALITIES if key.startswith(begin)), "")


def radiology(writer: Writer, report: Report, author: Practitioner, moment: int) -> None:
    """Writes the long form of a report on imaging; some hold what was not looked for."""
    scene = writer.scene("radiology", author, moment, report.visit, 1)
    slots, draw = scene.slots, writer.draw
    slots["clock"] = f"{local(report.moment):%H:%M}"
    name = study_name(report.key)
    way = _modality(report.key)
    prior = [
        one for one in writer.history.reports if one.key == report.key and one.issued and one.issued < report.moment
    ]
    scene.plain(f"{name.upper() if scene.style.order % 2 else cap(name)}, {scene.style.day(report.moment)}")
    asked = _AGED.sub("", report.indication).strip(" .")
    slots["complaint"] = asked[:1].lower() + asked[1:] if asked[1:2].islower() else asked
    asker = writer.staff.practitioners[report.orderer]
    slots["asker"] = f"Dr. {asker.family}"
    writer.pmh(scene, 2)
    scene.section("indication", scene.say("radiology.context"))
    scene.section("technique", scene.say(f"radiology.{way}_technique"))
    if prior:
        slots["prior"] = f"{name} of {scene.style.day(prior[-1].moment)}"
        scene.section("comparison", scene.say("radiology.compare"))
    else:
        scene.section("comparison", scene.say("radiology.nocompare"))
    extra = _incidental(writer, report, moment)
    grave = _GRAVE.search(report.conclusion.lower()) is not None
    found = [report.findings, "" if grave else scene.say(f"radiology.{way}_normal")]
    if extra is not None:
        found.append(scene.told_now(extra))
    scene.section("findings", sentences([*found, *scene.facts("data")]))
    slots["called_at"] = f"{local(moment - draw.between(2, 20) * 60):%H:%M}"
    told = scene.say("radiology.called" if grave else "radiology.told")
    advice = "" if grave else scene.say("radiology.advice")
    scene.section("impression", sentences([report.conclusion, advice, told]))
    writer.add(scene, f"{cap(name)} report", scene.text())


def _incidental(writer: Writer, report: Report, moment: int) -> Tale | None:
    draw = writer.draw
    region = next((to for part, to in _REGIONS if part in report.key), "")
    if "odule" in report.findings + report.conclusion:
        return None
    if not region or not report.key.startswith(("ct", "mri", "chest")) or not draw.chance(0.15):
        return None
    text = draw.pick(texts("stories", f"incidental.{region}"))
    finding, due, key = text.split(";")
    size, aorta = draw.between(4, 19), draw.between(40, 48) / 10
    words = _AN.sub(r"an \1", finding.format(mm=size, aorta=f"{aorta:.1f}"))
    name, unit = key.rsplit("_", 1)
    says: dict[str, str | float | bool] = {unit: aorta if unit == "cm" else size, "due": due, "words": words}
    says["since"] = local(report.moment).date().isoformat()
    fact = Fact(f"finding:{name}", says, report.moment, None)
    return Tale(
        fact,
        "incidental",
        "data",
        {"finding": words, "due": due},
        frozenset({"radiology", "discharge", "clinic"}),
        report.visit,
    )


def operative(writer: Writer, operation: Operation, author: Practitioner, moment: int) -> None:
    """Writes the report of an operation."""
    scene = writer.scene("operative", author, moment, operation.visit, 1)
    slots, draw = scene.slots, writer.draw
    name = PROCEDURES[operation.key].display if operation.key in PROCEDURES else operation.key.replace("_", " ")
    problem = writer.history.problems[operation.problem].key if operation.problem is not None else ""
    slots["indication"] = condition_name(problem) if problem else "a planned procedure"
    slots["clock"] = f"{local(operation.start):%H:%M}"
    slots["month_day"] = scene.style.day(operation.start)
    slots["hour"] = f"{local(operation.end + draw.between(8, 50) * 60):%H:%M}"
    slots["surgeon"] = f"Dr. {author.family}"
    slots["rn"] = draw.pick(writer.people(author.service, "nurse")).given
    slots["few_asa"] = str(draw.between(1, 3))
    slots["kg_r"] = f"{writer.history.person.weight_kg:.0f}"
    writer.pmh(scene, 2)
    scene.section("procedure", f"{name}. {scene.say('operative.team')}")
    scene.section("indication", sentences([scene.say("operative.opening"), scene.say("operative.history")]))
    way = _WAYS.get(operation.key, "open")
    anaesthesia = scene.say(f"operative.{way}_anes")
    scene.section("technique", sentences([anaesthesia, scene.say(f"operative.{way}_steps")]))
    tale = _airway(writer, operation) if anaesthesia.lower().startswith("general") else None
    blood = scene.say("operative.blood") if way == "open" and "lood loss" not in operation.finding else ""
    scene.section("findings", sentences([operation.finding, blood, scene.told_now(tale) if tale else ""]))
    minutes = (operation.end - operation.start) // 60
    length = draw.pick(("Time {} min", "{} minutes in all", "Room time {} min")).format(minutes)
    scene.plain(sentences([scene.say(f"operative.{way}_after"), length]))
    writer.add(
        scene, draw.pick((f"Operative report: {name.lower()}", "Operative report", "Procedure note")), scene.text()
    )


_WAYS: Final = {
    "colonoscopy": "scope", "gastroscopy": "scope", "ercp": "scope", "angiography": "heart", "coronary_stent": "heart",
    "ablation": "heart", "pacemaker": "heart", "cataract_surgery": "eye", "prostate_biopsy": "needle",
    "lung_biopsy": "needle", "kidney_biopsy": "needle", "lumbar_puncture": "needle", "paracentesis": "needle",
    "thoracentesis": "needle", "central_line": "needle", "wrist_reduction": "cast", "caesarean": "birth",
}  # fmt: skip
"""The words for a procedure that is no open operation."""


def _airway(writer: Writer, operation: Operation) -> Tale | None:
    draw = writer.draw
    if not draw.chance(0.09):
        return None
    grade, tries = draw.between(3, 4), draw.between(2, 4)
    device = draw.pick(texts("stories", "device.ways"))
    says: dict[str, str | float | bool] = {"difficult": True, "grade": grade, "device": device}
    says["since"] = local(operation.end).date().isoformat()
    fact = Fact("airway", says, operation.end, None)
    slots = {"grade": str(grade), "tries": str(tries), "device": device, "month": month(operation.start)}
    return Tale(fact, "airway", "pmh", slots, frozenset({"operative", "admission", "consult"}), operation.visit)


def outside(writer: Writer, place: int, moment: int, tale: Tale) -> None:
    """Writes a letter from elsewhere, which holds a result that stands nowhere else."""
    scene = writer.letter(place, moment)
    slots, draw = scene.slots, writer.draw
    visits = [one for one in writer.history.visits if one.start < moment]
    slots["service"] = draw.pick([one.service for one in visits] or ["primary"])
    slots["month"], slots["month_day"] = tale.slots["month"], tale.slots["month_day"]
    slots["kg_now"] = f"{writer.history.person.weight_kg + draw.between(-30, 30) / 10:.1f} kg"
    writer.pmh(scene, 2)
    writer.negatives(scene, "")
    slots["gen"] = scene.words("common.gen")
    slots["organ1"], slots["organ2"] = scene.words("common.lungs"), scene.words("common.neuro")
    one = Told(tale, True)
    scene.told.append(one)
    result = scene.tell(one)
    scene.plain(f"{slots['place']}\n{scene.style.day(moment)}\n\n{scene.say('outside.dear')}")
    known = f"Known: {slots['pmh']}" if draw.chance(0.5) else ""
    body = [
        scene.say("outside.opening"),
        scene.say("outside.found"),
        scene.say("outside.more"),
        result,
        scene.say("outside.did"),
        known,
    ]
    scene.plain(sentences([*body, scene.say("outside.end"), scene.say("outside.bill")]))
    names = [("S. Okafor", "M. Lindqvist", "P. Vance", "R. Castellano", "J. Whitfield", "A. Banerjee")[place % 6]]
    scene.plain(f"{listed(names)}, MD\n{slots['place']}")
    if tale in writer.ledger.fresh:
        writer.ledger.fresh.remove(tale)
    writer.add(scene, f"Letter from {slots['place']}", scene.text(signed=False), outside=place)


def addendum(writer: Writer, place: int, moment: int) -> None:
    """Adds to a note or corrects it, where the note got a fact wrong."""
    note = writer.notes[place]
    wrong = next((one for one in writer.told[place] if not one.right and one.tale.rule), None)
    if wrong is None or note.author is None:
        return
    author = writer.staff.practitioners[note.author]
    scene = writer.scene(note.kind, author, moment, note.visit, -1)
    one = Told(wrong.tale, True)
    scene.told.append(one)
    right = scene.tell(one)
    draw = writer.draw
    when = scene.style.day(note.moment)
    if draw.chance(0.4) and note.text.count(wrong.words) == 1:
        text = (
            f"{draw.pick(('CORRECTED', 'Corrected version', 'Amended'))} {scene.style.day(moment)}\n"
            + note.text.replace(wrong.words, right)
        )
        _append(writer, scene.kind, moment, note, f"{note.title} (corrected)", text, scene.told, replaces=place)
        return
    lead = draw.pick(
        ("Addendum to my note of {}", "Late entry, note of {}", "Correction to {}", "ADDENDUM ({})")
    ).format(when)
    reason = draw.pick(
        ("", "Pharmacy called. ", f"Per {scene.slots['kinword']}. ", "On second reading. ", "Chart reviewed again. ")
    )
    struck = draw.pick(('I wrote "{}", which is not so', 'Disregard "{}"', '"{}" was carried forward')).format(
        wrong.words.rstrip(".")
    )
    scene.plain(f"{lead}: {reason}{struck}. {right}.")
    text = scene.text()
    _append(writer, scene.kind, moment, note, f"Addendum: {note.title}", text, scene.told, appends=place)


def _append(
    writer: Writer,
    kind: str,
    moment: int,
    note: Note,
    title: str,
    text: str,
    told: list[Told],
    replaces: int | None = None,
    appends: int | None = None,
) -> None:
    place = len(writer.notes)
    writer.notes.append(Note(kind, moment, note.visit, note.author, None, title, text, replaces, appends))
    writer.ledger.write(place, told)
    writer.told.append(told)
