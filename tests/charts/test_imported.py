"""Everything that looks at an archive holds for whatever an import has taken: odd, legal resources of every type."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mab_gym.charts._chart import read_chart
from mab_gym.charts._owners import owners
from mab_gym.charts._page import page
from mab_gym.charts._summary import summarize
from mab_gym.cli.app import app
from mab_gym.errors import MabGymError
from mab_gym.fhir.http._server import DEFAULT_NOW, OWN_FAULT, FhirServer, FhirSession, Request
from mab_gym.fhir.model._definitions import elements, resource_types, search_parameters
from mab_gym.fhir.model._json_text import DecimalNumber
from mab_gym.fhir.store._archive import open_archive, write_archive
from mab_gym.fhir.store._build import build_tables
from mab_gym.transfer._importing import import_files
from tests.transfer.odd import resources, written


def archive(folder: Path, *lines: str | dict[str, Any]) -> Path:
    """An archive of the given resources, all of which must be taken."""
    texts = [each if isinstance(each, str) else json.dumps(each) for each in lines]
    (folder / "a.ndjson").write_text("\n".join(texts), encoding="utf-8")
    imported = import_files(folder / "a.ndjson", folder / "a.mab", "a")
    assert imported.problems.count == 0, imported.problems.first
    return imported.path


def run(*arguments: str | Path) -> str:
    done = CliRunner().invoke(app, ["data", *map(str, arguments)])
    assert done.exit_code == 0, (arguments, done.output, done.exception)
    return done.stdout


@pytest.mark.parametrize("seed", range(3))
def test_every_command_holds_for_odd_resources_of_every_type(tmp_path: Path, seed: int) -> None:
    (tmp_path / "a.ndjson").write_text("".join(written(each) + "\n" for each in resources(seed)), encoding="utf-8")
    path = tmp_path / "a.mab"
    run("import", tmp_path / "a.ndjson", "--out", path)
    counts = json.loads(run("info", path, "--json"))["counts"]
    assert len(counts) > len(resource_types()) - 5
    run("info", path)
    run("patients", path)
    people = [str(own) for own in open_archive(path).tables["Patient"].ids]
    assert {"p1", "p2"} <= set(people)
    for mrn in people:
        run("show", path, mrn, "--all")
        run("show", path, mrn, "--html", tmp_path / f"{mrn}.html")
        assert (tmp_path / f"{mrn}.html").read_text(encoding="utf-8").count("<script>") == 1
    run("export", path, "--ndjson", tmp_path / "lines")
    run("export", path, "--bundles", tmp_path / "bundles", "--patients", "p1")
    assert CliRunner().invoke(app, ["data", "audit", str(path), str(path)]).exit_code == 1
    again = import_files(tmp_path / "lines", tmp_path / "again.mab", "a")
    assert again.counts == counts


def _searches(resource_type: str) -> Iterator[str]:
    values = {"date": "ge1990", "quantity": "gt1", "number": "gt1", "reference": "Patient/p1"}
    for parameter in search_parameters(resource_type).values():
        yield f"{resource_type}?_sort=-{parameter.name}"
        yield f"{resource_type}?{parameter.name}={values.get(parameter.type, 'x')}"
    yield from (f"{resource_type}?{how}" for how in ("_summary=true", "_format=xml", "_format=html", "_include=*"))


@pytest.mark.parametrize("seed", range(2))
def test_no_search_fails_over_what_was_imported(tmp_path: Path, seed: int) -> None:
    (tmp_path / "a.ndjson").write_text("".join(written(each) + "\n" for each in resources(seed, 2)), encoding="utf-8")
    import_files(tmp_path / "a.ndjson", tmp_path / "a.mab", "a")
    session = FhirServer(open_archive(tmp_path / "a.mab").tables).open()
    failed = [url for url in resource_types() for url in _searches(url) if _fails(session, url)]
    assert failed == []


def _fails(session: FhirSession, url: str) -> bool:
    answer = session.handle(Request("GET", url))
    return answer.status == 500 and OWN_FAULT in answer.body


def test_an_event_of_which_nothing_is_known(tmp_path: Path) -> None:
    unknown = {"extension": [{"url": "http://x", "valueCode": "unknown"}]}
    timing = {"event": [None, "2020-02-03"], "_event": [unknown, None]}
    charge = {"resourceType": "ChargeItem", "id": "c", "status": "billable", "code": {"text": "x"}}
    path = archive(tmp_path, {**charge, "subject": {"reference": "Patient/p1"}, "occurrenceTiming": timing})
    answer = FhirServer(open_archive(path).tables).open().handle(Request("GET", "ChargeItem?occurrence=2020"))
    assert [entry["resource"]["id"] for entry in json.loads(answer.body)["entry"]] == ["c"]


def test_an_older_archive_with_numbers_of_thousands_of_digits(tmp_path: Path) -> None:
    numbers = [DecimalNumber(text) for text in ("1E4500", "-1E400", "1E-5000", "5")]
    about = {"subject": {"reference": "Patient/p1"}, "effectiveDateTime": "2023-11-13T10:00:00Z"}
    results = [
        {**OBSERVATION, "id": f"o{place}", **about, "valueQuantity": {"value": number, "unit": "mg"}}
        for place, number in enumerate(numbers)
    ]
    write_archive(tmp_path / "a.mab", build_tables([PERSON, *results]), {})
    found = json.loads(run("info", tmp_path / "a.mab", "--json"))
    assert found["results"][0]["quantiles"] == [0.25, 2.5, 4.75]  # of 5 and of what is next to nothing
    shown = json.loads(run("show", tmp_path / "a.mab", "p1", "--json"))
    assert any("(402 characters) mg" in row["said"] for row in shown["other_results"])
    run("show", tmp_path / "a.mab", "p1")
    run("show", tmp_path / "a.mab", "p1", "--html", tmp_path / "p.html")
    run("export", tmp_path / "a.mab", "--ndjson", tmp_path / "lines")
    assert CliRunner().invoke(app, ["data", "audit", str(tmp_path / "a.mab"), str(tmp_path / "a.mab")]).exit_code == 1


OBSERVATION = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
PERSON = {"resourceType": "Patient", "id": "p1", "name": [{"family": "Doe"}]}


def _about(resource_type: str, reference: str) -> dict[str, Any]:
    """A resource of a type, about a patient by each element that R4's search parameters name; empty where none does."""
    found: dict[str, Any] = {}
    defined = search_parameters(resource_type)
    parameter = defined.get("patient") or defined.get("subject")
    for alternative in (parameter.expression if parameter else "").split(" | "):
        names = alternative.partition(".where")[0].removeprefix("(").split(".")[1:]
        value: Any = {"reference": reference}
        kinds = [resource_type]
        for name in names:
            kinds.append(elements(kinds[-1])[name].type)
        for kind, name in reversed(list(zip(kinds[:-1], names, strict=True))):
            value = {name: [value] if elements(kind)[name].many else value}
        found.update(value if names else {})
    return found


