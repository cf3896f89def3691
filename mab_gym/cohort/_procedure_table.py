"""The Procedure table: what was done at each contact; the kinds of procedures stand in ``tables/procedures.csv``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.random import RandomState

from mab_gym.cohort._columns import ZONES, PoolBuilder, TableBuilder, pretty
from mab_gym.cohort._conditions import Traits
from mab_gym.cohort._data import choices, read_table
from mab_gym.cohort._elements import concept, subject
from mab_gym.cohort._encounters import REASONS, SETTINGS
from mab_gym.cohort._limits import beyond_limits
from mab_gym.cohort._profiles import Block
from mab_gym.cohort._spec import MINUTE, NOW
from mab_gym.cohort._streams import Bools, Floats, counted, pick_rows
from mab_gym.fhir.store._table import write_instant


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
        rare: True if it is done only for people with one of the ``traits``.
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
"""The kinds of procedures. The first takes the place of one that breaks its limits (`mab_gym.cohort._limits`)."""

_CONTACT, _STATUS = choices("Procedure.contact").weights[""], choices("Procedure.status")


class ProcedureTable(TableBuilder):
    """The table, filled block by block."""

    def __init__(self, rows: int, mrns: Sequence[str]) -> None:
        super().__init__("Procedure", rows)
        self._status = self.pool("status", _STATUS.values)
        codes = [concept("http://www.ama-assn.org/go/cpt", kind.code, kind.display, kind.display) for kind in KINDS]
        self._code = self.pool("code", codes)
        self._subject = self.pool("subject", [subject(mrn) for mrn in mrns])
        self._performed = self.instants("performedDateTime", ZONES)
        self._periods: list[str] = []
        self._period = self.column(PoolBuilder("performedPeriod", rows, rows, self._periods.__getitem__))

    def add(self, rng: RandomState, rows: slice, block: Block) -> None:
        """Writes a block's procedures."""
        first, profiles, contacts = block
        patient, _ = counted(profiles.counts["Procedure"])
        total = len(patient)
        contact = contacts.pick(rng, patient, _CONTACT[contacts.setting])
        setting, reason = contacts.setting[contact], contacts.reason[contact]
        weights = _weights(profiles.traits, profiles.female)
        kind = pick_rows(rng, weights, (patient * SETTINGS + setting) * len(REASONS) + reason)
        begun = contacts.moment(rng, contact, 14.0)
        kind[beyond_limits([each.code for each in KINDS], kind, patient, begun, profiles)] = 0
        hours = np.array([each.hours for each in KINDS], dtype=np.int64)[kind]
        minutes = hours * 60 - np.floor(hours * 30 * rng.random_sample(total)).astype(np.int64)
        ended = begun + minutes * MINUTE
        zone = contacts.zone[contact]
        lasts = (hours > 0) & (ended < NOW) & (rng.random_sample(total) < 0.6)
        started = (hours > 0) & (ended >= NOW)
        status = np.where(started, _STATUS.values.index("in-progress"), _STATUS.pick(rng, total))
        codes = np.zeros(total, dtype=np.int64)
        for row in np.flatnonzero(lasts):
            form = ZONES[zone[row] - 1]
            start, end = write_instant(int(begun[row]), form), write_instant(int(ended[row]), form)
            self._periods.append(pretty({"start": start, "end": end}))
            codes[row] = len(self._periods)
        self._status.put(rows, 1 + status)
        self._code.put(rows, 1 + kind)
        self._subject.put(rows, 1 + first + patient)
        self._performed.put(rows, begun, np.where(lasts, 0, zone))
        self._period.put(rows, codes)


def _weights(traits: Traits, female: Bools) -> Floats:
    """Weights of the kinds; shape ``(patients * SETTINGS * len(REASONS), len(KINDS))``."""
    patients = len(female)
    weights = np.zeros((patients, SETTINGS, len(REASONS), len(KINDS)))
    for number, kind in enumerate(KINDS):
        factor = np.zeros(patients) if kind.rare else np.ones(patients)
        for trait, times in kind.traits.items():
            factor = np.where(traits[trait], np.maximum(factor, 1.0) * times, factor)
        if kind.only:
            factor = np.where(female == (kind.only == "F"), factor, 0.0)
        by_reason = np.array([kind.reasons.get(reason, 1.0) for reason in REASONS])
        weights[..., number] = factor[:, None, None] * np.array(kind.settings)[:, None] * by_reason
    return weights.reshape(-1, len(KINDS))
