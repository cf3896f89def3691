"""The MedicationRequest table: long-term drugs ordered again and again, and what a day in hospital brings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import RandomState

from mab_gym.cohort._columns import ZONES, TableBuilder
from mab_gym.cohort._data import choices
from mab_gym.cohort._elements import category_of_order, dosage, product, subject
from mab_gym.cohort._encounters import EMERGENCY, INTENSIVE, OUTPATIENT, REASONS, SETTINGS, WARD
from mab_gym.cohort._measurement import MEASUREMENTS, NUMBER
from mab_gym.cohort._medications import DRUGS, REPLACEMENTS, USES, allowed
from mab_gym.cohort._names import CLINICIANS
from mab_gym.cohort._profiles import Block, Profiles
from mab_gym.cohort._readings import VOID, Rows
from mab_gym.cohort._spec import DAY, FIRST, HOUR, MINUTE, NOW
from mab_gym.cohort._streams import Bools, Floats, Ints, counted, integers, pick_rows

_NUMBER = {drug.key: number for number, drug in enumerate(DRUGS)}
_CONTACT, _STATUS = choices("MedicationRequest.contact").weights[""], choices("MedicationRequest.status")
_INTENT, _CATEGORY = choices("MedicationRequest.intent"), choices("MedicationRequest.category")
_PRIORITY = choices("MedicationRequest.priority")
_APRIL, _SEPTEMBER = 3, 8
"""Months from 0; vaccination against influenza lies outside of April to August (CDC/ACIP, MMWR 2023;72(2):1-25)."""


class MedicationRequestTable(TableBuilder):
    """The table, filled block by block."""

    def __init__(self, rows: int, mrns: Sequence[str]) -> None:
        super().__init__("MedicationRequest", rows)
        self._status = self.pool("status", _STATUS.values)
        self._intent = self.pool("intent", _INTENT.values)
        self._category = self.pool("category", [category_of_order(code) for code in _CATEGORY.values])
        self._priority = self.pool("priority", _PRIORITY.values[1:])
        self._drug = self.pool("medicationCodeableConcept", [product(drug) for drug in DRUGS])
        self._subject = self.pool("subject", [subject(mrn) for mrn in mrns])
        self._authored = self.instants("authoredOn", ZONES)
        self._requester = self.pool("requester", [{"display": name} for name in CLINICIANS])
        self._doses = np.array([len(drug.doses) for drug in DRUGS], dtype=np.int64)
        dosages = [dosage(dose, drug.route) for drug in DRUGS for dose in drug.doses]
        self._dosage = self.pool("dosageInstruction", dosages)

    def add(self, rng: RandomState, rows: slice, block: Block, results: Rows) -> None:
        """Writes a block's orders; electrolytes are ordered where one of its results was low."""
        first, profiles, contacts = block
        patient, _ = counted(profiles.counts["MedicationRequest"])
        total = len(patient)
        contact = contacts.pick(rng, patient, _CONTACT[contacts.setting])
        setting, reason = contacts.setting[contact], contacts.reason[contact]
        authored = contacts.moment(rng, contact, 17.0)
        weights = _weights(profiles)
        drug = pick_rows(rng, weights, (patient * SETTINGS + setting) * len(REASONS) + reason)
        untimely = authored < profiles.begins[patient, drug]
        untimely |= _out_of_season(drug == _NUMBER["influenza_vaccine"], patient, authored)
        drug = np.where(untimely, np.where(setting == OUTPATIENT, _NUMBER["acetaminophen"], _NUMBER["saline"]), drug)
        replaces, amount = np.zeros(total, dtype=np.bool_), np.zeros(total, dtype=np.int64)
        for key in REPLACEMENTS:
            at = np.flatnonzero(drug == _NUMBER[key])
            found, due, dose = _after_deficits(rng, key, patient[at], results)
            # Where nothing was ever low there is nothing to replace.
            drug[at[~found]] = _NUMBER["saline"]
            authored[at[found]], amount[at[found]], replaces[at[found]] = due[found], dose[found], True
        lasting = np.stack([profiles.traits[each.key] for each in DRUGS], axis=1)[patient, drug]
        recent = authored >= NOW - np.where(lasting & (setting == OUTPATIENT), 180 * DAY, 2 * DAY)
        status = np.where(recent, _STATUS.pick(rng, total, "recent"), _STATUS.pick(rng, total, "past"))
        stays = (setting >= WARD) | replaces
        category = np.where(stays, _CATEGORY.pick(rng, total, "stay"), _CATEGORY.pick(rng, total, "visit"))
        routine, urgent, other = (_PRIORITY.pick(rng, total, when) for when in ("outpatient", "emergency", "stay"))
        priority = np.where(setting == OUTPATIENT, routine, np.where(setting == EMERGENCY, urgent, other))
        # A person keeps to a dose for years; what is given once varies.
        kept = (first + patient) * 7 + drug
        dose = np.where(lasting, kept, integers(rng, 0, 1 << 20, total)) % self._doses[drug]
        dose = np.where(replaces, amount, dose)
        self._status.put(rows, 1 + status)
        self._intent.put(rows, 1 + _INTENT.pick(rng, total))
        self._category.put(rows, 1 + category)
        self._priority.put(rows, priority)
        self._drug.put(rows, 1 + drug)
        self._subject.put(rows, 1 + first + patient)
        self._authored.put(rows, authored, contacts.zone[contact])
        self._requester.put(
            rows, np.where(rng.random_sample(total) < 0.9, 1 + integers(rng, 0, len(CLINICIANS), total), 0)
        )
        self._dosage.put(rows, 1 + (np.cumsum(self._doses) - self._doses)[drug] + dose)