def test_whom_a_resource_is_about_follows_the_definitions(tmp_path: Path) -> None:
    listed = [(name, _about(name, "Patient/p1")) for name in resource_types()]
    about = [{"resourceType": name, "id": "r", **more} for name, more in listed if more]
    assert len(about) > 60
    path = archive(tmp_path, PERSON, *about)
    tables = open_archive(path).tables
    for resource in about:
        name = resource["resourceType"]
        assert owners(tables[name]).rows_of("p1").tolist() == [0], name
        assert owners(tables[name]).rows_of("p2").tolist() == []
    assert summarize(open_archive(path), DEFAULT_NOW).profiles.count == 1
    assert run("show", path, "p1", "--all").count("(not coded)") == len(about)


def test_an_account_of_two_people_is_about_both(tmp_path: Path) -> None:
    subject = [{"reference": f"Patient/{own}"} for own in ("p1", "p2", "p1")]
    account = {"resourceType": "Account", "id": "a1", "status": "active", "subject": subject}
    contract = {"resourceType": "Contract", "id": "c1", "subject": [{"display": "x"}, *subject[:1]]}
    path = archive(tmp_path, PERSON, {**PERSON, "id": "p2"}, {**PERSON, "id": "p3"}, account, contract)
    assert json.loads(run("info", path, "--json"))["profiles"]["count"] == 2
    assert "Account" in run("show", path, "p2")
    assert "Contract" not in run("show", path, "p2")
    assert "Contract" in run("show", path, "p1")


