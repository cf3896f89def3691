"""Folders as implementation guides come in them, resources without ids, and what comes again."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mab_gym.cli.app import app
from mab_gym.errors import RecordsError
from mab_gym.fhir.http._server import FhirServer, Request
from mab_gym.fhir.store._archive import open_archive
from mab_gym.fhir.store._base import BaseTable
from mab_gym.transfer._importing import Imported, import_files

CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
EXAMPLES: dict[str, dict[str, Any]] = {
    "Patient-mara-quill.json": {
        "resourceType": "Patient",
        "id": "mara-quill",
        "meta": {"profile": [f"{CORE}patient"]},
        "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml"><p>Mara Quill</p></div>'},
        "extension": [
            {
                "url": f"{CORE}race",
                "extension": [
                    {"url": "ombCategory", "valueCoding": {"code": "2028-9", "display": "Asian"}},
                    {"url": "detailed", "valueCoding": {"code": "2036-2", "display": "Filipino"}},
                    {"url": "text", "valueString": "Filipino, of mixed descent"},
                ],
            }
        ],
        "identifier": [{"system": "http://hospital.example/mrn", "value": "Q-77"}],
        "name": [{"family": "Quill", "given": ["Mara", "T."]}],
        "gender": "female",
        "birthDate": "1984-05",
    },
    "Observation-spo2.json": {
        "resourceType": "Observation",
        "id": "spo2",
        "status": "final",
        "category": [{"coding": [{"code": "vital-signs"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "59408-5", "display": "SpO2"}]},
        "subject": {"reference": "Patient/mara-quill", "display": "Mara Quill"},
        "effectiveDateTime": "2023-10-02T08:30:00-05:00",
        "valueQuantity": {"value": 97.0, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"},
    },
    "Immunization-flu.json": {
        "resourceType": "Immunization",
        "id": "flu",
        "status": "completed",
        "vaccineCode": {"coding": [{"system": "http://hl7.org/fhir/sid/cvx", "code": "140"}], "text": "Influenza"},
        "patient": {"reference": "Patient/mara-quill"},
        "occurrenceDateTime": "2023-09-30",
    },
    "Coverage-plan.json": {
        "resourceType": "Coverage",
        "id": "plan",
        "status": "active",
        "type": {"text": "HMO"},
        "beneficiary": {"reference": "Patient/mara-quill"},
        "payor": [{"display": "Blue Harbor"}],
    },
    "Device-pump.json": {"resourceType": "Device", "id": "pump", "type": {"text": "Infusion pump"}},
    "Observation-of-a-device.json": {
        "resourceType": "Observation",
        "id": "battery",
        "status": "final",
        "code": {"text": "Battery level"},
        "subject": {"reference": "Device/pump"},
        "valueQuantity": {"value": 40, "unit": "%"},
    },
    "List-medicines.json": {
        "entry": [{"item": {"reference": "Immunization/flu"}}],
        "resourceType": "List",
        "id": "medicines",
        "status": "current",
        "mode": "snapshot",
        "subject": {"reference": "Patient/mara-quill"},
    },
    "StructureDefinition-thing.json": {
        "resourceType": "StructureDefinition",
        "id": "thing",
        "url": "http://hospital.example/thing",
        "name": "Thing",
        "status": "draft",
        "kind": "resource",
        "abstract": False,
        "type": "Patient",
    },
}


def guide(folder: Path) -> Path:
    """A folder such as an implementation guide's examples."""
    folder.mkdir()
    for name, resource in EXAMPLES.items():
        (folder / name).write_text(json.dumps(resource, indent=2), encoding="utf-8")
    return folder


def imported(source: Path) -> Imported:
    return import_files(source, source.with_name("out.mab"), "x")


def told(result: Imported) -> list[str]:
    return [str(problem) for problem in (*result.problems.first, *result.problems.first_changed)]


def run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, ["data", *map(str, arguments)])


