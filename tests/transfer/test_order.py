"""The order of all resources, over all types, is kept where it is known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mab_gym.cli.app import app
from mab_gym.fhir.http._server import FhirServer, FhirSession, Request
from mab_gym.fhir.store._archive import open_archive
from mab_gym.transfer._exporting import export_bundles, export_ndjson
from mab_gym.transfer._gathering import Gathering
from mab_gym.transfer._importing import import_files
from mab_gym.transfer._ordering import BY_IDS, BY_TIMES, BY_TYPES, in_order_of_server


def patient(own: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": own, **more}


def result(own: str, whose: str = "a", **more: Any) -> dict[str, Any]:
    subject = {"reference": f"Patient/{whose}"}
    return {
        "resourceType": "Observation",
        "id": own,
        "status": "final",
        "code": {"text": "x"},
        "subject": subject,
    } | more


def condition(own: str, whose: str = "a") -> dict[str, Any]:
    return {"resourceType": "Condition", "id": own, "subject": {"reference": f"Patient/{whose}"}}


MIXED = [
    patient("a"),
    result("o1"),
    condition("c1"),
    result("o2"),
    patient("b"),
    condition("c2", "b"),
    result("o3", "b"),
    result("o4"),
]
KEYS = [f"{each['resourceType']}/{each['id']}" for each in MIXED]


def bundle(path: Path, resources: Sequence[dict[str, Any]]) -> Path:
    entries = [{"resource": each} for each in resources]
    path.write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}))
    return path


def session(archive: Path) -> FhirSession:
    return FhirServer(open_archive(archive).tables).open()


def history(session: FhirSession, query: str = "") -> list[str]:
    """All that a system's history tells, page after page, the oldest first."""
    keys: list[str] = []
    path = f"_history?_count=3{query}"
    while path:
        page = json.loads(session.handle(Request("GET", path)).body)
        keys += [f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in page["entry"]]
        following = [link["url"] for link in page["link"] if link["relation"] == "next"]
        path = following[0].partition("/fhir")[2].lstrip("/") if following else ""
    return keys[::-1]


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    import_files(bundle(tmp_path / "mixed.json", MIXED), tmp_path / "mixed.mab", "mixed")
    return tmp_path / "mixed.mab"


def test_the_history_of_the_system_has_the_order_of_a_bundle(mixed: Path) -> None:
    assert history(session(mixed)) == KEYS
    assert history(session(mixed), "&_since=2000-01-01T00:00:00Z") == KEYS


def test_everything_about_a_patient_has_it_too(mixed: Path) -> None:
    found = json.loads(session(mixed).handle(Request("GET", "Patient/a/$everything")).body)
    assert [entry["resource"]["id"] for entry in found["entry"]] == ["a", "o1", "c1", "o2", "o4"]


def test_what_is_written_later_comes_later(mixed: Path) -> None:
    opened, headers = session(mixed), {"content-type": "application/fhir+json"}
    assert opened.handle(Request("PUT", "Observation/z", headers, json.dumps(result("z")))).status == 201
    assert opened.handle(Request("PUT", "Condition/c1", headers, json.dumps(condition("c1", "b")))).status == 200
    assert history(opened) == [*KEYS, "Observation/z", "Condition/c1"]


