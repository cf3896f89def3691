"""A user's own search parameters, in files beside the standard ones."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from mab_gym.errors import ContentError
from mab_gym.fhir.http._server import FhirSession
from mab_gym.fhir.model import _own_parameters
from mab_gym.fhir.model._definitions import register_search_parameters
from tests.fhir.serving import get, ids, observation, patient, refusal, serve

EYES = "http://example.org/eyes"
Write = Callable[..., Path]


def parameter(code: str, expression: str, kind: str = "token", base: str = "Patient", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "SearchParameter", "url": f"http://example.org/{code}", "code": code, "base": [base],
        "type": kind, "expression": expression, "description": f"By {code}", **more,
    }  # fmt: skip


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes a file of search parameters, and forgets all that this process knows of them before and after."""
    monkeypatch.setenv(_own_parameters.VARIABLE, str(tmp_path / "own"))

    def written(*resources: Any, name: str = "own.json") -> Path:
        file = tmp_path / "own" / name
        file.parent.mkdir(exist_ok=True)
        text = json.dumps(resources[0] if len(resources) == 1 else {
            "resourceType": "Bundle", "type": "collection", "entry": [{"resource": each} for each in resources],
        })  # fmt: skip
        file.write_text(text, encoding="utf-8")
        _own_parameters.forget_parameters()
        return file

    yield written
    monkeypatch.undo()
    _own_parameters.forget_parameters()


def coloured(logical_id: str, colour: str) -> Mapping[str, Any]:
    return patient(logical_id, extension=[{"url": EYES, "valueCode": colour}])


@pytest.fixture
def session(write: Write) -> FhirSession:
    write(
        parameter("eyes", f"Patient.extension.where(url='{EYES}').value.ofType(code)"),
        parameter("nickname", "Patient.name.where(use='nickname').given", "string"),
        parameter("recorder", "Observation.performer.where(resolve() is Patient)", "reference", "Observation",
                  target=["Patient"]),
    )  # fmt: skip
    people = [
        coloured("blue", "blue"),
        coloured("brown", "brown"),
        patient("bo", name=[{"family": "Ames"}, {"use": "nickname", "given": ["Bo"]}]),
    ]
    result = observation("o1", "blue", "K", performer=[{"reference": "Patient/brown"}])
    return serve([*people, result])


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("Patient?eyes=blue", ["blue"]),
        ("Patient?eyes:not=blue", ["brown", "bo"]),
        ("Patient?eyes:missing=true", ["bo"]),
        ("Patient?nickname=b", ["bo"]),
        ("Patient?_sort=-eyes&eyes:missing=false", ["brown", "blue"]),
        ("Observation?recorder=Patient/brown", ["o1"]),
        ("Observation?recorder.eyes=brown", ["o1"]),
        ("Observation?patient.eyes=brown", []),
        ("Patient?_has:Observation:recorder:code=K", ["brown"]),
    ],
)
def test_they_are_searched_sorted_and_chained(session: FhirSession, target: str, found: list[str]) -> None:
    assert ids(session, target) == found


def test_extensions_and_composites_are_searched(write: Write) -> None:
    """Expressions as implementation guides write them, a standard parameter said again among them."""
    dated = "http://example.org/SearchParameter/seen"
    write(
        parameter("seen", f"Observation.extension('{EYES}').value.ofType(dateTime)", "date", "Observation",
                  url=dated),
        parameter(
            "code-seen", "Observation", "composite", "Observation",
            component=[
                {"definition": "http://hl7.org/fhir/SearchParameter/clinical-code", "expression": "code"},
                {"definition": dated, "expression": f"extension('{EYES}').value"},
            ],
        ),
        parameter("patient", "Encounter.subject.where(resolve() is Patient)", "reference", "Encounter"),
    )  # fmt: skip
    checked = [{"url": EYES, "valueDateTime": "2023-05-01"}]
    session = serve(
        [patient("p"), observation("old", "p", "K"), observation("new", "p", "K", extension=checked),
         observation("other", "p", "Na", extension=checked)]
    )  # fmt: skip
    assert ids(session, "Observation?seen=2023") == ["new", "other"]
    assert ids(session, "Observation?code-seen=K$2023") == ["new"]
    assert ids(session, "Encounter?patient=p") == []