def test_a_folder_with_a_resource_a_file_is_taken(tmp_path: Path) -> None:
    result = imported(guide(tmp_path / "guide"))
    assert told(result) == []
    assert sum(result.counts.values()) == len(EXAMPLES)
    tables = open_archive(result.path).tables
    for resource in EXAMPLES.values():
        table = tables[resource["resourceType"]]
        found = BaseTable(table).resource([str(own) for own in table.ids].index(resource["id"]))
        assert {k: v for k, v in found.items() if k != "meta"} == {k: v for k, v in resource.items() if k != "meta"}
    session = FhirServer(tables).open()
    answer = json.loads(session.handle(Request("GET", "Observation?patient=mara-quill")).body)
    assert [entry["resource"]["id"] for entry in answer["entry"]] == ["spo2"]


def test_bundles_lines_and_single_resources_lie_together(tmp_path: Path) -> None:
    folder = guide(tmp_path / "guide")
    entries = [{"resource": {"resourceType": "Patient", "id": f"b{number}"}} for number in range(3)]
    (folder / "Bundle-some.json").write_text(
        json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries})
    )
    (folder / "more.ndjson").write_text('{"resourceType":"Patient","id":"n1"}\n{"resourceType":"Patient","id":"n2"}\n')
    (folder / "lines.json").write_text('{"resourceType":"Patient","id":"l1"}\n{"resourceType":"Patient","id":"l2"}\n')
    with gzip.open(folder / "zipped.json.gz", "wt", encoding="utf-8") as file:
        json.dump({"resourceType": "Patient", "id": "z"}, file)
    (folder / "marked.json").write_bytes(b"\xef\xbb\xbf" + b'{"resourceType":"Patient","id":"m"}')
    result = imported(folder)
    assert told(result) == []
    assert result.counts["Patient"] == 1 + 3 + 2 + 2 + 1 + 1


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("package.json", '{"name": "hl7.fhir.us.core", "dependencies": {}}', "no FHIR resource"),
        (".index.json", '{"index-version": 2, "files": []}', "no FHIR resource"),
        ("list.json", '[{"resourceType": "Patient", "id": "x"}]', "not a JSON object"),
        ("broken.json", '{"resourceType": "Patient", "id": "x", ', "not JSON"),
        ("logical.json", '{"resourceType": "Thing", "id": "x"}', "'Thing'"),
        ("empty.json", "", "not a JSON object"),
        ("number.json", '{"resourceType": 7, "id": "x"}', "7"),
        ("latin.json", '{"resourceType": "Patient", "id": "x", "name": [{"family": "M\xfcller"}]}', "not UTF-8"),
    ],
)
def test_what_is_neither_is_named_and_the_rest_is_taken(tmp_path: Path, name: str, text: str, said: str) -> None:
    folder = guide(tmp_path / "guide")
    (folder / name).write_text(text, encoding="latin-1")
    result = imported(folder)
    (problem,) = told(result)
    assert problem.startswith(f"{name}, ")
    assert said in problem
    assert sum(result.counts.values()) == len(EXAMPLES)


def test_one_file_with_one_resource_is_taken_whatever_it_is_called(tmp_path: Path) -> None:
    for name in ("someone.json", "someone.txt", "someone"):
        (tmp_path / name).write_text(json.dumps(EXAMPLES["Patient-mara-quill.json"], indent=4))
        assert imported(tmp_path / name).counts == {"Patient": 1}
    (tmp_path / "x.json").write_text('{"a": 1}')
    with pytest.raises(RecordsError, match="no FHIR resource"):
        imported(tmp_path / "x.json")


def test_a_long_single_resource_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mab_gym.transfer._reading.LONGEST_LINE", 4000)
    folder = guide(tmp_path / "guide")
    (folder / "long.json").write_text(json.dumps({"resourceType": "Basic", "language": "x" * 9000}, indent=1))
    (problem,) = told(imported(folder))
    assert "long.json, the file: longer than" in problem


