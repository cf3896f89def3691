"""Details of searching that comparing with a real HAPI FHIR 7.6 (`scripts/differential`) brought to light.

Every expectation here is what that server answered to the same resources.
"""

import json
from typing import Any

import pytest

from mab_gym.fhir.http._server import FhirSession, Request
from mab_gym.fhir.model._dates import parse_comparison, stored_period
from tests.fhir.serving import Resource, bundle, get, ids, observation, patient, refusal, relative, serve


def timed(logical_id: str, *events: str, **bounds: str) -> Resource:
    timing: dict[str, Any] = {"event": list(events)} if events else {}
    if bounds:
        timing["repeat"] = {"boundsPeriod": bounds}
    return observation(logical_id, "p1", effectiveTiming=timing)


def component(**elements: Any) -> list[dict[str, Any]]:
    return [{"code": {"coding": [{"code": "c"}]}, **elements}]


def context(logical_id: str, **value: Any) -> Resource:
    use = {"code": {"system": "http://x", "code": "focus"}, **value}
    return {"resourceType": "Questionnaire", "id": logical_id, "useContext": [use]}


def follows(logical_id: str, canonical: str) -> Resource:
    return {"resourceType": "Procedure", "id": logical_id, "status": "unknown", "instantiatesCanonical": [canonical]}


RECORD: list[Resource] = [
    {"resourceType": "Organization", "id": "g1"},
    {"resourceType": "Location", "id": "l1", "address": {"text": "NAIVE"}},
    patient(
        "p1",
        address=[{"city": "back\\slash", "text": "hidden"}],
        telecom=[{"system": "phone"}],
        identifier=[{"system": "http://s"}],
    ),
    patient("p2", address=[{"city": "a_b"}], telecom=[{"system": "phone", "value": "5"}]),
    patient("p3", address=[{"city": "axb"}], managingOrganization={"reference": "Organization/g1"}),
    observation("o1", "p1", component=component(valueCodeableConcept={"coding": [{"system": "http://s"}]})),
    observation("o2", "p1", component=component(valueString="K"), valueQuantity={"value": 4}),
    observation("o3", "p1", component=component(valueQuantity={"value": 9}), valueQuantity={"value": 2}),
    observation("o4", "p2", valueCodeableConcept={"coding": [{"code": "v"}]}),
    {**observation("o5", "p2"), "subject": {"reference": "Location/l1"}},
    {
        "resourceType": "Condition",
        "id": "c1",
        "abatementRange": {"low": {"value": 3, "unit": "a"}, "high": {"value": 5}},
        "identifier": [{"type": {"text": "Medical"}, "value": "3"}],
    },
    {"resourceType": "Invoice", "id": "i1", "status": "draft", "totalNet": {"value": 7, "currency": "EUR"}},
    follows("x1", "http://example.org/fhir"),
    follows("x2", "http://example.org/fhir|1.0"),
    follows("x3", "http://example.org/fhir/Questionnaire/q1"),
    follows("x4", "urn:oid:1.2.3"),
    follows("x5", "Questionnaire/q1"),
    context("q1", valueCodeableConcept={"coding": [{"code": "flu"}]}),
    context("q2", valueQuantity={"value": 4}),
]


@pytest.fixture(scope="module")
def session() -> FhirSession:
    return serve(RECORD)


