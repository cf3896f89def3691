"""Archives: whole or not at all, verified, and giving back every character."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mab_gym.errors import ArchiveError
from mab_gym.fhir.model._json_text import pretty
from mab_gym.fhir.model._parse import parse_resource
from mab_gym.fhir.store._archive import open_archive, write_archive
from mab_gym.fhir.store._base import BaseTable
from mab_gym.fhir.store._build import build_tables
from mab_gym.fhir.store._table import InstantForm, Table, read_instant, write_instant


def patients(count: int = 5) -> list[dict[str, Any]]:
    dates = ["1950-02-28", "1961", "1961-07", "2000-02-29", "1899-12-31"]
    return [
        {
            "resourceType": "Patient",
            "id": f"S{number:07d}",
            "name": [{"family": "Müller–Ångström", "given": ["Zoë", 'Ann "Annie"']}],
            "birthDate": dates[number % len(dates)],
        }
        for number in range(count)
    ]


def tables() -> list[Table]:
    return build_tables(patients())


def test_resources_come_back_to_the_character(tmp_path: Path) -> None:
    write_archive(tmp_path / "a.mab", tables(), {"name": "test"})
    table = BaseTable(open_archive(tmp_path / "a.mab").tables["Patient"])
    for row, patient in enumerate(patients()):
        assert table.text(row) == pretty(patient)
        assert table.find(patient["id"]) == row
    assert table.find("S9999999") is None


def test_observations_with_every_way_of_writing_time_come_back(tmp_path: Path) -> None:
    times = ["2023-11-13T10:15:00+00:00", "2023-11-13T10:15:00Z", "2023-11-13T02:15:00-08:00", "2023", "2023-11",
             "2023-11-13", "2023-11-13T10:15:00.123+05:30", "1969-12-31T23:59:59Z", None]  # fmt: skip
    resources = []
    for number, time in enumerate(times):
        text = (
            '{"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "valueQuantity": {"value": 4.00}'
        )
        resource = parse_resource(text + (f', "effectiveDateTime": "{time}"}}' if time else "}"), "Observation")
        resources.append(
            {
                "resourceType": "Observation",
                "id": str(number + 1),
                **{k: v for k, v in resource.items() if k != "resourceType"},
            }
        )
    write_archive(tmp_path / "a.mab", build_tables(resources), {})
    table = BaseTable(open_archive(tmp_path / "a.mab").tables["Observation"])
    for row, resource in enumerate(resources):
        assert table.text(row) == pretty(resource)
        assert "4.00" in table.text(row)


@given(st.integers(-60_000_000_000, 60_000_000_000), st.sampled_from(["Z", "+00:00", "-08:00", "+05:30"]))
def test_instants_are_read_as_they_are_written(seconds: int, suffix: str) -> None:
    form = InstantForm(19, suffix)
    assert read_instant(write_instant(seconds, form)) == (seconds, form)


@pytest.mark.parametrize(
    "text", ["", "x", "2023-13-01", "2023-02-30", "2023-11-13T10:15", "2023-11-13T24:00:00Z", "20231113"]
)
def test_what_is_no_instant_is_left_alone(text: str) -> None:
    assert read_instant(text) is None


def test_equal_contents_have_equal_digests(tmp_path: Path) -> None:
    first = write_archive(tmp_path / "a.mab", tables(), {"name": "x"})
    assert (
        write_archive(tmp_path / "b.mab", tables(), {"name": "x"}) == first == open_archive(tmp_path / "a.mab").digest
    )
    assert write_archive(tmp_path / "c.mab", tables(), {"name": "y"}) != first


@pytest.mark.parametrize("place", [0, 9, 45, -1])
def test_a_damaged_archive_is_named(tmp_path: Path, place: int) -> None:
    path = tmp_path / "a.mab"
    write_archive(path, tables(), {})
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(ArchiveError, match=r"a\.mab"):
        open_archive(path)


@pytest.mark.parametrize(
    "data", [b"", b"x", b"MABARCH1", b"not an archive at all, but long enough to be looked at" * 3]
)
def test_what_is_no_archive_is_named(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.mab"
    path.write_bytes(data)
    with pytest.raises(ArchiveError, match=r"a\.mab"):
        open_archive(path)


def test_a_missing_archive_says_how_to_build_it(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="mab-gym data build"):
        open_archive(tmp_path / "none.mab")


def test_an_interrupted_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_archive(tmp_path / "a.mab", tables(), {})
    assert list(tmp_path.iterdir()) == []


def _write(path: str) -> str:
    return write_archive(Path(path), tables(), {})


def test_what_killed_writers_have_left_goes_in_time(tmp_path: Path) -> None:
    path = tmp_path / "x[1].mab"
    left, under_way, other = (tmp_path / name for name in ("x[1].mab.a.part", "x[1].mab.b.part", "y.mab.a.part"))
    for each in (left, under_way, other):
        each.write_bytes(b"half")
    for each in (left, other):
        os.utime(each, (0, 0))
    write_archive(path, [], {})
    assert sorted(tmp_path.iterdir()) == sorted([path, under_way, other])


def test_two_writers_at_once_do_no_harm(tmp_path: Path) -> None:
    with ProcessPoolExecutor(2) as pool:
        digests = set(pool.map(_write, [str(tmp_path / "a.mab")] * 8))
    assert digests == {open_archive(tmp_path / "a.mab").digest}
    assert [path.name for path in tmp_path.iterdir()] == ["a.mab"]


def test_numbers_as_ids_are_found_in_any_order() -> None:
    for ids in ([3, 5, 9], [9, 3, 5]):
        table = BaseTable(Table("Observation", np.array(ids, dtype=np.int64), []))
        assert [table.find(str(number)) for number in ids] == [0, 1, 2]
        assert table.find("4") is table.find("05") is table.find("x") is table.find("9" * 40) is None
