import json
from typing import Any

import pytest

from mab_gym.fhir.http._bodies import read_resource
from mab_gym.fhir.http._checks import check_resource
from mab_gym.fhir.http._exchange import Request
from mab_gym.fhir.model._outcome import FhirError

JSON = {"content-type": "application/fhir+json"}
KNOWN = {("Patient", "p1"), ("Practitioner", "d1"), ("Encounter", "7")}


class Known:
    def exists(self, key: tuple[str, str]) -> bool:
        return key in KNOWN

    def was_deleted(self, key: tuple[str, str]) -> bool:
        return key == ("Patient", "gone")

    def numbered(self, number: int) -> tuple[str, str] | None:
        return next((key for key in KNOWN if key[1] == str(number)), None)

    def matching(self, resource_type: str, url: str) -> tuple[int, str]:
        return (1, "p1") if url.endswith("=1") else (2, "p1") if url.endswith("=2") else (0, "")


def prepare(body: object, headers: dict[str, str] | None = None) -> dict[str, Any]:
    text = body if isinstance(body, str) else json.dumps({"resourceType": "Observation", **dict(body)})  # type: ignore[call-overload]
    request = Request("POST", "Observation", JSON if headers is None else headers, text)
    return check_resource(read_resource(request, "Observation", "CREATE"), Known())


def refusal(body: object, headers: dict[str, str] | None = None) -> tuple[int, str]:
    with pytest.raises(FhirError) as caught:
        prepare(body, headers)
    return caught.value.status, caught.value.issues[0].diagnostics


@pytest.mark.parametrize(
    "content_type", ["application/fhir+json", "application/json; charset=UTF-8", "application/json+fhir", "text/json"]
)
def test_content_types_of_json(content_type: str) -> None:
    assert prepare({}, {"content-type": content_type}) == {"resourceType": "Observation"}


def test_other_content_types_are_refused() -> None:
    assert refusal({}, {}) == (
        400,
        'HAPI-0448: No Content-Type header was provided in the request. This is required for "CREATE" operation',
    )
    assert refusal({}, {"content-type": "text/plain; charset=utf-8"}) == (
        400,
        'HAPI-0449: Incorrect Content-Type header value of "text/plain; charset=utf-8" was provided in the request. '
        'A FHIR Content-Type is required for "CREATE" operation',
    )


def test_what_is_no_xml_is_refused_as_hapi_does() -> None:
    xml = {"content-type": "application/fhir+xml"}

    status, text = refusal("{}", xml)
    assert status == 400
    assert "HAPI-1852" in text
    assert text.endswith(
        "Unexpected character '{' (code 123) in prolog; expected '<'\n at [row,col {unknown-source}]: [1,1]"
    )


def test_versions_and_times_are_the_servers_business() -> None:
    meta = {"versionId": "7", "lastUpdated": "2020-01-01T00:00:00Z", "id": "m"}

    assert prepare({"meta": meta, "status": "final"}) == {
        "resourceType": "Observation",
        "meta": {"id": "m"},
        "status": "final",
    }


def test_meta_keeps_profiles_labels_and_tags_sorted_and_once() -> None:
    tags = [{"system": "z", "code": "1"}, {"code": "t", "id": "x"}, {"code": "t"}, {"display": "only"}]

    found = prepare({"meta": {"tag": tags, "profile": ["http://b", "http://a", "http://b"], "source": "http://s#1"}})

    assert found["meta"] == {
        "source": "http://s",
        "profile": ["http://a", "http://b"],
        "tag": [{"code": "t"}, {"system": "z", "code": "1"}],
    }
    assert list(found)[:2] == ["resourceType", "meta"]


@pytest.mark.parametrize(
    "reference",
    [
        {"reference": "Patient/p1", "display": "x"},
        {"identifier": {"value": "p1"}},
        {"reference": "#p"},
        {"display": "x"},
    ],
)
def test_good_references(reference: dict[str, Any]) -> None:
    assert prepare({"subject": reference})["subject"] == reference


@pytest.mark.parametrize("text", ["Patient/p1/_history/3", "/Patient/p1"])
def test_references_are_stored_in_their_short_form(text: str) -> None:
    assert prepare({"subject": {"reference": text}})["subject"] == {"reference": "Patient/p1"}


@pytest.mark.parametrize(
    ("reference", "status", "text"),
    [
        ("Patient/nope", 400, "HAPI-1094: Resource Patient/nope not found, specified in path: Observation.subject"),
        (
            "p1",
            400,
            "HAPI-0505: Invalid resource reference found at path[Observation.subject] - "
            "Does not contain resource type - p1",
        ),
        (
            "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0",
            400,
            "HAPI-0505: Invalid resource reference found at path[Observation.subject] - "
            "Does not contain resource type - urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0",
        ),
        (
            "http://x/Patient/p1",
            400,
            'HAPI-0507: Resource contains external reference to URL "http://x/Patient/p1" but this server is not '
            "configured to allow external references",
        ),
        (
            "Patient/",
            400,
            "HAPI-0508: Invalid resource reference found at path[Observation.subject] - "
            "Does not contain resource ID - Patient/",
        ),
        (
            "Practitioner/d1",
            422,
            "HAPI-0931: Invalid reference found at path 'Observation.subject'. "
            "Resource type 'Practitioner' is not valid for this path",
        ),
        ("Patient/7", 422, "HAPI-1095: Resource contains reference to unknown resource ID Patient/7"),
    ],
)
def test_bad_references(reference: str, status: int, text: str) -> None:
    assert refusal({"subject": {"reference": reference}}) == (status, text)


def test_an_unknown_type_where_any_type_is_allowed() -> None:
    status, text = refusal({"focus": [{"reference": "Nope/1"}]})

    assert status == 400
    assert text.startswith("HAPI-0506: Invalid resource reference found at path[Observation.focus] - Resource type is")


def test_the_wrong_type_is_found_before_the_missing_target() -> None:
    body = {"subject": {"reference": "Patient/nope"}, "encounter": {"reference": "Patient/p1"}}

    assert refusal(body)[1].startswith("HAPI-0931: Invalid reference found at path 'Observation.encounter'")


def test_references_that_no_search_parameter_reads_are_not_followed() -> None:
    note = [{"authorReference": {"reference": "Patient/nope"}, "text": "x"}]

    assert prepare({"note": note})["note"] == note


def test_a_search_as_a_reference_becomes_what_it_finds() -> None:
    assert prepare({"subject": {"reference": "Patient?identifier=1"}})["subject"] == {"reference": "Patient/p1"}
    assert refusal({"subject": {"reference": "Patient?identifier=2"}}) == (
        412,
        'HAPI-1092: Invalid match URL "Patient?identifier=2" - Multiple resources match this search',
    )
    assert refusal({"subject": {"reference": "Patient?identifier=3"}}) == (
        404,
        'HAPI-1091: Invalid match URL "Patient?identifier=3" - No resources match this search',
    )


def test_what_was_deleted_cannot_be_referred_to() -> None:
    assert refusal({"subject": {"reference": "Patient/gone"}})[1].startswith("HAPI-1096: Resource Patient/gone is dele")


def test_a_blank_around_a_date_that_is_indexed() -> None:
    assert refusal({"effectiveDateTime": " 2023-11-13"})[0] == 500
    assert prepare({"issued": " 2023-11-13"})["issued"] == " 2023-11-13"
