import json
from typing import Any

import pytest

from mab_gym.fhir.model._outcome import FhirError
from mab_gym.fhir.model._parse import parse_resource

EXTENSION = {"url": "http://example.org/x", "valueString": "v"}


def parsed(**members: Any) -> dict[str, Any]:
    found = parse_resource(json.dumps({"resourceType": "Observation", **members}), "Observation")
    assert found.pop("resourceType") == "Observation"
    return found


def refusal(body: object, expected_type: str = "Observation") -> tuple[int, str]:
    with pytest.raises(FhirError) as caught:
        parse_resource(body if isinstance(body, str) else json.dumps(body), expected_type)
    prefix = "HAPI-0450: Failed to parse request body as JSON resource. Error was: "
    return caught.value.status, caught.value.issues[0].diagnostics.removeprefix(prefix)


def test_elements_come_out_in_the_order_of_the_specification() -> None:
    body = '{"subject": {"display": "d", "reference": "Patient/1"}, "status": "final", "resourceType": "Observation"}'

    found = parse_resource(body, "Observation")

    assert list(found) == ["resourceType", "status", "subject"]
    assert list(found["subject"]) == ["reference", "display"]


@pytest.mark.parametrize("stated", [None, "", " ", 5, ["Observation"]])
def test_a_resource_must_say_its_type(stated: object) -> None:
    assert refusal({"resourceType": stated}) == (
        400,
        "HAPI-1838: Invalid JSON content detected, missing required element: 'resourceType'",
    )


def test_a_resource_must_be_of_the_expected_type() -> None:
    assert refusal({"resourceType": "Patient"}) == (
        400,
        'HAPI-1814: Incorrect resource type found, expected "Observation" but found "Patient"',
    )


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"foo": "bar", "valueFoo": 1, "_foo": {}}, {}),
        ({"status": None}, {}),
        ({"status": ""}, {}),
        ({"status": "  "}, {}),
        ({"status": ["final", "nonsense"]}, {"status": "final"}),
        ({"status": [None, "final"]}, {}),
        ({"subject": "Patient/1"}, {}),
        ({"subject": {}}, {}),
        ({"subject": [{"display": "a"}, {"display": "b"}]}, {"subject": {"display": "a"}}),
        ({"note": {"text": "x"}}, {"note": [{"text": "x"}]}),
        ({"note": ["x", None, {"text": ""}, {"text": "y"}]}, {"note": [{"text": "y"}]}),
        ({"category": [[{"text": "a"}], {"text": "b"}]}, {"category": [{"text": "a"}, {"text": "b"}]}),
        (
            {"code": {"coding": {"code": 5, "userSelected": "true"}}},
            {"code": {"coding": [{"code": "5", "userSelected": True}]}},
        ),
        ({"valueString": 1.5}, {"valueString": "1.5"}),
        ({"valueString": True}, {"valueString": "true"}),
        ({"valueInteger": "+5"}, {"valueInteger": 5}),
    ],
)
def test_shape_is_taken_leniently(sent: dict[str, Any], kept: dict[str, Any]) -> None:
    assert parsed(**sent) == kept


def test_of_a_choice_the_first_counts_and_the_rest_is_not_even_checked() -> None:
    assert parsed(valueString="a", valueDateTime="nonsense") == {"valueString": "a"}
    assert parsed(valueString=None, valueInteger=1) == {}
    assert parsed(valueString=[], valueInteger=1) == {"valueInteger": 1}


def test_decimals_keep_their_digits() -> None:
    component = '[{"valueQuantity": {"value": "2"}}]'
    body = f'{{"resourceType": "Observation", "valueQuantity": {{"value": 4.00}}, "component": {component}}}'

    found = parse_resource(body, "Observation")

    assert repr(found["valueQuantity"]["value"]) == "4.00"
    assert repr(found["component"][0]["valueQuantity"]["value"]) == "2"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("status", "foo", "Unknown ObservationStatus code 'foo'"),
        ("status", 1, "Unknown ObservationStatus code '1'"),
        ("status", "Final", "Unknown ObservationStatus code 'Final'"),
        ("valueInteger", "4.0", 'java.lang.NumberFormatException: For input string: "4.0"'),
        ("valueBoolean", "yes", "Invalid boolean string: 'yes'"),
        ("effectiveDateTime", "yesterday", 'Invalid date/time format: "yesterday"'),
    ],
)
def test_values_are_taken_strictly(name: str, value: object, reason: str) -> None:
    assert refusal({"resourceType": "Observation", name: value}) == (
        400,
        f'HAPI-1821: [element="{name}"] Invalid attribute value "{value}": {reason}',
    )


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("abc", 'Character a is neither a decimal digit number, decimal point, nor "e" notation exponential mark.'),
        ("2023-1", 'Character - is neither a decimal digit number, decimal point, nor "e" notation exponential mark.'),
        ("1.2.3x", "Character array contains more than one decimal point."),
        ("1e", "null"),
        ("1ex", "Not a digit."),
        ("1e99999999999", "Too many nonzero exponent digits."),
        ("1e2147483648", "Exponent overflow."),
        ("1e-2147483648", "Scale out of range."),
        ("-.e1", "No digits found."),
    ],
)
def test_a_bad_decimal(value: str, reason: str) -> None:
    assert refusal({"resourceType": "Observation", "valueQuantity": {"value": value}}) == (
        400,
        f'HAPI-1821: [element="value"] Invalid attribute value "{value}": {reason}',
    )


