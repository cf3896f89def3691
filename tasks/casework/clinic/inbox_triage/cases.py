"""Cases: six messages about six inpatients, of which some are calmly told emergencies and some loudly told trifles.

Signs are drawn so that page ADM-501 has one answer: a score, a single sign, or a limit. People who may have another
target of saturation (COPD, oxygen at home) get no signs. All else of a person is the chart's: service, attending,
residents.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mab_gym.casework import flagged
from mab_gym.dynamics.inpatients import active_drugs, inpatient, problems
from mab_gym.tasking.chart import Chart

from .scoring import by_signs, news2
from .words import END, TEXTS, TONES

BRANCHES: Final = {"score": 7, "limit": 6, "oxygen": 6, "single": 6, "told": 5}
_SLOTS: Final[Mapping[str, Sequence[str]]] = {
    "score": ("rapid_score", "quiet", "attending", "morning", "resident", "pharmacist"),
    "limit": ("rapid_limit", "resident_score", "attending", "morning", "social", "quiet"),
    "oxygen": ("rapid_oxygen", "resident_single", "morning", "quiet", "resident", "attending"),
    "single": ("resident_single", "quiet", "rapid", "morning", "pharmacist", "attending"),
    "told": ("rapid", "resident", "attending", "social", "quiet", "resident_oxygen"),
}
_SERVICES: Final = ("General medicine", "Cardiology", "General surgery")
"""Services with wards and residents of their own."""
_MOST: Final = 2000


@flagged("confidential", "complex")
def draw(chart: Chart, rng: random.Random, branch: str) -> Mapping[str, Any] | None:
    """Draws six messages."""
    people = chart.remember("people of the message desk", lambda: _people(chart))
    staff = chart.remember("staff of the message desk", lambda: _staff(chart))
    clerks = staff.get("Clerk", {}).get("General medicine", [])
    if len(people) < 12 or not clerks:
        return None
    chosen: list[dict[str, Any]] = []
    for slot in _SLOTS[branch]:
        signs = slot == "quiet" or "_" in slot
        fitting = [
            each
            for each in people
            if (each["signs"] or not signs)
            and all(each["mrn"] != one["mrn"] for one in chosen)
            and (slot != "pharmacist" or each["drugs"])
        ]
        if not fitting:
            return None
        person = rng.choice(fitting)
        message = _signs(slot, rng) if signs else _told(slot, rng)
        chosen.append(_message(person, message, staff, rng))
    rng.shuffle(chosen)
    desk, name = clerks[0]
    return {"desk": desk, "desk_name": name, "queue": chosen}


def _people(chart: Chart) -> Sequence[Mapping[str, Any]]:
    """Returns inpatients of wards that have residents."""
    found: list[Mapping[str, Any]] = []
    for mrn in chart.profiles()[:_MOST]:
        person = inpatient(chart, mrn)
        if person is None:
            continue
        stay = next(chart.search("Encounter", _id=person.encounter.split("/")[1]), {})
        service = str(stay.get("serviceType", {}).get("text", ""))
        if service not in _SERVICES:
            continue
        newest = chart.latest(mrn, "8867-4")
        old = newest is None or (chart.now - newest.moment).total_seconds() > 1800
        lungs = any(word in problems(chart, mrn) for word in ("obstructive pulmonary", "copd", "respiratory failure"))
        home = any(each.subject == "home_oxygen" for each in chart.facts(mrn))
        found.append(
            {
                "mrn": mrn,
                "encounter": person.encounter,
                "attending": person.attending,
                "nurse": person.nurse,
                "female": person.female,
                "service": service,
                "signs": old and not lungs and not home,
                "drugs": sorted({each.split()[0] for each in active_drugs(chart, mrn).values()} & set(_ASKED_ABOUT)),
            }
        )
    return found


_ASKED_ABOUT: Final = ("enoxaparin", "gabapentin", "vancomycin", "levetiracetam", "famotidine", "metformin", "cefepime")
"""Drugs whose doses depend on the kidneys."""


def _staff(chart: Chart) -> Mapping[str, Mapping[str, list[tuple[str, str]]]]:
    """Returns the people of the hospital by role and specialty."""
    found: dict[str, dict[str, list[tuple[str, str]]]] = {}
    for role in chart.search("PractitionerRole", _count="500"):
        who = (role["practitioner"]["reference"], role["practitioner"]["display"])
        specialty = role.get("specialty", [{}])[0].get("text", "")
        found.setdefault(role["code"][0].get("text", ""), {}).setdefault(specialty, []).append(who)
    return found


def _told(slot: str, rng: random.Random) -> dict[str, Any]:
    return {"end": slot, "matter": rng.choice([matter for matter, end in END.items() if end == slot])}


def _signs(slot: str, rng: random.Random) -> dict[str, Any]:
    """Draws signs that have the end of a slot, for its reason alone."""
    while True:
        oxygen = "oxygen" in slot or rng.random() < 0.25
        signs = {
            "breathing": rng.randint(12, 20),
            "saturation": rng.randint(96, 99),
            "systolic": rng.randint(112, 150),
            "pulse": rng.randint(60, 89),
            "temperature": round(rng.uniform(36.4, 37.6), 1),
        }
        worse = {
            "breathing": rng.randint(21, 24),
            "saturation": rng.randint(92, 95),
            "systolic": rng.randint(94, 109),
            "pulse": rng.randint(93, 126),
            "temperature": round(rng.uniform(38.2, 39.0), 1),
        }
        for name in rng.sample(list(worse), rng.randint(1, 5)):
            signs[name] = worse[name]
        if slot == "rapid_limit":
            signs.update(rng.choice(({"systolic": rng.randint(80, 88)}, {"pulse": rng.randint(132, 145)})))
        elif slot == "resident_single":
            signs.update(rng.choice(({"breathing": rng.randint(25, 29)}, {"saturation": rng.choice((90, 91))})))
        if _fits(slot, signs, oxygen):
            return {"end": by_signs(signs, oxygen), "matter": "signs", "signs": signs, "oxygen": oxygen}


def _fits(slot: str, signs: Mapping[str, float], oxygen: bool) -> bool:
    end, (score, most) = by_signs(signs, oxygen), news2(signs, oxygen)
    without = by_signs(signs, False)
    match slot:
        case "quiet":
            return end == "quiet" and 1 <= score <= 4
        case "rapid_score":
            return score >= 7 and most < 3 and without == "rapid"
        case "rapid_limit":
            return end == "rapid" and score <= 5
        case "rapid_oxygen":
            return end == "rapid" and most < 3 and without != "rapid"
        case "resident_single":
            return end == "resident" and score <= 4
        case "resident_oxygen":
            return end == "resident" and most < 3 and without == "quiet"
        case _:
            return end == "resident" and most < 3


def _message(
    person: Mapping[str, Any],
    message: Mapping[str, Any],
    staff: Mapping[str, Mapping[str, list[tuple[str, str]]]],
    rng: random.Random,
) -> dict[str, Any]:
    """Returns a message as a case keeps it: its words, and who is right for it."""
    she = person["female"]
    drug = rng.choice(person["drugs"]) if person["drugs"] else "the antibiotic"
    words = rng.choice(TEXTS[message["matter"]]).format(
        he="she" if she else "he",
        He="She" if she else "He",
        him="her" if she else "him",
        his="her" if she else "his",
        oxygen=f"{rng.choice((1, 2, 3))} liters by cannula" if message.get("oxygen") else "on room air",
        low=rng.randint(45, 80),
        sugar=rng.randint(41, 52),
        critical=f"{rng.uniform(2.3, 2.7):.1f}",
        mild=f"{rng.uniform(3.5, 3.9):.1f}",
        drug=drug,
    )
    residents = [who for who, _ in staff.get("Resident", {}).get(person["service"], ())]
    to = {
        "rapid": residents,
        "resident": residents,
        "attending": [person["attending"]],
        "pharmacist": [who for group in staff.get("Pharmacist", {}).values() for who, _ in group],
        "social": [who for group in staff.get("Social worker", {}).values() for who, _ in group],
        "morning": [*residents, person["attending"]],
        "quiet": [],
    }[message["end"]]
    kept = {name: person[name] for name in ("mrn", "encounter", "attending", "nurse")}
    return {
        **kept,
        **message,
        "words": f"{rng.choice(TONES)}{words}",
        "to": to,
        "minutes": rng.randint(4, 24),
        "urgent": rng.random() < 0.3,
    }
