"""What a cohort shall be: its size, its seed, and the time at which its story stands still."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from mab_gym.errors import UsageError

NOW: Final = int(datetime(2023, 11, 13, 10, 15, tzinfo=UTC).timestamp())
"""The benchmark's present, 2023-11-13T10:15:00+00:00, as seconds since 1970-01-01T00:00:00Z."""

FIRST: Final = int(datetime(2018, 11, 13, 10, 15, tzinfo=UTC).timestamp())
"""Nothing in a chart is recorded earlier than this, five years before `NOW`."""

MINUTE: Final = 60
HOUR: Final = 3600
DAY: Final = 86400

LEAST_OBSERVATIONS: Final = 300
"""Every profile has at least as many observations."""

SHARES: Final = 4
"""How many cohorts can exist side by side without sharing a name or an MRN (see `CohortSpec.share`)."""


@dataclass(frozen=True, slots=True)
class CohortSpec:
    """A cohort to generate; equal specs give equal bytes.

    Attributes:
        name: What to call it; it also decides which people are drawn (see `share`).
        seed: Start of all random streams, 0 to 2**32 - 1.
        patients: People with a chart ("profiles").
        background_patients: Further Patient resources with demographics alone.
        observations: Observation resources over all profiles.
        procedures: Procedure resources over all profiles.
        conditions: Condition resources over all profiles.
        medication_requests: MedicationRequest resources over all profiles.

    Raises:
        UsageError: A number is out of range.
    """

    name: str
    seed: int
    patients: int = 100
    background_patients: int = 595
    observations: int = 563_426
    procedures: int = 124_969
    conditions: int = 74_821
    medication_requests: int = 21_991

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 1 << 32:
            raise UsageError(f"a cohort's seed lies between 0 and 2**32 - 1, not at {self.seed}")
        if self.patients < 1 or self.background_patients < 0:
            raise UsageError("a cohort has at least one patient and no negative number of background patients")
        if self.patients + self.background_patients > 1_000_000:
            raise UsageError("a cohort has at most a million people: seven-digit MRNs hold no more side by side")
        if self.observations < LEAST_OBSERVATIONS * self.patients:
            raise UsageError(f"a cohort has at least {LEAST_OBSERVATIONS} observations for each patient")
        if min(self.procedures, self.conditions, self.medication_requests) < 5 * self.patients:
            raise UsageError("a cohort has at least five procedures, conditions and medication requests a patient")

    @property
    def share(self) -> int:
        """Which of the `SHARES` disjoint parts of all possible names and MRNs this cohort draws from.

        Test (the canonical people), training and validation have one each for themselves, whatever the seeds are:
        whoever trains on one has met nobody of the others. Larger cohorts of a split, as in ``train-10000-7``, draw
        from its part, but for the canonical one, which is the test set and stays alone. All other names share the last.
        """
        if self.name == "canonical":
            return 0
        return {"train": 1, "validation": 2}.get(self.name.partition("-")[0], SHARES - 1)

    @property
    def entropy(self) -> int:
        """What the random streams begin with: two splits with the same seed must not have the same charts."""
        return zlib.crc32(f"{self.share}/{self.seed}".encode()) if self.share else self.seed


CANONICAL: Final = CohortSpec("canonical", seed=20231113)
"""The cohort that the frozen cases belong to."""

TRAIN: Final = CohortSpec("train", seed=20181113)
"""A cohort of the same size in which nobody of the canonical cohort occurs."""

VALIDATION: Final = CohortSpec("validation", seed=20211113)
"""A third one, to choose between training runs: nobody of the other two occurs in it."""


def scaled(patients: int, of: CohortSpec = CANONICAL, seed: int | None = None) -> CohortSpec:
    """A smaller or larger cohort with as many records a person, and people of its own (see `CohortSpec.share`).

    Args:
        patients: How many profiles; background patients and records are in proportion, rounded down.
        of: The cohort whose proportions it takes over.
        seed: Its seed; that of ``of`` where None.
    """
    chosen = of.seed if seed is None else seed

    def part(count: int) -> int:
        return count * patients // of.patients

    return CohortSpec(
        name=f"{of.name}-{patients}-{chosen}",
        seed=chosen,
        patients=patients,
        background_patients=part(of.background_patients),
        observations=part(of.observations),
        procedures=part(of.procedures),
        conditions=part(of.conditions),
        medication_requests=part(of.medication_requests),
    )


@dataclass(frozen=True, slots=True)
class LayeredSpec:
    """A cohort over another one; equal specs give equal bytes.

    Attributes:
        name: What to call it.
        seed: Start of the random streams of what is laid on top.
        base: The cohort below.
        version: Raised whenever what is dealt changes, so that old archives are not taken for new.
    """

    name: str
    seed: int
    base: CohortSpec
    version: int = 2


BEYOND: Final = LayeredSpec("beyond", seed=11, base=CANONICAL)
"""The cohort of the families beyond MedAgentBench's ten."""

BEYOND_TRAIN: Final = LayeredSpec("beyond-train", seed=12, base=TRAIN)
"""The same for training: nobody of `BEYOND` occurs in it."""


@dataclass(frozen=True, slots=True)
class ReducedSpec:
    """The people of a cohort with the ends of their charts alone, for servers that take long to load.

    Attributes:
        name: What to call it.
        base: The cohort that it is taken from. Everybody of it is there, under the same ids.
        newest: How many of each person's newest results of each kind are kept.
        hours: Every result of so many hours before `NOW` is kept, too.
        others: How many of each person's last Procedures, Conditions and MedicationRequests are kept.
        version: Of the recipe.
    """

    name: str
    base: CohortSpec
    newest: int = 2
    hours: int = 26
    others: int = 3
    version: int = 1


REDUCED: Final = ReducedSpec("reduced", base=CANONICAL)
"""The canonical people with short charts: every frozen case has the same answer as on the whole (tested)."""
