"""PATCH: JSON Patch and FHIRPath Patch change what is stored, and refuse what HAPI refuses."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from mab_gym.fhir.http._server import FhirServer, FhirSession, Request, Response
from mab_gym.fhir.store._budget import RequestLimits
from tests.fhir.serving import bundle, get, named, observation, quantity, quickest, serve

JSON_PATCH, FHIR = "application/json-patch+json", "application/fhir+json"
STATUS = [{"op": "replace", "path": "/status", "value": "amended"}]


@pytest.fixture
def session() -> FhirSession:
    return serve(
        [
            named("p", "Ito", "Grace", "Keiko", gender="female", birthDate="1980-01-11"),
            observation("o", "p", valueQuantity=quantity(5.5), note=[{"text": "a"}, {"text": "b"}]),
        ]
    )


def send(session: FhirSession, target: str, body: Any, content_type: str = JSON_PATCH, **headers: str) -> Response:
    text = body if isinstance(body, str) else json.dumps(body)
    sent = {"content-type": content_type, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return session.handle(Request("PATCH", target, sent, text))


def told(response: Response) -> tuple[int, str]:
    return response.status, json.loads(response.body)["issue"][0]["diagnostics"]


def operation(kind: str, **parts: Any) -> dict[str, Any]:
    """An operation of a FHIRPath Patch; ``value`` is a dict with the name of its type."""
    value = parts.pop("value", None)
    types = {"index": "valueInteger", "source": "valueInteger", "destination": "valueInteger"}
    listed = [{"name": name, types.get(name, "valueString"): item} for name, item in parts.items()]
    if value is not None:
        listed.append({"name": "value", **value})
    return {"name": "operation", "part": [{"name": "type", "valueCode": kind}, *listed]}


def fhirpath(session: FhirSession, target: str, *operations: dict[str, Any]) -> Response:
    return send(session, target, {"resourceType": "Parameters", "parameter": list(operations)}, FHIR)


def test_each_json_operation_does_its_work(session: FhirSession) -> None:
    response = send(
        session,
        "Observation/o",
        [
            {"op": "test", "path": "/status", "value": "final"},
            {"op": "replace", "path": "/status", "value": "amended"},
            {"op": "add", "path": "/note/-", "value": {"text": "c"}},
            {"op": "move", "from": "/note/0", "path": "/note/2"},
            {"op": "copy", "from": "/code", "path": "/method"},
            {"op": "remove", "path": "/valueQuantity"},
        ],
    )

    stored = bundle(session, "Observation/o")
    assert response.status == 200
    assert json.loads(response.body) == stored
    assert stored["status"] == "amended"
    assert [note["text"] for note in stored["note"]] == ["b", "c", "a"]
    assert stored["method"] == stored["code"]
    assert "valueQuantity" not in stored
    assert stored["meta"]["versionId"] == "2"


def test_a_patch_without_a_change_makes_no_version(session: FhirSession) -> None:
    response = send(session, "Observation/o", [{"op": "replace", "path": "/status", "value": "final"}])

    assert response.status == 200
    assert response.headers["content-location"].endswith("/Observation/o/_history/1")
    assert "etag" not in response.headers
    assert bundle(session, "Observation/o/_history")["total"] == 1


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        ({"op": "remove", "path": "/foo"}, "HAPI-1272: no such path in target JSON document"),
        ({"op": "add", "path": "/note/3", "value": {}}, "HAPI-1272: no such index in target array"),
        ({"op": "add", "path": "/note/x", "value": {}}, "HAPI-1272: reference token is not an array index"),
        ({"op": "add", "path": "/foo/x", "value": 1}, "HAPI-1272: parent of node to add does not exist"),
        ({"op": "add", "path": "/status/x", "value": 1}, "HAPI-1272: parent of path to add to is not a container"),
        ({"op": "test", "path": "/status", "value": "x"}, "HAPI-1272: value differs from expectations"),
        ({"op": "add", "path": "/a~0b~1c", "value": 1}, "HAPI-1825: Unknown element 'a~b/c' found during parse"),
        ({"op": "add", "path": "/note", "value": {"text": "x"}}, "HAPI-1820: Found incorrect type for element note"),
        ({"op": "add", "path": "/valueString", "value": "x"}, "HAPI-1823: Multiple repetitions"),
        ({"op": "replace", "path": "/status", "value": "nope"}, "Unknown ObservationStatus code 'nope'"),
        ({"op": "replace", "path": "/resourceType", "value": "Patient"}, "HAPI-1814: Incorrect resource type"),
        ({"op": "replace", "path": "/subject/reference", "value": "Patient/none"}, "HAPI-1094: Resource Patient/none"),
    ],
)
def test_a_json_patch_that_cannot_be_applied_changes_nothing(
    session: FhirSession, operation: dict[str, Any], text: str
) -> None:
    status, diagnostics = told(send(session, "Observation/o", [*STATUS, operation]))

    assert status == 400
    assert text in diagnostics
    assert bundle(session, "Observation/o")["status"] == "final"


def test_the_id_and_the_meta_of_the_server_stay(session: FhirSession) -> None:
    send(session, "Patient/p", [{"op": "add", "path": "/meta/tag", "value": [{"system": "s", "code": "t"}]}])

    response = send(
        session,
        "Patient/p",
        [
            {"op": "replace", "path": "/id", "value": "other"},
            {"op": "replace", "path": "/meta", "value": {"versionId": "77", "profile": ["http://p"]}},
        ],
    )

    stored = json.loads(response.body)
    assert stored["id"] == "p"
    assert stored["meta"]["versionId"] == "3"
    assert stored["meta"]["profile"] == ["http://p"]
    assert stored["meta"]["tag"] == [{"system": "s", "code": "t"}]


def test_decimals_keep_what_a_double_keeps(session: FhirSession) -> None:
    send(session, "Observation/o", '[{"op":"replace","path":"/valueQuantity/value","value":7.10}]')

    assert '"value": 7.1,' in get(session, "Observation/o").body


def test_each_operation_of_a_fhirpath_patch_does_its_work(session: FhirSession) -> None:
    response = fhirpath(
        session,
        "Patient/p",
        operation("replace", path="Patient.gender", value={"valueCode": "male"}),
        operation("add", path="Patient", name="name", value={"valueHumanName": {"family": "New", "use": "old"}}),
        operation("insert", path="Patient.name[0].given", index=1, value={"valueString": "I"}),
        operation("move", path="Patient.name", source=1, destination=0),
        operation("delete", path="Patient.birthDate"),
        operation("delete", path="Patient.name.where(use = 'old').family"),
        operation(
            "add",
            path="Patient",
            name="contact",
            value={"part": [{"name": "name", "part": [{"name": "family", "valueString": "C"}]}]},
        ),
    )

    stored = bundle(session, "Patient/p")
    assert response.status == 200
    assert stored["gender"] == "male"
    assert stored["name"] == [{"use": "old"}, {"family": "Ito", "given": ["Grace", "I", "Keiko"]}]
    assert "birthDate" not in stored
    assert stored["contact"] == [{"name": {"family": "C"}}]


def test_a_choice_takes_each_of_its_types(session: FhirSession) -> None:
    for value in ({"valueString": "x"}, {"valueBoolean": False}, {"valueCodeableConcept": {"text": "c"}}):
        fhirpath(session, "Observation/o", operation("replace", path="Observation.value", value=value))

        stored = bundle(session, "Observation/o")
        assert {name: item for name, item in stored.items() if name.startswith("value")} == value


@pytest.mark.parametrize(
    ("asked", "status", "text"),
    [
        (operation("upsert", path="Patient.gender"), 400, "HAPI-1267: Unknown patch operation type: upsert"),
        (operation("insert", path="Patient.name", index=5, value={"valueHumanName": {}}), 400, "HAPI-1270: Invalid"),
        (operation("move", path="Patient.name", source=3, destination=0), 400, "HAPI-1268: Invalid move source"),
        (operation("replace", path="Patient.gender", value={"valueCode": "x"}), 500, "Unknown AdministrativeGender"),
        (operation("replace", path="Patient.birthDate", value={"valueString": "2000"}), 500, "Can not set"),
        (operation("replace", path="Patient.nope", value={"valueString": "x"}), 500, '"childDef" is null'),
        (operation("replace", path="Patient.name.nope().use", value={"valueCode": "old"}), 500, "HAPI-2409: "),
        (operation("replace", path="Patient.name.iif(true).use", value={"valueCode": "old"}), 501, "the function iif"),
    ],
)
def test_a_fhirpath_patch_that_cannot_be_applied_changes_nothing(
    session: FhirSession, asked: dict[str, Any], status: int, text: str
) -> None:
    first = operation("replace", path="Patient.active", value={"valueBoolean": True})

    found = told(fhirpath(session, "Patient/p", first, asked))

    assert found[0] == status
    assert text in found[1]
    assert "active" not in bundle(session, "Patient/p")


def test_a_search_may_name_the_resource(session: FhirSession) -> None:
    assert send(session, "Observation?code=K", STATUS).status == 200
    assert bundle(session, "Observation/o")["status"] == "amended"
    assert told(send(session, "Observation?code=none", STATUS))[0] == 404
    session.handle(Request("PUT", "Observation/o2", {"content-type": FHIR}, json.dumps(observation("o2", "p"))))
    assert told(send(session, "Observation?code=K", STATUS))[0] == 412


def test_another_version_is_not_patched(session: FhirSession) -> None:
    assert told(send(session, "Observation/o", STATUS, if_match='W/"7"')) == (
        409,
        "HAPI-0550: HAPI-0974: Version 7 is not the most recent version of this resource, unable to apply patch",
    )
    assert send(session, "Observation/o", STATUS, if_match='W/"1"').status == 200
    assert send(session, "Observation/o/_history/1", []).status == 409


def test_what_is_not_there_is_not_patched(session: FhirSession) -> None:
    session.handle(Request("DELETE", "Observation/o"))

    assert send(session, "Observation/o", STATUS).status == 410
    assert send(session, "Observation/none", STATUS).status == 404
    assert send(session, "Nope/1", STATUS).status == 404


@pytest.mark.parametrize(
    ("content_type", "text"),
    [
        ("", "HAPI-1964: Missing or invalid content type for PATCH operation"),
        ("application/json", "HAPI-1965: Invalid Content-Type for PATCH operation: application/json"),
    ],
)
def test_the_content_type_says_which_patch_it_is(session: FhirSession, content_type: str, text: str) -> None:
    assert told(send(session, "Observation/o", STATUS, content_type)) == (400, text)


def test_the_answer_is_what_the_client_prefers(session: FhirSession) -> None:
    assert send(session, "Observation/o", STATUS, prefer="return=minimal").body == ""
    outcome = send(session, "Observation/o", STATUS, prefer="return=OperationOutcome")
    assert told(outcome)[1].startswith(
        'Successfully patched resource "Observation/o/_history/2" with no changes detected.'
    )


def test_the_answer_to_a_write_shows_what_is_asked_for(session: FhirSession) -> None:
    part = json.loads(send(session, "Observation/o?_elements=status", STATUS).body)
    line = send(session, "Observation/o?_pretty=false", STATUS).body

    assert set(part) == {"resourceType", "id", "meta", "status"}
    assert "\n" not in line


def entry(url: str, resource: dict[str, Any], **request: str) -> dict[str, Any]:
    return {"resource": resource, "request": {"method": "PATCH", "url": url, **request}}


def binary(patch: Any) -> dict[str, Any]:
    data = base64.b64encode(json.dumps(patch).encode()).decode()
    return {"resourceType": "Binary", "contentType": JSON_PATCH, "data": data}


def post(session: FhirSession, kind: str, *entries: dict[str, Any]) -> Response:
    body = json.dumps({"resourceType": "Bundle", "type": kind, "entry": list(entries)})
    return session.handle(Request("POST", "", {"content-type": FHIR}, body))


@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_bundles_may_patch(session: FhirSession, kind: str) -> None:
    change = operation("replace", path="Patient.gender", value={"valueCode": "male"})

    response = post(
        session,
        kind,
        entry("Observation/o", binary(STATUS), ifMatch='W/"1"'),
        entry("Patient?name=Ito", {"resourceType": "Parameters", "parameter": [change]}),
    )

    answers = [each["response"] for each in json.loads(response.body)["entry"]]
    assert [each["status"] for each in answers] == ["200 OK", "200 OK"]
    assert answers[0]["location"] == "Observation/o/_history/2"
    assert bundle(session, "Observation/o")["status"] == "amended"
    assert bundle(session, "Patient/p")["gender"] == "male"


def test_a_transaction_with_a_bad_patch_changes_nothing(session: FhirSession) -> None:
    response = post(session, "transaction", entry("Observation/o", binary(STATUS)), entry("Observation/x", binary([])))

    assert response.status == 404
    assert bundle(session, "Observation/o")["status"] == "final"


def test_of_two_patches_in_a_transaction_the_last_one_counts(session: FhirSession) -> None:
    language = [{"op": "add", "path": "/language", "value": "de"}]

    response = post(
        session, "transaction", entry("Observation/o", binary(STATUS)), entry("Observation/o", binary(language))
    )

    stored = bundle(session, "Observation/o")
    assert response.status == 200
    assert (stored["status"], stored["language"], stored["meta"]["versionId"]) == ("final", "de", "2")


DOUBLING = [
    {"op": "add", "path": "/x", "value": [1]},
    *({"op": "copy", "from": "/x", "path": "/x/-"} for _ in range(40)),
]
SPREADING = [
    operation(
        "add",
        path="Patient.descendants().where($this is Extension) | Patient",
        name="extension",
        value={"valueExtension": {"url": f"http://{n}", "valueString": "x"}},
    )
    for n in range(40)
]
HOSTILE: dict[str, tuple[Any, str]] = {
    "a copy that doubles": (DOUBLING, JSON_PATCH),
    "an addition that doubles": ({"resourceType": "Parameters", "parameter": SPREADING}, FHIR),
    "many operations": ([{"op": "test", "path": "/resourceType", "value": "Patient"}] * 10_000, JSON_PATCH),
    "a deep pointer": ([{"op": "add", "path": "/a" * 15_000, "value": 1}], JSON_PATCH),
    "a deep value": (
        '[{"op":"add","path":"/extension","value":[' + '{"url":"u","extension":[' * 400 + "]}" * 400 + "]}]",
        JSON_PATCH,
    ),
    "a deep path": (
        {
            "resourceType": "Parameters",
            "parameter": [operation("replace", path="(" * 9000 + "Patient" + ")" * 9000 + ".x")],
        },
        FHIR,
    ),
    "a wide path": (
        {
            "resourceType": "Parameters",
            "parameter": [operation("delete", path="Patient" + ".select(%resource.descendants())" * 30)],
        },
        FHIR,
    ),
}


@pytest.mark.unmeasured
@pytest.mark.parametrize("kind", HOSTILE)
def test_no_patch_costs_much(session: FhirSession, kind: str) -> None:
    body, content_type = HOSTILE[kind]
    before = get(session, "Patient/p").body

    response, took = quickest(lambda: send(session, "Patient/p", body, content_type))

    assert response.status in (400, 413, 501), response.body
    assert took < 1
    assert get(session, "Patient/p").body == before


def test_a_longer_allowance_lets_many_operations_through(session: FhirSession) -> None:
    server = FhirServer({}, limits=RequestLimits(search=40_000, body=600_000, answer=6_000_000))
    own = server.open()
    own.handle(Request("PUT", "Patient/p", {"content-type": FHIR}, '{"resourceType": "Patient", "id": "p"}'))

    assert send(own, "Patient/p", [{"op": "test", "path": "/id", "value": "p"}] * 10_000).status == 200
