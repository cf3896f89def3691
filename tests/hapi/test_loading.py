"""Loading an archive into a server: whole, in each patient's order, and on from where it was cut off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mab_gym.backends.container._loading import Chain, load, plan
from mab_gym.errors import InfrastructureError
from mab_gym.fhir.http._server import FhirServer
from mab_gym.fhir.store._base import BaseTable
from tests.backends.hospital import Hospital, hospital
from tests.fhir.serving import observation, patient, serve

PEOPLE = [patient(f"S{number}") for number in range(4)]
CHARTS = [observation(f"o{number}", f"S{number % 4}") for number in range(60)]
NOBODYS = {"resourceType": "Organization", "id": "org", "name": "O"}


@pytest.fixture
def tables() -> dict[str, BaseTable]:
    return serve([*CHARTS[:7], *PEOPLE, NOBODYS, *CHARTS[7:]]).server.tables


@pytest.fixture
def empty() -> Iterator[Hospital]:
    with hospital(FhirServer({}).open()) as running:
        yield running


def names(chain: Chain, tables: dict[str, BaseTable]) -> list[str]:
    return [f"{name}/{tables[name].table.ids[row]}" for bundle in chain for name, row in bundle]


def test_people_come_first_and_a_chart_is_loaded_in_its_order(tables: dict[str, BaseTable]) -> None:
    first, chains = plan(tables, size=10)
    assert names(first, tables) == ["Patient/S0", "Patient/S1", "Patient/S2", "Patient/S3", "Organization/org"]
    assert [len(bundle) for chain in chains for bundle in chain] == [10, 5] * 4
    for number, chain in enumerate(chains):
        assert names(chain, tables) == [f"Observation/o{each}" for each in range(number, 60, 4)]


def test_small_charts_share_a_bundle_and_none_is_split(tables: dict[str, BaseTable]) -> None:
    _, chains = plan(tables, size=31)
    assert [[len(bundle) for bundle in chain] for chain in chains] == [[30], [30]]


def test_everything_is_loaded_under_its_own_id(empty: Hospital, tables: dict[str, BaseTable], tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    loaded = load(tables, empty.base, tmp_path / "notes", "x", lambda done, all_: told.append((done, all_)), size=10)
    assert (loaded.resources, loaded.before) == (65, 0)
    assert told[0] == (0, 65)
    assert told[-1] == (65, 65)
    assert sorted(empty.ids("Observation")) == sorted(f"o{number}" for number in range(60))
    assert not (tmp_path / "notes").exists()


def test_a_load_goes_on_where_it_was_cut_off(empty: Hospital, tables: dict[str, BaseTable], tmp_path: Path) -> None:
    put = iter(range(100))
    empty.fault = lambda method, target: 400 if method == "POST" and next(put) >= 4 else None
    with pytest.raises(InfrastructureError, match="does not take a Bundle from"):
        load(tables, empty.base, tmp_path / "notes", "x", size=10, workers=1, pause=0)
    with (tmp_path / "notes").open("a") as notes:
        notes.write("9")  # a line that was cut off counts for nothing
    empty.fault = lambda method, target: None
    empty.seen.clear()
    loaded = load(tables, empty.base, tmp_path / "notes", "x", size=10)
    assert loaded.before > 0
    assert len(empty.asked("POST")) == 9 - 4
    assert len(empty.ids("Observation")) == 60


def test_notes_of_another_load_are_not_gone_on_with(
    empty: Hospital, tables: dict[str, BaseTable], tmp_path: Path
) -> None:
    (tmp_path / "notes").write_text('"another 10"\n0\n1\n2\n')
    assert load(tables, empty.base, tmp_path / "notes", "x", size=10).before == 0


def test_faults_of_a_moment_are_outlasted(empty: Hospital, tables: dict[str, BaseTable], tmp_path: Path) -> None:
    faults: Any = iter([503, 500, None, "cut"])
    empty.fault = lambda method, target: next(faults, None) if method == "POST" else None
    assert load(tables, empty.base, tmp_path / "notes", "x", size=10, pause=0.01).resources == 65


def test_a_server_that_holds_something_else_is_said(
    empty: Hospital, tables: dict[str, BaseTable], tmp_path: Path
) -> None:
    with hospital() as other, pytest.raises(InfrastructureError, match=r"62 of 60 Observation; .*mab-gym hapi down"):
        load({**tables}, other.base, tmp_path / "notes", "x", size=10)
