"""Words that follow from the record: how an illness began, how it goes, organs, weight, oxygen."""

from __future__ import annotations

from functools import partial
from typing import Final

from mab_gym.cohort.hospital._catalogue_results import NUMBERS
from mab_gym.cohort.hospital._history import Problem, Visit, local
from mab_gym.cohort.hospital.notes._past import DAY
from mab_gym.cohort.hospital.notes._scene import Scene
from mab_gym.cohort.hospital.notes._writer import Writer

_WET: Final = frozenset({"heart_failure_reduced", "heart_failure_preserved", "heart_failure_acute"})


_ORGANS: Final = ("lungs", "heart", "abdomen", "legs", "neuro", "skin")


_MARKS: Final = {
    "kidney_injury": ("creatinine", -1), "hypokalemia": ("potassium", 1), "hyperkalemia": ("potassium", -1),
    "hyponatremia": ("sodium", 1), "hyperglycemia": ("glucose", -1), "hypomagnesemia": ("magnesium", 1),
}  # fmt: skip
"""The result that an illness is about, and the direction in which it is better."""


_GOALS: Final = {
    "hypertension": ("systolic", 140.0), "type2_diabetes": ("hba1c", 7.9), "type1_diabetes": ("hba1c", 8.2),
    "hyperlipidemia": ("ldl", 130.0), "gout": ("uric_acid", 8.0),
}  # fmt: skip
"""The result by which a disease is called controlled, and its limit; our choice, as a clinician's loose talk goes."""


def set_principal(writer: Writer, scene: Scene, visit: Visit, number: int) -> None:
    """Sets the words for a visit's reason and principal problem, and those that follow from the record."""
    slots = scene.slots
    slots["complaint"] = writer.complaint(visit)
    slots["clock"] = f"{local(visit.start):%H:%M}"
    slots["problem"] = slots["principal"] = writer.problem_name(visit)
    key = writer.problem_key(visit)
    later = slots.later
    root = visit.came_from if visit.came_from is not None else number
    if root not in writer.sides:
        writer.sides[root] = _side(writer, key, root)
    slots["side"] = writer.sides[root]
    later = slots.later
    later["came"] = lambda: _story(writer, scene, key, root)
    later["o2"] = lambda: _oxygen(writer, scene)
    later["wt_trend"] = lambda: _weight(writer, scene)
    later["weeks"] = lambda: _weeks(writer, scene)
    later["gen"] = lambda: scene.words("common.gen")
    for place, name in enumerate(writer.draw.some(_ORGANS, 3), 1):
        later[f"organ{place}"] = partial(_organ, writer, scene, name)


_SIDED: Final = {
    "stroke": ("ct_head", "mri_brain"), "transient_ischemia": ("mri_brain",), "deep_vein_thrombosis": ("us_leg_veins",),
    "pneumonia": ("chest_xray", "ct_chest"), "renal_colic": ("ct_abdomen", "us_kidneys"), "hip_fracture": ("xray_hip",),
    "pyelonephritis": ("us_kidneys", "ct_abdomen"), "wrist_fracture": ("xray_wrist",), "ankle_sprain": ("xray_ankle",),
}  # fmt: skip
"""Examinations that say on which side an illness is."""


def _side(writer: Writer, key: str, root: int) -> str:
    """The side of an illness: that of its imaging, the other one for the brain, else by the time of its visit."""
    visits = writer.history.visits
    related = [root, *(place for place in range(root, min(root + 4, len(visits))) if visits[place].came_from == root)]
    for study in _SIDED.get(key, ()):
        for place in related:
            for report in writer.past.reports.get(place, ()):
                words = f"{report.conclusion} {report.findings}".lower()
                sides = [side for side in ("right", "left") if side in words]
                if report.key == study and len(sides) == 1:
                    crossed = key in ("stroke", "transient_ischemia")
                    return sides[0] if not crossed else ("left", "right")[sides[0] == "left"]
    return ("right", "left")[visits[root].start // 60 % 2]


def _story(writer: Writer, scene: Scene, key: str, root: int) -> str:
    """The story of an illness: as it was first told, in the emergency or on the ward."""
    if root not in writer.stories:
        writer.stories[root] = scene.acute(key, "came")
    return writer.stories[root]


def worse(writer: Writer, key: str, moment: int, share: float) -> bool:
    """Tells if a day was bad: by the result that the illness is about or a fever, else at random."""
    if key in _MARKS:
        number = NUMBERS[_MARKS[key][0]]
        newest = writer.past.latest(number, moment, moment - 2 * DAY)
        older = writer.past.before(number, moment, newest.moment) if newest else None
        if newest and older:
            return (newest.value - older.value) * _MARKS[key][1] < 0
    heat = writer.past.latest(NUMBERS["temperature"], moment, moment - DAY)
    return (heat is not None and heat.value >= 38.3) or writer.draw.chance(share)


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