@pytest.mark.parametrize(
    "text",
    [
        "2023",
        "2023-11",
        "2024-02-29",
        "2023-11-13T10:15Z",
        "2023-11-13T10:15:00",
        "2023-11-13T23:59:60Z",
        "2023-11-13T10:15:00.123456789+05:30",
    ],
)
def test_dates_keep_their_form(text: str) -> None:
    assert parsed(effectiveDateTime=text) == {"effectiveDateTime": text}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("202", ""),
        ("2023-13", ""),
        ("2023-02-29", ""),
        ("11/13/2023", ""),
        ("2023-11-13T10:15", ""),
        ("2023-11-13T24:00:00Z", ""),
        ("2023-11-13 10:15:00", ": Expected character 'T' at index 10 but found  "),
        ("2023/11/13", ": Expected character '-' at index 4 but found /"),
        ("2023-11-13T10:15:00+0000", ': Timezone offset must be in the form "Z", "-HH:mm", or "+HH:mm"'),
    ],
)
def test_bad_dates(text: str, reason: str) -> None:
    status, message = refusal({"resourceType": "Observation", "effectiveDateTime": text})

    assert status == 400
    assert message.endswith(f'Invalid date/time format: "{text}"{reason}')


def test_extensions_of_primitives() -> None:
    assert parsed(status="final", _status={"id": "i", "extension": [EXTENSION]}) == {
        "status": "final",
        "_status": {"id": "i", "extension": [EXTENSION]},
    }
    assert parsed(_status={"extension": [EXTENSION]}) == {"_status": {"extension": [EXTENSION]}}
    assert parsed(status="final", _status={"id": "i"}) == {"status": "final"}


def test_extensions_of_repeating_primitives() -> None:
    name = {"given": ["a", None], "_given": [None, {"extension": [EXTENSION]}]}

    found = parse_resource(json.dumps({"resourceType": "Patient", "name": [name]}), "Patient")

    assert found["name"] == [name]


def test_extensions() -> None:
    assert parsed(extension=[EXTENSION, {"url": "empty"}]) == {"extension": [EXTENSION]}
    assert parsed(code={"id": "c", "extension": [{"valueInteger": "5", "url": "u"}], "text": "t"}) == {
        "code": {"id": "c", "extension": [{"url": "u", "valueInteger": 5}], "text": "t"}
    }
    nested = {"url": "u", "extension": [EXTENSION]}
    assert parsed(extension=[nested]) == {"extension": [nested]}


def test_bad_extensions() -> None:
    both = {"url": "u", "extension": [EXTENSION], "valueString": "v"}
    assert refusal({"resourceType": "Observation", "extension": [both]}) == (
        400,
        "HAPI-1811: Extension (URL='u') must not have both a value and other contained extensions",
    )
    assert refusal({"resourceType": "Observation", "extension": EXTENSION}) == (
        400,
        "HAPI-1841: Syntax error parsing JSON FHIR structure: Expected ARRAY at element 'extension', found 'OBJECT'",
    )
    assert refusal({"resourceType": "Observation", "extension": None})[0] == 500


def test_contained_resources() -> None:
    contained = [{"resourceType": "Patient", "id": "p", "active": True}]

    assert parsed(contained=contained, subject={"reference": "#p"}) == {
        "contained": contained,
        "subject": {"reference": "#p"},
    }
    assert parsed(contained=contained[0]) == {"contained": contained}
    assert "HAPI-1684" in refusal({"resourceType": "Observation", "contained": [{"resourceType": "Nope"}]})[1]
    assert "HAPI-1843" in refusal({"resourceType": "Observation", "contained": [{}]})[1]


def test_contained_resources_without_an_id_get_one_that_depends_on_nothing_else() -> None:
    contained = [{"resourceType": "Patient", "active": True}]

    assert parsed(contained=contained)["contained"][0]["id"]
    assert parsed(contained=contained) == parsed(contained=contained)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("<div>a &amp; b</div>", "a &amp; b"),
        ("plain", "plain"),
        ("<div><p>x</p><br></br></div>", "<p>x</p><br/>"),
    ],
)
def test_narratives_get_their_namespace(sent: str, kept: str) -> None:
    found = parsed(text={"status": "generated", "div": sent})

    assert found["text"]["div"] == f'<div xmlns="http://www.w3.org/1999/xhtml">{kept}</div>'


def test_bad_narratives() -> None:
    status, text = refusal({"resourceType": "Observation", "text": {"div": "<div><b>x</div>"}})

    assert status == 400
    assert text.startswith("HAPI-1755: ")


def test_an_id_is_reduced_to_its_last_part() -> None:
    assert parsed(id="Observation/5/_history/2") == {"id": "5"}
    assert parsed(id=5) == {"id": "5"}


def test_deep_nesting_is_refused_clearly() -> None:
    deep: dict[str, Any] = {"url": "u", "valueString": "v"}
    for _ in range(300):
        deep = {"url": "u", "extension": [deep]}

    assert refusal({"resourceType": "Observation", "extension": [deep]})[0] == 501
    assert refusal('{"resourceType": "Observation", "a": ' + "[" * 100_000)[0] == 400
    assert refusal('{"resourceType": "Observation", "category": ' + "[" * 999 + "]" * 999 + "}")[0] == 501
