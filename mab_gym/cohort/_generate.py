"""The cohort generator: from a spec to the tables of a record system.

People are loaded one after another. For each, the Patient comes first, then Conditions, Procedures, MedicationRequests
and Observations; the background patients come last. Every resource but a Patient takes the next number of one counter
as its id. Charts are made for a few patients at a time, so memory grows with the result alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from mab_gym.cohort._columns import InstantBuilder, PoolBuilder, pretty
from mab_gym.cohort._condition_table import ConditionTable
from mab_gym.cohort._current import assign_current
from mab_gym.cohort._encounters import draw_contacts
from mab_gym.cohort._medication_table import MedicationRequestTable
from mab_gym.cohort._observation_table import ObservationTable
from mab_gym.cohort._observations import draw_observations, panel_rates, per_contact
from mab_gym.cohort._people import draw_people, patient_builders
from mab_gym.cohort._procedure_table import ProcedureTable
from mab_gym.cohort._profiles import Block, draw_profiles
from mab_gym.cohort._readings import draw_readings
from mab_gym.cohort._spec import CohortSpec, Progress
from mab_gym.cohort._streams import (
    CONDITIONS,
    ENCOUNTERS,
    LOADING,
    MEDICATIONS,
    OBSERVATIONS,
    PRESENTATIONS,
    PROCEDURES,
    Ints,
    counted,
    integers,
    stream,
)
from mab_gym.fhir.store._table import Table

LOAD_ORDER: Final = ("Condition", "Procedure", "MedicationRequest", "Observation")
"""The order in which one person's records get their ids."""

_BLOCK = 10
"""The number of patients whose charts are made at a time; it is one of the things that decide the bytes."""
_BATCH = 2000
"""The greatest number of observations in one load request."""
_BACKGROUND_BATCH = 50
_LOAD_START = datetime(2023, 11, 12, 21, 0, 0, tzinfo=UTC)
_LOAD_MILLISECONDS = 8 * 3600 * 1000
_ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def generate(spec: CohortSpec, progress: Progress | None = None) -> list[Table]:
    """Generates a cohort.

    Args:
        spec: What to generate; equal specs give equal tables, to the byte.
        progress: Called regularly with (stage, done, total).

    Returns:
        The tables Patient, Observation, Procedure, Condition and MedicationRequest.
    """
    report = progress or (lambda stage, done, total: None)
    report("people", 0, 1)
    people = draw_people(spec)
    profiles = draw_profiles(spec, people)
    assigned = assign_current(spec.entropy, spec.patients, profiles.traits, profiles.usual)
    factors = panel_rates(profiles, spec.bedside)
    records = per_contact(factors)
    mrns = [person.mrn for person in people[: spec.patients]]
    conditions = ConditionTable(spec.conditions, mrns)
    procedures = ProcedureTable(spec.procedures, mrns)
    requests = MedicationRequestTable(spec.medication_requests, mrns)
    observations = ObservationTable(spec.observations, mrns)
    starts = {name: np.concatenate([[0], np.cumsum(counts)]) for name, counts in profiles.counts.items()}
    report("people", 1, 1)
    report("charts", 0, spec.patients)
    for number, first in enumerate(range(0, spec.patients, _BLOCK)):
        last = min(first + _BLOCK, spec.patients)
        part = profiles.part(first, last)
        rng = stream(spec.entropy, ENCOUNTERS, number)
        wanted, days = part.counts["Observation"], assigned.days[first:last]
        contacts = draw_contacts(rng, wanted, records[first:last], part.burden, part.reasons, days)
        block = Block(first, part, contacts)
        rows = {name: slice(int(start[first]), int(start[last])) for name, start in starts.items()}
        conditions.add(stream(spec.entropy, CONDITIONS, number), rows["Condition"], block)
        procedures.add(stream(spec.entropy, PROCEDURES, number), rows["Procedure"], block)
        readings = draw_readings(stream(spec.entropy, PRESENTATIONS, 100 + number), assigned, first, part.usual)
        rng = stream(spec.entropy, OBSERVATIONS, number)
        drawn = draw_observations(rng, block, factors[first:last], readings)
        observations.add(rows["Observation"], first, drawn, rng)
        requests.add(stream(spec.entropy, MEDICATIONS, number), rows["MedicationRequest"], block, drawn)
        report("charts", last, spec.patients)
    batches = _batches(profiles.counts, spec)
    ids = ids_in_load_order({name: profiles.counts[name] for name in LOAD_ORDER})
    finished: dict[str, tuple[Ints | list[str], Sequence[PoolBuilder | InstantBuilder]]] = {
        "Patient": ([person.mrn for person in people], patient_builders(people, spec))
    }
    for table in (observations, procedures, conditions, requests):
        finished[table.resource_type] = ids[table.resource_type], table.builders
    texts = _metas(spec, 1 + max(int(numbers[-1]) for numbers in batches.values()))
    tables = []
    for done, (name, (table_ids, builders)) in enumerate(finished.items()):
        report("tables", done, len(finished))
        meta = PoolBuilder("meta", len(table_ids), len(texts), texts.__getitem__)
        meta.put(slice(0, len(table_ids)), 1 + batches[name])
        tables.append(Table(name, table_ids, [meta.column(), *(builder.column() for builder in builders)]))
    report("tables", len(finished), len(finished))
    return tables


