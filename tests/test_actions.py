"""Actions as agents write them, and the addresses that they may reach."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mab_gym.actions import Finish, Get, Invalid, Post, RefusedTargetError, parse_action, read_answer, render, resolve

BASE = "http://localhost:8080/fhir"


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("GET http://h/fhir/Patient?name=A B", Get("http://h/fhir/Patient?name=A B")),
        ("  GET   http://h/fhir/Patient \n", Get("http://h/fhir/Patient")),
        ('POST http://h/fhir/Observation\n{"a": 1}', Post("http://h/fhir/Observation", '{"a": 1}')),
        ("POST http://h/fhir/Observation", Post("http://h/fhir/Observation", "")),
        ("FINISH([1, 2])", Finish("[1, 2]")),
        ('FINISH(["a)b"])', Finish('["a)b"]')),
        ("FINISH()", Finish("")),
        ("```\nFINISH([1])\n```", Finish("[1]")),
        ("```tool_code\nGET http://h/fhir/Patient\n```", Get("http://h/fhir/Patient")),
        ("```FINISH([1])```", Finish("[1]")),
        ("```GET http://h/fhir/Patient\n```", Get("http://h/fhir/Patient")),
        ("```json\nPOST http://h/fhir/Task\n{}\n```", Post("http://h/fhir/Task", "{}")),
        ("GET\thttp://h/fhir/Patient", Get("http://h/fhir/Patient")),
        ("POST\thttp://h/fhir/Task\n{}", Post("http://h/fhir/Task", "{}")),
        ("POST http://h/fhir/Task\n{}\n{}", Post("http://h/fhir/Task", "{}\n{}")),
        ("FINISH([1]) and so on (see above)", Finish("[1]) and so on (see above")),
    ],
)
def test_the_three_actions(text: str, action: object) -> None:
    assert parse_action(text) == action


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "begins with GET, POST or FINISH("),
        ("hello", "begins with GET, POST or FINISH("),
        ("get http://h", "begins with GET, POST or FINISH("),
        ("GETTING", "begins with GET, POST or FINISH("),
        ("POSTURE http://h\n{}", "begins with GET, POST or FINISH("),
        ("DELE http://h\n{}", "begins with GET, POST or FINISH("),
        ("PUTS http://h\n{}", "begins with GET, POST or FINISH("),
        ("DELETE http://h", "begins with GET, POST or FINISH("),
        ("FINISH", "begins with GET, POST or FINISH("),
        ("```\nGET http://h/fhir/Patient", "begins with GET, POST or FINISH("),
        ("GET http://h/fhir/Patient\n```", "one line"),
        ("GET a\nGET b", "one line"),
        ("FINISH([1]", "not closed"),
        (None, "NoneType"),
        (b"FINISH([1])", "bytes"),
        (["FINISH([1])"], "list"),
    ],
)
def test_anything_else_is_invalid_and_says_why(text: object, reason: str) -> None:
    action = parse_action(text)
    assert isinstance(action, Invalid)
    assert reason in action.reason


@pytest.mark.parametrize("action", [Get("http://h/x"), Post("http://h/x", '{"b": "ü"}'), Finish("[1]")])
def test_render_is_read_back(action: Get | Post | Finish) -> None:
    assert parse_action(render(action)) == action


def test_what_is_no_action_is_rendered_as_its_reason() -> None:
    assert render(Invalid("it begins with neither")) == "it begins with neither"


@given(st.text(st.characters(codec=None)))
def test_no_text_raises(text: str) -> None:
    parse_action(text)
    parse_action("GET " + text)
    parse_action("POST " + text)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        (BASE, ""),
        (BASE + "/", ""),
        (BASE + "/Patient/S1", "Patient/S1"),
        (BASE + "?_getpages=x", "?_getpages=x"),
        (BASE + "/Patient?name=a/../b", "Patient?name=a/../b"),
        (BASE + "/Patient?name=a/../?b", "Patient?name=a/../?b"),
        (BASE + "/Patient#/../b", "Patient"),
        (BASE + "/Patient#b/..#c", "Patient"),
        (BASE + "#top", ""),
        (BASE + "/Patient/S1%20a", "Patient/S1%20a"),
        (BASE + '/Patient/%5Bid%5D?name="x"|a b<c', "Patient/%5Bid%5D?name=%22x%22%7Ca%20b%3Cc"),
        (BASE + "/Patient?name=é%20b", "Patient?name=%C3%A9%20b"),
        (BASE + "/Patient?name=100%%20b", "Patient?name=100%25%2520b"),
        (BASE + "/Patient/1.2.3", "Patient/1.2.3"),
        (BASE + "/Patient/...", "Patient/..."),
        (BASE + "/Patient/%2E%2E%2E", "Patient/%2E%2E%2E"),
        (BASE + "/Patient?date=%3C2023-11-13", "Patient?date=%3C2023-11-13"),
        (BASE + "/Patient?" + "x" * (65_536 - len(BASE) - 9), "Patient?" + "x" * (65_536 - len(BASE) - 9)),
    ],
)
def test_targets_below_the_base(url: str, target: str) -> None:
    assert resolve(url, BASE) == target


@pytest.mark.parametrize(
    "url",
    [
        "",
        "Patient/S1",
        "/Patient/S1",
        "http://localhost:8080/fhirs/Patient",
        "http://localhost:8080/other",
        "http://localhost:8081/fhir/Patient",
        "http://localhost:80800/fhir/Patient",
        "http://localhost:8080@evil.example/fhir/Patient",
        "http://user:secret@localhost:8080/fhir/Patient",
        "http://localhost:8080/fhir@evil.example/",
        "http://evil.example/http://localhost:8080/fhir/Patient",
        "https://localhost:8080/fhir/Patient",
        "file:///etc/passwd",
        "ftp://localhost:8080/fhir/Patient",
        BASE + "/../admin",
        BASE + "/Patient/../../admin",
        BASE + "/%2e%2e/admin",
        BASE + "/%252e%252e/admin",
        BASE + "/..%2fadmin",
        BASE + "/..\\admin",
        BASE + "/./admin",
        BASE + "/%2e/admin",
        BASE + "/%25252e/admin",
        BASE + "/%25252e%25252e/admin",
        BASE + "/a%5c..%5cadmin",
        BASE + "X/Patient",
        BASE + "/Observation?patient=[MRN]",
        BASE + "/Patient/{patient_id}",
        BASE + "?code[]=K",
        BASE + "/Patient/S1\x00",
        BASE + "/Patient/\ud800",
        BASE + "/Patient?name=\r\nHost: evil",
        BASE + "/Patient?name=" + "x" * 1_000_000,
        BASE + "/Patient?" + "x" * (65_537 - len(BASE) - 9),
    ],
)
def test_no_other_address_is_reached(url: str) -> None:
    with pytest.raises(RefusedTargetError) as refusal:
        resolve(url, BASE)
    assert len(str(refusal.value)) > 20


@pytest.mark.parametrize("url", ["", "Patient/S1", BASE + "/../admin"])
def test_a_refusal_shows_what_would_be_right(url: str) -> None:
    with pytest.raises(RefusedTargetError, match=r"as in http://localhost:8080/fhir/Patient\?family=Smith"):
        resolve(url, BASE)


@pytest.mark.parametrize("text", ["", "1", "{}", "[", "[NaN]", "[Infinity]", "[1] x", "['a']", "[" * 100_000])
def test_answers_that_are_no_list(text: str) -> None:
    with pytest.raises(ValueError, match="answer"):
        read_answer(text)


def test_an_answer_has_a_megabyte_at_most() -> None:
    longest = '["' + "x" * (1_048_576 - 4) + '"]'
    assert read_answer(longest) == ["x" * (1_048_576 - 4)]
    with pytest.raises(ValueError, match="longer than a megabyte"):
        read_answer(longest + " ")


def test_an_answer_is_a_json_list() -> None:
    assert read_answer(' [1, 2.5, "x", null, true] ') == [1, 2.5, "x", None, True]
