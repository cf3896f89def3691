"""Numbers at the ends of what can be stored; the answers are those of a HAPI FHIR 7.6."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

import pytest

from mab_gym.fhir.http._server import FhirServer, FhirSession, Request
from mab_gym.fhir.model._json_text import DecimalNumber
from mab_gym.fhir.store._base import BaseTable, parse_element
from mab_gym.fhir.store._build import build_tables

JSON = {"content-type": "application/fhir+json"}
INFINITE = "Infinite or NaN"
NO_CREATE = "HAPI-0389: Failed to call access method: org.springframework.dao.InvalidDataAccessApiUsageException: "
TOO_LARGE = [
    "1E1000",
    "-1E1001",
    "1e5000",
    "1E99999",
    '"1E99999"',
    "1E400",
    "-1E400",
    "1.8E308",
    "1.7976931348623159E308",
    "1E999",
    "1" + "0" * 400,
    "9" * 1000,
    '"1E400"',
]
TAKEN = {
    "1E308": "1" + "0" * 308,
    "1.7976931348623157E308": "17976931348623157" + "0" * 292,
    "1e-400": "0." + "0" * 399 + "1",
    "1E-1000": "0." + "0" * 999 + "1",
    "-0": "0",
    "-0.0": "0.0",
    "0E400": "0",
    "0E999999999": "0",
    "12345678901234567890.123456789": "12345678901234567890.123456789",
}


def observation(value: str, **more: Any) -> str:
    rest = json.dumps({"resourceType": "Observation", "status": "final", "code": {"coding": [{"code": "K"}]}, **more})
    return f'{rest[:-1]}, "valueQuantity": {{"value": {value}}}}}'


def send(session: FhirSession, method: str, url: str, body: str) -> tuple[int, str]:
    """The status, and what the OperationOutcome says or the body."""
    answer = session.handle(Request(method, url, JSON, body))
    read = json.loads(answer.body)
    said = read["issue"][0]["diagnostics"] if read["resourceType"] == "OperationOutcome" else answer.body
    return answer.status, str(said)


def found(session: FhirSession, url: str) -> list[str]:
    answer = session.handle(Request("GET", url))
    assert answer.status == 200, answer.body
    return [entry["resource"]["id"] for entry in parse_element(answer.body).get("entry", ())]


@pytest.mark.parametrize("value", TOO_LARGE)
def test_what_no_double_holds_is_refused_and_the_rest_works(value: str) -> None:
    session = FhirServer({}).open()
    assert send(session, "PUT", "Observation/x", observation(value, id="x")) == (500, f"HAPI-2223: {INFINITE}")
    assert send(session, "POST", "Observation", observation(value)) == (500, NO_CREATE + INFINITE)
    parts = json.dumps({"resourceType": "Observation", "id": "y", "status": "final", "code": {"text": "x"}})
    in_component = f'{parts[:-1]}, "component": [{{"code": {{"text": "x"}}, "valueQuantity": {{"value": {value}}}}}]}}'
    assert send(session, "PUT", "Observation/y", in_component)[0] == 500
    assert found(session, "Observation") == []
    assert send(session, "PUT", "Observation/z", observation("5", id="z"))[0] == 201
    assert found(session, "Observation?value-quantity=gt1&_sort=value-quantity") == ["z"]


@pytest.mark.parametrize(("value", "text"), TAKEN.items())
def test_what_a_double_holds_keeps_its_digits(value: str, text: str) -> None:
    session = FhirServer({}).open()
    assert send(session, "PUT", "Observation/x", observation(value, id="x"))[0] == 201
    assert f'"value": {text}\n' in session.handle(Request("GET", "Observation/x")).body


@pytest.mark.parametrize(
    ("value", "length"),
    [
        ("1E-1001", "1001"),
        ("0." + "1" * 1001, "1001"),
        ("1." + "1" * 1000, "1001"),
        ("1." + "1" * 997 + "E100", "1001"),
        ("-" + "1" * 1001, "1001"),
        ("0E-1001", "1001"),
        ('"1E-1001"', "1001"),
    ],
)
def test_what_could_not_be_read_again_is_refused(value: str, length: str) -> None:
    """HAPI stores some of these and then fails over them in every search; here they are refused in its words."""
    status, said = send(FhirServer({}).open(), "PUT", "Observation/x", observation(value, id="x"))
    assert status == 400
    assert f"HAPI-1861: Failed to parse JSON encoded FHIR content: Number value length ({length})" in said


@pytest.mark.parametrize("value", ["0." + "1" * 1000, "1." + "1" * 999, "-1." + "1" * 999, "1." + "1" * 996 + "E100"])
def test_a_thousand_digits_are_taken(value: str) -> None:
    assert send(FhirServer({}).open(), "PUT", "Observation/x", observation(value, id="x"))[0] == 201


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", '"NaN"', '"Infinity"', "true", "1E2147483648"])
def test_what_is_no_number_is_refused(value: str) -> None:
    assert send(FhirServer({}).open(), "PUT", "Observation/x", observation(value, id="x"))[0] == 400


@pytest.mark.parametrize(("value", "length"), [("1E1000", 1001), ("-12E5000", 5002), ("1E99999", 100_000)])
def test_where_no_search_looks_a_number_must_be_readable_again(value: str, length: int) -> None:
    body = (
        f'{{"resourceType":"Basic","id":"x","code":{{"text":"x"}},"extension":[{{"url":"u","valueDecimal":{value}}}]}}'
    )
    session = FhirServer({}).open()
    for method, url in (("PUT", "Basic/x"), ("POST", "Basic")):
        status, said = send(session, method, url, body)
        assert status == 400
        assert f"Number value length ({length}) exceeds the maximum allowed (1000" in said
    assert found(session, "Basic") == []


def test_where_no_search_looks_a_number_may_be_larger() -> None:
    session = FhirServer({}).open()
    limits = {"resourceType": "Observation", "id": "x", "status": "final", "code": {"text": "x"}}
    body = f'{json.dumps(limits)[:-1]}, "referenceRange": [{{"low": {{"value": 1E400}}}}], "valueRange": '
    body += '{"low": {"value": 1E999}}, "extension": [{"url": "http://x", "valueDecimal": -1E400}]}'
    assert send(session, "PUT", "Observation/x", body)[0] == 201
    assert found(session, "Observation?value-quantity=gt1") == []
    assert found(session, "Observation?value-quantity:missing=true") == ["x"]
    assert session.handle(Request("GET", "Observation/x?_pretty=false")).status == 200


@pytest.mark.parametrize(
    ("kind", "method", "url", "said"),
    [
        ("transaction", "POST", "Observation", NO_CREATE + INFINITE),
        ("transaction", "PUT", "Observation/x", f"HAPI-2223: {INFINITE}"),
        ("transaction", "PUT", "Observation?identifier=a|b", f"HAPI-2223: {INFINITE}"),
        ("batch", "POST", "Observation", INFINITE),
        ("batch", "PUT", "Observation/x", f"HAPI-2223: {INFINITE}"),
        ("batch", "PUT", "Observation?identifier=a|b", f"HAPI-2223: {INFINITE}"),
    ],
)
def test_in_bundles_nothing_of_it_stays(kind: str, method: str, url: str, said: str) -> None:
    session = FhirServer({}).open()
    body = json.loads(observation('"1E400"', id="x", identifier=[{"system": "a", "value": "b"}]))
    good = {"resourceType": "Patient", "id": "p"}
    entries = [
        {"resource": good, "request": {"method": "PUT", "url": "Patient/p"}},
        {"resource": body, "request": {"method": method, "url": url}},
    ]
    bundle = json.dumps({"resourceType": "Bundle", "type": kind, "entry": entries})
    answer = session.handle(Request("POST", "", JSON, bundle))
    read = json.loads(answer.body)
    if kind == "transaction":
        assert answer.status == 500
        assert read["issue"][0]["diagnostics"] == said
        assert found(session, "Patient") == []
    else:
        response = read["entry"][1]["response"]
        assert response["status"] == "500 Internal Server Error"
        assert response["outcome"]["issue"][0]["diagnostics"] == said
        assert found(session, "Patient") == ["p"]
    assert found(session, "Observation") == []


def test_an_update_that_is_refused_leaves_what_was_there() -> None:
    session = FhirServer({}).open()
    assert send(session, "PUT", "Observation/x", observation("5", id="x"))[0] == 201
    assert send(session, "PUT", "Observation/x", observation("1E400", id="x"))[0] == 500
    assert found(session, "Observation?value-quantity=5") == ["x"]


def charge(value: str) -> str:
    resource = {"resourceType": "ChargeItem", "id": "c", "status": "billable", "code": {"text": "x"}}
    return json.dumps({**resource, "subject": {"display": "x"}, "factorOverride": value})


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("1E17", "100000000000000000.00 (20)"),
        ("-1E18", "-1000000000000000000.00 (21)"),
        ("123456789012345678.5", "123456789012345678.50 (20)"),
        ("1E400", "1" + "0" * 79 + "... (403)"),
        ("1" * 78, "1" * 78 + ".0... (80)"),
        ("1" * 77, "1" * 77 + ".00 (79)"),
    ],
)
def test_a_number_too_large_for_the_column_is_refused(value: str, shown: str) -> None:
    status, said = send(FhirServer({}).open(), "PUT", "ChargeItem/c", charge(value))
    assert status == 409
    start = 'HAPI-0550: could not execute batch [Value too long for column "SP_VALUE DECIMAL(19, 2)": '
    assert said.startswith(f'{start}"{shown}"; SQL statement:\ninsert into hfj_spidx_number (')


def test_numbers_are_compared_as_the_index_holds_them() -> None:
    session = FhirServer({}).open()
    for place, value in enumerate(("0.001", "0.004", "0.005", "0.5", "1E16", "99999999999999999", "1E-400")):
        body = charge(value).replace('"id": "c"', f'"id": "f{place}"')
        assert send(session, "PUT", f"ChargeItem/f{place}", body)[0] == 201
    expected = {
        "0": ["f0", "f1", "f6"], "0.001": [], "0.01": ["f2"], "1E400": [], "gt0.005": ["f2", "f3", "f4", "f5"],
        "1e-400": [], "le1e-400": ["f0", "f1", "f6"], "99999999999999999": ["f5"], "ge0.5": ["f3", "f4", "f5"],
    }  # fmt: skip
    for text, ids in expected.items():
        assert sorted(found(session, f"ChargeItem?factor-override={text}")) == ids, text


def test_both_ends_of_a_range_are_indexed_as_numbers() -> None:
    session = FhirServer({}).open()

    def put(own: str, prediction: dict[str, Any]) -> int:
        head = {"resourceType": "RiskAssessment", "id": own, "status": "final", "subject": {"display": "x"}}
        return send(session, "PUT", f"RiskAssessment/{own}", json.dumps({**head, "prediction": [prediction]}))[0]

    predictions: list[dict[str, Any]] = [
        {"probabilityRange": {"low": {"value": 0.2}, "high": {"value": 0.4}}},
        {"probabilityRange": {"high": {"value": 0.6}}},
        {"probabilityDecimal": 0.8},
        {"probabilityRange": {"low": {"unit": "x"}}},
    ]
    assert [put(f"z{place}", each) for place, each in enumerate(predictions)] == [201] * 4
    expected = {
        "=0.2": ["z0"], "=0.4": ["z0"], "=0.6": ["z1"], "=0.8": ["z2"], "=gt0.1": ["z0", "z1", "z2"], "=lt0.5": ["z0"],
        "=0.3": [], ":missing=true": ["z3"],
    }  # fmt: skip
    for text, ids in expected.items():
        assert found(session, f"RiskAssessment?probability{text}") == ids, text
    assert found(session, "RiskAssessment?_sort=probability") == ["z0", "z1", "z2", "z3"]
    assert put("z4", {"probabilityRange": {"high": {"value": "1E17"}}}) == 409


def test_an_exponent_that_java_has_no_room_for() -> None:
    status, said = send(FhirServer({}).open(), "PUT", "Observation/x", observation("1E2147483648", id="x"))
    assert status == 400
    assert "HAPI-1861: Failed to parse JSON encoded FHIR content: Malformed numeric value (1E2147483648)" in said
    assert said.count("HAPI-1861") == 1


SPREAD = {"a": "0", "b": "-0.0", "c": "1e-400", "d": "-1e-400", "e": "1e-320", "f": "1E308", "g": "-1E308", "h": "5"}
SEARCHES = {
    "gt5": "f", "1e400": "", "lt1e400": "abcdefgh", "0": "abcd", "lt0": "g", "le0": "abcdg", "1e-400": "",
    "1e-320": "e", "-1e-400": "", "gt-1e400": "abcdefgh", "ne1e400": "abcdefgh", "ge1e400": "", "gt1e-400": "efh",
    "ap1e-400": "", "ap0": "abcd", "ap1e400": "",
}  # fmt: skip


def test_searches_compare_with_the_number_itself() -> None:
    session = FhirServer({}).open()
    for name, value in SPREAD.items():
        assert send(session, "PUT", f"Observation/{name}", observation(value, id=name))[0] == 201
    for text, ids in SEARCHES.items():
        assert "".join(sorted(found(session, f"Observation?value-quantity={text}"))) == ids, text
    assert found(session, "Observation?_sort=value-quantity")[0] == "g"


def older(values: Sequence[str]) -> FhirSession:
    """A server with numbers that an earlier version took into its archives."""
    resources = [
        {
            "resourceType": "Observation",
            "id": f"o{place}",
            "status": "final",
            "code": {"text": "x"},
            "valueQuantity": {"value": DecimalNumber(value)},
        }
        for place, value in enumerate(values)
    ]
    return FhirServer({table.resource_type: table for table in build_tables(resources)}).open()


def test_an_older_archive_with_such_numbers_answers_every_search() -> None:
    session = older(["5", "1E400", "-1E4500", "1E-5000", "1E4999"])
    assert found(session, "Observation?value-quantity=gt1") == ["o0"]
    assert sorted(found(session, "Observation?_sort=value-quantity")) == ["o0", "o1", "o2", "o3", "o4"]
    assert len(found(session, "Observation?_elements=valueQuantity&_pretty=false")) == 5
    assert session.handle(Request("GET", "Observation/o2?_format=xml")).status == 200
    assert send(session, "PUT", "Observation/o1", observation("6", id="o1"))[0] == 200
    assert found(session, "Observation?value-quantity=gt1") == ["o0", "o1"]


def test_stored_numbers_come_back_to_the_digit() -> None:
    for text in ("1" + "0" * 4500, "0." + "0" * 5000 + "1", "120", "4.00", "-" + "9" * 310):
        assert str(parse_element(f'{{"value": {text}}}')["value"]) == text
    (table,) = build_tables([{"resourceType": "Basic", "id": "x", "code": {"text": "x"}}])
    assert BaseTable(table).resource(0)["code"] == {"text": "x"}


def test_the_largest_numbers_are_cheap() -> None:
    session, begun = FhirServer({}).open(), time.process_time()
    for _ in range(50):
        send(session, "PUT", "Observation/x", observation("9" * 1000, id="x"))
        send(session, "POST", "Observation", observation("1E999999999"))
        session.handle(Request("GET", "Observation?value-quantity=gt1E999"))
    assert time.process_time() - begun < 2