@pytest.mark.parametrize(
    "subject",
    [
        None,
        {"reference": "Group/g"},
        {"reference": "Device/d"},
        {"reference": "#c"},
        {"reference": "urn:uuid:7a1f"},
        {"identifier": {"system": "s", "value": "p1"}, "type": "Patient"},
        {"display": "somebody"},
        {"reference": "Patient/"},
        {"extension": [{"url": "http://x", "valueCode": "unknown"}]},
        {"reference": "Patient?identifier=a|b"},
    ],
)
def test_what_is_about_nobody_counts_for_nobody(tmp_path: Path, subject: Any) -> None:
    odd = {**OBSERVATION, "id": "o2", **({"subject": subject} if subject else {})}
    odd["contained"] = [{"resourceType": "Patient", "id": "c"}]
    path = archive(tmp_path, PERSON, {**OBSERVATION, "id": "o1", "subject": {"reference": "Patient/p1"}}, odd)
    (row,) = [line for line in run("patients", path).splitlines() if "p1" in line]
    assert row.replace("│", " ").split() == ["p1", "Doe", "1"]
    found = json.loads(run("info", path, "--json"))
    assert (found["observations"], found["profiles"]["count"]) == ([1, 1, 1], 1)


@pytest.mark.parametrize(
    "reference", ["Patient/p1", "Patient/p1/_history/3", "http://elsewhere.example/fhir/Patient/p1"]
)
def test_ways_of_naming_a_patient(tmp_path: Path, reference: str) -> None:
    path = archive(tmp_path, PERSON, {**OBSERVATION, "id": "o", "subject": {"reference": reference}})
    assert json.loads(run("info", path, "--json"))["observations"] == [1, 1, 1]


CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"


def _coding(part: str, display: str) -> dict[str, Any]:
    return {
        "url": part,
        "valueCoding": {"system": "urn:oid:2.16.840.1.113883.6.238", "code": "1-1", "display": display},
    }


@pytest.mark.parametrize(
    ("parts", "shown"),
    [
        ([_coding("ombCategory", "White"), {"url": "text", "valueString": "White"}], "White"),
        ([_coding("ombCategory", "White")], "White"),
        ([{"url": "text", "valueString": "Mixed"}], "Mixed"),
        ([{"url": "ombCategory", "valueCoding": {"code": "2106-3"}}], "2106-3"),
        (
            [
                _coding("ombCategory", "White"),
                _coding("ombCategory", "Asian"),
                _coding("detailed", "Filipino"),
                {"url": "text", "valueString": "Mixed"},
            ],
            "Mixed (White, Asian, Filipino)",
        ),
        ([{"url": "ombCategory"}, {"url": "text", "valueString": "Unknown"}], "Unknown"),
    ],
)
@pytest.mark.parametrize("kind", ["race", "ethnicity"])
def test_race_and_ethnicity_as_us_core_nests_them(
    tmp_path: Path, kind: str, parts: list[dict[str, Any]], shown: str
) -> None:
    path = archive(tmp_path, {**PERSON, "extension": [{"url": CORE + kind, "extension": parts}]})
    assert f"{kind}: {shown}" in run("show", path, "p1")
    run("show", path, "p1", "--html", tmp_path / "p.html")
    assert f"<dt>{kind}</dt><dd>{shown}</dd>" in (tmp_path / "p.html").read_text(encoding="utf-8")


def test_race_as_dstu2_writes_it(tmp_path: Path) -> None:
    path = archive(
        tmp_path, {**PERSON, "extension": [{"url": CORE + "race", "valueCodeableConcept": {"text": "White"}}]}
    )
    assert "race: White" in run("show", path, "p1")


