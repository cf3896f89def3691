"""The living hospital's tables: valid FHIR in US Core's shapes, whole references, ids that tell nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mab_gym.backends.embedded._backend import embedded_backend
from mab_gym.cohort._locate import build_archive, check_archive, named_spec
from mab_gym.cohort.hospital._generate import BLOCK, ORDER, block_rows, histories, hospital_tables
from mab_gym.cohort.hospital._history import NOW, ZONE
from mab_gym.cohort.hospital._spec import HOSPITAL, HOSPITAL_TRAIN, HOSPITAL_VALIDATION, HospitalSpec
from mab_gym.cohort.hospital._staff import draw_staff
from mab_gym.cohort.hospital.rows._chart import PEOPLE, ROOM, Hospital
from mab_gym.cohort.hospital.rows._joined import Joined
from mab_gym.fhir.http._exchange import Request
from mab_gym.fhir.store._archive import open_archive, write_archive
from mab_gym.fhir.store._base import BaseTable
from mab_gym.fhir.store._table import InstantColumn, PoolColumn, Table
from mab_gym.tasking.chart import Chart

SPEC = HospitalSpec("hospital", seed=5, people=BLOCK + 2)
DIGESTS = {4: "469d97db418a8bfd6c01ddb21979b4dc4218992d5417044b6db4ecd085a1b879"}
"""The digest of this hospital's archive, by the spec's version.