def test_resources_without_ids_get_some_and_that_is_said(tmp_path: Path) -> None:
    person = {"resourceType": "Patient", "name": [{"family": "Ames"}]}
    other = {"resourceType": "Patient", "name": [{"family": "Bolt"}]}
    lines = [person, other, person, {**other, "id": "known"}, {**other, "id": None}]
    (tmp_path / "a.ndjson").write_text("".join(json.dumps(each) + "\n" for each in lines))
    result = imported(tmp_path / "a.ndjson")
    assert result.counts == {"Patient": 5}
    assert (result.named, result.repeated, result.problems.count) == (4, 0, 0)
    ids = list(open_archive(result.path).tables["Patient"].ids)
    assert len(set(ids)) == 5
    assert ids[3] == "known"
    assert imported(tmp_path / "a.ndjson").digest == result.digest
    done = run("import", tmp_path / "a.ndjson", "--out", tmp_path / "b.mab", "--strict")
    assert done.exit_code == 0
    assert "4 had no id and were given one" in done.stdout
    (tmp_path / "b.ndjson").write_text(json.dumps({"resourceType": "Patient", "name": [{"family": "Cole"}]}) + "\n")
    assert not set(open_archive(imported(tmp_path / "b.ndjson").path).tables["Patient"].ids) & set(ids)


def test_entries_of_bundles_get_the_ids_that_they_are_called_by(tmp_path: Path) -> None:
    def entry(full_url: str | None) -> dict[str, Any]:
        return {"resource": {"resourceType": "Patient"}, **({"fullUrl": full_url} if full_url else {})}

    entries = [
        entry("http://a.example/fhir/Patient/77"),
        entry("urn:uuid:7a1f"),
        entry("http://a.example/x"),
        entry(None),
    ]
    (tmp_path / "b.json").write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}))
    result = imported(tmp_path / "b.json")
    ids = list(open_archive(result.path).tables["Patient"].ids)
    assert ids[:2] == ["77", "7a1f"]
    assert len(set(ids)) == 4
    assert result.named == 2


ORGANIZATION = {"resourceType": "Organization", "id": "o", "name": "Harbor Clinic", "active": True}


def bundles(folder: Path, *versions: dict[str, Any]) -> Path:
    folder.mkdir()
    for number, version in enumerate(versions):
        entries = [{"resource": version}, {"resource": {"resourceType": "Patient", "id": f"p{number}"}}]
        (folder / f"{number}.json").write_text(
            json.dumps({"resourceType": "Bundle", "type": "batch", "entry": entries})
        )
    return folder


def test_what_comes_again_in_bundles_is_no_loss(tmp_path: Path) -> None:
    in_another_order = dict(reversed(ORGANIZATION.items()))
    folder = bundles(tmp_path / "b", ORGANIZATION, ORGANIZATION, in_another_order)
    result = imported(folder)
    assert result.counts == {"Organization": 1, "Patient": 3}
    assert (result.repeated, result.problems.count, result.problems.changed) == (2, 0, 0)
    done = run("import", folder, "--out", tmp_path / "b.mab", "--strict")
    assert done.exit_code == 0
    assert "2 came again, equal in all that they say; each is taken once" in done.stdout
    assert not list(tmp_path.glob("*.problems.jsonl"))


@pytest.mark.parametrize(
    "other",
    [
        {**ORGANIZATION, "name": "Harbor Clinics"},
        {**ORGANIZATION, "alias": ["Harbor"]},
        {name: value for name, value in ORGANIZATION.items() if name != "active"},
        {**ORGANIZATION, "meta": {"versionId": "2"}},
    ],
)
def test_what_comes_again_and_says_something_else_is_named(tmp_path: Path, other: dict[str, Any]) -> None:
    result = imported(bundles(tmp_path / "b", ORGANIZATION, other, ORGANIZATION))
    assert (result.repeated, result.problems.count) == (1, 1)
    assert "Organization/o was there before" in told(result)[0]
    assert run("import", tmp_path / "b", "--out", tmp_path / "b.mab", "--strict").exit_code == 1


