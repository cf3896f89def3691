"""Operations, on resources for which a real HAPI FHIR 7.6 gave these answers."""

import json

import pytest

from mab_gym.fhir.http._server import FhirSession, Request
from tests.fhir.serving import bundle, get, ids, observation, patient, refusal, relative, serve


@pytest.fixture
def session() -> FhirSession:
    """Three patients who have to do with each other, in the order in which HAPI was given them."""

    def to(reference: str) -> dict[str, str]:
        return {"reference": reference}

    return serve(
        [
            patient("a"),
            observation("oa", "a"),
            {"resourceType": "Organization", "id": "org", "name": "o"},
            patient("b", managingOrganization=to("Organization/org")),
            observation("ob", "b"),
            observation("oab", "a", focus=[to("Patient/b")]),
            patient("c", link=[{"other": to("Patient/a"), "type": "seealso"}]),
            observation("oc", "c"),
            {
                "resourceType": "List",
                "id": "l",
                "status": "current",
                "mode": "working",
                "subject": to("Patient/a"),
                "entry": [{"item": to("Patient/c")}, {"item": to("Observation/ob")}],
            },
            {
                "resourceType": "Group",
                "id": "g",
                "type": "person",
                "actual": True,
                "member": [{"entity": to("Patient/a")}, {"entity": to("Patient/b")}],
            },
            {
                "resourceType": "Provenance",
                "id": "pr",
                "target": [to("Observation/oa")],
                "recorded": "2023-01-01T00:00:00Z",
                "agent": [{"who": to("Patient/b")}],
            },
            {
                "resourceType": "Encounter",
                "id": "e",
                "status": "finished",
                "class": {"code": "IMP"},
                "subject": to("Patient/a"),
                "serviceProvider": to("Organization/org"),
            },
            observation("oe", "b", encounter=to("Encounter/e")),
        ]
    )


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("Patient/a/$everything", {"a", "oa", "oab", "c", "l", "g", "e", "org"}),
        ("Patient/b/$everything", {"b", "ob", "oab", "g", "pr", "oe", "e", "org"}),
        ("Patient/c/$everything", {"c", "oc", "l"}),
        ("Patient/a/$everything?_type=List", {"a", "l"}),
        ("Patient/a/$everything?_type=Observation,List", {"a", "oa", "oab", "l"}),
        ("Patient/$everything?_id=a,Patient/b", {"a", "b", "oa", "ob", "oab", "c", "l", "g", "pr", "e", "oe", "org"}),
        ("Patient/$everything?_id=a&_id=b&_type=Observation", {"a", "b", "oa", "ob", "oab", "oe", "e"}),
        ("Patient/$everything?_id=c", {"c", "oc", "l"}),
        ("Encounter/e/$everything", {"e", "oe", "a", "org", "b"}),
        ("Encounter/$everything?_type=Patient", {"e", "oe", "a", "org", "b"}),
    ],
)
def test_everything(session: FhirSession, target: str, found: set[str]) -> None:
    answer = bundle(session, target)

    listed = [entry["resource"]["id"] for entry in answer["entry"]]
    assert set(listed) == found
    assert len(listed) == len(found) == answer["total"]


def test_everything_of_all_patients_begins_with_them(session: FhirSession) -> None:
    listed = ids(session, "Patient/$everything?_count=50")

    assert listed[:3] == ["a", "b", "c"]
    assert set(listed) == {"a", "oa", "org", "b", "ob", "oab", "c", "oc", "l", "g", "pr", "e", "oe"}


def test_everything_leaves_what_hapi_does_not_know_aside(session: FhirSession) -> None:
    every = ids(session, "Patient/a/$everything")

    for narrowed in ("start=2030", "_since=2030-01-01T00:00:00Z", "_lastUpdated=gt2030", "_sort=_id", "_type=", "x=y"):
        assert ids(session, f"Patient/a/$everything?{narrowed}") == every


def test_everything_page_by_page(session: FhirSession) -> None:
    whole = ids(session, "Patient/a/$everything")
    answer = bundle(session, "Patient/a/$everything?_count=3")
    listed = [entry["resource"]["id"] for entry in answer["entry"]]
    while following := [link["url"] for link in answer["link"] if link["relation"] == "next"]:
        answer = bundle(session, relative(session, following[0]))
        listed += [entry["resource"]["id"] for entry in answer["entry"]]

    assert listed == whole
    assert ids(session, "Patient/a/$everything?_offset=2&_count=3") == whole[2:5]
    links = bundle(session, "Patient/a/$everything?_offset=2&_count=3")["link"]
    assert [(link["relation"], link["url"].partition("?")[2]) for link in links[1:]] == [
        ("next", "_count=3&_offset=5"),
        ("previous", "_count=3&_offset=0"),
    ]


def test_everything_says_where_its_bundle_is(session: FhirSession) -> None:
    response = get(session, "Patient/a/$everything?_summary=count")
    body = json.loads(response.body)

    assert response.headers["content-location"] == f"{session.server.base_url}/Bundle/{body['id']}"
    assert body["total"] == 8
    assert "link" not in body


def test_everything_shows_elements_of_the_type_asked_alone(session: FhirSession) -> None:
    answer = bundle(session, "Patient/a/$everything?_elements=id")

    shown = {entry["resource"]["resourceType"]: list(entry["resource"]) for entry in answer["entry"]}
    assert shown["Patient"] == ["resourceType", "id", "meta"]
    assert "status" in shown["Observation"]


