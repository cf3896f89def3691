"""The specification of a cohort: its size, its seed, and the time that is now in it."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from mab_gym.errors import UsageError

NOW: Final = int(datetime(2023, 11, 13, 10, 15, tzinfo=UTC).timestamp())
"""The benchmark's present, 2023-11-13T10:15:00+00:00, as seconds since 1970-01-01T00:00:00Z."""

FIRST: Final = int(datetime(2018, 11, 13, 10, 15, tzinfo=UTC).timestamp())
"""Nothing in a chart is recorded earlier than this, five years before `NOW`."""

Progress = Callable[[str, int, int], None]
"""Called with the name of a stage, how much of it is done, and how much there is to do."""

MINUTE: Final = 60
HOUR: Final = 3600
DAY: Final = 86400
"""In seconds, as all times are."""

HOUR_MINUTES: Final = 60
DAY_MINUTES: Final = 24 * HOUR_MINUTES
"""Ages of results are in minutes before `NOW`."""

LEAST: Final = 100
"""Fewer observations do not hold the presentations of a chart."""

LEAST_RECORDS: Final = 5
"""Every chart has so many procedures, conditions and medication requests."""

SHARES: Final = 4
"""The number of cohorts that can exist side by side without sharing a name or an MRN (see `CohortSpec.share`)."""


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
        least_observations: Observation resources that every profile has at least.
        bedside: How often vital signs and the like are charted, 1 for as often as the published cohort's are.
        spread: How much people differ in how much is recorded of them: standard deviation of its logarithm.

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
    least_observations: int = 300
    bedside: float = 1.0
    spread: float = 1.1

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 1 << 32:
            raise UsageError(f"a cohort's seed lies between 0 and 2**32 - 1, not at {self.seed}")
        if self.patients < 1 or self.background_patients < 0:
            raise UsageError("a cohort has at least one patient and no negative number of background patients")
        if self.patients + self.background_patients > 1_000_000:
            raise UsageError("a cohort has at most a million people: seven-digit MRNs hold no more side by side")
        if self.least_observations < LEAST:
            raise UsageError(f"a chart has at least {LEAST} observations")
        if self.observations < self.least_observations * self.patients:
            raise UsageError(f"this cohort has at least {self.least_observations} observations for each patient")
        if min(self.procedures, self.conditions, self.medication_requests) < LEAST_RECORDS * self.patients:
            raise UsageError("a cohort has at least five procedures, conditions and medication requests a patient")

    @property
    def share(self) -> int:
        """The number of the part of all names and MRNs from which this cohort draws, of `SHARES` disjoint ones.

        Test (the canonical people), training and validation have a part each, whatever the seeds are: an agent that
        trains on one has met nobody of the others. Larger cohorts of a split, as in ``train-10000-7``, draw from its
        part. The canonical cohort is the test set and stays alone. All other names share the last part.
        """
        if self.name == "canonical":
            return 0
        return {"train": 1, "validation": 2}.get(self.name.partition("-")[0], SHARES - 1)

    @property
    def entropy(self) -> int:
        """The seed of the random streams: two splits with the same seed must not have the same charts."""
        return zlib.crc32(f"{self.share}/{self.seed}".encode()) if self.share else self.seed


CANONICAL: Final = CohortSpec("canonical", seed=20231113)
"""The cohort that the frozen cases belong to."""

TRAIN: Final = CohortSpec(
    "train",
    seed=20181113,
    patients=11_000,
    background_patients=1_500,
    observations=11_000 * 700,
    procedures=11_000 * 40,
    conditions=11_000 * 32,
    medication_requests=11_000 * 14,
    bedside=0.15,
    spread=0.45,
)
"""A cohort of so many people that no agent learns them by heart; nobody of the canonical cohort occurs in it.

Each family has more than ten thousand different cases in it. A chart is shorter than a canonical one, mostly by
vital signs; it still has laboratory results for several pages.
"""

VALIDATION: Final = replace(TRAIN, name="validation", seed=20211113)
"""A third cohort, to choose between training runs: nobody of the other two occurs in it."""


def scaled(patients: int, of: CohortSpec = CANONICAL, seed: int | None = None) -> CohortSpec:
    """A smaller or larger cohort with as many records a person, and people of its own (see `CohortSpec.share`).

    Args:
        patients: How many profiles; background patients and records are in proportion, rounded down.
        of: The cohort whose proportions it takes over.
        seed: Its seed; that of ``of`` where None.
    """
    chosen = of.seed if seed is None else seed

    counts = ("background_patients", "observations", "procedures", "conditions", "medication_requests")
    parts = {name: getattr(of, name) * patients // of.patients for name in counts}
    return replace(of, name=f"{of.name}-{patients}-{chosen}", seed=chosen, patients=patients, **parts)


@dataclass(frozen=True, slots=True)
class LayeredSpec:
    """A cohort laid over another one; equal specs give equal bytes.

    Attributes:
        name: What to call it.
        seed: Start of the random streams of the added records.
        base: The cohort below.
        on_warfarin: Share of people who take warfarin, all of them for a reason.
        low_haemoglobin: Share of people who get a haemoglobin: those with the lowest of their own.
        version: Raised whenever the added records change, so that old archives are not taken for new.
    """

    name: str
    seed: int
    base: CohortSpec
    on_warfarin: float = 0.42
    low_haemoglobin: float = 0.55
    version: int = 2


BEYOND: Final = LayeredSpec("beyond", seed=11, base=CANONICAL)
"""The cohort of the families beyond MedAgentBench's ten."""

BEYOND_TRAIN: Final = LayeredSpec(
    "beyond-train",
    seed=12,
    base=CohortSpec(
        "train-below-beyond",
        seed=20181114,
        patients=15_000,
        background_patients=1_500,
        observations=15_000 * 250,
        procedures=15_000 * 14,
        conditions=15_000 * 14,
        medication_requests=15_000 * 8,
        least_observations=150,
        bedside=0.15,
        spread=0.5,
    ),
    on_warfarin=0.7,
    low_haemoglobin=0.7,
)
"""The training cohort of these families: nobody of `BEYOND` occurs in it, and each family has more than ten thousand
cases.

Only some people take warfarin, and only some bleed, so it takes many. A layer adds what these families ask for, so the
charts below may be shorter still.
"""


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
