"""Lives one by one: made alone or together, and those who lie in the hospital now."""

from __future__ import annotations

from functools import lru_cache

import pytest

from mab_gym.cohort.hospital._catalogue import DRUGS
from mab_gym.cohort.hospital._history import NOW, History, Visit
from mab_gym.cohort.hospital._spec import HOSPITAL, HospitalSpec
from mab_gym.cohort.hospital._staff import draw_staff
from mab_gym.cohort.hospital.life._kidneys import baseline_egfr
from mab_gym.cohort.hospital.life._lives import draw_lives, rank_of, slot_of
from mab_gym.cohort.hospital.life._tables import SLOTS
from tests.cohort.hospital import impossible

HOUR = 3_600
ENOUGH = 22
"""As many current inpatients have to fit each of three families of casework."""


@lru_cache(maxsize=1)
def lives() -> list[History]:
    return draw_lives(HOSPITAL, draw_staff(HOSPITAL), 0, HOSPITAL.people)


def lying() -> list[tuple[History, Visit]]:
    return [(life, visit) for life in lives() for visit in life.visits if visit.end is None]


def about(life: History, visit: Visit) -> set[str]:
    return {life.problems[place].key for place in visit.problems}


def running(life: History) -> set[str]:
    return {order.drug for order in life.prescriptions if order.inpatient and order.end is None}


def test_somebody_alone_is_the_same_as_among_others() -> None:
    staff = draw_staff(HOSPITAL)
    parts = ("person", "problems", "visits", "prescriptions", "allergies", "vaccinations", "operations")
    for number in (0, 1, 77, 199):
        (alone,) = draw_lives(HOSPITAL, staff, number, number + 1)
        for part in parts:
            assert getattr(alone, part) == getattr(lives()[number], part)


def test_other_seeds_and_splits_have_other_people() -> None:
    specs = [HospitalSpec(name, seed, 6) for name, seed in (("hospital", 1), ("hospital", 2), ("hospital-train", 1))]
    drawn = [draw_lives(spec, draw_staff(spec), 0, 6) for spec in specs]
    births = [[life.person.born for life in each] for each in drawn]
    assert births[0] != births[1] != births[2] != births[0]


def test_record_numbers_are_unlike_and_in_no_order() -> None:
    numbers = [life.person.mrn for life in lives()]
    assert len(set(numbers)) == len(numbers)
    assert numbers != sorted(numbers)


@pytest.mark.parametrize("name", [finder.__name__ for finder in impossible.ALL])
def test_nothing_is_there_that_cannot_be(name: str) -> None:
    finder = getattr(impossible, name)
    staff = draw_staff(HOSPITAL)
    assert not [(life.person.number, place) for life in lives() for place in finder(life, staff)]


@pytest.mark.parametrize(
    ("seed", "number"),
    [
        (1, 2523),  # potassium low in a stay, and still high by one before
        (2, 7299),  # a sixth birth by caesarean
        (2, 9628),  # a visit booked for the day after a death in hospital
        (4, 2946),  # endometriosis, and a child later
        (3, 318),
        (5, 8815),
        (6, 5875),
        (15, 8314),  # a smear that was booked before the womb was taken out
        (13, 7722),  # kidneys that come to a worse stage half an hour after an admission
        (18, 4339),  # a disease that would have begun some hours after death
    ],
)
def test_rare_lives_hold_nothing_that_cannot_be(seed: int, number: int) -> None:
    """People of other hospitals, one in ten thousand, in whom two parts of a life met that exclude each other."""
    spec = HospitalSpec("hospital-test", seed=seed, people=10_000, inpatients=0.0)
    staff = draw_staff(spec)
    (life,) = draw_lives(spec, staff, number, number + 1)
    assert not [(finder.__name__, place) for finder in impossible.ALL for place in finder(life, staff)]


def test_two_fifths_lie_here_now() -> None:
    assert len(lying()) == round(HOSPITAL.people * HOSPITAL.inpatients)
    for life, visit in lying():
        assert visit is life.visits[-1]
        assert visit.kind == "inpatient"
        assert 3 * HOUR <= NOW - visit.start <= 7 * 24 * HOUR
        assert visit.disposition == ""
        assert visit.problems


def test_nobody_lies_here_where_none_is_asked_for() -> None:
    spec = HospitalSpec("hospital-test", 5, 60, inpatients=0.0)
    assert all(visit.end is not None for life in draw_lives(spec, draw_staff(spec), 0, 60) for visit in life.visits)


def test_every_bed_holds_one() -> None:
    beds = [visit.bed for _, visit in lying()]
    assert None not in beds
    assert len(set(beds)) == len(beds)


def test_they_are_spread_evenly_and_fill_all_slots() -> None:
    ranks = [rank for number in range(HOSPITAL.people) if (rank := rank_of(HOSPITAL, number)) is not None]
    assert ranks == list(range(len(ranks)))
    filled = [slot_of(HOSPITAL, rank)[0] for rank in ranks[: len(SLOTS)]]
    assert sorted(map(str, filled)) == sorted(map(str, SLOTS))


def test_enough_lack_potassium_or_magnesium() -> None:
    found = [life for life, visit in lying() if {"hypokalemia", "hypomagnesemia"} & about(life, visit)]
    assert len(found) >= ENOUGH
    weak = [life for life in found if {"kidney_injury", "ckd3", "ckd4"} & {one.key for one in life.problems}]
    assert len(weak) >= 5
    severities = [one.severity for life in found for one in life.problems if one.key == "hypokalemia"]
    assert min(severities) < 0.35
    assert max(severities) > 0.7
    for life in found:
        assert not any(DRUGS[drug].klass == "electrolyte" for drug in running(life))
        assert "esrd" not in {one.key for one in life.problems}


def test_enough_need_heparin_and_may_have_it() -> None:
    found = []
    for life, visit in lying():
        keys = about(life, visit)
        known = {one.key for one in life.problems if one.known is not None and one.abated is None}
        bridging = "fibrillation_rapid" in keys and "mechanical_valve" in known
        if {"pulmonary_embolism", "deep_vein_thrombosis", "infarction"} & keys or bridging:
            found.append(life)
            assert not {"gi_bleed", "cirrhosis", "esrd"} & known
            assert not any(DRUGS[drug].klass == "anticoagulant" for drug in running(life))
            assert not any(allergy.key == "heparin" for allergy in life.allergies)
    assert len(found) >= ENOUGH


def test_enough_have_diabetes_without_a_basal_dose_yet() -> None:
    found = []
    for life, _ in lying():
        known = {one.key for one in life.problems if one.known is not None and one.abated is None}
        if {"type1_diabetes", "type2_diabetes"} & known:
            found.append(life)
    assert len(found) >= ENOUGH + 4
    bare = [life for life in found if not {"insulin_glargine", "insulin_lispro", "insulin_regular_iv"} & running(life)]
    assert len(bare) >= ENOUGH - 2


def test_kidneys_follow_the_stage_that_is_told() -> None:
    for life in lives():
        stages = {one.key for one in life.problems if one.key in ("ckd3", "ckd4", "esrd") and one.abated is None}
        found = baseline_egfr(life.person, life.problems, NOW if life.person.died is None else life.person.died - 1)
        if "esrd" in stages:
            assert found < 15
        elif "ckd4" in stages:
            assert 15 <= found < 30
        elif "ckd3" in stages:
            assert 30 <= found < 60
        else:
            assert found >= 60
