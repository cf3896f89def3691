"""Bundles with something broken in them: it is named by entry and line, and all the rest is taken."""

from __future__ import annotations

import gzip
import json
import random
import re
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mab_gym.cli.app import app
from mab_gym.fhir.store._archive import open_archive
from mab_gym.fhir.store._base import BaseTable
from mab_gym.transfer._importing import Imported, import_files

HEAD = '{"resourceType": "Bundle",\n"type": "transaction", "entry": [\n'


def entry(number: int, **more: Any) -> dict[str, Any]:
    resource = {"resourceType": "Patient", "id": f"p{number}", "name": [{"family": 'Ä "x" {[', "given": ["a", "b"]}]}
    request = {"method": "PUT", "url": f"Patient/p{number}"}
    return {"fullUrl": f"urn:uuid:{number}", "resource": {**resource, **more}, "request": request}


def imported(tmp_path: Path, entries: Sequence[str], head: str = HEAD, tail: str = "]}") -> Imported:
    (tmp_path / "b.json").write_text(head + ",\n".join(entries) + tail, encoding="utf-8")
    return import_files(tmp_path / "b.json", tmp_path / "b.mab", "b")


def told(result: Imported) -> list[str]:
    return [str(problem) for problem in result.problems.first]


def ids(result: Imported, kind: str = "Patient") -> list[str]:
    return [str(logical_id) for logical_id in open_archive(result.path).tables[kind].ids]


WHOLE = json.dumps(entry(2))


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(WHOLE.replace('"id": ', '"id" '), id="no colon"),
        pytest.param(WHOLE[:-2], id="brackets left out at its end"),
        pytest.param(WHOLE + "}", id="a bracket too many"),
        pytest.param(WHOLE[1:], id="no bracket before it"),
        pytest.param("[" + WHOLE, id="a list that never ends"),
        pytest.param(WHOLE + "]", id="the list ends too early"),
        pytest.param(WHOLE.replace('"b"]', '"b"'), id="a list within it never ends"),
        pytest.param(WHOLE.replace('"given": ["a', '"given": ["a", {'), id="a bracket within it never ends"),
        pytest.param(WHOLE.replace('"p2"', '"p2'), id="no quotation mark"),
        pytest.param(WHOLE[:150], id="cut off"),
        pytest.param("[" * 100_000 + "]" * 100_000, id="too deep"),
        pytest.param('{"resource": ' + "[" * 90_000, id="too deep and cut off"),
        pytest.param("nonsense", id="no JSON at all"),
        pytest.param('"text"', id="a text"),
        pytest.param("{}", id="empty"),
        pytest.param('{"resource": 7}', id="a number for a resource"),
        pytest.param(WHOLE.replace('"p2"', "1" * 5000), id="a number of thousands of digits"),
        pytest.param(WHOLE.replace('"p2"', "7"), id="a number for an id"),
        pytest.param(WHOLE.replace('"Patient", "id"', '"Patience", "id"'), id="a type that is none"),
        pytest.param(WHOLE.replace('"Patient", "id"', '"ActorDefinition", "id"'), id="a type of R5"),
        pytest.param(json.dumps(entry(2, birthDate=19500102)), id="a number for a date"),
        pytest.param(json.dumps(entry(2, birthDate="yesterday")), id="a word for a date"),
        pytest.param(json.dumps(entry(1, gender="other")), id="another version"),
    ],
)
def test_a_broken_entry_is_named_and_the_rest_is_kept(tmp_path: Path, broken: str) -> None:
    more = [json.dumps(entry(number)) for number in (3, 4, 5)]
    result = imported(tmp_path, [json.dumps(entry(1), indent=2), broken, *more])
    assert set(ids(result)) - {"p2"} == {"p1", "p3", "p4", "p5"}
    line = json.dumps(entry(1), indent=2).count("\n") + 4
    assert re.match(rf"b\.json, entry [23], line {line}: ", told(result)[0])
    assert all(re.match(r"b\.json, entry \d, line \d+: ", said) for said in told(result))


def test_what_breaks_one_entry_never_costs_another(tmp_path: Path) -> None:
    rng = random.Random(5)
    for _ in range(150):
        texts = [json.dumps(entry(number), indent=rng.choice((None, 1))) for number in range(6)]
        which = rng.randrange(6)
        text = texts[which]
        place = rng.choice([at for at, sign in enumerate(text) if sign in '{}[]":,'])
        texts[which] = text[:place] + rng.choice(("", *'{}[]":,x')) + text[place + rng.randrange(2) :]
        result = imported(tmp_path, texts)
        assert set(ids(result)) >= {f"p{number}" for number in range(6) if number != which}, texts[which]


def test_the_line_of_the_fault_itself_is_told(tmp_path: Path) -> None:
    text = json.dumps(entry(1), indent=2).replace('"id": ', '"id" ')
    result = imported(tmp_path, [text, json.dumps(entry(2))])
    (said,) = told(result)
    assert said.startswith("b.json, entry 1, line 3: not JSON: Expecting ':' delimiter, in line 7 ")


