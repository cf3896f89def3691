"""Searches behind references, by value sets and by several things at once: HAPI FHIR 7.6's answers and refusals.

Every expectation is what that server answered to the same resources.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from mab_gym.fhir.http._server import FhirServer, FhirSession, Request
from tests.fhir.serving import Resource, get, ids, observation, patient, refusal, serve

STATUSES = ("final", "amended", "registered")
CODES = ("s|b", "s|a", "r|z", "q", "s|c", "s|a2")
SUBJECTS = ("Patient/zp1", "Patient/zp2", "Device/zd1", "Location/zl1")
IN_STATUS = "http://hl7.org/fhir/ValueSet/observation-status"
GENDERS = "http://hl7.org/fhir/ValueSet/administrative-gender"


def measured(number: int) -> Resource:
    system, _, code = CODES[number].rpartition("|")
    observation = {
        "resourceType": "Observation",
        "id": f"zz{number}",
        "status": STATUSES[number % 3],
        "code": {"coding": [{"system": system, "code": code} if system else {"code": code}]},
        "subject": {"reference": SUBJECTS[number % 4]},
        "effectiveDateTime": f"20{10 + number}-01-01",
    }
    extra = {2: {"valueDateTime": "2019-01-01"}, 4: {"valueString": "abc"}}
    return observation | extra.get(number, {})


@pytest.fixture(scope="module")
def session() -> FhirSession:
    names = ("back\\", "back\\%x", "backslash", "back%y", "back_z")
    session = FhirServer({}).open()
    for resource in (
        *({"resourceType": "Organization", "id": f"zo{i}", "name": name} for i, name in enumerate(names, 1)),
        patient("zp1", birthDate="2000-01-01", active=True),
        patient("zp2", birthDate="2010-01-01", managingOrganization={"reference": "Organization/zo1"}),
        {"resourceType": "Device", "id": "zd1"},
        {"resourceType": "Location", "id": "zl1"},
        *(measured(number) for number in range(6)),
    ):
        path = f"{resource['resourceType']}/{resource['id']}"
        body = json.dumps(resource)
        assert session.handle(Request("PUT", path, {"content-type": "application/fhir+json"}, body)).status == 201
    return session


@pytest.mark.parametrize(
    ("target", "found"),
    [
        # A backslash makes the percent sign literal that HAPI puts at the end of what it looks for.
        ("Organization?name=back%5C", []),
        ("Organization?name:contains=ck%5C%5C", []),
        ("Organization?name:exact=back%5C%5C", ["zo1"]),
        ("Organization?name=back%25", ["zo4"]),
        # Unlike :not, :not-in is read from the index of codes: by system, then by code.
        (f"Observation?code:not-in={IN_STATUS}", ["zz3", "zz2", "zz1", "zz5", "zz0", "zz4"]),
        (f"Observation?status:not-in={GENDERS}", ["zz1", "zz4", "zz0", "zz3", "zz2", "zz5"]),
        (f"Observation?status=final&code:not-in={IN_STATUS}", ["zz0", "zz3"]),
        (f"Observation?status:in={GENDERS},{IN_STATUS}", ["zz1", "zz4", "zz0", "zz3", "zz2", "zz5"]),
        (f"Observation?status:in=x|{IN_STATUS}", ["zz1", "zz4", "zz0", "zz3", "zz2", "zz5"]),
        ("Observation?patient._id=zp1", []),
        ("Observation?subject:Patient._id=zp1", ["zz0", "zz4"]),
        ("Observation?code-value-date:missing=true", ["zz2"]),
        ("Observation?code-value-date:missing=false", ["zz2"]),
        ("Observation?code-value-string:missing=true", ["zz4"]),
        ("Observation?code-value-quantity:missing=false", []),
        # Behind a reference a date may be any of several.
        ("Observation?subject.birthdate=2000,2010", ["zz0", "zz4", "zz1", "zz5"]),
        ("Observation?patient.birthdate=lt2005,2010", ["zz0", "zz4", "zz1", "zz5"]),
        ("Patient?_has:Observation:patient:date=2010,2011", ["zp1", "zp2"]),
        ("Observation?code:below=|", ["zz0", "zz1", "zz2", "zz3", "zz4", "zz5"]),
        ("Observation?status:below=final", ["zz0", "zz3"]),
    ],
)
def test_what_is_found(session: FhirSession, target: str, found: list[str]) -> None:
    assert ids(session, target) == found


MODIFIERS = 'HAPI-2498: Unsupported search modifier(s): "[:'


@pytest.mark.parametrize(
    ("target", "status", "start"),
    [
        (f"Observation?status:in={IN_STATUS},x|K", 404, "HAPI-2024: Unknown ValueSet: K"),
        ("Observation?status:in=x|", 500, "theValueSetUrlToExpand must not be null or blank"),
        ("Observation?code-value-string=$abc", 500, 'Cannot invoke "String.length()"'),
        ("Observation?code:below=s|", 400, "HAPI-1239: Invalid token specified for parameter code - No system"),
        ("Observation?code:below=|b", 400, "HAPI-1240: Invalid token specified for parameter code - No code"),
        ("Observation?patient.active:above=|true", 400, "HAPI-1240: Invalid token specified for parameter active"),
        ("Observation?_has:Observation:has-member:patient=Foo/1", 400, MODIFIERS + "patient]"),
        ("Patient?_has:Observation:patient:date=2011,ap2010", 400, "HAPI-1921: Invalid comparator for date range"),
        ("Observation?patient.organization:text=x", 400, "HAPI-1250: "),
        # What is refused first, where there is more than one reason.
        ("Observation?_contained=x&foo=1", 400, "HAPI-1963: "),
        ("Observation?_contained=true&foo=1", 400, "HAPI-0524: "),
        ("Observation?_contained=true&_count=x", 400, "HAPI-0375: "),
        ("Observation?_contained=true&_include=foo", 405, "HAPI-0984: "),
        ("Observation?_contained=both&code-value-quantity=k$eb1", 405, "HAPI-0983: "),
        ("Observation?_offset=-1&foo=1", 400, "HAPI-0524: "),
        ("Observation?_offset=-1&code:in=K", 500, "HAPI-0389: "),
        ("Observation?_offset=-1&_include=Observation:foo", 500, "HAPI-0389: "),
        ("Observation?_include=Observation:foo&date=foo", 400, "HAPI-1940: "),
        ("Observation?_include=Observation:foo&date=2010,2011", 400, "HAPI-1930: "),
        ("Observation?_include=Observation:foo&bar=1", 400, "HAPI-0524: "),
    ],
)
def test_refusals(session: FhirSession, target: str, status: int, start: str) -> None:
    found = refusal(session, target)
    assert found[0] == status
    assert found[1].startswith(start)


@pytest.mark.parametrize(("path", "total"), [("Observation/zz1/_history", 1), ("Observation/_history", 6)])
def test_a_history_may_be_counted_alone(session: FhirSession, path: str, total: int) -> None:
    found = json.loads(session.handle(Request("GET", f"{path}?_summary=count")).body)
    assert found["total"] == total
    assert "entry" not in found


REQUESTERS = ("Patient/w5", "Practitioner/w2", "Patient/w3", "Patient/w4", "Organization/w1", "Device/w6", "")
ANY = ["ws4", "ws1", "ws2", "ws3", "ws0", "ws5"]
"""All with a requester, by the place of what they point to."""


@pytest.fixture(scope="module")
def requests() -> FhirSession:
    session = FhirServer({}).open()
    orders: Iterator[Resource] = (
        {
            "resourceType": "ServiceRequest",
            "id": f"ws{i}",
            "status": "active",
            "intent": "order",
            "subject": {"reference": "Patient/w4" if i % 2 else "Group/w7"},
            **({"requester": {"reference": reference}} if reference else {}),
        }
        for i, reference in enumerate(REQUESTERS)
    )
    resources: list[Resource] = [
        {"resourceType": "Organization", "id": "w1"},
        {"resourceType": "Practitioner", "id": "w2", "gender": "female", "active": True},
        patient("w3", gender="female"),
        patient("w4", gender="male", active=True),
        patient("w5", identifier=[{"system": "s", "value": "1"}]),
        {"resourceType": "Device", "id": "w6"},
        {"resourceType": "Group", "id": "w7", "type": "person", "actual": True},
        *orders,
    ]
    for resource in resources:
        path = f"{resource['resourceType']}/{resource['id']}"
        body = json.dumps(resource)
        assert session.handle(Request("PUT", path, {"content-type": "application/fhir+json"}, body)).status == 201
    return session


@pytest.mark.parametrize(
    ("question", "found"),
    [
        # What is not wanted may be anything else, of whatever type.
        ("requester:Patient.gender:not=female", ["ws4", "ws1", "ws3", "ws0", "ws5"]),
        ("requester.gender:not=female", ["ws4", "ws3", "ws0", "ws5"]),
        ("requester:Practitioner.gender:not=female", ["ws4", "ws2", "ws3", "ws0", "ws5"]),
        ("requester:Patient.gender:not=male&status=active", ["ws0", "ws1", "ws2", "ws4", "ws5"]),
        ("requester.active:not=true", ["ws4", "ws2", "ws0", "ws5"]),
        ("subject:Patient.gender:not=male", ["ws0", "ws2", "ws4", "ws6"]),
        ("patient.gender:not=male", []),
        # Nothing asked: the reference alone counts.
        ("requester:Patient.identifier=|", ANY),
        ("requester:Patient.identifier:not=|", ANY),
        ("requester:Patient.gender=", ANY),
        ("requester.active=|", ANY),
        ("requester:Patient.deceased:not=true", ANY),
        ("requester._tag:not=x", ANY),
        ("requester:Patient.birthdate=", []),
        ("requester:Patient.name=", []),
        # :not is not heard.
        ("requester:Patient._id:not=w3", ["ws2"]),
        ("requester:Patient.gender:not-in=" + IN_STATUS, ["ws2", "ws3"]),
    ],
)
def test_what_is_not_wanted_behind_a_reference(requests: FhirSession, question: str, found: list[str]) -> None:
    assert ids(requests, f"ServiceRequest?{question}") == found


@pytest.mark.parametrize(
    ("question", "status", "start"),
    [
        ("_tag=", 500, "class ca.uhn.fhir.rest.param.TokenParam cannot be cast"),
        ("requester._tag=http://x|", 400, "HAPI-1218: "),
        ("requester._tag:text=x", 500, 'Ambiguous column name "TAG_ID"'),
        ("requester:Patient.organization=", 400, "HAPI-1101: "),
    ],
)
def test_labels_behind_references(requests: FhirSession, question: str, status: int, start: str) -> None:
    found = refusal(requests, f"ServiceRequest?{question}")
    assert found[0] == status
    assert found[1].startswith(start)


def test_a_chain_whose_last_step_does_not_know_what_is_missing_is_answered() -> None:
    session = serve([patient("p"), observation("o", "p")])

    assert get(session, "Observation?subject.link.link:RelatedPerson.phone:missing=false").status < 500


def test_results_come_in_the_order_of_a_date_at_the_far_end_of_a_chain() -> None:
    session = serve(
        [
            patient("young", birthDate="1955-01-01"),
            patient("old", birthDate="1935-01-01"),
            observation("o1", "young", effectiveDateTime="2023-01-02"),
            observation("o2", "old", effectiveDateTime="2023-01-03"),
            observation("o3", "old", effectiveDateTime="2023-01-01"),
        ]
    )

    assert ids(session, "Observation?patient.birthdate=lt1960&date=ge2022") == ["o3", "o2", "o1"]
    assert ids(session, "Observation?patient.birthdate=lt1960&code=K") == ["o2", "o3", "o1"]
