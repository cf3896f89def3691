"""The stand-in chart: the people whom the tasks name, every branch of the rules, and shapes as in the cohort."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mab_gym.errors import UsageError
from mab_gym.fhir.http._server import Request
from mab_gym.official._phrases import named_mrns, named_person
from mab_gym.official._records import open_chart
from mab_gym.official._synthetic_chart import PATTERNS, StandIn, stand_in, write_chart
from mab_gym.official._tasks import NOW, OfficialTask, read_tasks
from tests.conftest import OFFICIAL_FILES, needs_official_files

from .tasks_of_our_own import ABSENT, PEOPLE, all_tasks, find, mrn, task, write_tasks

DAY_AGO = datetime.fromisoformat(NOW) - timedelta(hours=24)
YEAR_AGO = datetime.fromisoformat("2022-11-13T10:15:00+00:00")


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> list[OfficialTask]:
    return list(read_tasks(write_tasks(tmp_path_factory.mktemp("tasks"))).values())


@pytest.fixture(scope="module")
def made(tasks: list[OfficialTask]) -> StandIn:
    return stand_in(tasks)


Listed = list[dict[str, Any]]
"""The resources of a chart, in load order."""


def resources(chart: StandIn) -> Listed:
    return [json.loads(line) for line in chart.lines()]


@pytest.fixture(scope="module")
def listed(made: StandIn) -> Listed:
    """The resources of the chart that most tests look at."""
    return resources(made)


def results(listed: Listed) -> dict[tuple[str, str], list[tuple[datetime, float]]]:
    """By MRN and code, each result's moment and value in load order."""
    found = defaultdict(list)
    for each in listed:
        if each["resourceType"] == "Observation" and "valueQuantity" in each:
            key = (each["subject"]["reference"].removeprefix("Patient/"), each["code"]["text"])
            found[key].append((datetime.fromisoformat(each["effectiveDateTime"]), each["valueQuantity"]["value"]))
    return dict(found)


def test_equal_tasks_and_seeds_give_equal_bytes(tasks: list[OfficialTask], made: StandIn, tmp_path: Path) -> None:
    again, other = stand_in(tasks), stand_in(tasks, 1)
    assert list(again.lines()) == list(made.lines()) != list(other.lines())
    assert again.backend().digest == made.backend().digest != other.backend().digest
    for name in ("one.ndjson.gz", "two.ndjson.gz"):
        write_chart(made, tmp_path / name)
    assert (tmp_path / "one.ndjson.gz").read_bytes() == (tmp_path / "two.ndjson.gz").read_bytes()


def test_everybody_named_is_there_and_nobody_else_is_called_so(listed: Listed) -> None:
    patients = {each["id"]: each for each in listed if each["resourceType"] == "Patient"}
    assert set(patients) == {entry["eval_MRN"] for entry in all_tasks() if "eval_MRN" in entry}
    called = {
        who: (" ".join([*each["name"][0]["given"], each["name"][0]["family"]]), each["birthDate"])
        for who, each in patients.items()
    }
    assert [called[mrn(number)] for number in (1, 2, 3)] == list(PEOPLE)
    assert len(set(called.values())) == len(called)
    assert ABSENT not in called.values()


def test_a_patient_has_the_shape_of_the_official_ones(listed: Listed) -> None:
    for patient in (each for each in listed if each["resourceType"] == "Patient"):
        urls = [extension["url"].rpartition("/")[2] for extension in patient["extension"]]
        assert urls == ["us-core-race", "us-core-ethnicity"]
        (identifier,) = patient["identifier"]
        assert (identifier["value"], identifier["type"]["coding"][0]["code"]) == (patient["id"], "MR")
        assert patient["name"][0]["use"] == "official"
        assert {"gender", "birthDate", "address", "meta"} <= set(patient)


