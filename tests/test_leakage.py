"""The audit of two sets finds what was planted, and nothing where nothing is."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from mab_gym.audit._alike import nearly_the_same, sketches
from mab_gym.audit._leakage import compare, material
from mab_gym.cli.app import app
from mab_gym.cohort._generate import generate
from mab_gym.cohort._spec import CohortSpec
from mab_gym.fhir.store._archive import Archive
from mab_gym.fhir.store._build import build_tables
from mab_gym.fhir.store._table import InstantColumn, PoolColumn, Table


def cohort(name: str) -> dict[str, Table]:
    spec = CohortSpec(name, seed=3, patients=20, background_patients=20, observations=20_000, procedures=400,
                      conditions=400, medication_requests=400)  # fmt: skip
    return {table.resource_type: table for table in generate(spec)}


OURS, THEIRS = cohort("train"), cohort("validation")


def shared(first: Mapping[str, Table], second: Mapping[str, Table]) -> dict[str, int]:
    sides = [material(str(n), Archive(tables, {}, "")) for n, tables in enumerate((first, second))]
    return {line.what: line.shared for line in compare(*sides)}


def test_cohorts_of_two_splits_have_nothing_in_common() -> None:
    found = shared(OURS, THEIRS)
    assert set(found) == {
        "Patient ids", "identifiers", "full names", "people (name and date of birth)", "phone and address",
        "charts nearly the same",
    }  # fmt: skip
    assert set(found.values()) == {0}


def test_a_cohort_and_itself_have_everything_in_common() -> None:
    found = shared(OURS, OURS)
    assert found["Patient ids"] == 40
    assert found["charts nearly the same"] == 20


def patients_with(change: Callable[[dict[str, Any]], None]) -> dict[str, Table]:
    """Their cohort, with one more patient who is one of ours but for what was changed."""
    table = OURS["Patient"]
    resource: dict[str, Any] = {"resourceType": "Patient", "id": table.ids[4]}
    for column in table.columns:
        if isinstance(column, PoolColumn) and column.codes[4]:
            resource[column.name] = json.loads(column.texts[int(column.codes[4]) - 1])
        elif isinstance(column, InstantColumn):
            resource[column.name] = "1950-05-05"
    change(resource)
    return {**THEIRS, "Patient": build_tables([resource])[0]}


@pytest.mark.parametrize(
    ("changed", "kept"),
    [
        (("identifier", "name", "address"), "Patient ids"),
        (("id", "name", "address"), "identifiers"),
        (("id", "identifier", "birthDate", "address"), "full names"),
        (("id", "identifier", "name"), "phone and address"),
    ],
)
def test_a_planted_person_is_found(changed: Sequence[str], kept: str) -> None:
    def change(resource: dict[str, Any]) -> None:
        for name in changed:
            resource[name] = {
                "id": "S9999999",
                "identifier": [{"value": "S9999999"}],
                "name": [{"family": "Nobody", "given": ["Anna"]}],
                "birthDate": "1901-01-01",
                "address": [{"line": ["1 Nowhere"], "postalCode": "00000"}],
            }[name]

    found = shared(OURS, patients_with(change))
    assert found[kept] == 1
    assert sum(found.values()) == 1


def test_case_and_accents_do_not_hide_a_name() -> None:
    def shout(resource: dict[str, Any]) -> None:
        name = resource["name"][0]
        resource["name"] = [{"family": name["family"].upper(), "given": [given.upper() for given in name["given"]]}]

    assert shared(OURS, patients_with(shout))["full names"] == 1


def copied(part_changed: float, days: int, part_kept: float = 1.0) -> Table:
    """One of our charts under another MRN, with times shifted, some values changed and some results left out."""
    table, rng = OURS["Observation"], np.random.default_rng(1)
    columns = {column.name: column for column in table.columns}
    subject = columns["subject"]
    assert isinstance(subject, PoolColumn)
    mine = [1 + place for place, text in enumerate(subject.texts) if f"Patient/{OURS['Patient'].ids[2]}" in text]
    rows = np.flatnonzero(np.isin(subject.codes, mine))
    rows = rows[rng.random(len(rows)) < part_kept]
    changed = []
    for column in table.columns:
        if isinstance(column, InstantColumn):
            later = column.seconds[rows] + days * 86400
            changed.append(InstantColumn(column.name, later, column.forms[rows], column.known, column.others))
        elif column.name == "subject":
            texts = [text.replace(str(OURS["Patient"].ids[2]), "S9999999") for text in column.texts]
            changed.append(PoolColumn("subject", column.codes[rows], texts))  # type: ignore[arg-type]
        else:
            codes = column.codes[rows].copy()
            if column.name == "valueQuantity":
                other = np.flatnonzero((rng.random(len(rows)) < part_changed) & (codes > 0))
                codes[other] = rng.integers(1, len(column.texts), len(other))
            changed.append(PoolColumn(column.name, codes, column.texts))  # type: ignore[arg-type]
    return dataclasses.replace(table, ids=np.asarray(table.ids)[rows], columns=changed)


@pytest.mark.parametrize(
    ("part_changed", "days", "part_kept"), [(0.0, 0, 1.0), (0.1, 40, 1.0), (0.2, -400, 1.0), (0.05, 3, 0.9)]
)
def test_a_copied_chart_is_found_under_another_name(part_changed: float, days: int, part_kept: float) -> None:
    found = list(nearly_the_same(sketches(OURS["Observation"]), sketches(copied(part_changed, days, part_kept))))
    assert [(pair.first, pair.second) for pair in found] == [(OURS["Patient"].ids[2], "S9999999")]


def test_records_without_what_is_compared_do_no_harm() -> None:
    bare = {table.resource_type: table for table in build_tables([
        {"resourceType": "Patient", "id": "a"},
        {"resourceType": "Patient", "id": "b", "name": [{"text": "B"}], "telecom": [{}], "address": [{}]},
        {"resourceType": "Observation", "id": "c", "status": "final", "code": {"text": "x"}},
    ])}  # fmt: skip
    assert shared(bare, OURS) == shared({}, OURS) | {"Patient ids": 0}
    assert shared(bare, bare)["Patient ids"] == 2


def few(folder: Path, name: str) -> str:
    """A file of an environment on the reduced hospital."""
    path = folder / f"{name}.toml"
    path.write_text(f'id = "a/{name}-v0"\n[tasks]\nfamilies = ["latest_glucose"]\n[data]\ncohort = "reduced"\n')
    return str(path)


@pytest.mark.once
def test_the_command_says_what_it_found(tmp_path: Path) -> None:
    clean = CliRunner().invoke(app, ["data", "audit", "MedAgentBench-v0", "validation", "--json"])
    assert clean.exit_code == 0
    assert all(line["shared"] == 0 for line in json.loads(clean.stdout))
    leaking = CliRunner().invoke(app, ["data", "audit", few(tmp_path, "One"), few(tmp_path, "Other")])
    assert leaking.exit_code == 1
    assert "not disjoint" in leaking.output
    assert "case prompts" in leaking.output
    assert CliRunner().invoke(app, ["data", "audit", "reduced", "nowhere"]).exit_code != 0
