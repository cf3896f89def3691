import json

import pytest

from mab_gym.fhir.hapi._hashes import index_hash
from mab_gym.fhir.http._server import FhirSession, Request
from tests.fhir.serving import bundle, get, ids, named, observation, patient, quantity, refusal, serve

PEOPLE = [
    named("p1", "Young", "Ann", gender="female", birthDate="1980-05-01"),
    named("p2", "Ångström", "Bo", gender="male", birthDate="1950-01-01"),
    named("p3", "Ames", "Jo", "Ann", gender="male", birthDate="1990"),
    patient("p4", deceasedBoolean=False),
    patient("p5", deceasedDateTime="2020-01-01T00:00:00Z"),
]
RESULTS = [
    observation("o1", "p1", "K", effectiveDateTime="2023-11-12T10:00:00Z", valueQuantity=quantity(4.4)),
    observation("o2", "p1", "K", effectiveDateTime="2023-11-10T10:00:00Z", valueQuantity=quantity(3.5)),
    observation("o3", "p2", "MG", effectiveDateTime="2023-11-11T10:00:00Z", valueQuantity=quantity(1.5, "mg/dL")),
    observation("o4", "p3", "K", status="amended", effectiveDateTime="2023-11-01T10:00:00Z"),
    {"resourceType": "Observation", "id": "o5", "status": "final", "code": {"text": "Free words"}},
]


@pytest.fixture(scope="module")
def session() -> FhirSession:
    return serve([*PEOPLE, *RESULTS])


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("Patient?family=young", {"p1"}),
        ("Patient?family=angs", {"p2"}),
        ("Patient?family:exact=young", set()),
        ("Patient?family:contains=m", {"p2", "p3"}),
        ("Patient?given=Ann", {"p1", "p3"}),
        ("Patient?name=Ames,Young", {"p1", "p3"}),
        ("Patient?family=A&given=J", {"p3"}),
        ("Patient?family=", {"p1", "p2", "p3"}),
        ("Patient?family:missing=true", {"p4", "p5"}),
        ("Patient?family:foo=Young", {"p1"}),
    ],
)
def test_strings(session: FhirSession, target: str, found: set[str]) -> None:
    assert set(ids(session, target)) == found


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("Observation?code=K", ["o1", "o2", "o4"]),
        ("Observation?code=http://loinc.org|K", ["o1", "o2", "o4"]),
        ("Observation?code=http://loinc.org|", ["o1", "o2", "o3", "o4"]),
        ("Observation?code=|K", []),
        ("Observation?code=k", []),
        ("Observation?code:not=K", ["o3", "o5"]),
        ("Observation?code:text=test", ["o1", "o2", "o4", "o3"]),
        ("Observation?code:missing=true", ["o5"]),
        ("Observation?status=amended&code=K", ["o4"]),
        ("Observation?status=http://hl7.org/fhir/observation-status|amended", ["o4"]),
        ("Patient?gender=http://hl7.org/fhir/administrative-gender|female", ["p1"]),
        ("Patient?gender:below=male", ["p2", "p3"]),
        ("Patient?deceased=true", ["p5"]),
        ("Patient?deceased=false", ["p1", "p2", "p3", "p4"]),
        ("Patient?deceased:missing=true", []),
        ("Patient?gender=%20", ["p1", "p2", "p3", "p4", "p5"]),
    ],
)
def test_tokens(session: FhirSession, target: str, found: list[str]) -> None:
    assert ids(session, target) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("p1", ["o1", "o2"]),
        ("Patient/p1", ["o1", "o2"]),
        ("/Patient/p1", ["o1", "o2"]),
        ("Patient/p1/_history/1", ["o1", "o2"]),
        ("Group/p1", []),
        ("http://localhost:8080/fhir/Patient/p1", []),
        ("%20p1", []),
        ("nope,p1", ["o1", "o2"]),
    ],
)
def test_references(session: FhirSession, value: str, found: list[str]) -> None:
    assert ids(session.server.open(), f"Observation?patient={value}") == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("4.4", {"o1"}),
        ("4.40", {"o1"}),
        ("gt3.5", {"o1"}),
        ("ge3.5", {"o1", "o2"}),
        ("ap4", {"o1"}),
        ("lt4||mmol/L", {"o2"}),
        ("lt4|http://unitsofmeasure.org|mg/dL", {"o3"}),
    ],
)
def test_quantities(session: FhirSession, value: str, found: set[str]) -> None:
    assert set(ids(session, f"Observation?value-quantity={value}")) == found


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("Observation?patient.name=Young", ["o1", "o2"]),
        ("Observation?patient.gender=male&code=K", ["o4"]),
        ("Observation?patient:Patient.birthdate=lt1960", ["o3"]),
        # HAPI finds nothing by an id where the reference can lead to several types (a patient or a group) …
        ("Observation?patient._id=p1", []),
        ("Observation?subject:Patient._id=p1", ["o1", "o2"]),
        # … or where anything else is asked.
        ("Observation?subject:Patient._id=p1&code=K", []),
        ("Patient?_has:Observation:patient:code=K", ["p1", "p3"]),
        ("Patient?_has:Observation:patient:code=K&gender=male", ["p3"]),
        ("Observation?code-value-quantity=K$gt4", ["o1"]),
        ("Observation?code-value-quantity=K", []),
    ],
)
def test_through_references_and_composites(session: FhirSession, target: str, found: list[str]) -> None:
    assert ids(session, target) == found