def test_dates_and_numbers_are_compared_to_the_digit(tmp_path: Path) -> None:
    def result(number: int, value: str, moment: str) -> str:
        return (
            f'{{"resourceType":"Observation","id":"{number}","status":"final","code":{{"text":"x"}},'
            f'"effectiveDateTime":"{moment}","valueQuantity":{{"value":{value}}}}}'
        )

    texts = [
        result(1, "4.0", "2020-01-01"), result(2, "4.0", "2020-01-01T10:00:00.5Z"), result(1, "4.0", "2020-01-01"),
        result(2, "4.0", "2020-01-01T10:00:00.5Z"), result(2, "4.0", "2020-01-01T10:00:00.50Z"),
        result(1, "4.00", "2020-01-01"), result(1, "4.0", "2020-01-01T00:00:00Z"), result(3, "1", "2020"),
        result(3, "1", "2020-01-01"),
    ]  # fmt: skip
    entries = ",".join(f'{{"resource":{text}}}' for text in texts)
    (tmp_path / "b.json").write_text(f'{{"resourceType":"Bundle","type":"collection","entry":[{entries}]}}')
    found = imported(tmp_path / "b.json")
    assert found.counts == {"Observation": 3}
    assert (found.repeated, found.problems.count) == (2, 4)


def test_many_repetitions_are_quick(tmp_path: Path) -> None:
    """Ids in no order, each twice, one after the other: looking one up must not mean going through all."""
    people = [{"resource": {"resourceType": "Patient", "id": f"p{n * 7919 % 20_000}"}} for n in range(20_000)]
    twice = [each for one in people for each in (one, one)]
    (tmp_path / "b.json").write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": twice}))
    result = imported(tmp_path / "b.json")
    assert (result.counts["Patient"], result.repeated) == (20_000, 20_000)


NUMBERS = [
    ("1E400", "Infinite or NaN"),
    ("1" + "0" * 400, "Infinite or NaN"),
    ("1E-1001", "Number value length (1001)"),
    ("1E1001", ""),
    ("1E999999999", ""),
    ("NaN", "NaN"),
    ("Infinity", "Infinity"),
    ("1" * 1001, "Number value length (1001)"),
    ("1" * 5000, ""),
]


@pytest.mark.parametrize(("value", "said"), NUMBERS)
def test_numbers_that_no_server_stores_are_named_and_the_rest_is_taken(tmp_path: Path, value: str, said: str) -> None:
    def observation(own: str, amount: str) -> str:
        head = f'{{"resourceType":"Observation","id":"{own}","status":"final","code":{{"text":"x"}},'
        return f'{head}"subject":{{"reference":"Patient/p"}},"valueQuantity":{{"value":{amount}}}}}'

    texts = ['{"resourceType":"Patient","id":"p"}', observation("bad", value), observation("good", "120")]
    (tmp_path / "a.ndjson").write_text("\n".join(texts))
    entries = ",".join(f'{{"resource":{text}}}' for text in texts)
    (tmp_path / "b.json").write_text(f'{{"resourceType":"Bundle","type":"collection","entry":[\n{entries}]}}')
    for name, place in (("a.ndjson", "line 2"), ("b.json", "entry 2, line 2")):
        result = imported(tmp_path / name)
        assert result.counts == {"Patient": 1, "Observation": 1}
        (problem,) = told(result)
        assert problem.startswith(f"{name}, {place}: ")
        assert said in problem
        assert len(problem) < 1500
        session = FhirServer(open_archive(result.path).tables).open()
        answer = session.handle(Request("GET", "Observation?value-quantity=gt1&_sort=value-quantity"))
        assert [entry["resource"]["id"] for entry in json.loads(answer.body)["entry"]] == ["good"]
        assert run("info", result.path).exit_code == 0


def test_texts_that_cannot_be_written_are_named(tmp_path: Path) -> None:
    odd = {"resourceType": "Patient", "id": "p", "name": [{"family": "a\ud800b"}], "not\udfffdefined": "x"}
    (tmp_path / "a.ndjson").write_text(json.dumps(odd) + '\n{"resourceType":"\\ud800"}\n')
    done = run("import", tmp_path / "a.ndjson", "--out", tmp_path / "a.mab")
    assert done.exit_code == 0
    for line in (tmp_path / "a.mab.problems.jsonl").read_text(encoding="utf-8").splitlines():
        assert "ud800" in json.loads(line)["text"]
