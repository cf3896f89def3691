"""The Condition table: a problem list, and the diagnoses of encounters.

A long-term condition stands once on the problem list and again and again as a diagnosis of encounters.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import RandomState

from mab_gym.cohort._columns import ZONES, TableBuilder
from mab_gym.cohort._conditions import DIAGNOSES, LONG_TERM
from mab_gym.cohort._data import choices
from mab_gym.cohort._elements import HL7, ICD, Element, concept, subject
from mab_gym.cohort._encounters import EMERGENCY, OUTPATIENT, REASONS, SETTINGS, Contacts
from mab_gym.cohort._existence import EARLIER_CODES
from mab_gym.cohort._limits import beyond_limits
from mab_gym.cohort._profiles import Block
from mab_gym.cohort._spec import DAY, FIRST, HOUR, MINUTE, NOW
from mab_gym.cohort._streams import Bools, Ints, counted, integers, pick_rows
from mab_gym.fhir.store._table import InstantForm

_CHRONIC = len(LONG_TERM)
_CODES: tuple[tuple[str, str], ...] = (
    *((condition.code, condition.display) for condition in LONG_TERM),
    *((diagnosis.code, diagnosis.display) for diagnosis in DIAGNOSES),
)
_OF_A_VISIT = sum(diagnosis.of == "visit" for diagnosis in DIAGNOSES)
_DIVIDED = [number for number, (code, _) in enumerate(_CODES) if code in EARLIER_CODES]
_CODES_EVER = (*_CODES, *((EARLIER_CODES[_CODES[number][0]][0], _CODES[number][1]) for number in _DIVIDED))
_INSTEAD = np.array(
    [number for number, (code, _) in enumerate(_CODES) if code in ("R53.83", "R42", "R10.9", "K59.00", "Z79.899")]
)
"""Diagnoses that everybody can have: they are written, in turn, where a diagnosis cannot be."""
_SHARE_OF_COMPLAINTS = 0.35
"""Share of the diagnoses of visits that one person comes with, besides general examinations; our estimate."""
_RESOLVED_PROBLEMS, _RESOLVED_DIAGNOSES, _INACTIVE, _DATED = 0.04, 0.7, 0.03, 0.85
_OF_THE_STAY = 0.4
"""Shares of conditions that are over, inactive, over with a date, and about the reason of the stay; our estimate."""
_CATEGORIES = ("problem-list-item", "encounter-diagnosis")
_CLINICAL = ("active", "inactive", "resolved")
_CONTACT, _ONSET = choices("Condition.contact").weights[""], choices("Condition.onset")
_VERIFICATION = choices("Condition.verificationStatus")
_FORMS = (*ZONES, InstantForm(10), InstantForm(7), InstantForm(4))
_DAY_FORM = 4
_UNITS = {_DAY_FORM: "datetime64[D]", 5: "datetime64[M]", 6: "datetime64[Y]"}


class ConditionTable(TableBuilder):
    """The table, filled block by block."""

    def __init__(self, rows: int, mrns: Sequence[str]) -> None:
        super().__init__("Condition", rows)

        def coded(name: str, codes: tuple[str, ...]) -> list[Element]:
            return [concept(f"{HL7}condition-{name}", code) for code in codes]

        self._clinical = self.pool("clinicalStatus", coded("clinical", _CLINICAL))
        self._verification = self.pool("verificationStatus", coded("ver-status", _VERIFICATION.values[1:]))
        self._category = self.pool("category", [[each] for each in coded("category", _CATEGORIES)])
        codes = [concept(ICD, code, display, display) for code, display in _CODES_EVER]
        self._code = self.pool("code", codes)
        self._subject = self.pool("subject", [subject(mrn) for mrn in mrns])
        self._onset = self.instants("onsetDateTime", _FORMS)
        self._abatement = self.instants("abatementDateTime", _FORMS)
        self._recorded = self.instants("recordedDate", ZONES)

    def add(self, rng: RandomState, rows: slice, block: Block) -> None:
        """Writes a block's conditions."""
        first, profiles, contacts = block
        patient, place = counted(profiles.counts["Condition"])
        total = len(patient)
        has = np.stack([profiles.traits[condition.key] for condition in LONG_TERM], axis=1)
        onsets = profiles.onsets
        contact = contacts.pick(rng, patient, _CONTACT[contacts.setting])
        code = self._diagnoses(rng, patient, has, contacts, contact)
        recorded = contacts.moment(rng, contact)
        zone = contacts.zone[contact]
        early = (code < _CHRONIC) & (recorded < onsets[patient, np.minimum(code, _CHRONIC - 1)])
        code = np.where(early, _CHRONIC + integers(rng, 0, _OF_A_VISIT, total), code)
        broken = beyond_limits([each for each, _ in _CODES], code, patient, recorded, profiles)
        code[broken] = _INSTEAD[np.arange(int(broken.sum())) % len(_INSTEAD)]
        # The problem list comes first, one row for each long-term condition.
        problems = has.sum(axis=1, dtype=np.int64)
        listed = place < problems[patient]
        code[listed] = np.nonzero(has)[1][(np.cumsum(problems) - problems)[patient[listed]] + place[listed]]
        chronic = code < _CHRONIC
        begun = np.where(chronic, onsets[patient, np.minimum(code, _CHRONIC - 1)], recorded)
        noticed = begun + integers(rng, 1, 60 * 24 * 60, total) * MINUTE
        noticed = np.maximum(noticed, FIRST + integers(rng, 1, 400 * 24 * 60, total) * MINUTE)
        recorded = np.where(listed, np.minimum(noticed, NOW - DAY), recorded)
        abated = recorded + integers(rng, 2 * 24, 60 * 24, total) * HOUR
        past = abated < NOW - DAY
        chance = np.where(chronic, np.where(listed, _RESOLVED_PROBLEMS, 0.0), _RESOLVED_DIAGNOSES)
        over = past & (rng.random_sample(total) < chance)
        inactive = ~over & past & (rng.random_sample(total) < _INACTIVE)
        ended = np.where(over & (rng.random_sample(total) < _DATED), _DAY_FORM, 0)
        onset = np.where(
            listed,
            _ONSET.pick(rng, total, "problem"),
            np.where(chronic, 0, np.where(rng.random_sample(total) < 0.5, _ONSET.pick(rng, total, "complaint"), zone)),
        )
        self._clinical.put(rows, np.where(over, 3, np.where(inactive, 2, 1)))
        self._verification.put(rows, _VERIFICATION.pick(rng, total))
        self._category.put(rows, np.where(listed, 1, 2))
        for further, number in enumerate(_DIVIDED):
            until = EARLIER_CODES[_CODES[number][0]][1]
            code[(code == number) & ~listed & (recorded < until)] = len(_CODES) + further
        self._code.put(rows, 1 + code)
        self._subject.put(rows, 1 + first + patient)
        self._onset.put(rows, _beginning(begun, onset), onset)
        self._abatement.put(rows, _beginning(abated, ended), ended)
        self._recorded.put(rows, recorded, np.where(listed, 1, zone))

    @staticmethod
    def _diagnoses(rng: RandomState, patient: Ints, has: Bools, contacts: Contacts, contact: Ints) -> Ints:
        """Index into all codes for each diagnosis made at a contact."""
        patients, total = len(has), len(patient)
        weights = np.zeros((patients * SETTINGS, _CHRONIC + _OF_A_VISIT))
        # Nobody comes with everything: people have their few complaints, some of them again and again.
        prone = np.exp(0.6 * rng.standard_normal((patients, _OF_A_VISIT)))
        prone *= rng.random_sample(prone.shape) < _SHARE_OF_COMPLAINTS
        prone[:, 0] = 1.0
        for setting in range(SETTINGS):
            weights[setting::SETTINGS, :_CHRONIC] = has * (1.0 if setting == OUTPATIENT else 1.6)
            weights[setting::SETTINGS, _CHRONIC:] = prone * (0.25 if setting <= EMERGENCY else 0.03)
        common = pick_rows(rng, weights, patient * SETTINGS + contacts.setting[contact])
        sizes = np.array([sum(each.of == reason for each in DIAGNOSES) for reason in REASONS], dtype=np.int64)
        starts = _CHRONIC + _OF_A_VISIT + np.cumsum(sizes) - sizes
        reason = contacts.reason[contact]
        special = starts[reason] + np.floor(rng.random_sample(total) * sizes[reason]).astype(np.int64)
        in_stay = (contacts.setting[contact] != OUTPATIENT) & (rng.random_sample(total) < _OF_THE_STAY)
        return np.where(in_stay, special, common)


def _beginning(seconds: Ints, forms: Ints) -> Ints:
    """The start of the day, month or year around points in time, where their form names no more than that."""
    result = seconds.copy()
    for form, unit in _UNITS.items():
        rows = forms == form
        result[rows] = seconds[rows].astype("datetime64[s]").astype(unit).astype("datetime64[s]").astype(np.int64)
    return result
