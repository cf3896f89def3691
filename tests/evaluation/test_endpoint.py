"""One question to an endpoint: what passes is tried again, what cannot pass is told apart, and the key stays secret."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from mab_gym.agents._endpoint import ChatEndpoint
from mab_gym.agents._thoughts import said_in
from mab_gym.errors import AgentError, AgentLostError, ContextLimitError, UsageError
from tests.evaluation.scripted import (
    CUT,
    EMPTY_CHOICES,
    HANG,
    KEY,
    MALFORMED,
    TOO_LONG,
    Fault,
    Messages,
    dead_url,
    endpoint,
    refuses,
)  # fmt: skip

QUESTION = [{"role": "user", "content": "how are you?"}]


def speaks(messages: Messages) -> Mapping[str, Any]:
    return {"role": "assistant", "content": " fine\n"}


def asking(base_url: str, **settings: Any) -> ChatEndpoint:
    return ChatEndpoint(base_url, "m", **{"key": KEY, "pause": 0.001, "timeout": 0.5, "attempts": 3, **settings})


@pytest.mark.parametrize(
    "fault", [refuses(429), refuses(500), refuses(503), refuses(408), HANG, CUT, MALFORMED, EMPTY_CHOICES,
              Fault("body", body='{"error": {"message": "overloaded", "code": 502}}'), Fault("body", body="[]")]
)  # fmt: skip
def test_what_passes_is_tried_again_and_every_try_is_told(fault: Fault) -> None:
    calls: list[dict[str, Any]] = []
    with endpoint(speaks, lambda number, _: fault if number < 2 else None) as there:
        answer = asking(there.base_url).ask_now(QUESTION, calls)
    assert said_in(answer.message) == " fine\n"
    assert (answer.tokens_in, answer.tokens_out) == (100, 10)
    assert len(calls) == 3
    assert all(call["error"] for call in calls[:2])
    assert (calls[2]["status"], calls[2]["message"]["content"], calls[2]["finish_reason"]) == (200, " fine\n", "stop")
    expected = 0 if fault in (HANG, CUT) else fault.status
    assert {call["status"] for call in calls[:2]} == {expected}


@pytest.mark.parametrize("fault", [refuses(429), refuses(500), HANG, CUT, MALFORMED, EMPTY_CHOICES])
def test_what_does_not_pass_is_the_endpoints_failure_and_not_the_end(fault: Fault) -> None:
    with endpoint(speaks, lambda number, _: fault) as there, pytest.raises(AgentError) as caught:
        asking(there.base_url, attempts=2, timeout=0.2).ask_now(QUESTION, [])
    assert not isinstance(caught.value, AgentLostError)
    assert "\n" not in str(caught.value)
    assert len(there.requests) == 2


@pytest.mark.parametrize("form", ["seconds", "moment"])
def test_a_pause_that_the_endpoint_asks_for_is_kept(form: str) -> None:
    def fails(number: int, messages: Messages) -> Fault | None:
        moment = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
        return refuses(429, Retry_After="1" if form == "seconds" else moment) if number == 0 else None

    with endpoint(speaks, fails) as there:
        asking(there.base_url).ask_now(QUESTION, [])
    assert there.times[1] - there.times[0] >= 0.95


def test_an_endpoint_that_wants_to_be_left_alone_for_hours_is_not_waited_for() -> None:
    with (
        endpoint(speaks, lambda number, _: refuses(429, Retry_After="7200")) as there,
        pytest.raises(AgentError, match="7,200 s"),
    ):
        asking(there.base_url).ask_now(QUESTION, [])
    assert len(there.requests) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, TOO_LONG),
        (400, {"object": "error", "message": "This model's maximum context length is 4096 tokens."}),
        (400, {"error": {"message": "prompt is too long: 210000 tokens > 200000 maximum"}}),
        (400, {"error": {"message": "The input token count (1200000) exceeds the maximum number of tokens allowed"}}),
        (400, {"error": {"message": "the request exceeds the available context size, try increasing it"}}),
        (413, {"error": {"message": "Please reduce the length of the messages or completion."}}),
        (422, {"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096."}),
    ],
)
def test_a_chat_that_is_too_long_is_told_apart(status: int, body: Mapping[str, Any]) -> None:
    with endpoint(speaks, lambda number, _: refuses(status, body)) as there, pytest.raises(ContextLimitError):
        asking(there.base_url).ask_now(QUESTION, [])
    assert len(there.requests) == 1


def test_another_refusal_is_not_taken_for_a_chat_that_is_too_long() -> None:
    wrong = {"error": {"message": "max_tokens is too large: 9000. This model supports at most 4096 completion tokens."}}
    with (
        endpoint(speaks, lambda number, _: refuses(400, wrong)) as there,
        pytest.raises(AgentError, match="9000"),
    ):
        asking(there.base_url).ask_now(QUESTION, [])
    assert len(there.requests) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, ""),
        (403, ""),
        (404, "no such model"),
        (402, ""),
        (429, {"error": {"code": "insufficient_quota"}}),
        (302, ""),
    ],
)
def test_what_no_further_try_can_mend_ends_the_run(status: int, body: Any) -> None:
    with (
        endpoint(speaks, lambda number, _: refuses(status, body)) as there,
        pytest.raises(AgentLostError, match=str(status)),
    ):
        asking(there.base_url).ask_now(QUESTION, [])
    assert len(there.requests) == 1


def test_nobody_there_ends_the_run_after_all_tries() -> None:
    calls: list[dict[str, Any]] = []
    with pytest.raises(AgentLostError, match="cannot be reached"):
        asking(dead_url()).ask_now(QUESTION, calls)
    assert [call["status"] for call in calls] == [0, 0, 0]


def test_the_key_is_in_no_text_that_is_made_of_it() -> None:
    wrong = "sk-wrong-9876543210"
    calls: list[dict[str, Any]] = []
    with endpoint(speaks) as there:
        asked = asking(there.base_url, key=wrong)
        with pytest.raises(AgentLostError) as caught:
            asked.ask_now(QUESTION, calls)
    assert "[key]" in str(caught.value)
    for text in (str(caught.value), repr(calls), repr(asked)):
        assert wrong not in text


def test_pauses_end_when_nobody_waits_for_the_answer() -> None:
    halt = threading.Event()
    with endpoint(speaks, lambda number, _: refuses(429, Retry_After="60")) as there:
        threading.Timer(0.2, halt.set).start()
        begun = time.monotonic()
        with pytest.raises(AgentError):
            asking(there.base_url, halt=halt).ask_now(QUESTION, [])
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    ("content", "text"), [(None, ""), ("", ""), ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "ab")]
)
def test_text_in_whatever_shape_it_comes(content: Any, text: str) -> None:
    with endpoint(lambda messages: {"role": "assistant", "content": content}, usage=False) as there:
        answer = asking(there.base_url).ask_now(QUESTION, [])
    assert said_in(answer.message) == text
    assert (answer.tokens_in, answer.tokens_out) == (None, None)


@pytest.mark.parametrize("url", ["nonsense", "ftp://host/v1", "http://user:pass@host/v1", "http://host/v1?key=1", ""])
def test_what_is_no_address_or_holds_a_secret_is_refused(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        ChatEndpoint(url, "m")
    assert "pass@" not in str(caught.value)
    assert "key=1" not in str(caught.value)


def test_a_key_that_cannot_be_sent_is_refused_without_being_shown() -> None:
    with pytest.raises(UsageError) as caught:
        ChatEndpoint("http://127.0.0.1/v1", "m", "sk-\nsecret")
    assert "secret" not in str(caught.value)