def test_files_of_an_import_follow_one_another(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    bundle(folder / "a.json", MIXED[:3])
    (folder / "b.ndjson").write_text("".join(json.dumps(each) + "\n" for each in MIXED[3:6]))
    bundle(folder / "c.json", MIXED[6:])
    import_files(folder, tmp_path / "x.mab", "x")
    assert history(session(tmp_path / "x.mab")) == KEYS


def test_bundles_that_go_out_have_it_and_bring_it_back(mixed: Path, tmp_path: Path) -> None:
    export_bundles(open_archive(mixed), tmp_path / "out", size=3)
    texts = [path.read_text() for path in sorted((tmp_path / "out").iterdir())]
    assert [entry["request"]["url"] for text in texts for entry in json.loads(text)["entry"]] == KEYS
    import_files(tmp_path / "out", tmp_path / "back.mab", "mixed")
    assert history(session(tmp_path / "back.mab")) == KEYS
    assert open_archive(tmp_path / "back.mab").digest == open_archive(mixed).digest


def test_what_is_referred_to_comes_first_all_the_same(tmp_path: Path) -> None:
    records = [result("o1", derivedFrom=[{"reference": "Observation/o2"}]), condition("c1"), result("o2"), patient("a")]
    import_files(bundle(tmp_path / "x.json", records), tmp_path / "x.mab", "x")
    export_bundles(open_archive(tmp_path / "x.mab"), tmp_path / "out")
    entries = json.loads((tmp_path / "out" / "bundle-000001.json").read_text())["entry"]
    assert [entry["resource"]["id"] for entry in entries] == ["a", "o2", "o1", "c1"]


def test_an_archive_of_types_one_after_another_is_as_small_as_ever(mixed: Path, tmp_path: Path) -> None:
    export_ndjson(open_archive(mixed), tmp_path / "out")
    import_files(tmp_path / "out", tmp_path / "back.mab", "x")
    tables = open_archive(tmp_path / "back.mab").tables
    assert all(table.positions is None for table in tables.values())
    assert [list(table.ids) for table in tables.values()] == [["c1", "c2"], ["o1", "o2", "o3", "o4"], ["a", "b"]]


def test_people_are_named_by_id_or_by_reference(mixed: Path, tmp_path: Path) -> None:
    for number, who in enumerate(("b", "Patient/b", " Patient/b ,")):
        out = tmp_path / str(number)
        done = CliRunner().invoke(app, ["data", "export", str(mixed), "--bundles", str(out), "--patients", who])
        assert done.exit_code == 0, done.output
        entries = json.loads((out / "bundle-000001.json").read_text())["entry"]
        assert [entry["resource"]["id"] for entry in entries] == ["b", "c2", "o3"]
    refused = CliRunner().invoke(
        app, ["data", "export", str(mixed), "--ndjson", str(tmp_path / "x"), "--patients", "z"]
    )
    assert refused.exit_code != 0


@pytest.mark.parametrize(
    ("ids", "times", "known", "order"),
    [
        ([[3, 7], [1, 5]], None, BY_IDS, [[2, 4], [1, 3]]),
        ([["p1", "p2"], [1, 5]], ["01", "03", "02", "04"], BY_TIMES, [[1, 3], [2, 4]]),
        ([[1, 2], [1, 2]], ["01", "03", "02", "04"], BY_TIMES, [[1, 3], [2, 4]]),
        ([[2, 1], [3, 4]], ["03", "03", "02", "03"], BY_TIMES, [[2, 3], [1, 4]]),
        ([["p1", "p2"], ["x", "y"]], ["01", "02", "02", "04"], BY_TIMES, None),
        ([["p1", "p2"], ["x", "y"]], ["03", "01", "02", "04"], BY_TYPES, None),
        ([["p1", "p2"], ["x", "y"]], ["01", "", "02", "04"], BY_TYPES, None),
        ([["p1", "p2"], ["x", "y"]], ["01", "02", "02", "soon"], BY_TYPES, None),
    ],
)
def test_a_server_shows_its_order_by_ids_or_by_times(
    ids: list[list[Any]], times: list[str] | None, known: str, order: list[list[int] | None] | None
) -> None:
    gathering = Gathering()
    said = iter(times or ["01", "01", "01", "01"])
    for resource in [patient(str(own)) for own in ids[0]] + [result(str(own)) for own in ids[1]]:
        time = next(said)
        stamp = f"2020-01-{time}T00:00:00.000+00:00" if time.isdigit() else time
        meta = {"meta": {"lastUpdated": stamp}} if time and time.isdigit() else {}
        gathering.take_resource({**resource, **meta})
    tables, by = in_order_of_server(gathering.tables(), not gathering.undated)
    assert by == known
    assert [None if table.positions is None else table.positions.tolist() for table in tables] == (
        order or [None, None]
    )