def test_bundles_within_a_broken_entry_are_not_taken_for_entries(tmp_path: Path) -> None:
    inner = {"resourceType": "Bundle", "id": "x", "type": "collection", "entry": [entry(7), entry(8), entry(9)]}
    broken = json.dumps({"resource": inner}).replace('"type":', '"type"', 1)
    assert ids(imported(tmp_path, [json.dumps(entry(1)), broken, json.dumps(entry(3))])) == ["p1", "p3"]


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ('{"resourceType" "Bundle",\n"entry": [', "a colon is missing"),
        ('{"resourceType": "Bundle",\n"meta": {"tag": [}, "entry": [', "Expecting value"),
        ('{"resourceType": "Bundle", "entry": 7, \n"entry": [', "not a list"),
    ],
)
def test_a_broken_head_is_named_and_the_entries_are_kept(tmp_path: Path, head: str, said: str) -> None:
    result = imported(tmp_path, [json.dumps(entry(1)), json.dumps(entry(2))], head)
    assert ids(result) == ["p1", "p2"]
    assert said in told(result)[0]
    assert "the Bundle's head, line " in told(result)[0]


def test_entries_before_the_end_of_a_file_that_was_cut_off_are_kept(tmp_path: Path) -> None:
    text = HEAD + ",\n".join(json.dumps(entry(number)) for number in range(2000)) + "]}"
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(text.encode())[:-2000])
    result = import_files(tmp_path / "a.json.gz", tmp_path / "a.mab", "a")
    assert ids(result)[:1000] == [f"p{number}" for number in range(1000)]
    assert any("cannot be read on" in said for said in told(result))


def test_other_text_than_utf_8_costs_its_entry_alone(tmp_path: Path) -> None:
    texts = [json.dumps(entry(number), ensure_ascii=False) for number in range(3)]
    (tmp_path / "b.json").write_bytes((HEAD + ",".join(texts) + "]}").encode().replace("Ä".encode(), b"\xff", 1))
    result = import_files(tmp_path / "b.json", tmp_path / "b.mab", "b")
    assert ids(result) == ["p1", "p2"]
    assert told(result) == ["b.json, entry 1, line 3: not UTF-8"]


def test_an_entry_that_is_too_long_is_passed_over_in_little_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mab_gym.transfer._reading.LONGEST_LINE", 1 << 20)
    monkeypatch.setattr("mab_gym.transfer._reading._CHUNK", 1 << 16)
    long = json.dumps(entry(2, text={"status": "generated", "div": '\\"}]' * 5_000_000}))
    (tmp_path / "b.json").write_text(HEAD + ",\n".join((json.dumps(entry(1)), long, json.dumps(entry(3)))) + "]}")
    tracemalloc.start()
    result = import_files(tmp_path / "b.json", tmp_path / "b.mab", "b")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert ids(result) == ["p1", "p3"]
    assert told(result) == ["b.json, entry 2, line 4: longer than 1 MB"]
    assert most < len(long) / 2


def test_a_history_gives_what_is_current(tmp_path: Path) -> None:
    """Source: FHIR R4, https://hl7.org/fhir/R4/http.html#history: the newest first, deletions without a resource."""
    deletion = {"fullUrl": "x", "request": {"method": "DELETE", "url": "Patient/p1"}}
    entries = [deletion, entry(2, gender="male"), entry(1), entry(2, gender="female"), entry(3)]
    result = imported(tmp_path, [json.dumps(each) for each in entries], HEAD.replace("transaction", "history"))
    assert ids(result) == ["p2", "p3"]
    one, two, three = told(result)
    assert "entry 1, line 3: Patient/p1 is deleted" in one
    assert "entry 3, line 5: a version of Patient/p1 before it was deleted" in two
    assert "entry 4, line 6: Patient/p2 was there before; the first one stays" in three


def test_a_circle_by_uuid_is_resolved_and_twins_are_named(tmp_path: Path) -> None:
    def member(own: str, other: str) -> str:
        observation = {"resourceType": "Observation", "status": "final", "code": {"text": own}}
        references = [{"reference": f"urn:uuid:{other}"}]
        return json.dumps({"fullUrl": f"urn:uuid:{own}", "resource": {**observation, "hasMember": references}})

    result = imported(tmp_path, [member("a", "b"), member("b", "a"), member("c", "c"), member("a", "c")])
    assert told(result) == ["b.json, entry 4, line 6: Observation/a was there before; the first one stays"]
    table = BaseTable(open_archive(result.path).tables["Observation"])
    members = [json.loads(table.text(row))["hasMember"][0]["reference"] for row in range(3)]
    assert members == ["Observation/b", "Observation/a", "Observation/c"]
    assert result.dangling == 0


def test_the_command_names_what_was_left_out_and_what_was_changed(tmp_path: Path) -> None:
    texts = [json.dumps(entry(1)), "nonsense", json.dumps(entry(2, birthDate=1950))]
    (tmp_path / "b.json").write_text(HEAD + ",\n".join(texts) + "]}")
    arguments = ["data", "import", str(tmp_path / "b.json"), "--out", str(tmp_path / "b.mab")]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0
    assert "b.json, entry 2, line 4: not JSON" in done.output
    assert 'b.json, entry 3, line 5: Patient.birthDate is "1950" now, not 1950' in done.output
    assert CliRunner().invoke(app, [*arguments, "--strict"]).exit_code == 1