def test_a_laboratory_result_has_the_shape_of_the_official_ones(listed: Listed) -> None:
    result = next(each for each in listed if each.get("code", {}).get("text") == "K")
    who = result["subject"]["identifier"]["value"]
    assert result["code"] == {"coding": [{"system": "http://loinc.org", "code": "K", "display": "K"}], "text": "K"}
    assert result["subject"]["reference"] == f"Patient/{who}"
    assert result["category"][0]["coding"][0]["code"] == "laboratory"
    assert set(result["valueQuantity"]) == {"value", "unit", "system", "code"}
    assert result["id"].isdigit()
    assert {"issued", "effectiveDateTime", "meta"} <= set(result)


def branches(listed: Listed, tasks: list[OfficialTask]) -> dict[int, set[str]]:
    """Returns the situations in each category, read from the results themselves."""
    found = results(listed)
    seen: dict[int, set[str]] = defaultdict(set)
    for each in tasks:
        code = {4: "MG", 5: "MG", 6: "GLU", 7: "GLU", 9: "K", 10: "A1C"}.get(each.category)
        if code is None:
            continue
        measured = found.get((each.mrn, code), [])
        newest = max(measured, key=lambda result: result[0], default=None)
        notes = seen[each.category]
        if newest is None:
            notes.add("never")
            continue
        moment, value = newest
        day = [result for result in measured if result[0] >= DAY_AGO]
        if len([result for result in measured if result[0] == moment]) > 1:
            notes.add("tied")
        if measured.index(newest) >= 20:
            notes.add("not on the first page")
        if code in ("MG", "GLU"):
            notes.add("within" if day else "not within")
            edges = {DAY_AGO: "edge", DAY_AGO - timedelta(minutes=1): "a minute too old"}
            notes |= {edges[moment]} if moment in edges else set()
        if len(day) > 20:
            notes.add("a day of more than a page")
        if code == "MG" and day:
            notes.add("not low" if value > 1.9 else "mild" if value >= 1.5 else "moderate" if value >= 1 else "severe")
        if code == "K":
            notes.add("low" if value < 3.5 else "threshold" if value == 3.5 else "not low")
        if code == "A1C":
            notes.add("old" if moment < YEAR_AGO else "edge" if moment == YEAR_AGO else "recent")
    return seen


DOSES = {"not low", "mild", "moderate", "severe"}
DAY = {"never", "within", "not within", "edge", "a minute too old", "tied", "not on the first page"}
WANTED = {
    4: DAY | DOSES,
    5: DAY | DOSES,
    6: DAY | {"a day of more than a page"},
    7: DAY,
    9: {"never", "low", "threshold", "not low", "tied", "not on the first page"},
    10: {"never", "old", "edge", "recent", "tied"},
}


@pytest.mark.parametrize("seed", [0, 1, 20231113])
def test_every_branch_of_each_category_occurs(tasks: list[OfficialTask], seed: int) -> None:
    seen = branches(resources(stand_in(tasks, seed)), tasks)
    # With nine people a category, whether the newest is beyond the first page is left to chance.
    chance = {"not on the first page"}
    assert {key: wanted - seen[key] - chance for key, wanted in WANTED.items()} == {key: set() for key in WANTED}


@needs_official_files
@pytest.mark.parametrize("seed", [0, 1, 20231113])
def test_every_branch_of_each_official_category_occurs(seed: int) -> None:
    official = list(read_tasks(OFFICIAL_FILES / "test_data_v2.json").values())
    chart = stand_in(official, seed)
    assert chart.unread == ()
    listed = resources(chart)
    seen = branches(listed, official)
    assert {key: wanted - seen[key] for key, wanted in WANTED.items()} == {key: set() for key in WANTED}
    births = {each["id"]: each["birthDate"][5:] for each in listed if each["resourceType"] == "Patient"}
    days = {births[each.mrn] for each in official if each.category == 2}
    assert {"11-12", "11-13", "11-14"} <= days


def test_the_order_of_loading_is_not_that_of_time(listed: Listed) -> None:
    long = [each for each in results(listed).values() if len(each) > 20]
    assert len(long) > 20
    assert not any(sorted(each) in (each, each[::-1]) for each in long)