@pytest.mark.parametrize(
    ("target", "found"),
    [
        # a bar alone asks for nothing
        ("Patient?telecom=|", {"p1", "p2", "p3"}),
        ("Patient?telecom=|,phone|5", {"p2"}),
        # a way of contact without its value is indexed, an identifier is not
        ("Patient?phone=phone|", {"p1", "p2"}),
        ("Patient?phone:missing=true", {"p3"}),
        ("Patient?identifier=http://s|", set()),
        # an address's text is not searched; the database's patterns are
        ("Patient?address=hidden", set()),
        ("Patient?address-city=a_b", {"p2", "p3"}),
        ("Patient?address-city:exact=a_b", {"p2"}),
        ("Patient?address-city:contains=_", {"p1", "p2", "p3"}),
        ("Patient?address-city=back\\\\slash", set()),
        ("Patient?address-city:exact=back\\\\slash", {"p1"}),
        # flags know no words, and nothing is not what is not there
        ("Patient?deceased=|", {"p1", "p2", "p3"}),
        ("Patient?deceased:text=true", set()),
        ("Patient?_id:not=nobody", set()),
        # inner elements are cast, and values are kept by kind
        ("Observation?component-value-quantity=9", {"o3"}),
        ("Observation?component-value-concept=K", set()),
        ("Observation?component-value-concept=http://s|", {"o1"}),
        ("Observation?combo-value-quantity=gt3", {"o2", "o3"}),
        # the first comparator holds for all values
        ("Observation?value-quantity=gt3,1", {"o2", "o3"}),
        ("Observation?value-quantity=4,gt1", {"o2"}),
        # patient means a Patient, and what a parameter does not point to it does not find
        ("Observation?patient=Location/l1", set()),
        ("Observation?patient:Location=l1", set()),
        ("Observation?subject:Location=l1", {"o5"}),
        ("Observation?subject=diagnosticreport/x", set()),
        # halves of composites, whose components are looked up by name
        ("Observation?code-value-concept=K$v", {"o4"}),
        ("Observation?code-value-concept=K$", {"o1", "o2", "o3", "o4", "o5"}),
        ("Observation?code-value-concept=K", {"o1", "o2", "o3", "o4", "o5"}),
        ("Observation?code-value-concept=$v", set()),
        ("Observation?code-value-quantity=K$", set()),
        ("Observation?code-value-quantity:missing=true", set()),
        ("Patient?_has:Observation:patient:_has:Encounter:reason-reference:status=planned", set()),
        ("Questionnaire?context-type-value=flu$focus", {"q1"}),
        ("Questionnaire?context-type-value=focus$flu", set()),
        # both ends of a range, amounts of money, words of an identifier
        ("Condition?abatement-age=3", {"c1"}),
        ("Condition?abatement-age=gt4", {"c1"}),
        ("Condition?abatement-age=4", set()),
        ("Invoice?totalnet=7", {"i1"}),
        ("Invoice?totalnet=7|urn:iso:std:iso:4217|EUR", {"i1"}),
        ("Condition?identifier:text=Med", set()),
        # canonical references, with and without a version
        ("Procedure?instantiates-canonical=http://example.org/fhir", {"x1", "x2"}),
        ("Procedure?instantiates-canonical=http://example.org/fhir|1.0", {"x2"}),
        ("Procedure?instantiates-canonical=http://example.org/fhir/Questionnaire/q1/_history/1", {"x3"}),
        ("Procedure?instantiates-canonical=Questionnaire/q1", {"x5"}),
        ("Procedure?instantiates-canonical:missing=true", {"x4"}),
        # what has no meaning is left out
        ("Patient?_lastUpdated:missing=true", {"p1", "p2", "p3"}),
        ("Patient?_profile:missing=true", {"p1", "p2", "p3"}),
        ("Patient?_id:missing=false", set()),
        ("Patient?_has:Observation:code:code=K", set()),
    ],
)
def test_what_is_found(session: FhirSession, target: str, found: set[str]) -> None:
    assert set(ids(session, target)) == found