@pytest.mark.parametrize(
    ("target", "found"),
    [
        # strings by their normalized text
        ("Patient?given=", ["p1", "p3", "p2"]),
        ("Patient?name=a", ["p3", "p2", "p1"]),
        # one code in load order, several by their hash
        ("Observation?code=K", ["o1", "o2", "o4"]),
        # dates by day, a search with an upper bound alone too
        ("Observation?date=ge2023", []),
        ("Observation?date=ge2023-11-01", ["o4", "o2", "o3", "o1"]),
        ("Observation?patient=p1&date=le2023-11-30", ["o2", "o1"]),
        # a code comes before a date
        ("Observation?code=K&date=ge2023-11-01", ["o1", "o2", "o4"]),
        # quantities by value
        ("Observation?value-quantity=gt0", ["o3", "o2", "o1"]),
        # a chain to a string from its far end
        ("Observation?patient.family=A", ["o4", "o3"]),
        # several patients in their own load order
        ("Observation?patient=p3,p1", ["o1", "o2", "o4"]),
    ],
)
def test_unsorted_results_come_in_the_order_of_the_index(session: FhirSession, target: str, found: list[str]) -> None:
    assert ids(session, target) == found


def test_several_codes_come_by_their_hash(session: FhirSession) -> None:
    first = sorted(("K", "MG"), key=lambda code: index_hash("Observation", "code", code))[0]

    expected = {"K": ["o1", "o2", "o4", "o3"], "MG": ["o3", "o1", "o2", "o4"]}[first]
    assert ids(session, "Observation?code=K,MG") == ids(session, "Observation?code=MG,K") == expected


def test_the_hash_is_hapis_own() -> None:
    """Values that HAPI 7.6 has in its HASH_VALUE column."""
    assert index_hash("Observation", "code", "K") == 3137698650789681717
    assert index_hash("Patient", "gender", "male") == -5305902187566578701


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("Observation?_sort=date", ["o4", "o2", "o3", "o1", "o5"]),
        ("Observation?_sort=-date", ["o1", "o3", "o2", "o4", "o5"]),
        ("Observation?_sort=-_id", ["o5", "o4", "o3", "o2", "o1"]),
        ("Observation?_sort=-patient,date", ["o4", "o3", "o2", "o1", "o5"]),
        ("Observation?_sort=status,-date", ["o4", "o1", "o3", "o2", "o5"]),
        ("Observation?_sort=-_lastUpdated", ["o5", "o4", "o3", "o2", "o1"]),
        ("Patient?_sort=family", ["p3", "p2", "p1", "p4", "p5"]),
    ],
)
def test_sorting(session: FhirSession, target: str, found: list[str]) -> None:
    assert ids(session, target) == found


def modes(session: FhirSession, target: str) -> list[tuple[str, str]]:
    return [(e["resource"]["id"], e["search"]["mode"]) for e in bundle(session, target)["entry"]]


def test_includes_follow_the_matches(session: FhirSession) -> None:
    found = modes(session, "Observation?code=K&_include=Observation:patient&_count=2")

    assert found == [("o1", "match"), ("o2", "match"), ("p1", "include")]


def test_reverse_includes_come_in_the_order_of_a_java_hash_set() -> None:
    """Database ids are load order; 1922 + id decides the bucket of sixteen."""
    session = serve([patient("p"), *(observation(f"o{n}", "p") for n in range(2, 13))])
    found = [i for i, mode in modes(session, "Patient?_revinclude=Observation:patient") if mode == "include"]

    assert found == sorted(found, key=lambda logical_id: (1922 + int(logical_id[1:])) % 16)