def _after_deficits(rng: RandomState, key: str, patient: Ints, results: Rows) -> tuple[Bools, Ints, Ints]:
    """Draws orders of an electrolyte: some time after a result that was low, in the dose that it asks for.

    Args:
        rng: The block's stream.
        key: The drug.
        patient: Shape ``(orders,)``; the person of each order.
        results: The block's observations.

    Returns:
        If there was a low result, when the order was written, and which of the drug's doses it asks for; each of
        shape ``(orders,)``.
    """
    code, limits = REPLACEMENTS[key]
    number = NUMBER[code]
    bounds = np.array([round(limit * 10 ** MEASUREMENTS[number].places) for limit in limits], dtype=np.int64)
    low = (results.number == number) & (results.value < bounds[0]) & (results.status != VOID)
    low &= results.time < NOW - 2 * DAY - 4 * HOUR
    rows = np.flatnonzero(low)
    rows = rows[np.argsort(results.patient[rows], kind="stable")]
    owners = results.patient[rows]
    first, last = np.searchsorted(owners, patient), np.searchsorted(owners, patient, side="right")
    chance = rng.random_sample(len(patient))
    delay = integers(rng, 100, 220, len(patient)) * MINUTE  # results are issued within 95 minutes
    found: Bools = last > first
    chosen = np.append(rows, 0)[np.where(found, first + np.floor(chance * (last - first)).astype(np.int64), -1)]
    value = np.append(results.value, 0)[chosen]
    dose = (value[:, None] < bounds[1:]).sum(axis=1).astype(np.int64)
    return found, np.append(results.time, 0)[chosen] + delay, dose


def _out_of_season(vaccine: Bools, patient: Ints, time: Ints) -> Bools:
    """Marks the orders that are vaccinations outside of September to March, or second ones in a season."""
    rows = np.flatnonzero(vaccine)
    rows = rows[np.lexsort((time[rows], patient[rows]))]
    months = time[rows].astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)
    within = (months % 12 >= _SEPTEMBER) | (months % 12 < _APRIL)
    season = patient[rows] * 10_000 + (months + 12 - _SEPTEMBER) // 12
    again = np.zeros(len(rows), dtype=np.bool_)
    first = np.unique(season[within], return_index=True)[1]
    again[np.delete(np.flatnonzero(within), first)] = True
    result = np.zeros(len(vaccine), dtype=np.bool_)
    result[rows] = ~within | again
    return result


def _weights(profiles: Profiles) -> Floats:
    """Weights of the drugs; shape ``(patients * SETTINGS * len(REASONS), len(DRUGS))``."""
    takes, patients = profiles.traits, len(profiles.female)
    ages = np.floor((FIRST - profiles.births) / (365.25 * DAY)).astype(np.int64)
    may = allowed(takes, profiles.female, ages)
    weights = np.zeros((patients, SETTINGS, len(REASONS), len(DRUGS)))
    for number, drug in enumerate(DRUGS):
        lasting = takes[drug.key].astype(np.float64)[:, None, None]
        given, use = may[drug.key].astype(np.float64), USES[drug.key]
        at_home = 0.01 if drug.stay and drug.route in ("oral", "inhaled") and not use.reasons else 0.0
        weights[:, OUTPATIENT, :, number] = lasting[:, 0] + (given * (drug.visit or at_home)).reshape(-1, 1)
        for_reason = drug.stay * np.array(
            [drug.reasons.get(reason, 1.0) * (not use.reasons or reason in use.reasons) for reason in REASONS]
        )
        for_reason = given[:, None] * for_reason
        weights[:, EMERGENCY:, :, number] = lasting * np.array([0.2, 0.8, 0.4])[:, None] + for_reason[:, None]
        weights[:, INTENSIVE, :, number] += for_reason * (drug.intensive - 1.0)
    return weights.reshape(-1, len(DRUGS))