@pytest.mark.parametrize(
    ("target", "status", "start"),
    [
        ("Observation?patient:text=x", 400, 'HAPI-1250: Invalid/unsupported resource type: "text"'),
        ("Observation?patient:not=x&subject:Patient=y", 400, 'HAPI-2498: Unsupported search modifier(s): "[:not, :Pat'),
        ("Observation?subject:identifier=x&_id:not=y", 400, 'HAPI-2498: Unsupported search modifier(s): "[:identifier'),
        ("Observation?patient:foo=x&subject:Patient=y&_id:not=z", 400, 'HAPI-2498: Unsupported search modifier(s): "['),
        (
            "Observation?part-of:identifier=x&encounter:Encounter=y",
            400,
            'HAPI-2498: Unsupported search modifier(s): "[',
        ),
        ("Observation?patient=Foo/1&code:not=K", 400, 'HAPI-2498: Unsupported search modifier(s): "[:not]"'),
        ("Observation?subject:identifier=x&_contained=true", 405, "HAPI-0984"),
        ("Observation?subject:identifier=x&_offset=x", 400, "HAPI-0461"),
        ("Observation?subject:identifier=x&_sort=foo", 400, "HAPI-2498"),
        ("Observation?date=2023&date=2024", 400, "HAPI-1922: Can not have multiple date range parameters"),
        ("Observation?date=ge2023&date=2024", 400, "HAPI-1922"),
        ("Observation?date=2023&date=ge2022", 400, "HAPI-1923"),
        ("Observation?date=2023&date=le2022", 400, "HAPI-1924"),
        ("Observation?patient.birthdate=ap2023", 400, "HAPI-1921: Invalid comparator for date range parameter:APPROX"),
        ("Patient?_has:Observation:patient:date=ap2023", 400, "HAPI-1921"),
        ("Patient?_has:Observation:patient:code:not=K", 400, "HAPI-1209: Unknown parameter name: Observation:code:not"),
        ("Patient?_has:Observation:foo:bar=K", 400, "HAPI-1209: Unknown parameter name: Observation:bar"),
        ("Patient?_has:Observation:patient:_has:Encounter:foo:bar=K", 400, "HAPI-1209: Unknown parameter name: Encou"),
        ("Observation?code-value-quantity=K$4$5", 400, "HAPI-1947: Invalid value for composite parameter"),
        ("Observation?code-value-string=K$", 500, 'Cannot invoke "String.length()"'),
        ("Questionnaire?context-type-quantity=focus$4", 500, "HAPI-1948: Invalid quantity type"),
        ("Questionnaire?context-type-quantity=4$focus", 400, "HAPI-1940"),
        (
            "Observation?value-quantity=eb5.|x|y",
            400,
            'HAPI-1235: Unable to handle quantity prefix "eb" for value: eb5|x',
        ),
        ("Patient?_sort=family&_sort=-birthdate", 400, 'HAPI-1194: Unknown _sort parameter value "-birthdate"'),
        ("Observation?patient.birthdate=2023-13-01", 500, "HAPI-1882: Invalid date/time format"),
        ("Observation?has-member.value-quantity=ab4", 500, "HAPI-1941: Invalid prefix"),
        ("Observation?has-member.value-quantity=eb4", 400, "HAPI-1235"),
        ("Patient?_has:Observation:patient:value-quantity=abc", 500, "HAPI-1940"),
        ("Patient?_has:Observation:patient:_has:Encounter:reason-reference:status:not=x", 400, "HAPI-1209"),
        ("Questionnaire?context-type-quantity:missing=true", 500, "HAPI-1948"),
        ("Questionnaire?context-type-quantity=focus$eb4", 500, "HAPI-1948"),
        ("DocumentReference?relationship=DocumentReference/x$replaces", 400, "HAPI-1204: Don't know how to handle"),
        ("Patient?_tag=http://x|", 400, "HAPI-1218: Missing _tag parameter"),
        ("Patient?_tag:missing=true", 500, "class ca.uhn.fhir.rest.param.TokenParam cannot be cast"),
        ("Observation?code:in=http://x,http://y", 404, "HAPI-2024: Unknown ValueSet: http%3A%2F%2Fx"),
    ],
)
def test_refusals(session: FhirSession, target: str, status: int, start: str) -> None:
    found, diagnostics = refusal(session, target)

    assert found == status
    assert diagnostics.startswith(start)


def test_flags_are_sorted_by_what_they_say() -> None:
    people = [patient("p1", deceasedBoolean=True), patient("p2"), patient("p3", deceasedDateTime="2023"), patient("p4")]

    assert ids(serve(people), "Patient?_sort=deceased") == ["p2", "p4", "p1", "p3"]
    assert ids(serve(people), "Patient?_sort=-deceased") == ["p1", "p3", "p2", "p4"]