@pytest.mark.parametrize(
    ("target", "status", "start"),
    [
        ("Patient?foo=1", 400, 'HAPI-0524: Unknown search parameter "foo" for resource type "Patient". Valid'),
        ("Patient?_sort=foo", 400, 'HAPI-1194: Unknown _sort parameter value "foo"'),
        ("Patient?_count=x", 400, "HAPI-0375: Invalid _count value: x"),
        ("Patient?_include=foo", 400, 'HAPI-2018: Invalid _include parameter value: "foo"'),
        ("Patient?_include=Patient:foo", 400, 'HAPI-2015: Invalid _include parameter value: "Patient:foo". Unknown'),
        ("Patient?_has:Observation=x", 400, "HAPI-1942: Invalid _has parameter syntax: :Observation"),
        ("Patient?_has:Foo:patient:code=x", 400, "HAPI-1208: Invalid resource type: Foo"),
        ("Observation?patient=", 400, "HAPI-1101: Parameter value missing in request"),
        ("Observation?patient=Foo/1", 400, 'HAPI-1250: Invalid/unsupported resource type: "Foo"'),
        ("Observation?patient:foo=1", 400, 'HAPI-2498: Unsupported search modifier(s): "[:foo]"'),
        ("Observation?code.text=x", 400, 'HAPI-1935: Invalid search parameter "code.text"'),
        ("Observation?patient.foo=x", 400, "HAPI-1243: Invalid parameter chain: patient.foo"),
        ("Observation?date=2023,2022", 400, "HAPI-1930: DateRange parameter does not support OR queries"),
        ("Observation?date=ge2022&date=ge2023", 400, "HAPI-1923: Can not have multiple date range parameters"),
        ("Observation?value-quantity=sa4", 400, 'HAPI-1235: Unable to handle quantity prefix "sa"'),
        ("Observation?code:in=http://x", 404, "HAPI-2024: Unknown ValueSet: http%3A%2F%2Fx"),
        ("Observation?code:of-type=x", 405, "HAPI-2012: The :of-type modifier is not enabled"),
        ("Observation?code:below=x", 400, "HAPI-1240: Invalid token specified for parameter code"),
        ("Patient?_text=x", 400, "HAPI-1192: Fulltext search is not enabled"),
        ("Patient?_summary=true&_elements=name", 400, "HAPI-0304: Cannot combine"),
        ("Patient?_list=", 501, "This server answers _list"),
    ],
)
def test_refusals(session: FhirSession, target: str, status: int, start: str) -> None:
    found, diagnostics = refusal(session, target)

    assert found == status
    assert diagnostics.startswith(start)


@pytest.mark.parametrize(
    "target",
    [
        "Patient?" + "&".join(f"name=x{n}" for n in range(10_000)),
        "Patient?name=" + "x," * 100_000,
        "Observation?" + "patient." * 500 + "name=x",
        "Patient?_has:" + "Observation:patient:_has:" * 200 + "code=x",
        "Observation?_sort=" + "date," * 20_000,
    ],
)
def test_what_no_client_means_is_refused_at_once(session: FhirSession, target: str) -> None:
    assert refusal(session, target)[0] == 400


def test_post_searches_take_parameters_from_url_and_body(session: FhirSession) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    response = session.handle(Request("POST", "Observation/_search?patient=p1", form, "code=K&_count=1"))
    found = json.loads(response.body)

    assert found["link"][0]["url"].endswith("/Observation/_search")
    assert [entry["resource"]["id"] for entry in found["entry"]] == ["o1"]


def test_history_and_versions(session: FhirSession) -> None:
    history = bundle(session, "Patient/p1/_history")

    assert history["type"] == "history"
    assert history["entry"][0]["request"] == {"method": "POST", "url": "Patient/p1/_history/1"}
    assert get(session, "Patient/p1/_history/1").body == get(session, "Patient/p1").body
    assert refusal(session, "Patient/p1/_history/2") == (
        404,
        'HAPI-0979: Version "2" is not valid for resource Patient/p1',
    )


def test_everything_of_a_patient(session: FhirSession) -> None:
    assert ids(session, "Patient/p1/$everything") == ["p1", "o1", "o2"]


def test_xml(session: FhirSession) -> None:
    by_parameter = get(session, "Patient/p1?_format=xml")
    by_header = get(session, "Patient/p1", accept="application/fhir+xml")

    assert by_parameter.body == by_header.body
    assert by_parameter.headers["content-type"] == "application/fhir+xml;charset=UTF-8"
    assert by_parameter.body.splitlines()[:2] == ['<Patient xmlns="http://hl7.org/fhir">', '   <id value="p1"/>']
    assert '      <family value="Young"/>' in by_parameter.body.splitlines()
    assert get(session, "Patient/nope?_format=xml").body.startswith("<OperationOutcome")


def test_parts_of_resources_are_tagged(session: FhirSession) -> None:
    (entry,) = bundle(session, "Patient?_id=p1&_elements=gender")["entry"]

    assert list(entry["resource"]) == ["resourceType", "id", "meta", "gender"]
    assert entry["resource"]["meta"]["tag"][0]["code"] == "SUBSETTED"


