"""The official loop, word for word."""

from __future__ import annotations

import pytest

from mab_gym.errors import UsageError
from mab_gym.official._conversation import Conversation, Status, opening

from .conftest import BASE, make_task

GO_ON = "Please call FINISH if you have got answers for all the questions and finished all the requested tasks"


def test_the_opening_holds_what_the_protocol_names() -> None:
    task = make_task(7)
    text = opening(task, [{"name": "GET {api_base}/Patient"}])
    for part in (
        f"{BASE}/ ",
        '[{"name": "GET {api_base}/Patient"}]',
        f"Context: {task.context}",
        "Question: What?",
        "GET url",
        "POST url",
        "FINISH([",
    ):
        assert part in text


def test_a_get_brings_the_body_as_it_came(conversation: Conversation) -> None:
    reply = conversation.step(f"GET {BASE}/Patient?identifier=S0000001")
    assert reply is not None
    assert reply.startswith("Here is the response from the GET request:\n{")
    assert reply.endswith(f"}}. {GO_ON}")
    assert '"birthDate": "1960-11-13"' in reply
    assert "_format=json" in reply  # in the link to the search itself
    assert conversation.status is None


@pytest.mark.parametrize(
    ("turn", "error"),
    [
        (f"GET {BASE}/Patient/none?", f"404 Client Error:  for url: {BASE}/Patient/none?&_format=json"),
        (f"GET {BASE}/Patient/S0000001", f"404 Client Error:  for url: {BASE}/Patient/S0000001&_format=json"),
        (
            f"GET {BASE}/x/../None?a=b c|é\nd",
            f"404 Client Error:  for url: {BASE}/None?a=b%20c%7C%C3%A9%0Ad&_format=json",
        ),
        (
            "GET http://LOCALHOST:8080/else",
            "404 Client Error:  for url: http://localhost:8080/else&_format=json",
        ),
        (
            "GET Patient",
            "Invalid URL 'Patient&_format=json': No scheme supplied. Perhaps you meant https://Patient&_format=json?",
        ),
        ("GET ftp://host/", "No connection adapters were found for 'ftp://host/&_format=json'"),
        (
            f"GET {BASE}/Observation?date=nonsense",
            f"400 Client Error:  for url: {BASE}/Observation?date=nonsense&_format=json",
        ),
    ],
)
def test_an_error_is_the_http_clients_own(conversation: Conversation, turn: str, error: str) -> None:
    assert conversation.step(turn) == f"Error in sending the GET request: {error}"


def test_nothing_but_the_base_is_reached(conversation: Conversation) -> None:
    reply = conversation.step("GET http://example.org/fhir/Patient?x=1") or ""
    assert reply.startswith(
        "Error in sending the GET request: HTTPConnectionPool(host='example.org', port=80): "
        "Max retries exceeded with url: /fhir/Patient?x=1&_format=json"
    )


def test_a_post_is_acknowledged_and_never_sent(conversation: Conversation) -> None:
    turn = f'POST {BASE}/Patient\n{{"resourceType": "Patient",\n "id": "new"}}'
    assert conversation.step(turn) == f"POST request accepted and executed successfully. {GO_ON}"
    assert "404 Client Error" in (conversation.step(f"GET {BASE}/Patient/new?") or "")


@pytest.mark.parametrize("turn", ["POST", f"POST {BASE}/Patient", f"POST {BASE}/Patient\nnot json", "POST x {}"])
def test_a_post_without_json_goes_on(conversation: Conversation, turn: str) -> None:
    assert conversation.step(turn) == "Invalid POST request"
    assert conversation.status is None


@pytest.mark.parametrize(
    ("turn", "result"),
    [
        ("FINISH([1])", "[1]"),
        ("FINISH([1]", "[1"),
        ("FINISH(", ""),
        ("FINISH([1]) done", "[1]) don"),
        ("  ```tool_code\nFINISH( [1] )\n```  ", " [1] "),
        ("FINISH([1])\nFINISH([])", "[1])\nFINISH([]"),
        ("FINISH([```1])", "[1]"),
    ],
)
def test_finish_takes_all_but_the_last_character(conversation: Conversation, turn: str, result: str) -> None:
    assert conversation.step(turn) is None
    assert conversation.status == "completed"
    assert conversation.result == result
    assert conversation.turns == [turn]


@pytest.mark.parametrize("turn", ["", "hello", "get x", "finish([])", "FINISH ([])", "<think>x</think>\nGET x"])
def test_anything_else_ends_the_episode(conversation: Conversation, turn: str) -> None:
    assert conversation.step(turn) is None
    assert conversation.status == "agent invalid action"
    assert conversation.result is None
    with pytest.raises(UsageError, match="over"):
        conversation.step("GET x")


def test_there_are_eight_turns(conversation: Conversation) -> None:
    for _ in range(7):
        assert conversation.step("GET x") is not None
    assert conversation.step("GET x") is None
    assert conversation.status == "task limit reached"
    assert [message.role for message in conversation.messages] == ["user", *["agent", "user"] * 8]


def test_a_driver_can_end_an_episode(conversation: Conversation) -> None:
    conversation.stop(Status.AGENT_CONTEXT_LIMIT)
    assert conversation.status == "agent context limit"


def test_no_text_makes_it_raise(conversation: Conversation) -> None:
    for turn in ("GET \ud800", "GET http://[::1", "POST \n" + "[" * 100_000, "GET http://é.example\ud800/"):
        assert conversation.step(turn) is not None


def test_urls_are_normalised_as_requests_does() -> None:
    requests = pytest.importorskip("requests", reason="requests is not installed; it is no dependency")
    from mab_gym.official._client import normalised

    for below in (
        "",
        "?a=%7e%2f%zz",
        "/a b?c=[d]|e#f g",
        '/a/./b/../c?d="é"&e=\'',
        "/%41%2fb?x=50%",
        "//a;b?c?d",
        "/ü\n",
    ):
        prepared = requests.Request("GET", BASE + below).prepare()
        address = normalised(BASE + below)
        assert (address.url, address.target) == (prepared.url, prepared.path_url)
