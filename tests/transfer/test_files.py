"""Imports from files, and exports: what is right comes through as it was, what is wrong is named."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mab_gym.cohort._generate import generate
from mab_gym.cohort._spec import CohortSpec
from mab_gym.errors import RecordsError, UsageError
from mab_gym.fhir.http._server import FhirServer, Request
from mab_gym.fhir.model._parse import parse_resource
from mab_gym.fhir.store._archive import Archive, open_archive, write_archive
from mab_gym.fhir.store._base import BaseTable
from mab_gym.fhir.store._budget import DEFAULT_LIMITS
from mab_gym.fhir.store._build import build_tables
from mab_gym.fhir.store._gather import TableGatherer
from mab_gym.transfer._exporting import export_bundles, export_ndjson
from mab_gym.transfer._importing import Imported, import_files

SPEC = CohortSpec("small", 5, 4, 6, 1600, 40, 40, 40)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    path = tmp_path_factory.mktemp("small") / "small.mab"
    write_archive(path, generate(SPEC), {})
    return open_archive(path)


def everything(archive: Archive) -> dict[str, list[str]]:
    return {n: [BaseTable(t).text(row) for row in range(len(t))] for n, t in archive.tables.items()}


def patient(number: int, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": f"p{number}", **more}


def written(path: Path, resources: Sequence[Any]) -> Path:
    path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in resources))
    return path


def told(imported: Imported) -> list[str]:
    return [str(problem) for problem in imported.problems.first]


def test_ndjson_goes_out_and_comes_back_the_same(small: Archive, tmp_path: Path) -> None:
    exported = export_ndjson(small, tmp_path / "out")
    assert exported.counts == {name: len(table) for name, table in small.tables.items()}
    imported = import_files(tmp_path / "out", tmp_path / "back.mab", "back")
    assert imported.problems.count == 0
    assert everything(open_archive(tmp_path / "back.mab")) == everything(small)
    again = import_files(tmp_path / "out", tmp_path / "again.mab", "back")
    assert again.digest == imported.digest
    assert not list(tmp_path.glob("*.problems.jsonl"))


def test_gzipped_files_are_read_too(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "Patient.ndjson.gz", "wt") as file:
        file.write(json.dumps(patient(1)) + "\n")
    assert import_files(tmp_path / "Patient.ndjson.gz", tmp_path / "x.mab", "x").counts == {"Patient": 1}
    (tmp_path / "broken.ndjson.gz").write_bytes((tmp_path / "Patient.ndjson.gz").read_bytes()[:-12])
    broken = import_files(tmp_path / "broken.ndjson.gz", tmp_path / "y.mab", "y")
    assert "cannot be read on" in told(broken)[0]
    assert broken.counts == {"Patient": 1}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"resourceType": "Patient", ', "not JSON"),
        ("[1, 2]", "no FHIR resource"),
        ("42", "no FHIR resource"),
        ('{"resourceType": "Patience", "id": "1"}', "'Patience'"),
        ('{"id": "1"}', "None"),
        ('{"resourceType": "Patient", "id": ""}', "id ''"),
        ('{"resourceType": "Patient", "id": "a b"}', "'a b'"),
        ('{"resourceType": "Patient", "id": 7}', "id 7"),
        ('{"resourceType": "Patient", "id": "p1"}', "was there before"),
        ('{"resourceType": "Patient", "id": "9", "birthDate": "yesterday"}', "yesterday"),
        ("[" * 100_000, "not JSON"),
        ('{"resourceType": "Patient", "id": "8", "x": ' + "[" * 90_000 + "]" * 90_000 + "}", ""),
    ],
)
def test_a_wrong_line_is_named_and_the_rest_is_kept(tmp_path: Path, line: str, said: str) -> None:
    source = written(tmp_path / "a.ndjson", [patient(1), line, "", patient(2)])
    imported = import_files(source, tmp_path / "a.mab", "a")
    assert imported.counts["Patient"] == 2
    (problem,) = told(imported)
    assert problem.startswith("a.ndjson, line 2: ")
    assert said in problem
    (line_of_file,) = (tmp_path / "a.mab.problems.jsonl").read_text().splitlines()
    assert json.loads(line_of_file)["place"] == "line 2"


def test_a_line_that_is_too_long_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mab_gym.transfer._reading.LONGEST_LINE", 2000)
    source = written(tmp_path / "a.ndjson", [patient(1), patient(2, text="x" * 5_000_000), patient(3)])
    imported = import_files(source, tmp_path / "a.mab", "a")
    assert imported.counts == {"Patient": 2}
    assert "line 2: longer than" in told(imported)[0]


def test_other_text_than_utf_8_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(json.dumps(patient(1)).encode() + b"\n\xff\xfe\n")
    assert "line 2: not UTF-8" in told(import_files(tmp_path / "a.ndjson", tmp_path / "a.mab", "a"))[0]


def test_nothing_is_left_where_nothing_could_be_taken(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match="line 1"):
        import_files(written(tmp_path / "a.ndjson", ["x"]), tmp_path / "a.mab", "a")
    with pytest.raises(RecordsError, match="no file or folder"):
        import_files(tmp_path / "nowhere", tmp_path / "a.mab", "a")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecordsError, match=r"\.ndjson"):
        import_files(tmp_path / "empty", tmp_path / "a.mab", "a")
    assert not (tmp_path / "a.mab").exists()


def test_references_in_a_circle_are_taken_as_they_are(tmp_path: Path) -> None:
    def condition(own: str, other: str) -> dict[str, Any]:
        return {
            "resourceType": "Observation",
            "id": own,
            "status": "final",
            "code": {"text": "x"},
            "subject": {"reference": "Patient/p1"},
            "hasMember": [{"reference": f"Observation/{other}"}],
        }

    circle = [patient(1), condition("a", "b"), condition("b", "a"), condition("c", "c")]
    imported = import_files(written(tmp_path / "a.ndjson", circle), tmp_path / "a.mab", "a")
    assert imported.counts == {"Patient": 1, "Observation": 3}
    exported = export_bundles(open_archive(tmp_path / "a.mab"), tmp_path / "bundles")
    assert exported.counts == imported.counts


def bundle(entries: Sequence[Any], **more: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "transaction", **more, "entry": list(entries)}


def test_a_transaction_is_resolved_as_a_server_would(tmp_path: Path) -> None:
    """As Synthea writes it: addresses by UUID, references before what they refer to, others by a search."""
    observation = {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": "urn:uuid:7a1f"},
        "encounter": {"reference": "urn:uuid:missing"},
        "performer": [{"reference": "Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|99"}],
        "valueQuantity": {"value": 4.0},
    }
    person = {"resourceType": "Patient", "birthDate": "1950-01-02"}
    entries = [
        {"fullUrl": "urn:uuid:o1", "resource": observation, "request": {"method": "POST", "url": "Observation"}},
        {"fullUrl": "urn:uuid:7a1f", "resource": person, "request": {"method": "POST", "url": "Patient"}},
        {"fullUrl": "urn:uuid:x"},
    ]
    (tmp_path / "someone.json").write_text(json.dumps(bundle(entries, id="t", meta={"tag": []}), indent=2))
    imported = import_files(tmp_path, tmp_path / "s.mab", "s")
    assert imported.counts == {"Observation": 1, "Patient": 1}
    assert (imported.conditional, imported.dangling) == (1, 1)
    assert told(imported) == ["someone.json, entry 3, line 49: an entry without a resource"]
    session = FhirServer(open_archive(tmp_path / "s.mab").tables).open()
    found = json.loads(session.handle(Request("GET", "Observation?patient=7a1f")).body)
    (resource,) = (entry["resource"] for entry in found["entry"])
    assert resource["subject"] == {"reference": "Patient/7a1f"}
    assert resource["performer"][0]["reference"].startswith("Practitioner?identifier=")
    assert '"value": 4.0' in session.handle(Request("GET", "Observation/o1")).body


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "not a JSON object"),
        ('{"resourceType": "Patience", "id": "1"}', "'Patience'"),
        ('{"name": "hl7.fhir.us.core", "version": "6.1.0"}', "without a resourceType"),
        ("{}", "without a resourceType"),
        (
            '{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"1"}}, {"resou',
            "entry 2",
        ),
        ('{"resourceType" "Bundle"}', "colon"),
        ('{"resourceType": "Bundle", "entry": {"a": 1}}', ""),
        ("", "not a JSON object"),
    ],
)
def test_a_broken_bundle_is_named_and_the_others_are_kept(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.json").write_text(text)
    (tmp_path / "b.json").write_text(json.dumps(bundle([{"resource": patient(2)}])))
    imported = import_files(tmp_path, tmp_path / "x.mab", "x")
    assert imported.counts["Patient"] == (2 if "entry 2" in said else 1)
    assert said in "".join(told(imported))


def test_a_large_bundle_is_read_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mab_gym.transfer._reading._CHUNK", 64)
    people = [{"resource": patient(n, name=[{"family": "Ünïcødé 🙂 " + "x" * (n % 90)}])} for n in range(300)]
    (tmp_path / "b.json").write_text(json.dumps(bundle(people), ensure_ascii=False), encoding="utf-8")
    imported = import_files(tmp_path / "b.json", tmp_path / "x.mab", "x")
    assert imported.counts == {"Patient": 300}
    assert imported.problems.count == 0


def test_memory_grows_with_what_differs_not_with_the_file(tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        def observation(row: int) -> dict[str, Any]:
            return {"resourceType": "Observation", "id": str(row), "status": "final", "code": {"text": "x" * 2000}}

        source = written(tmp_path / f"{rows}.ndjson", [observation(row) for row in range(rows)])
        tracemalloc.start()
        import_files(source, tmp_path / f"{rows}.mab", "x")
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    few, many = peak(200), peak(4000)
    assert many < few + 4000 * 2000 / 3


def test_gathered_tables_are_those_that_are_built_at_once() -> None:
    observation: dict[str, Any] = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    differences: list[dict[str, Any]] = [
        {"effectiveDateTime": "2020-01-01T10:00:00Z"},
        {"effectiveDateTime": "2020-01-01T10:00:00.123Z", "issued": "2020-01-01T10:00:00.500Z"},
        {"effectivePeriod": {"start": "2020"}},
        {"effectiveDateTime": "2020-01"},
        {"valueString": "x", "_valueString": {"id": "a"}},
    ]
    resources = [
        parse_resource(json.dumps({**observation, "id": str(number), **more}), "Observation")
        for number, more in enumerate(differences)
    ]
    gatherer = TableGatherer("Observation")
    for resource in resources:
        gatherer.add(resource)
    (built,) = build_tables(resources)
    gathered = gatherer.table()
    assert [c.name for c in gathered.columns] == [c.name for c in built.columns]
    assert [type(c) for c in gathered.columns] == [type(c) for c in built.columns]
    assert [BaseTable(gathered).text(row) for row in range(5)] == [BaseTable(built).text(row) for row in range(5)]


def test_bundles_hold_what_a_server_loads_in_order(small: Archive, tmp_path: Path) -> None:
    exported = export_bundles(small, tmp_path / "bundles", size=300)
    assert exported.renamed == 1720
    server, loaded = FhirServer({}, limits=replace(DEFAULT_LIMITS, body=10**9)).open(), 0
    for path in sorted((tmp_path / "bundles").iterdir()):
        text = path.read_text()
        response = server.handle(Request("POST", "", {"content-type": "application/fhir+json"}, text))
        assert response.status == 200, response.body[:500]
        loaded += len(json.loads(text)["entry"])
    assert loaded == sum(len(table) for table in small.tables.values())
    first = json.loads((tmp_path / "bundles" / "bundle-000001.json").read_text())["entry"]
    assert [entry["resource"]["resourceType"] for entry in first[:10]] == ["Patient"] * 10


def test_what_is_referred_to_comes_first(tmp_path: Path) -> None:
    records = [
        {"resourceType": "Observation", "id": "1", "status": "final", "code": {"text": "x"},
         "encounter": {"reference": "Encounter/2"}, "derivedFrom": [{"reference": "Observation/3"}]},
        {"resourceType": "Encounter", "id": "2", "status": "finished", "class": {"code": "AMB"},
         "serviceProvider": {"reference": "Organization/4"}},
        {"resourceType": "Observation", "id": "3", "status": "final", "code": {"text": "x"}},
        {"resourceType": "Organization", "id": "4", "name": "O"},
    ]  # fmt: skip
    import_files(written(tmp_path / "a.ndjson", records), tmp_path / "a.mab", "a")
    export_bundles(open_archive(tmp_path / "a.mab"), tmp_path / "b", size=1)
    order = [json.loads(path.read_text())["entry"][0]["request"]["url"] for path in sorted((tmp_path / "b").iterdir())]
    assert len(order) == 4
    assert order.index("Organization/organization-4") < order.index("Encounter/encounter-2")
    assert order.index("Encounter/encounter-2") < order.index("Observation/observation-1")
    assert order.index("Observation/observation-3") < order.index("Observation/observation-1")


def test_some_people_can_be_exported_alone(small: Archive, tmp_path: Path) -> None:
    mrn = str(small.tables["Patient"].ids[1])
    exported = export_ndjson(small, tmp_path / "one", [mrn])
    assert exported.counts["Patient"] == 1
    assert 0 < exported.counts["Observation"] < len(small.tables["Observation"])
    for line in (tmp_path / "one" / "Observation.ndjson").read_text().splitlines():
        assert json.loads(line)["subject"]["reference"] == f"Patient/{mrn}"
    with pytest.raises(UsageError, match="S0000000"):
        export_ndjson(small, tmp_path / "two", ["S0000000"])
    with pytest.raises(UsageError, match="new folder"):
        export_ndjson(small, tmp_path / "one")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one"]


def test_a_circle_is_never_split(tmp_path: Path) -> None:
    def member(own: str, other: str) -> dict[str, Any]:
        member = [{"reference": f"Observation/{other}"}]
        return {"resourceType": "Observation", "id": own, "status": "final", "code": {"text": "x"}, "hasMember": member}

    records = [member("a", "b"), member("b", "c"), member("c", "a"), member("d", "a")]
    import_files(written(tmp_path / "a.ndjson", records), tmp_path / "a.mab", "a")
    export_bundles(open_archive(tmp_path / "a.mab"), tmp_path / "b", size=2)
    bundles = [json.loads(path.read_text())["entry"] for path in sorted((tmp_path / "b").iterdir())]
    assert [sorted(entry["resource"]["id"] for entry in each) for each in bundles] == [["a", "b", "c"], ["d"]]


def test_linked_patients_come_in_order(tmp_path: Path) -> None:
    link = [{"other": {"reference": "Patient/p2"}, "type": "seealso"}]
    import_files(written(tmp_path / "a.ndjson", [patient(1, link=link), patient(2)]), tmp_path / "a.mab", "a")
    export_bundles(open_archive(tmp_path / "a.mab"), tmp_path / "b", size=1)
    order = [json.loads(path.read_text())["entry"][0]["resource"]["id"] for path in sorted((tmp_path / "b").iterdir())]
    assert order == ["p2", "p1"]


def test_nothing_about_others_goes_out_with_a_person(tmp_path: Path) -> None:
    def result(own: str, whose: str) -> dict[str, Any]:
        subject = {"reference": f"Patient/{whose}"}
        return {"resourceType": "Observation", "id": own, "status": "final", "code": {"text": "x"}, "subject": subject}

    def provenance(own: str, of: str) -> dict[str, Any]:
        target = [{"reference": of}]
        agent = [{"who": {"display": "x"}}]
        recorded = "2020-01-01T00:00:00Z"
        return {"resourceType": "Provenance", "id": own, "target": target, "recorded": recorded, "agent": agent}

    members = [{"entity": {"reference": f"Patient/p{number}"}} for number in (1, 2)]
    records = [
        patient(1),
        patient(2),
        result("mine", "p1"),
        result("theirs", "p2"),
        provenance("of-mine", "Observation/mine"),
        provenance("of-theirs", "Observation/theirs"),
        provenance("of-of-theirs", "Provenance/of-theirs"),
        {"resourceType": "Group", "id": "g", "type": "person", "actual": True, "member": members},
        {"resourceType": "Organization", "id": "o", "name": "O"},
    ]
    import_files(written(tmp_path / "a.ndjson", records), tmp_path / "a.mab", "a")
    export_ndjson(open_archive(tmp_path / "a.mab"), tmp_path / "one", ["p1"])
    ids = {json.loads(line)["id"] for path in (tmp_path / "one").iterdir() for line in path.read_text().splitlines()}
    assert ids == {"p1", "mine", "of-mine", "o"}


def test_ids_that_would_be_the_same_are_refused(tmp_path: Path) -> None:
    def result(own: str) -> dict[str, Any]:
        return {"resourceType": "Observation", "id": own, "status": "final", "code": {"text": "x"}}

    records = [result("12"), result("observation-12")]
    import_files(written(tmp_path / "a.ndjson", records), tmp_path / "a.mab", "a")
    archive = open_archive(tmp_path / "a.mab")
    with pytest.raises(UsageError, match="observation-12"):
        export_bundles(archive, tmp_path / "b")
    assert export_bundles(archive, tmp_path / "b", keep_ids=True).counts == {"Observation": 2}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"foo": "x"}, "Patient.foo is left out"),
        ({"name": "Smith"}, "Patient.name is left out"),
        ({"name": [{"family": 7}]}, 'Patient.name.family is "7" now, not 7'),
        ({"name": [{"family": "x", "given": ["a", {"b": 1}]}]}, "Patient.name.given has 1 of 2 values"),
        ({"birthDate": 1950}, 'Patient.birthDate is "1950" now, not 1950'),
        ({"active": "true"}, 'Patient.active is true now, not "true"'),
        ({"gender": ["male", "female"]}, "Patient.gender has 1 of 2 values"),
        ({"extension": [{"url": "x"}], "bar": {"a": 1}}, "Patient.extension is left out; Patient.bar is left out"),
        ({"contact": [{"additionalName": [{"family": "of R5"}]}]}, "Patient.contact is left out"),
    ],
)
def test_what_does_not_come_through_whole_is_named(tmp_path: Path, more: dict[str, Any], said: str) -> None:
    source = written(tmp_path / "a.ndjson", [patient(1), patient(2, **more), patient(3)])
    imported = import_files(source, tmp_path / "a.mab", "a")
    assert imported.counts == {"Patient": 3}
    assert (imported.problems.count, imported.problems.changed) == (0, 1)
    assert [str(problem) for problem in imported.problems.first_changed] == [f"a.ndjson, line 2: {said}"]
    (line,) = (tmp_path / "a.mab.problems.jsonl").read_text().splitlines()
    assert json.loads(line) == {"source": "a.ndjson", "place": "line 2", "text": said, "taken": True}


def test_what_means_the_same_is_not_named(tmp_path: Path) -> None:
    narrative = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">a &nbsp; b<br></br></div>'}
    more = {"name": {"family": "x", "given": "y", "suffix": []}, "gender": ["male"], "text": narrative, "photo": None}
    imported = import_files(written(tmp_path / "a.ndjson", [patient(1, **more)]), tmp_path / "a.mab", "a")
    assert (imported.problems.count, imported.problems.changed) == (0, 0)


def test_what_differs_and_is_long_lies_in_files_not_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def narrative(number: int) -> dict[str, Any]:
        name = [{"family": f"{number} ä " + str(number % 7) * 20_000}]
        return patient(number % 1700, name=name, birthDate=f"19{number % 90 + 10}-01-01")

    source = written(tmp_path / "a.ndjson", [narrative(number) for number in range(2000)])
    whole = import_files(source, tmp_path / "a.mab", "a")
    monkeypatch.setattr("mab_gym.fhir.store._gather.IN_MEMORY", 1 << 20)
    tracemalloc.start()
    spilled = import_files(source, tmp_path / "b.mab", "a")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert spilled.digest == whole.digest
    assert spilled.problems.count == 300
    assert most < source.stat().st_size / 4


@pytest.mark.parametrize(
    "ids", [["1", "5", "3", "5", "1", "9"], ["1", "2", "x", "2", "x"], ["10", "2", "10"], ["1", "01", "1"], ["0", "0"]]
)
def test_ids_come_once_and_in_their_order(tmp_path: Path, ids: list[str]) -> None:
    resources = [{"resourceType": "Patient", "id": own} for own in ids]
    imported = import_files(written(tmp_path / "a.ndjson", resources), tmp_path / "a.mab", "a")
    kept = list(dict.fromkeys(ids))
    assert [str(own) for own in open_archive(tmp_path / "a.mab").tables["Patient"].ids] == kept
    assert imported.problems.count == len(ids) - len(kept)
