"""Habits and family of a person as notes tell them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mab_gym.cohort.hospital._history import local
from mab_gym.cohort.hospital.notes._scene import Scene, condition_name
from mab_gym.cohort.hospital.notes._writer import Writer


def habits_text(writer: Writer, scene: Scene) -> Sequence[str]:
    """Returns habits and work as they were at the time of a note."""
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


def family_text(writer: Writer, scene: Scene) -> str:
    """Returns diseases and deaths of the family that had happened by then."""
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
