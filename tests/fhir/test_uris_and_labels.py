"""URIs above others, chained ``:missing``, pairs of composites, labels and narratives: HAPI FHIR 7.6's answers.

Every expectation is what that server answered to the same resources; `tests/fhir/test_details.py` holds the others.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from mab_gym.fhir.http._server import FhirServer, FhirSession, Request, Response
from tests.fhir.serving import Resource, bundle, get, ids, observation, patient, refusal

URLS = (
    "http://ex.org/a",
    "http://ex.org/a/b",
    "http://ex.org/a/b/c",
    "http://ex.org",
    "urn:oid:1.2.3",
    "http://ex.org/A/b",
    "http://ex.org/a%25b",
    "http://ex.org/a_b",
    "http://ex.org/ab",
    "urn:oid:1.2.3.4",
)


def send(session: FhirSession, method: str, path: str, resource: Resource) -> Response:
    return session.handle(Request(method, path, {"content-type": "application/fhir+json"}, json.dumps(resource)))


def serve(*resources: Resource) -> FhirSession:
    """A session to which resources were sent, in this order."""
    session = FhirServer({}).open()
    for resource in resources:
        answer = send(session, "PUT", f"{resource['resourceType']}/{resource['id']}", resource)
        assert answer.status == 201, answer.body
    return session


@pytest.fixture(scope="module")
def urls() -> FhirSession:
    named: list[Resource] = [
        {"resourceType": "Questionnaire", "id": f"q{i}", "url": url, "status": "draft"} for i, url in enumerate(URLS)
    ]
    return serve(*named, {"resourceType": "Questionnaire", "id": "qn", "status": "draft", "title": "no url"})


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("url:below=http://ex.org/a", ["q0", "q6", "q1", "q2", "q7", "q8"]),
        ("url:below=http://ex.org/a/", ["q1", "q2"]),
        ("url:below=http://ex.org/A", ["q5"]),
        # In the database's LIKE an underscore is any character, a percent sign is escaped.
        ("url:below=http://ex.org/a_b", ["q1", "q2", "q7"]),
        ("url:below=http://ex.org/a%25", ["q6"]),
        ("url:below=", ["q3", "q5", "q0", "q6", "q1", "q2", "q7", "q8", "q4", "q9"]),
        ("url:below=foo,http://ex.org/a/b", ["q1", "q2"]),
        ("url:above=http://ex.org/a/b/c/", ["q3", "q0", "q1", "q2"]),
        ("url:above=urn:oid:1.2.3.4", ["q4", "q9"]),
        ("url:above=urn:oid:1.2.3", ["q4"]),
        ("url:above=http://ex.org/a/b,urn:oid:1.2.3", ["q3", "q0", "q1", "q4"]),
        ("url:above=http://ex.org//a/b", ["q3"]),
        ("url:above=http:/ex.org/a/b", []),
        ("url:above=", []),
        ("url:contains=ex.org", []),
        ("url:foo=http://ex.org", ["q3"]),
        ("status=draft&url:below=http://ex.org/a/b,http://ex.org/A", ["q5", "q1", "q2"]),
        ("url=http://ex.org/a/b,http://ex.org,urn:oid:1.2.3", ["q3", "q4", "q1"]),
    ],
)
def test_uris_above_and_below(urls: FhirSession, question: str, found: list[str]) -> None:
    assert ids(urls, f"Questionnaire?{question}") == found


PROFILES = ("http://ex.org/p", "http://ex.org/p/b", "http://ex.org/z", "http://ex.org/P", "http://ex.org/p_b")
TAGS = ({"system": "http://s", "code": "K"}, {"code": "none"}, {"system": "http://s", "code": "A b"})


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("_profile:below=http://ex.org/p", ["b0", "b1", "b4"]),
        ("_profile:below=http://ex.org/p_", ["b1", "b4"]),
        ("_profile:below=", ["b0", "b1", "b2", "b3", "b4", "bn"]),
        ("_profile:above=http://ex.org/p/b", ["b1"]),
        ("_profile:above=http://ex.org/p/b/c", []),
        ("_profile:not=http://ex.org/p", ["b0"]),
        ("_tag= K", []),
        ("_tag=http://s| K", []),
        ("_tag=|none", ["b1", "b4"]),
        ("_tag=http://s|A b", ["b2"]),
        ("_tag:not=http://s|K,none", ["b2", "bn"]),
    ],
)
def test_profiles_and_tags(question: str, found: list[str]) -> None:
    session = serve(
        *(
            {
                "resourceType": "Basic",
                "id": f"b{i}",
                "meta": {"profile": [profile, PROFILES[2]] if i == 1 else [profile], "tag": [TAGS[i % 3]]},
            }
            for i, profile in enumerate(PROFILES)
        ),
        {"resourceType": "Basic", "id": "bn"},
    )

    assert ids(session, f"Basic?{question.replace(' ', '%20')}") == found


def member(logical_id: str, of: str, **more: Any) -> Resource:
    return {
        "resourceType": "Observation",
        "id": logical_id,
        "status": "final",
        "hasMember": [{"reference": f"Observation/{of}"}],
        **more,
    }


@pytest.fixture(scope="module")
def linked() -> FhirSession:
    managed = {"managingOrganization": {"reference": "Organization/g3"}}
    return serve(
        {"resourceType": "Organization", "id": "g3", "active": False},
        {"resourceType": "Group", "id": "t1", "type": "person", "actual": True},
        patient("p3", **managed),
        patient("p5", active=True, link=[{"other": {"reference": "Patient/p3"}, "type": "refer"}], **managed),
        patient("p6", active=True, link=[{"other": {"reference": "Patient/p3"}, "type": "refer"}]),
        observation("o1", "p3", valueQuantity={"value": 3}),
        {"resourceType": "Observation", "id": "o3", "status": "final"},
        member("o4", "o1", subject={"reference": "Patient/p3"}, derivedFrom=[{"reference": "Observation/o3"}]),
        member("o5", "o1", subject={"reference": "Group/t1"}),
    )


@pytest.mark.parametrize(
    ("target", "found"),
    [
        # HAPI looks at what the searched resources themselves have, where the reference is there.
        ("Patient?organization.active:missing=false", ["p5"]),
        ("Patient?organization.active:missing=true", ["p3"]),
        ("Patient?organization.name:missing=true", ["p3", "p5"]),
        ("Patient?link.organization:missing=true", ["p6"]),
        ("Patient?link.organization:missing=false", ["p5"]),
        ("Patient?link.active:missing=true", []),
        ("Patient?organization._id:missing=true", []),
        ("Patient?organization._profile:missing=true", ["p3", "p5"]),
        ("Observation?has-member.value-quantity:missing=true", ["o4", "o5"]),
        ("Observation?has-member.subject:missing=false", ["o4", "o5"]),
        ("Observation?subject:Group.code:missing=true", ["o4", "o5"]),
        ("Observation?subject:Patient.active:missing=false", []),
        ("Observation?subject.identifier:missing=true", ["o1", "o4", "o5"]),
        ("Observation?subject:Patient.organization.active:missing=true", ["o1", "o4"]),
        ("Observation?derived-from:Observation.patient.birthdate:missing=true", []),
        ("Observation?derived-from:Observation.patient:missing=false", ["o4"]),
        ("Observation?has-member.code-value-concept:missing=true", ["o4", "o5"]),
        ("Observation?has-member.code-value-string:missing=true", []),
        ("Observation?component-code-value-concept:missing=false", ["o1", "o3", "o4", "o5"]),
        ("Observation?code-value-quantity:missing=true", []),
        ("Observation?date:missing=", []),
    ],
)
def test_missing_behind_a_reference_and_of_a_pair(linked: FhirSession, target: str, found: list[str]) -> None:
    assert sorted(ids(linked, target)) == sorted(found)


@pytest.mark.parametrize(
    ("target", "status", "start"),
    [
        ("Patient?organization.partof:missing=true", 400, "HAPI-1209: Unknown parameter name: Patient:partof"),
        ("Patient?organization._lastUpdated:missing=true", 500, "HAPI-1920: theDateParam can not be empty"),
        ("Patient?organization._tag:missing=true", 500, "class ca.uhn.fhir.rest.param.TokenParam cannot be cast"),
        ("Observation?device._tag=K", 500, 'Ambiguous column name "TAG_ID"'),
        ("DocumentReference?relationship:missing=true", 400, "HAPI-1204: Don't know how to handle composite"),
        ("MolecularSequence?chromosome-variant-coordinate:missing=true", 400, "HAPI-1204: Don't know how"),
        ("Questionnaire?context-type-quantity:missing=true", 500, "HAPI-1948: Invalid quantity type"),
        ("Observation?date:missing=true&date:missing=true", 400, "HAPI-1922: "),
        ("Observation?date=ge2000&date:missing=true", 400, "HAPI-1922: "),
        ("Observation?_lastUpdated:missing=true&_lastUpdated=ge2000", 400, "HAPI-1922: "),
        ("Observation?date:missing=true,false", 400, "HAPI-1930: "),
    ],
)
def test_refusals(linked: FhirSession, target: str, status: int, start: str) -> None:
    found = refusal(linked, target)
    assert found[0] == status
    assert found[1].startswith(start)


def test_several_pairs_are_any_of_them() -> None:
    def coded(logical_id: str, code: str, value: str) -> Resource:
        return observation(logical_id, "p1", code, valueCodeableConcept={"coding": [{"code": value}]})

    session = serve(patient("p1"), coded("o1", "a", "x"), coded("o2", "b", "y"), coded("o3", "a", "y"))

    assert ids(session, "Observation?code-value-concept=a$x,b$y") == ["o1", "o2"]
    # A second part that is not there asks for nothing.
    assert ids(session, "Observation?code-value-concept=a,b$x") == ["o1", "o3"]


def test_a_total_of_an_offset_counts_what_is_included() -> None:
    session = serve(patient("p1"), *(observation(f"o{i}", "p1") for i in range(5)))

    assert bundle(session, "Observation?_offset=2&_include=Observation:subject")["total"] == 6
    assert bundle(session, "Observation?_offset=2&_count=4")["total"] == 5
    # With the patient the page is full, so that HAPI does not know whether there is more.
    assert "total" not in bundle(session, "Observation?_offset=2&_count=4&_include=Observation:subject")


EXTENSION = [{"url": "http://e", "valueString": "q"}]
META = {
    "id": "mm",
    "extension": EXTENSION,
    "profile": ["http://x/b", "http://x/a", "http://x/b"],
    "tag": [
        {"code": "x"},
        {"system": "s", "code": "b", "_system": {"extension": EXTENSION}},
        {"code": "x", "userSelected": True},
        {"display": "only"},
        {"id": "i", "system": "s", "code": "b"},
    ],
}


def test_a_create_repeats_labels_that_are_stored_once() -> None:
    session = serve()
    said = json.loads(send(session, "POST", "Basic", {"resourceType": "Basic", "meta": META}).body)
    kept = json.loads(get(session, f"Basic/{said['id']}").body)

    assert list(said["meta"])[:4] == ["id", "extension", "versionId", "lastUpdated"]
    assert said["meta"]["profile"] == ["http://x/a", "http://x/b", "http://x/b"]
    assert said["meta"]["tag"] == [
        {"code": "x"},
        {"code": "x", "userSelected": True},
        {"system": "s", "_system": {"extension": EXTENSION}, "code": "b"},
        {"id": "i", "system": "s", "code": "b"},
    ]
    assert kept["meta"]["profile"] == ["http://x/a", "http://x/b"]
    assert kept["meta"]["tag"] == [{"code": "x"}, {"code": "x", "userSelected": True}, {"system": "s", "code": "b"}]
    assert kept["meta"]["id"] == "mm"


@pytest.mark.parametrize(
    ("narrative", "laid_out"),
    [
        ("A <b>note</b>", ["A ", "   <b>note</b>", ""]),
        ("<p>x <i>y</i> z</p>", ["", "   <p>x ", "      <i>y</i> z", "   </p>", ""]),
        ("a<br/>b", ["a", "   <br/>b", ""]),
        ("<pre>  a\n  b <b>c</b></pre>", ["", "   <pre>  a", "@  b <b>c</b></pre>", ""]),
        ("<p>  sp   aces </p>", ["", "   <p> sp   aces </p>", ""]),
        ("<p>\n  <b>l</b>\n</p>", ["", "   <p> ", "      <b>l</b> ", "   </p>", ""]),
        ("\u00a0x", ["\u00a0x"]),
    ],
)
def test_narratives_in_xml(narrative: str, laid_out: list[str]) -> None:
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{narrative}</div>'
    session = serve({"resourceType": "Basic", "id": "x", "text": {"status": "generated", "div": div}})
    xml = get(session, "Basic/x", accept="application/fhir+xml").body
    shown = xml[xml.index("<div") : xml.index("</div>")].partition(">")[2]

    indented = "\n".join(line.removeprefix("@") if line[:1] == "@" else "      " + line for line in laid_out)
    assert shown == indented.removeprefix("      ")