With another digest the version goes up and the cases are frozen anew: an old archive in a user's cache is not taken for
a new one then.
"""
VALIDATED = 60
"""Rows of each type that are validated here, spread evenly; `scripts/check --full` validates all of them."""
MUST_HAVE = {
    "Patient": "extension identifier name gender birthDate communication generalPractitioner",
    "Encounter": "status class type subject participant period location serviceProvider",
    "Condition": "clinicalStatus verificationStatus category code subject recordedDate recorder",
    "Observation": "status category code subject effectiveDateTime performer encounter",
    "DiagnosticReport": "status category code subject encounter effectiveDateTime performer",
    "ServiceRequest": "status intent category code subject encounter authoredOn requester",
    "Specimen": "type subject collection",
    "MedicationRequest": "status intent medicationCodeableConcept subject encounter authoredOn requester",
    "MedicationAdministration": "status medicationCodeableConcept subject context effectiveDateTime performer request",
    "MedicationDispense": "status medicationCodeableConcept subject performer quantity whenHandedOver",
    "AllergyIntolerance": "clinicalStatus verificationStatus code patient recordedDate",
    "Immunization": "status vaccineCode patient occurrenceDateTime primarySource",
    "Procedure": "status code subject",
    "DocumentReference": "status type category date author content",
    "CarePlan": "text status intent category subject author",
    "Goal": "lifecycleStatus description subject expressedBy",
    "CareTeam": "status subject participant",
    "Coverage": "status beneficiary payor relationship",
    "RelatedPerson": "active patient relationship name",
    "Practitioner": "identifier name",
    "Slot": "schedule status start end",
    "Communication": "status subject sent recipient sender payload",
    "Task": "status intent code for requester owner authoredOn",
}
"""Elements that every row of a type has: those that US Core asks for, and whose the row is."""
REFERENCE = re.compile(r'"reference": "([A-Za-z]+/[A-Za-z0-9\-.]{1,64})"')
INSTANT = re.compile(r'"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?[+-]\d\d:\d\d)"')


@cache
def tables() -> Mapping[str, Table]:
    return {table.resource_type: table for table in hospital_tables(SPEC)}


def texts_of(table: Table) -> Iterator[str]:
    return (text for column in table.columns if isinstance(column, PoolColumn) for text in column.texts)


def digest(found: Mapping[str, Table]) -> str:
    hasher = hashlib.blake2b(digest_size=16)
    for name, table in found.items():
        base = BaseTable(table)
        hasher.update(name.encode())
        for row in range(len(base)):
            hasher.update(base.text(row).encode())
    return hasher.hexdigest()


@pytest.mark.parametrize("kind", ORDER)
def test_rows_are_valid_fhir_with_what_us_core_asks_for(kind: str) -> None:
    base = BaseTable(tables()[kind])
    model = getattr(import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)
    must = MUST_HAVE.get(kind, "").split()
    for row in np.unique(np.linspace(0, len(base) - 1, VALIDATED).astype(int)).tolist():
        resource = json.loads(base.text(row))
        model.model_validate(resource)
        assert [name for name in must if name not in resource] == [], resource


def test_every_reference_leads_somewhere() -> None:
    known = {f"{name}/{one}" for name, table in tables().items() for one in table.ids}
    used = {match for table in tables().values() for text in texts_of(table) for match in REFERENCE.findall(text)}
    assert len(used) > 1000
    assert used <= known


def test_times_have_the_offset_that_the_hospitals_zone_has_then() -> None:
    seen = set()
    for table in tables().values():
        for column in table.columns:
            if isinstance(column, InstantColumn):
                for code, form in enumerate(column.known, 1):
                    if form.length == 19:
                        moments = np.unique(column.seconds[column.forms == code])
                        for moment in moments[:: max(1, len(moments) // 40)].tolist():
                            offset = datetime.fromtimestamp(moment, ZONE).utcoffset()
                            assert offset is not None
                            assert offset.total_seconds() == form.utc_offset, (table.resource_type, column.name)
                            seen.add(form.suffix)
            else:
                written = [match for text in column.texts[:400] for match in INSTANT.findall(text)]
                for text in written[:200]:
                    moment = datetime.fromisoformat(text)
                    assert moment.utcoffset() == moment.astimezone(ZONE).utcoffset(), text
    assert seen == {"-05:00", "-04:00"}


def test_nothing_was_written_in_the_future() -> None:
    for name, table in tables().items():
        for column in table.columns:
            if column.name in ("issued", "authoredOn", "recordedDate", "whenHandedOver", "date", "sent") and isinstance(
                column, InstantColumn
            ):
                assert int(column.seconds[column.forms > 0].max(initial=0)) <= NOW, (name, column.name)


def test_ids_tell_the_person_and_the_order_of_loading_alone() -> None:
    """The numbers of one person have no gap in which something was put later, and types follow each other."""
    taken: dict[int, list[np.ndarray[Any, Any]]] = {}
    for table in tables().values():
        if isinstance(table.ids, np.ndarray):
            ids = table.ids[table.ids >= PEOPLE]
            people = (ids - PEOPLE) // ROOM
            assert (np.diff(people) >= 0).all(), table.resource_type
            for person in np.unique(people).tolist():
                taken.setdefault(person, []).append(ids[people == person])
    assert len(taken) == SPEC.people
    for person, parts in taken.items():
        numbers = np.sort(np.concatenate(parts))
        assert numbers.tolist() == list(range(PEOPLE + person * ROOM, PEOPLE + person * ROOM + len(numbers)))


def test_equal_specs_give_equal_bytes_in_any_process() -> None:
    small = HospitalSpec("hospital", seed=5, people=2)
    here = digest({table.resource_type: table for table in hospital_tables(small)})
    code = (
        "from tests.cohort.hospital.test_rows import digest\n"
        "from mab_gym.cohort.hospital._generate import hospital_tables\n"
        "from mab_gym.cohort.hospital._spec import HospitalSpec\n"
        "spec = HospitalSpec('hospital', seed=5, people=2)\n"
        "print(digest({table.resource_type: table for table in hospital_tables(spec)}))\n"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "4711", "TZ": "Asia/Tokyo"}
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert there.stdout.strip() == here


def test_other_records_have_another_version(tmp_path: Path) -> None:
    assert write_archive(tmp_path / "hospital.mab", list(tables().values()), {}) == DIGESTS[SPEC.version]


def test_a_block_alone_is_as_it_is_in_the_whole() -> None:
    joined = Joined()
    joined.add(block_rows(histories(SPEC, BLOCK, SPEC.people), Hospital(draw_staff(SPEC))).parts)
    alone = {table.resource_type: BaseTable(table) for table in joined.tables(ORDER)}
    assert len(alone["Patient"]) == 2
    for name, part in alone.items():
        whole = BaseTable(tables()[name])
        for row in range(0, len(part), max(1, len(part) // 50)):
            place = whole.find(str(part.table.ids[row]))
            assert place is not None
            assert whole.text(place) == part.text(row)


def test_several_processes_give_the_same_bytes() -> None:
    spec = HospitalSpec("hospital", seed=6, people=BLOCK + 1, notes=False)
    alone, together = (
        {table.resource_type: table for table in hospital_tables(spec, processes=processes)} for processes in (1, 2)
    )
    assert list(alone) == list(together)
    for name in ("Patient", "Slot", "MedicationRequest", "Condition"):
        assert digest({name: alone[name]}) == digest({name: together[name]})


def test_splits_share_nobody() -> None:
    specs = (HOSPITAL, HOSPITAL_TRAIN, HOSPITAL_VALIDATION, named_spec("hospital-9-1"))
    splits = [[each.person for each in histories_of(spec)] for spec in specs if isinstance(spec, HospitalSpec)]
    for here, there in pairwise([*splits, splits[0]]):
        assert not {one.mrn for one in here} & {one.mrn for one in there}
        assert not {(one.given, one.family) for one in here} & {(one.given, one.family) for one in there}


def histories_of(spec: HospitalSpec) -> list[Any]:
    from mab_gym.cohort.hospital.life._lives import draw_lives

    return draw_lives(spec, draw_staff(spec), 0, 8)


def test_an_archive_has_the_hospitals_present(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAB_GYM_CACHE", str(tmp_path))
    spec = named_spec("hospital-validation-2-8")
    path = build_archive(spec)
    assert check_archive(spec) == path
    assert open_archive(path).about["now"] == "2024-11-12T08:00:00-05:00"
    backend = embedded_backend(path)
    assert backend.now == datetime.fromtimestamp(NOW, ZONE)
    subject = backend.server.tables["Observation"].pools["subject"]
    text = subject.column.texts[int(np.argmax(subject.counts[1:]))]
    person = json.loads(text)["reference"].removeprefix("Patient/")
    for asked in (
        f"Encounter?patient={person}&date=le2024-11-12",
        f"DocumentReference?patient={person}&category=clinical-note&_sort=-date",
        f"Observation?patient={person}&category=laboratory",
        f"Condition?patient={person}&category=problem-list-item",
        "DocumentReference?category=handbook&description:contains=potassium",
        "Slot?status=free&start=ge2024-11-13&_sort=start",
    ):
        answer = backend.open().handle(Request("GET", asked, {}, ""))
        assert answer.status == 200
        assert json.loads(answer.body)["entry"], asked


def test_other_cohorts_load_nothing_of_it_and_no_time_zone() -> None:
    told = (
        "import sys; from mab_gym.cohort import named_spec; named_spec('canonical')\n"
        "print([name for name in sys.modules if name == 'zoneinfo' or name.startswith('mab_gym.cohort.hospital._')])"
    )
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['mab_gym.cohort.hospital._spec']"


def test_the_ledger_says_in_which_documents_a_fact_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAB_GYM_CACHE", str(tmp_path))
    spec = HospitalSpec("hospital", seed=5, people=3)
    chart = Chart(embedded_backend(build_archive(spec)))
    told = 0
    for mrn in chart.patients():
        documents = {each["id"]: each for each in chart.search("DocumentReference", patient=mrn, _count="500")}
        texts = {
            name: " ".join(base64.b64decode(each["content"][0]["attachment"]["data"]).decode().split()).lower()
            for name, each in documents.items()
        }
        for fact in chart.facts(mrn):
            for where, quote in zip(fact.documents, fact.quotes, strict=True):
                told += " ".join(quote.split()).lower()[1:] in texts[where]
            assert set(fact.contradicted_in) <= set(texts)
    assert told >= 10
    assert chart.facts("H0") == ()
    assert "ledger" not in chart.search("Patient").__next__()