def test_what_they_point_to_is_included(session: FhirSession) -> None:
    entries = json.loads(get(session, "Observation?_include=Observation:recorder").body)["entry"]
    assert [entry["resource"]["id"] for entry in entries] == ["o1", "brown"]


def test_metadata_lists_them(session: FhirSession) -> None:
    statement = json.loads(get(session, "metadata").body)
    listed = {each["type"]: each for each in statement["rest"][0]["resource"]}
    eyes = next(each for each in listed["Patient"]["searchParam"] if each["name"] == "eyes")
    assert eyes == {
        "name": "eyes", "definition": "http://example.org/eyes", "type": "token", "documentation": "By eyes",
    }  # fmt: skip
    assert "Observation:recorder" in listed["Observation"]["searchInclude"]
    assert "Observation:recorder" in listed["Patient"]["searchRevInclude"]
    assert "eyes" not in {each["name"] for each in listed["Observation"]["searchParam"]}


def test_a_refusal_lists_them_with_the_standard_ones(session: FhirSession) -> None:
    status, text = refusal(session, "Patient?hair=red")
    assert status == 400
    assert "eyes, family" in text


@pytest.mark.parametrize(
    ("resource", "says"),
    [
        ({"resourceType": "Patient"}, "it holds a SearchParameter resource"),
        (parameter("two words", "Patient.name"), "code is the parameter's name"),
        (parameter("eyes", "Patient.name", base="Person of mine"), "has no resource type 'Person of mine'"),
        (parameter("eyes", "Patient.name", kind="special"), "the type of eyes is one of"),
        (parameter("eyes", "Patient.name.matches('x')"), "is FHIRPath of element steps"),
        (parameter("eyes", ""), "is FHIRPath of element steps"),
        (parameter("family", "Patient.name.given", "string"), "FHIR has a search parameter family of Patient already"),
        (parameter("eyes", "Patient.link.other", "reference", target=["Robot"]), "has no resource type 'Robot'"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_answered(write: Write, resource: dict[str, Any], says: str) -> None:
    file = write(resource)
    with pytest.raises(ContentError) as refused:
        serve([patient("p1")])
    assert says in str(refused.value)
    assert str(file) in str(refused.value)


def test_one_name_is_defined_once_and_a_broken_file_is_named(write: Write) -> None:
    write(parameter("eyes", "Patient.gender"), name="a.json")
    write(parameter("eyes", "Patient.language"), name="b.json")
    with pytest.raises(ContentError, match=r"b\.json: .*a\.json defines eyes of Patient, too"):
        serve([])
    write(parameter("eyes", "Patient.gender"), name="b.json").write_text("{", encoding="utf-8")
    with pytest.raises(ContentError, match=r"b\.json: no file of SearchParameter resources"):
        serve([])


def test_the_variable_names_several_files_and_folders(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    one = write(parameter("eyes", "Patient.gender"), name="one.json")
    two = one.parent.parent / "two.json"
    two.write_text(json.dumps(parameter("tongue", "Patient.communication.language")), encoding="utf-8")
    monkeypatch.setenv(_own_parameters.VARIABLE, os.pathsep.join([str(one.parent), str(two)]))
    _own_parameters.forget_parameters()
    session = serve([patient("p1", gender="male")])
    assert ids(session, "Patient?eyes=male") == ["p1"]
    assert ids(session, "Patient?tongue=de") == []


def test_a_program_registers_them_while_it_runs(tmp_path: Path) -> None:
    before = serve([coloured("blue", "blue")])
    assert refusal(before, "Patient?eyes=blue")[0] == 400
    assert b"eyes" not in get(before, "metadata").body.encode()
    file = tmp_path / "eyes.json"
    try:
        file.write_text("[]", encoding="utf-8")
        with pytest.raises(ContentError, match=r"eyes\.json"):
            register_search_parameters(file)
        file.write_text(json.dumps(parameter("eyes", "Patient.extension.value.ofType(code)")), encoding="utf-8")
        register_search_parameters(file)
        register_search_parameters(file)
        assert ids(before, "Patient?eyes=blue") == ["blue"]
        assert '"eyes"' in get(serve([]), "metadata").body
    finally:
        _own_parameters._REGISTERED.clear()
        _own_parameters.forget_parameters()
    assert refusal(before, "Patient?eyes=blue")[0] == 400
