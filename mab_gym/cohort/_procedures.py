"""The procedures that can be done for people; their figures stand in ``tables/procedures.csv``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from mab_gym.cohort._data import read_table


@dataclass(frozen=True, slots=True)
class ProcedureKind:
    """One kind of procedure.

    Attributes:
        code: CPT.
        display: Its name.
        outpatient: Weight at an outpatient visit.
        emergency: Weight in the emergency department.
        ward: Weight on a ward.
        intensive: Weight in intensive care.
        traits: Factor on the weights for those who have a condition or take a drug.
        reasons: Factor on the weights by reason for a stay.
        hours: How long it takes, where that is recorded as a period; 0 where a point in time is.
        only: "F" or "M" where it is done for one sex alone.
        rare: True if it is done only for those whom ``traits`` name.
    """

    code: str
    display: str
    outpatient: float
    emergency: float
    ward: float
    intensive: float
    traits: Mapping[str, float] = field(default_factory=dict)
    reasons: Mapping[str, float] = field(default_factory=dict)
    hours: int = 0
    only: str = ""
    rare: bool = False

    @property
    def settings(self) -> tuple[float, float, float, float]:
        """The weights in the order of the settings."""
        return self.outpatient, self.emergency, self.ward, self.intensive


KINDS: Final = read_table("procedures.csv", ProcedureKind)
"""The first stands in the place of what cannot be (see `mab_gym.cohort._limits`)."""