@pytest.mark.parametrize(
    ("person", "shown"),
    [
        ({"name": [{"text": "J. Doe"}]}, "J. Doe"),
        ({"name": [{"given": ["Jo"]}]}, "Jo"),
        ({"name": [{"use": "official"}, {"family": "Roe"}]}, "Roe"),
        ({"name": [{"_family": {"extension": [{"url": "http://x", "valueCode": "masked"}]}}]}, "(no name)"),
        ({"name": [{"given": [None, "Ann"], "_given": [{"extension": [{"url": "http://x", "valueCode": "u"}]}, None],
                    "family": "Poe"}]}, "Ann Poe"),
        ({"birthDate": "1950"}, "born 1950"),
        ({"birthDate": "1950-07"}, "born 1950-07"),
        ({"_birthDate": {"extension": [{"url": "http://x", "valueCode": "unknown"}]}}, "date of birth not known"),
        ({}, "(no name)"),
    ],
)  # fmt: skip
def test_people_of_whom_little_is_known(tmp_path: Path, person: dict[str, Any], shown: str) -> None:
    path = archive(tmp_path, {"resourceType": "Patient", "id": "p1", **person})
    text = run("show", path, "p1")
    assert shown in text
    assert "None" not in text
    listed = run("patients", path)
    assert "None" not in listed
    assert shown.removeprefix("born ") in listed or shown in ("(no name)", "date of birth not known")


@pytest.mark.parametrize(
    "values", [["1E308", "-1E308"], ["1e-320", "1e-322"], ["1E300"], ["0", "1e-400"], ["5", "1E307"]]
)
def test_values_out_of_all_measure_are_shown_and_not_drawn(tmp_path: Path, values: list[str]) -> None:
    lines = [
        f'{{"resourceType":"Observation","id":"o{place}","status":"final","code":{{"coding":[{{"code":"K"}}]}},'
        f'"subject":{{"reference":"Patient/p1"}},"effectiveDateTime":"2023-11-1{place}T10:00:00Z",'
        f'"valueQuantity":{{"value":{value},"unit":"mmol/L"}}}}'
        for place, value in enumerate(values)
    ]
    path = archive(tmp_path, PERSON, *lines)
    found = json.loads(run("info", path, "--json"))
    assert found["counts"]["Observation"] == len(values)
    assert "mmol/L" in run("show", path, "p1", "--all")
    shown = page(read_chart(open_archive(path), "p1"), DEFAULT_NOW)
    assert "nan" not in shown
    assert "inf" not in shown


def test_one_way_to_say_which_archive(tmp_path: Path) -> None:
    path = archive(tmp_path, PERSON, {**OBSERVATION, "id": "o", "subject": {"reference": "Patient/p1"}})
    for arguments in ((path,), ("--cohort", path), (path, "--cohort", path)):
        assert "Observation" in run("info", *arguments)
        assert "Doe" in run("patients", *arguments)
        assert "Doe" in run("show", *arguments, "p1")
    assert "Doe" in run("show", "p1", path)
    assert "Doe" in run("show", "p1", "--cohort", path)
    assert "2 resources" in run("export", path, "--ndjson", tmp_path / "a")
    assert "2 resources" in run("export", "--cohort", path, "--ndjson", tmp_path / "b")


@pytest.mark.parametrize("command", ["info", "patients", "show", "export"])
@pytest.mark.parametrize(
    ("named", "said"),
    [
        (["nowhere.mab"], "there is no file nowhere.mab"),
        (["no/where"], "there is no file no/where"),
        (["nobody"], "there is no cohort 'nobody'"),
        (["{folder}"], "is a folder, not an archive; `mab-gym data import`"),
        (["{folder}/a.ndjson"], "is not an archive"),
        (["canonical", "--cohort", "train"], "one cohort at a time, not canonical and train"),
    ],
)
def test_what_is_no_archive_is_said_in_a_line(tmp_path: Path, command: str, named: list[str], said: str) -> None:
    archive(tmp_path, PERSON)
    arguments = [each.format(folder=tmp_path) for each in named]
    more = {"show": ["p1"], "export": ["--ndjson", str(tmp_path / "out")]}.get(command, [])
    done = CliRunner().invoke(app, ["data", command, *arguments, *more])
    assert isinstance(done.exception, MabGymError)
    assert said in str(done.exception)
    assert "\n" not in str(done.exception)


def test_a_wrong_mrn_is_said_in_a_line(tmp_path: Path) -> None:
    path = archive(tmp_path, PERSON)
    for words in (["p2"], ["p1", "extra"]):
        done = CliRunner().invoke(app, ["data", "show", str(path), *words])
        assert isinstance(done.exception, MabGymError)
    done = CliRunner().invoke(app, ["data", "show", str(path), "p1", "--html", str(tmp_path / "no" / "p.html")])
    assert "cannot be written" in str(done.exception)
