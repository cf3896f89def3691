"""Of whom something is written, by value: references, names and numbers of a patient and of others."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from mab_gym.backends.embedded._backend import EmbeddedBackend
from mab_gym.tasking.chart import Chart
from mab_gym.tasking.meaning.people import Person
from tests.tasking.meaning.people import PERSON

OWNED = (
    "Encounter", "Condition", "Observation", "DiagnosticReport", "MedicationRequest", "ServiceRequest", "Procedure",
    "AllergyIntolerance", "CarePlan", "EpisodeOfCare", "Goal", "Immunization", "DocumentReference",
)  # fmt: skip


@pytest.mark.parametrize(
    ("reference", "target"),
    [
        ("Patient/S1", "Patient/S1"),
        ("http://h/fhir/Patient/S1", "Patient/S1"),
        ("http://h/fhir/Patient/S1/_history/2", "Patient/S1"),
        ("Patient/S1/_history/a-b.2", "Patient/S1"),
        ("Observation/a-B.9", "Observation/a-B.9"),
        (f"Patient/{'1' * 64}", f"Patient/{'1' * 64}"),
        (f"Patient/{'1' * 65}", None),
        ("http://h/fhirPatient/S1", None),
        ("http://other/fhir/Patient/S1", None),
        ("patient/S1", None),
        ("Patient", None),
        ("Patient/", None),
        ("Patient/S1/", None),
        ("Patient/S1?x", None),
        ("#p", None),
        ("urn:uuid:1", None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_targets_of_references(reference: object, target: str | None) -> None:
    assert PERSON.target(reference) == target


@pytest.mark.parametrize(
    ("reference", "wrong"),
    [
        ({"reference": "Patient/S1"}, []),
        ({"reference": "Patient/S2"}, [("reference", "Patient/S2")]),
        ({"reference": "Group/S1"}, [("reference", "Group/S1")]),
        ({}, [("reference", None)]),
        ({"reference": "Patient/S1", "type": "Patient"}, []),
        ({"reference": "Patient/S1", "type": "http://hl7.org/fhir/StructureDefinition/Patient"}, []),
        ({"reference": "Patient/S1", "type": "Group"}, [("type", "Group")]),
        ({"reference": "Patient/S1", "identifier": {"value": "S1"}}, []),
        ({"reference": "Patient/S1", "identifier": {"value": "123-45-6789"}}, []),
        ({"reference": "Patient/S1", "identifier": {"system": "x"}}, []),
        ({"reference": "Patient/S1", "identifier": {"value": "S2"}}, [("identifier.value", "S2")]),
        ({"reference": "Patient/S1", "identifier": {"value": 7}}, [("identifier.value", 7)]),
        (
            {"reference": "Patient/S1", "identifier": [{"value": "S1"}, {"value": "x"}, {"value": "y"}]},
            [("identifier.value", "x"), ("identifier.value", "y")],
        ),
        ({"reference": "Patient/S2", "type": "x", "display": "Bob"},
         [("reference", "Patient/S2"), ("type", "x"), ("display", "Bob")]),
    ],
)  # fmt: skip
def test_members_that_say_somebody_else(reference: dict[str, Any], wrong: list[tuple[str, Any]]) -> None:
    assert list(PERSON.wrong(reference)) == wrong


@pytest.mark.parametrize(
    ("display", "fits"),
    [("Ada King", True), ("ADA", True), ("King, A.", True), ("Ms King", True), ("Ada Lovelace", True), ("S1", True),
     ("MRN S1", True), ("Bob S1", True), ("Patient", True), ("the patient", True), ("Mr", True), ("Mrs.", True),
     ("Miss", True), ("Ms.", True), ("Dr.", True), ("Mx", True), ("MRN id of the subject", True), ("Patient 7", True),
     ("", True),     ("123", True), ("Bob Ross", False), ("the patient Bob", False), ("Mr Bob", False), ("Adam", False),
     ("nobody", False), (7, True), (["Bob"], False)],
)  # fmt: skip
def test_names_beside_a_reference(display: object, fits: bool) -> None:
    expected = [] if fits else [("display", display)]
    assert list(PERSON.wrong({"reference": "Patient/S1", "display": display})) == expected


@pytest.mark.parametrize(
    ("reference", "another"),
    [
        ({"reference": "Encounter/1"}, False),
        ({"reference": "Encounter/2"}, True),
        ({"reference": "http://h/fhir/Encounter/2/_history/1"}, True),
        ({"reference": "Encounter/9"}, False),
        ({"reference": "Patient/S1"}, False),
        ({"reference": "Patient/S2"}, True),
        ({"reference": "Patient/S9"}, True),
        ({"reference": "Practitioner/2"}, False),
        ({"reference": "http://elsewhere/Encounter/2"}, False),
        ({"identifier": {"value": "S2"}}, True),
        ({"identifier": [{"value": "x"}, {"value": "S2"}]}, True),
        ({"identifier": {"value": "S1"}}, False),
        ({"identifier": {"value": "S9"}}, False),
        ({"identifier": {}}, False),
        ({"display": "of S7654321"}, True),
        ({"display": "of S1234567 and S7654321"}, True),
        ({"display": "of S1234567"}, False),
        ({"display": "of S2"}, False),
        ({"display": "visit"}, False),
        ({"display": None}, False),
        ({}, False),
    ],
)
def test_what_is_somebody_elses(reference: dict[str, Any], another: bool) -> None:
    assert PERSON.is_not_theirs(reference) is another


@pytest.mark.parametrize("kind", OWNED)
def test_types_that_are_of_one_patient(kind: str) -> None:
    owners = {f"{kind}/1": "Patient/S1", f"{kind}/2": "Patient/S2", "Location/2": "Patient/S2"}
    person = Person("S1", frozenset(), frozenset(), "http://h/fhir", owners.get, lambda text: False)
    told = [person.is_not_theirs({"reference": f"{kind}/{number}"}) for number in (1, 2, 3)]
    assert told == [False, True, False]
    assert not person.is_not_theirs({"reference": "Location/2"})


@pytest.mark.parametrize(("number", "another"), [("S2", True), ("S7654321", True), ("S1", False), ("S9", False)])
def test_numbers_of_others(number: str, another: bool) -> None:
    assert PERSON.is_another(number) is another


def test_a_number_of_the_patient_is_nobody_elses() -> None:
    person = Person("S1", frozenset(), frozenset({"S2"}), "", lambda target: None, lambda text: True)
    assert not person.is_another("S2")
    assert person.is_another("S3")


@pytest.mark.parametrize(
    ("reference", "wrong"),
    [
        ({"reference": "MedicationRequest/7"}, []),
        ({"reference": "http://h/fhir/MedicationRequest/7"}, []),
        ({"reference": "MedicationRequest/7", "type": "MedicationRequest", "identifier": {"value": "7"}}, []),
        ({"reference": "MedicationRequest/8"}, [("reference", "MedicationRequest/8")]),
        ({"reference": "MedicationRequest/7", "type": "Task"}, [("type", "Task")]),
        ({"reference": "MedicationRequest/7", "identifier": {"value": "8"}}, [("identifier.value", "8")]),
        ({}, [("reference", None)]),
    ],
)
def test_references_to_one_resource(reference: dict[str, Any], wrong: list[tuple[str, Any]]) -> None:
    assert list(PERSON.points_elsewhere(reference, "MedicationRequest/7")) == wrong


RECORDS: list[dict[str, Any]] = [
    {
        "resourceType": "Patient",
        "id": "S1",
        "name": [{"family": "O'King-Smith", "given": ["Ada", "B."]}, {"text": "Countess Lovelace"}],
        "identifier": [{"value": "123-45"}, {"system": "x"}],
    },
    {"resourceType": "Patient", "id": "S2"},
    {"resourceType": "Encounter", "id": "1", "subject": {"reference": "Patient/S1"}},
    {"resourceType": "Encounter", "id": "2", "subject": {"reference": "Patient/S2"}},
    {"resourceType": "AllergyIntolerance", "id": "3", "patient": {"reference": "Patient/S2"}},
    {"resourceType": "Encounter", "id": "4"},
]


class CountingChart(Chart):
    """A chart that counts what is asked."""

    def __init__(self) -> None:
        super().__init__(EmbeddedBackend({}, ""), RECORDS)
        self.asked: Counter[str] = Counter()

    def search(self, resource_type: str, **parameters: str) -> Any:
        self.asked[f"{resource_type} {parameters}"] += 1
        return super().search(resource_type, **parameters)


def test_a_person_by_the_chart() -> None:
    chart = CountingChart()
    person = Person.of(chart, "S1")
    assert person.mrn == "S1"
    assert person.names == {"o", "king", "smith", "ada", "b", "countess", "lovelace"}
    assert person.identifiers == {"S1", "123-45"}
    assert person.base_url == chart.base_url
    assert Person.of(chart, "S1") is person
    assert Person.of(chart, "S2").mrn == "S2"
    assert chart.asked == {"Patient {'_id': 'S1'}": 1, "Patient {'_id': 'S2'}": 1}


def test_owners_by_the_chart() -> None:
    chart = CountingChart()
    person = Person.of(chart, "S1")
    for _ in range(2):
        targets = ("Encounter/1", "Encounter/2", "AllergyIntolerance/3", "Encounter/4", "Encounter/9")
        assert [person.owner(target) for target in targets] == [
            "Patient/S1", "Patient/S2", "Patient/S2", "None", None,
        ]  # fmt: skip
        assert [person.is_somebody(text) for text in ("S1", "S2", "S3", "1")] == [True, True, False, False]
        assert [person.is_somebody(target) for target in targets] == [False] * 5
    assert set(chart.asked.values()) == {1, 2}
    assert [asked for asked, times in chart.asked.items() if times == 2] == ["Patient {'_id': 'S1'}"]


def test_nobody_by_the_chart() -> None:
    nobody = Person.of(CountingChart(), "S9")
    assert (nobody.names, nobody.identifiers) == (frozenset(), frozenset({"S9"}))
    assert not nobody.is_not_theirs({"reference": "Encounter/9"})
    assert nobody.is_not_theirs({"reference": "Encounter/1"})