def ids_in_load_order(counts: Mapping[str, Ints]) -> dict[str, Ints]:
    """Ids from one counter, person by person, and type by type within one.

    Args:
        counts: By type in the order of loading, how many resources each person has; shape ``(people,)``.

    Returns:
        By type, the ids of its rows.
    """
    totals = np.stack(list(counts.values()))
    before_person = np.cumsum(totals.sum(axis=0)) - totals.sum(axis=0)
    before_type = np.cumsum(totals, axis=0) - totals
    result = {}
    for begin, (name, each) in zip(1 + before_person + before_type, counts.items(), strict=True):
        person, place = counted(each)
        result[name] = begin[person] + place
    return result


def _batches(counts: dict[str, Ints], spec: CohortSpec) -> dict[str, Ints]:
    """The number of the load request that brought each row, ascending in load order.

    One request brings a Patient with the Conditions, one the Procedures, one the MedicationRequests, and one at most
    `_BATCH` Observations.
    """
    requests = 3 + -(-counts["Observation"] // _BATCH)
    begin = np.cumsum(requests) - requests
    person, place = counted(counts["Observation"])
    end = int(requests.sum())
    background = end + np.arange(spec.background_patients) // _BACKGROUND_BATCH
    return {
        "Patient": np.concatenate([begin, background]),
        "Condition": np.repeat(begin, counts["Condition"]),
        "Procedure": np.repeat(begin + 1, counts["Procedure"]),
        "MedicationRequest": np.repeat(begin + 2, counts["MedicationRequest"]),
        "Observation": (begin + 3)[person] + place // _BATCH,
    }


def _metas(spec: CohortSpec, count: int) -> list[str]:
    """The ``meta`` of each load request, as HAPI writes it for a first version, in the night before now."""
    rng = stream(spec.entropy, LOADING)
    step = max(1, _LOAD_MILLISECONDS // count)
    moments = np.arange(count, dtype=np.int64) * step + integers(rng, 0, step, count)
    letters = integers(rng, 0, len(_ALPHANUMERIC), (count, 16))
    texts = []
    for moment, row in zip(moments.tolist(), letters.tolist(), strict=True):
        updated = _LOAD_START + timedelta(milliseconds=moment)
        source = "#" + "".join(_ALPHANUMERIC[letter] for letter in row)
        stamp = updated.isoformat(timespec="milliseconds")
        texts.append(pretty({"versionId": "1", "lastUpdated": stamp, "source": source}))
    return texts
