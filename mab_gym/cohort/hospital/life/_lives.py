"""People's lives: background, diseases, visits, treatment, prevention and death; the first step of the living hospital.

Each person comes from random streams of its own, so that any part of a cohort can be made alone. Those who lie in the
hospital now are found by choosing people and moments: candidates are drawn and kept by the hazard of the illness that
they are to have (`_found`), and the illness is placed so that the stay goes on now.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from mab_gym.cohort._spec import DAY, HOUR
from mab_gym.cohort._streams import stream
from mab_gym.cohort.hospital._catalogue import CONDITIONS
from mab_gym.cohort.hospital._history import NOW, RECORDS_FROM, History, Operation, Staff
from mab_gym.cohort.hospital._spec import HospitalSpec
from mab_gym.cohort.hospital.life._allergies import draw_allergies, place_allergies
from mab_gym.cohort.hospital.life._background import Background, ages_by, draw_background, first_of_age
from mab_gym.cohort.hospital.life._builder import Life, wards_of
from mab_gym.cohort.hospital.life._chance import YEAR, Chance
from mab_gym.cohort.hospital.life._diseases import Course, draw_courses
from mab_gym.cohort.hospital.life._fate import Episode, Fate, draw_fate, factor_at
from mab_gym.cohort.hospital.life._kidneys import baseline_egfr
from mab_gym.cohort.hospital.life._operations import allowed
from mab_gym.cohort.hospital.life._people import complete
from mab_gym.cohort.hospital.life._pregnancy import Pregnancy, draw_pregnancies
from mab_gym.cohort.hospital.life._prevention import add_vaccinations
from mab_gym.cohort.hospital.life._tables import ACUTE, SLOTS, Acute, Slot
from mab_gym.cohort.hospital.life._treatment import finish_orders
from mab_gym.cohort.hospital.life._visits import OPERATED, TAKEN_OUT, live

LIFE, DETAILS, VISITS, ORDER = 101, 102, 103, 104
"""Numbers of random streams."""
_TRIES: Final = 200_000
_MILLION: Final = 1_000_000


def draw_lives(spec: HospitalSpec, staff: Staff, first: int, last: int) -> list[History]:
    """Draws the lives of people ``first`` to ``last - 1``, up to their operations.

    Args:
        spec: The hospital.
        staff: Who works there, from `_staff.draw_staff`.
        first: Number of the first.
        last: Number after the last.
    """
    return [_draw(spec, staff, number) for number in range(first, last)]


def rank_of(spec: HospitalSpec, number: int) -> int | None:
    """Returns the place of a person among those who lie here now, who are spread evenly; None if not one of them."""
    share = round(spec.inpatients * _MILLION)
    before, after = number * share // _MILLION, (number + 1) * share // _MILLION
    return before if after > before else None


@lru_cache(maxsize=4096)
def _order(spec: HospitalSpec, cycle: int) -> tuple[int, ...]:
    """Returns the slots of ``inpatients.csv`` in the order in which a cycle fills them."""
    return tuple(stream(spec.entropy, ORDER, cycle).permutation(len(SLOTS)).tolist())


def slot_of(spec: HospitalSpec, rank: int) -> tuple[Slot, int]:
    """Returns the slot that somebody who lies here fills, and the place of the bed among those of the service."""
    cycle, place = divmod(rank, len(SLOTS))
    at = _order(spec, cycle)[place]
    slot = SLOTS[at]
    same = [number for number, other in enumerate(SLOTS) if other.service == slot.service]
    return slot, cycle * len(same) + same.index(at)


def _draw(spec: HospitalSpec, staff: Staff, number: int) -> History:
    rank = rank_of(spec, number)
    lasting = None
    if rank is None:
        chance = Chance(spec.entropy, LIFE, number)
        background = draw_background(chance)
        fate = draw_fate(chance, background)
    else:
        background, fate, lasting = _found(spec, number, rank)
    chance = Chance(spec.entropy, VISITS, number)
    pregnancies = draw_pregnancies(chance, background, fate.died if fate.died is not None else NOW)
    if lasting is not None and pregnancies and pregnancies[-1].ends * DAY > NOW - 120 * DAY:
        pregnancies.pop()
    person = complete(spec, staff, Chance(spec.entropy, DETAILS, number), number, background, fate, pregnancies)
    person.died = fate.died
    life = Life(spec, staff, wards_of(spec), chance, background, fate, History(person))
    if lasting is not None and rank is not None:
        life.sure = frozenset((*slot_of(spec, rank)[0].needs, *lasting.acute.needs))
    _problems(life)
    if lasting is not None and lasting.acute.key in TAKEN_OUT:
        life.done[TAKEN_OUT[lasting.acute.key]] = 99  # it is still there
    _past_operations(life, pregnancies)
    allergies = draw_allergies(life)
    live(life, pregnancies, lasting)
    person.died, person.cause = fate.died, fate.cause
    place_allergies(life, allergies)
    add_vaccinations(life)
    _close(life)
    return life.history


def _found(spec: HospitalSpec, number: int, rank: int) -> tuple[Background, Fate, Episode]:
    """Finds somebody who lies here now for a slot's reason, among people drawn one after another.

    Candidates come from the population in proportion to the illness's hazard at their age and sex; they are kept in
    proportion to what their diseases make of it. Who has died or was in hospital within the last weeks is not.
    """
    slot, bed = slot_of(spec, rank)
    beds = wards_of(spec).beds[slot.service]
    acute = _acute(slot.key)
    pairs, bounds = _ages(slot.key)
    given = frozenset(needs[0] for needs in (slot.needs, acute.needs) if len(needs) == 1)
    chance = Chance(spec.entropy, LIFE, number)
    for _ in range(_TRIES):
        background = draw_background(chance, pairs[chance.weighted(bounds)])
        courses = draw_courses(chance, background, given)
        if courses is None:
            continue
        moment = NOW - int(chance.between(slot.low, slot.high) * HOUR)
        if not _fits(slot, acute, background, courses, moment):
            continue
        if not chance.hit(factor_at(background, acute, courses, moment) / _CAP):
            continue
        fate = draw_fate(chance, background, courses)
        recent = any(episode.setting == 3 and episode.moment > NOW - 45 * DAY for episode in fate.episodes)
        if fate.died is not None or recent:
            continue
        fate.episodes = [episode for episode in fate.episodes if episode.moment < moment - 4 * DAY]
        leads = tuple(key for key in slot.leads if not _excluded(key, fate, moment))
        severity = 0.2 + 0.6 * chance.next()
        if slot.service == "intensive":
            severity = 0.6 + 0.35 * chance.next()
        lasting = Episode(
            acute, moment, 3, severity, 0.0, False, leads, slot.service, True, slot.tag, beds[bed % len(beds)]
        )
        return background, fate, lasting
    raise AssertionError(f"nobody is found for {slot.key}")


def _acute(key: str) -> Acute:
    return ACUTE[key] if key in ACUTE else _SURGERY[key]


@lru_cache(maxsize=64)
def _ages(key: str) -> tuple[list[tuple[int, bool]], tuple[float, ...]]:
    return ages_by(_acute(key).table)


_CAP: Final = 4.0
"""Ratio of hazards from which on a candidate is always kept."""
_SURGERY: Final = {
    "osteoarthritis": Acute("osteoarthritis", (0.0, 0.2, 3.0, 3.0), needs=("osteoarthritis",), ward="surgery"),
    "colon_cancer": Acute("colon_cancer", (0.1, 0.6, 2.0, 3.0), 1.2, needs=("colon_cancer",), ward="surgery"),
}  # fmt: skip
"""Planned operations, as illnesses with a hazard by age."""
_BLEEDERS: Final = frozenset({"cirrhosis", "esrd"})


def _fits(slot: Slot, acute: Acute, background: Background, courses: dict[str, Course], moment: int) -> bool:
    """Tells if somebody has what a slot asks for, and none of what would make it useless."""
    fate = Fate(courses)
    if slot.needs and not any(fate.has(key, moment - 30 * DAY) for key in slot.needs):
        return False
    if first_of_age(background) > moment - 400 * DAY:
        return False
    if "B" in slot.tag and _BLEEDERS & courses.keys():
        return False
    if "A" in slot.tag and fate.has("esrd", moment):
        return False
    if background.age(NOW) < acute.condition.least_age + 1:
        return False
    if slot.key in OPERATED and not (fate.has(slot.key, moment) and courses[slot.key].severity > 0.3):
        return False
    return "dementia" not in courses or slot.key not in OPERATED


def _excluded(key: str, fate: Fate, moment: int) -> bool:
    return key in ("hypokalemia", "kidney_injury") and fate.has("esrd", moment)


def _problems(life: Life) -> None:
    """Writes the chronic diseases as problems; those from before the records are known already, mostly."""
    begin = first_of_age(life.background)
    chance = life.chance
    limit = life.fate.died if life.fate.died is not None else NOW
    courses = sorted(life.fate.courses.items(), key=lambda item: item[1].onset)
    for key, course in courses:
        if course.onset >= limit:
            continue
        place = life.add_problem(key, course.onset, None, None, round(course.severity, 3), True)
        problem = life.history.problems[place]
        problem.abated = course.end if course.end is not None and course.end < limit else None
        life.places[key] = place
        condition = CONDITIONS[key]
        found = course.onset + int(condition.lag_years * chance.waits() * YEAR)
        if (
            found < begin
            and (problem.abated is None or problem.abated > found)
            and (chance.hit(condition.recorded) or key in life.sure)
        ):
            problem.known = found


def _past_operations(life: Life, pregnancies: list[Pregnancy]) -> None:
    """Adds operations from before the records, which people tell of."""
    chance, background = life.chance, life.background
    begin = RECORDS_FROM
    age = background.age(begin)

    def add(key: str, low: float, high: float) -> None:
        if age < low + 1 or not allowed(life, key):
            return
        moment = background.birth + int(chance.between(low, min(high, age - 0.5)) * YEAR)
        start = moment // DAY * DAY + 15 * HOUR
        life.done[key] = life.done.get(key, 0) + 1
        life.history.operations.append(Operation(key, start, start + HOUR, None, None, None))

    if chance.hit(0.07):
        add("appendectomy", 8, 40)
    gallstones = life.fate.courses.get("gallstones")
    if gallstones is not None and gallstones.onset < begin - YEAR and chance.hit(0.4):
        add("cholecystectomy", max(18.0, background.age(gallstones.onset)), 75)
    if not background.female and chance.hit(0.1):
        add("hernia_repair", 25, 70)
    last = max((one.ends for one in pregnancies), default=0) * DAY
    if background.female and age > 42 and chance.hit(min(0.3, (age - 38) * 0.012)) and last < begin:
        add("hysterectomy", max(36.0, background.age(last) + 1 if last else 36.0), 62)
    if background.female and pregnancies and last < begin and chance.hit(0.2):
        add("tubal_ligation", max(24.0, background.age(last)), max(25.0, background.age(last)) + 4)
    for one in pregnancies:
        if one.caesarean and (one.ends + 1) * DAY < begin:
            start = one.ends * DAY + 15 * HOUR
            life.done["caesarean"] = life.done.get("caesarean", 0) + 1
            life.history.operations.append(Operation("caesarean", start, start + HOUR, None, None, None))
    arthritis = life.fate.courses.get("osteoarthritis")
    if arthritis is not None and arthritis.onset < begin - 4 * YEAR and arthritis.severity > 0.5 and chance.hit(0.2):
        add("knee_replacement", max(48.0, background.age(arthritis.onset) + 2), 84)
    coronary = life.fate.courses.get("coronary")
    if coronary is not None and coronary.onset < begin - YEAR:
        if chance.hit(0.35):
            add("coronary_stent", background.age(coronary.onset), 90)
        elif chance.hit(0.2):
            add("coronary_bypass", background.age(coronary.onset), 85)
    if "mechanical_valve" in life.fate.courses:
        valve = life.fate.courses["mechanical_valve"]
        if valve.onset < begin:
            life.done["valve_replacement"] = 1
            life.history.operations.append(
                Operation(
                    "valve_replacement",
                    valve.onset,
                    valve.onset + 4 * HOUR,
                    None,
                    None,
                    None,
                    "Bileaflet mechanical valve.",
                )
            )
    life.history.operations.sort(key=lambda one: one.start)


def _close(life: Life) -> None:
    """Ends everything at death or now, and puts operations and problems in order of what is known."""
    died = life.person.died
    end = NOW if died is None else died
    finish_orders(life, end)
    for problem in life.history.problems:
        if problem.abated is not None and problem.abated > end:
            problem.abated = None
        # Death in hospital may come some hours sooner than it was due. Nobody knows of a disease that began in these.
        problem.onset = min(problem.onset, end)
    life.history.operations.sort(key=lambda one: one.start)


__all__ = ["baseline_egfr", "draw_lives", "rank_of", "slot_of"]
