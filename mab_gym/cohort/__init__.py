"""Synthetic hospitals: people, their charts, and the archives that hold them.

`CohortSpec` says what is wanted, `generate` makes its tables, `mab_gym.fhir.archive.write_archive` stores them.
"""

from mab_gym.cohort.generate import generate
from mab_gym.cohort.spec import CANONICAL, TRAIN, CohortSpec, scaled

__all__ = ["CANONICAL", "TRAIN", "CohortSpec", "generate", "scaled"]