def test_everything_by_post(session: FhirSession) -> None:
    body = '{"resourceType": "Parameters", "parameter": [{"name": "_type", "valueString": "List"}]}'
    headers = {"content-type": "application/fhir+json"}

    answer = session.handle(Request("POST", "Patient/a/$everything", headers, body))

    found = json.loads(answer.body)
    assert [entry["resource"]["id"] for entry in found["entry"]] == ["a", "l"]
    assert found["link"] == [{"relation": "self", "url": f"{session.server.base_url}/Patient/a/$everything"}]
    refused = session.handle(Request("POST", "Patient/a/$everything", {"content-type": "text/plain"}, body))
    assert refused.status == 400
    assert '\\"EXTENDED_OPERATION_INSTANCE\\" operation' in refused.body


@pytest.mark.parametrize(
    ("target", "status", "words"),
    [
        ("Patient/x/$everything", 404, "HAPI-2001: Resource Patient/x is not known"),
        ("Patient/$everything?_id=a,x", 404, "HAPI-2001: Resource Patient/x is not known"),
        ("Patient/a/$everything?_type=Foo", 404, "HAPI-2197: Unknown resource type 'Foo' in _type parameter."),
        ("Patient/a/$everything?_count=x", 500, 'java.lang.NumberFormatException: For input string: "x"'),
        (
            "Patient/a/$everything?_content=x",
            400,
            "HAPI-1192: Fulltext search is not enabled on this service, can not process parameter: _content",
        ),
        (
            "Encounter/e/$everything?_offset=2",
            500,
            "HAPI-0389: Failed to call access method: org.springframework.dao.InvalidDataAccessApiUsageException: "
            "HAPI-1128: Everything operation does not support offset searching",
        ),
        ("Observation/$lastn?subject=Patient/x", 404, "HAPI-2001: Resource Patient/x is not known"),
        ("Observation/$lastn?subject=a", 404, "HAPI-2001: Resource a is not known"),
        ("Observation/$lastn?max=x", 500, 'java.lang.NumberFormatException: For input string: "x"'),
        ("Observation/$lastn?date=x", 400, 'HAPI-1940: Invalid date/time/quantity format: "x"'),
        ("Patient/x/$meta", 404, "HAPI-2001: Resource Patient/x is not known"),
    ],
)
def test_what_operations_refuse(session: FhirSession, target: str, status: int, words: str) -> None:
    assert refusal(session, target) == (status, words)


def test_operations_that_a_type_does_not_have(session: FhirSession) -> None:
    for target in ("Observation/oa/$everything", "Observation/oa/$lastn", "Patient/$lastn"):
        status, words = refusal(session, target)
        assert status == 400
        assert f"does not know how to handle GET operation[{target}]" in words
    assert refusal(session, "Foo/$meta")[0] == 404


def test_last_answers_with_every_observation_in_order() -> None:
    session = serve(
        [
            patient("a"),
            patient("b"),
            observation("1", "b", code="K", effectiveDateTime="2023-01-01"),
            observation("2", "a", code="K", effectiveDateTime="2023-01-02"),
            observation("3", "b", code="A", effectiveDateTime="2023-01-03"),
            observation("4", "b", code="K", effectiveDateTime="2023-01-04"),
        ]
    )

    assert ids(session, "Observation/$lastn?max=1&code=K&category=x&date=gt2030") == ["3", "4", "2", "1"]
    assert ids(session, "Observation/$lastn?patient=nobody") == ["2", "3", "4", "1"]
    assert ids(session, "Observation/$lastn?status=final&_id=1&_count=2") == ["3", "4"]
    assert ids(session, "Observation/$lastn?status=registered") == []
    answer = bundle(session, "Observation/$lastn?_count=2")
    following = next(link["url"] for link in answer["link"] if link["relation"] == "next")
    assert ids(session, relative(session, following)) == ["2", "1"]


def test_meta() -> None:
    meta = {"profile": ["http://p"], "tag": [{"system": "a", "code": "b"}]}
    session = serve([patient("a")])
    created = session.handle(
        Request(
            "POST",
            "Patient",
            {"content-type": "application/fhir+json"},
            json.dumps({"resourceType": "Patient", "meta": meta}),
        )
    )
    logical_id = json.loads(created.body)["id"]

    (part,) = bundle(session, f"Patient/{logical_id}/$meta")["parameter"]

    assert part["name"] == "return"
    assert list(part["valueMeta"]) == ["versionId", "lastUpdated", "profile", "tag"]
    for place in ("Patient/$meta", "$meta"):
        (part,) = bundle(session, place)["parameter"]
        assert part["valueMeta"] == meta


def test_resource_counts_are_none(session: FhirSession) -> None:
    assert bundle(session, "$get-resource-counts") == {"resourceType": "Parameters"}


def test_operations_that_change_something_are_asked_by_post(session: FhirSession) -> None:
    answer = get(session, "Patient/a/$meta-add")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    answer = session.handle(Request("DELETE", "Patient/a/$everything"))
    assert (answer.status, answer.headers["allow"]) == (405, "POST,GET")
    assert session.written == 0


@pytest.mark.parametrize("operation", ["Patient/a/$expunge", "$reindex", "StructureDefinition/$snapshot"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_hapi_does_and_this_server_not_is_501_by_every_method(
    session: FhirSession, method: str, operation: str
) -> None:
    answer = session.handle(
        Request(method, operation, {"content-type": "application/fhir+json"}, "{}" * (method == "POST"))
    )
    assert answer.status == 501
    assert "HAPI-" not in answer.body


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_what_hapi_does_not_know_is_refused_in_its_words(session: FhirSession, method: str) -> None:
    answer = session.handle(Request(method, "Patient/$export?b=1&a=2"))
    assert answer.status == 400
    assert f"does not know how to handle {method} operation[Patient/$export] with parameters [[a, b]]" in answer.body
