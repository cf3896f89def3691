"""``_filter`` as a real HAPI FHIR 7.6 reads, refuses and answers it."""

from urllib.parse import quote

import pytest

from mab_gym.fhir.http._server import FhirSession, Request
from tests.fhir.serving import ids, named, observation, patient, quantity, refusal, serve


@pytest.fixture
def session() -> FhirSession:
    return serve(
        [
            named("1", "Twin", "Ann", gender="female", birthDate="1980-05-01"),
            named("2", "Twin", "Bob", gender="male", birthDate="1990"),
            named("3", "Barrington", gender="male"),
            patient("4", birthDate="2001-01-01", identifier=[{"system": "http://i", "value": "9"}]),
            observation("o1", "1", "K", valueQuantity=quantity(3.5), effectiveDateTime="2023-01-01"),
            observation("o2", "2", "NA", valueQuantity=quantity(140.0), effectiveDateTime="2023-02-01"),
        ]
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("name eq twin", "12"),
        ("name eq twi", ""),
        ("name ne Twin", "123"),
        ("name sw Tw", "12"),
        ("name ew in", "12"),
        ("name co ARR", "3"),
        ("name gt T", "12"),
        ('name eq "Twin"', "12"),
        ("gender eq female", "1"),
        ("gender ne female", "23"),
        ("gender co female", "1"),
        ("birthdate ge 1990", "24"),
        ("birthdate ne 1990", "14"),
        ("identifier eq http://i|9", "4"),
        ("_id eq 3", "3"),
        ("_id ne 3", "124"),
        ("_lastUpdated gt 2020-01-01", ""),
        ("gender eq male and name sw Tw", "2"),
        ("gender eq female or birthdate gt 2000", "14"),
        ("(gender eq female) or name co arr", "13"),
        ("gender eq male and (name co arr or birthdate ge 1990)", "23"),
        ("gender eq male and name co arr or birthdate ge 1990", "23"),
        ("(gender eq male and name co arr) or birthdate ge 1990", "234"),
    ],
)
def test_patients_found(session: FhirSession, text: str, found: str) -> None:
    assert ids(session, f"Patient?_filter={quote(text)}") == list(found)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("value-quantity gt 100", ["o2"]),
        ("value-quantity ne 140", ["o1"]),
        ("code eq http://loinc.org|K", ["o1"]),
        ("code ne K", ["o2"]),
        ("subject eq Patient/1", ["o1"]),
        ("patient ne 1", ["o2"]),
        ("date lt 2023-01-15 and status eq final", ["o1"]),
    ],
)
def test_observations_found(session: FhirSession, text: str, found: list[str]) -> None:
    assert ids(session, f"Observation?_filter={quote(text)}") == found


def test_of_several_filters_the_first_counts(session: FhirSession) -> None:
    assert ids(session, "Patient?_filter=name eq Twin&_filter=gender eq male") == ["1", "2"]
    assert ids(session, "Patient?_filter=name eq Twin,gender eq male") == ["1", "2"]
    assert ids(session, "Patient?_filter=name eq Twin&gender=male") == ["2"]


def test_what_is_written_is_found(session: FhirSession) -> None:
    body = '{"resourceType": "Patient", "name": [{"family": "Twin"}], "gender": "other"}'
    session.handle(Request("POST", "Patient", {"content-type": "application/fhir+json"}, body))

    assert len(ids(session, "Patient?_filter=gender eq other or birthdate gt 2000")) == 2


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [
        ("", 500, "begin 0, end 1, length 0"),
        ("name eq", 500, "begin 7, end 8, length 7"),
        ("gender eq female and", 500, "begin 20, end 21, length 20"),
        ('name eq "x', 500, "String index out of range: 10"),
        ("(gender eq female", 500, "begin 17, end 18, length 17"),
        ("name pr false", 500, "HAPI-1261: Don't yet know how to handle operation pr on a string"),
        ("not(gender eq female)", 400, "HAPI-1221: Error parsing _filter syntax: HAPI-1056: "
         "Expression did not terminate at 3"),
        ("name xx y", 400, "HAPI-1221: Error parsing _filter syntax: HAPI-1064: Unknown operation xx at 7"),
        ("-", 400, 'HAPI-1221: Error parsing _filter syntax: HAPI-1052: Unknown Character "-" at 0'),
        ("name eq a AND name eq b", 400, "HAPI-1221: Error parsing _filter syntax: HAPI-1059: "
         "Unexpected Name AND at 13"),
        ("birthdate po 1950", 400, "HAPI-1255: Unsupported operator specified, operator=po"),
        ("general-practitioner pr true", 400, "HAPI-1212: Invalid operator specified for reference predicate.  "
         'Supported operators for reference predicate are "eq" and "ne".'),
    ],
)  # fmt: skip
def test_refusals(session: FhirSession, text: str, status: int, words: str) -> None:
    assert refusal(session, f"Patient?_filter={quote(text)}") == (status, words)


def test_unknown_parameters_and_composites(session: FhirSession) -> None:
    assert refusal(session, "Patient?_filter=foo eq 1")[1].startswith(
        'HAPI-1206: Unknown search parameter "foo" for resource type "Patient". Valid search parameters for'
    )
    assert refusal(session, "Observation?_filter=code-value-quantity eq 1") == (
        400,
        "HAPI-1207: Composite search parameters not currently supported with _filter clauses",
    )
    assert refusal(session, "Observation?_filter=value-quantity co 5") == (
        400,
        'HAPI-1235: Unable to handle quantity prefix "co" for value: 5||',
    )
    assert refusal(session, "Observation?_filter=subject.name eq Twin")[0] == 501


def test_what_would_grow_without_end_is_refused(session: FhirSession) -> None:
    clause = "(name eq a or name eq b)"

    assert refusal(session, "Patient?_filter=" + quote(" and ".join([clause] * 12)))[0] == 501
    assert refusal(session, "Patient?_filter=" + "(" * 5000)[0] == 501