def test_of_two_at_one_moment_the_first_in_load_order_is_the_dealt_one(made: StandIn, listed: Listed) -> None:
    found = results(listed)
    for code, assigned in made.patterns.items():
        tied = next(each for each in PATTERNS[code] if each.tied)
        places = 1 if code in ("MG", "K", "A1C") else 0
        for who in (who for who, name in assigned.items() if name == tied.name):
            newest = max(moment for moment, _ in found[who, code])
            first, second = (value for moment, value in found[who, code] if moment == newest)
            assert round((second - first) * 10**places) == tied.tied
            assert round(first * 10**places) in tied.values


def test_nothing_lies_after_now_or_before_the_records_begin(listed: Listed) -> None:
    moments = [moment for measured in results(listed).values() for moment, _ in measured]
    assert datetime.fromisoformat("2018-11-13T10:15:00+00:00") <= min(moments)
    assert max(moments) <= datetime.fromisoformat(NOW)


@pytest.mark.parametrize("name", ["chart.ndjson", "chart.ndjson.gz"])
def test_the_file_answers_as_the_chart_in_memory(made: StandIn, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    assert write_chart(made, path) == sum(map(len, made.tables))
    file, memory = open_chart(path).open(), made.backend().open()
    for target in (
        "Patient?_count=100",
        f"Observation?patient={mrn(2)}&code=MG&_count=200",
        f"Observation?patient={mrn(4)}",
        f"Observation?patient={mrn(9)}&code=GLU&date=ge2023-11-12T10:15:00%2B00:00",
        f"Patient/{mrn(1)}",
    ):
        one, other = file.handle(Request("GET", target)), memory.handle(Request("GET", target))
        assert (one.status, one.body) == (other.status, other.body)
        assert one.status == 200
    with pytest.raises(UsageError, match="is there already"):
        write_chart(made, path)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({**find(1, "Ada Long", "1950-02-03", "S1000001"), "instruction": "Who is it?"}, "no name with a date"),
        (find(1, "Ada", "1950-02-03", "S1000001"), "no name with a date"),
        (find(1, "Ada Long", "1950-02-30", "S1000001"), "no name with a date"),
        (find(1, "Ada Short", "1950-02-03", mrn(2)), "otherwise than a task before it"),
        ({**find(1, "Ada Long", "1950-02-03", mrn(2)), "sol": [mrn(3)]}, f"its solution is {mrn(3)}"),
        (find(1, "Bo Short", "1980-12-31", "Patient not found"), "nobody is called so"),
        ({**task(2, 1), "eval_MRN": mrn(7)}, f"does not name its patient {mrn(7)}"),
        ({**task(2, 1), "eval_MRN": "S 1"}, "is no FHIR id"),
    ],
)
def test_what_cannot_be_read_is_told_with_the_task(tmp_path: Path, entry: dict[str, Any], said: str) -> None:
    known = {**find(7, "Bo Short", "1980-12-31", mrn(2))}
    read = read_tasks(write_tasks(tmp_path, [known, entry]))
    chart = stand_in(read.values())
    assert any(unread.task == entry["id"] and said in unread.what for unread in chart.unread), chart.unread
    patients = {each["id"] for each in resources(chart) if each["resourceType"] == "Patient"}
    assert mrn(2) in patients


def test_nobody_to_make_a_chart_for(tmp_path: Path) -> None:
    read = read_tasks(write_tasks(tmp_path, [find(1, "Ada Long", "1950-02-03", "Patient not found")]))
    with pytest.raises(UsageError, match="nobody"):
        stand_in(read.values())
    for seed in (-1, 1 << 32, 1.5, True):
        with pytest.raises(UsageError, match="seed"):
            stand_in(read.values(), seed)  # type: ignore[arg-type]


def test_words_of_other_editions_are_read_too() -> None:
    for text in (
        "What's the MRN of the patient with name Ada Mary Long and DOB of 1950-02-03?",
        "the patient named Ada Mary Long, and date of birth 1950-02-03",
        "With name Ada Mary Long and a DOB 1950-02-03.",
    ):
        person = named_person(text)
        assert person is not None
        assert (person.given, person.family, person.birth.isoformat()) == (("Ada", "Mary"), "Long", "1950-02-03")
    assert named_mrns("S1234567's and (S7654321), S1234567, S12345678") == ["S1234567", "S7654321"]