@pytest.mark.parametrize("name", ["_tag", "-_profile", "_source", "-_security"])
def test_labels_sort_nothing(name: str) -> None:
    people = [patient("p1"), patient("p2", meta={"tag": [{"code": "k"}], "profile": ["http://x"]}), patient("p3")]

    assert ids(serve(people), f"Patient?_sort={name}") == ["p1", "p2", "p3"]


def test_a_summary_goes_into_elements(session: FhirSession) -> None:
    attached = {"contentType": "text/plain", "data": "YWJj", "title": "t"}
    document = {
        "resourceType": "DocumentReference",
        "id": "d1",
        "status": "current",
        "content": [{"attachment": attached, "format": {"code": "x"}}],
    }
    kept = [{"attachment": {"contentType": "text/plain", "title": "t"}, "format": {"code": "x"}}]

    assert parts(serve([document]), "DocumentReference?_summary=true") == {"status": "current", "content": kept}


def test_the_first_label_alone_must_have_a_code(session: FhirSession) -> None:
    assert ids(session, "Patient?_tag=k,http://x|") == []


def labelled() -> FhirSession:
    session = serve([patient(f"p{number}") for number in range(4)])
    for meta in ({"tag": [{"system": "http://x", "code": "k"}]}, {"tag": [{"code": "k"}]}, {"source": "http://x/a"}):
        body = json.dumps({"resourceType": "Patient", "meta": meta})
        created = session.handle(Request("POST", "Patient", {"content-type": "application/fhir+json"}, body))
        assert created.status == 201
    return session


@pytest.mark.parametrize(
    ("target", "count"),
    [
        ("Patient?_tag=k", 2),
        ("Patient?_tag=|k", 2),
        ("Patient?_tag=http://x|k", 1),
        ("Patient?_tag:foo=http://x|k", 1),
        ("Patient?_tag:text=k", 2),
        ("Patient?_tag:not=k", 5),
        ("Patient?_source=http://x/a", 1),
        ("Patient?_source=http://x/a%23other", 0),
        ("Patient?_source:contains=X/A", 1),
        ("Patient?_source:below=http://x", 1),
        ("Patient?_source:above=http://x/a/b", 1),
        ("Patient?_source:above=http://x/ab", 0),
        ("Patient?_source:missing=false", 1),
        ("Patient?_source:missing=true", 6),
    ],
)
def test_labels_and_sources(target: str, count: int) -> None:
    assert len(ids(labelled(), target)) == count


TIMINGS = [
    timed("end", end="2024-02-29"),
    timed("both", start="2023-02-28", end="2024-02-29"),
    timed("event", "2023-06-15", start="2023-02-28", end="2024-02-29"),
    timed("late", "2025-06-15", start="2023-02-28", end="2024-02-29"),
    timed("zone", start="2022-01-01T00:00:00+05:30", end="2022-01-01T00:00:00+05:30"),
    timed("backwards", "2021-02-28", "2020-06-15T10:00:00Z"),
    timed("none"),
]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("eq2023-06-15", {"event"}),
        ("eq2024-02-29", {"end"}),
        ("eq2021-12-31", {"zone"}),
        ("eq2022-01-01", set()),
        ("eq2021-02-28", set()),
        ("eq2020-06-15", set()),
        ("ge2024-02-29", {"end", "both", "late"}),
        ("le2023-02-28T00:00:00Z", {"event", "both", "late", "zone", "backwards"}),
        ("ge2024-02-29T12:00:00Z", {"late"}),
        ("gt2023-06-15T00:00:00Z", {"end", "both", "event", "late"}),
        ("lt2024-02-29", {"both", "event", "zone", "backwards"}),
        ("sa2023-02-28", {"end", "event", "late"}),
        ("eb2024-02-29", {"event", "zone", "backwards"}),
    ],
)
def test_a_timing_is_one_period(value: str, found: set[str]) -> None:
    assert set(ids(serve([patient("p1"), *TIMINGS]), f"Observation?date={value}")) == found


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("lt2026-11-23", True),
        ("eb2026-11-23", True),
        ("le2026", True),
        ("2026-11-23", True),
        ("2026-11-24", False),
        ("gt2026-11-23", False),
        ("gt2026-11-22", True),
        ("ge2026-11-23T02:05:14.711Z", True),
        ("gt2026-11-23T02:05:14.711Z", False),
        ("lt2026-11-23T02:05:14.711Z", False),
        ("le2026-11-23T02:05:14Z", True),
        ("ne2026-11-23", False),
    ],
)
def test_last_updated_is_compared_by_instants(question: str, found: bool) -> None:
    updated = stored_period("2026-11-23T02:05:14.711+00:00")
    assert updated is not None
    assert parse_comparison(question).matches_update(updated) is found


