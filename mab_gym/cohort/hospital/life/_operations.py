"""Procedures that are planned: screenings of the well, and operations that a disease leads to, within limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mab_gym.cohort._spec import DAY
from mab_gym.cohort.hospital._catalogue import PROCEDURES
from mab_gym.cohort.hospital._history import Operation
from mab_gym.cohort.hospital.life._builder import Life
from mab_gym.cohort.hospital.life._chance import YEAR, sums

_COLON_FROM_45: Final = 1_621_324_800
"""USPSTF lowered the age for colorectal screening from 50 to 45 years on 2021-05-18 (JAMA 2021;325:1965-77)."""
_LUNG_FROM_50: Final = 1_615_248_000
"""USPSTF lowered age and pack-years for lung screening on 2021-03-09 (JAMA 2021;325:962-70)."""
_FINDINGS: Final = {
    key: (tuple(procedure.findings), sums(list(procedure.findings.values())))
    for key, procedure in PROCEDURES.items()
    if procedure.findings
}
_PLANS: Final = {
    # condition: procedure, yearly hazard or chance, least severity, fewest and most days after the diagnosis
    "osteoarthritis": (("knee_replacement", 0.34, 0.45, 300, 3200), ("joint_injection", 0.3, 0.3, 30, 1400)),
    "hip_osteoarthritis": (("hip_replacement", 0.55, 0.4, 200, 2600),),
    "cataract": (("cataract_surgery", 0.6, 0.2, 60, 1500),),
    "prostate_cancer": (("prostate_biopsy", 0.97, 0.0, 5, 20), ("radiotherapy", 0.35, 0.3, 60, 120)),
    "breast_cancer": (
        ("lumpectomy", 0.85, 0.0, 14, 40), ("radiotherapy", 0.5, 0.2, 80, 130), ("chemotherapy", 0.35, 0.4, 50, 70),
    ),
    "colon_cancer": (("colectomy", 0.85, 0.0, 12, 40), ("chemotherapy", 0.45, 0.4, 60, 80)),
    "lung_cancer": (("lung_biopsy", 0.9, 0.0, 4, 14), ("chemotherapy", 0.6, 0.2, 25, 45)),
    "aortic_stenosis": (("valve_replacement", 0.5, 0.55, 100, 1500),),
    "gallstones": (("cholecystectomy", 0.3, 0.3, 30, 900),),
    "fibrillation": (
        ("ablation", 0.12, 0.4, 200, 1600), ("cardioversion", 0.2, 0.3, 30, 700), ("pacemaker", 0.05, 0.6, 300, 2200),
    ),
    "coronary": (("angiography", 0.35, 0.3, 10, 60), ("coronary_bypass", 0.07, 0.6, 40, 200)),
    "endometriosis": (("hysterectomy", 0.12, 0.5, 900, 3000),),
    "prostate_hyperplasia": (("prostate_resection", 0.07, 0.5, 300, 2500),),
    "ckd4": (("fistula", 0.35, 0.4, 60, 700), ("kidney_biopsy", 0.08, 0.2, 30, 120)),
    "reflux": (("gastroscopy", 0.18, 0.3, 30, 500),),
    "iron_anemia": (("colonoscopy", 0.3, 0.2, 20, 90), ("gastroscopy", 0.3, 0.3, 20, 90)),
    "copd": (("spirometry", 0.6, 0.0, 7, 60),),
    "asthma": (("spirometry", 0.35, 0.0, 7, 90),),
    "inguinal_hernia": (("hernia_repair", 0.75, 0.0, 20, 120),),
    "crohn": (("colonoscopy", 0.8, 0.0, 10, 50),),
    "ulcerative_colitis": (("colonoscopy", 0.85, 0.0, 10, 50),),
    "kidney_stones": (("stone_removal", 0.15, 0.4, 20, 200),),
    "peripheral_artery": (),
}  # fmt: skip
"""Operations by diagnosis; our estimate, fitted so that operations are as frequent as in HCUP's NIS and NASS."""
AGAIN: Final = {
    "knee_replacement": (0.33, 250, 1500),
    "hip_replacement": (0.25, 250, 1500),
    "cataract_surgery": (0.85, 14, 60),
}
"""The other side: chance, fewest and most days after the first."""
CYCLES: Final = 5
"""Cycles of chemotherapy, three weeks apart."""
_WITH_A_WOMB: Final = frozenset({"cervical_smear", "caesarean", "vaginal_delivery"})
"""Procedures that a hysterectomy rules out."""