def test_a_list_names_what_is_searched() -> None:
    entries = [{"item": {"reference": "Patient/b"}}, {"item": {"reference": "Observation/o"}}]
    listing = {"resourceType": "List", "id": "l", "status": "current", "mode": "working", "entry": entries}
    session = serve([patient("a"), patient("b"), observation("o", "a"), observation("p", "a"), listing])

    assert ids(session, "Patient?_list=l") == ["b"]
    assert ids(session, "Observation?_list=l&status=final") == ["o"]
    assert ids(session, "Patient?_list=$current-problems") == []


def test_a_composite_sorts_by_its_parts() -> None:
    session = serve(
        [
            observation("1", "a", "K", valueQuantity=quantity(5.0)),
            observation("2", "a", "A", valueQuantity=quantity(9.0)),
            observation("3", "a", "K", valueQuantity=quantity(4.0)),
        ]
    )

    assert ids(session, "Observation?_sort=code-value-quantity") == ["2", "3", "1"]
    assert ids(session, "Observation?_sort=-code-value-quantity") == ["1", "3", "2"]


@pytest.mark.parametrize(
    ("sort", "status", "start"),
    [
        ("subject.name", 400, "HAPI-2287: Unable to sort on a chained parameter from 'subject' as this parameter has"),
        ("code.name", 400, "HAPI-2285: Invalid chain, code is not a reference SearchParameter"),
        ("foo.name", 400, 'HAPI-1194: Unknown _sort parameter value "foo" for resource type "Observation"'),
        ("subject:Patient.name", 400, 'HAPI-1194: Unknown _sort parameter value "Patient" for resource type'),
        ("encounter.subject.name", 400, "HAPI-2286: Invalid _sort expression, can not chain more than once in a sort"),
        ("Patient:subject.foo", 400, 'HAPI-2289: Unknown _sort parameter value "foo" for resource type "Patient"'),
        ("Patient:subject.name", 501, "This server does not sort by chained parameters yet"),
    ],
)
def test_chained_sorts_that_are_refused(sort: str, status: int, start: str) -> None:
    session = serve([patient("a"), observation("o", "a")])

    found, words = refusal(session, f"Observation?_sort={sort}")

    assert (found, words[: len(start)]) == (status, start)


def test_nothing_is_below_a_code_whose_system_is_not_known() -> None:
    session = serve([patient("a"), observation("o", "a", "K")])

    assert ids(session, "Observation?code=http://loinc.org|K") == ["o"]
    assert ids(session, "Observation?code:below=http://loinc.org|K") == []
    assert ids(session, "Observation?code:above=http://loinc.org|K") == []
    assert refusal(session, "Observation?status:below=http://hl7.org/fhir/observation-status|final")[0] == 501


def test_codes_of_a_value_set() -> None:
    session = serve(
        [
            patient("a", gender="male"),
            patient("b"),
            observation("o", "a", status="final"),
            observation("p", "a", category=[{"coding": [{"system": "http://x", "code": "laboratory"}]}]),
        ]
    )
    genders = "http://hl7.org/fhir/ValueSet/administrative-gender"
    categories = "http://hl7.org/fhir/ValueSet/observation-category"

    assert ids(session, f"Patient?gender:in={genders}") == ["a"]
    assert ids(session, f"Patient?gender:not-in={genders}") == []
    assert ids(session, f"Observation?category:in={categories}") == []
    assert ids(session, f"Observation?category:not-in={categories}") == ["p"]
    assert refusal(session, "Patient?gender:in=http://x/ValueSet/1")[0] == 404
    assert refusal(session, "Observation?code:in=http://hl7.org/fhir/ValueSet/observation-codes")[0] == 501


@pytest.mark.parametrize(
    ("parameters", "kept"),
    [
        ("_elements=code.text,valueString", {"code": {"text": "Test K"}, "valueQuantity": quantity(4.4)}),
        ("_elements=Observation.status", {"status": "final"}),
        ("_elements=code.coding.foo", {"code": {"coding": [{}]}}),
        ("_elements=%20status", {}),
        ("_summary=text", {"status": "final", "code": RESULTS[0]["code"]}),
    ],
)
def test_parts_are_chosen_by_path_and_what_must_be_there_stays(
    session: FhirSession, parameters: str, kept: dict[str, object]
) -> None:
    (entry,) = bundle(session, f"Observation?_id=o1&{parameters}")["entry"]

    assert {k: v for k, v in entry["resource"].items() if k not in ("resourceType", "id", "meta")} == kept


def test_elements_of_another_type_leave_a_resource_whole(session: FhirSession) -> None:
    (entry,) = bundle(session, "Patient?_id=p1&_elements=Observation.code")["entry"]

    assert entry["resource"]["gender"] == "female"
    assert "tag" not in entry["resource"]["meta"]


def test_the_text_of_one_resource_is_its_narrative_alone(session: FhirSession) -> None:
    response = get(session, "Patient/p1?_summary=text")

    assert (response.body, response.headers["content-type"]) == ("null", "text/html;charset=UTF-8")
