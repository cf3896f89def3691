"""Allergies and intolerances: which, since when, and at which visit they were recorded or refuted."""

from __future__ import annotations

from mab_gym.cohort._spec import DAY, MINUTE
from mab_gym.cohort.hospital._catalogue import ALLERGENS, REACTIONS
from mab_gym.cohort.hospital._history import Allergy
from mab_gym.cohort.hospital.life._builder import Life
from mab_gym.cohort.hospital.life._chance import YEAR, sums

_BOUNDS = {key: (tuple(row.reactions), sums(list(row.reactions.values()))) for key, row in ALLERGENS.items()}


def draw_allergies(life: Life) -> list[Allergy]:
    """Draws what somebody does not bear; from the outset no doctor here orders it.

    The shares of ``allergens.csv`` are of all adults; they rise with age, for each year brings drugs.
    """
    chance, background = life.chance, life.background
    end = life.fate.died
    now = background.birth + int(background.age(end if end is not None else _LATE) * YEAR)
    age = background.age(now)
    ratio = 0.55 + 0.009 * min(80.0, age)
    found: list[Allergy] = []
    for key, row in ALLERGENS.items():
        drug = row.category == "medication"
        if chance.next() >= (row.women if background.female else row.men) * (ratio if drug else 1.0):
            continue
        names, bounds = _BOUNDS[key]
        reaction = names[chance.weighted(bounds)]
        severe = "severe" if chance.hit(REACTIONS[reaction].severe) else "moderate" if chance.hit(0.4) else "mild"
        intolerance = chance.hit(row.intolerance) and severe != "severe"
        onset = background.birth + int(age * chance.between(0.08, 0.85) * YEAR)
        criticality = "high" if severe == "severe" and not intolerance else "low"
        found.append(Allergy(key, onset, onset, reaction, severe, criticality, intolerance, None, None))
        life.forbidden.update(row.drugs)
    return found


_LATE = 1_731_416_400


def place_allergies(life: Life, allergies: list[Allergy]) -> None:
    """Records each at the first visit after it showed, and has a few refuted later; drops the unrecorded."""
    chance = life.chance
    seen = [(place, visit) for place, visit in enumerate(life.history.visits) if visit.kind in _KINDS]
    for allergy in allergies:
        first = next(((place, visit) for place, visit in seen if visit.start > allergy.onset), None)
        if first is None:
            continue
        place, visit = first
        allergy.visit, allergy.recorded = place, visit.start + 8 * MINUTE
        if allergy.key == "penicillin" and allergy.severe != "severe" and chance.hit(0.07):
            later = [
                other for other in seen if other[1].start > visit.start + 200 * DAY and other[1].kind == "ambulatory"
            ]
            if later:
                allergy.refuted = chance.one(later)[1].start + 15 * MINUTE
        life.history.allergies.append(allergy)


_KINDS = frozenset({"ambulatory", "emergency", "inpatient"})