def allowed(life: Life, key: str) -> bool:
    """Tells if a procedure can still be done to a body."""
    procedure = PROCEDURES[key]
    if procedure.only and (procedure.only == "F") != life.background.female:
        return False
    if key in _WITH_A_WOMB and "hysterectomy" in life.done:
        return False
    return not procedure.most or life.done.get(key, 0) < procedure.most


def operate(
    life: Life,
    key: str,
    start: int,
    visit: int | None,
    problem: int | None,
    practitioner: int | None,
    limit: int | None = None,
) -> Operation | None:
    """Adds a procedure, unless the body has had it as often as it can.

    Args:
        life: Whose.
        key: The procedure.
        start: When it begins.
        visit: The visit; None before the records.
        problem: What it is for; None for a screening.
        practitioner: Who does it.
        limit: The latest end, so that it lies within its visit.
    """
    if not allowed(life, key):
        return None
    procedure = PROCEDURES[key]
    end = start + int(procedure.minutes * (0.75 + 0.5 * life.chance.next())) * 60
    if limit is not None and end > limit:
        end = limit
        if end <= start:
            return None
    finding = ""
    if key in _FINDINGS:
        texts, bounds = _FINDINGS[key]
        finding = texts[life.chance.weighted(bounds)]
    life.done[key] = life.done.get(key, 0) + 1
    operation = Operation(key, start, end, visit, problem, practitioner, finding)
    life.history.operations.append(operation)
    return operation


def planned_after(life: Life, place: int, now: int, again: str = "", old: bool = False) -> Iterator[tuple[str, int]]:
    """Yields the procedures that a diagnosis leads to, with their days.

    Args:
        life: Whose.
        place: Place of the problem.
        now: When.
        again: A procedure that was done, for the other side.
        old: True if the diagnosis is from before the records: then those alone that can come late.
    """
    problem = life.history.problems[place]
    chance = life.chance
    if again:
        if again in AGAIN and allowed(life, again) and chance.hit(AGAIN[again][0]):
            yield again, now + chance.whole(*AGAIN[again][1:]) * DAY
        return
    for key, share, least, soonest, latest in _PLANS.get(problem.key, ()):
        if old and latest < 500:
            continue
        if problem.severity < least or not chance.hit(share):
            continue
        first = now + chance.whole(soonest, latest) * DAY
        yield key, first
        if key == "chemotherapy":
            for cycle in range(1, CYCLES):
                yield key, first + 21 * cycle * DAY


def screenings(life: Life, now: int) -> Iterator[tuple[str, int]]:
    """Yields the screenings that are due by the USPSTF's recommendations and agreed to, with the day of each.

    Shares agree with the BRFSS 2020 (CDC): mammography within two years in 76 % at 50 to 74, colorectal screening up to
    date in 72 % at 50 to 75, cervical in 78 % at 21 to 65.
    """
    age, chance, trust = life.age(now), life.chance, life.background.trust
    wait = chance.whole(10, 60) * DAY
    if (45 if now > _COLON_FROM_45 else 50) <= age < 76 and "colon_cancer" not in life.known:
        last = life.screened.get("colonoscopy", 0)
        if now - last > 10 * YEAR and trust > 0.26 and chance.hit(0.3):
            life.screened["colonoscopy"] = now
            yield "colonoscopy", now + wait
    if life.background.female:
        if (
            42 <= age < 75
            and now - life.screened.get("mammography", 0) > 1.4 * YEAR
            and chance.hit(0.12 if trust < 0.2 else 0.55)
        ):
            life.screened["mammography"] = now
            yield "mammography", now + wait
        if 21 <= age < 66 and "hysterectomy" not in life.done:
            interval = 3 if age < 30 else 4.5
            if now - life.screened.get("smear", 0) > interval * YEAR and chance.hit(0.05 if trust < 0.17 else 0.4):
                life.screened["smear"] = now
                yield "cervical_smear", now + wait
        if age >= 65 and "bone_density" not in life.screened and chance.hit(0.12 + 0.2 * trust):
            life.screened["bone_density"] = now
            yield "bone_density", now + wait
    person = life.background
    if person.smoked_from and (50 if now > _LUNG_FROM_50 else 55) <= age < 81:
        year = 1970 + now / YEAR
        stopped = person.smoked_until or year
        packs = (min(stopped, year) - person.smoked_from) * person.packs
        recent = now - life.screened.get("lung", 0) < YEAR
        if packs >= (20 if now > _LUNG_FROM_50 else 30) and year - stopped < 15 and not recent and chance.hit(0.07):
            life.screened["lung"] = now
            yield "lung_screening", now + wait