def included(session: FhirSession, target: str) -> list[str]:
    return [e["resource"]["id"] for e in bundle(session, target)["entry"] if e["search"]["mode"] == "include"]


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("Encounter?_include=Encounter:*", ["o2", "p1"]),
        ("Encounter?_include=Patient:*", ["o2", "p1"]),
        ("Encounter?_include:iterate=Encounter:*", ["o1", "o2", "d1", "p1"]),
        ("Encounter?_include=Encounter:patient&_include:iterate=Patient:organization", ["p1", "o1"]),
        ("Condition?_include=Condition:encounter&_include:iterate=Patient:*", ["e1", "o1", "o2", "d1", "p1", "p2"]),
        ("Patient?_revinclude=Encounter:*", ["e1"]),
        ("Patient?_include=Patient:organization&_revinclude=Condition:patient", ["c1", "c2", "o1", "o2"]),
        ("Patient?_revinclude=Condition:patient&_include=Condition:encounter", ["c1", "c2", "e1"]),
        ("Patient?_include=Patient:organization&_revinclude:iterate=Encounter:service-provider", ["o1", "o2", "e1"]),
    ],
)
def test_includes(target: str, found: list[str]) -> None:
    filler = [{"resourceType": "Basic", "id": f"b{number}"} for number in range(1971)]
    record = [
        *filler,
        {"resourceType": "Organization", "id": "o1"},
        {"resourceType": "Organization", "id": "o2"},
        {"resourceType": "Practitioner", "id": "d1"},
        patient(
            "p1",
            managingOrganization={"reference": "Organization/o1"},
            generalPractitioner=[{"reference": "Practitioner/d1"}],
        ),
        patient("p2", managingOrganization={"reference": "Organization/o2"}),
        {
            "resourceType": "Encounter",
            "id": "e1",
            "subject": {"reference": "Patient/p1"},
            "serviceProvider": {"reference": "Organization/o2"},
        },
        {
            "resourceType": "Condition",
            "id": "c1",
            "subject": {"reference": "Patient/p1"},
            "encounter": {"reference": "Encounter/e1"},
        },
        {"resourceType": "Condition", "id": "c2", "subject": {"reference": "Patient/p2"}},
    ]
    assert included(serve(record), target) == found


def test_links_name_includes_in_the_order_of_a_java_hash_set(session: FhirSession) -> None:
    target = "Observation?_include=Observation:specimen&_include=Observation:encounter&_count=1"
    (link,) = (link["url"] for link in bundle(session, target)["link"] if link["relation"] == "next")

    assert "&_include=Observation%3Aencounter&_include=Observation%3Aspecimen&" in link


@pytest.mark.parametrize("pretty", ["false", "x", "", "TRUE"])
def test_pretty_is_true_or_nothing(session: FhirSession, pretty: str) -> None:
    assert "\n" not in get(session, f"Patient?_pretty={pretty}").body
    assert "\n" not in get(session, f"Patient/p1?_pretty={pretty}").body
    assert "\n" not in get(session, f"Patient/nobody?_pretty={pretty}").body
    assert "\n" in get(session, "Patient?_pretty=true").body


