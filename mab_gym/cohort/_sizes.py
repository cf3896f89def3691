"""Cohorts of other sizes and seeds, and the room that a large one needs."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from mab_gym.cohort._locate import CACHE_VARIABLE, NAMED, Spec, archive_path, cache_folder, named_spec
from mab_gym.cohort._spec import CohortSpec, scaled
from mab_gym.cohort.hospital._spec import HospitalSpec
from mab_gym.errors import UsageError
from mab_gym.fhir.store._archive import check_place

_BYTES_A_PERSON, _MEMORY_A_PERSON, _SECONDS_A_PERSON = 300_000, 620_000, 0.0065
"""Measured with 100 to 10,000 people."""
_HOSPITAL_BYTES, _HOSPITAL_MEMORY, _HOSPITAL_SECONDS = 310_000, 500_000, 0.06
"""The same of a living hospital, measured with 200 to 2,000 people."""


@dataclass(frozen=True, slots=True)
class Needs:
    """An estimate of what it takes to build a cohort.

    Attributes:
        disk: The size of the archive, in bytes.
        memory: The memory while it is built, in bytes.
        seconds: The time, in seconds.
    """

    disk: int
    memory: int
    seconds: float


def varied_spec(cohort: str, patients: int | None = None, seed: int | None = None) -> Spec:
    """Returns the specification of a cohort, with another number of people or another seed.

    Args:
        cohort: The cohort's name.
        patients: The number of people with a chart; None for the cohort's own.
        seed: The seed; None for the cohort's own.

    Raises:
        UsageError: There is no such cohort, or it cannot be varied.
    """
    spec = named_spec(cohort)
    if patients is None and seed is None:
        return spec
    if cohort in NAMED and isinstance(spec, HospitalSpec):
        return spec.scaled(spec.people if patients is None else patients, seed)
    if cohort not in NAMED or not isinstance(spec, CohortSpec):
        able = ", ".join(name for name, one in NAMED.items() if isinstance(one, CohortSpec | HospitalSpec))
        raise UsageError(f"patients and seed make other cohorts of {able}, not of {cohort}")
    return scaled(spec.patients if patients is None else patients, spec, seed)


def people_of(spec: Spec) -> int:
    """Returns the number of people with a chart of a cohort that can be varied; 0 for others."""
    if isinstance(spec, HospitalSpec):
        return spec.people
    return spec.patients if isinstance(spec, CohortSpec) else 0


def check_room(spec: Spec) -> Needs:
    """Estimates what it takes to build a cohort, and checks that the cache folder's disk has room for it.

    Raises:
        UsageError: The disk has too little room.
        ArchiveError: The cache folder cannot be written to.
    """
    people = people_of(spec)
    each = (_BYTES_A_PERSON, _MEMORY_A_PERSON, _SECONDS_A_PERSON)
    if isinstance(spec, HospitalSpec):
        each = (_HOSPITAL_BYTES, _HOSPITAL_MEMORY, _HOSPITAL_SECONDS)
    needs = Needs(people * each[0], people * each[1], people * each[2])
    folder = cache_folder()
    check_place(archive_path(spec))
    free = shutil.disk_usage(folder).free
    if free < needs.disk:
        raise UsageError(
            f"{people:,} people take some {needs.disk / 1e9:.1f} GB, and {folder} has {free / 1e9:.1f} GB left; "
            f"{CACHE_VARIABLE} names another folder"
        )
    return needs
