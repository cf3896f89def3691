"""The specification of a living hospital: its size and seed, and the share of people who lie in it now."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import Final

from mab_gym.errors import UsageError


@dataclass(frozen=True, slots=True)
class HospitalSpec:
    """A living hospital to generate; equal specs give equal bytes.

    Attributes:
        name: What to call it; its first word decides which names and MRNs are drawn, so that splits share nobody.
        seed: Start of all random streams, 0 to 2**32 - 1.
        people: How many people it knows.
        inpatients: Share of them who lie in it at the moment that is now. They are found by choosing people and
            moments: a person with the history that leads there, and the moment of it. 0 gives the people as the
            population has them, which is what epidemiology is tested on.
        notes: False leaves the notes out, for measurements of the rest.
        version: Raised whenever the generator gives other records for the same spec.

    Raises:
        UsageError: A number is out of range.
    """

    name: str
    seed: int
    people: int = 200
    inpatients: float = 0.4
    notes: bool = True
    version: int = 4

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 1 << 32:
            raise UsageError(f"a cohort's seed lies between 0 and 2**32 - 1, not at {self.seed}")
        if not 1 <= self.people <= 200_000:
            raise UsageError(f"a hospital knows between 1 and 200,000 people, not {self.people}")
        if not 0 <= self.inpatients <= 1:
            raise UsageError(f"the share of inpatients lies between 0 and 1, not at {self.inpatients}")

    @property
    def share(self) -> int:
        """The number of the part of all names and MRNs from which this hospital draws: test, train, validation, others.

        MRNs begin with ``H``, so that nobody of the other cohorts has one of them.
        """
        if self.name == "hospital":
            return 0
        splits = ("hospital-train", "hospital-validation")
        return next((n for n, split in enumerate(splits, 1) if f"{self.name}-".startswith(f"{split}-")), 3)

    def scaled(self, people: int, seed: int | None = None) -> HospitalSpec:
        """Returns a smaller or larger hospital of the same split, with people of its own.

        Args:
            people: How many people it knows.
            seed: Its seed; None for this one's.
        """
        chosen = self.seed if seed is None else seed
        return replace(self, name=f"{self.name}-{people}-{chosen}", seed=chosen, people=people)

    @property
    def entropy(self) -> int:
        """The seed of the random streams: two splits with the same seed must not have the same people."""
        return zlib.crc32(f"hospital/{self.share}/{self.seed}".encode())


HOSPITAL: Final = HospitalSpec("hospital", seed=20241112)
"""The people for evaluation."""
HOSPITAL_VALIDATION: Final = HospitalSpec("hospital-validation", seed=20241113)
"""Others, to choose between training runs."""
HOSPITAL_TRAIN: Final = HospitalSpec("hospital-train", seed=20241114, people=1_000)
"""Others again, to train on."""