def test_a_page_links_to_itself_as_it_was_asked_for(session: FhirSession) -> None:
    session = session.server.open()
    first = bundle(session, "Patient?_count=1&_pretty=false")
    following = relative(session, first["link"][1]["url"])
    second = bundle(session, following)

    assert "_pretty" not in following
    assert relative(session, second["link"][0]["url"]) == following
    assert "&_pretty=true&" in second["link"][1]["url"]


def test_a_page_links_to_itself_with_all_its_includes(session: FhirSession) -> None:
    session = session.server.open()
    target = "Observation?_include=Observation:specimen&_include=Observation:encounter&_count=1"
    following = relative(session, bundle(session, target)["link"][1]["url"])

    assert relative(session, bundle(session, following)["link"][0]["url"]) == following


def test_nothing_lies_before_nothing(session: FhirSession) -> None:
    links = bundle(session, "Patient?name=nobody&_getpagesoffset=5")["link"]

    assert [link["relation"] for link in links] == ["self"]


def parts(session: FhirSession, target: str) -> dict[str, Any]:
    resource = bundle(session, target)["entry"][0]["resource"]
    return {name: value for name, value in resource.items() if name not in ("resourceType", "id", "meta")}


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ("subject.reference", {"subject": {"reference": "Patient/p1"}}),
        ("subject.display", {"subject": {}}),
        ("value.value", {"valueQuantity": {"value": 4}}),
        ("valueQuantity", {"valueQuantity": {"value": 4}}),
        ("component.code", {"component": [{"code": {"coding": [{"code": "c"}]}}]}),
        ("Observation.status,code.text", {"status": "final", "code": {"text": "Test K"}}),
        ("code.text,code.coding.code", {"code": {"coding": [{"code": "K"}], "text": "Test K"}}),
        ("Patient.name,status", {"status": "final"}),
    ],
)
def test_elements_are_paths(session: FhirSession, names: str, found: dict[str, Any]) -> None:
    assert parts(session, f"Observation?_id=o2&_elements={names}") == found


def test_elements_of_another_type_leave_a_resource_whole(session: FhirSession) -> None:
    whole = bundle(session, "Observation?_id=o2")["entry"][0]["resource"]

    assert bundle(session, "Observation?_id=o2&_elements=Patient.name")["entry"][0]["resource"] == whole


def test_a_summary_of_text_has_what_is_mandatory(session: FhirSession) -> None:
    assert list(parts(session, "Observation?_id=o2&_summary=text")) == ["status", "code"]


def test_a_read_with_a_summary_of_text_is_the_narrative() -> None:
    div = '<div xmlns="http://www.w3.org/1999/xhtml">A</div>'
    session = serve([patient("p1", text={"status": "generated", "div": div}), patient("p2")])
    narrative = get(session, "Patient/p1?_summary=text")

    assert (narrative.body, narrative.headers["content-type"]) == (div, "text/html;charset=UTF-8")
    assert get(session, "Patient/p2?_summary=text").body == "null"


def test_a_date_in_words_is_no_date() -> None:
    procedure = {"resourceType": "Procedure", "status": "unknown", "performedString": "100% sure"}
    request = Request("POST", "Procedure", {"content-type": "application/fhir+json"}, json.dumps(procedure))
    stored = json.loads(serve([]).handle(request).body)
    assert {name: stored[name] for name in procedure} == procedure
    assert ids(serve([{**procedure, "id": "x1"}]), "Procedure?date:missing=true") == ["x1"]


def test_canonical_references_are_included() -> None:
    plan = {"resourceType": "Questionnaire", "id": "q", "url": "http://example.org/q", "status": "active"}
    session = serve([plan, follows("x1", "http://example.org/q|1.0"), follows("x2", "http://example.org/other")])

    assert ids(session, "Procedure?_include=Procedure:instantiates-canonical") == ["x1", "x2", "q"]
    assert ids(session, "Procedure?_include=Procedure:instantiates-canonical:Measure") == ["x1", "x2"]
